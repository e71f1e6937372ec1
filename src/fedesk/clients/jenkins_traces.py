"""Where the effect of a trigger shows: queue items of a job, and its builds since a moment.

The queue is read before the builds, so that an item which leaves it meanwhile is met as a build. Queue ids
are counted by the controller and only grow; a build keeps the id of the item it was
(``contracts/jenkins.md``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fedesk.clients.jenkins_builds import is_job, job_path, parameters_of
from fedesk.clients.jenkins_json import Action, Build, Builds, Cause, Queue, QueueEntry
from fedesk.clients.jenkins_session import JenkinsSession

_ACTIONS = "actions[causes[userId,shortDescription],parameters[name,value,jobName,number]]"
_QUEUE_TREE = f"items[id,why,task[name,fullName,url],{_ACTIONS}]"
_BUILD_FIELDS = f"number,queueId,{_ACTIONS}"
_PAGES = ((0, 25), (25, 125), (125, 525), (525, 2025))
"""Builds that are read one after the other until they reach back far enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A queue item that waits, or a build that has come of one."""

    queue_id: int
    build: int | None
    """Number of the build; None while it waits."""
    parameters: Mapping[str, str | None]
    causes: tuple[Cause, ...]
    why: str = ""

    @property
    def reference(self) -> str:
        """``build:N``, or ``queue:N`` while it waits."""
        return f"queue:{self.queue_id}" if self.build is None else f"build:{self.build}"

    def __str__(self) -> str:
        return f"queue item {self.queue_id}" if self.build is None else f"build #{self.build}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentBuilds:
    """The newest builds of a job, back to a queue id."""

    traces: tuple[Trace, ...]
    buildable: bool
    gap: str
    """Why a build may be missing among them, as a part of a sentence; empty where none can be."""


def waiting(session: JenkinsSession, job: str) -> tuple[Trace, ...]:
    """What a job has in the queue. Raises SourceError."""
    return tuple(
        Trace(
            queue_id=entry.id,
            build=None,
            parameters=parameters_of(entry.actions),
            causes=_causes(entry.actions),
            why=entry.why or "",
        )
        for entry in session.json("queue/api/json", Queue, tree=_QUEUE_TREE).items
        if is_entry_of(entry, job)
    )


def is_entry_of(entry: QueueEntry, job: str) -> bool:
    """Whether a queue item is a build of this job to be, and not a node block of one that runs."""
    return entry.task.full_name == job if entry.task.full_name else is_job(entry.task.url, job)


def builds_after(session: JenkinsSession, job: str, queue_id: int) -> RecentBuilds:
    """The builds of a job whose queue ids are higher than this. Raises SourceError."""
    found: list[Build] = []
    next_number, buildable, reached = 0, True, False
    for first, last in _PAGES:
        field = "builds" if first == 0 else "allBuilds"
        page = session.json(
            f"{job_path(job)}/api/json",
            Builds,
            tree=f"nextBuildNumber,buildable,{field}[{_BUILD_FIELDS}]{{{first},{last}}}",
        )
        new = page.builds or page.all_builds
        known = {build.number for build in found}
        found += [build for build in new if build.number not in known]
        next_number, buildable = max(next_number, page.next_build_number), page.buildable
        reached = len(new) < last - first or new[-1].queue_id <= queue_id
        if reached:
            break
    return RecentBuilds(
        traces=tuple(_trace(build) for build in found if build.queue_id > queue_id),
        buildable=buildable,
        gap=_gap(found, queue_id, next_number) if reached else f"only the newest {len(found)} were read",
    )


def _gap(found: Sequence[Build], queue_id: int, next_number: int) -> str:
    """Builds are numbered without gaps: a number that is missing was deleted."""
    numbers = {build.number for build in found}
    before = max((build.number for build in found if build.queue_id <= queue_id), default=0)
    missing = [number for number in range(before + 1, max(next_number, 1)) if number not in numbers]
    if not missing:
        return ""
    ends = f"#{missing[0]}" if len(missing) == 1 else f"#{missing[0]} to #{missing[-1]}"
    return f"of {ends} some have been deleted" if len(missing) > 1 else f"{ends} has been deleted"


def _trace(build: Build) -> Trace:
    return Trace(
        queue_id=build.queue_id,
        build=build.number,
        parameters=parameters_of(build.actions),
        causes=_causes(build.actions),
    )


def _causes(actions: Sequence[Action | None]) -> tuple[Cause, ...]:
    def all_of() -> Iterator[Cause]:
        for action in actions:
            if action is not None:
                yield from action.causes

    return tuple(all_of())
