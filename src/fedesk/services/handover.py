"""What the next person on call needs, out of a look at the systems and what the store says."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from fedesk.domain.board import Board
from fedesk.domain.handover import Handover, handover_of
from fedesk.domain.marks import REMEMBERED, Marks, marks_of
from fedesk.domain.windows import Occurrence, Window
from fedesk.ports.incident_store import DeskReader
from fedesk.services import calendar

SHIFT = timedelta(hours=8)
"""How far back it tells what has ended, unless somebody says otherwise."""
AHEAD = timedelta(days=7)
"""How far ahead it tells of freezes."""
_ENDED = 200
"""Operations that are looked at for it."""


def gather(board: Board, store: DeskReader, since: timedelta = SHIFT) -> Handover:
    """Everything of the board's environment. Raises StoreError."""
    here = board.environment.name
    windows, unread = _ahead(store.open_windows(board.at, environment=here), board.at)
    return handover_of(
        board,
        marks_of(store.marks(board.at - REMEMBERED, environment=here), here),
        since=board.at - since,
        ended=store.operations(environment=here, limit=_ENDED),
        incidents=store.incidents(environment=here, only_open=True),
        windows=windows,
        unread=unread,
    )


def _ahead(windows: Iterable[Window], at: datetime) -> tuple[list[Occurrence], list[str]]:
    """What is in force and the next occurrence of each within AHEAD; and which cannot be told of."""
    found: list[Occurrence] = []
    unread: list[str] = []
    for window in windows:
        try:
            found += [one for one in calendar.around(window, at) if one.holds_at(at)]
            following = calendar.following(window, at)
        except calendar.WindowError as error:
            unread.append(f"The {window.kind} {window.id} of {window.scope}: {error}")
            continue
        if following is not None and following.start - at <= AHEAD:
            found.append(following)
    return found, unread


def without_store(board: Board, why: str, since: timedelta = SHIFT) -> Handover:
    """What the systems say alone; ``why`` the store could not be read stands in it."""
    return handover_of(board, Marks(), since=board.at - since, unread=(why,))
