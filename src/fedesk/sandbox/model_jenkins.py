"""What exists on the Jenkins controller, and the plans of its builds."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from fedesk.sandbox.model_log import LogStory

QUIET_PERIOD = timedelta(seconds=5)


class BuildResult(StrEnum):
    """Jenkins' words for how a build ended."""

    SUCCESS = "SUCCESS"
    UNSTABLE = "UNSTABLE"
    FAILURE = "FAILURE"
    NOT_BUILT = "NOT_BUILT"
    ABORTED = "ABORTED"


class StageState(StrEnum):
    """The stage view's words (pipeline-rest-api's StatusExt)."""

    NOT_EXECUTED = "NOT_EXECUTED"
    ABORTED = "ABORTED"
    SUCCESS = "SUCCESS"
    IN_PROGRESS = "IN_PROGRESS"
    PAUSED_PENDING_INPUT = "PAUSED_PENDING_INPUT"
    FAILED = "FAILED"
    UNSTABLE = "UNSTABLE"


class JobKind(StrEnum):
    """What a job is for."""

    DEPLOY = "deploy"
    CI = "ci"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterDefinition:
    """A parameter that a job declares: string, text, boolean, choice, password, file or credentials."""

    name: str
    kind: str = "string"
    default: str = ""
    description: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JenkinsJob:
    """A job on the controller."""

    full_name: str
    environment: str
    kind: JobKind
    service: str
    pipeline: bool = True
    """A Pipeline job (WorkflowJob); False for a freestyle one, which has no stages."""
    description: str = ""
    parameters: tuple[ParameterDefinition, ...] = ()
    disabled: bool = False
    concurrent: bool = True
    """Whether a build may run beside another one; if not it waits blocked."""
    vetoed: bool = False
    """A plugin of the controller (QueueDecisionHandler) refuses to queue it."""
    stages: tuple[tuple[str, float], ...] = ()
    """Names and usual seconds of its stages."""
    period: timedelta = timedelta(hours=6)
    """How far apart its builds are, about."""
    first_number: int = 1
    builders: tuple[str, ...] = ()
    """Users who may build it, whatever else they may."""
    approval: str = ""
    """What it asks before it deploys, in builds that somebody triggers; it asks nothing where empty."""
    submitter: str = ""
    """Who may answer: user ids and groups with commas; empty for all who may build."""
    asks_for: tuple[ParameterDefinition, ...] = ()
    """Parameters that whoever answers is to give."""
    keeps_artifacts: timedelta | None = None
    """How long it keeps what builds archive; for ever where None."""

    @property
    def name(self) -> str:
        """The last segment of its full name."""
        return self.full_name.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The full name of the folder it lies in."""
        return self.full_name.rpartition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildParameter:
    """A value a build was started with. Jenkins shows none of passwords, files and credentials."""

    name: str
    value: str
    kind: str = "string"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a build was started. ``kind``: user, timer, upstream or scm."""

    kind: str
    description: str
    user_id: str = ""
    user_name: str = ""
    upstream_project: str = ""
    upstream_build: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit that came in with a build."""

    commit_id: str
    author: str
    author_email: str
    message: str
    at: datetime
    paths: tuple[str, ...] = ()
    ticket: str = ""
    """Named below the message, where there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactFile:
    """A file that a build left when it ended: ask ``World.artifacts``."""

    path: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingInput:
    """An ``input`` step that waits for someone."""

    input_id: str
    message: str
    since: datetime
    submitter: str = ""
    ok: str = "Proceed"
    parameters: tuple[ParameterDefinition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePlan:
    """The timeline of one stage. ``node_id`` is the flow node's id, as the stage view gives it."""

    node_id: str
    name: str
    started_at: datetime
    ended_at: datetime | None
    outcome: StageState
    error: str = ""
    is_caught: bool = False
    """Whether its failure is the stage's alone, and the build goes on."""
    said: tuple[str, ...] = ()
    """Lines at the end of its log."""

    def state(self, now: datetime) -> StageState:
        """The state at a moment; pauses for input are the build's to tell."""
        if now < self.started_at:
            return StageState.NOT_EXECUTED
        return self.outcome if self.ended_at is not None and now >= self.ended_at else StageState.IN_PROGRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPlan:
    """The timeline of one build, from the queue to its end."""

    job: str
    """Full name of its job."""
    environment: str
    number: int
    queue_id: int
    queued_at: datetime
    quiet: timedelta = QUIET_PERIOD
    """How long it waits at least, for others of its kind to join it."""
    started_at: datetime | None
    """None: it never leaves the queue."""
    ended_at: datetime | None
    """None: it never ends by itself."""
    result: BuildResult
    stages: tuple[StagePlan, ...] = ()
    node: str = "agent-1"
    causes: tuple[Cause, ...] = ()
    parameters: tuple[BuildParameter, ...] = ()
    changes: tuple[Commit, ...] = ()
    commit: str = ""
    version: str = ""
    digest: str = ""
    """Of the image that it builds or deploys: ``sha256:…``."""
    branch: str = "main"
    repository: str = ""
    log: LogStory = field(default_factory=lambda: LogStory(kind="build"))
    estimated: timedelta = timedelta(minutes=5)
    pending_input: PendingInput | None = None
    why: str = ""
    """Why it waits in the queue beyond the quiet period; empty for the usual lack of an executor."""
    blocked: bool = False
    """Whether that is another build of its job, rather than a lack of executors."""
    story: str = ""
    triggered: bool = False
    """Whether somebody triggered it since the world began."""

    @property
    def is_dry_run(self) -> bool:
        """Whether a deploy job was asked to change nothing."""
        return any(one.name == "DRY_RUN" and one.value == "true" for one in self.parameters)

    def is_queued(self, now: datetime) -> bool:
        """Whether it stands in the queue at that moment."""
        return self.queued_at <= now and (self.started_at is None or now < self.started_at)

    def is_building(self, now: datetime) -> bool:
        """Whether it runs at that moment."""
        if self.started_at is None or now < self.started_at:
            return False
        return self.ended_at is None or now < self.ended_at

    def has_started(self, now: datetime) -> bool:
        """Whether there is a build of that number by then."""
        return self.started_at is not None and now >= self.started_at

    def result_at(self, now: datetime) -> BuildResult | None:
        """How it ended, or None while it has not."""
        return self.result if self.ended_at is not None and now >= self.ended_at else None

    def input_at(self, now: datetime) -> PendingInput | None:
        """The input step it waits at, if it does."""
        pending = self.pending_input
        return pending if pending is not None and pending.since <= now and self.is_building(now) else None

    def stage_state(self, stage: StagePlan, now: datetime) -> StageState:
        """A stage's state at a moment, pauses for input included."""
        state = stage.state(now)
        if state is StageState.IN_PROGRESS and self.input_at(now) is not None:
            return StageState.PAUSED_PENDING_INPUT
        return state


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueItem:
    """An item of Jenkins' queue as it stands at a moment."""

    build: BuildPlan
    why: str
    stuck: bool
    quiet_until: datetime | None
    """Set while it is in its quiet period (a WaitingItem); then it is blocked or buildable."""
    blocked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A Jenkins agent, or the built-in node."""

    name: str
    executors: int
    labels: tuple[str, ...] = ()
    offline_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """One slot of a node; what runs in it at a moment."""

    node: Node
    number: int
    build: BuildPlan | None
