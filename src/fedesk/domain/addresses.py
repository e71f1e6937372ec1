"""Web addresses of the systems read as names of runs: what one copies from a browser is accepted.

Jenkins: ``BASE/job/FOLDER/job/JOB/NUMBER/…`` (also through Blue Ocean and views). Airflow 3:
``BASE/dags/DAG/runs/RUN_ID/tasks/TASK[/mapped/INDEX]?try_number=N``; Airflow 2:
``BASE/dags/DAG/grid?dag_run_id=…``.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from fedesk.domain.names import ConnectionName, RunName, TaskName
from fedesk.domain.states import System

_JENKINS = re.compile(r"(?:/view/[^/]+)*(?P<job>(?:/job/[^/]+)+)/(?P<number>[0-9]+)(?:/.*)?")
_AIRFLOW = re.compile(
    r"/dags/(?P<dag>[^/]+)/runs/(?P<run>[^/]+)"
    r"(?:/tasks/(?:group/)?(?P<task>[^/]+)(?:/mapped/(?P<index>[0-9]+))?)?(?:/.*)?"
)
_PORTS = {"http": 80, "https": 443}
_AIRFLOW_2 = re.compile(r"/dags/(?P<dag>[^/]+)/(?:grid|graph|calendar)/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a connection's pages are, and which of them are its own."""

    connection: ConnectionName
    system: System
    address: str
    folders: tuple[str, ...] = ()
    """Folders of a Jenkins that belong to the connection; everything when empty."""


def is_address(text: str) -> bool:
    """Whether a text is an address rather than a name."""
    return text.startswith(("http://", "https://"))


def run_at(address: str, places: Iterable[Place]) -> tuple[RunName, TaskName | None] | None:
    """The run, and the task where one is named, that an address shows; None if it is no connection's."""
    for place in places:
        rest = _below(address, place.address)
        if rest is None:
            continue
        found = _in_jenkins(rest, place) if place.system is System.JENKINS else None
        found = _in_airflow(rest, place) if place.system is System.AIRFLOW else found
        if found is not None:
            return found
    return None


def _below(address: str, base: str) -> str | None:
    """What follows the base address, with the query; None where it is another server."""
    try:
        there, here = urlsplit(address), urlsplit(base)
        same = (there.hostname, _port(there)) == (here.hostname, _port(here))
    except ValueError:
        return None
    prefix = here.path.rstrip("/")
    if not same or not there.path.startswith(f"{prefix}/"):
        return None
    return f"{there.path[len(prefix) :]}?{there.query}"


def _port(address: SplitResult) -> int | None:
    return address.port or _PORTS.get(address.scheme)


def _in_jenkins(rest: str, place: Place) -> tuple[RunName, TaskName | None] | None:
    match = _JENKINS.fullmatch(rest.partition("?")[0])
    if match is None:
        return None
    job = "/".join(unquote(part) for part in match["job"].split("/job/")[1:])
    if place.folders and not any(job.startswith(f"{folder.strip('/')}/") for folder in place.folders):
        return None
    return RunName(place.connection, f"{job}#{match['number']}"), None


def _in_airflow(rest: str, place: Place) -> tuple[RunName, TaskName | None] | None:
    path, _, query = rest.partition("?")
    asked = {key: values[0] for key, values in parse_qs(query).items()}
    match = _AIRFLOW.fullmatch(path)
    if match is not None:
        dag, run, task, index = unquote(match["dag"]), unquote(match["run"]), match["task"], match["index"]
    else:
        old = _AIRFLOW_2.fullmatch(path)
        if old is None or "dag_run_id" not in asked:
            return None
        dag, run, task, index = unquote(old["dag"]), asked["dag_run_id"], asked.get("task_id"), None
    name = RunName(place.connection, f"{dag}/{run}")
    if not task:
        return name, None
    tried = asked.get("try_number", "")
    return name, TaskName(
        unquote(task), None if index is None else int(index), int(tried) if tried.isdecimal() else None
    )
