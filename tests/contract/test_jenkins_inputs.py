"""Answers to the input steps of a pipeline: one request each, looked up afterwards where no answer came."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from jenkins_rig import OPERATION, endpoint_of
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from fedesk.clients.jenkins import JenkinsClient
from fedesk.clients.jenkins_changes import JenkinsChanges
from fedesk.domain.operations import Call, Settled, StepState
from fedesk.domain.states import System
from fedesk.ports.errors import ConflictError, NotFoundError, NotSentError, ServerFaultError
from fedesk.sandbox.server import Sandbox

if TYPE_CHECKING:
    from asgi_server import AsgiServer

REJECTED = {
    "_class": "jenkins.model.InterruptedBuildAction",
    "causes": [
        {
            "_class": "org.jenkinsci.plugins.workflow.support.steps.input.Rejection",
            "shortDescription": "Rejected by Mara",
        }
    ],
}


@dataclass(slots=True)
class Paused:
    """A build that waits at one input, as the plugin answers it; what is wrong with it is set by a test."""

    pending: bool = True
    building: bool = True
    result: str | None = None
    rejected: bool = False
    refusal: tuple[int, str] | None = None
    posts: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode()
        if request.method == "GET":
            return self._told() if path == "/job/f/job/x/7/api/json" else Response("gone", 404)
        self.posts.append(path)
        if self.refusal is not None:
            return HTMLResponse(f"<h1>Error</h1><p>{self.refusal[1]}</p>", self.refusal[0])
        choice = path.removeprefix("/job/f/job/x/7/input/Go%20on/")
        if not self.pending or choice not in ("proceedEmpty", "abort"):
            return Response("gone", 404)
        self.pending, self.rejected = False, choice == "abort"
        if self.rejected:
            self.building, self.result = False, "ABORTED"
        return Response("")

    def _told(self) -> Response:
        asked = {"id": "Go on", "message": "Deploy?"}
        actions: list[Any] = [{}, {"causes": [{"shortDescription": "Started by timer"}]}]
        if self.pending:
            actions.append({"executions": [{"id": "Go on", "settled": False, "input": asked}]})
        if self.rejected:
            actions.append(REJECTED)
        told = {"number": 7, "result": self.result, "building": self.building, "actions": actions}
        return Response(json.dumps(told), media_type="application/json")


@pytest.fixture
def paused() -> Paused:
    return Paused()


@pytest.fixture
def changing(paused: Paused, asgi_server: "AsgiServer", sandbox: Sandbox) -> JenkinsChanges:
    async def answer(request: Request) -> Response:
        return paused(request)

    served = asgi_server(Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])]))
    return JenkinsChanges(endpoint_of(sandbox.world, served.url))


def call(choice: str, **args: Any) -> Call:
    given = {"job": "f/x", "build": 7, "input": "Go on", "choice": choice, **args}
    return Call(system=System.JENKINS, verb="answer-input", args=given, key=OPERATION)


@pytest.mark.parametrize(("choice", "end"), [("proceed", "proceedEmpty"), ("abort", "abort")])
def test_an_input_is_answered_by_one_post_and_found_again(
    changing: JenkinsChanges, paused: Paused, choice: str, end: str
) -> None:
    """The id is encoded as it stands; before it NOT_DONE, behind it DONE with the build as reference."""
    assert changing.settle(call(choice)).state is Settled.NOT_DONE
    receipt = changing.apply(call(choice))
    assert paused.posts == [f"/job/f/job/x/7/input/Go%20on/{end}"]
    assert receipt.reference == "build:7"
    found = changing.settle(call(choice))
    assert (found.state, found.reference) == (Settled.DONE, "build:7")
    other = "abort" if choice == "proceed" else "proceed"
    assert changing.settle(call(other)).state is (Settled.UNKNOWN if other == "abort" else Settled.NOT_DONE)
    with pytest.raises(NotFoundError):
        changing.apply(call(choice))


@pytest.mark.parametrize(
    ("building", "result", "rejected", "proceed", "abort"),
    [
        (True, None, False, Settled.DONE, Settled.UNKNOWN),
        (True, "ABORTED", False, Settled.UNKNOWN, Settled.DONE),
        (False, "SUCCESS", False, Settled.DONE, Settled.NOT_DONE),
        (False, "UNSTABLE", False, Settled.DONE, Settled.NOT_DONE),
        (False, "FAILURE", False, Settled.UNKNOWN, Settled.UNKNOWN),
        (False, "ABORTED", False, Settled.UNKNOWN, Settled.DONE),
        (False, "ABORTED", True, Settled.NOT_DONE, Settled.DONE),
        (False, "FAILURE", True, Settled.NOT_DONE, Settled.DONE),
    ],
)
def test_what_the_build_did_then_tells_how_it_was_answered(
    changing: JenkinsChanges,
    paused: Paused,
    building: bool,  # noqa: FBT001 - a case
    result: str | None,
    rejected: bool,  # noqa: FBT001 - a case
    proceed: Settled,
    abort: Settled,
) -> None:
    """An answer that did not arrive is looked up; what does not tell stays unknown, and nothing is sent."""
    paused.pending, paused.building, paused.result, paused.rejected = False, building, result, rejected
    for choice, state in (("proceed", proceed), ("abort", abort)):
        found = changing.settle(call(choice))
        assert found.state is state
        assert found.evidence
        assert ("cannot be told" in found.said) == (state is Settled.UNKNOWN)
    assert paused.posts == []


def test_a_build_that_is_gone_tells_nothing(changing: JenkinsChanges) -> None:
    """Removed by retention or hidden: unknown, in one sentence."""
    found = changing.settle(call("proceed", build=8))
    assert (found.state, "gone or hidden" in found.said) == (Settled.UNKNOWN, True)


@pytest.mark.parametrize(
    ("refusal", "error", "words"),
    [
        ((400, "You need to be releasers to submit this."), ConflictError, "You need to be releasers"),
        ((400, "This input has been already given"), ConflictError, "already given"),
        ((500, "Oops"), ServerFaultError, "Oops"),
    ],
)
def test_what_jenkins_refuses_is_said_in_its_words(
    changing: JenkinsChanges, paused: Paused, refusal: tuple[int, str], error: type[Exception], words: str
) -> None:
    """The plugin refuses with 400 and a page: nothing was done. A 500 leaves it open."""
    paused.refusal = refusal
    with pytest.raises(error, match=words):
        changing.apply(call("proceed"))


def test_an_answer_that_fedesk_does_not_know_is_not_sent(changing: JenkinsChanges, paused: Paused) -> None:
    """Neither another word nor a build that is no number reaches Jenkins."""
    for wrong in (call("submit"), call("proceed", build="7/../8")):
        with pytest.raises(NotSentError):
            changing.apply(wrong)
    assert paused.posts == []


@pytest.mark.parametrize("choice", ["proceed", "abort"])
def test_a_question_of_the_sandbox_is_answered(sandbox: Sandbox, choice: str) -> None:
    """The emulator of the plugin: pending before, then answered as it was, and the build says so."""
    there = endpoint_of(sandbox.world, sandbox.urls["jenkins"])
    client, changes = JenkinsClient(there), JenkinsChanges(there)
    run = "finedge/prod/deploy-merchants#463"
    (asked,) = client.inputs(run)
    args: dict[str, Any] = {"job": run.partition("#")[0], "build": 463, "input": asked.id}
    answer = call(choice, **args)
    assert changes.settle(answer).state is Settled.NOT_DONE
    changes.apply(answer)
    assert client.inputs(run) == ()
    assert changes.settle(answer).state is Settled.DONE
    other = call("abort" if choice == "proceed" else "proceed", **args)
    assert changes.settle(other).state is not Settled.DONE
    followed = client.follow_build(run).state
    assert followed is (StepState.WAITING if choice == "proceed" else StepState.FAILED)
    with pytest.raises(NotFoundError):
        changes.apply(answer)
