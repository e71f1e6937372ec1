"""One look at one connection: what the board and the command line both do."""

from dataclasses import replace
from datetime import timedelta

from fedesk.domain.observation import Failure, Observation, Snapshot
from fedesk.domain.states import FailureKind
from fedesk.ports.errors import SourceError
from fedesk.ports.sources import Clock, Connection
from fedesk.services.hiding import hidden, hide_in_observation


def unseen(connection: Connection) -> Snapshot:
    """What is known of a connection before the first look."""
    return Snapshot(connection=connection.name, system=connection.system, address=connection.address)


def look(connection: Connection, previous: Snapshot, clock: Clock, *, by_hand: bool = False) -> Snapshot:
    """Look once. A failure keeps what was known before it and says since when it lasts; never raises.

    A connection that is to be looked at sparingly is left alone while what is known is younger than its
    period, unless somebody asks ``by_hand``.
    """
    if connection.sparing and not by_hand and seconds_fresh(connection, previous, clock) > 0:
        return replace(previous, kept=False)
    started = clock.monotonic()
    try:
        observation = hide_in_observation(
            connection.source.call(lambda source: source.observe(previous.observation))
        )
        if previous.observation is not None:
            observation = _as_known(observation, previous.observation)
    except SourceError as error:
        return _failed(previous, error.failure, clock)
    except Exception as error:  # noqa: BLE001 - a fault in one adapter must leave the other systems live
        sentence = f"fedesk failed while reading {connection.name}: {type(error).__name__}; please report it"
        return _failed(previous, Failure(kind=FailureKind.FAULT, sentence=sentence), clock)
    return replace(
        previous,
        observation=observation,
        observed_at=clock.now(),
        latency=clock.monotonic() - started,
        kept=False,
        failure=None,
        failed_since=None,
        next_try_at=clock.now() + timedelta(seconds=connection.period),
    )


def _as_known(observation: Observation, known: Observation) -> Observation:
    """Runs and jobs of which none has moved are the very values that were known: a board keeps its own."""
    return replace(
        observation,
        runs=known.runs if known.runs == observation.runs else observation.runs,
        jobs=known.jobs if known.jobs == observation.jobs else observation.jobs,
    )


def seconds_fresh(connection: Connection, snapshot: Snapshot, clock: Clock) -> float:
    """How long what is known stays younger than the period; 0 where it is not, or nothing is known."""
    if snapshot.observed_at is None or snapshot.failure is not None:
        return 0.0
    age = (clock.now() - snapshot.observed_at).total_seconds()
    # Clocks differ: what was seen in the future is of unknown age.
    return connection.period - age if 0 <= age < connection.period else 0.0


def _failed(previous: Snapshot, failure: Failure, clock: Clock) -> Snapshot:
    failure = replace(failure, sentence=hidden(failure.sentence))
    return replace(
        previous, failure=failure, failed_since=previous.failed_since or clock.now(), next_try_at=None
    )
