"""``:trace ID`` on screen: what each system says, by time; what is silent; and whatever text it is."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from memory_desk import HOSTILE, MemoryDesk
from operation_values import MemoryStore, draft_of, operation_id, unknown
from painting import flat, said, text_of, type_in, until
from textual.pilot import Pilot

from fedesk.domain.audit import Phase
from fedesk.domain.states import System
from fedesk.domain.traces import Source, SourceState, Trace
from fedesk.services.tracing import Followed
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.trace import TraceScreen

Make = Callable[..., DeskApp]
SIZE = (110, 40)


async def board(pilot: Pilot[int], app: DeskApp) -> None:
    await until(pilot, lambda: app.board and app.following.news and "payments_daily" in text_of(app))


@pytest.mark.parametrize("text", [f"trace {operation_id(12)}", f"trace {operation_id(12)[:30]}", "trace"])
async def test_an_operation_is_followed(make_app: Make, text: str) -> None:
    """By its id, its beginning, or the open one: confirmation, journal and records, each with its time."""
    store = MemoryStore(unknown(12))
    store.drafts.append(replace(draft_of(Phase.INTENT, 3), operation=operation_id(12)))
    app = make_app(MemoryDesk(store=store))
    async with app.run_test(size=SIZE) as pilot:
        await board(pilot, app)
        await type_in(pilot, *f":{text}", "enter")
        await until(pilot, lambda: isinstance(app.screen, TraceScreen) and "journal" in text_of(app))
        shown = flat(app)
        assert "Trace of" in shown
        assert "confirmation" in shown
        assert "journal" in shown
        assert "intent by " in shown
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, TraceScreen))


async def test_what_is_no_id_is_said(make_app: Make) -> None:
    """A beginning that the store does not know is a sentence on the screen, and none at all one below it."""
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await board(pilot, app)
        await type_in(pilot, *":trace ffff", "enter")
        await until(pilot, lambda: "The store knows no operation ffff" in text_of(app))
        await pilot.press("escape")
        await type_in(pilot, *":trace", "enter")
        await until(pilot, lambda: said(app) == ["No operation is open; name one by its id."])


async def test_silence_limits_and_hostile_text_are_told_as_text(
    make_app: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below the traces stands who is silent and what was read in part; markup and escapes do nothing."""
    desk = MemoryDesk()
    app = make_app(desk)
    async with app.run_test(size=SIZE) as pilot:
        await board(pilot, app)
        now = app.now
        found = Followed(
            operation=operation_id(12),
            environment="prod",
            known=False,
            traces=(Trace(source="prod/airflow run note", at=now, said=HOSTILE, reference=HOSTILE),),
            sources=(
                Source(
                    name="prod/jenkins",
                    system=System.JENKINS,
                    state=SourceState.SILENT,
                    error="prod/jenkins is down [red]x[/]",
                ),
                Source(
                    name="prod/airflow",
                    system=System.AIRFLOW,
                    state=SourceState.FOUND,
                    limits=("a part was read",),
                ),
            ),
            failures=(),
        )
        monkeypatch.setattr(desk, "trace", lambda _: found)
        await type_in(pilot, *f":trace {operation_id(12)}", "enter")
        await until(pilot, lambda: "prod/airflow run note" in text_of(app))
        shown = text_of(app)
        assert "prod/jenkins is down [red]x[/]" in shown
        assert "a part was read" in shown
        assert "\x1b" not in shown
        assert app.return_code is None
