"""Pictures of incidents: the list, and a timeline from the failure to the closing."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from memory_desk import MemoryDesk
from operation_values import NOW, RUN_ID, draft_of, minutes, operation, plan_of
from painting import text_of, until
from recording import put, store_with
from textual.pilot import Pilot

from fedesk.domain.audit import AuditDraft, Phase
from fedesk.domain.incidents import Incident, IncidentNote, NoteKind
from fedesk.domain.operations import JournalEntry, Outcome, Stage, StepState
from fedesk.store.operations import SqlStore
from fedesk.ui.app import DeskApp

Make = Callable[..., DeskApp]
Compare = Callable[..., bool]
SHOWN = {
    "incidents": ("incident list", ["loaded by hand", "payments late"]),
    "incident": ("incident show INC-4711", ["try 3 of 3", "read-back", "succeeded: 3 of 3"]),
}


def on_record(one: Incident, phase: Phase) -> AuditDraft:
    return draft_of(phase, action="incident", target=one.id, operation="", plan_digest="", reason=one.reason)


def incident(name: str, ago: float, title: str) -> Incident:
    return Incident(
        id=name,
        environment="prod",
        title=title,
        opened_at=NOW - minutes(ago),
        opened_by="mara@finedge.example",
        opened_record=0,
    )


def note(kind: NoteKind, ago: float, said: str, run: str = "") -> IncidentNote:
    return IncidentNote(
        number=0, at=NOW - minutes(ago), by="jon@finedge.example", kind=kind, said=said, run=run
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """One that is over, and one that goes on: failed, taken on, a window, a re-run that is read back."""
    found = store_with(tmp_path)
    over, late = incident("INC-4602", 600, "fx rates missing"), incident("INC-4711", 20, "payments late")
    found.open_incident(over, (), on_record(over, Phase.START))
    found.close_incident(over.id, NOW - minutes(300), "jon", "loaded by hand", on_record(over, Phase.STOP))
    failed = note(
        NoteKind.FAILURE, 31, "failed: dbt_test failed, try 3 of 3; scheduled", f"prod/airflow:{RUN_ID}"
    )
    found.open_incident(late, (failed,), on_record(late, Phase.START))
    taken = note(NoteKind.ACKNOWLEDGEMENT, 19, "I am on it")
    found.note_incident(late.id, taken, on_record(late, Phase.REVIEW))
    window = draft_of(
        Phase.OVERRIDE, 12, action="write-window", target="prod", operation="", plan_digest="",
        reason=late.reason, result="open until 2026-11-20 03:31:10 UTC",
    )  # fmt: skip
    found.append(window)
    steps = (
        ("clear", StepState.INTENDED, "clear 3 task instances"),
        ("clear", StepState.DONE, "3 task instances cleared: dbt_test, publish, notify."),
        ("read back", StepState.DONE, "3 of 3 task instances are cleared."),
    )
    journal = tuple(
        JournalEntry(
            number=0, at=NOW - minutes(11) + timedelta(seconds=place), step=step, state=state, said=said
        )
        for place, (step, state, said) in enumerate(steps)
    )
    done = operation(
        11,
        stage=Stage.ENDED,
        outcome=Outcome.SUCCEEDED,
        said="3 of 3 task instances are cleared.",
        plan=plan_of(11, reason=late.reason),
        journal=journal,
    )
    put(found, replace(done, ended_at=NOW - minutes(10)))
    yield found
    found.close()


def settled(app: DeskApp, line: str, said: list[str]) -> Callable[[Pilot[int]], Awaitable[None]]:
    """Run a command once store and board are there, and wait for what the screen then says."""

    async def run(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: app.board is not None and app.following.incidents)
        await pilot.press("colon", *("space" if letter == " " else letter for letter in line), "enter")
        await until(pilot, lambda: all(part in text_of(app) for part in said))

    return run


@pytest.mark.parametrize("name", list(SHOWN))
def test_screen(snap_compare: Compare, make_app: Make, store: SqlStore, name: str) -> None:
    """The screen looks as it did."""
    app = make_app(MemoryDesk(store=store))
    line, said = SHOWN[name]
    assert snap_compare(app, terminal_size=(120, 34), run_before=settled(app, line, said))


@pytest.mark.parametrize("name", list(SHOWN))
def test_small_terminal(snap_compare: Compare, make_app: Make, store: SqlStore, name: str) -> None:
    """At 80 by 24 nothing that matters is lost."""
    app = make_app(MemoryDesk(store=store))
    line, _ = SHOWN[name]
    assert snap_compare(app, terminal_size=(80, 24), run_before=settled(app, line, ["payments late"]))
