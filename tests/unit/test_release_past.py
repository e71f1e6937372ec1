"""What a rollback is judged by, in few requests: what verified itself, and which migrations came after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from released import Held, cell, connection, deployment, digest, operation, release

from fedesk.domain.catalogue import Deploy, Owner, OwnerGroup, ReleaseSource, Service
from fedesk.domain.operations import GuardResult, Outcome, Ruling
from fedesk.domain.release_matrix import ReleaseOperation, last_verified, release_operation
from fedesk.domain.releases import Deployment, Migration, Release
from fedesk.domain.states import State
from fedesk.ports.releasing import DeployJob
from fedesk.services.kinds import release_past as past
from fedesk.services.kinds.release_facts import Deployable

JOB = "finedge/prod/deploy-payments"
LETTERS = "abcdefghijklmno"
FINAL, SOFT = Migration(id="V2__drop", reversible=False), Migration(id="V1__add", reversible=True)


@dataclass
class Jenkins:
    """A job whose builds keep files and have a stage; what it was asked is kept."""

    files: Mapping[str, Release] = field(default_factory=dict)
    """By digest."""
    passed: frozenset[int] = frozenset()
    """Numbers of the builds whose stage has passed."""
    newest: Sequence[int] = ()
    """Numbers of the builds of whose stages it tells in one answer."""
    asked: list[str] = field(default_factory=list)

    def with_release(self, _: DeployJob, found: Deployment) -> Deployment:
        self.asked.append(f"file of {found.run.name.id}")
        return replace(found, release=self.files[found.digest], is_settled=True)

    def stage(self, run: str, _: str) -> State:
        self.asked.append(f"stage of {run}")
        return self._end(int(run.rpartition("#")[2]))

    def stage_ends(self, job: str, _: str) -> Mapping[str, State]:
        self.asked.append("stages")
        return {f"{job}#{number}": self._end(number) for number in self.newest}

    def _end(self, number: int) -> State:
        return State.SUCCEEDED if number in self.passed else State.FAILED


def payments(jenkins: Jenkins, *, says: ReleaseSource = ReleaseSource.ARTIFACT) -> Deployable:
    deploy = Deploy(job=JOB, release_from=says, release_detail="release.json", verification_stage="Verify")
    return Deployable(
        service=Service(name="payments", owner=Owner(OwnerGroup.ENGINEERING), deploy=deploy),
        deploy=deploy,
        connection=connection("jenkins", "prod", deploys=Held(jenkins)),
        job=DeployJob(service="payments", job=JOB, deploy=deploy),
    )


def listed(letter: str, number: int, *, operation: str = "") -> Deployment:
    """A build of which only the digest is known that it was given."""
    given = replace(release(letter), build_url="", migrations=())
    return deployment(number, letter, ago=100 - number, release=given, operation=operation)


def read(letter: str, number: int, *migrations: Migration) -> Deployment:
    return deployment(
        number, letter, ago=100 - number, release=release(letter, migrations=migrations), is_settled=True
    )


def promoted(letter: str, *, number: int, undoable: bool = True) -> ReleaseOperation:
    """What fedesk has promoted, whose gate of migrations let it pass or was waived."""
    ruling = Ruling.ALLOW if undoable else Ruling.CONFIRM
    gate = GuardResult(guard="gate migrations", ruling=ruling, reason="")
    found = release_operation(
        replace(operation(letter, Outcome.SUCCEEDED, ago=1, number=number), guards=(gate,))
    )
    assert found is not None
    return found


def test_what_is_between_is_read_as_far_as_there_is_room() -> None:
    """Of each release one file, the newest first; of what is left it cannot be told what it changed."""
    jenkins = Jenkins(
        files={digest(one): release(one, migrations=(FINAL,) if one == "c" else (SOFT,)) for one in "bc"}
    )
    target = read("a", 1, SOFT)
    here = cell(read("d", 6, SOFT), listed("c", 5), listed("b", 4), listed("c", 3), listed("b", 2), target)
    all_read = past.between(here, target, payments(jenkins), (), 2)
    assert (all_read.undone, all_read.unread, all_read.asked) == ((FINAL,), (), 2)
    assert jenkins.asked == [f"file of {JOB}#5", f"file of {JOB}#4"]
    half = past.between(here, target, payments(jenkins), (), 1)
    assert (half.undone, half.unread) == ((FINAL,), (f"{JOB}#4", f"{JOB}#2"))
    assert past.between(here, target, payments(jenkins), (), 0).unread == tuple(
        f"{JOB}#{number}" for number in (5, 4, 3, 2)
    )


@pytest.mark.parametrize("says", [ReleaseSource.ARTIFACT, ReleaseSource.PARAMETER])
def test_what_was_promoted_past_the_gate_need_not_be_read(says: ReleaseSource) -> None:
    """All that it brought can be undone, as its release said; what was waived or said nothing is unread."""
    target, ours, waived = read("a", 1), promoted("b", number=1), promoted("c", number=2, undoable=False)
    here = cell(
        read("d", 4),
        listed("c", 3, operation=waived.operation),
        listed("b", 2, operation=ours.operation),
        target,
    )
    found = past.between(here, target, payments(Jenkins(), says=says), (ours, waived), 0)
    untold = (f"{JOB}#3",) if says is ReleaseSource.ARTIFACT else (f"{JOB}#3", f"{JOB}#2")
    assert (found.undone, found.unread) == ((), untold)


@pytest.mark.parametrize(
    ("verified", "room", "asked", "target", "unread"),
    [
        (12, 1, ["stages"], 12, []),
        (3, 1, [f"stage of {JOB}#3"], 3, []),
        (2, 1, [f"stage of {JOB}#3"], None, [2, 1]),
        (3, 0, [], None, [3, 2, 1]),
    ],
)
def test_older_releases_are_asked_as_far_as_there_is_room(
    verified: int, room: int, asked: list[str], target: int | None, unread: list[int]
) -> None:
    """Ten builds in one request, an older one by itself; what is not asked is no release to go back to."""
    older = [listed(LETTERS[number], number) for number in (3, 2, 1)]
    newer = [listed(LETTERS[number], number) for number in ((14, 12) if verified == 12 else (14,))]
    builds = [*newer, *(listed("o", number) for number in range(13, 3, -1) if number != 12), *older]
    here = cell(*newer, *older)
    jenkins = Jenkins(passed=frozenset({verified}), newest=range(14, 4, -1))
    found = past.proven(here, builds, payments(jenkins), "", (), room)
    assert jenkins.asked == asked
    assert found.unread == tuple(f"{JOB}#{number}" for number in unread)
    back = last_verified(found.cell, ())
    assert (back and int(back.run.name.id.rpartition("#")[2])) == target
