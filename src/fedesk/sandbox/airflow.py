"""An emulator of Airflow 3.3's REST API v2: one deployment for each environment, under a path of its own.

``/prod/api/v2/dags``, ``/prod/auth/token``. It answers as the real server does [seen on 3.3.2], in what
fedesk reads; ``tests/contract/test_airflow.py`` holds both against each other. A writer may clear task
instances (``airflow_clear``) and make runs (``airflow_trigger``); for any other change a writer finds no
method, and a reader is forbidden all.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from fedesk.sandbox import airflow_assets, airflow_clear, airflow_events, airflow_logs, airflow_trigger
from fedesk.sandbox import airflow_documents as documents
from fedesk.sandbox.airflow_documents import answer_json
from fedesk.sandbox.airflow_login import DAY, Login, RefusedError
from fedesk.sandbox.airflow_query import (
    ALL,
    Bounds,
    Keys,
    Paging,
    collection,
    filters,
    only_tilde,
    states,
    texts,
)
from fedesk.sandbox.airflow_runs import BATCH_FILTERS, Runs, dag_of, environment_of
from fedesk.sandbox.deployments import ServedDag, Serving
from fedesk.sandbox.model import (
    ENVIRONMENTS,
    Dag,
    ImportFailure,
    TaskInstance,
    TaskState,
)
from fedesk.sandbox.world import AIRFLOW_VERSION, World

_TASK_FIELDS = ("run_after", "logical_date", "start_date", "end_date", "updated_at")
_TASK_BODY = (BATCH_FILTERS - {"states", "conf_contains"}) | {
    "dag_run_ids",
    "task_ids",
    "state",
    "pool",
    "queue",
    "executor",
}
_TASK_STATES = (*(state.value for state in TaskState), "awaiting_input")


def application(world: World, *, token_seconds: float = DAY) -> Starlette:
    """The ASGI application; tokens live for ``token_seconds`` of real time."""
    return Airflow(world, Login.of(world.identities("airflow"), token_seconds)).application()


class Airflow:
    """The routes over one world."""

    def __init__(self, world: World, login: Login) -> None:
        self._world = world
        self.login = login

    def application(self) -> Starlette:
        """All routes, known paths before the catch-alls."""
        api, listed = "/{environment}/api/v2", Runs(self._world)
        runs = f"{api}/dags/{{dag_id}}/dagRuns"
        tasks = f"{runs}/{{run_id}}/taskInstances"
        reads: dict[str, Callable[[Request], Response]] = {
            f"{api}/dags": self.dags,
            f"{api}/dags/{{dag_id}}": self.dag,
            f"{api}/dags/{{dag_id}}/tasks": self.tasks,
            runs: listed.listed,
            f"{runs}/{{run_id}}": listed.one,
            tasks: self.task_instances,
            f"{tasks}/{{task_id}}": self.task_instance,
            f"{tasks}/{{task_id}}/tries": self.tries,
            f"{tasks}/{{task_id}}/logs/{{try_number}}": self.log,
            f"{tasks}/{{task_id}}/{{map_index:int}}": self.task_instance,
            f"{tasks}/{{task_id}}/{{map_index:int}}/tries": self.tries,
            f"{api}/importErrors": self.import_errors,
            f"{api}/assets": self.assets,
            f"{api}/dags/{{dag_id}}/dagVersions": self.dag_versions,
            f"{api}/eventLogs": self.event_logs,
        }
        routes = [
            Route("/{environment}/auth/token", self._log_in, methods=["GET", "POST"]),
            Route(f"{api}/monitor/health", self._open(self.health)),
            Route(f"{api}/version", self._open(self.version)),
            Route(f"{runs}/list", self._batch(listed.batch, BATCH_FILTERS), methods=["POST"]),
            Route(f"{tasks}/list", self._batch(self.list_task_instances, _TASK_BODY), methods=["POST"]),
            *(Route(path, self._guarded(read)) for path, read in reads.items()),
            Route(
                f"{api}/dags/{{dag_id}}/clearTaskInstances",
                self._change(airflow_clear.answer),
                methods=["POST"],
            ),
            Route(runs, self._change(airflow_trigger.answer), methods=["POST"]),
            *(
                Route(path, self._refuse_change, methods=["POST", "PATCH", "DELETE"])
                for path in (
                    f"{api}/dags/{{dag_id}}",
                    f"{runs}/{{run_id}}",
                    f"{runs}/{{run_id}}/clear",
                    f"{tasks}/{{task_id}}",
                    f"{api}/backfills",
                    f"{api}/backfills/dry_run",
                )
            ),
            *(
                Route(path, self._only_get, methods=["POST", "PUT", "PATCH", "DELETE"])
                for path in (*reads, f"{api}/monitor/health", f"{api}/version")
            ),
            Route(f"{api}/{{rest:path}}", self._no_route, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
            Route("/{environment}/{rest:path}", self._page),
        ]
        return Starlette(routes=routes, middleware=[Middleware(GZipMiddleware, minimum_size=1)])

    # --- who may, and what is said when not -------------------------------------------------------------

    def _dated(self, response: Response) -> Response:
        """With the world's own time: clients ask from ``Date`` on for what has moved since."""
        response.headers["date"] = format_datetime(self._world.now(), usegmt=True)
        return response

    def _open(self, read: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
        """A read that asks nobody who they are."""

        def answered(request: Request) -> Response:
            try:
                environment_of(request)
                return read(request)
            except RefusedError as refused:
                return refused.response

        async def endpoint(request: Request) -> Response:
            return self._dated(await run_in_threadpool(answered, request))

        return endpoint

    def _guarded(self, read: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
        """A read for whoever has a token."""

        def entered(request: Request) -> Response:
            self.login.enter(request, environment_of(request))
            return read(request)

        return self._open(entered)

    def _batch(
        self, read: Callable[[Request, Mapping[str, object]], Response], known: set[str]
    ) -> Callable[[Request], Awaitable[Response]]:
        """A read whose filters stand in a body."""

        async def endpoint(request: Request) -> Response:
            raw = await request.body()

            def answered(request: Request) -> Response:
                return read(request, filters(raw, known))

            return await self._guarded(answered)(request)

        return endpoint

    async def _log_in(self, request: Request) -> Response:
        try:
            environment = environment_of(request)
        except RefusedError as refused:
            return refused.response
        return self._dated(await self.login.answer(request, environment))

    async def _refuse_change(self, request: Request) -> Response:
        try:
            identity = self.login.enter(request, environment_of(request))
        except RefusedError as refused:
            return self._dated(refused.response)
        status = HTTPStatus.METHOD_NOT_ALLOWED if identity.writer else HTTPStatus.FORBIDDEN
        return self._dated(answer_json({"detail": status.phrase}, status=status))

    def _change(self, change: Callable[..., Response]) -> Callable[[Request], Awaitable[Response]]:
        """A change that this Airflow carries out."""

        async def endpoint(request: Request) -> Response:
            raw = await request.body()

            def carried_out(request: Request) -> Response:
                environment = environment_of(request)
                identity = self.login.enter(request, environment)
                return change(self._world, environment, request, raw, identity.user, writer=identity.writer)

            return await self._open(carried_out)(request)

        return endpoint

    async def _only_get(self, _: Request) -> Response:
        refused = answer_json({"detail": "Method Not Allowed"}, status=405)
        refused.headers["allow"] = "GET"
        return self._dated(refused)

    async def _no_route(self, _: Request) -> Response:
        return self._dated(answer_json({"error": "API route not found"}, status=404))

    async def _page(self, request: Request) -> Response:
        """Everything else is the web interface, which is one page for every address."""
        if request.path_params["environment"] not in ENVIRONMENTS:
            return HTMLResponse("<!doctype html><title>Not Found</title>", status_code=404)
        return HTMLResponse('<!doctype html>\n<html lang="en"><head><title>Airflow</title></head></html>')

    # --- reads ------------------------------------------------------------------------------------------

    def health(self, request: Request) -> Response:
        """``monitor/health``."""
        return answer_json(documents.health(self._world.health(environment_of(request))))

    def version(self, _: Request) -> Response:
        """``version``."""
        return answer_json({"version": AIRFLOW_VERSION, "git_version": None})

    def dags(self, request: Request) -> Response:
        """DAGs by tags, owners and pause."""
        query, now = request.query_params, self._world.now()
        wanted = set(query.getlist("tags"))
        every = query.get("tags_match_mode") == "all"
        paused = query.get("paused")
        found = [
            dag
            for dag in self._world.dags(environment_of(request))
            if not wanted or (wanted <= set(dag.tags) if every else wanted & set(dag.tags))
            if paused is None or dag.paused is (paused.lower() == "true")
        ]
        keys: Keys[Dag] = {"dag_id": lambda dag: dag.dag_id, "dag_display_name": lambda dag: dag.dag_id}
        page = Paging.of_query(query).page(found, keys, "dag_id")
        return collection("dags", [self._dag(dag, now) for dag in page.rows], page)

    def dag(self, request: Request) -> Response:
        """One DAG."""
        return answer_json(self._dag(dag_of(self._world, request), self._world.now()))

    def _dag(self, dag: Dag, now: datetime) -> documents.Document:
        return documents.dag(self._world.served(dag.environment, dag.dag_id), now)

    def tasks(self, request: Request) -> Response:
        """The tasks of a DAG with what comes after each."""
        dag = dag_of(self._world, request)
        found = sorted(dag.tasks, key=lambda task: task.task_id)
        return answer_json(
            {"tasks": [documents.task(task, dag) for task in found], "total_entries": len(found)}
        )

    def dag_versions(self, request: Request) -> Response:
        """The versions of a DAG, or of all (``~``)."""
        every = request.path_params["dag_id"] == ALL
        dags = self._world.dags(environment_of(request)) if every else (dag_of(self._world, request),)
        found = [
            (dag, served.version(number))
            for dag in dags
            for served in (self._world.served(dag.environment, dag.dag_id),)
            for number in range(1, served.newest_version + 1)
        ]
        # Real ids are UUIDs of version 7: they grow with time.
        keys: Keys[tuple[Dag, Serving]] = {
            "id": lambda row: row[1].number_since.timestamp(),
            "version_number": lambda row: float(row[1].number),
        }
        page = Paging.of_query(request.query_params).page(found, keys, "id")
        rows = [documents.dag_version(*row) for row in page.rows]
        return collection("dag_versions", rows, page)

    def event_logs(self, request: Request) -> Response:
        """Who asked for which change."""
        return airflow_events.answer(self._world.airflow.events(environment_of(request)), request)

    def assets(self, request: Request) -> Response:
        """What DAGs write and read."""
        return airflow_assets.answer(self._world.dags(environment_of(request)), request)

    def task_instances(self, request: Request) -> Response:
        """Task instances of one run, or of many (``~``)."""
        query = request.query_params
        if "cursor" in query:
            raise RefusedError(HTTPStatus.NOT_IMPLEMENTED, "the sandbox pages by offset only")
        dag_id, run_id = (str(request.path_params[name]) for name in ("dag_id", "run_id"))
        wanted = states(query.getlist("state"), _TASK_STATES, none="no_status")
        bounds = {field: Bounds.of(query, field, "query") for field in _TASK_FIELDS}
        try:
            found = self._world.task_instances(
                environment_of(request),
                None if dag_id == ALL else dag_id,
                None if run_id == ALL else run_id,
                updated_since=bounds["updated_at"].gte,
            )
        except KeyError:
            raise RefusedError(
                404, f"DagRun with dag_id: `{dag_id}` and run_id: `{run_id}` was not found"
            ) from None
        named = query.get("task_id")
        rows = [each for each in found if named is None or each.spec.task_id == named]
        return self._instances(rows, wanted, bounds, Paging.of_query(query))

    def list_task_instances(self, request: Request, body: Mapping[str, object]) -> Response:
        """The batch read of task instances."""
        for name in ("dag_id", "run_id"):
            if request.path_params[name] != ALL:
                raise RefusedError(422, only_tilde(name, request.path_params[name]))
        world, environment, now = self._world, environment_of(request), self._world.now()
        dag_ids, run_ids, task_ids = (texts(body, name) for name in ("dag_ids", "dag_run_ids", "task_ids"))
        wanted = states(list(texts(body, "state") or ()), _TASK_STATES)
        bounds = {field: Bounds.of(body, field, "body") for field in _TASK_FIELDS[:-1]}
        found = [
            instance
            for dag in world.dags(environment)
            if dag_ids is None or dag.dag_id in dag_ids
            for plan in world.dag_run_plans(environment, dag.dag_id)
            if run_ids is None or plan.run_id in run_ids
            for instance in world.as_task_instances(plan, now)
            if task_ids is None or instance.spec.task_id in task_ids
        ]
        return self._instances(found, wanted, bounds, Paging.of_body(body))

    def _instances(
        self,
        found: Iterable[TaskInstance],
        wanted: frozenset[object],
        bounds: Mapping[str, Bounds],
        paging: Paging,
    ) -> Response:
        moments: dict[str, Callable[[TaskInstance], Any]] = {
            "run_after": lambda each: each.run.run_after,
            "logical_date": lambda each: each.run.logical_date,
            "start_date": lambda each: each.start_date,
            "end_date": lambda each: each.end_date,
            "updated_at": lambda each: each.updated_at,
        }
        rows = [
            each
            for each in found
            if (not wanted or each.state in wanted)
            and all(bound.hold(moments[field](each)) for field, bound in bounds.items())
        ]
        keys: Keys[TaskInstance] = {
            "id": lambda each: f"{each.run.dag_id}\0{each.run.run_id}\0{each.spec.task_id}",
            "map_index": lambda each: float(each.plan.map_index),
            "state": lambda each: None if each.state is None else each.state.value,
            "try_number": lambda each: float(each.try_number),
            **{field: moments[field] for field in _TASK_FIELDS[:-1]},
        }
        page = paging.page(rows, keys, "map_index")
        return collection(
            "task_instances",
            [documents.task_instance(each, self._served(each)) for each in page.rows],
            page,
            {"total_entries_limit": None, "next_cursor": None, "previous_cursor": None},
        )

    def task_instance(self, request: Request) -> Response:
        """One task instance."""
        instance = self._instance(request)
        return answer_json(documents.task_instance(instance, self._served(instance)))

    def _served(self, instance: TaskInstance) -> ServedDag:
        return self._world.served(instance.run.environment, instance.run.dag_id)

    def tries(self, request: Request) -> Response:
        """The tries of one task instance, the newest included."""
        instance = self._instance(request)
        found = documents.tries(instance, self._served(instance), self._world.now())
        return answer_json({"task_instances": found, "total_entries": len(found)})

    def log(self, request: Request) -> Response:
        """The log of one try."""
        index = int(request.query_params.get("map_index", "-1"))
        try:
            instance = self._instance(request, index)
        except RefusedError as refused:
            raise RefusedError(refused.status, "TaskInstance not found") from None
        return airflow_logs.answer(self._world, self.login, request, instance)

    def _instance(self, request: Request, map_index: int | None = None) -> TaskInstance:
        dag_id, run_id, task_id = (str(request.path_params[name]) for name in ("dag_id", "run_id", "task_id"))
        index = map_index if map_index is not None else int(request.path_params.get("map_index", -1))
        address = f"dag_id: `{dag_id}`, run_id: `{run_id}`"
        try:
            found = [
                each
                for each in self._world.task_instances(environment_of(request), dag_id, run_id)
                if each.spec.task_id == task_id
            ]
        except KeyError:
            found = []
        for instance in found:
            if instance.plan.map_index == index:
                return instance
        if "map_index" in request.path_params:
            raise RefusedError(
                404,
                f"The Mapped Task Instance with {address}, task_id: `{task_id}`, "
                f"and map_index: `{index}` was not found",
            )
        if found:
            raise RefusedError(404, "Task instance is mapped, add the map_index value to the URL")
        raise RefusedError(404, f"The Task Instance with {address} and task_id: `{task_id}` was not found")

    def import_errors(self, request: Request) -> Response:
        """DAG files that do not import."""
        query = request.query_params
        keys: Keys[ImportFailure] = {
            "id": lambda error: float(error.import_error_id),
            "import_error_id": lambda error: float(error.import_error_id),
            "timestamp": lambda error: error.timestamp,
            "filename": lambda error: error.filename,
            "bundle_name": lambda error: error.bundle_name,
        }
        found = self._world.import_errors(environment_of(request))
        page = Paging.of_query(query).page(found, keys, "id")
        return collection("import_errors", [documents.import_error(error) for error in page.rows], page)
