"""Doing something, in three frames on one screen: the plan, its confirmation, and how it goes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Container
from textual.content import Content

from fedesk.domain.runs import LogRequest
from fedesk.ui import confirming, operation_text, watch_text
from fedesk.ui.actions import Place, bindings
from fedesk.ui.confirming import Line, Typed
from fedesk.ui.listed import ListState
from fedesk.ui.operation_state import Item
from fedesk.ui.run_text import Moment
from fedesk.ui.screens.operation_keys import OperationKeys
from fedesk.ui.styles import styles_folder
from fedesk.ui.widgets.key_line import KeyLine
from fedesk.ui.widgets.log_tail import LogTail
from fedesk.ui.widgets.row_list import SKELETON_AFTER
from fedesk.ui.widgets.status_line import StatusLine
from fedesk.ui.widgets.still import Still

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from fedesk.domain.requests import Request
    from fedesk.ui.desk import Desk
    from fedesk.ui.operation_news import Awaiting, Planned, Refused, RunnerFailed, Waits, Went, WindowOpened


class OperationScreen(OperationKeys):
    """Plans of re-runs until they are confirmed, then how they go; or an operation that goes on already."""

    PLACE = Place.PLAN
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.PLAN, Place.CONFIRM, Place.WATCH)]
    CSS_PATH = styles_folder() / "operation.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - Textual declares it without ClassVar

    def __init__(
        self,
        desk: Desk,
        *,
        requests: tuple[Request, ...] = (),
        operation: str = "",
        reason: str = "",
    ) -> None:
        """``reason``: what was given with the command, to begin with."""
        super().__init__(desk, requests, operation, reason)
        self._head = Still(id="op-head")
        self._text = Still(id="op-text")
        self._foot = Still(id="op-foot")
        self._tail = LogTail()
        self._looked_at = ""
        self._slow = False

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
            self.set_timer(SKELETON_AFTER, self._show_skeleton)
        else:
            self._work.warm(self._requests)
            self.plan()
        self.draw()

    def on_unmount(self) -> None:
        """A runner that waits is ended; an operation goes on."""
        self._work.stop()

    def plan(self) -> None:
        """Make the plans, or make them again."""
        self._number += 1
        self._items = [Item(request=request) for request in self._requests]
        if self._number > 1:
            # Another plan may be another thing: its name is typed anew.
            self._begun, self._typed = False, Typed(reason=self._typed.reason)
        self._begin_typing()
        self._slow = False
        window = self.desk_app.window_of(self.environment)
        self._work.plan(self._number, self._requests, window, break_glass=self._glass)
        self.set_timer(SKELETON_AFTER, self._show_skeleton)

    def _show_skeleton(self) -> None:
        self._slow = True
        self.draw()

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
        self.draw()

    def on_awaiting(self, message: Awaiting) -> None:
        """Its plan waits for more than the system."""
        if message.number == self._number and not self.situation.watching:
            self._change(message.index, waits=message.said)
            self.draw()

    def on_runner_failed(self, message: RunnerFailed) -> None:
        """Nothing can be confirmed without a runner."""
        self._no_runner = message.problem
        self.draw()

    def on_window_opened(self, message: WindowOpened) -> None:
        """It is open for an hour, for other plans too."""
        self.desk_app.keep_window(message.window)

    def on_refused(self, message: Refused) -> None:
        """The yes was not taken for this one."""
        self._change(message.index, refusal=message.problem)
        self.draw()

    def on_answered(self) -> None:
        """All have been dealt with; where nothing was taken, the plan has the keys again."""
        self._sending = False
        self._typed = replace(self._typed, name="")
        self._settle()
        self.draw()

    def on_went(self, message: Went) -> None:
        """A step further, or the end of it."""
        known = self._items[message.index]
        self._change(
            message.index,
            operation=message.operation or known.operation,
            steps=message.steps or known.steps,
            verb=message.verb or known.verb,
            trouble=message.trouble,
        )
        self.draw()

    def on_waits(self, message: Waits) -> None:
        """It was confirmed, and others have to approve it: this desk begins it as soon as they have."""
        self.desk_app.following.begin_when_approved(message.operation)

    def _change(self, index: int, **values: object) -> None:
        self._items[index] = replace(self._items[index], **values)  # type: ignore[arg-type] # fields of Item, by name

    # Drawing

    def tick(self) -> None:
        """Ages and what is left of the plan's time move on."""
        self._settle()
        self.draw()

    def show_board(self) -> None:
        """Nothing here is of the board."""

    def on_resize(self) -> None:
        """Lines are wrapped to the width."""
        self.call_after_refresh(self.draw)

    def on_body_widened(self) -> None:
        """The text is wrapped to its own width."""
        self.draw()

    def on_row_list_selected(self) -> None:
        """Another one of the selection is looked at."""
        key = self._rows.row.key if self._rows.row else ""
        # A row that was only drawn anew is told as well; to draw for it would never end.
        if key != self._looked_at:
            self._looked_at = key
            self._body.scroll_home(animate=False)
            self.draw()

    def draw(self) -> None:
        """Draw what is so now."""
        if not self.is_mounted:
            return
        app, situation, item = self.desk_app, self.situation, self.item
        moment = Moment(now=app.now, zone=app.zone)
        width = self.content_size.width or self.size.width
        self._head.say(_joined(operation_text.head(situation, moment, width)))
        if len(self._items) > 1:
            self._rows.show(operation_text.item_rows(situation), ListState())
        self._body.border_title = "Operation" if situation.watching else "Plan"
        inner = max(self._body.scrollable_content_region.width, 20)
        text = operation_text.body(situation, item, moment, inner, is_slow=self._slow)
        self._text.say(_joined(text))
        self._foot.say(_joined(operation_text.foot(situation, item, moment, width)))
        self._follow_log(item)
        self.show_keys()

    def _follow_log(self, item: Item) -> None:
        """Beside the steps of one operation: what the task or build writes that it has started."""
        wanted = watch_text.log_beside(item.operation) if item.operation and len(self._items) == 1 else None
        if wanted is None:
            return
        # A rollback makes two builds: the dry run's log gives way to that of the real one.
        self._tail.follow(self._desk.reading, LogRequest(run=wanted[0], task=wanted[1]))
        if not self.has_class("-tail"):
            self.add_class("-tail")
            self.call_after_refresh(self.draw)


def _joined(lines: list[Content]) -> Content:
    return Content("\n").join(lines)
