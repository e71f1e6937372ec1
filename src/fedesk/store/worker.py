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


def _never(_: Any) -> bool:
    return False


class Worker:
    """Does works in the order they come. Its threads are daemons: they hold no exit.

    ``cut`` ends a connection that nobody waits for any more; ``is_stale`` tells of one not worth using, and
    ``is_fatal`` of an error after which one is not.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        cut: Callable[[Connection], None] = _nothing,
        is_stale: Callable[[Connection], bool] = _never,
        is_fatal: Callable[[BaseException], bool] = _never,
    ) -> None:
        self._connect = connect
        self._cut = cut
        self._is_stale = is_stale
        self._is_fatal = is_fatal
        self._lock = Lock()
        self._line: _Line | None = None
        self._closed = False

    def run(self, work: Callable[[Connection], T], seconds: float | None = None) -> T:
        """The result of ``work``, which is durable then; what it raises, with nothing written.

        After ``seconds`` StoreUnavailableError is raised, and whether it was done is not known. What hangs
        is left behind: the next work gets a thread and a connection of its own.
        """
        job: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise StoreUnavailableError("The store was closed.")
            if self._line is None:
                self._line = _Line(self._connect, self._is_stale, self._is_fatal)
            line = self._line
            line.jobs.put((work, job))
        try:
            return job.result(seconds)
        except TimeoutError:
            if job.done():
                raise
        if not job.cancel():
            self._leave(line)
        raise StoreUnavailableError(
            f"The store has not answered for {seconds:g} s. Look at the database and the way to it."
        )

    def close(self, seconds: float) -> None:
        """End the thread after what it does now; waits for it at most some seconds."""
        with self._lock:
            self._closed = True
            line, self._line = self._line, None
        if line is not None:
            line.jobs.put(None)
            line.thread.join(seconds)

    def _leave(self, line: "_Line") -> None:
        with self._lock:
            if self._line is line:
                self._line = None
        line.is_left = True
        line.jobs.put(None)
        if line.connection is not None:
            self._cut(line.connection)


class _Line:
    """A thread with its connection, and what it is to do."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        is_stale: Callable[[Connection], bool],
        is_fatal: Callable[[BaseException], bool],
    ) -> None:
        self.jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self.connection: Connection | None = None
        self.is_left = False
        """Whether it hung and nobody waits for it any more."""
        self._connect = connect
        self._is_stale = is_stale
        self._is_fatal = is_fatal
        self.thread = Thread(target=self._serve, name="store", daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while (job := self.jobs.get()) is not None:
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
        if self.connection is not None and self._is_stale(self.connection):
            self._drop()
        if self.connection is None:
            self.connection = self._connect()
        if self.is_left:
            raise StoreUnavailableError("It was too late to do it: nobody waits for it any more.")
        try:
            with self.connection.begin():
                return work(self.connection)
        except BaseException as error:
            # Kept where it was rolled back: opening anew takes room that a full disk has not.
            if self.connection.invalidated or self.connection.in_transaction() or self._is_fatal(error):
                self._drop()
            raise

    def _drop(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            with suppress(Exception):
                connection.invalidate()
                connection.close()
