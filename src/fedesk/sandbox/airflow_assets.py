"""Airflow's assets: what the DAGs of one environment declare as outlets and inlets of their tasks."""

from collections.abc import Callable, Iterable, Sequence

from starlette.requests import Request
from starlette.responses import Response

from fedesk.sandbox.airflow_documents import Document, text
from fedesk.sandbox.airflow_query import Keys, Paging, collection
from fedesk.sandbox.model import Dag
from fedesk.sandbox.snowflake_tables import DATABASES

_ADDRESS = "snowflake://finedge"
_WRITERS = ("publish", "load", "reconcile")
"""The tasks that write what a DAG is for, one of them in each."""


def answer(dags: Iterable[Dag], request: Request) -> Response:
    """``assets``, by name, address or id."""
    rows = documents(dags)
    names = ("id", "name", "uri", "created_at", "updated_at")
    keys: Keys[Document] = {name: _key(name) for name in names}
    page = Paging.of_query(request.query_params).page(rows, keys, "id")
    return collection("assets", page.rows, page)


def documents(dags: Iterable[Dag]) -> list[Document]:
    """AssetResponse of every table that some DAG writes or reads."""
    dags = list(dags)
    tables = sorted({dag.writes for dag in dags if dag.writes} | {one for dag in dags for one in dag.reads})
    return [_document(number, table, dags) for number, table in enumerate(tables, 1)]


def _key(name: str) -> Callable[[Document], str | float]:
    def key(row: Document) -> str | float:
        value = row[name]
        return float(value) if isinstance(value, int) else str(value)

    return key


def _document(number: int, table: str, dags: Sequence[Dag]) -> Document:
    written = [_reference(dag, _writer(dag)) for dag in dags if dag.writes == table]
    read = [_reference(dag, dag.tasks[0].task_id) for dag in dags if table in dag.reads]
    parsed = (written or read)[0]["updated_at"]
    return {
        "id": number,
        "name": table,
        "uri": f"{_ADDRESS}/{DATABASES[dags[0].environment]}/{table.replace('.', '/')}",
        "group": "asset",
        "extra": {},
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": parsed,
        "scheduled_dags": [],
        "producing_tasks": written,
        "consuming_tasks": read,
        "aliases": [],
        "watchers": [],
        "last_asset_event": {"id": None, "timestamp": None},
    }


def _writer(dag: Dag) -> str:
    return next(task.task_id for task in dag.tasks if task.task_id.startswith(_WRITERS))


def _reference(dag: Dag, task_id: str) -> Document:
    return {
        "dag_id": dag.dag_id,
        "task_id": task_id,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": text(dag.last_parsed_time),
    }
