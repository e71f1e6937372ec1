"""Keys pressed in the running app: what each view shows, and where each key leads."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from memory_desk import (
    DEV,
    HOSTILE,
    NAMES,
    NOW,
    MemoryDesk,
    a_board,
    failing,
    snapshots,
)
from painting import text_of, type_in, until
from textual import events
from textual.message import Message
from textual.pilot import Pilot

from fedesk.domain.board import Board
from fedesk.domain.observation import Failure
from fedesk.domain.states import FailureKind
from fedesk.ui.actions import ACTIONS, VIEWS, Place, of_place
from fedesk.ui.app import DeskApp
from fedesk.ui.reader import Answer
from fedesk.ui.screens.handover import HandoverScreen
from fedesk.ui.screens.incidents import IncidentScreen, IncidentsScreen
from fedesk.ui.screens.lists import EnvironmentsScreen, RunsScreen
from fedesk.ui.screens.log import LogScreen
from fedesk.ui.screens.main import MainScreen
from fedesk.ui.screens.operation import OperationScreen
from fedesk.ui.screens.operations import OperationsScreen
from fedesk.ui.screens.record import RecordScreen
from fedesk.ui.screens.release import ReleaseScreen
from fedesk.ui.screens.run import RunScreen
from fedesk.ui.screens.settle import SettleScreen
from fedesk.ui.screens.texts import HelpScreen, TextScreen
from fedesk.ui.screens.timeline import TimelineScreen
from fedesk.ui.screens.trace import TraceScreen
from fedesk.ui.screens.windows import WindowsScreen
from fedesk.ui.widgets.row_list import RowList

Make = Callable[..., DeskApp]
SIZE = (120, 34)


async def ready(pilot: Pilot[int]) -> MainScreen:
    """The main screen with its first board."""
    app = pilot.app
    assert isinstance(app, DeskApp)
    await until(pilot, lambda: app.board is not None and isinstance(app.screen, MainScreen))
    await until(pilot, lambda: app.screen.query_one(RowList).row is not None)
    screen = app.screen
    assert isinstance(screen, MainScreen)
    return screen


def hand_over(desk: MemoryDesk, board: Board) -> None:
    """Deliver a board as a poller does: from a thread of its own."""
    assert desk.board.on_board is not None
    thread = threading.Thread(target=desk.board.on_board, args=(board,), daemon=True)
    thread.start()
    thread.join()


async def test_production_is_named_in_every_frame(make_app: Make) -> None:
    """Each screen begins with the environment's name and mode, the first one before anything is known."""
    app = make_app(MemoryDesk(silent=True))
    async with app.run_test(size=SIZE) as pilot:
        assert "PROD read-only" in text_of(app)
        for keys in ([], ["question_mark"], ["escape", "e"]):
            await pilot.press(*keys)
            await pilot.pause()
            assert "PROD read-only" in text_of(app).splitlines()[0]


async def test_status_says_latency_and_failure(make_app: Make) -> None:
    """A live system shows its latency, a silent one the kind of its failure; Snowflake says as of when."""
    found = snapshots()
    app = make_app(MemoryDesk(board=a_board(found=(failing(found[0]), *found[1:]))))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        line = text_of(app).splitlines()[0]
        assert "jenkins ✗ unreachable" in line
        assert "airflow ● 41ms" in line
        assert "snowflake ● as of 02:43" in line


async def test_triage_tells_why(make_app: Make) -> None:
    """The side says partition, telling line, steps, last good run, commits, deadline and who owns it."""
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await until(pilot, lambda: "not_null_payments_amount" in text_of(app))
        shown = text_of(app)
        for said in (
            "2026-11-19",
            "✓ extract",
            "✗ dbt_test",
            "2 commits",
            "c0ffee12",
            "06:00",
            "try 3, line 41",
        ):
            assert said in shown


async def test_diagnosis_waits_for_the_cursor_to_stand(make_app: Make) -> None:
    """Rows the cursor only passes are not read."""
    desk = MemoryDesk()
    app = make_app(desk)
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: desk.reading.asked)
        before = len(desk.reading.asked)
        await type_in(pilot, "j", "j", "k", "k", "j")
        wanted = screen.target.run
        await until(pilot, lambda: len(desk.reading.asked) > before)
        assert desk.reading.asked[before:] == [wanted]


async def test_answer_for_another_row_is_not_drawn(make_app: Make) -> None:
    """An answer that comes after the cursor has moved on does not show beside the new row."""
    desk = MemoryDesk()
    desk.reading.hang = threading.Event()
    app = make_app(desk)
    answers: list[Message] = []

    def note(message: Message) -> None:
        if isinstance(message, Answer):
            answers.append(message)

    async with app.run_test(size=SIZE, message_hook=note) as pilot:
        await ready(pilot)
        await until(pilot, lambda: desk.reading.asked)
        await until(pilot, lambda: "reading the log" in text_of(app))
        await pilot.press("G")
        desk.reading.hang.set()
        await until(pilot, lambda: answers)
        assert "not_null_payments_amount" not in text_of(app)


async def test_unreadable_run_says_so(make_app: Make) -> None:
    """A run that cannot be read leaves its sentence in the side, and the desk as it is."""
    desk = MemoryDesk()
    desk.reading.problem = "Airflow prod does not know this run (404)."
    app = make_app(desk)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await until(pilot, lambda: "does not know this run" in " ".join(text_of(app).split()))


async def test_views_are_composed_when_seen(make_app: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first view exists until another is asked for, and it is drawn at once, without a tick."""
    monkeypatch.setattr("fedesk.ui.app._TICK", 3600.0)
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        assert len(screen.query(RowList)) == 1
        await pilot.press("2")
        await until(pilot, lambda: screen.place is Place.PIPELINES and screen.rows.row is not None)
        shown = text_of(app)
        for name in NAMES:
            assert name in shown
        assert "staging" in shown
        await pilot.press("3")
        await until(pilot, lambda: screen.place is Place.SECRETS and screen.rows.row is not None)
        assert "overdue" in text_of(app)
        await pilot.press("1")
        assert screen.place is Place.TRIAGE


async def test_unknown_secret_age_says_why(make_app: Make) -> None:
    """A secret whose age cannot be told gives the reason, also where there is no room for a column."""
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        await pilot.press("3")
        await until(pilot, lambda: screen.rows.row is not None)
        assert "the current version is deleted" in text_of(app)


async def test_filter_narrows_as_one_types(make_app: Make) -> None:
    """Every word must be displayed in the row; the count says of how many; Esc shows all again."""
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("2")
        await until(pilot, lambda: screen.rows.row is not None)
        await pilot.press("slash", *"re kyc")
        assert "/re kyc" in text_of(app)
        assert "1 of 6" in text_of(app)
        await pilot.press("enter")
        assert screen.target.name == "kyc_refresh"
        await pilot.press("slash", *"zzz")
        assert "No row holds all" in text_of(app)
        await pilot.press("escape")
        assert "ledger_load" in text_of(app)


async def test_typed_letters_are_no_keys(make_app: Make) -> None:
    """While a filter is typed, q does not quit and 2 does not switch."""
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("slash", "q", "2")
        assert screen.place is Place.TRIAGE
        assert screen.rows.filter_words == "q2"
        assert app.is_running


async def test_moving(make_app: Make) -> None:
    """The keys j k g G and the page keys move the cursor and stop at both ends."""
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        names = []
        for key in ("j", "k", "k", "G", "j", "g", "pagedown", "pageup", "down", "up"):
            await pilot.press(key)
            names.append(screen.target.name)
        first, second, last = names[1], names[0], names[3]
        assert names == [second, first, first, last, last, first, names[6], first, second, first]


async def test_keys_lead_where_they_say(make_app: Make, tmp_path: Path) -> None:
    """Enter opens the run, l its log, h the runs, o the runbook, ? help, e environments; Esc is back."""
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "payments_daily.md").write_text(
        "# Payments\n[bold]call nobody[/]\n", encoding="utf-8"
    )
    app = make_app(MemoryDesk(runbook_folder=tmp_path))
    leads: dict[str, type[object]] = {
        "enter": RunScreen,
        "l": LogScreen,
        "h": RunsScreen,
        "o": TextScreen,
        "question_mark": HelpScreen,
        "e": EnvironmentsScreen,
    }
    async with app.run_test(size=SIZE) as pilot:
        main = await ready(pilot)
        for key, kind in leads.items():
            await pilot.press(key)
            await pilot.pause()
            assert isinstance(app.screen, kind)
            if kind is TextScreen:
                assert "[bold]call nobody[/]" in text_of(app)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is main)


async def test_back_never_leaves_the_desk(make_app: Make) -> None:
    """Esc on the main screen does nothing more than clear; the desk stays."""
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        main = await ready(pilot)
        await pilot.press("escape", "escape", "escape")
        assert app.screen is main
        assert app.is_running


async def test_runs_of_a_pipeline(make_app: Make) -> None:
    """The key h lists the runs with state, partition, duration and cause; Enter opens one."""
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("2")
        await until(pilot, lambda: screen.rows.row is not None)
        await pilot.press("h")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.rows.row is not None)
        shown = text_of(app)
        for said in ("Runs of ledger_load", "2026-11-18", "3m37s", "scheduled"):
            assert said in shown
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))


async def test_what_may_be_copied_is_a_menu(make_app: Make) -> None:
    """The key y offers the run's full name, its address and the command line that does the same."""
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        run = "prod/airflow:payments_daily/scheduled__2026-11-19T00:00:00+00:00"
        await pilot.press("y")
        await until(pilot, lambda: "Copy  y id  l link  c command line  f to a file" in text_of(app))
        await pilot.press("y")
        assert app.clipboard == run
        await pilot.press("y", "l")
        assert app.clipboard.startswith("http://127.0.0.1:8080/dags/payments_daily/runs/")
        await pilot.press("y", "c")
        assert app.clipboard == f"fedesk log {run}"


async def test_key_that_does_not_serve_says_why(make_app: Make) -> None:
    """A finding without a run has no log: the key says so, footer and help show it as not serving."""
    app = make_app()
    async with app.run_test(size=(160, 50), notifications=True) as pilot:
        screen = await ready(pilot)
        await pilot.press("G", "l")
        await until(pilot, lambda: "no run stands behind" in " ".join(text_of(app).split()))
        assert app.screen is screen
        await pilot.press("question_mark")
        await pilot.pause()
        assert "Not now: no run stands behind" in " ".join(text_of(app).split())


async def test_help_shows_every_action_of_the_place(make_app: Make) -> None:
    """The help of a place is the table's part for it, nothing more and nothing less."""
    app = make_app()
    async with app.run_test(size=(140, 60)) as pilot:
        await ready(pilot)
        await pilot.press("question_mark")
        await pilot.pause()
        shown = text_of(app)
        for action in of_place(Place.TRIAGE):
            assert action.help[:30] in shown


async def test_palette_runs_an_action(make_app: Make) -> None:
    """ctrl+p finds an action by its name and does it."""
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("ctrl+p")
        await pilot.press(*"secrets")
        await until(pilot, lambda: "Secrets  (3)" in text_of(app) and "Runbook" not in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen and screen.place is Place.SECRETS)


@pytest.mark.parametrize("place", list(Place))
def test_every_action_has_a_method(place: Place) -> None:
    """For each action of each place its screen has the method behind it."""
    screens: dict[Place, type[object]] = {
        **dict.fromkeys(VIEWS, MainScreen),
        Place.RUNS: RunsScreen,
        Place.RUN: RunScreen,
        Place.LOG: LogScreen,
        Place.ENVIRONMENTS: EnvironmentsScreen,
        Place.TEXT: TextScreen,
        Place.TRACE: TraceScreen,
        Place.HANDOVER: HandoverScreen,
        Place.RELEASE: ReleaseScreen,
        Place.TIMELINE: TimelineScreen,
        Place.HELP: HelpScreen,
        Place.RECORD: RecordScreen,
        Place.OPERATIONS: OperationsScreen,
        Place.SETTLE: SettleScreen,
        Place.INCIDENTS: IncidentsScreen,
        Place.WINDOWS: WindowsScreen,
        Place.INCIDENT: IncidentScreen,
        **dict.fromkeys((Place.PLAN, Place.CONFIRM, Place.WATCH), OperationScreen),
    }
    for action in of_place(place):
        assert hasattr(screens[place], f"do_{action.id.replace('-', '_')}"), action.id


def test_keys_of_a_place_are_unambiguous() -> None:
    """No key has two meanings at one place; what changes something has a capital or a modifier."""
    for place in Place:
        keys = [key for action in of_place(place) for key in action.keys]
        assert len(keys) == len(set(keys)), place
    for action in ACTIONS:
        changes = action.group == "change"
        assert all(key[0].isupper() or "+" in key for key in action.keys) if changes else True


async def test_new_rows_wait_and_gone_ones_stay(make_app: Make) -> None:
    """Once one has moved nothing jumps: what is new is counted, what is gone stays struck, until r."""
    desk = MemoryDesk()
    app = make_app(desk)
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("j")
        chosen = screen.target.name
        board = a_board()
        fresh = replace(board.findings[0], id="failed:new", subject="brand_new", run=None)
        hand_over(desk, replace(board, findings=(fresh, *board.findings[1:])))
        await until(pilot, lambda: "1 new" in text_of(app))
        assert "1 gone" in text_of(app)
        assert "brand_new" not in text_of(app)
        assert "payments_daily" in text_of(app)
        assert screen.target.name == chosen
        await pilot.press("r")
        assert "brand_new" in text_of(app)
        assert screen.target.name == chosen
        assert desk.board.refreshed == 1


async def test_untouched_list_follows(make_app: Make) -> None:
    """Until somebody moves, the newest finding stands at the top by itself."""
    desk = MemoryDesk()
    app = make_app(desk)
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        board = a_board()
        fresh = replace(board.findings[0], id="failed:new", subject="brand_new", run=None)
        hand_over(desk, replace(board, findings=(fresh, *board.findings)))
        await until(pilot, lambda: screen.target.name == "brand_new")


async def test_loading_shows_no_flash_then_a_skeleton(make_app: Make) -> None:
    """Nothing for the first moment, then a skeleton until the first look has ended."""
    app = make_app(MemoryDesk(silent=True))
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "░░░" in text_of(app))


async def test_empty_list_says_why(make_app: Make) -> None:
    """Nothing wrong is said in words, with what is watched."""
    app = make_app(MemoryDesk(board=replace(a_board(), findings=())))
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "Nothing is wrong: 6 pipelines" in text_of(app))


async def test_stale_rows_are_dimmed_and_dated(make_app: Make) -> None:
    """Rows of a silent system stay, and the list says as of when, since when and when it is tried next."""
    found = snapshots()
    board = a_board(found=(found[0], failing(found[1]), *found[2:]))
    app = make_app(MemoryDesk(board=board))
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        shown = text_of(app)
        assert "airflow as of 02:41, unreachable since 02:42, next try in 20s" in shown
        assert next(row for row in screen.rows.shown if row.target.name == "payments_daily").dim


async def test_refused_list_says_what_is_missing(make_app: Make) -> None:
    """A system that refuses leaves its sentence in the list that it would fill."""
    found = snapshots()
    refused = replace(
        found[2],
        observation=None,
        failure=Failure(
            kind=FailureKind.FORBIDDEN, sentence="Vault prod allows no listing of kv/finedge/prod (403)."
        ),
        failed_since=NOW,
    )
    board = a_board(found=(*found[:2], refused, found[3]))
    app = make_app(MemoryDesk(board=board))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("3")
        await until(pilot, lambda: "vault refuses: Vault prod allows no listing" in text_of(app))


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (200, 60)])
@pytest.mark.parametrize("keys", ["1", "2", "3", "question_mark"])
async def test_every_size_is_drawn_whole(make_app: Make, size: tuple[int, int], keys: str) -> None:
    """At each size header, list and keys are there and no line is wider than the terminal."""
    found = snapshots()
    board = a_board(found=(failing(found[0]), failing(found[1], known=False), *found[2:]))
    app = make_app(MemoryDesk(board=board))
    async with app.run_test(size=size) as pilot:
        await ready(pilot)
        await pilot.press(keys)
        await until(pilot, lambda: len(text_of(app).splitlines()) == size[1])
        lines = text_of(app).splitlines()
        assert all(len(line) <= size[0] for line in lines)
        assert "PROD" in lines[0]
        assert "quit" in lines[-1]


async def test_narrow_and_low_shows_one_at_a_time(make_app: Make) -> None:
    """Where there is no room for both, Tab brings the side in the list's place, Esc the list again."""
    app = make_app()
    async with app.run_test(size=(60, 18)) as pilot:
        await ready(pilot)
        await until(pilot, lambda: "deploy fx_rates" in text_of(app))
        await pilot.press("tab")
        await until(pilot, lambda: "last good" in text_of(app))
        assert "deploy fx_rates" not in text_of(app)
        await pilot.press("escape")
        await until(pilot, lambda: "deploy fx_rates" in text_of(app))


async def test_hostile_names_are_drawn_as_text(make_app: Make) -> None:
    """Markup, escapes, lone surrogates and overrides in names and errors neither act nor end the app."""
    found = snapshots(hostile=True)
    broken = failing(found[2])
    assert broken.failure is not None
    broken = replace(broken, failure=replace(broken.failure, sentence=HOSTILE))
    desk = MemoryDesk(board=a_board(found=(found[0], found[1], broken, found[3])))
    desk.reading.problem = HOSTILE
    app = make_app(desk)
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        for key in ("j", "j", "j", "j", "y", "o", "escape", "question_mark", "escape", "2", "G", "y", "h"):
            await pilot.press(key)
            await pilot.pause()
        await pilot.press("escape", "3", "1", "slash", *"[bold")
        await pilot.pause()
        shown = text_of(app)
        assert "[bold red]x[/]" in shown
        assert "\x1b" not in shown
        assert screen.is_attached


async def test_no_color_is_still_readable(make_app: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without colour the states are told apart by glyph and word, and the cursor by its ground."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("2")
        await until(pilot, lambda: all(glyph in text_of(app) for glyph in "✓✗◐◷"))
        colours = {
            segment.style.color.triplet
            for line in app.screen._compositor.render_strips(app.size)  # noqa: SLF001 - what a terminal would be sent
            for segment in line
            if segment.style and segment.style.color and segment.style.color.triplet
        }
        assert all(one.red == one.green == one.blue for one in colours)


async def test_poor_terminal_is_given_ascii(make_app: Make) -> None:
    """On the Linux console every glyph and border of ours is one ASCII character."""
    app = make_app(environ={"TERM": "linux"})
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        for key in ("1", "2", "3"):
            await pilot.press(key)
            await until(pilot, lambda: "41ms" in text_of(app))
            assert text_of(app).isascii()


async def test_ages_move_on(make_app: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes on screen without a poll."""
    monkeypatch.setattr("fedesk.ui.app._TICK", 0.05)
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        assert "02:43:10" in text_of(app)
        app.clock.moment = NOW + timedelta(minutes=7)  # type: ignore[attr-defined] # the test's own clock
        await until(pilot, lambda: "02:50:10" in text_of(app))
        assert DEV.name not in text_of(app).splitlines()[0]


async def test_what_is_typed_in_one_go_is_text_not_actions(make_app: Make) -> None:
    """``/lq`` as fast as a terminal delivers it filters by ``lq``: no log is opened, no desk left."""
    app = make_app()
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        for key, character in (("slash", "/"), ("l", "l"), ("q", "q")):
            app.post_message(events.Key(key, character))
        await until(pilot, lambda: screen.rows.filter_words == "lq")
        assert app.is_running
        assert app.screen is screen
        for key, character in (("enter", "\r"), ("slash", "/"), ("p", "p")):
            app.post_message(events.Key(key, character))
        await until(pilot, lambda: screen.rows.filter_words == "lqp")
