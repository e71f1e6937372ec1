"""Whether a release is well where it was deployed: each check judged, as a pure function of what was seen.

Inconclusive is never green. A check that waits is looked at again until its time is up; services do the
looking (``services.verification``).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from statistics import median

from fedesk.domain.catalogue import (
    AirflowCheck,
    AirflowLook,
    Band,
    DbtCheck,
    HttpCheck,
    SnowflakeCheck,
    Verification,
    in_environment,
)
from fedesk.domain.operations import Json
from fedesk.domain.releases import CheckState, Release
from fedesk.domain.runs import Run
from fedesk.domain.states import State
from fedesk.domain.text import one_line

_SHORTEST = 7
"""Digits that a shortened commit has at least."""
_LISTED = 3
_SAID = 160
_FEWEST = 3
"""Earlier partitions without which history tells nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a check has come to, in one sentence."""

    state: CheckState
    said: str
    late: CheckState = CheckState.INCONCLUSIVE
    """What a check that waits has come to when its time is up."""


def _ok(said: str) -> Judged:
    return Judged(state=CheckState.SUCCESSFUL, said=said)


def _bad(said: str) -> Judged:
    return Judged(state=CheckState.FAILED, said=said)


def waiting(said: str) -> Judged:
    """Not yet: it is looked at again, and when its time is up it cannot be told."""
    return Judged(state=CheckState.WAITING, said=said)


def _not_yet(said: str) -> Judged:
    """What is there is not good, and may become so: when its time is up it has failed."""
    return Judged(state=CheckState.WAITING, said=said, late=CheckState.FAILED)


def inconclusive(said: str) -> Judged:
    """It cannot be told, however long one waits."""
    return Judged(state=CheckState.INCONCLUSIVE, said=said)


def import_errors(dag: str, errors: Sequence[str]) -> Judged:
    """No file, or not that of the DAG, fails to import.

    Airflow may not have parsed the new file yet, so that errors of the old one go away by themselves.
    """
    what = dag or "any file"
    if not errors:
        return _ok(f"Airflow has no import error of {what}.")
    return _not_yet(f"Airflow cannot import {what}: {_some(errors)}")


def dag_version(dag: str, wanted: str, version: str, bundle_version: str) -> Judged:
    """Airflow serves the version that is wanted: its own number, or the commit of its bundle."""
    if not version and not bundle_version:
        return waiting(f"Airflow serves no version of {dag} that it could name.")
    served = ", ".join(part for part in (f"version {version}" if version else "", bundle_version) if part)
    if wanted == version or is_commit(wanted, bundle_version):
        return _ok(f"Airflow serves {dag} as {served}.")
    return _not_yet(f"Airflow serves {dag} as {served}, not as {wanted}.")


def is_commit(wanted: str, seen: str) -> bool:
    """Whether two commits are one, of which either may be shortened."""
    shorter = min(len(wanted), len(seen))
    return shorter >= _SHORTEST and wanted[:shorter].lower() == seen[:shorter].lower()


def smoke_run(run: Run) -> Judged:
    """The run that was triggered for it has succeeded."""
    said = f"{run.name.id} is {run.original_state or run.state}"
    if run.state is State.SUCCEEDED:
        return _ok(f"{said}.")
    if not run.state.is_final:
        return waiting(f"{said}.")
    why = f": {one_line(run.reason, _SAID)}" if run.reason else ""
    return _bad(f"{said}{why}.")


def http(url: str, expect: int, status: int) -> Judged:
    """The address answers with the status; what starts may answer with another one for a while."""
    said = f"{url} answers {status}"
    return _ok(f"{said}.") if status == expect else _not_yet(f"{said}, not {expect}.")


def value(expect: str, seen: str | None) -> Judged:
    """A query's first value is the one that is expected; numbers are compared as numbers."""
    said = f"The query gives {_shown(seen)}"
    same = seen is not None and (
        seen == expect or (_number(seen) is not None and _number(seen) == _number(expect))
    )
    return _ok(f"{said}.") if same else _bad(f"{said}, not {_shown(expect)}.")


def band(expect: Band, seen: str | None, history: Sequence[str | None], of: str) -> Judged:
    """A query's number is near the median of what the same query gives of earlier partitions.

    ``of`` says which: ``the 7 days before 2026-11-20``. With fewer than three numbers nothing can be told.
    """
    number = _number(seen)
    earlier = [found for found in map(_number, history) if found is not None]
    if number is None:
        return _bad(f"The query gives {_shown(seen)}, which is no number.")
    if len(earlier) < _FEWEST:
        return inconclusive(f"The query gives {number}, and only {len(earlier)} of {of} give a number.")
    usual = median(earlier)
    within = abs(usual) * Decimal(str(expect.tolerance))
    said = f"The query gives {number}; the median of {of} is {usual}"
    percent = f"{Decimal(str(expect.tolerance)) * 100:f}".rstrip("0").rstrip(".")
    near = f"{percent or '0'} % around it"
    if abs(number - usual) <= within:
        return _ok(f"{said}, and it is within {near}.")
    return _bad(f"{said}, and it is not within {near}.")


_DBT_GOOD = frozenset({"success", "pass", "warn", "skipped", "no-op"})


def dbt(body: bytes) -> Judged:
    """Every result in a ``run_results.json`` of dbt is good (schemas.getdbt.com/dbt/run-results)."""
    try:
        document = json.loads(body)
        results = [(str(one["unique_id"]), str(one["status"])) for one in document["results"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        return inconclusive("The file is no run_results.json of dbt.")
    if not results:
        return inconclusive("dbt has run nothing.")
    bad = [
        f"{one_line(name, 80)} is {one_line(status, 20)}"
        for name, status in results
        if status not in _DBT_GOOD
    ]
    if bad:
        return _bad(f"Of {len(results)} results of dbt {len(bad)} are not good: {_some(bad)}.")
    return _ok(f"All {len(results)} results of dbt are good.")


def _number(text: str | None) -> Decimal | None:
    try:
        found = Decimal(text) if text is not None else None
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() else None


def _shown(text: str | None) -> str:
    return "nothing" if text is None else one_line(text, 60)


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _LISTED
    listed = "; ".join(one_line(text, _SAID) for text in texts[:_LISTED])
    return f"{listed}; and {more} more" if more > 0 else listed


# A check as it stands in a plan: under the digest, and read back by who carries the plan out


def written(check: Verification, environment: str, release: Release) -> Mapping[str, Json]:
    """A check as data, with the release filled in."""
    within = int(check.within.total_seconds())
    match check:
        case AirflowCheck():
            dag, expect = (
                in_environment(check.dag, environment),
                filled_in(check.expect, environment, release),
            )
            return {"airflow": check.check.value, "dag": dag, "expect": expect, "within": within}
        case HttpCheck():
            return {"http": in_environment(check.url, environment), "expect": check.expect, "within": within}
        case SnowflakeCheck(expect=Band() as expected):
            return {"snowflake": check.query, "band": str(expected.tolerance), "within": within}
        case SnowflakeCheck():
            return {"snowflake": check.query, "expect": str(check.expect), "within": within}
        case DbtCheck():
            return {"dbt": check.artifact, "expect": check.expect, "within": within}


def read(document: Mapping[str, Json]) -> Verification:
    """The check that was written. Raises KeyError, ValueError for what no plan of ours has."""
    within = timedelta(seconds=int(str(document["within"])))
    if "airflow" in document:
        return AirflowCheck(
            check=AirflowLook(str(document["airflow"])),
            dag=str(document["dag"]),
            expect=str(document["expect"]),
            within=within,
        )
    if "http" in document:
        return HttpCheck(url=str(document["http"]), expect=int(str(document["expect"])), within=within)
    if "snowflake" in document:
        query = str(document["snowflake"])
        if "band" in document:
            return SnowflakeCheck(
                query=query, expect=Band(tolerance=float(str(document["band"]))), within=within
            )
        return SnowflakeCheck(query=query, expect=str(document["expect"]), within=within)
    return DbtCheck(artifact=str(document["dbt"]), expect=str(document["expect"]), within=within)


_TOLD_OF_AIRFLOW = {
    AirflowLook.IMPORT_ERRORS: "Airflow imports {dag}",
    AirflowLook.DAG_VERSION: "Airflow serves {dag} as {expect}",
    AirflowLook.SMOKE_RUN: "a smoke run of {dag} succeeds",
}


def told(check: Verification) -> str:
    """What is looked at, for people: ``payments_daily imports``."""
    match check:
        case AirflowCheck():
            return _TOLD_OF_AIRFLOW[check.check].format(
                dag=check.dag or "every file", expect=check.expect[:12]
            )
        case HttpCheck():
            return f"{check.url} answers {check.expect}"
        case SnowflakeCheck():
            what = "about what it gave" if isinstance(check.expect, Band) else check.expect
            return f"a query of Snowflake gives {what}: {one_line(check.query, 80)}"
        case DbtCheck():
            return f"dbt's {check.artifact} is good"


def filled_in(template: str, environment: str, release: Release) -> str:
    """A template of the catalogue with the release's own words; ``{operation}`` is left for later."""
    words = {
        "image": release.image,
        "digest": release.digest,
        "version": release.version,
        "commit": release.commit,
        "service": release.service,
        "environment": environment,
    }
    return _WORD.sub(lambda found: words.get(found[1], found[0]), template)


_WORD = re.compile(r"\{([a-z]+)\}")
