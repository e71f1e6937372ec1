"""How an operation that is held is written of: its records, its lease, and each write once."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from acting import ACTOR, ADDRESS, DEV, ME, LineWorld, Rig, make_plan
from making import NOW

from fedesk.domain.audit import AuditRecord, Phase
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import Evidence, Outcome, Stage, StepState
from fedesk.ports.errors import NotFoundError
from fedesk.ports.operation_store import (
    JournalError,
    LeaseLostError,
    StoreError,
    StoreUnavailableError,
    UnrecordedError,
)
from fedesk.ports.sources import Connection
from fedesk.services.held import INSIST, LEASE, Held, hold
from fedesk.services.settling import has_begun, has_intent
from fedesk.store.operations import SqlStore

SECRET = "hvs.CAESIJvNw8cXUzq5Q0a7Tn4bYkR2dLm9PfGh3Se6VtXoWpZ1"
AWAY = StoreUnavailableError("The store is away.")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    store = SqlStore(tmp_path / "state.sqlite3")
    yield Rig(store=store, world=LineWorld(tmp_path / "lines"))
    store.close()


@pytest.fixture
def held(rig: Rig) -> Held:
    """An operation with a reason, just claimed."""
    operation = rig.confirmed(make_plan(reason="INC-4711"))
    return hold(
        rig.store.claim(operation, ME, rig.clock.now(), LEASE, dead=None),
        store=rig.store,
        systems=rig.systems,
        clock=rig.clock,
        actor=ACTOR,
        pause=rig.clock.pause,
        kinds=rig.kinds,
    )


def newest(held: Held) -> AuditRecord:
    return held.store.tail(1, operation=held.plan.operation)[0]


def test_an_entry_is_of_now_and_hides_what_is_known_as_a_secret(held: Held) -> None:
    """In its sentence and in what each system said; it refers to nothing where nothing is given."""
    seen = Evidence(source="dev/airflow", said=f"token {SECRET}", at=NOW, link="http://airflow/log")
    entry = held.entry("send", StepState.UNKNOWN, f"refused {SECRET}", evidence=[seen])
    assert (entry.at, entry.step, entry.state, entry.reference) == (NOW, "send", StepState.UNKNOWN, "")
    assert SECRET not in f"{entry}"
    assert [replace(one, said="") for one in entry.evidence] == [replace(seen, said="")]


def test_a_record_has_the_plans_reason_and_each_link_once(held: Held) -> None:
    """Who, what, on which plan, and where to look: the target, and what was seen."""
    seen = [Evidence(source="a", said="b", at=NOW, link=link) for link in ("http://x/1", "", "http://x/1")]
    held.end(Outcome.FAILED, "no", Phase.OUTCOME, [held.entry("send", StepState.FAILED, "no", evidence=seen)])
    draft = newest(held).draft
    assert (draft.actor, draft.environment, draft.action) == (ACTOR, "dev", "rerun")
    assert (draft.operation, draft.plan_digest) == (held.plan.operation, held.operation.digest)
    assert (draft.phase, draft.result, draft.reason) == (Phase.OUTCOME, "failed: no", "INC-4711")
    assert (draft.target, draft.at) == ("dev/airflow:lines/r1", NOW)
    assert draft.links == ("http://airflow.dev.example/lines/r1", "http://x/1")


def test_a_reason_of_its_own_stands_in_the_record(held: Held) -> None:
    """As that of a person who settles."""
    assert held.audit(Phase.INTENT, "write").reason == "INC-4711"
    held.end(Outcome.FAILED, "no", Phase.SETTLEMENT, reason="seen with my eyes")
    assert newest(held).draft.reason == "seen with my eyes"


def test_the_oldest_and_the_newest_entry_of_a_step(held: Held) -> None:
    """Of that step alone."""
    for step, said in (("a", "1"), ("b", "2"), ("a", "3"), ("b", "4")):
        held.note(held.entry(step, StepState.WAITING, said))
    first, last = held.first("b"), held.last("a")
    assert (first and first.said, last and last.said) == ("2", "3")
    assert held.first("c") is held.last("c") is None


def test_what_only_waited_has_no_intent(held: Held) -> None:
    """A step was begun, and nothing that could have been sent."""
    assert not has_begun(held)
    held.note(held.entry("review", StepState.WAITING, "waits for a person"))
    assert has_begun(held)
    assert not has_intent(held)
    held.note(held.entry("send", StepState.INTENDED, "write one line"))
    assert has_intent(held)


def test_a_lease_is_renewed_after_a_quarter_of_its_time(held: Held, rig: Rig) -> None:
    """Not earlier, and not later: at thirty seconds of a hundred and twenty."""
    until = held.lease.until
    rig.clock.at += timedelta(seconds=29.9)
    held.keep()
    assert held.lease.until == until
    rig.clock.at = NOW + LEASE / 4
    held.keep()
    assert held.lease.until == until + LEASE / 4
    assert held.renewed_at == rig.clock.monotonic() == 30.0


def test_a_lease_lasts_twice_as_long_as_a_request_may_take(
    held: Held, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And two minutes at least."""
    held.renew()
    assert held.lease.until == rig.clock.now() + LEASE
    reading = rig.systems.reading

    def slow(name: ConnectionName) -> Connection:
        return replace(reading(name), patience=100.0)

    monkeypatch.setattr(rig.systems, "reading", slow)
    held.renew()
    assert held.lease.until == rig.clock.now() + timedelta(seconds=200)


def test_a_system_that_is_not_configured_has_no_patience(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was asked there that could still be under way."""

    def gone(_: ConnectionName) -> Connection:
        raise NotFoundError(f"{DEV} is not configured ({ADDRESS})")

    monkeypatch.setattr(held.systems, "reading", gone)
    assert held.patience == 0.0


def losing(held: Held, monkeypatch: pytest.MonkeyPatch, verb: str, times: int = 1) -> list[str]:
    """The store does what it is told to, and its answer does not arrive; ``times`` of them."""
    really: Callable[..., object] = getattr(held.store, verb)
    told: list[str] = []

    def loses(*given: object) -> object:
        told.append(verb)
        answer = really(*given)
        if len(told) <= times:
            raise AWAY
        return answer

    monkeypatch.setattr(held.store, verb, loses)
    return told


def test_an_entry_whose_answer_was_lost_is_not_written_again(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After something was sent it is looked for in the journal, and the journal goes on behind it."""
    held.sent = True
    told = losing(held, monkeypatch, "write")
    held.note(held.entry("send", StepState.DONE, "one"), held.audit(Phase.INTENT, "one"))
    assert told == ["write"]
    held.note(held.entry("arrive", StepState.DONE, "two"))
    found = held.store.operation(held.plan.operation)
    assert found is not None
    assert [entry.said for entry in found.journal if entry.step] == ["one", "two"]


def test_an_end_whose_answer_was_lost_is_not_written_again(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One outcome in the audit log, and the operation as it ended."""
    held.sent = True
    told = losing(held, monkeypatch, "end")
    ended = held.end(Outcome.SUCCEEDED, "there", Phase.OUTCOME)
    assert told == ["end"]
    assert (ended.stage, ended.outcome, ended.said) == (Stage.ENDED, Outcome.SUCCEEDED, "there")
    assert [str(one.draft.phase) for one in held.store.tail(9, operation=held.plan.operation)] == ["outcome"]


def is_away(*_: object) -> None:
    raise AWAY


def failing(held: Held, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    """The store does not do it the first time."""
    really: Callable[..., object] = getattr(held.store, verb)
    told: list[str] = []

    def fails(*given: object) -> object:
        told.append(verb)
        if len(told) == 1:
            raise AWAY
        return really(*given)

    monkeypatch.setattr(held.store, verb, fails)


def test_what_did_not_come_about_is_written_again(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry and an end that are looked for and are not there."""
    held.sent = True
    failing(held, monkeypatch, "write")
    failing(held, monkeypatch, "end")
    held.note(held.entry("send", StepState.DONE, "one"))
    ended = held.end(Outcome.SUCCEEDED, "there", Phase.OUTCOME)
    assert (ended.stage, ended.outcome) == (Stage.ENDED, Outcome.SUCCEEDED)
    assert [entry.said for entry in ended.journal if entry.step] == ["one"]


def test_a_write_costs_no_read(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there is looked at only where an answer was lost."""
    monkeypatch.setattr(held.store, "operation", is_away)
    held.sent = True
    held.note(held.entry("send", StepState.DONE, "one"))
    assert [entry.said for entry in held.journal if entry.step] == ["one"]


@pytest.mark.parametrize("before", [(), (AWAY,)])
def test_a_journal_that_was_moved_is_told_when_it_is_so_twice(
    held: Held, rig: Rig, monkeypatch: pytest.MonkeyPatch, before: tuple[StoreError, ...]
) -> None:
    """Once it may be that what was given up for lost came about late."""
    moved = JournalError("The journal is not as it was left.")
    errors = iter((*before, moved, moved))

    def moves(*_: object) -> None:
        raise next(errors)

    held.sent = True
    monkeypatch.setattr(held.store, "write", moves)
    with pytest.raises(UnrecordedError) as told:
        held.note(held.entry("send", StepState.DONE, "one"))
    assert told.value.__cause__ is moved
    assert len(rig.clock.paused) == len(before) + 1


@pytest.mark.parametrize(
    ("lasts", "counted"),
    [
        # A machine that sleeps through the first pause, and one whose clock stands still.
        (INSIST, 1),
        (0.0, 125),
    ],
)
def test_ten_minutes_are_counted_by_the_clock_and_by_the_pauses(
    held: Held, rig: Rig, monkeypatch: pytest.MonkeyPatch, lasts: float, counted: int
) -> None:
    """Whichever says more."""
    rig.clock.at += timedelta(seconds=1000)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        rig.clock.at += timedelta(seconds=lasts)

    held.sent, held.pause = True, pause
    monkeypatch.setattr(held.store, "write", is_away)
    with pytest.raises(UnrecordedError):
        held.note(held.entry("send", StepState.DONE, "one"))
    assert len(pauses) == counted


@pytest.mark.parametrize("sent", [False, True])
def test_a_store_that_stays_away_is_tried_where_something_was_sent(
    held: Held, rig: Rig, monkeypatch: pytest.MonkeyPatch, *, sent: bool
) -> None:
    """For ten minutes; where nothing was, it is told at once, and nothing is."""
    held.sent = sent
    monkeypatch.setattr(held.store, "write", is_away)
    with pytest.raises(StoreError) as told:
        held.note(held.entry("send", StepState.DONE, "one"))
    waited = sum(rig.clock.paused)
    if not sent:
        assert (told.value, waited) == (AWAY, 0.0)
        return
    assert isinstance(told.value, UnrecordedError)
    assert INSIST <= waited < INSIST + 5.1
    said = f"Operation {held.plan.operation} was sent, but what came of it could not be recorded: {AWAY}"
    hint = f"When the store is well again, run `fedesk operations recheck {held.plan.operation}`."
    assert str(told.value) == f"{said} {hint}"


def test_a_lease_that_was_lost_is_told_at_once(held: Held, rig: Rig) -> None:
    """Whoever has it now goes on; nothing is tried again."""
    held.sent = True
    rig.store.let_go(held.lease)
    rig.store.claim(
        held.plan.operation, replace(ME, pid=4713), rig.clock.now(), LEASE, dead=held.operation.owner
    )
    with pytest.raises(LeaseLostError):
        held.note(held.entry("send", StepState.DONE, "one"))
    assert rig.clock.paused == []
