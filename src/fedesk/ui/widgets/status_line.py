"""The first line of every screen: where one is, whether that is production, and how each system stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import IntEnum
from typing import TYPE_CHECKING

from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from fedesk.domain.states import Standing, State, System
from fedesk.ui import present

if TYPE_CHECKING:
    from textual import events

    from fedesk.domain.front import EnvironmentFacts
    from fedesk.domain.names import ConnectionName
    from fedesk.domain.observation import Snapshot
    from fedesk.domain.open_operations import OpenOperation

ENFORCED, ADVISORY = "ENFORCED", "ADVISORY"
"""Whether the rules hold whoever is at the desk, or because people keep to them."""
_WAITING = "waits for others"
"""``Course.WAITING``, whose module the first frame does not import."""
_SEPARATOR = Content.styled(" │ ", "$foreground-disabled")


class _Without(IntEnum):
    """What is left out, one thing more at each level."""

    NOTHING = 0
    ZONE = 1
    BRAND = 2
    SECONDS = 3
    WORDS = 4
    LATENCY = 5
    RULE = 6
    MODE = 7
    NAMES = 8
    HEALTHY = 9
    ENFORCEMENT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What the line says."""

    environment: EnvironmentFacts
    now: datetime
    zone: tzinfo
    snapshots: tuple[Snapshot, ...] = ()
    sources: tuple[tuple[ConnectionName, System], ...] = ()
    """Known connections, for as long as nothing has been heard of them."""
    operations: tuple[OpenOperation, ...] = ()
    """Operations that go on or ended unknown, of every environment."""
    writes_until: datetime | None = None
    """When the write window that is open here closes."""
    store_problem: str = ""
    """Why the operations cannot be read."""
    freeze: str = ""
    """``FROZEN until 06:00``, or ``frozen in 2h10m``."""
    enforced: bool = False
    """Whether the rules hold for everybody: an executor does the writing, and the store sees to it."""


def status_content(status: Status, width: int) -> Content:
    """The line in at most ``width`` cells: what matters least is left out first, and nothing wraps."""
    return Content.assemble(*_parts(status, width))


def _parts(status: Status, width: int) -> tuple[Content, Content, Content]:
    """What stands at the left, the mark of the operations, and the clock."""
    for level in _Without:
        left, clock = _left(status, level), _clock(status, level)
        for worded in (True, False):
            mark = mark_content(status, worded=worded)
            spare = width - left.cell_length - mark.cell_length - clock.cell_length
            if spare >= 1:
                return left.pad_right(spare), mark, clock
    mark = mark_content(status, worded=False)
    left = _left(status, _Without.ENFORCEMENT).truncate(max(width - mark.cell_length, 0), ellipsis=True)
    return left, mark, Content()


def mark_content(status: Status, *, worded: bool) -> Content:
    """``◐ 2 running ⏸ 1 waiting ? 1 unknown  staging ◐ 1``: what goes on, waits, or ended unknown.

    Empty where there is nothing; ``store?`` where it cannot be told.
    """
    here = status.environment.name
    by_environment: dict[str, list[OpenOperation]] = {here: []}
    for one in status.operations:
        by_environment.setdefault(one.environment, []).append(one)
    parts = [Content.styled("store?", "bold $text-warning")] if status.store_problem else []
    for name, operations in by_environment.items():
        named = [] if name == here else [Content.styled(present.text(name, 12), present.MUTED)]
        counts = _counts(operations, worded=worded and name == here)
        parts += [Content(" ").join([*named, *counts])] if counts else []
    return Content.assemble(" ", Content("  ").join(parts), " ") if parts else Content()


def _counts(operations: Sequence[OpenOperation], *, worded: bool) -> list[Content]:
    trouble = sum(one.course.is_trouble for one in operations)
    waiting = sum(one.course.value == _WAITING for one in operations)
    shown = []
    for count, face in (
        (len(operations) - trouble - waiting, present.FACES[State.RUNNING]),
        (waiting, present.FACES[State.WAITING]),
        (trouble, present.FACES[State.UNKNOWN]),
    ):
        if count:
            said = f"{face.glyph} {count} {face.word}" if worded else f"{face.glyph} {count}"
            shown.append(Content.styled(said, f"bold {face.style}"))
    return shown


def _left(status: Status, level: _Without) -> Content:
    parts = [Content.assemble(_environment(status, level), _window(status), _freeze(status, level))]
    sources = _sources(status, level)
    if level >= _Without.NAMES:
        return Content(" ").join([*parts, *sources])
    return _SEPARATOR.join([*parts, *sources])


def _environment(status: Status, level: _Without) -> Content:
    facts = status.environment
    brand = Content.styled(" fedesk ", "bold") if level < _Without.BRAND else Content()
    if not facts.name:
        return Content.assemble(brand, Content.styled(" no environment ", present.MUTED))
    name = present.text(facts.name, 24)
    words = [name.upper() if facts.production else name]
    words += [facts.mode] if level < _Without.MODE else []
    rule = ENFORCED if status.enforced else ADVISORY
    if level < _Without.ENFORCEMENT:
        words.append(rule if level < _Without.RULE else rule[:3])
    style = "bold $on-error on $error" if facts.production else "bold on $surface-lighten-2"
    return Content.assemble(brand, Content.styled(f" {' '.join(words)} ", style))


def _window(status: Status) -> Content:
    """``write 58m`` while a write window is open, at every width."""
    if status.writes_until is None:
        return Content()
    left = present.length_of(status.writes_until - status.now)
    style = "bold $text-error reverse" if status.environment.production else "bold $text-warning reverse"
    return Content.styled(f" write {left} ", style)


def _freeze(status: Status, level: _Without) -> Content:
    """Whether all of the environment is frozen, or will be; shorter where there is less room."""
    if not status.freeze:
        return Content()
    said = status.freeze.replace(" until", "") if level >= _Without.MODE else status.freeze
    style = "bold $text-warning reverse" if said.startswith("FROZEN") else "$text-warning"
    return Content.styled(f" {said} ", style)


def _clock(status: Status, level: _Without) -> Content:
    there = status.now.astimezone(status.zone)
    if level < _Without.SECONDS:
        zone = f" {status.environment.timezone or 'UTC'} " if level < _Without.ZONE else " "
        return Content.assemble(f" {there:%H:%M:%S}", (zone, present.MUTED))
    return Content(f" {there:%H:%M} ")


def _sources(status: Status, level: _Without) -> list[Content]:
    if not status.snapshots:
        return [
            Content.assemble(
                (f"{present.text(name.name, 20)} ", present.MUTED),
                present.CONNECTING.mark,
                (" connecting" if level < _Without.WORDS else "", present.MUTED),
            )
            for name, _ in status.sources
        ]
    return [
        _source(snapshot, status, level)
        for snapshot in status.snapshots
        if level < _Without.HEALTHY or snapshot.standing is not Standing.LIVE
    ]


def _source(snapshot: Snapshot, status: Status, level: _Without) -> Content:
    name = present.text(snapshot.connection.name, 20)
    if level >= _Without.NAMES:
        name = name[:4]
    if snapshot.failure is not None:
        word = "" if level >= _Without.NAMES else f" {snapshot.failure.kind.value}"
        return Content.styled(f"{name} {present.DOWN.glyph}{word}", f"bold {present.DOWN.style}")
    as_of = present.clock_time(snapshot.observed_at, status.now, status.zone)
    if snapshot.standing is Standing.CONNECTING:
        said = f" as of {as_of}" if as_of else " connecting"
        return Content.assemble(
            (f"{name} ", present.MUTED),
            present.CONNECTING.mark,
            (said if level < _Without.LATENCY else "", present.MUTED),
        )
    if snapshot.system is System.SNOWFLAKE:
        said = f" as of {as_of}" if level < _Without.WORDS else f" {as_of}"
    else:
        said = f" {present.latency(snapshot.latency or 0.0).lstrip()}".ljust(7)
    if level >= _Without.LATENCY:
        said = ""
    return Content.assemble(f"{name} ", present.LIVE.mark, (said, present.MUTED))


class StatusLine(Widget):
    """The line itself. Who shows it tells it what to say."""

    class MarkClicked(Message):
        """Somebody wants to see the operations."""

    class EnvironmentClicked(Message):
        """Somebody wants to see the environments."""

    def __init__(self) -> None:
        super().__init__()
        self._status: Status | None = None

    def on_mount(self) -> None:
        """Take what the app knows, so that the first frame says it."""
        known = getattr(self.app, "status", None)
        if isinstance(known, Status):
            self.show(known)

    def show(self, status: Status) -> None:
        """Say this; nothing is painted where it says the same."""
        if status != self._status:
            self._status = status
            # While production may be changed, every screen has a border in its colour.
            self.screen.set_class(
                status.writes_until is not None and status.environment.production, "-writing"
            )
            self.refresh()

    def render(self) -> Content:
        """The line, as wide as the screen."""
        return Content() if self._status is None else status_content(self._status, self.size.width)

    def on_click(self, event: events.Click) -> None:
        """A click leads to what is told of: the operations, or the environments."""
        if self._status is None:
            return
        left, mark, _ = _parts(self._status, self.size.width)
        if left.cell_length <= event.x < left.cell_length + mark.cell_length:
            self.post_message(self.MarkClicked())
        elif event.x < _environment(self._status, _Without.NOTHING).cell_length:
            self.post_message(self.EnvironmentClicked())


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """One view on the second line."""

    title: str
    count: int | None
    alarm: bool = False


class TabLine(Widget):
    """The views with how many rows each has; the one that is shown stands out."""

    def __init__(self) -> None:
        super().__init__()
        self._tabs: tuple[Tab, ...] = ()
        self._active = 0

    def show(self, tabs: Sequence[Tab], active: int) -> None:
        """Show these, with one of them active."""
        if (tuple(tabs), active) != (self._tabs, self._active):
            self._tabs, self._active = tuple(tabs), active
            self.refresh()

    def render(self) -> Content:
        """``1 Triage 7 │ 2 Pipelines 40 │ 3 Secrets 2!``, shorter where there is less room."""
        if not self._tabs:
            return Content()
        return Content.assemble(" ", self._line(numbered=self._numbered)).truncate(
            self.size.width, ellipsis=True
        )

    @property
    def _numbered(self) -> bool:
        return self._line(numbered=True).cell_length < self.size.width

    def _line(self, *, numbered: bool) -> Content:
        tabs = [self._tab(index, tab, numbered=numbered) for index, tab in enumerate(self._tabs)]
        return _SEPARATOR.join(tabs)

    def _tab(self, index: int, tab: Tab, *, numbered: bool) -> Content:
        active = index == self._active
        style = "bold $text-accent" if active else ""
        key = f"{index + 1} " if numbered else ""
        count = "" if tab.count is None else f" {tab.count}"
        return Content.assemble(
            (key, present.MUTED),
            (tab.title, f"{style} underline" if active else present.MUTED),
            (count, style or present.MUTED),
            ("!" if tab.alarm else "", "bold $text-error"),
        )

    def tab_at(self, x: int) -> int | None:
        """Which tab is under a column of the line."""
        at = 1
        for index, tab in enumerate(self._tabs):
            at += self._tab(index, tab, numbered=self._numbered).cell_length + _SEPARATOR.cell_length
            if x < at:
                return index
        return None
