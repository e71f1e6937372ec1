"""A question of a pipeline's ``input`` step, answered once (``contracts/jenkins_plugins.md`` 2).

    verb           args
    answer-input   job, build, input, choice: proceed | abort

An input that asks for parameters is not to be answered so: the pipeline would get none of their defaults.
Jenkins keeps no answers: that a question is not pending any more, and what the build did then, is all that
tells. Whoever else answered it the same way has done the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from fedesk.clients.jenkins_builds import build_path
from fedesk.clients.jenkins_json import Build
from fedesk.clients.jenkins_session import JenkinsSession, encoded
from fedesk.clients.requests_session import within
from fedesk.clients.wording import clean, quoted
from fedesk.domain.operations import Call, Evidence, Receipt, Settled, Settlement
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import NotFoundError, NotSentError

ANSWER = "answer-input"

_ENDPOINTS = {"proceed": "proceedEmpty", "abort": "abort"}
_TREE = "number,result,building,actions[causes[shortDescription],executions[id,settled,input[id,message]]]"
_REJECTION = "input.Rejection"
_WENT_ON = frozenset({"SUCCESS", "UNSTABLE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """A call, understood."""

    job: str
    build: int
    input: str
    choice: str

    @classmethod
    def of(cls, call: Call, endpoint: Endpoint) -> "_Answer":
        choice, build = call.args.get("choice"), call.args.get("build")
        if choice not in _ENDPOINTS or not isinstance(build, int):
            raise NotSentError(
                f"fedesk knows no answer {quoted(str(choice), limit=40)} to a build of {endpoint.name}; "
                "nothing was sent"
            )
        return cls(job=str(call.args["job"]), build=build, input=str(call.args["input"]), choice=str(choice))

    @property
    def path(self) -> str:
        return build_path(self.job, self.build)

    @property
    def named(self) -> str:
        return f"build #{self.build} of {clean(self.job)}"


def answer_input(session: JenkinsSession, endpoint: Endpoint, call: Call) -> Receipt:
    """Answer it. ConflictError where Jenkins says who may, NotFoundError where it is not pending any more."""
    answer = _Answer.of(call, endpoint)
    with within(endpoint.deadline):
        session.prepare_post()
        place = f"{answer.path}/input/{encoded(answer.input)}/{_ENDPOINTS[answer.choice]}"
        response = session.post(place, {})
    said = f"The input {quoted(answer.input, limit=80)} of {answer.named} is answered: {answer.choice}."
    return Receipt(
        said=said,
        reference=f"build:{answer.build}",
        evidence=(_evidence(endpoint, answer, f"HTTP {response.status_code}"),),
    )


def settle_input(session: JenkinsSession, endpoint: Endpoint, call: Call) -> Settlement:
    """Whether it was answered like this: by whether it is still pending, and what the build has done."""
    answer = _Answer.of(call, endpoint)
    try:
        build = session.json(f"{answer.path}/api/json", Build, tree=_TREE)
    except NotFoundError as error:
        state, said = Settled.UNKNOWN, f"{answer.named.capitalize()} is gone or hidden."
        return Settlement(state=state, said=said, evidence=(_evidence(endpoint, answer, str(error)),))
    state, said = _settled(answer, build)
    seen = "it runs" if build.building else f"it ended {quoted(build.result or '', limit=40)}"
    pending = "pending" if answer.input in _pending(build) else "not pending"
    return Settlement(
        state=state,
        said=said,
        reference=f"build:{answer.build}" if state is Settled.DONE else "",
        evidence=(_evidence(endpoint, answer, f"the input is {pending}; {seen}"),),
    )


def _settled(answer: _Answer, build: Build) -> tuple[Settled, str]:
    fate, said = _fate(answer, build)
    state = _VERDICTS.get((answer.choice, fate), Settled.UNKNOWN)
    doubt = f"; whether it was answered with {answer.choice} cannot be told"
    asked = f"The input {quoted(answer.input, limit=80)} of {answer.named}"
    return state, f"{asked} {said}{doubt if state is Settled.UNKNOWN else ''}."


def _fate(answer: _Answer, build: Build) -> tuple[str, str]:
    """What has become of the question, as a word and as the end of a sentence."""
    rejection = next(_rejections(build), None)
    if answer.input in _pending(build):
        return "pending", "still waits for an answer"
    if rejection is not None:
        return "rejected", f"was answered with abort: {quoted(rejection, limit=120)}"
    if build.result == "ABORTED":
        return "aborted", "does not wait any more, since the build was aborted"
    if build.building:
        return "running", "is answered, and the build runs"
    went_on = build.result in _WENT_ON
    ended = f"is answered, and the build has ended {quoted(build.result or '', limit=40)}"
    return ("went on" if went_on else "ended"), ended


_VERDICTS = {
    ("proceed", "pending"): Settled.NOT_DONE,
    ("proceed", "rejected"): Settled.NOT_DONE,
    ("proceed", "running"): Settled.DONE,
    ("proceed", "went on"): Settled.DONE,
    ("abort", "pending"): Settled.NOT_DONE,
    ("abort", "rejected"): Settled.DONE,
    ("abort", "aborted"): Settled.DONE,
    ("abort", "went on"): Settled.NOT_DONE,
}
"""By choice and fate; for the rest it cannot be told: what was answered with abort runs for a moment more."""


def _pending(build: Build) -> frozenset[str]:
    return frozenset(
        execution.input.id
        for action in build.actions
        for execution in (action.executions if action is not None else ())
        if execution.input.id and not execution.settled
    )


def _rejections(build: Build) -> Iterator[str]:
    """What Jenkins says of those who answered an input with abort."""
    for action in build.actions:
        for cause in action.causes if action is not None else ():
            if cause.class_name.endswith(_REJECTION):
                yield cause.short_description or "rejected"


def _evidence(endpoint: Endpoint, answer: _Answer, said: str) -> Evidence:
    link = f"{endpoint.url}/{answer.path}/"
    return Evidence(source=f"{endpoint.name} build", said=said, at=datetime.now(UTC), link=link)
