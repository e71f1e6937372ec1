"""The audit log: its form, its chain, and that whatever is done to it behind fedesk's back is found."""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from making import NOW
from operation_values import OWNER, draft_of, operation_id
from rfc8785 import dumps
from storing import LASTS, claimed, entry, submission, tampered, told

from fedesk.domain.audit import Phase
from fedesk.domain.audit_chain import (
    FIELDS,
    GENESIS,
    RecordError,
    canonical_flaw,
    link,
    record_bytes,
    record_of,
    time_text,
)
from fedesk.domain.kept_text import TEXT_LIMIT
from fedesk.domain.operations import Outcome, StepState
from fedesk.domain.plans import digest_of
from fedesk.ports.operation_store import StoreError, StoreUnavailableError, Verification
from fedesk.store.operations import SqlStore

DOCUMENT = Path(__file__).parents[2] / "docs" / "audit.md"
TOKEN = "hvs." + "CAESIJ2f9s8dK31LmQx0Zr7Tt5Yw1Ub3"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "fedesk.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[SqlStore]:
    opened = SqlStore(path)
    yield opened
    opened.close()


def test_the_test_vector_of_the_documentation_holds() -> None:
    """What docs/audit.md prints as bytes and hashes is what fedesk writes and computes."""
    vector = re.findall(r"```json\n(.+)\n```\n```\n([0-9a-f]{64})\n```", DOCUMENT.read_text())
    assert len(vector) == 2
    previous = GENESIS
    for number, (text, digest) in enumerate(vector, start=1):
        raw = text.encode()
        previous = link(previous, raw)
        assert previous.hex() == digest
        record = record_of(raw, previous)
        assert record.seq == number
        assert record_bytes(record.draft, record.seq) == raw
        assert canonical_flaw(raw) == ""


def test_a_record_has_exactly_its_fields() -> None:
    """The form is that of the design: each field is there, and nothing else, in canonical bytes."""
    raw = record_bytes(draft_of(Phase.INTENT), 7)
    document = json.loads(raw)
    assert set(document) == FIELDS
    assert document["actor"] == {
        "person": "mara@finedge.example", "known_by": "configuration", "host": "desk-3", "pid": 4242
    }  # fmt: skip
    assert (document["v"], document["seq"]) == (1, 7)
    assert dumps(document) == raw


def test_times_are_utc_with_microseconds() -> None:
    """A time of another zone is the same moment in UTC; one without a zone is no moment."""
    at = datetime(2026, 11, 20, 3, 43, 10, tzinfo=timezone(timedelta(hours=1)))
    assert b'"time":"2026-11-20T02:43:10.000000Z"' in record_bytes(draft_of(Phase.ACCESS, at=at), 1)
    assert b'"time":"0001-01-01T00:00:00.000001Z"' in record_bytes(
        draft_of(Phase.ACCESS, at=datetime(1, 1, 1, microsecond=1, tzinfo=UTC)), 1
    )
    with pytest.raises(ValueError, match="no moment"):
        record_bytes(draft_of(Phase.ACCESS, at=at.replace(tzinfo=None)), 1)


def test_text_that_no_utf8_has_is_stored_as_a_mark(store: SqlStore) -> None:
    """Half of a surrogate pair and NUL do not keep a record from being written, or from being found."""
    store.append(draft_of(Phase.ACCESS, reason="a\ud800b\0c", target="t\udfff", environment="e\udc80\0"))
    (record,) = store.tail(1, environment="e\ufffd␀")
    assert (record.draft.reason, record.draft.target) == ("a\ufffdb␀c", "t\ufffd")
    assert store.verify(deep=True).flaw is None


def test_integers_that_json_readers_round_are_text() -> None:
    """Beyond 2^53 a number is written as text, so that every reader reads the same."""
    draft = draft_of(Phase.ACCESS)
    raw = record_bytes(replace(draft, actor=replace(draft.actor, pid=2**53)), 1)
    assert json.loads(raw)["actor"]["pid"] == str(2**53)
    assert record_of(raw, GENESIS).draft.actor.pid == 2**53


def test_a_reason_without_end_is_cut(store: SqlStore) -> None:
    """A megabyte pasted as a reason is kept up to the documented limit, and says that it was cut."""
    store.append(draft_of(Phase.REFUSAL, reason="word " * 200_000, result="x" * 1_000_000))
    (record,) = store.tail(1)
    assert len(record.draft.reason) <= TEXT_LIMIT
    assert record.draft.reason.endswith("word <cut>")
    assert len(record.draft.result) == TEXT_LIMIT
    assert len(record.raw) < 3 * TEXT_LIMIT
    assert f"{TEXT_LIMIT} characters" in DOCUMENT.read_text()


def test_a_secret_is_in_no_file_of_the_store(store: SqlStore, path: Path) -> None:
    """A token in a reason, a guard, what a system said, evidence or an address is hidden first."""
    given = submission()
    guard = given.guards[0]
    fact = replace(guard.facts[0], value=TOKEN)
    plan = replace(given.plan, reason=f"with {TOKEN}", notes=(TOKEN,), address=f"https://u:{TOKEN}@h")
    given = replace(
        given,
        plan=plan,
        digest=digest_of(plan),
        guards=(replace(guard, reason=f"saw {TOKEN}", facts=(fact,)),),
        confirmation=replace(given.confirmation, digest=digest_of(plan), how=TOKEN),
    )
    store.submit(given)
    lease = store.claim(plan.operation, OWNER, NOW, LASTS, dead=None)
    said = entry("clear", StepState.INTENDED, f"sent {TOKEN}")
    evidence = replace(said.evidence[0], said=TOKEN, link=f"https://h/?token={TOKEN}")
    leaky = replace(said, evidence=(evidence,), reference=TOKEN)
    audit = replace(told(given, Phase.INTENT, TOKEN), reason=TOKEN, links=(f"https://u:{TOKEN}@h",))
    store.write(lease, [leaky], audit)
    store.end(lease, Outcome.FAILED, f"said {TOKEN}", NOW, [leaky], replace(audit, phase=Phase.OUTCOME))
    assert store.verify(deep=True).flaw is None
    store.close()
    kept = b"".join(one.read_bytes() for one in path.parent.iterdir())
    assert TOKEN.encode() not in kept
    assert kept.count(b"[hidden: ") >= 14


def test_a_secret_that_would_be_sent_is_not_stored(store: SqlStore) -> None:
    """A call's arguments cannot be altered, so a plan with a secret there is refused, by its place."""
    given = submission()
    effect = given.plan.effects[0]
    call = replace(effect.call, args={"parameters": {"API_TOKEN": TOKEN}})
    plan = replace(given.plan, effects=(replace(effect, call=call),))
    digest = digest_of(plan)
    leaky = replace(given, plan=plan, digest=digest, confirmation=replace(given.confirmation, digest=digest))
    with pytest.raises(StoreError, match=r"parameters\.API_TOKEN") as refused:
        store.submit(leaky)
    assert TOKEN not in str(refused.value)
    assert store.operations() == ()


def test_records_are_numbered_and_chained(store: SqlStore) -> None:
    """Each hash is over the one before and the stored bytes; numbers are 1, 2, 3 and come with the write."""
    numbers = [store.append(draft_of(Phase.REFUSAL, number)).audit_seq for number in range(1, 1203)]
    assert numbers == list(range(1, 1203))
    previous = GENESIS
    seen = 0
    for seen, record in enumerate(store.stream(), start=1):
        previous = link(previous, record.raw)
        assert (record.seq, record.hash) == (seen, previous.hex())
    assert seen == 1202
    assert store.verify(deep=True) == Verification(records=1202, head=previous.hex(), flaw=None, deep=True)


def test_the_newest_records_come_oldest_first(store: SqlStore) -> None:
    """A tail is the end of the log, of one environment or one operation where that is asked."""
    for number in range(1, 7):
        environment = "prod" if number % 2 else "dev"
        store.append(draft_of(Phase.REFUSAL, number, environment=environment))
    assert [one.seq for one in store.tail(2)] == [5, 6]
    assert [one.seq for one in store.tail(2, environment="dev")] == [4, 6]
    assert [one.seq for one in store.tail(9, operation=operation_id(3))] == [3]
    assert store.tail(9, environment="prod", operation=operation_id(2)) == ()
    record = store.record(3)
    assert record is not None
    assert record.draft == draft_of(Phase.REFUSAL, 3)
    assert store.record(7) is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET record = x'7b7d' WHERE seq = 2",
        "UPDATE audit SET seq = 9 WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 3",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit (seq, record, hash) SELECT seq, record, hash FROM audit WHERE seq = 2",
        "INSERT INTO audit (seq, record, hash) SELECT 9, record, hash FROM audit WHERE seq = 2",
        "UPDATE audit_head SET seq = 1",
        "UPDATE audit_head SET seq = 9",
        "DELETE FROM audit_head",
        "UPDATE audit SET person = 'eve' WHERE seq = 2",
    ],
)
def test_the_database_itself_refuses_to_alter_the_log(store: SqlStore, path: Path, statement: str) -> None:
    """No statement updates or deletes a record, puts one out of order, or sets a column beside the bytes."""
    for number in range(1, 4):
        store.append(draft_of(Phase.REFUSAL, number))
    before = list(store.stream())
    with closing(sqlite3.connect(path)) as database, pytest.raises(sqlite3.Error):
        database.execute(statement)
    assert list(store.stream()) == before


def test_an_operation_has_one_intent(store: SqlStore) -> None:
    """A second intent of an operation is refused by the store, and nothing of its write is kept."""
    lease = claimed(store)
    store.write(lease, [entry("clear", StepState.INTENDED)], told(submission(), Phase.INTENT))
    with pytest.raises(StoreError, match="intent in the audit log already"):
        store.write(lease, [entry("clear", StepState.INTENDED)], told(submission(), Phase.INTENT))
    assert [one.seq for one in store.stream()] == [1]
    found = store.operation(operation_id(1))
    assert found is not None
    assert len(found.journal) == 2
    assert store.append(draft_of(Phase.REFUSAL)).audit_seq == 2


def test_a_result_begins_with_the_word_of_the_outcome(store: SqlStore) -> None:
    """The log tells how an operation ended by itself, whatever sentence came with it."""
    lease = claimed(store)
    store.write(lease, [], told(submission(), Phase.INTENT))
    store.end(lease, Outcome.FAILED, "no", NOW, [], told(submission(), Phase.OUTCOME, "Airflow said no"))
    assert store.tail(1)[0].draft.result == "failed: Airflow said no"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "no JSON"),
        (b"[" * 200_000, "no JSON"),
        (b"[]", "no audit record"),
        (b'{"actor":{},"v":2}', "of version 2"),
        (b'{"actor":{},"v":1}', "KeyError"),
        (b'\xff{"actor"', "no JSON"),
    ],
    ids=["empty", "deep", "list", "newer", "bare", "no text"],
)
def test_bytes_that_are_no_record_say_so(raw: bytes, why: str) -> None:
    """Whatever lies where a record should be ends in one kind of error."""
    with pytest.raises(RecordError, match=why):
        record_of(raw, GENESIS)


def test_a_store_that_is_not_there_has_an_empty_log(store: SqlStore, path: Path) -> None:
    """Reading makes no file; no record is no flaw."""
    assert store.tail(5) == ()
    assert list(store.stream()) == []
    assert store.record(1) is None
    assert store.verify(deep=True) == Verification(records=0, head="0" * 64, flaw=None, deep=True)
    assert not path.parent.exists()


def test_a_record_that_cannot_be_read_is_named(store: SqlStore, path: Path) -> None:
    """Where bytes are damaged, reading them ends in a sentence that leads to ``audit verify``."""
    store.append(draft_of(Phase.REFUSAL))
    tampered(
        path,
        "DROP INDEX audit_by_operation",
        "DROP INDEX audit_by_environment",
        "DROP INDEX audit_one_intent",
    )
    tampered(path, "UPDATE audit SET record = x'7b7d'")
    with pytest.raises(
        StoreUnavailableError, match=r"Record 1 of the audit log cannot be read.*audit verify"
    ):
        store.tail(1)


@pytest.mark.parametrize(
    ("altered", "said"),
    [
        (lambda raw: raw, ""),
        (lambda raw: b" " + raw, "its bytes are not in the canonical form of RFC 8785"),
        (lambda raw: raw[:-1], "it is no JSON"),
        (lambda _: b"[1]", "it is no audit record"),
        (
            lambda raw: raw.replace(b'"v":1', b'"v":1,"w":1'),
            "it has other fields than a record of version 1 has",
        ),
        (lambda raw: raw.replace(b'"pid"', b'"pie"'), "it has other fields than a record of version 1 has"),
    ],
    ids=["as written", "blank", "cut", "list", "field", "field of the actor"],
)
def test_what_is_not_as_it_would_be_written_is_told(altered: Callable[[bytes], bytes], said: str) -> None:
    """Whitespace, another field, or no record at all: the deep check says which it is."""
    assert canonical_flaw(altered(record_bytes(draft_of(Phase.INTENT), 1))) == said


def test_a_record_tells_its_time_in_utc(elsewhere: None) -> None:
    """With six digits of a second and a Z, whatever zone the moment and the machine are of."""
    del elsewhere
    there = datetime(2026, 11, 20, 11, 43, 10, tzinfo=timezone(timedelta(hours=9)))
    assert time_text(there) == "2026-11-20T02:43:10.000000Z"


@pytest.mark.parametrize(
    ("pid", "kept"),
    [(2**53 - 1, 2**53 - 1), (1 - 2**53, 1 - 2**53), (2**53, str(2**53)), (-(2**53), str(-(2**53)))],
)
def test_integers_that_not_every_reader_understands_are_text(pid: int, kept: object) -> None:
    """Up to 2^53 - 1 they are numbers, beyond it text (RFC 8785, appendix D)."""
    draft = draft_of(Phase.ACCESS)
    raw = record_bytes(replace(draft, actor=replace(draft.actor, pid=pid)), 1)
    assert json.loads(raw)["actor"]["pid"] == kept
