"""The write window, and an operation that is watched, left, lost, refused or never begun: by keys pressed."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from acting_desk import acting
from memory_desk import NOW
from painting import text_of, type_in, until
from test_operation_screen import PAYMENTS, SIZE, ended, frame, phases, planned, words

from fedesk.domain.audit import Phase
from fedesk.domain.operations import Outcome
from fedesk.ports.errors import ServerFaultError
from fedesk.ui.actions import Place
from fedesk.ui.screens.log import LogScreen
from fedesk.ui.screens.main import MainScreen
from fedesk.ui.screens.operation import OperationScreen
from fedesk.ui.screens.run import RunScreen

# The write window


async def test_inside_a_window_the_key_is_enough(tmp_path: Path) -> None:
    """The first yes opens it for an hour; then header and border say so, the key is enough, W closes it."""
    with acting(tmp_path) as (desk, app):
        desk.world.declares_operation = True
        async with app.run_test(size=SIZE) as pilot:
            await planned(pilot)
            await type_in(pilot, *"prod", "tab", *"INC-7", "ctrl+y")
            await ended(pilot)
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, MainScreen))
            assert text_of(app).startswith("┏━━")
            assert "write 1h" in text_of(app).splitlines()[1]
            second = await planned(pilot, "j", "R")
            assert second.place is Place.PLAN
            assert "reason INC-7, as for the write window" in words(app)
            assert "▸ ARMED" in words(app)
            await pilot.press("ctrl+y")
            operation = await ended(pilot)
            assert operation.plan.reason == "INC-7"
            await pilot.press("escape", "W")
            await until(pilot, lambda: not text_of(app).startswith("┏━━"))
            assert "write" not in text_of(app).splitlines()[0]
            third = await planned(pilot, "R")
            assert third.place is Place.CONFIRM
        assert phases(desk).count(Phase.OVERRIDE) == 1


async def test_window_ends_with_its_hour(tmp_path: Path) -> None:
    """An hour later header and border are gone, and the name is asked for again."""
    with acting(tmp_path) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            await planned(pilot)
            await type_in(pilot, *"prod", "tab", *"INC-7", "ctrl+y")
            await ended(pilot)
            await pilot.press("escape")
            desk.clock.moment = NOW + timedelta(minutes=59)
            await until(pilot, lambda: "write 1m" in text_of(app))
            desk.clock.moment = NOW + timedelta(minutes=60)
            await until(pilot, lambda: "write" not in text_of(app).splitlines()[0])
            assert app.window_of("prod") is None


# Watching


async def test_leaving_the_frame_stops_nothing(tmp_path: Path) -> None:
    """Esc goes back, the operation goes on to its end, and can be watched again."""
    with acting(tmp_path) as (desk, app):
        desk.launcher.may_go.clear()
        async with app.run_test(size=SIZE) as pilot:
            await planned(pilot)
            await type_in(pilot, *"prod", "tab", *"INC-7", "ctrl+y")
            await until(pilot, lambda: "it waits for its runner" in words(app))
            operation = frame(app).item.operation
            assert operation is not None
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, MainScreen))
            desk.launcher.may_go.set()
            app.watch_operation(operation.plan.operation)
            assert (await ended(pilot)).outcome is Outcome.SUCCEEDED
            await until(pilot, lambda: "✓ succeeded" in text_of(app))


async def test_leaving_the_desk_stops_nothing(tmp_path: Path) -> None:
    """The key q ends the desk in the middle of it; the operation goes on without."""
    with acting(tmp_path) as (desk, app):
        desk.launcher.may_go.clear()
        async with app.run_test(size=SIZE) as pilot:
            await planned(pilot)
            await type_in(pilot, *"prod", "tab", *"INC-7", "ctrl+y")
            await until(pilot, lambda: "it waits for its runner" in words(app))
            await pilot.press("q")
        desk.launcher.may_go.set()
        for thread in desk.launcher.threads:
            thread.join(20)
        (operation,) = desk.sql.operations()
        assert operation.outcome is Outcome.SUCCEEDED


async def test_unknown_shows_evidence_and_the_key_that_looks_again(tmp_path: Path) -> None:
    """The answer is lost and nothing can be told: what each system said stands there, C settles it later."""
    with acting(tmp_path) as (desk, app):
        desk.world.lost = ServerFaultError("Airflow prod answered 503.")
        async with app.run_test(size=SIZE) as pilot:
            await planned(pilot)
            await type_in(pilot, *"prod", "tab", *"INC-7", "ctrl+y")
            assert (await ended(pilot)).outcome is Outcome.UNKNOWN
            await until(pilot, lambda: "? unknown" in text_of(app))
            assert "prod/airflow event log, 02:43 answered 503" in words(app)
            assert "C looks again" in words(app)
            desk.world.lost = None
            await pilot.press("C")
            await until(pilot, lambda: "✓ succeeded" in text_of(app))
        assert len(desk.world.sent) == 1
        assert phases(desk)[-1] is Phase.SETTLEMENT


async def test_run_that_changed_since_is_refused_by_the_runner(tmp_path: Path) -> None:
    """Between plan and yes somebody clears a task: nothing is sent, and the frame says what is different."""
    with acting(tmp_path) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            await planned(pilot)
            pins = desk.world.pins(PAYMENTS)
            desk.world.tasks[PAYMENTS] = [replace(pins[0], try_number=4), *pins[1:]]
            await type_in(pilot, *"prod", "tab", *"INC-7", "ctrl+y")
            operation = await ended(pilot)
            await until(pilot, lambda: "⊘ refused" in text_of(app) and "Nothing was sent." in words(app))
        assert operation.outcome is Outcome.REFUSED
        assert desk.world.sent == []


async def test_silent_runner_is_told_in_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not taken over within its seconds: the runner's stderr stands in the frame, with what starts it."""
    monkeypatch.setattr(OperationScreen, "CLAIMED_WITHIN", 0.1)
    with acting(tmp_path) as (desk, app):
        desk.launcher.may_go.clear()
        desk.launcher.said = "ModuleNotFoundError: [bold]nothing[/] called x"
        async with app.run_test(size=SIZE) as pilot:
            await planned(pilot)
            await type_in(pilot, *"prod", "tab", *"INC-7", "ctrl+y")
            await until(
                pilot, lambda: "has not taken it over: ModuleNotFoundError: [bold]nothing[/]" in words(app)
            )
            assert "nothing was sent" in words(app)
        assert desk.world.sent == []


async def test_without_a_runner_nothing_is_armed(tmp_path: Path) -> None:
    """A runner that cannot be started is told before the yes; r starts it again."""
    with acting(tmp_path) as (desk, app):
        desk.launcher.problem = "The runner could not be started: no space left."
        async with app.run_test(size=SIZE) as pilot:
            screen = await planned(pilot)
            await type_in(pilot, *"prod", "tab", *"INC-7")
            await until(pilot, lambda: "not armed: The runner could not be started" in words(app))
            await pilot.press("ctrl+y")
            desk.launcher.problem = ""
            await pilot.press("tab", "r")
            await until(pilot, lambda: screen.situation.is_planned and desk.launcher.warmed)
            await type_in(pilot, *"prod")
            assert "▸ ARMED" in words(app)
        assert desk.sql.operations() == ()


async def test_without_a_record_nothing_is_armed(tmp_path: Path) -> None:
    """A store that cannot be written is told in its own words before the yes; nothing is sent."""
    (tmp_path / "state" / "fedesk.db").mkdir(parents=True)
    with acting(tmp_path) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            screen = await planned(pilot)
            await until(pilot, lambda: "fedesk.db" in words(app))
            await type_in(pilot, *"prod", "tab", *"INC-7", "ctrl+y")
            assert screen.situation.missing
            assert "ARMED" not in text_of(app)
        assert desk.world.sent == []
        assert desk.launcher.warmed == []


async def test_keys_of_the_watch_lead_to_run_and_log(tmp_path: Path) -> None:
    """The key l reads the log of the first cleared task, Enter opens the run, y copies the operation's id."""
    with acting(tmp_path) as (_, app):
        async with app.run_test(size=SIZE) as pilot:
            await planned(pilot)
            await type_in(pilot, *"prod", "tab", *"INC-7", "ctrl+y")
            operation = await ended(pilot)
            await pilot.press("l")
            assert isinstance(app.screen, LogScreen)
            assert app.screen.target.id == f"prod/airflow:{PAYMENTS}::dbt_test@4"
            await pilot.press("escape", "enter")
            await until(pilot, lambda: isinstance(app.screen, RunScreen))
            await pilot.press("escape", "y", "y")
            assert app.clipboard == operation.plan.operation


async def test_log_of_what_was_started_stands_beside_the_steps(tmp_path: Path) -> None:
    """Where there is room the log of the first cleared task is followed: of the try that begins."""
    with acting(tmp_path) as (_, app):
        async with app.run_test(size=SIZE) as pilot:
            await planned(pilot)
            assert "Log of" not in text_of(app)
            await type_in(pilot, *"prod", "tab", *"INC-7", "ctrl+y")
            await ended(pilot)
            shown = ("Log of dbt_test@4", "complete", "Failure in test")
            await until(pilot, lambda: all(said in text_of(app) for said in shown))
            await pilot.resize_terminal(80, 24)
            await until(pilot, lambda: "Log of" not in text_of(app))


async def test_operation_in_flight_blocks_and_is_followed(tmp_path: Path) -> None:
    """While one holds the run, another plan is blocked by it, and f leads to it."""
    with acting(tmp_path) as (desk, app):
        desk.world.lost = ServerFaultError("Airflow prod answered 503.")
        async with app.run_test(size=SIZE) as pilot:
            await planned(pilot)
            await type_in(pilot, *"prod", "tab", *"INC-7", "ctrl+y")
            first = await ended(pilot)
            await pilot.press("escape")
            desk.world.tasks.clear()
            await planned(pilot, "R")
            assert "in flight" in text_of(app).splitlines()[5]
            assert "f follows the operation that holds it." in words(app)
            await pilot.press("f")
            await until(pilot, lambda: frame(app).item.operation is not None)
            assert frame(app).target.operation == first.plan.operation
