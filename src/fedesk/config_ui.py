"""The table ``[ui]`` of fedesk.toml: how the desk is drawn."""

from typing import Any, Literal

from msgspec import field

from fedesk.config_types import Table, Text, ThemeConfig, UiConfig
from fedesk.mistakes import Findings
from fedesk.tables import Hook, read_table


class UiTable(Table, frozen=True, kw_only=True):
    """As the file has it; themes are read one by one, so that a mistake is named where it stands."""

    theme: Text | None = None
    glyphs: Literal["auto", "unicode", "ascii"] = "auto"
    motion: Literal["auto", "reduced"] = "auto"
    mouse: bool = True
    themes: dict[str, Any] = field(default_factory=dict)


def ui_of(table: UiTable, findings: Findings, hook: Hook) -> UiConfig:
    """What it comes to; themes with mistakes are left out, and their mistakes found."""
    themes = {}
    for name, raw in table.themes.items():
        theme = read_table(ThemeConfig, raw, ("ui", "themes", name), findings, hook)
        if theme is not None:
            themes[name] = theme
    return UiConfig(
        theme=table.theme, glyphs=table.glyphs, motion=table.motion, mouse=table.mouse, themes=themes
    )
