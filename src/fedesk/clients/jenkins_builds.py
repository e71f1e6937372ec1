"""What Jenkins tells of a build, as runs of the domain.

States as in ``formats.md``: while ``building`` is true it runs, whatever ``result`` says already.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

from fedesk.clients.jenkins_json import Action, Build, ParameterValue, Pipeline, Stage
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.runs import PAUSED_FOR_INPUT, Artifact, Change, Parameter, Run, RunDetail, Step
from fedesk.domain.states import State

OPERATION_PARAMETER = "FEDESK_OPERATION"

RUN_FIELDS = (
    "number,result,building,timestamp,duration,"
    "actions[causes[shortDescription],parameters[name,value,jobName,number],"
    "lastBuiltRevision[SHA1],waitingForInput]"
)
"""``tree`` of a build as the board needs it; for an estimate a controller reads older builds, so not here."""

_CHANGE_FIELDS = "items[commitId,msg,authorEmail,timestamp]"

DETAIL_FIELDS = (
    f"{RUN_FIELDS},estimatedDuration,description,artifacts[relativePath],"
    f"changeSet[{_CHANGE_FIELDS}],changeSets[{_CHANGE_FIELDS}]"
)
"""``tree`` of a build that is opened: freestyle has one change set, a pipeline a list of them."""

_RESULTS = {
    "SUCCESS": State.SUCCEEDED,
    "UNSTABLE": State.UNSTABLE,
    "FAILURE": State.FAILED,
    "ABORTED": State.ABORTED,
    "NOT_BUILT": State.SKIPPED,
}

_STAGE_STATES = {
    "SUCCESS": State.SUCCEEDED,
    "UNSTABLE": State.UNSTABLE,
    "FAILED": State.FAILED,
    "ABORTED": State.ABORTED,
    "IN_PROGRESS": State.RUNNING,
    "PAUSED_PENDING_INPUT": State.WAITING,
    "NOT_EXECUTED": State.SKIPPED,
}


def job_path(job: str) -> str:
    """``finedge/prod/deploy`` as ``job/finedge/job/prod/job/deploy``, each segment encoded alone."""
    return "/".join(f"job/{quote(segment, safe='')}" for segment in job.split("/"))


def build_path(job: str, number: int) -> str:
    """The path of a build, without a slash at either end."""
    return f"{job_path(job)}/{number}"


def job_of(url: str) -> str:
    """The full name of the job in an address of Jenkins, ``""`` where there is none."""
    segments = url.split("/")
    try:
        first = segments.index("job")
    except ValueError:
        return ""
    names = []
    for word, segment in zip(segments[first::2], segments[first + 1 :: 2], strict=False):
        if word != "job":
            break
        names.append(unquote(segment))
    return "/".join(names)


def is_job(url: str, job: str) -> bool:
    """Whether an address of Jenkins is that of a job itself, and not of something in it."""
    segments = [segment for segment in url.split("/") if segment]
    return job_of(url) == job and len(segments) > 1 and segments[-2] == "job"


def parameters_of(actions: Sequence[Action | None]) -> dict[str, str | None]:
    """Parameters as text; None where Jenkins hides the value, or has one that is more than text."""
    return {
        parameter.name: _plain_text(parameter)
        for action in actions
        if action is not None
        for parameter in action.parameters
    }


def _plain_text(parameter: ParameterValue) -> str | None:
    if isinstance(parameter.value, list | dict):
        return None
    return _parameter_text(parameter.value, parameter.job_name, parameter.number)


def moment(milliseconds: int) -> datetime | None:
    """Aware UTC from milliseconds since 1970; None for 0, -1 and what no calendar holds."""
    if milliseconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def span(milliseconds: int) -> timedelta | None:
    """A duration; None for -1 (unknown) and 0."""
    try:
        return timedelta(milliseconds=milliseconds) if milliseconds > 0 else None
    except OverflowError:
        return None


def run_of(build: Build, job: str, connection: ConnectionName, base: str, *, reason: str = "") -> Run:
    """A build as a run: ``timestamp`` is when it left the queue, its end follows from the duration."""
    at = moment(build.timestamp)
    state, original = _state(build)
    ended = None
    if at is not None and state.is_final:
        try:
            ended = at + timedelta(milliseconds=max(build.duration, 0))
        except OverflowError:
            ended = None
    parameters = dict(_parameters(build))
    return Run(
        name=RunName(connection, f"{job}#{build.number}"),
        job=job,
        state=state,
        original_state=original,
        link=f"{base}/{build_path(job, build.number)}/",
        queued_at=at,
        started_at=at,
        ended_at=ended,
        run_after=at,
        cause=next(iter(causes(build)), ""),
        reason=reason,
        commit=_commit(build),
        operation_id=parameters.get(OPERATION_PARAMETER) or "",
    )


def detail_of(
    build: Build, run: Run, pipeline: Pipeline | None, *, base: str, job: str, note: str = ""
) -> RunDetail:
    """Everything of a build that is opened; ``pipeline`` is None where Jenkins knows no stages."""
    path = build_path(job, build.number)
    sets = (*((build.change_set,) if build.change_set else ()), *build.change_sets)
    return RunDetail(
        run=run,
        steps=()
        if pipeline is None
        else tuple(step_of(stage, f"{base}/{path}") for stage in pipeline.stages),
        parameters=tuple(Parameter(name=name, value=value) for name, value in _parameters(build)),
        causes=causes(build),
        changes=tuple(
            Change(
                commit=item.commit_id or "",
                author=item.author_email or "",
                message=item.msg or "",
                at=moment(item.timestamp),
            )
            for change_set in sets
            for item in change_set.items
        ),
        artifacts=tuple(
            Artifact(
                path=artifact.relative_path,
                link=f"{base}/{path}/artifact/{quote(artifact.relative_path, safe='/')}",
            )
            for artifact in build.artifacts
        ),
        expected_duration=span(build.estimated_duration),
        note="\n".join(text for text in (build.description or "", note) if text),
    )


def step_of(stage: Stage, build_link: str) -> Step:
    """A stage as a step; one that did not run has no times."""
    state = _STAGE_STATES.get(stage.status, State.UNKNOWN)
    started = moment(stage.start_time_millis)
    length = span(stage.duration_millis) or timedelta(0)
    return Step(
        id=stage.id,
        name=stage.name,
        state=state,
        original_state=stage.status,
        started_at=started,
        ended_at=started + length if started is not None and state.is_final else None,
        error=_fault(stage),
        link=f"{build_link}/execution/node/{quote(stage.id, safe='')}/",
    )


def reason_of(pipeline: Pipeline) -> str:
    """Why a pipeline is not green, in one line: the first stage that failed, and its error."""
    for wanted in ("FAILED", "UNSTABLE", "ABORTED"):
        for stage in pipeline.stages:
            if stage.status == wanted:
                fault = " ".join(_fault(stage).split())
                return f"{stage.name} {wanted.lower()}" + (f": {fault[:200]}" if fault else "")
    return ""


def causes(build: Build) -> tuple[str, ...]:
    """The sentences Jenkins has for what started a build."""
    return tuple(
        cause.short_description
        for action in build.actions
        if action is not None
        for cause in action.causes
        if cause.short_description
    )


def _state(build: Build) -> tuple[State, str]:
    if build.building:
        if any(action is not None and action.waiting_for_input for action in build.actions):
            return State.WAITING, PAUSED_FOR_INPUT
        return State.RUNNING, "building"
    return _RESULTS.get(build.result or "", State.UNKNOWN), build.result or ""


def _parameters(build: Build) -> tuple[tuple[str, str | None], ...]:
    return tuple(
        (parameter.name, _parameter_text(parameter.value, parameter.job_name, parameter.number))
        for action in build.actions
        if action is not None
        for parameter in action.parameters
    )


def _parameter_text(value: Any, job: str | None, number: Any) -> str | None:
    """A value as text; None where Jenkins hides it. A run parameter names a build instead of a value."""
    if value is None:
        return f"{job}#{number}" if job else None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _commit(build: Build) -> str:
    """The first repository's commit: a pipeline checks its own out before any library that it loads later."""
    return next(
        (
            action.last_built_revision.SHA1
            for action in build.actions
            if action is not None and action.last_built_revision is not None
        ),
        "",
    )


def _fault(stage: Stage) -> str:
    if stage.error is None:
        return ""
    return stage.error.message or stage.error.type or ""
