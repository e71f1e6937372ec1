"""A step that waits for a person: who decides, who is told, for how long it waits, and what it costs."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from acting import ACTOR, ME, OTHER, LineWorld, Living, states
from staging import LEO, PRODUCTION, REVIEW, StagedRig, decided_in

from fedesk.domain.operations import Choice, Decision, Operation, Outcome, Progress, Stage, StepState
from fedesk.ports.operation_store import DecidedError, NotClaimableError
from fedesk.services.proposals import Answer, RefusedError
from fedesk.store.operations import SqlStore

YES = Answer(how="--yes", reason="the canary is well")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[StagedRig]:
    store = SqlStore(tmp_path / "state.sqlite3")
    yield StagedRig(store=store, world=LineWorld(tmp_path / "lines"))
    store.close()


class DiedError(BaseException):
    """The runner's process ends here."""


def left_waiting(rig: StagedRig, hours: float = 0.0) -> str:
    """An operation whose runner died while it waited for a person, for so many hours."""
    operation = rig.staged()
    began = rig.clock.monotonic()

    def die() -> None:
        found = rig.store.operation(operation)
        if found is not None and found.undecided and rig.clock.monotonic() - began >= hours * 3600:
            raise DiedError

    rig.clock.on_pause = die
    with pytest.raises(DiedError):
        rig.execute(operation, processes=Living(mine=OTHER))
    rig.clock.on_pause = lambda: None
    return operation


def test_nothing_more_is_sent_before_a_person_has_decided(rig: StagedRig) -> None:
    """The first effect is there, the second only when somebody has said to proceed; both are recorded."""
    operation = rig.staged()
    seen: list[int] = []

    def look() -> None:
        seen.append(len(rig.script.sends))
        if len(seen) > 5:
            decided_in(rig.store, operation, Choice.PROCEED, rig.clock)

    rig.clock.on_pause = look
    ended = rig.execute(operation)
    assert ended.outcome is Outcome.SUCCEEDED
    assert set(seen) == {1}
    assert rig.world.lines() == [operation, f"{operation}/rest"]
    assert [state for step, state in states(ended) if step == REVIEW] == [StepState.WAITING, StepState.DONE]
    said = [entry.said for entry in ended.journal if entry.step == REVIEW]
    assert said == ["waits for a person: go on with the other line", "leo decided to proceed: it is well"]
    assert rig.phases(operation) == ["intent", "approval", "outcome"]
    assert rig.store.verify(deep=True).flaw is None


@pytest.mark.parametrize("outcome", [Outcome.ABORTED, Outcome.FAILED])
def test_a_stop_ends_it_as_the_kind_says(rig: StagedRig, outcome: Outcome) -> None:
    """What the table of kinds says of a stop is the outcome; the second effect is never sent."""
    rig.stopped = outcome
    operation = rig.staged()
    rig.clock.on_pause = partial(decided_in, rig.store, operation, Choice.STOP, rig.clock)
    ended = rig.execute(operation)
    assert (ended.outcome, ended.said) == (outcome, "leo decided to stop: it is well")
    assert rig.world.lines() == [operation]
    assert rig.holder() is None


def test_hours_of_waiting_are_one_line_of_the_journal(rig: StagedRig) -> None:
    """The lease is held for as long as it takes, and the journal says once what is waited for."""
    operation = rig.staged()

    def later() -> None:
        found = rig.store.operation(operation)
        assert found is not None
        assert found.lease_until is not None
        assert found.lease_until > rig.clock.now()
        if rig.clock.monotonic() > 3600:
            decided_in(rig.store, operation, Choice.PROCEED, rig.clock)

    rig.clock.on_pause = later
    ended = rig.execute(operation)
    assert ended.outcome is Outcome.SUCCEEDED
    assert states(ended).count((REVIEW, StepState.WAITING)) == 1


def test_a_wait_that_always_has_news_does_not_fill_the_journal(rig: StagedRig) -> None:
    """What changes at every look is told less and less often the longer it takes."""
    rig.script.progress = [
        Progress(state=StepState.WAITING, said=f"{number} rows copied") for number in range(400)
    ]
    operation = rig.staged()
    rig.clock.on_pause = partial(decided_in, rig.store, operation, Choice.STOP, rig.clock)
    ended = rig.execute(operation)
    assert rig.clock.monotonic() > 1900
    assert 20 < len([one for one in states(ended) if one == ("arrive", StepState.WAITING)]) < 80


@pytest.mark.parametrize("dies_at", [None, 0.3])
def test_a_wait_ends_in_its_time_over_restarts(rig: StagedRig, dies_at: float | None) -> None:
    """Nobody decides within the step's time, which counts from its beginning, whoever carries it on."""
    rig.decide_within = 1800.0
    operation = rig.staged() if dies_at is None else left_waiting(rig, dies_at)
    ended = rig.execute(operation, processes=Living(dead={OTHER}))
    assert (ended.outcome, ended.said) == (Outcome.ABORTED, "nobody decided within 0:30:00")
    assert 1800 <= rig.clock.monotonic() < 1860
    assert rig.phases(operation) == ["intent", "rejection", "outcome"]
    with pytest.raises(NotClaimableError, match="has ended: aborted, written down by mara on desk-3"):
        rig.by_hand(LEO).decide(operation, Choice.PROCEED, YES)


def test_who_decides_in_the_last_moment_is_heard(rig: StagedRig) -> None:
    """Of a person and the end of the time one is first, and that one counts for all."""
    rig.decide_within = 600.0
    operation = rig.staged()

    def decide_late(decision: Decision, audit: object) -> None:
        del decision, audit
        rig.store.decide = plain  # type: ignore[method-assign]
        decided_in(rig.store, operation, Choice.PROCEED, rig.clock)
        raise DecidedError("Step 'review' was decided before.")

    plain = rig.store.decide
    rig.store.decide = decide_late  # type: ignore[method-assign, assignment]
    ended = rig.execute(operation)
    assert ended.outcome is Outcome.SUCCEEDED
    assert rig.phases(operation) == ["intent", "approval", "outcome"]


def test_the_first_decision_counts_and_the_other_is_told(rig: StagedRig, tmp_path: Path) -> None:
    """Two desks decide at once: one row, one audit record, and the loser is told who, when and what."""
    operation = left_waiting(rig)
    with closing(SqlStore(tmp_path / "state.sqlite3")) as other:
        first = rig.by_hand()
        rig.store, mine = other, rig.store
        second = rig.by_hand(LEO)
        rig.store = mine
        found = other.operation
        overtaken: list[Decision] = []

        def slow(wanted: str) -> Operation | None:
            seen = found(wanted)
            if not overtaken:
                overtaken.append(first.decide(operation, Choice.STOP, YES))
            return seen

        other.operation = slow  # type: ignore[method-assign, assignment]
        with pytest.raises(DecidedError, match=r"was decided before, at .* UTC: mara decided to stop: the"):
            second.decide(operation, Choice.PROCEED, YES)
        (made,) = other.decisions(operation)
    assert (made.by, made.choice, made.reason) == ("mara", Choice.STOP, "the canary is well")
    assert rig.phases(operation) == ["intent", "rejection"]


def test_a_decision_waits_for_who_carries_on(rig: StagedRig) -> None:
    """Decided while no process is at it: whoever takes the operation up finds it, hours later."""
    operation = left_waiting(rig)
    rig.by_hand(LEO).decide(operation, Choice.PROCEED, YES)
    with pytest.raises(DecidedError, match="leo decided to proceed: the canary is well"):
        rig.by_hand().decide(operation, Choice.STOP, YES)
    rig.clock.at += timedelta(days=2)
    ended = rig.execute(operation, processes=Living(mine=ME, dead={OTHER}))
    assert ended.outcome is Outcome.SUCCEEDED
    assert rig.world.lines() == [operation, f"{operation}/rest"]
    with pytest.raises(NotClaimableError, match="has ended"):
        rig.by_hand().decide(operation, Choice.STOP, YES)


def test_looking_again_reads_the_decision_and_sends_nothing(rig: StagedRig) -> None:
    """A recheck goes up to what would be sent, gives the lease back, and says how it is carried on."""
    operation = left_waiting(rig)
    rig.by_hand(LEO).decide(operation, Choice.PROCEED, YES)
    found = rig.recheck(operation, processes=Living(dead={OTHER}))
    assert found.stage is Stage.RUNNING
    assert rig.world.lines() == [operation]
    assert found.journal[-1].step == "", "it is no entry of the step, which was not begun"
    assert found.journal[-1].said == (
        f"Not sent yet: write the other line of lines / r1. `fedesk execute {operation}` carries it on."
    )
    ended = rig.execute(operation, processes=Living(mine=OTHER))
    assert ended.outcome is Outcome.SUCCEEDED


def test_what_does_not_wait_is_not_decided(rig: StagedRig) -> None:
    """Before the step has come up there is nothing to decide: a yes in advance is none."""
    operation = rig.staged()
    with pytest.raises(NotClaimableError, match="waits for no decision now"):
        rig.by_hand().decide(operation, Choice.PROCEED, YES)
    assert rig.store.decisions(operation) == ()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(how="", reason="INC-1"), "confirmation: dev is production, and its name was not given."),
        (Answer(how="--yes", reason="INC-1"), "confirmation: dev is production"),
        (Answer(how="--confirm prod", named="prod", reason="INC-1"), "confirmation: 'prod' was given"),
        (Answer(how="--confirm dev", named="dev", reason=" "), "reason: No reason was given."),
    ],
)
def test_a_decision_takes_the_yes_of_a_change(rig: StagedRig, answer: Answer, why: str) -> None:
    """In production its name and a reason; without them nothing is decided, and the refusal is recorded."""
    operation = left_waiting(rig)
    with pytest.raises(RefusedError, match=why):
        rig.by_hand(environments=PRODUCTION).decide(operation, Choice.PROCEED, answer)
    assert rig.store.decisions(operation) == ()
    assert rig.phases(operation) == ["intent", "refusal"]
    rig.by_hand(environments=PRODUCTION).decide(
        operation, Choice.PROCEED, Answer(how="--confirm dev", named="dev", reason="INC-1")
    )
    record = rig.store.tail(1, operation=operation)[0].draft
    assert (record.actor, record.reason) == (ACTOR, "INC-1")
    assert record.result == "proceed: review: mara decided to proceed: INC-1"


def test_an_await_past_its_time_is_unknown_and_holds_its_target(rig: StagedRig) -> None:
    """What was sent may still arrive: the outcome is not known, and nobody else may have the target."""
    rig.await_within = 1800.0
    rig.script.progress = [Progress(state=StepState.WAITING, said="in the queue")] * 1000
    operation = rig.staged()
    ended = rig.execute(operation)
    assert (ended.outcome, ended.said) == (Outcome.UNKNOWN, "not there within 0:30:00: in the queue")
    assert 1800 <= rig.clock.monotonic() < 1860
    assert rig.holder() is not None
