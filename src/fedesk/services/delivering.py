"""Giving one receiver what is due for it, until it has it: at least once, and never in the way of others."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from fedesk.domain.notices import Notice
from fedesk.domain.operations import LET_GO
from fedesk.ports.errors import SourceError
from fedesk.ports.notifying import Heart, Lead, LeadLostError, Letter, Receiver, WatchStore
from fedesk.ports.operation_store import StoreError
from fedesk.ports.sources import Bulkhead, Clock
from fedesk.services.hiding import hidden

SHORTEST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=5)
GIVEN_UP_AFTER = timedelta(days=1)
"""What nobody took for so long is old news."""


class What(StrEnum):
    """What a watcher tells of itself."""

    LEADS = "leads"
    STANDS_BY = "stands by"
    LOST = "lost the lead"
    NOTICED = "noticed"
    OVER = "over"
    SENT = "sent"
    NOT_SENT = "not sent"
    GIVEN_UP = "given up"
    AWAY = "away"
    """The store, or what is read of it, cannot be had."""
    NO_BEAT = "no heartbeat"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One event of a watcher, for who reads along."""

    at: datetime
    what: What
    said: str
    """One sentence."""
    environment: str = ""
    event: str = ""
    """Of the notice that it is about; so are ``key`` and ``receiver``."""
    key: str = ""
    receiver: str = ""


Tell = Callable[[Told], None]
Leading = Callable[[], Lead | None]
"""The lead as it is now; None once it is lost or given back."""


def about(told: Told, notice: Notice) -> Told:
    """The same, of a notice."""
    return replace(told, environment=notice.environment, event=notice.event.value, key=notice.key)


def waited(failures: int) -> timedelta:
    """How long one waits after so many failures in a row: doubled each time, within bounds."""
    return min(SHORTEST_WAIT * (1 << min(max(failures - 1, 0), 10)), LONGEST_WAIT)


class Delivery:
    """One receiver, and what is due for it. One round at a time."""

    def __init__(
        self,
        name: str,
        receiver: Bulkhead[Receiver],
        store: Callable[[], WatchStore],
        clock: Clock,
        tell: Tell,
    ) -> None:
        self.name = name
        self._receiver = receiver
        self._store = store
        self._clock = clock
        self._tell = tell
        self._at_it = threading.Lock()
        self._failures = 0
        self._rests_until = 0.0
        """Seconds of the clock that only grows: what cannot be kept is not sent again and again."""
        self._due_at: datetime | None = LET_GO

    def expect(self, at: datetime = LET_GO) -> None:
        """Something is due at that time, or may be."""
        self._due_at = at if self._due_at is None else min(self._due_at, at)

    def begin(self, leading: Leading) -> None:
        """Start a round on a thread of its own where one is due and none is under way; returns at once."""
        due = self._due_at
        if due is None or self._at_it.locked() or self._is_resting:
            return
        if due <= self._now():
            threading.Thread(
                target=self.round, args=(leading,), name=f"deliver to {self.name}", daemon=True
            ).start()

    def round(self, leading: Leading) -> None:
        """Give the receiver what is due, up to the first that it does not take; nothing while it rests."""
        with self._at_it:
            if self._is_resting:
                return
            self._due_at = None
            try:
                self._give_all(leading)
            except LeadLostError:
                # Whoever leads now goes on; the watcher says so.
                pass
            except StoreError as error:
                self._rest()
                self.expect()
                self._say(What.AWAY, f"What {self.name} is to be told cannot be read or kept: {error}")

    def close(self) -> None:
        """Let go of the receiver; waits for nothing."""
        self._receiver.close()

    def _give_all(self, leading: Leading) -> None:
        store = self._store()
        while (lead := leading()) is not None:
            letter = next(iter(store.due(self.name, self._now(), 1)), None)
            if letter is None or not self._give(store, lead, letter):
                break
        due = store.next_at(self.name)
        if due is not None:
            self.expect(due)

    def _give(self, store: WatchStore, lead: Lead, letter: Letter) -> bool:
        """Whether the receiver took it."""
        try:
            self._receiver.call(lambda receiver: receiver.send(letter.notice))
        except SourceError as error:
            self._put_off(store, lead, letter, hidden(str(error)))
            return False
        except Exception as error:  # noqa: BLE001 - whatever it was, the others are to be told
            said = f"fedesk failed while it told {self.name}: {type(error).__name__}."
            self._put_off(store, lead, letter, said)
            return False
        self._failures = 0
        store.sent(lead, letter, self._now())
        self._say(What.SENT, f"{self.name} was told: {letter.notice.subject}", letter)
        return True

    def _put_off(self, store: WatchStore, lead: Lead, letter: Letter, said: str) -> None:
        self._rest()
        now = self._now()
        if now - letter.notice.at >= GIVEN_UP_AFTER:
            store.put_off(lead, letter, None, said)
            self._say(What.GIVEN_UP, f"{said.rstrip('.')}; it is given up: {letter.notice.subject}", letter)
            return
        until = now + max(waited(letter.tries + 1), waited(self._failures))
        store.put_off(lead, letter, until, said)
        self._say(What.NOT_SENT, f"{said.rstrip('.')}; it is tried again at {until:%H:%M:%S} UTC", letter)

    @property
    def _is_resting(self) -> bool:
        return self._clock.monotonic() < self._rests_until

    def _rest(self) -> None:
        self._failures += 1
        self._rests_until = self._clock.monotonic() + waited(self._failures).total_seconds()

    def _now(self) -> datetime:
        return self._store().now(self._clock.now())

    def _say(self, what: What, said: str, letter: Letter | None = None) -> None:
        told = Told(at=self._clock.now(), what=what, said=said, receiver=self.name)
        self._tell(told if letter is None else about(told, letter.notice))


class Beats:
    """A heartbeat: sent while somebody watches, on a thread of its own."""

    def __init__(self, heart: Bulkhead[Heart], every: timedelta, clock: Clock, tell: Tell) -> None:
        self._heart = heart
        self._every = every.total_seconds()
        self._clock = clock
        self._tell = tell
        self._due = clock.monotonic()
        self._at_it = threading.Lock()
        self._silent = False

    def beat(self) -> None:
        """Send one where it is due; returns at once."""
        if self._clock.monotonic() < self._due or self._at_it.locked():
            return
        self._due = self._clock.monotonic() + self._every
        threading.Thread(target=self.send, name="heartbeat", daemon=True).start()

    def send(self) -> None:
        """Send one. A failure is told once, until one arrives again; the next is sent in its time."""
        with self._at_it:
            try:
                self._heart.call(lambda heart: heart.beat())
            except SourceError as error:
                self._failed(hidden(str(error)))
            except Exception as error:  # noqa: BLE001 - the watch goes on
                self._failed(f"fedesk failed while it sent the heartbeat: {type(error).__name__}.")
            else:
                self._silent = False

    def close(self) -> None:
        """Let go of it; waits for nothing."""
        self._heart.close()

    def _failed(self, said: str) -> None:
        if not self._silent:
            told = f"The heartbeat did not arrive: {said}"
            self._tell(Told(at=self._clock.now(), what=What.NO_BEAT, said=told))
        self._silent = True
