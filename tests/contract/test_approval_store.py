"""Signed statements kept: with the plan, brought later, used with the claim; on a file and on a server."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from making import NOW, minutes
from operation_values import OWNER, draft_of, operation_id
from storing import LASTS, submission, told

from fedesk.domain.audit import Phase
from fedesk.ports.approving import ApprovalStore, BroughtError
from fedesk.ports.operation_store import SignedStatement, StoreError
from fedesk.store.operations import SqlStore
from fedesk.store.postgres_store import PostgresStore

if TYPE_CHECKING:
    from postgres_server import Server


@pytest.fixture(params=["sqlite", "postgresql", "person"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """A file, a database as its owner, and as the login role of one whose desk runs operations."""
    if request.param == "sqlite":
        opened = SqlStore(tmp_path / "fedesk.sqlite3")
    else:
        server: Server = request.getfixturevalue("postgres")
        team = server.fresh()
        opened = PostgresStore(server.desk(team, "mara") if request.param == "person" else team)
    yield opened
    opened.close()


def signed(number: int = 1, action: str = "approve") -> SignedStatement:
    return SignedStatement(
        nonce=f"{number:032x}",
        action=action,
        principal="ann@finedge.example",
        raw=b'{"reason":"it\'s \xc3\xa9"}',
        signature="-----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE-----\n",
        at=NOW + minutes(number),
        brought_by="mara",
    )


def test_it_is_the_port(store: SqlStore) -> None:
    """Every method of the port is there with its types (mypy reads this assignment)."""
    port: ApprovalStore = store
    assert port.statements(operation_id(1)) == ()
    assert port.used_for(()) == {}


def test_the_request_comes_with_the_plan(store: SqlStore) -> None:
    """In one transaction: what waits for others is signed by its requester, or it is not there."""
    request = signed(1, "request")
    store.submit(replace(submission(1), request=request))
    store.submit(submission(2))
    assert store.statements(operation_id(1)) == (request,)
    assert store.statements(operation_id(2)) == ()
    with pytest.raises(StoreError):
        store.submit(replace(submission(3), request=request))
    assert store.operation(operation_id(3)) is None


def test_what_is_brought_is_kept_behind_its_record(store: SqlStore) -> None:
    """Statements come back in the order in which they were brought, byte by byte."""
    given = submission()
    store.submit(given)
    for number in (2, 1):
        store.bring(operation_id(1), signed(number), told(given, Phase.APPROVAL, number=number))
    assert store.statements(operation_id(1)) == (signed(1), signed(2))
    assert [one.draft.phase for one in store.tail(9)] == [Phase.APPROVAL, Phase.APPROVAL]


def test_a_nonce_that_is_there_is_told(store: SqlStore) -> None:
    """On this operation or another: one sentence that says where it was, and nothing is on the record."""
    store.submit(submission(1))
    store.submit(submission(2))
    store.bring(operation_id(1), signed(), draft_of(Phase.APPROVAL, 1))
    for number in (1, 2):
        with pytest.raises(BroughtError, match=f"on operation {re.escape(operation_id(1))} by ann@"):
            store.bring(operation_id(number), signed(), draft_of(Phase.APPROVAL, 2))
    assert len(store.tail(9)) == 1


def test_statements_are_used_with_the_claim(store: SqlStore) -> None:
    """In its transaction, once, whoever claims it again; what is brought afterwards is used by no claim."""
    store.submit(replace(submission(1), request=signed(1, "request")))
    store.bring(operation_id(1), signed(2), draft_of(Phase.APPROVAL, 1))
    nonces = [signed(number).nonce for number in (1, 2, 3)]
    assert store.used_for(nonces) == {}
    store.claim(operation_id(1), OWNER, NOW, LASTS, dead=None)
    assert store.used_for(nonces) == dict.fromkeys(nonces[:2], operation_id(1))
    store.claim(operation_id(1), OWNER, NOW, LASTS, dead=OWNER)
    assert len(store.used_for(nonces)) == 2
