"""DAGs as Airflow describes them, and the assets they write and read: a request a hundred of either."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

import msgspec

from fedesk.clients.airflow_board import PAGE
from fedesk.clients.airflow_json import DagJson, DagPage, decode
from fedesk.clients.airflow_session import AirflowSession
from fedesk.clients.http import Query
from fedesk.domain.names import ConnectionName
from fedesk.domain.surveys import SeenAsset, SeenDag, Survey
from fedesk.ports.errors import ForbiddenError, NotFoundError

_PAGES = 200
"""Pages of one list that are read."""
_UNSCHEDULED = frozenset({"", "None"})
"""Airflow's summaries of a timetable that makes no run by itself."""


class _ReferenceJson(msgspec.Struct):
    """DagScheduleAssetReference, TaskInletAssetReference, TaskOutletAssetReference."""

    dag_id: str


class _AssetJson(msgspec.Struct):
    """AssetResponse."""

    name: str
    uri: str
    scheduled_dags: list[_ReferenceJson] = []
    producing_tasks: list[_ReferenceJson] = []
    consuming_tasks: list[_ReferenceJson] = []


class _AssetPage(msgspec.Struct):
    """AssetCollectionResponse."""

    assets: list[_AssetJson]
    total_entries: int


def survey(session: AirflowSession, tags: tuple[str, ...]) -> Survey:
    """As ``ports.surveying.SurveySource``. Assets are told as far as DAGs in scope write or read them."""
    name = session.endpoint.name
    limits: list[str] = []
    only = [*(("tags", tag) for tag in tags), *((("tags_match_mode", "any"),) if tags else ())]
    dags = [
        _dag(one, name)
        for page in _pages(
            session, "/dags", [("order_by", "dag_id"), *only], DagPage, lambda page: len(page.dags), limits
        )
        for one in page.dags
    ]
    known = {dag.name for dag in dags}
    assets: list[SeenAsset] = []
    try:
        for page in _pages(
            session, "/assets", [("order_by", "id")], _AssetPage, lambda page: len(page.assets), limits
        ):
            assets += _assets(page.assets, known, name)
    except (ForbiddenError, NotFoundError) as error:
        limits.append(f"{name}'s assets could not be read: {error}")
    return Survey(dags=tuple(dags), assets=tuple(assets), limits=tuple(limits))


class _Page(Protocol):
    """A piece of a list."""

    @property
    def total_entries(self) -> int:
        """How long the whole is."""


_PageT = TypeVar("_PageT", bound=_Page)


def _pages(
    session: AirflowSession,
    path: str,
    query: Query,
    kind: type[_PageT],
    rows_of: Callable[[_PageT], int],
    limits: list[str],
) -> Iterator[_PageT]:
    read = 0
    for _ in range(_PAGES):
        answer = session.get(path, [*query, ("limit", PAGE), ("offset", read)])
        page = decode(answer.body, kind, session.endpoint.name)
        rows = rows_of(page)
        read += rows
        yield page
        if not rows or read >= page.total_entries:
            return
    limits.append(f"Of {session.endpoint.name}{path} the first {read} were read, and there are more.")


def _dag(dag: DagJson, connection: ConnectionName) -> SeenDag:
    summary = dag.timetable_summary or ""
    return SeenDag(
        connection=connection,
        name=dag.dag_id,
        owners=tuple(dag.owners),
        tags=tuple(tag.name for tag in dag.tags),
        schedule="" if summary in _UNSCHEDULED else summary,
        periodic=dag.timetable_periodic,
        partitioned=dag.timetable_partitioned,
        enabled=not dag.is_paused,
    )


def _assets(assets: Iterable[_AssetJson], known: set[str], connection: ConnectionName) -> Iterator[SeenAsset]:
    for asset in assets:
        written = _dags(asset.producing_tasks, known)
        read = _dags([*asset.scheduled_dags, *asset.consuming_tasks], known)
        if written or read:
            yield SeenAsset(
                connection=connection, name=asset.name, uri=asset.uri, written_by=written, read_by=read
            )


def _dags(references: Iterable[_ReferenceJson], known: set[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.dag_id for one in references if one.dag_id in known))
