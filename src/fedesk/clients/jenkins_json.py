"""The shapes of Jenkins' JSON that fedesk reads (``contracts/jenkins_plugins.md`` 1, 5 and 6).

What a controller leaves out takes its default; what it adds is dropped.
"""

import json
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


class Cause(msgspec.Struct, rename="camel", frozen=True):
    """What started a build; only the sentence is common to all causes."""

    short_description: str | None = None
    user_id: str | None = None
    class_name: str = msgspec.field(name="_class", default="")


class ParameterValue(msgspec.Struct, rename="camel", frozen=True):
    """A parameter of a build; passwords, files and credentials come without a value."""

    name: str = ""
    value: Any = None
    job_name: str | None = None
    number: Any = None


class Revision(msgspec.Struct, frozen=True):
    """A commit that a build checked out."""

    SHA1: str = ""


class Asked(msgspec.Struct, rename="camel", frozen=True):
    """The ``input`` step of an execution: what it asks, and who may answer."""

    id: str = ""
    message: str | None = None
    ok: str | None = None
    submitter: str | None = None
    parameters: list[ParameterValue] | None = None


class InputExecution(msgspec.Struct, rename="camel", frozen=True):
    """An ``input`` step that was reached; ``input`` is empty where it is none that can be answered."""

    id: str = ""
    settled: bool = False
    input: Asked = Asked()


class Action(msgspec.Struct, rename="camel", frozen=True):
    """One of a build's actions: causes, parameters, git's data, pending inputs, or nothing of interest."""

    causes: list[Cause] = []
    parameters: list[ParameterValue] = []
    last_built_revision: Revision | None = None
    waiting_for_input: bool | None = None
    executions: list[InputExecution] = []


class ChangeItem(msgspec.Struct, rename="camel", frozen=True):
    """A commit between two builds. ``author`` is not asked for: reading it may create a user in Jenkins."""

    commit_id: str | None = None
    msg: str | None = None
    author_email: str | None = None
    timestamp: int = -1
    comment: str | None = None
    affected_paths: list[str] = []


class ChangeSet(msgspec.Struct, frozen=True):
    """The commits of one repository."""

    items: list[ChangeItem] = []


class ArtifactItem(msgspec.Struct, rename="camel", frozen=True):
    """A file that was archived; only the relative path is sure to be there."""

    relative_path: str = ""


class Build(msgspec.Struct, rename="camel", frozen=True):
    """A build; times in milliseconds, ``duration`` 0 while it runs, ``estimated_duration`` -1 for unknown."""

    number: int
    queue_id: int = 0
    result: str | None = None
    building: bool = False
    timestamp: int = 0
    duration: int = 0
    estimated_duration: int = -1
    description: str | None = None
    actions: list[Action | None] = []
    artifacts: list[ArtifactItem] = []
    change_set: ChangeSet | None = None
    change_sets: list[ChangeSet] = []


class Builds(msgspec.Struct, rename="camel", frozen=True):
    """The builds of one job, newest first: the newest 100, or all."""

    builds: list[Build] = []
    all_builds: list[Build] = []
    next_build_number: int = 0
    buildable: bool = True


class JobProperty(msgspec.Struct, rename="camel", frozen=True):
    """One of a job's properties; of interest are its parameters, each as Jenkins writes it."""

    parameter_definitions: list[dict[str, Any]] = []


class Definition(msgspec.Struct, rename="camel", frozen=True):
    """A job's definition as far as ``api/json`` tells it, with its newest builds."""

    buildable: bool = True
    property: list[JobProperty | None] = []
    builds: list[Build] = []


class ControllerState(msgspec.Struct, rename="camel", frozen=True):
    """Whether the controller lets nothing new start."""

    quieting_down: bool = False


class Estimate(msgspec.Struct, rename="camel", frozen=True):
    """How long a controller expects a build to take, milliseconds; -1 for unknown."""

    estimated_duration: int = -1


class Queued(msgspec.Struct, frozen=True):
    """The queue item of a job, as the job itself tells it."""

    id: int = 0


class Item(msgspec.Struct, rename="camel", frozen=True):
    """A job or a folder: a folder has ``jobs`` and no colour, a job the other way round."""

    name: str = ""
    full_name: str = ""
    color: str | None = None
    buildable: bool = True
    last_build: Estimate | None = None
    jobs: "list[Item] | None" = None
    builds: list[Build] | None = None
    property: list[JobProperty | None] = []
    last_successful_build: Build | None = None
    last_stable_build: Build | None = None
    queue_item: Queued | None = None


class Container(msgspec.Struct, frozen=True):
    """The root or a folder; without ``jobs`` it is something else."""

    jobs: list[Item] | None = None


class QueueTask(msgspec.Struct, rename="camel", frozen=True):
    """What a queue item wants to run: a job, or a node block of a pipeline, which has no full name."""

    name: str = ""
    full_name: str = ""
    url: str = ""


class QueueEntry(msgspec.Struct, rename="camel", frozen=True):
    """Something that waits in the queue."""

    id: int
    why: str | None = None
    in_queue_since: int = 0
    stuck: bool = False
    url: str = ""
    task: QueueTask = QueueTask()
    actions: list[Action | None] = []


class Queue(msgspec.Struct, frozen=True):
    """The queue: what waits, never what has left."""

    items: list[QueueEntry] = []


class Executable(msgspec.Struct, frozen=True):
    """The build that a queue item has become."""

    number: int = 0


class LeavingItem(msgspec.Struct, rename="camel", frozen=True):
    """A queue item by its number: ``cancelled`` is absent while it waits, ``why`` null once it has left."""

    why: str | None = None
    cancelled: bool | None = None
    executable: Executable | None = None
    class_name: str = msgspec.field(name="_class", default="")


class OfflineCause(msgspec.Struct, frozen=True):
    """Since when an agent is offline, milliseconds."""

    timestamp: int = 0


class Node(msgspec.Struct, rename="camel", frozen=True):
    """An agent, or the controller itself."""

    display_name: str = ""
    offline: bool = False
    offline_cause_reason: str | None = None
    offline_cause: OfflineCause | None = None


class Computers(msgspec.Struct, rename="camel", frozen=True):
    """Executors of the agents that are online."""

    busy_executors: int = 0
    total_executors: int = 0
    computer: list[Node] = []


class Fault(msgspec.Struct, frozen=True):
    """The error of a stage or step."""

    message: str | None = None
    type: str | None = None


class Link(msgspec.Struct, frozen=True):
    """An address, absolute in path."""

    href: str = ""


class Links(msgspec.Struct, frozen=True):
    """What a step links to; ``log`` only if it wrote one."""

    log: Link | None = None


class Atom(msgspec.Struct, rename="camel", frozen=True):
    """A step of a stage."""

    id: str
    name: str = ""
    status: str = ""
    links: Links = msgspec.field(name="_links", default=Links())


class Stage(msgspec.Struct, rename="camel", frozen=True):
    """A stage as ``wfapi`` tells it; times in milliseconds, start 0 for one that did not run."""

    id: str
    name: str = ""
    status: str = ""
    error: Fault | None = None
    start_time_millis: int = 0
    duration_millis: int = 0
    stage_flow_nodes: list[Atom] = []


class Pipeline(msgspec.Struct, rename="camel", frozen=True):
    """A pipeline's run as ``wfapi/describe`` tells it; ``id`` is the number of the build."""

    id: str = ""
    status: str = ""
    start_time_millis: int = 0
    end_time_millis: int = 0
    stages: list[Stage] = []


class WhoAmI(msgspec.Struct, frozen=True):
    """``whoAmI``: the user, and the groups that their realm gave them."""

    name: str = ""
    authorities: list[str] = []


def decode(body: bytes, shape: type[T]) -> T:
    """JSON in the given shape, broken UTF-8 and lone surrogates replaced; raises ValueError otherwise."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Slower, and forgiving towards text: a log line or branch name may hold any bytes.
        try:
            return msgspec.convert(_clean(json.loads(body.decode("utf-8", "replace"))), shape)
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [_clean(element) for element in value]
    if isinstance(value, dict):
        return {key: _clean(element) for key, element in value.items()}
    return value
