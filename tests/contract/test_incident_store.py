"""Incidents on a file and on a server: written with their record, what belongs, what two may not do."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Barrier

import pytest
from making import NOW, minutes
from operation_values import OWNER, draft_of, operation_id
from storing import LASTS, RUN, carried_out, claimed, entry, submission, told

from fedesk.domain.audit import AuditDraft, Phase
from fedesk.domain.incidents import ACTION, Incident, IncidentHistory, IncidentNote, NoteKind, timeline
from fedesk.domain.operations import Outcome, StepState
from fedesk.domain.plans import digest_of
from fedesk.ports.incident_store import DeskStore, IncidentConflictError, UnknownIncidentError
from fedesk.ports.operation_store import StoreError, Submission
from fedesk.store.operations import SqlStore

OTHER = "prod/airflow:ledger_load/scheduled__2026-11-19T00:00:00+00:00"
TOKEN = "hvs." + "CAESIJ1planted9f8e7d6c5b4a39281706f5e4d3c2b1a0"


@pytest.fixture
def store(again: Callable[[], SqlStore]) -> SqlStore:
    return again()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[SqlStore]:
    """A store in a file, where it is the file that is looked at."""
    opened = SqlStore(tmp_path / "fedesk.sqlite3")
    yield opened
    opened.close()


def an_incident(number: int = 4711, **given: object) -> Incident:
    values: dict[str, object] = {
        "id": f"INC-{number}",
        "environment": "prod",
        "title": "payments late",
        "opened_at": NOW - minutes(5),
        "opened_by": "mara",
        "opened_record": 0,
    }
    return Incident(**(values | given))  # type: ignore[arg-type]  # its fields


def on_record(incident: str = "INC-4711", phase: Phase = Phase.START) -> AuditDraft:
    return draft_of(phase, action=ACTION, target=incident, operation="", plan_digest="", reason=incident)


def a_note(said: str = "looked", kind: NoteKind = NoteKind.NOTE, run: str = "") -> IncidentNote:
    return IncidentNote(number=0, at=NOW, by="mara", kind=kind, said=said, run=run)


def opened(store: DeskStore, *runs: str, number: int = 4711, **given: object) -> Incident:
    failures = tuple(a_note("failed", NoteKind.FAILURE, run) for run in runs)
    store.open_incident(an_incident(number, **given), failures, on_record(f"INC-{number}"))
    found = store.incident(f"INC-{number}")
    assert found is not None
    return found


def history(store: DeskStore) -> IncidentHistory:
    found = store.history("INC-4711")
    assert found is not None
    return found


def with_reason(number: int, reason: str, run: str = OTHER) -> Submission:
    """A confirmed plan of another run, with a reason."""
    given = submission(number)
    target = replace(given.plan.targets[0], name=run, reserves=(run,))
    plan = replace(given.plan, reason=reason, targets=(target,))
    digest = digest_of(plan)
    return replace(given, plan=plan, digest=digest, confirmation=replace(given.confirmation, digest=digest))


def done(store: DeskStore, given: Submission) -> None:
    """Claimed, its intent recorded, ended."""
    store.submit(given)
    operation, reason = given.plan.operation, given.plan.reason
    lease = store.claim(operation, OWNER, NOW, LASTS, dead=None)
    intent = replace(told(given, Phase.INTENT), operation=operation, reason=reason, target=OTHER)
    store.write(lease, [entry("clear", StepState.INTENDED, "clear 3")], intent)
    outcome = replace(intent, phase=Phase.OUTCOME, result="succeeded: 3 cleared")
    store.end(lease, Outcome.SUCCEEDED, "3 cleared", NOW, [entry("clear", StepState.DONE)], outcome)


def test_what_was_opened_is_read_back(store: SqlStore) -> None:
    """Its fields, its failures in order with their numbers, and the number of its audit record."""
    store.append(draft_of(Phase.EXPORT))
    found = opened(store, RUN, OTHER)
    assert found == an_incident(opened_record=2)
    kept = history(store)
    assert [(note.number, note.run) for note in kept.notes] == [(1, RUN), (2, OTHER)]
    record = store.record(2)
    assert record is not None
    assert (record.draft.action, record.draft.phase, record.draft.target) == (ACTION, Phase.START, "INC-4711")


def test_reading_makes_no_store(file: SqlStore, tmp_path: Path) -> None:
    """Where there is no store there are no incidents, and none is made by asking."""
    assert file.incidents() == ()
    assert file.incident("INC-4711") is None
    assert file.history("INC-4711") is None
    assert list(tmp_path.iterdir()) == []


def test_the_newest_are_first_and_those_that_are_open_can_be_had(store: SqlStore) -> None:
    """By environment, open alone, and no more than asked for."""
    for number in (1, 2, 3):
        opened(
            store, number=number, opened_at=NOW + minutes(number), environment=("prod", "dev")[number == 2]
        )
    store.close_incident("INC-3", NOW, "jon", "over", on_record("INC-3", Phase.STOP))
    assert [one.id for one in store.incidents()] == ["INC-3", "INC-2", "INC-1"]
    assert [one.id for one in store.incidents(limit=2)] == ["INC-3", "INC-2"]
    assert [one.id for one in store.incidents(environment="prod")] == ["INC-3", "INC-1"]
    assert [one.id for one in store.incidents(only_open=True)] == ["INC-2", "INC-1"]


def test_notes_are_numbered_and_the_end_is_kept(store: SqlStore) -> None:
    """In the order they were written; the closing has who, when, why and its record."""
    opened(store, RUN)
    for said in ("one", "two"):
        store.note_incident("INC-4711", a_note(said), on_record(phase=Phase.REVIEW))
    store.close_incident("INC-4711", NOW, "jon", "the file came", on_record(phase=Phase.STOP))
    kept = history(store)
    assert [(note.number, note.said) for note in kept.notes] == [(1, "failed"), (2, "one"), (3, "two")]
    closed = kept.incident
    assert (closed.closed_at, closed.closed_by, closed.closed_record) == (NOW, "jon", 4)
    assert (closed.summary, closed.is_open) == ("the file came", False)
    assert store.verify(deep=True).flaw is None


def test_what_stands_otherwise_is_a_conflict_and_leaves_nothing(store: SqlStore) -> None:
    """Opened twice, closed twice, noted when closed or unknown: a sentence, and no record of it either."""
    opened(store)
    with pytest.raises(IncidentConflictError, match="INC-4711 was opened already, by mara at 2026-11-20"):
        opened(store)
    store.close_incident("INC-4711", NOW, "jon", "", on_record(phase=Phase.STOP))
    again = partial(store.close_incident, "INC-4711", NOW, "eve", "", on_record(phase=Phase.STOP))
    for write in (again, partial(store.note_incident, "INC-4711", a_note(), on_record(phase=Phase.REVIEW))):
        with pytest.raises(IncidentConflictError, match="was closed by jon at 2026-11-20 02:43:10 UTC"):
            write()
    with pytest.raises(UnknownIncidentError, match="There is no incident INC-1;"):
        store.note_incident("INC-1", a_note(), on_record("INC-1"))
    with pytest.raises(UnknownIncidentError):
        store.close_incident("INC-1", NOW, "eve", "", on_record("INC-1"))
    assert [record.draft.phase for record in store.stream()] == [Phase.START, Phase.STOP]
    assert history(store).notes == ()


def raced(desks: Sequence[SqlStore], attempt: Callable[[SqlStore, int], None]) -> list[str]:
    """What each of several desks is told that try the same at once; empty where it was done."""
    ready = Barrier(len(desks))

    def one(pair: tuple[int, SqlStore]) -> str:
        ready.wait()
        try:
            attempt(pair[1], pair[0])
        except IncidentConflictError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(len(desks)) as pool:
        return list(pool.map(one, enumerate(desks)))


def test_of_desks_that_open_or_close_one_at_once_one_does(again: Callable[[], SqlStore]) -> None:
    """Six desks, one id: one incident, one record, five sentences that name the winner; so with its end."""
    desks = [again() for _ in range(6)]
    desks[0].check()

    def open_it(desk: SqlStore, number: int) -> None:
        desk.open_incident(an_incident(opened_by=f"desk {number}"), (), on_record())

    def close_it(desk: SqlStore, number: int) -> None:
        desk.close_incident("INC-4711", NOW, f"desk {number}", "", on_record(phase=Phase.STOP))

    said = raced(desks, open_it)
    winner = said.index("")
    assert all(f"opened already, by desk {winner} at" in one for one in said if one)
    said = raced(desks, close_it)
    winner = said.index("")
    assert all(f"was closed by desk {winner} at" in one for one in said if one)
    assert said.count("") == 1
    assert [record.draft.phase for record in desks[0].stream()] == [Phase.START, Phase.STOP]


def test_notes_of_several_desks_are_all_there(again: Callable[[], SqlStore]) -> None:
    """Each has a number of its own, none is lost, and each has its record."""
    desks = [again() for _ in range(4)]
    opened(desks[0])

    def write(desk: SqlStore, number: int) -> None:
        for place in range(5):
            desk.note_incident("INC-4711", a_note(f"{number}.{place}"), on_record())

    assert raced(desks, write) == [""] * 4
    kept = history(desks[0]).notes
    assert [note.number for note in kept] == list(range(1, 21))
    assert {note.said for note in kept} == {f"{number}.{place}" for number in range(4) for place in range(5)}
    assert sum(1 for _ in desks[0].stream()) == 21


def test_operations_belong_by_their_reason_and_by_their_run(store: SqlStore) -> None:
    """One of the run, one that names the incident, each with journal and records; no other.

    Nor what was done before the opening, nor what was done to the run after the closing.
    """
    carried_out(store, 1)
    opened(store, RUN)
    carried_out(store, 2)
    done(store, with_reason(3, "inc-4711: payments late"))
    done(store, with_reason(4, "INC-47: another"))
    store.append(draft_of(Phase.OVERRIDE, action="write-window", operation="", reason="INC-4711: x"))
    store.append(draft_of(Phase.OVERRIDE, action="write-window", operation="", reason="other", target="prod"))
    store.close_incident("INC-4711", NOW, "jon", "", on_record(phase=Phase.STOP))
    carried_out(store, 5)
    kept = history(store)
    assert [one.plan.operation for one in kept.operations] == [operation_id(2), operation_id(3)]
    assert all(one.journal for one in kept.operations)
    assert [(one.draft.phase.value, one.draft.operation) for one in kept.records] == [
        ("intent", operation_id(2)),
        ("outcome", operation_id(2)),
        ("intent", operation_id(3)),
        ("outcome", operation_id(3)),
        ("override", ""),
    ]
    assert sum(entry.kind.value == "outcome" for entry in timeline(kept)) == 2


def test_what_was_confirmed_before_the_closing_is_told(store: SqlStore) -> None:
    """A process that was slower than the person who closed: its records stand behind, and belong."""
    opened(store)
    given = with_reason(3, "INC-4711: payments late")
    store.submit(given)
    assert [one.plan.operation for one in history(store).operations] == [operation_id(3)]
    store.close_incident("INC-4711", NOW, "jon", "", on_record(phase=Phase.STOP))
    lease = store.claim(given.plan.operation, OWNER, NOW, LASTS, dead=None)
    intent = replace(told(given, Phase.INTENT), operation=operation_id(3), reason=given.plan.reason)
    store.write(lease, [entry("clear", StepState.INTENDED)], intent)
    assert [one.plan.operation for one in history(store).operations] == [operation_id(3)]


def test_nothing_is_confirmed_for_an_incident_that_is_closed(store: SqlStore) -> None:
    """Asked in the transaction that would write it; another reason, or a ticket that is none, is let in."""
    opened(store)
    store.close_incident("INC-4711", NOW, "jon", "", on_record(phase=Phase.STOP))
    for reason in ("INC-4711", "inc-4711: payments late"):
        with pytest.raises(IncidentConflictError, match="INC-4711 was closed by jon"):
            store.submit(with_reason(3, reason))
    assert store.operations() == ()
    for number, reason in enumerate(("INC-2207: x", "follow-up of INC-4711", ""), start=3):
        store.submit(with_reason(number, reason, run=f"{OTHER}{number}"))
    assert len(store.operations()) == 3


def test_what_reserves_nothing_can_be_confirmed(store: SqlStore) -> None:
    """Nothing written of reservations is no sign of a closed incident."""
    opened(store)
    given = with_reason(3, "INC-4711")
    plan = replace(given.plan, targets=(replace(given.plan.targets[0], reserves=()),))
    digest = digest_of(plan)
    confirmation = replace(given.confirmation, digest=digest)
    store.submit(replace(given, plan=plan, digest=digest, confirmation=confirmation))
    assert len(store.operations()) == 1


def test_an_operation_that_waits_belongs_to_its_run(store: SqlStore) -> None:
    """Confirmed or claimed and nothing recorded yet: the timeline has it all the same."""
    opened(store, RUN)
    claimed(store, 2)
    assert [one.plan.operation for one in history(store).operations] == [operation_id(2)]
    assert history(store).records == ()


def test_a_settlement_after_the_closing_belongs_to_its_operation(store: SqlStore) -> None:
    """How an operation that had ended unknown was settled later is part of what happened."""
    opened(store, RUN)
    lease = carried_out(store, 2, Outcome.UNKNOWN)
    store.close_incident("INC-4711", NOW, "jon", "", on_record(phase=Phase.STOP))
    taken = store.claim(operation_id(2), OWNER, NOW + minutes(9), LASTS, dead=lease.owner)
    settled = told(submission(2), Phase.SETTLEMENT, "succeeded: they were cleared", number=2)
    settled = replace(settled, operation=operation_id(2))
    store.end(taken, Outcome.SUCCEEDED, "they were cleared", NOW, (), settled)
    assert history(store).records[-1].draft.phase is Phase.SETTLEMENT


def test_secrets_are_kept_nowhere_and_text_is_bounded(file: SqlStore, tmp_path: Path) -> None:
    """A token in a title, a note, a link or a summary is hidden before it is written; text has an end."""
    opened(file, RUN, title=f"token {TOKEN}")
    note = replace(a_note(f"{TOKEN} \x00 \ud800 {'x' * 9000}"), link=f"https://h/?token={TOKEN}")
    file.note_incident("INC-4711", note, on_record(phase=Phase.REVIEW))
    file.close_incident("INC-4711", NOW, "jon", TOKEN, on_record(phase=Phase.STOP))
    kept = history(file)
    assert kept.incident.title.startswith("token [hidden")
    assert kept.incident.summary.startswith("[hidden")
    assert len(kept.notes[1].said) <= 4096
    file.close()
    for path in tmp_path.iterdir():
        assert TOKEN.encode() not in path.read_bytes()


def test_a_store_that_is_away_says_so(file: SqlStore) -> None:
    """Neither reading nor writing pretends: StoreError, with the store's own sentence."""
    opened(file)
    file.path.unlink()
    note = partial(file.note_incident, "INC-4711", a_note(), on_record())
    for ask in (file.incidents, partial(file.history, "INC-4711"), note):
        with pytest.raises(StoreError, match="was removed"):
            ask()
