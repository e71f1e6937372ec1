"""What a system says of its jobs beside their runs: what a catalogue is made from and held against."""

from dataclasses import dataclass

from fedesk.domain.catalogue import WriteMode
from fedesk.domain.names import ConnectionName


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenJob:
    """A Jenkins job as its controller describes it."""

    connection: ConnectionName
    name: str
    """Full name."""
    parameters: tuple[str, ...] = ()
    """Names of the parameters it declares."""
    artifacts: tuple[str, ...] = ()
    """Relative paths of what its last successful build archived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenDag:
    """A DAG as its Airflow describes it."""

    connection: ConnectionName
    name: str
    owners: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    schedule: str = ""
    """Airflow's summary of the timetable; empty where nothing makes it run by itself."""
    periodic: bool = False
    """Whether its runs are due at times, and not for an asset or by hand."""
    partitioned: bool = False
    """Whether its runs carry a partition key of their own."""
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenAsset:
    """An asset that DAGs write or read."""

    connection: ConnectionName
    name: str
    uri: str
    written_by: tuple[str, ...] = ()
    """DAG ids, each once."""
    read_by: tuple[str, ...] = ()
    """DAG ids with a task that takes it in, or that run when it was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenModel:
    """A dbt model or snapshot that writes a table."""

    name: str
    dataset: str
    """SCHEMA.TABLE."""
    write: WriteMode | None
    """How a run meets rows that are there; None where the manifest does not tell."""
    said: str
    """In the manifest's words: ``incremental, merge``."""
    column: str = ""
    """What the partitions are of, where it says so."""
    key: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    """SCHEMA.TABLE of the models and sources it is made from."""
    labels: tuple[str, ...] = ()
    """Its tags, and what its meta names as ``dag`` or ``pipeline``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """One reading of one system."""

    jobs: tuple[SeenJob, ...] = ()
    dags: tuple[SeenDag, ...] = ()
    assets: tuple[SeenAsset, ...] = ()
    limits: tuple[str, ...] = ()
    """What could not be read, a sentence each."""
