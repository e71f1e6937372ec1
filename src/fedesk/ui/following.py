"""The app's side of the store: what is in flight, once the first board is there, and the notes about it."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from textual.message import Message

from fedesk.ui import present

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fedesk.domain.board import Board
    from fedesk.domain.front import Finding, FrontPage
    from fedesk.domain.incidents import Incident
    from fedesk.domain.marks import FindingState, Mark, Marks
    from fedesk.domain.open_operations import OpenOperation
    from fedesk.domain.operations import Operation
    from fedesk.domain.requests import Request
    from fedesk.domain.windows import Window
    from fedesk.services.checkpointing import Verified
    from fedesk.services.operation_watch import OperationWatch, StoreNews
    from fedesk.services.proposals import Proposal
    from fedesk.ui.app import DeskApp
    from fedesk.ui.batch import Batch
    from fedesk.ui.desk import Desk


class StoreMoved(Message):
    """The store has something new to say, or cannot be read."""

    def __init__(self, news: StoreNews, epoch: int) -> None:
        super().__init__()
        self.news = news
        self.epoch = epoch

    def can_replace(self, message: Message) -> bool:
        """News are whole: of two that wait the newer ones are enough."""
        return isinstance(message, StoreMoved) and message.epoch == self.epoch


class Rechecked(Message):
    """An operation was looked at again, by the desk of an environment."""

    def __init__(self, operation: str, said: str, environment: str) -> None:
        super().__init__()
        self.operation = operation
        self.said = said
        self.environment = environment


class Said(Message):
    """Something a thread has found out, to be told in passing."""

    def __init__(self, said: str) -> None:
        super().__init__()
        self.said = said


def verified(found: Verified) -> str:
    """What checking the log has found, in one line."""
    kind = ", each compared with what it tells of" if found.chain.deep else ""
    if found.flaw is not None:
        return f"The audit log is damaged at record {found.flaw.seq}: {found.flaw.said}"
    after = "" if found.since is None else f" after number {found.since.mark.seq:,}"
    count = found.records - (0 if found.since is None else found.since.mark.seq)
    whole = f"The audit log is whole: {count:,} records{after}{kind}, head {found.head[:12]}."
    return " ".join([whole, _anchored(found), *found.unread])


def _anchored(found: Verified) -> str:
    if found.vouched is None:
        return "Nothing outside the store vouches for it."
    return f"Anchored up to record {found.vouched.mark.seq:,}."


def came_of(operation: Operation) -> str:
    """What looking again has found, in one sentence."""
    target = operation.plan.targets[0] if operation.plan.targets else None
    name = (
        " ".join(part for part in (target.pipeline or target.name, target.partition) if part)
        if target
        else ""
    )
    subject = name or operation.plan.operation
    if operation.outcome is None:
        if operation.ended_at is None and operation.owner is None:
            return (
                f"{subject}: it may begin until {operation.plan.expires_at:%H:%M} UTC, so it is left alone."
            )
        return f"{subject}: its process lives, or that cannot be told yet; it is left alone."
    word = f"still {operation.outcome.value}" if operation.is_open else operation.outcome.value
    return f"{subject}: {word}. {operation.said}".strip()


class StoreFollower:
    """Follows the store of the desk that is open.

    SQLAlchemy takes 0.4 s to import: nothing begins before the first board.
    """

    def __init__(self, app: DeskApp) -> None:
        self._app = app
        self._watch: OperationWatch | None = None
        self._epoch = 0
        """The desk that is followed."""
        self._rechecked: set[str] = set()
        self._batches: list[Batch] = []
        self._begins: dict[str, Operation] = {}
        """Confirmed at this desk, to be begun as soon as others have approved them."""
        self.news: StoreNews | None = None
        self._known: StoreNews | None = None
        """The newest news, of the desk before this one too: all desks of a configuration share one store."""
        self._marks: tuple[tuple[Mark, ...], str, Marks] | None = None

    @property
    def operations(self) -> tuple[OpenOperation, ...]:
        """Those that are open, as far as is known."""
        return self._known.operations if self._known else ()

    @property
    def windows(self) -> tuple[Window, ...]:
        """Freezes, holds and maintenance that nobody has removed, as far as is known."""
        return self._known.windows if self._known else ()

    @property
    def freeze(self) -> str:
        """What the first line says of freezes; nothing is loaded for it while there are no windows."""
        if not self.windows:
            return ""
        from fedesk.ui.freeze_text import freeze_said

        return freeze_said(self.windows, self._app.facts.name, self._app.now)

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """Those that go on, as far as is known."""
        return self._known.incidents if self._known else ()

    def marks(self, environment: str) -> Marks:
        """What was said of findings, as far as is known."""
        from fedesk.domain.marks import Marks, marks_of

        if self._known is None:
            return Marks()
        kept = self._marks
        if kept is None or kept[0] is not self._known.marks or kept[1] != environment:
            kept = self._marks = self._known.marks, environment, marks_of(self._known.marks, environment)
        return kept[2]

    def states(self, findings: Sequence[Finding]) -> Mapping[str, FindingState]:
        """What people said of findings of the environment that is shown, by their ids."""
        if self._known is None or not self._known.marks:
            return {}
        marks, now = self.marks(self._app.facts.name), self._app.now
        return {one.id: marks.state(one, now) for one in findings}

    @property
    def problem(self) -> str:
        """Why the store cannot be read; empty where it can, or was not read yet."""
        return self.news.problem if self.news else ""

    @property
    def only_proposes(self) -> bool:
        """Whether the store lets who is here propose changes alone; not before it has said so."""
        return self._known.only_proposes if self._known else False

    @property
    def version(self) -> int:
        """Grows whenever something was written; -1 before anything is known."""
        return self.news.version if self.news else -1

    def on_board(self, desk: Desk, epoch: int) -> None:
        """A board has arrived: begin, or read again."""
        if self._watch is not None:
            self._watch.nudge()
        elif self._epoch != epoch:
            self._epoch = epoch
            threading.Thread(
                target=self._begin, args=(desk, epoch), name="begin to follow the store", daemon=True
            ).start()

    def _begin(self, desk: Desk, epoch: int) -> None:
        watch = desk.operation_watch
        watch.start(partial(self._hand_over, epoch))
        if self._epoch == epoch:
            self._watch = watch
        else:
            watch.stop()

    def _hand_over(self, epoch: int, news: StoreNews) -> None:
        self._app.post_message(StoreMoved(news, epoch))
        # On the watch's own thread, while nobody waits: what `l` opens takes a tenth of a second to import.
        import_module("fedesk.ui.screens.log")

    def take(self, news: StoreNews) -> None:
        """News have arrived: the board learns of them too, and a store that is away is told of once."""
        before, self.news, self._known = self.news, news, news
        if news.problem and not (before and before.problem):
            self._app.say(news.problem)
        desk = self._app.desk
        if desk is not None and (before is None or _told_on_boards(news) != _told_on_boards(before)):
            desk.board.hand_over()
        self._begin_approved()

    def begin_when_approved(self, operation: Operation) -> None:
        """Begin an operation as soon as those have approved it who have to, whatever is on the screen."""
        self._begins[operation.plan.operation] = operation
        self._begin_approved()

    def _begin_approved(self) -> None:
        for one in self.operations:
            if one.id in self._begins and one.awaited is not None and not one.awaited.said:
                self.begin(self._begins.pop(one.id), by=", ".join(one.awaited.approved_by))

    def begin(self, operation: Operation, *, by: str = "") -> None:
        """Have a confirmed operation executed, on a thread; what stands in the way is said."""
        desk = self._app.desk
        if desk is None:
            self._app.say("The systems are still being opened.")
            return
        plan = operation.plan
        self._begins.pop(plan.operation, None)
        self._app.say(f"{f'Approved by {by}' if by else 'Approved'}; it is begun: {plan.sentence}.")

        def start() -> None:
            from fedesk.ui.operation_news import told

            connections = sorted({plan.connection, *(effect.connection for effect in plan.effects)})
            try:
                runner = desk.launcher_for(connections).warm(desk.credentials_for(desk.asked_by(plan)))
                try:
                    runner.go(plan.operation)
                finally:
                    runner.cancel()
            except Exception as error:  # noqa: BLE001 - said on the screen, whatever it is
                self._app.post_message(Said(told(error, "beginning it")))

        threading.Thread(target=start, name=f"begin {plan.operation}", daemon=True).start()

    def written(self) -> None:
        """This process has written something itself."""
        if self._watch is not None:
            self._watch.nudge(moved=True)

    def batch(self, requests: Sequence[Request], proposals: Mapping[int, Proposal]) -> Batch | None:
        """What carries promotions out one after the other, whatever is on the screen; None without a desk."""
        from fedesk.ui.batch import Batch

        desk, app = self._app.desk, self._app
        if desk is None:
            return None
        begun = Batch(desk, requests, proposals, lambda said: app.post_message(Said(said)))
        self._batches = [*(one for one in self._batches if one.left), begun]
        return begun

    def recheck(self, operations: Sequence[str]) -> None:
        """Look again at operations, one after the other, on a thread; what came of each is said."""
        wanted = [one for one in operations if one not in self._rechecked]
        desk = self._app.desk
        if desk is None or not wanted:
            self._app.say(
                "That is being looked up already." if desk else "The systems are still being opened."
            )
            return
        self._rechecked.update(wanted)
        count = "the operation" if len(wanted) == 1 else f"{len(wanted)} operations"
        self._app.say(f"Looking {count} up in its system; nothing is sent.")
        threading.Thread(target=self._recheck, args=(desk, wanted), name="recheck", daemon=True).start()

    def _recheck(self, desk: Desk, operations: Sequence[str]) -> None:
        from fedesk.ports.operation_store import StoreError
        from fedesk.services.proposals import RefusedError

        for one in operations:
            try:
                said = came_of(desk.recheck(one))
            except (StoreError, RefusedError) as error:
                said = str(error)
            except Exception as error:  # noqa: BLE001 - a fault of one look must not end the desk
                said = f"fedesk failed while looking {one} up again: {type(error).__name__}."
            self._app.post_message(Rechecked(one, said, desk.environment.name))

    def refuse(self, ask: Callable[[], object]) -> None:
        """Have it recorded, on a thread, that something was asked for by who may not; it is said already.

        ``ask`` raises RefusedError, or the StoreError of a store that is away, which is said.
        """

        def work() -> None:
            from fedesk.ports.operation_store import StoreError
            from fedesk.services.proposals import RefusedError

            try:
                ask()
            except RefusedError:
                self.written()
            except StoreError as error:
                self._app.post_message(Said(str(error)))

        threading.Thread(target=work, name="record a refusal", daemon=True).start()

    def looked_again(self, message: Rechecked) -> None:
        """One was looked at again: say what came of it."""
        self._rechecked.discard(message.operation)
        elsewhere = message.environment != self._app.facts.name
        self._app.say(f"{message.environment}: {message.said}" if elsewhere else message.said)
        self.written()

    def verify(self, *, deep: bool, from_newest: bool) -> None:
        """Check the chain of the audit log, on a thread; what it found is said."""
        desk = self._app.desk
        if desk is None:
            self._app.say("The systems are still being opened.")
            return
        self._app.say("Checking the chain of the audit log.")

        def check() -> None:
            from fedesk.ports.operation_store import StoreError

            try:
                said = verified(desk.verify(deep=deep, from_newest=from_newest))
            except StoreError as error:
                said = str(error)
            except Exception as error:  # noqa: BLE001 - a fault of the check must not end the desk
                said = f"fedesk failed while checking the audit log: {type(error).__name__}."
            self._app.post_message(Said(said))

        threading.Thread(target=check, name="verify the audit log", daemon=True).start()

    def let_go(self) -> None:
        """Another desk, or none: no batch goes on without the one it was begun at."""
        for one in self._batches:
            one.end()
        self._batches = []
        if self._watch is not None:
            self._watch.stop()
        self._watch, self.news, self._epoch = None, None, 0

    def with_kept(self, board: Board, front: FrontPage) -> Board:
        """The board with the findings of operations that were known last, until the store was read."""
        from fedesk.domain.open_operations import KIND
        from fedesk.domain.reviews import KIND as GLASS
        from fedesk.domain.triage import in_order

        kept = [finding for finding in front.findings if finding.kind in {KIND, GLASS}]
        was_read = self.news is not None and not (self.news.problem and not self.news.version)
        if was_read or not kept:
            return board
        return replace(board, findings=in_order((*board.findings, *kept), board.at))

    def unbegun(self) -> tuple[str, ...]:
        """What batches leave behind where they end now."""
        left = (", ".join(one.left) for one in self._batches if one.left)
        return tuple(f"Not begun, for the desk was left: {present.text(names, 200)}." for names in left)

    def parting(self) -> tuple[str, ...]:
        """What goes on when the desk is left, one line an operation, and what is not begun."""
        from fedesk.domain.open_operations import Course
        from fedesk.domain.text import one_line

        return (
            tuple(
                one_line(f"{one.environment}: {one.sentence} goes on without the desk", 200)
                + f"; see `fedesk operations show {one.id}`."
                for one in self.operations
                if one.course in (Course.RUNNING, Course.UNDECIDED)
            )
            + tuple(
                one_line(f"{one.environment}: {one.sentence} {one.awaited.said}", 200)
                + f"; once it has that, `fedesk execute {one.id}` begins it."
                for one in self.operations
                if one.id in self._begins and one.awaited is not None and one.course is not Course.REJECTED
            )
            + self.unbegun()
        )


def _told_on_boards(news: StoreNews) -> tuple[object, ...]:
    """What of the news a board tells."""
    return news.operations, news.windows, news.unreviewed, news.unmerged
