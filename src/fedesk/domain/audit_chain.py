"""The chain of audit records, as bytes: what is stored, what is hashed, and how it is read back.

A record is the RFC 8785 form of a JSON object with exactly the FIELDS. Its hash is SHA-256 over the previous
record's hash (32 raw bytes, GENESIS before the first) followed by its bytes. A test vector is in
``docs/audit.md``.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fedesk.domain.audit import Actor, AuditDraft, AuditRecord, Phase
from fedesk.domain.kept_text import kept_name, kept_text

VERSION = 1
GENESIS = bytes(32)
FIELDS = frozenset(
    {
        "v",
        "seq",
        "time",
        "actor",
        "environment",
        "action",
        "target",
        "operation",
        "phase",
        "plan_digest",
        "reason",
        "result",
        "links",
    }
)
ACTOR_FIELDS = frozenset({"person", "known_by", "host", "pid"})
LINKS_LIMIT = 32
"""Links that are kept of one record."""
SAFE_INTEGER = 2**53 - 1
"""The largest integer that every reader of JSON understands (RFC 8785, appendix D)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place in the chain."""

    seq: int
    hash: str
    """Of the record, hexadecimal."""


START = Mark(seq=0, hash=GENESIS.hex())
"""The place before the first record."""


class RecordError(ValueError):
    """The bytes are no audit record: one phrase that says why."""


def record_bytes(draft: AuditDraft, seq: int) -> bytes:
    """The bytes of a record: text cleaned and cut, secrets in reason, result and links hidden."""
    from rfc8785 import dumps

    actor = draft.actor
    return dumps(
        {
            "v": VERSION,
            "seq": _number(seq),
            "time": time_text(draft.at),
            "actor": {
                "person": kept_name(actor.person),
                "known_by": kept_name(actor.known_by),
                "host": kept_name(actor.host),
                "pid": _number(actor.pid),
            },
            "environment": kept_name(draft.environment),
            "action": kept_name(draft.action),
            "target": kept_name(draft.target),
            "operation": kept_name(draft.operation),
            "phase": draft.phase.value,
            "plan_digest": kept_name(draft.plan_digest),
            "reason": kept_text(draft.reason),
            "result": kept_text(draft.result),
            "links": [kept_text(link) for link in draft.links[:LINKS_LIMIT]],
        }
    )


def link(previous: bytes, raw: bytes) -> bytes:
    """The hash of a record (32 bytes), after the one whose hash is ``previous``."""
    return hashlib.sha256(previous + raw).digest()


def record_of(raw: bytes, digest: bytes) -> AuditRecord:
    """A record from its stored bytes and hash, not checked against any other. Raises RecordError."""
    document = _document(raw)
    try:
        actor = document["actor"]
        draft = AuditDraft(
            at=datetime.fromisoformat(document["time"]),
            actor=Actor(
                person=actor["person"], known_by=actor["known_by"], host=actor["host"], pid=int(actor["pid"])
            ),
            environment=document["environment"],
            action=document["action"],
            target=document["target"],
            phase=Phase(document["phase"]),
            operation=document["operation"],
            plan_digest=document["plan_digest"],
            reason=document["reason"],
            result=document["result"],
            links=tuple(document["links"]),
        )
        return AuditRecord(seq=int(document["seq"]), draft=draft, hash=digest.hex(), raw=raw)
    except (TypeError, ValueError, KeyError) as error:
        raise RecordError(f"it is no audit record: {type(error).__name__} in its fields") from None


def canonical_flaw(raw: bytes) -> str:
    """Why the bytes are not those that fedesk would write for what they say; empty where they are."""
    from rfc8785 import CanonicalizationError, dumps

    try:
        document = _document(raw)
        same = dumps(document) == raw
    except (RecordError, CanonicalizationError) as error:
        return str(error)
    if not same:
        return "its bytes are not in the canonical form of RFC 8785"
    if set(document) != FIELDS or set(document["actor"]) != ACTOR_FIELDS:
        return "it has other fields than a record of version 1 has"
    return ""


def _document(raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        raise RecordError("it is no JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get("actor"), dict):
        raise RecordError("it is no audit record")
    if document.get("v") != VERSION:
        raise RecordError(f"it is of version {document.get('v')!r}, and this fedesk knows {VERSION}")
    return document


def time_text(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds: ``2026-11-20T02:43:10.000000Z``; ValueError without a zone."""
    if at.tzinfo is None:
        raise ValueError("A time without a zone is no moment.")
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def _number(value: int) -> int | str:
    return value if -SAFE_INTEGER <= value <= SAFE_INTEGER else str(value)
