"""A record of the audit log before it is in the chain: fields that are allowed, and nothing else."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Phase(StrEnum):
    """What a record tells of an operation, or of the desk."""

    INTENT = "intent"
    OUTCOME = "outcome"
    SETTLEMENT = "settlement"
    REFUSAL = "refusal"
    APPROVAL = "approval"
    REJECTION = "rejection"
    OVERRIDE = "override"
    BREAK_GLASS = "break-glass"
    REVIEW = "review"
    ACCESS = "access"
    EXPORT = "export"
    CONFIGURATION = "configuration"
    START = "start"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did it, how that is known, and from where."""

    person: str
    known_by: str
    """``configuration`` for a configured principal, ``operating system`` for a user of the machine."""
    host: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditDraft:
    """What is to be recorded; sequence number, previous hash and hash come with the append."""

    at: datetime
    actor: Actor
    environment: str
    action: str
    """Of a fixed list: ``rerun``, ``write-window``, ``approve``, ``audit-export``, ``log-read`` …"""
    target: str
    phase: Phase
    operation: str = ""
    plan_digest: str = ""
    reason: str = ""
    result: str = ""
    """An outcome's word and its sentence, or a guard's name and why."""
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """A record of the chain."""

    seq: int
    draft: AuditDraft
    hash: str
    """Hexadecimal."""
    raw: bytes
    """The RFC 8785 bytes that are stored and hashed."""
