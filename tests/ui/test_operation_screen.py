"""Keys pressed from a red run to the journal: real plans, guards, store and runner over a world in memory."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from acting_desk import ActingDesk, acting
from memory_desk import DEV, HOSTILE, NOW, STAGING
from painting import text_of, type_in, until
from textual import events
from textual.pilot import Pilot

from fedesk.domain.audit import Phase
from fedesk.domain.operations import Operation, Outcome, Stage, StepState
from fedesk.domain.reruns import RerunRequest, TaskPin
from fedesk.ports.errors import ServerFaultError, UnreachableError
from fedesk.services.proposals import Answer
from fedesk.ui.actions import Place
from fedesk.ui.app import DeskApp
from fedesk.ui.opening import BoardArrived
from fedesk.ui.screens.main import MainScreen
from fedesk.ui.screens.operation import OperationScreen
from fedesk.ui.screens.run import RunScreen

SIZE = (120, 36)
QUESTION = "Clear 3 task instances of payments_daily / 2026-11-19 on prod/airflow?"
PAYMENTS = "payments_daily/scheduled__2026-11-19T00:00:00+00:00"


def frame(app: DeskApp) -> OperationScreen:
    """The screen of the operation."""
    assert isinstance(app.screen, OperationScreen)
    return app.screen


def words(app: DeskApp) -> str:
    """What is painted, without line ends."""
    return " ".join(text_of(app).replace("│", " ").replace("┃", " ").split())


async def red_run(pilot: Pilot[int]) -> DeskApp:
    """The cursor is on the finding of payments_daily."""
    app = pilot.app
    assert isinstance(app, DeskApp)
    await until(pilot, lambda: app.board is not None and "payments_daily" in text_of(app))
    return app


async def planned(pilot: Pilot[int], *keys: str) -> OperationScreen:
    """The plan is there, after the keys that lead to it."""
    app = await red_run(pilot)
    await pilot.press(*(keys or ("R",)))
    await until(pilot, lambda: frame(app).situation.is_planned)
    return frame(app)


async def ended(pilot: Pilot[int]) -> Operation:
    """The operation that is watched, once it has ended."""
    app = pilot.app
    assert isinstance(app, DeskApp)
    found: list[Operation] = []

    def has_ended() -> bool:
        operation = frame(app).item.operation
        if operation is not None and operation.stage is Stage.ENDED:
            found.append(operation)
        return bool(found)

    await until(pilot, has_ended)
    return found[-1]


def phases(desk: ActingDesk) -> list[Phase]:
    """What the audit log has, oldest first."""
    return [record.draft.phase for record in desk.sql.tail(50)]


# The plan


async def test_plan_says_what_changes_where(tmp_path: Path) -> None:
    """Question and server stand first; then tasks, guards with words, facts with age, notes and digest."""
    with acting(tmp_path) as (_, app):
        async with app.run_test(size=SIZE) as pilot:
            await planned(pilot)
            assert QUESTION in text_of(app).splitlines()[1]
            assert "prod/airflow at http://127.0.0.1:8080 · expires in 15m" in text_of(app).splitlines()[2]
            for said in (
                "dbt_test, publish, notify",
                "▲ warns loads Loads: not tracked.",
                "✓ allows environment prod/airflow belongs to prod",
                "▲ asks write window prod is read-only",
                "prod/airflow dry run, 2s ago run failed",
                "A clear cannot be undone",
                "DAG version 7",
                "for mara@finedge.example by fedesk 0.1.0 on desk-3",
            ):
                assert said in words(app), said


async def test_leaving_the_plan_costs_nothing(tmp_path: Path) -> None:
    """Esc ends the runner that was warmed; nothing is written, nothing is sent."""
    with acting(tmp_path) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            await planned(pilot)
            await until(pilot, lambda: desk.launcher.warmed)
            await type_in(pilot, *"prod", "escape")
            await until(pilot, lambda: isinstance(app.screen, MainScreen))
            await until(pilot, lambda: desk.launcher.cancelled == 1)
        assert desk.sql.operations() == ()
        assert desk.sql.tail(10) == ()
        assert desk.world.sent == []


async def test_news_that_come_while_the_desk_closes_are_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A screen loses what is in it before it goes itself: news in between are drawn nowhere."""
    with acting(tmp_path) as (_, app):
        late: list[int] = []

        def going(screen: MainScreen) -> None:
            assert app.board is not None
            late.append(len(screen.children))
            app.on_board_arrived(BoardArrived(app.board, app._epoch))  # noqa: SLF001 - what a desk's thread posts

        monkeypatch.setattr(MainScreen, "on_unmount", going, raising=False)
        async with app.run_test(size=SIZE) as pilot:
            await red_run(pilot)
        assert late == [0]


async def test_plan_that_takes_its_time_shows_a_skeleton(tmp_path: Path) -> None:
    """Until the system has answered the frame says whom it asks, and the key does nothing."""
    with acting(tmp_path) as (desk, app):
        desk.world.answers.clear()
        async with app.run_test(size=SIZE) as pilot:
            await red_run(pilot)
            await pilot.press("R")
            await until(pilot, lambda: "░░░" in text_of(app))
            assert "Asking prod/airflow what it would touch" in words(app)
            await pilot.press("ctrl+y")
            assert "not armed: the plan is still being made" in words(app)
            desk.world.answers.set()
            await until(pilot, lambda: QUESTION in text_of(app))


async def test_blocked_plan_says_by_whom_it_is_lifted(tmp_path: Path) -> None:
    """What blocks stands above everything, with evidence and remedy; no line asks for a name."""
    with acting(tmp_path) as (desk, app):
        desk.world.active[PAYMENTS] = (
            TaskPin(task_id="publish", map_index=None, try_number=1, state="running"),
        )
        async with app.run_test(size=SIZE) as pilot:
            await planned(pilot)
            lines = text_of(app).splitlines()
            assert "✗ Blocked" in lines[1]
            assert "✗ refuses  somebody at it  1 task instance of the run is active: publish" in lines[4]
            assert "talk to who is at it" in lines[5]
            assert "environment   " not in lines[-3]
            await pilot.press("ctrl+y")
            assert frame(app).situation.missing == "it is blocked"
            desk.world.active.clear()
            await pilot.press("r")
            await until(pilot, lambda: "Blocked" not in text_of(app))
        assert desk.sql.operations() == ()


async def test_system_that_does_not_answer_leaves_no_plan(tmp_path: Path) -> None:
    """The system's sentence stands in the frame; r asks again."""
    with acting(tmp_path) as (desk, app):
        desk.world.problem = UnreachableError(f"Airflow prod did not answer. {HOSTILE}")
        async with app.run_test(size=SIZE) as pilot:
            await planned(pilot)
            assert "? Airflow prod did not answer. [bold red]x[/]" in words(app)
            assert "\x1b" not in text_of(app)
            desk.world.problem = None
            await pilot.press("r")
            await until(pilot, lambda: QUESTION in text_of(app))


async def test_plan_expires(tmp_path: Path) -> None:
    """A quarter of an hour later the key does nothing; r plans again, and the name is typed anew."""
    with acting(tmp_path) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            screen = await planned(pilot)
            await type_in(pilot, *"prod", "tab", *"INC-7")
            assert screen.situation.missing == ""
            desk.clock.moment = NOW + timedelta(minutes=16)
            screen.tick()
            await pilot.press("ctrl+y")
            assert screen.situation.missing == "the plan has expired, r plans again"
            await pilot.press("tab", "r")
            await until(pilot, lambda: screen.situation.is_planned)
            assert (screen.situation.typed.name, screen.situation.typed.reason) == ("", "INC-7")
        assert desk.sql.operations() == ()


# The confirmation


async def test_from_the_key_to_the_record(tmp_path: Path) -> None:
    """R, the name, a reason, the key: one call is sent, and journal and audit log say who, why and how."""
    with acting(tmp_path) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            await planned(pilot)
            await type_in(pilot, *"prod", "tab", *"late file INC-7")
            assert "▸ ARMED ctrl+y " + QUESTION in words(app)
            await pilot.press("ctrl+y")
            operation = await ended(pilot)
            await until(pilot, lambda: "✓ succeeded" in text_of(app))
            assert "✓ read back that they are cleared done" in words(app)
            assert "Enter opens it, l its log" in words(app)
            assert "“late file INC-7”" in text_of(app)
        assert [call.verb for call in desk.world.sent] == ["clear-task-instances"]
        assert operation.outcome is Outcome.SUCCEEDED
        assert operation.plan.reason == "late file INC-7"
        assert (operation.confirmation.named, operation.confirmation.how) == ("prod", "name and key")
        assert operation.confirmation.window is not None
        assert phases(desk) == [Phase.OVERRIDE, Phase.INTENT, Phase.OUTCOME]
        assert [entry.state for entry in operation.journal if entry.step == "clear"] == [
            StepState.INTENDED,
            StepState.DONE,
        ]


async def test_digest_shown_is_the_digest_confirmed(tmp_path: Path) -> None:
    """The reason is under the digest: what the armed frame shows is what the record has."""
    with acting(tmp_path) as (_, app):
        async with app.run_test(size=(120, 40)) as pilot:
            await planned(pilot)
            await type_in(pilot, *"prod", "tab", *"INC-7")
            shown = words(app)
            await pilot.press("ctrl+y")
            operation = await ended(pilot)
        assert f"digest {operation.digest[:12]}" in shown


async def test_only_the_right_name_arms(tmp_path: Path) -> None:
    """Another name, and one that only begins like it, arms nothing, and no letter of it ends elsewhere."""
    with acting(tmp_path) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            screen = await planned(pilot)
            await type_in(pilot, *"staging", "tab", *"INC-7", "ctrl+y")
            assert "not armed: this is prod, not staging" in words(app)
            await pilot.press("shift+tab", "ctrl+u", *"prod-emea")
            assert "not armed: this is prod, not prod-emea" in words(app)
            assert screen.situation.typed.reason == "INC-7"
            await pilot.press("enter", "space", *["backspace"] * 5)
            assert "▸ ARMED" in words(app)
            await pilot.press("backspace", "ctrl+y")
            assert "not armed: type the environment's name, prod" in words(app)
        assert desk.sql.operations() == ()
        assert desk.launcher.threads == []


async def test_key_says_what_is_missing(tmp_path: Path) -> None:
    """Without a reason production is not armed; the key says so, in words."""
    with acting(tmp_path) as (desk, app):
        async with app.run_test(size=SIZE, notifications=True) as pilot:
            await planned(pilot)
            await type_in(pilot, *"prod", "ctrl+y")
            await until(pilot, lambda: "confirm: a reason or a ticket is needed." in words(app))
        assert desk.sql.operations() == ()


async def test_what_is_typed_in_one_go_is_the_name(tmp_path: Path) -> None:
    """``Rprod`` as fast as a terminal delivers it types the name: no runbook, no refresh, no other screen."""
    with acting(tmp_path) as (desk, app):
        desk.world.answers.clear()
        async with app.run_test(size=SIZE) as pilot:
            await red_run(pilot)
            for letter in "Rprod":
                app.post_message(events.Key(letter, letter))
            await until(pilot, lambda: isinstance(app.screen, OperationScreen))
            await until(pilot, lambda: frame(app).situation.typed.name == "prod")
            app.post_message(events.Key("ctrl+y", None))
            await pilot.pause()
            desk.world.answers.set()
            await until(pilot, lambda: frame(app).situation.is_planned)
            assert "✓ prod" in words(app)
            assert app.clipboard == ""
            assert desk.board.refreshed == 0
        assert desk.sql.operations() == ()


async def test_name_begun_before_the_plan_is_blocked_acts_on_nothing(tmp_path: Path) -> None:
    """Letters that were begun as a name do not turn into keys when the plan turns out to be blocked."""
    with acting(tmp_path) as (desk, app):
        desk.world.active[PAYMENTS] = (
            TaskPin(task_id="publish", map_index=None, try_number=1, state="running"),
        )
        desk.world.answers.clear()
        async with app.run_test(size=SIZE) as pilot:
            await red_run(pilot)
            await pilot.press("R", "p")
            desk.world.answers.set()
            await until(pilot, lambda: frame(app).situation.is_planned)
            await pilot.press("r", "o", "d")
            assert app.clipboard == ""
            assert "Blocked" in text_of(app)
            await pilot.press("tab", "o")
            assert app.clipboard.startswith("http://127.0.0.1:8080/dags/payments_daily")


async def test_outside_production_the_key_is_enough(tmp_path: Path) -> None:
    """A guarded environment that is not production is armed at once; letters are keys."""
    with acting(tmp_path, facts=STAGING) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            screen = await planned(pilot)
            assert screen.place is Place.PLAN
            assert (
                "▸ ARMED ctrl+y Clear 3 task instances of payments_daily / 2026-11-19 on staging/airflow?"
                in words(app)
            )
            await pilot.press("ctrl+y")
            operation = await ended(pilot)
        assert operation.outcome is Outcome.SUCCEEDED
        assert operation.confirmation.how == "key"
        assert phases(desk) == [Phase.INTENT, Phase.OUTCOME]


async def test_guard_that_asks_is_accepted_by_its_own_key(tmp_path: Path) -> None:
    """A job without FEDESK_OPERATION: A accepts it, also while the name is awaited; it is recorded."""
    with acting(tmp_path) as (desk, app):
        desk.world.declares_operation = False
        async with app.run_test(size=(120, 44)) as pilot:
            await planned(pilot, "j", "R")
            assert "A accepts it." in words(app)
            await type_in(pilot, *"prod", "tab", *"INC-7")
            assert "not armed: Tab, then A accepts what a guard asks first" in words(app)
            await pilot.press("tab", "A")
            assert "✓ accepted operation id" in words(app)
            await pilot.press("ctrl+y")
            operation = await ended(pilot)
            await until(pilot, lambda: "succeeded" in words(app))
            assert frame(app).target.run is not None
            assert str(frame(app).target.run).endswith("deploy-fx#1842")
        assert operation.confirmation.accepted == ("operation id",)


async def test_refusal_leaves_the_frame_and_sends_nothing(tmp_path: Path) -> None:
    """Somebody else's operation took the run between plan and yes: told with its guard; r plans again."""
    with acting(tmp_path) as (desk, app):
        desk.world.lost = ServerFaultError("Airflow prod answered 503.")
        async with app.run_test(size=SIZE) as pilot:
            screen = await planned(pilot)
            await type_in(pilot, *"prod", "tab", *"INC-7")
            request = screen.item.request
            assert request is not None
            window = desk.changes.window("prod", "INC-8")
            theirs = desk.changes.propose(request, window)
            given = Answer(how="name and key", named="prod", reason="INC-8", window=window)
            desk.changes.confirm(theirs, given)
            assert desk.execute(theirs.plan.operation).outcome is Outcome.UNKNOWN
            await pilot.press("ctrl+y")
            await until(
                pilot, lambda: "✗ in flight: Operation" in words(app) and not screen.situation.sending
            )
            assert "✗ Refused" in text_of(app)
            assert "Nothing was sent. r plans again." in words(app)
            assert screen.situation.missing == "it was refused, r plans again"
            desk.world.tasks.clear()
            await pilot.press("r")
            await until(pilot, lambda: "✗ Blocked" in text_of(app))
        assert len(desk.world.sent) == 1
        assert phases(desk)[-1] is Phase.REFUSAL


async def test_pasted_text_is_no_name(tmp_path: Path) -> None:
    """A ticket may be pasted into the reason; the environment's name is typed."""
    with acting(tmp_path) as (_, app):
        async with app.run_test(size=SIZE) as pilot:
            screen = await planned(pilot)
            app.post_message(events.Paste("prod"))
            await pilot.pause()
            assert screen.situation.typed.name == ""
            await type_in(pilot, *"prod", "enter")
            app.post_message(events.Paste("INC-7\nlate file"))
            await until(pilot, lambda: screen.situation.typed.reason == "INC-7 late file")
            assert screen.situation.missing == ""


async def test_what_is_typed_and_pasted_in_one_go_is_text_in_its_order(tmp_path: Path) -> None:
    """A paste between keys, all of them in one write of the terminal, overtakes none and is lost to none."""
    with acting(tmp_path) as (_, app):
        async with app.run_test(size=SIZE) as pilot:
            screen = await planned(pilot)
            for key in (*"prod", "tab", "a"):
                app.post_message(events.Key(key, key if len(key) == 1 else None))
            app.post_message(events.Paste("INC-7"))
            app.post_message(events.Key("z", "z"))
            await until(pilot, lambda: screen.situation.typed.reason.endswith("z"))
            assert screen.situation.typed.name == "prod"
            assert screen.situation.typed.reason == "aINC-7z"


async def test_palette_does_not_confirm(tmp_path: Path) -> None:
    """Enter never changes anything: the palette has neither the confirmation nor the acceptance."""
    with acting(tmp_path, facts=STAGING) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            await planned(pilot)
            await pilot.press("ctrl+p", *"confirm")
            await pilot.pause(0.3)
            await pilot.press("enter", "escape")
            await pilot.pause()
        assert desk.sql.operations() == ()


# Where R leads from


async def test_task_in_the_run_screen_is_planned_alone(tmp_path: Path) -> None:
    """R on a task plans that task; from the details it plans all that failed."""
    with acting(tmp_path) as (_, app):
        async with app.run_test(size=SIZE) as pilot:
            await red_run(pilot)
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, RunScreen) and "5 tasks" in text_of(app))
            await pilot.press("R")
            await until(pilot, lambda: "Clear 1 task instance of payments_daily" in text_of(app))
            await pilot.press("escape", "tab", "R")
            await until(pilot, lambda: "Clear 3 task instances of payments_daily" in text_of(app))


async def test_pipeline_means_its_newest_failed_run(tmp_path: Path) -> None:
    """R on a pipeline's row plans the newest run that failed; one without says so."""
    with acting(tmp_path) as (_, app):
        async with app.run_test(size=SIZE, notifications=True) as pilot:
            await red_run(pilot)
            await pilot.press("2")
            await until(pilot, lambda: "kyc_refresh" in text_of(app))
            await pilot.press("R")
            await until(pilot, lambda: isinstance(app.screen, OperationScreen))
            asked = frame(app).item.request
            assert isinstance(asked, RerunRequest)
            assert asked.run.id == "ledger_load/scheduled__2026-11-14T00:00:00+00:00"


async def test_one_plan_is_for_one_environment(tmp_path: Path) -> None:
    """What is of two environments is not planned together."""
    with acting(tmp_path) as (desk, app):
        async with app.run_test(size=SIZE, notifications=True) as pilot:
            await red_run(pilot)
            run = next(one.name for one in desk.world.runs.values())
            other = replace(run, connection=replace(run.connection, environment=DEV.name))
            app.open_plan((RerunRequest(run=run), RerunRequest(run=other)))
            await until(pilot, lambda: "One plan changes one environment" in words(app))
            assert isinstance(app.screen, MainScreen)


# Every terminal


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (120, 36)])
@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ((), "not armed"),
        ((*"prod", "tab", *"INC-7"), "ARMED"),
        ((*"prod", "tab", *"INC-7", "ctrl+y"), "succeeded"),
    ],
)
async def test_frames_fit_without_colour(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
    keys: tuple[str, ...],
    said: str,
) -> None:
    """At each size question, state and keys are there in words; no line is too wide, no colour needed."""
    monkeypatch.setenv("NO_COLOR", "1")
    with acting(tmp_path) as (_, app):
        async with app.run_test(size=size) as pilot:
            await planned(pilot)
            await pilot.press(*keys)
            await until(pilot, lambda: said in text_of(app))
            lines = text_of(app).splitlines()
            assert len(lines) == size[1]
            assert all(len(line) <= size[0] for line in lines)
            assert "PROD" in "".join(lines[:2])
            assert "payments_daily" in "".join(lines[1:4])
