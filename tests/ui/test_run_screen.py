"""A run and its log, with keys pressed, over a reader that holds its runs and logs in memory."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from time import monotonic

import pytest
from textual.pilot import Pilot

from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.names import ConnectionName, RunName, TaskName
from fedesk.domain.releases import AnswerRequest
from fedesk.domain.requests import Request
from fedesk.domain.runs import (
    PAUSED_FOR_INPUT,
    Artifact,
    Change,
    LogChunk,
    LogEnd,
    LogRequest,
    Parameter,
    Run,
    RunDetail,
    Step,
)
from fedesk.domain.states import State
from fedesk.ports.errors import NotFoundError, SourceError, UnreachableError
from fedesk.services.log_text import MemoryPages, Pages
from fedesk.ui import present, run_text
from fedesk.ui.keys import KeyedApp
from fedesk.ui.listed import Listed
from fedesk.ui.log_feed import Pace
from fedesk.ui.screens.log import LogScreen
from fedesk.ui.screens.run import RunScreen
from fedesk.ui.styles import styles_folder
from fedesk.ui.targets import Target
from fedesk.ui.widgets.log_view import LogView

NOW = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
AIRFLOW = ConnectionName("prod", "airflow")
DAG_RUN = RunName(AIRFLOW, "payments_daily/scheduled__2026-11-20T00:00:00+00:00")
BUILD = RunName(ConnectionName("prod", "jenkins"), "finedge/prod/deploy-payments#1841")
FAST = Pace(growing=0.01, retries=(0.01,))


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def task(name: str, state: State, begun: float, ended: float | None, **more: object) -> Step:
    known = {
        "original_state": state.value,
        "try_number": 1,
        "max_tries": 3,
        "started_at": ago(begun),
        "ended_at": None if ended is None else ago(ended),
    }
    return Step(id=name, name=name, state=state, **(known | more))  # type: ignore[arg-type]  # fields of Step, by name


def dag_run(state: State = State.FAILED, *, steps: Sequence[Step] | None = None) -> RunDetail:
    """payments_daily, whose dbt test failed at its third try."""
    run = Run(
        name=DAG_RUN, job="payments_daily", state=state, original_state=state.value,
        link="https://airflow.finedge.example/dags/payments_daily/runs/x", run_after=ago(163),
        started_at=ago(30), ended_at=None if state is State.RUNNING else ago(12), cause="scheduled",
        partition="2026-11-20T00:00:00+00:00", commit="c0ffee1fb8d6a5e4",
        reason="dbt_test failed, try 3 of 3",
    )  # fmt: skip
    tasks = (
        task("extract", State.SUCCEEDED, 30, 24),
        task("dbt_run", State.SUCCEEDED, 24, 17, try_number=2),
        task(
            "dbt_test",
            State.FAILED,
            17,
            12.5,
            try_number=3,
            error="Bash command failed [/red] with exit code 1",
        ),
        Step(id="publish", name="publish", state=State.BLOCKED, original_state="upstream_failed"),
    )
    return RunDetail(
        run=run, steps=tasks if steps is None else tuple(steps), expected_duration=timedelta(minutes=9),
        parameters=(Parameter(name="full_refresh", value="false"), Parameter(name="api_token", value=None)),
    )  # fmt: skip


def build() -> RunDetail:
    run = Run(
        name=BUILD, job="finedge/prod/deploy-payments", state=State.FAILED, original_state="FAILURE",
        link="https://jenkins.finedge.example/job/x/1841/", started_at=ago(14), ended_at=ago(2),
    )  # fmt: skip
    stages = tuple(
        Step(
            id=key,
            name=name,
            state=state,
            original_state=state.value,
            started_at=ago(begun),
            ended_at=ago(ended),
        )
        for key, name, state, begun, ended in (
            ("6", "Checkout", State.SUCCEEDED, 14, 13),
            ("21", "Unit tests", State.FAILED, 13, 2),
        )
    )
    return RunDetail(
        run=run, steps=stages, causes=("Started by user mara",),
        changes=(Change(commit="c0ffee1fb8d6", author="mara", message="round half even [b]", at=ago(60)),),
        artifacts=(Artifact(path="dist/release.json", link="https://x/release.json"),),
        parameters=(Parameter(name="IMAGE", value="registry/payments@sha256:9f86"),),
    )  # fmt: skip


class Shelf:
    """Runs and logs in memory. A log is a list of pieces: text, an error to raise, or a gate to wait at."""

    def __init__(self, *details: RunDetail) -> None:
        self.details: dict[RunName, RunDetail | SourceError] = {one.run.name: one for one in details}
        self.logs: dict[tuple[RunName, TaskName | None], list[str | SourceError | threading.Event]] = {}
        self.ended = True
        self.details_read = 0
        self.reads = 0

    def put(
        self, task_name: TaskName | None, *pieces: str | SourceError | threading.Event, run: RunName = DAG_RUN
    ) -> None:
        self.logs[run, task_name] = list(pieces)

    def detail(self, name: RunName) -> RunDetail:
        self.details_read += 1
        found = self.details[name]
        if isinstance(found, SourceError):
            raise found
        return found

    def log_end(self, request: LogRequest) -> LogEnd | None:
        """None: what is in memory is there at once."""
        del request
        return None

    def exporting(self, request: LogRequest, file: str) -> None:
        """Nothing has to be recorded."""

    def pages(self) -> Pages:
        return MemoryPages()

    def log(self, request: LogRequest, cursor: str) -> LogChunk:
        self.reads += 1
        pieces = self.logs.get((request.run, request.task))
        if pieces is None:
            raise NotFoundError(f"there is no log of {request.task}")
        at = int(cursor or 0)
        if at >= len(pieces):
            return LogChunk(text="", cursor=cursor, complete=self.ended)
        piece = pieces[at]
        if isinstance(piece, threading.Event):
            piece.wait(20)
            return LogChunk(text="", cursor=str(at + 1), complete=False)
        if isinstance(piece, SourceError):
            pieces[at] = ""
            raise piece
        return LogChunk(text=piece, cursor=str(at + 1), complete=self.ended and at + 1 == len(pieces))


class Host(KeyedApp[None]):
    """What the screens need of an app, and no more."""

    CSS_PATH = styles_folder() / "desk.tcss"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012  # Textual's own declaration
        (0, "-narrow"),
        (110, "-wide"),
    ]

    def __init__(self, first: Callable[[], RunScreen | LogScreen]) -> None:
        super().__init__()
        self._first = first
        self.now = NOW
        self.zone: tzinfo = UTC
        self.said: list[str] = []
        self.copied: list[str] = []
        self.asked: list[Request] = []
        self.configuration = None

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(present.VARIABLES[True])

    def on_mount(self) -> None:
        self.push_screen(self._first())

    def show_again(self) -> None:
        """There is no board."""

    def with_rights(self, target: Target) -> Target:
        """Everybody may do everything."""
        return target

    def say(self, text: str) -> None:
        self.said.append(text)

    def open_plan(self, requests: Sequence[Request]) -> None:
        self.asked += requests

    def copy(self, text: str, *, called: str = "") -> None:
        assert not called
        self.copied.append(text)

    def open_address(self, address: str) -> None:
        self.copied.append(address)

    @property
    def facts(self) -> EnvironmentFacts:
        return EnvironmentFacts(name="prod", production=True, mode="read-only", timezone="UTC")

    @property
    def view(self) -> LogView:
        return self.screen.query_one(LogView)

    def shown(self) -> str:
        """All that is on the screen, row by row."""
        strips = self.screen._compositor.render_strips()  # noqa: SLF001  # the frame as the terminal gets it
        return "\n".join("".join(part.text for part in strip).rstrip() for strip in strips)


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    """Let the app go on until something is so; fails where it never is."""
    last = monotonic() + 10
    while not holds():
        assert monotonic() < last, f"never came: {pilot.app.shown()}"  # type: ignore[attr-defined]  # the Host above
        await pilot.pause()
        await asyncio.sleep(0.005)
    await pilot.pause()


def log_of(shelf: Shelf, name: TaskName | None = None, *, run: RunName = DAG_RUN) -> Callable[[], LogScreen]:
    return lambda: LogScreen(shelf, LogRequest(run=run, task=name), pace=FAST)


FAILED_LOG = "".join(
    [f"[2026-11-20T02:30:{n % 60:02}.000+0000] {{subprocess.py:93}} INFO - row {n}\n" for n in range(200)]
    + ["02:31:13  Failure in test not_null_amount (models/p.yml)\n", "02:31:13    Got 14 results\n"]
    + [f"after {n}\n" for n in range(100)]
    + ["[2026-11-20T02:31:14.000+0000] {t.py:1} ERROR - Task failed with exception\n"]
)


# The log


async def test_the_log_of_a_failed_run_opens_at_the_line_that_says_why() -> None:
    """From the run alone the task that failed is found, its last try read, and the telling line shown."""
    shelf = Shelf(dag_run())
    shelf.put(TaskName("dbt_test", None, 3), FAILED_LOG)
    app = Host(log_of(shelf))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "▸✗ 201 02:31:13  Failure in test not_null_amount" in app.shown())
        shown = app.shown()
        assert "✗ dbt_test · try 3 of 3" in shown
        assert "complete, 303 lines" in shown
        assert "error 1 of 2" in shown
        await pilot.press("e")
        assert app.view.position.line == 303


async def test_tries_are_read_with_brackets_and_late_answers_dropped() -> None:
    """``[`` reads the try before; what the reading of another try still brings is not shown."""
    gate = threading.Event()
    shelf = Shelf(dag_run())
    shelf.put(TaskName("dbt_test", None, 3), "third one\n", gate, "third late\n")
    shelf.put(TaskName("dbt_test", None, 2), "second one\n")
    app = Host(log_of(shelf))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "third one" in app.shown())
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "second one" in app.shown())
        assert "try 2 of 3" in app.shown()
        reads = shelf.reads
        gate.set()
        await until(pilot, lambda: not any(t.name.startswith("log ") for t in threading.enumerate()))
        assert "third" not in app.shown()
        assert shelf.reads == reads
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: "third late" in app.shown())
        await pilot.press("right_square_bracket")
        assert app.said == ["There are tries 1 to 3."]


async def test_a_failed_read_is_named_and_tried_again_without_losing_a_line() -> None:
    """The sentence and the next try stand where the log would, or below what was read; then it goes on."""
    gate = threading.Event()
    shelf = Shelf(dag_run())
    shelf.put(
        TaskName("dbt_test", None, 3),
        UnreachableError("Airflow prod did not answer: “[bold]connection refused”."), gate, "one\n",
        UnreachableError("Airflow prod broke off."), gate, "two\n",
    )  # fmt: skip
    app = Host(lambda: LogScreen(shelf, LogRequest(run=DAG_RUN), pace=Pace(growing=0.01, retries=(600.0,))))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "did not answer: “[bold]connection refused”." in app.shown())
        assert "Next try in 10m; r reads now." in app.shown()
        gate.set()
        await pilot.press("r")
        await until(pilot, lambda: "Airflow prod broke off." in app.shown())
        assert "1 one" in app.shown()
        await pilot.press("r")
        await until(pilot, lambda: "complete, 2 lines" in app.shown())
        assert "broke off" not in app.shown()


async def test_a_growing_log_is_followed_to_its_end() -> None:
    """Lines appear as they are written; the title says that it is followed, and when it is complete."""
    first, second = threading.Event(), threading.Event()
    shelf = Shelf(dag_run())
    shelf.put(
        TaskName("dbt_run"), "\n".join(f"row {n}" for n in range(60)) + "\n", first, "ERROR: late\n", second
    )
    app = Host(log_of(shelf, TaskName("dbt_run")))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "row 59" in app.shown())
        assert "following, 60 lines" in app.shown()
        first.set()
        await until(pilot, lambda: "ERROR: late" in app.shown())
        assert "1 error, e goes there" in app.shown()
        second.set()
        await until(pilot, lambda: "complete, 61 lines" in app.shown())
        assert app.view.current is None


@pytest.mark.parametrize(
    ("ended", "says"), [(True, "The log is empty."), (False, "has not written a line yet")]
)
async def test_an_empty_log_says_why(ended: bool, says: str) -> None:  # noqa: FBT001  # a parameter of the test
    """Nothing is blank: an empty log says whether more may come."""
    shelf = Shelf(dag_run())
    shelf.ended = ended
    shelf.put(TaskName("extract", None, 1), "")
    app = Host(log_of(shelf, TaskName("extract", None, 1)))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: says in app.shown())


async def test_loading_says_what_is_read() -> None:
    """While the first answer is awaited the screen says so, and can be left at once."""
    gate = threading.Event()
    shelf = Shelf(dag_run())
    shelf.put(TaskName("extract"), gate)
    app = Host(log_of(shelf, TaskName("extract")))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "Reading the log of extract" in app.shown())
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, LogScreen))
    gate.set()


async def test_secrets_are_hidden_and_counted_and_text_stays_text() -> None:
    """A password never reaches the screen; escapes, markup and broken pairs are shown as plain text."""
    shelf = Shelf(dag_run())
    shelf.put(
        TaskName("extract"),
        "export PGPASSWORD=hunter2\n-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----\n"
        "\x1b[31m[bold]red[/]\x1b[0m \ud800 \x07\n" + "x" * 1_000_000 + "\nlast without an end",
    )
    app = Host(log_of(shelf, TaskName("extract")))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "complete, 7 lines" in app.shown())
        shown = app.shown()
        assert "hunter2" not in shown
        assert "MIIEabc" not in shown
        assert "export PGPASSWORD=[hidden: password]" in shown
        assert "2 secrets hidden" in shown
        assert "[bold]red[/] � ␇" in shown
        assert "last without an end" in shown


async def test_search_is_typed_kept_and_dropped() -> None:
    """``/`` takes every printable key, Enter keeps the search, n goes on, Esc drops it and then goes back."""
    shelf = Shelf(dag_run())
    shelf.put(TaskName("extract"), "quiet\n" * 50 + "needle q\n" + "quiet\n" * 50 + "needle q again\n")
    app = Host(log_of(shelf, TaskName("extract")))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "complete" in app.shown())
        await pilot.press("g", "slash", *"needle", "space", "q", "x", "backspace")
        await pilot.pause()
        assert "/needle q▏  1 of 2" in app.shown()
        await pilot.press("enter", "n")
        await pilot.pause()
        assert "/needle q  2 of 2" in app.shown()
        assert app.view.position.line == 102
        await pilot.press("escape")
        assert app.view.buffer.needle == ""
        await pilot.press("slash", *"nowhere")
        await pilot.pause()
        assert "no match" in app.shown()
        await pilot.press("escape", "escape")
        await until(pilot, lambda: not isinstance(app.screen, LogScreen))


async def test_a_log_of_many_pieces_is_there_from_its_first_line_to_its_last() -> None:
    """Nothing of a long log is let go of, and it ends complete and in order."""
    shelf = Shelf(dag_run())
    shelf.put(TaskName("extract"), *["".join(f"{piece} {n}\n" for n in range(20_000)) for piece in range(12)])
    app = Host(log_of(shelf, TaskName("extract")))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "complete, 240,000 lines" in app.shown())
        assert "11 19999" in app.shown()
        await pilot.press("g")
        assert "   1 0 0" in app.shown()


# The run


async def test_a_run_shows_what_failed_and_opens_its_log() -> None:
    """State, times, cause, partition, commit, tasks with tries; the cursor stands on the task that failed."""
    shelf = Shelf(dag_run())
    shelf.put(TaskName("dbt_test", None, 3), FAILED_LOG)
    shelf.put(TaskName("dbt_run", None, 2), "fine\n")
    app = Host(lambda: RunScreen(shelf, DAG_RUN))
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "dbt_test" in app.shown())
        shown = app.shown()
        for part in (
            "✗ failed", "payments_daily", "prod/airflow", "ended 12m ago 02:13–02:31", "18m00s",
            "usually 9m00s", "scheduled", "partition 2026-11-20", "commit c0ffee1f", "3/3", "2/3", "4m30s",
            "4 tasks, 1 failed, 1 blocked", "dbt_test failed, try 3 of 3", "full_refresh false",
        ):  # fmt: skip
            assert part in shown, part
        await pilot.press("enter")
        await until(pilot, lambda: "Failure in test" in app.shown())
        await pilot.press("escape", "k", "l")
        await until(pilot, lambda: "fine" in app.shown())
        assert "try 2 of 2" in app.shown()
        await pilot.press("escape", "y", "y", "o")
        assert app.copied == [
            f"{DAG_RUN}::dbt_run@2",
            "https://airflow.finedge.example/dags/payments_daily/runs/x",
        ]


async def test_a_build_shows_stages_changes_artifacts_and_its_whole_log() -> None:
    """A Jenkins build has stages, commits and artifacts; ``w`` reads its log whole, Enter that of a stage."""
    shelf = Shelf(build())
    shelf.put(None, "Started\nERROR: script returned exit code 1\nFinished: FAILURE\n", run=BUILD)
    shelf.put(TaskName("21"), "stage log\n", run=BUILD)
    app = Host(lambda: RunScreen(shelf, BUILD))
    async with app.run_test(size=(140, 40)) as pilot:
        await until(pilot, lambda: "Unit tests" in app.shown())
        shown = app.shown()
        for part in (
            "2 stages, 1 failed",
            "Started by user mara",
            "c0ffee1f round half even [b]",
            "dist/release.json",
        ):
            assert part in shown, part
        await pilot.press("enter")
        await until(pilot, lambda: "stage log" in app.shown())
        assert "Unit tests" in app.shown()
        await pilot.press("escape", "w")
        await until(pilot, lambda: "Finished: FAILURE" in app.shown())


async def test_a_running_run_is_read_again_and_a_finished_one_is_not() -> None:
    """A run that goes on is read every few seconds by the app's tick, and never once it has ended."""
    shelf = Shelf(dag_run(State.RUNNING))
    app = Host(lambda: RunScreen(shelf, DAG_RUN))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "running" in app.shown())
        screen = app.screen
        assert isinstance(screen, RunScreen)
        screen.tick()
        assert shelf.details_read == 1
        shelf.details[DAG_RUN] = dag_run(State.SUCCEEDED)
        app.now = NOW + timedelta(seconds=6)
        screen.tick()
        await until(pilot, lambda: "✓ succeeded" in app.shown())
        app.now = NOW + timedelta(minutes=6)
        screen.tick()
        await pilot.pause()
        assert shelf.details_read == 2


async def test_a_run_that_cannot_be_read_says_so_and_recovers() -> None:
    """The failure stands in its place with the next try; what was known stays when a later one fails."""
    shelf = Shelf(dag_run())
    shelf.details[DAG_RUN] = UnreachableError("Airflow prod did not answer [/x].")
    app = Host(lambda: RunScreen(shelf, DAG_RUN))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "Airflow prod did not answer [/x]." in app.shown())
        assert "next try in 5s" in app.shown()
        shelf.details[DAG_RUN] = dag_run()
        await pilot.press("r")
        await until(pilot, lambda: "dbt_test" in app.shown())
        shelf.details[DAG_RUN] = UnreachableError("Airflow prod is gone.")
        await pilot.press("r")
        await until(pilot, lambda: "as of 02:43" in app.shown())
        assert "Airflow prod is gone." in app.shown()
        assert "dbt_test" in app.shown()


@pytest.mark.parametrize("size", [(80, 24), (60, 18), (40, 10), (140, 40)])
async def test_both_screens_fit_any_terminal(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without colour and in a small terminal the state and the step that failed can still be read."""
    monkeypatch.setenv("NO_COLOR", "1")
    shelf = Shelf(dag_run())
    shelf.put(TaskName("dbt_test", None, 3), FAILED_LOG)
    app = Host(lambda: RunScreen(shelf, DAG_RUN))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "dbt_test" in app.shown())
        assert "✗ failed" in app.shown()
        await pilot.press("tab", "j", "tab", "l")
        await until(pilot, lambda: "▸✗ 201" in app.shown())
        assert all(len(row) <= size[0] for row in app.shown().splitlines())


def test_styles_name_no_colour() -> None:
    """Sheets use theme variables only."""
    for name in ("log", "run"):
        sheet = Path(styles_folder() / f"{name}.tcss").read_text("utf-8")
        assert ": #" not in sheet
        assert "!important" not in sheet


@pytest.mark.parametrize(
    ("typed", "choice"), [("", "proceed"), ("ab", "abort"), ("", "")], ids=["proceed", "abort", "none"]
)
async def test_a_build_that_waits_for_a_person_is_answered(typed: str, choice: str) -> None:
    """``I`` asks which answer, and ends at a plan; where nothing waits the key says so."""
    found = build()
    if choice:
        waits = replace(found.run, state=State.WAITING, original_state=PAUSED_FOR_INPUT, ended_at=None)
        found = replace(found, run=waits)
    app = Host(lambda: RunScreen(Shelf(found), BUILD))
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "Unit tests" in app.shown())
        await pilot.press("I", *typed, *(["enter"] if choice else []))
        assert app.asked == ([AnswerRequest(run=BUILD, choice=choice)] if choice else [])
        assert ("it waits for no answer" in " ".join(app.said)) is not bool(choice)


@pytest.mark.parametrize(("state", "is_made_once"), [(State.FAILED, True), (State.RUNNING, False)])
async def test_the_steps_of_a_run_in_which_nothing_goes_on_are_made_once(
    monkeypatch: pytest.MonkeyPatch,
    state: State,
    *,
    is_made_once: bool,
) -> None:
    """Each second they would cost a key's time where there are thousands; what goes on is drawn anew."""
    made: list[int] = []
    whole = run_text.step_rows

    def counted(detail: RunDetail, moment: run_text.Moment, *, dim: bool = False) -> list[Listed]:
        made.append(len(detail.steps))
        return whole(detail, moment, dim=dim)

    monkeypatch.setattr(run_text, "step_rows", counted)
    app = Host(lambda: RunScreen(Shelf(dag_run(state)), DAG_RUN))
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "dbt_test" in app.shown())
        screen = app.screen
        assert isinstance(screen, RunScreen)
        before = len(made)
        for _ in range(3):
            screen.tick()
        assert (len(made) == before) is is_made_once
        await pilot.press("slash", *"dbt", "enter")
        screen.tick()
        assert "dbt_run" in app.shown()
        assert "extract" not in app.shown()
