"""When the runner sends nothing, or stops: leases, a failing store, targets of others, plans gone stale."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from acting import (
    ACTOR,
    ADDRESS,
    EFFECT,
    ME,
    OTHER,
    TARGET,
    LineSystems,
    LineWorld,
    Living,
    Rig,
    SeamStore,
    make_plan,
    settled_well,
    states,
    submission,
)
from making import NOW
from staging import PRODUCTION

from fedesk.domain.audit import Phase
from fedesk.domain.names import ConnectionName, RunName, TaskName
from fedesk.domain.operations import Operation, Outcome, Progress, StepState, WriteWindow
from fedesk.domain.reruns import RerunRequest
from fedesk.ports.errors import (
    NotFoundError,
    UnreachableError,
)
from fedesk.ports.operation_store import (
    Lease,
    LeaseLostError,
    NotClaimableError,
    StoreUnavailableError,
    UnrecordedError,
)
from fedesk.services.held import INSIST, LEASE, hold
from fedesk.services.rerun_requests import request_of
from fedesk.store.operations import SqlStore


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    store = SqlStore(tmp_path / "state.sqlite3")
    rig = Rig(store=store, world=LineWorld(tmp_path / "lines"))
    yield rig
    rig.script.let_go.set()
    store.close()


def _taken_over(rig: Rig, operation: str) -> Callable[[], None]:
    def take() -> None:
        now = rig.clock.now()
        rig.store.claim(operation, OTHER, now, LEASE, dead=ME)

    return take


def test_a_lease_lost_before_the_intent_stops_everything(rig: Rig) -> None:
    """Somebody took the operation over while it was drafted: no intent, nothing sent, nothing written."""
    operation = rig.confirmed()
    rig.on_draft = _taken_over(rig, operation)
    with pytest.raises(LeaseLostError):
        rig.execute(operation)
    assert rig.script.sends == []
    assert rig.phases(operation) == []


def test_a_lease_lost_after_the_intent_stops_the_send(rig: Rig) -> None:
    """The lease is checked again right before the send: taken over in between, nothing is sent."""
    operation = rig.confirmed()
    rig.script.on_open = _taken_over(rig, operation)
    with pytest.raises(LeaseLostError):
        rig.execute(operation)
    assert rig.script.sends == []
    assert rig.phases(operation) == ["intent"]


def test_a_lease_lost_after_the_send_leaves_the_rest_to_the_other(rig: Rig) -> None:
    """Taken over while the answer was on its way, nothing more is written; who took over comes to the end."""
    operation = rig.confirmed()
    rig.script.on_send = _taken_over(rig, operation)
    with pytest.raises(LeaseLostError):
        rig.execute(operation)
    settled = rig.recheck(operation, processes=Living(dead={OTHER}))
    assert settled.outcome is Outcome.SUCCEEDED
    assert rig.phases(operation) == ["intent", "settlement"]
    settled_well(rig, operation)


class Disk:
    """A disk that is full while ``is_full`` says so of a transaction."""

    is_full: Callable[[str], bool]

    def __init__(self) -> None:
        self.is_full = lambda _: False

    def seam(self, name: str) -> None:
        if name.startswith("before") and self.is_full(name.removeprefix("before ")):
            raise StoreUnavailableError("state.sqlite3 could not be written: the disk is full.")


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[tuple[Rig, Disk]]:
    disk = Disk()
    store = SeamStore(tmp_path / "state.sqlite3", disk.seam)
    yield Rig(store=store, world=LineWorld(tmp_path / "lines")), disk
    store.close()


def test_without_audit_there_is_no_action(failing: tuple[Rig, Disk]) -> None:
    """The intent cannot be written: nothing is sent, and the error goes up."""
    rig, disk = failing
    operation = rig.confirmed()
    disk.is_full = lambda name: name == "write"
    with pytest.raises(StoreUnavailableError) as raised:
        rig.execute(operation)
    assert not isinstance(raised.value, UnrecordedError)
    assert rig.script.sends == []


def test_a_store_that_fails_between_intent_and_send_lets_nothing_pass(
    failing: tuple[Rig, Disk],
) -> None:
    """The lease cannot be checked: nothing is sent, and it has failed where that can be written."""
    rig, disk = failing
    operation = rig.confirmed()
    disk.is_full = lambda name: name == "renew"
    ended = rig.execute(operation)
    assert ended.outcome is Outcome.FAILED
    assert ended.said.startswith("nothing was sent: ")
    assert rig.script.sends == []
    settled_well(rig, operation)


def test_an_outcome_is_written_when_the_store_comes_back(failing: tuple[Rig, Disk]) -> None:
    """After the send a failing store is tried again for a while; nothing is sent twice or lost."""
    rig, disk = failing
    operation = rig.confirmed()
    until = rig.clock.now() + timedelta(seconds=20)
    disk.is_full = lambda _: bool(rig.script.sends) and rig.clock.now() < until
    ended = rig.execute(operation)
    assert ended.outcome is Outcome.SUCCEEDED
    assert states(ended).count(("send", StepState.DONE)) == 1
    settled_well(rig, operation)


def test_an_outcome_that_cannot_be_written_is_told_and_found_later(
    failing: tuple[Rig, Disk],
) -> None:
    """A store that stays away after the send ends the runner with an error; a recheck finds the truth."""
    rig, disk = failing
    operation = rig.confirmed()
    disk.is_full = lambda _: bool(rig.script.sends)
    with pytest.raises(UnrecordedError, match=f"fedesk operations recheck {operation}"):
        rig.execute(operation)
    assert sum(rig.clock.paused) >= INSIST
    disk.is_full = lambda _: False
    settled = rig.recheck(operation, processes=Living(mine=OTHER, dead={ME}))
    assert settled.outcome is Outcome.SUCCEEDED
    assert rig.phases(operation) == ["intent", "settlement"]
    settled_well(rig, operation)


def test_a_target_that_another_holds_is_refused(rig: Rig) -> None:
    """While a living process holds the target, a second operation is refused as a conflict, saying who."""
    first = rig.confirmed()
    now = rig.clock.now()
    rig.store.claim(first, OTHER, now, LEASE, dead=None)
    ended = rig.execute(second := rig.confirmed())
    assert ended.outcome is Outcome.REFUSED
    assert ended.is_conflict
    assert first in ended.said
    assert rig.script.sends == []
    assert rig.phases(second) == ["refusal"]
    holder = rig.holder()
    assert holder is not None
    assert holder.plan.operation == first


def test_what_a_dead_process_left_is_settled_first(rig: Rig) -> None:
    """The holder's process has died: its operation is settled by looking, then the next one goes on."""
    first = rig.confirmed()
    now = rig.clock.now()
    rig.store.claim(first, OTHER, now, LEASE, dead=None)
    ended = rig.execute(second := rig.confirmed(), processes=Living(dead={OTHER}))
    assert ended.outcome is Outcome.SUCCEEDED
    settled = rig.store.operation(first)
    assert settled is not None
    assert settled.outcome is Outcome.ABORTED
    assert rig.world.lines() == [second]
    settled_well(rig, second)
    # Who follows the second one sees at once that somebody is at it, however long the first one takes.
    assert ended.journal[0].said.startswith("claimed by process")
    assert settled.ended_at is not None
    assert ended.journal[0].at <= settled.ended_at


def test_what_a_dead_process_had_sent_is_followed_to_its_end_first(rig: Rig) -> None:
    """By the steps of its kind, with the pauses of who looks; then the next one goes on."""
    first = rig.confirmed()
    held = hold(
        rig.store.claim(first, OTHER, rig.clock.now(), LEASE, dead=None),
        store=rig.store,
        systems=rig.systems,
        clock=rig.clock,
        actor=ACTOR,
        pause=rig.clock.pause,
        kinds=rig.kinds,
    )
    held.note(held.entry("send", StepState.INTENDED, "write one line"), held.audit(Phase.INTENT, ""))
    rig.world.commit(first)
    rig.script.progress = [Progress(state=StepState.WAITING, said="on its way")] * 2
    ended = rig.execute(second := rig.confirmed(), processes=Living(dead={OTHER}))
    assert ended.outcome is Outcome.SUCCEEDED
    settled = rig.store.operation(first)
    assert settled is not None
    assert (settled.outcome, settled.said) == (Outcome.SUCCEEDED, "the line reads back")
    assert rig.clock.paused == [0.1, 0.2]
    assert rig.world.lines() == [first, second]
    assert [call.key for call in rig.script.sends] == [second]


def test_killed_while_it_settles_another_it_has_sent_nothing(rig: Rig) -> None:
    """One that was claimed without its target, and died, is aborted while another still holds that target."""
    first, second = rig.confirmed(), rig.confirmed()
    now = rig.clock.now()
    rig.store.claim(first, OTHER, now, LEASE, dead=None)
    rig.store.claim(second, ME, now, LEASE, dead=None, reserve=False)
    settled = rig.recheck(second, processes=Living(mine=OTHER, dead={ME}))
    assert settled.outcome is Outcome.ABORTED
    assert rig.script.sends == []
    holder = rig.holder()
    assert holder is not None
    assert holder.plan.operation == first


def test_an_unknown_one_that_stays_unknown_blocks_the_next(rig: Rig) -> None:
    """A target whose last operation cannot be settled is not changed: the next one is refused."""
    rig.script.after, rig.script.always_unknown = UnreachableError("reset by peer"), True
    first = rig.confirmed()
    assert rig.execute(first).outcome is Outcome.UNKNOWN
    ended = rig.execute(rig.confirmed())
    assert ended.outcome is Outcome.REFUSED
    assert ended.is_conflict
    assert len(rig.script.sends) == 1


def test_two_desks_on_one_target(rig: Rig, tmp_path: Path) -> None:
    """Two operations on one target at once: one is sent, the other is told so."""
    first, second = rig.confirmed(), rig.confirmed()
    other_store = SqlStore(tmp_path / "state.sqlite3")
    other = Rig(store=other_store, world=rig.world, script=rig.script, processes=Living(mine=OTHER))
    barrier = threading.Barrier(2)
    ended: list[Operation] = []

    def run(desk: Rig, operation: str) -> None:
        barrier.wait()
        ended.append(desk.execute(operation))

    threads = [threading.Thread(target=run, args=pair) for pair in ((rig, first), (other, second))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    outcomes = {str(one.outcome) for one in ended}
    # Both may have had their turn, one after the other; what may not be is that both were at it at once.
    assert len(ended) == 2
    assert Outcome.SUCCEEDED in outcomes
    assert outcomes <= {Outcome.SUCCEEDED, Outcome.REFUSED}
    assert len(rig.world.lines()) == sum(one.outcome is Outcome.SUCCEEDED for one in ended)
    assert rig.store.verify(deep=True).flaw is None
    other_store.close()


def test_two_runners_of_one_operation(rig: Rig) -> None:
    """An operation is claimed once: the second runner is told so, and sends nothing."""
    operation = rig.confirmed()
    rig.execute(operation)
    with pytest.raises(NotClaimableError):
        rig.execute(operation)
    assert len(rig.script.sends) == 1


def test_a_plan_whose_target_has_changed_is_stale(rig: Rig) -> None:
    """What is pinned is not what is there any more: refused as a conflict, with the difference."""
    rig.draft = replace(rig.draft, target=replace(TARGET, pins={"write": "2"}))
    ended = rig.execute(operation := rig.confirmed())
    assert ended.outcome is Outcome.REFUSED
    assert ended.is_conflict
    assert "write was 1 and is 2" in ended.said
    assert rig.script.sends == []
    assert rig.phases(operation) == ["refusal"]
    settled_well(rig, operation)


def test_an_expired_plan_is_refused(rig: Rig) -> None:
    """A plan that was confirmed in time and is executed too late is refused as stale."""
    operation = rig.confirmed()
    rig.clock.pause(3600)
    ended = rig.execute(operation)
    assert ended.outcome is Outcome.REFUSED
    assert ended.is_conflict
    assert rig.script.sends == []


@pytest.mark.parametrize(
    "error", [UnreachableError("refused"), NotFoundError("gone (404)"), RuntimeError("a fault")]
)
def test_what_cannot_be_looked_at_is_not_changed(rig: Rig, error: Exception) -> None:
    """Drafting again ends in an error, or in a fault of fedesk: refused, and nothing is sent."""

    def fail() -> None:
        raise error

    rig.on_draft = fail
    ended = rig.execute(operation := rig.confirmed())
    assert ended.outcome is Outcome.REFUSED
    assert ended.is_conflict is isinstance(error, NotFoundError)
    assert rig.script.sends == []
    settled_well(rig, operation)


def test_a_connection_that_leads_elsewhere_now_is_refused(rig: Rig) -> None:
    """The configuration was changed between plan and execution: another server is not what was confirmed."""
    rig.systems = LineSystems(rig.world, rig.script, address="http://other.example")
    ended = rig.execute(rig.confirmed())
    assert ended.outcome is Outcome.REFUSED
    assert ended.is_conflict
    assert ended.said == (
        f"connection: dev/airflow was {ADDRESS} in the plan and is http://other.example now. "
        "Make the plan anew."
    )
    assert rig.script.sends == []


def test_connections_that_are_gone_are_all_named(rig: Rig) -> None:
    """The plan's own, and those of its effects."""
    gone = [ConnectionName("dev", name) for name in ("jenkins", "vault")]
    plan = make_plan(connection=gone[0], effects=(replace(EFFECT, connection=gone[1]),))
    ended = rig.execute(rig.confirmed(plan))
    assert ended.outcome is Outcome.REFUSED
    assert ended.said == " ".join(
        f"connection: {name} is not configured Make the plan anew." for name in gone
    )


@pytest.mark.parametrize("is_plan", [True, False])
def test_a_plan_and_a_yes_that_do_not_belong_together_are_refused(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, *, is_plan: bool
) -> None:
    """Somebody has put another plan in the store, or another yes."""
    operation, claim = rig.confirmed(), rig.store.claim

    def swapped(*given: object, **more: object) -> Lease:
        lease = claim(*given, **more)  # type: ignore[arg-type]
        found = lease.found
        other = (
            replace(found, plan=replace(found.plan, reason="another"))
            if is_plan
            else replace(found, confirmation=replace(found.confirmation, digest="0" * 64))
        )
        return replace(lease, found=other)

    monkeypatch.setattr(rig.store, "claim", swapped)
    ended = rig.execute(operation)
    assert ended.outcome is Outcome.REFUSED
    assert ended.said == (
        "digest: The plan in the store is not the one that was confirmed. Run `fedesk audit verify --deep`."
    )
    assert ended.is_conflict
    assert rig.script.sends == []


def test_a_plan_of_another_kind_or_shape_is_refused(rig: Rig) -> None:
    """A kind that this fedesk does not know, or that has other steps than the plan, is not guessed at."""
    unknown = rig.execute(rig.confirmed(make_plan(kind="vault.rotate")))
    more = rig.execute(rig.confirmed(make_plan(effects=(EFFECT, EFFECT))))
    assert (unknown.outcome, more.outcome) == (Outcome.REFUSED, Outcome.REFUSED)
    assert unknown.said.startswith("kind: This fedesk knows no operation of the kind vault.rotate.")
    assert more.said == (
        "kind: The plan has 2 effects, and airflow.clear-failed has 1 steps that send. Make the plan anew."
    )
    assert rig.script.sends == []


@pytest.mark.parametrize(("is_open", "outcome"), [(True, Outcome.SUCCEEDED), (False, Outcome.REFUSED)])
def test_a_yes_inside_a_window_is_one_when_it_is_executed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, *, is_open: bool, outcome: Outcome
) -> None:
    """In a read-only production the window stands for the name, which was typed for it."""
    monkeypatch.setattr("acting.ENVIRONMENTS", PRODUCTION)
    plan, hour = make_plan(reason="INC-1"), timedelta(hours=1)
    window = WriteWindow(environment="dev", opened_at=NOW, until=NOW + hour, reason="INC-1", opened_by="mara")
    yes = submission(plan)
    said = replace(yes.confirmation, window=window if is_open else None)
    rig.store.submit(replace(yes, confirmation=said))
    assert rig.execute(plan.operation).outcome is outcome


@pytest.mark.parametrize(
    ("named", "run_id", "task"),
    [
        ("lines/r1", "lines/r1", None),
        ("lines/r1::dbt_test", "lines/r1", TaskName("dbt_test")),
        ("lines/r1::dbt_test[3]", "lines/r1", TaskName("dbt_test", 3)),
        ("lines/r::1::dbt_test", "lines/r::1", TaskName("dbt_test")),
        ("lines/r1::other", "lines/r1::other", None),
        ("lines/r1::dbt_test", "lines/r1::dbt_test", None),
    ],
)
def test_a_plan_is_drafted_again_for_what_was_asked(named: str, run_id: str, task: TaskName | None) -> None:
    """The whole run, or the one task that was asked for, is read back from the plan's target."""
    target = replace(TARGET, name=f"dev/airflow:{named}", reserves=(f"dev/airflow:{run_id}",))
    call = replace(EFFECT.call, args={"tasks": [["dbt_test", 3, 1]]})
    plan = make_plan(targets=(target,), effects=(replace(EFFECT, call=call),))
    assert request_of(plan) == RerunRequest(
        run=RunName(ConnectionName("dev", "airflow"), run_id), task=task, environment="dev"
    )
