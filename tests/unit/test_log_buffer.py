"""Which lines are kept, how many rows they take, what of a line is seen, where marks and matches stand."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from fedesk.ui.widgets.log_buffer import LogBuffer, cells_at_most, next_of, previous_of, visible

LINES = st.lists(st.text(alphabet="aé日\N{COMBINING ACUTE ACCENT}🚀 ", max_size=60), min_size=1, max_size=12)


def filled(lines: Sequence[str], **bounds: int) -> LogBuffer:
    buffer = LogBuffer(**bounds)
    buffer.append(lines)
    return buffer


def test_the_oldest_lines_go_and_the_others_keep_their_numbers() -> None:
    """A log of any length takes bounded memory; marks and matches of lines that went are forgotten."""
    buffer = LogBuffer(max_lines=100)
    buffer.search("7")
    for begin in range(0, 1000, 10):
        buffer.append([f"line {begin + step}" for step in range(10)], errors=[begin])
    assert len(buffer) <= 100
    assert buffer.end == 1000
    assert buffer[999] == "line 999"
    assert buffer[buffer.first] == f"line {buffer.first}"
    assert buffer.errors == [number for number in range(0, 1000, 10) if number >= buffer.first]
    assert buffer.matches == [n for n in range(buffer.first, 1000) if "7" in f"line {n}"]


def test_characters_are_bounded_too() -> None:
    """Megabyte lines push out old ones well before the number of lines does; the newest always stays."""
    buffer = LogBuffer(max_characters=10_000)
    for _ in range(30):
        buffer.append(["x" * 1_000])
    assert len(buffer) <= 10
    buffer.append(["y" * 50_000])
    assert len(buffer) == 1
    assert buffer.end == 31


@given(LINES, st.integers(min_value=1, max_value=30))
@example(["日\N{COMBINING ACUTE ACCENT}" * 4 + "日日"], 6)
@example(["日日日\N{COMBINING ACUTE ACCENT}\N{COMBINING ACUTE ACCENT}\N{COMBINING ACUTE ACCENT}"], 3)
def test_wrapped_rows_hold_every_character_and_fit(lines: list[str], width: int) -> None:
    """Walking over all rows gives every line back whole, and no row is wider than the view."""
    buffer = LogBuffer()
    buffer.wrap(width)
    buffer.append(lines)
    rows: dict[int, str] = {}
    for row in range(buffer.rows):
        number, first, last = buffer.at_row(row)
        piece = lines[number][first:last]
        assert cell_len(piece) <= max(width, 2)
        rows[number] = rows.get(number, "") + piece
    assert [rows[number] for number in range(len(lines))] == lines
    assert all(buffer.at_row(buffer.row_of(number))[:2] == (number, 0) for number in range(len(lines)))


def test_wrapping_is_the_same_whenever_it_begins() -> None:
    """Rows counted line by line as they arrive are those counted all at once."""
    lines = ["a" * length for length in range(0, 200, 7)]
    at_once = filled(lines)
    at_once.wrap(20)
    assert at_once.rows == sum(max(1, -(-len(line) // 20)) for line in lines)


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
    assert cells_at_most(line) >= cell_len(line)


@pytest.mark.parametrize(
    ("needle", "found"), [("error", [0, 1]), ("Error", [0]), ("[/]", [2]), (".*", []), ("", [])]
)
def test_search_is_literal_and_minds_case_only_for_capitals(needle: str, found: list[int]) -> None:
    """What is typed is looked for as it is; a capital letter makes case count."""
    buffer = filled(["Error here", "an ERROR", "[b]x[/]"])
    buffer.search(needle)
    assert buffer.matches == found
    assert all(list(buffer.spans(buffer[number])) for number in found)


def test_going_round() -> None:
    """Behind the last comes the first, and the other way round."""
    assert [next_of([3, 7], after) for after in (0, 3, 7)] == [3, 7, 3]
    assert [previous_of([3, 7], before) for before in (3, 7, 9)] == [7, 3, 7]
    assert next_of([], 1) is None
    assert previous_of([], 1) is None
