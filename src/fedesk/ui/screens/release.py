"""One service: what this environment would get by a promotion, and what was deployed in it before."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from textual.content import Content

from fedesk.ui import present, release_rows
from fedesk.ui.actions import Place, Target, bindings
from fedesk.ui.reader import Reader
from fedesk.ui.release_text import difference_lines, dora_lines, history_lines, stop_lines
from fedesk.ui.screens.texts import ReadingScreen

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from fedesk.domain.dora import Dora
    from fedesk.domain.releases import ReleaseRequest, ReleaseStop
    from fedesk.services.release_diff import DiffRead
    from fedesk.services.release_reading import HistoryRead
    from fedesk.ui.desk import Desk
    from fedesk.ui.reader import Answer
    from fedesk.ui.stopping import StopWritten

_DIFFERENCE, _HISTORY, _STOPS = "the difference", "the history", "what is stopped"
_DORA = "DORA's four"
_LOOKS_BACK = timedelta(days=30)


class ReleaseScreen(ReadingScreen):
    """Reads all of it when it is opened, side by side, and again at ``r``."""

    PLACE = Place.RELEASE
    BINDINGS = bindings(Place.RELEASE)

    def __init__(
        self, desk: Desk, target: Target, origin: str, request: Callable[[str], ReleaseRequest | None]
    ) -> None:
        """``origin`` is the environment before, empty for the first; ``request`` makes what keys ask."""
        super().__init__(f"{target.name} in {present.text(target.environment, 40)}")
        self._desk = desk
        self._aim = target
        self._origin = origin
        self._request = request
        self._reader = Reader(self)
        self._difference: DiffRead | None = None
        self._history: HistoryRead | None = None
        self._stops: tuple[ReleaseStop, ...] | None = None
        self._dora: Dora | None = None
        self._problems: dict[str, str] = {}
        self._asked_at: datetime | None = None

    @property
    def target(self) -> Target:
        """The service; of its release what was read here, once it was."""
        aim, here, cell = self._aim, self._aim.environment, self._history.cell if self._history else None
        if cell is not None:
            against = release_rows.against_quarantine(aim.name, cell, here)
            aim = replace(aim, digest=release_rows.digest_of(cell), unstoppable=against)
        unliftable = "what is stopped is not read yet"
        if self._stops is not None:
            unliftable = release_rows.against_lifting(aim.name, self._stops, here)
        return replace(aim, unliftable=unliftable)

    def on_mount(self) -> None:
        """Read what there is."""
        self.do_reread()
        self.show_keys()

    def do_reread(self) -> None:
        """Read it, on threads; what was read before stays until it is there."""
        releases, here, service = self._desk.releases, self._aim.environment, self._aim.service
        self._asked_at = self.desk_app.now
        if self._origin:
            names = (here, self._origin)
            self._reader.read(_DIFFERENCE, lambda: releases.diff(service, names))
        self._reader.read(_HISTORY, lambda: releases.history(service, here))
        self._reader.read(_STOPS, self._read_stops)
        # Last: it reads more builds than the others, and waits where three are under way.
        self._reader.read(_DORA, lambda: releases.dora(service, here, _LOOKS_BACK))

    def _read_stops(self) -> tuple[ReleaseStop, ...] | str:
        """What stands against releases of the service here, or why that cannot be told."""
        from fedesk.ports.operation_store import StoreError

        try:
            found = self._desk.quarantining.listed()
        except StoreError as error:
            return str(error)
        of_service = [one for one in found if one.service == self._aim.service]
        return release_rows.stops_here(of_service, self._aim.environment)

    def on_answer(self, answer: Answer) -> None:
        """One of them."""
        answer.stop()
        key, said = str(answer.key), answer.value
        if answer.problem or isinstance(said, str):
            self._problems[key] = answer.problem or str(said)
        else:
            self._problems.pop(key, None)
            if key == _DIFFERENCE:
                self._difference = cast("DiffRead", said)
            elif key == _DORA:
                self._dora = cast("Dora", said)
            elif key == _STOPS:
                self._stops = cast("tuple[ReleaseStop, ...]", said)
            else:
                self._history = cast("HistoryRead", said)
        self._draw()
        self.show_keys()

    def text(self, width: int) -> Content:
        """What is stopped, the difference, what was deployed, and what that comes to."""
        app = self.desk_app
        lines: list[Content] = []
        # In one order, and once: a system that is away is so for each of the reads.
        reads = (_STOPS, _DIFFERENCE, _HISTORY, _DORA)
        for problem in dict.fromkeys(self._problems[one] for one in reads if one in self._problems):
            said = f"{present.DOWN.glyph} {present.text(problem, 600)}"
            lines += Content.styled(said, "$text-warning").wrap(width)
        if self._stops:
            lines += [*stop_lines(self._stops, app.now, app.zone, width), Content()]
        if self._difference is not None:
            lines += [*difference_lines(self._difference.diff, app.now, width), Content()]
        elif self._origin and _DIFFERENCE not in self._problems:
            lines += [self.waiting("Reading what lies between …", width), Content()]
        if self._history is not None:
            lines += history_lines(self._history.rows, app.now, app.zone, width)
        elif _HISTORY not in self._problems:
            lines.append(self.waiting("Reading what was deployed …", width))
        if self._dora is not None:
            lines += [Content(), *dora_lines(self._dora, width)]
        as_of = present.clock_time(self._asked_at, app.now, app.zone)
        self._scroll.border_subtitle = f"as of {as_of}, r asks again"
        return Content("\n").join(lines)

    def do_promote(self) -> None:
        """Plan to promote it into this environment."""
        from fedesk.domain.release_matrix import PROMOTE

        self._plan(PROMOTE)

    def do_roll_back(self) -> None:
        """Plan to go back to its last verified release."""
        from fedesk.domain.release_stops import ROLLBACK

        self._plan(ROLLBACK)

    def do_quarantine(self) -> None:
        """Put the release that runs here into quarantine."""
        self.desk_app.stopper.quarantine(self, self.target)

    def do_lift(self) -> None:
        """Lift what stands against one of its releases."""
        self.desk_app.stopper.lift(self, self._stops or ())

    def on_stop_written(self, message: StopWritten) -> None:
        """A release was stopped or let go: read again."""
        self.desk_app.stopper.took(self, message)
        self.do_reread()

    def _plan(self, kind: str) -> None:
        asked = self._request(kind)
        if asked is not None:
            self.desk_app.open_plan((asked,))
