"""A picture of each screen in each of its states: loading, empty, stale, refused. None is ever blank.

With rows most screens stand in ``test_pictures``, ``test_record_pictures``, ``test_incident_pictures`` and
``test_operation_pictures``.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Event

import pytest
from memory_desk import (
    NOW,
    PROD,
    MemoryDesk,
    MemoryReading,
    StillClock,
    Unchangeable,
    a_board,
    catalogue,
    failing,
    front,
    snapshots,
)
from operation_values import AWAY, MemoryStore, draft_of, operation, operation_id, unknown
from painting import flat, text_of, type_in, until
from test_incident_screens import history
from textual.pilot import Pilot
from textual.widgets._toast import Toast

from fedesk.domain.audit import Phase
from fedesk.domain.board import Board
from fedesk.domain.catalogue import Catalogue
from fedesk.domain.names import RunName
from fedesk.domain.observation import Failure, Observation, Snapshot
from fedesk.domain.operations import Operation
from fedesk.domain.requests import Request
from fedesk.domain.runs import LogChunk, LogRequest, RunDetail
from fedesk.domain.states import FailureKind, System
from fedesk.domain.traces import Source, SourceState, Trace
from fedesk.ports.errors import ForbiddenError, UnreachableError
from fedesk.ports.operation_store import SchemaError, StoreUnavailableError
from fedesk.services.boards import board_of
from fedesk.services.diagnosis import Diagnosis
from fedesk.services.proposals import Proposal
from fedesk.services.tracing import Followed
from fedesk.ui.app import DeskApp

Compare = Callable[..., bool]
SIZE = (80, 24)
GONE = UnreachableError("prod/airflow does not answer: connection refused at http://127.0.0.1:8080.")
BARRED = ForbiddenError("Airflow prod does not let oncall read this DAG (403). Ask for `can read` on DAGs.")
NEWER = SchemaError("The store has the form 9, this fedesk knows 7. Run a newer fedesk.")


class Gate:
    """What stands between a question and its answer: closed, open, or an error."""

    def __init__(self) -> None:
        self.opened = Event()
        self.opened.set()
        self.error: Exception | None = None

    def close(self) -> None:
        self.opened.clear()

    def pass_through(self) -> None:
        self.opened.wait(20)
        if self.error is not None:
            raise self.error


class GatedStore(MemoryStore):
    """A store behind a gate."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.gate = gate

    def _there(self) -> None:
        self.gate.pass_through()


@dataclass
class GatedReading(MemoryReading):
    """Runs behind a gate."""

    gate: Gate | None = None
    steps: bool = True
    text: str = ""
    """What a log says, which goes on for ever; nothing where it is complete and empty."""

    def detail(self, name: RunName) -> RunDetail:
        if self.gate is not None:
            self.gate.pass_through()
        found = super().detail(name)
        return found if self.steps else replace(found, steps=())

    def diagnose(self, name: RunName) -> Diagnosis:
        self.asked.append(name)
        raise BARRED

    def log(self, request: LogRequest, cursor: str) -> LogChunk:
        del request
        if self.gate is not None:
            self.gate.pass_through()
        return LogChunk(text="" if cursor else self.text, cursor="end", complete=not self.text)


class GatedDesk(MemoryDesk):
    """Everything that can be asked of it is behind one gate, once the test closes it."""

    def __init__(self, board: Board | None = None, *, silent: bool = False) -> None:
        self.gate = Gate()
        self.kept = GatedStore(Gate())
        super().__init__(PROD, board, silent=silent, store=self.kept)
        self.read = GatedReading(board or a_board(), gate=self.gate)
        self.reading = self.read
        gate = self.gate

        class Plans(Unchangeable):
            def propose(self, request: Request, window: object = None, **_: object) -> Proposal:
                del window
                gate.pass_through()
                return super().propose(request)

            def look_first(self, operation: str) -> Operation:
                del operation
                gate.pass_through()
                return unknown(12)

        self.changes = self.by_hand = Plans()
        self.traced = Followed(
            operation=operation_id(12), environment="prod", known=True, traces=(), sources=(), failures=()
        )

    def trace(self, operation: str) -> Followed:
        del operation
        self.gate.pass_through()
        return self.traced


def filled(desk: GatedDesk) -> None:
    """What a night has left in the store."""
    desk.kept.held = [operation(1), unknown(12)]
    desk.kept.drafts = [draft_of(Phase.INTENT, 12), draft_of(Phase.REFUSAL, 3, result="mode: read-only")]
    desk.kept.histories = [history()]
    desk.traced = replace(
        desk.traced,
        traces=(Trace(source="prod/airflow run note", at=NOW, said="fedesk clear-failed by mara"),),
        sources=(
            Source(name="prod/jenkins", system=System.JENKINS, state=SourceState.SILENT, error=str(BARRED)),
        ),
    )


# Boards


def empty_board() -> Board:
    """Systems that answer and have nothing."""
    found = tuple(replace(one, observation=Observation()) for one in snapshots())
    return board_of(PROD, Catalogue(), found, {}, NOW)


def idle_board() -> Board:
    """Pipelines of the catalogue, none of which has run."""
    return board_of(PROD, catalogue(), empty_board().snapshots, {}, NOW)


def stale_board() -> Board:
    """Systems that have all stopped to answer."""
    return a_board(found=tuple(failing(one) for one in snapshots()))


def refused_board() -> Board:
    """Systems that know us and do not let us in."""

    def barred(one: Snapshot) -> Snapshot:
        sentence = f"{one.connection} refused the token (403): it may not list what this desk shows."
        return replace(
            one,
            observation=None,
            observed_at=None,
            latency=None,
            failure=Failure(kind=FailureKind.FORBIDDEN, sentence=sentence),
            failed_since=NOW - timedelta(minutes=3),
            next_try_at=NOW + timedelta(seconds=40),
        )

    return board_of(PROD, Catalogue(), tuple(barred(one) for one in snapshots()), {}, NOW)


def idle_and_refused_board() -> Board:
    """The same, of systems that do not let us in."""
    return board_of(PROD, catalogue(), refused_board().snapshots, {}, NOW)


BOARDS: Mapping[str, Callable[[], Board]] = {
    "empty": empty_board,
    "stale": stale_board,
    "refused": refused_board,
}
ODD_BOARDS = {("runs", "empty"): idle_board, ("runs", "refused"): idle_and_refused_board}
SYSTEM_SCREENS = {
    "triage": "",
    "pipelines": "2",
    "secrets": "3",
    "runs": ":runs payments_daily",
}
SYSTEM_SAID = {
    "loading": "░░░",
    "empty": "No ",
    "stale": "next try in 20s",
    "refused": "Next try in 40s",
}
ODD_SAID = {
    ("triage", "refused"): "next try in 40s: jenkins",
    ("triage", "empty"): "Nothing is wrong: 0 pipelines",
    ("runs", "empty"): "payments_daily has not run as far back",
}


@pytest.fixture
def desk() -> Iterator[GatedDesk]:
    """A desk of which nothing hangs any more when the test is over."""
    made = GatedDesk()
    yield made
    made.gate.opened.set()
    made.kept.gate.opened.set()


class Brief(DeskApp):
    """What is told in passing is gone at once."""

    NOTIFICATION_TIMEOUT = 0.1


def app_of(desk: GatedDesk) -> DeskApp:
    return Brief(front(), lambda _: desk, StillClock(), environ={"TERM": "xterm-256color"})


async def keys(pilot: Pilot[int], typed: str) -> None:
    """A command is typed as one, single keys are pressed."""
    await type_in(pilot, *typed, *(["enter"] if typed.startswith(":") else []))


def picture(snap_compare: Compare, app: DeskApp, run: Callable[[Pilot[int]], Awaitable[None]]) -> bool:
    async def calm(pilot: Pilot[int]) -> None:
        await run(pilot)
        await until(pilot, lambda: not app.screen.query(Toast))

    return snap_compare(app, terminal_size=SIZE, run_before=calm)


@pytest.mark.parametrize("state", list(SYSTEM_SAID))
@pytest.mark.parametrize("screen", list(SYSTEM_SCREENS))
def test_of_systems(snap_compare: Compare, screen: str, state: str) -> None:
    """Views over systems that have not answered yet, have nothing, are gone, and refuse."""
    board = ODD_BOARDS.get((screen, state)) or BOARDS.get(state)
    made = GatedDesk(board() if board else None, silent=state == "loading")
    app = app_of(made)

    async def run(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: app.desk and (app.board or state == "loading"))
        if app.board is not None and app.board.findings:
            await until(pilot, lambda: (app.following.news and made.read.asked) or state == "refused")
        await keys(pilot, SYSTEM_SCREENS[screen])
        said = ODD_SAID.get((screen, state), SYSTEM_SAID[state])
        await until(pilot, lambda: said in flat(app))

    assert picture(snap_compare, app, run)


STORE_SCREENS = {
    "audit": ("4", "intent", "Nothing is on the record in prod"),
    "operations": ("u", "payments_daily", "No operation yet"),
    "incidents": (":incident list", "INC-4711", "No incident yet"),
    "incident": (":incident show INC-4711", "payments late", "There is no incident INC-4711"),
    "record": (":audit show 1", "intent", "The audit log has no record 1"),
    "watch": (f":operations show {operation_id(12)}", "answered 503", "The store knows no operation"),
}


@pytest.mark.parametrize("state", ["loading", "empty", "stale", "refused"])
@pytest.mark.parametrize("screen", list(STORE_SCREENS))
def test_of_the_store(snap_compare: Compare, desk: GatedDesk, screen: str, state: str) -> None:
    """What is in the store while it is read, with nothing in it, gone after it was read, and refused."""
    typed, known, empty = STORE_SCREENS[screen]
    app = app_of(desk)
    if state == "stale":
        filled(desk)

    async def run(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: app.board and app.following.news and desk.read.asked)
        if state == "loading":
            desk.kept.gate.close()
        elif state == "refused":
            desk.kept.gate.error = NEWER
        await keys(pilot, typed)
        if state == "stale":
            await until(pilot, lambda: known in flat(app))
            desk.kept.gate.error = StoreUnavailableError(AWAY)
        await until(
            pilot,
            lambda: (
                {"loading": "░░░", "empty": empty, "stale": "disk I/O error", "refused": "newer fedesk"}[
                    state
                ]
                in flat(app)
            ),
        )
        if desk.kept.gate.error is not None:
            await until(pilot, lambda: app.following.problem)
            await until(pilot, lambda: screen == "watch" or "next try in 5s" in flat(app))

    assert picture(snap_compare, app, run)


OF_A_RUN = {
    "loading": "░░░",
    "empty": "This run has no steps of its own",
    "stale": "as of 02:43, not read since 02:43, next try in 5s: prod/airflow",
    "refused": "Airflow prod does not let oncall read",
}


@pytest.mark.parametrize("state", list(OF_A_RUN))
def test_of_a_run(snap_compare: Compare, desk: GatedDesk, state: str) -> None:
    """A run that is read, has no steps, cannot be read any more, and may not be read."""
    app = app_of(desk)

    async def run(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: app.board and app.following.news and desk.read.asked)
        desk.read.steps = state != "empty"
        if state == "loading":
            desk.gate.close()
        elif state == "refused":
            desk.gate.error = BARRED
        await pilot.press("enter")
        if state == "stale":
            await until(pilot, lambda: "dbt_run" in text_of(app))
            desk.gate.error = GONE
            await pilot.press("r")
        await until(pilot, lambda: OF_A_RUN[state] in flat(app))

    assert picture(snap_compare, app, run)


OF_A_LOG = {
    "loading": "Reading the log of",
    "rows": "1,240 rows loaded",
    "empty": "The log is empty",
    "stale": "next try in 5s",
    "refused": "does not let oncall read",
}


@pytest.mark.parametrize("state", list(OF_A_LOG))
def test_of_a_log(snap_compare: Compare, desk: GatedDesk, state: str) -> None:
    """A log that is read, goes on, was left without a line, cannot be read any more, and may not be read."""
    app = app_of(desk)

    async def run(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: app.board and app.following.news and desk.read.asked)
        await pilot.press("enter")
        await until(pilot, lambda: "dbt_run" in text_of(app))
        desk.read.text = "" if state == "empty" else "01:12:04 load\n01:12:09 1,240 rows loaded\n"
        if state == "loading":
            desk.gate.close()
        elif state == "refused":
            desk.gate.error = BARRED
        await pilot.press("l")
        if state == "stale":
            await until(pilot, lambda: OF_A_LOG["rows"] in text_of(app))
            desk.gate.error = GONE
        await until(pilot, lambda: OF_A_LOG[state] in flat(app))

    assert picture(snap_compare, app, run)


OF_A_TRACE = {
    "loading": "░░░",
    "empty": "Nothing is known of operation",
    "rows": "does not let oncall read",
    "stale": "r asks again. 02:43",
}


@pytest.mark.parametrize("state", list(OF_A_TRACE))
def test_of_a_trace(snap_compare: Compare, desk: GatedDesk, state: str) -> None:
    """Systems that are asked, know nothing, answer in part and refuse in part, and cannot be asked again."""
    app = app_of(desk)
    if state in ("rows", "stale"):
        filled(desk)

    async def run(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: app.board and app.following.news and desk.read.asked)
        if state == "loading":
            desk.gate.close()
        await keys(pilot, f":trace {operation_id(12)}")
        if state == "stale":
            await until(pilot, lambda: "run note" in text_of(app))
            desk.gate.error = GONE
            await pilot.press("r")
        await until(pilot, lambda: OF_A_TRACE[state] in flat(app))

    assert picture(snap_compare, app, run)


ACTING = {
    "plan-loading": ("R", "░░░"),
    "plan-refused": ("R", "does not let oncall read"),
    "plan-empty": ("R", "cannot be run again at this desk"),
    "settle-loading": (f":operations settle {operation_id(12)} --outcome done", "░░░"),
    "settle-refused": (f":operations settle {operation_id(12)} --outcome done", "newer fedesk"),
    "settle-rows": (f":operations settle {operation_id(12)} --outcome done", "answered 503"),
}


@pytest.mark.parametrize("name", list(ACTING))
def test_of_what_is_to_be_done(snap_compare: Compare, desk: GatedDesk, name: str) -> None:
    """Plan and settlement while the systems are asked, and where there is nothing, or not for us."""
    typed, said = ACTING[name]
    app = app_of(desk)
    filled(desk)

    async def run(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: app.board and app.following.operations and desk.read.asked)
        await pilot.press("j")
        if name.endswith("loading"):
            desk.gate.close()
        elif name.endswith("refused"):
            desk.gate.error = NEWER if name.startswith("settle") else BARRED
        await keys(pilot, typed)
        await until(pilot, lambda: said in flat(app))

    assert picture(snap_compare, app, run)


def test_environments_before_the_configuration_is_read(snap_compare: Compare) -> None:
    """The one that is looked at is there, and that others are not known yet is said."""
    hang = Event()

    def opener(_: str | None) -> MemoryDesk:
        hang.wait(20)
        return MemoryDesk()

    app = DeskApp(front(), opener, StillClock(), environ={"TERM": "xterm-256color"})

    async def run(pilot: Pilot[int]) -> None:
        await pilot.press("e")
        await until(pilot, lambda: "the configuration is being read" in text_of(app))

    assert picture(snap_compare, app, run)
    hang.set()
