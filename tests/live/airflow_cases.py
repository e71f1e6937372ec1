"""What the contract tests of Airflow ask about, found in the emulator's world or made on a real server."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from airflow_dags import go_of_changes
from airflow_server import AirflowServer, wait_until

from fedesk.domain.names import ConnectionName
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.sandbox.model import DagRunPlan, RunState, TaskPlan, TaskState
from fedesk.sandbox.server import Sandbox
from fedesk.sandbox.world import World

NAME = ConnectionName("prod", "airflow")
ENVIRONMENT = "staging"
"""Of the sandbox: the one in which a DAG does not import."""
_SECONDS = 150.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One Airflow with runs of every kind. Runs are named ``DAG/RUN_ID``."""

    url: str
    user: str
    password: str
    tag: str
    untagged: str
    """A DAG that does not carry ``tag``."""
    good: str
    """A run whose tasks all succeeded or were skipped."""
    mapped: tuple[str, str, int]
    """A run, its mapped task, and how many instances that has."""
    failed: tuple[str, str, int]
    """A run that failed, the task that did it, and how many tries that had, all of them used up."""
    blocked: str
    """A task of that run that never ran."""
    import_file: str
    retrying: Callable[[], tuple[str, str, int]]
    """Brings about a run with a task that waits for its second try: run, task, tries in all."""
    running: Callable[[], tuple[str, str]]
    """Brings about a run with a task that runs: run, task."""
    finish: Callable[[str, str], None]
    """Lets that task end, its log grown since."""

    def endpoint(self, **more: object) -> Endpoint:
        """How a reader gets in."""
        facts: dict[str, object] = {
            "name": NAME,
            "url": self.url,
            "user": self.user,
            "credential": lambda: SecretText(self.password),
        }
        return Endpoint(**(facts | more))  # type: ignore[arg-type]  # the fields are Endpoint's own


# --- the emulator ---------------------------------------------------------------------------------------


def emulated(sandbox: Sandbox) -> Case:
    """Runs of the sandbox's staging, at whatever moment its clock stands still."""
    world = sandbox.world
    identity = world.identity("airflow")
    clock = sandbox.control.clock

    def retrying() -> tuple[str, str, int]:
        plan, task = next(_with(world, lambda task: len(task.attempts) > 1))
        first = task.attempts[0]
        assert first.ended_at is not None
        clock.freeze(first.ended_at + timedelta(seconds=3))
        return _id(plan), task.task_id, task.max_tries + 1

    long_plan, long = next(_with(world, _is_long))
    began, ended = long.attempts[0].started_at, long.attempts[0].ended_at
    assert ended is not None

    def running() -> tuple[str, str]:
        clock.freeze(began + timedelta(seconds=40))
        return _id(long_plan), long.task_id

    def finish(_run_id: str, _task_id: str) -> None:
        clock.freeze(ended + timedelta(seconds=1))

    good = next(
        plan
        for plan in _ended(world, RunState.SUCCESS)
        if all(len(task.attempts) == 1 for task in world.task_plans(plan))
    )
    mapped_plan, mapped = next(_with(world, lambda task: task.map_index >= 0))
    count = sum(task.task_id == mapped.task_id for task in world.task_plans(mapped_plan))
    failed_plan, failed = next(
        (plan, task)
        for plan in _ended(world, RunState.FAILED)
        for task in world.task_plans(plan)
        if task.attempts and task.attempts[-1].outcome is TaskState.FAILED
        if any(each.settled_at is not None for each in world.task_plans(plan))
    )
    return Case(
        url=f"{sandbox.urls['airflow']}/{ENVIRONMENT}",
        user=identity.user,
        password=identity.credential,
        tag="tier-1",
        untagged=next(dag.dag_id for dag in world.dags(ENVIRONMENT) if "tier-1" not in dag.tags),
        good=_id(good),
        mapped=(_id(mapped_plan), mapped.task_id, count),
        failed=(_id(failed_plan), failed.task_id, failed.max_tries + 1),
        blocked=next(task.task_id for task in world.task_plans(failed_plan) if task.settled_at is not None),
        import_file=world.import_errors(ENVIRONMENT)[0].filename,
        retrying=retrying,
        running=running,
        finish=finish,
    )


def _id(plan: DagRunPlan) -> str:
    return f"{plan.dag_id}/{plan.run_id}"


def _is_long(task: TaskPlan) -> bool:
    first = task.attempts[0] if task.attempts else None
    if first is None or first.ended_at is None or first.parked_at is not None:
        return False
    return first.ended_at - first.started_at > timedelta(minutes=4)


def _ended(world: World, state: RunState) -> Iterator[DagRunPlan]:
    """Runs of staging that have ended so, the newest of each DAG first."""
    now = world.now()
    for dag in world.dags(ENVIRONMENT):
        for plan in reversed(world.dag_run_plans(ENVIRONMENT, dag.dag_id)[-20:]):
            if plan.state(now) is state:
                yield plan


def _with(world: World, wanted: Callable[[TaskPlan], bool]) -> Iterator[tuple[DagRunPlan, TaskPlan]]:
    for plan in _ended(world, RunState.SUCCESS):
        for task in world.task_plans(plan):
            if wanted(task):
                yield plan, task


# --- a real server --------------------------------------------------------------------------------------


def real(server: AirflowServer) -> Case:
    """Triggers a run of each shape and waits until they stand as they are meant to."""
    token = server.token()
    runs = {
        dag: _trigger(server, token, dag)
        for dag in ("ledger_load", "payments_daily", "partner_api", "staging_copy", "long_backfill")
    }
    for dag, state in (
        ("ledger_load", "success"),
        ("payments_daily", "failed"),
        ("staging_copy", "success"),
    ):
        wait_until(lambda dag=dag, state=state: _state(server, token, runs[dag]) == state, _SECONDS, dag)  # type: ignore[misc]  # the defaults bind the loop's values
    go_of_changes(server.go).touch()
    wait_until(lambda: _is_quiet(server, token, set(runs.values())), _SECONDS, "other runs have not ended")

    def retrying() -> tuple[str, str, int]:
        address = f"{_path(runs['partner_api'])}/taskInstances/call"
        wait_until(lambda: _document(server, token, address)["state"] == "up_for_retry", _SECONDS, "call")
        return runs["partner_api"], "call", 3

    def running() -> tuple[str, str]:
        address = f"{_path(runs['long_backfill'])}/taskInstances/wait"
        wait_until(lambda: _document(server, token, address)["state"] == "running", _SECONDS, "wait")
        return runs["long_backfill"], "wait"

    def finish(run_id: str, task_id: str) -> None:
        server.go.touch()
        address = f"{_path(run_id)}/taskInstances/{task_id}"
        wait_until(lambda: _document(server, token, address)["state"] == "success", _SECONDS, task_id)

    return Case(
        url=server.url,
        user=server.reader,
        password=server.reader_password,
        tag="prod",
        untagged="staging_copy",
        good=runs["ledger_load"],
        mapped=(runs["ledger_load"], "load", 3),
        failed=(runs["payments_daily"], "checks.dbt_test", 2),
        blocked="publish",
        import_file="broken.py",
        retrying=retrying,
        running=running,
        finish=finish,
    )


def _trigger(server: AirflowServer, token: str, dag_id: str) -> str:
    wait_until(lambda: _is_parsed(server, token, dag_id), _SECONDS, f"{dag_id} is not parsed")
    body = {"logical_date": None, "conf": {"region": "eu", "limits": {"rows": 5}}}
    made = server.request("POST", f"/api/v2/dags/{dag_id}/dagRuns", body, token)
    assert isinstance(made, dict)
    return f"{dag_id}/{made['dag_run_id']}"


def _is_parsed(server: AirflowServer, token: str, dag_id: str) -> bool:
    listed = server.request("GET", "/api/v2/dags?limit=100", None, token)
    assert isinstance(listed, dict)
    return any(dag["dag_id"] == dag_id for dag in listed["dags"])


def _is_quiet(server: AirflowServer, token: str, ours: set[str]) -> bool:
    """Whether every run has ended that others have made."""
    listed = server.request("GET", "/api/v2/dags/~/dagRuns?state=queued&state=running&limit=100", None, token)
    assert isinstance(listed, dict)
    return {f"{run['dag_id']}/{run['dag_run_id']}" for run in listed["dag_runs"]} <= ours


def _path(run_id: str) -> str:
    dag_id, _, dag_run_id = run_id.partition("/")
    return f"/api/v2/dags/{dag_id}/dagRuns/{quote(dag_run_id, safe='')}"


def _document(server: AirflowServer, token: str, address: str) -> dict[str, object]:
    found = server.request("GET", address, None, token)
    assert isinstance(found, dict)
    return found


def _state(server: AirflowServer, token: str, run_id: str) -> object:
    return _document(server, token, _path(run_id))["state"]
