"""The bulkhead: what hangs in one connection stays there."""

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from fedesk.clients.bulkhead import ThreadBulkhead
from fedesk.ports.errors import DeadlineError, SourceError


class Adapter:
    """An adapter that can be made to hang, and tells when it is closed."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.hangs = threading.Semaphore(0)
        self.closed = threading.Event()
        self.closed_by = ""

    def hang(self) -> str:
        """Come back only when the test lets it."""
        self.hangs.release()
        self.go_on.wait()
        return "back"

    def close(self) -> None:
        """Tell which thread closed it."""
        self.closed_by = threading.current_thread().name
        self.closed.set()


@pytest.fixture
def adapter() -> Iterator[Adapter]:
    made = Adapter()
    yield made
    made.go_on.set()


def test_opened_once_at_first_call_in_its_own_daemon_thread(adapter: Adapter) -> None:
    """Nothing is opened before the first call, and then once, on a daemon thread."""
    opened: list[threading.Thread] = []

    def open_() -> Adapter:
        opened.append(threading.current_thread())
        return adapter

    bulkhead = ThreadBulkhead("prod/jenkins", open_)
    assert opened == []
    assert bulkhead.call(lambda _: 1) == 1
    assert bulkhead.call(lambda _: 2) == 2
    assert [thread.daemon for thread in opened] == [True]
    assert opened[0] is not threading.current_thread()


def test_exceptions_travel_unchanged(adapter: Adapter) -> None:
    """What ``use`` raises reaches the caller as it is, SourceError or not."""
    bulkhead = ThreadBulkhead("prod/jenkins", lambda: adapter)
    fault = ZeroDivisionError("planted")

    def use(_: Adapter) -> None:
        raise fault

    with pytest.raises(ZeroDivisionError) as caught:
        bulkhead.call(use)
    assert caught.value is fault


def test_failed_opening_is_tried_again(adapter: Adapter) -> None:
    """A failed opening is the failure of that call only; the next call opens anew."""
    failures = [SourceError("no credential yet")]

    def open_() -> Adapter:
        if failures:
            raise failures.pop()
        return adapter

    bulkhead = ThreadBulkhead("prod/vault", open_)
    with pytest.raises(SourceError, match="no credential yet"):
        bulkhead.call(lambda _: 1)
    assert bulkhead.call(lambda _: 1) == 1


def test_concurrent_callers_wait_for_one_opening() -> None:
    """There is never more than one opening under way, and each caller gets an answer within its deadline."""
    begun, finish, opening = threading.Event(), threading.Event(), threading.Lock()

    def open_() -> Adapter:
        assert opening.acquire(blocking=False)
        begun.set()
        finish.wait()
        opening.release()
        raise SourceError("wrong password")

    bulkhead = ThreadBulkhead("prod/vault", open_, slots=3)
    answers: list[str] = []

    def ask() -> None:
        try:
            bulkhead.call(lambda _: None)
        except SourceError as error:
            answers.append(str(error))

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
    threads[0].start()
    begun.wait()
    for thread in threads[1:]:
        thread.start()
    with pytest.raises(DeadlineError):
        bulkhead.call(lambda _: None, deadline=0.05)
    finish.set()
    for thread in threads:
        thread.join()
    assert answers == ["wrong password"] * 3


def test_deadline_leaves_the_thread_to_itself(adapter: Adapter) -> None:
    """A call that hangs ends as DeadlineError naming connection and seconds; others go on meanwhile."""
    bulkhead = ThreadBulkhead("prod/jenkins", lambda: adapter, slots=2)
    with pytest.raises(DeadlineError, match=r"prod/jenkins did not answer within 0\.05 s"):
        bulkhead.call(Adapter.hang, deadline=0.05)
    assert bulkhead.call(lambda _: "fine") == "fine"


def test_all_slots_hung_says_how_many(adapter: Adapter) -> None:
    """With every slot held by a hung call the next waits its own deadline and is told how many hang.

    Slots come back when the hung calls do.
    """
    bulkhead = ThreadBulkhead("prod/jenkins", lambda: adapter, slots=2)
    for _ in range(2):
        with pytest.raises(DeadlineError):
            bulkhead.call(Adapter.hang, deadline=0.02)
    with pytest.raises(DeadlineError, match=r"prod/jenkins had no free .* 2 earlier requests hang"):
        bulkhead.call(lambda _: None, deadline=0.02)
    adapter.go_on.set()
    assert bulkhead.call(lambda _: "free again") == "free again"
    assert bulkhead.call(Adapter.hang) == "back"


def test_a_call_given_up_while_opening_is_never_made() -> None:
    """A caller that gave up during the opening must not have its call made later."""
    finish = threading.Event()
    made: list[str] = []

    def open_() -> Adapter:
        finish.wait()
        return Adapter()

    bulkhead = ThreadBulkhead("prod/jenkins", open_)
    with pytest.raises(DeadlineError):
        bulkhead.call(lambda _: made.append("late"), deadline=0.02)
    finish.set()
    bulkhead.call(lambda _: made.append("in time"))
    assert made == ["in time"]


def test_close_returns_at_once_and_refuses(adapter: Adapter) -> None:
    """Closing ends those who wait, closes the adapter on another thread, and refuses later calls."""
    bulkhead = ThreadBulkhead("prod/jenkins", lambda: adapter)
    told: list[str] = []

    def ask() -> None:
        try:
            bulkhead.call(Adapter.hang)
        except SourceError as error:
            told.append(str(error))

    waiting = threading.Thread(target=ask, daemon=True)
    waiting.start()
    adapter.hangs.acquire()
    bulkhead.close()
    waiting.join()
    assert "prod/jenkins is closed" in told[0]
    adapter.closed.wait()
    assert adapter.closed_by == "fedesk prod/jenkins closing"
    with pytest.raises(SourceError, match="prod/jenkins is closed"):
        bulkhead.call(lambda _: 1)
    bulkhead.close()


def test_closed_while_opening_closes_what_was_opened(adapter: Adapter) -> None:
    """An adapter whose opening ends after close() is closed too."""
    begun, finish = threading.Event(), threading.Event()

    def open_() -> Adapter:
        begun.set()
        finish.wait()
        return adapter

    bulkhead = ThreadBulkhead("prod/jenkins", open_)
    told: list[str] = []

    def ask() -> None:
        try:
            bulkhead.call(str)
        except SourceError as error:
            told.append(str(error))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    begun.wait()
    bulkhead.close()
    finish.set()
    adapter.closed.wait()
    asking.join()
    assert "is closed" in told[0]


_HUNG_PROCESS = """
import socket, sys
from fedesk.clients.bulkhead import ThreadBulkhead
from fedesk.ports.errors import DeadlineError

class Hung:
    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.line = socket.create_connection(self.server.getsockname())
    def ask(self):
        self.line.recv(1)
    def close(self):
        pass

bulkheads = [ThreadBulkhead(f"prod/{i}", Hung, slots=2) for i in range(4)]
hung = 0
for bulkhead in bulkheads * 2:
    try:
        bulkhead.call(Hung.ask, deadline=0.01)
    except DeadlineError:
        hung += 1
for bulkhead in bulkheads:
    bulkhead.close()
print(hung)
sys.exit(7)
"""


def test_interpreter_exits_with_hung_calls() -> None:
    """A process with eight calls that never come back ends by itself, with its own exit code."""
    ended = subprocess.run(
        [sys.executable, "-c", _HUNG_PROCESS], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout.strip(), ended.stderr) == (7, "8", "")
