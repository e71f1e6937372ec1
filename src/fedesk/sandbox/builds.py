"""Jenkins' half of the world: jobs, agents and the plans of their builds."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from fedesk.sandbox.clock import fractions, hexadecimal
from fedesk.sandbox.dags import HISTORY
from fedesk.sandbox.model import (
    ArtifactFile,
    BuildParameter,
    BuildPlan,
    BuildResult,
    Cause,
    Commit,
    JenkinsJob,
    JobKind,
    LogStory,
    PendingInput,
    StagePlan,
    StageState,
)
from fedesk.sandbox.model_jenkins import QUIET_PERIOD
from fedesk.sandbox.stories import BuildScript

REGISTRY = "registry.finedge.example"

_LAG = {"dev": timedelta(0), "staging": timedelta(hours=6), "prod": timedelta(hours=20)}
_COMMIT_EVERY = timedelta(hours=5)
_APPROVAL_TIMEOUT = timedelta(hours=24)
HANDOVER = timedelta(seconds=0.4)
"""From the queue to a free executor."""
_NEVER = datetime.max.replace(tzinfo=UTC)
_PEOPLE = (
    ("mara", "Mara Lindqvist"),
    ("tomasz", "Tomasz Zając"),
    ("aisha", "Aisha Okafor"),
    ("jun", "Jun Watanabe"),
)
_MESSAGES = (
    "Read the amount as decimal, not float",
    "Retry the partner's API on 503",
    "Drop the unused staging model",
    "Load by partition instead of appending",
    "Raise the memory limit of the transform",
    "Test that the settlement currency is known",
    "Pin dbt to the version the others use",
    "Name the columns as the catalogue does",
)
_MISHAPS: tuple[tuple[float, BuildResult, str, str], ...] = (
    (0.020, BuildResult.FAILURE, "Unit tests", "3 tests failed"),
    (0.035, BuildResult.FAILURE, "Deploy", "deployment did not become ready within 60 s"),
    (0.050, BuildResult.UNSTABLE, "Data-quality tests", "2 data-quality tests gave warnings"),
    (0.060, BuildResult.ABORTED, "Container build", "aborted"),
)


@dataclass(frozen=True, slots=True)
class Timing:
    """What a simulated build comes to."""

    stages: tuple[StagePlan, ...]
    ended_at: datetime
    pending: PendingInput | None


class BuildHistory:
    """The builds of one job, thirty days back and on into the future as far as anyone looks."""

    def __init__(
        self, *, seed: int, job: JenkinsJob, index: int, start: datetime, script: BuildScript | None
    ) -> None:
        self.job = job
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

    def until(self, now: datetime, limit: int | None = None) -> list[BuildPlan]:
        """Plans queued by ``now``, oldest first; only the newest ``limit`` where one is given."""
        last = (min(now, self._paused or now) - self._first) // self.job.period
        if self._stops:
            last = min(last, self._scripted)
        first = 0 if limit is None else max(0, last - limit)
        plans = [self._plan(index) for index in range(first, last + 1) if index not in self._withdrawn]
        if self._added:
            plans = sorted((*plans, *self._added), key=_in_order)
        plans = [plan for plan in plans if plan.queued_at <= now]
        return plans if limit is None else plans[-limit:]

    def add(self, plan: BuildPlan) -> None:
        """Take in a build that someone started; those that start later get higher numbers."""
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
        position = self._position(queued_at)
        version, digest = release(self._seed, self.job.service, position)
        return BuildPlan(
            job=self.job.full_name,
            environment=self.job.environment,
            number=0,
            queue_id=queue_id,
            queued_at=queued_at,
            quiet=quiet,
            started_at=None,
            ended_at=None,
            result=BuildResult.SUCCESS,
            causes=causes,
            parameters=parameters,
            commit=commit(self._seed, self.job.service, position, self._epoch).commit_id,
            version=version,
            digest=digest,
            repository=f"https://github.com/finedge/{self.job.service}",
            estimated=timedelta(seconds=sum(seconds for _, seconds in self.job.stages)),
        )

    def starting(self, plan: BuildPlan, started_at: datetime | None, why: str = "") -> BuildPlan:
        """The same item with the moment at which it starts and succeeds, or without one, and why it waits."""
        if started_at is None:
            return replace(plan, started_at=None, ended_at=None, stages=(), why=why)
        timing = timeline(self.job, started_at, 1.0, (BuildResult.SUCCESS, "", ""))
        stages = timing.stages if self.job.pipeline else ()
        return replace(
            plan,
            started_at=started_at,
            ended_at=timing.ended_at,
            result=BuildResult.SUCCESS,
            stages=stages,
            why=why,
        )

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

    def _position(self, queued_at: datetime) -> int:
        """Where in its service's line of commits it builds."""
        return (queued_at - _LAG[self.job.environment] - self._epoch) // _COMMIT_EVERY

    def _made(self, index: int) -> BuildPlan:
        job = self.job
        luck, spread, wait, who = fractions(self._seed, job.full_name, index)
        script = self._script if index == self._scripted else None
        if script is not None and self._moment is not None:
            queued_at, wait, spread = self._moment, 0.0, 0.5
        else:
            queued_at = self._first + (index + 0.6 * spread) * job.period
        tail = 80 * wait**8
        started_at = queued_at + QUIET_PERIOD + HANDOVER + timedelta(seconds=3 * wait + tail)
        mishap = _mishap(job, luck) if script is None else (script.result, script.stage, script.error)
        timing = timeline(job, started_at, 0.8 + 0.4 * spread, mishap, script)
        before = sum((added.started_at or _NEVER) <= started_at for added in self._added)
        number = self._first_number + index + before - sum(gone < index for gone in self._withdrawn)
        position = self._position(queued_at)
        behind = self._position(queued_at - job.period)
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
            changes=_renowned(changes) if special else changes,
            commit="c0ffee1" + newest.commit_id[7:] if special else newest.commit_id,
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
    timing = timeline(job, start, 1.0, (script.result, script.stage, script.error), script)
    return start + (script.ended or timedelta(0)) - (timing.ended_at - start) - waited


def _renowned(changes: tuple[Commit, ...]) -> tuple[Commit, ...]:
    """Two commits, the newest of which is c0ffee1."""
    if not changes:
        return changes
    newest, before = changes[-1], changes[0]
    fields = {name: getattr(newest, name) for name in ("author", "author_email", "message", "at", "paths")}
    return (before, Commit(commit_id="c0ffee1" + newest.commit_id[7:], **fields))


def _mishap(job: JenkinsJob, luck: float) -> tuple[BuildResult, str, str]:
    for limit, result, stage, error in _MISHAPS:
        if luck < limit:
            known = any(name == stage for name, _ in job.stages)
            return (result, stage, error) if known else (BuildResult.SUCCESS, "", "")
    return BuildResult.SUCCESS, "", ""


def timeline(
    job: JenkinsJob,
    started_at: datetime,
    factor: float,
    mishap: tuple[BuildResult, str, str],
    script: BuildScript | None = None,
) -> Timing:
    """The stages of a build with their times; those after a failed one never come."""
    result, bad_stage, error = mishap
    at = started_at + timedelta(seconds=0.3)
    stages: list[StagePlan] = []
    pending = None
    for position, (name, seconds) in enumerate(job.stages):
        end = at + timedelta(seconds=seconds * factor)
        outcome = StageState.SUCCESS
        if name == bad_stage:
            outcome = {
                BuildResult.UNSTABLE: StageState.UNSTABLE,
                BuildResult.ABORTED: StageState.ABORTED,
            }.get(result, StageState.FAILED)
            if script is not None and script.approval:
                end = at + _APPROVAL_TIMEOUT
                pending = PendingInput(
                    input_id="Promote", message=script.approval, since=at, submitter="releasers", ok="Deploy"
                )
        stages.append(
            StagePlan(
                node_id=str(6 + 7 * position),
                name=name,
                started_at=at,
                ended_at=end,
                outcome=outcome,
                error=error if outcome in (StageState.FAILED, StageState.ABORTED) else "",
            )
        )
        at = end
        if outcome in (StageState.FAILED, StageState.ABORTED):
            break
    return Timing(tuple(stages), at + timedelta(seconds=0.1), pending)


def _cause(job: JenkinsJob, who: float, number: int) -> Cause:
    user_id, user_name = _PEOPLE[int(who * len(_PEOPLE))]
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


@lru_cache(maxsize=50_000)
def commit(seed: int, service: str, position: int, epoch: datetime) -> Commit:
    """The commit at a place of a service's line of commits."""
    which, who, jitter, _ = fractions(seed, "commit", service, position)
    user_id, name = _PEOPLE[int(who * len(_PEOPLE))]
    return Commit(
        commit_id=hexadecimal(40, seed, service, position),
        author=name,
        author_email=f"{user_id}@finedge.example",
        message=_MESSAGES[int(which * len(_MESSAGES))],
        at=(epoch + (position + 0.5 * jitter) * _COMMIT_EVERY).replace(microsecond=0),
        paths=(f"models/{service}/{service}.sql",),
    )


@lru_cache(maxsize=50_000)
def release(seed: int, service: str, position: int) -> tuple[str, str]:
    """Version and image digest of the release made of a commit."""
    return f"1.{200 + position}.0", "sha256:" + hexadecimal(64, seed, "image", service, position)


def queue_id(epoch: datetime, queued_at: datetime, index: int) -> int:
    """The id of a queue item: later ones are higher, none comes twice. ``index`` is below 2000."""
    return int((queued_at - epoch).total_seconds() + 86_400) * 2000 + index


def artifacts(build: BuildPlan, job: JenkinsJob) -> tuple[ArtifactFile, ...]:
    """What a build that succeeded left: release.json (formats.md) and a list of checksums."""
    if build.result is not BuildResult.SUCCESS or build.ended_at is None:
        return ()
    chance = fractions(build.digest)
    document: dict[str, object] = {
        "schema": "fedesk-release/1",
        "service": job.service,
        "version": build.version,
        "commit": build.commit,
        "repository": build.repository,
        "image": f"{REGISTRY}/{job.service}",
        "digest": build.digest,
        "build_url": f"/job/{'/job/'.join(build.job.split('/'))}/{build.number}/",
        "built_at": build.ended_at.isoformat(),
        "environment": build.environment,
        "deployed_at": build.ended_at.isoformat() if job.kind is JobKind.DEPLOY else None,
        "deployed_by": build.causes[0].user_id or "jenkins",
        "operation": "",
        "sbom": f"sbom/{job.service}.cdx.json",
        "scan": {"critical": 0, "high": int(chance[0] * 4)},
        "tests": {"unit": 120 + int(chance[1] * 300), "data_quality": 20 + int(chance[2] * 60)},
        "migrations": [],
        "size_bytes": int(280e6 + chance[3] * 40e6),
    }
    content = json.dumps(document, indent=2).encode()
    sums = f"{build.digest.removeprefix('sha256:')}  {job.service}.tar.zst\n".encode()
    return (
        ArtifactFile(path="release.json", content=content),
        ArtifactFile(path="dist/SHA256SUMS", content=sums),
    )
