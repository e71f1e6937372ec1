"""The desk as an application: the first frame at once, everything else behind it.

Between start and first frame nothing is imported but Textual, the standard library and the domain. The desk
is opened on a daemon thread; boards arrive as messages that replace one another. Nothing waits for a system.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, ClassVar

from fedesk.domain.front import FrontPage
from fedesk.domain.text import clean
from fedesk.ui import collecting, present
from fedesk.ui.base_app import TerminalApp
from fedesk.ui.command_history import CommandHistory
from fedesk.ui.following import Rechecked, Said, StoreFollower, StoreMoved
from fedesk.ui.opening import BoardArrived, DeskOpened, DeskRefused, Opening
from fedesk.ui.outside import Outside
from fedesk.ui.screens.base import DeskScreen
from fedesk.ui.screens.main import MainScreen
from fedesk.ui.view_memory import ViewMemory
from fedesk.ui.widgets.status_line import Status, StatusLine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, tzinfo
    from pathlib import Path

    from textual.command import Provider

    from fedesk.domain.board import Board
    from fedesk.domain.front import EnvironmentFacts
    from fedesk.domain.names import RunName, TaskName
    from fedesk.domain.operations import WriteWindow
    from fedesk.domain.requests import Request
    from fedesk.domain.runs import RunDetail
    from fedesk.ports.sources import Clock
    from fedesk.ui.actions import Place, Target
    from fedesk.ui.desk import Desk
    from fedesk.ui.marking import Marker
    from fedesk.ui.opening import Opener
    from fedesk.ui.stopping import Stopper
    from fedesk.ui.tour import Tour

EXIT_CONFIGURATION = 2
_TICK = 1.0


def _commands() -> type[Provider]:
    from fedesk.ui.palette import DeskCommands

    return DeskCommands


class DeskApp(TerminalApp):
    """One environment on screen, and the screens above it."""

    COMMANDS: ClassVar = {_commands}
    NOTIFICATION_TIMEOUT = 4.0

    def __init__(
        self,
        front: FrontPage,
        opener: Opener,
        clock: Clock,
        *,
        mistakes: tuple[type[Exception], ...] | Callable[[], tuple[type[Exception], ...]] = (),
        opening: str = "",
        crash_folder: Path | None = None,
        environ: Mapping[str, str] = os.environ,
        memory: ViewMemory | None = None,
    ) -> None:
        super().__init__(
            "desk.tcss", clock, crash_folder=crash_folder, environ=environ, appearance=front.appearance
        )
        self.front = front
        self.desk: Desk | None = None
        self.board: Board | None = None
        self.tour: Tour | None = None
        """The demo's."""
        self.following = StoreFollower(self)
        self.outside = Outside(self, self._write, environ)
        self.configuration: Path | None = None
        """The configuration that a command in a shell has to name; None where it finds it by itself."""
        self.command_history = CommandHistory()
        self.memory = memory or ViewMemory()
        """How the lists of each environment are arranged."""
        self.known_tasks: dict[RunName, tuple[str, ...]] = {}
        """Tasks of runs that were read, for the completion of commands."""
        self.parting: tuple[str, ...] = ()
        """Operations that go on after the desk was left; said on stderr once the terminal is restored."""
        self.opening = opening
        """What the first frame says while the desk is opened, where that takes more than a moment."""
        self.owns_process = False
        """Whether the process runs this and nothing else: then its collector is told what stays."""
        self._desks = Opening(opener, self.post_message)
        self._environments: tuple[EnvironmentFacts, ...] = ()
        self._mistakes = mistakes
        self._windows: dict[str, WriteWindow] = {}
        self._epoch = 0
        self._closed_desk = False

    # What is known

    @property
    def facts(self) -> EnvironmentFacts:
        """The environment one looks at."""
        return self.desk.environment if self.desk else self.front.environment

    @property
    def environments(self) -> tuple[EnvironmentFacts, ...]:
        """All that are configured, as far as that was read."""
        return self._environments or (self.facts,)

    @property
    def now(self) -> datetime:
        """The moment that ages are told from."""
        return self.clock.now()

    @property
    def zone(self) -> tzinfo:
        """The environment's time zone."""
        return present.zone(self.facts.timezone)

    @property
    def status(self) -> Status:
        """What the first line says now."""
        return Status(
            environment=self.facts,
            now=self.now,
            zone=self.zone,
            snapshots=self.board.snapshots if self.board else (),
            sources=self.front.sources,
            writes_until=window.until if (window := self.window_of(self.facts.name)) else None,
            operations=self.following.operations,
            store_problem=self.following.problem,
            freeze=self.following.freeze,
            enforced=self.facts.executed and self.following.only_proposes,
        )

    def with_rights(self, target: Target) -> Target:
        """A target, with what whoever sits here may not do where it is."""
        if self.desk is None:
            return target
        barred = self.desk.rights.barred(target.place or self.facts.name)
        return replace(target, barred=barred) if barred else target

    # Start

    def get_default_screen(self) -> MainScreen:
        """The main screen is the first; there is none below it."""
        return MainScreen()

    def on_mount(self) -> None:
        """Open the desk once the first frame is there."""
        self.set_interval(_TICK, self._tick)
        self.call_after_refresh(self._after_first_frame)
        self.leave_on_signals(self.leave)

    def _after_first_frame(self) -> None:
        if self.owns_process:
            collecting.begin()
            self.set_interval(collecting.EVERYTHING, collecting.look_at_everything)
        self._open(None)

    def _open(self, environment: EnvironmentFacts | None) -> None:
        self._epoch += 1
        self._desks.open(environment, self._epoch)

    def on_desk_opened(self, message: DeskOpened) -> None:
        """Begin to poll; a desk that is not wanted any more is closed again."""
        if message.epoch != self._epoch:
            self._desks.leave(message.desk)
            return
        self.desk, self._closed_desk = message.desk, False
        self._environments = message.desk.environments
        self._desks.opened(message.desk)
        message.desk.board.start(partial(self._hand_over, message.epoch))
        self.show_again()

    def _hand_over(self, epoch: int, board: Board) -> None:
        self.post_message(BoardArrived(board, epoch))

    def on_desk_refused(self, message: DeskRefused) -> None:
        """Say why, on stderr, once the terminal is restored."""
        if message.epoch != self._epoch:
            return
        kinds = self._mistakes() if callable(self._mistakes) else self._mistakes
        if not isinstance(message.error, kinds):
            self._handle_exception(message.error)
            return
        self.refusal = str(message.error)
        self.exit(EXIT_CONFIGURATION, return_code=EXIT_CONFIGURATION)

    def on_board_arrived(self, message: BoardArrived) -> None:
        """Draw it, unless it is of an environment one has left."""
        if message.epoch != self._epoch:
            return
        if self.desk is None:
            # What another desk knew of this environment: what is to be seen until its own has looked.
            self.front = replace(self.front, findings=message.board.findings)
        self.board = self.following.with_kept(message.board, self.front)
        self.show_again()
        if self.desk is not None:
            self.following.on_board(self.desk, message.epoch)

    def on_store_moved(self, message: StoreMoved) -> None:
        """Operations have moved, or the store has gone or come back."""
        if message.epoch == self._epoch:
            self.following.take(message.news)
            self.show_again()

    def on_said(self, message: Said) -> None:
        """A thread has found something out."""
        self.say(message.said)

    def on_rechecked(self, message: Rechecked) -> None:
        """An operation was looked at again."""
        self.following.looked_again(message)

    @cached_property
    def marker(self) -> Marker:
        """Says something of findings; made at its first use."""
        from fedesk.ui.marking import Marker

        return Marker(self)

    @cached_property
    def stopper(self) -> Stopper:
        """Puts releases into quarantine and lets them out; made at its first use."""
        from fedesk.ui.stopping import Stopper

        return Stopper(self)

    @property
    def _seen(self) -> DeskScreen | None:
        """The screen that is seen, a palette above it or not.

        Those below are drawn when they come back: Textual paints the screen on top again for whatever changes
        in the one beneath it. None while the app ends: its screens lose what is in them before they go.
        """
        if not self.is_running:
            return None
        found = (one for one in reversed(self.screen_stack) if isinstance(one, DeskScreen))
        return next((one for one in found if one.is_mounted), None)

    def show_again(self) -> None:
        """Draw what is known by now: there is news, or a screen has come back."""
        self._show_status()
        if (screen := self._seen) is not None:
            screen.show_board()

    def _show_status(self) -> None:
        if (screen := self._seen) is not None:
            status = self.status
            for line in screen.query(StatusLine):
                line.show(status)

    def _tick(self) -> None:
        self._show_status()
        if (screen := self._seen) is not None and screen is self.screen:
            screen.tick()

    def note_tasks(self, detail: RunDetail) -> None:
        """Tasks that were read are known to the completion of commands."""
        if detail.steps:
            self.known_tasks[detail.run.name] = tuple(step.id for step in detail.steps)

    # What screens ask for

    def show_view(self, place: Place) -> None:
        """Close what stands above the views, and show one of them."""
        while len(self.screen_stack) > 1:
            self.pop_screen()
        if isinstance(self.screen, MainScreen):
            self.screen.show_view(place)

    def say(self, text: str) -> None:
        """Tell something in passing; what was typed may be quoted in it, so secrets are hidden."""
        from fedesk.domain.redaction import redact

        self.notify(present.text(redact(text).text, 400), markup=False)

    def copy(self, text: str, *, called: str = "") -> None:
        """Put text on the clipboard of the machine one sits at; ``called`` where it has lines."""
        from fedesk.domain.redaction import redact

        found = redact(text).text
        self._clipboard = clean(found) if called else present.text(found)
        self.outside.copy(self._clipboard, called or self._clipboard)

    def write_down(self, text: str) -> None:
        """Put text into a file, for a terminal that takes no copies and does not say so."""
        from fedesk.domain.redaction import redact

        self.outside.write_down(clean(redact(text).text))

    def copy_to_clipboard(self, text: str) -> None:
        """What was selected with the mouse goes the same way."""
        self.copy(text, called="what was selected")

    def _write(self, sequence: str) -> None:
        if self._driver is not None:
            self._driver.write(sequence)

    def refresh_systems(self) -> None:
        """Look at every system now."""
        if self.desk is not None:
            self.desk.board.refresh()

    def select_environment(self, name: str) -> None:
        """Look at another environment: what is known of it at once, and what its own desk finds."""
        facts = next((one for one in self.environments if one.name == name), None)
        if facts is None or name == self.facts.name:
            return
        for said in self.following.unbegun():
            self.say(said)
        self.following.let_go()
        while len(self.screen_stack) > 1:
            self.pop_screen()
        if isinstance(self.screen, MainScreen):
            self.screen.leave_environment()
        self.memory.write()
        if self.desk is not None:
            self._desks.leave(self.desk)
        self.desk, self.board = None, None
        self.front = FrontPage(environment=facts)
        self.clear_notifications()
        with self.batch_update():
            # Whatever names the environment and whatever is listed of it change in one frame.
            self._show_status()
            if isinstance(self.screen, MainScreen):
                self.screen.enter_environment()
        self._open(facts)

    def open_run(self, name: RunName) -> None:
        """Open a run with its steps."""
        if self.desk is None:
            self.say("The systems are still being opened.")
            return
        from fedesk.ui.screens.run import RunScreen

        self.push_screen(RunScreen(self.desk.reading, name))

    def open_log(self, name: RunName, task: TaskName | None = None) -> None:
        """Open the log of a run or of a task, at the line that tells why it failed."""
        if self.desk is None:
            self.say("The systems are still being opened.")
            return
        from fedesk.domain.runs import LogRequest
        from fedesk.ui.screens.log import LogScreen

        self.push_screen(LogScreen(self.desk.reading, LogRequest(run=name, task=task)))

    def open_plan(self, requests: tuple[Request, ...], reason: str = "") -> None:
        """Plan these, in one frame; all must be of one environment."""
        if self.desk is None:
            self.say("The systems are still being opened.")
            return
        environments = sorted({one.connection.environment for one in requests})
        if len(environments) > 1:
            self.say(f"One plan changes one environment; these are of {', '.join(environments)}.")
            return
        if requests:
            from fedesk.ui.screens.operation import OperationScreen

            self.push_screen(OperationScreen(self.desk, requests=requests, reason=reason))

    def watch_operation(self, operation_id: str) -> None:
        """Watch an operation that goes on, or see how it has ended."""
        if self.desk is None:
            self.say("The systems are still being opened.")
            return
        from fedesk.ui.screens.operation import OperationScreen

        self.push_screen(OperationScreen(self.desk, operation=operation_id))

    def show_incident(self, incident: str) -> None:
        """What happened in an incident, in order."""
        from fedesk.ui.screens.incidents import IncidentScreen

        self.push_screen(IncidentScreen(incident))

    # The write window of each environment, for as long as this process lives

    def window_of(self, environment: str) -> WriteWindow | None:
        """The write window that is open in an environment."""
        window = self._windows.get(environment)
        return window if window is not None and self.now < window.until else None

    def keep_window(self, window: WriteWindow) -> None:
        """A write window was opened."""
        self._windows[window.environment] = window
        self._show_status()

    def close_window(self) -> None:
        """Close the write window of the environment that is shown."""
        name = self.facts.name
        if self.window_of(name) is None:
            self.say(f"No write window is open in {name}.")
            return
        del self._windows[name]
        self.say(f"The write window in {name} is closed.")
        self._show_status()

    def open_address(self, address: str) -> None:
        """Open an address in the browser, or copy it where there is none."""
        self.outside.open(address)

    def open_runbook(self, target: Target) -> None:
        """Show the runbook; where it is a page, or there is none, open the address."""
        from fedesk.ui.runbooks import read_runbook

        if target.runbook and not target.runbook.startswith(("http://", "https://")):
            from fedesk.ui.screens.texts import TextScreen

            folder = self.desk.runbook_folder if self.desk else None
            self.push_screen(TextScreen(target.runbook, read_runbook(folder, target.runbook)))
            return
        self.open_address(target.runbook or target.link)

    # The end

    async def action_quit(self) -> None:
        """Leave, whatever the systems do."""
        self.leave()

    def action_help_quit(self) -> None:
        """Ctrl+C leaves, as it does in every terminal program."""
        self.leave()

    def leave(self) -> None:
        """Let go of the desk and restore the terminal; waits for nothing."""
        self._let_go()
        self.exit(0)

    def on_unmount(self) -> None:
        """However it ends, nothing is polled any more."""
        self._let_go()

    def _let_go(self) -> None:
        self._epoch += 1
        self.memory.write()
        self.parting = self.parting or self.following.parting()
        self.following.let_go()
        self.outside.close()
        if self.desk is not None and not self._closed_desk:
            self._closed_desk = True
            self.desk.close()


def run_desk(config: Path | None, environment: str | None) -> int:
    """Show the desk until it is left; gives the exit code. Mistakes of configuration are told on stderr."""
    from fedesk.composition import front_page
    from fedesk.config_path import find_config
    from fedesk.services.clock import SystemClock

    clock = SystemClock()
    stores: set[Path] = set()

    def open_it(name: str | None) -> Desk:
        from fedesk.execution import open_desk

        return open_desk(config, name or environment, clock, stores)

    app = DeskApp(
        front_page(config, environment),
        open_it,
        clock,
        mistakes=_configuration_errors,
        memory=ViewMemory(str(find_config(config).absolute())),
    )
    app.configuration = config
    return finish(app)


def finish(app: DeskApp) -> int:
    """Run an app to its end; says on stderr why it could not go on, and gives the exit code."""
    collecting.put_off()
    app.owns_process = True
    app.run(mouse=app.mouse)
    for line in (app.refusal, *app.parting):
        if line:
            sys.stderr.write(f"{line}\n")
    return app.return_code or 0


def _configuration_errors() -> tuple[type[Exception], ...]:
    from fedesk.config import ConfigurationError

    return (ConfigurationError,)
