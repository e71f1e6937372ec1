"""What the sandbox's Vault keeps and signs of an audit log: checkpoints in KV v2, and the transit engine.

Answers as Vault 1.21 was seen to answer. The policy lets everybody create below ``fedesk/checkpoints`` and
overwrite nothing there.
"""

import base64
import binascii
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedesk.sandbox.vault_answers import DENIED

PREFIX = "fedesk/checkpoints"
KEYS = ("fedesk",)
"""Keys of the transit engine, each Ed25519 and of one version."""
_VERSION = "vault:v1:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer that is none of success."""

    status: int
    errors: tuple[str, ...] = ()


@dataclass(slots=True)
class Kept:
    """What was written below PREFIX: a version each."""

    written: dict[str, tuple[dict[str, Any], datetime]] = field(default_factory=dict)

    def create(self, path: str, body: dict[str, Any], now: datetime) -> datetime | Refusal:
        """Write what is not there yet; the moment of it. The policy refuses what is."""
        if path in self.written:
            return Refusal(status=403, errors=(DENIED,))
        data = body.get("data")
        if not isinstance(data, dict):
            return Refusal(status=400, errors=("no data provided",))
        self.written[path] = (data, now)
        return now


def sign(seed: int, key: str, body: dict[str, Any]) -> dict[str, Any] | Refusal:
    """``transit/sign/KEY``."""
    given = _given(key, body)
    if isinstance(given, Refusal):
        return given
    signature = base64.b64encode(_private(seed, key).sign(given)).decode("ascii")
    return {"key_version": 1, "signature": f"{_VERSION}{signature}"}


def verify(seed: int, key: str, body: dict[str, Any]) -> dict[str, Any] | Refusal:
    """``transit/verify/KEY``."""
    given = _given(key, body, missing="signature verification key not found")
    if isinstance(given, Refusal):
        return given
    text = str(body.get("signature", ""))
    if not text.startswith("vault:v"):
        return Refusal(status=400, errors=("invalid signature: no prefix",))
    if not text.startswith(_VERSION):
        return Refusal(status=400, errors=("invalid signature: version is too new",))
    try:
        signature = base64.b64decode(text.removeprefix(_VERSION), validate=True)
        _private(seed, key).public_key().verify(signature, given)
    except binascii.Error:
        return Refusal(status=400, errors=("invalid base64 signature value",))
    except InvalidSignature:
        return {"valid": False}
    return {"valid": True}


def _given(key: str, body: dict[str, Any], missing: str = "signing key not found") -> bytes | Refusal:
    if key not in KEYS:
        return Refusal(status=400, errors=(missing,))
    try:
        return base64.b64decode(str(body.get("input", "")), validate=True)
    except binascii.Error:
        return Refusal(status=400, errors=("unable to decode input: illegal base64 data at input byte 0",))


def _private(seed: int, key: str) -> Ed25519PrivateKey:
    """The same in every world of a seed."""
    return Ed25519PrivateKey.from_private_bytes(sha256(f"transit {seed} {key}".encode()).digest())
