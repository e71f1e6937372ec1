"""What one does in a log: other logs, filter, times, follow, tries side by side, saving; and its states."""

import re
import stat
import threading
from pathlib import Path

import pytest
from painting import type_in
from test_run_screen import BUILD, DAG_RUN, FAILED_LOG, FAST, Host, Shelf, build, dag_run, log_of, until

from fedesk.domain.names import TaskName
from fedesk.domain.runs import LogChunk, LogEnd, LogRequest
from fedesk.ports.errors import ForbiddenError
from fedesk.ports.operation_store import StoreUnavailableError
from fedesk.ui.screens.attempts import AttemptsScreen
from fedesk.ui.screens.log import LogScreen

THIRD = TaskName("dbt_test", None, 3)
TOKEN = "ghp_" + "a1B2" * 9


class LongShelf(Shelf):
    """A long log whose first part is there at once, and the rest when the gate opens; its end by range."""

    def __init__(self, error: int) -> None:
        super().__init__(build())
        self.gate = threading.Event()
        lines = ["ERROR: checksum mismatch" if n == error else f"line {n} {'x' * 60}" for n in range(20_000)]
        self.parts = ["".join(f"{line}\n" for line in part) for part in (lines[:1_000], lines[1_000:])]
        self.end = "".join(f"{line}\n" for line in lines[-500:])

    def log(self, request: LogRequest, cursor: str) -> LogChunk:
        del request
        if cursor:
            self.gate.wait(20)
        return LogChunk(text=self.parts[int(cursor or 0)], cursor="1", complete=bool(cursor))

    def log_end(self, request: LogRequest) -> LogEnd | None:
        del request
        return LogEnd(text=self.end, size=sum(map(len, self.parts)), complete=True)


def screen_of(shelf: Shelf, run: object = BUILD) -> LogScreen:
    return LogScreen(shelf, LogRequest(run=BUILD if run is BUILD else DAG_RUN), pace=FAST)


async def test_the_end_of_a_long_log_is_shown_before_the_rest_is_there() -> None:
    """Its last lines come without numbers; once all are counted the same lines stay where they were."""
    shelf = LongShelf(error=-1)
    app = Host(lambda: screen_of(shelf))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "line 19999" in app.shown())
        assert "not counted yet" in app.shown()
        assert re.search(r"\d+ kB, \d+% read", app.shown())
        await pilot.press("k", "k", "k")
        top = next(line for line in app.shown().splitlines() if "line 19" in line).split()[1]
        shelf.gate.set()
        await until(pilot, lambda: "complete, 20,000 lines" in app.shown())
        shown = next(line for line in app.shown().splitlines() if "line 19" in line).split()
        assert shown[:3] == [str(int(top) + 1), "line", top]


async def test_the_line_that_tells_why_is_gone_to_as_soon_as_it_is_found() -> None:
    """It need not wait for the rest of the log; where one has moved away nothing jumps."""
    shelf = LongShelf(error=700)
    app = Host(lambda: screen_of(shelf))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "▸✗ 701 ERROR: checksum mismatch" in app.shown())
        assert "% read" in app.shown()
        await pilot.press("G")
        assert "line 19999" in app.shown()
        await pilot.press("e")
        assert "ERROR: checksum mismatch" in app.shown()
        await pilot.press("g")
        shelf.gate.set()
        await until(pilot, lambda: "complete, 20,000 lines" in app.shown())
        assert "   1 line 0" in app.shown()


async def test_another_log_of_the_run_is_chosen_in_place() -> None:
    """``l`` lists stages or tasks with their tries; what is typed narrows them, Enter reads."""
    shelf = Shelf(dag_run())
    shelf.put(THIRD, "third\n")
    shelf.put(TaskName("dbt_run", None, 1), "the first try of dbt_run\n")
    app = Host(log_of(shelf))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "third" in app.shown())
        await pilot.press("l")
        assert "extract" in app.shown()
        await pilot.press(*"run", "down", "enter")
        await until(pilot, lambda: "the first try of dbt_run" in app.shown())
        assert "try 1 of 2" in app.shown()


async def test_a_stage_is_chosen_and_left_for_the_whole_log() -> None:
    """Of a build the whole log stands ahead of its stages; a log opened by task asks for the steps."""
    shelf = Shelf(build())
    shelf.put(TaskName("21"), "stage log\n", run=BUILD)
    shelf.put(None, "whole log\n", run=BUILD)
    app = Host(log_of(shelf, TaskName("21"), run=BUILD))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "stage log" in app.shown())
        await pilot.press("l")
        await until(pilot, lambda: "the whole log" in app.shown())
        await pilot.press("up", "up", "enter")
        await until(pilot, lambda: "whole log" in app.shown() and "stage log" not in app.shown())


async def test_only_matching_lines_are_shown_as_one_types() -> None:
    """``&`` without a search takes one; ``c`` adds what stands around, Esc shows all and then drops it."""
    shelf = Shelf(dag_run())
    shelf.put(THIRD, FAILED_LOG)
    app = Host(log_of(shelf))
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "complete" in app.shown())
        await pilot.press("ampersand", *"row 77", "enter")
        await until(pilot, lambda: "only these" in app.shown())
        assert "  78 [2026-11-20" in app.shown()
        assert "row 76" not in app.shown()
        await pilot.press("c")
        assert "row 76" in app.shown()
        assert "3 lines around" in app.shown()
        await pilot.press("escape")
        assert "only these" not in app.shown()
        assert "row 80" in app.shown()
        await pilot.press("escape")
        assert "/row 77" not in app.shown()


async def test_times_are_hidden_shown_and_told_anew() -> None:
    """``t`` goes round four ways, and the foot says which holds."""
    shelf = Shelf(dag_run())
    shelf.put(THIRD, FAILED_LOG)
    app = Host(log_of(shelf))
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "complete" in app.shown())
        await pilot.press("g", "t")
        assert "   1 {subprocess.py:93} INFO - row 0" in app.shown()
        assert "times hidden" in app.shown()
        await pilot.press("t")
        assert "   1 02:30:00 {subprocess.py:93}" in app.shown()
        await pilot.press("t")
        assert "   2 +0:00:01 {subprocess.py:93}" in app.shown()
        await pilot.press("t")
        assert "   1 [2026-11-20T02:30:00.000+0000]" in app.shown()


async def test_following_is_begun_and_left() -> None:
    """``f`` goes to the end and follows it, and again stays where one is."""
    shelf = Shelf(dag_run())
    shelf.put(THIRD, FAILED_LOG)
    app = Host(log_of(shelf))
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: app.view.position.error > 0)
        await pilot.press("f")
        assert app.view.position.following
        await pilot.press("f")
        assert not app.view.position.following


@pytest.mark.parametrize("size", [(140, 40), (70, 40)])
async def test_all_tries_stand_beside_one_another(size: tuple[int, int]) -> None:
    """``b`` shows where each try failed, in columns where there is room; ≠ marks what one alone says."""
    shelf = Shelf(dag_run())
    for number, why in ((1, "ERROR: connection refused"), (2, "ERROR: checksum mismatch"), (3, "")):
        shelf.put(TaskName("dbt_test", None, number), "the same 7\n" + (f"{why}\n" if why else "all well\n"))
    app = Host(log_of(shelf))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "complete" in app.shown())
        await pilot.press("b")
        await until(
            pilot, lambda: isinstance(app.screen, AttemptsScreen) and "different lines" in app.shown()
        )
        shown = app.shown()
        assert "✗ ERROR: connection refused" in shown
        assert "✗ ERROR: checksum mismatch" in shown
        assert "≠ all well" in shown
        assert "≠ the same" not in shown
        assert any(line.count("the same 7") > 1 for line in shown.splitlines()) is (size[0] > 100)


async def test_a_log_is_saved_with_its_secrets_hidden(tmp_path: Path) -> None:
    """``s`` asks for the file; it is new, for oneself alone, and what is hidden on screen is hidden in it."""
    shelf = Shelf(dag_run())
    shelf.put(THIRD, f"token {TOKEN}\nthe end\n")
    app = Host(log_of(shelf))
    target = tmp_path / "dbt.log"
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "complete" in app.shown())
        await type_in(pilot, "s", "ctrl+u", *str(target), "enter")
        await until(pilot, lambda: bool(app.said))
        assert "Saved 2 lines in" in app.said[-1]
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        assert target.read_text(encoding="utf-8") == "token [hidden: github-token]\nthe end\n"
        await type_in(pilot, "s", "ctrl+u", *str(target), "enter")
        await until(pilot, lambda: "is there already" in app.said[-1])
        await pilot.press("s", "escape")
    assert [one.name for one in tmp_path.iterdir()] == ["dbt.log"]  # noqa: ASYNC240  # the test's own folder


async def test_what_cannot_be_recorded_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where saving has to be on the record and cannot be, no file is made, and the store's words are said."""
    shelf = Shelf(dag_run())
    shelf.put(THIRD, "the end\n")

    def refuse(request: LogRequest, file: str) -> None:
        raise StoreUnavailableError(f"the store is away: {request.run} is not saved in {Path(file).name}")

    monkeypatch.setattr(shelf, "exporting", refuse)
    app = Host(log_of(shelf))
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "complete" in app.shown())
        await type_in(pilot, "s", "ctrl+u", *str(tmp_path / "x.log"), "enter")
        await until(pilot, lambda: bool(app.said))
        assert "the store is away" in app.said[-1]
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240  # the test's own folder


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            ForbiddenError("prod/jenkins does not allow this to user oncall"),
            "does not allow this to user oncall",
        ),
        (StoreUnavailableError("the store is away: nothing is read"), "the store is away: nothing is read"),
    ],
)
async def test_a_log_that_is_refused_says_which_right_is_missing(
    error: Exception, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused by the system, or for want of a record: the sentence stands where the log would."""
    shelf = Shelf(dag_run())

    def refuse(request: LogRequest, cursor: str) -> LogChunk:
        del request, cursor
        raise error

    monkeypatch.setattr(shelf, "log", refuse)
    app = Host(log_of(shelf))
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: says in app.shown())
        assert "r reads now" in app.shown()
