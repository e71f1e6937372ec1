from making import AIRFLOW, run

from fedesk.domain.names import RunName
from fedesk.domain.runs import LogChunk, LogRequest, RunDetail, Step
from fedesk.domain.states import State
from fedesk.ports.errors import NotFoundError
from fedesk.services.diagnosis import diagnose

LEAKED = "AKIA" + "QZ7XK3MP2LTV5W9B"
FAILED_RUN = run("payments_daily", State.FAILED)
DETAIL = RunDetail(
    run=FAILED_RUN,
    steps=(
        Step(id="extract", name="extract", state=State.SUCCEEDED, original_state="success"),
        Step(id="load", name="load", state=State.FAILED, original_state="failed", try_number=2),
    ),
)


class Pages:
    """A reader whose log comes in pieces; the cursor is the number of the next one."""

    def __init__(self, *pages: str, endless: bool = False) -> None:
        self.pages = pages
        self.endless = endless
        self.asked = 0

    def detail(self, name: RunName) -> RunDetail:
        assert name.connection == AIRFLOW
        return DETAIL

    def log(self, request: LogRequest, cursor: str) -> LogChunk:
        assert request.task is not None
        assert request.task.task == "load"
        self.asked += 1
        number = int(cursor or 0)
        if not self.pages:
            raise NotFoundError("load never ran: it has no log")
        if self.endless:
            return LogChunk(text=self.pages[0], cursor=str(number + 1), complete=False)
        return LogChunk(
            text=self.pages[number], cursor=str(number + 1), complete=number + 1 == len(self.pages)
        )


def test_the_line_is_found_across_pieces_and_numbered_as_the_viewer_does() -> None:
    """A log that comes in pieces is one log; CR ends a line, and nothing else is counted as one."""
    reader = Pages("begin\r\none\n", "two\x0b\nERROR: value too long for type varchar(3)\nend\n")
    found = diagnose(reader, DETAIL)
    assert (found.line_number, found.telling_line) == (3, "ERROR: value too long for type varchar(3)")


def test_a_secret_in_the_telling_line_is_hidden_and_named_by_its_kind() -> None:
    """The line that matters may hold a key: it is told that one leaked, and never what it was."""
    found = diagnose(Pages(f"ERROR: S3 refused the key {LEAKED}\n"), DETAIL)
    assert found.leaks
    assert LEAKED not in repr(found)
    assert "S3 refused the key" in found.telling_line


def test_a_task_without_a_log_says_so() -> None:
    """A task that never ran has none: the diagnosis keeps the steps and says why there is no line."""
    found = diagnose(Pages(), DETAIL)
    assert found.log_problem == "load never ran: it has no log"
    assert found.culprit is DETAIL.steps[1]


def test_an_endless_log_is_read_in_bounds() -> None:
    """A log that never ends is read to a limit, and what was found until then is told."""
    reader = Pages("ERROR: no space left on device\n" + "x" * 1_000_000 + "\n", endless=True)
    assert diagnose(reader, DETAIL).telling_line == "ERROR: no space left on device"
    assert reader.asked < 20
