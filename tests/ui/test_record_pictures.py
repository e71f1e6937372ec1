"""Pictures of what is on the record: audit view, a record, the operations, the ``:`` line."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from memory_desk import MemoryDesk
from operation_values import draft_of, operation, plan_of, unknown
from painting import text_of, until
from recording import store_with
from textual.pilot import Pilot

from fedesk.domain.audit import Phase
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import Outcome, Stage
from fedesk.store.operations import SqlStore
from fedesk.ui.app import DeskApp

Make = Callable[..., DeskApp]
Compare = Callable[..., bool]
FX = "fx_rates/scheduled__2026-11-19T00:00:00+00:00"
SHOWN = {
    "audit": (["4"], ["write window: prod"]),
    "record": (["4", "WAIT", "j", "j", "j", "enter"], ["journal", "a9f3e-000c"]),
    "operations": (["u"], ["ledger_load", "Operations"]),
    "unknown": (["i"], ["answered 503"]),
    "verbs": (["colon"], ["list, show, recheck"]),
    "runs": (["colon", *"rerun", "space", "tab", "tab"], ["type on or Tab"]),
    "copy": (["u", "WAIT", "y"], ["command line"]),
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """What a night has left: running here and elsewhere, unknown, succeeded, refused, a write window."""
    ended = operation(
        40,
        stage=Stage.ENDED,
        outcome=Outcome.SUCCEEDED,
        said="3 task instances were cleared, and run again",
        plan=plan_of(40, run="ledger_load/scheduled__2026-11-18T00:00:00+00:00", pipeline="ledger_load"),
    )
    found = store_with(
        tmp_path,
        operation(1),
        operation(6, plan=plan_of(6, connection=ConnectionName("staging", "airflow"))),
        unknown(12, plan=plan_of(12, run=FX, pipeline="fx_rates")),
        ended,
    )
    refused = "write window: prod is read-only and no write window is open"
    found.append(draft_of(Phase.REFUSAL, 9, result=refused, plan_digest=""))
    found.append(
        draft_of(Phase.APPROVAL, 8, action="write-window", target="prod", operation="", plan_digest="")
    )
    yield found
    found.close()


def settled(app: DeskApp, keys: list[str], said: list[str]) -> Callable[[Pilot[int]], Awaitable[None]]:
    """Press the keys once store and board are there, and wait for what the screen then says."""

    async def run(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: app.board and app.board.operations and "the operation" in text_of(app))
        await until(pilot, lambda: "not_null" in text_of(app) or app.size.height < 30)
        for key in keys:
            if key == "WAIT":
                await until(pilot, lambda: "ledger_load" in text_of(app))
                continue
            await pilot.press(key)
            await pilot.pause()
        await until(pilot, lambda: all(part in text_of(app) for part in said))

    return run


@pytest.mark.parametrize("name", list(SHOWN))
def test_screen(snap_compare: Compare, make_app: Make, store: SqlStore, name: str) -> None:
    """The screen looks as it did."""
    app = make_app(MemoryDesk(store=store))
    keys, said = SHOWN[name]
    assert snap_compare(app, terminal_size=(120, 34), run_before=settled(app, keys, said))


@pytest.mark.parametrize("name", ["audit", "operations"])
def test_small_terminal(snap_compare: Compare, make_app: Make, store: SqlStore, name: str) -> None:
    """At 80 by 24 nothing that matters is lost; the border has in full what a row has no room for."""
    app = make_app(MemoryDesk(store=store))
    keys, _ = SHOWN[name]
    said = ["intent", "write-window"] if name == "audit" else ["succeeded", "cannot be told"]
    assert snap_compare(app, terminal_size=(80, 24), run_before=settled(app, keys, said))
