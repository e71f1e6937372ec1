"""The local log: what broken glass writes on one machine while the team's store does not answer.

It is a chain of its own, whose first record names it (``break-glass-HOST-UUID``). Once it was merged into the
team's log its last record says so, and nothing is added any more.
"""

import re
from datetime import datetime
from hashlib import sha256

from fedesk.domain.audit import Actor, AuditDraft, AuditRecord, Phase
from fedesk.domain.audit_chain import START, Mark, time_text
from fedesk.domain.front import Finding
from fedesk.domain.states import Severity, State

ACTION = "local-log"
"""The action of its first record and, once it was merged, of its last one."""
MERGE = "audit-merge"
"""The action of the team's records that say what was merged."""
KIND = "local-log"
"""The kind of the finding that there is one."""
_NAME = re.compile(r"break-glass-[A-Za-z0-9.-]+")
_UP_TO = re.compile(r"records up to (\d+), hash ([0-9a-f]{64})")
_KEPT = 3000
"""Characters of a result that go with its proof."""


def name_of(host: str, unique: str) -> str:
    """The name of a new one: of letters, digits, dots and hyphens, since a file is called by it."""
    return f"break-glass-{re.sub('[^A-Za-z0-9.-]', '-', host)}-{unique}"


def is_name(text: str) -> bool:
    """Whether a local log may be called so."""
    return _NAME.fullmatch(text) is not None


def begins(name: str, team: str, actor: Actor, at: datetime) -> AuditDraft:
    """Its first record. ``team`` is the store that does not answer."""
    return _draft(name, actor, at, Phase.START, f"{team} does not answer; to be merged into its log")


def ends(name: str, actor: Actor, at: datetime, said: str) -> AuditDraft:
    """Its last record."""
    return _draft(name, actor, at, Phase.STOP, said)


def carried(record: AuditRecord, name: str) -> str:
    """The result of the record that stands for one of a local log in the team's: with the proof of it.

    Who has the local store finds there a record of that number, whose bytes and hash are these.
    """
    said = record.draft.result
    kept = said if len(said) <= _KEPT else f"{said[:_KEPT]}…"
    digest = sha256(record.raw).hexdigest()
    at = time_text(record.draft.at)
    return f"{kept} [{name}, record {record.seq}, {at}, hash {record.hash}, SHA-256 {digest}]".lstrip()


def merges(name: str, actor: Actor, at: datetime, last: Mark) -> AuditDraft:
    """The team's record that a local log is in it up to a record."""
    return AuditDraft(
        at=at,
        actor=actor,
        environment="",
        action=MERGE,
        target=name,
        phase=Phase.CONFIGURATION,
        result=f"records up to {last.seq}, hash {last.hash}",
    )


def merged_up_to(draft: AuditDraft) -> Mark:
    """The place in a local log up to which a record of ``merges`` says that it was merged."""
    found = _UP_TO.fullmatch(draft.result)
    return START if found is None else Mark(seq=int(found[1]), hash=found[2])


def _draft(name: str, actor: Actor, at: datetime, phase: Phase, said: str) -> AuditDraft:
    return AuditDraft(
        at=at, actor=actor, environment="", action=ACTION, target=name, phase=phase, result=said
    )


def is_begin(draft: AuditDraft) -> bool:
    """Whether it is the first record of a local log."""
    return draft.action == ACTION and draft.phase is Phase.START


def is_end(draft: AuditDraft) -> bool:
    """Whether it says that its log was merged."""
    return draft.action == ACTION and draft.phase is Phase.STOP


def finding_of(first: AuditRecord) -> Finding:
    """That there is a log on this machine that the team does not see yet, by its first record."""
    draft = first.draft
    return Finding(
        id=f"{KIND}:{first.hash}",
        kind=KIND,
        severity=Severity.PAGE,
        state=State.FAILED,
        subject=draft.target,
        what=f"what {draft.actor.person} did with broken glass is in a log of this machine alone",
        since=draft.at,
        owner=draft.actor.person,
        todo="`fedesk audit merge`, once the team's store answers",
    )
