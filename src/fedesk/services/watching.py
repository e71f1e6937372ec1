"""The watcher: one of several leads, and sees to it that people are told of what is seen.

Each step is short and waits for no receiver. What is to be told is in the store before it is sent, so that a
watcher that dies, or loses its lead, leaves nothing behind that the next one does not send.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.domain.examination import Complaint, Gravity
from fedesk.domain.notices import LASTING, Notice, Route, fit, receivers_of, started, stopped, taken_back
from fedesk.ports.changing import Processes
from fedesk.ports.notifying import Lead, LeadLostError, Letter, WatchStore
from fedesk.ports.operation_store import StoreError
from fedesk.ports.sources import Clock
from fedesk.services.delivering import Beats, Delivery, Tell, Told, What, about
from fedesk.services.hiding import hidden
from fedesk.services.side_by_side import side_by_side
from fedesk.services.sighting import Sighted

NAME = "watch"
"""Of the lease; also the verb of its audit records."""
PERIOD = 1.0
"""Seconds between two steps."""
LASTS = timedelta(seconds=30)
"""How long the lead lasts without being renewed, by the store's clock."""
RENEWED_EVERY = 10.0
FORGOTTEN_AFTER = timedelta(days=30)
"""What was told and is over is kept so long: longer than anything is told after it has happened."""
_FORGETS_EVERY = 3600.0
LAST_WORDS = 5.0
"""Seconds for what is to be told of the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Who is told what."""

    routes: tuple[Route, ...]
    of_people: Mapping[str, tuple[str, ...]]
    """Receivers by principal."""
    deliveries: Mapping[str, Delivery]
    """By receiver."""
    beats: Beats | None = None

    def close(self) -> None:
        """Let go of every receiver; waits for none."""
        for one in (*self.deliveries.values(), self.beats):
            if one is not None:
                one.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is around a watcher: who it is, the time, and who reads along."""

    actor: Actor
    clock: Clock
    processes: Processes
    new_id: Callable[[], str]
    tell: Tell
    once: bool = False
    """It looks once and ends: neither is told to anybody, or recorded."""


@dataclass(slots=True)
class _Known:
    """What this process has seen to while it led, so that the store need not be asked each second."""

    put: set[tuple[str, str]] = field(default_factory=set)
    lasting: set[str] = field(default_factory=set)
    """Keys of what goes on; all there are once ``read``."""
    is_read: bool = False
    forgot_at: float = float("-inf")


class Watcher:
    """Steps are taken on one thread."""

    def __init__(
        self, store: Callable[[], WatchStore], look: Callable[[], Sighted], telling: Telling, around: Around
    ) -> None:
        self._store = store
        self._look = look
        self._telling = telling
        self._around = around
        self._lead: Lead | None = None
        self._kept_at = 0.0
        self._known = _Known()
        self._said = ""
        self._untold = ""

    @property
    def lead(self) -> Lead | None:
        """The lead, as long as it is this process's."""
        return self._lead

    def step(self) -> bool:
        """Hold the lead, write down what is to be told, see to it that it is sent; whether this one leads."""
        try:
            lead = self._held()
            if lead is None:
                return False
            self._notice(lead)
            for delivery in self._telling.deliveries.values():
                delivery.begin(lambda: self._lead)
        except LeadLostError as error:
            self._lose(str(error))
            return False
        except StoreError as error:
            self._say_once(What.AWAY, str(error))
            return False
        if self._said.startswith(What.AWAY):
            self._said = ""
        if self._telling.beats is not None and not self._around.once:
            self._telling.beats.beat()
        return True

    def run(self, until: threading.Event) -> None:
        """Step until the event is set, then end well."""
        while not until.is_set():
            self.step()
            until.wait(PERIOD)
        self.end()

    def deliver(self) -> None:
        """Send what is due, and wait for it; of a single look the heartbeat, too."""
        if self._telling.beats is not None and self._around.once:
            self._telling.beats.send()
        side_by_side(
            [partial(one.round, lambda: self._lead) for one in self._telling.deliveries.values()], "deliver"
        )

    def end(self) -> None:
        """Say that it has ended, and let the next one lead at once. Waits for nobody longer than a moment."""
        lead = self._lead
        if lead is None:
            return
        try:
            if not self._around.once:
                self._put(lead, [stopped(lead.owner, lead.fence, self._now())])
                last = threading.Thread(target=self.deliver, name="last words", daemon=True)
                last.start()
                last.join(LAST_WORDS)
            self._lead = None
            self._store().give_back(lead, self._draft(Phase.STOP, "ended"))
        except LeadLostError as error:
            self._lose(str(error))
        except StoreError as error:
            self._say_once(What.AWAY, str(error))
        else:
            self._say_once(What.ENDED, "This process watches no more.")

    # The lead

    def _held(self) -> Lead | None:
        """The lead, renewed where it is time; None where another has it."""
        store, clock = self._store(), self._around.clock
        if self._lead is not None:
            if clock.monotonic() - self._kept_at >= RENEWED_EVERY:
                self._kept_at = clock.monotonic()
                self._lead = store.keep(self._lead, clock.now(), LASTS)
            return self._lead
        other = store.leader(NAME)
        dead = None
        if other is not None:
            dead = other.owner if self._around.processes.is_alive(other.owner) is False else None
            if dead is None and other.until > self._now():
                self._stand_by(other)
                return None
        me = self._around.processes.me()
        self._kept_at = clock.monotonic()
        lead = store.lead(NAME, me, clock.now(), LASTS, dead=dead, audit=self._draft(Phase.START, "leads"))
        if not lead.is_mine:
            self._stand_by(lead)
            return None
        self._begin(lead)
        return lead

    def _begin(self, lead: Lead) -> None:
        self._lead, self._known = lead, _Known()
        died = "" if lead.died is None else f"; process {lead.died.pid} on {lead.died.host} has died"
        self._say_once(What.LEADS, f"This process watches{died}.")
        if not self._around.once:
            self._put(lead, [started(lead.owner, lead.fence, lead.died, self._now())])
        for delivery in self._telling.deliveries.values():
            delivery.expect()

    def _stand_by(self, other: Lead) -> None:
        who = f"process {other.owner.pid} on {other.owner.host}"
        self._say_once(What.STANDS_BY, f"Another watches ({who}); this one takes over when it does not.")

    def _lose(self, said: str) -> None:
        self._lead = None
        self._say_once(What.LOST, said)

    def _draft(self, phase: Phase, result: str) -> AuditDraft | None:
        if self._around.once:
            return None
        return AuditDraft(
            at=self._around.clock.now(),
            actor=self._around.actor,
            environment="",
            action=NAME,
            target=self._around.actor.host,
            phase=phase,
            result=result,
        )

    # What is to be told

    def _notice(self, lead: Lead) -> None:
        seen = self._look()
        if seen.problem != self._untold:
            self._untold = seen.problem
            if seen.problem:
                self._around.tell(
                    Told(at=self._around.clock.now(), what=What.AWAY, said=hidden(seen.problem))
                )
        self._put(lead, seen.notices)
        going_on = {notice.key for notice in seen.notices if notice.event in LASTING} | seen.quiet
        if not self._known.is_read or self._known.lasting - going_on:
            self._take_back(lead, going_on, seen.knows)
        self._forget(lead)

    def _put(self, lead: Lead, notices: Sequence[Notice]) -> None:
        """Write down what nobody was told of yet."""
        letters = [
            Letter(id=self._around.new_id(), receiver=receiver, notice=fit(notice))
            for notice in notices
            for receiver in receivers_of(notice, self._telling.routes, self._telling.of_people)
            if (notice.key, receiver) not in self._known.put
        ]
        if not letters:
            return
        new = self._store().put(lead, letters, self._now())
        self._known.put |= {(letter.notice.key, letter.receiver) for letter in letters}
        self._known.lasting |= {one.notice.key for one in letters if one.notice.event in LASTING}
        for notice in {letter.notice.key: letter.notice for letter in new}.values():
            self._tell_of(What.NOTICED, notice)
        for letter in new:
            self._expect(letter)

    def _take_back(self, lead: Lead, going_on: set[str], knows: Callable[[Notice], bool]) -> None:
        """Say that something is over to whoever was told of it. What is still to be told is told first."""
        lasting = self._store().lasting()
        gone = [
            letter
            for letter in lasting
            if letter.notice.key not in going_on and letter.next_at is None and knows(letter.notice)
        ]
        now = self._now()
        pairs = [(letter, self._word(letter, now)) for letter in gone]
        if pairs:
            self._store().take_back(lead, pairs, now)
        over = {letter.id for letter in gone}
        self._known.is_read = True
        self._known.lasting = {letter.notice.key for letter in lasting if letter.id not in over}
        self._known.put -= {(letter.notice.key, letter.receiver) for letter in gone}
        for notice in {letter.notice.key: letter.notice for letter in gone}.values():
            self._tell_of(What.OVER, notice)
        for _, word in pairs:
            if word is not None:
                self._expect(word)

    def _word(self, letter: Letter, now: datetime) -> Letter | None:
        """What takes it back; nothing where it never arrived, or its receiver is gone."""
        if letter.sent_at is None or letter.receiver not in self._telling.deliveries:
            return None
        return Letter(
            id=self._around.new_id(), receiver=letter.receiver, notice=taken_back(letter.notice, now)
        )

    def _expect(self, letter: Letter) -> None:
        delivery = self._telling.deliveries.get(letter.receiver)
        if delivery is not None:
            delivery.expect()

    def _forget(self, lead: Lead) -> None:
        if self._around.clock.monotonic() - self._known.forgot_at >= _FORGETS_EVERY:
            self._known.forgot_at = self._around.clock.monotonic()
            self._store().forget(lead, self._now() - FORGOTTEN_AFTER)

    def _now(self) -> datetime:
        return self._store().now(self._around.clock.now())

    # What is said of it

    def _tell_of(self, what: What, notice: Notice) -> None:
        told = Told(at=self._around.clock.now(), what=what, said=notice.subject)
        self._around.tell(about(told, notice))

    def _say_once(self, what: What, said: str) -> None:
        """What holds for a while is told when it begins."""
        if (key := f"{what}{said}") != self._said:
            self._said = key
            self._around.tell(Told(at=self._around.clock.now(), what=what, said=said))


def who_watches(store: WatchStore, processes: Processes, here: datetime) -> tuple[Complaint, ...]:
    """Who tells people, as ``fedesk doctor`` says it; ``here`` is the time of this machine. StoreError."""
    lead = store.leader(NAME)
    is_over = lead is None or lead.until <= store.now(here) or processes.is_alive(lead.owner) is False
    if lead is None or is_over:
        said = (
            "Nobody watches: people are told of what a desk shows, and of nothing else. `fedesk watch` does, "
            "`fedesk watch --once` from a scheduler (docs/watching.md)."
        )
        return (Complaint(gravity=Gravity.WARNING, sentence=said),)
    begun = [one.draft.at for one in store.recorded((Phase.START,), 0) if one.draft.action == NAME]
    since = f" since {begun[-1]:%Y-%m-%d %H:%M} UTC" if begun else ""
    said = f"Process {lead.owner.pid} on {lead.owner.host} watches{since}."
    return (Complaint(gravity=Gravity.NOTE, sentence=said),)
