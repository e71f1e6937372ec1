"""One service: what this environment would get by a promotion, and what was deployed in it before."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.content import Content

from fedesk.ui import present
from fedesk.ui.actions import Place, Target, bindings
from fedesk.ui.reader import Reader
from fedesk.ui.release_text import difference_lines, history_lines
from fedesk.ui.screens.texts import ReadingScreen

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from fedesk.domain.releases import ReleaseRequest
    from fedesk.services.release_diff import DiffRead
    from fedesk.services.release_reading import HistoryRead
    from fedesk.ui.desk import Desk
    from fedesk.ui.reader import Answer

_DIFFERENCE, _HISTORY = "the difference", "the history"


class ReleaseScreen(ReadingScreen):
    """Reads both when it is opened, side by side, and again at ``r``."""

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
        self._problems: dict[str, str] = {}
        self._asked_at: datetime | None = None

    @property
    def target(self) -> Target:
        """The service."""
        return self._aim

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

    def on_answer(self, answer: Answer) -> None:
        """One of the two."""
        answer.stop()
        key = str(answer.key)
        if answer.problem:
            self._problems[key] = answer.problem
        else:
            self._problems.pop(key, None)
            if key == _DIFFERENCE:
                self._difference = cast("DiffRead", answer.value)
            else:
                self._history = cast("HistoryRead", answer.value)
        self._draw()

    def text(self, width: int) -> Content:
        """The difference, then what was deployed."""
        app = self.desk_app
        lines: list[Content] = []
        for problem in self._problems.values():
            said = f"{present.DOWN.glyph} {present.text(problem, 600)}"
            lines += Content.styled(said, "$text-warning").wrap(width)
        if self._difference is not None:
            lines += [*difference_lines(self._difference.diff, app.now, width), Content()]
        elif self._origin and _DIFFERENCE not in self._problems:
            lines += [self.waiting("Reading what lies between …", width), Content()]
        if self._history is not None:
            lines += history_lines(self._history.rows, app.now, app.zone, width)
        elif _HISTORY not in self._problems:
            lines.append(self.waiting("Reading what was deployed …", width))
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

    def _plan(self, kind: str) -> None:
        asked = self._request(kind)
        if asked is not None:
            self.desk_app.open_plan((asked,))
