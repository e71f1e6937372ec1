"""What a checkpoint says, how it is written, and what the rules make of it and a chain."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from time import tzset
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedesk.domain.audit_chain import Mark
from fedesk.domain.checkpoints import (
    Bad,
    Chain,
    Checkpoint,
    CheckpointError,
    Signature,
    Signed,
    Witness,
    checkpoint_bytes,
    forgotten,
    gravest,
    judged,
    line_of,
    remembered,
    signed_of,
)

FIRST = "77a3f09e1bc072ad4c31a08f98861813ab4f91ea3b3500ccc26b2e97f52f192d"
SECOND = "d7086b6f038e300d441cef05f6758919a32be3d8a2f254445ff47ed4cbc57f90"
AT = datetime(2026, 11, 20, 2, 44, tzinfo=UTC)
CHECKPOINT = Checkpoint(log="fedesk", first=FIRST, mark=Mark(seq=2, hash=SECOND), at=AT)
SIGNATURE = Signature(by="ssh:mara@finedge.example", text="-----BEGIN SSH SIGNATURE-----\n…")


def test_the_bytes_are_those_of_the_documentation() -> None:
    """The test vector of docs/audit.md: names sorted, no white space, what is signed."""
    assert checkpoint_bytes(CHECKPOINT) == (
        b'{"first":"77a3f09e1bc072ad4c31a08f98861813ab4f91ea3b3500ccc26b2e97f52f192d",'
        b'"hash":"d7086b6f038e300d441cef05f6758919a32be3d8a2f254445ff47ed4cbc57f90",'
        b'"log":"fedesk","seq":2,"time":"2026-11-20T02:44:00.000000Z","v":1}'
    )


@pytest.mark.parametrize("signature", [None, SIGNATURE])
def test_a_line_is_read_back_as_it_was_written(signature: Signature | None) -> None:
    """One line, whatever is in a signature, and the same value from it."""
    line = line_of(Signed(checkpoint=CHECKPOINT, signature=signature))
    assert b"\n" not in line
    assert signed_of(line) == Signed(checkpoint=CHECKPOINT, signature=signature)


def altered(**changes: Any) -> bytes:
    document = json.loads(line_of(Signed(checkpoint=CHECKPOINT, signature=SIGNATURE)))
    for key, value in changes.items():
        place = document if key in document else document["checkpoint"]
        place[key] = value
    return json.dumps(document).encode()


HOSTILE = {
    "nothing": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "deep": b"[" * 30_000,
    "long": b" " * 70_000,
    "broken UTF-8": b'{"schema":"\xff"}',
    "another schema": altered(schema="fedesk-checkpoint/2"),
    "another version": altered(v=2),
    "a version of another kind": altered(v=[]),
    "a long version": altered(v="9" * 50),
    "a field more": altered(extra=1),
    "a field more around it": altered().replace(b"{", b'{"extra": 1, ', 1),
    "no number": altered(seq="2"),
    "true": altered(seq=True),
    "zero": altered(seq=0),
    "beyond 2^53": altered(seq=2**60),
    "a short hash": altered(hash="ab"),
    "an upper-case hash": altered(hash=SECOND.upper()),
    "no first": altered(first=None),
    "a log with escapes": altered(log="\x1b[31m"),
    "a log with a slash": altered(log="../x"),
    "no moment": altered(time="2026-13-40T99:00:00.000000Z"),
    "a moment without zone": altered(time="2026-11-20T02:44:00.000000"),
    "no checkpoint": altered(checkpoint=3),
    "a signer that is none": altered(by="root"),
    "a signer with a line end": altered(by="ssh:a\nb"),
    "half a signature": altered(signature=None),
    "a signature with NUL": altered(signature="a\0b"),
}


FIELDS_SAID, SIGNER_SAID = "it has other fields than a checkpoint has", "who signed it cannot be told"
SAID = {
    "nothing": "it is no JSON",
    "long": "it has more than 65536 bytes",
    "another schema": "it is no document of fedesk-checkpoint/1",
    "another version": "it is of version 2, and this fedesk knows 1",
    "a long version": f"it is of version {'9' * 20}, and this fedesk knows 1",
    "a field more": FIELDS_SAID,
    "a field more around it": FIELDS_SAID,
    "no checkpoint": FIELDS_SAID,
    "zero": "its seq is none",
    "a short hash": "its hash is none",
    "no first": "its first is none",
    "no moment": "its time is none",
    "a moment without zone": "its time is none",
    "a signer that is none": SIGNER_SAID,
    "half a signature": SIGNER_SAID,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_checkpoint_is_one_phrase(name: str) -> None:
    """A sink is written by whoever can: nothing that lies there ends the check with anything else."""
    with pytest.raises(CheckpointError) as caught:
        signed_of(HOSTILE[name])
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 200
    assert str(caught.value) == SAID.get(name, str(caught.value))


@pytest.mark.parametrize("seq", [1, 2**53 - 1])
def test_a_record_has_any_number_that_json_can_hold(seq: int) -> None:
    """From 1 to 2^53 - 1 (RFC 8785), in a line of at most 64 KiB; times are UTC."""
    line = altered(seq=seq)
    assert signed_of(line.ljust(64 * 1024)).checkpoint == replace(CHECKPOINT, mark=Mark(seq=seq, hash=SECOND))
    assert signed_of(line).checkpoint.at.tzinfo is UTC


def hash_of(seq: int, world: int = 0) -> str:
    return sha256(f"{world} {seq}".encode()).hexdigest()


def witness(seq: int, *, world: int = 0, hours: int | None = None) -> Witness:
    """What was anchored of record ``seq`` in one of several possible histories."""
    return Witness(
        checkpoint=Checkpoint(
            log="fedesk",
            first=hash_of(1),
            mark=Mark(seq=seq, hash=hash_of(seq, world)),
            at=AT + timedelta(hours=seq if hours is None else hours),
        ),
        where="file x",
    )


def chain(length: int, *, rewritten_from: int = 10**9, whole: bool = True) -> Chain:
    """A chain that is another history's from some record on."""
    hashes = {seq: hash_of(seq, int(seq >= rewritten_from)) for seq in range(1, length + 1)}
    return Chain(length=length, whole=whole, hashes=hashes)


def test_a_log_that_agrees_is_vouched_for_by_the_newest() -> None:
    """Nothing is bad, and the newest checkpoint is the one that is told."""
    bad, good = judged([witness(8), witness(3)], chain(9))
    assert bad is None
    assert good == witness(8)


def test_nothing_is_vouched_for_without_a_checkpoint() -> None:
    """No witness, no word."""
    assert judged([], chain(9)) == (None, None)


@given(
    marks=st.sets(st.integers(2, 60), min_size=1, max_size=8),
    length=st.integers(1, 60),
    rewritten=st.integers(2, 61),
)
@settings(max_examples=100, deadline=None)
def test_the_first_bad_record_is_behind_the_last_that_is_vouched_for(
    marks: set[int], length: int, rewritten: int
) -> None:
    """Cut off and rewritten at will: bad where a checkpoint can show it, and never before what is altered.

    A missing record is told by its own number. Else the number told is never beyond the first altered one,
    and every record up to the last checkpoint that agrees is as it was.
    """
    bad, good = judged([witness(seq) for seq in marks], chain(length, rewritten_from=rewritten))
    shown = [seq for seq in marks if seq > length or seq >= rewritten]
    vouched = max((seq for seq in marks if seq <= length and seq < rewritten), default=0)
    assert (bad is not None) == bool(shown)
    assert (0 if good is None else good.checkpoint.mark.seq) == vouched
    if bad is not None:
        is_missing = min(shown) > length
        assert bad.seq == (length + 1 if is_missing else vouched + 1)
        assert is_missing or vouched < bad.seq <= rewritten


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own clock is nine hours ahead."""
    with monkeypatch.context() as here:
        here.setenv("TZ", "Asia/Tokyo")
        tzset()
        yield
    tzset()


@pytest.mark.usefixtures("in_tokyo")
def test_what_is_wrong_is_said_with_the_checkpoint_that_shows_it() -> None:
    """Which one, where it is kept and when it was made, in UTC; and how many records are in doubt."""
    tokyo = timezone(timedelta(hours=9))
    late = replace(witness(8), checkpoint=replace(witness(8).checkpoint, at=AT.astimezone(tokyo)))
    kept = "file x holds the checkpoint of record 8, made 2026-11-20 02:44:00 UTC"
    said = [
        judged(seen, log)[0]
        for seen, log in (
            ([late], chain(9, rewritten_from=1)),
            ([late], chain(5)),
            ([late], chain(9, rewritten_from=8)),
            ([witness(7), late], chain(9, rewritten_from=8)),
        )
    ]
    assert [one and one.said.partition(". ")[0] for one in said] == [
        f"it is not the one that was anchored: {kept}, of a log that began otherwise",
        f"it is missing: {kept}",
        f"it, or one after it up to 8, is not as it was anchored: {kept}, with another hash",
        f"it is not as it was anchored: {kept}, with another hash",
    ]


def test_a_log_that_began_otherwise_is_bad_from_record_1() -> None:
    """A rewrite of the first record makes another chain: the same name, another beginning."""
    other = chain(9, rewritten_from=1)
    bad, _ = judged([witness(4)], other)
    assert bad is not None
    assert bad.seq == 1
    assert "began otherwise" in bad.said


def test_an_empty_log_lacks_its_first_record() -> None:
    """A store that was removed, or replaced by a new one."""
    bad, _ = judged([witness(4)], chain(0))
    assert bad is not None
    assert bad.seq == 1
    assert "missing" in bad.said


def test_a_broken_chain_is_not_called_short() -> None:
    """Where reading stopped at a bad record, what lies behind is not missing; before it all is compared."""
    assert judged([witness(8)], chain(5, whole=False))[0] is None
    bad, _ = judged([witness(4)], chain(5, rewritten_from=3, whole=False))
    assert bad is not None
    assert bad.seq == 1


def test_two_checkpoints_of_one_record_cannot_both_be_right() -> None:
    """A log that was restored, went on otherwise and was anchored again: the sink has both histories."""
    bad, good = judged([witness(4), witness(7), witness(7, world=1, hours=9)], chain(9))
    assert bad is not None
    assert bad.seq == 8
    assert good == witness(7)


def test_a_sink_that_lost_what_it_was_given_is_told() -> None:
    """By the record that nobody vouches for any more; one that has more than is remembered is well."""
    given_last = Mark(seq=8, hash=hash_of(8))
    assert forgotten(given_last, AT, "file x", [given_last, Mark(seq=9, hash=hash_of(9))]) is None
    lost = forgotten(given_last, AT, "file x", [Mark(seq=5, hash=hash_of(5))])
    assert lost is not None
    assert lost.seq == 6
    other = forgotten(given_last, AT, "file x", [Mark(seq=8, hash=hash_of(8, 1))])
    assert other is not None
    assert other.seq == 8


def test_what_the_store_remembers_counts_for_a_sink_that_is_not_read() -> None:
    """Syslog is not read back: a log that is other than what the store remembers of it is bad."""
    assert remembered(Mark(seq=8, hash=hash_of(8)), AT, "syslog", chain(9)) is None
    short = remembered(Mark(seq=8, hash=hash_of(8)), AT, "syslog", chain(5))
    told = "the store remembers that syslog was given the checkpoint of record 8 2026-11-20 02:44:00 UTC"
    assert short == Bad(seq=6, said=f"it is missing: {told}")
    assert remembered(Mark(seq=8, hash=hash_of(8)), AT, "syslog", chain(5, whole=False)) is None
    other = remembered(Mark(seq=8, hash=hash_of(8)), AT, "syslog", chain(9, rewritten_from=2))
    assert other is not None
    assert other.seq == 8


def test_the_lowest_record_is_told_first() -> None:
    """What concerns no record comes last."""
    bad, _ = judged([witness(8)], chain(5))
    assert bad is not None
    assert gravest([None, replace(bad, seq=0), bad, replace(bad, seq=9)]) == bad
    assert gravest([None]) is None
