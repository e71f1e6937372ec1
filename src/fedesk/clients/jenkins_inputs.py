"""A build followed to its end, and the questions at which it waits for a person on its way.

The questions are read from the core's JSON, the one place that says who may answer (``contracts/
jenkins_plugins.md`` 2); ``wfapi`` would give a password's default in plain text besides.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from fedesk.clients.jenkins_builds import RUN_FIELDS, build_path, reason_of, run_of
from fedesk.clients.jenkins_json import Action, Asked, Build, Pipeline
from fedesk.clients.jenkins_session import JenkinsSession, encoded
from fedesk.clients.jenkins_stages import pipeline_of
from fedesk.clients.wording import clean, quoted
from fedesk.domain.operations import Evidence, Progress, StepState
from fedesk.domain.releases import AWAITS_ANSWER
from fedesk.domain.runs import Run
from fedesk.domain.states import State
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import ForbiddenError, NotFoundError, ProtocolError, ServerFaultError
from fedesk.ports.releasing import InputAsked

_INPUT_TREE = "executions[id,settled,input[id,message,ok,submitter,parameters[name]]]"
_FOLLOWED = RUN_FIELDS.replace("waitingForInput]", f"waitingForInput,{_INPUT_TREE}]")
_ENDINGS = {
    State.FAILED: "failed",
    State.UNSTABLE: "ended unstable",
    State.ABORTED: "was aborted",
    State.SKIPPED: "was not built",
}


def inputs_of(session: JenkinsSession, endpoint: Endpoint, job: str, number: int) -> tuple[InputAsked, ...]:
    """As ``ports.releasing.DeploySource.inputs``: one request."""
    path = build_path(job, number)
    build = session.json(f"{path}/api/json", Build, tree=f"number,actions[{_INPUT_TREE}]")
    return tuple(_asked(one, f"{endpoint.url}/{path}") for one in _pending(build.actions))


def follow_build(session: JenkinsSession, endpoint: Endpoint, job: str, number: int) -> Progress:
    """As ``ports.releasing.FollowsBuilds``: one request, and one for its stages unless all is well."""
    path, named = build_path(job, number), f"Build #{number} of {clean(job)}"
    link = f"{endpoint.url}/{path}/"
    try:
        build = session.json(f"{path}/api/json", Build, tree=_FOLLOWED)
    except NotFoundError as error:
        said = f"{named} is gone or hidden: how it ended cannot be told."
        return _progress(StepState.UNKNOWN, said, number, _evidence(endpoint, str(error), link))
    run = run_of(build, job, endpoint.name, endpoint.url)
    if run.state is State.SUCCEEDED:
        said = f"{named} succeeded."
        return _progress(StepState.DONE, said, number, _evidence(endpoint, said, link))
    if run.state in _ENDINGS:
        said = f"{named} {_ENDINGS[run.state]}{_why(_stages(session, path))}."
        return _progress(StepState.FAILED, said, number, _evidence(endpoint, said, link))
    if run.state is State.UNKNOWN:
        said = f"{named} ended with {quoted(build.result or '', limit=60)}, which fedesk does not know."
        return _progress(StepState.UNKNOWN, said, number, _evidence(endpoint, said, link))
    pending = tuple(_pending(build.actions))
    if pending:
        return _progress(StepState.WAITING, f"{named} {AWAITS_ANSWER}: {_question(pending[0])}.", number)
    return _progress(StepState.WAITING, f"{named} {_where(run, _stages(session, path))}.", number)


def _pending(actions: Sequence[Action | None]) -> Iterator[Asked]:
    for action in actions:
        for execution in action.executions if action is not None else ():
            if execution.input.id and not execution.settled:
                yield execution.input


def _asked(asked: Asked, build_link: str) -> InputAsked:
    return InputAsked(
        id=asked.id,
        message=clean(asked.message or ""),
        ok=clean(asked.ok or "Proceed"),
        submitter=clean(asked.submitter or ""),
        parameters=tuple(clean(one.name) for one in asked.parameters or ()),
        link=f"{build_link}/input/{encoded(asked.id)}/",
    )


def _question(asked: Asked) -> str:
    who = f"; {quoted(asked.submitter, limit=80)} may answer" if asked.submitter else ""
    return f"{quoted(asked.message or asked.id)}{who}"


def _stages(session: JenkinsSession, path: str) -> Pipeline | None:
    """The stages; None where there are none, or ``wfapi`` does not say: it answers 500 to much."""
    try:
        return pipeline_of(session, path)
    except (ServerFaultError, ForbiddenError, ProtocolError):
        return None


def _why(pipeline: Pipeline | None) -> str:
    reason = "" if pipeline is None else clean(reason_of(pipeline)).rstrip(".")
    return f": {reason}" if reason else ""


def _where(run: Run, pipeline: Pipeline | None) -> str:
    running = [one for one in pipeline.stages if one.status == "IN_PROGRESS"] if pipeline is not None else []
    if running:
        return f"is in stage {quoted(running[-1].name, limit=80)}"
    return AWAITS_ANSWER if run.state is State.WAITING else "runs"


def _progress(state: StepState, said: str, number: int, *evidence: Evidence) -> Progress:
    return Progress(state=state, said=said, reference=f"build:{number}", evidence=evidence)


def _evidence(endpoint: Endpoint, said: str, link: str) -> Evidence:
    return Evidence(source=f"{endpoint.name} build", said=said, at=datetime.now(UTC), link=link)
