"""The desk of the demo: the same, with a tour."""

from typing import ClassVar

from textual.binding import Binding, BindingType

from fedesk.ui.app import DeskApp
from fedesk.ui.opening import BoardArrived
from fedesk.ui.tour import LEAVE, Tour

MARKER = "demo-tour-offered"
"""The file in the user's state directory that says so."""


class DemoApp(DeskApp):
    """The desk over the sandbox."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding(LEAVE, "leave_tour", show=False, priority=True)]

    def on_mount(self) -> None:
        """The tour is there from the start; the desk's own handler opens the desk."""
        import platformdirs

        self.tour = Tour(self, platformdirs.user_state_path("fedesk") / MARKER)

    def on_board_arrived(self, message: BoardArrived) -> None:
        """Offer it once there is something to look at; the desk's own handler has drawn it."""
        if self.tour is not None and message.board.findings:
            self.tour.offer()

    def action_leave_tour(self) -> None:
        """Take the strip away."""
        if self.tour is not None:
            self.tour.leave()
