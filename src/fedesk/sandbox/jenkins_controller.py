"""What a Jenkins controller holds at one moment of the world: folders, jobs, builds, queue, agents, logs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from fedesk.sandbox.jenkins_jobs import NODES
from fedesk.sandbox.jenkins_log import raw_log
from fedesk.sandbox.jenkins_queue import Cancelled, Scheduled, cancel, left, schedule
from fedesk.sandbox.lazily import Lazily
from fedesk.sandbox.logs import build_log, written_by
from fedesk.sandbox.long_log import LongLog
from fedesk.sandbox.model import (
    ArtifactFile,
    BuildParameter,
    BuildPlan,
    BuildResult,
    Cause,
    Executor,
    Identity,
    JenkinsJob,
    LogLine,
    Node,
    QueueItem,
    StagePlan,
    StageState,
)
from fedesk.sandbox.world import World

LEFT_ITEM_LIFETIME = timedelta(minutes=5)
_AT_FIRST = 20
"""Builds of a job that are made together: as many as a board shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Atom:
    """A step of a stage, with the lines it writes in the end."""

    node_id: str
    name: str
    started_at: datetime
    ended_at: datetime | None
    lines: tuple[LogLine, ...]

    def has_ended(self, now: datetime) -> bool:
        """Whether it writes no more."""
        return self.ended_at is not None and now >= self.ended_at


class Controller:
    """The world as Jenkins sees it at ``now``; one a request, so that an answer is of one piece."""

    def __init__(self, world: World, root: str) -> None:
        self.world = world
        self.root = root
        """Its address, with a slash at its end."""
        self.now = world.now()

    @cached_property
    def jobs(self) -> dict[str, JenkinsJob]:
        """By full name, as they are defined by now."""
        changed = self.world.jenkins.jobs
        return {job.full_name: changed.get(job.full_name, job) for job in self.world.jobs()}

    @property
    def quieting_down(self) -> bool:
        """Whether nothing new is started."""
        return self.world.jenkins.quieting_down

    @cached_property
    def folders(self) -> dict[str, tuple[str, ...]]:
        """Full names of what lies in each folder, sorted; the controller itself is ``""``."""
        inside: dict[str, set[str]] = {"": set()}
        for name in self.jobs:
            child = name
            while child:
                parent = child.rpartition("/")[0]
                inside.setdefault(parent, set()).add(child)
                child = parent
        return {folder: tuple(sorted(names)) for folder, names in inside.items()}

    def builds(self, job: JenkinsJob) -> Sequence[BuildPlan]:
        """All builds that have begun, newest first; those that nobody looks at are not made."""
        return Lazily(self._newest(job.full_name))

    def _newest(self, full_name: str) -> Iterator[BuildPlan]:
        """The builds that have begun, newest first: plans are made by the twenty, then by twice as many."""
        known, limit = -1, _AT_FIRST
        while True:
            with self.world.lock:
                plans = self.world.build_history(full_name).until(self.now, limit)
            if len(plans) <= known:
                return
            newest = list(reversed(plans))
            yield from (plan for plan in newest[max(known, 0) :] if plan.has_started(self.now))
            known, limit = len(plans), limit * 2

    def next_number(self, job: JenkinsJob) -> int:
        """The number of the next build."""
        return self.world.next_build_number(job.full_name)

    def queue(self) -> tuple[QueueItem, ...]:
        """What waits, newest first, as Jenkins lists it."""
        return tuple(reversed(self.world.queue()))

    def left_item(self, queue_id: int) -> BuildPlan | Cancelled | None:
        """What a queue item has become that has left less than five minutes ago."""
        found = left(self.world, queue_id)
        if isinstance(found, Cancelled):
            at = found.at
        elif found is not None and found.started_at is not None:
            at = found.started_at
        else:
            return None
        return found if self.now < at + LEFT_ITEM_LIFETIME else None

    def trigger(
        self, job: JenkinsJob, parameters: tuple[BuildParameter, ...], user: Identity, quiet: timedelta
    ) -> Scheduled | None:
        """Queue a build for someone; None where it is vetoed."""
        name = user.user
        cause = Cause(kind="user", description=f"Started by user {name}", user_id=name, user_name=name)
        return schedule(self.world, job, parameters, cause, quiet)

    def cancel(self, queue_id: int) -> bool | None:
        """Take an item out of the queue; False where it has left already, None where it is not known."""
        return None if self._forgotten(queue_id) else cancel(self.world, queue_id)

    def _forgotten(self, queue_id: int) -> bool:
        waits = any(item.build.queue_id == queue_id for item in self.queue())
        return not waits and self.left_item(queue_id) is None

    @property
    def offline_since(self) -> datetime:
        """When the agents that are offline were lost."""
        return self.world.start - timedelta(hours=3)

    def executors(self) -> tuple[Executor, ...]:
        """All slots of all agents."""
        return tuple(self.world.executors())

    def nodes(self) -> tuple[Node, ...]:
        """The agents, the controller itself first."""
        return NODES

    def artifacts(self, build: BuildPlan) -> tuple[ArtifactFile, ...]:
        """What a build left, once it has ended."""
        return self.world.artifacts(build, self.root)

    def result(self, build: BuildPlan) -> str | None:
        """Jenkins' ``result``: None while it runs, but what a step has set already stands there at once."""
        ended = build.result_at(self.now)
        if ended is not None:
            return ended.value
        states = {stage.state(self.now) for stage in build.stages if not stage.is_caught}
        if StageState.FAILED in states:
            return BuildResult.FAILURE.value
        return BuildResult.UNSTABLE.value if StageState.UNSTABLE in states else None

    def log(self, build: BuildPlan) -> tuple[bytes, bool]:
        """The raw log, notes included, and whether it is complete."""
        executor = self.world.executor
        if executor is not None and build.job == executor.full_name:
            return executor.consoles.get(build.number, b""), not build.is_building(self.now)
        written = self.world.build_log_lines(build.job, build.number)
        return raw_log(line.text for line in written.lines), not build.is_building(self.now)

    def long_log(self, build: BuildPlan) -> LongLog | None:
        """A log that stands in for the build's own."""
        return self.world.long_logs.get(f"{build.job}#{build.number}")

    def atoms(self, build: BuildPlan, stage: StagePlan) -> tuple[Atom, ...]:
        """The steps of a stage that have begun: a checkout-like one without a log, and two with one each."""
        if stage.started_at > self.now:
            return ()
        lines = [
            line
            for line in build_log(build)
            if line.stage == stage.node_id and not line.text.startswith("[Pipeline]")
        ]
        half = (len(lines) + 1) // 2
        first = int(stage.node_id) + 1
        parts = (("Allocate node", ()), ("Shell Script", lines[:half]), ("Print Message", lines[half:]))
        starts = [stage.started_at, *(part[0].at for _, part in parts[1:] if part)]
        found = [
            Atom(
                node_id=str(first + position),
                name=name,
                started_at=starts[position],
                ended_at=starts[position + 1] if position + 1 < len(starts) else stage.ended_at,
                lines=tuple(part),
            )
            for position, (name, part) in enumerate(parts[: len(starts)])
        ]
        return tuple(atom for atom in found if atom.started_at <= self.now)

    def atom_log(self, atom: Atom) -> bytes:
        """The raw log of a step as far as it is written."""
        return raw_log(line.text for line in written_by(atom.lines, self.now).lines)


def milliseconds(at: datetime | None) -> int:
    """Since 1970, as Jenkins writes times; 0 for none."""
    return 0 if at is None else int(at.timestamp() * 1000)


def duration(spans: Iterable[timedelta]) -> int:
    """Milliseconds in all."""
    return sum(int(span.total_seconds() * 1000) for span in spans)
