"""The sandbox's Jenkins answers as contracts/jenkins*.md say, whatever our client would like."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import requests

from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.jenkins import application
from fedesk.sandbox.jenkins_tree import MalformedTreeError, parse_tree
from fedesk.sandbox.world import World

if TYPE_CHECKING:
    from asgi_server import AsgiServer, ServedApp

START = datetime(2026, 11, 20, 2, 43, tzinfo=UTC)
NOW = START + timedelta(minutes=1)
MERCHANTS = "job/finedge/job/prod/job/deploy-merchants"
FX_RATES = "job/finedge/job/prod/job/deploy-fx_rates"
MOVING = "job/finedge/job/prod/job/deploy-ledger"
FREESTYLE = "job/finedge/job/prod/job/marketing-ci"
OK, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, NOT_ALLOWED, FAULT = 200, 401, 403, 404, 405, 500

Json: TypeAlias = Any


@pytest.fixture(scope="module")
def world() -> World:
    return World(clock=WorldClock(frozen_at=NOW), start=START)


@pytest.fixture(scope="module")
def served(world: World, asgi_server: "AsgiServer") -> "ServedApp":
    return asgi_server(application(world))


class Caller:
    """A plain HTTP client with a login, by token or by password."""

    def __init__(self, served: "ServedApp", user: str, secret: str) -> None:
        self._base = served.url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = (user, secret)

    def get(self, path: str, **query: str) -> requests.Response:
        """GET without following anything."""
        return self.session.get(f"{self._base}/{path}", params=query, allow_redirects=False, timeout=30)

    def json(self, path: str, **query: str) -> Json:
        """The JSON of a 200."""
        answer = self.get(path, **query)
        assert answer.status_code == OK, answer.text
        return answer.json()

    def post(self, path: str, headers: dict[str, str] | None = None) -> requests.Response:
        """POST without following anything."""
        return self.session.post(f"{self._base}/{path}", headers=headers, allow_redirects=False, timeout=30)


@pytest.fixture(scope="module")
def reader(world: World, served: "ServedApp") -> Caller:
    identity = world.identity("jenkins")
    return Caller(served, identity.user, identity.credential)


def test_tree_is_nested_ranged_and_drops_unknown_names(reader: Caller) -> None:
    """tree= nests, its ranges are half open and count from the newest, and unknown names vanish."""
    tree = "name,nonsense,builds[number,nothing]{1,3},lastBuild[number]"
    job = reader.json(f"{FX_RATES}/api/json", tree=tree)
    newest = job["lastBuild"]["number"]
    assert [build["number"] for build in job["builds"]] == [newest - 1, newest - 2]
    assert set(job) == {"_class", "name", "builds", "lastBuild"}
    assert set(job["builds"][0]) == {"_class", "number"}


@pytest.mark.parametrize(
    ("spec", "low", "high"), [("{2}", 2, 3), ("{,4}", 0, 4), ("{3,}", 3, 2**31 - 1), ("{1,2}", 1, 2)]
)
def test_ranges(spec: str, low: int, high: int) -> None:
    """{N} is one, {,N} the first N, {M,} all from M."""
    tree = parse_tree(f"builds[number]{spec}").children["builds"]
    assert (tree.low, tree.high) == (low, high)


@pytest.mark.parametrize("spec", ["", "a,", "a[b", "a]b", "a[]", "a{x}", "a[b]{1,2", "a[b]{-1}", "[a]"])
def test_malformed_tree_is_a_500(spec: str, reader: Caller) -> None:
    """A malformed expression fails the whole request, with Stapler's words."""
    with pytest.raises(MalformedTreeError):
        parse_tree(spec)
    answer = reader.get("api/json", tree=spec)
    assert answer.status_code == FAULT
    assert "Malformed tree expression" in answer.text


def test_wildcard_and_depth(reader: Caller) -> None:
    """``*`` stands for all names; at depth 0 another bean shows only its visible properties; tree wins."""
    causes = reader.json(f"{FX_RATES}/lastBuild/api/json", tree="actions[causes[*]]")["actions"][0]["causes"]
    assert {"shortDescription", "userId", "userName"} <= set(causes[0])
    folder = reader.json("job/finedge/job/prod/api/json")
    assert set(folder["jobs"][0]) == {"_class", "name", "url", "color"}
    assert "builds" in reader.json("job/finedge/job/prod/api/json", depth="1")["jobs"][0]
    assert "allBuilds" not in reader.json(f"{FX_RATES}/api/json")
    assert reader.json("api/json", depth="3", tree="mode") == {
        "_class": "hudson.model.Hudson",
        "mode": "EXCLUSIVE",
    }


def test_folders_have_no_colour_and_no_builds(reader: Caller) -> None:
    """A folder has jobs, never a colour; all jobs come in one nested request."""
    root = reader.json("api/json", tree="jobs[name,color,jobs[name,color,jobs[fullName,color]]]")
    finedge = root["jobs"][0]
    assert finedge["_class"] == "com.cloudbees.hudson.plugins.folder.Folder"
    assert "color" not in finedge
    jobs = [job for folder in finedge["jobs"] for job in folder["jobs"]]
    assert len(jobs) == 123
    assert all(job["color"] for job in jobs)


def test_api_headers(reader: Caller) -> None:
    """api/json says the version, and is not to be framed."""
    answer = reader.get("api/json")
    assert answer.headers["X-Jenkins"] == "2.579"
    assert answer.headers["X-Frame-Options"] == "deny"
    assert answer.headers["Content-Type"].lower() == "application/json;charset=utf-8"
    assert "X-Jenkins-Session" in answer.headers


def test_anonymous_is_forbidden_and_bad_login_unauthorized(served: "ServedApp", world: World) -> None:
    """Anonymous gets 403 with a page that leads to the login; bad credentials 401 everywhere."""
    anonymous = requests.get(f"{served.url}/api/json", timeout=30)
    assert anonymous.status_code == FORBIDDEN
    assert anonymous.headers["X-You-Are-Authenticated-As"] == "anonymous"
    assert anonymous.headers["X-Required-Permission"] == "hudson.model.Hudson.Read"
    assert "Authentication required" in anonymous.text
    assert "/login?from=%2Fapi%2Fjson" in anonymous.text
    bare = requests.get(f"{served.url}/api/json", headers={"X-Requested-With": "XMLHttpRequest"}, timeout=30)
    assert (bare.status_code, bare.content) == (FORBIDDEN, b"")
    wrong = Caller(served, world.identity("jenkins").user, "wrong").get("login")
    assert wrong.status_code == UNAUTHORIZED
    assert wrong.headers["WWW-Authenticate"] == 'Basic realm="Jenkins"'
    assert requests.get(f"{served.url}/login", timeout=30).status_code == OK


def test_crumb_is_bound_to_user_and_session(served: "ServedApp", world: World) -> None:
    """With a password a POST needs the crumb and the cookie it came with; with a token neither."""
    identity = world.identity("jenkins")
    caller = Caller(served, identity.user, identity.password)
    refused = caller.post("api/json")
    assert refused.status_code == FORBIDDEN
    assert "No valid crumb was included in the request" in refused.text
    issued = caller.json("crumbIssuer/api/json")
    crumb = {issued["crumbRequestField"]: issued["crumb"]}
    assert caller.post("api/json", crumb).status_code == OK
    assert caller.json("crumbIssuer/api/json") == issued
    assert Caller(served, identity.user, identity.password).post("api/json", crumb).status_code == FORBIDDEN
    writer = world.identity("jenkins", writer=True)
    caller.session.auth = (writer.user, writer.password)
    assert caller.post("api/json", crumb).status_code == FORBIDDEN
    assert Caller(served, identity.user, identity.credential).post("api/json").status_code == OK


@pytest.mark.parametrize("path", [f"{FX_RATES}/build", f"{FX_RATES}/lastBuild/stop"])
def test_verbs_are_post_only_and_closed_to_the_reader(path: str, reader: Caller) -> None:
    """A change by GET is a 405 that allows POST; by POST the reader lacks the permission."""
    asked = reader.get(path)
    assert (asked.status_code, asked.headers["Allow"]) == (NOT_ALLOWED, "POST")
    refused = reader.post(path)
    assert refused.status_code == FORBIDDEN
    assert refused.headers["X-Required-Permission"].startswith("hudson.model.Item.")


def test_order_of_refusals(served: "ServedApp", world: World) -> None:
    """Bad login first, then the crumb, and only then the resource: 403 comes before 404."""
    identity = world.identity("jenkins")
    assert Caller(served, identity.user, "wrong").post("nowhere").status_code == UNAUTHORIZED
    assert Caller(served, identity.user, identity.password).post("nowhere").status_code == FORBIDDEN
    assert Caller(served, identity.user, identity.credential).post("nowhere").status_code == NOT_FOUND


def test_build_that_runs(reader: Caller) -> None:
    """While it builds: no result, duration 0, the colour of the build before, animated."""
    job = reader.json(f"{MOVING}/api/json", tree="color,lastBuild[*],nextBuildNumber")
    build = job["lastBuild"]
    assert (build["building"], build["inProgress"], build["duration"], build["result"]) == (
        True,
        True,
        0,
        None,
    )
    assert job["color"].endswith("_anime")
    assert job["nextBuildNumber"] == build["number"] + 1
    assert build["artifacts"] == []


def test_passwords_come_without_value(reader: Caller) -> None:
    """A password parameter has a name and no value; a boolean is a JSON boolean."""
    actions = reader.json(f"{FX_RATES}/lastBuild/api/json")["actions"]
    parameters = {
        parameter["name"]: parameter for action in actions for parameter in action.get("parameters", ())
    }
    assert set(parameters["DEPLOY_TOKEN"]) == {"_class", "name"}
    assert parameters["DRY_RUN"]["value"] is False


def test_queue_item_waits_and_leaves(asgi_server: "AsgiServer") -> None:
    """A waiting item says why; once started it is no longer listed, found for five minutes, then a 404."""
    world = World(clock=WorldClock(frozen_at=START), start=START, scale=0.3)
    identity = world.identity("jenkins")
    reader = Caller(asgi_server(application(world)), identity.user, identity.credential)
    job = next(job for job in world.jobs() if not job.disabled and world.builds(job.full_name))
    waiting = world.build_history(job.full_name).until(START + timedelta(days=2))[-1]
    assert waiting.started_at is not None
    world.clock.set(waiting.queued_at + timedelta(seconds=1))
    listed = {item["id"]: item for item in reader.json("queue/api/json")["items"]}
    item = listed[waiting.queue_id]
    assert item["_class"] == "hudson.model.Queue$WaitingItem"
    assert item["why"].startswith("In the quiet period")
    assert "executable" not in item
    assert item["url"] == f"queue/item/{waiting.queue_id}/"
    world.clock.set(waiting.started_at + timedelta(seconds=1))
    assert waiting.queue_id not in [item["id"] for item in reader.json("queue/api/json")["items"]]
    left = reader.json(f"queue/item/{waiting.queue_id}/api/json")
    assert left["_class"] == "hudson.model.Queue$LeftItem"
    assert left["executable"]["number"] == waiting.number
    world.clock.set(waiting.started_at + timedelta(minutes=5))
    assert reader.get(f"queue/item/{waiting.queue_id}/api/json").status_code == NOT_FOUND


def test_progressive_text(reader: Caller) -> None:
    """CRLF, notes left in, raw X-Text-Size, no X-More-Data once complete, anew beyond the end."""
    raw = reader.get(f"{FX_RATES}/lastBuild/consoleText")
    assert b"\r\n" not in raw.content
    assert b"\x1b[8mha:" not in raw.content
    log = reader.get(f"{FX_RATES}/lastBuild/logText/progressiveText", start="0")
    assert "X-More-Data" not in log.headers
    assert log.headers["Content-Type"].lower() == "text/plain;charset=utf-8"
    assert b"\x1b[8mha:" in log.content
    size = int(log.headers["X-Text-Size"])
    assert len(log.content.replace(b"\r\n", b"\n")) == size
    assert reader.get(f"{FX_RATES}/lastBuild/logText/progressiveText", start=str(size)).content == b""
    beyond = reader.get(f"{FX_RATES}/lastBuild/logText/progressiveText", start=str(size + 1))
    assert beyond.content == log.content
    growing = reader.get(f"{MOVING}/lastBuild/logText/progressiveText")
    assert growing.headers["X-More-Data"] == "true"


def test_stages(reader: Caller) -> None:
    """wfapi: the failed stage with its error; a paused run; freestyle has none; runs are capped at ten."""
    failed = reader.json(f"{FX_RATES}/lastBuild/wfapi/describe")
    assert failed["status"] == "FAILED"
    assert failed["stages"][-1]["error"]["message"].startswith("verification failed")
    assert "stageFlowNodes" not in failed["stages"][0]
    node = failed["stages"][-1]["id"]
    stage = reader.json(f"{FX_RATES}/lastBuild/execution/node/{node}/wfapi/describe")
    assert stage["stageFlowNodes"][0]["parentNodes"] == [node]
    assert reader.json(f"{MERCHANTS}/lastBuild/wfapi/describe")["status"] == "PAUSED_PENDING_INPUT"
    pending = reader.json(f"{MERCHANTS}/lastBuild/wfapi/pendingInputActions")
    assert pending[0]["message"] == "Deploy merchants to prod?"
    assert reader.json(f"{FX_RATES}/lastBuild/wfapi/nextPendingInputAction") is None
    assert (
        reader.get("job/finedge/job/prod/job/marketing-ci/lastBuild/wfapi/describe").status_code == NOT_FOUND
    )
    assert len(reader.json(f"{FX_RATES}/wfapi/runs")) == 10
    assert reader.json(f"{FX_RATES}/wfapi/describe")["runCount"] == 10


def test_what_does_not_exist(reader: Caller) -> None:
    """404 as HTML: job, build, node, artifact."""
    for path in (
        "job/nowhere/api/json",
        f"{FX_RATES}/999999/api/json",
        f"{FX_RATES}/lastBuild/execution/node/9999/wfapi/describe",
        f"{FX_RATES}/lastBuild/artifact/nothing.txt",
        "nothing",
    ):
        answer = reader.get(path)
        assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (
            NOT_FOUND,
            "text/html",
        )


def test_executors_count_what_is_online(reader: Caller) -> None:
    """Totals leave out agents that are offline; without depth an executor is an empty object."""
    found = reader.json("computer/api/json")
    assert found["totalExecutors"] == 12
    offline = [computer for computer in found["computer"] if computer["offline"]]
    assert [computer["displayName"] for computer in offline] == ["agent-highmem-1"]
    assert found["computer"][1]["executors"] == [{}, {}, {}, {}]
