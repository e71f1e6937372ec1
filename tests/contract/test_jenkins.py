"""The Jenkins adapter against the sandbox's Jenkins."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import pytest

from fedesk.clients.jenkins import JenkinsClient
from fedesk.clients.jenkins_builds import job_of, job_path, run_of
from fedesk.clients.jenkins_jobs import Scope
from fedesk.clients.jenkins_json import Build, decode
from fedesk.domain.names import ConnectionName, RunName, TaskName
from fedesk.domain.observation import Observation
from fedesk.domain.runs import LogRequest, Run
from fedesk.domain.states import State
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import ForbiddenError, NotFoundError, ProtocolError, UnauthenticatedError
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.jenkins import application
from fedesk.sandbox.log_text import HOSTILE
from fedesk.sandbox.long_log import LINE, LongLog
from fedesk.sandbox.model import JenkinsJob, JobKind
from fedesk.sandbox.world import World

if TYPE_CHECKING:
    from asgi_server import AsgiServer, ServedApp

FX_RATES = "finedge/prod/deploy-fx_rates"
START = datetime(2026, 11, 20, 2, 43, tzinfo=UTC)
NOW = START + timedelta(minutes=1)
NAME = ConnectionName("prod", "jenkins")


class WideWorld(World):
    """A world with folders deeper than one request goes, a multibranch job, and names that need encoding."""

    @cached_property
    def _jobs(self) -> dict[str, JenkinsJob]:
        usual = super()._jobs
        names = ("mb/feature%2Fx", "a/b/c/d/e/f/deep", "with space/zażółć & co")
        more = (
            JenkinsJob(
                full_name=f"finedge/prod/{name}",
                environment="prod",
                kind=JobKind.CI,
                service="payments",
                stages=(("Checkout", 9.0),),
            )
            for name in names
        )
        return {**usual, **{job.full_name: job for job in more}}


def make_world(*, scale: float = 1.0, kind: type[World] = World, hostile: bool = False) -> World:
    return kind(clock=WorldClock(frozen_at=NOW), start=START, scale=scale, hostile=hostile)


def client_of(
    served: "ServedApp", world: World, *folders: str, by_password: bool = False, **changes: object
) -> JenkinsClient:
    identity = world.identity("jenkins")
    secret = identity.password if by_password else identity.credential
    endpoint = Endpoint(
        name=NAME, url=served.url, user=identity.user, credential=lambda: SecretText(secret), read_timeout=60
    )
    return JenkinsClient(dataclasses.replace(endpoint, deadline=60, **changes), folders=folders)  # type: ignore[arg-type]  # fields of Endpoint


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.fixture(scope="module")
def served(world: World, asgi_server: "AsgiServer") -> "ServedApp":
    return asgi_server(application(world))


@pytest.fixture
def client(served: "ServedApp", world: World) -> JenkinsClient:
    served.requests.clear()
    return client_of(served, world, "finedge/prod")


def numbers(observation: Observation, job: str) -> list[int]:
    return [int(run.name.id.rpartition("#")[2]) for run in observation.runs if run.job == job]


def settled(client: JenkinsClient, observation: Observation) -> Observation:
    """Looks until no reason is missing any more."""
    while (after := client.observe(observation)) != observation:
        observation = after
    return observation


def is_look(request: str) -> bool:
    return "wfapi" not in request


def test_one_request_for_all_jobs(served: "ServedApp", world: World) -> None:
    """A look is three requests, of which one brings all 123 jobs with their newest builds; so is the next."""
    client = client_of(served, world)
    served.requests.clear()
    first = client.observe(None)
    assert len(first.jobs) == 123
    looks = [request for request in served.requests if is_look(request)]
    assert [request.partition("?")[0] for request in looks] == [
        "GET /api/json",
        "GET /queue/api/json",
        "GET /computer/api/json",
    ]
    for job in world.jobs():
        known = [build.number for build in world.builds(job.full_name)][:20]
        assert numbers(first, job.full_name) == known
    steady = settled(client, first)
    served.requests.clear()
    served.sent = 0
    assert client.observe(steady) == steady
    assert len(served.requests) == 3
    assert served.sent < 300_000


def test_scope_is_the_configured_folders(client: JenkinsClient, served: "ServedApp", world: World) -> None:
    """One folder is asked at its own address; two at the folder that holds both, others filtered out."""
    one = client.observe(None)
    assert served.requests[0].startswith("GET /job/finedge/job/prod/api/json?")
    assert {job.name.rpartition("/")[0] for job in one.jobs} == {"finedge/prod"}
    served.requests.clear()
    two = client_of(served, world, "finedge/prod", "/finedge/dev/").observe(None)
    assert served.requests[0].startswith("GET /job/finedge/api/json?")
    assert {job.name.rpartition("/")[0] for job in two.jobs} == {"finedge/prod", "finedge/dev"}
    assert not [item for item in one.queue if not item.job.startswith("finedge/prod/")]


def test_a_folder_that_is_missing_is_said(served: "ServedApp", world: World) -> None:
    """One folder that is not there fails the look; one among others is a problem; a job is no folder."""
    with pytest.raises(NotFoundError, match=r'prod/jenkins has no "/job/finedge/job/nowhere/api/json"'):
        client_of(served, world, "finedge/nowhere").observe(None)
    found = client_of(served, world, "finedge/prod", "finedge/nowhere").observe(None)
    assert ("folder", "finedge/nowhere") in [(problem.kind, problem.where) for problem in found.problems]
    with pytest.raises(ProtocolError, match="it is no folder"):
        client_of(served, world, "finedge/prod/deploy-payments").observe(None)


def test_nested_multibranch_and_encoded_names(asgi_server: "AsgiServer") -> None:
    """Folders deeper than one request goes are asked again; names are encoded segment by segment."""
    world = make_world(kind=WideWorld, scale=0.3)
    served = asgi_server(application(world))
    client = client_of(served, world, "finedge/prod")
    names = {job.name for job in client.observe(None).jobs}
    for name in ("mb/feature%2Fx", "a/b/c/d/e/f/deep", "with space/zażółć & co"):
        job = f"finedge/prod/{name}"
        assert job in names
        newest = client.runs(job, 1)[0]
        assert client.run(newest.name.id).run.name == newest.name
        assert newest.link.startswith(f"{served.url}/{job_path(job)}/")
        assert job_of(newest.link) == job
    deep = [request for request in served.requests if is_look(request) and "jobs" in request]
    assert [request.partition("?")[0] for request in deep] == [
        "GET /job/finedge/job/prod/api/json",
        "GET /job/finedge/job/prod/job/a/job/b/job/c/job/d/api/json",
    ]


def test_no_finished_build_is_missed(asgi_server: "AsgiServer") -> None:
    """After days without a look every build since is there, and those that ran have their end."""
    world = make_world(scale=0.3)
    client = client_of(asgi_server(application(world)), world)
    before = settled(client, client.observe(None))
    world.clock.set(NOW + timedelta(days=3))
    after = settled(client, client.observe(before))
    for job in world.jobs():
        known = numbers(after, job.full_name)
        builds = {build.number: build for build in world.builds(job.full_name)}
        assert known == sorted(builds, reverse=True)[: len(known)]
        assert len(known) >= min(len(builds), 20)
    running = {run.name for run in before.runs if not run.state.is_final}
    assert running
    ended = {run.name: run for run in after.runs}
    assert all(ended[name].state.is_final and ended[name].ended_at for name in running)


def test_a_build_that_tells_nothing_new_stays_the_value_it_was(client: JenkinsClient) -> None:
    """Who has worked on what is known need not do so again."""
    first = client.observe(None)
    pairs = [
        (old, new) for old, new in zip(first.runs, client.observe(first).runs, strict=True) if old == new
    ]
    assert pairs
    assert all(new is old for old, new in pairs)


def test_a_few_jobs_with_more_builds_are_asked_alone(asgi_server: "AsgiServer") -> None:
    """Three builds of one job between two looks cost one request more, for that job only."""
    world = make_world(scale=0.3)
    served = asgi_server(application(world))
    client = client_of(served, world, "finedge/prod")
    before = settled(client, client.observe(None))
    job = "finedge/prod/deploy-payments"
    newest = world.builds(job)[0]
    for more in (1, 2, 3):
        began = NOW + timedelta(seconds=more)
        world.build_history(job).add(
            dataclasses.replace(
                newest, number=newest.number + more, queued_at=began, started_at=began, ended_at=began
            )
        )
    world.clock.set(NOW + timedelta(seconds=5))
    served.requests.clear()
    after = client.observe(before)
    assert numbers(after, job)[:4] == [newest.number + more for more in (3, 2, 1, 0)]
    alone = [request for request in served.requests if is_look(request) and "deploy-payments" in request]
    assert len(alone) == 1
    assert len([request for request in served.requests if is_look(request)]) == 4


def test_reasons_are_asked_for_once_and_few_a_look(served: "ServedApp", world: World) -> None:
    """The newest failed build of a job gets its stage and error; eight are asked for a look, none twice."""
    client = client_of(served, world)
    served.requests.clear()
    found = client.observe(None)
    while True:
        asked = [request for request in served.requests if not is_look(request)]
        assert len(asked) <= 8
        if not asked:
            break
        assert len(set(asked)) == len(asked)
        served.requests.clear()
        found = client.observe(found)
    reasons = {run.job: run.reason for run in found.runs if run.reason}
    assert reasons["finedge/prod/deploy-lending"] == (
        "Policy failed: denied by policy images/critical-vulnerabilities"
    )
    assert reasons["finedge/prod/deploy-fx_rates"].startswith("Verify failed: verification failed: MARTS")


def test_states(client: JenkinsClient) -> None:
    """Paused for input is waiting, building is running without an end, ended builds have one."""
    found = {run.job: run for run in reversed(client.observe(None).runs)}
    paused = found["finedge/prod/deploy-merchants"]
    assert (paused.state, paused.original_state, paused.ended_at) == (State.WAITING, "paused for input", None)
    running = found["finedge/prod/deploy-ledger"]
    assert (running.state, running.ended_at) == (State.RUNNING, None)
    failed = found["finedge/prod/deploy-fx_rates"]
    assert (failed.state, failed.original_state) == (State.FAILED, "FAILURE")
    assert failed.started_at is not None
    assert failed.ended_at is not None
    assert failed.ended_at > failed.started_at
    assert failed.cause.startswith("Started by user")
    assert len(failed.commit) == 40


def read(json: bytes) -> Run:
    return run_of(decode(json, Build), "a/b", NAME, "https://jenkins")


def test_building_wins_over_result() -> None:
    """A result that is set while the build still runs is not its end (formats.md)."""
    run = read(b'{"number":7,"building":true,"result":"FAILURE","timestamp":1700000000000,"duration":0}')
    assert (run.state, run.ended_at) == (State.RUNNING, None)
    for result, state in (("NOT_BUILT", State.SKIPPED), ("ABORTED", State.ABORTED), ("ODD", State.UNKNOWN)):
        ended = read(f'{{"number":7,"result":"{result}","timestamp":1700000000000,"duration":5}}'.encode())
        assert (ended.state, ended.original_state) == (state, result)
        assert (ended.ended_at is not None) == state.is_final


def test_operation_id_and_hostile_values() -> None:
    """The operation's id is a parameter's value; absurd times, nulls and broken text do not break a look."""
    run = read(
        b'{"number":7,"result":"SUCCESS","timestamp":99999999999999999,"duration":-4,"actions":[null,{},'
        b'{"parameters":[{"name":"FEDESK_OPERATION","value":"0199"},{"name":"SECRET"}]},'
        b'{"causes":[{"shortDescription":"by \xff \\ud800 [red]x[/]"}]}]}'
    )
    assert run.operation_id == "0199"
    assert (run.started_at, run.ended_at) == (None, None)
    assert run.cause == "by � ? [red]x[/]"


def test_detail(client: JenkinsClient, world: World) -> None:
    """Parameters (a password without value), causes, changes, artifacts, stages and the estimate."""
    job = "finedge/prod/deploy-payments"
    newest = world.builds(job)[0]
    detail = client.run(f"{job}#{newest.number}")
    parameters = {parameter.name: parameter.value for parameter in detail.parameters}
    (token,) = (
        parameter.value
        for parameter in client.run(f"{FX_RATES}#{world.builds(FX_RATES)[0].number}").parameters
        if parameter.name == "DEPLOY_TOKEN"
    )
    assert token is None
    assert parameters["DRY_RUN"] == "false"
    assert parameters["IMAGE"] == f"registry.finedge.example/payments@{newest.digest}"
    assert detail.causes == tuple(cause.description for cause in newest.causes)
    assert [change.commit for change in detail.changes] == [commit.commit_id for commit in newest.changes]
    assert detail.changes[0].author.endswith("@finedge.example")
    assert [artifact.path for artifact in detail.artifacts] == ["release.json", "dist/SHA256SUMS"]
    assert [step.name for step in detail.steps] == [stage.name for stage in newest.stages]
    assert {step.state for step in detail.steps} == {State.SUCCEEDED}
    assert detail.expected_duration == newest.estimated
    assert detail.run.reason == ""


def test_detail_of_freestyle_and_of_what_fails(client: JenkinsClient, world: World) -> None:
    """Freestyle has no stages and one change set; a failed build says which stage; unknown ones are said."""
    job = "finedge/prod/marketing-ci"
    detail = client.run(f"{job}#{world.builds(job)[0].number}")
    assert detail.steps == ()
    assert [change.commit for change in detail.changes] == [
        commit.commit_id for commit in world.builds(job)[0].changes
    ]
    failed = world.builds("finedge/prod/deploy-lending")[0]
    detail = client.run(f"{failed.job}#{failed.number}")
    assert (detail.steps[-1].name, detail.steps[-1].state) == ("Policy", State.FAILED)
    assert detail.run.reason.startswith("Policy failed")
    for unknown in ("finedge/prod/deploy-lending#99999", "finedge/prod/nothing#1", "no build"):
        with pytest.raises(NotFoundError):
            client.run(unknown)


def test_runs(client: JenkinsClient, world: World) -> None:
    """The newest builds of a job, also more than the hundred that Jenkins lists by itself."""
    job = "finedge/dev/payments-ci"
    builds = [build.number for build in world.builds(job)]
    assert len(builds) > 150
    for limit in (3, 150):
        assert [run.name.id for run in client.runs(job, limit)] == [
            f"{job}#{number}" for number in builds[:limit]
        ]


def whole(client: JenkinsClient, request: LogRequest, between: Callable[[], None] = lambda: None) -> str:
    """A log read to its end; ``between`` happens after each piece."""
    cursor, pieces = "", []
    while True:
        chunk = client.log(request, cursor)
        assert chunk.complete or chunk.text in {"", *[chunk.text[: chunk.text.rfind("\n") + 1]]}
        pieces.append(chunk.text)
        if chunk.complete:
            return "".join(pieces)
        cursor = chunk.cursor
        between()


def test_log_of_a_build_and_of_its_stages(client: JenkinsClient, world: World) -> None:
    """A log without console notes; a stage's log is those of its steps, by node id or by name."""
    build = world.builds("finedge/prod/deploy-fx_rates")[0]
    run = RunName(NAME, f"{build.job}#{build.number}")
    lines = world.build_log_lines(build.job, build.number).lines
    assert whole(client, LogRequest(run=run)) == "".join(f"{line.text}\n" for line in lines)
    stage = build.stages[-1]
    steps = [line.text for line in lines if line.stage == stage.node_id and line.text[0] != "["]
    for name in (stage.node_id, stage.name):
        assert whole(client, LogRequest(run=run, task=TaskName(name))).splitlines() == steps
    with pytest.raises(NotFoundError, match='no stage "nothing"; its stages are "Checkout'):
        client.log(LogRequest(run=run, task=TaskName("nothing")), "")
    with pytest.raises(ProtocolError, match="read the log from its start"):
        client.log(LogRequest(run=run), "nonsense")


def test_log_of_a_build_that_runs(asgi_server: "AsgiServer") -> None:
    """Followed while it grows, the pieces are the whole log of the build and of each stage in the end."""
    world = make_world(scale=0.3)
    client = client_of(asgi_server(application(world)), world)
    job = "finedge/prod/deploy-ledger"
    build = world.builds(job)[0]
    assert build.is_building(NOW)
    run = RunName(NAME, f"{job}#{build.number}")

    def later() -> None:
        world.clock.advance(timedelta(seconds=7))

    text = whole(client, LogRequest(run=run), later)
    lines = world.build_log_lines(job, build.number).lines
    assert text == "".join(f"{line.text}\n" for line in lines)
    world.clock.set(NOW)
    stage = next(stage for stage in build.stages if stage.ended_at is not None and stage.ended_at > NOW)
    text = whole(client, LogRequest(run=run, task=TaskName(stage.node_id)), later)
    assert text.splitlines() == [
        line.text for line in lines if line.stage == stage.node_id and not line.text.startswith("[Pipeline]")
    ]


def test_log_of_a_build_that_has_ended_is_one_answer(
    served: "ServedApp", world: World, client: JenkinsClient
) -> None:
    """A long one is asked for once and read in pieces; who has but a cursor reads on and misses nothing."""
    build = world.builds("finedge/prod/deploy-fx_rates")[0]
    name = f"{build.job}#{build.number}"
    world.long_logs[name] = log = LongLog(lines=30_000, error=-1, began=NOW, ends=NOW)
    request = LogRequest(run=RunName(NAME, name))
    try:
        first = client.log(request, "")
        second = client.log(request, first.cursor)
        rest = client.log(request, second.cursor)
        while not rest.complete:
            more = client.log(request, rest.cursor)
            rest = dataclasses.replace(more, text=rest.text + more.text)
        assert [one for one in served.requests if "logText" in one] == [
            f"GET /job/finedge/job/prod/job/deploy-fx_rates/{build.number}/logText/progressiveText?start=0"
        ]
        again = client_of(served, world).log(request, second.cursor)
    finally:
        del world.long_logs[name]
    assert (first.text + second.text + rest.text).encode() == b"".join(log.read(0, log.lines * LINE))
    assert rest.text.startswith(again.text)
    assert len(again.text) > 100_000


def test_hostile_log(asgi_server: "AsgiServer") -> None:
    """Markup, escapes, broken bytes and a line of a megabyte arrive as text, nothing lost."""
    world = make_world(scale=0.1, hostile=True)
    client = client_of(asgi_server(application(world)), world)
    job = "finedge/dev/hostile-ci"
    build = world.builds(job)[0]
    text = whole(client, LogRequest(run=RunName(NAME, f"{job}#{build.number}")))
    assert "broken bytes: ��� and a cut sequence" in text
    assert HOSTILE[2] in text
    assert f"\n{'x' * 1_000_000}\nthe end\n" in text
    text.encode()


def test_wrong_password_and_anonymous(served: "ServedApp", world: World) -> None:
    """Each says in one sentence who was refused, with the status and what to do; the secret is in none."""
    wrong = client_of(served, world, credential=lambda: SecretText("hunter2"))
    with pytest.raises(UnauthenticatedError) as refused:
        wrong.observe(None)
    assert str(refused.value).startswith(
        'prod/jenkins refuses the login of user "oncall" (HTTP 401: "Error 401'
    )
    assert "hunter2" not in repr(refused.value)
    with pytest.raises(ForbiddenError, match=r"closed to anonymous readers .* give it `user`"):
        client_of(served, world, user="", credential=None).observe(None)


def test_password_needs_no_crumb_to_read(served: "ServedApp", world: World) -> None:
    """With a password a look costs no crumb: only a POST wants one."""
    served.requests.clear()
    client_of(served, world, "finedge/prod", by_password=True).observe(None)
    assert not [request for request in served.requests if "crumb" in request]


def test_scope() -> None:
    """The nearest common folder; a folder does not hold its neighbour of a longer name."""
    scope = Scope.of(("finedge/prod", "finedge/prod/sub", "finedge/shared"))
    assert scope.root == ("finedge",)
    assert scope.holds("finedge/prod/x")
    assert not scope.holds("finedge/prod-two/x")
    assert Scope.of(()).holds("anything")
    assert Scope.of(("a/b",)).root == ("a", "b")
