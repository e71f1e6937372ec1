"""Settling by hand on screen: a last look, each system's evidence, reason and name, and what ends it."""

from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import operation_values
from acting_desk import ActingDesk, acting
from memory_desk import NOW, PROD, STAGING, MemoryDesk
from operation_values import MemoryStore, operation, operation_id
from painting import said, text_of, type_in, until
from test_operation_screen import SIZE, ended, frame, phases, planned, words
from textual.pilot import Pilot

from fedesk.domain.audit import Phase
from fedesk.domain.operations import Operation, Outcome
from fedesk.ports.errors import ServerFaultError
from fedesk.services.proposals import Answer
from fedesk.ui.actions import Place
from fedesk.ui.app import DeskApp
from fedesk.ui.confirming import Typed
from fedesk.ui.run_text import Moment
from fedesk.ui.screens.operation import OperationScreen
from fedesk.ui.screens.settle import SettleScreen
from fedesk.ui.settle_text import Settling, body

LOST = ServerFaultError("Airflow prod answered 503.")


async def unknown(pilot: Pilot[int], app: DeskApp, desk: ActingDesk, *keys: str) -> Operation:
    """An operation whose answer was lost, watched at its end."""
    desk.world.lost = LOST
    await planned(pilot)
    await type_in(pilot, *keys)
    found = await ended(pilot)
    assert found.outcome is Outcome.UNKNOWN
    await until(pilot, lambda: "? unknown" in text_of(app))
    return found


async def looked(pilot: Pilot[int], app: DeskApp, *keys: str) -> SettleScreen:
    """The frame in which one settles, after its look."""
    await pilot.press(*keys)
    await until(pilot, lambda: isinstance(app.screen, SettleScreen))
    screen = app.screen
    assert isinstance(screen, SettleScreen)
    await until(pilot, lambda: "answered 503" in words(app))
    return screen


IN_PROD = (*"prod", "tab", *"INC-7", "ctrl+y")


async def test_in_production_name_and_reason_settle_it(tmp_path: Path) -> None:
    """Evidence first; without the name the key does nothing; then the word ends it, on the record."""
    with acting(tmp_path) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            operation = await unknown(pilot, app, desk, *IN_PROD)
            screen = await looked(pilot, app, "N")
            shown = words(app)
            assert "Settle as not done in prod: clear 3 task instances of payments_daily" in shown
            assert "prod/airflow event log, 02:43" in shown
            assert "not armed: type the environment's name, prod" in shown
            await pilot.press("ctrl+y")
            assert screen.place is Place.CONFIRM
            await type_in(pilot, *"pr", "tab", "shift+tab", *"od", "tab")
            assert "not armed: a reason or a ticket is needed" in words(app)
            await type_in(pilot, *"INC-9 seen")
            assert "▸ ARMED" in words(app)
            await pilot.press("ctrl+y")
            await until(pilot, lambda: "✗ failed" in text_of(app))
            assert isinstance(app.screen, OperationScreen)
            assert "settled by mara@finedge.example as not done: INC-9 seen" in words(app)
        found = desk.sql.operation(operation.plan.operation)
        assert found is not None
        assert found.outcome is Outcome.FAILED
        assert phases(desk)[-2:] == [Phase.OUTCOME, Phase.SETTLEMENT]
        assert desk.sql.tail(1)[0].draft.reason == "INC-9 seen"
        assert len(desk.world.sent) == 1


async def test_outside_production_a_reason_is_enough(tmp_path: Path) -> None:
    """No name is asked for, and the reason may be pasted."""
    with acting(tmp_path, facts=STAGING) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            await unknown(pilot, app, desk, "ctrl+y")
            screen = await looked(pilot, app, "D")
            screen.take_paste("INC-9\nseen")
            await until(pilot, lambda: "▸ ARMED" in words(app))
            await pilot.press("ctrl+y")
            await until(pilot, lambda: "✓ succeeded" in text_of(app))
        assert desk.sql.tail(1)[0].draft.reason == "INC-9 seen"


async def test_where_looking_can_tell_nothing_is_settled_by_hand(tmp_path: Path) -> None:
    """The system answers again: that is the answer, and it is said."""
    with acting(tmp_path) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            await unknown(pilot, app, desk, *IN_PROD)
            desk.world.lost = None
            await pilot.press("N")
            await until(pilot, lambda: "✓ succeeded" in text_of(app))
            assert "Looking could tell; nothing was settled by hand." in said(app)
        assert phases(desk)[-1] is Phase.SETTLEMENT


async def test_another_desk_was_faster(tmp_path: Path) -> None:
    """Settled meanwhile: the word is not taken, and the frame says who has written what."""
    with acting(tmp_path) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            operation = await unknown(pilot, app, desk, *IN_PROD)
            await looked(pilot, app, "N")
            other = Answer(how="--confirm prod", named="prod", reason="INC-1")
            desk.by_hand.settle(operation.plan.operation, Outcome.SUCCEEDED, other)
            await type_in(pilot, *"prod", "tab", *"INC-9", "ctrl+y")
            await until(
                pilot, lambda: "has ended: succeeded, written down by mara@finedge.example on" in words(app)
            )
            await pilot.press("ctrl+y", "escape")
            assert isinstance(app.screen, OperationScreen)
        assert phases(desk).count(Phase.SETTLEMENT) == 1


async def test_leaving_settles_nothing(tmp_path: Path) -> None:
    """Esc goes back to the operation, which is as unknown as before."""
    with acting(tmp_path) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            await unknown(pilot, app, desk, *IN_PROD)
            await looked(pilot, app, "D")
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, OperationScreen))
            assert frame(app).item.operation is not None
        assert phases(desk)[-1] is Phase.OUTCOME


async def test_the_command_stops_at_the_frame(tmp_path: Path) -> None:
    """Typed as in the shell it opens the frame with the reason in it; nothing is settled before the key."""
    with acting(tmp_path) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            operation = await unknown(pilot, app, desk, *IN_PROD)
            await pilot.press("escape")
            id_ = operation.plan.operation
            await type_in(pilot, ":", *f"operations settle {id_} --reason INC-9", "enter")
            await until(pilot, lambda: any("--outcome done" in one for one in said(app)))
            line = f"operations settle {id_} --outcome done --reason INC-9 --confirm prod"
            await type_in(pilot, ":", *line, "enter")
            await until(pilot, lambda: isinstance(app.screen, SettleScreen))
            await until(pilot, lambda: "answered 503" in words(app))
            assert "reason ✓ INC-9" in words(app)
            assert "not armed: type the environment's name, prod" in words(app)
            await type_in(pilot, *"prod", "ctrl+y")
            await until(pilot, lambda: "✓ succeeded" in text_of(app))
        assert phases(desk)[-1] is Phase.SETTLEMENT


def test_two_systems_stand_side_by_side() -> None:
    """Where there is room one system's words stand beside those of another; on a narrow screen below."""
    settling = Settling(
        verdict=Outcome.SUCCEEDED,
        environment="prod",
        facts=PROD,
        sentence="clear",
        typed=Typed(),
        operation=operation_values.unknown(12),
    )
    moment = Moment(now=NOW, zone=UTC)
    wide = body(settling, moment, 100)[0].plain
    assert "task instances" in wide
    assert "event log" in wide
    narrow = [line.plain for line in body(settling, moment, 40)]
    assert not any("task instances" in line and "event log" in line for line in narrow)


async def test_a_live_operation_is_not_settled_by_hand(make_app: Callable[..., DeskApp]) -> None:
    """The keys say why they do not serve while it goes on."""
    desk = MemoryDesk(store=MemoryStore(operation(1)))
    app = make_app(desk)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.following.news)
        app.watch_operation(operation_id(1))
        await until(pilot, lambda: "goes on" in text_of(app))
        await pilot.press("D")
        await until(pilot, lambda: any(one.startswith("settle: done: it goes on") for one in said(app)))
        assert not isinstance(app.screen, SettleScreen)
