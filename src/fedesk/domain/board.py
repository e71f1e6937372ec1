"""The board: what the snapshots of an environment and its catalogue say together, at one moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from fedesk.domain.catalogue import Catalogue, Deadline, Pipeline, Tier, dag_of, in_environment
from fedesk.domain.front import EnvironmentFacts, Finding
from fedesk.domain.names import ConnectionName
from fedesk.domain.observation import Snapshot
from fedesk.domain.open_operations import OpenOperation
from fedesk.domain.runs import Job, Load, QueueItem, Run
from fedesk.domain.secrets import SecretAge
from fedesk.domain.states import State, System

STRIP_LENGTH = 20
"""Runs that a pipeline's strip shows."""

JobKey = tuple[System, str]
"""A Jenkins job's full name or a DAG id, with the system it belongs to."""


class Role(StrEnum):
    """What a job is to its pipeline or service."""

    DATA = "data"
    CI = "ci"
    DEPLOY = "deploy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose job it is: the pipeline or service that the catalogue gives it to, or the job itself."""

    name: str
    role: Role
    owner: str = ""
    tier: Tier = Tier.LIST
    catalogued: bool = False
    runbook: str = ""
    deadline: Deadline | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Durations of the runs that succeeded: their median and 95th percentile, and how many there were."""

    median: timedelta
    p95: timedelta
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHistory:
    """A job or DAG with its runs, newest first, and what is usual for it."""

    connection: ConnectionName
    key: JobKey
    subject: Subject
    job: Job | None
    runs: tuple[Run, ...]
    baseline: Baseline | None

    @property
    def newest(self) -> Run | None:
        """The newest run, ended or not."""
        return self.runs[0] if self.runs else None

    @property
    def last_good(self) -> Run | None:
        """The newest run that succeeded."""
        return next((run for run in self.runs if run.state is State.SUCCEEDED), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineRow:
    """One pipeline, as its row shows it."""

    name: str
    owner: str
    tier: Tier
    catalogued: bool
    state: State
    strip: tuple[Run, ...]
    """The last runs, oldest first, at most STRIP_LENGTH."""
    states: Mapping[str, State]
    """State of the newest run by environment; an environment that was not read is missing."""
    last_run: Run | None
    next_run_at: datetime | None
    baseline: Baseline | None
    enabled: bool
    runbook: str
    deadline: Deadline | None
    jobs: tuple[JobHistory, ...] = ()
    """Every job that belongs to it, the one that moves data first."""
    load: Load | None = None
    """What it loaded last, as ``pipeline_runs`` says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Everything the views show, as of one moment."""

    environment: EnvironmentFacts
    at: datetime
    snapshots: tuple[Snapshot, ...]
    pipelines: tuple[PipelineRow, ...]
    findings: tuple[Finding, ...]
    secrets: tuple[SecretAge, ...]
    queue: tuple[QueueItem, ...]
    histories: tuple[JobHistory, ...]
    operations: tuple[OpenOperation, ...] = ()
    """Operations of fedesk's own that are still open, of every environment."""


def subjects(catalogue: Catalogue, environment: str) -> dict[JobKey, Subject]:
    """Whose each catalogued job is in an environment. The first pipeline that names a job has it."""
    found: dict[JobKey, Subject] = {}
    for pipeline in catalogue.pipelines.values():
        if pipeline.dag:
            key = (System.AIRFLOW, dag_of(pipeline, environment))
            found.setdefault(key, _subject(pipeline, Role.DATA))
        for name, job in pipeline.jobs:
            # A pipeline without a DAG is what its Jenkins jobs do, except the one that checks its code.
            role = Role.CI if pipeline.dag or name == "ci" else Role.DATA
            key = (System.JENKINS, in_environment(job, environment))
            found.setdefault(key, _subject(pipeline, role))
    for service in catalogue.services.values():
        if service.deploy is None:
            continue
        carried = [pipeline for pipeline in catalogue.pipelines.values() if pipeline.service == service.name]
        key = (System.JENKINS, in_environment(service.deploy.job, environment))
        subject = Subject(
            name=service.name,
            role=Role.DEPLOY,
            owner=str(service.owner),
            tier=min((pipeline.tier for pipeline in carried), default=Tier.TICKET),
            catalogued=True,
            runbook=next((pipeline.runbook for pipeline in carried if pipeline.runbook), ""),
        )
        found.setdefault(key, subject)
    return found


def _subject(pipeline: Pipeline, role: Role) -> Subject:
    return Subject(
        name=pipeline.name,
        role=role,
        owner=str(pipeline.owner),
        tier=pipeline.tier,
        catalogued=True,
        runbook=pipeline.runbook,
        deadline=pipeline.deadline if role is Role.DATA else None,
    )


def baseline(runs: Iterable[Run]) -> Baseline | None:
    """What is usual, from the runs that succeeded; None from fewer than three of them."""
    lengths = sorted(
        run.ended_at - run.started_at
        for run in runs
        if run.state is State.SUCCEEDED and run.started_at and run.ended_at
    )
    if len(lengths) < _ENOUGH_FOR_A_BASELINE:
        return None
    # Nearest rank: the smallest duration that at least 95 % of the runs do not exceed.
    rank = -(-len(lengths) * 95 // 100) - 1
    return Baseline(median=lengths[len(lengths) // 2], p95=lengths[rank], count=len(lengths))


_ENOUGH_FOR_A_BASELINE = 3


def histories(snapshots: Iterable[Snapshot], owned: Mapping[JobKey, Subject]) -> tuple[JobHistory, ...]:
    """Every job that some connection knows, with its runs and whose it is.

    Nobody says that jobs of one name on two connections are the same: where the catalogue has none of that
    name, the second is called by its connection too, ``orders@airflow-emea``.
    """
    found = []
    first: dict[JobKey, ConnectionName] = {}
    for snapshot in snapshots:
        if snapshot.observation is None:
            continue
        jobs = {job.name: job for job in snapshot.observation.jobs}
        runs: dict[str, list[Run]] = {name: [] for name in jobs}
        for run in snapshot.observation.runs:
            runs.setdefault(run.job, []).append(run)
        for name, its_runs in runs.items():
            key = (snapshot.system, name)
            its_runs.sort(key=_listed_at, reverse=True)
            is_first = first.setdefault(key, snapshot.connection) == snapshot.connection
            called = name if is_first else f"{name}@{snapshot.connection.name}"
            found.append(
                JobHistory(
                    connection=snapshot.connection,
                    key=key,
                    subject=owned.get(key) or Subject(name=called, role=Role.DATA),
                    job=jobs.get(name),
                    runs=tuple(its_runs),
                    baseline=baseline(its_runs),
                )
            )
    return tuple(found)


def _listed_at(run: Run) -> float:
    return run.at.timestamp() if run.at else 0.0


def newest_loads(snapshots: Iterable[Snapshot]) -> dict[str, Load]:
    """The newest load of each pipeline, as ``pipeline_runs`` says; one that never began counts as oldest."""
    newest: dict[str, Load] = {}
    for snapshot in snapshots:
        for load in snapshot.observation.loads if snapshot.observation else ():
            known = newest.get(load.pipeline)
            if known is None or _begun(load) > _begun(known):
                newest[load.pipeline] = load
    return newest


def _begun(load: Load) -> float:
    return load.started_at.timestamp() if load.started_at else 0.0


def pipelines(
    catalogue: Catalogue,
    environment: str,
    found: Iterable[JobHistory],
    elsewhere: Mapping[str, Iterable[JobHistory]],
    loads: Mapping[str, Load],
) -> tuple[PipelineRow, ...]:
    """One row a pipeline: those of the catalogue in its order, then what was discovered, by name.

    ``elsewhere`` holds the histories of the other environments, for the state of each; ``loads`` the newest
    load by pipeline.
    """
    mine: dict[str, list[JobHistory]] = {}
    for history in found:
        # A deploy job belongs to its service; the pipelines it carries are told by their own runs.
        if history.subject.role is not Role.DEPLOY:
            mine.setdefault(history.subject.name, []).append(history)
    others = {name: _newest_states(items) for name, items in elsewhere.items()}
    names = [*catalogue.pipelines, *sorted(set(mine) - set(catalogue.pipelines))]
    rows = []
    for name in names:
        jobs = sorted(mine.get(name, []), key=lambda history: history.subject.role is not Role.DATA)
        states = {env: known[name] for env, known in others.items() if name in known}
        if jobs and jobs[0].newest:
            states[environment] = jobs[0].newest.state
        rows.append(_row(name, catalogue.pipelines.get(name), tuple(jobs), states, loads.get(name)))
    return tuple(rows)


def _row(
    name: str,
    entry: Pipeline | None,
    jobs: tuple[JobHistory, ...],
    states: Mapping[str, State],
    load: Load | None,
) -> PipelineRow:
    lead = jobs[0] if jobs else None
    newest = lead.newest if lead else None
    job = lead.job if lead else None
    return PipelineRow(
        name=name,
        owner=str(entry.owner) if entry else ", ".join(job.owners if job else ()),
        tier=entry.tier if entry else Tier.LIST,
        catalogued=entry is not None,
        state=newest.state if newest else State.UNKNOWN,
        strip=tuple(reversed(lead.runs[:STRIP_LENGTH])) if lead else (),
        states=states,
        last_run=newest,
        next_run_at=job.next_run_at if job else None,
        baseline=lead.baseline if lead else None,
        enabled=job.enabled if job else True,
        runbook=entry.runbook if entry else "",
        deadline=entry.deadline if entry else None,
        jobs=jobs,
        load=load,
    )


def _newest_states(found: Iterable[JobHistory]) -> dict[str, State]:
    states: dict[str, State] = {}
    for history in sorted(found, key=lambda history: history.subject.role is Role.DATA):
        if history.newest and history.subject.role is not Role.DEPLOY:
            states[history.subject.name] = history.newest.state
    return states
