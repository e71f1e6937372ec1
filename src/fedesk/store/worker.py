"""One thread in which everything is done, one work after the other, over one connection."""

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


def _nothing(_: Connection) -> None:
    """A file is never hung up on."""


def _never(_: Connection) -> bool:
    return False


class Worker:
    """Does works in the order they come. The thread is a daemon: it holds no exit, which a database survives.

    ``cut`` ends a connection that nobody waits for any more; ``is_stale`` tells of one not worth using.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        cut: Callable[[Connection], None] = _nothing,
        is_stale: Callable[[Connection], bool] = _never,
    ) -> None:
        self._connect = connect
        self._cut = cut
        self._is_stale = is_stale
        self._connection: Connection | None = None
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = Lock()
        self._thread: Thread | None = None
        self._closed = False

    def run(self, work: Callable[[Connection], T], seconds: float | None = None) -> T:
        """The result of ``work``, which is durable then; what it raises, with nothing written.

        After ``seconds`` StoreUnavailableError is raised, and whether it was done is not known.
        """
        job: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise StoreUnavailableError("The store was closed.")
            if self._thread is None:
                self._thread = Thread(target=self._serve, name="store", daemon=True)
                self._thread.start()
            self._jobs.put((work, job))
        try:
            return job.result(seconds)
        except TimeoutError:
            if job.done():
                raise
        connection = self._connection
        if not job.cancel() and connection is not None:
            self._cut(connection)
        raise StoreUnavailableError(
            f"The store has not answered for {seconds:g} s. Look at the database and the way to it."
        )

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
            if result.set_running_or_notify_cancel():
                try:
                    result.set_result(self._do(work))
                except BaseException as error:  # noqa: BLE001 - it is the caller's
                    result.set_exception(error)
            # Neither the result nor an error is kept until the next job comes.
            del job, work, result
        self._drop()

    def _do(self, work: Callable[[Connection], T]) -> T:
        if self._connection is not None and self._is_stale(self._connection):
            self._drop()
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
