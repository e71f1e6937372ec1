"""The frame of a promotion leads to the build that it made: its log, its page, the question it waits at."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from memory_desk import PROD, MemoryDesk, StillClock, front
from operation_values import MemoryStore, journal_of, operation, operation_id, plan_of
from painting import flat, text_of, until
from textual.pilot import Pilot

from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.operations import Operation, Outcome, Stage, StepState
from fedesk.domain.release_matrix import PROMOTE
from fedesk.domain.releases import AnswerRequest
from fedesk.domain.states import System
from fedesk.ui import watch_text
from fedesk.ui.app import DeskApp

if TYPE_CHECKING:
    from fedesk.domain.requests import Request

JOB = "finedge/prod/deploy-cards"
PAGE = "http://127.0.0.1:8081/job/finedge/job/prod/job/deploy-cards/"
BUILD = RunName(ConnectionName("prod", "jenkins"), f"{JOB}#1206")
SENT = (("", StepState.INTENDED, "claimed"), ("trigger the deploy job", StepState.DONE, "queued as item 77"))
ASKED = 'Build #1206 of finedge/prod/deploy-cards waits for an answer: "Deploy cards to prod?".'


def promotion(*more: tuple[str, StepState, str], made: int = 0, of: str = JOB, page: str = PAGE) -> Operation:
    """One under way, of a job or of one of its builds, that has made a build as soon as ``made`` is given."""
    plan = plan_of(7, connection=BUILD.connection, run=of)
    call = replace(plan.effects[0].call, system=System.JENKINS, args={"job": JOB, "verify": ()})
    plan = replace(
        plan,
        kind=PROMOTE,
        targets=(replace(plan.targets[0], link=page),),
        effects=(replace(plan.effects[0], call=call),),
    )
    journal = journal_of(*SENT, *more)
    if made:
        entry = replace(journal[1], step="follow queue item", reference=f"build:{made}", number=3)
        journal = (*journal[:2], entry, *journal[2:])
    return operation(7, plan=plan, journal=journal)


@pytest.mark.parametrize(
    ("seen", "run", "address"),
    [
        (promotion(), None, PAGE),
        (promotion(made=1206), f"{JOB}#1206", f"{PAGE}1206/"),
        (promotion(of=f"{JOB}#1201", page=f"{PAGE}1201/"), f"{JOB}#1201", f"{PAGE}1201/"),
        (promotion(of=f"{JOB}#1201", page=f"{PAGE}1201/", made=1206), f"{JOB}#1206", f"{PAGE}1206/"),
        (promotion(page="", made=1206), f"{JOB}#1206", ""),
    ],
    ids=["queued", "built", "of a build", "of a build, built", "without a page"],
)
def test_what_is_followed_is_the_build_that_was_made(seen: Operation, run: str | None, address: str) -> None:
    """Before there is one, the build that it is about; of a job there is none to be opened."""
    found, task = watch_text.followed(seen)
    assert (found.id if found else None, task) == (run, None)
    assert watch_text.address(seen) == address


def app_with(store: MemoryStore, tmp_path: Path) -> DeskApp:
    desk = MemoryDesk(PROD, store=store)
    return DeskApp(
        front(PROD), lambda _: desk, StillClock(), crash_folder=tmp_path, environ={"TERM": "xterm"}
    )


async def at_its_frame(pilot: Pilot[int], app: DeskApp) -> None:
    await until(pilot, lambda: app.desk and app.board)
    app.watch_operation(operation_id(7))
    await until(pilot, lambda: "Deploy" in text_of(app) or "steps" in text_of(app))


async def test_a_promotion_is_watched_with_the_log_of_its_build(tmp_path: Path) -> None:
    """Beside its steps, and ``l`` and ``Enter`` lead there."""
    app = app_with(
        MemoryStore(promotion(("follow build", StepState.WAITING, 'in stage "Build"'), made=1206)), tmp_path
    )
    async with app.run_test(size=(120, 36)) as pilot:
        await at_its_frame(pilot, app)
        await until(pilot, lambda: f"Log of {BUILD.id}" in text_of(app))
        assert "it goes on; Esc leaves it going" in flat(app)


async def test_the_log_of_the_dry_run_gives_way_to_that_of_the_real_build(tmp_path: Path) -> None:
    """A rollback makes two builds: what stands beside its steps is written by the newer one."""
    going = ("follow build", StepState.WAITING, 'in stage "Deploy"')
    store = MemoryStore(promotion(going, made=1206))
    app = app_with(store, tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        await at_its_frame(pilot, app)
        await until(pilot, lambda: f"Log of {JOB}#1206" in text_of(app))
        store.held[0] = promotion(going, made=1207)
        store.moves += 1
        await until(pilot, lambda: f"Log of {JOB}#1207" in text_of(app))
        assert f"Log of {JOB}#1206" not in text_of(app)


@pytest.mark.parametrize("choice", ["proceed", "abort"])
async def test_the_question_of_its_build_is_answered_in_its_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: str
) -> None:
    """The foot says what waits and which key; ``I`` plans the answer to that build, not to its job."""
    asked: list[Request] = []
    app = app_with(MemoryStore(promotion(("follow build", StepState.WAITING, ASKED), made=1206)), tmp_path)
    monkeypatch.setattr(app, "open_plan", asked.extend)
    async with app.run_test(size=(100, 30)) as pilot:
        await at_its_frame(pilot, app)
        await until(pilot, lambda: "its build waits for an answer I gives one" in flat(app))
        await pilot.press("I", *choice, "enter")
    assert asked == [AnswerRequest(run=BUILD, choice=choice)]


async def test_before_there_is_a_build_no_key_leads_to_its_job(tmp_path: Path) -> None:
    """A job is no run: ``Enter`` says that there is none, and nothing is answered."""
    app = app_with(MemoryStore(promotion()), tmp_path)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await at_its_frame(pilot, app)
        before = app.screen
        await pilot.press("enter", "I")
        assert app.screen is before
        assert "Answer" not in text_of(app)


def test_a_build_that_has_ended_waits_for_nobody() -> None:
    """Whatever was written last."""
    waits = promotion(("follow build", StepState.WAITING, ASKED), made=1206)
    assert watch_text.awaits_answer(waits)
    assert not watch_text.awaits_answer(replace(waits, stage=Stage.ENDED, outcome=Outcome.ABORTED))
