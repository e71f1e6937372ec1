"""Whether a release is verified in an environment, since when, and which one to go back to."""

from dataclasses import replace

import pytest
from making import NOW
from released import cell, deployment, digest, hours, operation

from fedesk.domain.operations import Operation, Outcome
from fedesk.domain.release_matrix import (
    ReleaseOperation,
    last_verified,
    proof_of,
    release_operation,
    soak_of,
)
from fedesk.domain.release_stops import ROLLBACK
from fedesk.domain.releases import ReleaseStop, StopKind, Verified
from fedesk.domain.states import State


def told(*operations: Operation) -> tuple[ReleaseOperation, ...]:
    return tuple(found for one in operations if (found := release_operation(one)) is not None)


@pytest.mark.parametrize(
    ("outcome", "sent", "verified"),
    [
        (Outcome.SUCCEEDED, True, Verified.VERIFIED),
        (Outcome.FAILED, True, Verified.FAILED),
        (Outcome.UNKNOWN, True, Verified.INCONCLUSIVE),
        (Outcome.ABORTED, True, Verified.INCONCLUSIVE),
        (Outcome.ABORTED, False, Verified.NOT_VERIFIED),
        (Outcome.REFUSED, False, Verified.NOT_VERIFIED),
        (None, True, Verified.NOT_VERIFIED),
    ],
)
def test_an_operation_verifies_what_it_brought(
    outcome: Outcome | None, *, sent: bool, verified: Verified
) -> None:
    """Only success is green; what may have changed something without an end is inconclusive."""
    proof = proof_of("payments", "prod", digest("a"), told(operation("a", outcome, ago=2, sent=sent)), ())
    assert proof.verified is verified
    assert proof.is_green == (outcome is Outcome.SUCCEEDED)


def test_the_newest_word_counts_and_only_of_that_release_there() -> None:
    """A later failure undoes an earlier success; other releases and environments say nothing."""
    good, bad = operation("a", Outcome.SUCCEEDED, ago=9), operation("a", Outcome.FAILED, ago=3, number=2)
    elsewhere = operation("a", Outcome.SUCCEEDED, ago=1, number=3, environment="staging")
    other = operation("b", Outcome.SUCCEEDED, ago=1, number=4)
    proof = proof_of("payments", "prod", digest("a"), told(elsewhere, bad, other, good), ())
    assert (proof.verified, proof.since) == (Verified.FAILED, NOW - hours(3))
    assert proof_of("payments", "prod", "", told(good), ()).verified is Verified.NOT_VERIFIED


def test_a_build_that_failed_says_nothing_of_the_release() -> None:
    """Its deployment failed, or its dry run did: it stays one that was verified before, to go back to."""
    good = operation("a", Outcome.SUCCEEDED, ago=9)
    for step in ("follow build", "dry run: follow build"):
        broken = operation("a", Outcome.FAILED, ago=3, number=2, kind=ROLLBACK, step=step)
        assert proof_of("payments", "prod", digest("a"), told(broken, good), ()).verified is Verified.VERIFIED


def test_the_jobs_own_stage_verifies_where_it_is_named_and_passed() -> None:
    """A stage that was not read, or of a dry run, says nothing; one that failed is no success."""
    by_hand = deployment(7, "a", ago=5, stage=State.SUCCEEDED)
    proof = proof_of("payments", "prod", digest("a"), (), [by_hand])
    assert (proof.verified, proof.since) == (Verified.BY_ITS_JOB, NOW - hours(5))
    failed = deployment(8, "a", ago=4, state=State.FAILED, stage=State.FAILED)
    assert proof_of("payments", "prod", digest("a"), (), [by_hand, failed]).verified is Verified.FAILED
    quiet = [deployment(9, "a", ago=1), deployment(9, "a", ago=1, stage=State.SUCCEEDED, is_dry_run=True)]
    assert proof_of("payments", "prod", digest("a"), (), quiet).verified is Verified.NOT_VERIFIED
    # fedesk looked at more than the stage, and later.
    later = told(operation("a", Outcome.UNKNOWN, ago=4.9))
    assert proof_of("payments", "prod", digest("a"), later, [by_hand]).verified is Verified.INCONCLUSIVE
    # Of a build of its own it has the word though Jenkins' clock is ahead, and while it is still looking.
    for outcome, verified in ((Outcome.FAILED, Verified.FAILED), (None, Verified.NOT_VERIFIED)):
        one = operation("a", outcome, ago=5.1)
        its_own = replace(by_hand, operation=one.plan.operation)
        assert proof_of("payments", "prod", digest("a"), told(one), [its_own]).verified is verified


def test_soaking_counts_from_the_verification_while_it_runs() -> None:
    """Not from the deployment before it, and not over the time in which another release ran."""
    seen = cell(deployment(9, "a", ago=5), deployment(8, "a", ago=8), deployment(7, "b", ago=20))
    operations = told(operation("a", Outcome.SUCCEEDED, ago=7), operation("b", Outcome.SUCCEEDED, ago=19.5))
    soak = soak_of(seen, digest("a"), operations, NOW)
    assert (soak.ran, soak.runs_now) == (hours(7), True)
    before = soak_of(seen, digest("b"), operations, NOW)
    assert (before.ran, before.runs_now) == (hours(11.5), False)
    again = cell(deployment(9, "a", ago=1), deployment(8, "b", ago=4), deployment(7, "a", ago=20))
    assert soak_of(again, digest("a"), told(operation("a", Outcome.SUCCEEDED, ago=19)), NOW).ran == hours(1)
    assert soak_of(seen, digest("a"), (), NOW).ran is None
    assert soak_of(seen, digest("c"), told(operation("c", Outcome.SUCCEEDED, ago=1)), NOW).ran is None


def test_the_last_verified_release_is_not_the_one_that_is_left() -> None:
    """Unverified, held and quarantined releases and those without a digest are passed over."""
    unread = deployment(6, "", ago=30, unread="release.json is gone")
    seen = cell(
        deployment(9, "a", ago=1),
        deployment(8, "b", ago=10),
        deployment(7, "c", ago=20),
        unread,
        deployment(5, "d", ago=40),
    )
    operations = told(
        *(
            operation(letter, Outcome.SUCCEEDED, ago=index + 1, number=index, kind=ROLLBACK)
            for index, letter in enumerate("acd", 1)
        )
    )
    found = last_verified(seen, operations)
    assert found is not None
    assert found.digest == digest("c")
    held = ReleaseStop(
        id="1",
        kind=StopKind.HOLD,
        service="payments",
        digest=digest("c"),
        environment="prod",
        reason="rolled back",
        by="mara",
        at=NOW,
    )
    passed_over = last_verified(seen, operations, [held])
    assert passed_over is not None
    assert passed_over.digest == digest("d")
    assert last_verified(seen, ()) is None
    assert last_verified(cell(), operations) is None


def test_where_a_build_has_failed_what_was_there_is_the_cure() -> None:
    """A deployment that broke off has left nobody knows what."""
    broken = deployment(10, "", ago=0.5, state=State.FAILED)
    seen = cell(deployment(9, "a", ago=1), deployment(8, "b", ago=10), last_failed=broken.run)
    found = last_verified(seen, told(operation("a", Outcome.SUCCEEDED, ago=0.9)))
    assert found is not None
    assert found.digest == digest("a")
