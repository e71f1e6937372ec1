"""The stage view's REST API, ``wfapi``, with its caps (``contracts/jenkins_plugins.md`` 1)."""

import html
from typing import Any
from urllib.parse import quote

from fedesk.sandbox.jenkins_beans import item_path
from fedesk.sandbox.jenkins_controller import Atom, Controller, milliseconds
from fedesk.sandbox.jenkins_input import parameters_of
from fedesk.sandbox.jenkins_log import console_text
from fedesk.sandbox.model import BuildPlan, JenkinsJob, StagePlan, StageState

RUNS_PER_JOB = 10
STEPS_PER_STAGE = 100
LOG_TAIL = 10_240

_RESULTS = {
    "SUCCESS": "SUCCESS",
    "UNSTABLE": "UNSTABLE",
    "FAILURE": "FAILED",
    "ABORTED": "ABORTED",
    "NOT_BUILT": "NOT_EXECUTED",
}


def describe_job(controller: Controller, job: JenkinsJob) -> dict[str, Any]:
    """``X/wfapi/describe``."""
    base = f"/{item_path(job.full_name)}wfapi"
    return {
        "_links": {"self": {"href": f"{base}/describe"}, "runs": {"href": f"{base}/runs"}},
        "name": job.name,
        "runCount": len(controller.builds(job)[:RUNS_PER_JOB]),
    }


def runs(
    controller: Controller, job: JenkinsJob, *, since: str | None, full_stages: bool
) -> list[dict[str, Any]]:
    """``X/wfapi/runs``: newest first, at most ten, back to the display name ``since`` if it is among them."""
    found: list[dict[str, Any]] = []
    newest = controller.builds(job)[:RUNS_PER_JOB]
    for build in newest:
        found.append(describe(controller, build, full_stages=full_stages))
        if since == f"#{build.number}":
            break
    return found


def describe(controller: Controller, build: BuildPlan, *, full_stages: bool = False) -> dict[str, Any]:
    """``X/N/wfapi/describe``."""
    now, base = controller.now, f"/{item_path(build.job)}{build.number}/wfapi"
    started = milliseconds(build.started_at)
    result = build.result_at(now)
    ended = milliseconds(build.ended_at if result is not None else now)
    pending = build.input_at(now) is not None
    status = "PAUSED_PENDING_INPUT" if pending else "IN_PROGRESS"
    links: dict[str, Any] = {
        "self": {"href": f"{base}/describe"},
        "artifacts": {"href": f"{base}/artifacts"} if controller.artifacts(build) else None,
    }
    if build.changes:
        links["changesets"] = {"href": f"{base}/changesets"}
    if pending:
        links["pendingInputActions"] = {"href": f"{base}/pendingInputActions"}
        links["nextPendingInputAction"] = {"href": f"{base}/nextPendingInputAction"}
    return {
        "_links": links,
        "id": str(build.number),
        "name": f"#{build.number}",
        "status": status if result is None else _RESULTS[result.value],
        "startTimeMillis": started,
        "endTimeMillis": ended,
        "durationMillis": ended - started,
        "queueDurationMillis": max(started - milliseconds(build.queued_at), 0),
        "pauseDurationMillis": 0,
        "stages": [
            describe_stage(controller, build, stage, full_stages=full_stages)
            for stage in build.stages
            if stage.started_at <= now
        ],
    }


def describe_stage(
    controller: Controller, build: BuildPlan, stage: StagePlan, *, full_stages: bool
) -> dict[str, Any]:
    """A stage; with its steps, the first hundred of them, where they are asked for."""
    now = controller.now
    state = build.stage_state(stage, now)
    unfinished = state in (StageState.IN_PROGRESS, StageState.PAUSED_PENDING_INPUT)
    ended = now if unfinished or stage.ended_at is None else stage.ended_at
    written = _node(build, stage.node_id, stage.name, state.value)
    if state in (StageState.FAILED, StageState.ABORTED):
        written["error"] = {"message": stage.error or None, "type": "hudson.AbortException"}
    written |= {
        "startTimeMillis": milliseconds(stage.started_at),
        "durationMillis": milliseconds(ended) - milliseconds(stage.started_at),
        "pauseDurationMillis": 0,
    }
    if full_stages:
        written["stageFlowNodes"] = [
            _describe_atom(controller, build, stage, atom)
            for atom in controller.atoms(build, stage)[:STEPS_PER_STAGE]
        ]
    return written


def describe_node(controller: Controller, build: BuildPlan, node_id: str) -> dict[str, Any] | None:
    """``X/N/execution/node/M/wfapi/describe``; None for an unknown node."""
    for stage in build.stages:
        if stage.started_at > controller.now:
            continue
        if stage.node_id == node_id:
            return describe_stage(controller, build, stage, full_stages=True)
        for atom in controller.atoms(build, stage):
            if atom.node_id == node_id:
                # Of a step by itself only the error is looked at: it reads SUCCESS while it runs.
                return {**_describe_atom(controller, build, stage, atom), "status": "SUCCESS"}
    return None


def node_log(controller: Controller, build: BuildPlan, node_id: str) -> dict[str, Any] | None:
    """``X/N/execution/node/M/wfapi/log``: the last 10 KB as HTML; None for an unknown node."""
    atom = find_atom(controller, build, node_id)
    if atom is None:
        return None
    console = f"/{item_path(build.job)}{build.number}/execution/node/{node_id}/log"
    raw = console_text(controller.atom_log(atom))
    written: dict[str, Any] = {
        "nodeId": node_id,
        "nodeStatus": "SUCCESS",
        "length": min(len(raw), LOG_TAIL),
        "hasMore": len(raw) > LOG_TAIL,
        "consoleUrl": console if atom.lines else None,
    }
    if raw:
        written["text"] = html.escape(raw[-LOG_TAIL:].decode("utf-8", "replace"))
    return written


def find_atom(controller: Controller, build: BuildPlan, node_id: str) -> Atom | None:
    """The step with that node id, if it has begun."""
    return next(
        (
            atom
            for stage in build.stages
            for atom in controller.atoms(build, stage)
            if atom.node_id == node_id
        ),
        None,
    )


def pending_inputs(controller: Controller, build: BuildPlan) -> list[dict[str, Any]]:
    """``X/N/wfapi/pendingInputActions``."""
    pending = build.input_at(controller.now)
    if pending is None:
        return []
    base = f"/{item_path(build.job)}{build.number}"
    input_id = quote(pending.input_id, safe="")
    return [
        {
            "id": pending.input_id,
            "proceedText": pending.ok,
            "message": pending.message,
            "inputs": parameters_of(pending),
            "proceedUrl": f"{base}/wfapi/inputSubmit?inputId={input_id}",
            "abortUrl": f"{base}/input/{input_id}/abort",
            "redirectApprovalUrl": f"{base}/input/",
        }
    ]


def artifact_list(controller: Controller, build: BuildPlan) -> list[dict[str, Any]]:
    """``X/N/wfapi/artifacts``, the only JSON with sizes."""
    base = f"/{item_path(build.job)}{build.number}/artifact"
    return [
        {
            "id": f"n{position}",
            "name": file.path.rpartition("/")[2],
            "path": quote(file.path),
            "url": f"{base}/{quote(file.path)}",
            "size": len(file.content),
        }
        for position, file in enumerate(controller.artifacts(build), start=1)
    ]


def change_list(build: BuildPlan) -> list[dict[str, Any]]:
    """``X/N/wfapi/changesets``."""
    if not build.changes:
        return []
    console = f"/{item_path(build.job)}{build.number}/changes"
    commits = [
        {
            "commitId": commit.commit_id,
            "authorJenkinsId": "",
            "message": commit.message,
            "timestamp": milliseconds(commit.at),
            "consoleUrl": f"{console}#{commit.commit_id}",
        }
        for commit in build.changes
    ]
    return [{"kind": "git", "commitCount": len(commits), "commits": commits, "consoleUrl": console}]


def _describe_atom(controller: Controller, build: BuildPlan, stage: StagePlan, atom: Atom) -> dict[str, Any]:
    now, ended = controller.now, atom.has_ended(controller.now)
    failed = stage.outcome is StageState.FAILED and atom.ended_at == stage.ended_at
    status = ("FAILED" if failed else "SUCCESS") if ended else build.stage_state(stage, now).value
    written = _node(build, atom.node_id, atom.name, status)
    if atom.lines:
        path = f"/{item_path(build.job)}{build.number}/execution/node/{atom.node_id}"
        written["_links"] |= {"log": {"href": f"{path}/wfapi/log"}, "console": {"href": f"{path}/log"}}
    if failed and ended:
        written["error"] = {"message": stage.error or None, "type": "hudson.AbortException"}
    until = atom.ended_at if ended else now
    return written | {
        "startTimeMillis": milliseconds(atom.started_at),
        "durationMillis": milliseconds(until) - milliseconds(atom.started_at),
        "pauseDurationMillis": 0,
        "parentNodes": [stage.node_id],
    }


def _node(build: BuildPlan, node_id: str, name: str, status: str) -> dict[str, Any]:
    path = f"/{item_path(build.job)}{build.number}/execution/node/{node_id}/wfapi/describe"
    return {
        "_links": {"self": {"href": path}},
        "id": node_id,
        "name": name,
        "execNode": "",
        "status": status,
    }
