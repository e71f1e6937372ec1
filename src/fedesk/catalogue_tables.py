"""The shape of catalog.yaml: one frozen struct a mapping, its keys the fields. ``catalogue`` reads it."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

Text = Annotated[str, Meta(min_length=1)]


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of the file."""


class DeployTable(Table, frozen=True, kw_only=True):
    """The Jenkins job that releases a service."""

    job: Text
    parameters: dict[str, str] = field(default_factory=dict)
    release_from: Text = "description"
    dry_run: dict[str, str] = field(default_factory=dict)
    verification_stage: str = ""


class StagesTable(Table, frozen=True, kw_only=True):
    """Stages of the build that made a release, by the gate of which they tell."""

    unit: str = ""
    data_quality: str = field(name="data quality", default="")
    security_scan: str = field(name="security scan", default="")


class PromotionTable(Table, frozen=True, kw_only=True):
    """What a release has to have behind it."""

    build: str = ""
    stages: StagesTable = StagesTable()
    soak: Text | None = None
    after: tuple[Text, ...] = ()


class VerifyTable(Table, frozen=True, kw_only=True):
    """One look after a release, at one system."""

    airflow: Literal["import_errors", "dag_version", "smoke_run"] | None = None
    dag: str = ""
    http: Text | None = None
    snowflake: Text | None = None
    dbt: Text | None = None
    expect: Any
    within: Text = "5m"


class BandTable(Table, frozen=True, kw_only=True):
    """A number near what it was before."""

    band: Literal["history"]
    tolerance: Annotated[float, Meta(ge=0, le=10)]


class CanaryTable(Table, frozen=True, kw_only=True):
    """The share that goes first."""

    slice: Text
    first: Annotated[tuple[Text, ...], Meta(min_length=1)]
    analysis: Text


class RollbackTable(Table, frozen=True, kw_only=True):
    """What happens when a verification fails."""

    automatic: bool = False


class ServiceTable(Table, frozen=True, kw_only=True):
    """``services.NAME``."""

    owner: Text
    repository: str = ""
    deploy: DeployTable | None = None
    promotion: PromotionTable = PromotionTable()
    verify: tuple[VerifyTable, ...] = ()
    schema_version: str = ""
    canary: CanaryTable | None = None
    rollback: RollbackTable = RollbackTable()


class PartitionTable(Table, frozen=True, kw_only=True):
    """What one run loads."""

    kind: Literal["date"] = "date"
    source: Literal["data_interval_start", "logical_date", "partition_key"] = field(
        name="from", default="data_interval_start"
    )
    zone: Text = "UTC"


class LoadTable(Table, frozen=True, kw_only=True):
    """A dataset, and how it is written."""

    dataset: Text
    write: Literal["partition_overwrite", "merge", "append"]
    column: str = ""
    key: tuple[Text, ...] = ()


class PipelineTable(Table, frozen=True, kw_only=True):
    """``pipelines.NAME``."""

    service: str = ""
    owner: Text
    tier: Literal[1, 2, 3] = 3
    dag: str = ""
    jobs: dict[str, Text] = field(default_factory=dict)
    partition: PartitionTable | None = None
    loads: tuple[LoadTable, ...] = ()
    upstream: tuple[Text, ...] = ()
    deadline: Text | None = None
    retry_budget: Text | None = None
    secrets: tuple[Text, ...] = ()
    runbook: str = ""


class CatalogueTable(Table, frozen=True, kw_only=True):
    """A whole file."""

    services: Any = field(default_factory=dict)
    pipelines: Any = field(default_factory=dict)
