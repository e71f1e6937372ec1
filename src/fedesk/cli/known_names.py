"""Names that a Tab offers: from the configuration, the last known state, and the person's own store.

Read with the standard library, and from files alone: no system is asked, and no store is made.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedesk.glance import Glance, last_known

_MANY_RUNS = 40
"""Beyond so many names of runs their jobs are offered first."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One word that may stand where the cursor is."""

    text: str
    told: str = ""


def _environments(look: Glance, _environment: str, _last: str) -> Iterable[Candidate]:
    for name in look.tables:
        facts = look.facts(name)
        yield Candidate(name, "" if facts is None else facts.mode)


def _connections(look: Glance, _environment: str, _last: str) -> Iterable[Candidate]:
    return (Candidate(name) for name in look.connections)


def _known(look: Glance, environment: str) -> Mapping[str, Any]:
    try:
        found = json.loads(last_known(look.path, environment).status.read_bytes())
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def _jobs(look: Glance, environment: str, _last: str) -> Iterable[Candidate]:
    known = _known(look, environment)
    states = {one["name"]: one["state"] for one in known.get("pipelines", ())}
    return (Candidate(name, states.get(name, "")) for name in known.get("jobs", ()))


def _services(look: Glance, environment: str, _last: str) -> Iterable[Candidate]:
    return map(Candidate, _known(look, environment).get("services", ()))


def _runs(look: Glance, environment: str, last: str) -> Iterable[Candidate]:
    """Jobs, and connections to go on with; behind a connection its jobs, behind those their runs."""
    prefix, colon, _ = last.partition(":")
    named = prefix.partition("/")[0]
    known = _known(look, named if colon and named in look.tables else environment)
    runs = [run for run in known.get("runs", ()) if run.startswith(last)]
    if not colon:
        yield from _jobs(look, environment, last)
        yield from (Candidate(text) for text in dict.fromkeys(f"{run.partition(':')[0]}:" for run in runs))
    elif len(runs) <= _MANY_RUNS:
        yield from map(Candidate, runs)
    else:
        stems = dict.fromkeys(_job_of(run) for run in runs)
        yield from map(Candidate, stems if len(stems) > 1 else runs)


def _job_of(run: str) -> str:
    """The run's name up to where its own begins: ``…#`` in Jenkins, ``…/`` in Airflow."""
    connection, colon, rest = run.partition(":")
    job, mark, _ = rest.rpartition("#") if "#" in rest else rest.partition("/")
    return f"{connection}{colon}{job}{mark}"


def _operations(look: Glance, _environment: str, _last: str) -> Iterable[Candidate]:
    return _stored(
        look, "SELECT operation, coalesce(outcome, stage) FROM operations ORDER BY 1 DESC LIMIT 50"
    )


def _incidents(look: Glance, _environment: str, _last: str) -> Iterable[Candidate]:
    return _stored(look, "SELECT incident, title FROM incidents ORDER BY opened_at DESC LIMIT 50")


def _windows(look: Glance, _environment: str, _last: str) -> Iterable[Candidate]:
    return _stored(
        look,
        "SELECT \"window\", kind || ' ' || reason FROM windows WHERE closed_at IS NULL"
        " ORDER BY opened_record DESC LIMIT 50",
    )


def _stored(look: Glance, query: str) -> Iterable[Candidate]:
    """Rows of the person's own store, which is not made by asking it; a team's server is not asked."""
    import sqlite3

    import platformdirs

    from fedesk.ports.operation_store import StoreError
    from fedesk.store.place import store_path

    with suppress(StoreError, sqlite3.Error):
        path = store_path(look.store, Path(platformdirs.user_state_dir("fedesk")))
        address = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=0.05)) as store:
            return [Candidate(str(name), _told(told)) for name, told in store.execute(query)]
    return ()


def _told(text: str) -> str:
    return text if text.isprintable() else ""


SOURCES: Mapping[str, Callable[[Glance, str, str], Iterable[Candidate]]] = {
    "ENV": _environments,
    "NAME": _environments,
    "CONNECTION": _connections,
    "PIPELINE": _jobs,
    "SERVICE": _services,
    "RUN": _runs,
    "OPERATION": _operations,
    "PLAN": _operations,
    "INCIDENT": _incidents,
    "WINDOW": _windows,
}
"""Where names come from, by the word that stands for them."""
