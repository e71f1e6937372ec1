"""What an Airflow serves: versions of DAGs, and why files of theirs do not import.

The commit of a DAG's bundle stands in its own record, and moves at every parse. A version of a DAG is made
only where the DAG itself has changed and a run stood on the last one: its commit may be older, so the number
and its age alone are taken from there [read in 3.3.2's source].
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from fedesk.clients.airflow_board import PAGE
from fedesk.clients.airflow_json import (
    DagJson,
    DagPage,
    DagVersionJson,
    DagVersionPage,
    ImportErrorJson,
    ImportErrorPage,
    decode,
    import_problem,
)
from fedesk.clients.airflow_session import AirflowSession, quoted_path
from fedesk.clients.wording import clean
from fedesk.ports.errors import NotFoundError
from fedesk.ports.releasing import DagServed

_ASKED_ALONE = 2
"""DAGs of which each is asked for its version; of more the newest versions of all DAGs are listed."""
_PATTERN = 1500
"""Characters of a pattern that an address takes; of more DAGs all are listed."""
_PAGES = 10
_VERSION_PAGES = 2
_ERROR_PAGES = 5


def served(session: AirflowSession, dag_ids: Sequence[str]) -> Mapping[str, DagServed]:
    """As ``ports.releasing.DagSource``: two requests for one DAG, and as a rule for a hundred."""
    wanted = tuple(dict.fromkeys(dag_ids))
    alone = len(wanted) <= _ASKED_ALONE
    dags = {dag.dag_id: dag for dag in (_each(session, wanted) if alone else _listed(session, wanted))}
    versions = _newest(session, tuple(dags)) if alone else _newest_of_all(session, frozenset(dags))
    return {dag_id: _served(session, dag, versions.get(dag_id)) for dag_id, dag in dags.items()}


def import_errors(session: AirflowSession, dag_id: str) -> tuple[str, ...]:
    """As ``ports.releasing.DagSource``; raises NotFoundError for a DAG that is not there."""
    dag = decode(session.get(quoted_path("dags", dag_id)).body, DagJson, _name(session)) if dag_id else None
    return tuple(_told(error, session) for error in _errors(session) if dag is None or _is_of(error, dag))


def _each(session: AirflowSession, dag_ids: Sequence[str]) -> Iterator[DagJson]:
    for dag_id in dag_ids:
        try:
            dag = decode(session.get(quoted_path("dags", dag_id)).body, DagJson, _name(session))
        except NotFoundError:
            continue
        if not dag.is_stale:
            yield dag


def _listed(session: AirflowSession, dag_ids: Sequence[str]) -> Iterator[DagJson]:
    """Those of the DAGs that are there, by pages of all whose ids look like theirs."""
    missing, pattern, read = set(dag_ids), " | ".join(dag_ids), 0
    narrow = [("dag_id_pattern", pattern)] if len(pattern) <= _PATTERN else []
    for _ in range(_PAGES):
        answer = session.get("/dags", [*narrow, ("limit", PAGE), ("offset", read), ("order_by", "dag_id")])
        page = decode(answer.body, DagPage, _name(session))
        read += len(page.dags)
        yield from (dag for dag in page.dags if dag.dag_id in missing and not dag.is_stale)
        missing -= {dag.dag_id for dag in page.dags}
        if not missing or not page.dags or read >= page.total_entries:
            return


def _newest(session: AirflowSession, dag_ids: Sequence[str]) -> dict[str, DagVersionJson]:
    return {
        dag_id: version
        for dag_id in dag_ids
        for version in _versions(session, dag_id, [("limit", 1), ("order_by", "-version_number")])[:1]
    }


def _newest_of_all(session: AirflowSession, dag_ids: frozenset[str]) -> dict[str, DagVersionJson]:
    """The newest versions, ids of which grow with time; a DAG that has long not changed may not be there."""
    found: dict[str, DagVersionJson] = {}
    for page in range(_VERSION_PAGES):
        versions = _versions(session, "~", _page(page, "-id"))
        for version in versions:
            held = found.get(version.dag_id)
            if held is None or held.version_number < version.version_number:
                found[version.dag_id] = version
        if len(versions) < PAGE or dag_ids <= found.keys():
            break
    return found


def _versions(
    session: AirflowSession, dag_id: str, query: Sequence[tuple[str, str | int]]
) -> list[DagVersionJson]:
    try:
        answer = session.get(quoted_path("dags", dag_id, "dagVersions"), query)
    except NotFoundError:
        # It has no serialized version: its file has not been parsed yet, or was taken away.
        return []
    return decode(answer.body, DagVersionPage, _name(session)).dag_versions


def _page(number: int, order: str) -> tuple[tuple[str, str | int], ...]:
    return ("limit", PAGE), ("offset", number * PAGE), ("order_by", order)


def _served(session: AirflowSession, dag: DagJson, version: DagVersionJson | None) -> DagServed:
    return DagServed(
        dag_id=dag.dag_id,
        version="" if version is None else str(version.version_number),
        bundle=clean(dag.bundle_name or ""),
        bundle_version=clean(dag.bundle_version or ""),
        since=None if version is None else version.created_at,
        is_paused=dag.is_paused,
        observed_at=datetime.now(UTC),
        link=f"{session.endpoint.url}{quoted_path('dags', dag.dag_id)}",
    )


def _errors(session: AirflowSession) -> Iterator[ImportErrorJson]:
    for page in range(_ERROR_PAGES):
        answer = session.get("/importErrors", _page(page, "-timestamp"))
        found = decode(answer.body, ImportErrorPage, _name(session))
        yield from found.import_errors
        if len(found.import_errors) < PAGE:
            return


def _is_of(error: ImportErrorJson, dag: DagJson) -> bool:
    """Whether an error is of the file that a DAG came from, in the same bundle."""
    files = {dag.relative_fileloc, dag.fileloc} - {None}
    return error.filename in files and error.bundle_name in (dag.bundle_name, None)


def _told(error: ImportErrorJson, session: AirflowSession) -> str:
    problem = import_problem(error, session.endpoint.url)
    return f"{clean(problem.where)} does not import: {clean(problem.text)}"


def _name(session: AirflowSession) -> object:
    return session.endpoint.name
