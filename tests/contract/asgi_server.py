"""ASGI applications served for the contract tests."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send


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

        # asyncio sets TCP_NODELAY only where the listener names its protocol: an answer would take 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
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
