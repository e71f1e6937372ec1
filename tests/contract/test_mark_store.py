"""What is said of findings, on a file and on a server: written with its record, read in order."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier

import pytest
from making import NOW, minutes
from operation_values import draft_of

from fedesk.domain.audit import Actor, AuditDraft, Phase
from fedesk.domain.front import Finding
from fedesk.domain.marks import ACTION, Mark, MarkError, MarkKind, key_of, marks_of, theme_of
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.roles import People, Person, Rights, Role
from fedesk.domain.states import Severity, State
from fedesk.ports.operation_store import StoreError
from fedesk.services.marking import Marking
from fedesk.services.proposals import RefusedError
from fedesk.store.operations import SqlStore

FAILED = Finding(
    id="failed:prod/airflow:payments_daily:payments_daily/scheduled__2026-11-19T00:00:00+00:00",
    kind="failed run",
    severity=Severity.PAGE,
    state=State.FAILED,
    subject="payments_daily",
    what="dbt_test failed",
    since=NOW - minutes(12),
    owner="engineering",
    todo="read the log",
    run=RunName(ConnectionName("prod", "airflow"), "payments_daily/scheduled__2026-11-19T00:00:00+00:00"),
)
TOKEN = "hvs." + "CAESIJ1planted9f8e7d6c5b4a39281706f5e4d3c2b1a0"
EARLIER = NOW - timedelta(days=30)


class StillClock:
    """NOW, for ever."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def desk_of(store: SqlStore, person: str = "mara") -> Marking:
    actor = Actor(person=person, known_by="configuration", host="desk-3", pid=4242)
    return Marking(store=store, actor=actor, clock=StillClock())


def a_mark(said: str = "", **given: object) -> Mark:
    values: dict[str, object] = {"environment": "prod", "finding": key_of(FAILED), "kind": MarkKind.NOTE}
    return Mark(**(values | {"at": NOW, "by": "mara", "said": said} | given))  # type: ignore[arg-type]  # its fields


def on_record() -> AuditDraft:
    return draft_of(Phase.REVIEW, action=ACTION, target=key_of(FAILED), operation="", plan_digest="")


def test_what_one_desk_says_another_reads(again: Callable[[], SqlStore]) -> None:
    """All fields, in the order of the audit log, which says the same."""
    mara, jon = again(), again()
    marking = desk_of(mara)
    marking.acknowledge("prod", FAILED)
    marking.note("prod", FAILED, "the upstream file is late")
    marking.assign("prod", FAILED, "jon")
    marking.silence("prod", FAILED, NOW + timedelta(days=2), "known until Thursday", "ann")
    found = jon.marks(EARLIER, environment="prod")
    assert [(one.kind, one.by, one.whom, one.said, one.record) for one in found] == [
        ("acknowledge", "mara", "", "", 1),
        ("note", "mara", "", "the upstream file is late", 2),
        ("assign", "mara", "jon", "", 3),
        ("silence", "mara", "ann", "known until Thursday", 4),
    ]
    assert found[3].until == NOW + timedelta(days=2)
    state = marks_of(found, "prod").state(FAILED, NOW)
    assert (state.holder, state.assigned_by) == ("jon", "mara")
    assert state.quiet is not None
    drafts = [one.draft for one in jon.stream()]
    assert [(one.action, one.phase, one.target) for one in drafts] == [
        (ACTION, Phase.REVIEW, key_of(FAILED)),
        (ACTION, Phase.REVIEW, key_of(FAILED)),
        (ACTION, Phase.REVIEW, key_of(FAILED)),
        (ACTION, Phase.CONFIGURATION, theme_of(FAILED)),
    ]
    assert drafts[3].result == "silence for ann until 2026-11-22 02:43:10 UTC"


def test_what_is_old_or_of_another_environment_is_not_read(again: Callable[[], SqlStore]) -> None:
    """And where there is no store, nothing was said and none is made."""
    store = again()
    assert store.marks(EARLIER) == ()
    for mark in (a_mark("old", at=EARLIER - minutes(1)), a_mark("here"), a_mark("there", environment="dev")):
        store.mark(mark, on_record())
    assert [one.said for one in store.marks(EARLIER)] == ["here", "there"]
    assert [one.said for one in store.marks(EARLIER, environment="prod")] == ["here"]


def test_two_desks_that_speak_at_once_are_both_heard(again: Callable[[], SqlStore]) -> None:
    """Each has its number and its record; whose record is the later one has the last word."""
    desks = [again() for _ in range(2)]
    desks[0].check()
    start = Barrier(2)

    def speak(at: int) -> None:
        start.wait()
        for _ in range(3):
            desk_of(desks[at], ("mara", "jon")[at]).acknowledge("prod", FAILED)

    with ThreadPoolExecutor(2) as both:
        list(both.map(speak, range(2)))
    found = desks[0].marks(EARLIER)
    assert sorted(one.by for one in found) == ["jon"] * 3 + ["mara"] * 3
    assert [one.record for one in found] == [1, 2, 3, 4, 5, 6]
    assert desks[1].verify(deep=False).flaw is None
    assert marks_of(found, "prod").state(FAILED, NOW).holder == found[-1].by


def test_a_secret_in_what_is_said_is_not_kept(again: Callable[[], SqlStore]) -> None:
    """Neither in the note nor in the audit log; text that no database takes is made fit."""
    store = again()
    marking = desk_of(store)
    marking.note("prod", FAILED, f"log in with {TOKEN} \0 \ud800")
    marking.assign("prod", FAILED, f"jon {TOKEN}")
    kept = repr(store.marks(EARLIER)) + repr([one.raw for one in store.stream()])
    assert TOKEN not in kept
    assert "log in with" in kept


def test_what_cannot_be_written_says_nothing(again: Callable[[], SqlStore]) -> None:
    """What the table refuses has left no record of itself either."""
    store = again()
    store.check()
    with pytest.raises(StoreError):
        store.mark(a_mark("x", at=None), on_record())
    assert (store.marks(EARLIER), store.tail(1)) == ((), ())


def test_who_has_no_role_says_nothing(again: Callable[[], SqlStore]) -> None:
    """A viewer's word is refused, and that is on the record."""
    store = again()
    people = People(named={"mara": Person(principal="mara", roles=frozenset({Role.VIEWER}))})
    marking = replace(desk_of(store), rights=Rights(people=people, person="mara"))
    with pytest.raises(RefusedError, match="operator"):
        marking.acknowledge("prod", FAILED)
    assert store.marks(EARLIER) == ()
    (record,) = store.tail(5)
    assert (record.draft.action, record.draft.phase) == (ACTION, Phase.REFUSAL)
    assert record.draft.result.startswith("acknowledge: ")


def test_lifting_ends_what_is_quiet_and_says_where_nothing_is(again: Callable[[], SqlStore]) -> None:
    """A snooze and a silence at once; nobody has it: nothing to give back."""
    marking = desk_of(again())
    keys = (key_of(FAILED), theme_of(FAILED))
    for refused in (partial(marking.lift, "prod", keys), partial(marking.release, "prod", FAILED)):
        with pytest.raises(MarkError):
            refused()
    marking.snooze("prod", FAILED, NOW + minutes(60), "after the load")
    marking.silence("prod", FAILED, NOW + minutes(120), "known")
    assert {one.kind for one in marking.lift("prod", keys)} == {MarkKind.SNOOZE, MarkKind.SILENCE}
    assert marking.known("prod").state(FAILED, NOW).quiet is None
    marking.acknowledge("prod", FAILED)
    marking.release("prod", FAILED)
    assert marking.known("prod").state(FAILED, NOW).holder == ""
