"""History, the timeline of one promotion, DORA's four, and what is kept of them for the next time."""

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from making import NOW
from operation_values import draft_of, journal_of
from operation_values import operation as any_operation
from released import deployment, digest, hours, operation, release

from fedesk.domain.audit import AuditRecord, Phase
from fedesk.domain.dora import Dora, MetricName, dora_of
from fedesk.domain.incidents import EntryKind
from fedesk.domain.operations import Outcome, StepState
from fedesk.domain.release_history import history_of, markdown, release_timeline
from fedesk.domain.release_matrix import KnownReleases, attributed, cell_of, release_operation
from fedesk.domain.release_stops import ROLLBACK
from fedesk.domain.releases import Cell, Deployment, Migration, Verified
from fedesk.domain.runs import Change
from fedesk.domain.states import State
from fedesk.store.last_known import LastKnown, read_releases, write_releases

PROMOTED = operation("b", Outcome.FAILED, ago=9)
ROLLED_BACK = operation("a", Outcome.SUCCEEDED, ago=7, number=2, kind=ROLLBACK)
BUILDS = (
    deployment(1, "a", ago=20),
    replace(deployment(2, "b", ago=10), operation=PROMOTED.plan.operation),
    replace(deployment(3, "a", ago=8), operation=ROLLED_BACK.plan.operation),
    deployment(4, "c", ago=6, is_dry_run=True),
    deployment(5, "c", ago=5, state=State.FAILED),
    deployment(6, "c", ago=3),
)
TOLD = tuple(found for one in (PROMOTED, ROLLED_BACK) if (found := release_operation(one)) is not None)


def test_history_says_what_came_back_and_for_how_long_it_ran() -> None:
    """The newest first; a dry run and a failed build have run for no time."""
    rows = history_of(BUILDS, TOLD)
    assert [row.deployment.run.name.id.rpartition("#")[2] for row in rows] == ["6", "5", "4", "3", "2", "1"]
    assert [row.brings_back for row in rows] == [False, False, False, True, False, False]
    assert [row.ran for row in rows] == [None, None, None, hours(5), hours(2), hours(10)]
    assert rows[3].operation is not None
    assert rows[3].operation.kind == ROLLBACK
    assert [row.proof.verified for row in rows[3:]] == [Verified.VERIFIED, Verified.FAILED, Verified.VERIFIED]


def test_what_fedesk_had_built_is_whose_yes_it_was() -> None:
    """Jenkins knows the robot; an id that a build by hand has borrowed, for another release, names nobody."""
    robot = [replace(one, by="fedesk-bot") for one in BUILDS]
    borrowed = replace(robot[5], operation=ROLLED_BACK.plan.operation)
    elsewhere = replace(robot[1], service="ledger")
    unread = replace(robot[2], release=None)
    by = {
        row.deployment.run.name.id[-1]: row.deployment.by for row in history_of([*robot[:5], borrowed], TOLD)
    }
    assert by == dict.fromkeys("1456", "fedesk-bot") | {"2": "mara", "3": "mara"}
    assert [one.by for one in attributed([elsewhere, unread], TOLD)] == ["fedesk-bot", "mara"]
    blank = Cell(service="payments", environment="prod", connection=None, job="")
    cell = cell_of(blank, robot[:3], TOLD)
    assert cell.current is not None
    assert cell.current.by == "mara"


def four(builds: tuple[Deployment, ...], changes: tuple[Change, ...] = (), **given: object) -> Dora:
    wanted: dict[str, object] = {"since": NOW - hours(24), "until": NOW, "is_whole": True}
    rows = history_of(builds, TOLD)
    return dora_of(rows, changes, service="payments", environment="prod", **(wanted | given))  # type: ignore[arg-type]  # the fields of dora_of


def value(found: Dora, name: MetricName) -> float | None:
    return next(one.value for one in found.metrics if one.name is name)


def test_doras_four_are_of_deployments_that_meant_to_change_something() -> None:
    """Dry runs count nowhere, rollbacks as restoring alone; a lead time begins with the commit."""
    changes = (
        Change(commit="c", author="ann", message="Wider", at=NOW - hours(7), build=5),
        Change(commit="b", author="ann", message="Model", at=NOW - hours(16), build=2),
        Change(commit="x", author="ann", message="Not known when", build=6),
    )
    found = four(BUILDS, changes)
    assert (found.deployments, found.failed) == (4, 2)
    # The commit of the build that failed reached the environment with the next one: 4 h; the other took 6 h.
    assert value(found, MetricName.LEAD_TIME) == hours(5).total_seconds()
    assert value(found, MetricName.FREQUENCY) == 3
    assert value(found, MetricName.FAILURE_RATE) == 0.5
    # Two failures, each restored after 2 h.
    assert value(found, MetricName.RESTORE) == hours(2).total_seconds()
    assert found.untold == ()


def test_a_fix_that_follows_tells_of_a_failure_that_nobody_recorded() -> None:
    """By the title of its commit; a fix of something before is none."""
    builds = (deployment(1, "a", ago=20), deployment(2, "b", ago=10), deployment(3, "c", ago=9))
    fix = Change(commit="c", author="ann", message="Hotfix: rounding", at=NOW - hours(9.5), build=3)
    assert four(builds, (fix,)).failed == 1
    assert four(builds, (replace(fix, message="Prefix the hotfix table"),)).failed == 0


def test_what_is_not_known_has_no_value_and_is_said() -> None:
    """Never 0: no commits, no deployments, nothing to restore, a failure that goes on, builds removed."""
    nothing = four(())
    assert {one.value for one in nothing.metrics if one.name is not MetricName.FREQUENCY} == {None}
    assert value(nothing, MetricName.FREQUENCY) == 0
    assert value(four((), is_whole=False), MetricName.FREQUENCY) is None
    broken = four((deployment(1, "a", ago=2, state=State.FAILED),))
    assert [one.said for one in broken.metrics][0::3] == [
        "not known: no deployment succeeded",
        "1 not restored yet",
    ]
    cut = four(BUILDS[1:], is_whole=False)
    assert cut.since == NOW - hours(10)
    assert "are not known: it counts from then on" in cut.untold[0]


def test_the_timeline_of_a_promotion_has_its_approval_and_how_long_each_part_took() -> None:
    """From the plan to the outcome, in order; as Markdown whatever was recorded is text."""
    journal = journal_of(
        ("", StepState.INTENDED, "claimed by desk-3"),
        ("trigger", StepState.INTENDED, "sending"),
        ("trigger", StepState.DONE, "queue item 7"),
        ("follow build", StepState.WAITING, "Deploy"),
        ("follow build", StepState.DONE, "build 9 | <b>"),
        ("verify import errors", StepState.DONE, "none"),
    )
    one = replace(PROMOTED, journal=journal, confirmed_at=journal[0].at - hours(1))
    records = [
        AuditRecord(
            seq=seq,
            draft=replace(
                draft_of(phase, operation=one.plan.operation), at=at, result=said, target="prod/jenkins:x"
            ),
            hash="0" * 64,
            raw=b"{}",
        )
        for seq, phase, at, said in (
            (4, Phase.APPROVAL, journal[0].at - hours(0.5), "approved by jon"),
            (9, Phase.OUTCOME, journal[-1].at + hours(0.1), "failed: verify said no"),
        )
    ]
    found = release_timeline(one, records)
    assert found is not None
    assert [entry.kind for entry in found.entries][:3] == [
        EntryKind.PLAN,
        EntryKind.DECISION,
        EntryKind.OPERATION,
    ]
    assert found.entries[-1].kind is EntryKind.OUTCOME
    lengths = {span.name: span.length(NOW).total_seconds() for span in found.spans}
    assert lengths == {
        "waited for its start": 3610,
        "trigger": 10,
        "follow build": 10,
        "verify import errors": 0,
    }
    text = markdown(found, ZoneInfo("UTC"), "UTC")
    assert r"build 9 \| \<b\>" in text
    assert "approved by jon" in text
    assert release_timeline(any_operation(), ()) is None


def test_what_was_read_of_releases_is_kept_for_the_next_start(tmp_path: Path) -> None:
    """All of a deployment comes back; a file that is lost or damaged is nothing known."""
    place = LastKnown(tmp_path, tmp_path / "fedesk.toml", "prod")
    whole = release("a", migrations=(Migration(id="V1", reversible=False),), tests={"unit": 3})
    one = replace(BUILDS[0], release=whole, own_verification=State.SUCCEEDED, is_settled=True)
    known = KnownReleases(deployments={str(one.run.name): one}, read_at={"prod/jenkins": NOW})
    assert read_releases(place) == KnownReleases()
    write_releases(place, known)
    assert read_releases(replace(place, environment="staging")) == known
    place.releases.write_bytes(b'[2, {"deployments": 7}]')
    assert read_releases(place) == KnownReleases()
    assert digest("a") == whole.digest
