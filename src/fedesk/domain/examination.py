"""What an examination of a connection found, and the rules by which ``fedesk doctor`` judges it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from fedesk.domain.identity import Identity
from fedesk.domain.names import ConnectionName
from fedesk.domain.observation import Failure
from fedesk.domain.rights import Grant, Right
from fedesk.domain.states import System

EXPIRES_SOON = timedelta(days=30)
"""A certificate is renewed by hand in many places: a month is what a change request takes."""
CLOCKS_APART = timedelta(seconds=30)
"""Beyond this "failed in the last 15 minutes" and the order of a timeline begin to be wrong."""
SLOW = timedelta(seconds=1)
"""Of one small answer: a board of four systems is then late on every look."""
ENDS_SOON = timedelta(days=1)
"""Of a login: it ends before the next shift."""
OLDEST_AIRFLOW = 3


class Gravity(StrEnum):
    """How much a complaint matters."""

    FAULT = "fault"
    """Something does not work."""
    WARNING = "warning"
    """Something will not, or does not as well as it could."""
    NOTE = "note"
    """Something that is worth knowing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One thing that is not as it should be: what, and what to do."""

    gravity: Gravity
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One certificate of a chain."""

    subject: str
    issuer: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What a server presents over TLS, its own certificate first; nothing where it is spoken to in clear."""

    certificates: tuple[Certificate, ...] = ()
    encrypted: bool = True
    local: bool = False
    """Whether the server is on this machine's own loopback."""
    trouble: str = ""
    """Why it is not trusted, or could not be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What a system that answers said of itself and of us."""

    version: str = ""
    latency: timedelta = timedelta(0)
    """Of one small answer over an open connection."""
    ahead: timedelta | None = None
    """The server's clock minus this machine's; None where it does not say."""
    rights: tuple[Right, ...] = ()
    excess: tuple[str, ...] = ()
    """What one may do and fedesk never does, a sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """All that was found of one connection."""

    connection: ConnectionName
    system: System
    address: str
    chain: Chain | None = None
    identity: Identity | None = None
    examination: Examination | None = None
    failure: Failure | None = None
    """Why the system could not be examined."""
    no_registry: Failure | None = None
    """Of a Jenkins: why its environment's registry of images does not answer."""


def complaints(
    checkup: Checkup, now: datetime, *, production: bool, renews: bool = False
) -> tuple[Complaint, ...]:
    """What is wrong with a connection, the gravest first. ``renews``: fedesk logs in again by itself."""
    found = [
        *_failed(checkup.failure),
        *_failed(checkup.no_registry),
        *_of_chain(checkup.chain, now, production=production),
        *(() if renews else _of_identity(checkup, now)),
        *_of_examination(checkup.system, checkup.examination),
    ]
    order = list(Gravity)
    return tuple(sorted(found, key=lambda one: order.index(one.gravity)))


def _failed(failure: Failure | None) -> Iterator[Complaint]:
    if failure is not None:
        yield Complaint(gravity=Gravity.FAULT, sentence=failure.sentence)


def _of_chain(chain: Chain | None, now: datetime, *, production: bool) -> Iterator[Complaint]:
    if chain is None:
        return
    if chain.trouble:
        yield Complaint(gravity=Gravity.FAULT, sentence=chain.trouble)
    if not chain.encrypted and production and not chain.local:
        yield Complaint(
            gravity=Gravity.WARNING,
            sentence="It is spoken to without TLS: whoever is in between reads the credential. Use https.",
        )
    for certificate in chain.certificates:
        left = certificate.expires_at - now
        day = f"{certificate.expires_at:%Y-%m-%d}"
        if left <= timedelta(0):
            yield Complaint(
                gravity=Gravity.FAULT,
                sentence=f"The certificate of {certificate.subject} expired on {day}. Have it renewed.",
            )
        elif left < EXPIRES_SOON:
            yield Complaint(
                gravity=Gravity.WARNING,
                sentence=f"The certificate of {certificate.subject} expires on {day}, in {left.days} days."
                " Have it renewed.",
            )


def _of_identity(checkup: Checkup, now: datetime) -> Iterator[Complaint]:
    identity = checkup.identity
    if identity is None or identity.until is None or identity.until - now > ENDS_SOON:
        return
    yield Complaint(
        gravity=Gravity.NOTE,
        sentence=f"The login ends at {identity.until:%Y-%m-%d %H:%M} UTC. Run `{checkup.connection.login}`.",
    )


def _of_examination(system: System, examination: Examination | None) -> Iterator[Complaint]:
    if examination is None:
        return
    major = examination.version.partition(".")[0]
    if system is System.AIRFLOW and major.isdecimal() and int(major) < OLDEST_AIRFLOW:
        yield Complaint(
            gravity=Gravity.FAULT,
            sentence=f"Airflow {examination.version} has no REST API v2: fedesk needs Airflow 3.",
        )
    if examination.latency > SLOW:
        took = examination.latency.total_seconds()
        yield Complaint(
            gravity=Gravity.WARNING, sentence=f"One small answer took {took:.1f} s: every look is late by it."
        )
    if examination.ahead is not None and abs(examination.ahead) > CLOCKS_APART:
        way = "ahead of" if examination.ahead > timedelta(0) else "behind"
        yield Complaint(
            gravity=Gravity.WARNING,
            sentence=f"Its clock is {abs(examination.ahead).total_seconds():.0f} s {way} this machine's:"
            " ages and timelines are wrong by as much. See NTP on both.",
        )
    for right in examination.rights:
        yield from _of_right(right)
    for sentence in examination.excess:
        yield Complaint(gravity=Gravity.NOTE, sentence=sentence)


def _of_right(right: Right) -> Iterator[Complaint]:
    need = right.need
    said = f" ({right.said})" if right.said else ""
    if right.grant is Grant.REFUSED:
        gravity = Gravity.NOTE if need.optional or need.changes else Gravity.WARNING
        yield Complaint(
            gravity=gravity, sentence=f'Without "{need.name}"{said} fedesk cannot {need.without}.'
        )
    elif right.grant is Grant.UNKNOWN:
        yield Complaint(
            gravity=Gravity.NOTE,
            sentence=f'Whether it has "{need.name}" could not be told{said}; without it fedesk cannot'
            f" {need.without}.",
        )
