"""One thread in which everything is written, one transaction after the other."""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

from sqlalchemy import Connection

from fedesk.ports.operation_store import StoreUnavailableError

T = TypeVar("T")
_Job = tuple[Callable[[Connection], Any], "Future[Any]"]


class Writer:
    """Does works in the order they come. The thread is a daemon: it holds no exit, which SQLite survives."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = Lock()
        self._thread: Thread | None = None
        self._closed = False

    def run(self, work: Callable[[Connection], T]) -> T:
        """The result of ``work``, which is on the disk then; what it raises, with nothing written."""
        job: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise StoreUnavailableError("The store was closed.")
            if self._thread is None:
                self._thread = Thread(target=self._serve, name="store-writer", daemon=True)
                self._thread.start()
            self._jobs.put((work, job))
        return job.result()

    def close(self, seconds: float) -> None:
        """End the thread after what it does now; waits for it at most some seconds."""
        with self._lock:
            self._closed = True
            thread = self._thread
            self._jobs.put(None)
        if thread is not None:
            thread.join(seconds)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, result = job
            try:
                result.set_result(self._do(work))
            except BaseException as error:  # noqa: BLE001 - it is the caller's
                result.set_exception(error)
            # Neither the result nor an error is kept until the next job comes.
            del job, work, result
        self._drop()

    def _do(self, work: Callable[[Connection], T]) -> T:
        if self._connection is None:
            self._connection = self._connect()
        try:
            with self._connection.begin():
                return work(self._connection)
        except BaseException:
            # Kept where it was rolled back: opening anew takes room that a full disk has not.
            if self._connection.invalidated or self._connection.in_transaction():
                self._drop()
            raise

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.invalidate()
                connection.close()
