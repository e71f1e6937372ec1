"""Promotions one after the other: each is planned anew, and begun, when the one before it has succeeded.

A batch goes on when its screen is left, and ends with its desk. What is not begun then is said by name.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from fedesk.domain.operations import Outcome
from fedesk.domain.release_batch import CircleError
from fedesk.domain.release_matrix import PROMOTE
from fedesk.domain.releases import ReleaseRequest
from fedesk.ui.operation_news import told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fedesk.domain.operations import Operation, WriteWindow
    from fedesk.domain.requests import Request
    from fedesk.services.proposals import Proposal
    from fedesk.ui.app import DeskApp
    from fedesk.ui.desk import Desk

    Begin = Callable[[int, Proposal], Operation | None]
    """Confirms a plan and has it begun; None where it was refused, which has been said."""
    Refuse = Callable[[int, str], object]
    """Hears why something is not begun."""


def is_batch(requests: Sequence[Request | None]) -> bool:
    """Whether they are done one after the other: several promotions that were asked for together."""
    return len(requests) > 1 and all(
        isinstance(one, ReleaseRequest) and one.kind == PROMOTE for one in requests
    )


def open_releases(app: DeskApp, requests: Sequence[ReleaseRequest], reason: str = "") -> None:
    """Plan these in one frame, several promotions in the order in which they are done."""
    asked = {one.service: one for one in requests}
    try:
        names = app.desk.releases.ordered(tuple(asked)) if app.desk and len(asked) > 1 else tuple(asked)
    except CircleError as error:
        app.say(str(error))
        return
    app.open_plan(tuple(asked[name] for name in names), reason)


class Batch:
    """One batch, carried out by ``run`` on the thread that calls it."""

    def __init__(
        self,
        desk: Desk,
        requests: Sequence[Request],
        proposals: Mapping[int, Proposal],
        tell: Callable[[str], object],
    ) -> None:
        """Of ``requests`` those that have a plan, by their index. ``tell`` hears what is not begun."""
        self._desk = desk
        self._tell = tell
        self._left = {index: _pinned(requests[index], proposal) for index, proposal in proposals.items()}
        self._over = threading.Event()

    @property
    def left(self) -> tuple[str, ...]:
        """Services that were not begun yet."""
        return tuple(one.service for one in self._left.values())

    def end(self) -> None:
        """Begin nothing more; what was begun goes on."""
        self._over.set()

    def run(self, first: Proposal, window: WriteWindow | None, begin: Begin, refuse: Refuse) -> None:
        """Carry out as many as succeed one after the other.

        The first goes as it was shown; of the others it is the release that stays the same.
        """
        proposal: Proposal | None = first
        while self._left and not self._over.is_set():
            index, request = next(iter(self._left.items()))
            try:
                proposal = proposal or self._desk.changes.propose(request, window)
                operation = begin(index, proposal)
                del self._left[index]
                succeeded = operation is not None and self._succeeded(operation)
            except Exception as error:  # noqa: BLE001 - said in the frame, whatever it is
                self._left.pop(index, None)
                refuse(index, told(error, "carrying out the batch"))
                succeeded = False
            if not succeeded and not self._over.is_set():
                self._stop_behind(request.service, refuse)
            proposal = None

    def _stop_behind(self, service: str, refuse: Refuse) -> None:
        """Begin nothing of what comes behind one that did not succeed."""
        if self._left:
            self._tell(f"{service} did not succeed; not begun: {', '.join(self.left)}.")
        for index in self._left:
            refuse(index, f"It was not begun, since {service} did not succeed before it.")
        self._left.clear()

    def _succeeded(self, operation: Operation) -> bool:
        """Wait until it has ended; not where the desk is left before that."""
        from fedesk.services.following import follow

        desk, identity = self._desk, operation.plan.operation
        try:
            for last in follow(
                desk.store, identity, pause=self._pause, processes=desk.processes, away=lambda _error: None
            ):
                operation = last
        except _LeftError:
            return False
        return operation.outcome is Outcome.SUCCEEDED

    def _pause(self, seconds: float) -> None:
        if self._over.wait(seconds):
            raise _LeftError


class _LeftError(Exception):
    """The desk is left."""


def _pinned(request: Request, proposal: Proposal) -> ReleaseRequest:
    """The same release, whatever runs in the environment before by the time that its turn comes."""
    if not isinstance(request, ReleaseRequest):
        raise TypeError(request.name)
    return replace(request, digest=proposal.plan.targets[0].pins["digest"])
