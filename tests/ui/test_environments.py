"""Several environments in one desk: switching is instant, and nothing of one is shown in another."""

import threading
from dataclasses import replace

from memory_desk import PROD, STAGING, MemoryDesk, StillClock, a_board, front, runs_of, snapshots
from painting import said, text_of, type_in, until
from test_desk import SIZE, Make, hand_over, ready
from textual.message import Message

from fedesk.domain.board import Board
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.observation import Observation
from fedesk.domain.states import Standing, State
from fedesk.ui.actions import Place
from fedesk.ui.app import DeskApp
from fedesk.ui.following import Rechecked
from fedesk.ui.reader import Answer
from fedesk.ui.screens.main import MainScreen


async def test_the_desk_that_was_left_is_closed_and_says_no_more(make_app: Make) -> None:
    """The old desk is closed, its late boards are dropped, and the header names the new environment."""
    old, new = MemoryDesk(), MemoryDesk(STAGING)
    app = make_app(old, new)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("e", "j", "enter")
        await until(pilot, lambda: app.desk is new and app.board is not None and old.closed)
        hand_over(old, a_board(PROD))
        await pilot.pause()
        assert app.board is not None
        assert app.board.environment == STAGING
        assert "staging guarded" in text_of(app).splitlines()[0]


async def test_another_environment_is_painted_before_its_desk_is_open() -> None:
    """What was known of it stands there at once, dimmed and with its age; the new desk goes on from it."""
    old, new = MemoryDesk(), MemoryDesk(STAGING, silent=True)
    old.board.others["staging"] = a_board(
        STAGING, found=tuple(replace(one, kept=True) for one in snapshots("staging"))
    )
    may_open = threading.Event()

    def opener(name: str | None) -> MemoryDesk:
        if name is None:
            return old
        may_open.wait(20)
        return new

    app = DeskApp(front(PROD), opener, StillClock(), environ={"TERM": "xterm-256color"})
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        await pilot.press("2")
        await type_in(pilot, *":env staging", "enter")
        await until(pilot, lambda: app.board is not None and app.facts == STAGING)
        assert app.desk is None
        shown = text_of(app)
        assert "payments_daily" in shown
        assert "as of 02:43, connecting" in shown
        screen = app.screen
        assert isinstance(screen, MainScreen)
        assert screen.place is Place.PIPELINES
        assert all(row.dim for row in screen.rows.shown if row.target.run)
        may_open.set()
        await until(pilot, lambda: app.desk is new)
        assert new.board.went_on_from == old.board.snapshots()
        assert app.board is not None
        assert app.board.snapshots[0].standing is Standing.CONNECTING


async def test_an_answer_for_the_environment_that_was_left_is_dropped(make_app: Make) -> None:
    """A diagnosis and a run that were being read when one left are drawn nowhere."""
    old, new = MemoryDesk(), MemoryDesk(STAGING)
    old.reading.hang = threading.Event()
    answered: list[Answer] = []

    def note(message: Message) -> None:
        if isinstance(message, Answer):
            answered.append(message)

    app = make_app(old, new)
    async with app.run_test(size=SIZE, message_hook=note) as pilot:
        await ready(pilot)
        await until(pilot, lambda: old.reading.asked)
        await pilot.press("enter")
        await until(pilot, lambda: "dbt_run" in text_of(app))
        await type_in(pilot, *":env staging", "enter")
        await until(pilot, lambda: app.desk is new and app.board is not None)
        await until(pilot, lambda: new.reading.asked and "not_null" in text_of(app))
        held, shown = len(answered), text_of(app)
        old.reading.hang.set()
        await until(pilot, lambda: not any(one.name.startswith("read prod") for one in threading.enumerate()))
        await pilot.pause()
        assert text_of(app) == shown
        assert not [one for one in answered[held:] if "prod" in str(one.key)]


async def test_header_and_rows_change_in_one_frame(make_app: Make) -> None:
    """From the moment another environment is named nothing of the one before is painted: no row, no count."""
    silent = MemoryDesk(STAGING, silent=True)
    app = make_app(MemoryDesk(), silent)
    async with app.run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.press("2")
        await until(pilot, lambda: "regulatory_report" in text_of(app))
        before = screen.view
        app.select_environment("staging")
        assert not before.display
        await until(pilot, lambda: app.desk is silent)
        await until(pilot, lambda: "staging guarded" in text_of(app))
        assert "regulatory_report" not in text_of(app)
        assert "Pipelines 6" not in text_of(app)


async def test_going_there_and_back_again_ends_where_one_is() -> None:
    """Of two desks that are opened one after the other the one that was asked for last is shown."""
    desks = {"prod": MemoryDesk(), "staging": MemoryDesk(STAGING)}
    slow = threading.Event()

    def opener(name: str | None) -> MemoryDesk:
        if name == "staging":
            slow.wait(20)
        return desks["staging"] if name == "staging" else MemoryDesk() if name else desks["prod"]

    app = DeskApp(front(PROD), opener, StillClock(), environ={"TERM": "xterm-256color"})
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.select_environment("staging")
        app.select_environment("prod")
        slow.set()
        await until(pilot, lambda: app.desk is not None and desks["staging"].closed)
        await until(pilot, lambda: app.board is not None and app.board.environment == PROD)
        assert "PROD read-only" in text_of(app).splitlines()[0]


async def test_news_of_another_environment_say_where(make_app: Make) -> None:
    """What a look again has found is told with its environment, where that is not the one that is shown."""
    app = make_app(MemoryDesk(), MemoryDesk(STAGING))
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await ready(pilot)
        app.post_message(Rechecked("op", "payments_daily: succeeded.", "staging"))
        await until(pilot, lambda: said(app))
        assert said(app) == ["staging: payments_daily: succeeded."]


EMEA = ConnectionName("prod", "airflow-emea")


def two_airflows() -> Board:
    """A second Airflow: one DAG that the catalogue has, and one of a name that both have and it has not."""
    first, second = (
        Observation(runs=tuple(replace(run, name=RunName(name, run.name.id)) for run in shared))
        for name, shared in (
            (ConnectionName("prod", "airflow"), runs_of("orders", "prod", State.SUCCEEDED)),
            (EMEA, runs_of("orders", "prod", State.FAILED) + runs_of("payments_daily", "prod", State.FAILED)),
        )
    )
    jenkins, airflow, *others = snapshots()
    assert airflow.observation is not None
    known = replace(airflow.observation, runs=airflow.observation.runs + first.runs)
    emea = replace(airflow, connection=EMEA, observation=second)
    return a_board(found=(jenkins, replace(airflow, observation=known), emea, *others))


async def test_rows_of_a_second_airflow_say_where_they_are_from(make_app: Make) -> None:
    """What both have and nobody catalogued is two pipelines; else the row names the connection."""
    app = make_app(MemoryDesk(board=two_airflows()))
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        findings = [line for line in text_of(app).splitlines() if "dbt_test failed" in line[:80]]
        assert ["orders@airflow-em" in line for line in findings if "orders" in line] == [True]
        assert len([line for line in findings if "airflow-emea dbt_test failed" in line]) == 1
        assert len([line for line in findings if "payments_daily" in line]) == 2
        await pilot.press("2")
        await until(pilot, lambda: "orders@airflow-emea" in text_of(app))
        lines = text_of(app).splitlines()
        assert next(line for line in lines if " orders " in line).split()[1] == "✓"
        assert next(line for line in lines if "orders@airflow-emea" in line).split()[1] == "✗"
        assert "payments_daily@airflow +1" in text_of(app)
        await type_in(pilot, *":runs payments_daily", "enter")
        await until(pilot, lambda: "Runs of payments_daily" in text_of(app))
        shown = [line for line in text_of(app).splitlines() if "2026-11-19" in line]
        assert sorted("airflow-emea scheduled" in line for line in shown) == [False, True]
