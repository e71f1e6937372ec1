"""What the contract tests of changing an Airflow need: runs that failed, in the emulator or on a real one.

Both have the same DAG, ``list_partners >> validate_partner (mapped) >> load >> notify``, whose run failed
because of ``validate_partner[2]``: there are task instances that are mapped, good, failed and blocked.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import uuid_utils
from airflow_dags import go_of_changes
from airflow_server import AirflowServer, wait_until

from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import Call, Json
from fedesk.domain.reruns import TaskPin
from fedesk.domain.states import System
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.sandbox.dags import Script, Trouble, simulate
from fedesk.sandbox.model import Activity, DagRunPlan, RunState
from fedesk.sandbox.server import Sandbox

NAME = ConnectionName("staging", "airflow")
FAILED = ("validate_partner[2]", "load", "notify")
"""What a clear of the failed run touches, in the order in which it runs."""
_SECONDS = 150.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who can log in."""

    user: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCase:
    """One Airflow that may be changed. Runs are named ``DAG/RUN_ID``."""

    url: str
    writer: Person
    reader: Person
    mara_clears: Callable[..., None]
    """Somebody else, ``mara``, clears: ``mara_clears(run, note=None, task_ids=None, only_failed=True)``."""
    tries: int
    """How often ``validate_partner[2]`` has tried in a failed run."""
    keeps_version: bool
    failed: Callable[[], str]
    """Makes a run that has failed; the next clear of it helps."""
    untouched: Callable[[], str]
    """The same, and always the same one: for tests that change nothing."""
    lasting: Callable[[], str]
    """Makes a run that has failed, whose next clear does not help."""
    at_work: Callable[[], tuple[str, str, str]]
    """Makes a run that is at work, with a task that has failed and one that runs: run, failed, running."""
    made: Callable[[str, dict[str, object]], str]
    """Makes a run of this id and with this conf, as fedesk makes its own; it has ended."""
    finish: Callable[[str], str]
    """Lets a run go on until it has ended, and says in which state."""
    has_clock: bool
    """Whether time stands still until it is moved."""

    def endpoint(self, person: Person | None = None, **more: object) -> Endpoint:
        """How somebody gets in; the writer where nobody is named."""
        who = person or self.writer
        facts: dict[str, object] = {
            "name": NAME,
            "url": self.url,
            "user": who.user,
            "credential": lambda: SecretText(who.password),
        }
        return Endpoint(**(facts | more))  # type: ignore[arg-type]  # the fields are Endpoint's own

    def ask(
        self, method: str, path: str, body: object = None, person: Person | None = None
    ) -> tuple[int, Any]:
        """One request as somebody, without any of fedesk's code: status and JSON."""
        who = person or self.writer
        _, login = _request(
            "POST", f"{self.url}/auth/token", {"username": who.user, "password": who.password}, ""
        )
        return _request(method, self.url + path, body, str(login["access_token"]))

    def clear(self, run_id: str, *, person: Person | None = None, **body: object) -> tuple[int, Any]:
        """A clear by somebody, as Airflow's own pages send it."""
        dag_id, _, dag_run_id = run_id.partition("/")
        document = {"dag_run_id": dag_run_id} | body
        return self.ask("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", document, person)

    def instances(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Task instances by name, like ``load`` and ``validate_partner[2]``."""
        _, found = self.ask("GET", f"{run_path(run_id)}/taskInstances?limit=100")
        return {named(each): each for each in found["task_instances"]}

    def state(self, run_id: str) -> str:
        """The run's state."""
        return str(self.ask("GET", run_path(run_id))[1]["state"])

    def events(self, run_id: str, **more: str) -> list[dict[str, Any]]:
        """Clears of a run that were asked for, oldest first."""
        dag_id, _, dag_run_id = run_id.partition("/")
        query = {"dag_id": dag_id, "run_id": dag_run_id, "event": "post_clear_task_instances"} | more
        asked = "&".join(f"{key}={quote(value, safe='')}" for key, value in query.items())
        _, found = self.ask("GET", f"/api/v2/eventLogs?order_by=event_log_id&limit=100&{asked}")
        return list(found["event_logs"])


def named(task: dict[str, Any]) -> str:
    """``load`` or ``validate_partner[2]``."""
    index = int(task["map_index"])
    return str(task["task_id"]) if index < 0 else f"{task['task_id']}[{index}]"


def run_path(run_id: str) -> str:
    """``/api/v2/dags/D/dagRuns/R``."""
    dag_id, _, dag_run_id = run_id.partition("/")
    return f"/api/v2/dags/{dag_id}/dagRuns/{quote(dag_run_id, safe='')}"


def _request(method: str, url: str, body: object, token: str) -> tuple[int, Any]:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - loopback
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        raw = error.read()
        try:
            return error.code, json.loads(raw)
        except ValueError:
            return error.code, raw.decode("utf-8", "replace")


def call_of(run_id: str, tasks: tuple[TaskPin, ...], operation: str = "") -> Call:
    """The call of a plan for these task instances, filled."""
    operation = operation or str(uuid_utils.uuid7())
    listed: list[Json] = [
        [pin.task_id, -1 if pin.map_index is None else pin.map_index, pin.try_number] for pin in tasks
    ]
    dag_id, _, dag_run_id = run_id.partition("/")
    return Call(
        system=System.AIRFLOW,
        verb="clear-task-instances",
        args={
            "dag_id": dag_id,
            "run_id": dag_run_id,
            "tasks": listed,
            "note": f"fedesk {operation}",
            "run_on_latest_version": False,
        },
        key=operation,
    )


# --- the emulator ---------------------------------------------------------------------------------------


def emulated(sandbox: Sandbox) -> ChangeCase:
    """A run of a DAG of staging is made to fail; the sandbox forgets it after the test."""
    world, clock = sandbox.world, sandbox.control.clock
    dag = next(dag for dag in world.dags("staging") if any(task.mapped for task in dag.tasks))
    writer, reader = world.identity("airflow", writer=True), world.identity("airflow")

    def made(persists: int) -> DagRunPlan:
        old = [
            plan
            for plan in world.dag_run_plans("staging", dag.dag_id)
            if plan.state(world.now()) is RunState.SUCCESS and not plan.story
        ][-1]
        trouble = Trouble(task_id="validate_partner", fails=3, map_index=2, persists=persists)
        script = Script(story="made by a test", troubles=(trouble,))
        began = old.activity[0]
        outcome = simulate(dag, began.started_at, old.factor, script, "a test")
        ended = began.started_at + timedelta(seconds=outcome.seconds)
        activity = replace(began, ended_at=ended, outcome=outcome.state)
        plan = replace(old, tasks=outcome.tasks, activity=(activity,), story="made by a test")
        with world.lock:
            world.dag_history("staging", dag.dag_id).amend(plan)
        return plan

    def failed(persists: int = 0) -> str:
        plan = made(persists)
        return f"{plan.dag_id}/{plan.run_id}"

    def at_work() -> tuple[str, str, str]:
        plan = made(0)
        tasks = {(task.task_id, task.map_index): task for task in plan.tasks or ()}
        bad = tasks["validate_partner", 2].attempts[-1].ended_at
        assert bad is not None
        good = tasks["validate_partner", 0]
        slow = replace(good.attempts[0], ended_at=bad + timedelta(hours=1))
        mixed = tuple(replace(task, attempts=(slow,)) if task is good else task for task in plan.tasks or ())
        activity = replace(plan.activity[0], ended_at=bad + timedelta(hours=2))
        with world.lock:
            world.dag_history("staging", dag.dag_id).amend(replace(plan, tasks=mixed, activity=(activity,)))
        clock.freeze(bad + timedelta(seconds=30))
        return f"{plan.dag_id}/{plan.run_id}", "validate_partner[2]", "validate_partner[0]"

    def finish(run_id: str) -> str:
        dag_id, _, dag_run_id = run_id.partition("/")
        clock.advance(timedelta(hours=3))
        return world.dag_run("staging", dag_id, dag_run_id).state.value

    def made_of(run_id: str, conf: dict[str, object]) -> str:
        old = world.dag_run_plans("staging", dag.dag_id)[-1]
        ours = conf.get("fedesk")
        named = ours if isinstance(ours, dict) else {}
        queued = world.now() - timedelta(seconds=10)
        activity = Activity(
            queued_at=queued,
            started_at=queued,
            ended_at=queued + timedelta(seconds=5),
            outcome=RunState.SUCCESS,
        )
        plan = replace(
            old,
            run_id=run_id,
            run_type="manual",
            conf=tuple((f"fedesk.{key}", str(value)) for key, value in named.items()),
            activity=(activity,),
            tasks=(),
        )
        with world.lock:
            world.dag_history("staging", dag.dag_id).add(plan)
        return f"{dag.dag_id}/{run_id}"

    def mara_clears(run_id: str, **more: Any) -> None:
        dag_id, _, dag_run_id = run_id.partition("/")
        assert sandbox.control.clear_run("staging", dag_id, dag_run_id, user="mara", **more)

    return ChangeCase(
        url=f"{sandbox.urls['airflow']}/staging",
        writer=Person(user=writer.user, password=writer.credential),
        reader=Person(user=reader.user, password=reader.credential),
        mara_clears=mara_clears,
        tries=3,
        keeps_version=True,
        failed=failed,
        untouched=cache(failed),
        lasting=lambda: failed(persists=1),
        at_work=at_work,
        made=made_of,
        finish=finish,
        has_clock=True,
    )


# --- a real server --------------------------------------------------------------------------------------


class Failing:
    """Runs of a DAG that fail, made so many together: each takes seconds.

    None is under way while a test is: on SQLite a clear and the report of a running task, served by one
    process, may wait for each other until the database gives up, and the clear is a 500 [seen on 3.3.2].
    """

    def __init__(
        self, case: Callable[[], ChangeCase], dag_id: str, conf: dict[str, object], *, together: int
    ) -> None:
        self._case = case
        self._dag_id = dag_id
        self._conf = conf
        self._together = together
        self._failed: list[str] = []

    def take(self) -> str:
        """One that has failed and that nobody has had."""
        if not self._failed:
            case = self._case()
            made = [self._begin(case) for _ in range(self._together)]
            for run_id in made:
                wait_until(
                    lambda run_id=run_id: case.state(run_id) == "failed",  # type: ignore[misc]  # binds the loop's value
                    _SECONDS,
                    f"{run_id} has not failed",
                )
            self._failed = made
        return self._failed.pop(0)

    def _begin(self, case: ChangeCase) -> str:
        return _trigger(case, self._dag_id, self._conf)


def real(server: AirflowServer) -> ChangeCase:
    """Triggers runs of the DAGs that ``write_all`` writes, and waits until they are as they should be."""
    go = go_of_changes(server.go)
    failing = Failing(lambda: case, "partners_daily", {"fails": 1}, together=4)
    lasting = Failing(lambda: case, "partners_daily", {"fails": 2}, together=2)

    def at_work() -> tuple[str, str, str]:
        go.touch()  # lets those of earlier tests end, and with them their slots
        _, earlier = case.ask("GET", "/api/v2/dags/partners_slow/dagRuns?state=running")
        for each in earlier["dag_runs"]:
            finish(f"partners_slow/{each['dag_run_id']}")
        go.unlink(missing_ok=True)
        run_id = _trigger(case, "partners_slow", {})

        def stands() -> bool:
            states = {name: each["state"] for name, each in case.instances(run_id).items()}
            return states == {"fail": "failed", "after": "upstream_failed", "wait": "running"}

        wait_until(stands, _SECONDS, "partners_slow is not at work")
        return run_id, "fail", "wait"

    def finish(run_id: str) -> str:
        if run_id.startswith("partners_slow/"):
            go.touch()
        wait_until(lambda: case.state(run_id) in ("success", "failed"), _SECONDS, "it has not ended")
        return case.state(run_id)

    def made(run_id: str, conf: dict[str, object]) -> str:
        name = _trigger(case, "partners_daily", {"fails": 0} | conf, run_id)
        wait_until(lambda: case.state(name) == "success", _SECONDS, f"{name} has not succeeded")
        return name

    mara = Person(user=server.other, password=server.other_password)

    def mara_clears(run_id: str, **more: Any) -> None:
        latest = time.monotonic() + _SECONDS
        status, answer = case.clear(run_id, person=mara, dry_run=False, **more)
        while status == HTTPStatus.INTERNAL_SERVER_ERROR and time.monotonic() < latest:
            # On SQLite a clear that meets a task's report may be given up by the database [seen on 3.3.2].
            status, answer = case.clear(run_id, person=mara, dry_run=False, **more)
        assert (status, bool(answer.get("task_instances"))) == (200, True), answer

    case = ChangeCase(
        url=server.url,
        writer=Person(user=server.user, password=server.password),
        reader=Person(user=server.reader, password=server.reader_password),
        mara_clears=mara_clears,
        tries=1,
        keeps_version=False,
        failed=failing.take,
        untouched=cache(failing.take),
        lasting=lasting.take,
        at_work=at_work,
        made=made,
        finish=finish,
        has_clock=False,
    )
    return case


def _trigger(case: ChangeCase, dag_id: str, conf: dict[str, object], run_id: str | None = None) -> str:
    path = f"/api/v2/dags/{dag_id}/dagRuns"
    body: dict[str, object] = {"logical_date": None, "conf": conf}
    body |= {} if run_id is None else {"dag_run_id": run_id}
    made: list[str] = []

    def triggered() -> bool:
        status, answer = case.ask("POST", path, body)
        made.extend([f"{dag_id}/{answer['dag_run_id']}"] if status == 200 else [])
        return bool(made)

    wait_until(triggered, _SECONDS, f"{dag_id} is not parsed")
    return made[0]
