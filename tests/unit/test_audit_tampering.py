"""Whatever is done to the audit log behind fedesk's back is found, and the first bad record is named."""

import json
import random
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from operation_values import draft_of, operation_id
from rfc8785 import dumps
from storing import carried_out, claimed, entry, submission, tampered, told

from fedesk.domain.audit import Phase
from fedesk.domain.audit_chain import GENESIS, link, record_bytes
from fedesk.domain.operations import Outcome, StepState
from fedesk.ports.operation_store import StoreUnavailableError, Verification
from fedesk.store.operations import SqlStore

SAMPLE = 120
"""Bytes of the file that are altered, one at a time."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed store of two operations and forty refusals: 44 records in one file."""
    path = tmp_path_factory.mktemp("kept") / "fedesk.sqlite3"
    store = SqlStore(path)
    for number in range(1, 21):
        store.append(draft_of(Phase.REFUSAL, number, reason=f"INC-{number} " * number))
    carried_out(store, 1)
    carried_out(store, 2, Outcome.UNKNOWN)
    for number in range(21, 41):
        store.append(draft_of(Phase.REFUSAL, number))
    assert store.verify(deep=True).flaw is None
    store.close()
    return path


@pytest.fixture
def path(kept: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(kept, tmp_path / "fedesk.sqlite3"))


def verified(path: Path, *, deep: bool = False) -> Verification:
    store = SqlStore(path)
    try:
        return store.verify(deep=deep)
    finally:
        store.close()


def flaw_of(path: Path, *, deep: bool = False) -> tuple[int, str]:
    """The first bad record, and what is said of it; the good ones before it are counted."""
    found = verified(path, deep=deep)
    assert found.flaw is not None
    assert found.records == found.flaw.seq - 1
    return found.flaw.seq, found.flaw.said


def test_an_untouched_log_is_good(path: Path) -> None:
    """All 44 records, up to the head's own hash."""
    found = verified(path, deep=True)
    assert (found.records, found.flaw) == (44, None)
    with closing(sqlite3.connect(path)) as database:
        assert found.head == database.execute("SELECT hex(hash) FROM audit_head").fetchone()[0].lower()


ROWS = {
    "bytes": ("UPDATE audit SET record = CAST(replace(record, 'mara', 'marb') AS BLOB) WHERE seq = 7", 7),
    "bytes of the first": ("UPDATE audit SET record = CAST(record || ' ' AS BLOB) WHERE seq = 1", 1),
    "bytes of the last": ("UPDATE audit SET record = CAST(record || ' ' AS BLOB) WHERE seq = 44", 44),
    "its hash": ("UPDATE audit SET hash = zeroblob(32) WHERE seq = 12", 12),
    "taken out": ("DELETE FROM audit WHERE seq = 30", 30),
    "the first taken out": ("DELETE FROM audit WHERE seq = 1", 1),
    "tail cut off": ("DELETE FROM audit WHERE seq > 40", 41),
    "all taken out": ("DELETE FROM audit", 1),
    "moved": ("UPDATE audit SET seq = CASE seq WHEN 8 THEN 9000 ELSE seq END", 8),
    "put in at the end": (
        "INSERT INTO audit (seq, record, hash) SELECT 45, record, hash FROM audit WHERE seq = 3", 45
    ),
    "put in before": (
        "INSERT INTO audit (seq, record, hash) SELECT 0, record, hash FROM audit WHERE seq = 3", 1
    ),
    "head set back": ("UPDATE audit_head SET seq = 43", 44),
    "head moved on": ("UPDATE audit_head SET seq = 45", 45),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_tampering_by_row_is_found_and_named(path: Path, name: str) -> None:
    """A record that was altered, taken out, put in or moved is the first that is named."""
    statement, expected = ROWS[name]
    tampered(path, statement)
    assert flaw_of(path)[0] == expected
    assert flaw_of(path, deep=True)[0] == expected


def test_two_records_that_changed_places_are_found(path: Path) -> None:
    """Order is part of the chain: right numbers on exchanged bytes are found at the first."""
    tampered(
        path,
        "UPDATE audit SET seq = -5 WHERE seq = 5",
        "UPDATE audit SET seq = 5 WHERE seq = 6",
        "UPDATE audit SET seq = 6 WHERE seq = -5",
    )
    assert flaw_of(path) == (5, "its hash is not that of its bytes after the record before it")


def test_a_hash_of_the_head_alone_is_found(path: Path) -> None:
    """The head must have the last record's hash; which of the two is forged cannot be told."""
    tampered(path, "UPDATE audit_head SET hash = zeroblob(32)")
    assert flaw_of(path) == (44, "the head of the log has another hash than its last record")


def test_a_head_that_is_gone_is_found(path: Path) -> None:
    """A log without a head is not as it should be, whatever its records are."""
    tampered(path, "DELETE FROM audit_head")
    found = verified(path)
    assert found.flaw is not None
    assert (found.records, found.flaw.said) == (44, "the log has 0 heads instead of one")
    store = SqlStore(path)
    with pytest.raises(StoreUnavailableError, match="has lost its head"):
        store.append(draft_of(Phase.ACCESS))
    store.close()


def rewritten_from(path: Path, seq: int, raw: bytes) -> None:
    """Replace one record and compute all hashes anew, as somebody would who knows how."""
    with closing(sqlite3.connect(path)) as database:
        records = dict(database.execute("SELECT seq, record FROM audit"))
    records[seq] = raw
    previous, statements = GENESIS, []
    for number in sorted(records):
        previous = link(previous, records[number])
        values = f"record = x'{records[number].hex()}', hash = x'{previous.hex()}'"
        statements.append(f"UPDATE audit SET {values} WHERE seq = {number}")  # noqa: S608 - of a test
    statements.append(f"UPDATE audit_head SET hash = x'{previous.hex()}'")  # noqa: S608 - of a test
    tampered(path, "DROP INDEX audit_one_intent", *statements)


RECORD = record_bytes(draft_of(Phase.REFUSAL), 9)
REWRITTEN = {
    "not canonical": (RECORD.replace(b",", b", ", 1), "canonical"),
    "a name twice": (RECORD[:-1] + b',"v":1}', "canonical"),
    "a field more": (dumps({"x": 1} | json.loads(RECORD)), "other fields"),
    "a newer version": (RECORD.replace(b'"v":1', b'"v":2'), "version 2"),
    "another number": (RECORD.replace(b'"seq":9', b'"seq":8'), "it is number 8"),
    "an unknown phase": (RECORD.replace(b"refusal", b"rebuttal"), "no audit record"),
    "another intent": (record_bytes(told(submission(1), Phase.INTENT), 9), "said to be record|second intent"),
    "of no operation": (record_bytes(draft_of(Phase.OUTCOME, 77), 9), "which is not in the store"),
    "of another plan": (
        record_bytes(draft_of(Phase.SETTLEMENT, operation=operation_id(1)), 9), "another plan"
    ),
    "another end": (
        record_bytes(told(submission(1), Phase.OUTCOME, "failed: no"), 9), "second final outcome"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REWRITTEN)
def test_a_rewritten_record_is_found_by_looking_deeper(path: Path, name: str) -> None:
    """A chain that was computed anew is whole; form, numbers and operations still give the forgery away."""
    raw, why = REWRITTEN[name]
    rewritten_from(path, 9, raw)
    assert verified(path).flaw is None
    found = verified(path, deep=True)
    assert found.flaw is not None
    assert re.search(why, found.flaw.said)


OPERATIONS = {
    "plan": (
        "UPDATE operations SET plan = CAST(replace(CAST(plan AS TEXT), 'dbt_test', 'dbt_tess') AS BLOB)",
        "its plan is not the one that was confirmed",
    ),
    "digest": ("UPDATE operations SET digest = printf('%064d', 0)", "another plan"),
    "outcome": ("UPDATE operations SET outcome = 'failed' WHERE outcome = 'succeeded'", "the log says"),
    "intent": ("UPDATE operations SET audit_intent = 3", "no such record"),
    "no intent": ("UPDATE operations SET audit_intent = NULL", "no such record"),
    "end": ("UPDATE operations SET audit_outcome = 3", "no such record"),
    "not ended": (
        "UPDATE operations SET audit_outcome = NULL, outcome = NULL, stage = 'running'", "does not say so"
    ),
    "gone": ("DELETE FROM operations", "not in the store"),
    "a trigger": ("CREATE TRIGGER mine AFTER INSERT ON audit BEGIN SELECT 1; END", "mine"),
    "an index": ("DROP INDEX audit_one_intent", "audit_one_intent"),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_and_log_have_to_agree(path: Path, name: str) -> None:
    """An operation that was altered beside the log, and guards taken away, are found by looking deeper."""
    statement, why = OPERATIONS[name]
    tampered(path, statement)
    assert verified(path).flaw is None
    found = verified(path, deep=True)
    assert found.flaw is not None
    assert why in found.flaw.said


def test_a_trigger_that_was_taken_away_is_found(path: Path) -> None:
    """Somebody who wants to alter the log takes its guards away first."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TRIGGER audit_no_update")
    found = verified(path, deep=True)
    assert found.flaw is not None
    assert "audit_no_update" in found.flaw.said


def test_what_was_sent_without_a_record_is_found(tmp_path: Path) -> None:
    """No audit, no action: an intent in the journal that the log does not know is named."""
    store = SqlStore(tmp_path / "fedesk.sqlite3")
    lease = claimed(store)
    store.write(lease, [entry("clear", StepState.INTENDED)])
    found = store.verify(deep=True)
    store.close()
    assert found.flaw is not None
    assert found.flaw.said == f"operation {operation_id(1)}: it was sent, and no record says so"


def _outcome_of(path: Path, untouched: list[object]) -> str:
    """``found``, ``refused``, or ``harmless``: every record reads as before."""
    store = SqlStore(path)
    try:
        if store.verify(deep=True).flaw is not None:
            return "found"
        return "harmless" if list(store.stream()) == untouched else "missed"
    except StoreUnavailableError:
        return "refused"
    finally:
        store.close()


def _offsets(raw: bytes) -> list[int]:
    """A seeded sample over the file, as many again over where records are, and the file's first bytes."""
    chance = random.Random(20261120)  # noqa: S311 - a sample that is the same each time
    records = [match.start() for match in re.finditer(rb'\{"action":', raw)]
    anywhere = [chance.randrange(len(raw)) for _ in range(SAMPLE)]
    among_records = [chance.choice(records) + chance.randrange(500) for _ in range(SAMPLE)]
    return [*range(0, 100, 5), *anywhere, *among_records]


def test_any_altered_byte_is_found_or_harmless(kept: Path, path: Path) -> None:
    """Byte by byte over a sample: found, or refused, or every record reads as before; no traceback."""
    store = SqlStore(kept)
    untouched: list[object] = list(store.stream())
    store.close()
    raw = kept.read_bytes()
    counts = dict.fromkeys(("found", "refused", "harmless", "missed"), 0)
    for offset in _offsets(raw):
        path.write_bytes(raw[:offset] + bytes([raw[offset] ^ 0x15]) + raw[offset + 1 :])
        counts[_outcome_of(path, untouched)] += 1
    assert counts["missed"] == 0
    assert counts["found"] > SAMPLE


def test_any_altered_byte_of_a_record_is_found_by_the_chain(kept: Path, path: Path) -> None:
    """Without looking deeper: each record in turn, one byte of it at a time."""
    raw = kept.read_bytes()
    chance = random.Random(7)  # noqa: S311 - a sample that is the same each time
    with closing(sqlite3.connect(kept)) as database:
        records = database.execute("SELECT seq, record, hash FROM audit").fetchall()
    for seq, record, digest in records:
        for part in (record, digest):
            # A record that spans pages is found by its beginning.
            offset = raw.index(part[:32]) + chance.randrange(32)
            if part is record:
                offset = raw.index(b'"seq":%d,' % seq)
            path.write_bytes(raw[:offset] + bytes([raw[offset] ^ 1]) + raw[offset + 1 :])
            assert flaw_of(path)[0] == seq


@pytest.mark.parametrize("kind", ["zeroed", "cut", "random"])
def test_damaged_pages_are_found_or_refused(kept: Path, path: Path, kind: str) -> None:
    """Each page in turn zeroed or overwritten, or the file cut there: never a traceback, never unnoticed."""
    store = SqlStore(kept)
    untouched: list[object] = list(store.stream())
    store.close()
    raw = kept.read_bytes()
    chance = random.Random(3)  # noqa: S311 - a sample that is the same each time
    for start in range(0, len(raw), 4096):
        page = {"zeroed": bytes(4096), "cut": b"", "random": chance.randbytes(4096)}[kind]
        path.write_bytes(raw[:start] + page + (b"" if kind == "cut" else raw[start + 4096 :]))
        outcome = _outcome_of(path, untouched)
        # A file cut down to nothing is an empty store: only an anchor outside could tell.
        assert outcome in ({"missed"} if kind == "cut" and start == 0 else {"found", "refused"}), start
