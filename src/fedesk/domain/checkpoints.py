"""Checkpoints of the audit log: what is signed and put outside the store, and what it shows of the chain.

A checkpoint is the RFC 8785 form of a JSON object with exactly the FIELDS; these bytes are what is signed. A
sink keeps it with its signature as one line, a document of SCHEMA. A test vector is in ``docs/audit.md``.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fedesk.domain.audit_chain import SAFE_INTEGER, Mark, time_text

VERSION = 1
SCHEMA = "fedesk-checkpoint/1"
NAMESPACE = "fedesk-checkpoint"
"""Of the SSH signature: one that was made for anything else does not count."""
FIELDS = frozenset({"v", "log", "first", "seq", "hash", "time"})
DOCUMENT_FIELDS = frozenset({"schema", "checkpoint", "by", "signature"})
LOG_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_HASH = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
BY = re.compile(r"(?:ssh|transit):[\x21-\x7e]{1,300}")
_LONGEST = 64 * 1024
"""Bytes of a line; an RSA signature of 16384 bits has 3 KiB."""


class CheckpointError(ValueError):
    """It is no checkpoint: one phrase that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Where a log stood at a moment."""

    log: str
    """The log's name by configuration, by which several logs share a sink."""
    first: str
    """Hash of record 1, hexadecimal: it tells one chain from every other."""
    mark: Mark
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who vouches for a checkpoint."""

    by: str
    """``ssh:PRINCIPAL`` or ``transit:KEY``."""
    text: str
    """What the program gave: an armored SSH signature, or Vault's ``vault:v1:…``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A checkpoint as a sink keeps it."""

    checkpoint: Checkpoint
    signature: Signature | None = None


def checkpoint_bytes(checkpoint: Checkpoint) -> bytes:
    """What is signed."""
    from rfc8785 import dumps

    return dumps(_fields(checkpoint))


def _fields(checkpoint: Checkpoint) -> dict[str, str | int]:
    return {
        "v": VERSION,
        "log": checkpoint.log,
        "first": checkpoint.first,
        "seq": checkpoint.mark.seq,
        "hash": checkpoint.mark.hash,
        "time": time_text(checkpoint.at),
    }


def line_of(signed: Signed) -> bytes:
    """One line of ASCII without its end, as sinks are given it."""
    from rfc8785 import dumps

    signature = signed.signature
    document = {
        "schema": SCHEMA,
        "checkpoint": _fields(signed.checkpoint),
        "by": None if signature is None else signature.by,
        "signature": None if signature is None else signature.text,
    }
    return dumps(document)


def signed_of(line: bytes) -> Signed:
    """A line read back, its signature not checked. Raises CheckpointError."""
    if len(line) > _LONGEST:
        raise CheckpointError(f"it has more than {_LONGEST} bytes")
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        raise CheckpointError("it is no JSON") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise CheckpointError(f"it is no document of {SCHEMA}")
    if set(document) != DOCUMENT_FIELDS:
        raise CheckpointError("it has other fields than a checkpoint has")
    return Signed(
        checkpoint=_checkpoint_of(document["checkpoint"]),
        signature=_signature_of(document["by"], document["signature"]),
    )


def _checkpoint_of(found: Any) -> Checkpoint:
    if not isinstance(found, dict) or set(found) != FIELDS:
        raise CheckpointError("it has other fields than a checkpoint has")
    if found["v"] != VERSION:
        raise CheckpointError(f"it is of version {str(found['v'])[:20]}, and this fedesk knows {VERSION}")
    seq = found["seq"]
    texts = (("log", LOG_NAME), ("first", _HASH), ("hash", _HASH), ("time", _TIME))
    wrong = [
        name for name, form in texts if not (isinstance(found[name], str) and form.fullmatch(found[name]))
    ]
    if wrong or isinstance(seq, bool) or not isinstance(seq, int) or not 0 < seq <= SAFE_INTEGER:
        raise CheckpointError(f"its {wrong[0] if wrong else 'seq'} is none")
    try:
        at = datetime.fromisoformat(found["time"])
    except ValueError:
        raise CheckpointError("its time is none") from None
    return Checkpoint(
        log=found["log"],
        first=found["first"],
        mark=Mark(seq=seq, hash=found["hash"]),
        at=at.astimezone(UTC),
    )


def _signature_of(by: object, text: object) -> Signature | None:
    if by is None and text is None:
        return None
    if not isinstance(by, str) or not isinstance(text, str) or not BY.fullmatch(by) or "\0" in text:
        raise CheckpointError("who signed it cannot be told")
    return Signature(by=by, text=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A checkpoint whose signature is good, and where it is kept."""

    checkpoint: Checkpoint
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """What is wrong, and the first record that it puts in doubt."""

    seq: int
    """0 where no record is concerned."""
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What the store says of its log."""

    length: int
    """Records that follow one another from the start."""
    whole: bool
    """Whether these are all."""
    hashes: dict[int, str]
    """Stored hashes by number: of record 1 and of those that witnesses speak of, as far as they are there."""


def judged(witnesses: Iterable[Witness], chain: Chain) -> tuple[Bad | None, Witness | None]:
    """The first that does not agree with the chain, if any; and the last one before it that does.

    A checkpoint says of every record up to its own what it is. So between the last one that agrees and the
    first that does not, the record behind the former is the first that cannot be relied on.
    """
    good: Witness | None = None
    for witness in sorted(witnesses, key=lambda one: (one.checkpoint.mark.seq, one.checkpoint.at)):
        bad = _against(witness, chain, 0 if good is None else good.checkpoint.mark.seq)
        if bad is not None:
            return bad, good
        if witness.checkpoint.mark.seq <= chain.length:
            good = witness
    return None, good


def _against(witness: Witness, chain: Chain, vouched: int) -> Bad | None:
    checkpoint, mark = witness.checkpoint, witness.checkpoint.mark
    kept = f"{witness.where} holds the checkpoint of record {mark.seq}, made {_when(checkpoint.at)}"
    if chain.length and chain.hashes.get(1) != checkpoint.first:
        return Bad(
            seq=1,
            said=(
                f"it is not the one that was anchored: {kept}, of a log that began otherwise. "
                "The log was written anew, or another log is anchored under the same name"
            ),
        )
    if mark.seq > chain.length:
        if not chain.whole:
            return None
        return Bad(
            seq=chain.length + 1,
            said=f"it is missing: {kept}. The end was cut off, or an older copy put in the log's place",
        )
    if chain.hashes.get(mark.seq) != mark.hash:
        first = vouched + 1
        which = "it is" if first == mark.seq else f"it, or one after it up to {mark.seq}, is"
        return Bad(seq=first, said=f"{which} not as it was anchored: {kept}, with another hash")
    return None


def forgotten(given: Mark, at: datetime, where: str, kept: Sequence[Mark]) -> Bad | None:
    """What is wrong where a sink no longer has the checkpoint that it was given last; None where it has."""
    if given in kept:
        return None
    left = max((mark.seq for mark in kept if mark.seq <= given.seq), default=0)
    return Bad(
        seq=min(left + 1, given.seq),
        said=(
            f"nobody vouches for it any more: {where} was given the checkpoint of record {given.seq} "
            f"{_when(at)}, and has lost it. It was taken out, or an older copy put in the sink's place"
        ),
    )


def remembered(given: Mark, at: datetime, where: str, chain: Chain) -> Bad | None:
    """What is wrong where the store itself remembers another log than it has; None where it does not."""
    told = f"the store remembers that {where} was given the checkpoint of record {given.seq} {_when(at)}"
    if given.seq > chain.length:
        return Bad(seq=chain.length + 1, said=f"it is missing: {told}") if chain.whole else None
    if chain.hashes.get(given.seq) != given.hash:
        return Bad(seq=given.seq, said=f"it, or one before it, is not as it was anchored: {told}")
    return None


def gravest(found: Iterable[Bad | None]) -> Bad | None:
    """The one with the lowest record; those that concern none come last."""
    return min(
        (one for one in found if one is not None), key=lambda one: (one.seq == 0, one.seq), default=None
    )


def _when(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
