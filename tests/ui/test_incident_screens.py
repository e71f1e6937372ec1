"""Incidents at the desk: opened from the line, given as the reason of a write window, read, and copied."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from acting_desk import ActingDesk, acting
from memory_desk import HOSTILE, NOW, MemoryDesk
from operation_values import AWAY, MemoryStore, minutes
from painting import flat, said, text_of, type_in, until
from textual.pilot import Pilot

from fedesk.domain.incidents import Incident, IncidentHistory, IncidentNote, NoteKind
from fedesk.domain.operations import Stage
from fedesk.domain.plans import digest_of
from fedesk.ui.actions import Place
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.operation import OperationScreen

Make = Callable[..., DeskApp]
SIZE = (120, 36)
SMALL = (80, 24)
RUN = "prod/airflow:payments_daily/scheduled__2026-11-19T00:00:00+00:00"
INCIDENT = Incident(
    id="INC-4711",
    environment="prod",
    title="payments late",
    opened_at=NOW - minutes(5),
    opened_by="mara@finedge.example",
    opened_record=10,
)


def history(**given: object) -> IncidentHistory:
    notes = (
        IncidentNote(
            number=1,
            at=NOW - minutes(12),
            by="mara",
            kind=NoteKind.FAILURE,
            said="failed: dbt_test failed, try 3 of 3; scheduled",
            run=RUN,
        ),
        IncidentNote(number=2, at=NOW - minutes(4), by="jon", kind=NoteKind.NOTE, said=HOSTILE),
    )
    return IncidentHistory(**({"incident": INCIDENT, "notes": notes} | given))  # type: ignore[arg-type]  # its fields


@pytest.fixture
def memory() -> MemoryStore:
    store = MemoryStore()
    closed = replace(
        INCIDENT, id="INC-1", opened_at=NOW - minutes(900), closed_at=NOW, closed_by="jon", summary="loaded"
    )
    store.histories = [history(incident=closed), history()]
    return store


@pytest.fixture
def at(tmp_path: Path) -> Iterator[tuple[ActingDesk, DeskApp]]:
    """A desk that acts, over a store in a file."""
    with acting(tmp_path) as both:
        yield both


async def line(pilot: Pilot[int], text: str) -> None:
    """Type a command and run it."""
    app = pilot.app
    assert isinstance(app, DeskApp)
    await until(pilot, lambda: app.board is not None and app.following.news is not None)
    await type_in(pilot, "colon", *("space" if letter == " " else letter for letter in text), "enter")


def place(app: DeskApp) -> Place:
    return app.screen.place  # type: ignore[attr-defined,no-any-return]  # a screen of the desk


async def test_a_night_at_the_desk_is_in_the_timeline(at: tuple[ActingDesk, DeskApp]) -> None:
    """Opened from the line; its id typed as the reason opens a window of it; ``t`` leads to its timeline.

    The digest that the plan shows is that of the plan with the incident's reason.
    """
    desk, app = at
    async with app.run_test(size=SIZE) as pilot:
        await line(pilot, f"incident open inc-4711 'payments late' --run {RUN}")
        await until(pilot, lambda: said(app) == ["INC-4711: payments late: opened"])
        await until(pilot, lambda: app.following.incidents)
        await pilot.press("R")
        await until(
            pilot, lambda: isinstance(app.screen, OperationScreen) and app.screen.situation.is_planned
        )
        await type_in(pilot, *"prod", "tab", *"inc-4711")
        await until(pilot, lambda: "it belongs to INC-4711, payments late" in flat(app))
        assert isinstance(app.screen, OperationScreen)
        made = app.screen.item.made
        assert made is not None
        wanted = digest_of(replace(made.proposal.plan, reason="INC-4711: payments late"))
        assert wanted[:12] in text_of(app)
        await pilot.press("ctrl+y")
        await until(pilot, lambda: desk.sql.operations() and desk.sql.operations()[0].stage is Stage.ENDED)
        (operation,) = desk.sql.operations()
        assert (operation.digest, operation.plan.reason) == (wanted, "INC-4711: payments late")
        window = app.window_of("prod")
        assert window is not None
        assert window.reason == "INC-4711: payments late"
        await until(pilot, lambda: app.screen.target.incident)  # type: ignore[attr-defined]  # a screen of the desk
        await pilot.press("t")
        await until(pilot, lambda: "outcome" in text_of(app))
        shown = text_of(app)
        for word in ("failure", "opened", "write window", "plan", "intent", "answer", "read-back", "outcome"):
            assert word in shown, word
        await line(pilot, "incident note INC-4711 'the file came'")
        await until(pilot, lambda: "the file came" in text_of(app))
        await line(pilot, "incident close INC-4711 loaded")
        await until(pilot, lambda: "closed" in text_of(app) and not app.following.incidents)
        await pilot.press("escape")
        assert place(app) is Place.WATCH


async def test_a_rerun_from_the_line_begins_with_its_reason(at: tuple[ActingDesk, DeskApp]) -> None:
    """``--incident`` and ``--reason`` of the line are what the plan begins with; Tab completes open ones."""
    desk, app = at
    desk.incidents.open("prod", "payments late", given="INC-4711")
    async with app.run_test(size=SIZE) as pilot:
        await line(pilot, "rerun payments_daily --incident inc-4711 --reason again")
        await until(
            pilot, lambda: isinstance(app.screen, OperationScreen) and app.screen.situation.is_planned
        )
        assert isinstance(app.screen, OperationScreen)
        assert app.screen.situation.reason == "INC-4711: again"
        await until(pilot, lambda: "INC-4711: again" in text_of(app))


def is_said(app: DeskApp, sentence: str) -> bool:
    return sentence in " ".join(said(app))


async def test_what_cannot_be_written_is_said(at: tuple[ActingDesk, DeskApp]) -> None:
    """An id that is taken, one that is closed, one that is none: the sentence the shell would print."""
    desk, app = at
    desk.incidents.open("prod", "payments late", given="INC-4711")
    desk.incidents.close("INC-4711")
    async with app.run_test(size=SIZE) as pilot:
        for typed, sentence in (
            ("incident open INC-4711 again", "INC-4711 was opened already"),
            ("incident note INC-4711 late", "INC-4711 was closed by"),
            ("incident close nothing", "An incident's id is one word"),
            (f"incident open x --run {RUN}0", "is not there"),
        ):
            await line(pilot, typed)
            await until(pilot, partial(is_said, app, sentence))
        assert len(desk.sql.incidents()) == 1


async def test_the_list_and_the_timeline(make_app: Make, memory: MemoryStore) -> None:
    """Those that go on stand first; Enter opens one, Enter there its run, Esc leads back; nothing changes."""
    app = make_app(MemoryDesk(store=memory))
    async with app.run_test(size=SIZE) as pilot:
        await line(pilot, "incident list")
        await until(pilot, lambda: "INC-1 " in text_of(app))
        lines = [row for row in text_of(app).splitlines() if "INC-" in row]
        assert ["INC-4711" in row for row in lines[:2]] == [True, False]
        await pilot.press("y", "c")
        assert app.clipboard == "fedesk incident show INC-4711"
        await pilot.press("enter")
        await until(pilot, lambda: "dbt_test failed, try 3 of 3" in flat(app))
        assert place(app) is Place.INCIDENT
        await pilot.press("enter")
        await until(pilot, lambda: place(app) is Place.RUN)
        await pilot.press("escape", "escape", "escape")
        assert place(app) is Place.TRIAGE


async def test_y_copies_the_timeline_as_markdown(make_app: Make, memory: MemoryStore) -> None:
    """For a ticket, whole; the id and the command line too. What is said of it is one line."""
    app = make_app(MemoryDesk(store=memory))
    async with app.run_test(size=SMALL) as pilot:
        await line(pilot, "incident show inc-4711")
        await until(pilot, lambda: "payments late" in text_of(app))
        await pilot.press("y", "m")
        assert app.clipboard.startswith("## INC-4711: payments late\n")
        assert f"| failure |  | {RUN}".replace("_", "\\_") in app.clipboard
        assert said(app)[-1] == "Copied the timeline of INC-4711"
        await pilot.press("y", "y")
        assert app.clipboard == "INC-4711"


async def test_hostile_text_in_a_note_is_only_text(make_app: Make, memory: MemoryStore) -> None:
    """Markup, escapes, overrides and halves of pairs are drawn, never obeyed."""
    app = make_app(MemoryDesk(store=memory))
    async with app.run_test(size=SMALL) as pilot:
        await line(pilot, "incident show INC-4711")
        await until(pilot, lambda: "[@click=app.quit]y[/]" in flat(app))
        assert not {"\x1b", "\u202e", "\ud800"} & set(text_of(app))
        assert all(len(row) <= SMALL[0] for row in text_of(app).splitlines())


async def test_what_is_not_there_is_said(make_app: Make) -> None:
    """An id without an incident, and a list of none, are sentences with what would fill them."""
    app = make_app(MemoryDesk())
    async with app.run_test(size=SMALL) as pilot:
        await line(pilot, "incident show INC-1")
        await until(pilot, lambda: "There is no incident INC-1" in flat(app))
        await pilot.press("y", "enter")
        assert place(app) is Place.INCIDENT
        await pilot.press("escape")
        await line(pilot, "incident")
        await until(pilot, lambda: "No incident yet" in flat(app))


async def test_a_store_that_is_away_says_so_and_comes_back(make_app: Make, memory: MemoryStore) -> None:
    """What is known stays, the sentence above it; what was never read is the sentence alone."""
    memory.away = AWAY
    app = make_app(MemoryDesk(store=memory))
    async with app.run_test(size=SIZE) as pilot:
        await line(pilot, "incident show INC-4711")
        await until(pilot, lambda: "The store cannot be read" in flat(app))
        memory.away = ""
        await until(pilot, lambda: "payments late" in text_of(app) and "cannot be read" not in flat(app))
        memory.away = AWAY
        await until(pilot, lambda: "cannot be read" in flat(app) and "payments late" in text_of(app))
        await pilot.press("escape")
        await line(pilot, "incident list")
        await until(pilot, lambda: "disk I/O error" in flat(app))
