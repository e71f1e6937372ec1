"""Jenkins' half of the world: jobs, agents and the plans of their builds."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from fedesk.sandbox.clock import fractions
from fedesk.sandbox.dags import HISTORY
from fedesk.sandbox.model import (
    BuildParameter,
    BuildPlan,
    BuildResult,
    Cause,
    JenkinsJob,
    JobKind,
    LogStory,
    PendingInput,
    StagePlan,
    StageState,
)
from fedesk.sandbox.model_jenkins import QUIET_PERIOD
from fedesk.sandbox.release_line import (
    COMMIT_EVERY,
    FAMOUS,
    LAG,
    PEOPLE,
    REGISTRY,
    ReleaseLine,
    blemish,
    commit,
    release,
)
from fedesk.sandbox.stories import BuildScript

_APPROVAL_TIMEOUT = timedelta(hours=24)
HANDOVER = timedelta(seconds=0.4)
"""From the queue to a free executor."""
_NEVER = datetime.max.replace(tzinfo=UTC)
_MISHAPS: tuple[tuple[float, BuildResult, str, str], ...] = (
    (0.020, BuildResult.FAILURE, "Unit tests", "3 tests failed"),
    (0.035, BuildResult.FAILURE, "Deploy", "deployment did not become ready within 60 s"),
    (0.050, BuildResult.UNSTABLE, "Data-quality tests", "2 data-quality tests gave warnings"),
    (0.060, BuildResult.ABORTED, "Container build", "aborted"),
)

_FINE = (BuildResult.SUCCESS, "", "")
_FETCHING = "Fetch artifact"
APPROVING = "Approve"
INPUT = "Promote"
"""Id of the input step that asks whether to deploy."""
_NOBODY = "nobody answered within 24 hours"
DRY_RUN_SKIPS = frozenset({APPROVING, "Verify", "Record"})
"""Stages that a dry run leaves out."""
_SKIPPING = 0.1
_SPOILED = {BuildResult.UNSTABLE: StageState.UNSTABLE, BuildResult.ABORTED: StageState.ABORTED}
_IMAGE = re.compile(r"(?P<image>[^@]+)@(?P<digest>sha256:[0-9a-f]{64})")
_PUBLISHING = (BuildResult.SUCCESS, BuildResult.UNSTABLE)
"""Results of builds of CI that have published what they made."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What a simulated build comes to."""

    stages: tuple[StagePlan, ...]
    ended_at: datetime
    pending: PendingInput | None


class BuildHistory:
    """The builds of one job, thirty days back and on into the future as far as anyone looks."""

    def __init__(
        self,
        *,
        seed: int,
        job: JenkinsJob,
        index: int,
        start: datetime,
        script: BuildScript | None,
        line: ReleaseLine | None = None,
        pullable: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """``line`` is what a deploy job deploys of, ``pullable`` whether the registry still has a digest."""
        self.job = job
        self.revision = 0
        """Grows with each change."""
        self._line = line
        self._pullable = pullable
        self._made_of: dict[int, BuildPlan] = {}
        self._seed = seed
        self._index = index
        self._epoch = start - HISTORY
        self._script = script
        self._planned: dict[int, BuildPlan] = {}
        self._added: list[BuildPlan] = []
        self._amended: dict[int, BuildPlan] = {}
        self._withdrawn: set[int] = set()
        luck = fractions(seed, job.full_name)
        moment = None if script is None else _queued_at(job, script, start)
        if moment is None:
            phase = luck[0] * job.period
            self._scripted = -1
        else:
            lead = moment - 0.05 * job.period - self._epoch
            phase = lead % job.period
            self._scripted = lead // job.period
        self._first = self._epoch + phase
        self._moment = moment
        last = self._scripted if self._scripted >= 0 else (start - self._first) // job.period
        wanted = 0 if script is None else script.number
        self._first_number = (wanted or 260 + int(luck[1] * 1500)) - last
        self._stops = script is not None and script.queued is not None
        self._paused = start - timedelta(days=9) if job.disabled else None

    def until(
        self, now: datetime, limit: int | None = None, *, since: datetime | None = None
    ) -> list[BuildPlan]:
        """Plans queued by ``now``, oldest first; only the newest ``limit``, or those from ``since`` on."""
        last = (min(now, self._paused or now) - self._first) // self.job.period
        if self._stops:
            last = min(last, self._scripted)
        first = 0 if limit is None else max(0, last - limit)
        if since is not None:
            first = max(0, (since - self._first) // self.job.period)
        plans = [self._plan(index) for index in range(first, last + 1) if index not in self._withdrawn]
        if self._added:
            plans = sorted((*plans, *self._added), key=_in_order)
        plans = [plan for plan in plans if plan.queued_at <= now]
        return plans if limit is None else plans[-limit:]

    def add(self, plan: BuildPlan) -> None:
        """Take in a build that someone started; those that start later get higher numbers."""
        self.revision += 1
        self._made_of.clear()
        self._renumber_after(plan, 1)
        self._added.append(plan)

    def enqueue(self, plan: BuildPlan) -> BuildPlan:
        """Take in an item of the queue; its build gets the number that is due when it starts."""
        start = plan.started_at or plan.queued_at
        before = [known for known in self.until(start, 50) if (known.started_at or _NEVER) <= start]
        number = before[-1].number + 1 if before else self._first_number
        numbered = replace(plan, number=number)
        self.add(numbered)
        return numbered

    def withdraw(self, queue_id: int) -> None:
        """Take an item out of the queue that has not started: no build ever has the number it was to get."""
        self.revision += 1
        self._made_of.clear()
        gone = next((plan for plan in self._added if plan.queue_id == queue_id), None)
        if gone is not None:
            self._added.remove(gone)
            self._renumber_after(gone, -1)
            return
        for index, known in tuple(self._planned.items()):
            if known.queue_id == queue_id:
                self._withdrawn.add(index)
                self._renumber_after(known, -1)

    def amend(self, plan: BuildPlan) -> None:
        """Put a new plan in the place of the build with the same number and queue item."""
        self.revision += 1
        self._made_of.clear()
        self._added = [plan if _is_same(known, plan) else known for known in self._added]
        for index, known in self._planned.items():
            if _is_same(known, plan):
                self._amended[index] = self._planned[index] = plan

    @property
    def is_changed(self) -> bool:
        """Whether anybody added, amended or withdrew anything."""
        return bool(self._added or self._amended or self._withdrawn)

    def next_number(self, now: datetime) -> int:
        """The number that the next build gets, counted when it starts."""
        started = [plan.number for plan in self.until(now, 50) if plan.has_started(now)]
        return started[-1] + 1 if started else max(self._first_number, 1)

    def triggered(
        self,
        *,
        queue_id: int,
        queued_at: datetime,
        quiet: timedelta,
        parameters: tuple[BuildParameter, ...],
        causes: tuple[Cause, ...],
    ) -> BuildPlan:
        """An item for ``enqueue`` as someone triggers it; it is still to be said when it starts."""
        position: int | None = self._position(queued_at)
        digest = ""
        if self._line is not None:
            digest = _named(parameters)
            position = self._line.position_of(digest, queued_at)
        version = commit_id = ""
        if position is not None:
            version, digest = release(self._seed, self.job.service, position)
            commit_id = commit(self._seed, self.job.service, position, self._epoch).commit_id
        return BuildPlan(
            job=self.job.full_name,
            environment=self.job.environment,
            number=0,
            triggered=True,
            queue_id=queue_id,
            queued_at=queued_at,
            quiet=quiet,
            started_at=None,
            ended_at=None,
            result=BuildResult.SUCCESS,
            causes=causes,
            parameters=parameters,
            commit=commit_id,
            version=version,
            digest=digest,
            repository=f"https://github.com/finedge/{self.job.service}",
            estimated=timedelta(seconds=sum(seconds for _, seconds in self.job.stages)),
        )

    def starting(
        self, plan: BuildPlan, job: JenkinsJob, started_at: datetime | None, why: str = ""
    ) -> BuildPlan:
        """The same item with the moment at which it starts, or without one, and why it waits.

        ``job`` is its definition by now.
        """
        if started_at is None:
            return replace(plan, started_at=None, ended_at=None, stages=(), why=why)
        fate = self._fate(plan, started_at)
        asks = job.approval if fate[0] is BuildResult.SUCCESS and not plan.is_dry_run else ""
        if asks:
            fate = (BuildResult.ABORTED, APPROVING, _NOBODY)
        skipped = DRY_RUN_SKIPS if plan.is_dry_run else frozenset[str]()
        timing = timeline(job, started_at, 1.0, fate, asks=asks, skipped=skipped)
        return replace(
            plan,
            started_at=started_at,
            ended_at=timing.ended_at,
            result=fate[0],
            stages=timing.stages if job.pipeline else (),
            pending_input=timing.pending,
            why=why,
        )

    def _fate(self, plan: BuildPlan, at: datetime) -> tuple[BuildResult, str, str]:
        """How a build that was triggered ends, at which stage, and why."""
        if self._line is None:
            position = self._position(plan.queued_at)
            return blemish(self.job, position) if self.job.kind is JobKind.CI else _FINE
        digest = _named(plan.parameters)
        if not digest:
            return BuildResult.FAILURE, _FETCHING, "IMAGE names no digest: it is REGISTRY/NAME@sha256:…"
        if self._line.find(digest, at) is None or not self._pullable(digest):
            return BuildResult.FAILURE, _FETCHING, f"manifest unknown: {REGISTRY}/{self.job.service}@{digest}"
        return _FINE

    def made(self, position: int, at: datetime) -> BuildPlan | None:
        """The first build of a place of the line that had published by then; for CI in dev."""
        found = self._made_of.get(position)
        if found is None:
            found = self._maker(position)
            if found is None:
                return None
            self._made_of[position] = found
        return found if found.ended_at is not None and found.ended_at <= at else None

    def _maker(self, position: int) -> BuildPlan | None:
        begins = self._epoch + LAG[self.job.environment] + position * COMMIT_EVERY
        low = (begins - self._first) // self.job.period
        high = (begins + COMMIT_EVERY - self._first) // self.job.period
        planned = [
            self._plan(index)
            for index in range(max(low - 1, 0), high + 1)
            if index not in self._withdrawn and not (self._stops and index > self._scripted)
            if index == self._scripted or self._position(self._due(index)) == position
        ]
        digest = release(self._seed, self.job.service, position)[1]
        mine = [
            plan
            for plan in (*planned, *self._added)
            if plan.digest == digest and plan.ended_at is not None and plan.result in _PUBLISHING
        ]
        return min(mine, key=lambda plan: plan.ended_at or _NEVER, default=None)

    def _renumber_after(self, plan: BuildPlan, by: int) -> None:
        """A build comes in, or goes, before all that start after it; one that never starts counts not."""
        if plan.started_at is None:
            return
        place = _in_order(plan)
        self._added = [
            replace(known, number=known.number + by) if _in_order(known) >= place else known
            for known in self._added
        ]
        for index, known in tuple(self._planned.items()):
            if _in_order(known) >= place:
                del self._planned[index]

    def _plan(self, index: int) -> BuildPlan:
        plan = self._planned.get(index)
        if plan is None:
            plan = self._made(index)
            if index in self._amended:
                plan = replace(self._amended[index], number=plan.number)
            self._planned[index] = plan
        return plan

    def _due(self, index: int) -> datetime:
        """When a build by timetable comes into the queue."""
        spread = fractions(self._seed, self.job.full_name, index)[1]
        return self._first + (index + 0.6 * spread) * self.job.period

    def _position(self, queued_at: datetime) -> int:
        """Where in its service's line of commits it builds."""
        return (queued_at - LAG[self.job.environment] - self._epoch) // COMMIT_EVERY

    def _newest(self, position: int, at: datetime) -> int:
        """What a build of a moment builds or deploys: the newest there is."""
        return position if self._line is None else self._line.newest(position, at)

    def _made(self, index: int) -> BuildPlan:
        job = self.job
        luck, spread, wait, who = fractions(self._seed, job.full_name, index)
        script = self._script if index == self._scripted else None
        if script is not None and self._moment is not None:
            queued_at, wait, spread = self._moment, 0.0, 0.5
        else:
            queued_at = self._due(index)
        tail = 80 * wait**8
        started_at = queued_at + QUIET_PERIOD + HANDOVER + timedelta(seconds=3 * wait + tail)
        position = self._newest(self._position(queued_at), queued_at)
        mishap = (script.result, script.stage, script.error) if script is not None else _FINE
        if script is None and (job.service, position) not in FAMOUS:
            mishap = _mishap(job, luck)
        if mishap == _FINE:
            mishap = blemish(job, position)
        timing = timeline(
            job, started_at, 0.8 + 0.4 * spread, mishap, asks="" if script is None else script.approval
        )
        before = sum((added.started_at or _NEVER) <= started_at for added in self._added)
        number = self._first_number + index + before - sum(gone < index for gone in self._withdrawn)
        behind = self._newest(self._position(queued_at - job.period), queued_at - job.period)
        changes = tuple(
            commit(self._seed, job.service, at, self._epoch)
            for at in range(max(behind, position - 3) + 1, position + 1)
        )
        newest = commit(self._seed, job.service, position, self._epoch)
        version, digest = release(self._seed, job.service, position)
        why = "" if script is None else script.why
        special = script is not None and script.story == "released"
        return BuildPlan(
            job=job.full_name,
            environment=job.environment,
            number=number,
            queue_id=queue_id(self._epoch, queued_at, self._index),
            queued_at=queued_at,
            started_at=None if why else started_at,
            ended_at=None if why else timing.ended_at,
            result=mishap[0],
            stages=() if why or not job.pipeline else timing.stages,
            node=f"agent-{1 + int(who * 3)}",
            causes=(_cause(job, who, number),),
            parameters=_parameters(job, digest),
            changes=(changes[0], changes[-1]) if special else changes,
            commit=newest.commit_id,
            version=version,
            digest=digest,
            repository=f"https://github.com/finedge/{job.service}",
            log=LogStory(kind="build") if script is None else script.log,
            estimated=timedelta(seconds=sum(seconds for _, seconds in job.stages)),
            pending_input=timing.pending,
            why=why,
            story="" if script is None else script.story,
        )


def _in_order(plan: BuildPlan) -> tuple[datetime, int]:
    return plan.started_at or _NEVER, plan.number


def _is_same(one: BuildPlan, other: BuildPlan) -> bool:
    return (one.number, one.queue_id) == (other.number, other.queue_id)


def _queued_at(job: JenkinsJob, script: BuildScript, start: datetime) -> datetime:
    """When a scripted build came into the queue, so that it ends when its script says."""
    if script.queued is not None:
        return start + script.queued
    waited = QUIET_PERIOD + HANDOVER
    timing = timeline(job, start, 1.0, (script.result, script.stage, script.error), asks=script.approval)
    return start + (script.ended or timedelta(0)) - (timing.ended_at - start) - waited


def _mishap(job: JenkinsJob, luck: float) -> tuple[BuildResult, str, str]:
    for limit, result, stage, error in _MISHAPS:
        if luck < limit:
            known = any(name == stage for name, _ in job.stages)
            return (result, stage, error) if known else _FINE
    return _FINE


def timeline(
    job: JenkinsJob,
    started_at: datetime,
    factor: float,
    mishap: tuple[BuildResult, str, str],
    *,
    asks: str = "",
    skipped: frozenset[str] = frozenset(),
    since: int = 0,
) -> Timing:
    """The stages of a build with their times; those after a failed one never come.

    A stage that fails in a build that succeeds was caught (``catchError``). ``asks`` is the question of the
    stage that the mishap names: nobody answers within a day. ``skipped`` stages take no time; those
    before number ``since`` are over.
    """
    result, bad_stage, error = mishap
    at = started_at + timedelta(seconds=0.3)
    stages: list[StagePlan] = []
    pending = None
    for position, (name, seconds) in list(enumerate(job.stages))[since:]:
        end = at + timedelta(seconds=_SKIPPING if name in skipped else seconds * factor)
        outcome = StageState.SUCCESS
        if name == bad_stage:
            outcome = _SPOILED.get(result, StageState.FAILED)
            if asks:
                end = at + _APPROVAL_TIMEOUT
                pending = PendingInput(
                    input_id=INPUT,
                    message=asks,
                    since=at,
                    submitter=job.submitter,
                    ok="Deploy",
                    parameters=job.asks_for,
                )
        is_bad = outcome in (StageState.FAILED, StageState.ABORTED)
        stages.append(
            StagePlan(
                node_id=str(6 + 7 * position),
                name=name,
                started_at=at,
                ended_at=end,
                outcome=outcome,
                error=error if is_bad else "",
                is_caught=is_bad and result is BuildResult.SUCCESS,
            )
        )
        at = end
        if is_bad and result is not BuildResult.SUCCESS:
            break
    return Timing(tuple(stages), at + timedelta(seconds=0.1), pending)


def _cause(job: JenkinsJob, who: float, number: int) -> Cause:
    user_id, user_name = PEOPLE[int(who * len(PEOPLE))]
    if job.kind is JobKind.DEPLOY:
        if job.environment == "prod":
            return Cause(
                kind="user", description=f"Started by user {user_name}", user_id=user_id, user_name=user_name
            )
        upstream = f"finedge/{job.environment}/{job.service}-ci"
        return Cause(
            kind="upstream",
            description=f'Started by upstream project "{upstream}" build number {number}',
            upstream_project=upstream,
            upstream_build=number,
        )
    if job.environment == "prod":
        return Cause(kind="timer", description="Started by timer")
    return Cause(kind="scm", description="Started by an SCM change")


def _parameters(job: JenkinsJob, digest: str) -> tuple[BuildParameter, ...]:
    values = {"IMAGE": f"{REGISTRY}/{job.service}@{digest}"}
    return tuple(
        BuildParameter(name=definition.name, value=values.get(definition.name, definition.default), kind=kind)
        for definition in job.parameters
        for kind in (definition.kind,)
    )


def queue_id(epoch: datetime, queued_at: datetime, index: int) -> int:
    """The id of a queue item: later ones are higher, none comes twice. ``index`` is below 2000."""
    return int((queued_at - epoch).total_seconds() + 86_400) * 2000 + index


def _named(parameters: tuple[BuildParameter, ...]) -> str:
    """The digest that IMAGE names, empty for none."""
    given = next((one.value for one in parameters if one.name == "IMAGE"), "")
    match = _IMAGE.fullmatch(given.strip())
    return "" if match is None else match["digest"]
