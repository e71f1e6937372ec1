"""Vault as a sink of checkpoints (KV v2, a path for each), and as their signer (transit)."""

import base64
from dataclasses import dataclass
from typing import Any

import msgspec

from fedesk.clients.vault_session import VaultSession
from fedesk.domain.checkpoints import (
    Checkpoint,
    CheckpointError,
    Signature,
    checkpoint_bytes,
    signed_of,
)
from fedesk.domain.text import one_line
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import NotFoundError, ProtocolError, SourceError

NEWEST = 100
"""Checkpoints that are read back, the newest: a request each."""
_SCHEME = "transit:"


class _Keys(msgspec.Struct, frozen=True):
    keys: list[str]


class _Kept(msgspec.Struct, frozen=True):
    data: dict[str, Any] | None


class _Made(msgspec.Struct, frozen=True):
    signature: str


class _Valid(msgspec.Struct, frozen=True):
    valid: bool


@dataclass(frozen=True, slots=True)
class KvPlace:
    """Below which path of a KV v2 engine checkpoints are kept: ``PREFIX/LOG/NUMBER``."""

    mount: str
    prefix: str


class VaultAnchor:
    """``ports.anchoring.Anchor``. A policy that gives ``create`` and not ``update`` makes it append-only."""

    def __init__(self, endpoint: Endpoint, auth: str, place: KvPlace) -> None:
        self._session = VaultSession(endpoint, auth)
        self._kv = self._session.vault.secrets.kv.v2
        self._place = place

    def put(self, log: str, seq: int, line: bytes) -> None:
        """Write one where there is none. One of the same record and hash that is there already will do."""
        path = f"{self._folder(log)}/{seq:012d}"
        try:
            self._session.authenticated(
                lambda: self._kv.create_or_update_secret(
                    path, {"checkpoint": line.decode("ascii")}, cas=0, mount_point=self._place.mount
                )
            )
        except SourceError:
            if not self._has_it(path, line):
                raise

    def lines(self, log: str) -> tuple[bytes, ...]:
        """The newest, oldest first."""
        folder = self._folder(log)
        try:
            answer = self._session.authenticated(
                lambda: self._kv.list_secrets(folder, mount_point=self._place.mount)
            )
        except NotFoundError:
            return ()
        names = sorted(key for key in self._session.data(answer, _Keys).keys if key.isdecimal())
        found = (self._read(f"{folder}/{name}") for name in names[-NEWEST:])
        return tuple(line for line in found if line is not None)

    def close(self) -> None:
        """Close the sockets."""
        self._session.close()

    def _folder(self, log: str) -> str:
        return "/".join(part for part in (self._place.prefix.strip("/"), log) if part)

    def _read(self, path: str) -> bytes | None:
        """The line at a path; None where it was deleted. What is no text there is a line that is none."""
        try:
            answer = self._session.authenticated(
                lambda: self._kv.read_secret_version(
                    path, mount_point=self._place.mount, raise_on_deleted_version=False
                )
            )
        except NotFoundError:
            return None
        kept = self._session.data(answer, _Kept).data
        return None if kept is None else str(kept.get("checkpoint", "")).encode("utf-8", "replace")

    def _has_it(self, path: str, line: bytes) -> bool:
        try:
            found = self._read(path)
            return found is not None and signed_of(found).checkpoint.mark == signed_of(line).checkpoint.mark
        except (SourceError, CheckpointError):
            return False


class TransitSigner:
    """``ports.anchoring.Signer`` by a key that never leaves Vault."""

    def __init__(self, endpoint: Endpoint, auth: str, *, mount: str, key: str) -> None:
        self._session = VaultSession(endpoint, auth)
        self._transit = self._session.vault.secrets.transit
        self._mount = mount
        self._key = key

    def sign(self, raw: bytes) -> Signature:
        """Vault's signature by the key's newest version. Raises SourceError."""
        answer = self._session.authenticated(
            lambda: self._transit.sign_data(
                self._key, hash_input=base64.b64encode(raw).decode("ascii"), mount_point=self._mount
            )
        )
        return Signature(by=self._by, text=self._session.data(answer, _Made).signature)

    def flaw(self, checkpoint: Checkpoint, signature: Signature) -> str:
        """Why it does not count, as Vault says; empty where it does. Raises SourceError."""
        if signature.by != self._by:
            return f"it is signed by {one_line(signature.by, 100)}, and signatures by {self._by} count here"
        raw = base64.b64encode(checkpoint_bytes(checkpoint)).decode("ascii")
        try:
            answer = self._session.authenticated(
                lambda: self._transit.verify_signed_data(
                    self._key, hash_input=raw, signature=signature.text, mount_point=self._mount
                )
            )
        except ProtocolError as error:
            # 400: what stands for a signature is none, or of a version that the key has not.
            return f"Vault does not take its signature: {error}"
        return "" if self._session.data(answer, _Valid).valid else f"it is not signed by {self._by}"

    def close(self) -> None:
        """Close the sockets."""
        self._session.close()

    @property
    def _by(self) -> str:
        return f"{_SCHEME}{self._key}"
