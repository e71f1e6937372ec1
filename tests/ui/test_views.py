"""How the lists are arranged: filter, order and cursor, by identity, and remembered for each environment."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from memory_desk import NOW, PROD, STAGING, MemoryDesk, StillClock, a_board, front
from painting import text_of, type_in, until
from test_desk import SIZE, Make, hand_over, ready
from textual.content import Content

from fedesk.ui import finding_rows as found
from fedesk.ui import rows, why
from fedesk.ui.actions import Target
from fedesk.ui.app import DeskApp
from fedesk.ui.listed import Arrangement, Column, Listed, Order, Row, in_order, next_order
from fedesk.ui.screens.texts import TextScreen
from fedesk.ui.view_memory import ViewMemory
from fedesk.ui.widgets.row_list import RowList

COLUMNS = (Column(title="name", width=4), Column(title="", name="age", width=4, number=True))


def row(name: str, age: float | None) -> Row:
    return Row(key=name, cells=(Content(name), Content()), target=Target(), numbers={"age": age})


def names(listed: RowList) -> list[str]:
    return [one.target.name for one in listed.shown]


def test_rows_are_sorted_by_what_a_column_means() -> None:
    """Text without regard to case, numbers by their value, what is missing last, ties as they came."""
    given = [row("b", 90.0), row("A", None), row("c", 9.0), row("", 90.0)]

    def keys(column: str, *, descending: bool = False) -> list[str]:
        return [one.key for one in in_order(given, COLUMNS, Order(column=column, descending=descending))]

    assert keys("name") == ["A", "b", "c", ""]
    assert keys("name", descending=True) == ["c", "b", "A", ""]
    assert keys("age") == ["c", "b", "", "A"]
    assert keys("age", descending=True) == ["b", "", "c", "A"]
    assert keys("no such column") == [one.key for one in given]
    assert in_order(given, COLUMNS, None) == given


def test_choosing_a_column_again_turns_round_and_then_lets_go() -> None:
    """Upwards, downwards, as the rows come; another column begins upwards."""
    up, down = Order(column="age"), Order(column="age", descending=True)
    assert [next_order(None, "age"), next_order(up, "age"), next_order(down, "age")] == [up, down, None]
    assert next_order(down, "name") == Order(column="name")


@pytest.mark.parametrize(
    "columns",
    [found.COLUMNS, rows.SECRET_COLUMNS, rows.RUN_COLUMNS, rows.pipeline_columns(["prod", "dev"])],
)
def test_every_number_column_has_its_number_in_every_row(columns: tuple[Column, ...]) -> None:
    """A column that sorts by numbers is given one by the rows of its list, and no name is used twice."""
    board = a_board()
    made: Sequence[Listed] = {
        found.COLUMNS: list[Listed](found.finding_rows(board.findings, NOW)),
        rows.SECRET_COLUMNS: rows.secret_rows(board.secrets, frozenset()),
        rows.RUN_COLUMNS: rows.run_rows(board.histories, NOW, UTC),
    }.get(columns, rows.pipeline_rows(board, ["prod", "dev"]))
    wanted = {column.sorts_by for column in columns if column.number}
    assert made
    for one in made:
        assert set(one.numbers) == wanted
    named = [column.sorts_by for column in columns if column.sorts_by]
    assert len(named) == len(set(named))


@pytest.mark.parametrize(
    ("kind", "ago", "told"),
    [("failed run", 59, 17), ("failed run", 61, 0), ("queue", 999, 17), ("connection", 999, 17)],
)
def test_the_side_tells_of_seconds_where_something_counts_in_them(kind: str, ago: int, told: int) -> None:
    """Else it says the same for a minute, and is not made again."""
    now = NOW.replace(second=17, microsecond=5)
    finding = replace(a_board().findings[0], kind=kind, since=now - timedelta(seconds=ago))
    assert why.moment(finding, now) == now.replace(second=told, microsecond=0)


async def test_s_sorts_and_the_title_says_by_what(make_app: Make) -> None:
    """A digit sorts upwards, again downwards, again as the rows come; the cursor stays on its row."""
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("2")
        await until(pilot, lambda: "regulatory_report" in text_of(app))
        as_they_come = names(screen.rows)
        await pilot.press("j")
        on = screen.target.name
        await pilot.press("s")
        assert "Sort by  1 state  2 pipeline  3 owner" in text_of(app)
        await pilot.press("2")
        assert names(screen.rows) == sorted(as_they_come)
        assert screen.target.name == on
        assert "by pipeline ↑" in text_of(app)
        assert "pipeline↑" in text_of(app).replace("pipeline ↑", "")
        await pilot.press("2")
        assert names(screen.rows) == sorted(as_they_come, reverse=True)
        assert "by pipeline ↓" in text_of(app)
        await pilot.press("2", "escape")
        assert names(screen.rows) == as_they_come
        assert "Sort by" not in text_of(app)


async def test_a_click_on_a_title_sorts(make_app: Make) -> None:
    """The column under the pointer; numbers by their value and not by their digits."""
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("3")
        await until(pilot, lambda: "partner-api" in text_of(app))
        titles = next(line for line in text_of(app).splitlines() if " secret " in line)
        await pilot.click(offset=(titles.index("age") + 1, text_of(app).splitlines().index(titles)))
        assert "by age ↑" in text_of(app)
        ages = [one.numbers["age"] for one in screen.rows.shown]
        known = [age for age in ages if age is not None]
        assert known == sorted(known)
        assert ages[-1] is None
        assert len(known) == len(ages) - 1


async def test_new_rows_wait_in_a_sorted_list_too(make_app: Make) -> None:
    """Rows keep their place while the cursor is on one; let in, they stand where they belong."""
    desk = MemoryDesk()
    app = make_app(desk)
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("s", "3", "escape", "j")
        before = [one.key for one in screen.rows.shown]
        assert before == [one.key for one in sorted(screen.rows.shown, key=lambda one: one.cells[2].plain)]
        board = a_board()
        fresh = replace(board.findings[0], id="failed:new", subject="0_new", run=None)
        hand_over(desk, replace(board, findings=(*board.findings, fresh)))
        await until(pilot, lambda: "1 new" in text_of(app))
        assert [one.key for one in screen.rows.shown] == before
        await pilot.press("r")
        assert [one.key for one in screen.rows.shown] == ["failed:new", *before]


async def test_each_environment_has_its_arrangement_and_its_cursor(make_app: Make) -> None:
    """Filter, order and the row under the cursor come back with the environment they belong to."""
    app = make_app(MemoryDesk(), MemoryDesk(STAGING))
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("2")
        await until(pilot, lambda: "regulatory_report" in text_of(app))
        await type_in(pilot, "/", *"_r", "enter", "s", "2", "escape", "j")
        assert names(screen.rows) == ["fx_rates", "kyc_refresh", "regulatory_report"]
        assert screen.target.name == "kyc_refresh"
        await type_in(pilot, *":env staging", "enter")
        await until(pilot, lambda: app.board is not None and app.facts == STAGING)
        await until(pilot, lambda: len(names(screen.rows)) == 6)
        assert screen.rows.arrangement == Arrangement()
        await type_in(pilot, *":env prod", "enter")
        await until(pilot, lambda: app.board is not None and app.facts == PROD)
        await until(pilot, lambda: names(screen.rows) == ["fx_rates", "kyc_refresh", "regulatory_report"])
        assert screen.target.name == "kyc_refresh"
        assert "/_r  3 of 6" in text_of(app)


async def test_the_arrangement_outlives_the_desk(tmp_path: Path) -> None:
    """The next desk of the same configuration begins with filter and order; another one's does not."""
    file = tmp_path / "views.json"

    def made(configuration: str) -> DeskApp:
        memory = ViewMemory(configuration, file)
        return DeskApp(
            front(), lambda _: MemoryDesk(), StillClock(), environ={"TERM": "xterm-256color"}, memory=memory
        )

    app = made("/one.toml")
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await type_in(pilot, "/", *"token hvs.CAESIJ0123456789abcdefghijklmnop", "escape")
        await type_in(pilot, "/", *"page", "enter", "s", "3", "3", "escape", "G")
        await pilot.press("q")
    app = made("/one.toml")
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        assert screen.rows.arrangement == Arrangement(
            filter="page", order=Order(column="what", descending=True)
        )
        assert "by what ↓" in text_of(app)
    app = made("/other.toml")
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        assert screen.rows.arrangement == Arrangement()
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_is_kept_holds_no_secret(tmp_path: Path) -> None:
    """A token that was pasted into a filter is not written down."""
    memory = ViewMemory("c", tmp_path / "views.json")
    planted = "hvs.CAESIJ0123456789abcdefghijklmnop"
    memory.keep("prod", "triage", Arrangement(filter=f"x {planted}"))
    memory.write()
    assert planted not in (tmp_path / "views.json").read_text()
    assert ViewMemory("c", tmp_path / "views.json").recall("prod", "triage").filter.startswith("x ")


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"format": 9}', '{"format": 1, "configurations": []}', "\x00\udcff",
     '{"format": 1, "configurations": {"c": {"prod": {"triage": {"filter": 3}}}}}',
     '{"format": 1, "configurations": {"c": {"prod": [], "dev": {"triage": 7}}}}'],
)  # fmt: skip
def test_a_file_that_is_lost_or_damaged_costs_nothing(tmp_path: Path, content: str) -> None:
    """Lists are then as they come, and the next arrangement is kept."""
    file = tmp_path / "views.json"
    file.write_text(content, encoding="utf-8", errors="surrogateescape")
    memory = ViewMemory("c", file)
    assert memory.recall("prod", "triage") == Arrangement()
    kept = Arrangement(filter="x", order=Order(column="age"))
    memory.keep("prod", "triage", kept)
    memory.write()
    assert ViewMemory("c", file).recall("prod", "triage") == kept


def test_configurations_that_were_not_used_for_long_are_forgotten(tmp_path: Path) -> None:
    """The file stays small: the twenty that were used last."""
    file = tmp_path / "views.json"
    for number in range(25):
        memory = ViewMemory(f"{number}.toml", file)
        memory.keep("prod", "triage", Arrangement(filter="x"))
        memory.write()
    assert list(json.loads(file.read_text())["configurations"]) == [
        f"{number}.toml" for number in range(5, 25)
    ]


def test_a_runbook_without_text_says_so() -> None:
    """A file with nothing in it is no blank screen."""
    assert TextScreen("empty.md", " \n").text(40).plain == "There is nothing in it."
