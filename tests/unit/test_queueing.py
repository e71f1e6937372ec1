"""Operations that queue: one acts, the others wait their turn in the order of their confirmation."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from acting import (
    ACTOR,
    ENVIRONMENTS,
    ME,
    OTHER,
    TARGET,
    LineWorld,
    Living,
    Rig,
    make_plan,
    states,
)
from making import NOW
from staging import LEO, DecidingClock

from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.domain.catalogue import Catalogue
from fedesk.domain.guards import IN_FLIGHT, SOMEBODY_AT_IT
from fedesk.domain.operations import (
    Choice,
    Decision,
    GuardResult,
    JournalEntry,
    Operation,
    Outcome,
    Owner,
    Ruling,
    StepState,
)
from fedesk.domain.release_queue import TURN, place_of, waits
from fedesk.ports.operation_store import DecidedError, Lease, NotClaimableError
from fedesk.services.by_hand import ByHand
from fedesk.services.held import LEASE
from fedesk.services.judging import judge
from fedesk.services.operation_kinds import OperationKind
from fedesk.services.proposals import RefusedError
from fedesk.store.operations import SqlStore

THIRD = Owner(host="desk-3", boot="b1", pid=4713, started="300")


@dataclass
class QueueRig(Rig):
    """The small world, its kind one that queues."""

    clock: DecidingClock = field(default_factory=DecidingClock)

    @property
    def kinds(self) -> Mapping[str, OperationKind]:
        return {name: replace(kind, queues=True) for name, kind in super().kinds.items()}

    def holds(self) -> Lease:
        """Another's operation, which holds the target."""
        return self.store.claim(self.confirmed(), OTHER, self.clock.now(), LEASE, dead=None)

    def in_line(self, owner: Owner = THIRD) -> Lease:
        """Another's operation, which waits for it."""
        waiting = self.confirmed()
        lease = self.store.claim(waiting, owner, self.clock.now(), LEASE, dead=None, reserve=False)
        turn = JournalEntry(
            number=0, at=NOW, step="", state=StepState.PENDING, said="in line", reference=TURN
        )
        self.store.write(lease, (turn,))
        return lease

    def by_hand(self, actor: Actor = ACTOR) -> ByHand:
        """Somebody's word on operations."""
        return ByHand(
            store=self.store,
            systems=self.systems,
            clock=self.clock,
            processes=self.processes,
            actor=actor,
            environments=ENVIRONMENTS,
            kinds=self.kinds,
            pause=self.clock.pause,
        )

    def ends(self, lease: Lease, outcome: Outcome = Outcome.SUCCEEDED) -> Callable[[], None]:
        """Has it end when something waits."""

        def end() -> None:
            self.clock.on_pause = lambda: None
            audit = AuditDraft(
                at=self.clock.now(),
                actor=ACTOR,
                environment="dev",
                action="rerun",
                target=TARGET.name,
                phase=Phase.OUTCOME,
                operation=lease.operation,
                result=str(outcome),
            )
            self.store.end(lease, outcome, "it is over", self.clock.now(), (), audit)

        return end

    def turns(self, operation: Operation) -> list[str]:
        """What the journal says of the line."""
        return [entry.said for entry in operation.journal if entry.reference == TURN]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[QueueRig]:
    with closing(SqlStore(tmp_path / "state.sqlite3")) as store:
        yield QueueRig(store=store, world=LineWorld(tmp_path / "lines"))


def test_it_waits_and_then_acts_once(rig: QueueRig) -> None:
    """The journal says behind whom; after the turn has come everything goes its usual way."""
    holder, operation = rig.holds(), rig.confirmed()
    rig.clock.on_pause = rig.ends(holder)
    ended = rig.execute(operation)
    assert ended.outcome is Outcome.SUCCEEDED
    assert rig.turns(ended) == [
        f"waits its turn: 1st in line behind {holder.operation} (airflow.clear-failed of mara)"
    ]
    assert states(ended)[0] == ("send", StepState.INTENDED)
    assert rig.phases(operation) == ["intent", "outcome"]
    assert (rig.world.lines(), rig.holder()) == ([operation], None)


def test_who_was_confirmed_before_goes_first(rig: QueueRig) -> None:
    """Once the target is free it waits for who is before it; not for who stands still, or came later."""
    holder, first, operation = rig.holds(), rig.in_line(), rig.confirmed()
    late = rig.in_line(Owner(host="desk-3", boot="b1", pid=4714, started="400"))
    rig.clock.on_pause = rig.ends(holder)
    ended = rig.execute(operation)
    assert ended.outcome is Outcome.SUCCEEDED
    assert rig.turns(ended) == [
        f"waits its turn: 2nd in line behind {holder.operation} (airflow.clear-failed of mara)",
        f"waits its turn: 1st in line behind {first.operation} (airflow.clear-failed of mara)",
    ]
    assert sum(rig.clock.paused) >= LEASE.total_seconds()
    assert late.operation > operation
    assert rig.world.lines() == [operation]


def test_who_has_died_in_line_is_passed_over_and_has_sent_nothing(rig: QueueRig) -> None:
    """Looked at again it ends as one that nobody had begun; whoever is behind it need not wait longer."""
    holder, first = rig.holds(), rig.in_line()
    rig.processes = Living(dead={THIRD})
    settled = rig.recheck(first.operation)
    assert (settled.outcome, settled.said[:16]) == (Outcome.ABORTED, "Nothing was sent")
    rig.clock.on_pause = rig.ends(holder)
    assert rig.execute(rig.confirmed()).outcome is Outcome.SUCCEEDED
    assert sum(rig.clock.paused) < LEASE.total_seconds()


def test_its_plan_may_run_out_in_line(rig: QueueRig) -> None:
    """Refused as a conflict that says where it stood; nothing was sent."""
    holder = rig.holds()
    rig.clock.on_pause = lambda: setattr(
        rig, "_kept", rig.store.renew(holder, rig.clock.now(), timedelta(seconds=120))
    )
    ended = rig.execute(operation := rig.confirmed())
    assert (ended.outcome, ended.is_conflict) == (Outcome.REFUSED, True)
    assert f"1st in line behind {holder.operation}" in ended.said
    assert (rig.script.sends, rig.phases(operation)) == ([], ["refusal"])


def test_nobody_waits_for_what_ended_unknown(rig: QueueRig) -> None:
    """It holds its target until somebody has looked, which may be days: those in line are refused at once."""
    holder = rig.holds()
    rig.script.always_unknown = True
    rig.store.write(
        holder,
        (JournalEntry(number=0, at=NOW, step="send", state=StepState.INTENDED, said="write a line"),),
    )
    rig.clock.on_pause = rig.ends(holder, Outcome.UNKNOWN)
    ended = rig.execute(operation := rig.confirmed())
    assert ended.outcome is Outcome.REFUSED
    assert f"in flight: Operation {holder.operation}" in ended.said
    assert (rig.script.sends, rig.phases(operation)) == ([], ["refusal"])


def test_a_plan_says_where_it_will_stand(rig: QueueRig) -> None:
    """A warning instead of a refusal; what the holder has under way is asked again when its turn has come."""
    holder = rig.holds()
    rig.in_line()
    busy = GuardResult(
        guard=SOMEBODY_AT_IT, ruling=Ruling.DENY, reason="Build #7 is under way.", conflict=True
    )
    plan, kind = make_plan(), rig.kinds["airflow.clear-failed"]

    def rulings(kind: OperationKind) -> Mapping[str, GuardResult]:
        found = judge(
            plan,
            kind,
            replace(rig.draft, guards=(busy,)),
            store=rig.store,
            catalogue=Catalogue(),
            environment=ENVIRONMENTS["dev"],
            confirmation=None,
            window=None,
            now=NOW,
            processes=Living(ME),
        )
        return {one.guard: one for one in found}

    queued, other = rulings(kind), rulings(replace(kind, queues=False))
    assert queued[IN_FLIGHT].ruling is queued[SOMEBODY_AT_IT].ruling is Ruling.WARN
    assert f"2nd in line behind {holder.operation}" in queued[IN_FLIGHT].reason
    assert other[IN_FLIGHT].ruling is other[SOMEBODY_AT_IT].ruling is Ruling.DENY


def test_the_line_as_it_is_listed(rig: QueueRig) -> None:
    """Each with its place, by what the store has; what shares no reservation stands in another line."""
    holder = rig.holds()
    lined = [rig.in_line(Owner(host="d", boot="b", pid=number, started="1")) for number in range(12)]
    elsewhere = make_plan(targets=(replace(TARGET, reserves=("dev/airflow:other/r1",)),))
    opened = rig.store.open_operations()
    said = {one.plan.operation: waits(one, opened, now=NOW) for one in opened}
    assert said[holder.operation] == ""
    places = [said[one.operation].partition(" in line")[0].removeprefix("waits its turn: ") for one in lined]
    assert [places[number] for number in (0, 1, 2, 3, 10, 11)] == ["1st", "2nd", "3rd", "4th", "11th", "12th"]
    assert place_of(elsewhere, None, opened, now=NOW) is None


# Taken back while it waits


def taking_back(rig: QueueRig, operation: str, reason: str = "wrong day") -> Callable[[], None]:
    """Who asked for it takes it back as soon as it stands in line, at a desk that does not wait for it."""

    def take() -> None:
        rig.clock.on_pause = lambda: None
        rig.by_hand().withdraw(operation, reason)

    return take


def test_what_is_taken_back_in_line_ends_there(rig: QueueRig) -> None:
    """By its own process, with who and why on the record, nothing sent; the next in line moves up."""
    holder, operation = rig.holds(), rig.confirmed()
    behind = rig.in_line()
    rig.clock.on_pause = taking_back(rig, operation)
    ended = rig.execute(operation)
    assert (ended.outcome, ended.said) == (Outcome.REFUSED, "withdrawn by mara: wrong day")
    assert not ended.is_conflict
    assert (rig.phases(operation), rig.script.sends) == (["rejection", "refusal"], [])
    opened = rig.store.open_operations()
    assert {one.plan.operation for one in opened} == {holder.operation, behind.operation}
    assert waits(behind.found, opened, now=NOW) == ""
    found = rig.store.operation(behind.operation)
    assert found is not None
    assert waits(found, opened, now=NOW).startswith(f"waits its turn: 1st in line behind {holder.operation}")
    assert rig.store.verify(deep=True).flaw is None


def test_what_is_taken_back_while_its_turn_comes_never_acts(rig: QueueRig) -> None:
    """Heard until right before the first step, after it was judged with its targets; those are free then."""
    holder, operation = rig.holds(), rig.confirmed()
    rig.clock.on_pause = rig.ends(holder)
    decision = Decision(
        operation=operation, step=TURN, choice=Choice.STOP, reason="too early", by="mara", at=NOW
    )
    audit = AuditDraft(
        at=NOW,
        actor=ACTOR,
        environment="dev",
        action="rerun",
        target=TARGET.name,
        phase=Phase.REJECTION,
        operation=operation,
        result="withdrawn by mara: too early",
    )

    def decide() -> None:
        rig.store.decide(decision, audit)

    rig.on_draft = decide
    ended = rig.execute(operation)
    assert (ended.outcome, ended.said) == (Outcome.REFUSED, "withdrawn by mara: too early")
    assert (rig.script.sends, rig.holder()) == ([], None)


def test_whose_turn_has_come_is_not_taken_back(rig: QueueRig) -> None:
    """Claimed with its targets: left as it is, with nothing on the record; so is another's in line."""
    lease = rig.holds()
    with pytest.raises(NotClaimableError, match="has begun"):
        rig.by_hand().withdraw(lease.operation, "too late")
    waiting = rig.in_line()
    own, other = rig.by_hand(), rig.by_hand(LEO)
    for hand, reason, why in ((other, "mine", "who alone takes it back"), (own, " ", "No reason")):
        with pytest.raises(RefusedError, match=why):
            hand.withdraw(waiting.operation, reason)
    assert rig.phases(lease.operation) == []
    assert rig.phases(waiting.operation) == ["refusal"] * 2
    assert rig.store.decisions(waiting.operation) == ()


def test_who_was_too_late_by_a_moment_is_told(rig: QueueRig) -> None:
    """The first step was begun before anybody could hear it: it goes on, and is not said to be withdrawn."""
    rig.holds()
    waiting = rig.in_line()
    sent = JournalEntry(number=0, at=NOW, step="send", state=StepState.INTENDED, said="write a line")

    def begin() -> None:
        rig.store.write(waiting, (sent,))

    rig.clock.on_pause = begin
    with pytest.raises(NotClaimableError, match="has begun"):
        rig.by_hand().withdraw(waiting.operation, "too late")
    found = rig.store.operation(waiting.operation)
    assert found is not None
    assert found.is_open


def test_who_has_died_in_line_is_ended_by_who_takes_it_back(rig: QueueRig) -> None:
    """Nobody else would end it; one that stands still is left with the word on it, once."""
    rig.holds()
    dead, still = rig.in_line(), rig.in_line(Owner(host="desk-3", boot="b1", pid=4714, started="400"))
    rig.processes = Living(dead={THIRD})
    ended = rig.by_hand().withdraw(dead.operation, "not needed")
    assert (ended.outcome, ended.said) == (Outcome.REFUSED, "withdrawn by mara: not needed")
    left = rig.by_hand().withdraw(still.operation, "not needed")
    assert left.is_open
    assert rig.phases(still.operation) == ["rejection"]
    with pytest.raises(DecidedError, match="mara decided to stop: not needed"):
        rig.by_hand().withdraw(still.operation, "again")
    assert rig.script.sends == []
