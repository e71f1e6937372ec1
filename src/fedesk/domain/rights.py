"""What fedesk needs to be allowed in each system, and for what: docs/permissions.md as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fedesk.domain.states import System


class Grant(StrEnum):
    """Whether a right is there."""

    GRANTED = "granted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One right."""

    id: str
    name: str
    """As the system calls it."""
    without: str
    """What fedesk cannot do without it: the end of a sentence that begins with "cannot"."""
    changes: bool = False
    """Whether only changing something takes it."""
    optional: bool = False
    """Whether fedesk merely knows less without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """What a harmless probe said of one need."""

    need: Need
    grant: Grant
    said: str = ""
    """What was asked and answered, where it is not granted."""


OVERALL_READ = Need(id="overall-read", name="Overall/Read", without="read anything")
JOB_READ = Need(id="job-read", name="Job/Read", without="see jobs, builds and their logs")
JOB_EXTENDED_READ = Need(
    id="job-extended-read",
    name="Job/ExtendedRead",
    changes=True,
    optional=True,
    without="notice that a job's script or settings changed between plan and re-run",
)
JOB_BUILD = Need(id="job-build", name="Job/Build", changes=True, without="re-run a build")

DAGS_READ = Need(id="dags-read", name="can read on DAGs", without="see pipelines")
DAG_RUNS_READ = Need(id="dag-runs-read", name="can read on DAG Runs", without="see runs")
TASKS_READ = Need(id="tasks-read", name="can read on Task Instances", without="see tasks and why they failed")
TASK_LOGS_READ = Need(id="task-logs-read", name="can read on Task Logs", without="read logs")
IMPORT_ERRORS_READ = Need(
    id="import-errors-read", name="can read on ImportError", without="tell which DAGs do not import"
)
DAG_VERSIONS_READ = Need(
    id="dag-versions-read",
    name="can read on DAG Versions",
    changes=True,
    optional=True,
    without="say with which version of its DAG a run would go on",
)
EVENT_LOGS_READ = Need(
    id="event-logs-read",
    name="can read on Audit Logs",
    changes=True,
    optional=True,
    without="always tell what became of a re-run whose answer was lost",
)
ASSETS_READ = Need(
    id="assets-read", name="can read on Assets", optional=True, without="import datasets into the catalogue"
)
TASKS_EDIT = Need(
    id="tasks-edit",
    name="can edit on DAGs, DAG Runs and Task Instances",
    changes=True,
    without="re-run failed tasks",
)

LOOKUP_SELF = Need(
    id="lookup-self", name="read auth/token/lookup-self", optional=True, without="tell when its token expires"
)
METADATA_LIST = Need(id="metadata-list", name="list metadata", without="find secrets")
METADATA_READ = Need(id="metadata-read", name="read metadata", without="tell how old secrets are")

RUNS_SELECT = Need(id="runs-select", name="SELECT on PIPELINE_RUNS", without="see what was loaded")
WAREHOUSE_USAGE = Need(id="warehouse-usage", name="USAGE on the warehouse", without="ask what was loaded")
USERS_DESCRIBE = Need(
    id="users-describe",
    name="OWNERSHIP of service users",
    optional=True,
    without="tell how old their keys are",
)

NEEDS: Mapping[System, tuple[Need, ...]] = {
    System.JENKINS: (OVERALL_READ, JOB_READ, JOB_EXTENDED_READ, JOB_BUILD),
    System.AIRFLOW: (
        DAGS_READ,
        DAG_RUNS_READ,
        TASKS_READ,
        TASK_LOGS_READ,
        IMPORT_ERRORS_READ,
        DAG_VERSIONS_READ,
        EVENT_LOGS_READ,
        ASSETS_READ,
        TASKS_EDIT,
    ),
    System.VAULT: (LOOKUP_SELF, METADATA_LIST, METADATA_READ),
    System.SNOWFLAKE: (RUNS_SELECT, WAREHOUSE_USAGE, USERS_DESCRIBE),
}
"""In the order in which they are told."""
