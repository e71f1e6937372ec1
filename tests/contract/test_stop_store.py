"""Stops of releases on a file and on a server: written with their record, lifted once, read by every desk."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest
from making import NOW
from operation_values import draft_of
from postgres_server import Server

from fedesk.domain.audit import AuditDraft, Phase
from fedesk.domain.releases import ReleaseStop, StopKind
from fedesk.ports.operation_store import StoreError
from fedesk.ports.stop_store import StopConflictError, UnknownStopError
from fedesk.store.operations import SqlStore
from fedesk.store.postgres_store import PostgresStore

TOKEN = "hvs." + "CAESIJ1planted9f8e7d6c5b4a39281706f5e4d3c2b1a0"
BAD = ReleaseStop(
    id="QRT-1",
    kind=StopKind.QUARANTINE,
    service="payments",
    digest="sha256:" + "ab" * 32,
    reason="doubles the rows",
    by="mara",
    at=NOW,
)


def on_record(action: str = "quarantine") -> AuditDraft:
    return draft_of(Phase.CONFIGURATION, action=action, target=BAD.id, operation="", plan_digest="")


def test_a_stop_is_read_back_and_lifted_once(again: Callable[[], SqlStore]) -> None:
    """All its fields, by every desk; lifted it says who and why, without secrets; twice is a conflict."""
    mara, jon = again(), again()
    assert mara.stops() == ()
    mara.stop(BAD, on_record())
    other = replace(BAD, id="QRT-2", service="cards")
    jon.stop(other, on_record())
    assert jon.stops() == (BAD, other)
    assert jon.stops(service="payments") == (BAD,)
    with pytest.raises(StopConflictError, match="is in quarantine already: QRT-1"):
        jon.stop(replace(BAD, id="QRT-3"), on_record())
    jon.lift_stop(BAD.id, NOW, "jon", f"fixed, {TOKEN}", on_record("lift"))
    (found,) = mara.stops(service="payments")
    assert (found.lifted_at, found.lifted_by) == (NOW, "jon")
    assert found.lifted_reason.startswith("fixed, ")
    assert TOKEN not in found.lifted_reason
    with pytest.raises(StopConflictError, match="was lifted by jon"):
        mara.lift_stop(BAD.id, NOW, "ann", "again", on_record("lift"))
    with pytest.raises(UnknownStopError, match="There is no quarantine or hold QRT-0"):
        mara.lift_stop("QRT-0", NOW, "ann", "what", on_record("lift"))
    # Quarantined again after it was lifted; what was refused has left no record.
    mara.stop(replace(BAD, id="QRT-4"), on_record())
    assert [one.seq for one in mara.tail(9)] == [1, 2, 3, 4]


def test_where_it_is_enforced_people_stop_and_the_executor_lifts(postgres: Server) -> None:
    """Who sees that a release is bad says so at once; lifting it, or a hold, is not theirs."""
    url = postgres.fresh()
    with closing(PostgresStore(url)) as store:
        store.append(on_record())
    postgres.profile(url, "enforced")
    with closing(PostgresStore(postgres.person(url, "mara"))) as mara:
        mara.stop(BAD, on_record())
        assert mara.stops() == (BAD,)
        with pytest.raises(StoreError, match="does not let your role do this"):
            mara.lift_stop(BAD.id, NOW, "mara", "fine", on_record("lift"))
        hold = replace(
            BAD, id="op-1", kind=StopKind.HOLD, environment="prod", lifted_at=NOW, lifted_by="mara"
        )
        with pytest.raises(StoreError, match="does not let your role do this"):
            mara.stop(hold, on_record("lift"))
        assert mara.stops() == (BAD,)
