"""Operations on screen: list, mark in the header, finding, looking again, and what goes on after q."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from memory_desk import NOW, MemoryDesk, StillClock, front
from operation_values import AWAY, MemoryStore, operation, operation_id, plan_of, unknown
from painting import flat, said, text_of, until
from recording import store_with
from textual.pilot import Pilot

from fedesk.domain.front import Finding, FrontPage
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import Outcome, Stage
from fedesk.domain.states import Severity, State
from fedesk.store.operations import SqlStore
from fedesk.ui.actions import Place
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.operations import OperationsScreen
from fedesk.ui.widgets.status_line import StatusLine

Make = Callable[..., DeskApp]
SMALL = (80, 24)
STAGING = ConnectionName("staging", "airflow")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """One that runs here, one in staging, one that ended unknown, and one that succeeded."""
    ended = operation(40, stage=Stage.ENDED, outcome=Outcome.SUCCEEDED, said="3 task instances were cleared")
    found = store_with(
        tmp_path,
        operation(1),
        operation(6, plan=plan_of(6, connection=STAGING)),
        unknown(12, plan=plan_of(12, run="fx_rates/r9", pipeline="fx_rates")),
        ended,
    )
    yield found
    found.close()


async def read(pilot: Pilot[int], app: DeskApp) -> None:
    await until(pilot, lambda: app.following.news)


def header(app: DeskApp) -> str:
    return text_of(app).splitlines()[0]


async def test_what_is_unknown_stands_first_then_what_runs(
    make_app: Make, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Operations of every environment, at 80 columns, without colour; each with its word."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app(MemoryDesk(store=store))
    async with app.run_test(size=SMALL) as pilot:
        await read(pilot, app)
        await pilot.press("u")
        await until(pilot, lambda: "ledger" in text_of(app) or "succeeded" in text_of(app))
        rows = [line.split() for line in text_of(app).splitlines() if "mara" in line]
        assert [row[2] for row in rows] == ["unknown", "running", "running", "succeeded"]
        assert [row[4] for row in rows] == ["prod", "prod", "staging", "prod"]
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, OperationsScreen))
        assert app.screen.place is Place.WATCH  # type: ignore[attr-defined]  # a screen of the desk


async def test_the_mark_is_in_every_screen_and_names_other_environments(
    make_app: Make, store: SqlStore
) -> None:
    """Words where there is room, counts alone where there is not; a click leads to the operations."""
    app = make_app(MemoryDesk(store=store))
    async with app.run_test(size=(200, 30)) as pilot:
        await read(pilot, app)
        await until(pilot, lambda: "◐ 1 running ? 1 unknown  staging ◐ 1" in header(app))
        await pilot.press("question_mark")
        await until(pilot, lambda: "staging ◐ 1" in header(app))
        await pilot.press("escape")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "PROD" in header(app) and len(header(app)) <= 80)
        assert "staging ◐ 1" in header(app)
        await pilot.click(StatusLine, offset=(header(app).index("staging ◐ 1"), 0))
        await until(pilot, lambda: isinstance(app.screen, OperationsScreen))


async def test_the_mark_survives_the_narrowest_header(make_app: Make, store: SqlStore) -> None:
    """What is in flight is the last thing that is left out."""
    app = make_app(MemoryDesk(store=store))
    async with app.run_test(size=(40, 20)) as pilot:
        await read(pilot, app)
        await until(pilot, lambda: "? 1" in header(app))
        assert len(header(app)) <= 40


async def test_an_unknown_outcome_is_a_finding_with_its_evidence(make_app: Make, store: SqlStore) -> None:
    """In production it pages; the side has each system's words, and the key to look again."""
    desk = MemoryDesk(store=store)
    app = make_app(desk)
    async with app.run_test(size=(80, 60)) as pilot:
        await until(pilot, lambda: "the operation ended unknown" in text_of(app))
        shown = flat(app)
        assert "evidence prod/airflow task instances, 02:41: try numbers are as before prod/airflow" in shown
        assert "event log, 02:42: answered 503; what was cleared is not told" in shown
        assert "was to clear 3 task instances of fx_rates / 2026-11-19: dbt_test, publish" in shown
        assert "C recheck" in shown
        await pilot.press("C")
        await until(pilot, lambda: desk.rechecked == [operation_id(12)])
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.place is Place.WATCH)  # type: ignore[attr-defined]  # of the desk


async def test_when_it_is_settled_the_finding_goes(make_app: Make) -> None:
    """Looking again has found it out: mark, row and finding follow the store."""
    store = MemoryStore(unknown(12))
    app = make_app(MemoryDesk(store=store))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "the operation ended unknown" in text_of(app))
        store.held[0] = replace(
            store.held[0], outcome=Outcome.SUCCEEDED, said="3 task instances were cleared"
        )
        await pilot.press("C")
        await until(pilot, lambda: "the operation ended unknown" not in text_of(app))
        assert "unknown" not in header(app)


async def test_an_operation_of_a_dead_process_is_told(make_app: Make) -> None:
    """Its owner is gone: it is not running, whatever the store says."""
    desk = MemoryDesk(store=MemoryStore(operation(5)))
    desk.living.alive = False
    app = make_app(desk)
    async with app.run_test(size=(80, 40)) as pilot:
        await until(pilot, lambda: "was left by a process that died" in flat(app))
        await pilot.press("u")
        await until(pilot, lambda: "left" in text_of(app))
        await pilot.press("C")
        await until(pilot, lambda: desk.rechecked == [operation_id(5)])


async def test_a_live_operation_is_left_alone(make_app: Make) -> None:
    """Looking again is not for what goes on: the key says why it does not serve."""
    desk = MemoryDesk(store=MemoryStore(operation(1)))
    app = make_app(desk)
    async with app.run_test(size=SMALL) as pilot:
        await read(pilot, app)
        await pilot.press("u")
        await until(pilot, lambda: "mara" in text_of(app))
        await pilot.press("C")
        await until(pilot, lambda: said(app) == ["recheck: it goes on, and its process lives."])
        assert desk.rechecked == []


async def test_a_store_that_is_away_is_marked_and_told_once(make_app: Make) -> None:
    """Nothing is taken for settled: the finding stays, the mark asks, and the sentence is said one time."""
    store = MemoryStore(unknown(12))
    app = make_app(MemoryDesk(store=store))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "the operation ended unknown" in text_of(app))
        store.away = AWAY
        await until(pilot, lambda: "store?" in header(app))
        assert "the operation ended unknown" in text_of(app)
        app.following.written()
        await pilot.pause(0.1)
        assert said(app) == [AWAY]
        await pilot.press("u")
        await until(pilot, lambda: "The store cannot be read" in text_of(app))
        store.away = ""
        await until(pilot, lambda: "fx_rates" in text_of(app) or "payments_daily" in text_of(app))
        assert "store?" not in header(app)


async def test_the_store_is_not_touched_before_the_first_board(make_app: Make) -> None:
    """SQLAlchemy takes long to import: rows come first."""
    store = MemoryStore(unknown(12))
    desk = MemoryDesk(silent=True, store=store)
    app = make_app(desk)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: desk.board.on_board)
        await pilot.pause(0.3)
        assert store.reads == 0
        assert desk.board.on_board is not None
        desk.board.on_board(desk.reading.board)
        await until(pilot, lambda: store.reads)


async def test_a_known_finding_stays_until_the_store_was_read(tmp_path: Path) -> None:
    """The first board knows nothing of operations: what was known last is kept beside it."""
    finding = Finding(
        id="operation:x",
        kind="operation",
        severity=Severity.PAGE,
        state=State.UNKNOWN,
        subject="zz_kept",
        what="the operation ended unknown",
        since=NOW,
        owner="engineering",
        todo="",
        operation="x",
    )
    store = MemoryStore()
    store.away = AWAY
    desk = MemoryDesk(store=store)
    page = FrontPage(environment=front().environment, at=NOW, findings=(finding,))
    app = DeskApp(
        page, lambda _: desk, StillClock(), crash_folder=tmp_path, environ={"TERM": "xterm-256color"}
    )
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.board and "store?" in header(app))
        assert "zz_kept" in text_of(app)
        store.away = ""
        await until(pilot, lambda: "store?" not in header(app))
        assert desk.board.on_board is not None
        desk.board.on_board(desk.reading.board)
        await until(pilot, lambda: "zz_kept" not in text_of(app))


async def test_leaving_says_what_goes_on(make_app: Make, store: SqlStore) -> None:
    """One line for each operation that runs; those that ended unknown do not go on."""
    app = make_app(MemoryDesk(store=store))
    async with app.run_test(size=SMALL) as pilot:
        await read(pilot, app)
        await pilot.press("q")
    first = "prod: clear 3 task instances of payments_daily / 2026-11-19: dbt_test, publish, notify goes on"
    assert app.parting[0] == f"{first} without the desk; see `fedesk operations show {operation_id(1)}`."
    assert [line.partition(":")[0] for line in app.parting] == ["prod", "staging"]


async def test_no_operation_yet(make_app: Make) -> None:
    """Empty is told in a sentence, and no mark is in the header."""
    app = make_app(MemoryDesk())
    async with app.run_test(size=SMALL) as pilot:
        await read(pilot, app)
        await pilot.press("u")
        await until(pilot, lambda: "No operation yet" in text_of(app))
        assert "◐" not in header(app)
