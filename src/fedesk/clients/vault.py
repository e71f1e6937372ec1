"""Vault as the desk reads it, over hvac: health, the token's time left, and metadata of KV v2. Never a value.

What a look costs: health, the look-up of the token, one listing a folder, and metadata of those paths that
are new or were last read more than ``METADATA_AGE`` ago; a look without a previous one reads all of it
afresh. A new version shows in no listing, so metadata is read again by the clock: a rotation is seen at
most ``METADATA_AGE`` late. Where there is more than a look has time for, what is missing is undetermined,
``complete`` is False, and the next look goes on.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

import msgspec
import requests

from fedesk.clients import vault_rights
from fedesk.clients.certificates import chain_of
from fedesk.clients.vault_metadata import (
    Health,
    Keys,
    Metadata,
    Mount,
    SealStatus,
    Token,
    age_of,
    parsed_time,
    undetermined,
)
from fedesk.clients.vault_mounts import kv_mounts
from fedesk.clients.vault_session import VaultSession
from fedesk.clients.wording import quoted, status_error
from fedesk.domain.examination import Chain, Examination
from fedesk.domain.identity import Identity
from fedesk.domain.observation import Observation, Problem, TokenLease
from fedesk.domain.secrets import SecretMetadata
from fedesk.domain.text import one_line
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import (
    DeadlineError,
    ForbiddenError,
    NotFoundError,
    ProtocolError,
    UnauthenticatedError,
)

METADATA_AGE = 300.0
"""Seconds after which the metadata of a path is read again."""
PATHS = 2_000
"""At most so many secrets under all prefixes together; beyond them a Problem says so."""
FOLDERS = 1_000
"""At most so many listings a look."""
_SHARE = 0.7
"""Of the endpoint's deadline, for all requests of one look together."""


@dataclass(frozen=True, slots=True)
class KvScope:
    """What of a Vault is one environment's: everything below ``prefix`` in the KV v2 engine at ``mount``."""

    mount: str
    prefix: str

    def __str__(self) -> str:
        return "/".join(part for part in (self.mount.strip("/"), self.prefix.strip("/")) if part)


@dataclass(frozen=True, slots=True)
class _Read:
    """Metadata of a path as it was read at ``at`` (monotonic seconds)."""

    secret: SecretMetadata
    at: float


@dataclass(slots=True)
class _Listing:
    """What the listings of one look found: paths by mount, and what could not be listed."""

    paths: dict[tuple[str, str], None]
    folders: int
    secrets: list[SecretMetadata]
    problems: list[Problem]


_KV = "kv:"


def _is_below(path: str, prefix: str) -> bool:
    prefix = prefix.strip("/")
    return not prefix or path == prefix or path.startswith(f"{prefix}/")


class VaultClient:
    """One Vault, read (``ports.sources.Source``).

    A sealed or uninitialised server is an observation with a Problem, not an error: its secrets are those
    last seen, which nothing can have changed. A prefix that may not be listed is a Problem and an
    undetermined secret of the prefix's name; the others are read.
    """

    def __init__(self, endpoint: Endpoint, *, auth: str, kv: tuple[KvScope, ...]) -> None:
        self._endpoint = endpoint
        self._kv = kv
        self._session = VaultSession(endpoint, auth)
        self._vault = self._session.vault
        self._read: dict[tuple[str, str], _Read] = {}

    def observe(self, previous: Observation | None) -> Observation:
        """Look once; raises SourceError. ``previous`` None reads the metadata of every path afresh."""
        until = monotonic() + self._endpoint.deadline * _SHARE
        if previous is None:
            self._read.clear()
        elif previous.token is not None:
            self._session.was_to_end(previous.token.expires_at)
        health = self._health()
        stopped = self._why_stopped(health)
        if stopped is not None:
            return Observation(
                problems=(stopped,),
                secrets=() if previous is None else previous.secrets,
                server_version=one_line(health.version, 40),
            )
        lease, problems = self._lease()
        # Vault's own time is cut to whole seconds: what it deleted within this one is deleted.
        now = (
            datetime.fromtimestamp(health.server_time_utc + 1, UTC)
            if health.server_time_utc
            else datetime.now(UTC)
        )
        listing = self._listed(until)
        if problems and listing.problems and not listing.paths:
            raise UnauthenticatedError(
                f"{self._endpoint.name} lets the token do nothing: {problems[0].text}; "
                f"{listing.problems[0].text}"
            )
        secrets, complete = self._secrets(listing, now, until)
        return Observation(
            problems=(*problems, *listing.problems),
            secrets=(*secrets, *listing.secrets),
            token=lease,
            server_version=one_line(health.version, 40),
            complete=complete,
        )

    def whoami(self) -> Identity:
        """Whom the token is for, and its policies (``ports.sources.IdentitySource``)."""
        try:
            token = self._token()
        except ForbiddenError:
            return Identity(user=self._endpoint.user)
        policies = dict.fromkeys([*(token.policies or ()), *(token.identity_policies or ())])
        return Identity(
            user=one_line(token.display_name, 120),
            roles=tuple(one_line(policy, 120) for policy in policies),
            until=self._until(token),
        )

    def chain(self) -> Chain:
        """The certificates that the server presents (``ports.examining.ExaminedSource``)."""
        return chain_of(self._endpoint)

    def examine(self) -> Examination:
        """What it is and what one may do there (the same port)."""
        return vault_rights.examine(
            self._session, self._health, [(one.mount, one.prefix) for one in self._kv]
        )

    def ages(self, names: tuple[str, ...]) -> tuple[SecretMetadata, ...]:
        """Metadata of a few secrets by name (``ports.releasing.SecretSource``)."""
        health = self._health()
        stopped = self._why_stopped(health)
        return tuple(self._age_of(name, stopped.text if stopped else "") for name in names)

    def _age_of(self, name: str, stopped: str) -> SecretMetadata:
        path = name.removeprefix(_KV)
        scope = next((one for one in self._kv if _is_below(path, one.prefix)), None)
        if stopped or scope is None:
            return undetermined(self._endpoint.name, path, stopped or "no configured prefix holds it")
        found = self._metadata(scope.mount, path, datetime.now(UTC))
        return found or undetermined(self._endpoint.name, path, "it is not there")

    def parts(self) -> tuple[str, ...]:
        """The KV version 2 engines that the token sees (``ports.trying.PartSource``)."""
        return kv_mounts(self._session)

    def close(self) -> None:
        """Close the session's sockets."""
        self._session.close()

    # --- the server -------------------------------------------------------------------------------------

    def _health(self) -> Health:
        """``sys/health``: its statuses 200, 429, 472, 473, 501 and 503 are states; the body says which."""
        answer = self._session.ask(lambda: self._vault.sys.read_health_status(method="GET"))
        if not isinstance(answer, requests.Response):
            return self._session.shaped(answer, Health)
        try:
            return msgspec.json.decode(answer.content, type=Health)
        except msgspec.MsgspecError:
            # Not Vault's own words: a load balancer with nobody behind it, a page of something else.
            raise status_error(str(self._endpoint.name), answer.status_code, answer.content) from None

    def _why_stopped(self, health: Health) -> Problem | None:
        """The problem of a server that answers and reads nothing; None for one at work, standby included."""
        where = str(self._endpoint.name)
        if not health.initialized:
            return Problem(
                kind="sealed", where=where, text="Vault is not initialised: it has no keys and no secrets"
            )
        if health.sealed:
            status = self._session.shaped(self._session.ask(self._vault.sys.read_seal_status), SealStatus)
            given = f": {status.progress} of {status.t} key shares given" if status.t else ""
            return Problem(
                kind="sealed", where=where, text=f"Vault is sealed{given}; unseal it to read its secrets"
            )
        if health.replication_dr_mode == "secondary":
            return Problem(
                kind="standby",
                where=where,
                text="this is a disaster recovery secondary, which reads nothing; point `url` at the primary",
            )
        return None

    def _lease(self) -> tuple[TokenLease | None, tuple[Problem, ...]]:
        """The token's time left. One whose policies forbid the look-up is a Problem, not an error."""
        try:
            token = self._token()
        except ForbiddenError as error:
            return None, (
                Problem(
                    kind="token",
                    where=str(self._endpoint.name),
                    text=f"the token may not look itself up, its time left is unknown: {error}",
                ),
            )
        return TokenLease(
            display_name=one_line(token.display_name, 120),
            expires_at=self._until(token),
            renewable=token.renewable,
        ), ()

    def _token(self) -> Token:
        """What Vault says of the token; raises ForbiddenError where its policies forbid even that."""
        return self._session.data(self._session.authenticated(self._vault.auth.token.lookup_self), Token)

    def _until(self, token: Token) -> datetime | None:
        """When it ends; None for one that does not."""
        ends = None if token.expire_time is None else parsed_time(token.expire_time)
        if token.expire_time is not None and ends is None:
            raise self._session.undocumented(
                f"expire_time of the token is {quoted(token.expire_time, limit=40)}"
            )
        self._session.ends_at = ends
        return ends

    # --- secrets ----------------------------------------------------------------------------------------

    def _listed(self, until: float) -> _Listing:
        """Every path below the prefixes, in order, at most ``PATHS`` of them."""
        listing = _Listing(paths={}, folders=0, secrets=[], problems=[])
        for scope in self._kv:
            try:
                for path in self._below(scope, listing, until):
                    if len(listing.paths) >= PATHS:
                        self._not_listed(
                            listing,
                            scope,
                            "limit",
                            f"has more than {PATHS} secrets; narrow `kv` to what matters here",
                        )
                        return listing
                    listing.paths[(scope.mount, path)] = None
            except ForbiddenError as error:
                self._not_listed(listing, scope, "forbidden", f"may not be listed: {error}")
            except NotFoundError:
                self._not_listed(listing, scope, "empty", self._why_empty(scope))
        return listing

    def _not_listed(self, listing: _Listing, scope: KvScope, kind: str, text: str) -> None:
        sentence = f"{scope} {text}"
        listing.problems.append(Problem(kind=kind, where=str(scope), text=sentence))
        prefix = scope.prefix.strip("/")
        listing.secrets.append(undetermined(self._endpoint.name, f"{prefix}/" if prefix else "", sentence))

    def _below(self, scope: KvScope, listing: _Listing, until: float) -> Iterator[str]:
        """Paths below a prefix, folder by folder; raises NotFoundError where there is nothing at all."""
        prefix = scope.prefix.strip("/")
        folders = deque([f"{prefix}/" if prefix else ""])
        while folders:
            folder = folders.popleft()
            listing.folders += 1
            if listing.folders > FOLDERS:
                self._not_listed(listing, scope, "limit", f"has more than {FOLDERS} folders; narrow `kv`")
                return
            if monotonic() > until:
                raise DeadlineError(
                    f"{self._endpoint.name} took too long to list {scope}: {listing.folders - 1} folders in "
                    f"{self._endpoint.deadline * _SHARE:g} s; narrow `kv`, or allow more `timeout`"
                )
            for key in self._keys(scope, folder):
                if key.rstrip("/") in {"", ".", ".."}:
                    listing.secrets.append(
                        undetermined(self._endpoint.name, folder + key, "its name is no path")
                    )
                elif key.endswith("/"):
                    folders.append(folder + key)
                else:
                    yield folder + key

    def _keys(self, scope: KvScope, folder: str) -> list[str]:
        try:
            answer = self._session.authenticated(
                lambda: self._vault.secrets.kv.v2.list_secrets(path=folder, mount_point=scope.mount)
            )
        except NotFoundError:
            if folder.strip("/") == scope.prefix.strip("/"):
                raise
            return []  # its last secret went between two listings
        except UnicodeEncodeError:
            return []
        return sorted(set(self._session.data(answer, Keys).keys))

    def _why_empty(self, scope: KvScope) -> str:
        """A prefix without secrets is not green: say whether the mount is at fault."""
        hint = "has no secrets; see `kv` in the configuration"
        try:
            answer = self._session.authenticated(
                lambda: self._vault.adapter.get(f"/v1/sys/internal/ui/mounts/{scope.mount.strip('/')}")
            )
            mount = self._session.data(answer, Mount)
        except (ForbiddenError, NotFoundError, ProtocolError):
            return hint
        return hint if mount.is_kv2 else "is no KV version 2 engine, so its secrets have no dates; see `kv`"

    def _secrets(self, listing: _Listing, now: datetime, until: float) -> tuple[list[SecretMetadata], bool]:
        """Metadata of all paths, as far as the time goes, and whether it went all the way."""
        self._read = {key: read for key, read in self._read.items() if key in listing.paths}
        stale = sorted(
            (key for key in listing.paths if self._age(key) > METADATA_AGE), key=lambda key: -self._age(key)
        )
        for mount, path in stale:
            if monotonic() > until:
                break
            secret = self._metadata(mount, path, now)
            if secret is not None:
                self._read[mount, path] = _Read(secret, monotonic())
            else:
                del listing.paths[mount, path]
        found: list[SecretMetadata] = []
        for key in listing.paths:
            read = self._read.get(key)
            found.append(
                read.secret
                if read is not None
                else undetermined(
                    self._endpoint.name, key[1], "not read yet: there are more than one look reads"
                )
            )
        return found, all(key in self._read for key in listing.paths)

    def _age(self, key: tuple[str, str]) -> float:
        """Seconds since a path's metadata was read; infinite for one that never was."""
        read = self._read.get(key)
        return float("inf") if read is None else monotonic() - read.at

    def _metadata(self, mount: str, path: str, now: datetime) -> SecretMetadata | None:
        """One secret's metadata; None for one that is gone since the listing."""
        try:
            answer = self._session.authenticated(
                lambda: self._vault.secrets.kv.v2.read_secret_metadata(path=path, mount_point=mount)
            )
            return age_of(self._endpoint.name, path, self._session.data(answer, Metadata), now)
        except NotFoundError:
            return None
        except UnicodeEncodeError:
            return undetermined(
                self._endpoint.name, path, "its name is no valid text and cannot be asked for"
            )
        except (ForbiddenError, ProtocolError) as error:
            return undetermined(self._endpoint.name, path, f"its metadata cannot be read: {error}")
