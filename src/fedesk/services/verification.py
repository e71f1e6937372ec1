"""Looks at what a release has come to, once: each check asks its system, ``domain.verifying`` judges.

A system that is not heard of makes a check wait, and in the end inconclusive. Raises nothing but faults.
"""

import json
from collections.abc import Callable
from datetime import timedelta

from fedesk.domain import verifying
from fedesk.domain.catalogue import (
    AirflowCheck,
    AirflowLook,
    Band,
    DbtCheck,
    HttpCheck,
    SnowflakeCheck,
    Verification,
)
from fedesk.domain.names import RunName
from fedesk.domain.operations import Evidence, JournalEntry, Plan, Progress, StepState
from fedesk.domain.releases import CheckState
from fedesk.domain.verifying import Judged
from fedesk.ports.changing import Systems
from fedesk.ports.errors import NotFoundError, SourceError
from fedesk.ports.sources import Clock, Connection


class NothingToAskError(NotFoundError):
    """The environment has no system of the kind that a check asks."""


HISTORY = 7
"""Earlier partitions, days, whose numbers a band is around."""
_LARGEST = 20_000_000
"""Bytes of a run_results.json."""
PARTITION = "partition"

_STATES = {
    CheckState.SUCCESSFUL: StepState.DONE,
    CheckState.FAILED: StepState.FAILED,
    CheckState.INCONCLUSIVE: StepState.UNKNOWN,
    CheckState.WAITING: StepState.WAITING,
}


def look(
    check: Verification,
    step: str,
    plan: Plan,
    journal: tuple[JournalEntry, ...],
    systems: Systems,
    clock: Clock,
    *,
    run: str,
) -> Progress:
    """One look of a check. ``run`` is what it is about where that was made for it: a build, a smoke run."""
    try:
        judged, source, link = _seen(check, plan, systems, run)
    except NothingToAskError as error:
        judged, source, link = verifying.inconclusive(str(error)), str(plan.connection), ""
    except SourceError as error:
        said = f"It could not be looked at: {error}"
        judged, source, link = verifying.waiting(said), str(plan.connection), ""
    state = judged.state
    if state is CheckState.WAITING and _waited(step, journal, clock) >= check.within:
        state = judged.late
    return Progress(
        state=_STATES[state],
        said=judged.said if state is not CheckState.INCONCLUSIVE else f"inconclusive: {judged.said}",
        evidence=(Evidence(source=source, said=judged.said, at=clock.now(), link=link),),
    )


def _waited(step: str, journal: tuple[JournalEntry, ...], clock: Clock) -> timedelta:
    """For how long a check has been looked at, over restarts."""
    first = next((entry.at for entry in journal if entry.step == step), None)
    return clock.now() - first if first is not None else timedelta()


_Looked = tuple[Judged, str, str]


def _seen(check: Verification, plan: Plan, systems: Systems, run: str) -> _Looked:
    match check:
        case AirflowCheck():
            return _of_airflow(check, plan, systems, run)
        case HttpCheck():
            return _of_http(check, plan, systems)
        case SnowflakeCheck():
            return _of_snowflake(check, plan, systems)
        case DbtCheck():
            return _of_dbt(check, plan, systems, run)


def _of_airflow(check: AirflowCheck, plan: Plan, systems: Systems, run: str) -> _Looked:
    connection = first_with(systems, plan.environment, "Airflow", lambda one: one.dags)
    dags = connection.dags
    if dags is None:
        raise NothingToAskError(f"{connection.name} is not configured as an Airflow whose DAGs are looked at")
    if check.check is AirflowLook.IMPORT_ERRORS:
        errors = dags.call(lambda source: source.import_errors(check.dag))
        return verifying.import_errors(check.dag, errors), str(connection.name), ""
    if check.check is AirflowLook.SMOKE_RUN:
        found = dags.call(lambda source: source.smoke_run(check.dag, run))
        return verifying.smoke_run(found), str(connection.name), found.link
    served = dags.call(lambda source: source.served((check.dag,))).get(check.dag)
    if served is None:
        return verifying.waiting(f"Airflow knows no DAG {check.dag}."), str(connection.name), ""
    judged = verifying.dag_version(check.dag, check.expect, served.version, served.bundle_version)
    return judged, str(connection.name), served.link


def _of_http(check: HttpCheck, plan: Plan, systems: Systems) -> _Looked:
    connection = systems.reading(plan.connection)
    if connection.health is None:
        raise NothingToAskError(f"{connection.name} has nothing that looks at addresses")
    seen = connection.health.call(lambda source: source.look(check.url))
    return verifying.http(check.url, check.expect, seen.status), check.url, check.url


def _of_snowflake(check: SnowflakeCheck, plan: Plan, systems: Systems) -> _Looked:
    connection = first_with(systems, plan.environment, "Snowflake", lambda one: one.queries)
    queries = connection.queries
    if queries is None:
        raise NothingToAskError(f"{connection.name} is not configured as a Snowflake that is asked")
    tag = json.dumps({"fedesk_operation": plan.operation})
    # The newest whole day: that of the plan has not ended.
    newest = plan.made_at.date() - timedelta(days=1)
    has_partition = f":{PARTITION}" in check.query

    def ask(back: int) -> str | None:
        binds = {PARTITION: (newest - timedelta(days=back)).isoformat()} if has_partition else {}
        try:
            return queries.call(lambda source: source.scalar(check.query, binds, tag=tag))
        except NotFoundError:
            return None

    seen = ask(0)
    if not isinstance(check.expect, Band):
        return verifying.value(check.expect, seen), str(connection.name), ""
    history = [ask(back) for back in range(1, HISTORY + 1)]
    of = f"the {HISTORY} days before {newest}"
    return verifying.band(check.expect, seen, history, of), str(connection.name), ""


def _of_dbt(check: DbtCheck, plan: Plan, systems: Systems, run: str) -> _Looked:
    connection = systems.reading(plan.connection)
    if connection.deploys is None:
        raise NothingToAskError(f"{connection.name} is not configured as a Jenkins whose jobs deploy")
    try:
        body = connection.deploys.call(lambda source: source.artifact(run, check.artifact, at_most=_LARGEST))
    except NotFoundError as error:
        # The build has ended: a file that it did not keep does not come.
        return verifying.inconclusive(str(error)), str(connection.name), ""
    return verifying.dbt(body), f"{RunName(connection.name, run)}", ""


def first_with(
    systems: Systems, environment: str, what: str, has: Callable[[Connection], object | None]
) -> Connection:
    """The first system of an environment that has something; raises NothingToAskError."""
    found = next((one for one in systems.of(environment) if has(one) is not None), None)
    if found is None:
        raise NothingToAskError(f"{environment} has no {what} that could be asked")
    return found
