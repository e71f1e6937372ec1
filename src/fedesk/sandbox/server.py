"""The sandbox itself: the emulators on free loopback ports, with configuration, catalogue and a control port.

``start`` serves from a daemon thread of the calling process, for tests; ``serve`` blocks until it is told to
end, for the command line. Either way nothing is left behind.
"""

import asyncio
import contextlib
import importlib
import importlib.util
import os
import select
import shutil
import signal
import socket
import tempfile
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from fedesk.sandbox import configuration, control
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.control import Control
from fedesk.sandbox.faults import SYSTEMS, Faulty, TrackedProtocol
from fedesk.sandbox.traffic import Recording, owners
from fedesk.sandbox.world import World

HOST = "127.0.0.1"
_STARTUP = 30.0
_SHUTDOWN = 10.0


class SandboxError(RuntimeError):
    """The sandbox did not come up; the message says which part and why."""


class _Server(uvicorn.Server):
    """uvicorn without signal handlers, because several of it run in one loop; says when it is up."""

    up: threading.Semaphore

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.up.release()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class _Deferred:
    """An application that is made on a thread when it is first asked something, because making it is slow."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._made: ASGIApp | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._making:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
        await self._made(scope, receive, send)


class Sandbox:
    """A running sandbox. Made by ``start``; ``close`` ends it."""

    def __init__(
        self,
        *,
        world: World,
        control: Control,
        config_path: Path,
        sockets: dict[str, socket.socket],
        apps: dict[str, ASGIApp],
        cleanup: Callable[[], None],
    ) -> None:
        self.world = world
        self.control = control
        self.config_path = config_path
        """The fedesk.toml that points here."""
        self.urls = {name: f"http://{HOST}:{sock.getsockname()[1]}" for name, sock in sockets.items()}
        """Base address by system, and of ``control``; Airflow's environments are paths below its own."""
        self._cleanup = cleanup
        self._closing = threading.Lock()
        self._closed = False
        self._error: BaseException | None = None
        self._up = threading.Semaphore(0)
        self._servers = [self._server(apps[name]) for name in sockets]
        self._sockets = list(sockets.values())
        self._thread = threading.Thread(target=self._run, name="fedesk-sandbox", daemon=True)

    def _server(self, app: ASGIApp) -> _Server:
        config = uvicorn.Config(
            app,
            http=TrackedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        server.up = self._up
        return server

    def begin(self) -> None:
        """Serve; returns when every port answers. Raises SandboxError."""
        self._thread.start()
        for _ in self._servers:
            if not self._up.acquire(timeout=_STARTUP) or self._error is not None:
                self.close()
                raise SandboxError(f"the sandbox did not start: {self._error or 'its time was up'}")

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - whatever it was, the starting thread must hear of it
            self._error = error
            for _ in self._servers:
                self._up.release()

    async def _serve(self) -> None:
        await asyncio.gather(
            *(server.serve(sockets=[sock]) for server, sock in zip(self._servers, self._sockets, strict=True))
        )

    def close(self) -> None:
        """End: ports, thread and what was written are gone when it returns. Safe to call again."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self.control.clear_faults()
        for server in self._servers:
            server.should_exit = True
            server.force_exit = True
        if self._thread.is_alive():
            self._thread.join(timeout=_SHUTDOWN)
        for sock in self._sockets:
            sock.close()
        self._cleanup()


def start(
    world: World,
    *,
    faults: bool = True,
    systems: Sequence[str] = SYSTEMS,
    state: Path | None = None,
) -> Sandbox:
    """Serve a world from a daemon thread; the caller closes it.

    ``systems`` chooses what to serve (Snowflake's first request costs a second); ``state`` is where
    configuration, catalogue and credentials go, a temporary directory that goes away by default.
    Raises SandboxError.
    """
    levers = Control(world, faults=faults)
    sockets = {name: _listening() for name in (*systems, "control")}
    cleanup = contextlib.ExitStack()
    try:
        apps = {name: _application(name, world, levers) for name in systems}
        apps["control"] = control.application(levers)
        folder = _state_folder(state, cleanup)
        ports = {name: sock.getsockname()[1] for name, sock in sockets.items()}
        config_path = configuration.write(folder, world, ports)
    except BaseException:
        for sock in sockets.values():
            sock.close()
        cleanup.close()
        raise
    sandbox = Sandbox(
        world=world,
        control=levers,
        config_path=config_path,
        sockets=sockets,
        apps=apps,
        cleanup=cleanup.close,
    )
    sandbox.begin()
    return sandbox


def _listening() -> socket.socket:
    # asyncio sets TCP_NODELAY only where the protocol is named; without it each answer takes 40 ms more.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((HOST, 0))
    sock.listen(128)
    return sock


def _application(system: str, world: World, levers: Control) -> ASGIApp:
    app: ASGIApp
    if system == "snowflake":
        if importlib.util.find_spec("fakesnow") is None:
            raise SandboxError("the sandbox's Snowflake needs fakesnow; install fedesk[sandbox]")
        app = _Deferred(lambda: _made(system, world))
    else:
        app = _made(system, world)
    if levers.has_faults:
        app = Faulty(app, system=system, board=levers.board, log=levers.log)
    return Recording(app, system=system, log=levers.log, tokens=owners(tuple(world.identities(system))))


def _made(system: str, world: World) -> ASGIApp:
    module = importlib.import_module(f"fedesk.sandbox.{system}")
    app: ASGIApp = module.application(world)
    return app


def _state_folder(state: Path | None, cleanup: contextlib.ExitStack) -> Path:
    if state is not None:
        if not state.exists():
            state.mkdir(mode=0o700, parents=True)
        return state.resolve()
    folder = Path(tempfile.mkdtemp(prefix="fedesk-sandbox-"))
    cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def serve(  # the options of ``fedesk sandbox serve``, by name
    *,
    seed: int,
    scale: float,
    state: Path | None,
    faults: bool,
    ready: Callable[[Path], None],
    frozen_at: datetime | None = None,
    parent_pipe: int | None = None,
    hostile: bool = False,
) -> None:
    """Serve all systems until SIGTERM, SIGINT or the end of ``parent_pipe``; then leave nothing behind.

    ``ready`` is called with the path of the configuration file once every port answers. ``parent_pipe`` is a
    file descriptor whose other end the parent holds: when the parent dies, it ends. To be called from the
    main thread. Raises SandboxError.
    """
    warnings.filterwarnings("ignore", module=r"fakesnow\.")  # stderr is the command line's
    with _told_to_end() as told:
        world = World(seed=seed, scale=scale, clock=WorldClock(frozen_at), hostile=hostile)
        sandbox = start(world, faults=faults, state=state)
        try:
            ready(sandbox.config_path)
            _wait(told, parent_pipe)
        finally:
            sandbox.close()


@contextlib.contextmanager
def _told_to_end() -> Iterator[int]:
    """A file descriptor that becomes readable on SIGTERM or SIGINT, from the first moment on."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    # Written to by whichever thread the signal reaches; a handler runs when the main thread comes to it.
    heard = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    before = {number: signal.signal(number, _nothing) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield reading
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(heard)
        os.close(reading)
        os.close(writing)


def _nothing(_signal: int, _frame: FrameType | None) -> None:
    """What is to be done is written already."""


def _wait(told: int, parent_pipe: int | None) -> None:
    waiting = [told] if parent_pipe is None else [told, parent_pipe]
    while True:
        readable, _, _ = select.select(waiting, [], [])
        if told in readable:
            return
        if parent_pipe is not None and not os.read(parent_pipe, 4096):
            return
