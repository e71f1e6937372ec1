"""Freezes, holds and maintenance as rows: what, where, until when on the clocks there, by whom, why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from fedesk.domain.windows import WindowKind, time_said, until_said
from fedesk.services.hiding import hidden
from fedesk.services.windows import standing
from fedesk.ui import present
from fedesk.ui.actions import Target
from fedesk.ui.listed import Column, Row
from fedesk.ui.present import Face
from fedesk.ui.record_text import person

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from fedesk.domain.windows import Window
    from fedesk.services.windows import Listed

COLUMNS = (
    Column(title="", width=1),
    Column(title="", name="state", width=8, importance=7),
    Column(title="kind", width=11),
    Column(title="what", width=22, grow=2),
    Column(title="when", width=22, grow=1, importance=8, number=True),
    Column(title="why", width=14, importance=6, grow=3),
    Column(title="who", width=8, importance=4),
    Column(title="id", width=19, importance=2),
)
IN_FORCE: Mapping[WindowKind, Face] = {
    WindowKind.FREEZE: Face("▲", "!", "in force", "$text-warning"),
    WindowKind.HOLD: Face("⏸", "=", "in force", "$text-warning"),
    WindowKind.MAINTENANCE: Face("◐", "~", "in force", "$text-primary"),
}
AHEAD = Face("◷", "q", "to come", "$text-primary")
UNKNOWN = Face("?", "?", "unknown", "$state-violet")


def rows(found: Iterable[Window], zones: Mapping[str, str], now: datetime, *, dim: bool) -> list[Row]:
    """One row a window that is not over: those in force first, then by when they begin.

    ``zones`` are those of the environments; another one is named.
    """
    listed = [one for one in (standing(window, now) for window in found) if not one.is_over]
    return [_row(one, zones, now, dim=dim) for one in sorted(listed, key=_place)]


def _place(one: Listed) -> tuple[bool, float]:
    """What cannot be told stands with what is in force: it blocks as that does."""
    begins = one.following.start.timestamp() if one.following is not None else 0.0
    is_ahead = one.in_force is None and not one.problem
    return is_ahead, begins if is_ahead else one.window.opened_at.timestamp()


def _row(one: Listed, zones: Mapping[str, str], now: datetime, *, dim: bool) -> Row:
    window, shown = one.window, one.in_force or one.following
    face = UNKNOWN if one.problem else IN_FORCE[window.kind] if one.in_force else AHEAD
    begins = shown.start if shown is not None else window.opened_at
    return Row(
        key=window.id,
        cells=(
            face.mark,
            Content.styled(face.word, face.style),
            Content(window.kind.value),
            present.plain(window.scope, "bold"),
            present.plain(_when(one, now) + _zone(window, zones)),
            present.plain(one.problem or hidden(window.reason)),
            Content(person(window.opened_by)),
            present.plain(window.id, present.MUTED),
        ),
        target=Target(
            name=f"{window.kind} {window.id}",
            id=window.id,
            environment=window.environment,
            doing=window.kind.value,
            opens=window.opened_record > 0,
        ),
        dim=dim,
        numbers={"when": begins.timestamp()},
    )


def _when(one: Listed, now: datetime) -> str:
    """``until 06:00``, ``18:00 until 06:00``, ``every week`` where it comes again."""
    shown = one.in_force or one.following
    if shown is None:
        return "cannot be told"
    again = f", {one.window.recurs}" if one.window.recurs else ""
    until = until_said(shown, now)
    if one.in_force is not None:
        return f"{until}{again}"
    return f"{time_said(shown.start, one.window.zone, now)} {until}{again}"


def _zone(window: Window, zones: Mapping[str, str]) -> str:
    return "" if zones.get(window.environment) == window.zone else f" {window.zone}"
