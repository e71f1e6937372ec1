"""Building again in Jenkins: sent once and answered, or refused; its effect told from that of others."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from jenkins_rig import (
    LEDGER,
    OPERATION,
    PAYMENTS,
    SMOKE,
    Rig,
    endpoint_of,
    posts,
    rig_over,
    someone_triggers,
    telling,
)

from fedesk.clients.jenkins_changes import JenkinsChanges
from fedesk.domain.operations import Call, Json, Settled, StepState
from fedesk.domain.states import System
from fedesk.ports.endpoint import SecretText
from fedesk.ports.errors import (
    ConflictError,
    ForbiddenError,
    NotSentError,
    ProtocolError,
    ServerFaultError,
    SourceError,
    UnauthenticatedError,
)
from fedesk.sandbox import jenkins_queue
from fedesk.sandbox.server import Sandbox
from fedesk.sandbox.world import World

if TYPE_CHECKING:
    from asgi_server import AsgiServer


@pytest.fixture
def rig(sandbox: Sandbox) -> Iterator[Rig]:
    yield from rig_over(sandbox)


def test_a_build_is_triggered_once_and_followed(sandbox: Sandbox, rig: Rig) -> None:
    """201 names the queue item; it is followed to its build, which has the id and the old parameters."""
    call = rig.call(LEDGER)
    sandbox.control.clear_requests()
    receipt = rig.changing.apply(call)
    assert posts(sandbox) == ["/job/finedge/job/prod/job/ledger-ci/buildWithParameters"]
    (item,) = rig.ours(LEDGER)
    assert receipt.reference == f"queue:{item.queue_id}"
    waits = rig.reading.follow_queue(item.queue_id, LEDGER, OPERATION)
    assert waits.state is StepState.WAITING
    assert "In the quiet period" in waits.said
    rig.world.clock.advance(timedelta(seconds=10))
    done = rig.reading.follow_queue(item.queue_id, LEDGER, OPERATION)
    assert (done.state, done.reference) == (StepState.DONE, f"build:{item.number}")
    assert done.evidence[0].link == f"{rig.endpoint.url}/job/finedge/job/prod/job/ledger-ci/{item.number}/"
    detail = rig.reading.run(f"{LEDGER}#{item.number}")
    assert {one.name: one.value for one in detail.parameters} == {
        "BRANCH": "main",
        "SUITE": "full",
        "FEDESK_OPERATION": OPERATION,
    }
    assert detail.run.operation_id == OPERATION
    assert detail.causes == (f"Started by user {rig.endpoint.user}",)


def test_a_job_without_parameters_is_built(rig: Rig) -> None:
    """The verb ``build``; what came of it is found by user and queue id."""
    call = rig.call(SMOKE)
    assert call.verb == "build"
    receipt = rig.changing.apply(call)
    (item,) = rig.by(SMOKE, rig.endpoint.user)
    assert receipt.reference == f"queue:{item.queue_id}"
    settled = rig.changing.settle(call)
    assert (settled.state, settled.reference) == (Settled.DONE, receipt.reference)


def test_a_merged_trigger_says_so(rig: Rig) -> None:
    """303: the receipt names the item that was there, and its build is not ours alone."""
    call = rig.call(PAYMENTS)
    theirs = someone_triggers(rig.world, PAYMENTS)
    receipt = rig.changing.apply(call)
    assert receipt.reference == f"queue:{theirs.queue_id}"
    assert "merged" in receipt.said
    assert "HTTP 303" in receipt.evidence[0].said
    settled = rig.changing.settle(call)
    assert (settled.state, settled.reference) == (Settled.DONE, receipt.reference)
    assert "others asked for it as well" in settled.said


def test_an_item_that_was_there_before_the_plan_is_merged_whatever_the_status(rig: Rig) -> None:
    """/build says 201 when it merges: an item no newer than the plan is known for what it is."""
    theirs = someone_triggers(rig.world, SMOKE)
    call = rig.call(SMOKE)
    receipt = rig.changing.apply(call)
    assert receipt.reference == f"queue:{theirs.queue_id}"
    assert "merged" in receipt.said
    settled = rig.changing.settle(call)
    assert settled.state is Settled.UNKNOWN
    assert str(theirs.queue_id) in settled.said


@pytest.mark.parametrize(
    ("prepare", "error"),
    [
        (lambda world: jenkins_queue.disable(world, LEDGER), ConflictError),
        (
            lambda world: jenkins_queue.redefine(world, replace(world.job(LEDGER), parameters=())),
            ConflictError,
        ),
        (
            lambda world: jenkins_queue.redefine(world, replace(world.job(LEDGER), vetoed=True)),
            ProtocolError,
        ),
        (
            lambda world: jenkins_queue.redefine(
                world,
                replace(
                    world.job(LEDGER),
                    parameters=tuple(
                        replace(one, choices=("other",)) if one.choices else one
                        for one in world.job(LEDGER).parameters
                    ),
                ),
            ),
            ServerFaultError,
        ),
    ],
    ids=["disabled: 409", "no longer parameterized: 400", "vetoed: 302", "choice is gone: 500"],
)
def test_what_changed_between_plan_and_send_is_refused(
    sandbox: Sandbox, rig: Rig, prepare: Callable[[World], None], error: type[SourceError]
) -> None:
    """One request, nothing is queued, and looking says so."""
    call = rig.call(LEDGER)
    prepare(rig.world)
    sandbox.control.clear_requests()
    with pytest.raises(error):
        rig.changing.apply(call)
    assert len(posts(sandbox)) == 1
    assert rig.ours(LEDGER) == []
    sandbox.control.clear_requests()
    assert rig.changing.settle(call).state is Settled.NOT_DONE
    assert posts(sandbox) == []


def test_a_parameter_that_the_job_dropped_leaves_it_unknown(rig: Rig) -> None:
    """The build is there and carries no id: it cannot be said to be ours, nor that nothing was done."""
    call = rig.call(LEDGER)
    job = rig.world.job(LEDGER)
    jenkins_queue.redefine(rig.world, replace(job, parameters=job.parameters[:2]))
    receipt = rig.changing.apply(call)
    settled = rig.changing.settle(call)
    assert settled.state is Settled.UNKNOWN
    assert receipt.reference.removeprefix("queue:") in settled.said


def test_who_may_not_build_or_is_not_let_in_changes_nothing(sandbox: Sandbox, rig: Rig) -> None:
    """403 names the missing right, 401 the login; the world is as before."""
    call = rig.call(LEDGER)
    reader = endpoint_of(rig.world, sandbox.urls["jenkins"], writer=False)
    with pytest.raises(ForbiddenError, match=r"Item\.Build"):
        JenkinsChanges(reader).apply(call)
    wrong = replace(rig.endpoint, credential=lambda: SecretText("planted-and-wrong"))
    with pytest.raises(UnauthenticatedError):
        JenkinsChanges(wrong).apply(call)
    assert rig.ours(LEDGER) == []


def test_an_unknown_call_is_not_sent(sandbox: Sandbox, rig: Rig) -> None:
    """A verb that is not in the table ends before any request."""
    sandbox.control.clear_requests()
    with pytest.raises(NotSentError):
        rig.changing.apply(Call(system=System.JENKINS, verb="delete", args={"job": LEDGER}, key=OPERATION))
    assert sandbox.control.requests("jenkins") == ()


def test_the_host_in_a_location_does_not_matter(asgi_server: "AsgiServer", rig: Rig) -> None:
    """Jenkins builds it from headers that proxies change: the path is taken, nothing else is asked."""
    served = asgi_server(telling({}, location="https://jenkins.inside.example:8443/ci/queue/item/7/"))
    call = Call(system=System.JENKINS, verb="build", args={"job": "x", "after_queue_id": 3}, key="op")
    receipt = JenkinsChanges(replace(rig.endpoint, url=served.url)).apply(call)
    assert receipt.reference == "queue:7"
    assert receipt.evidence[0].link == f"{served.url}/queue/item/7/"
    assert [one for one in served.requests if "crumb" not in one] == ["POST /job/x/build"]


@pytest.mark.parametrize("location", ["", "/login?from=%2Fjob%2Fx", "https://other.example/queue/item/x/"])
def test_a_201_without_an_item_leaves_it_open(asgi_server: "AsgiServer", rig: Rig, location: str) -> None:
    """What answered may not have been Jenkins: it is for settling to find out."""
    served = asgi_server(telling({}, location=location))
    call = Call(system=System.JENKINS, verb="build", args={"job": "x", "after_queue_id": 3}, key="op")
    with pytest.raises(ProtocolError, match="names no queue item"):
        JenkinsChanges(replace(rig.endpoint, url=served.url)).apply(call)


def test_two_that_fit_cannot_be_told_apart(rig: Rig) -> None:
    """Our user has triggered the same twice since the plan: unknown, and both are named."""
    call = rig.call(PAYMENTS)
    first = someone_triggers(rig.world, PAYMENTS, user=rig.endpoint.user)
    rig.world.clock.advance(timedelta(seconds=10))
    receipt = rig.changing.apply(call)
    settled = rig.changing.settle(call)
    assert settled.state is Settled.UNKNOWN
    assert f"#{first.number}" in settled.said
    assert receipt.reference.removeprefix("queue:") in settled.said
    assert len(settled.evidence) == 4


def test_what_others_or_other_operations_started_is_not_ours(rig: Rig) -> None:
    """Another user's, other values, another operation's id, and what came before the plan do not count."""
    someone_triggers(rig.world, PAYMENTS, user=rig.endpoint.user)
    rig.world.clock.advance(timedelta(seconds=10))
    call, declared = rig.call(PAYMENTS), rig.call(LEDGER)
    someone_triggers(rig.world, PAYMENTS, user="mara")
    someone_triggers(rig.world, PAYMENTS, user=rig.endpoint.user, BRANCH="other")
    someone_triggers(rig.world, LEDGER, user=rig.endpoint.user, FEDESK_OPERATION="another")
    assert rig.changing.settle(call).state is Settled.NOT_DONE
    assert rig.changing.settle(declared).state is Settled.NOT_DONE


def test_a_build_that_someone_replayed_does_not_hide_ours(rig: Rig) -> None:
    """A replay keeps the parameters, the id included: the first one is what was triggered."""
    call = rig.call(LEDGER)
    receipt = rig.changing.apply(call)
    rig.world.clock.advance(timedelta(seconds=10))
    someone_triggers(rig.world, LEDGER, FEDESK_OPERATION=OPERATION)
    settled = rig.changing.settle(call)
    assert settled.state is Settled.DONE
    first = next(one for one in rig.ours(LEDGER) if receipt.reference == f"queue:{one.queue_id}")
    assert settled.reference == f"build:{first.number}"


def test_a_dry_run_and_the_real_one_of_an_operation_are_told_apart(rig: Rig) -> None:
    """Both carry its id; the parameters of the dry run are what parts them, whichever was sent."""
    call, dry = rig.call(LEDGER), {"BRANCH": "dry-run"}
    given = call.args["parameters"]
    assert isinstance(given, dict)
    real = replace(call, args={**call.args, "dry_run": dry})
    rehearsal = replace(call, args={**real.args, "parameters": {**given, **dry}})
    first = rig.changing.apply(rehearsal)
    assert rig.changing.settle(rehearsal).state is Settled.DONE
    assert rig.changing.settle(real).state is Settled.NOT_DONE
    rig.world.clock.advance(timedelta(seconds=10))
    second = rig.changing.apply(real)
    items = {f"build:{one.number}": f"queue:{one.queue_id}" for one in rig.ours(LEDGER)}
    rig.world.clock.advance(timedelta(seconds=10))
    settled = [rig.changing.settle(one).reference for one in (rehearsal, real)]
    assert [items.get(one, one) for one in settled] == [first.reference, second.reference]


@pytest.mark.parametrize(
    ("job", "state", "words"),
    [
        ({"nextBuildNumber": 5, "builds": [{"number": 4, "queueId": 3}]}, Settled.NOT_DONE, "No queue item"),
        ({"nextBuildNumber": 6, "builds": [{"number": 4, "queueId": 3}]}, Settled.UNKNOWN, "#5 has been"),
        ({"nextBuildNumber": 9, "builds": []}, Settled.UNKNOWN, "of #1 to #8 some have been deleted"),
        ({"nextBuildNumber": 1, "builds": []}, Settled.NOT_DONE, "No queue item"),
    ],
)
def test_a_deleted_build_may_have_been_ours(
    asgi_server: "AsgiServer", rig: Rig, job: dict[str, Any], state: Settled, words: str
) -> None:
    """Builds are numbered without gaps: where a number since the plan is missing nobody can tell."""
    served = asgi_server(telling({"/queue": {"items": []}, "/job/x": job}))
    args: dict[str, Json] = {"job": "x", "operation_parameter": True, "after_queue_id": 3}
    call = Call(system=System.JENKINS, verb="build-with-parameters", args=args, key=OPERATION)
    settled = JenkinsChanges(replace(rig.endpoint, url=served.url)).settle(call)
    assert settled.state is state
    assert words in settled.said


def test_a_job_that_is_gone_leaves_it_unknown(asgi_server: "AsgiServer", rig: Rig) -> None:
    """With the job its builds are gone, and with them what could be known."""
    served = asgi_server(telling({"/queue": {"items": []}}))
    call = Call(system=System.JENKINS, verb="build", args={"job": "x", "after_queue_id": 3}, key=OPERATION)
    assert JenkinsChanges(replace(rig.endpoint, url=served.url)).settle(call).state is Settled.UNKNOWN


def test_builds_are_read_back_to_the_plan(rig: Rig) -> None:
    """However many builds came since, ours is found: pages are read until they reach the plan's queue id."""
    oldest = rig.world.builds(LEDGER)[-1]
    call = rig.call(LEDGER)
    rig.changing.apply(call)
    rig.world.clock.advance(timedelta(days=20))
    since = [one for one in rig.world.builds(LEDGER) if one.queue_id > int(str(call.args["after_queue_id"]))]
    assert len(since) > 25
    settled = rig.changing.settle(call)
    assert settled.state is Settled.DONE
    early = Call(
        system=call.system,
        verb=call.verb,
        args={**call.args, "after_queue_id": oldest.queue_id},
        key="another",
    )
    assert rig.changing.settle(early).state is Settled.NOT_DONE
