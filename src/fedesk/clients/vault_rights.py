"""What fedesk may do on a Vault: ``sys/capabilities-self`` says it, and changes nothing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from fedesk.clients.measuring import timed
from fedesk.clients.vault_metadata import Health
from fedesk.clients.vault_session import VaultSession
from fedesk.domain import rights
from fedesk.domain.examination import Examination
from fedesk.domain.rights import Grant, Need, Right
from fedesk.domain.text import one_line
from fedesk.ports.errors import ForbiddenError, NotFoundError

_ROOT = "root"
_ENOUGH_TO_READ = frozenset({"read", _ROOT})
_SAMPLE = "fedesk-doctor"
"""A secret's name below a prefix; whether it exists is not looked at."""
Scope = tuple[str, str]
"""Mount and prefix of a part of a KV version 2 engine."""


class _Wanted(NamedTuple):
    need: Need
    path: str
    capability: str


def examine(session: VaultSession, health: Callable[[], Health], scopes: Sequence[Scope]) -> Examination:
    """Version, latency, clock and rights; raises SourceError where nothing can be asked."""
    measured = timed(health)
    answer = measured.answer
    seconds = answer.server_time_utc
    at = datetime.fromtimestamp(seconds, UTC) if seconds else None
    found = Examination(version=one_line(answer.version, 40), latency=measured.took, ahead=measured.ahead(at))
    if answer.sealed or not answer.initialized:
        return found
    wanted = tuple(_wanted(scopes))
    values = tuple(_path(mount, "data", prefix, _SAMPLE) for mount, prefix in scopes)
    try:
        said = session.authenticated(
            lambda: session.vault.sys.get_capabilities(paths=[*(one.path for one in wanted), *values])
        )
    except (ForbiddenError, NotFoundError) as error:
        untold = tuple(Right(need=one.need, grant=Grant.UNKNOWN, said=str(error)) for one in wanted)
        return replace(found, rights=untold)
    has = session.data(said, dict[str, list[str]])
    return replace(
        found,
        rights=tuple(_right(one, has.get(one.path)) for one in wanted),
        excess=tuple(
            f"It may read values below {path.removesuffix(_SAMPLE)}, which fedesk never does:"
            " take read on data out of its policy."
            for path in values
            if not _ENOUGH_TO_READ.isdisjoint(has.get(path, ()))
        ),
    )


def _wanted(scopes: Sequence[Scope]) -> Iterator[_Wanted]:
    yield _Wanted(rights.LOOKUP_SELF, "auth/token/lookup-self", "read")
    for mount, prefix in scopes:
        yield _Wanted(rights.METADATA_LIST, _path(mount, "metadata", prefix, ""), "list")
        yield _Wanted(rights.METADATA_READ, _path(mount, "metadata", prefix, _SAMPLE), "read")


def _path(mount: str, kind: str, prefix: str, name: str) -> str:
    folders = [part for part in (mount.strip("/"), kind, prefix.strip("/")) if part]
    return "/".join([*folders, name])


def _right(wanted: _Wanted, has: Sequence[str] | None) -> Right:
    if has is None:
        return Right(need=wanted.need, grant=Grant.UNKNOWN, said=f"Vault says nothing of {wanted.path}")
    if wanted.capability in has or _ROOT in has:
        return Right(need=wanted.need, grant=Grant.GRANTED)
    said = f"on {wanted.path} it has {', '.join(has) or 'nothing'}"
    return Right(need=wanted.need, grant=Grant.REFUSED, said=one_line(said, 200))
