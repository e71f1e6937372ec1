"""Reviews of broken glass, on a file and on a server: by somebody else, once, with their record."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from acting import make_plan, submission
from crashing import forked
from making import NOW
from operation_values import draft_of
from postgres_server import Server
from sqlalchemy import Connection

from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.domain.break_glass import EMERGENCY, VERB
from fedesk.domain.reviews import Review, ReviewError, findings_of
from fedesk.domain.roles import People, Person, Rights, Role
from fedesk.ports.operation_store import StoreError
from fedesk.ports.review_store import ReviewedError, UnknownRecordError
from fedesk.services.proposals import RefusedError
from fedesk.services.reviewing import Reviewing
from fedesk.store import audit_log
from fedesk.store.operations import SqlStore
from fedesk.store.postgres_store import PostgresStore

MARA, ANN = "mara@finedge.example", "ann@finedge.example"
TOKEN = "hvs." + "CAESIJ1planted9f8e7d6c5b4a39281706f5e4d3c2b1a0"


class StillClock:
    """NOW, for ever."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def broken(person: str = MARA, action: str = VERB, environment: str = "prod") -> AuditDraft:
    draft = draft_of(Phase.BREAK_GLASS, action=action, operation="", plan_digest="", environment=environment)
    return replace(draft, actor=actor(person), reason="02:40, nobody answers", result="overrides hold: H")


def actor(person: str) -> Actor:
    return Actor(person=person, known_by="configuration", host="desk-3", pid=4242)


def desk_of(store: SqlStore, person: str, people: People | None = None) -> Reviewing:
    rights = Rights(people=people or People(), person=person)
    return Reviewing(store=store, actor=actor(person), clock=StillClock(), rights=rights)


def author(store: SqlStore) -> str:
    """Who the store says wrote: its superuser, where it is a server."""
    (record,) = store.tail(1)
    return record.draft.actor.person


def test_it_waits_until_another_one_has_reviewed_it(again: Callable[[], SqlStore]) -> None:
    """Every desk sees it, as a finding that pages; the review is on the record, and the first one counts."""
    here, there = again(), again()
    here.append(draft_of(Phase.REFUSAL, operation="", plan_digest=""))
    here.append(broken())
    wanted = draft_of(Phase.REVIEW, action="review-wanted", operation="", plan_digest="", environment="dev")
    here.append(wanted)
    assert [one.seq for one in there.unreviewed()] == [2, 3]
    assert [one.seq for one in there.unreviewed(environment="prod")] == [2]
    assert [finding.id for finding in findings_of(there.unreviewed(), "prod")] == [
        f"break-glass:{there.unreviewed()[0].hash}"
    ]
    found = desk_of(there, ANN).review(2, f"the file was late {TOKEN}")
    assert (found.by, found.record, found.reviewed) == (ANN, 4, 2)
    assert TOKEN not in found.said
    assert [one.seq for one in here.unreviewed()] == [3]
    record = here.record(4)
    assert record is not None
    draft = record.draft
    assert (draft.phase, draft.action, draft.target) == (Phase.REVIEW, "review", "record 2")
    assert TOKEN.encode() not in record.raw
    with pytest.raises(ReviewedError, match=f"reviewed by {ANN}.*in record 4"):
        desk_of(here, ANN).review(2, "again")
    # What is refused has left no record of itself.
    head = here.tail(1)[0].seq
    with pytest.raises(StoreError):
        here.review(Review(reviewed=999, at=NOW, by=author(here), said="x"), broken())
    assert here.tail(1)[0].seq == head


def test_one_s_own_is_refused_and_recorded(again: Callable[[], SqlStore]) -> None:
    """So is that of who has no right to it, and what is no review has no record."""
    store = again()
    store.append(broken())
    store.append(broken(action=EMERGENCY))
    own = author(store)
    with pytest.raises(RefusedError, match=f"Record 1 is {own}'s own"):
        desk_of(store, own).review(1, "it was well")
    people = People({ANN: Person(principal=ANN, roles=frozenset({Role.OPERATOR}))})
    with pytest.raises(RefusedError, match="review needs the role approver or admin"):
        desk_of(store, ANN, people).review(1, "it was well")
    refused = [one.draft for one in store.tail(2)]
    assert [(one.phase, one.action, one.target) for one in refused] == [
        (Phase.REFUSAL, "review", "record 1")
    ] * 2
    with pytest.raises(UnknownRecordError):
        desk_of(store, ANN).review(99, "it was well")
    for seq, said, rotated in ((3, "x", False), (1, " ", False), (1, "x", True), (2, "x", False)):
        with pytest.raises(ReviewError):
            desk_of(store, ANN).review(seq, said, rotated=rotated)
    assert len(store.unreviewed()) == 2
    assert store.tail(1)[0].seq == 4


def test_the_database_takes_no_review_of_one_s_own(postgres: Server) -> None:
    """Past fedesk, in a session of one's own: not of oneself, in another's name, or of another record."""
    url = postgres.fresh()
    postgres.profile(url, "enforced")
    mara, ann = (PostgresStore(postgres.person(url, person)) for person in (MARA, ANN))
    try:
        glass = mara.append(broken()).audit_seq or 0
        mara.append(draft_of(Phase.OVERRIDE, operation="", plan_digest=""))
        refused = ((mara, glass, MARA), (mara, glass, ANN), (ann, glass, MARA), (ann, glass + 1, ANN))
        for store, seq, by in refused:
            with pytest.raises(StoreError):
                store.review(Review(reviewed=seq, at=NOW, by=by, said="fine"), broken(ANN))
        assert len(mara.unreviewed()) == 1
        desk_of(ann, ANN).review(glass, "it was well")
        assert mara.unreviewed() == ()
        found = ann.review_of(glass)
        assert found is not None
        assert found.by == ANN
        assert ann.verify(deep=True).flaw is None
    finally:
        mara.close()
        ann.close()


def test_the_record_of_broken_glass_is_there_with_its_operation(
    again: Callable[[], SqlStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction: killed between both there is neither; a plan confirmed twice has one record."""
    given = submission(make_plan())
    draft = replace(broken(), operation=given.plan.operation, plan_digest=given.digest)
    with_record = replace(given, records=(draft,))
    append = audit_log.append

    def killed(connection: Connection, one: AuditDraft) -> int:
        append(connection, one)
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    with monkeypatch.context() as patched:
        patched.setattr(audit_log, "append", killed)
        # A process that forks opens its own.
        assert forked(lambda: again().submit(with_record)) == signal.SIGKILL
    there = again()
    assert (there.operation(given.plan.operation), there.tail(9)) == (None, ())
    there.submit(with_record)
    with pytest.raises(StoreError, match="confirmed already"):
        there.submit(with_record)
    assert [one.draft.operation for one in there.unreviewed()] == [given.plan.operation]
    assert there.verify(deep=True).flaw is None
