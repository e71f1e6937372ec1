"""A local log of broken glass and its way into a team's log: whole, once, and nothing else."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from acting import ACTOR, LineWorld, Rig, Script, make_plan, submission
from making import NOW, minutes
from operation_values import draft_of
from postgres_server import Server
from storing import tampered

from fedesk.domain import local_log
from fedesk.domain.audit import AuditDraft, Phase
from fedesk.domain.operations import Outcome
from fedesk.ports.errors import UnreachableError
from fedesk.ports.operation_store import (
    FlawedError,
    NotOneselfError,
    Spending,
    StoreError,
    StoreUnavailableError,
    UnderWayError,
)
from fedesk.store import merging
from fedesk.store.local import LocalStore, unmerged
from fedesk.store.merging import Merged, merge
from fedesk.store.postgres_store import PostgresStore

NAME = "break-glass-desk-3-0193a1b2"
ALTERED = (
    "UPDATE audit SET record = CAST(replace(CAST(record AS TEXT), 'INC-2207', 'INC-2208') AS BLOB)"
    " WHERE seq = 2"
)
ONE, OTHER = "0193a1b2-1111", "0193a1b2-2222"


def begins() -> AuditDraft:
    return local_log.begins(NAME, "postgresql://mara@db/fedesk", ACTOR, NOW)


class Night:
    """What one did while the team's store was away, and the two stores."""

    def __init__(self, folder: Path, postgres: Server, *, profile: str = "advisory") -> None:
        self.file = folder / "break-glass.sqlite3"
        self.url = postgres.fresh()
        postgres.profile(self.url, profile)
        self.team = PostgresStore(postgres.person(self.url, ACTOR.person))
        self.local = LocalStore(self.file, begins)
        self.rig = Rig(store=self.local, world=LineWorld(folder / "lines"))

    def close(self) -> None:
        self.local.close()
        self.team.close()

    def done(self, operation: str, **given: object) -> None:
        """One operation with its record of broken glass, executed."""
        plan = make_plan(operation=operation, reason="nobody answers", **given)
        asked = submission(plan)
        self.local.append(
            replace(draft_of(Phase.BREAK_GLASS, operation=operation, plan_digest=asked.digest), actor=ACTOR)
        )
        self.local.submit(replace(asked, confirmation=replace(asked.confirmation, break_glass=True)))
        self.rig.execute(operation)

    def merge(self) -> Merged | None:
        self.local.close()
        return merge(self.file, self.team, actor=ACTOR, at=NOW + minutes(60))

    def carried(self) -> list[str]:
        """What the team's log has of the night, verified."""
        assert self.team.verify(deep=True).flaw is None
        return [one.draft.phase.value for one in self.team.stream() if f"[{NAME}, " in one.draft.result]


@pytest.fixture
def night(tmp_path: Path, postgres: Server) -> Iterator[Night]:
    with closing(Night(tmp_path, postgres)) as made:
        yield made


def fails(*_: object, **__: object) -> object:
    raise KeyboardInterrupt


WHOLE = ["start", "break-glass", "intent", "outcome"]
SEAMS: list[Callable[[pytest.MonkeyPatch], None]] = [
    lambda patch: patch.setattr(local_log, "merges", fails),
    lambda patch: patch.setattr(local_log, "ends", fails),
    lambda patch: patch.setattr(merging, "_put_aside", fails),
]
"""Before the team's transaction is committed, behind it, and behind the local one."""


@pytest.mark.parametrize("seam", SEAMS, ids=["within", "between", "behind"])
def test_killed_at_any_seam_it_goes_on_and_doubles_nothing(
    night: Night, monkeypatch: pytest.MonkeyPatch, seam: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """Killed before the team's commit, between both, or behind them: each record is there once."""
    night.done(ONE)
    with monkeypatch.context() as patched:
        seam(patched)
        with pytest.raises(KeyboardInterrupt):
            night.merge()
    is_within = seam is SEAMS[0]
    assert night.carried() == ([] if is_within else WHOLE)
    assert (unmerged(night.file) is None) is (seam is SEAMS[2])
    found = night.merge()
    assert found is not None
    assert (found.records, found.left) == (4 if is_within else 0, "")
    assert night.carried() == WHOLE
    operation = night.team.operation(ONE)
    assert operation is not None
    assert (operation.outcome, operation.confirmation.break_glass) == (Outcome.SUCCEEDED, True)
    assert [one.draft.operation for one in night.team.unreviewed()] == [ONE]
    (_, reserve), since = operation.plan.targets[0].reserves, NOW - minutes(60)
    spending = Spending(kind=operation.plan.kind, reserve=reserve, since=since)
    standing = night.team.standing((reserve,), besides="", spending=spending)
    assert (standing.holder, standing.spent) == (None, 1)
    assert (night.file.exists(), found.file.exists()) == (False, True)
    assert night.merge() is None


def test_what_grew_behind_a_cut_merge_follows(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    """The team was away again before the file was put aside: the next merge carries what is new alone."""
    night.done(ONE)
    with monkeypatch.context() as patched:
        SEAMS[1](patched)
        with pytest.raises(KeyboardInterrupt):
            night.merge()
    night.local = LocalStore(night.file, begins)
    night.rig.store = night.local
    night.done(OTHER)
    found = night.merge()
    assert found is not None
    assert (found.records, found.operations) == (3, (OTHER,))
    assert night.carried() == [*WHOLE, *WHOLE[1:]]
    assert [one.plan.operation for one in night.team.operations()] == [OTHER, ONE]


def test_what_was_altered_is_not_merged(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record's bytes: the first bad one is named. A log written anew behind a merge: where it parts."""
    night.done(ONE)
    night.local.close()
    kept = night.file.read_bytes()
    tampered(night.file, ALTERED)
    with pytest.raises(FlawedError, match="not as it was written: record 2: its hash"):
        night.merge()
    assert night.carried() == []
    night.file.write_bytes(kept)
    with monkeypatch.context() as patched:
        SEAMS[1](patched)
        with pytest.raises(KeyboardInterrupt):
            night.merge()
    night.file.unlink()
    forged = LocalStore(night.file, begins)
    for number in range(4):
        forged.append(replace(draft_of(Phase.ACCESS, number, operation=""), actor=ACTOR))
    forged.close()
    with pytest.raises(FlawedError, match="record 4 had another hash"):
        night.merge()
    assert night.carried() == WHOLE


def test_it_is_merged_by_who_did_it_once_all_of_it_has_ended(night: Night) -> None:
    """An unknown end is settled there first; another person, and a file that is none, are refused."""
    night.rig = Rig(
        store=night.local,
        world=night.rig.world,
        script=Script(after=UnreachableError("no answer"), always_unknown=True),
    )
    night.done(ONE)
    with pytest.raises(UnderWayError, match=f"Operation {ONE} .*operations recheck {ONE}"):
        night.merge()
    night.local = LocalStore(night.file, begins)
    settled = Rig(store=night.local, world=night.rig.world)
    assert settled.recheck(ONE).outcome is Outcome.SUCCEEDED
    other = replace(ACTOR, person="ann")
    with pytest.raises(NotOneselfError, match="is mara's, and you are ann"):
        merge(night.file, night.team, actor=other, at=NOW)
    assert night.carried() == []
    found = night.merge()
    assert found is not None
    assert night.carried() == [*WHOLE, "settlement"]
    with (
        closing(LocalStore(found.file, begins)) as aside,
        pytest.raises(StoreUnavailableError, match="merged"),
    ):
        aside.append(begins())
    with closing(LocalStore(night.file, lambda: replace(begins(), target="../x"))) as none:
        none.check()
        assert unmerged(night.file) is None
        assert night.merge() is None
        none.append(replace(begins(), action="rerun"))
    with pytest.raises(StoreError, match="is no local log"):
        merge(night.file, night.team, actor=ACTOR, at=NOW)


def test_an_enforced_store_takes_the_records_alone(tmp_path: Path, postgres: Server) -> None:
    """What was sent is told by records of the merge; the operation stays in the file; the review is asked."""
    with closing(Night(tmp_path, postgres, profile="enforced")) as night:
        night.done(ONE)
        found = night.merge()
        assert found is not None
        assert (found.records, found.operations, found.left) == (4, (), "")
        assert night.carried() == ["start", "break-glass", "configuration", "configuration"]
        intent, outcome = [one.draft for one in night.team.tail(3)][:2]
        assert (intent.action, intent.operation) == ("audit-merge", ONE)
        assert (intent.result[:14], outcome.result[:25]) == ("rerun, intent:", "rerun, outcome: succeeded")
        assert [one.seq for one in night.team.unreviewed()] == list(found.waiting)
