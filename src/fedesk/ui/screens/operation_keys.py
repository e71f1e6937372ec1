"""What the keys do in the frames of an operation, and what is typed into their lines."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual.containers import VerticalScroll
from textual.message import Message

from fedesk.domain.operations import Outcome
from fedesk.domain.runs import LogRequest
from fedesk.ui import confirming, operation_text
from fedesk.ui.actions import Place, Target
from fedesk.ui.confirming import Line, Typed
from fedesk.ui.operation_state import Item, Situation, answer_of, target_of
from fedesk.ui.operation_work import Work
from fedesk.ui.plan_text import doing_of
from fedesk.ui.screens.base import DeskScreen
from fedesk.ui.widgets.prompt_line import PromptLine
from fedesk.ui.widgets.row_list import RowList

if TYPE_CHECKING:
    from textual import events

    from fedesk.domain.operations import Operation
    from fedesk.domain.requests import Request
    from fedesk.ui.desk import Desk


class Body(VerticalScroll):
    """The plan or the steps, drawn anew for each width: a border or the log beside it takes some away."""

    class Widened(Message):
        """The width has changed."""

    def on_resize(self) -> None:
        """Have it wrapped to the width."""
        self.post_message(self.Widened())


class OperationKeys(DeskScreen):
    """The state of the frames and the keys that change it; ``OperationScreen`` draws them."""

    PLACE = Place.PLAN
    CLAIMED_WITHIN = 5.0
    """Seconds in which a runner takes an operation over; after that its own words are shown."""

    def __init__(self, desk: Desk, requests: tuple[Request, ...], operation: str, reason: str) -> None:
        super().__init__()
        self._desk = desk
        self._requests = requests
        self._operation = operation
        self._items = [Item(request=request) for request in requests] or [Item()]
        self._rows = RowList(operation_text.ITEM_COLUMNS)
        self._body = Body(id="op-body")
        self._work = Work(self, desk, claimed_within=self.CLAIMED_WITHIN)
        self._number = 0
        self._typed = Typed(reason=reason)
        self._begun = False
        self._swallows = False
        self._sending = False
        self._no_runner = ""
        self._glass = False

    @property
    def environment(self) -> str:
        """The environment that is changed."""
        if self._requests:
            return self._requests[0].connection.environment
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
            incidents=app.following.incidents,
            sending=self._sending,
            no_runner=self._no_runner,
            glass=self._glass,
            watches=bool(self._operation),
            person=self._desk.rights.person,
            waiting={one.id: one.awaited for one in app.following.operations if one.awaited is not None},
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

    def plan(self) -> None:
        """Make the plans, or make them again."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draw what is so now."""
        raise NotImplementedError

    # What is typed

    def _begin_typing(self) -> None:
        """Letters belong to the name from the first one on, before the screen is even drawn."""
        if not self._begun:
            self._begun = True
            self._typed = replace(self._typed, line=confirming.first_line(self.situation.want, self._typed))

    def _settle(self) -> None:
        """Have a line that there is; letters that were begun as a name do not turn into keys."""
        want = self.situation.want
        self._swallows = self._typed.line is Line.NAME and bool(self._typed.name) and not want.name
        if not self._swallows:
            self._typed = confirming.settle(want, self._typed)

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
        if event.key == "B" and self._typed.line is Line.NAME and not self.target.unbroken:
            # A key of the frame also while the name is awaited, as A is; but for a name that has it.
            return "B" in situation.want.name and self._take_text(situation, event)
        return self._take_text(situation, event)

    def _take_text(self, situation: Situation, event: events.Key) -> bool:
        typed = confirming.take_key(situation.want, self._typed, event)
        if typed is None:
            return False
        self._typed = typed
        self.draw()
        return True

    def take_paste(self, text: str) -> None:
        """A ticket may be pasted, the environment's name not."""
        if self.situation.watching:
            return
        if self._typed.line is Line.NAME:
            self.desk_app.say("The environment's name is typed, not pasted.")
        self._typed = confirming.paste(self._typed, text)
        self.draw()

    # Keys

    def do_confirm(self) -> None:
        """Say yes to all that can go."""
        situation = self.situation
        free = {index: item.made.proposal for index, item in situation.free.items() if item.made}
        if situation.missing or not free:
            return
        opens = situation.environment if situation.want.window else ""
        batch = self.desk_app.following.batch(self._requests, free) if situation.is_batch else None
        self._work.confirm(free, answer_of(situation), opens=opens, batch=batch)
        self._sending = True
        self.draw()

    def do_accept(self) -> None:
        """Accept the guard that asks first."""
        self._typed = confirming.accept(self.situation.want, self._typed)
        self.draw()

    def do_line(self) -> None:
        """To the next line."""
        self._go_on(1)

    def do_previous_line(self) -> None:
        """To the line before."""
        self._go_on(-1)

    def _go_on(self, step: int) -> None:
        self._swallows = False
        self._typed = confirming.next_line(self.situation.want, self._typed, step)
        self.draw()

    def do_replan(self) -> None:
        """Make the plans again; a runner that failed is started again."""
        if self._no_runner:
            self._no_runner = ""
            self._work.warm(self._requests, break_glass=self._glass)
        if not self._sending:
            self.plan()
        self.draw()

    def do_break_glass(self) -> None:
        """Plan it anew past what others would have to say; the runner is one for that."""
        if self._sending:
            return
        self._glass, self._no_runner = True, ""
        self._work.warm(self._requests, break_glass=True)
        self.plan()
        self.draw()

    def do_answer(self) -> None:
        """Answer the build that waits."""
        from fedesk.ui.answering import ask

        if self.target.run is not None:
            ask(self, self.target.run)

    def do_holder(self) -> None:
        """Follow the operation that stands in the way."""
        self.desk_app.watch_operation(self.target.holder)

    def do_recheck(self) -> None:
        """Look again at what was done; nothing is sent."""
        operation = self.item.operation
        if operation is not None:
            self._work.recheck(self._items.index(self.item), operation)

    def do_approve(self) -> None:
        """Sign an approval of what is before one."""
        operation = self.item.operation
        if operation is not None:
            self._work.approve(operation.plan.operation)

    def do_reject(self) -> None:
        """Ask for the reason, then sign a rejection."""
        operation = self.item.operation
        if operation is not None:
            id_ = operation.plan.operation
            self.open_foot(PromptLine(self, "Reject it, because", lambda why: self._work.reject(id_, why)))

    def do_withdraw(self) -> None:
        """Ask for the reason, then take it back."""
        operation = self.item.operation
        if operation is not None:
            id_ = operation.plan.operation
            self.open_foot(
                PromptLine(self, "Take it back, because", lambda why: self._work.withdraw(id_, why))
            )

    def do_execute(self) -> None:
        """Begin what was approved."""
        operation = self.item.operation
        if operation is not None:
            self.desk_app.following.begin(operation)

    def do_settle_done(self) -> None:
        """Say that it was done, where no look can tell."""
        self._settle_as(Outcome.SUCCEEDED)

    def do_settle_not_done(self) -> None:
        """Say that it was not done, where no look can tell."""
        self._settle_as(Outcome.FAILED)

    def _settle_as(self, verdict: Outcome) -> None:
        operation, index = self.item.operation, self._items.index(self.item)
        if operation is None:
            return
        from fedesk.ui.screens.settle import SettleScreen

        def ended(found: Operation) -> None:
            self._items[index] = replace(self._items[index], operation=found, trouble="")
            self.draw()

        screen = SettleScreen(
            self._desk,
            operation.plan.operation,
            environment=operation.plan.environment,
            sentence=doing_of(operation.plan),
            verdict=verdict,
            ended=ended,
        )
        self.app.push_screen(screen)

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
