"""The lines over the keys that say what to press next in the demo's tour, and why."""

from dataclasses import dataclass

from textual.content import Content
from textual.widgets import Static

from fedesk.ui import present

_LINES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the strip says."""

    head: str
    press: str
    """The keys."""
    text: str
    why: str = ""
    leave: str
    """The key that takes it away."""
    leaving: str = "leaves the tour"


class TourStrip(Static):
    """Says it; takes no key and no click."""

    DEFAULT_CSS = ""

    def __init__(self, said: Said) -> None:
        super().__init__(markup=False)
        self._said = said

    def on_mount(self) -> None:
        """Say it."""
        self._draw()

    def on_resize(self) -> None:
        """Wrapped to the width."""
        self._draw()

    def show(self, said: Said) -> None:
        """Say something else."""
        if said != self._said:
            self._said = said
            self._draw()

    def _draw(self) -> None:
        said = self._said
        lines = Content.assemble(
            (f"{said.head}  ", "bold"), (said.press, "bold $text-accent"), f": {said.text}.",
            (f" {said.why}" if said.why else "", present.MUTED),
            (f"  {said.leave}", "bold $text-accent"), (f" {said.leaving}", present.MUTED),
        ).wrap(max(self.app.size.width - 2, 20))  # fmt: skip
        self.update(Content("\n").join(lines[:_LINES]))
