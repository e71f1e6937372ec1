"""A plan that travels without a shared store: what is in the file, and what may be believed of it.

The file is a JSON document with the plan as it stands under its digest, how it was judged and confirmed, and
what was said of it. Nobody has signed the file: the statements in it are signed, and name the plan's digest.
What is brought back is a statement, in such a file or by itself with its signature behind it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fedesk.domain.approving import LIMIT, StatementError, statement_bytes, statement_of
from fedesk.domain.audit_chain import time_text
from fedesk.domain.operations import Confirmation, Fact, GuardResult, Operation, Plan, Ruling
from fedesk.domain.plans import digest_of, plan_bytes, plan_from_bytes

SCHEMA = "fedesk-plan-file/1"
LONGEST = 4 * 1024 * 1024
"""Bytes of a file that are read at most."""
SIGNATURE = b"-----BEGIN SSH SIGNATURE-----"
_LONGEST_SIGNATURE = 32 * 1024


class PlanFileError(ValueError):
    """It is no such file: one sentence that says why."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement's bytes, and its signature as it was made."""

    raw: bytes
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFile:
    """What a file says of one plan."""

    plan: Plan
    digest: str
    guards: tuple[GuardResult, ...]
    confirmed_by: str
    confirmed_at: datetime
    how: str
    accepted: tuple[str, ...]
    statements: tuple[Signed, ...] = ()


def file_of(operation: Operation, statements: tuple[Signed, ...]) -> PlanFile:
    """An operation, and what was said of its plan, as a file."""
    confirmation: Confirmation = operation.confirmation
    return PlanFile(
        plan=operation.plan,
        digest=operation.digest,
        guards=operation.guards,
        confirmed_by=confirmation.by,
        confirmed_at=confirmation.at,
        how=confirmation.how,
        accepted=confirmation.accepted,
        statements=statements,
    )


def document_of(file: PlanFile) -> dict[str, Any]:
    """The fields of the document, beside those that every document has."""
    return {
        "digest": file.digest,
        "plan": json.loads(plan_bytes(file.plan)),
        "guards": [
            {
                "guard": one.guard,
                "ruling": one.ruling.value,
                "reason": one.reason,
                "remedy": one.remedy,
                "facts": [
                    {
                        "name": fact.name,
                        "value": fact.value,
                        "source": fact.source,
                        "observed_at": time_text(fact.observed_at),
                    }
                    for fact in one.facts
                ],
            }
            for one in file.guards
        ],
        "confirmation": {
            "by": file.confirmed_by,
            "at": time_text(file.confirmed_at),
            "how": file.how,
            "accepted": list(file.accepted),
        },
        "statements": [
            {"statement": json.loads(one.raw), "signature": one.signature} for one in file.statements
        ],
    }


def is_plan_file(raw: bytes) -> bool:
    """Whether it is meant as one, rather than as a statement by itself."""
    return SCHEMA.encode() in raw


def read_file(raw: bytes) -> PlanFile:
    """A file from its bytes. Raises PlanFileError where it is none, or its plan is not under its digest."""
    if len(raw) > LONGEST:
        raise PlanFileError("It is longer than any plan.")
    try:
        document = json.loads(raw)
        known = document["schema"] == SCHEMA
        plan = plan_from_bytes(json.dumps(document["plan"]).encode())
        confirmation = document["confirmation"]
        file = PlanFile(
            plan=plan,
            digest=str(document["digest"]),
            guards=tuple(_guard(one) for one in document["guards"]),
            confirmed_by=str(confirmation["by"]),
            confirmed_at=datetime.fromisoformat(confirmation["at"]),
            how=str(confirmation["how"]),
            accepted=tuple(str(one) for one in confirmation["accepted"]),
            statements=tuple(_signed(one) for one in document["statements"]),
        )
        found = digest_of(plan)
    except StatementError as error:
        raise PlanFileError(f"A statement in it is none: {error}.") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise PlanFileError(
            f"It is no plan as `fedesk plans export` writes it ({type(error).__name__})."
        ) from None
    if not known:
        raise PlanFileError(f"It is no document of {SCHEMA}.")
    if found != file.digest:
        raise PlanFileError(
            f"Its plan was altered: it has the digest {found[:12]}, and is said to have {file.digest[:12]}."
        )
    return file


def _guard(document: Mapping[str, Any]) -> GuardResult:
    return GuardResult(
        guard=str(document["guard"]),
        ruling=Ruling(document["ruling"]),
        reason=str(document["reason"]),
        remedy=str(document["remedy"]),
        facts=tuple(
            Fact(
                name=str(one["name"]),
                value=str(one["value"]),
                source=str(one["source"]),
                observed_at=datetime.fromisoformat(one["observed_at"]),
            )
            for one in document["facts"]
        ),
    )


def _signed(document: Mapping[str, Any]) -> Signed:
    from rfc8785 import dumps

    raw = dumps(document["statement"])
    if statement_bytes(statement_of(raw)) != raw:
        raise StatementError("it is not in its canonical form")
    return Signed(raw, str(document["signature"])[:_LONGEST_SIGNATURE])


def read_statement(raw: bytes, signature: bytes | None) -> Signed:
    """A statement by itself: its signature in a file of its own, or behind it. Raises PlanFileError."""
    head, begin, rest = raw[: LIMIT + _LONGEST_SIGNATURE].partition(SIGNATURE)
    armored = signature if signature is not None else begin + rest
    if not armored:
        raise PlanFileError(
            "It holds no signature, and there is no file beside it that ends in .sig: sign it first, with "
            "the command that `fedesk plans show --statement` prints."
        )
    # A shell's echo, and most editors, end it with a line break that was not signed.
    text = head.strip(b"\r\n\t ")
    try:
        statement_of(text)
    except StatementError as error:
        raise PlanFileError(f"It is no statement on a plan: {error}.") from None
    return Signed(text, armored[:_LONGEST_SIGNATURE].decode("ascii", "replace"))
