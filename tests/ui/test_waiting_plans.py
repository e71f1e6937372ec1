"""A plan that waits, by keys: asked for at one desk, approved or rejected at another, begun by either."""

from collections.abc import Callable
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

from acting_desk import ActingDesk, acting
from anchored_log import needs_ssh_keygen
from approval_people import ANN, BEN, MARA, Team
from memory_desk import StillClock
from operation_values import NOW, OWNER, draft_of, operation
from painting import said, text_of, type_in, until
from test_operation_screen import PAYMENTS, frame, planned, red_run, words
from textual.pilot import Pilot

from fedesk.domain.audit import Phase
from fedesk.domain.names import RunName
from fedesk.domain.open_operations import Awaited
from fedesk.domain.operations import JournalEntry, Operation, Outcome, Stage, StepState
from fedesk.domain.release_queue import TURN
from fedesk.domain.reruns import RerunRequest
from fedesk.services.approvals import Approvals
from fedesk.services.proposals import Answer
from fedesk.store.operations import SqlStore
from fedesk.ui import waiting_text
from fedesk.ui.app import DeskApp
from fedesk.ui.run_text import Moment
from fedesk.ui.screens.main import MainScreen

pytestmark = needs_ssh_keygen
SIZE = (120, 40)
Sign = Callable[[SqlStore, StillClock], Approvals]


def of(team: Team, name: str) -> Sign:
    """Somebody's desk."""
    return lambda store, clock: team.at(name, store, clock)


def held(desk: ActingDesk) -> Operation:
    """The one operation there is."""
    (found,) = desk.sql.operations()
    return found


def begun(desk: ActingDesk) -> bool:
    """Whether it was carried out to its end."""
    return held(desk).outcome is Outcome.SUCCEEDED


async def asked(pilot: Pilot[int]) -> DeskApp:
    """Mara has asked for a re-run, with name, reason and key."""
    app: Any = pilot.app
    await planned(pilot)
    assert f"It needs 1 approval of an approver ({ANN}, {BEN})" in words(app)
    assert "expires in 8h" in text_of(app)
    await type_in(pilot, *"prod", "tab", *"INC-7")
    await pilot.press("ctrl+y")
    await until(pilot, lambda: frame(app).item.operation is not None)
    await until(pilot, lambda: "waits for 1 approval" in words(app))
    return app  # type: ignore[no-any-return] # DeskApp, as frame() asserts


async def opened(pilot: Pilot[int]) -> DeskApp:
    """Ann has opened the plan from the finding that tells her of it."""
    app = await red_run(pilot)
    await until(pilot, lambda: "wants your approval" in words(app), 10)
    index = next(
        at for at, finding in enumerate(app.board.findings if app.board else ()) if finding.kind == "approval"
    )
    await pilot.press("g", *("j",) * index, "enter")
    await until(pilot, lambda: "approves it" in words(app))
    return app


def waiting(folder: Path, team: Team) -> None:
    """A plan of mara's in the store, of the run that her desk would clear."""
    with acting(folder, sign=of(team, "mara")) as (desk, _):
        run = RunName.parse(f"prod/airflow:{PAYMENTS}")
        window = desk.changes.window("prod", "INC-7")
        proposal = desk.changes.propose(RerunRequest(run=run), window)
        desk.changes.confirm(proposal, Answer(how="key", reason="INC-7", window=window))


async def test_the_desk_that_asked_begins_it_when_it_is_approved(tmp_path: Path, team: Team) -> None:
    """The plan warns before; nothing is begun; left for another screen, it is begun at the approval."""
    with acting(tmp_path, sign=of(team, "mara")) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            await asked(pilot)
            assert "⏸ 1" in text_of(app).splitlines()[1]
            assert (held(desk).stage, desk.world.sent, desk.launcher.threads) == (Stage.CONFIRMED, [], [])
            assert f"fedesk approve {held(desk).plan.operation}" in words(app)
            await pilot.press("Y")
            assert any(one.startswith("approve: that is for ann@finedge.example") for one in said(app))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, MainScreen))
            team.at("ann", desk.sql, desk.clock).approve(held(desk).plan.operation)
            app.following.written()
            await until(pilot, lambda: begun(desk))
            assert any("Approved by ann@finedge.example; it is begun" in one for one in said(app))
        assert len(desk.world.sent) == 1
        assert len(desk.launcher.threads) == 1


async def test_who_asked_takes_it_back(tmp_path: Path, team: Team) -> None:
    """S wants a reason; signed, ended, never sent."""
    with acting(tmp_path, sign=of(team, "mara")) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            await asked(pilot)
            assert "S takes it back." in words(app)
            await pilot.press("S")
            await until(pilot, lambda: "Take it back, because" in text_of(app))
            await type_in(pilot, *"wrong day", "enter")
            await until(pilot, lambda: held(desk).outcome is Outcome.REFUSED)
            await until(pilot, lambda: "withdrawn by mara@finedge.example: wrong day" in words(app))
        assert desk.world.sent == []
        assert [one.draft.phase for one in desk.sql.tail(9)][-2:] == [Phase.REJECTION, Phase.REFUSAL]


async def test_who_asked_takes_back_what_waits_in_line(tmp_path: Path) -> None:
    """The frame says where it stands; S wants a reason, which its own process hears and ends it by."""
    with acting(tmp_path) as (desk, app):
        window = desk.changes.window("prod", "INC-7")
        proposal = desk.changes.propose(RerunRequest(run=RunName.parse(f"prod/airflow:{PAYMENTS}")), window)
        answer = Answer(how="key", reason="INC-7", window=window)
        id_ = desk.changes.confirm(proposal, answer).plan.operation
        lease = desk.sql.claim(id_, OWNER, desk.clock.now(), timedelta(minutes=2), dead=None, reserve=False)
        turn = "waits its turn: 1st in line behind 019a9f3e (release.promote of leo)"
        entry = JournalEntry(number=0, at=NOW, step="", state=StepState.PENDING, said=turn, reference=TURN)
        desk.sql.write(lease, (entry,))
        async with app.run_test(size=SIZE) as pilot:
            await red_run(pilot)
            app.watch_operation(id_)
            await until(pilot, lambda: f"⏸ it {turn}" in words(app))
            assert "S takes one's own back" in words(app)
            await pilot.press("S")
            await type_in(pilot, *"wrong day", "enter")
            await until(pilot, lambda: desk.sql.decisions(id_))
            (heard,) = desk.sql.decisions(id_)
            assert (heard.step, heard.by, heard.reason) == (TURN, MARA, "wrong day")
            said_so = f"withdrawn by {MARA}: wrong day"
            ends = draft_of(Phase.REFUSAL, operation=id_, plan_digest=held(desk).digest, result=said_so)
            desk.sql.end(lease, Outcome.REFUSED, said_so, NOW, (), ends)
            await until(pilot, lambda: said_so in words(app))
        assert desk.world.sent == []
        assert [one.draft.phase for one in desk.sql.tail(9)][-2:] == [Phase.REJECTION, Phase.REFUSAL]


async def test_broken_glass_takes_back_what_waits_for_the_same(tmp_path: Path, team: Team) -> None:
    """Nobody answers: R again, B, name, reason; it is carried out, and the plan that waited is closed."""
    with acting(tmp_path, sign=of(team, "mara")) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            await asked(pilot)
            waited = held(desk).plan.operation
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, MainScreen))
            await planned(pilot)
            await pilot.press("B")
            await until(pilot, lambda: "Overridden by break-glass" in words(app))
            await type_in(pilot, *"prod", "tab", *"nobody answers")
            await pilot.press("ctrl+y")
            await until(
                pilot, lambda: any("is withdrawn: the glass was broken" in one for one in said(app)), 10
            )
        broken, old = desk.sql.operations()
        assert (broken.confirmation.break_glass, old.plan.operation) == (True, waited)
        assert old.said == (
            f"withdrawn by {MARA}: the glass was broken instead, by operation {broken.plan.operation}"
        )
        assert len(desk.world.sent) == 1


async def test_an_approver_sees_it_signs_it_and_begins_it(tmp_path: Path, team: Team) -> None:
    """A finding leads to effects, guards, facts; Y signs; E begins it, for who may do such a change."""
    waiting(tmp_path, team)
    with acting(tmp_path, sign=of(team, "ann")) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            await opened(pilot)
            for told in ("waits for 1 approval", "clear 3 task instances", "✓ allows", "DAG version 7", MARA):
                assert told in words(app), told
            assert frame(app).target.unwithdrawn == f"that is for {MARA}"
            await pilot.press("E")
            assert held(desk).stage is Stage.CONFIRMED
            await pilot.press("Y")
            await until(pilot, lambda: "approved by ann@finedge.example" in words(app))
            assert [one.principal for one in desk.sql.statements(held(desk).plan.operation)].count(ANN) == 1
            assert desk.world.sent == []
            await pilot.press("Y")
            assert "approve: nothing is missing any more." in said(app)
            await pilot.press("E")
            assert any("execute: needs the role" in one for one in said(app))
        assert Phase.APPROVAL in [one.draft.phase for one in desk.sql.tail(9)]
    with acting(tmp_path, sign=of(team, "eve")) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            await red_run(pilot)
            app.watch_operation(held(desk).plan.operation)
            await until(pilot, lambda: "E begins it here" in words(app))
            await pilot.press("E")
            await until(pilot, lambda: begun(desk))
        assert len(desk.world.sent) == 1


async def test_a_rejection_wants_a_reason_and_ends_it(tmp_path: Path, team: Team) -> None:
    """Esc asks for nothing; with a reason it is signed, ended, and never sent."""
    waiting(tmp_path, team)
    with acting(tmp_path, sign=of(team, "ann")) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            await opened(pilot)
            await pilot.press("X")
            await until(pilot, lambda: "Reject it, because" in text_of(app))
            await pilot.press("escape")
            assert held(desk).stage is Stage.CONFIRMED
            await pilot.press("X")
            await type_in(pilot, *"wrong day", "enter")
            await until(pilot, lambda: held(desk).outcome is Outcome.REFUSED)
            await until(pilot, lambda: "rejected by ann@finedge.example: wrong day" in words(app))
        assert desk.world.sent == []
        assert [one.draft.phase for one in desk.sql.tail(9)][-2:] == [Phase.REJECTION, Phase.REFUSAL]


async def test_who_may_not_approve_is_told_and_has_no_finding(tmp_path: Path, team: Team) -> None:
    """An operator sees it under way, and no key signs for them."""
    waiting(tmp_path, team)
    with acting(tmp_path, sign=of(team, "eve")) as (desk, app):
        async with app.run_test(size=SIZE) as pilot:
            await red_run(pilot)
            await until(pilot, lambda: app.following.operations)
            assert "wants your approval" not in words(app)
            app.watch_operation(held(desk).plan.operation)
            await until(pilot, lambda: "waits for 1 approval" in words(app))
            for key in ("Y", "X"):
                await pilot.press(key)
            told = [one for one in said(app) if "needs the role approver" in one]
            assert len(told) == 2
        assert len(desk.sql.statements(held(desk).plan.operation)) == 1


def test_what_was_rejected_waits_for_nobody() -> None:
    """Where the database lets nobody end it, its last line offers no approval: it says so."""
    at = NOW - timedelta(minutes=5)
    awaited = Awaited(said=f"rejected by {ANN}: wrong day", since=at, others=(ANN,), is_rejected=True)
    said = waiting_text.ending(
        operation(1, stage=Stage.CONFIRMED), awaited, Moment(now=NOW, zone=UTC), MARA
    ).plain
    assert said == f"✗ rejected by {ANN}: wrong day  Nothing was sent, and nothing will be."
