"""The runner, over a world that really changes and the store that is really used."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from acting import (
    EFFECT,
    PATIENCE,
    LineChanges,
    LineSystems,
    LineWorld,
    Rig,
    settled_well,
    states,
)

from fedesk.domain.operations import (
    Call,
    Evidence,
    Operation,
    Outcome,
    Progress,
    Receipt,
    Settled,
    StepState,
)
from fedesk.ports.errors import (
    ConflictError,
    CredentialError,
    DeadlineError,
    ForbiddenError,
    NotFoundError,
    NotSentError,
    ProtocolError,
    RateLimitedError,
    ServerFaultError,
    TlsError,
    UnauthenticatedError,
    UnreachableError,
)
from fedesk.services.operation_runner import Changer
from fedesk.services.steps import BLIND
from fedesk.store.operations import SqlStore

T = TypeVar("T")

REFUSALS = (
    NotSentError("no connection to airflow.dev.example"),
    ForbiddenError("not allowed (403)"),
    UnauthenticatedError("unknown (401)"),
    NotFoundError("gone (404)"),
    ConflictError("one runs (409)"),
    RateLimitedError("too many (429)"),
    CredentialError("no credential"),
    TlsError("certificate expired"),
)
NO_ANSWERS = (
    ServerFaultError("failed (500)"),
    UnreachableError("reset by peer"),
    DeadlineError("no answer within 5 s"),
    ProtocolError("not JSON"),
    RuntimeError("a fault of the adapter"),
)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    store = SqlStore(tmp_path / "state.sqlite3")
    rig = Rig(store=store, world=LineWorld(tmp_path / "lines"))
    yield rig
    rig.script.let_go.set()
    store.close()


def test_an_operation_is_sent_once_and_read_back(rig: Rig) -> None:
    """Intent, effect, steps and outcome are in the journal in order; one intent, one outcome are audited."""
    operation = rig.confirmed()
    ended = rig.execute(operation)
    assert ended.outcome is Outcome.SUCCEEDED
    assert ended.said == "the line reads back"
    assert states(ended) == [
        ("send", StepState.INTENDED),
        ("send", StepState.DONE),
        ("arrive", StepState.DONE),
        ("read back", StepState.DONE),
    ]
    assert rig.world.lines() == [operation]
    assert rig.phases(operation) == ["intent", "outcome"]
    settled_well(rig, operation)


def test_what_the_system_answered_stands_in_the_journal(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words, what the next steps follow, and what it gave as evidence."""
    seen = Evidence(source="dev/airflow", said="line 1", at=rig.clock.now(), link="http://airflow/1")
    receipt = Receipt(said="1 line written", reference="line:1", evidence=(seen,))
    apply = LineChanges.apply

    def answers(changes: LineChanges, call: Call) -> Receipt:
        apply(changes, call)
        return receipt

    monkeypatch.setattr(LineChanges, "apply", answers)
    ended = rig.execute(rig.confirmed())
    sent = next(one for one in ended.journal if (one.step, one.state) == ("send", StepState.DONE))
    assert (sent.said, sent.reference, sent.evidence) == ("1 line written", "line:1", (seen,))


def test_the_call_is_sent_with_the_operation_filled_in(rig: Rig) -> None:
    """What is sent carries the operation's id, by which it is looked up."""
    operation = rig.confirmed()
    rig.execute(operation)
    (call,) = rig.script.sends
    assert call.args == {"note": f"fedesk {operation}"}
    assert call.key == operation


def test_the_intent_is_durable_before_the_first_byte(rig: Rig, tmp_path: Path) -> None:
    """When the system is asked, another process can read the intent, in the journal and in the audit log."""
    operation = rig.confirmed()
    seen: list[Operation | None] = []
    phases: list[str] = []

    def look() -> None:
        other = SqlStore(tmp_path / "state.sqlite3")
        seen.append(other.operation(operation))
        phases.extend(str(record.draft.phase) for record in other.tail(10, operation=operation))
        other.close()

    rig.script.on_send = look
    rig.execute(operation)
    assert seen[0] is not None
    assert states(seen[0]) == [("send", StepState.INTENDED)]
    assert phases == ["intent"]


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
def test_what_the_system_refused_was_not_done(rig: Rig, error: Exception) -> None:
    """A refusal, or no byte that left, ends it as failed, in the system's words, without a look."""
    rig.script.before = error
    ended = rig.execute(operation := rig.confirmed())
    assert ended.outcome is Outcome.FAILED
    assert ended.said == f"nothing was changed: {error}"
    assert (len(rig.script.sends), rig.script.looks) == (1, 0)
    assert rig.phases(operation) == ["intent", "outcome"]
    settled_well(rig, operation)


@pytest.mark.parametrize("error", NO_ANSWERS, ids=lambda error: type(error).__name__)
def test_an_answer_lost_after_the_effect_is_looked_up(rig: Rig, error: Exception) -> None:
    """The effect is there although no answer came: it is found, and nothing is sent a second time."""
    rig.script.after = error
    ended = rig.execute(operation := rig.confirmed())
    assert ended.outcome is Outcome.SUCCEEDED
    assert states(ended)[:3] == [
        ("send", StepState.INTENDED),
        ("send", StepState.UNANSWERED),
        ("send", StepState.DONE),
    ]
    assert len(rig.script.sends) == 1
    settled_well(rig, operation)


@pytest.mark.parametrize("error", NO_ANSWERS, ids=lambda error: type(error).__name__)
def test_an_effect_that_never_came_is_told_as_such(rig: Rig, error: Exception) -> None:
    """Without effect it failed, and that nothing is there is believed only after the system's patience."""
    rig.script.before = error
    ended = rig.execute(operation := rig.confirmed())
    assert ended.outcome is Outcome.FAILED
    assert ended.said == "nothing was changed: there is no such line"
    assert sum(rig.clock.paused) >= PATIENCE
    assert len(rig.script.sends) == 1
    settled_well(rig, operation)


def test_a_slow_server_is_given_its_time(rig: Rig) -> None:
    """An effect that comes to be while it is looked for is found: its absence was not believed at once."""
    rig.script.before, rig.script.done_at_look = UnreachableError("reset by peer"), 4
    ended = rig.execute(operation := rig.confirmed())
    assert ended.outcome is Outcome.SUCCEEDED
    assert rig.world.lines() == [operation]
    settled_well(rig, operation)


def test_looks_that_fail_at_first_do_not_settle_anything(rig: Rig) -> None:
    """A system that is away, and a fault of fedesk, while looking: evidence, and looked again."""
    rig.script.after = UnreachableError("reset by peer")
    rig.script.looks_fail = [UnreachableError("refused"), RuntimeError("a fault"), ForbiddenError("403")]
    ended = rig.execute(operation := rig.confirmed())
    assert ended.outcome is Outcome.SUCCEEDED
    assert rig.script.looks == 4
    settled_well(rig, operation)


def test_what_cannot_be_told_stays_unknown_and_holds_its_target(rig: Rig) -> None:
    """Unknown is recorded with the evidence and holds the reservation; a recheck makes it final."""
    rig.script.after, rig.script.always_unknown = UnreachableError("reset by peer"), True
    rig.script.looks_fail = [ServerFaultError("event log failed (500)")]
    ended = rig.execute(operation := rig.confirmed())
    assert ended.outcome is Outcome.UNKNOWN
    assert ended.is_open
    assert "event log failed (500)" in {one.said for one in ended.journal[-1].evidence}
    holder = rig.holder()
    assert holder is not None
    assert holder.plan.operation == operation

    rig.script.always_unknown = False
    settled = rig.recheck(operation)
    assert settled.outcome is Outcome.SUCCEEDED
    assert rig.phases(operation) == ["intent", "outcome", "settlement"]
    assert len(rig.script.sends) == 1
    settled_well(rig, operation)


def test_a_system_that_hangs_after_the_effect_is_looked_up(rig: Rig) -> None:
    """The total deadline ends the waiting; the effect is found by another look."""
    rig.systems = LineSystems(rig.world, rig.script, deadline=0.2)
    rig.script.hangs = True
    ended = rig.execute(operation := rig.confirmed())
    assert ended.outcome is Outcome.SUCCEEDED
    assert ("send", StepState.UNANSWERED) in states(ended)
    settled_well(rig, operation)


def test_a_call_that_waited_too_long_for_its_turn_is_never_sent(rig: Rig) -> None:
    """When the adapter is opened only after the deadline, the operation has failed and nothing follows it."""
    rig.systems = LineSystems(rig.world, rig.script, deadline=0.1)
    opened = threading.Event()

    def slow() -> None:
        rig.script.let_go.wait(10)
        opened.set()

    rig.script.on_open = slow
    ended = rig.execute(operation := rig.confirmed())
    assert ended.outcome is Outcome.FAILED
    assert ended.said.startswith("nothing was sent: ")
    rig.script.let_go.set()
    assert opened.wait(10)
    # The opened adapter answers later calls, so the late one has had its turn by then.
    assert rig.systems.settle(EFFECT.connection, EFFECT.call).state is Settled.NOT_DONE
    assert rig.script.sends == []
    settled_well(rig, operation)


class LateBulkhead:
    """A bulkhead that gives up waiting, and whose thread comes to its turn only afterwards."""

    def __init__(self) -> None:
        self.uses: list[Callable[[Changer], object]] = []

    def call(self, use: Callable[[Changer], T], *, deadline: float | None = None) -> T:
        self.uses.append(use)
        raise DeadlineError(f"no answer within {deadline or 5} s")

    def close(self) -> None:
        pass


def test_the_gate_is_closed_once_nobody_waits(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that reaches the adapter after the runner has given up is stopped before it sends."""
    late = LateBulkhead()
    monkeypatch.setattr(rig.systems, "changing", lambda _: late)
    ended = rig.execute(rig.confirmed())
    assert ended.outcome is Outcome.FAILED
    assert ended.said.startswith("nothing was sent: ")
    (use,) = late.uses
    with pytest.raises(NotSentError):
        use(LineChanges(rig.world, rig.script))
    assert rig.script.sends == []


def test_a_step_that_waits_says_so_as_it_changes(rig: Rig) -> None:
    """What an await step waits for is in the journal, each thing once, and it goes on when it is done."""
    waiting = [Progress(state=StepState.WAITING, said="in the quiet period")] * 3
    rig.script.progress = [*waiting, Progress(state=StepState.DONE, said="build 7", reference="build:7")]
    ended = rig.execute(operation := rig.confirmed())
    assert [(entry.state, entry.said) for entry in ended.journal if entry.step == "arrive"] == [
        (StepState.WAITING, "in the quiet period"),
        (StepState.DONE, "build 7"),
    ]
    settled_well(rig, operation)


def test_a_fault_in_a_look_is_evidence_and_no_crash(rig: Rig) -> None:
    """A step that waits goes on after looks that failed, whatever they failed with."""
    rig.script.progress = [RuntimeError("a fault"), UnreachableError("refused"), ServerFaultError("500")]
    ended = rig.execute(operation := rig.confirmed())
    assert ended.outcome is Outcome.SUCCEEDED
    settled_well(rig, operation)


def test_a_step_that_sees_nothing_for_long_ends_unknown(rig: Rig) -> None:
    """Looks that fail for ten minutes end a step that waits; what was sent is not known to have arrived."""
    rig.script.progress = [UnreachableError("refused")] * 1000
    ended = rig.execute(operation := rig.confirmed())
    assert ended.outcome is Outcome.UNKNOWN
    assert sum(rig.clock.paused) >= BLIND
    rig.script.progress = []
    assert rig.recheck(operation).outcome is Outcome.SUCCEEDED
    settled_well(rig, operation)


def test_a_step_that_cannot_be_told_ends_unknown(rig: Rig) -> None:
    """What a step says it cannot tell is asked for the system's patience, and is unknown then."""
    rig.script.progress = [Progress(state=StepState.UNKNOWN, said="the queue item is gone")] * 1000
    ended = rig.execute(rig.confirmed())
    assert ended.outcome is Outcome.UNKNOWN
    assert ended.said == "the queue item is gone"
    assert PATIENCE <= sum(rig.clock.paused) < BLIND


def test_a_step_that_waits_may_fail(rig: Rig) -> None:
    """What was sent and then cancelled by somebody failed, with the words of the system."""
    rig.script.progress = [Progress(state=StepState.FAILED, said="the queue item was cancelled")]
    ended = rig.execute(operation := rig.confirmed())
    assert (ended.outcome, ended.said) == (Outcome.FAILED, "the queue item was cancelled")
    settled_well(rig, operation)


def test_reading_back_has_its_time(rig: Rig) -> None:
    """An effect that is not read back within the step's bound is unknown, not done and not failed."""
    rig.script.verifies = [Progress(state=StepState.WAITING, said="no line yet")] * 1000
    ended = rig.execute(rig.confirmed())
    assert ended.outcome is Outcome.UNKNOWN
    assert ended.said == "not read back in time: no line yet"
    assert 20 <= sum(rig.clock.paused) < 30


def test_reading_back_something_else_failed(rig: Rig) -> None:
    """An effect that reads back as another one than was planned is a failure."""
    rig.script.verifies = [Progress(state=StepState.FAILED, said="other parameters")]
    ended = rig.execute(operation := rig.confirmed())
    assert (ended.outcome, ended.said) == (Outcome.FAILED, "other parameters")
    settled_well(rig, operation)
