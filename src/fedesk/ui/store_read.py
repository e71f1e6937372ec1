"""What a list or a screen reads of the store: on a thread, and again when it has moved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from textual.content import Content

from fedesk.ui import present
from fedesk.ui.listed import ListState
from fedesk.ui.reader import Answer, Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.widget import Widget

    from fedesk.ui.app import DeskApp
    from fedesk.ui.desk import Desk, Records

ValueT = TypeVar("ValueT")
_AGAIN = timedelta(seconds=5)
"""How soon a read that failed is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAway:
    """Why the store could not be read."""

    sentence: str
    refused: bool = False
    """Whether it is there, and of another version of fedesk."""


class StoreRead(Generic[ValueT]):
    """One read of the store, and what it gave last."""

    def __init__(self, owner: Widget, what: Callable[[Records], ValueT]) -> None:
        self._reader = Reader(owner)
        self._what = what
        self._desk: Desk | None = None
        self._seen: tuple[int, bool] | None = None
        self._next: datetime | None = None
        self._away: StoreAway | None = None
        self._since: datetime | None = None
        self._read_at: datetime | None = None
        self.value: ValueT | None = None

    def look(self, app: DeskApp, *, at_once: bool = False) -> None:
        """Read where the store has moved since, or the last read failed a while ago; else do nothing."""
        desk = app.desk
        if desk is None:
            return
        # Whether the store is away counts too: how it fails, and when it is tried again, is then known.
        seen = (app.following.version, bool(app.following.problem))
        moved = seen != self._seen
        due = self._next is not None and app.now >= self._next
        if not (moved or due or at_once):
            return
        self._desk, self._seen, self._next = desk, seen, None
        what = self._what

        def read() -> object:
            from fedesk.ports.operation_store import SchemaError, StoreError

            try:
                return what(desk.store)
            except StoreError as error:
                return StoreAway(sentence=str(error), refused=isinstance(error, SchemaError))

        self._reader.read(f"the store, {seen}", read)

    def take(self, answer: Answer, app: DeskApp) -> None:
        """Keep what was read; what is known stays where it could not be."""
        answer.stop()
        away = answer.value if isinstance(answer.value, StoreAway) else None
        if answer.problem:
            away = StoreAway(sentence=answer.problem)
        if away is None:
            self.value, self._read_at = cast("ValueT", answer.value), app.now
            self._away = self._since = None
            return
        self._away, self._since = away, self._since or app.now
        self._next = app.now + _AGAIN

    def away(self, app: DeskApp) -> StoreAway | None:
        """Why what is shown may be old, or is not there."""
        if self._away is not None:
            return self._away
        problem = app.following.problem
        return StoreAway(sentence=problem) if problem else None

    def list_state(self, app: DeskApp, empty: str) -> ListState:
        """What a list of it says beside its rows."""
        away = self.away(app)
        if away is None:
            return ListState(
                loading=self.value is None, why_empty=() if self.value is None else (Content(empty),)
            )
        sentence = present.text(away.sentence, 400)
        if self.value is None:
            return ListState(
                why_empty=(
                    Content.assemble((f"{present.DOWN.glyph} ", present.DOWN.style), sentence),
                    Content.styled(
                        f"{self.dated(app)}. What the systems say is shown all the same.", present.MUTED
                    ),
                ),
                troubled=True,
            )
        foot = Content.styled(f"{self.dated(app)}: {sentence}", "$text-warning")
        return ListState(why_empty=(Content(empty),), foot=foot, troubled=True)

    def dated(self, app: DeskApp) -> str:
        """``As of 02:41, the store cannot be read since 02:42, next try in 5s``."""
        away, news = self.away(app), app.following.news
        since = self._since or (news.since if news else None)
        as_of = present.clock_time(self._read_at, app.now, app.zone)
        said = "the store is refused" if away is not None and away.refused else "the store cannot be read"
        when = f" since {present.clock_time(since, app.now, app.zone)}" if since else ""
        again = f"next try {present.until(self._next, app.now)}" if self._next else "tried every few seconds"
        line = ", ".join([*([f"as of {as_of}"] if as_of else []), f"{said}{when}", again])
        return line[:1].upper() + line[1:]
