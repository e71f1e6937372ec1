"""Deploy jobs read from Jenkins: what is deployed, by how many requests, and what a build waits for."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from jenkins_rig import Rig, posts, rig_over
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from fedesk.clients.jenkins import JenkinsClient
from fedesk.domain.catalogue import Deploy, ReleaseSource
from fedesk.domain.operations import StepState
from fedesk.domain.releases import Deployment
from fedesk.domain.states import State
from fedesk.ports.errors import NotFoundError, ProtocolError, ServerFaultError
from fedesk.ports.releasing import DeployJob, JobRead
from fedesk.sandbox.model_jenkins import BuildPlan
from fedesk.sandbox.server import Sandbox

if TYPE_CHECKING:
    from asgi_server import AsgiServer

PAYMENTS = "finedge/prod/deploy-payments"
BY_FILE = Deploy(
    job="finedge/{environment}/deploy-x",
    parameters=(("IMAGE", "{image}@{digest}"),),
    release_from=ReleaseSource.ARTIFACT,
    release_detail="release.json",
)
DIGEST = f"sha256:{'0a' * 32}"
OTHER = f"sha256:{'0b' * 32}"


def job(name: str = PAYMENTS, deploy: Deploy = BY_FILE) -> DeployJob:
    return DeployJob(service=name.rpartition("-")[2], job=name, deploy=deploy)


@pytest.fixture
def rig(sandbox: Sandbox) -> Iterator[Rig]:
    yield from rig_over(sandbox)


def newest(rig: Rig, name: str) -> BuildPlan:
    """The newest build of a job that has succeeded."""
    now = rig.world.now()
    return next(
        one for one in rig.world.builds(name, 30) if str(one.result_at(now) or "").upper() == "SUCCESS"
    )


def known_of(reads: tuple[JobRead, ...]) -> dict[str, Deployment]:
    return {str(one.run.name): one for read in reads for one in read.deployments}


def test_all_jobs_are_one_request_and_one_more_for_each_release(sandbox: Sandbox, rig: Rig) -> None:
    """From cold 1 + a service each; what is known costs the one; and it equals the world."""
    names = sorted(
        one.full_name for one in rig.world.jobs() if one.full_name.startswith("finedge/prod/deploy-")
    )
    jobs = tuple(job(name) for name in names)
    assert len(jobs) == 20
    sandbox.control.clear_requests()
    client = rig.reading
    found = client.deployments(jobs, {})
    assert len(sandbox.control.requests("jenkins")) == 1 + len(jobs)
    for read, name in zip(found, names, strict=True):
        current = next(one for one in read.deployments if one.run.state is State.SUCCEEDED)
        plan = newest(rig, name)
        assert current.run.name.id == f"{name}#{plan.number}"
        if not rig.world.artifacts(plan, ""):
            assert "removed by retention" in current.unread
            assert (current.release, current.is_settled) == (None, True)
            continue
        assert current.release is not None
        said = (current.release.digest, current.release.version, current.release.commit)
        assert said == (plan.digest, plan.version, plan.commit)
        assert (read.trouble, current.unread, current.is_settled) == ("", "", True)
    sandbox.control.clear_requests()
    again = client.deployments(jobs, known_of(found))
    assert len(sandbox.control.requests("jenkins")) == 1
    assert again == found
    assert posts(sandbox) == []


def test_older_and_running_builds_have_what_the_job_was_given(rig: Rig) -> None:
    """Without a request: image and digest by the parameter whose template has them, and who asked for it."""
    (read,) = rig.reading.deployments((job("finedge/prod/deploy-merchants"),), {})
    waiting, current = read.deployments[:2]
    assert (waiting.run.state, current.run.state) == (State.WAITING, State.SUCCEEDED)
    plans = {one.number: one for one in rig.world.builds("finedge/prod/deploy-merchants", 12)}
    for one in read.deployments:
        plan = plans[int(one.run.name.id.rpartition("#")[2])]
        assert one.release is not None
        assert one.release.digest == plan.digest
        assert one.by == plan.causes[0].user_id
        assert bool(one.release.version) == (one is current)
        assert one.is_settled == (one is current)


def test_jobs_that_cannot_be_read_say_why(rig: Rig) -> None:
    """Missing, a folder, outside of the connection's folders: a sentence each, and the others are read."""
    client = JenkinsClient(rig.endpoint, folders=("finedge/prod",))
    asked = tuple(map(job, ("finedge/prod/nowhere", "finedge/dev/deploy-aml", "finedge/prod", PAYMENTS)))
    missing, outside, folder, good = client.deployments(asked, {})
    assert missing.trouble.startswith('prod/jenkins has no job "finedge/prod/nowhere", or hides it')
    assert (
        outside.trouble
        == '"finedge/dev/deploy-aml" lies outside of the folders of prod/jenkins: finedge/prod'
    )
    assert "is a folder" in folder.trouble
    assert (good.trouble, bool(good.deployments)) == ("", True)
    (gone,) = client.deployments((job("finedge/prod/gone/deploy-x"),), {})
    assert "has no job" in gone.trouble


def test_a_preview_of_a_deployment_is_three_requests(sandbox: Sandbox, rig: Rig) -> None:
    """Definition, parameters with kinds, its queue item, newest deployments: all that rules a plan here.

    Another job of its folder is listed with it in the same three, as it is listed alone.
    """
    client = rig.reading
    sandbox.control.clear_requests()
    found = client.deploy_preview(job())
    assert len(sandbox.control.requests("jenkins")) == 3
    declared = {one.name: one.kind for one in found.parameters}
    assert (declared["IMAGE"], declared["DRY_RUN"]) == (
        "StringParameterDefinition",
        "BooleanParameterDefinition",
    )
    assert (found.definition_source, len(found.definition), found.buildable) == ("config.xml", 64, True)
    assert found.usual_duration is not None
    plan = newest(rig, PAYMENTS)
    assert found.deployments[0].release is not None
    assert found.deployments[0].release.commit == plan.commit
    assert found.highest_queue_id >= plan.queue_id
    assert (found.queued, found.beside) == ((), None)
    ledger = job("finedge/prod/deploy-ledger")
    sandbox.control.clear_requests()
    both = client.deploy_preview(job(), ledger)
    assert len(sandbox.control.requests("jenkins")) == 3
    assert both.deployments == found.deployments[: len(both.deployments)]
    assert (both.parameters, both.definition) == (found.parameters, found.definition)
    assert both.beside == client.listed((ledger,))[0]
    waits = sandbox.control.trigger_build(PAYMENTS)
    queued = client.deploy_preview(job())
    assert (queued.queued, queued.highest_queue_id) == ((waits,), waits)
    with pytest.raises(NotFoundError, match=r"has no job .finedge/prod/nowhere"):
        client.deploy_preview(job("finedge/prod/nowhere"))
    assert client.quieting_down() is False
    sandbox.control.quiet_jenkins()
    assert client.quieting_down() is True


def test_stages_of_the_newest_builds_are_one_request(sandbox: Sandbox, rig: Rig) -> None:
    """How it ended in each, as each build tells it alone; nothing of what is no pipeline, or of a 500."""
    client = rig.reading
    sandbox.control.clear_requests()
    ends = client.stage_ends(PAYMENTS, "verify")
    assert len(sandbox.control.requests("jenkins")) == 1
    assert len(ends) == 10
    assert ends == {run: client.stage(run, "Verify") for run in ends}
    assert State.SUCCEEDED in ends.values()
    assert set(client.stage_ends(PAYMENTS, "No such stage").values()) == {None}
    freestyle = next(one.full_name for one in rig.world.jobs() if not one.pipeline)
    assert client.stage_ends(freestyle, "Verify") == {}
    sandbox.control.fault("jenkins", kind="status", match="wfapi", status=500)
    assert client.stage_ends(PAYMENTS, "Verify") == {}
    assert client.stages(next(iter(ends))) == ()


def test_changes_between_two_builds_are_one_request(sandbox: Sandbox, rig: Rig) -> None:
    """Commits of the builds after the one until the other, newest first, with message and paths."""
    name = "finedge/dev/payments-ci"
    plans = [one for one in rig.world.builds(name, 30) if one.has_started(rig.world.now())]
    after, until = plans[6], plans[1]
    sandbox.control.clear_requests()
    found = rig.reading.changes_between(name, after.number, until.number)
    assert len(sandbox.control.requests("jenkins")) == 1
    wanted = {commit.commit_id for plan in plans[1:6] for commit in plan.changes}
    assert {one.commit for one in found.changes} == wanted
    assert wanted
    assert found.missing == 0
    assert all(one.author and one.message and one.paths for one in found.changes)
    assert all(one.text.startswith(one.message) for one in found.changes)
    old = rig.world.builds(name)[150]
    far = rig.reading.changes_between(name, old.number, old.number + 3)
    assert {one.commit for one in far.changes} == {
        commit.commit_id
        for plan in rig.world.builds(name)
        if old.number < plan.number <= old.number + 3
        for commit in plan.changes
    }
    assert rig.reading.changes_between(name, plans[0].number, plans[0].number + 4).missing == 4


def test_a_build_is_followed_to_its_end(sandbox: Sandbox, rig: Rig) -> None:
    """Its stage while it runs, the question where it waits, why it failed, DONE, and UNKNOWN once gone."""
    client = rig.reading
    waits = client.follow_build("finedge/prod/deploy-merchants#463")
    assert (waits.state, waits.reference) == (StepState.WAITING, "build:463")
    assert '"Deploy merchants to prod?"; "releasers" may answer' in waits.said
    (asked,) = client.inputs("finedge/prod/deploy-merchants#463")
    assert (asked.id, asked.ok, asked.submitter, asked.parameters) == ("Promote", "Deploy", "releasers", ())
    now = rig.world.now()
    running = next(
        (name, plan)
        for name in (one.full_name for one in rig.world.jobs() if "/deploy-" in one.full_name)
        for plan in rig.world.builds(name, 3)
        if plan.is_building(now) and plan.input_at(now) is None
    )
    said = client.follow_build(f"{running[0]}#{running[1].number}")
    assert said.state is StepState.WAITING
    assert "is in stage" in said.said
    failed = client.follow_build("finedge/prod/deploy-chargebacks#1570")
    assert failed.state is StepState.FAILED
    assert "failed: " in failed.said
    assert failed.evidence[0].link.endswith("/1570/")
    done = client.follow_build(f"{PAYMENTS}#{newest(rig, PAYMENTS).number}")
    assert (done.state, client.inputs(f"{PAYMENTS}#{newest(rig, PAYMENTS).number}")) == (StepState.DONE, ())
    assert client.follow_build(f"{PAYMENTS}#999999").state is StepState.UNKNOWN
    with pytest.raises(NotFoundError):
        client.inputs(f"{PAYMENTS}#999999")
    sandbox.control.fault("jenkins", kind="status", status=503)
    with pytest.raises(ServerFaultError):
        client.follow_build("finedge/prod/deploy-merchants#463")


def told(release: Any, *, builds: list[dict[str, Any]], status: int = 200) -> Starlette:
    """A Jenkins with one deploy job in a folder, whose file is as given."""

    def answer(request: Request) -> Response:
        path = request.url.path
        if "/static-files/" in path:
            plain = "authorization" not in request.headers
            return Response(release if plain else b"a login was sent", 200)
        if "/artifact/" in path:
            if status in (301, 302):
                return RedirectResponse(
                    f"{request.url.scheme}://{request.url.netloc}/static-files/abc/r.json"
                )
            return Response(release, status)
        if path == "/job/f/job/deploy-x/api/json":
            return Response(
                json.dumps({"name": "deploy-x", "fullName": "f/deploy-x", "builds": builds}),
                media_type="application/json",
            )
        return Response("gone", 404)

    return Starlette(routes=[Route("/{path:path}", answer)])


def build(number: int, result: str | None = "SUCCESS", **parameters: str) -> dict[str, Any]:
    values = [{"name": name, "value": value} for name, value in parameters.items()]
    return {
        "number": number,
        "result": result,
        "building": result is None,
        "timestamp": 1_795_000_000_000 + number,
        "duration": 60_000,
        "actions": [{"parameters": values}],
    }


RELEASE = json.dumps({"digest": DIGEST, "version": "1.2.3"}).encode()


@pytest.mark.parametrize(
    ("body", "status", "words", "settled"),
    [
        (b"x" * 1_000_000, 200, "keeps more than 262,144 bytes", True),
        (b'{"digest": 7}', 200, "release.json is not as documented", True),
        (b"gone", 404, "release.json is not there: the build has archived none, or it was removed", True),
        (b"no", 403, "does not allow this", False),
        (b"no", 409, "refuses because of the state it is in", False),
        (b"slowly", 429, "too many requests", False),
        (b"oops", 500, "failed by itself", False),
        (b"later", 503, "failed by itself", False),
        (RELEASE, 200, "", True),
        (RELEASE, 302, "", True),
    ],
)
def test_a_file_that_cannot_be_read_is_said_of_its_service_alone(
    asgi_server: "AsgiServer", rig: Rig, body: bytes, status: int, words: str, *, settled: bool
) -> None:
    """The look succeeds and says why; what may pass is asked for again, what will not change is not.

    A resource root's signed address is followed without the login.
    """
    served = asgi_server(told(body, builds=[build(4), build(3)], status=status))
    client = JenkinsClient(replace(rig.endpoint, url=served.url))
    (read,) = client.deployments((job("f/deploy-x"),), {})
    first = read.deployments[0]
    assert words in first.unread
    assert bool(first.unread) == bool(words)
    assert (first.release is None, first.is_settled) == (bool(words), settled)
    asked = len(served.requests)
    client.deployments((job("f/deploy-x"),), known_of((read,)))
    assert (len(served.requests) - asked == 1) == settled


def test_a_file_that_disagrees_with_what_the_job_was_given_names_no_release(
    asgi_server: "AsgiServer", rig: Rig
) -> None:
    """Both digests stand in the sentence: what runs there cannot be told from this."""
    served = asgi_server(told(RELEASE, builds=[build(4, IMAGE=f"reg/x@{OTHER}")]))
    (read,) = JenkinsClient(replace(rig.endpoint, url=served.url)).deployments((job("f/deploy-x"),), {})
    assert read.deployments[0].release is None
    assert DIGEST in read.deployments[0].unread
    assert OTHER in read.deployments[0].unread


def test_dry_runs_parameters_and_descriptions(asgi_server: "AsgiServer", rig: Rig) -> None:
    """A dry run deploys nothing and costs no request; parameter and description are read of every build."""
    builds = [
        {**build(5, IMAGE=f"reg/x@{OTHER}", DRY_RUN="true"), "description": "1.3.0"},
        {**build(4, IMAGE=f"reg/x@{DIGEST}", DRY_RUN="false"), "description": "1.2.0"},
        {**build(3, "FAILURE"), "description": None},
    ]
    served = asgi_server(told(RELEASE, builds=builds))
    client = JenkinsClient(replace(rig.endpoint, url=served.url))
    dry = replace(BY_FILE, dry_run=(("DRY_RUN", "true"),))
    (by_file,) = client.deployments((job("f/deploy-x", dry),), {})
    assert [one.is_dry_run for one in by_file.deployments] == [True, False, False]
    assert by_file.deployments[1].release is not None
    assert by_file.deployments[1].release.version == "1.2.3"
    assert sum("/artifact/" in one for one in served.requests) == 1
    by_parameter = replace(dry, release_from=ReleaseSource.PARAMETER, release_detail="IMAGE")
    (read,) = client.deployments((job("f/deploy-x", by_parameter),), {})
    assert [one.release.digest if one.release else one.unread for one in read.deployments] == [
        OTHER,
        DIGEST,
        "it has no readable parameter IMAGE",
    ]
    described = replace(dry, release_from=ReleaseSource.DESCRIPTION, release_detail="")
    (read,) = client.deployments((job("f/deploy-x", described),), {})
    assert [one.release.version if one.release else "" for one in read.deployments] == ["1.3.0", "1.2.0", ""]
    assert sum("/artifact/" in one for one in served.requests) == 1


def test_a_file_of_a_build_is_bounded(rig: Rig) -> None:
    """``artifact`` gives the bytes, refuses more than was asked for, and knows what is not there."""
    number = newest(rig, PAYMENTS).number
    whole = rig.reading.artifact(f"{PAYMENTS}#{number}", "release.json", at_most=100_000)
    assert json.loads(whole)["service"] == "payments"
    with pytest.raises(ProtocolError, match="keeps more than 10 bytes"):
        rig.reading.artifact(f"{PAYMENTS}#{number}", "release.json", at_most=10)
    with pytest.raises(NotFoundError):
        rig.reading.artifact(f"{PAYMENTS}#{number}", "nothing/there.json", at_most=10)
    one = rig.reading.deployment(job(), number)
    assert one.release is not None
    assert one.release.digest == newest(rig, PAYMENTS).digest
