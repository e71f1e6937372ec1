"""A server of raw bytes for faults that no well-behaved server makes: hanging, dripping, breaking off."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Talk: TypeAlias = Callable[[socket.socket, threading.Event], None]
RawServer: TypeAlias = Callable[[Talk], str]


@pytest.fixture
def raw_server() -> Iterator[RawServer]:
    """Starts servers: ``raw_server(talk)`` gives an address; ``talk`` has each accepted socket and an event.

    The event is set when the test is over; ``talk`` must then return. The socket is closed behind it.
    """
    over = threading.Event()
    listeners: list[socket.socket] = []
    connections: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(talk: Talk) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def answer(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                talk(connection, over)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while not over.is_set():
                    connection, _ = listener.accept()
                    connections.append(connection)
                    thread = threading.Thread(target=answer, args=(connection,), daemon=True)
                    threads.append(thread)
                    thread.start()

        threads.append(threading.Thread(target=accept, daemon=True))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield serve
    over.set()
    for opened in (*listeners, *connections):
        with contextlib.suppress(OSError):
            opened.shutdown(socket.SHUT_RDWR)
        opened.close()
    for thread in threads:
        thread.join(timeout=5)
        assert not thread.is_alive(), "a raw server's thread is left behind"


@dataclass(slots=True)
class ServedApp:
    """An ASGI application on a port of its own, with what it was asked and the bytes it answered."""

    url: str = ""
    requests: list[str] = field(default_factory=list)
    """``METHOD /path?query``, in the order they came, still encoded."""
    sent: int = 0
    """Bytes of all bodies."""


AsgiServer: TypeAlias = Callable[[ASGIApp], ServedApp]


@pytest.fixture(scope="module")
def asgi_server() -> Iterator[AsgiServer]:
    """Starts ASGI applications through uvicorn: ``asgi_server(application)``; they end with the module."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def serve(application: ASGIApp) -> ServedApp:
        served = ServedApp()

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            async def counting(message: Message) -> None:
                served.sent += len(message.get("body", b""))
                await send(message)

            path, query = scope.get("raw_path", b"").decode(), scope.get("query_string", b"").decode()
            served.requests.append(f"{scope.get('method')} {path}{'?' if query else ''}{query}")
            await application(scope, receive, counting)

        listener = socket.create_server(("127.0.0.1", 0))
        started = threading.Event()
        server = uvicorn.Server(uvicorn.Config(counted, log_level="warning", lifespan="off"))
        startup = server.startup

        async def telling_startup(sockets: list[socket.socket] | None = None) -> None:
            await startup(sockets=sockets)
            started.set()

        server.startup = telling_startup  # type: ignore[method-assign]  # the one way to wait without polling
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        running.append((server, thread))
        started.wait()
        served.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        return served

    yield serve
    for server, _ in running:
        server.should_exit = True
        server.force_exit = True
    for _, thread in running:
        thread.join(timeout=10)
        assert not thread.is_alive(), "an ASGI server is left behind"


ServeApp: TypeAlias = Callable[[ASGIApp], str]


class _Server(uvicorn.Server):
    """uvicorn that says when it is up and leaves the process's signals alone."""

    up: threading.Event

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@pytest.fixture
def serve_app() -> Iterator[ServeApp]:
    """Serves ASGI applications on free loopback ports: ``serve_app(app)`` gives an address."""
    running: list[tuple[_Server, threading.Thread, socket.socket]] = []

    def serve(app: ASGIApp) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        server = _Server(
            uvicorn.Config(app, lifespan="off", log_config=None, log_level="critical", access_log=False)
        )
        server.up = threading.Event()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        running.append((server, thread, listener))
        thread.start()
        assert server.up.wait(timeout=20), "the emulator did not start"
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield serve
    for server, thread, listener in running:
        server.should_exit = server.force_exit = True
        thread.join(timeout=10)
        listener.close()
        assert not thread.is_alive(), "an emulator is left behind"
