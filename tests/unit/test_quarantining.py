"""Quarantine as people set and lift it: whole digests, reasons, rights, and each on the record."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from acting import ACTOR
from operation_values import draft_of, operation_id
from planning import StillClock
from storing import carried_out, submission
from test_release_stops import BAD, rolled_back

from fedesk.domain.audit import Phase
from fedesk.domain.operations import Operation
from fedesk.domain.plans import digest_of
from fedesk.domain.release_stops import ROLLBACK
from fedesk.domain.roles import EVERY_RIGHT, People, Person, Rights, Role
from fedesk.ports.stop_store import StopConflictError, UnknownStopError
from fedesk.services.proposals import RefusedError
from fedesk.services.quarantining import QuarantineError, Quarantining, standing_against
from fedesk.store.operations import SqlStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with closing(SqlStore(tmp_path / "fedesk.sqlite3")) as opened:
        yield opened


def desk(store: SqlStore, rights: Rights = EVERY_RIGHT) -> Quarantining:
    return Quarantining(
        store=store,
        actor=ACTOR,
        clock=StillClock(),
        new_id=lambda: operation_id(len(store.stops()) + 1),
        rights=rights,
    )


def test_put_and_lifted_with_their_records(store: SqlStore) -> None:
    """In force from the one to the other, for every environment; listed by its id, lifted by it."""
    mara = desk(store)
    stop = mara.put("payments", BAD.removeprefix("sha256:"), "doubles the rows")
    assert stop.digest == BAD
    assert standing_against(store, service="payments", environment="prod") == (stop,)
    assert mara.listed() == (stop,)
    with pytest.raises(StopConflictError, match="already"):
        mara.put("payments", BAD, "again")
    lifted = mara.lift(stop.id.lower(), "built anew")
    assert lifted.lifted_reason == "built anew"
    assert mara.listed() == ()
    told = [(one.draft.action, one.draft.phase, one.draft.reason) for one in store.tail(9)]
    assert told == [
        ("quarantine", Phase.CONFIGURATION, "doubles the rows"),
        ("quarantine-lift", Phase.CONFIGURATION, "built anew"),
    ]
    with pytest.raises(StopConflictError, match="was lifted by mara"):
        mara.lift(stop.id, "again")


@pytest.mark.parametrize("digest", ["latest", "sha256:ab", "v1.2.3", "", "sha256:" + "zz" * 32])
def test_only_a_digest_is_stopped(store: SqlStore, digest: str) -> None:
    """A tag moves on, and would stop nothing."""
    with pytest.raises(QuarantineError, match="a tag moves"):
        desk(store).put("payments", digest, "bad")
    assert store.tail(9) == ()


def test_without_a_reason_nothing_is_stopped_or_lifted(store: SqlStore) -> None:
    """Who comes later has to know."""
    mara = desk(store)
    with pytest.raises(QuarantineError, match="Say why"):
        mara.put("payments", BAD, "  ")
    stop = mara.put("payments", BAD, "bad")
    with pytest.raises(QuarantineError, match="Say why"):
        mara.lift(stop.id, "")


def test_what_is_not_there_cannot_be_lifted(store: SqlStore) -> None:
    """Nor an operation that is no rollback."""
    other = carried_out(store)
    for name in ("QRT-0", other.operation, "x"):
        with pytest.raises(UnknownStopError, match="There is no quarantine or hold"):
            desk(store).lift(name, "why not")


def test_rights(store: SqlStore) -> None:
    """An operator stops a release; who lifts it releases. A refusal is on the record."""
    people = People({"mara": Person(principal="mara", roles=frozenset({Role.OPERATOR}))})
    mara = desk(store, Rights(people=people, person="mara"))
    stop = mara.put("payments", BAD, "bad")
    with pytest.raises(RefusedError, match="quarantine-lift needs the role"):
        mara.lift(stop.id, "fine")
    assert [one.draft.phase for one in store.tail(9)] == [Phase.CONFIGURATION, Phase.REFUSAL]


def test_the_hold_of_a_rollback_is_lifted_by_the_rollbacks_name(store: SqlStore) -> None:
    """It stood without having been written; lifting writes who let the release go again."""
    rollback = rolled_back()

    class Beside(SqlStore):
        """A store that has a rollback."""

        def operation(self, operation: str) -> Operation | None:
            return rollback if rollback.plan.operation.startswith(operation) else None

        def operations(
            self,
            *,
            environment: str | None = None,
            kinds: Sequence[str] = (),
            reserves: Sequence[str] = (),
            limit: int = 50,
        ) -> tuple[Operation, ...]:
            del reserves, limit
            return (rollback,) if environment in (None, "prod") and ROLLBACK in kinds else ()

    with closing(Beside(store.path)) as beside:
        mara = desk(beside)
        (hold,) = mara.listed()
        assert hold.operation == rollback.plan.operation
        lifted = mara.lift(hold.id[:13], "verified by hand")
        assert (lifted.lifted_by, mara.listed()) == ("mara", ())
        assert beside.tail(1)[0].draft.operation == rollback.plan.operation


def test_rollbacks_are_found_however_much_was_done_since(store: SqlStore) -> None:
    """What came after a rollback does not push it, and what it holds, out of sight."""
    held = rolled_back()
    store.append(draft_of(Phase.ACCESS))
    later = [submission(number) for number in range(8, 20)]
    for one in (replace(submission(7), plan=held.plan), *later):
        digest = digest_of(one.plan)
        confirmation = replace(one.confirmation, operation=one.plan.operation, digest=digest)
        store.submit(replace(one, digest=digest, confirmation=confirmation))
    newest = store.operations(limit=5)
    assert held.plan.operation not in {one.plan.operation for one in newest}
    (found,) = store.operations(environment="prod", kinds=(ROLLBACK,), limit=5)
    assert found.plan == held.plan
    assert store.operations(environment="staging", kinds=(ROLLBACK,)) == ()
