"""Triggering a build over HTTP, as ``ParameterizedJobMixIn`` and ``ParametersDefinitionProperty`` answer.

``/build`` looks whether the job can be built before it looks at permissions, ``/buildWithParameters``
after; an item that was there already is a 303 from the latter and a 201 like a new one from the former.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from html import escape
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from fedesk.sandbox.jenkins_controller import Controller
from fedesk.sandbox.jenkins_queue import Scheduled
from fedesk.sandbox.jenkins_security import Caller, error_page, forbidden
from fedesk.sandbox.model_jenkins import QUIET_PERIOD, BuildParameter, JenkinsJob, ParameterDefinition

_BUILD = "hudson.model.Item.Build"
_DELAY = re.compile(r"\s*(-?\d+)\s*(secs?)?\s*")
_CREATED, _SEE_OTHER = 201, 303


class IllegalArgumentError(ValueError):
    """What Java's IllegalArgumentException is: an uncaught exception, hence a 500."""


class NothingSubmittedError(ValueError):
    """A form was expected and none came: a 400."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One request to build a job."""

    controller: Controller
    job: JenkinsJob
    caller: Caller
    request: Request
    body: bytes

    def answer(self, verb: str) -> Response:
        """What ``build`` or ``buildWithParameters`` answers."""
        try:
            return self._build() if verb == "build" else self._build_with_parameters()
        except IllegalArgumentError as error:
            return error_page(500, f"Oops! java.lang.IllegalArgumentException: {error}")
        except NothingSubmittedError as error:
            return error_page(400, str(error))

    def _build(self) -> Response:
        quiet = self._quiet()
        if self.job.disabled:
            return self._not_buildable()
        if self.job.parameters and self.request.method != "POST":
            return method_not_allowed("This page asks for parameters")
        refused = self._refused()
        if refused is not None:
            return refused
        if not self.job.parameters:
            scheduled = self._schedule((), quiet)
            return self._to_job() if scheduled is None else self._to_item(scheduled, _CREATED)
        scheduled = self._schedule(self._submitted(), quiet)
        if scheduled is None or not scheduled.created:
            return self._to_job()
        return self._to_item(scheduled, _CREATED)

    def _build_with_parameters(self) -> Response:
        quiet = self._quiet()
        refused = self._refused()
        if refused is not None:
            return refused
        if self.job.disabled:
            return self._not_buildable()
        if not self.job.parameters:
            return error_page(400, f"{self.job.full_name} is not parameterized")
        form = self._form()
        values = [_value(definition, form.get(definition.name)) for definition in self.job.parameters]
        scheduled = self._schedule(tuple(value for value in values if value is not None), quiet)
        if scheduled is None:
            return self._to_job()
        return self._to_item(scheduled, _CREATED if scheduled.created else _SEE_OTHER)

    def _form(self) -> dict[str, list[str]]:
        """Parameters of the query and of a form, as a servlet request gives them."""
        query = parse_qs(self.request.url.query, keep_blank_values=True)
        kind = self.request.headers.get("content-type", "")
        if self.request.method == "POST" and kind.startswith("application/x-www-form-urlencoded"):
            for name, values in parse_qs(self.body.decode("latin-1"), keep_blank_values=True).items():
                query.setdefault(name, []).extend(values)
        return query

    def _quiet(self) -> timedelta:
        """``delay``, in milliseconds or with the suffix ``sec``; else the quiet period."""
        given = self._form().get("delay")
        if given is None:
            return QUIET_PERIOD
        match = _DELAY.fullmatch(given[0])
        if match is None:
            raise IllegalArgumentError(f"Invalid time duration value: {given[0]}")
        return timedelta(seconds=int(match[1]) if match[2] else int(match[1]) // 1000)

    def _submitted(self) -> tuple[BuildParameter, ...]:
        """Values from the form field ``json``; defaults are not used."""
        raw = self._form().get("json")
        if raw is None:
            raise NothingSubmittedError("This page expects a form submission")
        if not raw[0]:
            raise NothingSubmittedError("Nothing is submitted")
        try:
            document = json.loads(raw[0])
        except ValueError as error:
            raise IllegalArgumentError(f"Failed to parse JSON: {error}") from None
        given = document.get("parameter", []) if isinstance(document, dict) else []
        known = {definition.name: definition for definition in self.job.parameters}
        values = []
        for one in given if isinstance(given, list) else [given]:
            name = str(one["name"])
            if name not in known:
                raise IllegalArgumentError(f"No such parameter definition: {name}")
            value = _value(known[name], [_text(one.get("value", ""))])
            if value is None:
                raise IllegalArgumentError(f"Cannot retrieve the parameter value: {name}")
            values.append(value)
        return tuple(values)

    def _schedule(self, values: tuple[BuildParameter, ...], quiet: timedelta) -> Scheduled | None:
        if self.caller.identity is None:
            raise IllegalArgumentError("anonymous may not build")
        return self.controller.trigger(self.job, values, self.caller.identity, quiet)

    def _refused(self) -> Response | None:
        if not (self.caller.is_writer or self.caller.name in self.job.builders):
            return forbidden(self.request, self.caller, _BUILD)
        return None if self.request.method == "POST" else method_not_allowed("Form post required")

    def _not_buildable(self) -> Response:
        return error_page(409, f"{self.job.full_name} is not buildable")

    def _to_item(self, scheduled: Scheduled, status: int) -> Response:
        location = f"{self._root()}queue/item/{scheduled.item.queue_id}/"
        return Response(status_code=status, headers={"Location": location})

    def _to_job(self) -> Response:
        path = self.request.url.path.rpartition("/")[0]
        return Response(status_code=302, headers={"Location": f"{self._root()}{path.lstrip('/')}/"})

    def _root(self) -> str:
        return f"{self.request.url.scheme}://{self.request.url.netloc}/"


def method_not_allowed(words: str) -> Response:
    """405: what changes something is asked for by POST."""
    page = error_page(405, words)
    page.headers["Allow"] = "POST"
    return page


def _value(definition: ParameterDefinition, given: list[str] | None) -> BuildParameter | None:
    """A parameter's value of what was submitted for it, its default where nothing was; None for no file."""
    if definition.kind == "file":
        return None
    if given is None:
        text = definition.default or next(iter(definition.choices), "")
    elif len(given) != 1:
        raise IllegalArgumentError(f"Illegal number of parameter values for {definition.name}: {len(given)}")
    else:
        text = given[0]
    if definition.kind == "choice" and text not in definition.choices:
        raise IllegalArgumentError(f"Illegal choice for parameter {definition.name}: {text}")
    if definition.kind == "boolean":
        text = "true" if text.lower() == "true" else "false"
    return BuildParameter(name=definition.name, value=text, kind=definition.kind)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def config_xml(job: JenkinsJob) -> bytes:
    """A job's definition; what is secret in it is masked, as for those who may not configure the job."""
    kinds: Mapping[str, str] = {"credentials": "com.cloudbees.plugins.credentials."}
    parameters = "".join(
        f"        <{kinds.get(one.kind, 'hudson.model.')}{one.kind.capitalize()}ParameterDefinition>\n"
        f"          <name>{escape(one.name)}</name>\n"
        f"          <description>{escape(one.description)}</description>\n"
        f"          <defaultValue>{'********' if one.kind == 'password' else escape(one.default)}"
        "</defaultValue>\n"
        + "".join(f"          <string>{escape(choice)}</string>\n" for choice in one.choices)
        + f"        </{kinds.get(one.kind, 'hudson.model.')}{one.kind.capitalize()}ParameterDefinition>\n"
        for one in job.parameters
    )
    root = "flow-definition" if job.pipeline else "project"
    stages = "".join(f"stage('{escape(name)}') {{ … }}\n" for name, _ in job.stages)
    return (
        f"<?xml version='1.1' encoding='UTF-8'?>\n<{root}>\n"
        f"  <description>{escape(job.description)}</description>\n"
        "  <properties>\n    <hudson.model.ParametersDefinitionProperty>\n      <parameterDefinitions>\n"
        f"{parameters}      </parameterDefinitions>\n    </hudson.model.ParametersDefinitionProperty>\n"
        f"  </properties>\n  <script>{stages}</script>\n"
        f"  <disabled>{str(job.disabled).lower()}</disabled>\n</{root}>\n"
    ).encode()
