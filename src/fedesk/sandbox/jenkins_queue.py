"""Changing the sandbox's Jenkins: what is triggered, merged, cancelled, held back, disabled, redefined.

The rules are those of ``hudson.model.Queue.scheduleInternal`` (``contracts/jenkins.md``, Queue). Everything
here takes the world's lock; all of it is forgotten by ``World.forget_changes``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from fedesk.sandbox.builds import HANDOVER, queue_id
from fedesk.sandbox.dags import HISTORY
from fedesk.sandbox.model_jenkins import QUIET_PERIOD, BuildParameter, BuildPlan, Cause, JenkinsJob, QueueItem

if TYPE_CHECKING:
    from fedesk.sandbox.world import World

SHUTTING_DOWN = "Jenkins is about to shut down"
_STUCK_AFTER = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """An item that left the queue without becoming a build."""

    build: BuildPlan
    at: datetime


@dataclass(slots=True)
class ControllerState:
    """What was changed on the controller since the world began."""

    jobs: dict[str, JenkinsJob] = field(default_factory=dict)
    """Jobs that are no longer as the world made them, by full name."""
    quieting_down: bool = False
    cancelled: dict[int, Cancelled] = field(default_factory=dict)
    last_queue_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """An item in the queue, new or there before."""

    item: BuildPlan
    created: bool


def schedule(
    world: "World",
    job: JenkinsJob,
    parameters: tuple[BuildParameter, ...],
    cause: Cause,
    quiet: timedelta,
) -> Scheduled | None:
    """Queue a build, or fold it into an item of the same job and values; None where it is vetoed."""
    with world.lock:
        if job.vetoed:
            return None
        due = world.now() + quiet
        same = [item for item in _queued(world, job) if set(item.build.parameters) == set(parameters)]
        if same:
            return Scheduled(item=_folded(world, same[0], cause, due), created=False)
        history = world.build_history(job.full_name)
        plan = history.triggered(
            queue_id=_next_queue_id(world),
            queued_at=world.now(),
            quiet=quiet,
            parameters=parameters,
            causes=(cause,),
        )
        item = history.enqueue(_timed(world, job, plan))
        if world.executor is not None and job.full_name == world.executor.full_name:
            item = world.executor.begin(world, item)
            history.amend(item)
        return Scheduled(item=item, created=True)


def trigger(world: "World", full_name: str, user: str, values: Mapping[str, str]) -> int:
    """Somebody triggers a build with these values and defaults for the others; the queue id of its item.

    Raises KeyError, and ValueError where the job is disabled or vetoed.
    """
    job = _job(world, full_name)
    given = tuple(
        BuildParameter(
            name=one.name,
            value=values.get(one.name, one.default or next(iter(one.choices), "")),
            kind=one.kind,
        )
        for one in job.parameters
        if one.kind != "file"
    )
    cause = Cause(kind="user", description=f"Started by user {user}", user_id=user, user_name=user)
    found = None if job.disabled else schedule(world, job, given, cause, QUIET_PERIOD)
    if found is None:
        raise ValueError(f"{full_name} is not buildable")
    return found.item.queue_id


def cancel(world: "World", queue_id: int) -> bool | None:
    """Take an item out of the queue; False where it has left already, None where it is not known."""
    with world.lock:
        item = next((one.build for one in world.queue() if one.build.queue_id == queue_id), None)
        if item is None:
            return None if left(world, queue_id) is None else False
        world.build_history(item.job).withdraw(queue_id)
        world.jenkins.cancelled[queue_id] = Cancelled(build=item, at=world.now())
        return True


def left(world: "World", queue_id: int) -> BuildPlan | Cancelled | None:
    """What has become of an item that left the queue: a build that has started, or it was cancelled."""
    with world.lock:
        cancelled = world.jenkins.cancelled.get(queue_id)
        if cancelled is not None:
            return cancelled
        started = (build for job in world.jobs() for build in world.builds(job.full_name, 20))
        return next((build for build in started if build.queue_id == queue_id), None)


def quiet_down(world: "World", *, on: bool = True) -> None:
    """Let nothing that is in the queue, or is triggered meanwhile, start until this is called off."""
    with world.lock:
        world.jenkins.quieting_down = on
        for item in world.queue():
            plan, history = item.build, world.build_history(item.build.job)
            if plan.started_at is not None if on else plan.why == SHUTTING_DOWN:
                history.withdraw(plan.queue_id)
                history.enqueue(_timed(world, _job(world, plan.job), plan))


def disable(world: "World", full_name: str) -> None:
    """Disable a job; what it has in the queue is cancelled, as ``makeDisabled`` does."""
    with world.lock:
        world.jenkins.jobs[full_name] = replace(_job(world, full_name), disabled=True)
        for item in _queued(world, world.job(full_name)):
            cancel(world, item.build.queue_id)


def redefine(world: "World", job: JenkinsJob) -> None:
    """Put a job's definition in the place of the one with its name."""
    with world.lock:
        world.jenkins.jobs[job.full_name] = job


def as_queue_item(plan: BuildPlan, now: datetime) -> QueueItem:
    """What a plan in the queue looks like at a moment."""
    quiet_until = plan.queued_at + plan.quiet
    if now < quiet_until:
        left = (quiet_until - now).total_seconds()
        why = f"In the quiet period. Expires in {left:.1f} sec"
        return QueueItem(build=plan, why=why, stuck=False, quiet_until=quiet_until)
    why = plan.why or "Waiting for next available executor"
    stuck = bool(plan.why) and not plan.blocked and now - plan.queued_at > _STUCK_AFTER
    return QueueItem(build=plan, why=why, stuck=stuck, quiet_until=None, blocked=plan.blocked)


def _job(world: "World", full_name: str) -> JenkinsJob:
    return world.jenkins.jobs.get(full_name) or world.job(full_name)


def _queued(world: "World", job: JenkinsJob) -> list[QueueItem]:
    now = world.now()
    plans = world.build_plans(job.full_name, 50)
    return [as_queue_item(plan, now) for plan in plans if plan.is_queued(now)]


def _next_queue_id(world: "World") -> int:
    """Higher than all before it; the timetable's own end with the number of a job, which is below 1000."""
    lowest = queue_id(world.start - HISTORY, world.now(), 1000)
    world.jenkins.last_queue_id = max(world.jenkins.last_queue_id + 1, lowest)
    return world.jenkins.last_queue_id


def _timed(world: "World", job: JenkinsJob, plan: BuildPlan) -> BuildPlan:
    """The item with the moment at which it starts, as things stand."""
    history = world.build_history(job.full_name)
    if world.jenkins.quieting_down:
        return replace(history.starting(plan, job, None, SHUTTING_DOWN), blocked=False)
    due = max(plan.queued_at + plan.quiet, world.now())
    before = [] if job.concurrent else [known for known in history.until(due, 50) if _runs_at(known, due)]
    if not before:
        return replace(history.starting(plan, job, due + HANDOVER), blocked=False)
    last = max(before, key=lambda known: known.number)
    why = f"Build #{last.number} is already in progress (ETA: {int(last.estimated.total_seconds())} sec)"
    ended_at = last.ended_at
    return replace(
        history.starting(plan, job, None if ended_at is None else ended_at + HANDOVER, why), blocked=True
    )


def _runs_at(plan: BuildPlan, at: datetime) -> bool:
    return plan.started_at is not None and (plan.ended_at is None or plan.ended_at > at)


def _folded(world: "World", item: QueueItem, cause: Cause, due: datetime) -> BuildPlan:
    """The item with one cause more; the earlier of both due times wins while it is in its quiet period."""
    plan = replace(item.build, causes=(*item.build.causes, cause))
    history = world.build_history(plan.job)
    if item.quiet_until is None or item.quiet_until < due or item.build.why:
        history.amend(plan)
        return plan
    history.withdraw(plan.queue_id)
    return history.enqueue(_timed(world, _job(world, plan.job), replace(plan, quiet=due - plan.queued_at)))
