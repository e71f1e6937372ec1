"""Terminals that are poor, which get ASCII, and terminals that have gone, which hold nobody up."""

from typing import IO, Any

from rich.segment import Segment
from textual.color import Color
from textual.driver import Driver
from textual.filter import LineFilter

from fedesk.ui.present import ASCII


class _Lasting:
    """A terminal to write to. Once it has gone, what is written goes nowhere.

    Textual's thread that writes would die of the error, and its queue, once full, hold everything for ever.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._is_gone = False

    def write(self, text: str) -> int:
        """Write, as long as there is somebody to read it."""
        if not self._is_gone:
            try:
                self._file.write(text)
            except OSError:
                self._is_gone = True
        return len(text)

    def flush(self) -> None:
        """The same for what was kept back."""
        if not self._is_gone:
            try:
                self._file.flush()
            except OSError:
                self._is_gone = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def lasting(driver: type[Driver]) -> type[Driver]:
    """The same driver for a terminal that may go away at any moment."""

    class LastingDriver(driver):  # type: ignore[misc, valid-type]  # chosen by the platform
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            file = getattr(self, "_file", None)
            if file is not None:
                self._file = _Lasting(file)

    return LastingDriver


class AsciiOnly(LineFilter):
    """Replaces glyphs, borders and bars cell by cell; foreign text is left as it is."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - Textual's signature
        """The same segments in the poorer alphabet."""
        return [
            Segment(text.translate(ASCII) if not text.isascii() else text, style, control)
            for text, style, control in segments
        ]
