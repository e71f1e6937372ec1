"""What a team says about its services and pipelines: who owns them, how they load, when they are due.

Names of jobs, secrets and runbooks may hold ``{environment}``; ``in_environment`` puts the name in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum, StrEnum
from types import MappingProxyType
from zoneinfo import ZoneInfo


class OwnerGroup(StrEnum):
    """Who answers for a pipeline."""

    ENGINEERING = "engineering"
    QA = "qa"
    CLIENT = "client"


class Tier(IntEnum):
    """What a failure is worth: 1 pages, 2 makes a ticket, 3 is listed."""

    PAGE = 1
    TICKET = 2
    LIST = 3


class PartitionSource(StrEnum):
    """Which field of a run names the partition it loads."""

    DATA_INTERVAL_START = "data_interval_start"
    LOGICAL_DATE = "logical_date"
    PARTITION_KEY = "partition_key"


class WriteMode(StrEnum):
    """How a load meets rows that are there already; only ``append`` doubles them when it runs twice."""

    PARTITION_OVERWRITE = "partition_overwrite"
    MERGE = "merge"
    APPEND = "append"


class ReleaseSource(StrEnum):
    """Where a deploy job's build says what it released."""

    ARTIFACT = "artifact"
    PARAMETER = "parameter"
    DESCRIPTION = "description"


class BudgetPeriod(StrEnum):
    """The span a retry budget is counted over."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


@dataclass(frozen=True, slots=True, order=True)
class Owner:
    """``engineering``, ``qa`` or ``client:NAME``."""

    group: OwnerGroup
    client: str = ""
    """The client's name; empty for the other two groups."""

    def __str__(self) -> str:
        return f"{self.group}:{self.client}" if self.client else str(self.group)


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """A time of day, on the clocks of one zone, by which a pipeline's newest partition must be there."""

    time: time
    zone: str
    """IANA name."""

    def __str__(self) -> str:
        return f"{self.time:%H:%M} {self.zone}"

    def on(self, day: date) -> datetime:
        """The deadline on one local day, as aware UTC.

        A time of day that a change of clocks skips is read with the offset before the change; one that occurs
        twice is the first of the two (``fold=0``, PEP 495).
        """
        return datetime.combine(day, self.time, ZoneInfo(self.zone)).astimezone(UTC)

    def next_after(self, moment: datetime) -> datetime:
        """The first time the deadline falls due after ``moment`` (aware), as aware UTC."""
        day = moment.astimezone(ZoneInfo(self.zone)).date()
        due = self.on(day)
        return due if due > moment else self.on(day + timedelta(days=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """What one run loads: the day, in ``zone``, that ``source`` of the run falls on."""

    kind: str = "date"
    source: PartitionSource = PartitionSource.DATA_INTERVAL_START
    zone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTarget:
    """A dataset a pipeline writes, and how."""

    dataset: str
    write: WriteMode
    column: str = ""
    """The column that holds the partition."""
    key: tuple[str, ...] = ()
    """Columns that identify a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryBudget:
    """How many re-runs by fedesk a partition may have in a period, in the pipeline's zone."""

    count: int
    period: BudgetPeriod

    def __str__(self) -> str:
        return f"{self.count}/{self.period}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """The Jenkins job that releases a service."""

    job: str
    """Full name, with ``{environment}`` where it differs."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Name and template; ``{image}``, ``{digest}``, ``{operation}`` and such are filled in at a release."""
    release_from: ReleaseSource = ReleaseSource.DESCRIPTION
    release_detail: str = ""
    """The artifact's path or the parameter's name; empty for a description."""
    dry_run: tuple[tuple[str, str], ...] = ()
    """Parameters that make a build change nothing; empty where the job has no such thing."""
    verification_stage: str = ""
    """The job's own stage that verifies what it deployed; empty where it has none."""


STAGE_GATES = ("unit", "data quality", "security scan")
"""Gates of a promotion that are stages of the build that made the release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What a release has to have behind it before it goes on."""

    build: str = ""
    """Full name of the job that builds releases, with ``{environment}`` where it differs."""
    stages: tuple[tuple[str, str], ...] = ()
    """Of ``STAGE_GATES``, the stage of that build that tells."""
    soak: timedelta | None = None
    """How long it has to have run, verified, in the environment before."""
    after: tuple[str, ...] = ()
    """Services that go first in a batch; empty for those whose pipelines are upstream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """An expected number: near what earlier partitions gave."""

    band: str = "history"
    tolerance: float = 0.0
    """Share of the historic value it may be off: 0.3 is 30 %."""


CHECK_WITHIN = timedelta(minutes=5)
"""How long a look after a release may take, where the catalogue does not say."""


class AirflowLook(StrEnum):
    """What Airflow is asked after a release."""

    IMPORT_ERRORS = "import_errors"
    """Whether the DAG's file imports."""
    DAG_VERSION = "dag_version"
    """Which version of the DAG it serves."""
    SMOKE_RUN = "smoke_run"
    """How a run of the DAG ends that is triggered for this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowCheck:
    """A look at Airflow after a release."""

    check: AirflowLook
    dag: str = ""
    """Empty for the import errors of all files."""
    expect: str = "none"
    """``none`` import errors, a version (``{commit}``), ``success`` of a run."""
    within: timedelta = CHECK_WITHIN


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCheck:
    """An address that says whether what was deployed is well."""

    url: str
    """With ``{environment}`` where it differs."""
    expect: int = 200
    """The status it answers."""
    within: timedelta = CHECK_WITHIN


@dataclass(frozen=True, slots=True, kw_only=True)
class SnowflakeCheck:
    """A query after a release, ``:partition`` bound, and what its one value should be."""

    query: str
    expect: str | Band = ""
    within: timedelta = CHECK_WITHIN


@dataclass(frozen=True, slots=True, kw_only=True)
class DbtCheck:
    """The results of a dbt run that the deploy build keeps."""

    artifact: str
    """Path among the build's artifacts: ``target/run_results.json``."""
    expect: str = "success"
    within: timedelta = CHECK_WITHIN


Verification = AirflowCheck | HttpCheck | SnowflakeCheck | DbtCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """The small share that goes first, and how long it is watched before the rest."""

    slice: str
    first: tuple[str, ...]
    analysis: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What is released: one artifact with one deploy job."""

    name: str
    owner: Owner
    repository: str = ""
    deploy: Deploy | None = None
    promotion: Promotion = Promotion()
    verify: tuple[Verification, ...] = ()
    schema_version: str = ""
    """A query that gives the id of the newest migration in a target's schema; empty where none tells."""
    canary: Canary | None = None
    rollback_automatic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """A data job as its team describes it."""

    name: str
    owner: Owner
    tier: Tier = Tier.LIST
    service: str = ""
    dag: str = ""
    """DAG id, the same in every environment unless it holds ``{environment}``; empty where there is none."""
    jobs: tuple[tuple[str, str], ...] = ()
    """Role and full name of Jenkins jobs: ``("ci", "finedge/{environment}/payments-ci")``."""
    partition: Partition | None = None
    loads: tuple[LoadTarget, ...] = ()
    upstream: tuple[str, ...] = ()
    """Names of pipelines that come before."""
    deadline: Deadline | None = None
    retry_budget: RetryBudget | None = None
    secrets: tuple[str, ...] = ()
    """``snowflake:USER`` or ``kv:PATH``, named as ``SecretMetadata.name``."""
    runbook: str = ""
    """A path beside the catalogue, or an address."""


def _no_services() -> Mapping[str, Service]:
    return MappingProxyType({})


def _no_pipelines() -> Mapping[str, Pipeline]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Everything described, by name, in the order of the files. Empty where a team has no catalogue."""

    services: Mapping[str, Service] = field(default_factory=_no_services)
    pipelines: Mapping[str, Pipeline] = field(default_factory=_no_pipelines)

    @property
    def released(self) -> tuple[str, ...]:
        """Names of the services that have a deploy job."""
        return tuple(name for name, one in self.services.items() if one.deploy is not None)


def in_environment(template: str, environment: str) -> str:
    """The name with every ``{environment}`` filled in; any other brace is left as it stands."""
    return template.replace("{environment}", environment)


def dag_of(pipeline: Pipeline, environment: str) -> str:
    """The pipeline's DAG id in one environment; empty where it has none."""
    return in_environment(pipeline.dag, environment)


def jobs_of(pipeline: Pipeline, environment: str) -> tuple[str, ...]:
    """Full names of the pipeline's own Jenkins jobs in one environment."""
    return tuple(in_environment(job, environment) for _, job in pipeline.jobs)


def secrets_of(pipeline: Pipeline, environment: str) -> tuple[str, ...]:
    """Names of the secrets the pipeline uses in one environment."""
    return tuple(in_environment(secret, environment) for secret in pipeline.secrets)


def owners_of_secrets(catalogue: Catalogue, environment: str) -> dict[str, str]:
    """Secrets named for one environment, in the catalogue's order, each with its first pipeline's owner."""
    owners: dict[str, str] = {}
    for pipeline in catalogue.pipelines.values():
        for secret in secrets_of(pipeline, environment):
            owners.setdefault(secret, str(pipeline.owner))
    return owners
