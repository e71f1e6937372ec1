"""What is deployed where, as a view: read while it is looked at, and again when an operation has moved."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast

from textual.content import Content

from fedesk.ui import present, release_rows
from fedesk.ui.actions import Place
from fedesk.ui.listed import ListState
from fedesk.ui.reader import Answer, Reader
from fedesk.ui.views import View
from fedesk.ui.widgets.row_list import RowList

if TYPE_CHECKING:
    from datetime import datetime

    from fedesk.domain.release_matrix import Matrix, MatrixRow
    from fedesk.domain.releases import ReleaseRequest
    from fedesk.ui.screens.base import DeskScreen

EVERY = timedelta(seconds=60)
"""Between two looks, while it is looked at: deploy jobs are read, and what runs in Airflow."""


class ReleasesView(View):
    """A service a row, an environment a column."""

    PLACE = Place.RELEASES

    def __init__(self) -> None:
        super().__init__(RowList(release_rows.release_columns(())))
        self._reader = Reader(self)
        self._matrix: Matrix | None = None
        self._problem = ""
        self._read_at: datetime | None = None
        self._asked_at: datetime | None = None
        self._version = -1
        """Of the store's operations, when it was asked last."""

    def show_board(self) -> None:
        """Read what is due, and draw what is known."""
        self._look()
        app, matrix = self.desk_app, self._matrix
        rows = [] if matrix is None else release_rows.release_rows(matrix, app.facts.name, app.now)
        if matrix is not None:
            self.row_list.set_columns(release_rows.release_columns(matrix.environments))
        self.row_list.show(rows, self._state())
        self.on_row_list_selected()

    def look_again(self) -> None:
        """Read at once, whenever it was read last."""
        self._asked_at = None
        self._look()

    def _look(self) -> None:
        app = self.desk_app
        desk, version = app.desk, app.following.version
        if desk is None or not self.display:
            return
        due = self._asked_at is None or app.now - self._asked_at >= EVERY or version != self._version
        if not due:
            return
        self._asked_at, self._version = app.now, version

        def read() -> Matrix:
            return desk.releases.matrix().matrix

        self._reader.read("releases", read)

    def on_answer(self, answer: Answer) -> None:
        """The matrix, or why there is none; what is known stays."""
        answer.stop()
        if answer.problem:
            self._problem = answer.problem
        else:
            self._matrix, self._problem = cast("Matrix", answer.value), ""
            self._read_at = self.desk_app.now
        self.show_board()
        cast("DeskScreen", self.screen).show_keys()

    def on_row_list_selected(self) -> None:
        """Say of the row under the cursor what it has no room for."""
        found, app = self.row, self.desk_app
        self.row_list.say(None if found is None else release_rows.about(found, app.facts.name, app.now))

    @property
    def row(self) -> MatrixRow | None:
        """The service under the cursor."""
        row = self.row_list.row
        rows = () if self._matrix is None else self._matrix.rows
        return next((one for one in rows if row is not None and one.service == row.key), None)

    def request_of(self, service: str, kind: str) -> ReleaseRequest | None:
        """What ``P`` and ``V`` ask for, of a service in the environment looked at."""
        from fedesk.domain.release_matrix import PROMOTE
        from fedesk.domain.releases import ReleaseRequest

        rows = () if self._matrix is None else self._matrix.rows
        row = next((one for one in rows if one.service == service), None)
        here = self.desk_app.facts.name
        cell = next((one for one in row.cells if one.environment == here), None) if row else None
        if row is None or cell is None or cell.connection is None:
            return None
        drift = next((one for one in row.drifts if one.environment == here), None)
        origin = drift.origin if drift is not None and kind == PROMOTE else ""
        return ReleaseRequest(
            kind=kind,
            service=row.service,
            environment=here,
            connection=cell.connection,
            origin=origin,
        )

    @property
    def origin(self) -> str:
        """The environment from which the service under the cursor is promoted into this one."""
        drifts = self.row.drifts if self.row is not None else ()
        here = self.desk_app.facts.name
        return next((one.origin for one in drifts if one.environment == here), "")

    def _state(self) -> ListState:
        app, matrix = self.desk_app, self._matrix
        empty = Content(
            "No service of the catalogue has a deploy job: `services.NAME.deploy` in catalog.yaml names it, "
            "and `fedesk catalog import` begins one."
        )
        troubles = [self._problem] if self._problem else list(matrix.troubles) if matrix is not None else []
        if matrix is None and not troubles:
            return ListState(loading=True)
        if not troubles:
            return ListState(why_empty=(empty,))
        as_of = present.clock_time(self._read_at, app.now, app.zone)
        dated = f"as of {as_of}, next look within a minute: " if as_of else "next look within a minute: "
        more = f" (+{len(troubles) - 1})" if len(troubles) > 1 else ""
        foot = Content.styled(f"{dated}{present.text(troubles[0], 300)}{more}", "$text-warning")
        why = tuple(Content.styled(present.text(one, 400), "$text-warning") for one in troubles)
        return ListState(why_empty=why, foot=foot, troubled=True)
