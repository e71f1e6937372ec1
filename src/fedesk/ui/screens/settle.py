"""The frame in which a person settles an operation: a last look, each system's evidence, reason and name."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.content import Content
from textual.message import Message

from fedesk.ui import confirming, settle_text
from fedesk.ui.actions import Place, Target, bindings
from fedesk.ui.confirming import Line, Typed
from fedesk.ui.operation_news import told
from fedesk.ui.run_text import Moment
from fedesk.ui.screens.base import DeskScreen
from fedesk.ui.screens.operation_keys import Body
from fedesk.ui.settle_text import Settling
from fedesk.ui.styles import styles_folder
from fedesk.ui.widgets.key_line import KeyLine
from fedesk.ui.widgets.row_list import SKELETON_AFTER
from fedesk.ui.widgets.status_line import StatusLine
from fedesk.ui.widgets.still import Still

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from fedesk.domain.operations import Operation, Outcome
    from fedesk.services.proposals import Answer
    from fedesk.ui.desk import Desk


class Looked(Message):
    """The last look is over: the operation as it stands, or why it cannot be settled by hand."""

    def __init__(self, operation: Operation | None, problem: str = "") -> None:
        super().__init__()
        self.operation = operation
        self.problem = problem


class Settled(Message):
    """The word was taken, or why it was not."""

    def __init__(self, operation: Operation | None, problem: str = "") -> None:
        super().__init__()
        self.operation = operation
        self.problem = problem


class SettleScreen(DeskScreen):
    """One operation that is to be settled as done, or as not done."""

    PLACE = Place.SETTLE
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.SETTLE, Place.CONFIRM)]
    CSS_PATH = styles_folder() / "settle.tcss"

    def __init__(
        self,
        desk: Desk,
        operation: str,
        *,
        environment: str,
        sentence: str,
        verdict: Outcome,
        reason: str = "",
        ended: Callable[[Operation], None],
    ) -> None:
        """``ended`` is told of the operation once it has ended, by the look or by the word."""
        super().__init__()
        self._desk = desk
        self._operation = operation
        self._ended = ended
        facts = next((one for one in desk.environments if one.name == environment), None)
        self._settling = Settling(
            verdict=verdict,
            environment=environment,
            facts=facts,
            sentence=sentence,
            typed=Typed(reason=reason),
        )
        self._type(confirming.first_line(self._settling.want, self._settling.typed))
        self._head = Still(id="settle-head")
        self._body = Body(id="settle-body")
        self._text = Still(id="settle-text")
        self._foot = Still(id="settle-foot")

    @property
    def place(self) -> Place:
        """Which frame it is."""
        return self._settling.place

    @property
    def target(self) -> Target:
        """The operation."""
        settling = self._settling
        operation = settling.operation
        targets = operation.plan.targets if operation is not None else ()
        return Target(
            name="the operation",
            id=self._operation,
            link=targets[0].link if targets else "",
            missing=settling.missing,
            has_lines=len(settling.want.lines) > 1,
            environment=settling.environment,
            doing="settle",
        )

    def compose(self) -> ComposeResult:
        """Question, evidence, what is typed."""
        yield StatusLine()
        yield self._head
        with self._body:
            yield self._text
        yield self._foot
        yield KeyLine(self.PLACE)

    def on_mount(self) -> None:
        """Look once more."""
        self._body.border_title = "What each system says"
        self._body.focus()
        self._start("look before settling", self._look)
        self.set_timer(SKELETON_AFTER, lambda: self._become(is_slow=True))
        self.draw()

    # On threads

    def _start(self, name: str, work: Callable[[], None]) -> None:
        threading.Thread(target=work, name=name, daemon=True).start()

    def _look(self) -> None:
        try:
            found = self._desk.by_hand.look_first(self._operation)
        except Exception as error:  # noqa: BLE001 - said in the frame, whatever it is
            self.post_message(Looked(None, told(error, "looking again")))
        else:
            self.post_message(Looked(found))

    def _settle(self, answer: Answer) -> None:
        try:
            found = self._desk.by_hand.settle(self._operation, self._settling.verdict, answer)
        except Exception as error:  # noqa: BLE001 - said in the frame, whatever it is
            self.post_message(Settled(None, told(error, "settling it")))
        else:
            self.post_message(Settled(found))

    def on_looked(self, message: Looked) -> None:
        """Where looking could tell, that is the answer, and nothing is left to be settled."""
        found = message.operation
        self.desk_app.following.written()
        if found is not None and not found.is_open:
            self.desk_app.say("Looking could tell; nothing was settled by hand.")
            self._leave(found)
            return
        self._become(operation=found, problem=message.problem)

    def on_settled(self, message: Settled) -> None:
        """It has ended, or is as it was."""
        self.desk_app.following.written()
        if message.operation is not None:
            self._leave(message.operation)
            return
        self._become(sending=False, problem=message.problem)

    def _leave(self, operation: Operation) -> None:
        self.dismiss(None)
        self._ended(operation)

    def _become(self, **values: object) -> None:
        self._settling = replace(self._settling, **values)  # type: ignore[arg-type] # fields of Settling, by name
        self._settling = replace(
            self._settling, typed=confirming.settle(self._settling.want, self._settling.typed)
        )
        self.draw()

    # What is typed

    def _type(self, line: Line) -> None:
        self._settling = replace(self._settling, typed=replace(self._settling.typed, line=line))

    def take_key(self, event: events.Key) -> bool:
        """What is typed into the lines."""
        typed = confirming.take_key(self._settling.want, self._settling.typed, event)
        if typed is None:
            return False
        self._become(typed=typed)
        return True

    def take_paste(self, text: str) -> None:
        """A reason may be pasted, the environment's name not."""
        if self._settling.typed.line is Line.NAME:
            self.desk_app.say("The environment's name is typed, not pasted.")
        self._become(typed=confirming.paste(self._settling.typed, text))

    # Keys

    def do_confirm(self) -> None:
        """Take the word."""
        from fedesk.services.proposals import Answer

        settling = self._settling
        if settling.missing:
            return
        answer = Answer(
            how="name and key" if settling.want.name else "key",
            named=settling.typed.name if settling.want.name else "",
            reason=settling.typed.reason.strip(),
        )
        self._become(sending=True)
        self._start("settle", lambda: self._settle(answer))

    def do_accept(self) -> None:
        """No guard asks here."""

    def do_line(self) -> None:
        """To the next line."""
        self._become(typed=confirming.next_line(self._settling.want, self._settling.typed))

    def do_previous_line(self) -> None:
        """To the line before."""
        self._become(typed=confirming.next_line(self._settling.want, self._settling.typed, -1))

    def do_down(self) -> None:
        """One line down."""
        self._body.scroll_relative(y=1, animate=False)

    def do_up(self) -> None:
        """One line up."""
        self._body.scroll_relative(y=-1, animate=False)

    def do_page_down(self) -> None:
        """One page down."""
        self._body.scroll_page_down(animate=False)

    def do_page_up(self) -> None:
        """One page up."""
        self._body.scroll_page_up(animate=False)

    # Drawing

    def on_resize(self) -> None:
        """Lines are wrapped to the width."""
        self.call_after_refresh(self.draw)

    def on_body_widened(self) -> None:
        """The evidence is wrapped to its own width."""
        self.draw()

    def draw(self) -> None:
        """Draw what is so now."""
        if not self.is_mounted:
            return
        app = self.desk_app
        width = self.content_size.width or self.size.width
        inner = max(self._body.scrollable_content_region.width, 20)
        moment = Moment(now=app.now, zone=app.zone)
        self._head.say(Content("\n").join(settle_text.head(self._settling, width)))
        self._text.say(Content("\n").join(settle_text.body(self._settling, moment, inner)))
        self._foot.say(Content("\n").join(settle_text.foot(self._settling, width)))
        self.show_keys()
