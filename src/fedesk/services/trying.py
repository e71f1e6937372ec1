"""Trying a connection that somebody is about to configure: a knock while it is typed, then a look as someone.

The two are apart on purpose. A half-typed address must not be given a credential, and a half-typed password
is a failed login, of which a directory forgives five.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from fedesk.domain.identity import Identity
from fedesk.domain.names import ConnectionName
from fedesk.domain.observation import Failure, Observation
from fedesk.domain.runs import Job
from fedesk.domain.states import FailureKind, System
from fedesk.ports.errors import SourceError
from fedesk.ports.sources import Bulkhead, Clock, Connection
from fedesk.ports.trying import Door, Knock
from fedesk.services.hiding import hidden, hide_in_observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a system let somebody see, counted."""

    within: tuple[str, ...] = ()
    """The folders or tags that were looked at; everything when empty."""
    jobs: int = 0
    """Jobs or DAGs."""
    secrets: int = 0
    whole: bool = True
    """Whether there cannot be more than was counted."""
    problems: tuple[str, ...] = ()
    """What it said is wrong, in its own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of trying a connection."""

    failure: Failure | None = None
    latency: float | None = None
    """Seconds."""
    version: str = ""
    identity: Identity | None = None
    """Whom the system takes one for; None where only the address was tried."""
    seen: Seen | None = None
    parts: tuple[str, ...] = ()
    """Folders, tags or mounts of which an environment may hold some."""


def knock(name: ConnectionName, door: Bulkhead[Door], clock: Clock) -> Tried:
    """Whether somebody is there, without saying who one is. Never raises."""
    started = clock.monotonic()
    try:
        found: Knock = door.call(lambda system: system.knock())
    except Exception as error:  # noqa: BLE001 - told where it was typed, whatever it is
        return Tried(failure=_failure(name, error))
    finally:
        door.close()
    return Tried(latency=clock.monotonic() - started, version=found.version)


def look(connection: Connection, clock: Clock) -> Tried:
    """Log in, ask as whom, and count what there is to see. Changes nothing and never raises.

    Where a look costs money, only who one is is asked.
    """
    started = clock.monotonic()
    try:
        identity = connection.identity.call(lambda system: system.whoami()) if connection.identity else None
        latency = clock.monotonic() - started
        if connection.sparing:
            return Tried(latency=latency, identity=identity)
        observation = hide_in_observation(connection.source.call(lambda source: source.observe(None)))
        parts = _parts(connection, observation)
    except Exception as error:  # noqa: BLE001 - told where it was typed, whatever it is
        return Tried(failure=_failure(connection.name, error))
    finally:
        connection.source.close()
    return Tried(
        latency=latency,
        version=observation.server_version,
        identity=identity,
        seen=Seen(
            within=connection.scope,
            jobs=len(observation.jobs),
            secrets=len(observation.secrets),
            whole=observation.complete,
            problems=tuple(problem.text for problem in observation.problems if _is_about_us(problem.kind)),
        ),
        parts=parts,
    )


def _is_about_us(kind: str) -> bool:
    """A DAG that does not import is for the board; what one may not see, or has misspelt, is for here."""
    return kind in {"folder", "permission", "forbidden", "empty", "sealed", "standby", "token", "limit"}


def _failure(name: ConnectionName, error: Exception) -> Failure:
    if isinstance(error, SourceError):
        return Failure(kind=error.kind, sentence=hidden(str(error)))
    sentence = f"fedesk failed while trying {name}: {type(error).__name__}; please report it"
    return Failure(kind=FailureKind.FAULT, sentence=sentence)


def _parts(connection: Connection, observation: Observation) -> tuple[str, ...]:
    """What an environment may hold a part by; nothing where the system does not tell."""
    if connection.parts is not None:
        try:
            return connection.parts.call(lambda system: system.parts())
        except SourceError:
            return ()
    if connection.system is System.JENKINS:
        return folders_of(observation.jobs)
    return tuple(sorted({tag for job in observation.jobs for tag in job.tags}))


def folders_of(jobs: Iterable[Job]) -> tuple[str, ...]:
    """Every folder on the way to a job, each before what is in it."""
    found: set[tuple[str, ...]] = set()
    for job in jobs:
        words = tuple(job.name.split("/"))
        found.update(words[:depth] for depth in range(1, len(words)))
    return tuple("/".join(words) for words in sorted(found))
