"""Checkpoints of the audit log: made when they are due, put outside the store, and held against the chain."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from fedesk.domain.audit_chain import START, Mark
from fedesk.domain.checkpoints import (
    Bad,
    Chain,
    Checkpoint,
    CheckpointError,
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
from fedesk.ports.anchoring import Anchor, AnchoredLog, Given, Signer
from fedesk.ports.errors import SourceError
from fedesk.ports.operation_store import Flaw, StoreError, Verification
from fedesk.ports.sources import Bulkhead, Clock
from fedesk.services.hiding import hidden

READING_SECONDS = 60.0
"""For all that a sink keeps: of Vault that is a request a checkpoint."""
MARK = b'"fedesk-checkpoint/1"'
"""What a line of another program's log holds where it is a checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """A configured anchor."""

    name: str
    """What and where it is: ``file /mnt/worm/fedesk.jsonl``. By it the store remembers what it was given."""
    readable: bool
    anchor: Bulkhead[Anchor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of giving a checkpoint to one sink."""

    sink: Sink
    error: str = ""
    """Empty where it has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A checkpoint, and where it went."""

    checkpoint: Checkpoint
    by: str
    """Who signed it; empty where nobody did."""
    attempts: tuple[Attempt, ...]

    @property
    def errors(self) -> tuple[str, ...]:
        """What went wrong, a sentence each."""
        return tuple(one.error for one in self.attempts if one.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkFound:
    """What a sink holds of this log."""

    name: str
    readable: bool
    witnesses: tuple[Witness, ...] = ()
    """Checkpoints whose signatures are good."""
    bad: tuple[Bad, ...] = ()
    error: str = ""
    """Why it could not be read; empty where it could, or where its kind is never read."""
    given: Given | None = None
    """What it was given last, as the store remembers it."""
    behind: int = 0
    """Records that the log has beyond it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What the chain shows, and what the anchors show of it."""

    chain: Verification
    sinks: tuple[SinkFound, ...]
    flaw: Flaw | None
    """The first bad record, whoever shows it."""
    vouched: Checkpoint | None
    """The newest checkpoint that agrees with the log; None where no anchor could tell."""
    since: Checkpoint | None
    """The one that the reading began from; None where it began at the first record."""
    records: int
    """Good ones, from the start, as far as anybody shows."""
    head: str
    """Hash of the last of them, hexadecimal."""
    retired: tuple[Given, ...]
    """What sinks were given that are not configured any more."""

    @property
    def checkpoints(self) -> int:
        """Different checkpoints whose signatures are good."""
        return len({one.checkpoint.mark for sink in self.sinks for one in sink.witnesses})

    @property
    def unread(self) -> tuple[str, ...]:
        """Why sinks that can be read could not be, a sentence each."""
        return tuple(sink.error for sink in self.sinks if sink.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpointing:
    """All that has to do with the checkpoints of one log. Blocking."""

    store: AnchoredLog
    log: str
    every: int
    """Records at most between two checkpoints, where an operation ends."""
    sinks: tuple[Sink, ...]
    signer: Bulkhead[Signer] | None
    """None where checkpoints are not signed, and signatures say nothing."""
    clock: Clock

    def when_due(self) -> tuple[str, ...]:
        """Give each sink a checkpoint that has none of the last ``every`` records.

        What goes wrong comes back, a sentence each: what was done before stands, and the next one catches up.
        """
        if not self.sinks:
            return ()
        try:
            head = self.store.head()
            given = {one.sink: one.mark.seq for one in self.store.given()}
            length = 0 if head is None else head.mark.seq
            due = tuple(sink for sink in self.sinks if length - given.get(sink.name, 0) >= self.every)
            made = self.make(due) if due else None
        except (SourceError, StoreError) as error:
            return (hidden(f"The audit log was not anchored: {error}"),)
        return () if made is None else made.errors

    def make(self, sinks: Sequence[Sink] | None = None) -> Made | None:
        """A checkpoint of the log as it stands, given to the sinks; None while the log is empty.

        Raises SourceError where it cannot be signed, and StoreError.
        """
        head = self.store.head()
        if head is None:
            return None
        checkpoint = Checkpoint(log=self.log, first=head.first, mark=head.mark, at=self.clock.now())
        raw = checkpoint_bytes(checkpoint)
        signature = None if self.signer is None else self.signer.call(lambda signer: signer.sign(raw))
        line = line_of(Signed(checkpoint=checkpoint, signature=signature))
        attempts = (self._give(sink, checkpoint, line) for sink in (self.sinks if sinks is None else sinks))
        return Made(
            checkpoint=checkpoint, by="" if signature is None else signature.by, attempts=tuple(attempts)
        )

    def _give(self, sink: Sink, checkpoint: Checkpoint, line: bytes) -> Attempt:
        mark = checkpoint.mark
        try:
            sink.anchor.call(lambda anchor: anchor.put(self.log, mark.seq, line))
        except SourceError as error:
            said = f"Record {mark.seq} of the audit log was not anchored in {sink.name}: {error}"
            return Attempt(sink=sink, error=hidden(said))
        try:
            self.store.remember_given(sink.name, mark, checkpoint.at)
        except StoreError as error:
            said = f"{sink.name} has the checkpoint of record {mark.seq}, which cannot be remembered: {error}"
            return Attempt(sink=sink, error=said)
        return Attempt(sink=sink)

    def verify(
        self, *, deep: bool = False, from_newest: bool = False, given: Sequence[tuple[str, bytes]] = ()
    ) -> Verified:
        """Check the chain, and hold against it what the sinks have.

        ``from_newest`` reads only what came after the newest good checkpoint. ``given`` are texts that hold
        checkpoints among other lines, by name: what a syslog receiver has kept. Raises StoreError.
        """
        # The store first, then sinks, then the chain: each may grow meanwhile, and then none lacks anything.
        remembered_now = {one.sink: one for one in self.store.given()}
        reading = _Reading(self.log, self.signer, newest_only=from_newest)
        sinks = [reading.sink(sink, remembered_now.get(sink.name)) for sink in self.sinks]
        sinks += [reading.text(name, text) for name, text in given]
        witnesses = [witness for sink in sinks for witness in sink.witnesses]
        marks = _marks(witnesses, remembered_now.values())
        since = self._newest_good(witnesses, marks) if from_newest else None
        if from_newest and since is None:
            # Where the newest does not agree, which of the earlier ones does tells where it went wrong.
            return self.verify(deep=deep, given=given)
        chain = self.store.verify(deep=deep, since=START if since is None else since.mark, marks=marks)
        seen = _chain_of(chain)
        bad, good = judged(witnesses, seen)
        worst = gravest(
            [
                None if chain.flaw is None else Bad(seq=chain.flaw.seq, said=chain.flaw.said),
                bad,
                *(remembered(one.mark, one.at, one.sink, seen) for one in remembered_now.values()),
                *(one for sink in sinks for one in sink.bad),
            ]
        )
        records, head = self._good_up_to(chain, worst)
        return Verified(
            chain=chain,
            sinks=tuple(_with_distance(sink, chain.records) for sink in sinks),
            flaw=None if worst is None else Flaw(seq=worst.seq, said=worst.said),
            vouched=None if good is None else good.checkpoint,
            since=since,
            records=records,
            head=head,
            retired=tuple(
                remembered_now[name] for name in remembered_now.keys() - {one.name for one in sinks}
            ),
        )

    def close(self) -> None:
        """Let go of sinks and signer; waits for none."""
        for one in (*(sink.anchor for sink in self.sinks), self.signer):
            if one is not None:
                one.close()

    def _newest_good(self, witnesses: Sequence[Witness], marks: Sequence[int]) -> Checkpoint | None:
        """The newest checkpoint to begin from; None where one does not agree: then all is read."""
        head = self.store.head()
        if head is None:
            return None
        peeked = self.store.verify(deep=False, since=head.mark, marks=marks)
        bad, good = judged(witnesses, _chain_of(peeked))
        return None if bad is not None or good is None else good.checkpoint

    def _good_up_to(self, chain: Verification, worst: Bad | None) -> tuple[int, str]:
        """How many records are good from the start, and the last one's hash."""
        if worst is None or not 0 < worst.seq <= chain.records:
            return chain.records, chain.head
        last = worst.seq - 1
        end = Mark(seq=chain.records, hash=chain.head)
        found = self.store.verify(deep=False, since=end, marks=(last,)).marks
        return last, found[0].hash if found else START.hash


def _marks(witnesses: Iterable[Witness], given: Iterable[Given]) -> tuple[int, ...]:
    seqs = {1, *(one.checkpoint.mark.seq for one in witnesses), *(one.mark.seq for one in given)}
    return tuple(sorted(seqs))


def _chain_of(found: Verification) -> Chain:
    return Chain(
        length=found.records,
        whole=found.flaw is None or found.flaw.seq == 0,
        hashes={mark.seq: mark.hash for mark in found.marks},
    )


def _with_distance(sink: SinkFound, length: int) -> SinkFound:
    given = () if sink.given is None else (sink.given.mark.seq,)
    known = max((0, *given, *(one.checkpoint.mark.seq for one in sink.witnesses)))
    return replace(sink, behind=max(0, length - known))


@dataclass(slots=True)
class _Reading:
    """Reads what sinks keep; each signature is checked once, however many sinks have it."""

    log: str
    signer: Bulkhead[Signer] | None
    newest_only: bool
    checked: dict[bytes, str] = field(default_factory=dict)

    def sink(self, sink: Sink, given: Given | None) -> SinkFound:
        """What one sink has."""
        found = SinkFound(name=sink.name, readable=sink.readable, given=given)
        if not sink.readable:
            return found
        try:
            lines = sink.anchor.call(lambda anchor: anchor.lines(self.log), deadline=READING_SECONDS)
            witnesses, bad, kept = self._told(sink.name, lines)
        except SourceError as error:
            return replace(found, error=hidden(str(error)))
        if given is not None:
            lost = forgotten(given.mark, given.at, sink.name, kept)
            bad += () if lost is None else (lost,)
        return replace(found, witnesses=witnesses, bad=bad)

    def text(self, name: str, text: bytes) -> SinkFound:
        """What a text has: checkpoints behind whatever a receiver of syslog writes before them."""
        lines = [line[max(line.find(b"{"), 0) :] for line in text.split(b"\n") if MARK in line]
        found = SinkFound(name=name, readable=True)
        try:
            witnesses, bad, _ = self._told(name, lines)
        except SourceError as error:
            return replace(found, error=hidden(str(error)))
        return replace(found, witnesses=witnesses, bad=bad)

    def _told(
        self, where: str, lines: Sequence[bytes]
    ) -> tuple[tuple[Witness, ...], tuple[Bad, ...], tuple[Mark, ...]]:
        """The good ones, what is wrong with others, and what all are of. Raises SourceError."""
        bad: list[Bad] = []
        read: list[Signed] = []
        for number, line in enumerate(lines, 1):
            try:
                read.append(signed_of(line))
            except CheckpointError as error:
                bad.append(Bad(seq=0, said=f"line {number} of {where} is no checkpoint: {error}"))
        mine = [one for one in read if one.checkpoint.log == self.log]
        witnesses: list[Witness] = []
        for one in sorted(mine, key=lambda signed: signed.checkpoint.mark.seq, reverse=True):
            said = self._flaw(one)
            if said:
                seq = one.checkpoint.mark.seq
                bad.append(Bad(seq=seq, said=f"{where} holds a checkpoint of it that does not count: {said}"))
                continue
            witnesses.append(Witness(checkpoint=one.checkpoint, where=where))
            if self.newest_only:
                break
        kept = tuple(one.checkpoint.mark for one in mine)
        return tuple(reversed(witnesses)), tuple(bad), kept

    def _flaw(self, signed: Signed) -> str:
        signature = signed.signature
        if self.signer is None:
            return ""
        if signature is None:
            return "it is not signed"
        line = line_of(signed)
        if line not in self.checked:
            self.checked[line] = self.signer.call(lambda signer: signer.flaw(signed.checkpoint, signature))
        return self.checked[line]
