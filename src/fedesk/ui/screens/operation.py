"""Doing something, in three frames on one screen: the plan, its confirmation, and how it goes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from fedesk.domain.runs import LogRequest
from fedesk.ui import confirming, operation_text, watch_text
from fedesk.ui.actions import Place, Target, bindings
from fedesk.ui.confirming import Line, Typed
from fedesk.ui.operation_state import Item, Situation, answer_of, target_of
from fedesk.ui.operation_work import Planned, Refused, RunnerFailed, Went, WindowOpened, Work
from fedesk.ui.run_text import Moment
from fedesk.ui.screens.base import DeskScreen
from fedesk.ui.styles import styles_folder
from fedesk.ui.widgets.key_line import KeyLine
from fedesk.ui.widgets.log_tail import LogTail
from fedesk.ui.widgets.row_list import SKELETON_AFTER, ListState, RowList
from fedesk.ui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from fedesk.domain.reruns import RerunRequest
    from fedesk.ui.desk import Desk


class OperationScreen(DeskScreen):
    """Plans of re-runs until they are confirmed, then how they go; or an operation that goes on already."""

    PLACE = Place.PLAN
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.PLAN, Place.CONFIRM, Place.WATCH)]
    CSS_PATH = styles_folder() / "operation.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - Textual declares it without ClassVar
    CLAIMED_WITHIN = 5.0
    """Seconds in which a runner takes an operation over; after that its own words are shown."""

    def __init__(
        self,
        desk: Desk,
        *,
        requests: tuple[RerunRequest, ...] = (),
        operation: str = "",
    ) -> None:
        super().__init__()
        self._desk = desk
        self._requests = requests
        self._operation = operation
        self._items = [Item(request=request) for request in requests] or [Item()]
        self._rows = RowList(operation_text.ITEM_COLUMNS)
        self._head = Static(id="op-head", markup=False)
        self._body = VerticalScroll(id="op-body")
        self._text = Static(id="op-text", markup=False)
        self._foot = Static(id="op-foot", markup=False)
        self._tail = LogTail()
        self._work = Work(self, desk, claimed_within=self.CLAIMED_WITHIN)
        self._number = 0
        self._looked_at = ""
        self._typed = Typed()
        self._begun = False
        self._sending = False
        self._no_runner = ""
        self._slow = False
        self._swallows = False

    @property
    def environment(self) -> str:
        """The environment that is changed."""
        if self._requests:
            return self._requests[0].run.connection.environment
        operation = self._items[0].operation
        return operation.plan.environment if operation is not None else self.desk_app.facts.name

    @property
    def situation(self) -> Situation:
        """Where it all stands now."""
        app, name = self.desk_app, self.environment
        return Situation(
            environment=name,
            facts=next((one for one in self._desk.environments if one.name == name), None),
            items=self._items,
            typed=self._typed,
            now=app.now,
            window=app.window_of(name),
            sending=self._sending,
            no_runner=self._no_runner,
            watches=bool(self._operation),
        )

    @property
    def place(self) -> Place:
        """Which frame it is."""
        return self.situation.place

    @property
    def item(self) -> Item:
        """The one that is looked at."""
        row = self._rows.row if len(self._items) > 1 else None
        return self._items[int(row.key)] if row is not None else self._items[0]

    @property
    def target(self) -> Target:
        """What the keys are aimed at."""
        return target_of(self.situation, self.item)

    # Beginning and ending

    def compose(self) -> ComposeResult:
        """Head, the list of a selection, the plan or the steps, what is typed."""
        yield StatusLine()
        yield self._head
        yield self._rows
        with Container(id="op-main"):
            with self._body:
                yield self._text
            yield self._tail
        yield self._foot
        yield KeyLine(self.PLACE)

    def on_mount(self) -> None:
        """Make the plans and warm the runner; or follow what goes on."""
        self.set_class(len(self._items) > 1, "-selection")
        self._body.focus()
        if self._operation:
            self._work.follow(0, self._operation)
        else:
            self._work.warm(sorted({one.run.connection for one in self._requests}))
            self._plan()
        self._draw()

    def on_unmount(self) -> None:
        """A runner that waits is ended; an operation goes on."""
        self._work.stop()

    def _plan(self) -> None:
        self._number += 1
        self._items = [Item(request=request) for request in self._requests]
        if self._number > 1:
            # Another plan may be another thing: its name is typed anew.
            self._begun, self._typed = False, Typed(reason=self._typed.reason)
        self._begin_typing()
        self._slow = False
        self._work.plan(self._number, self._requests, self.desk_app.window_of(self.environment))
        self.set_timer(SKELETON_AFTER, self._show_skeleton)

    def _begin_typing(self) -> None:
        """Letters belong to the name from the first one on, before the screen is even drawn."""
        if not self._begun:
            self._begun = True
            self._typed = replace(self._typed, line=confirming.first_line(self.situation.want, self._typed))

    def _show_skeleton(self) -> None:
        self._slow = True
        self._draw()

    # What the threads say

    def on_planned(self, message: Planned) -> None:
        """A plan is there, or why it is not."""
        if message.number != self._number or self.situation.watching:
            return
        self._change(message.index, made=message.made, problem=message.problem)
        self._settle()
        situation = self.situation
        if situation.is_planned and self._typed.line is Line.PLAN:
            self._typed = replace(self._typed, line=confirming.first_line(situation.want, self._typed))
        self._draw()

    def on_runner_failed(self, message: RunnerFailed) -> None:
        """Nothing can be confirmed without a runner."""
        self._no_runner = message.problem
        self._draw()

    def on_window_opened(self, message: WindowOpened) -> None:
        """It is open for an hour, for other plans too."""
        self.desk_app.keep_window(message.window)

    def on_refused(self, message: Refused) -> None:
        """The yes was not taken for this one."""
        self._change(message.index, refusal=message.problem)
        self._draw()

    def on_answered(self) -> None:
        """All have been dealt with; where nothing was taken, the plan has the keys again."""
        self._sending = False
        self._typed = replace(self._typed, name="")
        self._settle()
        self._draw()

    def on_went(self, message: Went) -> None:
        """A step further, or the end of it."""
        known = self._items[message.index]
        self._change(
            message.index,
            operation=message.operation or known.operation,
            steps=message.steps or known.steps,
            trouble=message.trouble,
        )
        self._draw()

    def _change(self, index: int, **values: object) -> None:
        self._items[index] = replace(self._items[index], **values)  # type: ignore[arg-type] # fields of Item, by name

    def _settle(self) -> None:
        """Have a line that there is; letters that were begun as a name do not turn into keys."""
        want = self.situation.want
        self._swallows = self._typed.line is Line.NAME and bool(self._typed.name) and not want.name
        if not self._swallows:
            self._typed = confirming.settle(want, self._typed)

    # Keys as text

    def take_key(self, event: events.Key) -> bool:
        """What is typed into the lines."""
        situation = self.situation
        if super().take_key(event):
            return True
        if situation.watching:
            return False
        if self._swallows:
            # The plan turned out to be blocked while its environment's name was being typed.
            if event.is_printable and event.key != "space":
                return True
            self._swallows = False
            self._settle()
            return event.is_printable
        self._begin_typing()
        typed = confirming.take_key(situation.want, self._typed, event)
        if typed is None:
            return False
        self._typed = typed
        self._draw()
        return True

    def on_paste(self, event: events.Paste) -> None:
        """A ticket may be pasted, the environment's name not."""
        if self._typed.line is Line.NAME:
            self.desk_app.say("The environment's name is typed, not pasted.")
        self._typed = confirming.paste(self._typed, event.text)
        self._draw()

    # Keys

    def do_confirm(self) -> None:
        """Say yes to all that can go."""
        situation = self.situation
        free = {index: item.made.proposal for index, item in situation.free.items() if item.made}
        if situation.missing or not free:
            return
        opens = situation.environment if situation.want.window else ""
        self._work.confirm(free, answer_of(situation), opens=opens)
        self._sending = True
        self._draw()

    def do_accept(self) -> None:
        """Accept the guard that asks first."""
        self._typed = confirming.accept(self.situation.want, self._typed)
        self._draw()

    def do_line(self) -> None:
        """To the next line."""
        self._swallows = False
        self._typed = confirming.next_line(self.situation.want, self._typed)
        self._draw()

    def do_replan(self) -> None:
        """Make the plans again; a runner that failed is started again."""
        if self._no_runner:
            self._no_runner = ""
            self._work.warm(sorted({one.run.connection for one in self._requests}))
        if not self._sending:
            self._plan()
        self._draw()

    def do_holder(self) -> None:
        """Follow the operation that stands in the way."""
        self.desk_app.watch_operation(self.target.holder)

    def do_recheck(self) -> None:
        """Look again at what was done; nothing is sent."""
        operation = self.item.operation
        if operation is not None:
            self._work.recheck(self._items.index(self.item), operation)

    def do_open_run(self) -> None:
        """Open the run, or the build that was made."""
        if self.target.run is not None:
            self.desk_app.open_run(self.target.run)

    def do_log(self) -> None:
        """Read the log of what is done now."""
        target = self.target
        if target.run is not None:
            from fedesk.ui.screens.log import LogScreen

            request = LogRequest(run=target.run, task=target.task)
            self.app.push_screen(LogScreen(self._desk.reading, request))

    def do_address(self) -> None:
        """Copy the address of the run."""
        self.desk_app.copy(self.target.link)

    def do_copy(self) -> None:
        """Copy the operation's id; before there is one, the run's name."""
        self.desk_app.copy(self.target.id)

    # Moving: in the list of a selection, else in the text

    def do_down(self) -> None:
        """One row or line down."""
        self._rows.move(1) if len(self._items) > 1 else self._body.scroll_relative(y=1, animate=False)

    def do_up(self) -> None:
        """One row or line up."""
        self._rows.move(-1) if len(self._items) > 1 else self._body.scroll_relative(y=-1, animate=False)

    def do_page_down(self) -> None:
        """One page of the text down."""
        self._body.scroll_page_down(animate=False)

    def do_page_up(self) -> None:
        """One page of the text up."""
        self._body.scroll_page_up(animate=False)

    def do_first(self) -> None:
        """To the first line."""
        self._body.scroll_home(animate=False)

    def do_last(self) -> None:
        """To the last line."""
        self._body.scroll_end(animate=False)

    # Drawing

    def tick(self) -> None:
        """Ages and what is left of the plan's time move on."""
        self._settle()
        self._draw()

    def show_board(self) -> None:
        """Nothing here is of the board."""

    def on_resize(self) -> None:
        """Lines are wrapped to the width."""
        self.call_after_refresh(self._draw)

    def on_row_list_selected(self) -> None:
        """Another one of the selection is looked at."""
        key = self._rows.row.key if self._rows.row else ""
        # A row that was only drawn anew is told as well; to draw for it would never end.
        if key != self._looked_at:
            self._looked_at = key
            self._body.scroll_home(animate=False)
            self._draw()

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        app, situation, item = self.desk_app, self.situation, self.item
        moment = Moment(now=app.now, zone=app.zone)
        width = self.content_size.width or self.size.width
        self._head.update(_joined(operation_text.head(situation, moment, width)))
        if len(self._items) > 1:
            self._rows.show(operation_text.item_rows(situation), ListState())
        self._body.border_title = "Operation" if situation.watching else "Plan"
        inner = max(self._body.scrollable_content_region.width, 20)
        text = operation_text.body(situation, item, moment, inner, is_slow=self._slow)
        self._text.update(_joined(text))
        self._foot.update(_joined(operation_text.foot(situation, item, width)))
        self._follow_log(item)
        self.show_keys()

    def _follow_log(self, item: Item) -> None:
        """Beside the steps of one operation: what the task or build writes that it has started."""
        wanted = watch_text.log_beside(item.operation) if item.operation and len(self._items) == 1 else None
        if wanted is not None and not self.has_class("-tail"):
            self.add_class("-tail")
            self._tail.follow(self._desk.reading, LogRequest(run=wanted[0], task=wanted[1]))
            self.call_after_refresh(self._draw)


def _joined(lines: list[Content]) -> Content:
    return Content("\n").join(lines)
