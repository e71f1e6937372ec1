"""What people on call say of findings, and what follows from it: who has one, until when it is quiet.

Which finding is meant is told by a text that every desk makes alike, from what the systems say: ``key_of``. A
failed run is known by its connection, its job and its own name, so the next failure is another finding; a
re-run that fails under the same name is the same one. What has no run (a connection, a queue, a paused job)
bears one name each time it is wrong: who has it is therefore asked anew after a day (``HELD_FOR``). A silence
is of a kind and its subject (``theme_of``), whichever run it is.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from fedesk.domain.front import Finding
from fedesk.domain.kept_text import kept_name
from fedesk.domain.open_operations import KIND as OPERATION

ACTION = "mark"
"""The verb of its records in the audit log."""
LONGEST_SILENCE = timedelta(days=7)
REMEMBERED = timedelta(days=30)
"""How long anything that was said counts; nothing is snoozed beyond it."""
HELD_FOR = timedelta(days=1)
"""How long somebody has a finding that comes back under the same name."""
LOUD: Mapping[str, str] = {
    OPERATION: "Nobody knows what this operation did, and its target is blocked, so it stays in the queue: "
    "acknowledge it, or recheck and settle it.",
    "break-glass": "Somebody did this past the rules, so it stays in the queue until another one has "
    "reviewed it: `fedesk audit review` lists what waits.",
    "local-log": "The team sees nothing of this yet, so it stays in the queue until it was merged: "
    "`fedesk audit merge`.",
}
"""Kinds of findings that are neither snoozed nor silenced, and why."""
SHORT = 7
"""Characters of ``short_of`` that are shown."""
_SHORTEST = 4
"""Characters of it that are enough to type."""
_EVERY = "every:"
_LONGEST_KEY = 300
_LONGEST_NAME = 200


class MarkKind(StrEnum):
    """What was said."""

    ACKNOWLEDGE = "acknowledge"
    """Who says so has it."""
    RELEASE = "release"
    """Nobody has it any more."""
    ASSIGN = "assign"
    SNOOZE = "snooze"
    """It is quiet until a time."""
    SILENCE = "silence"
    """So is every finding of its kind on its subject."""
    LIFT = "lift"
    """It is quiet no more."""
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One thing that somebody said of a finding."""

    environment: str
    finding: str
    """``key_of`` the finding; of a silence, and where one is lifted, its ``theme_of``."""
    kind: MarkKind
    at: datetime
    by: str
    whom: str = ""
    """To whom it is assigned; who answers for a silence."""
    until: datetime | None = None
    said: str = ""
    record: int = 0
    """Number of its audit record, whose order counts; 0 before it is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Why a finding is out of the queue, and until when."""

    key: str
    kind: MarkKind
    """``SNOOZE`` or ``SILENCE``."""
    by: str
    owner: str
    since: datetime
    until: datetime
    said: str

    @property
    def about(self) -> str:
        """What is quiet: ``failed run:payments_daily``."""
        return self.key.removeprefix(_EVERY)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingState:
    """What holds of a finding now."""

    holder: str = ""
    """Who has it; empty where nobody does."""
    held_since: datetime | None = None
    assigned_by: str = ""
    """Who gave it to them; empty where they took it themselves."""
    quiet: Quiet | None = None
    """Of two that hold the one that ends later."""
    notes: tuple[Mark, ...] = ()
    """In the order in which they were written."""


class MarkError(ValueError):
    """What was given cannot be said of a finding: one sentence."""


# Which finding


def key_of(finding: Finding) -> str:
    """By which name marks know a finding, over polls, restarts and desks; of bounded length."""
    return _bounded(finding.id)


def theme_of(finding: Finding) -> str:
    """What a silence of it holds for.

    Its kind and subject; of what comes back under the same name, that name.
    """
    return _bounded(_EVERY + (finding.id if finding.recurs else f"{finding.kind}:{finding.subject}"))


def short_of(key: str) -> str:
    """A name to type, in hexadecimal; its first SHORT characters are shown."""
    return sha256(key.encode("utf-8", "replace")).hexdigest()


def named(findings: Iterable[Finding], text: str) -> tuple[Finding, ...]:
    """Those that are meant: by the beginning of their short name, or by id, run, subject or operation."""
    found, short = tuple(findings), text.strip().lower()
    is_short = len(short) >= _SHORTEST and all(letter in "0123456789abcdef" for letter in short)
    by_short = tuple(one for one in found if is_short and short_of(key_of(one)).startswith(short))
    return by_short or tuple(one for one in found if text and text in _names(one))


def _names(one: Finding) -> frozenset[str]:
    return frozenset({one.id, key_of(one), str(one.run or ""), one.subject, one.operation})


def _bounded(name: str) -> str:
    """Fit for a key of a database, whatever a system calls its jobs."""
    name = kept_name(name, None)
    if len(name) <= _LONGEST_KEY:
        return name
    return f"{name[: _LONGEST_KEY - SHORT * 4]}…{short_of(name)[: SHORT * 3]}"


# What may be said


def person_of(text: str) -> str:
    """A person's name as it is kept. Raises MarkError where there is none."""
    found = " ".join(text.split())
    if not found or len(found) > _LONGEST_NAME:
        raise MarkError(f"Say who: a name of {_LONGEST_NAME} characters at most, as mara@finedge.example.")
    return found


def said_of(text: str, what: str) -> str:
    """A note or reason. Raises MarkError where there is none."""
    found = text.strip()
    if not found:
        raise MarkError(f"A {what} has at least one word.")
    return found


def check_quiet(finding: Finding, kind: MarkKind, until: datetime, now: datetime) -> None:
    """Raise MarkError where a finding may not be quiet until then."""
    longest = _longest(kind)
    if finding.kind in LOUD:
        raise MarkError(LOUD[finding.kind])
    if until <= now:
        raise MarkError(f"{until:%Y-%m-%d %H:%M} UTC is over already; say a time ahead, as 2h or 06:00.")
    if until - now > longest:
        raise MarkError(f"A {kind} lasts {longest.days} days at most; say an earlier time.")


def _longest(kind: MarkKind) -> timedelta:
    return LONGEST_SILENCE if kind is MarkKind.SILENCE else REMEMBERED


# What follows


@dataclass(frozen=True, slots=True)
class Marks:
    """Everything that was said in one environment, by the name of what it was said of."""

    by_key: Mapping[str, tuple[Mark, ...]] = field(default_factory=dict)

    def state(self, finding: Finding, now: datetime) -> FindingState:
        """What holds of a finding."""
        own = self._known(key_of(finding), now)
        quiet = (_quiet(own, now), _quiet(self._known(theme_of(finding), now), now))
        holding = () if finding.kind in LOUD else [one for one in quiet if one is not None]
        latest = max(holding, key=lambda one: one.until, default=None)
        notes = tuple(one for one in own if one.kind is MarkKind.NOTE)
        held = next((one for one in reversed(own) if one.kind in _HOLDERS), None)
        if held is None or held.kind is MarkKind.RELEASE or (finding.recurs and now - held.at > HELD_FOR):
            return FindingState(quiet=latest, notes=notes)
        is_assigned = held.kind is MarkKind.ASSIGN
        return FindingState(
            holder=held.whom if is_assigned else held.by,
            held_since=held.at,
            assigned_by=held.by if is_assigned and held.by != held.whom else "",
            quiet=latest,
            notes=notes,
        )

    def quiets(self, now: datetime) -> tuple[Quiet, ...]:
        """All that is quiet, whether anything is wrong with it or not; what ends first is first."""
        found = (_quiet(self._known(key, now), now) for key in self.by_key)
        return tuple(sorted((one for one in found if one is not None), key=lambda one: (one.until, one.key)))

    def _known(self, key: str, now: datetime) -> tuple[Mark, ...]:
        return tuple(one for one in self.by_key.get(key, ()) if now - one.at <= REMEMBERED)


_HOLDERS = frozenset({MarkKind.ACKNOWLEDGE, MarkKind.RELEASE, MarkKind.ASSIGN})
_QUIETING = frozenset({MarkKind.SNOOZE, MarkKind.SILENCE})


def _quiet(marks: Iterable[Mark], now: datetime) -> Quiet | None:
    """What the last word on it says; however long it claims to hold, no longer than it may."""
    last = next(
        (one for one in reversed(tuple(marks)) if one.kind in _QUIETING or one.kind is MarkKind.LIFT), None
    )
    if last is None or last.kind is MarkKind.LIFT or last.until is None:
        return None
    until = min(last.until, last.at + _longest(last.kind))
    if until <= now:
        return None
    return Quiet(
        key=last.finding,
        kind=last.kind,
        by=last.by,
        owner=last.whom or last.by,
        since=last.at,
        until=until,
        said=last.said,
    )


def marks_of(said: Iterable[Mark], environment: str) -> Marks:
    """The marks of one environment, each finding's in the order of the audit log, whatever clocks say."""
    found: dict[str, list[Mark]] = {}
    for one in sorted(said, key=lambda one: one.record):
        if one.environment == environment:
            found.setdefault(one.finding, []).append(one)
    return Marks({key: tuple(its) for key, its in found.items()})


def in_queue(findings: Iterable[Finding], marks: Marks, now: datetime) -> Iterator[Finding]:
    """Those that are neither snoozed nor silenced, in their order."""
    return (one for one in findings if marks.state(one, now).quiet is None)
