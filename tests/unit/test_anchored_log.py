"""Whoever may write the store may write all of it: what an anchor outside it shows all the same."""

import json
import shutil
from pathlib import Path

import pytest
from anchored_log import MARA, AnchoredLog, allow, make_key, needs_ssh_keygen, ssh_signer
from storing import tampered

from fedesk.anchors.ssh import SshSigner
from fedesk.domain.checkpoints import Signed, line_of, signed_of
from fedesk.ports.errors import SourceError
from fedesk.store.operations import SqlStore


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 30 records, anchored at 10, 20 and 30, signed where OpenSSH is there."""
    folder = tmp_path_factory.mktemp("kept")
    signer = ssh_signer(folder / "keys") if shutil.which("ssh-keygen") else None
    log = AnchoredLog(folder, signer)
    for _ in range(3):
        log.grow(10)
    return folder


@pytest.fixture
def log(kept: Path, tmp_path: Path) -> AnchoredLog:
    """The same in a place of its own."""
    for file in kept.iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path / file.name)
    signer = None
    if shutil.which("ssh-keygen"):
        keys = kept / "keys"
        signer = SshSigner(principal=MARA, key=keys / "mara.pub", allowed_signers=keys / "allowed_signers")
    return AnchoredLog(tmp_path, signer)


def test_an_untouched_log_agrees_with_its_anchor(log: AnchoredLog) -> None:
    """All records, three checkpoints, and the newest one vouches for the end."""
    found = log.verified(deep=True)
    assert (found.flaw, found.records, found.checkpoints) == (None, 30, 3)
    assert found.vouched is not None
    assert found.vouched.mark.hash == found.head
    assert [sink.behind for sink in found.sinks] == [0]


def test_without_an_anchor_nothing_is_vouched_for(log: AnchoredLog) -> None:
    """The chain alone is whole, and it is said that no anchor could tell."""
    log.sinks = ()
    found = log.verified()
    assert (found.flaw, found.vouched, found.records) == (None, None, 30)


@pytest.mark.parametrize("from_newest", [False, True])
@pytest.mark.parametrize("last", [29, 20, 17, 1])
def test_a_log_cut_off_with_its_head_set_to_match_is_found(
    log: AnchoredLog, last: int, *, from_newest: bool
) -> None:
    """The chain is whole and the store remembers nothing of it: the anchor does."""
    log.cut(last)
    store = SqlStore(log.path)
    assert store.verify(deep=False).flaw is None
    store.close()
    seq, said = log.flaw(from_newest=from_newest)
    assert seq == last + 1
    assert "missing" in said


@pytest.mark.parametrize("from_newest", [False, True])
@pytest.mark.parametrize(("seq", "told"), [(1, 1), (2, 1), (10, 1), (11, 11), (25, 21), (30, 21)])
def test_a_log_rewritten_with_all_hashes_computed_anew_is_found(
    log: AnchoredLog, seq: int, told: int, *, from_newest: bool
) -> None:
    """The first record that nobody vouches for, at most as many before the altered one as are anchored."""
    log.rewrite(seq, b"mara", b"marb")
    store = SqlStore(log.path)
    assert store.verify(deep=False).flaw is None
    store.close()
    found = log.verified(from_newest=from_newest)
    assert found.flaw is not None
    assert found.flaw.seq == told
    assert found.records == told - 1


@pytest.mark.parametrize("from_newest", [False, True])
def test_a_restored_backup_is_found(log: AnchoredLog, *, from_newest: bool) -> None:
    """Yesterday's file knows nothing of today's records, and is whole by itself."""
    backup = log.copy()
    log.grow(5)
    log.restore(backup)
    seq, said = log.flaw(from_newest=from_newest)
    assert seq == 31
    assert "older copy" in said


def test_a_restored_backup_that_went_on_is_found(log: AnchoredLog) -> None:
    """Longer than what was anchored, and another history: the record behind the last common one is told."""
    backup = log.copy()
    log.grow(5)
    log.restore(backup)
    log.act(1)
    log.grow(9, anchored=False)
    assert log.flaw()[0] == 31


def test_a_backup_that_went_on_and_was_anchored_again_is_found(log: AnchoredLog) -> None:
    """The sink then holds both histories, and says so for ever."""
    backup = log.copy()
    log.grow(5)
    log.restore(backup)
    log.act(1)
    log.grow(9)
    assert log.flaw()[0] == 31


def test_a_store_that_was_removed_is_found(log: AnchoredLog) -> None:
    """The chain of no file has no flaw; the anchor misses record 1, also in the file that comes after it."""
    log.path.unlink()
    assert log.flaw()[0] == 1
    log.act(1)
    assert log.flaw()[0] == 1


@pytest.mark.parametrize("from_newest", [False, True])
def test_the_newest_checkpoint_taken_out_is_found(log: AnchoredLog, *, from_newest: bool) -> None:
    """The store remembers what each sink was given last: record 21 is the first that nobody vouches for."""
    lines = log.anchor.read_bytes().splitlines(keepends=True)
    log.anchor.write_bytes(b"".join(lines[:-1]))
    seq, said = log.flaw(from_newest=from_newest)
    assert seq == 21
    assert "lost it" in said


def test_a_sink_put_in_anothers_place_is_found(log: AnchoredLog, tmp_path: Path) -> None:
    """Two sinks, one of which is behind: exchanged, one of them lacks what it was given."""
    log.sinks = ("anchor.jsonl", "second.jsonl")
    log.grow(1)
    log.sinks = ("anchor.jsonl",)
    log.grow(3)
    log.sinks = ("anchor.jsonl", "second.jsonl")
    assert log.verified().flaw is None
    one, two = tmp_path / "anchor.jsonl", tmp_path / "second.jsonl"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    seq, said = log.flaw()
    assert seq == 32
    assert "file anchor.jsonl" in said
    one.unlink()
    assert log.flaw()[0] == 1


def test_an_anchor_of_another_log_under_the_same_name_is_found(log: AnchoredLog, tmp_path: Path) -> None:
    """Two desks that share a sink and a name contradict one another; with names of their own they do not."""
    other = AnchoredLog(tmp_path / "other", log.signer)
    other.folder.mkdir()
    other.sinks = (str(log.anchor),)
    other.log = "another"
    other.act(1)
    other.grow(2)
    assert log.verified().flaw is None
    assert other.verified().flaw is None
    other.log = "desk"
    other.grow(1)
    assert log.flaw()[0] == 1


@needs_ssh_keygen
def test_a_checkpoint_forged_with_another_key_is_found(log: AnchoredLog, tmp_path: Path) -> None:
    """Who may write log and sink has no key that counts: the record it speaks of is told, and who it was."""
    log.rewrite(25, b"mara", b"marb")
    key = make_key(tmp_path / "eve", "eve")
    eve = SshSigner(principal=MARA, key=key, allowed_signers=allow(tmp_path / "signers", (MARA, key)))
    honest, log.signer = log.signer, eve
    log.anchor.write_bytes(b"".join(log.anchor.read_bytes().splitlines(keepends=True)[:2]))
    tampered(log.path, "DELETE FROM anchors")
    log.grow(0)
    assert log.verified().flaw is not None
    log.signer = honest
    seq, said = log.flaw()
    assert seq == 30
    assert f"not signed by {MARA}" in said


@needs_ssh_keygen
def test_a_checkpoint_without_a_signature_is_found(log: AnchoredLog) -> None:
    """Where signatures count, one without any is no better than a forged one."""
    lines = log.anchor.read_bytes().splitlines()
    last = signed_of(lines[-1])
    lines[-1] = line_of(Signed(checkpoint=last.checkpoint))
    log.anchor.write_bytes(b"\n".join(lines) + b"\n")
    assert log.flaw() == (
        30,
        "file anchor.jsonl holds a checkpoint of it that does not count: it is not signed",
    )


@needs_ssh_keygen
def test_a_signature_is_of_its_own_checkpoint(log: AnchoredLog) -> None:
    """A good signature under another number, hash or time is none; nor is one made for another purpose."""
    lines = log.anchor.read_bytes().splitlines()
    for change in ({"seq": 29}, {"hash": "0" * 64}, {"time": "2026-11-20T02:44:00.000000Z"}):
        document = json.loads(lines[1])
        document["checkpoint"] |= change
        log.anchor.write_bytes(b"\n".join([*lines, json.dumps(document).encode()]) + b"\n")
        assert "does not count" in log.flaw()[1]


@pytest.mark.parametrize("line", [b"nonsense", b"{}", b'{"schema":"fedesk-checkpoint/1"}'])
def test_a_line_that_is_no_checkpoint_is_found(log: AnchoredLog, line: bytes) -> None:
    """By its number in the sink; no record is concerned."""
    log.anchor.write_bytes(log.anchor.read_bytes() + line + b"\n")
    seq, said = log.flaw()
    assert seq == 0
    assert "line 4 of file anchor.jsonl is no checkpoint" in said


def test_any_altered_byte_of_the_newest_checkpoint_is_found(log: AnchoredLog) -> None:
    """Byte by byte: another value, a signature that is none, or no checkpoint at all."""
    whole = log.anchor.read_bytes()
    begin = whole.rindex(b"\n", 0, -1) + 1
    for offset in range(begin, len(whole) - 1, 37):
        log.anchor.write_bytes(whole[:offset] + bytes([whole[offset] ^ 1]) + whole[offset + 1 :])
        assert log.verified().flaw is not None, offset


def test_reading_from_a_checkpoint_leaves_out_what_was_before(log: AnchoredLog) -> None:
    """A change before the newest good checkpoint is not seen, and one after it is."""
    log.act(1)
    log.grow(3, anchored=False)
    found = log.verified(from_newest=True)
    assert (found.flaw, found.records) == (None, 35)
    assert found.since is not None
    assert found.since.mark.seq == 30
    tampered(log.path, "UPDATE audit SET record = CAST(record || ' ' AS BLOB) WHERE seq = 12")
    assert log.verified(from_newest=True).flaw is None
    assert log.flaw()[0] == 12
    tampered(log.path, "UPDATE audit SET record = CAST(record || ' ' AS BLOB) WHERE seq = 33")
    assert log.flaw(from_newest=True)[0] == 33


def test_without_a_good_checkpoint_everything_is_read(log: AnchoredLog) -> None:
    """There is nothing to begin from, and that is told."""
    log.sinks = ("another.jsonl",)
    tampered(log.path, "UPDATE audit SET record = CAST(record || ' ' AS BLOB) WHERE seq = 12")
    found = log.verified(from_newest=True)
    assert found.since is None
    assert found.flaw is not None
    assert found.flaw.seq == 12
    assert [one.sink for one in found.retired] == ["file anchor.jsonl"]


def test_the_chain_and_the_anchor_name_the_lower_record(log: AnchoredLog) -> None:
    """Both are bad: the first record that cannot be relied on is told, whoever shows it."""
    log.rewrite(12, b"mara", b"marb")
    tampered(log.path, "UPDATE audit SET record = CAST(record || ' ' AS BLOB) WHERE seq = 28")
    assert log.flaw()[0] == 11


# --- when checkpoints are made ---------------------------------------------------------------------------


def test_a_checkpoint_is_due_after_so_many_records(tmp_path: Path) -> None:
    """Not before; and an empty log has nothing to anchor."""
    log = AnchoredLog(tmp_path, every=4)
    store = SqlStore(log.path)
    service = log.checkpointing(store)
    assert service.when_due() == ()
    assert service.make() is None
    store.close()
    sizes = []
    for _ in range(9):
        log.grow(1, anchored=False)
        store = SqlStore(log.path)
        assert log.checkpointing(store).when_due() == ()
        store.close()
        sizes.append(log.anchor.read_bytes().count(b"\n") if log.anchor.exists() else 0)
    assert sizes == [0, 0, 0, 1, 1, 1, 1, 2, 2]


def test_a_sink_that_is_away_is_told_and_catches_up(tmp_path: Path) -> None:
    """The other one has its checkpoint; the one that was away gets the newest when it is back."""
    log = AnchoredLog(tmp_path, sinks=("anchor.jsonl", "away/second.jsonl"))
    log.grow(3, anchored=False)
    store = SqlStore(log.path)
    service = log.checkpointing(store)
    (said,) = service.when_due()
    assert "Record 3 of the audit log was not anchored in file away/second.jsonl" in said
    assert log.anchor.read_bytes().count(b"\n") == 1
    found = service.verify()
    assert found.flaw is None
    assert found.vouched is not None
    assert [bool(sink.error) for sink in found.sinks] == [False, True]
    assert [sink.behind for sink in found.sinks] == [0, 3]
    (tmp_path / "away").mkdir()
    assert service.when_due() == ()
    store.close()
    found = log.verified()
    assert [(sink.behind, len(sink.witnesses), sink.error) for sink in found.sinks] == [
        (0, 1, ""),
        (0, 1, ""),
    ]


def test_a_signer_that_fails_is_told_and_nothing_is_given(tmp_path: Path) -> None:
    """No checkpoint without the signature that was configured."""
    signer = SshSigner(principal=MARA, key=None, allowed_signers=tmp_path / "signers")
    log = AnchoredLog(tmp_path, signer)
    log.grow(1, anchored=False)
    store = SqlStore(log.path)
    (said,) = log.checkpointing(store).when_due()
    with pytest.raises(SourceError):
        log.checkpointing(store).make()
    store.close()
    assert "was not anchored" in said
    assert "signing_key" in said
    assert not log.anchor.exists()


def test_what_a_sink_was_given_never_goes_back(log: AnchoredLog) -> None:
    """A slower process that remembers an older checkpoint does not undo a newer one."""
    store = SqlStore(log.path)
    (given,) = store.given()
    store.remember_given(given.sink, log.verified().sinks[0].witnesses[0].checkpoint.mark, given.at)
    assert store.given() == (given,)
    store.close()


def test_what_a_syslog_receiver_kept_counts(log: AnchoredLog) -> None:
    """Behind whatever a receiver writes before it, among other programs' lines."""
    lines = log.anchor.read_bytes().splitlines()
    text = b"Nov 20 02:44:00 desk-3 sshd[7]: accepted\n"
    text += b"".join(
        b"2026-11-20T02:44:00Z desk-3 fedesk 4711 checkpoint - " + line + b"\n" for line in lines
    )
    log.sinks = ()
    found = log.verified(given=[("kept.log", text)])
    assert (found.flaw, found.checkpoints) == (None, 3)
    log.cut(22)
    found = log.verified(given=[("kept.log", text)])
    assert found.flaw is not None
    assert found.flaw.seq == 23
