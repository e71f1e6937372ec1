"""Every text that comes from outside wants to be more than text, in every view, copy and notification.

The desk is the one that acts, over a real store; whatever a system, a catalogue or a person words is of the
corpus in ``hostile_texts``. What is painted is looked at after each key.
"""

import itertools
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

from acting_desk import ActingDesk
from desk_fixtures import UTF8
from hostile_texts import CORPUS, MEGABYTE, SECRET, everything, flaws
from memory_desk import NOW, PROD, MemoryReading, failing, front, snapshots
from painting import said, text_of, type_in, until
from rich.cells import cell_len
from textual import events
from textual.pilot import Pilot

from fedesk.domain.board import Board
from fedesk.domain.catalogue import Catalogue, Owner, OwnerGroup, Pipeline, Tier
from fedesk.domain.incidents import WordingError
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.observation import Observation, Problem
from fedesk.domain.operations import Outcome, Stage
from fedesk.domain.reruns import RerunRequest
from fedesk.domain.runs import (
    Artifact,
    Change,
    Job,
    LogChunk,
    LogRequest,
    Parameter,
    QueueItem,
    Run,
    RunDetail,
    Step,
)
from fedesk.domain.secrets import SecretMetadata
from fedesk.domain.states import State
from fedesk.domain.traces import Source, SourceState, Trace
from fedesk.ports.errors import NotFoundError, ServerFaultError
from fedesk.services import diagnosis
from fedesk.services.boards import board_of
from fedesk.services.hiding import hidden, hide_in_detail, hide_in_observation
from fedesk.services.tracing import Followed
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.base import DeskScreen
from fedesk.ui.screens.operation import OperationScreen
from fedesk.ui.screens.run import RunScreen
from fedesk.ui.screens.settle import SettleScreen
from fedesk.ui.widgets.foot_line import CopyLine

SIZE = (120, 36)
SMALL = (61, 19)
AIRFLOW, JENKINS, VAULT = (ConnectionName("prod", name) for name in ("airflow", "jenkins", "vault"))
SENTENCES = everything()
TELLING = re.compile(r"(token|secret|password)=(\x1b\[\d+m)?|ghp_")
NAMES = tuple(TELLING.sub("", text.replace(SECRET, "")) or "-" for text in SENTENCES)
"""The same without the secret: a name is what a thing is found by, and nothing is hidden in it."""
VAST = MEGABYTE.replace(SECRET, "")


class Texts:
    """One after the other, for ever."""

    def __init__(self) -> None:
        self._sentences = itertools.cycle(SENTENCES)
        self._names = itertools.cycle(NAMES)

    def sentence(self) -> str:
        return next(self._sentences)

    def name(self) -> str:
        return next(self._names)

    def names(self, count: int) -> tuple[str, ...]:
        return tuple(self.name() for _ in range(count))


def foreign_board(texts: Texts) -> Board:
    """Pipelines, runs, jobs, problems and secrets, whatever can be worded by somebody else."""
    jenkins, airflow, vault, snowflake = snapshots()
    runs = tuple(a_run(at, name, texts) for at, name in enumerate(NAMES))
    vast = RunName(AIRFLOW, f"{VAST}/1")
    runs += (replace(runs[0], name=vast, job=VAST, reason=MEGABYTE, cause=MEGABYTE),)
    builds = tuple(a_build(at, name, texts) for at, name in enumerate(NAMES[::4]))
    jobs = tuple(
        Job(connection=AIRFLOW, name=name, schedule=texts.name(), owners=texts.names(2), tags=texts.names(2))
        for name in NAMES
    )
    queue = tuple(
        QueueItem(connection=JENKINS, id=texts.name(), job=texts.name(), why=said, since=NOW, stuck=True)
        for said in SENTENCES[::3]
    )
    problems = tuple(
        Problem(kind=texts.name(), where=texts.name(), text=said, since=NOW, link=texts.name())
        for said in SENTENCES[1::3]
    )
    secrets = tuple(
        SecretMetadata(
            connection=VAULT, name=name, owner=texts.name(), problem=texts.name(),
            age_from=None if at % 2 else NOW - timedelta(days=100),
        )
        for at, name in enumerate(NAMES)
    )  # fmt: skip
    broken = failing(snowflake)
    assert broken.failure is not None
    sentence = hidden(f"prod/snowflake does not answer: {CORPUS['colours']} {CORPUS['bidi']}")
    found = (
        replace(jenkins, observation=Observation(runs=builds, queue=queue, server_version=texts.name())),
        replace(airflow, observation=Observation(runs=runs, jobs=jobs, problems=problems)),
        replace(vault, observation=Observation(secrets=secrets)),
        replace(broken, failure=replace(broken.failure, sentence=sentence)),
    )
    shown = tuple(
        replace(one, observation=hide_in_observation(one.observation)) if one.observation else one
        for one in found
    )
    return board_of(PROD, foreign_catalogue(texts), shown, {}, NOW)


def foreign_catalogue(texts: Texts) -> Catalogue:
    """Every second DAG, described by whoever wrote the file."""
    return Catalogue(
        pipelines={
            name: Pipeline(
                name=name, owner=Owner(OwnerGroup.CLIENT, texts.name()), tier=Tier.PAGE, dag=name,
                service=texts.name(), secrets=texts.names(2), upstream=texts.names(2),
                runbook="hostile.md" if at % 4 else texts.name(),
            )
            for at, name in enumerate(NAMES[::2])
        }
    )  # fmt: skip


def a_run(at: int, name: str, texts: Texts) -> Run:
    """A failed run of a DAG of that name."""
    return Run(
        name=RunName(AIRFLOW, f"{name}/{texts.name()}"), job=name, state=State.FAILED,
        original_state=texts.name(), link=texts.name(), started_at=NOW - timedelta(minutes=at + 5),
        ended_at=NOW - timedelta(minutes=at + 1), partition=texts.name(), cause=texts.sentence(),
        reason=texts.sentence(), commit=texts.name(),
    )  # fmt: skip


def a_build(at: int, name: str, texts: Texts) -> Run:
    """A failed build of a job of that name."""
    made = a_run(at, name, texts)
    return replace(made, name=RunName(JENKINS, f"{name}#{at + 1}"))


class ForeignReading(MemoryReading):
    """Runs and logs of that board, hidden and diagnosed as the services do."""

    def detail(self, name: RunName) -> RunDetail:
        found = next((run for each in self.board.histories for run in each.runs if run.name == name), None)
        if found is None:
            raise NotFoundError(hidden(f"{name} is not there: {CORPUS['markup']}"))
        texts = Texts()
        steps = tuple(
            Step(
                id=task, name=task, state=State.FAILED, original_state=texts.name(), error=error,
                operator=texts.name(), link=texts.name(), try_number=2, max_tries=3,
            )
            for task, error in zip(NAMES, SENTENCES, strict=True)
        )  # fmt: skip
        return hide_in_detail(
            RunDetail(
                run=found,
                steps=steps,
                parameters=tuple(Parameter(name=texts.name(), value=said) for said in SENTENCES),
                causes=SENTENCES,
                changes=tuple(
                    Change(commit=texts.name(), author=texts.name(), message=said) for said in SENTENCES
                ),
                artifacts=tuple(Artifact(path=name, link=texts.name()) for name in NAMES),
                note=texts.sentence(),
            )
        )

    def log(self, request: LogRequest, cursor: str) -> LogChunk:
        del request
        text = "\n".join((*SENTENCES, MEGABYTE, "ERROR - it failed: " + CORPUS["colours"], *SENTENCES[:3]))
        return LogChunk(text="" if cursor else text, cursor="end", complete=True)

    def diagnose(self, name: RunName) -> diagnosis.Diagnosis:
        return diagnosis.diagnose(self, self.detail(name))


class ForeignDesk(ActingDesk):
    """A desk of all that, which acts."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, board=foreign_board(Texts()))
        assert self.board.first is not None
        self.reading = ForeignReading(self.board.first)
        self.runbook_folder = folder
        (folder / "hostile.md").write_text(
            "\n".join((*SENTENCES, MEGABYTE)), encoding="utf-8", errors="surrogatepass"
        )
        for at, text in enumerate(SENTENCES):
            with suppress(WordingError):
                self.incidents.open("prod", text, given=f"INC-{at + 1}")
            with suppress(WordingError):
                self.incidents.note("INC-1", text)

    def _with_operations(self, board: Board) -> Board:
        return board

    def trace(self, operation: str) -> Followed:
        """What systems say of it, hidden as the service does."""
        traces = tuple(
            Trace(source="prod/airflow run note", at=NOW, said=hidden(said), reference=name, link=name)
            for said, name in zip(SENTENCES, NAMES, strict=True)
        )
        silent = Source(
            name="prod/jenkins", system=None, state=SourceState.SILENT, error=hidden(CORPUS["bidi"]),
            limits=tuple(map(hidden, SENTENCES[:5])),
        )  # fmt: skip
        return Followed(
            operation=operation, environment="prod", known=True, traces=traces, sources=(silent,), failures=()
        )


class Watched:
    """The app, and what was wrong with anything it showed or gave away."""

    def __init__(self, app: DeskApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot
        self.flaws: list[str] = []
        self.places: set[str] = set()

    async def press(self, *keys: str) -> None:
        """Press keys, and look after each."""
        for key in keys:
            await type_in(self.pilot, key)
            self.look(key)

    async def line(self, text: str) -> None:
        """A command, and a look at what it has opened."""
        await type_in(self.pilot, "colon", *text, "enter")
        self.look(text)

    def look(self, after: str) -> None:
        """At each painted line, and at what was said in passing."""
        screen = self.app.screen
        place = screen.place.value if isinstance(screen, DeskScreen) else type(screen).__name__
        self.places |= {place, type(screen).__name__}
        where = f"{place} after {after}"
        width = self.app.size.width
        for strip in screen._compositor.render_strips(self.app.size):  # noqa: SLF001 - what a terminal would be sent
            text = "".join(segment.text for segment in strip)
            self.flaws += flaws(where, text)
            # The palette lies over the screen: where its edge cuts an emoji of several characters, Textual
            # counts what is left as another width.
            cells = sum(cell_len(segment.text) for segment in strip)
            if cells != width and place != "CommandPalette":
                self.flaws.append(f"{where}: {cells} of {width} cells: {text!r}")
            for segment in strip:
                style = segment.style
                if style is not None and (style.link or "app.quit" in str(style.meta)):
                    self.flaws.append(f"{where}: markup acts: {segment.text!r}")
        for one in said(self.app):
            self.flaws += flaws(f"{where}, said", one)

    def copied(self, what: str, *, lines: bool) -> None:
        """At what was copied last."""
        self.flaws += flaws(f"copied {what}", self.app.clipboard, lines=lines)

    async def copy(self) -> None:
        """Copy everything that is offered, and have it written down."""
        await self.press("y")
        line = self.app.screen.foot_line if isinstance(self.app.screen, DeskScreen) else None
        if not isinstance(line, CopyLine):
            return
        for choice in line._choices:  # noqa: SLF001 - what is offered
            self.app.copy(choice.text, called=choice.called)
            self.copied(choice.label, lines=bool(choice.called))
        await self.press("f")
        written = self.app.outside._file._path  # noqa: SLF001 - where it is
        assert written is not None
        self.flaws += flaws("written down", written.read_text("utf-8"), lines=True)


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[tuple[ForeignDesk, Watched]]:
    """The desk in a window, its board there."""
    desk = ForeignDesk(folder)
    app = DeskApp(
        front(desk.environment), lambda _: desk, desk.clock, crash_folder=folder / "crashes", environ=UTF8
    )
    try:
        async with app.run_test(size=SIZE, notifications=True) as pilot:
            await until(pilot, lambda: app.board is not None and app.following.news is not None)
            yield desk, Watched(app, pilot)
        assert app._exception is None  # noqa: SLF001 - Textual has no other way to ask
        assert not (folder / "crashes").exists()
    finally:
        desk.end()


async def test_views_runs_and_logs(tmp_path: Path) -> None:
    """Every row of every view, its side, the help and the palette over it; the run, its facts and its log."""
    async with watched(tmp_path) as (_, at):
        for view in "1234":
            await at.press(view, *"jjjj", "pagedown", "pagedown", "G", "g", "s", "escape")
            await at.copy()
            await at.press("question_mark", "escape", "ctrl+p", "escape", "slash", *"[red", "escape")
        await at.press("1", "e", "escape", "o", "escape", "h", "j", "escape")
        await at.press("j", "enter")
        await until(at.pilot, lambda: isinstance(at.app.screen, RunScreen) and at.app.screen.detail)
        await at.press(*"jjjj", "tab", "pagedown", "pagedown", "end", "tab", "o")
        await at.copy()
        await at.press("l")
        await until(at.pilot, lambda: "complete" in text_of(at.app))
        await at.press("g", *"jjj", "pagedown", "w", "g", "pagedown", "w", "right", "right", "end", "e", "e")
        await at.press("slash", *"red", "enter", "n", "N")
        await at.copy()
        await at.pilot.resize_terminal(*SMALL)
        await until(at.pilot, lambda: max(map(cell_len, text_of(at.app).splitlines())) <= SMALL[0])
        at.look("a smaller window")
        assert {"triage", "pipelines", "secrets", "audit", "run", "log", "runs", "help"} <= at.places
        assert at.flaws == []


async def test_operations_and_the_record(tmp_path: Path) -> None:
    """Plan, confirmation, watch, settlement, record, trace and incidents of a run whose names are hostile."""
    async with watched(tmp_path) as (desk, at):
        app, pilot = at.app, at.pilot
        desk.world.lost = ServerFaultError(f"Airflow answered 503. {CORPUS['bidi']}")
        named = next(run.name for run in desk.world.runs.values() if run.name.connection == AIRFLOW)
        app.open_plan((RerunRequest(run=named),))
        await until(
            pilot, lambda: isinstance(app.screen, OperationScreen) and app.screen.situation.is_planned
        )
        at.look("the plan")
        await at.press(*"prod", "tab")
        app.post_message(events.Paste(CORPUS["colours"] + CORPUS["bidi"] + CORPUS["markup"]))
        await at.press("x")
        await at.press("ctrl+y")
        screen = cast("OperationScreen", app.screen)
        await until(pilot, lambda: (one := screen.item.operation) is not None and one.stage is Stage.ENDED)
        assert screen.item.operation is not None
        assert screen.item.operation.outcome is Outcome.UNKNOWN
        at.look("the end")
        await at.press("pagedown", "D")
        await until(pilot, lambda: isinstance(app.screen, SettleScreen))
        await at.press("pagedown", "escape")
        await at.copy()
        await at.press("escape", "u", "j", "enter", "escape", "escape", "4", "enter", "pagedown")
        await at.copy()
        await at.press("escape")
        for line in ("trace", "incident list", "incident show INC-1", "operations list", "audit show 1"):
            await at.line(line)
            await pilot.pause(0.05)
            await at.press("j", "pagedown", "pagedown", "end")
            await at.copy()
            await at.press("escape")
        wanted = {"confirmation", "operation", "record", "trace", "incident", "incidents", "SettleScreen"}
        assert wanted <= at.places
        assert at.flaws == []


async def test_what_is_said_in_passing(tmp_path: Path) -> None:
    """A notification quotes each of them as text; names of a megabyte cost the keys of the line nothing."""
    async with watched(tmp_path) as (_, at):
        for name, text in CORPUS.items():
            at.app.clear_notifications()
            at.app.say(f"It said: {text}")
            await at.pilot.pause()
            at.look(f"say {name}")
            at.app.post_message(events.Paste(text))
            at.app.copy_to_clipboard(text)
            at.copied(name, lines=True)
        await at.press("colon")
        at.app.post_message(events.Paste("runs '" + "".join(NAMES[:8])))
        await at.press("enter", "escape")
        assert at.flaws == []
