"""A local log merged into its team's: each record once, and the operations that it tells of as ended ones.

What goes to the team is one transaction, whose last record says up to where the local log is in it by then. A
merge that was cut off is done again: it finds what is there, and goes on behind it.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text

from fedesk.domain import local_log
from fedesk.domain.audit import Actor, AuditDraft, AuditRecord, Phase
from fedesk.domain.audit_chain import START, Mark, time_text
from fedesk.domain.operations import Operation
from fedesk.domain.reviews import is_wanted
from fedesk.ports.operation_store import (
    FlawedError,
    NotOneselfError,
    StoreError,
    UnderWayError,
)
from fedesk.store import audit_log, queries, tables, verifying
from fedesk.store.database import FileDatabase
from fedesk.store.postgres_store import CLAIM, FINISH, WRITE, PostgresStore, draft_json, entries_json

_NOTE = text("SELECT note(:operation, CAST(:entries AS json))")
_SUBMITTED = tuple(
    tables.operations.c[name]
    for name in (
        "operation",
        "kind",
        "environment",
        "digest",
        "plan",
        "guards",
        "confirmation",
        "confirmed_at",
    )
)
"""The columns of a proposal; the others are set by the functions that run an operation."""
_EXECUTING = frozenset({Phase.INTENT, Phase.OUTCOME, Phase.SETTLEMENT})
"""What an enforced database takes from the executor alone."""
_FENCE = 1
"""Of an operation that was claimed once."""
_LASTS = timedelta(seconds=60)
_PAGE = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What a merge came to."""

    log: str
    """Name of the local log."""
    file: Path
    """Where the local store is now."""
    records: int = 0
    """Records that were carried over now; 0 where the team had them before."""
    operations: tuple[str, ...] = ()
    """Operations that were carried over now."""
    recorded: int = 0
    """Number of the team's record that says so; 0 where nothing was written."""
    waiting: tuple[int, ...] = ()
    """Numbers of the team's records, of those carried over now, that wait for a review."""
    left: str = ""
    """Why the file is still in its place; empty where it was put aside."""


def merge(path: Path, team: PostgresStore, *, actor: Actor, at: datetime) -> Merged | None:
    """Bring the local log at a path into the team's, then put the file aside; None where there is no log.

    Raises FlawedError with the first bad record, UnderWayError where an operation of it has not ended,
    NotOneselfError where it is another person's, StoreError.
    """
    if not path.exists():
        return None
    database = FileDatabase(path)
    try:
        merged = database.write(lambda local: _merged(local, path, team, actor, at))
    finally:
        database.close()
    return None if merged is None else _put_aside(merged)


def _merged(local: Connection, path: Path, team: PostgresStore, actor: Actor, at: datetime) -> Merged | None:
    """Both sides, while nobody writes to the local one."""
    records = audit_log.tail(local, _PAGE, None, None)
    if not records:
        return None
    _check_whole(local, path)
    first, last = records[0], records[-1]
    name = first.draft.target
    if not local_log.is_begin(first.draft) or not local_log.is_name(name):
        raise StoreError(f"{path} is no local log of broken glass: it is left as it is.")
    nothing = Merged(log=name, file=path)
    if local_log.is_end(last.draft):
        return nothing
    _check_ended(local, path)
    other = next((one for one in records if one.draft.actor.person != actor.person), None)
    if other is not None:
        raise NotOneselfError(
            f"Record {other.seq} of the local log is {other.draft.actor.person}'s, and you are "
            f"{actor.person}: who did it brings it to the team, so that another one reviews it."
        )
    operations = queries.newest(local, None, (), _PAGE)[::-1]
    rows = {row.operation: row for row in local.execute(select(*_SUBMITTED))}
    carry = _Carry(name, records, operations, rows, actor, at, carries=not team.only_proposes())
    found = team.database.write(carry.into)
    said = f"merged into the log of {team.where}, up to its record {found.recorded}"
    audit_log.append(local, local_log.ends(name, actor, at, said))
    return replace(found, file=path)


def _check_whole(local: Connection, path: Path) -> None:
    found = verifying.verify(local, deep=True)
    if found.flaw is not None:
        raise FlawedError(
            f"The local log in {path} is not as it was written: record {found.flaw.seq}: {found.flaw.said}. "
            "Nothing was merged; keep the file, and show it to who reviews."
        )


def _check_ended(local: Connection, path: Path) -> None:
    for one in queries.unfinished(local):
        id_ = one.plan.operation
        raise UnderWayError(
            f"Operation {id_} in {path} has not ended: {one.said or one.stage.value}. "
            f"`fedesk operations recheck {id_}` looks it up, `fedesk operations settle {id_}` takes your "
            "word; then merge again."
        )


@dataclass(frozen=True)
class _Carry:
    """What goes from one log to the other."""

    name: str
    records: Sequence[AuditRecord]
    operations: Sequence[Operation]
    rows: dict[str, Row[*tuple[Any, ...]]]
    """Proposals as they are stored: a plan's digest is that of its bytes."""
    actor: Actor
    at: datetime
    carries: bool
    """Whether the team's store lets this role write down what was done, operations among it."""

    def into(self, team: Connection) -> Merged:
        """Write what the team does not have, in one transaction that somebody else has begun."""
        before = _merged_up_to(team, self.name)
        self._check_same(before)
        left = [one for one in self.records if one.seq > before.seq]
        if not left:
            seq = int(team.scalar(select(tables.audit_head.c.seq)) or 0)
            return Merged(log=self.name, file=Path(), recorded=seq)
        ended = {
            one.audit_outcome: one
            for one in self.operations
            if self.carries and one.audit_outcome is not None and one.audit_outcome > before.seq
        }
        for one in ended.values():
            self._propose(team, one)
        numbers = {one.seq: self._record(team, one, ended) for one in left}
        last = Mark(seq=left[-1].seq, hash=left[-1].hash)
        recorded = audit_log.append(team, local_log.merges(self.name, self.actor, self.at, last))
        return Merged(
            log=self.name,
            file=Path(),
            records=len(left),
            operations=tuple(one.plan.operation for one in ended.values()),
            recorded=recorded,
            waiting=tuple(numbers[one.seq] for one in left if is_wanted(one.draft)),
        )

    def _check_same(self, before: Mark) -> None:
        there = next((one for one in self.records if one.seq == before.seq), None)
        if before.seq and (there is None or there.hash != before.hash):
            raise FlawedError(
                f"The local log {self.name} is not the one that was merged: record {before.seq} had another "
                "hash then. Nothing more was merged; keep the file, and show it to who reviews."
            )

    def _propose(self, team: Connection, one: Operation) -> None:
        """The operation as it was confirmed, with its journal and under a lease of this transaction's."""
        id_, names = one.plan.operation, one.plan.reserves
        team.execute(insert(tables.operations), self.rows[id_]._asdict())
        if names:
            reserves = [{"operation": id_, "reserve": name} for name in dict.fromkeys(names)]
            team.execute(insert(tables.reserves), reserves)
        owner = None if one.owner is None else json.dumps(asdict(one.owner))
        claimed = {"operation": id_, "owner": owner, "dead": None, "lasts": _LASTS, "reserve": False}
        team.execute(CLAIM, claimed | {"entries": "[]"})
        team.execute(_NOTE, {"operation": id_, "entries": entries_json(one.journal)})

    def _record(self, team: Connection, one: AuditRecord, ended: Mapping[int, Operation]) -> int:
        """One record, told with the proof of the original; with it what it says of its operation."""
        draft = replace(one.draft, at=self.at, result=local_log.carried(one, self.name))
        known = {operation.plan.operation for operation in ended.values()}
        held = {"operation": draft.operation, "fence": _FENCE, "entries": "[]", "draft": draft_json(draft)}
        operation = ended.get(one.seq)
        if operation is not None and operation.outcome is not None and operation.ended_at is not None:
            ends = {
                "how": operation.outcome.value,
                "words": operation.said,
                "at": time_text(operation.ended_at),
            }
            return int(team.scalar(FINISH, held | ends)["operation"]["audit_outcome"])
        if draft.phase in _EXECUTING and draft.operation in known:
            return int(team.scalar(WRITE, held))
        if draft.phase in _EXECUTING:
            draft = _told_only(draft)
        return audit_log.append(team, draft)


def _told_only(draft: AuditDraft) -> AuditDraft:
    """What the team's store takes from its executor alone, as a record of the merge."""
    said = f"{draft.action}, {draft.phase.value}: {draft.result}"
    return replace(draft, action=local_log.MERGE, phase=Phase.CONFIGURATION, result=said)


def _merged_up_to(team: Connection, name: str) -> Mark:
    """The last record of a local log that the team has; the place before the first where it has none."""
    found = audit_log.matching(
        team,
        tables.audit.c.action == local_log.MERGE,
        tables.audit.c.phase == Phase.CONFIGURATION.value,
        tables.audit.c.target == name,
    )
    return local_log.merged_up_to(found[-1].draft) if found else START


def _put_aside(merged: Merged) -> Merged:
    """The file under the name of its log, which nobody writes to any more."""
    path = merged.file
    if path.with_name(f"{path.name}-wal").exists():
        return replace(merged, left=f"{path} is open elsewhere: end that fedesk, then merge again.")
    aside = path.with_name(f"{merged.log}.sqlite3")
    if aside.exists():
        return replace(merged, left=f"{aside} is there already: move one of both, then merge again.")
    try:
        path.rename(aside)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        said = error.strerror or type(error).__name__
        return replace(merged, left=f"{path} could not be renamed: {said}. It is merged; merge again.")
    return replace(merged, file=aside)
