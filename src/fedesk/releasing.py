"""Configuration → what reads releases."""

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import re2

from fedesk.domain.release_matrix import KINDS, KnownReleases, in_order
from fedesk.services.quarantining import standing_against
from fedesk.services.release_matrix import ReleaseSources
from fedesk.services.release_reading import ReleaseReading
from fedesk.store.last_known import read_releases, write_releases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fedesk.domain.operations import Operation
    from fedesk.domain.releases import ReleaseStop
    from fedesk.execution import Desk


def reading_of(desk: "Desk") -> ReleaseReading:
    """What reads the releases of all environments; opens no connection, and the store when it is asked."""
    place, configured = desk.last_known, desk.config.environments
    addresses = {one.name: one.address.rstrip("/") for one in desk.all_connections}

    def load() -> KnownReleases:
        """Of connections that are still configured, at the same address."""
        known = read_releases(place)
        kept = {
            name: one
            for name, one in known.deployments.items()
            if one.run.link.startswith(f"{addresses.get(one.run.name.connection, '?')}/")
        }
        return replace(known, deployments=kept)

    def keep(known: KnownReleases) -> None:
        # A cache that cannot be written costs requests alone, and nobody is told.
        with suppress(OSError, UnicodeError):
            write_releases(place, known)

    # The store is opened when it is asked, not here.
    def operations(held: "Sequence[str]", each: int) -> "tuple[Operation, ...]":
        return desk.store.operations(kinds=KINDS, reserves=held, limit=each)

    def stops() -> "tuple[ReleaseStop, ...]":
        return standing_against(desk.store)

    return ReleaseReading(
        sources=ReleaseSources(
            catalogue=desk.catalogue,
            connections=desk.all_connections,
            environments=in_order(configured, {name: one.promote_from for name, one in configured.items()}),
            clock=desk.clock,
            operations=operations,
            stops=stops,
        ),
        load=load,
        keep=keep,
        tickets=tuple(map(re2.compile, desk.config.releases.tickets)),
    )
