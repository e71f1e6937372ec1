"""What services ask of systems around a release. Everything raises SourceError, and changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from fedesk.domain.catalogue import Deploy
from fedesk.domain.operations import Progress
from fedesk.domain.releases import Deployment, Release
from fedesk.domain.runs import Change, Run, Step
from fedesk.domain.secrets import SecretMetadata
from fedesk.domain.states import State

DECLARED = "parameter definitions"
"""What of a job's definition whoever may read the job sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployJob:
    """A deploy job to be read: whose it is, its full name, and where its builds say what they released."""

    service: str
    job: str
    """In one environment: ``{environment}`` is filled in."""
    deploy: Deploy


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRead:
    """What one look found of one deploy job."""

    service: str
    deployments: tuple[Deployment, ...]
    """Newest first; builds that run, failed or were dry runs among them."""
    trouble: str = ""
    """Why the job could not be read: it is missing, or hidden."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterNeeded:
    """A parameter that a job declares today."""

    name: str
    kind: str
    """Class of its definition: ``StringParameterDefinition``, ``PasswordParameterDefinition`` …"""
    has_default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployPreview:
    """What triggering a deploy job would meet. Fields as in ``RebuildPreview``."""

    job: str
    buildable: bool
    parameters: tuple[ParameterNeeded, ...]
    declares_operation: bool
    definition: str
    definition_source: str
    declared: str
    """SHA-256 of the definitions of its parameters alone, which people see who may not read the rest."""
    running: tuple[int, ...]
    queued: tuple[int, ...]
    highest_queue_id: int
    """Of its own builds and queue item; its next item has a higher one."""
    user: str
    usual_duration: timedelta | None
    """Median of its newest builds that succeeded, dry runs apart; None where there are none."""
    deployments: tuple[Deployment, ...]
    """Its newest builds, as ``DeploySource.deployments`` has them."""
    beside: JobRead | None = None
    """Another job that was asked about with it, as ``DeploySource.listed`` has it."""
    link: str
    observed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InputAsked:
    """A question at which a build waits for a person."""

    id: str
    message: str
    ok: str
    """What the button to go on says."""
    submitter: str = ""
    """Who may answer, as Jenkins has it; empty for everybody who may build."""
    parameters: tuple[str, ...] = ()
    """Names of parameters that it asks for: fedesk gives none, and such an input is answered in Jenkins."""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildChanges:
    """Commits that came in with some builds of a job."""

    changes: tuple[Change, ...]
    """Newest first."""
    missing: int = 0
    """Builds of the range that are not there any more (retention), or too far back: theirs cannot be told."""


class DeploySource(Protocol):
    """Jenkins, as what deploys."""

    def deployments(
        self, jobs: tuple[DeployJob, ...], known: Mapping[str, Deployment], *, depth: int = 10
    ) -> tuple[JobRead, ...]:
        """The newest builds of each job: one request for all, one more for each that is new and keeps a file.

        ``known`` are deployments read before, by the name of their run; what was finished is not read again.
        The release is read of the newest build that succeeded, and of those whose release costs no request:
        of others it is what the parameters say that the job was given, image and digest at most. The newest
        build that succeeded is among them, however many have failed since.
        """

    def listed(self, jobs: tuple[DeployJob, ...], *, depth: int = 10) -> tuple[JobRead, ...]:
        """The newest builds of each job without what their files say: one request."""

    def with_release(self, job: DeployJob, deployment: Deployment) -> Deployment:
        """A build that was listed with what its file says: one request. What the file lacks is said."""

    def deployment(self, job: DeployJob, number: int) -> Deployment:
        """One build with its release: two requests; raises NotFoundError where it is gone."""

    def changes_between(self, job: str, after: int, until: int) -> BuildChanges:
        """Commits of the builds ``after`` < number ≤ ``until``, newest first, with message and paths.

        One request; another one where ``until`` lies far back. Of more than 500 builds the newest.
        """

    def deploy_preview(
        self,
        job: DeployJob,
        beside: DeployJob | None = None,
        *,
        depth: int = 20,
        declared_alone: bool = False,
    ) -> DeployPreview:
        """What triggering it would meet: three requests. Raises NotFoundError where there is no such job.

        With ``declared_alone`` it is two: of its definition nothing but the parameters is looked at.

        A job in the same folder may be listed ``beside`` it in one of them: ten builds of each at most.
        """

    def quieting_down(self) -> bool:
        """Whether the controller is about to shut down, and starts nothing: one request."""

    def inputs(self, run_id: str) -> tuple[InputAsked, ...]:
        """The questions at which a build waits; empty where it waits for none."""

    def build(self, run_id: str) -> Run:
        """A build without its stages and files: one request. Raises NotFoundError where it is gone."""

    def stage(self, run_id: str, name: str) -> State | None:
        """How a stage of a build ended: one request. None where there is none, or it cannot be read."""

    def stages(self, run_id: str) -> tuple[Step, ...]:
        """The stages of a build: one request. Empty where there are none, or they cannot be read."""

    def stage_ends(self, job: str, name: str) -> Mapping[str, State | None]:
        """How a stage ended in each of a job's newest builds, by their ids: one request.

        None where a build has no such stage; empty where nothing can be read. Jenkins tells of ten builds.
        """

    def made(self, run_id: str, service: str, path: str) -> Release:
        """What a build says that it made, in a file like ``release.json``: one request.

        Raises NotFoundError, ProtocolError for what is no such file.
        """

    def artifact(self, run_id: str, path: str, *, at_most: int) -> bytes:
        """A file that a build keeps, of at most so many bytes; raises NotFoundError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a registry says of an image."""

    digest: str
    media_type: str
    observed_at: datetime
    link: str = ""


class RegistrySource(Protocol):
    """A registry of images (OCI distribution specification)."""

    def manifest(self, image: str, reference: str) -> Manifest | None:
        """The manifest of ``REGISTRY/REPOSITORY`` by digest or tag, by HEAD; None where there is none."""

    def reach(self) -> None:
        """Ask whether it is a registry that lets one in; raises SourceError where it is not."""

    def close(self) -> None:
        """Let go of sockets; never waits for the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DagServed:
    """The version of a DAG that Airflow serves."""

    dag_id: str
    version: str
    """Airflow's own number, as text; empty where it keeps none."""
    bundle: str
    bundle_version: str
    """The commit that the bundle was taken from; empty where the bundle keeps no versions."""
    since: datetime | None
    """Since when that number; the commit may have moved on under it."""
    is_paused: bool = False
    """Whether a run of it would not begin."""
    observed_at: datetime
    link: str = ""


class SecretSource(Protocol):
    """Vault or Snowflake, as the secrets of what is released are judged by them."""

    def ages(self, names: tuple[str, ...]) -> tuple[SecretMetadata, ...]:
        """Metadata of secrets by their names in the catalogue (``kv:PATH``, ``snowflake:USER``).

        A request each, beside what it takes to log in; no warehouse is woken.

        One that is not there, or may not be read, has no age, and says why.
        """


class DagSource(Protocol):
    """Airflow, as releases are verified by it."""

    def served(self, dag_ids: tuple[str, ...]) -> Mapping[str, DagServed]:
        """The newest version of each DAG, by id; one that it does not know, or serves no more, is left out.

        Two requests for one DAG, and as a rule for a hundred; of many DAGs the number may not be told.
        """

    def import_errors(self, dag_id: str) -> tuple[str, ...]:
        """Why the file of a DAG does not import, a sentence each; of all files where ``dag_id`` is empty.

        Raises NotFoundError for a DAG that is not there: then nobody can tell which file is its.
        """

    def smoke_run(self, dag_id: str, run_id: str) -> Run:
        """How a DAG run stands; raises NotFoundError where it is not there yet."""


class QuerySource(Protocol):
    """Snowflake, as releases are verified by it."""

    def scalar(self, query: str, binds: Mapping[str, str], *, tag: str) -> str | None:
        """The first column of the first row as text, None for NULL; ``:name`` is bound, never put in.

        Raises NotFoundError for no row. ``tag`` is the QUERY_TAG. Only one statement that begins with SELECT
        or WITH is sent; for any other one it raises NotSentError.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSeen:
    """What a health address answered."""

    status: int
    body: str
    """Its beginning, as text."""
    observed_at: datetime


class HealthSource(Protocol):
    """An address of HTTP that says whether something is well."""

    def look(self, url: str) -> HealthSeen:
        """GET, once, without credentials and without following a redirect to another host."""


class FollowsBuilds(Protocol):
    """Jenkins, as a build is followed to its end."""

    def follow_build(self, run_id: str) -> Progress:
        """Where a build is: WAITING with its stage (and the input it waits for), DONE, or FAILED with why.

        The reference is ``build:N``. A build that is gone is UNKNOWN.
        """
