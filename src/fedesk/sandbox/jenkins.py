"""Jenkins on loopback: what a current controller answers (``contracts/jenkins*.md``).

One process, one world. The filters come first (``jenkins_security``), then the path is walked segment by
segment as Stapler does. Builds can be triggered and queue items cancelled; what else changes something
answers as it does to those who may not: 405 by GET, 403 to a reader; the writer is told that this controller
does not do that.
"""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from fedesk.sandbox import jenkins_wfapi as wfapi
from fedesk.sandbox.jenkins_beans import Beans, permalink
from fedesk.sandbox.jenkins_controller import Controller
from fedesk.sandbox.jenkins_input import InputStep
from fedesk.sandbox.jenkins_log import SERVED_LINES, console_text, progressive_text
from fedesk.sandbox.jenkins_queue import Cancelled
from fedesk.sandbox.jenkins_security import (
    CRUMB_FIELD,
    Caller,
    Gate,
    error_page,
    forbidden,
    who_am_i,
)
from fedesk.sandbox.jenkins_tokens import PROPERTY
from fedesk.sandbox.jenkins_tree import Bean, ByDepth, MalformedTreeError, exported, parse_tree
from fedesk.sandbox.jenkins_triggers import Trigger, config_xml, method_not_allowed
from fedesk.sandbox.long_log import LINE, LongLog
from fedesk.sandbox.model import BuildPlan, JenkinsJob
from fedesk.sandbox.world import JENKINS_VERSION, World

_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
_UNPROTECTED = frozenset(
    {"whoAmI", "login", "logout", "signup", "securityRealm", "accessDenied", "error", "oops", "404"}
)
_JOB_VERBS = {
    "doDelete": "hudson.model.Item.Delete",
    "enable": "hudson.model.Item.Configure",
    "disable": "hudson.model.Item.Configure",
}
_BUILD_VERBS = {
    "stop": "hudson.model.Item.Cancel",
    "term": "hudson.model.Item.Cancel",
    "kill": "hudson.model.Item.Cancel",
    "doDelete": "hudson.model.Run.Delete",
    "replay": "hudson.model.Run.Replay",
    "restart": "hudson.model.Item.Build",
}
_SERVER_VERBS = {
    "quietDown": "hudson.model.Hudson.Manage",
    "cancelQuietDown": "hudson.model.Hudson.Manage",
    "createItem": "hudson.model.Item.Create",
}
_TEXT = "text/plain;charset=UTF-8"
_OK = 200


def application(world: World) -> Starlette:
    """The ASGI application of one controller."""
    gate = Gate.of(world.identities("jenkins"))
    session = f"{world.seed:08x}"

    def visited(request: Request, body: bytes) -> Response:
        caller = gate.enter(request)
        if isinstance(caller, Response):
            return caller
        return _Visit(world, gate, request, caller, body).answer()

    async def answer(request: Request) -> Response:
        body = await request.body() if request.method == "POST" else b""
        response = await run_in_threadpool(visited, request, body)
        response.headers["X-Content-Type-Options"] = "nosniff"
        if response.media_type == "text/html":
            response.headers["X-Hudson"] = "1.395"
        if response.media_type == "text/html" or request.url.path.endswith("/api/json"):
            response.headers["X-Jenkins"] = JENKINS_VERSION
            response.headers["X-Jenkins-Session"] = session
        return response

    return Starlette(routes=[Route("/{path:path}", answer, methods=_METHODS)])


class _Visit:
    """One request by someone who has passed the filters."""

    def __init__(self, world: World, gate: Gate, request: Request, caller: Caller, body: bytes) -> None:
        self._gate = gate
        self._request = request
        self._caller = caller
        self._body = body
        self._controller = Controller(world, f"{request.url.scheme}://{request.url.netloc}/")
        self._beans = Beans(self._controller, self._controller.root)

    def answer(self) -> Response:
        path: bytes = self._request.scope.get("raw_path") or self._request.url.path.encode()
        segments = [unquote(segment) for segment in path.decode("latin-1").split("/") if segment]
        if segments and segments[0] in _UNPROTECTED:
            return self._unprotected(segments)
        if self._caller.identity is None:
            return forbidden(self._request, self._caller, "hudson.model.Hudson.Read")
        match segments:
            case []:
                found = _page("Dashboard - Jenkins")
            case ["api", "json"]:
                found = self._json(self._beans.controller())
            case ["crumbIssuer", "api", "json"]:
                found = self._crumb()
            case ["queue", *rest]:
                found = self._queue(rest)
            case ["computer", "api", "json"]:
                found = self._json(self._beans.computers())
            case ["job", *_]:
                found = self._item(segments)
            case _:
                found = self._elsewhere(segments)
        return found

    def _unprotected(self, segments: list[str]) -> Response:
        if segments == ["whoAmI", "api", "json"]:
            return _json_response(who_am_i(self._caller), {"X-Frame-Options": "deny"})
        return HTMLResponse("<html><head><title>Sign in - Jenkins</title></head><body></body></html>")

    def _json(self, bean: Bean) -> Response:
        asked = self._request.query_params
        if "jsonp" in asked:
            return error_page(403, "Use of jsonp is forbidden")
        try:
            pruner = (
                parse_tree(asked["tree"]) if "tree" in asked else ByDepth(1 - int(asked.get("depth", "0")))
            )
        except MalformedTreeError as error:
            return error_page(500, f"Malformed tree expression: java.lang.IllegalArgumentException: {error}")
        except ValueError:
            return error_page(500, "Depth parameter must be a number")
        return _json_response(exported(bean, pruner), {"X-Frame-Options": "deny"})

    def _crumb(self) -> Response:
        session = self._caller.session or self._gate.new_session()
        response = _json_response(
            {
                "_class": "hudson.security.csrf.DefaultCrumbIssuer",
                "crumb": self._gate.crumb(self._caller.name, session),
                "crumbRequestField": CRUMB_FIELD,
            },
            {"X-Frame-Options": "deny"},
        )
        if not self._caller.session:
            response.set_cookie(self._gate.session_key, session, httponly=True, samesite="lax")
        return response

    def _elsewhere(self, segments: list[str]) -> Response:
        match segments:
            case ["user", user, *place, verb] if tuple(place) == PROPERTY:
                return self._tokens(user, verb)
            case [verb] if verb in _SERVER_VERBS:
                return self._refused(_SERVER_VERBS[verb])
            case _:
                return _not_found()

    def _tokens(self, user: str, verb: str) -> Response:
        if self._request.method != "POST":
            return method_not_allowed("Form post required")
        if user != self._caller.name:
            return error_page(403, "Forbidden")
        form = dict(parse_qsl(self._body.decode("utf-8", "replace")))
        return self._gate.tokens.answer(verb, user, form) or _not_found()

    def _queue(self, rest: list[str]) -> Response:
        match rest:
            case ["api", "json"]:
                return self._json(self._beans.queue())
            case ["cancelItem"]:
                return self._cancel(self._request.query_params.get("id", ""))
            case ["item", number, *end] if number.isdecimal():
                return self._queue_item(int(number), end)
            case _:
                return _not_found()

    def _queue_item(self, number: int, end: list[str]) -> Response:
        waiting = next((item for item in self._controller.queue() if item.build.queue_id == number), None)
        left = self._controller.left_item(number) if waiting is None else None
        if waiting is None and left is None:
            return _not_found()
        if end != ["api", "json"]:
            return PlainTextResponse("Queue item exists. For details check, for example, api/json?tree=*")
        if waiting is not None:
            bean = self._beans.queue_item(waiting.build, waiting)
        elif isinstance(left, Cancelled):
            bean = self._beans.queue_item(left.build, cancelled=True)
        elif left is not None:
            bean = self._beans.queue_item(left)
        return self._json(bean)

    def _cancel(self, number: str) -> Response:
        """An item that has left can still be found, and cancelling it fails."""
        if self._request.method != "POST":
            return method_not_allowed("Form post required")
        known = number.isdecimal() and self._queue_item(int(number), []).status_code == _OK
        if not known:
            return error_page(404, f"Provided id ({number}) not found")
        if not self._caller.is_writer:
            return error_page(422, f"Item for id ({number}) is not cancellable")
        if not self._controller.cancel(int(number)):
            return error_page(500, f"Could not cancel run for id {number}")
        return Response(status_code=204)

    def _item(self, segments: list[str]) -> Response:
        """Folders and jobs: ``job/NAME`` for each level."""
        names: list[str] = []
        while len(segments) > 1 and segments[0] == "job":
            names.append(segments[1])
            segments = segments[2:]
            if "/".join(names) not in self._controller.folders and segments[:1] != ["job"]:
                break
        full_name = "/".join(names)
        job = self._controller.jobs.get(full_name)
        if job is not None:
            return self._job(job, segments)
        if full_name not in self._controller.folders:
            return _not_found()
        if segments == ["api", "json"]:
            return self._json(self._beans.folder(full_name))
        return _page(full_name) if not segments else _not_found()

    def _job(self, job: JenkinsJob, rest: list[str]) -> Response:
        builds = self._controller.builds(job)
        match rest:
            case []:
                found = _page(job.full_name)
            case ["api", "json"]:
                found = self._json(self._beans.job(job))
            case ["wfapi"] | ["wfapi", "describe"] if job.pipeline:
                found = _json_response(wfapi.describe_job(self._controller, job))
            case ["wfapi", "runs"] if job.pipeline:
                asked = self._request.query_params
                full = asked.get("fullStages") == "true"
                since = asked.get("since")
                found = _json_response(wfapi.runs(self._controller, job, since=since, full_stages=full))
            case ["build" | "buildWithParameters" as verb]:
                found = Trigger(
                    controller=self._controller,
                    job=job,
                    caller=self._caller,
                    request=self._request,
                    body=self._body,
                ).answer(verb)
            case ["config.xml"]:
                found = self._definition(job)
            case [verb] if verb in _JOB_VERBS:
                found = self._refused(_JOB_VERBS[verb])
            case [number, *end]:
                named = permalink(self._controller, builds, number)
                wanted = int(number) if number.isdecimal() else named
                build = next((build for build in builds if build.number == wanted), None)
                found = _not_found() if build is None else self._build(job, build, end)
            case _:
                found = _not_found()
        return found

    def _build(self, job: JenkinsJob, build: BuildPlan, rest: list[str]) -> Response:
        match rest:
            case []:
                found = _page(f"{job.full_name} #{build.number}")
            case ["api", "json"]:
                found = self._json(self._beans.build(job, build))
            case ["logText", "progressiveText"] | ["consoleText"]:
                found = self._log(build, whole=rest == ["consoleText"])
            case ["artifact", *path]:
                found = self._artifact(build, "/".join(path))
            case ["wfapi", "inputSubmit"] if job.pipeline:
                found = self._input(job, build).submitted()
            case ["input", *what] if job.pipeline:
                found = self._input(job, build).answer(what)
            case ["wfapi", *what] if job.pipeline and len(what) <= 1:
                found = self._stages(build, what[0] if what else "describe")
            case ["execution", "node", node_id, *what] if job.pipeline:
                found = self._node(build, node_id, what)
            case [verb, *_] if verb in _BUILD_VERBS:
                found = self._refused(_BUILD_VERBS[verb])
            case _:
                found = _not_found()
        return found

    def _input(self, job: JenkinsJob, build: BuildPlan) -> InputStep:
        return InputStep(
            world=self._controller.world,
            job=job,
            build=build,
            caller=self._caller,
            request=self._request,
            body=self._body,
        )

    def _stages(self, build: BuildPlan, what: str) -> Response:
        controller = self._controller
        full = self._request.query_params.get("fullStages") == "true"
        answers: dict[str, Callable[[], Any]] = {
            "describe": lambda: wfapi.describe(controller, build, full_stages=full),
            "artifacts": lambda: wfapi.artifact_list(controller, build),
            "changesets": lambda: wfapi.change_list(build),
            "pendingInputActions": lambda: wfapi.pending_inputs(controller, build),
            "nextPendingInputAction": lambda: next(iter(wfapi.pending_inputs(controller, build)), None),
        }
        return _json_response(answers[what]()) if what in answers else _not_found()

    def _node(self, build: BuildPlan, node_id: str, what: list[str]) -> Response:
        controller = self._controller
        if wfapi.describe_node(controller, build, node_id) is None:
            return _not_found()
        match what:
            case ["wfapi"] | ["wfapi", "describe"]:
                return _json_response(wfapi.describe_node(controller, build, node_id))
            case ["wfapi", "log"]:
                return _json_response(wfapi.node_log(controller, build, node_id))
            case ["log", "logText", "progressiveText"]:
                atom = wfapi.find_atom(controller, build, node_id)
                if atom is None or not atom.lines:
                    return _not_found()
                return self._progressive(controller.atom_log(atom), complete=atom.has_ended(controller.now))
            case _:
                return _not_found()

    def _progressive(self, raw: bytes, *, complete: bool) -> Response:
        try:
            served = progressive_text(
                raw, int(self._request.query_params.get("start", "0")), complete=complete
            )
        except ValueError as error:
            return error_page(500, f"Oops: {error}")
        return Response(served.body, media_type=_TEXT, headers=served.headers)

    def _log(self, build: BuildPlan, *, whole: bool) -> Response:
        long = self._controller.long_log(build)
        if long is not None:
            return self._long(long, whole=whole)
        raw, complete = self._controller.log(build)
        if whole:
            return Response(console_text(raw), media_type=_TEXT)
        return self._progressive(raw, complete=complete)

    def _long(self, log: LongLog, *, whole: bool) -> Response:
        """A log that is made while it is sent; its lines have no notes and sound bytes."""
        written = log.written(self._controller.now)
        start, size, headers = 0, written * LINE, {}
        if not whole:
            start = int(self._request.query_params.get("start", "0"))
            start = 0 if start > size else start
            headers["X-Text-Size"] = str(size)
            if written < log.lines:
                headers["X-More-Data"] = "true"
                size = min(size, (start // LINE + SERVED_LINES) * LINE)
        blocks = log.read(start, size, line_end=b"\n" if whole else b"\r\n")
        return StreamingResponse(blocks, media_type=_TEXT, headers=headers)

    def _artifact(self, build: BuildPlan, path: str) -> Response:
        for file in self._controller.artifacts(build):
            if file.path == path:
                return Response(file.content, media_type="application/octet-stream")
        return _not_found()

    def _definition(self, job: JenkinsJob) -> Response:
        """``config.xml``, for those who may build as well; nobody may change it."""
        reads = self._request.method == "GET"
        if not (reads and self._caller.is_writer):
            needed = "hudson.model.Item.ExtendedRead" if reads else "hudson.model.Item.Configure"
            return forbidden(self._request, self._caller, needed)
        return Response(config_xml(job), media_type="application/xml")

    def _refused(self, permission: str) -> Response:
        """A verb that changes something, and that this controller does not do."""
        if self._request.method != "POST":
            return method_not_allowed("Form post required")
        if not self._caller.is_writer:
            return forbidden(self._request, self._caller, permission)
        return error_page(501, "This controller of the sandbox does not do that")


def _json_response(value: Any, headers: dict[str, str] | None = None) -> Response:
    """JSON as Java writes it: a lone surrogate becomes a ``?``."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Response(
        text.encode("utf-8", "replace"), media_type="application/json;charset=utf-8", headers=headers
    )


def _page(title: str) -> Response:
    page = error_page(200, title)
    return HTMLResponse(page.body)


def _not_found() -> Response:
    return error_page(404, "Not Found")
