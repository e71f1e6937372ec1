"""The KV version 2 engines that a token sees (``ports.trying.PartSource``)."""

import msgspec

from fedesk.clients.vault_metadata import Mount
from fedesk.clients.vault_session import VaultSession
from fedesk.domain.text import one_line


class _Mounts(msgspec.Struct, frozen=True):
    """``sys/internal/ui/mounts``: what the caller's policies reach something of, by paths with a slash."""

    secret: dict[str, Mount] = {}


def kv_mounts(session: VaultSession) -> tuple[str, ...]:
    """Their paths, in order; raises SourceError. Any token may ask, and is told what it may use."""
    answer = session.authenticated(lambda: session.vault.adapter.get("/v1/sys/internal/ui/mounts"))
    found = session.data(answer, _Mounts).secret
    return tuple(one_line(path.strip("/"), 200) for path, mount in sorted(found.items()) if mount.is_kv2)
