from datetime import UTC, datetime, timedelta

import pytest

from fedesk.domain.names import ConnectionName
from fedesk.domain.secrets import SecretAge, SecretMetadata, judge, worst
from fedesk.domain.states import Verdict

NOW = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
LIMIT = timedelta(days=90)
WARN = timedelta(days=14)
SECOND = timedelta(seconds=1)


def aged(age: timedelta | None) -> SecretMetadata:
    return SecretMetadata(
        connection=ConnectionName("prod", "vault"), name="kv:x", age_from=None if age is None else NOW - age
    )


@pytest.mark.parametrize(
    ("age", "verdict"),
    [
        (timedelta(days=90), Verdict.DUE),
        (timedelta(days=90) + SECOND, Verdict.OVERDUE),
        (timedelta(days=76), Verdict.DUE),
        (timedelta(days=76) - SECOND, Verdict.COMPLIANT),
        (timedelta(0), Verdict.COMPLIANT),
        (-timedelta(hours=1), Verdict.COMPLIANT),
        (None, Verdict.UNDETERMINED),
    ],
)
def test_the_limit_is_met_at_exactly_ninety_days(age: timedelta | None, verdict: Verdict) -> None:
    """90 days 0 hours is within the limit, one second more is not; the warning begins 14 days before.

    With the verdict stands how old it is and how long it has left, both unknown where the age is.
    """
    left = None if age is None else LIMIT - age
    assert judge(aged(age), NOW, LIMIT, WARN) == SecretAge(
        secret=aged(age), verdict=verdict, age=age, time_left=left
    )


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([Verdict.COMPLIANT], Verdict.COMPLIANT),
        ([Verdict.COMPLIANT, Verdict.DUE], Verdict.DUE),
        ([Verdict.DUE, Verdict.UNDETERMINED], Verdict.UNDETERMINED),
        ([Verdict.UNDETERMINED, Verdict.OVERDUE, Verdict.DUE], Verdict.OVERDUE),
        ([], Verdict.UNDETERMINED),
    ],
)
def test_overdue_wins_over_undetermined_over_due(verdicts: list[Verdict], expected: Verdict) -> None:
    """2 wins over 3 over 1, and no secret at all is not compliance."""
    assert worst(verdicts) is expected
