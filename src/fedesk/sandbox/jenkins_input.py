"""The ``input`` step: a build waits for somebody to say whether it goes on (``jenkins_plugins.md`` 2).

Rules and words are of ``InputStepExecution`` (jenkinsci/pipeline-input-step-plugin). Once it is answered
an input is gone, and its address is a 404.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from fedesk.sandbox.builds import timeline
from fedesk.sandbox.jenkins_security import Caller, error_page
from fedesk.sandbox.jenkins_triggers import method_not_allowed
from fedesk.sandbox.model_jenkins import (
    BuildPlan,
    BuildResult,
    JenkinsJob,
    ParameterDefinition,
    PendingInput,
    StageState,
)

if TYPE_CHECKING:
    from fedesk.sandbox.world import World

GROUPS: Mapping[str, frozenset[str]] = {"releasers": frozenset({"releaser"})}
"""Who is in a group of the security realm."""


class RefusedError(Exception):
    """``hudson.model.Failure``: a business refusal, hence a 400."""


class OopsError(Exception):
    """An exception that nobody caught: a 500."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputStep:
    """One request to the input at which a build waits."""

    world: "World"
    job: JenkinsJob
    build: BuildPlan
    caller: Caller
    request: Request
    body: bytes

    def answer(self, rest: list[str]) -> Response:
        """``X/N/input/ID/VERB``."""
        pending = self.build.input_at(self.world.now())
        if pending is None or len(rest) != 2 or rest[0] != pending.input_id:  # noqa: PLR2004 - id and verb
            return error_page(404, "Not Found")
        verbs = {
            "proceedEmpty": lambda: self._proceed(pending, None),
            "proceed": lambda: self._proceed(pending, self._form()),
            "abort": lambda: self._abort(pending),
            "submit": lambda: self._submit(pending),
        }
        if rest[1] not in verbs:
            return error_page(404, "Not Found")
        if self.request.method != "POST":
            return method_not_allowed("Form post required")
        try:
            return verbs[rest[1]]()
        except RefusedError as refused:
            return error_page(400, str(refused))
        except OopsError as oops:
            return error_page(500, f"Oops! {oops}")

    def submitted(self) -> Response:
        """``X/N/wfapi/inputSubmit?inputId=ID``: the same as ``proceed``, but whatever is wrong is a 500."""
        if self.request.method != "POST":
            return method_not_allowed("Form post required")
        pending = self.build.input_at(self.world.now())
        if pending is None or self.request.query_params.get("inputId") != pending.input_id:
            return error_page(500, "Oops! java.lang.IllegalArgumentException: no such input")
        try:
            self._proceed(pending, self._form())
        except (RefusedError, OopsError) as error:
            return error_page(500, f"Oops! {error}")
        return Response(b"null", media_type="application/json;charset=UTF-8")

    def _submit(self, pending: PendingInput) -> Response:
        form = dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        if "proceed" in form:
            self._proceed(pending, self._form())
        else:
            self._abort(pending)
        return Response(status_code=302, headers={"Location": "../../console"})

    def _proceed(self, pending: PendingInput, form: Mapping[str, object] | None) -> Response:
        if not self._may_settle(pending):
            who = pending.submitter or "a user with Job/Build"
            raise RefusedError(f"You need to be {who} to submit this")
        for name in _given(form):
            if name not in {one.name for one in pending.parameters}:
                raise OopsError(f"java.lang.IllegalArgumentException: No such parameter definition: {name}")
        settle(self.world, self.job, self.build, self.caller.name, proceeds=True)
        return Response(b"")

    def _abort(self, pending: PendingInput) -> Response:
        if not (self.caller.is_writer or self._may_settle(pending)):
            who = pending.submitter or "a user with Job/Build"
            raise RefusedError(f"You need to be '{who}' (or have Job/Cancel permissions) to cancel this.")
        settle(self.world, self.job, self.build, self.caller.name, proceeds=False)
        return Response(b"")

    def _may_settle(self, pending: PendingInput) -> bool:
        """Job/Build, unless a submitter is named: then it must be the user, or a group of the user's."""
        if not pending.submitter:
            return self.caller.is_writer or self.caller.name in self.job.builders
        named = [name.strip().lower() for name in pending.submitter.split(",")]
        mine = {group for group, users in GROUPS.items() if self.caller.name in users}
        return self.caller.name.lower() in named or any(group in named for group in mine)

    def _form(self) -> Mapping[str, object]:
        """What stands in the form field ``json`` (``StaplerRequest.getSubmittedForm``)."""
        form = dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        if "json" not in form:
            raise RefusedError("This page expects a form submission")
        if not form["json"]:
            raise RefusedError("Nothing is submitted")
        try:
            document = json.loads(form["json"])
        except ValueError as error:
            raise OopsError(f"jakarta.servlet.ServletException: Failed to parse JSON: {error}") from None
        return document if isinstance(document, dict) else {}


def settle(world: "World", job: JenkinsJob, build: BuildPlan, user: str, *, proceeds: bool) -> None:
    """Somebody answers the input at which a build waits: it goes on, or it is aborted."""
    with world.lock:
        now = world.now()
        *before, asking = build.stages
        if proceeds:
            done = replace(
                asking,
                ended_at=now,
                outcome=StageState.SUCCESS,
                error="",
                said=(f"Approved by {user}",),
            )
            after = timeline(job, now, 1.0, (BuildResult.SUCCESS, "", ""), since=len(build.stages))
            stages, ended_at, result = (*before, done, *after.stages), after.ended_at, BuildResult.SUCCESS
        else:
            done = replace(asking, ended_at=now, error=f"Rejected by {user}", said=(f"Rejected by {user}",))
            stages, ended_at, result = (*before, done), now, BuildResult.ABORTED
        settled = replace(build, stages=stages, ended_at=ended_at, result=result, pending_input=None)
        world.build_history(build.job).amend(settled)


def parameters_of(pending: PendingInput) -> list[dict[str, object]]:
    """What an input asks for, as ``InputParameterDefExt`` writes it."""
    return [_parameter(one) for one in pending.parameters]


def _parameter(one: ParameterDefinition) -> dict[str, object]:
    definition: dict[str, object] = {"defaultVal": one.default}
    if one.choices:
        definition["choices"] = list(one.choices)
    return {
        "type": f"{one.kind.capitalize()}ParameterDefinition",
        "name": one.name,
        "description": one.description,
        "definition": definition,
    }


def _given(form: Mapping[str, object] | None) -> list[str]:
    """Names of the parameters that were sent: an object, or several of them."""
    given = (form or {}).get("parameter", [])
    return [
        str(one.get("name"))
        for one in (given if isinstance(given, list) else [given])
        if isinstance(one, dict)
    ]
