"""One suite for Airflow: what fedesk reads of the emulator it reads of a real 3.3 as well.

``pytest -m live -n 0`` builds and starts the real one; without it the emulator alone is asked.
"""

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from airflow_cases import Case
from airflow_server import wait_until

from fedesk.clients.airflow import AirflowClient
from fedesk.clients.airflow_board import CATCHING_UP_REQUESTS, MARGIN, STEADY_REQUESTS, run_path
from fedesk.clients.airflow_log import lines
from fedesk.clients.airflow_session import NDJSON, quoted_path
from fedesk.domain.names import RunName, TaskName
from fedesk.domain.observation import Observation
from fedesk.domain.runs import LogRequest, RunDetail
from fedesk.domain.states import State
from fedesk.ports.endpoint import SecretText
from fedesk.ports.errors import CredentialError, NotFoundError, UnauthenticatedError

pytestmark = pytest.mark.timeout(400)

_LOOKS = 60


@pytest.fixture
def case(airflow_case: Case) -> Case:
    return airflow_case


@pytest.fixture
def client(case: Case) -> Iterator[AirflowClient]:
    made = AirflowClient(case.endpoint())
    yield made
    made.close()


def caught_up(client: AirflowClient) -> Observation:
    """Look until all history is read."""
    seen = client.observe(None)
    for _ in range(_LOOKS):
        seen = client.observe(seen)
        if seen.complete and seen.server_version:
            return seen
    raise AssertionError(f"not complete after {_LOOKS} looks")


def test_the_first_look_has_rows_in_three_requests(client: AirflowClient, case: Case) -> None:
    """The first look shows DAGs and their newest runs; beside the login it takes at most three requests."""
    seen = client.observe(None)
    assert client.session.requests <= 1 + STEADY_REQUESTS
    assert {case.untagged, case.good.split("/")[0]} <= {job.name for job in seen.jobs}
    assert seen.runs
    moments = [run.at for run in seen.runs if run.at is not None]
    assert moments == sorted(moments, reverse=True)


def test_catching_up_ends_and_steady_looks_are_small(client: AirflowClient) -> None:
    """History is read in bounded looks; after that a look is three requests, 10 KB at rest."""
    seen = client.observe(None)
    for _ in range(_LOOKS):
        before = client.session.requests
        seen = client.observe(seen)
        assert client.session.requests - before <= CATCHING_UP_REQUESTS
        if seen.complete:
            break
    assert seen.complete
    for _ in range(8):
        requests, transferred = client.session.requests, client.session.transferred
        seen = client.observe(seen)
        assert client.session.requests - requests <= STEADY_REQUESTS
        assert client.session.transferred - transferred <= 10_000
    assert len(seen.runs) == len({run.name for run in seen.runs})


def test_what_is_finished_is_not_fetched_again(
    client: AirflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks of a whole round bring no run a second time that had ended well before the look before."""
    seen = caught_up(client)
    last = max(run.ended_at for run in seen.runs if run.ended_at is not None)
    wait_until(lambda: datetime.now(UTC) - last > 4 * MARGIN, 30, "the last end is too near")
    seen = client.observe(seen)
    fetched: list[str] = []
    get = client.session.get

    def noted(path: str, query: object = ()) -> object:
        answer = get(path, query)  # type: ignore[arg-type]  # passed on as it came
        fetched.extend(word for word in ('"state":"success"', '"state":"failed"') if word in str(answer.body))
        return answer

    monkeypatch.setattr(client.session, "get", noted)
    for _ in range(5):
        seen = client.observe(seen)
    assert fetched == []


def test_failed_runs_say_why(client: AirflowClient, case: Case) -> None:
    """A failed run names the task that failed and its tries."""
    run_id, task, tries = case.failed
    seen = caught_up(client)
    found = {run.name.id: run for run in seen.runs}[run_id]
    assert found.state is State.FAILED
    assert found.original_state == "failed"
    assert found.reason == f"{task} failed, try {tries} of {tries}"
    assert all(run.reason for run in seen.runs if run.state is State.FAILED)


def test_a_run_with_a_retry_ahead_says_so(client: AirflowClient, case: Case) -> None:
    """A run that is under way tells of the task that waits for its next try."""
    run_id, task, tries = case.retrying()
    seen = client.observe(caught_up(client))
    found = {run.name.id: run for run in seen.runs}[run_id]
    assert found.state is State.RUNNING
    assert found.reason == f"{task} waits for a retry, try 1 of {tries}"
    step = next(step for step in client.run(run_id).steps if step.id == task)
    assert (step.state, step.original_state) == (State.WAITING, "up_for_retry")
    assert (step.try_number, step.max_tries) == (1, tries)


def test_tags_limit_what_is_read(case: Case) -> None:
    """With tags only DAGs that carry one of them are shown, and only their runs."""
    client = AirflowClient(case.endpoint(), tags=(case.tag, "no-such-tag"))
    seen = caught_up(client)
    client.close()
    assert seen.jobs
    assert all(case.tag in job.tags for job in seen.jobs)
    assert case.untagged not in {job.name for job in seen.jobs}
    assert {run.job for run in seen.runs} <= {job.name for job in seen.jobs}


def test_jobs_carry_owner_and_link(client: AirflowClient, case: Case) -> None:
    """A DAG is a job with its owners, tags and address in Airflow's own pages."""
    seen = client.observe(None)
    job = next(job for job in seen.jobs if job.name == case.good.split("/")[0])
    assert job.owners
    assert job.tags
    assert job.enabled
    assert job.link == f"{case.url}/dags/{job.name}"


def test_import_errors_are_problems(client: AirflowClient, case: Case) -> None:
    """A DAG file that does not import is a problem that names file and reason; health says nothing else."""
    seen = caught_up(client)
    for _ in range(5):
        seen = client.observe(seen)
    errors = [problem for problem in seen.problems if problem.kind == "import error"]
    assert case.import_file in [problem.where for problem in errors]
    assert all(problem.text and problem.since for problem in errors)
    assert {problem.kind for problem in seen.problems} <= {"import error", "scheduler"}
    assert seen.server_version == "3.3.2"


def test_a_run_has_its_tasks_in_order(client: AirflowClient, case: Case) -> None:
    """A run's steps come as they ran; it links to Airflow's own page of the run."""
    detail = client.run(case.good)
    dag_id, _, dag_run_id = case.good.partition("/")
    assert detail.run.name == RunName(case.endpoint().name, case.good)
    assert detail.run.state is State.SUCCEEDED
    assert detail.run.link == f"{case.url}/dags/{dag_id}/runs/" + dag_run_id.replace(":", "%3A").replace(
        "+", "%2B"
    )
    assert {step.state for step in detail.steps} <= {State.SUCCEEDED, State.SKIPPED}
    starts = [step.started_at for step in detail.steps if step.started_at is not None]
    assert len(starts) == len(detail.steps)
    assert starts == sorted(starts)
    assert detail.causes


def test_a_failed_run_shows_what_was_blocked(client: AirflowClient, case: Case) -> None:
    """The task that failed has its tries; those behind it are blocked and stand behind it."""
    run_id, task, tries = case.failed
    detail = client.run(run_id)
    names = [step.id for step in detail.steps]
    failed, blocked = (detail.steps[names.index(name)] for name in (task, case.blocked))
    assert (failed.state, failed.try_number, failed.max_tries) == (State.FAILED, tries, tries)
    assert (blocked.state, blocked.original_state) == (State.BLOCKED, "upstream_failed")
    assert blocked.try_number is None
    assert names.index(task) < names.index(case.blocked)
    assert detail.run.reason == f"{task} failed, try {tries} of {tries}"


def test_mapped_tasks_are_steps_of_their_own(client: AirflowClient, case: Case) -> None:
    """Each instance of a mapped task is a step with its index, and has a log of its own."""
    run_id, task, count = case.mapped
    steps = [step for step in client.run(run_id).steps if step.id == task]
    assert sorted(step.map_index or 0 for step in steps) == list(range(count))
    logs = set()
    for step in steps:
        chunk = client.log(LogRequest(run=RunName(case.endpoint().name, run_id), task=step.task), "")
        assert chunk.complete
        assert f"map_index={step.map_index}" in chunk.text
        logs.add(chunk.text)
    assert len(logs) == count


def test_runs_of_one_dag(client: AirflowClient, case: Case) -> None:
    """The newest runs of a DAG come newest first, no more than asked for."""
    dag_id = case.good.split("/")[0]
    found = client.runs(dag_id, 3)
    assert 1 <= len(found) <= 3
    assert [run.job for run in found] == [dag_id] * len(found)
    moments = [run.run_after or datetime.min.replace(tzinfo=UTC) for run in found]
    assert moments == sorted(moments, reverse=True)


def test_the_log_of_each_try(client: AirflowClient, case: Case) -> None:
    """A log is read by try; the newest where none is named. It ends, and errors stand in it."""
    run_id, task, tries = case.failed
    name = RunName(case.endpoint().name, run_id)
    newest = client.log(LogRequest(run=name, task=TaskName(task)), "")
    texts = [
        client.log(LogRequest(run=name, task=TaskName(task, None, number)), "").text
        for number in range(1, tries + 1)
    ]
    assert newest.complete
    assert newest.text == texts[-1]
    assert len(set(texts)) == tries
    assert newest.text.endswith("\n")
    assert " ERROR " in newest.text
    assert "::group::" in newest.text
    again = client.log(LogRequest(run=name, task=TaskName(task)), newest.cursor)
    assert (again.text, again.complete) == ("", True)


def test_a_log_is_streamed_as_it_is_in_json(client: AirflowClient, case: Case) -> None:
    """A try that has ended is read as a stream of JSON lines, which tells what the JSON document tells."""
    run_id, task, tries = case.failed
    path = f"{run_path(run_id)}{quoted_path('taskInstances', task, 'logs', tries)}"
    with contextlib.closing(client.session.lines(path)) as stream:
        assert stream.content_type == NDJSON
        assert stream.read(1)[0].count(b"\n") > 1
    content = json.loads(client.session.get(path).body)["content"]
    read = client.log(LogRequest(run=RunName(case.endpoint().name, run_id), task=TaskName(task)), "")
    assert read.text == lines(content)
    assert read.complete


def test_a_task_that_never_ran_has_no_log(client: AirflowClient, case: Case) -> None:
    """Asked for the log of a task that never ran, fedesk says just that."""
    name = RunName(case.endpoint().name, case.failed[0])
    with pytest.raises(NotFoundError, match=rf"{case.blocked} of .* never ran \(upstream_failed\)"):
        client.log(LogRequest(run=name, task=TaskName(case.blocked)), "")


@pytest.mark.parametrize(
    "run_id",
    ["{dag}/no-such-run", "no-such-dag/no-such-run", "nothing", "{dag}/a/b", "../{dag}/x", "a b/%2e"],
)
def test_runs_that_are_not_there(client: AirflowClient, case: Case, run_id: str) -> None:
    """A run that does not exist is not found, whatever its name looks like."""
    with pytest.raises(NotFoundError) as caught:
        client.run(run_id.format(dag=case.good.split("/")[0]))
    assert "\n" not in str(caught.value)


def test_logs_that_are_not_there(client: AirflowClient, case: Case) -> None:
    """A task, a try or a map index that does not exist is not found; a run as such has no log."""
    name = RunName(case.endpoint().name, case.good)
    task = client.run(case.good).steps[0].id
    for wanted in (TaskName("no_such_task"), TaskName(task, None, 9), TaskName(task, 77), None):
        with pytest.raises(NotFoundError):
            client.log(LogRequest(run=name, task=wanted), "")


def test_unknown_dag_has_no_runs(client: AirflowClient) -> None:
    """Asked for the runs of a DAG that does not exist, the server's own words are told."""
    with pytest.raises(NotFoundError, match="no_such_dag"):
        client.runs("no_such_dag", 5)


def test_a_wrong_password_is_told_in_one_sentence(case: Case) -> None:
    """A refused login says so in the server's words, without the password."""
    client = AirflowClient(case.endpoint(credential=lambda: SecretText("not-the-password")))
    with pytest.raises(UnauthenticatedError, match="Invalid credentials") as caught:
        client.observe(None)
    client.close()
    assert "not-the-password" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_basic_is_refused(case: Case) -> None:
    """Airflow 3 refuses HTTP Basic though the password is right."""
    client = AirflowClient(case.endpoint(), auth="basic")
    with pytest.raises(UnauthenticatedError, match="Not authenticated"):
        client.observe(None)
    client.close()


def bearer(case: Case) -> str:
    """A token as single sign-on would give it."""
    login = {"username": case.user, "password": case.password}
    with httpx.Client(trust_env=False) as direct:
        return str(direct.post(f"{case.url}/auth/token", json=login).json()["access_token"])


def test_a_bearer_is_read_again_once_it_is_refused(case: Case) -> None:
    """A bearer that the server refuses is asked for once more; one that is then good is used on."""
    tokens = iter(["not.a.token", bearer(case)])
    client = AirflowClient(case.endpoint(credential=lambda: SecretText(next(tokens))), auth="token")
    seen = client.observe(client.observe(None))
    client.close()
    assert seen.jobs
    assert next(tokens, None) is None


def test_a_bearer_that_stays_refused_is_told(case: Case) -> None:
    """The credential is read once more; where it gives the same again, that is said, without the token."""
    asked: list[int] = []

    def credential() -> SecretText:
        asked.append(1)
        return SecretText("e30.e30.secret-part")

    client = AirflowClient(case.endpoint(credential=credential), auth="token")
    with pytest.raises(
        UnauthenticatedError, match=r"refuses the token .*wrong, expired or revoked"
    ) as caught:
        client.observe(None)
    client.close()
    assert len(asked) == 2
    assert "secret-part" not in str(caught.value)


@pytest.mark.parametrize("token", ["", " ", "two\nlines", "zażółć"])
def test_a_bearer_that_cannot_be_one_is_not_sent(case: Case, token: str) -> None:
    """What no header can carry is a mistake of configuration."""
    client = AirflowClient(case.endpoint(credential=lambda: SecretText(token)), auth="token")
    with pytest.raises(CredentialError, match="bearer"):
        client.observe(None)
    client.close()


_REFUSALS: list[dict[str, object]] = json.loads(
    Path(__file__).with_name("airflow_refusals.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("row", _REFUSALS, ids=lambda row: f"{row['method']} {row['path']}")
def test_refusals_are_worded_alike(case: Case, row: dict[str, object]) -> None:
    """What the server refuses to a reader it refuses with this status and this body [seen on 3.3.2]."""
    with httpx.Client(trust_env=False) as direct:
        answer = direct.request(
            str(row["method"]),
            f"{case.url}{row['path']}",
            json=row["body"],
            headers={"Authorization": f"Bearer {bearer(case)}"},
        )
    assert answer.status_code == row["status"]
    assert answer.json() == row["document"]


@pytest.mark.parametrize(
    ("authorization", "status", "detail"),
    [
        (None, 401, "Not authenticated"),
        ("Basic cmVhZGVyOnBhc3M=", 401, "Not authenticated"),
        ("Bearer not.a.token", 403, "Invalid JWT token"),
        ("Bearer x", 403, "Invalid JWT token"),
    ],
)
def test_who_is_refused_and_how(case: Case, authorization: str | None, status: int, detail: str) -> None:
    """No token is a 401, a wrong one a 403; health and version ask nobody."""
    headers = {"Authorization": authorization} if authorization else {}
    with httpx.Client(trust_env=False, headers=headers) as direct:
        answer = direct.get(f"{case.url}/api/v2/dags")
        assert (answer.status_code, answer.json()) == (status, {"detail": detail})
        assert direct.get(f"{case.url}/api/v2/monitor/health").status_code == 200
        assert direct.get(f"{case.url}/api/v2/version").json()["version"] == "3.3.2"


def test_pages_are_capped_for_get_alone(case: Case) -> None:
    """A GET gives at most 100 rows and says how many there are; compressed where that is asked."""
    with httpx.Client(trust_env=False) as direct:
        direct.headers["Authorization"] = f"Bearer {bearer(case)}"
        answer = direct.get(f"{case.url}/api/v2/dags/~/dagRuns", params={"limit": 200})
        assert answer.headers["content-encoding"] == "gzip"
        document = answer.json()
        assert len(document["dag_runs"]) == min(100, document["total_entries"])
        none = direct.get(f"{case.url}/api/v2/dags/~/dagRuns", params={"limit": 0}).json()
        assert none["dag_runs"] == []
        assert none["total_entries"] == document["total_entries"]


def test_the_continuation_token_is_sealed(case: Case) -> None:
    """A continuation token that the server did not give is refused in its words."""
    run_id, task, _ = case.failed
    dag_id, _, dag_run_id = run_id.partition("/")
    with httpx.Client(trust_env=False) as direct:
        direct.headers["Authorization"] = f"Bearer {bearer(case)}"
        answer = direct.get(
            f"{case.url}/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task}/logs/1",
            params={"token": "made-up"},
        )
    assert answer.status_code == 400
    assert answer.json() == {"detail": "Bad Signature. Please use only the tokens provided by the API."}


def step_state(detail: RunDetail, task: str) -> State:
    """The state of one step."""
    return next(step.state for step in detail.steps if step.id == task)


def test_the_log_of_a_running_task_goes_on(client: AirflowClient, case: Case) -> None:
    """A running task's log is not complete; what follows comes without gap or repeat to its end."""
    run_id, task = case.running()
    request = LogRequest(run=RunName(case.endpoint().name, run_id), task=TaskName(task))
    assert step_state(client.run(run_id), task) is State.RUNNING
    first = client.log(request, "")
    assert not first.complete
    assert first.text
    still = client.log(request, first.cursor)
    assert not still.complete
    case.finish(run_id, task)
    pieces = [first.text, still.text]
    cursor = still.cursor
    for _ in range(20):
        chunk = client.log(request, cursor)
        pieces.append(chunk.text)
        cursor = chunk.cursor
        if chunk.complete:
            break
    assert chunk.complete
    whole = client.log(request, "")
    assert told("".join(pieces)) == told(whole.text)
    assert step_state(client.run(run_id), task) is State.SUCCEEDED


def told(log: str) -> list[str]:
    """A log without its header, which names where it was read from: that differs while the task runs."""
    return log.partition("::endgroup::\n")[2].splitlines()
