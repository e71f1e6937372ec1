"""Which lines are shown, how many rows they take, what of a line is seen, where matches stand."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from fedesk.domain.log_times import Times
from fedesk.ui.widgets.log_buffer import LogBuffer, next_of, per_row, previous_of, rows_of, visible

LINES = st.lists(st.text(alphabet="aé日\N{COMBINING ACUTE ACCENT}🚀 ", max_size=60), min_size=1, max_size=12)


def filled(lines: Sequence[str]) -> LogBuffer:
    buffer = LogBuffer()
    buffer.text.append("".join(f"{line}\n" for line in lines))
    return buffer


def shown(buffer: LogBuffer) -> list[int]:
    """The numbers of the lines that are shown, row by row."""
    return [buffer.at_row(row) for row in range(buffer.rows)]


def test_only_matches_are_shown_with_what_stands_around_them() -> None:
    """The filter keeps numbers, context joins where matches are near, and new lines are filtered."""
    buffer = filled([f"line {number}" for number in range(100)])
    buffer.search("line 1")
    assert buffer.search_on(1.0)
    buffer.select(only=True)
    assert shown(buffer) == [1, *range(10, 20)]
    assert [buffer.at_row(buffer.row_of(number)) for number in (1, 15)] == [1, 15]
    assert buffer.at_row(buffer.row_of(2)) == 10
    buffer.select(only=True, context=3)
    assert shown(buffer) == [*range(5), *range(7, 23)]
    buffer.text.append("line 100\nother\n")
    assert buffer.search_on(1.0)
    assert shown(buffer)[-5:] == [97, 98, 99, 100, 101]
    buffer.select(only=False)
    assert buffer.rows == 102


def test_a_search_goes_on_where_it_stopped() -> None:
    """In slices of no time at all every line is searched once, whatever the log grew by meanwhile."""
    buffer = LogBuffer()
    buffer.search("7 x")
    for begin in range(0, 6000, 1500):
        buffer.text.append("".join(f"{number} x{'y' * 50}\n" for number in range(begin, begin + 1500)))
        buffer.search_on(0.0)
    while not buffer.search_on(0.0):
        pass
    assert buffer.matches == [number for number in range(6000) if number % 10 == 7]


def test_times_are_told_from_the_first_one() -> None:
    """Relative times count from the first time in the log, and what has none stays as it is."""
    buffer = filled(["header", "2026-11-20T02:41:00.500Z begun", "[2026-11-20T03:41:01.500Z] done"])
    buffer.times = Times.RELATIVE
    assert [buffer[number] for number in range(3)] == ["header", "+0:00:00 begun", "+1:00:01 done"]


@given(LINES, st.integers(min_value=1, max_value=30))
@example(["日\N{COMBINING ACUTE ACCENT}" * 4 + "日日"], 6)
@example(["日日日\N{COMBINING ACUTE ACCENT}\N{COMBINING ACUTE ACCENT}\N{COMBINING ACUTE ACCENT}"], 3)
def test_wrapped_rows_hold_every_character_and_fit(lines: list[str], width: int) -> None:
    """The rows of a wrapped line give it back whole, and none is wider than the view."""
    for line in lines:
        step, rows = per_row(line, width), rows_of(line, width)
        pieces = [line[begin : begin + step] for begin in range(0, max(len(line), 1), step)]
        assert len(pieces) == rows
        assert "".join(pieces) == line
        assert all(cell_len(piece) <= max(width, 2) for piece in pieces)


@given(
    st.text(alphabet="aé日\N{COMBINING ACUTE ACCENT}🚀", max_size=1200),
    st.integers(0, 1300),
    st.integers(1, 40),
)
def test_what_is_seen_of_a_line_fits(line: str, cell: int, width: int) -> None:
    """The part that is seen begins at the left border or one cell right of it, and is not too wide."""
    first, last = visible(line, cell, width)
    assert cell_len(line[first:last]) <= width
    if cell < cell_len(line):
        assert 0 <= cell_len(line[:first]) - cell <= 1


@pytest.mark.parametrize(
    ("needle", "found"), [("error", [0, 1]), ("Error", [0]), ("[/]", [2]), (".*", []), ("", [])]
)
def test_search_is_literal_and_minds_case_only_for_capitals(needle: str, found: list[int]) -> None:
    """What is typed is looked for as it is; a capital letter makes case count."""
    buffer = filled(["Error here", "an ERROR", "[b]x[/]"])
    buffer.search(needle)
    assert buffer.search_on(1.0)
    assert buffer.matches == found
    assert all(list(buffer.spans(buffer[number])) for number in found)


def test_going_round() -> None:
    """Behind the last comes the first, and the other way round."""
    assert [next_of([3, 7], after) for after in (0, 3, 7)] == [3, 7, 3]
    assert [previous_of([3, 7], before) for before in (3, 7, 9)] == [7, 3, 7]
    assert next_of([], 1) is None
    assert previous_of([], 1) is None
