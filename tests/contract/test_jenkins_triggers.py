"""The sandbox's Jenkins is triggered as contracts/jenkins.md says: items, builds, cancelling."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests

from fedesk.sandbox import jenkins_queue
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.jenkins import application
from fedesk.sandbox.model_jenkins import ParameterDefinition
from fedesk.sandbox.world import World

if TYPE_CHECKING:
    from asgi_server import AsgiServer, ServedApp

START = datetime(2026, 11, 20, 2, 43, tzinfo=UTC)
LEDGER = "finedge/dev/ledger-ci"
PAYMENTS = "finedge/dev/payments-ci"
SMOKE = "finedge/dev/smoke-test"
UPLOAD = "finedge/dev/import-file"
SIGNING = "finedge/staging/sign-release"


@pytest.fixture(scope="module")
def shared_world() -> World:
    return World(clock=WorldClock(frozen_at=START), start=START, scale=0.3)


@pytest.fixture(scope="module")
def served(shared_world: World, asgi_server: "AsgiServer") -> "ServedApp":
    return asgi_server(application(shared_world))


@pytest.fixture
def world(shared_world: World) -> Iterator[World]:
    yield shared_world
    shared_world.clock.set(START)
    shared_world.forget_changes()


class Caller:
    """Someone with an API token, who follows no redirect."""

    def __init__(self, served: "ServedApp", world: World, *, writer: bool = True) -> None:
        identity = world.identity("jenkins", writer=writer)
        self.name = identity.user
        self.base = served.url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = (identity.user, identity.credential)

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        """One request, its answer whatever it is."""
        return self._session.request(method, f"{self.base}/{path}", allow_redirects=False, timeout=30, **more)

    def json(self, path: str, **query: str) -> Any:
        """The JSON of a 200."""
        answer = self.ask("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def trigger(self, job: str, verb: str = "buildWithParameters", **form: Any) -> requests.Response:
        """POST to a job's verb."""
        return self.ask("POST", f"{path_of(job)}/{verb}", data=form)

    def item(self, answer: requests.Response) -> Any:
        """The queue item that an answer points to."""
        return self.json(f"{urlsplit(answer.headers['Location']).path.strip('/')}/api/json")


def path_of(job: str) -> str:
    return "job/" + job.replace("/", "/job/")


@pytest.fixture
def writer(served: "ServedApp", world: World) -> Caller:
    return Caller(served, world)


def parameters(document: Any) -> dict[str, Any]:
    return {
        one["name"]: one.get("value", "hidden")
        for action in document["actions"]
        for one in action.get("parameters", ())
    }


def causes(document: Any) -> list[str]:
    return [one["shortDescription"] for action in document["actions"] for one in action.get("causes", ())]


def test_a_trigger_is_a_201_with_the_place_of_its_item(writer: Caller) -> None:
    """Empty body, absolute Location; left-out parameters take defaults, unknown ones are dropped."""
    answer = writer.trigger(LEDGER, BRANCH="fix", FEDESK_OPERATION="op-1", NONSENSE="x")
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["Location"].startswith(f"{writer.base}/queue/item/")
    item = writer.item(answer)
    assert parameters(item) == {"BRANCH": "fix", "SUITE": "full", "FEDESK_OPERATION": "op-1"}
    assert causes(item) == [f"Started by user {writer.name}"]
    assert item["task"]["url"].endswith(f"{path_of(LEDGER)}/")


def test_the_life_of_an_item(writer: Caller, world: World) -> None:
    """Quiet period, free executor, left with its build, forgotten after five minutes; the build goes on."""
    before = writer.json(f"{path_of(LEDGER)}/api/json")["nextBuildNumber"]
    answer = writer.trigger(LEDGER, FEDESK_OPERATION="op-1")
    item = writer.item(answer)
    assert item["_class"] == "hudson.model.Queue$WaitingItem"
    assert (item["blocked"], item["buildable"], "cancelled" in item) == (False, False, False)
    assert item["why"].startswith("In the quiet period. Expires in 5")
    world.clock.advance(timedelta(seconds=5.2))
    item = writer.item(answer)
    assert (item["_class"], item["buildable"]) == ("hudson.model.Queue$BuildableItem", True)
    assert item["why"] == "Waiting for next available executor"
    world.clock.advance(timedelta(seconds=1))
    item = writer.item(answer)
    assert (item["_class"], item["why"], item["cancelled"]) == ("hudson.model.Queue$LeftItem", None, False)
    number = item["executable"]["number"]
    assert number == before
    build = writer.json(f"{path_of(LEDGER)}/{number}/api/json")
    assert (build["building"], build["queueId"]) == (True, item["id"])
    assert parameters(build)["FEDESK_OPERATION"] == "op-1"
    assert causes(build) == [f"Started by user {writer.name}"]
    world.clock.advance(timedelta(minutes=10))
    assert writer.ask("GET", f"queue/item/{item['id']}/api/json").status_code == 404
    build = writer.json(f"{path_of(LEDGER)}/{number}/api/json")
    assert (build["building"], build["result"]) == (False, "SUCCESS")


def test_equal_values_are_merged_while_they_wait(writer: Caller, world: World) -> None:
    """303 to the item that is there, causes folded; other values, and what has started, make a new one."""
    first = writer.trigger(PAYMENTS, BRANCH="fix")
    again = writer.trigger(PAYMENTS, BRANCH="fix")
    assert (first.status_code, again.status_code) == (201, 303)
    assert again.headers["Location"] == first.headers["Location"]
    assert len(causes(writer.item(first))) == 2
    assert writer.trigger(PAYMENTS, BRANCH="other").headers["Location"] != first.headers["Location"]
    world.clock.advance(timedelta(seconds=10))
    assert writer.trigger(PAYMENTS, BRANCH="fix").status_code == 201
    one, other = writer.trigger(LEDGER, FEDESK_OPERATION="1"), writer.trigger(LEDGER, FEDESK_OPERATION="2")
    assert (one.status_code, other.status_code) == (201, 201)


def test_the_earlier_due_time_wins(writer: Caller, world: World) -> None:
    """A merged trigger without a delay lets an item start that was to wait for an hour."""
    slow = writer.trigger(PAYMENTS, delay="3600sec")
    writer.trigger(PAYMENTS, delay="0sec")
    world.clock.advance(timedelta(seconds=1))
    assert writer.item(slow)["executable"]["number"] > 0


def test_build_without_parameters(writer: Caller, world: World) -> None:
    """/build is a 201, merged or not; a second one waits blocked while the first runs."""
    first = writer.trigger(SMOKE, "build")
    again = writer.trigger(SMOKE, "build")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.headers["Location"] == again.headers["Location"]
    world.clock.advance(timedelta(seconds=10))
    number = writer.item(first)["executable"]["number"]
    second = writer.trigger(SMOKE, "build")
    world.clock.advance(timedelta(seconds=10))
    item = writer.item(second)
    assert (item["_class"], item["blocked"]) == ("hudson.model.Queue$BlockedItem", True)
    assert item["why"].startswith(f"Build #{number} is already in progress")
    world.clock.advance(timedelta(minutes=2))
    assert writer.item(second)["executable"]["number"] == number + 1


@pytest.mark.parametrize(
    ("job", "verb", "form", "status"),
    [
        (LEDGER, "build", {}, 400),
        (LEDGER, "build", {"json": ""}, 400),
        (LEDGER, "build", {"json": "{"}, 500),
        (LEDGER, "build", {"json": '{"parameter": [{"name": "BRANCH", "value": "x"}]}'}, 201),
        (LEDGER, "build", {"json": '{"parameter": [{"name": "NONE", "value": "x"}]}'}, 500),
        (SMOKE, "buildWithParameters", {}, 400),
        (LEDGER, "buildWithParameters", {"SUITE": "no such"}, 500),
        (LEDGER, "buildWithParameters", {"BRANCH": ["a", "b"]}, 500),
        (LEDGER, "buildWithParameters", {"delay": "soon"}, 500),
        ("finedge/dev/nowhere", "build", {}, 404),
    ],
)
def test_what_a_trigger_is_refused_with(
    writer: Caller, world: World, job: str, verb: str, form: dict[str, Any], status: int
) -> None:
    """400 where nothing is submitted or taken, 500 where Java throws; what is refused queues nothing."""
    answer = writer.trigger(job, verb, **form)
    assert answer.status_code == status
    assert bool(world.jenkins.last_queue_id) is (status == 201)


def test_disabled_comes_before_the_permission_for_build_alone(
    served: "ServedApp", writer: Caller, world: World
) -> None:
    """409 from both verbs to a writer; a reader hears it from /build and is forbidden the other."""
    waits = writer.trigger(LEDGER, FEDESK_OPERATION="1")
    jenkins_queue.disable(world, LEDGER)
    reader = Caller(served, world, writer=False)
    assert writer.trigger(LEDGER).status_code == 409
    assert "is not buildable" in writer.trigger(LEDGER, "build").text
    assert reader.trigger(LEDGER, "build").status_code == 409
    refused = reader.trigger(LEDGER)
    assert (refused.status_code, refused.headers["X-Required-Permission"]) == (
        403,
        "hudson.model.Item.Build",
    )
    assert writer.item(waits)["cancelled"] is True


def test_get_is_not_allowed(writer: Caller) -> None:
    """405 that allows POST, for those who might build."""
    for job, verb in ((LEDGER, "build"), (LEDGER, "buildWithParameters"), (SMOKE, "build")):
        answer = writer.ask("GET", f"{path_of(job)}/{verb}")
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_a_vetoed_build_leads_back_to_the_job(writer: Caller, world: World) -> None:
    """302 without a queue item, and nothing is queued."""
    jenkins_queue.redefine(world, replace(world.job(LEDGER), vetoed=True))
    answer = writer.trigger(LEDGER)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{writer.base}/{path_of(LEDGER)}/")
    assert world.jenkins.last_queue_id == 0


def test_cancelling_an_item(served: "ServedApp", writer: Caller, world: World) -> None:
    """204 and the item is left as cancelled; its number goes to the next build; too late is a 500."""
    number = writer.json(f"{path_of(LEDGER)}/api/json")["nextBuildNumber"]
    gone, stays = writer.trigger(LEDGER, FEDESK_OPERATION="1"), writer.trigger(LEDGER, FEDESK_OPERATION="2")
    item = writer.item(gone)["id"]
    reader = Caller(served, world, writer=False)
    assert reader.ask("POST", "queue/cancelItem", params={"id": item}).status_code == 422
    assert writer.ask("GET", "queue/cancelItem", params={"id": item}).status_code == 405
    assert writer.ask("POST", "queue/cancelItem", params={"id": item}).status_code == 204
    left = writer.item(gone)
    assert (left["_class"], left["cancelled"], left["executable"]) == (
        "hudson.model.Queue$LeftItem",
        True,
        None,
    )
    assert writer.ask("POST", "queue/cancelItem", params={"id": item}).status_code == 500
    assert writer.ask("POST", "queue/cancelItem", params={"id": 1}).status_code == 404
    world.clock.advance(timedelta(seconds=10))
    assert writer.item(stays)["executable"]["number"] == number
    world.clock.advance(timedelta(minutes=5))
    assert writer.ask("POST", "queue/cancelItem", params={"id": item}).status_code == 404


def test_quieting_down_holds_what_was_triggered(writer: Caller, world: World) -> None:
    """Triggers are taken, nothing starts, the controller says why; called off, they start."""
    jenkins_queue.quiet_down(world)
    assert writer.json("api/json", tree="quietingDown")["quietingDown"] is True
    waits = writer.trigger(LEDGER)
    assert waits.status_code == 201
    world.clock.advance(timedelta(minutes=3))
    item = writer.item(waits)
    assert (item["buildable"], item["why"]) == (True, "Jenkins is about to shut down")
    jenkins_queue.quiet_down(world, on=False)
    world.clock.advance(timedelta(seconds=1))
    assert writer.item(waits)["executable"]["number"] > 0


def test_values_that_jenkins_keeps_to_itself(writer: Caller) -> None:
    """Credentials have a class and a name; a file that was not uploaded is no parameter; text keeps lines."""
    answer = writer.trigger(SIGNING, NOTES="one\ntwo", SIGNING_KEY="other-key")
    assert parameters(writer.item(answer)) == {
        "NOTES": "one\ntwo",
        "SIGNING_KEY": "hidden",
        "FEDESK_OPERATION": "",
    }
    assert parameters(writer.item(writer.trigger(UPLOAD))) == {"CLIENT": "acme_07", "FEDESK_OPERATION": ""}
    build = writer.json(f"{path_of(UPLOAD)}/lastBuild/api/json")
    assert parameters(build)["UPLOAD"] == "hidden"
    declared = writer.json(f"{path_of(UPLOAD)}/api/json")["property"][0]["parameterDefinitions"]
    assert [one["type"] for one in declared] == [
        "StringParameterDefinition",
        "FileParameterDefinition",
        "StringParameterDefinition",
    ]


def test_config_xml_needs_a_right_of_its_own(served: "ServedApp", writer: Caller, world: World) -> None:
    """The definition for those who have Job/ExtendedRead; it changes when the job does."""
    path = f"{path_of(LEDGER)}/config.xml"
    refused = Caller(served, world, writer=False).ask("GET", path)
    assert (refused.status_code, refused.headers["X-Required-Permission"]) == (
        403,
        "hudson.model.Item.ExtendedRead",
    )
    before = writer.ask("GET", path)
    assert before.headers["Content-Type"].startswith("application/xml")
    jenkins_queue.redefine(world, replace(world.job(LEDGER), parameters=()))
    assert writer.ask("GET", path).content != before.content
    assert writer.ask("POST", path, data=b"<x/>").status_code == 403


def test_a_triggered_build_takes_its_number_when_it_starts(writer: Caller, world: World) -> None:
    """One that waits for an hour is passed by the builds of the timetable, which keep their numbers."""
    later = writer.trigger(PAYMENTS, BRANCH="later", delay="20000sec")
    world.clock.advance(timedelta(hours=5))
    passed = writer.json(f"{path_of(PAYMENTS)}/lastBuild/api/json", tree="number")["number"]
    world.clock.advance(timedelta(minutes=34))
    number = writer.item(later)["executable"]["number"]
    assert number > passed
    world.clock.advance(timedelta(days=1))
    found = writer.json(f"{path_of(PAYMENTS)}/api/json", tree="nextBuildNumber,builds[number,queueId]")
    numbers = [one["number"] for one in found["builds"]]
    assert numbers == sorted(set(numbers), reverse=True)
    assert found["nextBuildNumber"] == numbers[0] + 1
    assert len(numbers) == numbers[0] - numbers[-1] + 1


def test_everything_is_forgotten(writer: Caller, world: World) -> None:
    """forget_changes: jobs, queue, builds and what is held are as the world made them."""
    before = writer.json(f"{path_of(LEDGER)}/api/json")
    writer.trigger(LEDGER, FEDESK_OPERATION="1")
    jenkins_queue.disable(world, LEDGER)
    jenkins_queue.quiet_down(world)
    world.clock.advance(timedelta(seconds=10))
    world.clock.set(START)
    world.forget_changes()
    assert writer.json(f"{path_of(LEDGER)}/api/json") == before
    assert writer.json("api/json", tree="quietingDown")["quietingDown"] is False


# --- inputs ---------------------------------------------------------------------------------------------

CARDS = "finedge/prod/deploy-cards"
APPROVE = "Promote"


def waiting(writer: Caller, world: World, job: str = CARDS) -> str:
    """The path of a build that waits for somebody to say that it may deploy."""
    service = job.rpartition("-")[2]
    newest = world.releases(service)[-1]
    item = writer.trigger(job, IMAGE=f"{newest.image}@{newest.digest}")
    world.clock.advance(timedelta(minutes=2))
    return f"{path_of(job)}/{writer.item(item)['executable']['number']}"


def status(writer: Caller, build: str) -> str:
    found: str = writer.json(f"{build}/wfapi/describe")["status"]
    return found


def pending(writer: Caller, build: str) -> list[Any]:
    found: list[Any] = writer.json(f"{build}/wfapi/pendingInputActions")
    return found


def test_an_input_is_answered_once(writer: Caller, world: World) -> None:
    """The build waits, says who may answer, goes on when it is approved, and the input is gone after that."""
    build = waiting(writer, world)
    assert status(writer, build) == "PAUSED_PENDING_INPUT"
    (asked,) = pending(writer, build)
    assert (asked["id"], asked["message"], asked["proceedText"], asked["inputs"]) == (
        APPROVE,
        "Deploy cards to prod?",
        "Deploy",
        [],
    )
    assert asked["abortUrl"] == f"/{build}/input/{APPROVE}/abort"
    tree = "actions[waitingForInput,executions[id,displayName,settled,input[id,message,ok,submitter]]]"
    (action,) = (one for one in writer.json(f"{build}/api/json", tree=tree)["actions"] if "executions" in one)
    assert action["waitingForInput"]
    assert action["executions"][0]["input"]["submitter"] is None
    before = world.deployed("prod", "cards")
    assert writer.ask("GET", f"{build}/input/{APPROVE}/proceedEmpty").status_code == 405
    assert writer.ask("POST", f"{build}/input/Other/proceedEmpty").status_code == 404
    assert writer.ask("POST", f"{build}/input/promote/proceedEmpty").status_code == 404
    answer = writer.ask("POST", f"{build}/input/{APPROVE}/proceedEmpty")
    assert (answer.status_code, answer.content) == (200, b"")
    assert (status(writer, build), pending(writer, build)) == ("IN_PROGRESS", [])
    assert writer.ask("POST", f"{build}/input/{APPROVE}/proceedEmpty").status_code == 404
    world.clock.advance(timedelta(minutes=5))
    assert status(writer, build) == "SUCCESS"
    assert world.deployed("prod", "cards") != before
    assert f"Approved by {writer.name}" in writer.ask("GET", f"{build}/consoleText").text
    stages = writer.json(f"{build}/wfapi/describe")["stages"]
    assert [stage["name"] for stage in stages][-4:] == ["Approve", "Deploy", "Verify", "Record"]
    assert len({stage["id"] for stage in stages}) == len(stages)


def test_an_input_is_rejected(writer: Caller, world: World) -> None:
    """Aborting ends the build as ABORTED, and deploys nothing."""
    build, before = waiting(writer, world), world.deployed("prod", "cards")
    answer = writer.ask("POST", f"{build}/input/{APPROVE}/abort")
    assert (answer.status_code, answer.content) == (200, b"")
    assert writer.json(f"{build}/api/json")["result"] == "ABORTED"
    assert status(writer, build) == "ABORTED"
    assert world.deployed("prod", "cards") == before


def test_who_may_answer_an_input(served: "ServedApp", writer: Caller, world: World) -> None:
    """Without a submitter whoever may build; with one only who is named: refusals are 400 with the reason."""
    reader = Caller(served, world, writer=False)
    build = waiting(writer, world)
    for verb in ("proceedEmpty", "abort"):
        refused = reader.ask("POST", f"{build}/input/{APPROVE}/{verb}")
        assert refused.status_code == 400
        assert "You need to be" in refused.text
    job = replace(world.job(CARDS), submitter="change-board, tomasz")
    jenkins_queue.redefine(world, job)
    build = waiting(writer, world)
    refused = writer.ask("POST", f"{build}/input/{APPROVE}/proceedEmpty")
    assert (refused.status_code, "change-board" in refused.text) == (400, True)
    assert (
        writer.ask("POST", f"{build}/wfapi/inputSubmit?inputId={APPROVE}", data={"json": "{}"}).status_code
        == 500
    )
    assert writer.ask("POST", f"{build}/input/{APPROVE}/abort").status_code == 200, "by Job/Cancel"
    jenkins_queue.redefine(world, replace(job, submitter="releasers"))
    build = waiting(writer, world)
    assert writer.ask("POST", f"{build}/input/{APPROVE}/proceedEmpty").status_code == 200, "by group"


def test_an_input_that_asks_for_parameters(writer: Caller, world: World) -> None:
    """They are listed; unknown ones are a 500, no form a 400; proceedEmpty asks for none of them."""
    ticket = ParameterDefinition(name="CHANGE_TICKET", default="CHG-1")
    jenkins_queue.redefine(world, replace(world.job(CARDS), asks_for=(ticket,)))
    build = waiting(writer, world)
    (asked,) = pending(writer, build)
    assert [(one["type"], one["name"], one["definition"]) for one in asked["inputs"]] == [
        ("StringParameterDefinition", "CHANGE_TICKET", {"defaultVal": "CHG-1"})
    ]
    place = f"{build}/input/{APPROVE}"
    assert writer.ask("POST", f"{place}/proceed").status_code == 400
    unknown = {"json": json.dumps({"parameter": {"name": "OTHER", "value": "x"}})}
    assert writer.ask("POST", f"{place}/proceed", data=unknown).status_code == 500
    given = {"json": json.dumps({"parameter": [{"name": "CHANGE_TICKET", "value": "CHG-7"}]})}
    answer = writer.ask("POST", f"{build}/wfapi/inputSubmit?inputId={APPROVE}", data=given)
    assert (answer.status_code, answer.content) == (200, b"null")
    assert status(writer, build) == "IN_PROGRESS"
    other = waiting(writer, world)
    assert writer.ask("POST", f"{other}/input/{APPROVE}/proceedEmpty").status_code == 200
    third = waiting(writer, world)
    assert writer.ask("POST", f"{third}/input/{APPROVE}/submit").status_code == 302
    assert status(writer, third) == "ABORTED", "without the field proceed it aborts"
