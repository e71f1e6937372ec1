"""Jenkins' exported beans: what ``api/json`` of each thing holds (``contracts/jenkins_plugins.md`` 5-7)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any
from urllib.parse import quote

from fedesk.sandbox.jenkins_controller import Controller, milliseconds
from fedesk.sandbox.jenkins_scm import build_data, changes
from fedesk.sandbox.jenkins_tree import ALWAYS, Bean, Property, bean, fixed
from fedesk.sandbox.lazily import Lazily
from fedesk.sandbox.model import (
    BuildParameter,
    BuildPlan,
    BuildResult,
    Cause,
    JenkinsJob,
    ParameterDefinition,
    PendingInput,
    QueueItem,
)

_FOLDER = "com.cloudbees.hudson.plugins.folder.Folder"
_WORKFLOW = "org.jenkinsci.plugins.workflow.job"
_LISTED_BUILDS = 100
_COLORS = {
    BuildResult.SUCCESS: "blue",
    BuildResult.UNSTABLE: "yellow",
    BuildResult.FAILURE: "red",
    BuildResult.ABORTED: "aborted",
    BuildResult.NOT_BUILT: "notbuilt",
}
_CAUSES = {
    "user": "hudson.model.Cause$UserIdCause",
    "timer": "hudson.triggers.TimerTrigger$TimerTriggerCause",
    "upstream": "hudson.model.Cause$UpstreamCause",
    "scm": "hudson.triggers.SCMTrigger$SCMTriggerCause",
}
_MODEL = "hudson.model."
_CREDENTIALS = "com.cloudbees.plugins.credentials."
_PARAMETERS = {"choice": "String"}
"""Kinds of parameters whose values are of another class than their definitions."""
_HIDDEN = frozenset({"password", "file", "credentials"})
"""Kinds of parameters whose values Jenkins never tells."""
_NOTHING = Bean(properties={})
"""An action that exports nothing: Jenkins writes ``{}`` for it."""


def item_path(full_name: str) -> str:
    """``job/a/job/b/``, each segment encoded alone."""
    return "".join(f"job/{quote(segment, safe=_UNENCODED)}/" for segment in full_name.split("/") if segment)


_UNENCODED = "!@$&*()-_=+',."


class Beans:
    """Makes the beans of one answer. ``root`` is the controller's address with a slash at its end."""

    def __init__(self, controller: Controller, root: str) -> None:
        self._controller = controller
        self._root = root

    def controller(self) -> Bean:
        """The controller itself, at ``/api/json``."""
        return bean(
            "hudson.model.Hudson",
            {"url": self._root, "nodeName": "", "numExecutors": 0, "mode": "EXCLUSIVE"},
            {
                "nodeDescription": lambda: "the Jenkins controller's built-in node",
                "description": lambda: None,
                "jobs": lambda: self._inside(""),
                "quietingDown": lambda: self._controller.quieting_down,
                "quietDownReason": lambda: None,
                "slaveAgentPort": lambda: -1,
                "useCrumbs": lambda: True,
                "useSecurity": lambda: True,
                "views": lambda: [self._view("")],
                "primaryView": lambda: self._view(""),
            },
        )

    def folder(self, name: str) -> Bean:
        """A folder: no colour, no builds."""
        url = self._root + item_path(name)
        short = name.rpartition("/")[2]
        return bean(
            _FOLDER,
            {"name": short, "url": url},
            {
                "actions": lambda: [_NOTHING, _NOTHING],
                "description": lambda: None,
                "displayName": fixed(short),
                "displayNameOrNull": lambda: None,
                "fullDisplayName": fixed(name.replace("/", " » ")),
                "fullName": fixed(name),
                "healthReport": list,
                "jobs": lambda: self._inside(name),
                "primaryView": lambda: self._view(name),
                "views": lambda: [self._view(name)],
            },
        )

    def job(self, job: JenkinsJob) -> Bean:
        """A job, pipeline or freestyle."""
        builds = self._controller.builds(job)
        more: dict[str, Callable[[], Any]] = {
            "actions": lambda: [_NOTHING, _NOTHING],
            "description": fixed(job.description),
            "displayName": fixed(job.name),
            "displayNameOrNull": lambda: None,
            "fullDisplayName": fixed(job.full_name.replace("/", " » ")),
            "fullName": fixed(job.full_name),
            "buildable": fixed(not job.disabled),
            "builds": lambda: self._makers(job, islice(builds, _LISTED_BUILDS)),
            "firstBuild": lambda: self.build(job, builds[-1]) if builds else None,
            "healthReport": lambda: self._health(builds),
            "inQueue": lambda: self._queued(job) is not None,
            "keepDependencies": lambda: False,
            "nextBuildNumber": lambda: self._controller.next_number(job),
            "property": lambda: [_definitions(job.parameters)] if job.parameters else [],
            "queueItem": lambda: self._queued(job),
            "concurrentBuild": fixed(job.concurrent),
            "disabled": fixed(job.disabled),
        }
        more["resumeBlocked" if job.pipeline else "downstreamProjects"] = (
            (lambda: False) if job.pipeline else list
        )
        more |= {
            name: (lambda name=name: self._numbered(job, permalink(self._controller, builds, name)))  # type: ignore[misc]  # binds the loop's value
            for name in PERMALINKS
        }
        visible = {"name": job.name, "url": self._root + item_path(job.full_name)}
        made = bean(_job_class(job), visible, more)
        properties = dict(made.properties)
        properties["color"] = Property(lambda: self._color(job, builds), ALWAYS)
        properties["allBuilds"] = Property(lambda: self._makers(job, builds), -2)
        return Bean(class_name=made.class_name, properties=properties)

    def build(self, job: JenkinsJob, build: BuildPlan) -> Bean:
        """A build. ``result`` may be set before it has ended; ``duration`` is 0 until then."""
        controller, now = self._controller, self._controller.now
        length = (build.ended_at - build.started_at) if build.ended_at and build.started_at else None
        building = build.is_building(now)
        more: dict[str, Callable[[], Any]] = {
            "actions": lambda: self._actions(build),
            "artifacts": lambda: [_artifact(file.path) for file in controller.artifacts(build)],
            "building": fixed(building),
            "description": lambda: None,
            "displayName": fixed(f"#{build.number}"),
            "duration": lambda: 0 if building or length is None else int(length.total_seconds() * 1000),
            "estimatedDuration": lambda: int(build.estimated.total_seconds() * 1000) or -1,
            "executor": lambda: _NOTHING if building else None,
            "fullDisplayName": fixed(f"{job.full_name.replace('/', ' » ')} #{build.number}"),
            "id": fixed(str(build.number)),
            "inProgress": fixed(building),
            "keepLog": lambda: False,
            "queueId": fixed(build.queue_id),
            "result": lambda: controller.result(build),
            "timestamp": lambda: milliseconds(build.started_at),
            "culprits": list,
            "nextBuild": lambda: self._numbered(job, build.number + 1),
            "previousBuild": lambda: self._numbered(job, build.number - 1),
        }
        if job.pipeline:
            more["changeSets"] = lambda: [changes(build.changes)] if build.changes else []
        else:
            more["builtOn"] = fixed(build.node)
            more["changeSet"] = lambda: changes(build.changes)
        visible = {"number": build.number, "url": f"{self._root}{item_path(job.full_name)}{build.number}/"}
        return bean(_build_class(job), visible, more)

    def queue(self) -> Bean:
        """The queue: what waits, never what has left."""
        return bean(
            "hudson.model.Queue",
            {},
            {
                "discoverableItems": list,
                "items": lambda: [self.queue_item(item.build, item) for item in self._controller.queue()],
            },
        )

    def queue_item(self, build: BuildPlan, item: QueueItem | None = None, *, cancelled: bool = False) -> Bean:
        """An item that waits, or, without ``item``, one that has left: to become ``build``, or cancelled."""
        job = self._controller.jobs[build.job]
        waiting = item is not None and item.quiet_until is not None
        blocked = item is not None and item.blocked
        kind = "LeftItem" if item is None else "WaitingItem" if waiting else "BuildableItem"
        fields: dict[str, Any] = {
            "actions": [
                bean("hudson.model.CauseAction", {"causes": [_cause(cause) for cause in build.causes]}),
                *([_parameters_action(build)] if build.parameters else []),
            ],
            "blocked": blocked,
            "buildable": item is not None and not waiting and not blocked,
            "id": build.queue_id,
            "inQueueSince": milliseconds(build.queued_at),
            "params": "".join(
                f"\n{parameter.name}={'******' if parameter.kind in _HIDDEN else parameter.value}"
                for parameter in build.parameters
            ),
            "stuck": item is not None and item.stuck,
            "task": self.job(job),
            "url": f"queue/item/{build.queue_id}/",
            "why": None if item is None else item.why,
        }
        if item is None:
            fields |= {"cancelled": cancelled, "executable": None if cancelled else self.build(job, build)}
        elif item.quiet_until is not None:
            fields["timestamp"] = milliseconds(item.quiet_until)
        else:
            fields["buildableStartMilliseconds"] = milliseconds(build.queued_at + build.quiet)
            fields |= {} if blocked else {"pending": False}
            kind = "BlockedItem" if blocked else kind
        return bean(f"hudson.model.Queue${kind}", fields)

    def computers(self) -> Bean:
        """Agents and their executors; totals count those that are online."""
        executors = self._controller.executors()
        online = [slot for slot in executors if not slot.node.offline_reason]
        computers = []
        for node in self._controller.nodes():
            slots = [slot for slot in executors if slot.node.name == node.name]
            computers.append(self._computer(node.name, node.offline_reason, node.labels, slots))
        return bean(
            "hudson.model.ComputerSet",
            {
                "busyExecutors": sum(slot.build is not None for slot in online),
                "computer": computers,
                "displayName": "Nodes",
                "totalExecutors": len(online),
            },
        )

    def _computer(self, name: str, offline_reason: str, labels: tuple[str, ...], slots: list[Any]) -> Bean:
        builtin = name == "Built-In Node"
        cause = (
            bean(
                "hudson.slaves.OfflineCause$ChannelTermination",
                {"timestamp": milliseconds(self._controller.offline_since), "description": offline_reason},
            )
            if offline_reason
            else None
        )
        return bean(
            "hudson.model.Hudson$MasterComputer" if builtin else "hudson.slaves.SlaveComputer",
            {
                "actions": [],
                "assignedLabels": [bean("", {"name": label}) for label in (*labels, name)],
                "description": "",
                "displayName": name,
                "executors": [self._executor(slot) for slot in slots],
                "idle": all(slot.build is None for slot in slots),
                "jnlpAgent": not builtin,
                "launchSupported": not builtin,
                "manualLaunchAllowed": True,
                "monitorData": _NOTHING,
                "numExecutors": len(slots),
                "offline": bool(offline_reason),
                "offlineCause": cause,
                "offlineCauseReason": offline_reason,
                "oneOffExecutors": [],
                "temporarilyOffline": False,
            },
        )

    def _executor(self, slot: Any) -> Bean:
        def running() -> Bean | None:
            if slot.build is None:
                return None
            return self.build(self._controller.jobs[slot.build.job], slot.build)

        return bean(
            "",
            {},
            {
                "currentExecutable": running,
                "idle": lambda: slot.build is None,
                "likelyStuck": lambda: False,
                "number": fixed(slot.number),
                "progress": lambda: -1,
            },
        )

    def _inside(self, folder: str) -> list[Bean]:
        jobs, folders = self._controller.jobs, self._controller.folders
        return [
            self.job(jobs[name]) if name in jobs else self.folder(name) for name in folders.get(folder, ())
        ]

    def _makers(self, job: JenkinsJob, builds: Iterable[BuildPlan]) -> Lazily[Callable[[], Bean]]:
        return Lazily(partial(self.build, job, build) for build in builds)

    def _view(self, folder: str) -> Bean:
        return bean("hudson.model.AllView", {"name": "all", "url": self._root + item_path(folder)})

    def _numbered(self, job: JenkinsJob, number: int | None) -> Bean | None:
        if number is None:
            return None
        builds = self._controller.builds(job)
        return next((self.build(job, build) for build in builds if build.number == number), None)

    def _queued(self, job: JenkinsJob) -> Bean | None:
        waiting = (item for item in self._controller.queue() if item.build.job == job.full_name)
        return next((self.queue_item(item.build, item) for item in waiting), None)

    def _color(self, job: JenkinsJob, builds: Sequence[BuildPlan]) -> str:
        """The colour of the newest build; while it runs that of the one before, animated."""
        if job.disabled:
            return "disabled"
        if not builds:
            return "notbuilt"
        now = self._controller.now
        newest = next((build.result_at(now) for build in builds if build.result_at(now)), None)
        color = "notbuilt" if newest is None else _COLORS[newest]
        return f"{color}_anime" if builds[0].is_building(now) else color

    def _health(self, builds: Sequence[BuildPlan]) -> list[Bean]:
        results = [build.result_at(self._controller.now) for build in builds[:5]]
        ended = [result for result in results if result is not None]
        if not ended:
            return []
        bad = sum(result is BuildResult.FAILURE for result in ended)
        description = f"Build stability: {bad} out of the last {len(ended)} builds failed."
        return [bean("", {"description": description, "score": 100 - 100 * bad // len(ended)})]

    def _actions(self, build: BuildPlan) -> list[Bean]:
        actions = [
            bean("hudson.model.CauseAction", {"causes": [_cause(cause) for cause in build.causes]}),
            _NOTHING,
        ]
        if build.parameters:
            actions.insert(1, _parameters_action(build))
        if build.commit:
            actions.append(build_data(build))
        pending = build.input_at(self._controller.now)
        if pending is not None:
            actions.append(_input_action(pending))
        return [*actions, _NOTHING]


PERMALINKS: Mapping[str, frozenset[BuildResult]] = {
    "lastBuild": frozenset(),
    "lastCompletedBuild": frozenset(BuildResult),
    "lastFailedBuild": frozenset({BuildResult.FAILURE}),
    "lastStableBuild": frozenset({BuildResult.SUCCESS}),
    "lastSuccessfulBuild": frozenset({BuildResult.SUCCESS, BuildResult.UNSTABLE}),
    "lastUnstableBuild": frozenset({BuildResult.UNSTABLE}),
    "lastUnsuccessfulBuild": frozenset(
        {BuildResult.FAILURE, BuildResult.UNSTABLE, BuildResult.ABORTED, BuildResult.NOT_BUILT}
    ),
}
"""Names that stand for the newest build with one of these results; of all where there is none."""


def permalink(controller: Controller, builds: Sequence[BuildPlan], name: str) -> int | None:
    """The number that a name like ``lastFailedBuild`` stands for; None where there is no such build."""
    results, now = PERMALINKS.get(name), controller.now
    if results is None:
        return None
    found = (one for one in builds if not results or one.result_at(now) in results)
    return next((one.number for one in found), None)


def _job_class(job: JenkinsJob) -> str:
    return f"{_WORKFLOW}.WorkflowJob" if job.pipeline else "hudson.model.FreeStyleProject"


def _build_class(job: JenkinsJob) -> str:
    return f"{_WORKFLOW}.WorkflowRun" if job.pipeline else "hudson.model.FreeStyleBuild"


def _cause(cause: Cause) -> Bean:
    fields: dict[str, Any] = {"shortDescription": cause.description}
    if cause.kind == "user":
        fields |= {"userId": cause.user_id, "userName": cause.user_name}
    if cause.kind == "upstream":
        fields |= {
            "upstreamBuild": cause.upstream_build,
            "upstreamProject": cause.upstream_project,
            "upstreamUrl": item_path(cause.upstream_project),
        }
    return bean(_CAUSES.get(cause.kind, "hudson.model.Cause$RemoteCause"), fields)


def _parameters_action(build: BuildPlan) -> Bean:
    return bean(
        "hudson.model.ParametersAction",
        {"parameters": [_parameter(parameter) for parameter in build.parameters]},
    )


def _parameter(parameter: BuildParameter) -> Bean:
    """Passwords, files and credentials come with their name alone."""
    fields: dict[str, Any] = {"name": parameter.name}
    if parameter.kind == "boolean":
        fields["value"] = parameter.value == "true"
    elif parameter.kind not in _HIDDEN:
        fields["value"] = parameter.value
    kind = _PARAMETERS.get(parameter.kind, parameter.kind.capitalize())
    return bean(f"{_package(parameter.kind)}{kind}ParameterValue", fields)


def _package(kind: str) -> str:
    return _CREDENTIALS if kind == "credentials" else _MODEL


def _definitions(definitions: tuple[ParameterDefinition, ...]) -> Bean:
    return bean(
        "hudson.model.ParametersDefinitionProperty",
        {"parameterDefinitions": [_definition(definition) for definition in definitions]},
    )


def _definition(definition: ParameterDefinition) -> Bean:
    kind = f"{definition.kind.capitalize()}ParameterDefinition"
    default = BuildParameter(name=definition.name, value=definition.default, kind=definition.kind)
    fields: dict[str, Any] = {
        "defaultParameterValue": None if definition.kind == "file" else _parameter(default),
        "description": definition.description,
        "name": definition.name,
        "type": kind,
    }
    if definition.choices:
        fields["choices"] = list(definition.choices)
    return bean(f"{_package(definition.kind)}{kind}", fields)


def _artifact(path: str) -> Bean:
    name = path.rpartition("/")[2]
    return bean("", {"displayPath": name, "fileName": name, "relativePath": path})


def _input_action(pending: PendingInput) -> Bean:
    asked = bean(
        "org.jenkinsci.plugins.workflow.support.steps.input.InputStep",
        {
            "cancel": "Abort",
            "id": pending.input_id,
            "message": pending.message,
            "ok": pending.ok,
            "parameters": [_definition(one) for one in pending.parameters],
            "submitter": pending.submitter or None,
            "submitterParameter": None,
        },
    )
    execution = bean(
        "org.jenkinsci.plugins.workflow.support.steps.input.InputStepExecution",
        {
            "displayName": _shortened(pending.message),
            "id": pending.input_id,
            "input": asked,
            "settled": False,
        },
    )
    return bean(
        "org.jenkinsci.plugins.workflow.support.steps.input.InputAction",
        {"executions": [execution], "waitingForInput": True},
    )


def _shortened(message: str) -> str:
    """At most 32 characters of it (``InputStepExecution.getDisplayName``)."""
    return message if len(message) < _NAME_LENGTH else f"{message[:_NAME_LENGTH]}..."


_NAME_LENGTH = 32
