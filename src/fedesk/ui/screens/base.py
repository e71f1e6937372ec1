"""What every screen of the desk has: the status line, its keys from the table, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.screen import Screen

from fedesk.ui.actions import VIEWS, Place, Target, action
from fedesk.ui.widgets.key_line import KeyLine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events

    from fedesk.ui.app import DeskApp
    from fedesk.ui.widgets.foot_line import Choice, FootLine
    from fedesk.ui.widgets.row_list import RowList


REMEMBERED = frozenset({*VIEWS, Place.OPERATIONS, Place.INCIDENTS})
"""Lists whose filter and order are kept for each environment."""


class DeskScreen(Screen[None]):
    """A screen whose keys are actions of the table; ``do_ID`` is the method behind an action."""

    PLACE = Place.TRIAGE
    _was_hidden = False
    foot_line: FootLine | None = None
    """What stands over the last line and takes what is typed: a command, a choice of what to copy."""

    @property
    def desk_app(self) -> DeskApp:
        """The app."""
        return cast("DeskApp", self.app)

    @property
    def place(self) -> Place:
        """Where one is."""
        return self.PLACE

    @property
    def target(self) -> Target:
        """What an action would be aimed at."""
        return Target()

    @property
    def aim(self) -> Target:
        """The same, and what one may not do where it is."""
        return self.desk_app.with_rights(self.target)

    def show_board(self) -> None:
        """Draw what the app knows by now."""

    def on_screen_suspend(self) -> None:
        """Another screen is seen; this one is not drawn meanwhile."""
        self._was_hidden = True

    def on_screen_resume(self) -> None:
        """It is seen again; the first time it has drawn itself already."""
        if self._was_hidden:
            self.desk_app.show_again()

    def tick(self) -> None:
        """A second has passed."""

    def take_key(self, event: events.Key) -> bool:  # noqa: ARG002 - for screens that take text
        """Take a key as text, before it is looked up as an action; says whether it was taken."""
        return False

    def action_act(self, name: str) -> None:
        """Do what the table has under this name, or say why it cannot be done."""
        chosen = action(name)
        if self.place not in chosen.places:
            return
        reason = chosen.against(self.aim)
        if reason is not None:
            self.desk_app.say(f"{chosen.verb}: {reason}.")
            return
        method = cast("Callable[[], None]", getattr(self, f"do_{name.replace('-', '_')}"))
        method()

    def show_keys(self) -> None:
        """Draw the keys for what the cursor is on now."""
        for line in self.query(KeyLine):
            line.show(self.place, self.aim)

    def do_back(self) -> None:
        """Close the screen."""
        self.dismiss(None)

    def do_help(self) -> None:
        """Show the keys of this place."""
        from fedesk.ui.screens.texts import HelpScreen

        self.app.push_screen(HelpScreen(self.place, self.aim))

    def do_palette(self) -> None:
        """Find an action by its name."""
        self.app.action_command_palette()

    def do_operations(self) -> None:
        """The operations, those that are open first."""
        from fedesk.ui.screens.operations import OperationsScreen

        self.app.push_screen(OperationsScreen())

    def do_windows(self) -> None:
        """Freezes, holds and maintenance."""
        from fedesk.ui.screens.windows import WindowsScreen

        self.app.push_screen(WindowsScreen())

    def do_incident(self) -> None:
        """The incident that something was done for."""
        self.desk_app.show_incident(self.target.incident)

    def do_timeline(self) -> None:
        """How a promotion or rollback went."""
        from fedesk.ui.screens.timeline import TimelineScreen

        target = self.target
        self.app.push_screen(TimelineScreen(target.operation, target.service, target.environment))

    def on_key_line_clicked(self, message: KeyLine.Clicked) -> None:
        """A click does what the key does, except where nothing but the key is to do it."""
        if message.action.by_key_alone:
            self.desk_app.say(f"{message.action.verb}: by its key alone.")
        else:
            self.action_act(message.action.id)

    def on_status_line_mark_clicked(self) -> None:
        """The mark in the first line leads to what it tells of."""
        self.action_act("operations")

    def on_status_line_environment_clicked(self) -> None:
        """The environment's name leads to the others, where its key does."""
        self.action_act("environments")

    def do_recheck(self) -> None:
        """Have the effect of the operation looked up again."""
        self.desk_app.following.recheck((self.target.operation,))

    def do_command(self) -> None:
        """Type a command."""
        from fedesk.ui.widgets.command_line import CommandLine

        self.open_foot(CommandLine(self))

    def open_foot(self, line: FootLine) -> None:
        """Let a line at the foot take what is typed, from this moment on."""
        self.close_foot()
        self.foot_line = line
        self.mount(line)

    def copy_choices(self) -> list[Choice]:
        """What of the target may be copied, the id first."""
        from fedesk.ui.copying import command_line
        from fedesk.ui.widgets.foot_line import Choice

        target, app = self.target, self.desk_app
        line = command_line(self.place, target, app.facts.name, app.configuration)
        offered = [
            Choice(key="y", label="id", text=target.id),
            Choice(key="i", label="operation", text=target.operation),
            Choice(key="l", label="link", text=target.link),
            Choice(key="c", label="command line", text=line),
        ]
        texts = [one.text for one in offered]
        return [one for at, one in enumerate(offered) if one.text and one.text not in texts[:at]]

    def do_copy(self) -> None:
        """Ask what is to be copied."""
        self.choose_copy(self.copy_choices())

    def do_address(self) -> None:
        """Open the address in the browser, or copy it where there is none."""
        self.desk_app.open_address(self.target.link)

    def choose_copy(self, choices: Sequence[Choice]) -> None:
        """Ask which one."""
        from fedesk.ui.widgets.foot_line import CopyLine

        self.open_foot(CopyLine(self, choices))

    def close_foot(self) -> None:
        """Give the keys back."""
        if self.foot_line is not None:
            self.foot_line.remove()
            self.foot_line = None

    def do_close_window(self) -> None:
        """Close the write window of the environment."""
        self.desk_app.close_window()

    def do_quit(self) -> None:
        """Leave the desk."""
        self.desk_app.leave()


class ListScreen(DeskScreen):
    """A screen whose keys move in a list."""

    @property
    def rows(self) -> RowList:
        """The list that has the keys."""
        raise NotImplementedError

    @property
    def target(self) -> Target:
        """The row under the cursor."""
        return self.rows.target

    def take_key(self, event: events.Key) -> bool:
        """While a filter is typed, printable keys belong to it."""
        return self.rows.take_key(event)

    def on_row_list_selected(self) -> None:
        """Other keys may serve for another row."""
        self.show_keys()

    def on_row_list_opened(self) -> None:
        """A double click does what Enter does."""
        self.action_act("open")

    def do_down(self) -> None:
        """One row down."""
        self.rows.move(1)

    def do_up(self) -> None:
        """One row up."""
        self.rows.move(-1)

    def do_page_down(self) -> None:
        """One page down."""
        self.rows.move_page(1)

    def do_page_up(self) -> None:
        """One page up."""
        self.rows.move_page(-1)

    def do_first(self) -> None:
        """To the first row."""
        self.rows.go_first()

    def do_last(self) -> None:
        """To the last row."""
        self.rows.go_last()

    def do_filter(self) -> None:
        """Type what rows must hold."""
        self.rows.focus()
        self.rows.start_filter()

    def do_sort(self) -> None:
        """Choose a column to sort by."""
        from fedesk.ui.widgets.sort_line import SortLine

        self.open_foot(SortLine(self, self.rows))

    def on_row_list_arranged(self) -> None:
        """The list is found as it was left, the next time one looks at this environment."""
        if self.place in REMEMBERED:
            app = self.desk_app
            app.memory.keep(app.facts.name, self.place.value, self.rows.arrangement)

    def recall(self, rows: RowList) -> None:
        """Arrange the list of this place as it was left."""
        if self.place in REMEMBERED:
            app = self.desk_app
            rows.recall(app.memory.recall(app.facts.name, self.place.value))

    def do_back(self) -> None:
        """Clear the filter, else close the screen."""
        if not self.rows.clear_filter() and not self.rows.clear_marks():
            super().do_back()

    def do_mark(self) -> None:
        """Mark the row, or take the mark away."""
        self.rows.toggle_mark()
        self.show_keys()

    def do_rerun(self) -> None:
        """Plan to run again what is marked, else what the cursor is on."""
        from fedesk.domain.reruns import RerunRequest

        app = self.desk_app
        marked = self.rows.meant if self.rows.marked else ()
        targets = [row.target for row in marked] or [self.target]
        meant = {(one.rerun or one.run, one.task): None for one in targets if not one.unfit}
        requests = tuple(
            RerunRequest(run=run, task=task, environment=app.facts.name) for run, task in meant if run
        )
        left_out = len(targets) - sum(bool((one.rerun or one.run) and not one.unfit) for one in targets)
        if left_out:
            app.say(f"{left_out} of {len(targets)} marked rows have no run that could be run again.")
        app.open_plan(requests)

    def do_log(self) -> None:
        """Read the log of the run."""
        if self.target.run is not None:
            self.desk_app.open_log(self.target.run)

    def do_runbook(self) -> None:
        """Read the runbook, or open the address."""
        self.desk_app.open_runbook(self.target)
