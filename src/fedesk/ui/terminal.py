"""What a poor terminal is given: one ASCII character for each glyph and border."""

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from fedesk.ui.present import ASCII


class AsciiOnly(LineFilter):
    """Replaces glyphs, borders and bars cell by cell; foreign text is left as it is."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - Textual's signature
        """The same segments in the poorer alphabet."""
        return [
            Segment(text.translate(ASCII) if not text.isascii() else text, style, control)
            for text, style, control in segments
        ]
