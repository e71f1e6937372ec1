"""A server of raw bytes for faults that no well-behaved server makes: hanging, dripping, breaking off.

A plugin of its own, because the Snowflake tests run in an environment without the sandbox as well.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

Talk: TypeAlias = Callable[[socket.socket, threading.Event], None]
RawServer: TypeAlias = Callable[[Talk], str]


def heard(connection: socket.socket) -> bytes:
    """A request's head and what came with it; empty where the client has gone."""
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65536)
        if not more:
            return b""
        received += more
    return received


def hang(connection: socket.socket, over: threading.Event) -> None:
    """Hears a request and never answers."""
    heard(connection)
    over.wait()


def drip(head: bytes) -> Talk:
    """Says ``head`` and then a byte every 50 ms, without end."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        heard(connection)
        connection.sendall(head)
        while not over.wait(0.05):
            connection.sendall(b"x")

    return talk


def say(answer: bytes) -> Talk:
    """Gives the same answer to every request."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        while heard(connection) and not over.is_set():
            connection.sendall(answer)

    return talk


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
