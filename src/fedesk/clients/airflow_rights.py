"""What fedesk may do on an Airflow 3, by requests that change nothing.

Airflow looks whether one may before it looks whether there is anything: of a run and a task that do not
exist a 404 says that one may, and a 403 that one may not. The right to clear is tried by a dry run of a
run that does not exist.
"""

from collections.abc import Callable, Iterator
from functools import partial

import msgspec

from fedesk.clients.airflow_json import decode
from fedesk.clients.airflow_session import AirflowSession, quoted_path
from fedesk.clients.http import Answer
from fedesk.clients.measuring import timed
from fedesk.domain import rights
from fedesk.domain.examination import Examination
from fedesk.domain.rights import Grant, Need, Right
from fedesk.ports.errors import ForbiddenError, NotFoundError, ProtocolError

NOTHING = "fedesk-doctor"
"""A name that nothing has."""


class _Version(msgspec.Struct, frozen=True):
    version: str = ""


class _Dag(msgspec.Struct, frozen=True):
    dag_id: str


class _Dags(msgspec.Struct, frozen=True):
    dags: list[_Dag] = []


def examine(session: AirflowSession, tags: tuple[str, ...]) -> Examination:
    """Version, latency, clock and rights; raises SourceError where nothing can be asked."""
    measured = timed(lambda: session.get("/version"))
    answer = measured.answer
    return Examination(
        version=decode(answer.body, _Version, session.endpoint.name).version,
        latency=measured.took,
        ahead=measured.ahead(answer.at),
        rights=tuple(_rights(session, tags)),
    )


def _rights(session: AirflowSession, tags: tuple[str, ...]) -> Iterator[Right]:
    dags: list[str] = []

    def read_dags() -> Answer:
        found = session.get("/dags", [("limit", 1), *(("tags", tag) for tag in tags)])
        dags.extend(one.dag_id for one in decode(found.body, _Dags, session.endpoint.name).dags)
        return found

    yield _tried(rights.DAGS_READ, read_dags)
    dag = dags[0] if dags else NOTHING
    run = quoted_path("dags", dag, "dagRuns", NOTHING)
    task = f"{run}{quoted_path('taskInstances', NOTHING)}"
    for need, path in (
        (rights.DAG_RUNS_READ, run),
        (rights.TASKS_READ, task),
        (rights.TASK_LOGS_READ, f"{task}/logs/1"),
        (rights.DAG_VERSIONS_READ, quoted_path("dags", dag, "dagVersions")),
    ):
        yield _tried(need, partial(session.get, path))
    clear = quoted_path("dags", dag, "clearTaskInstances")
    for need, path in (
        (rights.IMPORT_ERRORS_READ, "/importErrors"),
        (rights.EVENT_LOGS_READ, "/eventLogs"),
        (rights.ASSETS_READ, "/assets"),
    ):
        yield _tried(need, partial(session.get, path, [("limit", 1)]), is_there=True)
    yield _tried(rights.TASKS_EDIT, lambda: session.dry_run(clear, {"dag_run_id": NOTHING}))


def _tried(need: Need, ask: Callable[[], Answer], *, is_there: bool = False) -> Right:
    """Whether one may. ``is_there``: what is asked for exists, so that a 404 tells nothing."""
    try:
        ask()
    except NotFoundError as error:
        return Right(
            need=need,
            grant=Grant.UNKNOWN if is_there else Grant.GRANTED,
            said=str(error) if is_there else "",
        )
    except ForbiddenError as error:
        return Right(need=need, grant=Grant.REFUSED, said=str(error))
    except ProtocolError as error:
        return Right(need=need, grant=Grant.UNKNOWN, said=str(error))
    return Right(need=need, grant=Grant.GRANTED)
