"""What stands against a release: quarantines everywhere, and what a rollback has removed, there."""

from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import pytest
from making import NOW
from operation_values import operation

from fedesk.domain.operations import Operation, Outcome, Stage
from fedesk.domain.release_stops import REMOVED, ROLLBACK, SERVICE, in_force
from fedesk.domain.releases import ReleaseStop, StopKind

BAD, GOOD = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32
QUARANTINE = ReleaseStop(
    id="QRT-1",
    kind=StopKind.QUARANTINE,
    service="payments",
    digest=BAD,
    reason="doubles the rows",
    by="mara",
    at=NOW,
)


def rolled_back(outcome: Outcome | None = Outcome.SUCCEEDED, kind: str = ROLLBACK) -> Operation:
    """A rollback of payments in prod that removed BAD."""
    made = operation(number=7)
    target = replace(made.plan.targets[0], pins=MappingProxyType({SERVICE: "payments", REMOVED: BAD}))
    plan = replace(made.plan, kind=kind, environment="prod", targets=(target,), reason="count is wrong")
    return replace(
        made,
        plan=plan,
        stage=Stage.RUNNING if outcome is None else Stage.ENDED,
        outcome=outcome,
        ended_at=None if outcome is None else NOW,
    )


def test_a_quarantine_stands_everywhere_until_it_is_lifted() -> None:
    """Against its digest in each environment; against no other."""
    (found,) = in_force((QUARANTINE,), ())
    assert all(found.stops(BAD, environment) for environment in ("dev", "staging", "prod"))
    assert not found.stops(GOOD, "prod")
    assert in_force((replace(QUARANTINE, lifted_at=NOW),), ()) == ()


def test_a_rollback_holds_what_it_removed_there_and_not_its_successor() -> None:
    """By having succeeded; nothing else has to be written."""
    (hold,) = in_force((), (rolled_back(),), "prod")
    assert (hold.kind, hold.digest, hold.environment) == (StopKind.HOLD, BAD, "prod")
    assert hold.stops(BAD, "prod")
    assert not hold.stops(BAD, "staging")
    assert not hold.stops(GOOD, "prod")
    assert in_force((), (rolled_back(),), "staging") == ()


@pytest.mark.parametrize("outcome", [None, Outcome.FAILED, Outcome.UNKNOWN, Outcome.REFUSED, Outcome.ABORTED])
def test_a_rollback_that_has_not_succeeded_holds_nothing(outcome: Outcome | None) -> None:
    """What runs then may still be the release, which has to be promotable to come to a known state."""
    assert in_force((), (rolled_back(outcome),)) == ()


def test_a_promotion_holds_nothing() -> None:
    """Whatever its target pins."""
    assert in_force((), (rolled_back(kind="release.promote"),)) == ()


def test_a_hold_is_lifted_by_the_row_that_names_its_rollback() -> None:
    """A row that is no lifting, which people may write in an enforced store, lifts nothing."""
    one = rolled_back()
    name = one.plan.operation
    row = replace(QUARANTINE, id=name, kind=StopKind.HOLD, operation=name, environment="prod")
    assert in_force((replace(row, lifted_at=NOW + timedelta(minutes=1)),), (one,)) == ()
    assert len(in_force((row,), (one,))) == 1
