"""Where Jenkins carries an operation's id: the parameter FEDESK_OPERATION of queue items and builds.

The queue is read before the builds, so that an item which leaves it meanwhile is met as a build. Of an
operation whose job is known, the builds of that job are read, back to when it was minted; of another one the
newest builds of all jobs, in the one request that the board makes as well.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fedesk.clients.jenkins_builds import (
    OPERATION_PARAMETER,
    RUN_FIELDS,
    job_of,
    job_path,
    moment,
    parameters_of,
    run_of,
)
from fedesk.clients.jenkins_jobs import Scope
from fedesk.clients.jenkins_json import Action, Build, Builds, Item, Queue, QueueEntry
from fedesk.clients.jenkins_session import JenkinsSession
from fedesk.clients.wording import clean
from fedesk.domain.names import NameNotUnderstoodError, split_build
from fedesk.domain.traces import Looked, Sought, Trace
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import ForbiddenError, NotFoundError

_QUEUE_TREE = "items[id,why,inQueueSince,task[name,fullName,url],actions[parameters[name,value]]]"
_PAGES = ((0, 25), (25, 125), (125, 525), (525, 2025))
"""Builds of a known job that are read one after the other, until they reach back far enough."""
_OF_EACH = 25
"""Newest builds of each job, where the job is not known."""
_LISTED = 5
"""Jobs that a sentence names."""


@dataclass(frozen=True, slots=True)
class Tracing:
    """One look for one operation. Raises SourceError."""

    session: JenkinsSession
    endpoint: Endpoint
    scope: Scope
    sought: Sought

    def looked(self, all_jobs: Callable[[int], Sequence[Item]]) -> Looked:
        """``all_jobs`` reads every job in scope with so many of its newest builds."""
        limits: list[str] = []
        traces = list(self._queue(limits))
        jobs = tuple(dict.fromkeys(_jobs(self.sought.runs)))
        if jobs:
            for job in jobs:
                traces += self._of_job(job, limits)
        else:
            traces += self._of_all(all_jobs(_OF_EACH), limits)
        return Looked(traces=tuple(traces), limits=tuple(limits))

    def _queue(self, limits: list[str]) -> Iterator[Trace]:
        try:
            entries = self.session.json("queue/api/json", Queue, tree=_QUEUE_TREE).items
        except (ForbiddenError, NotFoundError) as error:
            limits.append(f"{self.endpoint.name}'s queue could not be read: {error}.")
            return
        for entry in entries:
            job = entry.task.full_name or job_of(entry.task.url) or entry.task.name
            if self._carries(entry.actions) and self.scope.holds(job):
                yield self._waiting(entry, job)

    def _waiting(self, entry: QueueEntry, job: str) -> Trace:
        why = clean(entry.why or "").rstrip(".") or "Jenkins gives no reason"
        return Trace(
            source=f"{self.endpoint.name} queue",
            at=moment(entry.in_queue_since) or datetime.now(UTC),
            said=f"A build of {clean(job)} with the id in {OPERATION_PARAMETER} waits: {why}.",
            reference=f"queue item {entry.id}",
            link=f"{self.endpoint.url}/queue/item/{entry.id}/",
        )

    def _of_job(self, job: str, limits: list[str]) -> Iterator[Trace]:
        seen: set[int] = set()
        for first, last in _PAGES:
            field = "builds" if first == 0 else "allBuilds"
            tree = f"{field}[{RUN_FIELDS}]{{{first},{last}}}"
            try:
                page = self.session.json(f"{job_path(job)}/api/json", Builds, tree=tree)
            except NotFoundError as error:
                limits.append(f"The builds of {clean(job)} could not be looked at: {error}.")
                return
            builds = page.builds or page.all_builds
            # A build that began between two pages has moved the others on.
            yield from self._builds(job, [build for build in builds if build.number not in seen])
            seen.update(build.number for build in builds)
            if len(builds) < last - first or self._is_older(builds[-1]):
                return
        limits.append(f"Of {clean(job)} the newest {len(seen)} builds were read, and there are more since.")

    def _of_all(self, items: Sequence[Item], limits: list[str]) -> Iterator[Trace]:
        partial = []
        for item in items:
            builds = item.builds or []
            yield from self._builds(item.full_name, builds)
            if len(builds) >= _OF_EACH and not self._is_older(builds[-1]):
                partial.append(clean(item.full_name))
        if partial:
            more = f" and {len(partial) - _LISTED} more" if len(partial) > _LISTED else ""
            limits.append(
                f"Of {', '.join(partial[:_LISTED])}{more} the newest {_OF_EACH} builds were read, and there "
                "are more since."
            )

    def _builds(self, job: str, builds: Sequence[Build]) -> Iterator[Trace]:
        for build in builds:
            if self._carries(build.actions):
                run = run_of(build, job, self.endpoint.name, self.endpoint.url)
                cause = f"; {clean(run.cause)}" if run.cause else ""
                yield Trace(
                    source=f"{self.endpoint.name} build",
                    at=run.started_at or datetime.now(UTC),
                    said=f"Build #{build.number} of {clean(job)} has the id in {OPERATION_PARAMETER}; "
                    f"it is {run.state.value}{cause}.",
                    reference=str(run.name),
                    link=run.link,
                )

    def _carries(self, actions: Sequence[Action | None]) -> bool:
        return parameters_of(actions).get(OPERATION_PARAMETER) == self.sought.operation

    def _is_older(self, build: Build) -> bool:
        began = moment(build.timestamp)
        return began is not None and began < self.sought.since


def _jobs(runs: Sequence[str]) -> Iterator[str]:
    for run in runs:
        try:
            yield split_build(run)[0]
        except NameNotUnderstoodError:
            continue
