"""Records of the audit log that somebody else has to look at afterwards, and that they did."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from fedesk.domain import local_log
from fedesk.domain.audit import AuditDraft, AuditRecord, Phase
from fedesk.domain.break_glass import EMERGENCY
from fedesk.domain.front import Finding
from fedesk.domain.open_operations import run_of
from fedesk.domain.states import Severity, State

VERB = "review"
"""The right that it takes, and the action of its record."""
WANTED = "review-wanted"
"""The action of a record that says so of a change, as the policy has it; broken glass always waits."""
KIND = "break-glass"
"""The kind of the finding that tells of broken glass; of anything else it is ``VERB``."""


class ReviewError(Exception):
    """What was said is no review of the record; one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """That somebody has looked at a record."""

    reviewed: int
    """Number of the record."""
    at: datetime
    by: str
    said: str
    record: int = 0
    """Number of the record that says so; 0 before it is written."""


def is_wanted(draft: AuditDraft) -> bool:
    """Whether somebody else has to look at it."""
    return draft.phase is Phase.BREAK_GLASS or draft.action == WANTED


def wants_rotation(draft: AuditDraft) -> bool:
    """Whether a sealed credential is known to a machine since, and so has to be another one."""
    return draft.action == EMERGENCY


def check(record: AuditRecord, said: str, *, rotated: bool) -> None:
    """Raise ReviewError where this would be no review of that record."""
    if not is_wanted(record.draft):
        raise ReviewError(
            f"Record {record.seq} waits for no review; `fedesk audit review` lists those that do."
        )
    if not said.strip():
        raise ReviewError("Say what you found; on the command line --said TEXT.")
    if wants_rotation(record.draft) and not rotated:
        raise ReviewError(
            f"Record {record.seq} tells of an emergency credential that was used: have it rotated, "
            "then say so with --rotated."
        )
    if rotated and not wants_rotation(record.draft):
        raise ReviewError(f"Record {record.seq} tells of no credential that would have to be rotated.")


def own(record: AuditRecord, person: str) -> str:
    """Why this person may not review it; empty where they may."""
    if record.draft.actor.person != person:
        return ""
    return f"Record {record.seq} is {person}'s own, and somebody else has to review it."


def findings_of(unreviewed: Iterable[AuditRecord], environment: str) -> Iterator[Finding]:
    """One finding a record that waits, of an environment or of none; broken glass pages until then.

    The beginning of a local log waits for its merge.
    """
    for record in unreviewed:
        draft = record.draft
        if local_log.is_begin(draft):
            yield local_log.finding_of(record)
            continue
        if draft.environment not in {"", environment}:
            continue
        rotated = " --rotated" if wants_rotation(draft) else ""
        is_broken = draft.phase is Phase.BREAK_GLASS
        kind, did = (KIND, "broke the glass") if is_broken else (VERB, "did what is reviewed afterwards")
        yield Finding(
            id=f"{kind}:{record.hash}",
            kind=kind,
            severity=Severity.PAGE if is_broken else Severity.TICKET,
            state=State.FAILED if is_broken else State.WAITING,
            subject=draft.target,
            what=f"{draft.actor.person} {did}: {draft.reason}; {draft.result}",
            since=draft.at,
            owner=draft.actor.person,
            todo=f"somebody else reviews it: `fedesk audit review {record.seq} --said TEXT{rotated}`",
            run=run_of(draft.target),
            link=draft.links[0] if draft.links else "",
            operation=draft.operation,
        )
