"""Whatever is pressed, typed, pasted and clicked: the desk goes on, nothing changes, and Esc comes home.

Hypothesis presses keys of the action table, text, commands, clicks and pastes at the real desk over the
sandbox. One app is kept over many sequences, each of which begins at the main screen; one that failed is
tried again at a new app.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from in_process import InProcessLauncher
from memory_desk import HOSTILE, NOW
from painting import text_of, type_in, until
from sandbox_desk import SandboxClock, impatient
from test_desk_on_sandbox import all_live
from textual import events

from fedesk.composition import front_page
from fedesk.domain.operations import Operation, Outcome, Stage
from fedesk.execution import Desk, open_desk
from fedesk.sandbox.airflow_events import CLEAR
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.server import Sandbox, start
from fedesk.sandbox.world import World
from fedesk.ui.actions import ACTIONS
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.main import MainScreen
from fedesk.ui.screens.operation import OperationScreen
from fedesk.ui.screens.settle import SettleScreen
from fedesk.ui.view_memory import ViewMemory

if TYPE_CHECKING:
    from textual.pilot import Pilot

SEED = 20261128
SIZE = (120, 34)
STEPS = 3
PATIENCE = 20.0
HOME_WITHIN = 16
"""Presses of Esc that come home from anywhere these sequences lead to."""
CONFIRM = "ctrl+y"
LEAVING = frozenset({"q", "ctrl+q", "ctrl+c"})
TABLE = sorted({key for action in ACTIONS for key in action.keys} - LEAVING - {CONFIRM})
CAPITALS = [key for key in TABLE if len(key) == 1 and key.isupper()]
EDITING = ["enter", "escape", "tab", "shift+tab", "backspace", "ctrl+u", "ctrl+w", "left", "right", "delete"]
READS = ("/auth/token", "/list", "/clearTaskInstances", "/auth/approle/login", "/v1/auth/token/lookup-self")
"""What is asked by POST and changes nothing: logins, lists, dry runs (the world tells those)."""

Step = tuple[Any, ...]

WAYS = [
    ["R"], ["R", "p", "r", "o", "d", "tab", "x"], ["enter"], ["enter", "tab"], ["enter", "l"], ["l"],
    ["h", "enter"], ["u"], ["4", "enter"], ["3"], ["2", "G"], ["tab", "j"], ["e", "j", "enter"],
    ["question_mark"], ["ctrl+p"], ["slash", "f", "enter"], ["space", "j", "space"], ["y"], ["s", "2"], ["o"],
]  # fmt: skip
"""Keys that lead somewhere, so that the others are pressed there."""
way_steps = st.tuples(st.just("keys"), st.sampled_from(WAYS))
key_steps = st.tuples(
    st.just("keys"),
    st.lists(
        st.one_of(*(st.sampled_from(keys) for keys in (TABLE, TABLE, CAPITALS, EDITING))),
        min_size=1,
        max_size=5,
    ),
)
"""Pressed in one go, as keys come over a slow line."""
typed_steps = st.tuples(
    st.just("type"),
    st.one_of(
        st.sampled_from(["prod", "dev", "payments", "err", "INC-7 late file", "%s {0} [red]", "fx_rates"]),
        st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=6),
    ),
)
command_steps = st.tuples(
    st.just("command"),
    st.one_of(
        st.sampled_from(
            [
                "rerun payments_daily", "rerun payments_daily --reason x --yes", "log payments_daily",
                "runs fx_rates", "env dev", "env prod", "operations list", "operations recheck",
                "operations settle x --outcome done", "audit tail", "audit verify", "secrets list", "status",
                "failures", "trace 019a9f3e-0001-7000", "incident list", "tour", "runs 'x",
                "log 'a b' --task [x", "rerun http://127.0.0.1/x", "audit show 99999",
            ]
        ),
        st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12).filter(
            lambda line: not line.strip().startswith("q")
        ),
    ),
)  # fmt: skip
click_steps = st.tuples(
    st.just("click"), st.integers(0, SIZE[0] - 1), st.integers(0, SIZE[1] - 1), st.integers(1, 2)
)
paste_steps = st.tuples(
    st.just("paste"),
    st.sampled_from(["prod", "INC-7", HOSTILE, "a\r\nb\tc\x19\x1b", "", ":quit\n", "a long one"]),
)
resize_steps = st.tuples(st.just("resize"), st.integers(1, 200), st.integers(1, 70))
steps = st.one_of(
    *(key_steps, way_steps) * 3,
    st.just(("confirm",)),
    typed_steps,
    command_steps,
    click_steps,
    paste_steps,
    resize_steps,
)
sequences = st.lists(steps, min_size=1, max_size=STEPS)


class StayingApp(DeskApp):
    """The desk, which notes that it was asked to leave, and stays."""

    asked_to_leave = 0
    has_left = False

    def leave(self) -> None:
        self.asked_to_leave += 1

    def exit(self, *_given: object, **_named: object) -> None:
        self.has_left = True


class Seat:
    """An app over the sandbox, opened anew once it has failed; what came of what was pressed."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self._folder = folder
        self._config = impatient(sandbox.config_path, folder, seconds=30)
        self._desks: list[Desk] = []
        self._crashes = folder
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.app: StayingApp
        self.pilot: Pilot[int]
        self.counts: Counter[str] = Counter()
        self.escapes = 0
        self.is_fit = False

    def _open_desk(self, name: str | None) -> Desk:
        desk = open_desk(self._config, name or "prod", SandboxClock(self.sandbox))
        desk.__dict__["launcher"] = InProcessLauncher(desk, behind=True)
        self._desks.append(desk)
        return desk

    async def open(self) -> None:
        """Sit down, at a board that is live."""
        await self.close()
        self._over = asyncio.Event()
        self._crashes = self._folder / f"crashes-{len(self._desks)}"
        self.app = StayingApp(
            front_page(self._config, "prod"),
            self._open_desk,
            SandboxClock(self.sandbox),
            crash_folder=self._crashes,
            environ={"TERM": "xterm-256color"},
            memory=ViewMemory("a configuration", self._folder / f"views-{len(self._desks)}.json"),
        )
        ready: asyncio.Future[Pilot[int]] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._live(ready))
        await asyncio.wait((ready, self._task), return_when=asyncio.FIRST_COMPLETED)
        self.pilot = await ready
        with self.app._context():  # noqa: SLF001 - as run_test does for the task that presses
            await all_live(self.pilot, self.app, ("jenkins", "airflow", "vault"))
            await until(self.pilot, lambda: "payments_daily" in text_of(self.app), PATIENCE)
        self.is_fit = True

    async def _live(self, ready: "asyncio.Future[Pilot[int]]") -> None:
        async with self.app.run_test(size=SIZE) as pilot:
            ready.set_result(pilot)
            await self._over.wait()

    async def close(self) -> None:
        """Stand up, however far it came."""
        self._over.set()
        if self._task is not None:
            await asyncio.wait((self._task,))
            self._task.exception()
        for desk in self._desks:
            launcher = desk.launcher
            assert isinstance(launcher, InProcessLauncher)
            for thread in launcher.threads:
                await asyncio.to_thread(thread.join, 30)
            desk.close()

    # One sequence

    async def play(self, sequence: list[Step]) -> None:
        """Do all of it, come home, and look at what it has done."""
        if not self.is_fit:
            await self.open()
        self.is_fit = False
        self.sandbox.control.clear_requests()
        with self.app._context():  # noqa: SLF001 - likewise
            for step in sequence:
                await self._do(step)
                self._check_alive(step)
                self.counts[type(self.app.screen).__name__] += 1
            await self._come_home()
            if self.app.size != SIZE:
                await self.pilot.resize_terminal(*SIZE)
        self._check_unchanged()
        self.is_fit = True

    async def _do(self, step: Step) -> None:
        app, pilot = self.app, self.pilot
        kind, *given = step
        if kind == "confirm":
            if not self._would_confirm():
                await type_in(pilot, CONFIRM)
        elif kind in ("keys", "type"):
            await type_in(pilot, *given[0])
        elif kind == "command":
            await type_in(pilot, "colon", *given[0], "enter")
        elif kind == "paste":
            app.post_message(events.Paste(given[0].replace("a long one", "x" * 99_999)))
            await pilot.pause()
        elif kind == "resize":
            await pilot.resize_terminal(*given)
        else:
            x, y, times = given
            width, height = app.size
            await pilot.click(offset=(x % width, y % height), times=times)

    def _would_confirm(self) -> bool:
        """Whether the key might be a whole confirmation here: that is for another test."""
        screen = self.app.screen
        if isinstance(screen, OperationScreen):
            name, typed = screen.environment, screen.situation.typed.name
        elif isinstance(screen, SettleScreen):
            name, typed = screen._settling.environment, screen._settling.typed.name  # noqa: SLF001 - as it is typed
        else:
            return False
        return name != "prod" or typed == name

    def _check_alive(self, step: Step) -> None:
        app = self.app
        assert app._exception is None, (step, repr(app._exception))  # noqa: SLF001 - Textual has no other way to ask
        assert app.is_running
        assert not app.has_left, step
        assert not self._crashes.exists()

    async def _come_home(self) -> None:
        for pressed in range(HOME_WITHIN + 1):
            if self._is_home():
                self.escapes = max(self.escapes, pressed)
                return
            await type_in(self.pilot, "escape")
        raise AssertionError(f"{HOME_WITHIN} times Esc lead to:\n{text_of(self.app)}")

    def _is_home(self) -> bool:
        screen = self.app.screen
        if not isinstance(screen, MainScreen) or len(self.app.screen_stack) > 1:
            return False
        rows = screen.rows
        is_bare = screen.foot_line is None and not rows.typing and not rows.filter_words and not rows.marked
        return is_bare and self.app.focused in (rows, None)

    def _check_unchanged(self) -> None:
        """No system was changed, and no operation is recorded."""
        for request in self.sandbox.control.requests():
            is_read = request.method in ("GET", "HEAD", "LIST") or any(part in request.path for part in READS)
            assert is_read, f"{request.method} {request.path}"
        assert clears(self.sandbox) == []
        assert self.operations() == []

    async def confirm(self) -> Operation:
        """Plan, name, reason and key, in the state that all the sequences have left; how it ended."""
        app, pilot = self.app, self.pilot
        with app._context():  # noqa: SLF001 - likewise
            app.select_environment("prod")
            await all_live(pilot, app, ("jenkins", "airflow"))
            await type_in(pilot, "colon", *"rerun payments_daily", "enter")
            await until(
                pilot, lambda: isinstance(app.screen, OperationScreen) and app.screen.situation.is_planned
            )
            await type_in(pilot, *"prod", "tab", *"INC-7")
            self._check_unchanged()
            await type_in(pilot, CONFIRM)
            await until(pilot, lambda: [one.stage for one in self.operations()] == [Stage.ENDED], 60)
        return self.operations()[0]

    def operations(self) -> list[Operation]:
        """What is recorded."""
        return list(self._desks[-1].store.operations())


def clears(sandbox: Sandbox) -> list[str]:
    """Who has asked for a clear that was no dry run, as Airflow's event log has it."""
    return [
        event.owner
        for environment in ("prod", "staging", "dev")
        for event in sandbox.world.airflow.events(environment)
        if event.event == CLEAR
    ]


@asynccontextmanager
async def seat_at(sandbox: Sandbox, folder: Path) -> AsyncIterator[Seat]:
    """A seat, and nobody at it afterwards."""
    seat = Seat(sandbox, folder)
    try:
        yield seat
    finally:
        await seat.close()


@pytest.fixture
def small_sandbox() -> Iterator[Sandbox]:
    """A small world that stands still, with its own store."""
    running = start(World(seed=7, scale=0.2, clock=WorldClock(NOW)), systems=("jenkins", "airflow", "vault"))
    yield running
    running.close()


@pytest.mark.every_frame
@pytest.mark.parametrize(
    "examples",
    [
        pytest.param(200, marks=pytest.mark.timeout(600)),
        pytest.param(3_000, marks=[pytest.mark.soak, pytest.mark.timeout(7_200)]),
    ],
)
async def test_any_keys(
    examples: int,
    small_sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """No sequence without a whole confirmation ends the app or changes anything; Esc comes home from it."""
    # A log may be saved, under a name of Hypothesis'.
    monkeypatch.chdir(tmp_path)
    loop = asyncio.get_running_loop()
    async with seat_at(small_sandbox, tmp_path) as seat:

        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @seed(SEED)
        @given(sequences)
        def any_sequence(sequence: list[Step]) -> None:
            seat.counts["examples"] += 1
            asyncio.run_coroutine_threadsafe(seat.play(sequence), loop).result(120)

        await asyncio.to_thread(any_sequence)
        operation = await seat.confirm()
        assert operation.outcome is Outcome.SUCCEEDED
        assert clears(small_sandbox) == ["releaser"]
        record_property("sequences", examples)
        record_property("seed", SEED)
        record_property("Esc at most", seat.escapes)
        record_property("where", dict(seat.counts))
