"""Runs as the sandbox's Airflow lists them: one, by the filters of a query, by those of a batch read."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from fedesk.sandbox import airflow_documents as documents
from fedesk.sandbox.airflow_documents import answer_json
from fedesk.sandbox.airflow_login import RefusedError
from fedesk.sandbox.airflow_query import (
    ALL,
    Bounds,
    Keys,
    Paging,
    collection,
    only_tilde,
    states,
    texts,
)
from fedesk.sandbox.model import ENVIRONMENTS, Dag, DagRunPlan, RunState
from fedesk.sandbox.world import World

_FIELDS = ("run_after", "logical_date", "start_date", "end_date", "updated_at")
BATCH_FILTERS = {"order_by", "page_offset", "page_limit", "dag_ids", "states", "conf_contains"} | {
    f"{field}_{end}"
    for field in ("run_after", "logical_date", "start_date", "end_date", "duration")
    for end in ("gte", "gt", "lte", "lt")
}
"""What the body of a batch read may hold."""


def environment_of(request: Request) -> str:
    """The deployment that a request is for; raises RefusedError."""
    environment = str(request.path_params["environment"])
    if environment not in ENVIRONMENTS:
        raise RefusedError(404, "Not Found")
    return environment


def dag_of(world: World, request: Request) -> Dag:
    """The DAG that a request's path names; raises RefusedError."""
    dag_id = str(request.path_params["dag_id"])
    try:
        return world.dag(environment_of(request), dag_id)
    except KeyError:
        raise RefusedError(404, f"The Dag with ID: `{dag_id}` was not found") from None


class Runs:
    """The runs of one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def listed(self, request: Request) -> Response:
        """Runs of one DAG or of all (``~``)."""
        query = request.query_params
        if "cursor" in query:
            raise RefusedError(HTTPStatus.NOT_IMPLEMENTED, "the sandbox pages by offset only")
        dag_id = str(request.path_params["dag_id"])
        dag_ids = None if dag_id == ALL else frozenset[object]({dag_of(self._world, request).dag_id})
        kinds = set(query.getlist("run_type"))
        wanted = states(query.getlist("state"), RunState)
        return self._runs(request, query, "query", dag_ids, wanted, Paging.of_query(query), kinds)

    def batch(self, request: Request, body: Mapping[str, object]) -> Response:
        """The batch read of runs."""
        if request.path_params["dag_id"] != ALL:
            raise RefusedError(422, only_tilde("dag_id", request.path_params["dag_id"]))
        wanted = states(sorted(map(str, texts(body, "states") or ())), RunState)
        return self._runs(request, body, "body", texts(body, "dag_ids"), wanted, Paging.of_body(body), set())

    def _runs(
        self,
        request: Request,
        given: Mapping[str, object],
        place: str,
        dag_ids: frozenset[object] | None,
        wanted: frozenset[object],
        paging: Paging,
        kinds: set[str],
    ) -> Response:
        world, now, environment = self._world, self._world.now(), environment_of(request)
        bounds = {field: Bounds.of(given, field, place) for field in _FIELDS}
        since = bounds["updated_at"].gte or bounds["updated_at"].gt
        plans = [
            plan
            for dag in world.dags(environment)
            if dag_ids is None or dag.dag_id in dag_ids
            for plan in world.dag_run_plans(environment, dag.dag_id, updated_since=since)
            if bounds["run_after"].hold(plan.run_after)
            and bounds["logical_date"].hold(plan.logical_date)
            and (not wanted or plan.state(now) in wanted)
            and (not kinds or plan.run_type in kinds)
            and _is_named(plan, given)
        ]
        if any(bounds[field] != Bounds() for field in ("start_date", "end_date", "updated_at")):
            standing = [world.as_dag_run(plan, now) for plan in plans]
            plans = [
                run.plan
                for run in standing
                if bounds["start_date"].hold(run.start_date)
                and bounds["end_date"].hold(run.end_date)
                and bounds["updated_at"].hold(run.updated_at)
            ]
        page = paging.page(plans, self._keys(), "id")
        rows = [
            documents.dag_run(world.as_dag_run(plan, now), world.served(environment, plan.dag_id))
            for plan in page.rows
        ]
        more = {"total_entries_limit": None, "next_cursor": None, "previous_cursor": None}
        return collection("dag_runs", rows, page, more)

    def _keys(self) -> Keys[DagRunPlan]:
        world, now = self._world, self._world.now()
        return {
            "id": lambda plan: plan.queued_at,
            "dag_id": lambda plan: plan.dag_id,
            "run_id": lambda plan: plan.run_id,
            "dag_run_id": lambda plan: plan.run_id,
            "state": lambda plan: plan.state(now).value,
            "run_after": lambda plan: plan.run_after,
            "logical_date": lambda plan: plan.logical_date,
            "start_date": lambda plan: world.as_dag_run(plan, now).start_date,
            "end_date": lambda plan: world.as_dag_run(plan, now).end_date,
            "updated_at": lambda plan: world.as_dag_run(plan, now).updated_at,
        }

    def one(self, request: Request) -> Response:
        """One run."""
        environment = environment_of(request)
        dag_id, run_id = (str(request.path_params[name]) for name in ("dag_id", "run_id"))
        try:
            run = self._world.dag_run(environment, dag_id, run_id)
        except KeyError:
            raise RefusedError(
                404, f"The DagRun with dag_id: `{dag_id}` and run_id: `{run_id}` was not found"
            ) from None
        return answer_json(documents.dag_run(run, self._world.served(environment, dag_id)))


def _is_named(plan: DagRunPlan, given: Mapping[str, object]) -> bool:
    """By text in the conf, and by what the run id begins with; signs at the end of that are not looked at."""
    text, prefix = given.get("conf_contains"), given.get("run_id_prefix_pattern")
    if text and str(text) not in json.dumps(documents.conf(plan)):
        return False
    while isinstance(prefix, str) and prefix and not prefix[-1].isalnum():
        prefix = prefix[:-1]
    return not prefix or plan.run_id.startswith(str(prefix))
