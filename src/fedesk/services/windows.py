"""Freezes, holds and maintenance added, removed and listed: each is on the record, with what it writes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.domain.incidents import minted
from fedesk.domain.roles import EVERY_RIGHT, Rights
from fedesk.domain.windows import Occurrence, Window, WindowKind, first_shown, removed_said, unknown_said
from fedesk.ports.incident_store import DeskStore
from fedesk.ports.sources import Clock
from fedesk.ports.window_store import UnknownWindowError, WindowConflictError
from fedesk.services.calendar import WindowError, check, following, in_force, zone_of
from fedesk.services.hiding import hidden
from fedesk.services.permitting import permit

_PREFIXES = {WindowKind.FREEZE: "FRZ", WindowKind.HOLD: "HLD", WindowKind.MAINTENANCE: "MNT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants to set, in their words."""

    kind: WindowKind
    environment: str
    pipeline: str = ""
    service: str = ""
    begins: str = "now"
    """A wall time in the zone, as ``2026-12-24T18:00``, or ``now``."""
    until: str = ""
    lasts: timedelta | None = None
    """Instead of ``until``."""
    zone: str
    recurs: str = ""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A window with where it stands now."""

    window: Window
    in_force: Occurrence | None = None
    following: Occurrence | None = None
    """The next one."""
    problem: str = ""
    """Why that cannot be told."""

    @property
    def is_over(self) -> bool:
        """Whether it was removed, or nothing of it is left."""
        return not self.window.is_open or not (self.in_force or self.following or self.problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Reads and writes the desk's windows; changes no system. Blocking; each method raises StoreError."""

    store: DeskStore
    actor: Actor
    clock: Clock
    new_id: Callable[[], str]
    """Mints UUIDv7s."""
    rights: Rights = EVERY_RIGHT

    def add(self, asked: Asked) -> Listed:
        """Set one. Raises WindowError where it cannot be, RefusedError where they may not (recorded)."""
        now = self.clock.now()
        window = self._window(asked, now)
        check(window)
        self._permit(window)
        again = f", {window.recurs}" if window.recurs else ""
        until = f" until {window.ends:%Y-%m-%d %H:%M:%S}" if window.ends else ""
        said = f"added: {window.scope} from {window.starts:%Y-%m-%d %H:%M:%S}{until} {window.zone}{again}"
        self.store.open_window(window, self._draft(window, window.reason, said))
        return standing(self._known(window.id, window.kind), now)

    def remove(self, kind: WindowKind, given: str, environment: str, reason: str) -> Window:
        """End one before its time: by its id, or the only one of an environment.

        Raises UnknownWindowError, WindowError where none is named of several, WindowConflictError where it
        was removed already, RefusedError.
        """
        why = _worded(reason)
        window = self._known(given.strip().upper(), kind) if given else self._only(kind, environment)
        if not window.is_open:
            raise WindowConflictError(removed_said(window))
        self._permit(window)
        draft = self._draft(window, why, f"removed: {window.scope}")
        self.store.close_window(window.id, self.clock.now(), self.actor.person, why, draft)
        return self._known(window.id, kind)

    def listed(
        self, kind: WindowKind, environment: str | None, *, everything: bool = False, limit: int = 50
    ) -> tuple[Listed, ...]:
        """Those that are in force or will be, and with ``everything`` those that are over; newest first."""
        now = self.clock.now()
        found: Iterable[Window] = (
            self.store.windows(kind=kind, environment=environment, limit=limit)
            if everything
            else reversed(self.store.open_windows(now, environment=environment))
        )
        listed = [standing(one, now) for one in found if one.kind is kind]
        return tuple(one for one in listed if everything or not one.is_over)[:limit]

    def _window(self, asked: Asked, now: datetime) -> Window:
        if asked.pipeline and asked.service:
            raise WindowError("A window is of a pipeline, of a service, or of neither: give one.")
        zone = zone_of(asked.zone)
        starts = _wall(asked.begins, now, zone)
        ends = _wall(asked.until, now, zone) if asked.until else None
        if asked.lasts is not None:
            ends = _shown(first_shown(starts, zone) + asked.lasts, zone)
        number = int(self.new_id().replace("-", "")[-8:], 16)
        return Window(
            id=minted(now, number).replace("FD", _PREFIXES[asked.kind], 1),
            kind=asked.kind,
            environment=asked.environment,
            pipeline=asked.pipeline,
            service=asked.service,
            starts=starts,
            ends=ends,
            zone=asked.zone,
            recurs=asked.recurs.strip().upper().removeprefix("RRULE:"),
            reason=_worded(asked.reason),
            opened_at=now,
            opened_by=self.actor.person,
        )

    def _known(self, wanted: str, kind: WindowKind) -> Window:
        found = self.store.window(wanted)
        if found is None or found.kind is not kind:
            raise UnknownWindowError(unknown_said(wanted))
        return found

    def _only(self, kind: WindowKind, environment: str) -> Window:
        found = [one.window for one in self.listed(kind, environment)]
        if not found:
            raise UnknownWindowError(f"There is no {kind} in {environment}, now or ahead.")
        if len(found) > 1:
            named = "; ".join(f"{one.id} of {one.scope}" for one in found)
            raise WindowError(f"Which {kind}? There are {named}.")
        return found[0]

    def _permit(self, window: Window) -> None:
        permit(
            window.kind.value,
            window.environment,
            window.scope,
            rights=self.rights,
            store=self.store,
            actor=self.actor,
            clock=self.clock,
        )

    def _draft(self, window: Window, reason: str, result: str) -> AuditDraft:
        return AuditDraft(
            at=self.clock.now(),
            actor=self.actor,
            environment=window.environment,
            action=window.kind.value,
            target=window.id,
            phase=Phase.CONFIGURATION,
            reason=reason,
            result=result,
        )


def standing(window: Window, now: datetime) -> Listed:
    """Where a window stands at a time."""
    if not window.is_open:
        return Listed(window=window)
    found = in_force([window], now)
    if found.unreadable:
        return Listed(window=window, problem=found.unreadable[0].why)
    current = found.occurrences[0] if found.occurrences else None
    return Listed(window=window, in_force=current, following=following(window, now))


def _worded(reason: str) -> str:
    if not reason.strip():
        raise WindowError("Say why; on the command line --reason TEXT.")
    return hidden(reason.strip())


def _wall(text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """A wall time as it was written. Raises WindowError."""
    if text.strip().lower() == "now":
        return _shown(now, zone)
    try:
        wall = datetime.fromisoformat(text.strip())
    except ValueError:
        raise WindowError(f"{text!r} is no time; write it as 2026-12-24T18:00, or now.") from None
    if wall.tzinfo is not None:
        raise WindowError(f"{text!r} has an offset; give the time on the clock there, and --zone.")
    return _to_the_second(wall)


def _shown(at: datetime, zone: ZoneInfo) -> datetime:
    """What the zone's clocks show, to the second."""
    return _to_the_second(at.astimezone(UTC).astimezone(zone).replace(tzinfo=None))


def _to_the_second(wall: datetime) -> datetime:
    """The same without parts of a second, and without what tells two readings apart."""
    return wall.replace(microsecond=0, fold=0)
