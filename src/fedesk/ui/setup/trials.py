"""A connection tried while it is typed: what is asked of the system when, and which answer still counts.

While one types only the address is knocked at, without a credential: behind a half-typed address a stranger
would be given it. Who one is is asked when a line is left, and once for the same answers: a directory that
forgives five wrong passwords is not to be asked six times for one.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from textual.message import Message

from fedesk.domain.states import FailureKind
from fedesk.ui.setup import answers
from fedesk.ui.setup.questions import BY_A_BROWSER, PARTS, SYSTEMS, Page

if TYPE_CHECKING:
    from collections.abc import Callable

    from fedesk.config_types import ConnectionConfig
    from fedesk.ports.endpoint import SecretText
    from fedesk.ports.sources import Clock
    from fedesk.services.trying import Tried
    from fedesk.ui.setup.answers import Setup

PAUSE = 0.4
"""Seconds without a key after which an address is knocked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is known of a connection that is being typed."""

    number: int = 0
    """Of the newest question; an answer to another one is dropped."""
    asking: Literal["", "knock", "look"] = ""
    knocked: Tried | None = None
    looked: Tried | None = None
    place: object = None
    """The address that was knocked at."""
    who: object = None
    """Where, and as whom, it was looked at."""
    whole: object = None
    """The same, and at which part."""
    waits: bool = False
    """Whether it was changed since it was looked at."""
    refused: frozenset[object] = frozenset()
    """As whom a login was refused. The same one is not tried again by itself."""

    @property
    def newest(self) -> Tried | None:
        """The look, or else the knock."""
        return self.looked or self.knocked


def _knock(configured: ConnectionConfig, clock: Clock) -> Tried:
    from fedesk.setting_up import knock

    return knock(configured, clock)


def _look(configured: ConnectionConfig, secret: SecretText | None, clock: Clock) -> Tried:
    from fedesk.setting_up import look

    return look(configured, secret, clock)


@dataclass(frozen=True, slots=True)
class Asks:
    """How systems are asked; both block for as long as a system takes, and never raise."""

    knock: Callable[[ConnectionConfig, Clock], Tried] = _knock
    look: Callable[[ConnectionConfig, SecretText | None, Clock], Tried] = _look


class TrialEnded(Message):
    """An answer of a system, or why there is none."""

    def __init__(self, page: Page, number: int, tried: Tried, *, looked: bool) -> None:
        super().__init__()
        self.page = page
        self.number = number
        self.tried = tried
        self.looked = looked


class Trials:
    """The trials of all pages. Each runs on a thread of its own, and what it finds is posted."""

    def __init__(self, post: Callable[[TrialEnded], object], clock: Clock, asks: Asks) -> None:
        self._post = post
        self._asks = asks
        self._clock = clock
        self._of: dict[Page, Trial] = {}

    def of(self, page: Page) -> Trial:
        """What is known of a page's connection."""
        return self._of.get(page, Trial())

    def edited(self, setup: Setup) -> None:
        """Something was typed: what was found for another address does not hold any more."""
        page = setup.page
        trial = self.of(page)
        if page not in SYSTEMS:
            return
        place, who, whole = _keys(setup, page)
        if place != trial.place:
            trial = Trial(number=trial.number + 1, refused=trial.refused)
        elif whole != trial.whole and trial.asking != "knock":
            trial = replace(
                trial,
                number=trial.number + 1,
                asking="",
                looked=trial.looked if who == trial.who else None,
                whole=None,
                waits=trial.waits or trial.looked is not None,
            )
        self._of[page] = trial

    def knock(self, setup: Setup) -> None:
        """Knock at the address that is typed, where it is one and was not knocked at."""
        page = setup.page
        if page not in SYSTEMS:
            return
        configured = answers.address_alone(setup, page)
        trial = self.of(page)
        place, _, _ = _keys(setup, page)
        if configured is None or place == trial.place:
            return
        trial = Trial(number=trial.number + 1, asking="knock", place=place, refused=trial.refused)
        self._begin(page, trial, partial(self._asks.knock, configured, self._clock), looked=False)

    def look(self, setup: Setup, page: Page, *, again: bool = False) -> None:
        """Log in and look, where everything is there that it takes, and it was not done yet with the same."""
        if page not in SYSTEMS:
            return
        found = answers.read(setup, page)
        if found.configured is None or found.mistakes:
            if setup.page is page:
                self.knock(setup)
            return
        trial = self.of(page)
        place, who, whole = _keys(setup, page)
        by_itself = setup.answers(page).get("auth", "") not in BY_A_BROWSER
        is_known = whole == trial.whole or who in trial.refused
        if not again and (is_known or not by_itself):
            if place != trial.place and setup.page is page:
                self.knock(setup)
            return
        trial = Trial(
            number=trial.number + 1,
            asking="look",
            refused=trial.refused,
            knocked=trial.knocked if place == trial.place else None,
            place=place,
            who=who,
            whole=whole,
        )
        secret = answers.typed_secret(setup, page)
        self._begin(page, trial, partial(self._asks.look, found.configured, secret, self._clock), looked=True)

    def _begin(self, page: Page, trial: Trial, work: Callable[[], Tried], *, looked: bool) -> None:
        self._of[page] = trial

        def ask() -> None:
            self._post(TrialEnded(page, trial.number, work(), looked=looked))

        threading.Thread(target=ask, name=f"try {page.value}", daemon=True).start()

    def take(self, message: TrialEnded) -> bool:
        """Take an answer in; says whether it still counts."""
        trial = self.of(message.page)
        if message.number != trial.number:
            return False
        if not message.looked:
            self._of[message.page] = replace(trial, asking="", knocked=message.tried)
            return True
        failure = message.tried.failure
        is_refused = failure is not None and failure.kind is FailureKind.UNAUTHENTICATED
        self._of[message.page] = replace(
            trial,
            asking="",
            looked=message.tried,
            waits=False,
            refused=trial.refused | {trial.who} if is_refused else trial.refused,
        )
        return True


def _keys(setup: Setup, page: Page) -> tuple[object, object, object]:
    """Where; where and as whom; and at which part. Equal where the same would be asked."""
    table = answers.table(setup, page)
    secret = answers.typed_secret(setup, page)
    where = tuple((key, table[key]) for key in answers.PLACE if key in table)
    who = (*((key, value) for key, value in table.items() if key not in PARTS), secret)
    return where, who, (who, *((key, str(table[key])) for key in PARTS if key in table))
