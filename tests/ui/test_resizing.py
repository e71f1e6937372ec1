"""A window that is dragged about while data streams: nothing ends or jumps, production is seen."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from memory_desk import NOW, MemoryDesk, a_board, failing, snapshots
from operation_values import operation_id
from painting import text_of, until
from rich.cells import cell_len
from textual.pilot import Pilot

from fedesk.domain.board import Board
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.open_operations import Course, OpenOperation
from fedesk.domain.runs import LogChunk, LogRequest
from fedesk.domain.states import State
from fedesk.ui import present
from fedesk.ui.actions import Place, Target, of_place
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.log import LogScreen
from fedesk.ui.screens.main import MainScreen
from fedesk.ui.widgets.key_line import key_content
from fedesk.ui.widgets.status_line import Status, status_content

Make = Callable[..., DeskApp]
pytestmark = pytest.mark.every_frame
SEED = 20261128
STEPS = 14
STATES = (State.FAILED, State.RUNNING, State.SUCCEEDED, State.QUEUED)


def another_board(chance: random.Random) -> Board:
    """The board a moment later: runs have begun or ended, some are gone, a system may be away."""
    found = []
    for one in snapshots("prod", hostile=chance.random() < 0.3):
        assert one.observation is not None
        runs = tuple(
            replace(run, state=chance.choice(STATES)) if chance.random() < 0.1 else run
            for run in one.observation.runs
            if chance.random() < 0.9
        )
        moved = replace(one, observation=replace(one.observation, runs=runs))
        found.append(failing(moved) if chance.random() < 0.2 else moved)
    return a_board(found=tuple(found), now=NOW + timedelta(seconds=chance.randrange(60)))


def a_size(chance: random.Random) -> tuple[int, int]:
    """Columns and rows."""
    return chance.randint(60, 250), chance.randint(18, 80)


class GrowingLog:
    """A log that has more lines at each look."""

    def __init__(self) -> None:
        self.read = 0

    def __call__(self, request: LogRequest, cursor: str) -> LogChunk:
        del request
        at = int(cursor or 0)
        self.read = at + 1
        text = "".join(
            f"02:{at % 60:02}:{line:02} model_{at}_{line} {'wide ✗ ' * 20}\n" for line in range(20)
        )
        return LogChunk(text=text, cursor=str(at + 1), complete=False)


async def resized(pilot: Pilot[int], app: DeskApp, width: int, height: int) -> None:
    """Make the window another one: production is in the first line at once, and no line stays wider."""
    await pilot.resize_terminal(width, height)
    first = text_of(app).splitlines()[0]
    assert "PROD" in first, (width, height, first)
    await until(pilot, lambda: max(map(cell_len, text_of(app).splitlines())) <= width)


async def test_a_window_of_any_size_while_data_streams(make_app: Make) -> None:
    """Between 60 by 18 and 250 by 80: every frame is sound, and the cursor stays on what it was on."""
    chance = random.Random(SEED)  # noqa: S311 - the same sizes in each run
    desk = MemoryDesk()
    app = make_app(desk)
    async with app.run_test(size=(110, 30)) as pilot:
        await until(pilot, lambda: app.board and "payments_daily" in text_of(app))
        main = app.screen
        assert isinstance(main, MainScreen)
        assert desk.board.on_board is not None
        await pilot.press("j", "j")
        assert main.rows.row is not None
        chosen = main.rows.row.key
        for step in range(STEPS):
            desk.board.on_board(another_board(chance))
            await resized(pilot, app, *((60, 18), (250, 80), a_size(chance))[min(step, 2)])
            assert main.rows.row is not None
            assert main.rows.row.key == chosen
            if step % 6 == 5:
                await pilot.press(chance.choice(("question_mark", "colon", "e", "u", "y")))
                await resized(pilot, app, *a_size(chance))
                await pilot.press("escape")
        assert "PROD" in text_of(app)


async def test_a_log_that_grows_in_a_window_of_any_size(
    make_app: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log goes on arriving, and each frame says where one is."""
    chance = random.Random(SEED)  # noqa: S311 - the same sizes in each run
    desk, growing = MemoryDesk(), GrowingLog()
    monkeypatch.setattr(desk.reading, "log", growing)
    app = make_app(desk)
    async with app.run_test(size=(110, 30)) as pilot:
        await until(pilot, lambda: app.board and "payments_daily" in text_of(app))
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LogScreen) and "model_0_" in text_of(app))
        for _ in range(STEPS // 2):
            read = growing.read
            app.screen.do_reread()  # type: ignore[attr-defined]  # a LogScreen
            await resized(pilot, app, *a_size(chance))
            await until(pilot, lambda: growing.read > read)  # noqa: B023 - awaited within the turn


def an_operation(number: int, environment: str, course: Course) -> OpenOperation:
    return OpenOperation(
        id=operation_id(number), kind="rerun", environment=environment, subject="x", partition="", target="x",
        run=None, sentence="", requester="mara", course=course, said="", expires_at=NOW, since=NOW,
    )  # fmt: skip


names = st.text(min_size=1, max_size=40)


@settings(deadline=None)
@given(
    width=st.integers(60, 250),
    name=names,
    mode=st.sampled_from(["read-only", "guarded"]),
    production=st.booleans(),
    zone=st.sampled_from(["Europe/London", "America/Argentina/ComodRivadavia", ""]),
    systems=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    operations=st.integers(0, 12),
    writes=st.booleans(),
)
@example(
    width=60, name="m" * 40, mode="read-only", production=True, zone="America/Argentina/ComodRivadavia",
    systems=(4, 4), operations=12, writes=True,
)  # fmt: skip
def test_the_first_line_says_where_one_is_at_every_width(
    *, width: int, name: str, mode: str, production: bool, zone: str, systems: tuple[int, int],
    operations: int, writes: bool,
) -> None:  # fmt: skip
    """Whatever else there is to say: the environment, the open window, the mark; in one line."""
    count, broken = systems
    found = snapshots("prod")[:count]
    opened = tuple(
        an_operation(number, (name, "dev")[number % 2], (Course.RUNNING, Course.UNKNOWN)[number % 3 > 1])
        for number in range(operations)
    )
    status = Status(
        environment=EnvironmentFacts(name=name, production=production, mode=mode, timezone=zone),
        now=NOW,
        zone=present.zone(zone),
        snapshots=tuple(failing(one) if at < broken else one for at, one in enumerate(found)),
        operations=opened,
        writes_until=NOW + timedelta(minutes=58) if writes else None,
    )
    line = status_content(status, width)
    assert line.cell_length <= width
    shown = present.text(name, 24)
    assert (shown.upper() if production else shown) in line.plain
    if writes:
        assert " write 58m " in line.plain
    if opened:
        assert any(present.FACES[state].glyph in line.plain for state in (State.RUNNING, State.UNKNOWN))


@settings(deadline=None)
@given(width=st.integers(60, 250), place=st.sampled_from(list(Place)), run=st.booleans())
def test_the_last_line_fits_at_every_width(width: int, place: Place, *, run: bool) -> None:
    """It never wraps, and what leads everywhere is there."""
    line = key_content(of_place(place), Target(name="it", link="https://a.example" if run else ""), width)
    assert line.cell_length <= width
    if place not in {Place.HELP, Place.CONFIRM}:
        assert ": command" in line.plain
        assert "q quit" in line.plain
