"""A text that is painted only where it has changed."""

from textual.content import Content
from textual.widgets import Static


class Still(Static):
    """Screens say every second what stands in it; the terminal hears of it when it is something else."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, markup=False)
        self._said: Content | None = None

    def say(self, content: Content) -> None:
        """Show this; the screen is laid out anew only where the text says how much room it takes."""
        if self._said is None or not content.is_same(self._said):
            self._said = content
            self.update(content, layout=self.styles.auto_dimensions)
