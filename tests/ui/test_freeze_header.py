"""What the first line says of freezes: in force, ahead, and where it cannot be told; at every width."""

from dataclasses import replace
from datetime import timedelta

import pytest
from making import NOW, minutes
from memory_desk import snapshots
from window_values import a_window, wall

from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.windows import Window, WindowKind
from fedesk.ui import present
from fedesk.ui.freeze_text import freeze_said
from fedesk.ui.widgets.status_line import Status, status_content

PROD = EnvironmentFacts(name="prod", production=True, mode="read-only", timezone="Europe/London")
AHEAD = a_window(starts=wall(NOW + minutes(130)), ends=wall(NOW + minutes(600)))


@pytest.mark.parametrize(
    ("windows", "said"),
    [
        ([], ""),
        ([a_window()], "FROZEN until 04:13:10"),
        ([a_window(ends=wall(NOW + timedelta(days=9)))], "FROZEN until 29 Nov"),
        ([AHEAD], "frozen in 2h10m"),
        ([AHEAD, replace(AHEAD, starts=wall(NOW + minutes(300)))], "frozen in 2h10m"),
        ([AHEAD, a_window()], "FROZEN until 04:13:10"),
        ([a_window(starts=wall(NOW + timedelta(days=8)), ends=wall(NOW + timedelta(days=9)))], ""),
        ([replace(a_window(), recurs="FREQ=DAILY", ends=wall(NOW - minutes(1)))], "frozen in 23h30m"),
        ([a_window(zone="Mars/Olympus")], "FROZEN?"),
        ([a_window(environment="staging")], ""),
        ([a_window(pipeline="payments_daily")], ""),
        ([a_window(WindowKind.HOLD)], ""),
        ([a_window(WindowKind.MAINTENANCE)], ""),
    ],
)
def test_the_freeze_that_is_told(windows: list[Window], said: str) -> None:
    """The one in force, else the next within a week; of all of the environment, and of none else."""
    assert freeze_said(windows, "prod", NOW) == said


@pytest.mark.parametrize("width", [60, 80, 110, 200])
@pytest.mark.parametrize("said", ["FROZEN until 29 Nov", "frozen in 2h10m", "FROZEN?"])
def test_it_stands_in_the_line_at_every_width(width: int, said: str) -> None:
    """In words, so that it is read without colours; the line never wraps."""
    status = Status(
        environment=PROD,
        now=NOW,
        zone=present.zone("Europe/London"),
        snapshots=snapshots("prod"),
        freeze=said,
    )
    line = status_content(status, width)
    assert line.cell_length <= width
    assert said.replace(" until", "") in line.plain.replace(" until", "")
    assert "PROD" in line.plain
