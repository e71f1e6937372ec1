"""``fedesk doctor``: every connection examined, side by side, each through its own bulkhead."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from fedesk.domain.examination import Chain, Checkup, Examination
from fedesk.domain.observation import Failure
from fedesk.domain.rights import Right
from fedesk.ports.examining import ExaminedSource
from fedesk.ports.sources import Bulkhead, Connection
from fedesk.services.failing import failure_of
from fedesk.services.hiding import hidden
from fedesk.services.side_by_side import side_by_side

T = TypeVar("T")
PATIENCE = 3.0
"""Times a look's deadline: a dozen requests, one after the other."""


def examine(
    connections: Sequence[Connection], done: Callable[[Checkup], None] = lambda _one: None
) -> tuple[Checkup, ...]:
    """All connections, in their order; as slow as the slowest. ``done`` hears of each as it is ready.

    A system that fails raises nothing: its checkup says why.
    """

    def ask(connection: Connection) -> Checkup:
        found = _examined(connection)
        done(found)
        return found

    return side_by_side([partial(ask, one) for one in connections], "examine")


def _examined(connection: Connection) -> Checkup:
    checkup = Checkup(connection=connection.name, system=connection.system, address=connection.address)
    bulkhead = connection.examined
    if bulkhead is None:
        return checkup
    chain, no_chain = _asked(connection, bulkhead, _chain)
    identity, refused = _asked(connection, bulkhead, lambda source: source.whoami())
    examination, failure = _asked(connection, bulkhead, _examination) if refused is None else (None, None)
    return replace(
        checkup,
        chain=chain,
        identity=identity,
        examination=examination,
        failure=refused or failure or no_chain,
        no_registry=_no_registry(connection),
    )


def _no_registry(connection: Connection) -> Failure | None:
    """Why the registry of a Jenkins' environment does not answer; None where it does, or there is none."""
    if connection.registry is None:
        return None
    try:
        connection.registry.call(lambda registry: registry.reach())
    except Exception as error:  # noqa: BLE001 - a fault in one adapter must leave the others' answers
        return failure_of(error, f"examining {connection.name}'s registry")
    return None


def _chain(source: ExaminedSource) -> Chain:
    chain = source.chain()
    return replace(chain, trouble=hidden(chain.trouble))


def _examination(source: ExaminedSource) -> Examination:
    found = source.examine()
    return replace(found, rights=tuple(map(_told, found.rights)))


def _told(right: Right) -> Right:
    return replace(right, said=hidden(right.said))


def _asked(
    connection: Connection, bulkhead: Bulkhead[ExaminedSource], use: Callable[[ExaminedSource], T]
) -> tuple[T | None, Failure | None]:
    """An answer, or why there is none."""
    try:
        return bulkhead.call(use, deadline=connection.patience * PATIENCE), None
    except Exception as error:  # noqa: BLE001 - a fault in one adapter must leave the others' answers
        return None, failure_of(error, f"examining {connection.name}")
