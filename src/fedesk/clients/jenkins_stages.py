"""Stages of a pipeline and their logs, by ``wfapi`` (``contracts/jenkins_plugins.md`` 1).

A freestyle build has no ``wfapi`` (404). A stage has no log of its own: its steps ("atoms") have, at most
100 of them are listed, and only the step's own ``progressiveText`` gives more than a tail of 10 KB.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from fedesk.clients.jenkins_builds import job_path, step_of
from fedesk.clients.jenkins_json import Pipeline, Stage
from fedesk.clients.jenkins_log import read_log
from fedesk.clients.jenkins_session import JenkinsSession
from fedesk.clients.wording import quoted
from fedesk.domain.names import TaskName
from fedesk.domain.runs import LogChunk, Step
from fedesk.domain.states import State
from fedesk.ports.errors import ForbiddenError, NotFoundError, ProtocolError, ServerFaultError

_LISTED_STEPS = 100
_READ_AT_ONCE = 10
_UNFINISHED = frozenset({"IN_PROGRESS", "PAUSED_PENDING_INPUT"})


def pipeline_of(session: JenkinsSession, build: str) -> Pipeline | None:
    """The stages of the build at this path; None where it is no pipeline."""
    try:
        return session.json(f"{build}/wfapi/describe", Pipeline)
    except NotFoundError:
        return None


def steps_of(session: JenkinsSession, build: str, base: str) -> tuple[Step, ...]:
    """The stages of the build at this path; empty where there are none, or they cannot be read."""
    try:
        found = pipeline_of(session, build)
    except _UNREADABLE:
        return ()
    return tuple(step_of(stage, f"{base}/{build}") for stage in (found.stages if found is not None else ()))


def ends_of(session: JenkinsSession, job: str, name: str) -> Mapping[str, State | None]:
    """How a stage ended in each of the newest builds, ten at most: one request (``wfapi/runs``).

    None where a build has no such stage; empty where nothing can be read.
    """
    try:
        runs = session.json(f"{job_path(job)}/wfapi/runs", list[Pipeline])
    except _UNREADABLE:
        return MappingProxyType({})
    return {f"{job}#{run.id}": end_of((step_of(one, "") for one in run.stages), name) for run in runs}


def end_of(steps: Iterable[Step], name: str) -> State | None:
    """How the last stage of that name ended; None where there is none."""
    named = [one.state for one in steps if one.name.casefold() == name.casefold()]
    return named[-1] if named else None


_UNREADABLE = (ServerFaultError, ForbiddenError, NotFoundError, ProtocolError)
"""``wfapi`` answers 500 for whatever goes wrong in it, and 404 for what is no pipeline."""


def stage_log(session: JenkinsSession, build: str, task: TaskName, cursor: str) -> LogChunk:
    """The piece after ``cursor`` of a stage's log: the logs of its steps, one behind the other.

    The stage is named by its node id or its name. Raises NotFoundError where the build has no such stage.
    """
    stage = _stage(session, build, task)
    step, _, place = cursor.partition("/")
    steps = [atom.id for atom in stage.stage_flow_nodes]
    if step and step not in steps:
        raise ProtocolError(f"{quoted(cursor)} is no place in this stage's log; read the log from its start")
    following = steps[steps.index(step) :] if step else steps
    text = ""
    for current in following[:_READ_AT_ONCE]:
        begun = place if current == step else ""
        chunk = _step_log(session, f"{build}/execution/node/{current}/log", begun)
        if chunk is not None and not chunk.complete:
            return LogChunk(text=chunk.text, cursor=f"{current}/{chunk.cursor}", complete=False)
        text = "" if chunk is None else _closed(chunk.text)
        if current == steps[-1]:
            # A stage that runs may get more steps: the place stays at the end of its newest.
            at = f"{current}/{begun if chunk is None else chunk.cursor}"
            finished = stage.status not in _UNFINISHED
            return LogChunk(text=text + (_unlisted(steps) if finished else ""), cursor=at, complete=finished)
        step = steps[steps.index(current) + 1]
        place = ""
        if text:
            break
    if not steps:
        return LogChunk(text="", cursor="", complete=stage.status not in _UNFINISHED)
    return LogChunk(text=text, cursor=f"{step}/", complete=False)


def _stage(session: JenkinsSession, build: str, task: TaskName) -> Stage:
    pipeline = session.json(f"{build}/wfapi/describe", Pipeline)
    named = [stage for stage in pipeline.stages if stage.id == task.task] or [
        stage for stage in pipeline.stages if stage.name == task.task
    ]
    if not named:
        stages = ", ".join(stage.name for stage in pipeline.stages)
        raise NotFoundError(
            f"the build has no stage {quoted(task.task, limit=80)}; its stages are {quoted(stages)}"
        )
    described = session.json(f"{build}/execution/node/{named[-1].id}/wfapi/describe", Stage | None)  # type: ignore[arg-type]  # a union is a shape, too
    if described is None:
        raise NotFoundError(
            f"Jenkins cannot find the stage {quoted(named[-1].name, limit=80)} in its own run"
        )
    stage: Stage = described
    return stage


def _step_log(session: JenkinsSession, log: str, place: str) -> LogChunk | None:
    """A step's log; None where it wrote none (the address is a 404 then)."""
    path = f"{log}/logText"
    try:
        return read_log(session, path, place, whole=f"{path}/progressiveText?start=0")
    except NotFoundError:
        return None


def _closed(text: str) -> str:
    """A step's last line may lack its end; the next step's log begins on a line of its own."""
    return text if not text or text.endswith("\n") else f"{text}\n"


def _unlisted(steps: list[str]) -> str:
    if len(steps) < _LISTED_STEPS:
        return ""
    return (
        f"[fedesk] Jenkins lists the first {_LISTED_STEPS} steps of a stage only; "
        "the log of the whole build has the rest\n"
    )
