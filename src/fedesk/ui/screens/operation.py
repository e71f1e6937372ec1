"""Doing something, in three frames on one screen: the plan, its confirmation, and how it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from fedesk.ui.actions import Place, bindings
from fedesk.ui.screens.base import DeskScreen

if TYPE_CHECKING:
    from textual.binding import BindingType

    from fedesk.domain.reruns import RerunRequest
    from fedesk.ui.desk import Desk


class OperationScreen(DeskScreen):
    """Plans of re-runs until they are confirmed, then how they go; or an operation that goes on already."""

    PLACE = Place.PLAN
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.PLAN, Place.CONFIRM, Place.WATCH)]

    def __init__(self, desk: Desk, *, requests: tuple[RerunRequest, ...] = (), operation: str = "") -> None:
        super().__init__()
        self._desk = desk
        self._requests = requests
        self._operation = operation

    # Keys

    def do_confirm(self) -> None:
        """Do what the plan says."""

    def do_accept(self) -> None:
        """Accept what a guard wants accepted."""

    def do_line(self) -> None:
        """To the next line."""

    def do_holder(self) -> None:
        """Follow the operation that stands in the way."""
        self.desk_app.watch_operation(self.target.holder)

    def do_replan(self) -> None:
        """Make the plan again."""

    def do_open_run(self) -> None:
        """Open the run."""
        if self.target.run is not None:
            self.desk_app.open_run(self.target.run)

    def do_log(self) -> None:
        """Read the log of the run."""
        if self.target.run is not None:
            self.desk_app.open_log(self.target.run)

    def do_address(self) -> None:
        """Copy the address."""
        self.desk_app.copy(self.target.link)

    def do_copy(self) -> None:
        """Copy the operation's id."""
        self.desk_app.copy(self.target.id)

    def do_down(self) -> None:
        """One line down."""

    def do_up(self) -> None:
        """One line up."""

    def do_page_down(self) -> None:
        """One page down."""

    def do_page_up(self) -> None:
        """One page up."""

    def do_first(self) -> None:
        """To the first line."""

    def do_last(self) -> None:
        """To the last line."""
