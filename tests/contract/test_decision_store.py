"""Decisions on a file and on a server: one row a step, written with its record, and the first one counts."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest
from making import NOW
from operation_values import operation_id
from several_desks import opened_over
from storing import carried_out, claimed, submission, told

from fedesk.domain.audit import Phase
from fedesk.domain.operations import Choice, Decision
from fedesk.ports.operation_store import DecidedError, NotClaimableError
from fedesk.store.operations import SqlStore

REVIEW = "review"


@pytest.fixture(params=["sqlite", "postgresql", "person"])
def again(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], SqlStore]]:
    """Opens one store, as often as asked, as several desks do."""
    team = None if request.param == "sqlite" else request.getfixturevalue("postgres").fresh()
    if team is not None and request.param == "person":
        team = request.getfixturevalue("postgres").desk(team, "mara")
    with opened_over(tmp_path, team) as open_it:
        yield open_it


def decision(number: int = 1, *, choice: Choice = Choice.PROCEED, reason: str = "it is well") -> Decision:
    return Decision(
        operation=operation_id(number), step=REVIEW, choice=choice, reason=reason, by="mara", at=NOW
    )


def decides(store: SqlStore, made: Decision) -> str:
    """The sentence that refuses it; empty where it was taken."""
    try:
        store.decide(made, told(submission(1), Phase.APPROVAL, f"{made.choice}: {made.step}"))
    except DecidedError as error:
        return str(error)
    return ""


def test_a_decision_is_read_as_it_was_written(again: Callable[[], SqlStore]) -> None:
    """Another desk reads it; its author is the one that the record has."""
    store = again()
    claimed(store)
    assert store.decisions(operation_id(1)) == ()
    assert decides(store, decision()) == ""
    (made,) = again().decisions(operation_id(1))
    record = store.tail(1)[0].draft
    assert made == replace(decision(), by=record.actor.person)
    assert record.phase is Phase.APPROVAL


def test_of_six_desks_one_decides(again: Callable[[], SqlStore]) -> None:
    """Behind a barrier: one row, one record, and five are told who was first and with which word."""
    claimed(again())
    desks = [again() for _ in range(6)]
    for desk in desks:
        desk.check()
    barrier = Barrier(len(desks))

    def race(index: int) -> str:
        barrier.wait()
        choice = Choice.PROCEED if index % 2 else Choice.STOP
        return decides(desks[index], decision(choice=choice, reason=f"desk {index}"))

    with ThreadPoolExecutor(len(desks)) as pool:
        said = list(pool.map(race, range(len(desks))))
    (made,) = desks[0].decisions(operation_id(1))
    assert said.count("") == 1
    assert all(made.said in one and "was decided before" in one for one in said if one)
    assert [record.draft.phase for record in desks[0].tail(10)] == [Phase.APPROVAL]
    assert desks[0].verify(deep=True).flaw is None


def test_what_has_ended_is_not_decided_and_leaves_no_record(again: Callable[[], SqlStore]) -> None:
    """Row and record are one: a decision that comes too late is neither."""
    store = again()
    carried_out(store)
    with pytest.raises(NotClaimableError, match="has ended: succeeded"):
        decides(store, decision())
    with pytest.raises(NotClaimableError, match="There is no operation"):
        store.decide(decision(2), told(submission(2), Phase.APPROVAL))
    assert store.decisions(operation_id(1)) == ()
    assert [record.draft.phase for record in store.tail(10)] == [Phase.INTENT, Phase.OUTCOME]
