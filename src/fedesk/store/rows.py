"""Operations as rows, and back. Guards, confirmation and evidence are JSON; the plan is its own bytes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Row

from fedesk.domain.kept_text import kept_name, kept_text
from fedesk.domain.operations import (
    Confirmation,
    Evidence,
    GuardResult,
    JournalEntry,
    Operation,
    Outcome,
    Owner,
    Stage,
    StepState,
)
from fedesk.domain.plans import plan_bytes, plan_from_bytes
from fedesk.ports.operation_store import StoreUnavailableError, Submission

T = TypeVar("T")


def json_of(value: object) -> bytes:
    """Any frozen value as JSON, each text in it without secrets and of bounded length."""
    return msgspec.json.encode(_kept(msgspec.to_builtins(value)))


def _kept(value: Any) -> Any:
    if isinstance(value, str):
        return kept_text(value)
    if isinstance(value, Mapping):
        return {name: _kept(item) for name, item in value.items()}
    if isinstance(value, Sequence):
        return [_kept(item) for item in value]
    return value


def operation_row(submission: Submission) -> dict[str, Any]:
    """A confirmed operation that nobody has claimed."""
    plan = submission.plan
    return {
        "operation": plan.operation,
        "kind": plan.kind,
        "environment": plan.environment,
        "digest": submission.digest,
        "plan": plan_bytes(plan),
        "guards": json_of(submission.guards),
        "confirmation": json_of(submission.confirmation),
        "confirmed_at": submission.confirmation.at,
        "stage": Stage.CONFIRMED.value,
        "said": "",
        "fence": 0,
    }


def submitted(submission: Submission) -> Operation:
    """A confirmed operation as it is read back."""
    return Operation(
        plan=plan_from_bytes(plan_bytes(submission.plan)),
        digest=submission.digest,
        guards=msgspec.json.decode(json_of(submission.guards), type=tuple[GuardResult, ...]),
        confirmation=msgspec.json.decode(json_of(submission.confirmation), type=Confirmation),
        stage=Stage.CONFIRMED,
        outcome=None,
        said="",
        confirmed_at=submission.confirmation.at,
        ended_at=None,
        owner=None,
        lease_until=None,
        journal=(),
    )


def claim_entry(owner: Owner, at: datetime) -> JournalEntry:
    """What the journal says of a claim."""
    said = f"claimed by process {owner.pid} on {owner.host}"
    return JournalEntry(number=0, at=at, step="", state=StepState.PENDING, said=said)


def journal_row(operation: str, number: int, entry: JournalEntry) -> dict[str, Any]:
    """One entry of an operation's journal."""
    return {
        "operation": operation,
        "number": number,
        "at": entry.at,
        "step": kept_name(entry.step),
        "state": entry.state.value,
        "said": kept_text(entry.said),
        "reference": kept_text(entry.reference),
        "evidence": json_of(entry.evidence),
    }


def operation_of(row: Row[*tuple[Any, ...]], journal: Sequence[Row[*tuple[Any, ...]]]) -> Operation:
    """An operation from its row and those of its journal, in order. Raises StoreUnavailableError."""
    try:
        return Operation(
            plan=plan_from_bytes(row.plan),
            digest=row.digest,
            guards=msgspec.json.decode(row.guards, type=tuple[GuardResult, ...]),
            confirmation=msgspec.json.decode(row.confirmation, type=Confirmation),
            stage=Stage(row.stage),
            outcome=None if row.outcome is None else Outcome(row.outcome),
            said=row.said,
            confirmed_at=row.confirmed_at,
            ended_at=row.ended_at,
            owner=owner_of(row),
            lease_until=row.lease_until,
            journal=tuple(_entry(one) for one in journal),
            audit_intent=row.audit_intent,
            audit_outcome=row.audit_outcome,
        )
    except (ValueError, TypeError) as error:
        raise StoreUnavailableError(
            f"Operation {row.operation} in the store cannot be read: {error}. "
            "Run `fedesk audit verify --deep`, and put a backup in place of the store."
        ) from None


def owner_of(row: Row[*tuple[Any, ...]]) -> Owner | None:
    """Who holds the lease of an operation, or held it last."""
    if row.owner_host is None:
        return None
    return Owner(host=row.owner_host, boot=row.owner_boot, pid=row.owner_pid, started=row.owner_started)


def _entry(row: Row[*tuple[Any, ...]]) -> JournalEntry:
    return JournalEntry(
        number=row.number,
        at=row.at,
        step=row.step,
        state=StepState(row.state),
        said=row.said,
        reference=row.reference,
        evidence=msgspec.json.decode(row.evidence, type=tuple[Evidence, ...]),
    )
