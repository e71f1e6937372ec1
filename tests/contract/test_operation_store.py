"""Operations and their journal, reservations, leases: on a file, and on a team's server."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from making import NOW, minutes
from operation_values import EVIDENCE, GUARDS, OWNER, draft_of, operation_id
from several_desks import opened_over
from storing import LASTS, PARTITION, RUN, SECOND, carried_out, claimed, entry, submission, told

from fedesk.domain.audit import Phase
from fedesk.domain.operations import Operation, Outcome, Stage, StepState
from fedesk.domain.partitions import of_service
from fedesk.ports.operation_store import (
    LeaseLostError,
    NotClaimableError,
    OperationStore,
    ReservedError,
    Spending,
    StoreError,
)
from fedesk.store.operations import SqlStore

if TYPE_CHECKING:
    from postgres_server import Server


@pytest.fixture(params=["sqlite", "postgresql", "person"])
def again(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], SqlStore]]:
    """Opens one store, as often as asked: the same file, or the same database.

    ``postgresql`` is a database as its owner, ``person`` as the login role of one whose desk runs operations.
    """
    team: str | None = None
    if request.param != "sqlite":
        server: Server = request.getfixturevalue("postgres")
        team = server.fresh()
        if request.param == "person":
            team = server.desk(team, "mara")
    with opened_over(tmp_path, team) as open_it:
        yield open_it


@pytest.fixture
def store(again: Callable[[], SqlStore]) -> SqlStore:
    return again()


def spent(store: SqlStore, kind: str, reserve: str, since: datetime) -> int:
    spending = Spending(kind=kind, reserve=reserve, since=since)
    return store.standing((), besides="", spending=spending).spent


def found(store: SqlStore, number: int = 1) -> Operation:
    operation = store.operation(operation_id(number))
    assert operation is not None
    return operation


def test_it_is_the_port(store: SqlStore) -> None:
    """Every method of the port is there with its types (mypy reads this assignment)."""
    port: OperationStore = store
    assert port.operations() == ()


def test_what_was_confirmed_comes_back(store: SqlStore) -> None:
    """Plan, digest, guards with their facts and confirmation are those that were submitted; nobody has it."""
    given = submission()
    store.submit(given)
    operation = found(store)
    assert (operation.plan, operation.digest, operation.guards) == (given.plan, given.digest, GUARDS)
    assert operation.confirmation == given.confirmation
    assert operation.stage is Stage.CONFIRMED
    assert operation.confirmed_at == given.confirmation.at
    assert (operation.outcome, operation.owner, operation.lease_until, operation.journal) == (
        None,
        None,
        None,
        (),
    )
    assert (operation.said, operation.ended_at, operation.audit_intent, operation.audit_outcome) == (
        "", None, None, None
    )  # fmt: skip


def test_an_operation_from_its_claim_to_its_end(store: SqlStore) -> None:
    """Journal entries are numbered, audit records belong to the operation, targets are free at the end."""
    given = submission()
    lease = claimed(store)
    assert store.holder([RUN]) == found(store)
    written = store.write(lease, [entry("clear", StepState.INTENDED, "clear 3")], told(given, Phase.INTENT))
    lease = store.renew(lease, NOW, LASTS + minutes(1))
    more = [entry("clear", StepState.DONE, "cleared"), entry("read back", StepState.DONE, "queued")]
    assert store.write(lease, more[:1]).audit_seq is None
    ended = store.end(lease, Outcome.SUCCEEDED, "3 cleared", NOW, more[1:], told(given, Phase.OUTCOME))
    operation = found(store)
    assert operation.stage is Stage.ENDED
    assert (operation.outcome, operation.said, operation.ended_at) == (Outcome.SUCCEEDED, "3 cleared", NOW)
    assert (operation.owner, operation.lease_until) == (OWNER, None)
    assert [(one.number, one.step, one.state) for one in operation.journal] == [
        (1, "", StepState.PENDING),
        (2, "clear", StepState.INTENDED),
        (3, "clear", StepState.DONE),
        (4, "read back", StepState.DONE),
    ]
    assert operation.journal[0].said == "claimed by process 4242 on desk-3"
    assert operation.journal[1].evidence == EVIDENCE
    assert (operation.audit_intent, operation.audit_outcome) == (written.audit_seq, ended.audit_seq) == (1, 2)
    assert store.holder([RUN, PARTITION]) is None
    assert store.verify(deep=True).flaw is None


def test_an_operation_is_found_by_the_beginning_of_its_id(store: SqlStore) -> None:
    """The first characters do where they are those of one alone."""
    for number in (1, 2):
        store.submit(submission(number))
    assert store.operation(operation_id(2)[:13]) == found(store, 2)
    assert store.operation(operation_id(1)[:8]) is None
    assert store.operation("") is None
    assert store.operation("%") is None
    assert store.operation(operation_id(3)) is None


def test_operations_come_newest_first(store: SqlStore) -> None:
    """By the moment of their confirmation; open are those that have not ended, or ended unknown.

    Those that held something are found however much came since.
    """
    service = of_service("prod", "payments")
    carried_out(store, 1, reserves=(RUN, service))
    carried_out(store, 2, Outcome.UNKNOWN)
    store.submit(submission(3))
    store.submit(submission(4))
    store.claim(operation_id(4), OWNER, NOW, LASTS, dead=None, reserve=False)
    assert [one.plan.operation for one in store.operations()] == [operation_id(n) for n in (4, 3, 2, 1)]
    assert [one.plan.operation for one in store.operations(limit=1)] == [operation_id(4)]
    assert store.operations(environment="dev") == ()
    assert len(store.operations(environment="prod")) == 4
    assert [one.plan.operation for one in store.operations(reserves=(service,), limit=1)] == [operation_id(1)]
    assert store.operations(reserves=(of_service("prod", "other"),)) == ()
    each = store.operations(reserves=(service, PARTITION), limit=2)
    assert [one.plan.operation for one in each] == [operation_id(n) for n in (4, 3, 1)]
    assert store.operations(environment="dev", reserves=(service, RUN)) == ()
    assert [one.plan.operation for one in store.open_operations()] == [operation_id(n) for n in (4, 3, 2)]


def test_a_plan_is_confirmed_once(store: SqlStore) -> None:
    """The second confirmation of one operation is refused, and the first stays as it was."""
    store.submit(submission())
    with pytest.raises(StoreError, match="was confirmed already"):
        store.submit(replace(submission(), guards=()))
    assert found(store).guards == GUARDS


@pytest.mark.parametrize("field", ["digest", "confirmed digest", "confirmed operation", "plan"])
def test_a_confirmation_of_another_plan_is_refused(store: SqlStore, field: str) -> None:
    """Digest, confirmation and plan have to be of one plan: nobody runs what they have not read."""
    given = submission()
    other = {
        "digest": replace(given, digest="0" * 64),
        "confirmed digest": replace(given, confirmation=replace(given.confirmation, digest="0" * 64)),
        "confirmed operation": replace(given, confirmation=replace(given.confirmation, operation="x")),
        "plan": replace(given, plan=replace(given.plan, reason="another")),
    }[field]
    with pytest.raises(StoreError, match="is of another plan"):
        store.submit(other)
    assert store.operations() == ()


def test_two_operations_on_one_target(store: SqlStore) -> None:
    """One wins; the other is told who holds it, and nothing of its own claim is kept."""
    claimed(store, 1)
    store.submit(submission(2, reserves=("elsewhere", PARTITION)))
    with pytest.raises(ReservedError, match=operation_id(1)) as refused:
        store.claim(operation_id(2), SECOND, NOW, LASTS, dead=None)
    assert refused.value.holder == found(store, 1)
    assert "mara@finedge.example, confirmed 2026-11-20 02:43:11 UTC" in str(refused.value)
    assert found(store, 2).stage is Stage.CONFIRMED
    assert found(store, 2).journal == ()
    assert store.holder(["elsewhere"]) is None
    assert store.holder([PARTITION], besides=operation_id(1)) is None


def test_one_that_is_only_ended_takes_no_reservation(store: SqlStore) -> None:
    """A refusal because another holds the target is written under a lease, and takes nothing away."""
    claimed(store, 1)
    store.submit(submission(2))
    lease = store.claim(operation_id(2), SECOND, NOW, LASTS, dead=None, reserve=False)
    store.end(lease, Outcome.REFUSED, "held", NOW, [], told(submission(2), Phase.REFUSAL, "in flight"))
    assert found(store, 2).outcome is Outcome.REFUSED
    holder = store.holder([RUN])
    assert holder is not None
    assert holder.plan.operation == operation_id(1)
    assert store.tail(1)[0].draft.result == "in flight"
    assert store.verify(deep=True).flaw is None


def test_targets_are_free_for_the_next_when_one_has_ended(store: SqlStore) -> None:
    """A final outcome lets go of what was reserved; an unknown one keeps it until it is settled."""
    carried_out(store, 1)
    carried_out(store, 2, Outcome.UNKNOWN)
    store.submit(submission(3))
    with pytest.raises(ReservedError, match=operation_id(2)):
        store.claim(operation_id(3), SECOND, NOW, LASTS, dead=None)
    lease = store.claim(operation_id(2), SECOND, NOW, LASTS, dead=None)
    assert found(store, 2).stage is Stage.ENDED
    assert found(store, 2).outcome is Outcome.UNKNOWN
    settled = NOW + minutes(5)
    store.end(lease, Outcome.FAILED, "it was not done", settled, [], told(submission(2), Phase.SETTLEMENT))
    assert (found(store, 2).outcome, found(store, 2).ended_at) == (Outcome.FAILED, settled)
    assert found(store, 2).audit_outcome == 5
    store.claim(operation_id(3), SECOND, NOW, LASTS, dead=None)
    assert store.verify(deep=True).flaw is None


def test_what_cannot_be_claimed_says_why(store: SqlStore) -> None:
    """One that is not there, has ended, or was claimed by another."""
    with pytest.raises(NotClaimableError, match="There is no operation"):
        store.claim(operation_id(9), OWNER, NOW, LASTS, dead=None)
    carried_out(store, 1)
    with pytest.raises(NotClaimableError, match="has ended: succeeded"):
        store.claim(operation_id(1), OWNER, NOW, LASTS, dead=OWNER)
    claimed(store, 2)
    for dead in (None, SECOND):
        with pytest.raises(NotClaimableError, match="was claimed by process 4242 on desk-3"):
            store.claim(operation_id(2), SECOND, NOW, LASTS, dead=dead)
    store.submit(submission(3, reserves=()))
    with pytest.raises(NotClaimableError, match="nobody yet"):
        store.claim(operation_id(3), SECOND, NOW, LASTS, dead=OWNER)


def test_the_operation_of_a_dead_owner_is_taken_over(store: SqlStore) -> None:
    """Who names the dead owner gets lease and reservations; the old lease is good for nothing."""
    old = claimed(store, 1)
    new = store.claim(operation_id(1), SECOND, NOW, LASTS, dead=OWNER)
    assert new.fence > old.fence
    assert found(store).owner == SECOND
    given = submission()
    for attempt in (
        lambda: store.renew(old, NOW, LASTS),
        lambda: store.write(old, [entry("clear", StepState.INTENDED)], told(given, Phase.INTENT)),
        lambda: store.end(old, Outcome.FAILED, "", NOW, [], told(given, Phase.OUTCOME)),
    ):
        with pytest.raises(LeaseLostError, match="was taken over by process 99 on desk-4"):
            attempt()
    assert [one.said for one in found(store).journal] == [
        "claimed by process 4242 on desk-3",
        "claimed by process 99 on desk-4",
    ]
    assert store.tail(1) == ()
    with pytest.raises(NotClaimableError, match="process 99"):
        store.claim(operation_id(1), OWNER, NOW, LASTS, dead=OWNER)
    store.write(new, [], told(given, Phase.INTENT))


def test_an_ended_operation_is_not_written_to(store: SqlStore) -> None:
    """Its lease has ended with it: one final outcome, whatever a late process still has to say."""
    lease = carried_out(store, 1)
    with pytest.raises(LeaseLostError, match="has ended: succeeded"):
        store.end(lease, Outcome.FAILED, "", NOW, [], told(submission(), Phase.OUTCOME))
    with pytest.raises(LeaseLostError, match="is gone from the store"):
        store.renew(replace(lease, operation="x"), NOW, LASTS)
    assert len(store.tail(9)) == 2


def test_a_lease_that_was_given_back_is_taken_by_naming_its_owner(store: SqlStore) -> None:
    """A lease that ran out is still a lease: who takes it over says whom they found gone."""
    claimed(store, 1)
    lease = store.claim(operation_id(1), SECOND, NOW, -minutes(9), dead=OWNER)
    until, now = found(store).lease_until, store.now(NOW)
    assert until is not None
    assert timedelta() <= now - minutes(9) - until < minutes(1)
    with pytest.raises(NotClaimableError):
        store.claim(operation_id(1), OWNER, NOW, LASTS, dead=None)
    renewed = store.renew(lease, NOW, LASTS)
    assert timedelta() <= store.now(NOW) + LASTS - renewed.until < minutes(1)


def test_reruns_are_counted_by_what_was_sent(store: SqlStore) -> None:
    """Of a kind and a reservation since a moment: refused, aborted and never sent ones do not count."""
    carried_out(store, 1)
    carried_out(store, 2, Outcome.FAILED)
    carried_out(store, 3, Outcome.ABORTED)
    claimed(store, 4)
    kind = submission().plan.kind
    assert spent(store, kind, PARTITION, NOW) == 2
    assert spent(store, kind, PARTITION, NOW + timedelta(seconds=2)) == 1
    assert spent(store, kind, "another", NOW) == 0
    assert spent(store, "jenkins.rebuild", PARTITION, NOW) == 0


def test_a_write_by_another_moves_the_number_of_changes(
    store: SqlStore, again: Callable[[], SqlStore]
) -> None:
    """Who follows asks a number that moves when another connection has committed, and only then."""
    other = again()
    other.check()
    first = store.changes()
    assert first > 0
    assert store.changes() == first
    other.append(draft_of(Phase.ACCESS))
    second = moved(store, first)
    assert second != first
    store.append(draft_of(Phase.ACCESS))
    other.close()
    assert moved(store, second) != second


def moved(store: SqlStore, number: int) -> int:
    """The number of changes once it is another: a server tells it a moment after the commit."""
    until = time.monotonic() + 10
    while store.changes() == number and time.monotonic() < until:
        time.sleep(0.005)
    return store.changes()


def test_threads_write_one_after_the_other(store: SqlStore) -> None:
    """Many threads at once: one writer, numbers without gaps, readers beside it see whole records."""

    def work(number: int) -> None:
        for _ in range(20):
            store.append(draft_of(Phase.ACCESS, number))
            assert store.tail(1)
            store.changes()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(1, 9)))
    assert store.verify(deep=True).records == 160
