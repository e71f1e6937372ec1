"""Looking again at what nobody carries on: who is left alone, what is believed when, what is recorded."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from acting import ACTOR, ME, OTHER, PATIENCE, LineWorld, Living, Rig, make_plan, states

from fedesk.domain.audit import Phase
from fedesk.domain.operations import Operation, Outcome, Progress, Stage, StepState
from fedesk.ports.errors import UnreachableError
from fedesk.ports.operation_store import NotClaimableError
from fedesk.services.held import LEASE, hold
from fedesk.services.settling import AWAIT_WITHIN, GRACE, left_alone
from fedesk.store.operations import SqlStore


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    store = SqlStore(tmp_path / "state.sqlite3")
    yield Rig(store=store, world=LineWorld(tmp_path / "lines"))
    store.close()


def begun(rig: Rig, *came_to: StepState) -> str:
    """An operation whose runner, another process, came so far with its effect."""
    operation = rig.confirmed()
    now = rig.clock.now()
    held = hold(
        rig.store.claim(operation, OTHER, now, LEASE, dead=None),
        store=rig.store,
        systems=rig.systems,
        clock=rig.clock,
        actor=ACTOR,
        pause=rig.clock.pause,
        kinds=rig.kinds,
    )
    for state in came_to:
        intent = held.audit(Phase.INTENT, "write one line") if state is StepState.INTENDED else None
        held.note(held.entry("send", state, str(state), reference="line:1"), intent)
    return operation


def test_a_living_process_is_left_alone(rig: Rig) -> None:
    """Whoever lives is at it, however old its lease: nothing is looked up, and it is told who."""
    operation = begun(rig, StepState.INTENDED)
    rig.clock.pause(3600)
    found = rig.recheck(operation)
    assert found.stage is Stage.RUNNING
    assert rig.script.looks == 0
    said = left_alone(found, now=rig.clock.now(), processes=Living())
    assert said == "Process 4712 on desk-3 is at it and lives."


def test_a_process_elsewhere_is_dead_when_its_lease_is_past_grace(rig: Rig) -> None:
    """On another host it cannot be told who lives: until lease and grace have passed it may be at it."""
    operation = begun(rig, StepState.INTENDED)
    found = rig.store.operation(operation)
    assert found is not None
    hidden = Living(hidden={OTHER})
    rig.clock.at += LEASE + GRACE - timedelta(seconds=1)
    assert "cannot be told" in left_alone(found, now=rig.clock.now(), processes=hidden)
    rig.clock.at += timedelta(seconds=1)
    assert left_alone(found, now=rig.clock.now(), processes=hidden) == ""
    assert rig.recheck(operation, processes=hidden).stage is Stage.ENDED


def test_what_waits_to_be_executed_is_left_alone_until_it_expires(rig: Rig) -> None:
    """A confirmed operation may still be executed; once its plan has expired it is aborted, for good."""
    operation = rig.confirmed()
    assert rig.recheck(operation).stage is Stage.CONFIRMED
    rig.clock.at += timedelta(hours=1)
    ended = rig.recheck(operation)
    assert ended.outcome is Outcome.ABORTED
    assert rig.phases(operation) == ["settlement"]
    with pytest.raises(NotClaimableError):
        rig.execute(operation)
    assert rig.script.sends == []


def test_an_expired_one_is_aborted_although_another_holds_its_target(rig: Rig) -> None:
    """Ending what never began takes no reservation: it is no matter who is at the target."""
    expired = rig.confirmed()
    rig.clock.at += timedelta(hours=1)
    holder = rig.confirmed(make_plan(expires_at=rig.clock.now() + timedelta(minutes=10)))
    now = rig.clock.now()
    rig.store.claim(holder, OTHER, now, LEASE, dead=None)
    assert rig.recheck(expired).outcome is Outcome.ABORTED
    found = rig.holder()
    assert found is not None
    assert found.plan.operation == holder


def test_what_has_ended_is_returned_as_it_is(rig: Rig) -> None:
    """A final outcome is final."""
    operation = rig.confirmed()
    ended = rig.execute(operation)
    assert rig.recheck(operation) == ended
    assert rig.phases(operation) == ["intent", "outcome"]


def test_an_unknown_id_is_told(rig: Rig) -> None:
    """What the store does not know cannot be looked at again."""
    with pytest.raises(NotClaimableError, match="no operation 0193"):
        rig.recheck("0193")


@pytest.mark.parametrize(
    ("came_to", "wait"),
    [((StepState.INTENDED,), 2 * PATIENCE), ((StepState.INTENDED, StepState.UNANSWERED), PATIENCE)],
)
def test_absence_is_believed_when_the_request_must_be_over(
    rig: Rig, came_to: tuple[StepState, ...], wait: float
) -> None:
    """Looked at right after its runner died, an effect that is not there may be on its way still."""
    operation = begun(rig, *came_to)
    ended = rig.recheck(operation, processes=Living(dead={OTHER}))
    assert ended.outcome is Outcome.FAILED
    assert ended.said == "nothing was changed: there is no such line"
    assert states(ended)[-1] == ("send", StepState.FAILED)
    assert wait <= sum(rig.clock.paused) < wait + 5.1


def test_absence_of_long_ago_is_believed_at_once(rig: Rig) -> None:
    """When the request is long over, one look is enough."""
    operation = begun(rig, StepState.INTENDED)
    rig.clock.at += timedelta(hours=2)
    ended = rig.recheck(operation, processes=Living(dead={OTHER}))
    assert ended.outcome is Outcome.FAILED
    assert (rig.script.looks, rig.clock.paused) == (1, [])


def test_what_has_failed_before_is_not_looked_up_again(rig: Rig) -> None:
    """Its process died before it wrote the end: the journal has the failure once."""
    operation = begun(rig, StepState.INTENDED, StepState.FAILED)
    ended = rig.recheck(operation, processes=Living(dead={OTHER}))
    assert (ended.outcome, ended.said) == (Outcome.FAILED, "failed")
    assert states(ended) == [("send", StepState.INTENDED), ("send", StepState.FAILED)]
    assert rig.script.looks == 0


def test_a_clock_that_is_behind_does_not_wait_for_ever(rig: Rig) -> None:
    """An intent from this clock's future is waited for as if it were of now."""
    operation = begun(rig, StepState.INTENDED)
    rig.clock.at -= timedelta(hours=2)
    assert rig.recheck(operation, processes=Living(dead={OTHER})).outcome is Outcome.FAILED
    assert sum(rig.clock.paused) < 2 * PATIENCE + 5.1


def test_an_effect_that_is_there_is_gone_on_with(rig: Rig) -> None:
    """The effect is found, and the steps that wait and read back are resumed to the end."""
    operation = begun(rig, StepState.INTENDED)
    rig.world.commit(operation)
    ended = rig.recheck(operation, processes=Living(dead={OTHER}))
    assert ended.outcome is Outcome.SUCCEEDED
    assert [step for step, state in states(ended) if state is StepState.DONE] == [
        "send",
        "arrive",
        "read back",
    ]
    assert rig.phases(operation) == ["intent", "settlement"]
    assert rig.script.sends == []


def test_a_step_that_waits_on_is_left_for_the_next_look(rig: Rig) -> None:
    """What still waits has not ended: its target stays held, and whoever looks next goes on at once."""
    operation = begun(rig, StepState.INTENDED, StepState.DONE)
    rig.world.commit(operation)
    rig.script.progress = [Progress(state=StepState.WAITING, said="no free executor")] * 100
    found = rig.recheck(operation, processes=Living(dead={OTHER}))
    assert found.stage is Stage.RUNNING
    assert AWAIT_WITHIN <= sum(rig.clock.paused) < AWAIT_WITHIN + 5.1
    assert rig.holder() is not None
    assert found.journal[-1].said == "no free executor"

    rig.script.progress = [Progress(state=StepState.WAITING, said="no free executor")] * 100
    again = rig.recheck(operation, processes=Living(dead={OTHER}))
    assert states(again) == states(found), "nothing is news"

    rig.script.progress = []
    # The one who looked before lives on, as the app does; it is not at it any more.
    third = replace(ME, pid=4713)
    ended = rig.recheck(operation, processes=Living(mine=third))
    assert ended.outcome is Outcome.SUCCEEDED
    assert rig.holder() is None


def test_what_stays_unknown_gains_evidence_and_one_provisional_outcome(rig: Rig) -> None:
    """Unknown is recorded once; each later look adds to the journal what it saw, until one can tell."""
    operation = begun(rig, StepState.INTENDED)
    rig.clock.at += timedelta(hours=2)
    rig.script.always_unknown = True
    first = rig.recheck(operation, processes=Living(dead={OTHER}))
    assert first.outcome is Outcome.UNKNOWN
    rig.script.looks_fail = [UnreachableError("refused")]
    rig.clock.at += timedelta(hours=2)
    looks = rig.script.looks
    second = rig.recheck(operation)
    assert second.outcome is Outcome.UNKNOWN
    assert rig.script.looks == looks + 1, "who looks again waits for no outage"
    assert second.journal[-1].evidence[0].said == "refused"
    assert rig.phases(operation) == ["intent", "outcome"]
    assert rig.holder() is not None

    rig.script.always_unknown = False
    rig.world.commit(operation)
    assert rig.recheck(operation).outcome is Outcome.SUCCEEDED
    assert rig.phases(operation) == ["intent", "outcome", "settlement"]
    assert rig.store.verify(deep=True).flaw is None


def test_a_kind_that_is_not_known_here_is_not_guessed_at(rig: Rig) -> None:
    """An operation of a newer fedesk stays unknown, and says so."""
    operation = rig.confirmed(make_plan(kind="vault.rotate"))
    now = rig.clock.now()
    rig.store.claim(operation, OTHER, now, LEASE, dead=None)
    found = rig.recheck(operation, processes=Living(dead={OTHER}))
    assert found.outcome is Outcome.UNKNOWN
    assert "vault.rotate" in found.said


def test_two_who_look_again_at_once(rig: Rig) -> None:
    """The second of two finds that another process was faster, and writes nothing."""
    operation = begun(rig, StepState.INTENDED)
    rig.clock.at += timedelta(hours=2)
    second: list[Exception | Operation] = []

    def overtaken() -> None:
        rig.script.on_look = lambda: None
        third = replace(ME, pid=4713)
        second.append(rig.recheck(operation, processes=Living(mine=third, dead={OTHER})))

    rig.script.on_look = overtaken
    rig.recheck(operation, processes=Living(dead={OTHER}))
    (found,) = second
    assert isinstance(found, Operation)
    assert found.stage is Stage.RUNNING, "the first one lives and is at it"
    assert rig.phases(operation) == ["intent", "settlement"]
