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
