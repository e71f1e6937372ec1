"""Notices on their way, and who leads: on a file and on a team's server, as a person and as its owner."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from making import NOW, minutes
from operation_values import OWNER, draft_of
from several_desks import opened_over

from fedesk.domain.audit import Phase
from fedesk.domain.notices import Event, Notice, taken_back
from fedesk.domain.operations import Owner
from fedesk.ports.notifying import Lead, Leaders, LeadLostError, Letter, Outbox
from fedesk.store.operations import SqlStore

if TYPE_CHECKING:
    from postgres_server import Server

LASTS = timedelta(seconds=30)
OTHER = Owner(host="desk-9", boot="b", pid=99, started="7")
STARTING = draft_of(Phase.START, action="watch", operation="", plan_digest="")
STOPPING = draft_of(Phase.STOP, action="watch", operation="", plan_digest="")


@pytest.fixture(params=["sqlite", "person"])
def again(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], SqlStore]]:
    """Opens one store, as often as asked: a file, or a team's database as a person's login role."""
    team: str | None = None
    if request.param == "person":
        server: Server = request.getfixturevalue("postgres")
        team = server.desk(server.fresh(), "mara")
    with opened_over(tmp_path, team) as open_it:
        yield open_it


@pytest.fixture
def store(again: Callable[[], SqlStore]) -> SqlStore:
    return again()


def leads(store: SqlStore, me: Owner = OWNER, lasts: timedelta = LASTS, dead: Owner | None = None) -> Lead:
    return store.lead("watch", me, store.now(NOW), lasts, dead=dead, audit=STARTING)


def letter(number: int, key: str = "page:prod:x", receiver: str = "slack", **given: object) -> Letter:
    values: dict[str, object] = {
        "key": key,
        "event": Event.PAGE,
        "environment": "prod",
        "subject": "prod: payments_daily: failed run",
        "text": "dbt_test failed",
        "at": NOW,
        "people": ("mara", "ann"),
    }
    notice = Notice(**(values | given))  # type: ignore[arg-type]  # its fields
    return Letter(id=f"letter-{number}", receiver=receiver, notice=notice)


def test_it_is_the_port(store: SqlStore) -> None:
    """Every method of both ports is there with its types (mypy reads these assignments)."""
    outbox: Outbox = store
    leaders: Leaders = store
    assert outbox.due("slack", NOW) == outbox.lasting() == ()
    assert leaders.leader("watch") is None


def test_one_leads_and_the_other_is_told_who(again: Callable[[], SqlStore]) -> None:
    """Within a lease the second one gets nothing; given back, or its owner dead, it has the lead."""
    one, other = again(), again()
    mine = leads(one)
    assert (mine.is_mine, mine.owner, mine.died) == (True, OWNER, None)
    theirs = leads(other, OTHER)
    assert (theirs.is_mine, theirs.owner, theirs.fence) == (False, OWNER, mine.fence)
    one.give_back(mine, STOPPING)
    after = leads(other, OTHER)
    assert (after.is_mine, after.fence, after.died) == (True, mine.fence + 1, None)
    with pytest.raises(LeadLostError, match=r"process 99 on desk-9 does"):
        one.keep(mine, NOW, LASTS)
    taken = leads(one, OWNER, dead=OTHER)
    assert (taken.is_mine, taken.died) == (True, OTHER)
    phases = [record.draft.phase for record in one.tail(10)]
    assert phases == [Phase.START, Phase.STOP, Phase.START, Phase.START]


def test_a_lease_that_has_ended_is_taken(again: Callable[[], SqlStore]) -> None:
    """By the store's clock; whose it was is told, and what that one still writes is refused."""
    one, other = again(), again()
    mine = leads(one, lasts=timedelta(seconds=-1))
    taken = leads(other, OTHER)
    assert (taken.is_mine, taken.died) == (True, OWNER)
    for late in (
        lambda: one.put(mine, [letter(1)], NOW),
        lambda: one.sent(mine, letter(1), NOW),
        lambda: one.put_off(mine, letter(1), NOW, "down"),
        lambda: one.take_back(mine, [(letter(1), None)], NOW),
        lambda: one.forget(mine, NOW),
        lambda: one.give_back(mine, None),
    ):
        with pytest.raises(LeadLostError):
            late()
    assert other.due("slack", NOW) == ()
    assert other.leader("watch") == replace(taken, is_mine=False, died=None)


def test_of_two_that_begin_at_once_one_leads(again: Callable[[], SqlStore]) -> None:
    """The first row of all is written once: both come back, one of them with the lead."""
    stores, start = (again(), again()), Barrier(2)

    def begin(store: SqlStore, me: Owner) -> Lead:
        start.wait(10)
        return leads(store, me)

    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(begin, stores, (OWNER, OTHER)))
    assert sorted(lead.is_mine for lead in found) == [False, True]
    assert found[0].owner == found[1].owner


def test_a_letter_is_written_once_for_each_receiver(again: Callable[[], SqlStore]) -> None:
    """By key and receiver, also in one call and after a restart; what is new comes back."""
    store = again()
    lead = leads(store)
    twice = [letter(1), letter(2, receiver="pager"), letter(3)]
    assert [one.id for one in store.put(lead, twice, NOW)] == ["letter-1", "letter-2"]
    assert again().put(lead, [letter(4), letter(5, key="page:prod:y")], NOW) == (
        replace(letter(5, key="page:prod:y"), next_at=NOW),
    )
    (first, second) = again().due("slack", NOW)
    assert (first.notice, first.tries, first.next_at) == (letter(1).notice, 0, NOW)
    assert second.id == "letter-5"


def test_what_was_not_taken_is_due_later_and_what_was_sent_never(again: Callable[[], SqlStore]) -> None:
    """Tries are counted; a letter that is given up is due no more, and stands with why."""
    store = again()
    lead = leads(store)
    store.put(lead, [letter(1), letter(2, key="b"), letter(3, key="c")], NOW)
    first, second, third = store.due("slack", NOW)
    store.put_off(lead, first, NOW + minutes(5), "it is down")
    store.sent(lead, second, NOW)
    store.put_off(lead, third, None, "too old")
    assert store.due("slack", NOW + minutes(4)) == ()
    (later,) = again().due("slack", NOW + minutes(5))
    assert (later.id, later.tries) == ("letter-1", 1)
    store.sent(lead, later, NOW)
    assert store.due("slack", NOW + minutes(60)) == ()
    store.put_off(lead, later, NOW, "an answer that came too late")
    assert store.due("slack", NOW + minutes(60)) == (), "what was sent stays sent"


def test_what_is_over_may_come_again(store: SqlStore) -> None:
    """Its key is free, that it is over is told once, and the same later is a letter of its own."""
    lead = leads(store)
    store.put(lead, [letter(1)], NOW)
    store.sent(lead, letter(1), NOW)
    (open_one,) = store.lasting()
    assert open_one.sent_at == NOW
    word = Letter(id="word", receiver="slack", notice=taken_back(open_one.notice, NOW))
    store.take_back(lead, [(open_one, word)], NOW)
    store.take_back(lead, [(open_one, replace(word, id="again"))], NOW)
    assert store.lasting() == ()
    assert [one.notice.over for one in store.due("slack", NOW)] == [True]
    assert [one.id for one in store.put(lead, [letter(2)], NOW)] == ["letter-2"]
    assert [one.id for one in store.lasting()] == ["letter-2"]


def test_only_what_is_done_is_forgotten(store: SqlStore) -> None:
    """What was told and goes on stays however old, else it would be told a second time."""
    lead = leads(store)
    began = letter(3, key="started:1", event=Event.STARTED)
    store.put(lead, [letter(1), letter(2, key="b"), began, replace(began, id="unsent", receiver="mail")], NOW)
    for sent in (letter(1), letter(2, key="b"), began):
        store.sent(lead, sent, NOW)
    store.take_back(lead, [(letter(2, key="b"), None)], NOW)
    store.forget(lead, NOW)
    assert store.put(lead, [began], NOW) == (), "not older than that"
    assert [one.id for one in store.due("mail", NOW)] == ["unsent"]
    store.forget(lead, NOW + minutes(1))
    assert [one.id for one in store.lasting()] == ["letter-1"]
    assert store.due("mail", NOW) == (), "nobody has that receiver any more"
    assert [one.id for one in store.put(lead, [began, letter(1)], NOW)] == ["letter-3"]


def test_records_of_a_phase_are_read_from_where_one_was(store: SqlStore) -> None:
    """Those behind a number, oldest first, and no others."""
    glass = draft_of(Phase.BREAK_GLASS, operation="", plan_digest="")
    for draft in (glass, STARTING, glass):
        store.append(draft)
    assert [one.seq for one in store.recorded((Phase.BREAK_GLASS,), 0)] == [1, 3]
    assert [one.seq for one in store.recorded((Phase.BREAK_GLASS,), 1)] == [3]
