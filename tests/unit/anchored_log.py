"""A log in a store, its anchor in a file beside it, keys of people, and what somebody does to them."""

import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from making import NOW
from operation_values import draft_of
from storing import carried_out, tampered

from fedesk.anchors.file import FileAnchor
from fedesk.anchors.ssh import SshSigner
from fedesk.clients.bulkhead import ThreadBulkhead
from fedesk.domain.audit import Phase
from fedesk.domain.audit_chain import GENESIS, link
from fedesk.ports.anchoring import Anchor, Signer
from fedesk.services.checkpointing import Checkpointing, Sink, Verified
from fedesk.services.clock import SystemClock
from fedesk.store.operations import SqlStore

MARA = "mara@finedge.example"
needs_ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH is not installed")


class MovedClock(SystemClock):
    """Shows a moment that moves on when it is told to."""

    def __init__(self) -> None:
        self.moment = NOW + timedelta(days=1)

    def now(self) -> datetime:
        """The moment."""
        return self.moment


def make_key(folder: Path, name: str, *, kind: str = "ed25519") -> Path:
    """A key pair without a passphrase; the path of its public half."""
    folder.mkdir(exist_ok=True)
    private = folder / name
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", str(private)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return private.with_name(f"{name}.pub")


def allow(file: Path, *people: tuple[str, Path]) -> Path:
    """An allowed_signers file."""
    lines = [f"{person} {key.read_text(encoding='utf-8')}" for person, key in people]
    file.write_text("".join(lines), encoding="utf-8")
    return file


@dataclass
class AnchoredLog:
    """A store, and sinks that are files."""

    folder: Path
    signer: Signer | None = None
    every: int = 1
    log: str = "desk"
    clock: MovedClock = field(default_factory=MovedClock)
    sinks: Sequence[str] = ("anchor.jsonl",)

    @property
    def path(self) -> Path:
        return self.folder / "fedesk.sqlite3"

    @property
    def anchor(self) -> Path:
        """The first sink's file."""
        return self.folder / self.sinks[0]

    def checkpointing(self, store: SqlStore) -> Checkpointing:
        """The service over a store."""
        sinks = tuple(
            Sink(name=f"file {name}", readable=True, anchor=bulkhead_of(FileAnchor(self.folder / name)))
            for name in self.sinks
        )
        signer = None if self.signer is None else ThreadBulkhead("signer", self._signer)
        return Checkpointing(
            store=store, log=self.log, every=self.every, sinks=sinks, signer=signer, clock=self.clock
        )

    def _signer(self) -> Signer:
        assert self.signer is not None
        return self.signer

    def grow(self, count: int, *, anchored: bool = True) -> None:
        """Append refusals, then make a checkpoint."""
        store = SqlStore(self.path)
        for number in range(count):
            store.append(draft_of(Phase.REFUSAL, number + 1))
        if anchored:
            self.clock.moment += timedelta(minutes=1)
            made = self.checkpointing(store).make()
            assert made is not None
            assert made.errors == ()
        store.close()

    def act(self, number: int) -> None:
        """An operation from beginning to end, which is not anchored."""
        store = SqlStore(self.path)
        carried_out(store, number)
        store.close()

    def verified(
        self, *, deep: bool = False, from_newest: bool = False, given: Sequence[tuple[str, bytes]] = ()
    ) -> Verified:
        """Check the log, as a process that has just started."""
        store = SqlStore(self.path)
        try:
            return self.checkpointing(store).verify(deep=deep, from_newest=from_newest, given=given)
        finally:
            store.close()

    def flaw(self, *, from_newest: bool = False) -> tuple[int, str]:
        """The first bad record and what is said of it."""
        found = self.verified(from_newest=from_newest)
        assert found.flaw is not None
        return found.flaw.seq, found.flaw.said

    def copy(self) -> dict[Path, bytes]:
        """The store's files, as a backup has them."""
        return {file: file.read_bytes() for file in self.folder.glob("fedesk.sqlite3*")}

    def restore(self, backup: dict[Path, bytes]) -> None:
        """Put a backup in the store's place."""
        for file in self.folder.glob("fedesk.sqlite3*"):
            file.unlink()
        for file, content in backup.items():
            file.write_bytes(content)

    def rewrite(self, seq: int, change: bytes, into: bytes) -> None:
        """Alter a record and compute every hash after it anew, as somebody would who knows how."""
        with closing(sqlite3.connect(self.path)) as database:
            records = dict(database.execute("SELECT seq, record FROM audit"))
        assert change in records[seq]
        records[seq] = records[seq].replace(change, into)
        previous, statements = GENESIS, []
        for number in sorted(records):
            previous = link(previous, records[number])
            values = f"record = x'{records[number].hex()}', hash = x'{previous.hex()}'"
            statements.append(f"UPDATE audit SET {values} WHERE seq = {number}")  # noqa: S608 - of a test
        statements.append(f"UPDATE audit_head SET hash = x'{previous.hex()}'")  # noqa: S608 - of a test
        tampered(self.path, *statements)

    def cut(self, last: int) -> None:
        """Take the end away and set the head to match, and what the store remembers of its sinks."""
        head = f"UPDATE audit_head SET seq = {last}, hash = (SELECT hash FROM audit WHERE seq = {last})"  # noqa: S608 - of a test
        gone = f"DELETE FROM audit WHERE seq > {last}"  # noqa: S608 - of a test
        tampered(self.path, head, gone, f"DELETE FROM anchors WHERE seq > {last}")  # noqa: S608 - of a test


def bulkhead_of(anchor: Anchor) -> ThreadBulkhead[Anchor]:
    return ThreadBulkhead("anchor", lambda: anchor)


def ssh_signer(folder: Path, *, principal: str = MARA, name: str = "mara") -> SshSigner:
    """Somebody with a key of their own, whom the file of signers allows."""
    key = make_key(folder, name)
    return SshSigner(
        principal=principal, key=key, allowed_signers=allow(folder / "allowed_signers", (principal, key))
    )
