"""A plan that others have a say in, out of the store or a file, and where it stands: for several commands."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fedesk.cli.output import Json, instant
from fedesk.cli.session import StopError
from fedesk.domain.approving import Standing
from fedesk.domain.plan_files import PlanFile
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.approving import Statement
    from fedesk.domain.operations import Operation
    from fedesk.execution import Desk
    from fedesk.services.approvals import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A plan, how it was confirmed, what was said of it, and where it stands by that."""

    file: PlanFile
    standing: Standing
    path: Path | None = None
    """The file it is out of; None for the store."""


def waits_of(desk: "Desk", operation: "Operation") -> str:
    """What an operation waits for, for a list: what cannot be told is said as it is. Raises StoreError."""
    from fedesk.ports.errors import SourceError

    try:
        return desk.approvals.waits(operation)
    except SourceError as error:
        return str(error)


def of_operation(desk: "Desk", operation: "Operation") -> Waiting:
    """A plan of the store. Raises SourceError, StoreError."""
    from fedesk.domain.plan_files import Signed, file_of

    case = desk.approvals.case_of(operation)
    signed = tuple(Signed(one.raw, one.signature) for one in case.statements)
    return Waiting(file=file_of(operation, signed), standing=desk.approvals.judged(case))


def of_file(desk: "Desk", path: Path) -> Waiting:
    """A plan of a file; its digest was looked at. Raises StopError, SourceError, StoreError."""
    from fedesk.domain.plan_files import PlanFileError, read_file

    try:
        file = read_file(read(path))
    except PlanFileError as error:
        raise StopError(f"{path}: {error}", Exit.USAGE) from None
    return Waiting(file=file, standing=desk.approvals.judged(_case(desk, file)), path=path)


def case_of(desk: "Desk", waiting: Waiting) -> "Case":
    """The same as what is judged."""
    return _case(desk, waiting.file)


def _case(desk: "Desk", file: PlanFile) -> "Case":
    from fedesk.services.approvals import Case

    return Case(
        plan=file.plan,
        digest=file.digest,
        confirmed_by=file.confirmed_by,
        accepted=file.accepted,
        statements=tuple(desk.approvals.taken(one.raw, one.signature) for one in file.statements),
    )


def read(path: Path) -> bytes:
    """A file that somebody was sent; of a long one no more than any plan has. Raises StopError."""
    from fedesk.domain.plan_files import LONGEST

    try:
        with path.open("rb") as file:
            return file.read(LONGEST + 1)
    except OSError as error:
        said = error.strerror or type(error).__name__
        raise StopError(f"{path} cannot be read: {said}", Exit.FAILED) from None


def standing_document(found: Standing) -> dict[str, Json]:
    """``waits``, ``missing``, ``approvals[]``, ``refused[]`` and who may approve."""
    return {
        "waits": found.said or None,
        "missing": found.missing,
        "approvers": list(found.people),
        "request": None if found.request is None else _statement(found.request),
        "approvals": [_statement(one) for one in found.approvals],
        "rejection": None if found.rejection is None else _statement(found.rejection),
        "refused": [_statement(one.statement) | {"why": one.why} for one in found.refused],
    }


def _statement(statement: "Statement") -> dict[str, Json]:
    return {
        "action": statement.action.value,
        "approver": statement.approver,
        "at": instant(statement.at),
        "reason": statement.reason or None,
    }


def waiting_lines(found: Standing) -> list[tuple[str, str]]:
    """Where a plan stands, for a person."""
    return [
        *([("stands", found.said)] if found.said else []),
        *([("may", ", ".join(found.people))] if found.people and found.missing else []),
        *(("approved", _said(one)) for one in found.approvals),
        *(
            ("not counted", f"{one.statement.action} by {one.statement.approver}: {one.why}")
            for one in found.refused
        ),
    ]


def _said(statement: "Statement") -> str:
    because = f": {statement.reason}" if statement.reason else ""
    return f"by {statement.approver} at {statement.at:%Y-%m-%d %H:%M:%S} UTC{because}"
