import queue
from typing import TYPE_CHECKING

from fedesk.composition import front_page
from fedesk.domain.states import Standing
from fedesk.execution import open_desk
from fedesk.sandbox.server import Sandbox
from fedesk.services.clock import SystemClock

if TYPE_CHECKING:
    from fedesk.domain.board import Board


def test_what_was_known_is_painted_at_the_next_start_until_a_look_succeeds(sandbox: Sandbox) -> None:
    """Findings stand on the next front page with their time; rows are there before any request."""
    assert front_page(sandbox.config_path, "prod").at is None
    boards: queue.Queue[Board] = queue.Queue()
    desk = open_desk(sandbox.config_path, "prod", SystemClock())
    desk.board.start(boards.put)
    seen: set[str] = set()
    while not {"jenkins", "airflow", "vault"} <= seen:
        board = boards.get(timeout=30)
        seen |= {one.connection.name for one in board.snapshots if one.standing is Standing.LIVE}
    desk.close()

    page = front_page(sandbox.config_path, "prod")
    assert page.at is not None
    assert "payments_daily" in {finding.subject for finding in page.findings}
    sandbox.control.clear_requests()
    again = open_desk(sandbox.config_path, "prod", SystemClock())
    rows = {row.name: row for row in again.board.board().pipelines}
    assert rows["payments_daily"].strip
    assert {one.standing for one in again.board.board().snapshots} == {Standing.CONNECTING}
    assert sandbox.control.requests("airflow") == ()
    again.close()
