"""The control port, and the same as an object: requests, the clock, the world's switches, faults."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fedesk.sandbox import airflow_clear, jenkins_input, jenkins_queue
from fedesk.sandbox.airflow_login import RefusedError
from fedesk.sandbox.deployments import WAYS_TO_BREAK
from fedesk.sandbox.faults import Fault, FaultBoard, FaultKind
from fedesk.sandbox.long_log import LINE, LongLog
from fedesk.sandbox.model import ENVIRONMENTS
from fedesk.sandbox.traffic import Request, TrafficLog
from fedesk.sandbox.world import World

Handler = Callable[[HttpRequest], Awaitable[Response]]
Document = dict[str, object]


class FaultsAreOffError(RuntimeError):
    """Faults were asked for in a sandbox that was started without them."""


class Control:
    """The sandbox's levers, for tests in the same process; safe from several threads."""

    def __init__(self, world: World, *, faults: bool) -> None:
        self.world = world
        self.clock = world.clock
        self.log = TrafficLog()
        self.board = FaultBoard()
        self._faults = faults

    def requests(self, system: str = "") -> tuple[Request, ...]:
        """What one system received, or all of them, in the order it came."""
        return self.log.requests(system)

    def clear_requests(self) -> None:
        """Forget what came so far."""
        self.log.clear()

    def fault(  # what a fault is made of, by name
        self,
        system: str,
        kind: FaultKind | str,
        *,
        match: str = "",
        times: int = 0,
        after: int = 0,
        status: int = 500,
        seconds: float = 1.0,
    ) -> Fault:
        """Set a fault up. Raises ValueError for what makes no sense, FaultsAreOffError without ``faults``."""
        if not self._faults:
            raise FaultsAreOffError("this sandbox was started without faults; start it with --faults")
        fault = Fault(
            system=system,
            kind=FaultKind(kind),
            match=match,
            times=times,
            after=after,
            status=status,
            seconds=seconds,
        )
        return self.board.add(fault)

    def clear_faults(self, system: str = "") -> None:
        """Take all faults down, or one system's; what hung or dripped is closed."""
        self.board.clear(system)

    def seal_vault(self, *, sealed: bool = True) -> None:
        """Seal the Vault, or unseal it."""
        self.world.vault_sealed = sealed

    def clear_run(
        self,
        environment: str,
        dag_id: str,
        run_id: str,
        *,
        user: str = "mara",
        task_ids: Sequence[str | tuple[str, int]] | None = None,
        note: str | None = None,
        only_failed: bool = True,
    ) -> tuple[str, ...]:
        """Clear tasks of a DAG run as somebody else does in Airflow's own pages; which, like ``load[3]``.

        Raises RefusedError in Airflow's words.
        """
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "only_failed": only_failed,
            "task_ids": None if task_ids is None else [_listed(task) for task in task_ids],
            "note": note,
        }
        done = airflow_clear.clear_as(self.world, environment, dag_id, user, body)
        return tuple(
            each.spec.task_id if each.plan.map_index < 0 else f"{each.spec.task_id}[{each.plan.map_index}]"
            for each in done.instances
        )

    def quiet_jenkins(self, *, on: bool = True) -> None:
        """Have Jenkins prepare for a shutdown, in which it starts nothing, or call that off."""
        jenkins_queue.quiet_down(self.world, on=on)

    def disable_job(self, full_name: str) -> None:
        """Disable a Jenkins job; raises KeyError."""
        jenkins_queue.disable(self.world, full_name)

    def spoil_release(self, service: str, digest: str = "", *, breaks: str = "import") -> str:
        """Make a release bad, the newest by default (``World.plant_bad_release``); its digest.

        Raises KeyError for an unknown service, ValueError for an unknown way of being bad.
        """
        if breaks not in WAYS_TO_BREAK:
            raise ValueError(f"no release breaks {breaks!r}; there are {', '.join(sorted(WAYS_TO_BREAK))}")
        return self.world.plant_bad_release(service, digest, breaks=breaks)

    def answer_input(self, full_name: str, number: int, *, user: str = "mara", proceeds: bool = True) -> None:
        """Somebody else answers the question at which a build waits. Raises KeyError where it waits not."""
        build = self.world.build(full_name, number)
        if build.input_at(self.world.now()) is None:
            raise KeyError(f"{full_name}#{number} waits for nobody")
        jenkins_input.settle(self.world, self.world.job(full_name), build, user, proceeds=proceeds)

    def trigger_build(
        self, full_name: str, *, user: str = "mara", values: Mapping[str, str] | None = None
    ) -> int:
        """Someone else triggers a build, with defaults for what is not given; its queue id.

        Raises KeyError, and ValueError where Jenkins would refuse.
        """
        return jenkins_queue.trigger(self.world, full_name, user, values or {})

    def long_log(
        self, name: str, *, lines: int, error: int = -1, began: datetime | None = None, seconds: float = 0.0
    ) -> LongLog:
        """Give a build (``JOB#NUMBER``) or a try (``DAG/RUN::TASK@TRY``) a log of so many lines.

        Line number ``error`` speaks of trouble. It grows for so many seconds from ``began`` on, or from now.
        """
        start = self.world.now() if began is None else began
        log = LongLog(lines=lines, error=error, began=start, ends=start + timedelta(seconds=seconds))
        self.world.long_logs[name] = log
        return log

    def forget_changes(self) -> None:
        """Undo what anybody changed, in every system."""
        self.world.forget_changes()

    @property
    def has_faults(self) -> bool:
        """Whether faults may be set up."""
        return self._faults


def _listed(task: str | tuple[str, int]) -> object:
    return task if isinstance(task, str) else list(task)


def _request_document(request: Request) -> Document:
    return {**asdict(request), "at": request.at.isoformat()}


def _fault_document(fault: Fault) -> Document:
    return {**asdict(fault), "kind": fault.kind.value}


def world_document(world: World) -> Document:
    """A summary of the world as it stands."""
    return {
        "seed": world.seed,
        "scale": world.scale,
        "start": world.start.isoformat(),
        "now": world.now().isoformat(),
        "frozen": world.clock.is_frozen,
        "hostile": world.hostile,
        "vault_sealed": world.vault_sealed,
        "jenkins_quieting_down": world.jenkins.quieting_down,
        "pipelines": len(world.pipelines),
        "jobs": len(world.jobs()),
        "queue": len(world.queue()),
        "running_builds": len(world.running_builds()),
        "dags": {environment: len(world.dags(environment)) for environment in ENVIRONMENTS},
        "secrets": {environment: len(world.secrets(environment)) for environment in ENVIRONMENTS},
    }


def application(control: Control) -> Starlette:
    """The control port. Everything is JSON; a request that makes no sense is 400 with the reason."""
    routes = [
        Route("/requests", _checked(_requests), methods=["GET", "DELETE"]),
        Route("/clock", _checked(_clock), methods=["GET", "POST"]),
        Route("/world", _checked(_world), methods=["GET", "POST"]),
        Route("/clear", _checked(_clear), methods=["POST"]),
        Route("/logs", _checked(_logs), methods=["POST"]),
        Route("/changes", _checked(_changes), methods=["DELETE"]),
    ]
    if control.has_faults:
        routes.append(Route("/faults", _checked(_faults), methods=["GET", "POST", "DELETE"]))
    app = Starlette(routes=routes)
    app.state.control = control
    return app


def _of(request: HttpRequest) -> Control:
    control: Control = request.app.state.control
    return control


async def _requests(request: HttpRequest) -> Response:
    if request.method == "DELETE":
        _of(request).clear_requests()
        return Response(status_code=204)
    found = _of(request).requests(request.query_params.get("system", ""))
    return JSONResponse({"requests": [_request_document(item) for item in found]})


async def _clock(request: HttpRequest) -> Response:
    world = _of(request).world
    if request.method == "POST":
        _turn(world, await _document(request))
    return JSONResponse({"now": world.now().isoformat(), "frozen": world.clock.is_frozen})


async def _world(request: HttpRequest) -> Response:
    control = _of(request)
    if request.method == "POST":
        document = await _document(request)
        switches = {"vault_sealed", "jenkins_quieting_down", "disabled_job", "bad_release", "collected_image"}
        unknown = set(document) - switches
        if unknown or not document:
            raise ValueError(f"unknown switch {next(iter(unknown), '')!r}; there are {sorted(switches)}")
        if "vault_sealed" in document:
            control.seal_vault(sealed=bool(document["vault_sealed"]))
        if "jenkins_quieting_down" in document:
            control.quiet_jenkins(on=bool(document["jenkins_quieting_down"]))
        if "disabled_job" in document:
            control.disable_job(str(document["disabled_job"]))
        if "bad_release" in document:
            service, _, breaks = str(document["bad_release"]).partition(":")
            control.spoil_release(service, breaks=breaks or "import")
        if "collected_image" in document:
            control.world.collect_image(str(document["collected_image"]))
    return JSONResponse(world_document(control.world))


async def _clear(request: HttpRequest) -> Response:
    """``{"environment", "dag_id", "run_id", "user"?, "task_ids"?, "note"?, "only_failed"?}``."""
    given = await _document(request)
    unknown = set(given) - {"environment", "dag_id", "run_id", "user", "task_ids", "note", "only_failed"}
    if unknown:
        raise ValueError(f"unknown key {min(unknown)!r} of a clear")
    tasks = given.get("task_ids")
    try:
        cleared = _of(request).clear_run(
            str(given["environment"]),
            str(given["dag_id"]),
            str(given["run_id"]),
            user=str(given.get("user", "mara")),
            task_ids=[_task(each) for each in tasks] if isinstance(tasks, list) else None,
            note=None if given.get("note") is None else str(given["note"]),
            only_failed=bool(given.get("only_failed", True)),
        )
    except RefusedError as refused:
        raise ValueError(str(refused.detail)) from None
    return JSONResponse({"cleared": list(cleared)})


async def _logs(request: HttpRequest) -> Response:
    """``{"name", "lines", "error"?, "seconds"?}``: see ``Control.long_log``."""
    given = await _document(request)
    unknown = set(given) - {"name", "lines", "error", "seconds"}
    if unknown:
        raise ValueError(f"unknown key {min(unknown)!r} of a long log")
    made = _of(request).long_log(
        str(given["name"]),
        lines=int(str(given["lines"])),
        error=int(str(given.get("error", -1))),
        seconds=float(str(given.get("seconds", 0))),
    )
    return JSONResponse({"bytes": made.lines * LINE})


def _task(given: object) -> str | tuple[str, int]:
    return (str(given[0]), int(given[1])) if isinstance(given, list) else str(given)


async def _changes(request: HttpRequest) -> Response:
    _of(request).forget_changes()
    return Response(status_code=204)


async def _faults(request: HttpRequest) -> Response:
    control = _of(request)
    if request.method == "POST":
        return JSONResponse(_fault_document(_fault(control, await _document(request))), status_code=201)
    if request.method == "DELETE":
        control.clear_faults(request.query_params.get("system", ""))
        return Response(status_code=204)
    return JSONResponse({"faults": [_fault_document(fault) for fault in control.board.faults()]})


def _checked(handler: Handler) -> Handler:
    async def checked(request: HttpRequest) -> Response:
        try:
            return await handler(request)
        except (ValueError, KeyError, TypeError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    return checked


async def _document(request: HttpRequest) -> Document:
    document = await request.json()
    if not isinstance(document, dict):
        raise TypeError("expected a JSON object")
    return document


def _turn(world: World, document: Document) -> None:
    """``{"freeze": true | TIME}``, ``{"run": true}``, ``{"set": TIME}`` or ``{"advance": SECONDS}``."""
    for verb, value in document.items():
        if verb == "freeze":
            world.clock.freeze(None if value is True else moment(value))
        elif verb == "run":
            world.clock.run()
        elif verb == "set":
            world.clock.set(moment(value))
        elif verb == "advance":
            world.clock.advance(timedelta(seconds=float(str(value))))
        else:
            raise ValueError(f"unknown verb {verb!r}; there are freeze, run, set and advance")


def moment(value: object) -> datetime:
    """An RFC 3339 time with its offset as aware UTC; raises ValueError."""
    at = datetime.fromisoformat(str(value))
    if at.tzinfo is None:
        raise ValueError(f"{value!r} has no offset from UTC")
    return at.astimezone(UTC)


def _fault(control: Control, document: Document) -> Fault:
    unknown = set(document) - {"system", "kind", "match", "times", "after", "status", "seconds"}
    if unknown:
        raise ValueError(f"unknown key {min(unknown)!r} of a fault")
    return control.fault(
        str(document["system"]),
        str(document["kind"]),
        match=str(document.get("match", "")),
        times=int(str(document.get("times", 0))),
        after=int(str(document.get("after", 0))),
        status=int(str(document.get("status", 500))),
        seconds=float(str(document.get("seconds", 1.0))),
    )
