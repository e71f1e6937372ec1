"""The ``:`` line on screen: typed, completed, recalled, and never going further than the plan."""

from collections.abc import Callable
from pathlib import Path

import pytest
from memory_desk import HOSTILE, STAGING, MemoryDesk
from operation_values import MemoryStore, draft_of, operation_id, unknown
from painting import flat, said, text_of, type_in, until
from recording import store_with
from textual import events
from textual.pilot import Pilot

from fedesk.domain.audit import Phase
from fedesk.domain.reruns import RerunRequest
from fedesk.ui.actions import Place
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.base import DeskScreen
from fedesk.ui.screens.log import LogScreen
from fedesk.ui.widgets.command_line import CommandLine

Make = Callable[..., DeskApp]
SMALL = (80, 24)
RUN = "prod/airflow:payments_daily/scheduled__2026-11-19T00:00:00+00:00"


def place(app: DeskApp) -> Place:
    assert isinstance(app.screen, DeskScreen)
    return app.screen.place


def line(app: DeskApp) -> CommandLine:
    assert isinstance(app.screen, DeskScreen)
    assert isinstance(app.screen.foot_line, CommandLine)
    return app.screen.foot_line


async def typed(pilot: Pilot[int], text: str) -> None:
    await type_in(pilot, *text)


async def board(pilot: Pilot[int], app: DeskApp) -> None:
    await until(pilot, lambda: app.board and app.following.news and "payments_daily" in text_of(app))


def planned(app: DeskApp, monkeypatch: pytest.MonkeyPatch) -> list[tuple[RerunRequest, ...]]:
    """What was asked to be planned."""
    asked: list[tuple[RerunRequest, ...]] = []
    monkeypatch.setattr(app, "open_plan", lambda requests, _reason: asked.append(requests))
    return asked


async def test_what_is_typed_fast_is_text(make_app: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ``:rerun`` typed in one go no letter is an action, and Enter asks for the plan."""
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await board(pilot, app)
        asked = planned(app, monkeypatch)
        await type_in(pilot, *f":rerun {RUN}", "enter")
        await until(pilot, lambda: asked)
        ((request,),) = asked
        assert (str(request.run), request.environment) == (RUN, None)
        assert place(app) is Place.TRIAGE
        assert list(app.command_history.lines) == [f"rerun {RUN}"]


async def test_flags_that_confirm_have_no_effect(make_app: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line from a shell with its yes in it stops at the plan all the same, and says so."""
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await board(pilot, app)
        asked = planned(app, monkeypatch)
        await typed(pilot, f":fedesk rerun {RUN}::dbt_test --confirm prod --env prod")
        await pilot.press("enter")
        await until(pilot, lambda: asked)
        ((request,),) = asked
        assert (str(request.task), request.environment) == ("dbt_test", "prod")
        assert said(app) == ["--confirm has no effect here: this line ends at the plan."]


async def test_a_pipeline_means_its_newest_failed_run(
    make_app: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name or an address serves as on the shell; what failed is meant, not what is newest."""
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await board(pilot, app)
        asked = planned(app, monkeypatch)
        for text in ("payments_daily", "fx_rates", "http://127.0.0.1:8070/job/finedge/job/prod/job/x/12/"):
            await typed(pilot, f":rerun {text}")
            await pilot.press("enter")
        await until(pilot, lambda: len(asked) == 3)
        names = [str(request.run) for (request,) in asked]
        assert names[0] == RUN
        assert names[1].startswith("prod/airflow:fx_rates/scheduled__2026-11-1")
        assert names[2] == "prod/jenkins:finedge/prod/x#12"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rerun paymnts_daily", "prod has no pipeline 'paymnts_daily'; did you mean payments_daily?"),
        ("runs xyz", "prod has no pipeline 'xyz'; Tab after the command lists them."),
        ("rerun http://elsewhere/1", "http://elsewhere/1 is no run of a system of prod."),
        ("log staging/airflow:x/r1", "staging/airflow:x/r1 is in staging; :env staging goes there."),
        ("env nowhere", "There is no environment 'nowhere'; there are prod, staging, dev."),
        ("operations recheck", "No operation wants to be looked up again."),
        ("rerun payments_daily --incident INC-1", "No incident INC-1 is open; `:incident list` has them."),
        (
            "incident open late --env nowhere",
            "There is no environment 'nowhere'; there are prod, staging, dev.",
        ),
        (f"log {RUN} --try 2", "--try is of a task: name it by --task, or as RUN::TASK."),
        ("rerun prod/airflow", "prod has no pipeline 'prod/airflow'; Tab after the command lists them."),
    ],
)
async def test_what_cannot_be_done_is_one_sentence(make_app: Make, text: str, sentence: str) -> None:
    """The line closes, and what stands against the command is said."""
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await board(pilot, app)
        await typed(pilot, f":{text}")
        await pilot.press("enter")
        await until(pilot, lambda: said(app))
        assert said(app) == [sentence]


async def test_a_mistake_leaves_the_line_open(make_app: Make) -> None:
    """The sentence stands above what was typed, and goes when one types on."""
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await board(pilot, app)
        await typed(pilot, ":rerunn x")
        await pilot.press("enter")
        await until(pilot, lambda: "There is no command 'rerunn'; did you mean rerun?" in flat(app))
        await pilot.press("home", "right", "right", "delete", "end", "ctrl+w", "left", "backspace")
        assert line(app).text == "reun "
        assert "There is no" not in text_of(app)


async def test_tab_completes_and_candidates_are_shown(make_app: Make) -> None:
    """What may follow stands above the line; Tab goes as far as all agree, then from one to the next."""
    app = make_app(MemoryDesk(store=MemoryStore(unknown(12))))
    async with app.run_test(size=SMALL) as pilot:
        await board(pilot, app)
        await pilot.press("colon")
        await until(pilot, lambda: "list, show, recheck" in text_of(app))
        await typed(pilot, "op")
        await pilot.press("tab")
        assert line(app).text == "operations "
        await typed(pilot, "sh")
        await pilot.press("tab")
        assert line(app).text == "operations show "
        await pilot.press("tab")
        assert line(app).text == f"operations show {operation_id(12)} "
        await pilot.press("ctrl+u")
        await until(pilot, lambda: app.known_tasks)
        run = next(iter(app.known_tasks))
        await typed(pilot, f"rerun {run}::dbt_t")
        await pilot.press("tab")
        assert line(app).text == f"rerun {run}::dbt_test "
        await pilot.press("ctrl+u")
        await typed(pilot, "log ")
        await pilot.press("tab", "tab", "tab", "shift+tab")
        await until(pilot, lambda: "more, type on or Tab through them" in text_of(app))
        assert line(app).text.startswith("log prod/")
        assert all(len(painted) <= SMALL[0] for painted in text_of(app).splitlines())


async def test_history(make_app: Make) -> None:
    """Up and down go through what was done and begins as what was typed, in another desk too."""
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await board(pilot, app)
        for text in ("status", "failures", "failures", "secrets list"):
            await typed(pilot, f":{text}")
            await pilot.press("enter")
    again = make_app()
    async with again.run_test(size=SMALL) as pilot:
        await board(pilot, again)
        await pilot.press("colon", "up", "up")
        assert line(again).text == "failures"
        await pilot.press("up", "up")
        assert line(again).text == "status"
        await pilot.press("down", "down", "down")
        assert line(again).text == ""
        await typed(pilot, "s")
        await pilot.press("up", "up")
        assert line(again).text == "status"
        await pilot.press("up")
        assert "There is no older command that begins with 's'." in flat(again)
        await pilot.press("down", "down")
        assert line(again).text == "s"
        await pilot.press("ctrl+u")
        await typed(pilot, "lur")
        await pilot.press("ctrl+r")
        assert line(again).text == "failures"
        await pilot.press("left", "backspace", "ctrl+r")
        assert "There is no older command with 'failurs'." in flat(again)


async def test_every_key_belongs_to_the_line(make_app: Make) -> None:
    """Neither q nor R nor an arrow reaches the list; Esc and the last Backspace give the keys back."""
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await board(pilot, app)
        await pilot.press("colon", "q", "R", "C", "4", "ctrl+p", "f5", "pagedown")
        assert line(app).text == "qRC4"
        await pilot.press("escape")
        assert place(app) is Place.TRIAGE
        await pilot.press("colon", "x", "backspace", "backspace", "2")
        await until(pilot, lambda: place(app) is Place.PIPELINES)


async def test_pasted_text_is_typed_on_one_line_and_not_run(make_app: Make) -> None:
    """Line ends in what is pasted run nothing, escapes draw nothing."""
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await board(pilot, app)
        await pilot.press("colon")
        app.post_message(events.Paste(f"quit\n{HOSTILE}\n"))
        await until(pilot, lambda: line(app).text.startswith("quit [bold red]"))
        await pilot.pause()
        assert "\x1b" not in text_of(app)
        await pilot.press("escape", "slash")
        app.post_message(events.Paste("fx"))
        await until(pilot, lambda: "/fx" in text_of(app))


@pytest.mark.parametrize(
    ("text", "where", "shown"),
    [
        ("status", Place.PIPELINES, "last 20 runs"),
        ("failures", Place.TRIAGE, "dbt_test failed"),
        ("secrets list", Place.SECRETS, "partner-api"),
        ("audit tail", Place.AUDIT, "intent"),
        ("runs payments_daily", Place.RUNS, "Runs of payments_daily"),
        ("operations list", Place.OPERATIONS, "Operations"),
        ("operations", Place.OPERATIONS, "Operations"),
        (f"operations show {operation_id(12)}", Place.WATCH, ""),
        ("audit show 1", Place.RECORD, "Record 1"),
    ],
)
async def test_where_commands_lead(
    make_app: Make, tmp_path: Path, text: str, where: Place, shown: str
) -> None:
    """What looks opens the view or screen that shows it, from wherever one is."""
    store = store_with(tmp_path, unknown(12))
    app = make_app(MemoryDesk(store=store))
    async with app.run_test(size=SMALL) as pilot:
        await board(pilot, app)
        await pilot.press("2")
        await typed(pilot, f":{text}")
        await pilot.press("enter")
        await until(pilot, lambda: place(app) is where and shown in text_of(app))
    store.close()


async def test_log_of_a_run_and_of_its_task(make_app: Make) -> None:
    """``log RUN`` opens the log, ``log RUN::TASK`` that of the task, as do the shell's flags."""
    app = make_app()
    async with app.run_test(size=SMALL) as pilot:
        await board(pilot, app)
        await typed(pilot, f":log {RUN}::dbt_test")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
        assert isinstance(app.screen, LogScreen)
        assert app.screen.target.id == f"{RUN}::dbt_test"
        await typed(pilot, f":log {RUN} --task publish --try 2")
        await pilot.press("enter")
        await until(pilot, lambda: getattr(app.screen, "target").id == f"{RUN}::publish@2")  # noqa: B009


async def test_another_environment_and_leaving(make_app: Make) -> None:
    """``env`` and ``--env`` go to an environment; ``quit`` leaves."""
    app = make_app(MemoryDesk(), MemoryDesk(STAGING))
    async with app.run_test(size=SMALL) as pilot:
        await board(pilot, app)
        await typed(pilot, ":status --env staging")
        await pilot.press("enter")
        await until(pilot, lambda: app.facts.name == "staging" and place(app) is Place.PIPELINES)
        await until(pilot, lambda: app.board and "last 20 runs" in text_of(app))
        await typed(pilot, ":env prod")
        await pilot.press("enter")
        await until(pilot, lambda: app.facts.name == "prod" and app.board)
        await typed(pilot, ":q")
        await pilot.press("enter")
    assert app.return_code == 0


async def test_the_audit_log_is_verified_on_a_thread(make_app: Make, tmp_path: Path) -> None:
    """What the check has found is one sentence; a damaged log names the first bad record."""
    store = store_with(tmp_path, unknown(12))
    store.append(draft_of(Phase.REFUSAL, 3))
    app = make_app(MemoryDesk(store=store))
    async with app.run_test(size=SMALL) as pilot:
        await board(pilot, app)
        await typed(pilot, ":audit verify --deep")
        await pilot.press("enter")
        await until(pilot, lambda: any("is whole: 3 records, each compared" in one for one in said(app)))
    store.close()


async def test_looking_again_at_all_that_are_unknown(make_app: Make) -> None:
    """``operations recheck`` without an id is for all that nobody carries on."""
    desk = MemoryDesk(store=MemoryStore(unknown(12), unknown(13)))
    app = make_app(desk)
    async with app.run_test(size=SMALL) as pilot:
        await board(pilot, app)
        await until(pilot, lambda: app.following.operations)
        await typed(pilot, ":operations recheck")
        await pilot.press("enter")
        await until(pilot, lambda: desk.rechecked == [operation_id(12), operation_id(13)])
        await until(pilot, lambda: len(said(app)) == 3)
        assert said(app)[-1].startswith("payments_daily 2026-11-19: still unknown.")
