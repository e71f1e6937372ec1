"""Opening a desk behind the screen, and what is known of its environment before it is open.

Every message carries the epoch it belongs to: the app counts one up whenever another environment is chosen,
and drops what is of an earlier one.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from fedesk.domain.board import Board
    from fedesk.domain.front import EnvironmentFacts
    from fedesk.ui.desk import Desk

    Opener = Callable[[str | None], Desk]
    Post = Callable[[Message], object]


class DeskOpened(Message):
    """The configuration was read and the desk is ready."""

    def __init__(self, desk: Desk, epoch: int) -> None:
        super().__init__()
        self.desk = desk
        self.epoch = epoch


class DeskRefused(Message):
    """The desk could not be opened: a mistake of configuration, or a fault."""

    def __init__(self, error: Exception, epoch: int) -> None:
        super().__init__()
        self.error = error
        self.epoch = epoch


class BoardArrived(Message):
    """A poller has looked. A newer one takes the place of one that still waits."""

    def __init__(self, board: Board, epoch: int) -> None:
        super().__init__()
        self.board = board
        self.epoch = epoch

    def can_replace(self, message: Message) -> bool:
        """Boards are whole: of two that wait the newer one is enough."""
        return isinstance(message, BoardArrived) and message.epoch == self.epoch


class Opening:
    """Opens desks, one after the other; each goes on from what the one before it knew."""

    def __init__(self, opener: Opener, post: Post) -> None:
        self._opener = opener
        self._post = post
        self._known: Desk | None = None
        """The desk that was open last."""

    def open(self, facts: EnvironmentFacts | None, epoch: int) -> None:
        """Open the desk of an environment, or the configuration's default, on a thread."""
        threading.Thread(target=self._open, args=(facts, epoch), name="open the desk", daemon=True).start()

    def opened(self, desk: Desk) -> None:
        """This desk knows most from now on."""
        self._known = desk

    @staticmethod
    def leave(desk: Desk) -> None:
        """No board of it is handed over any more; it is closed on a thread, for it keeps what it knows."""
        desk.board.stop()
        threading.Thread(target=desk.close, name="close the desk", daemon=True).start()

    def _open(self, facts: EnvironmentFacts | None, epoch: int) -> None:
        known = self._known
        if known is not None and facts is not None:
            board = known.board.elsewhere(facts)
            if any(snapshot.observation for snapshot in board.snapshots):
                self._post(BoardArrived(board, epoch))
        try:
            desk = self._opener(facts.name if facts is not None else None)
        except Exception as error:  # noqa: BLE001 - told on screen or on stderr, whatever it is
            self._post(DeskRefused(error, epoch))
            return
        if known is not None:
            desk.board.go_on_from(known.board.snapshots())
        self._post(DeskOpened(desk, epoch))
