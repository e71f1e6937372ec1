"""Incidents as values: ids, the reason they give, what belongs to them, and in which order it happened."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import NOW, minutes
from operation_values import draft_of, operation, operation_id, plan_of, unknown

from fedesk.domain.audit import AuditRecord, Phase
from fedesk.domain.incidents import (
    ACTION,
    EntryKind,
    Incident,
    IncidentHistory,
    IncidentNote,
    NoteKind,
    TimelineEntry,
    WordingError,
    belongs,
    closed_said,
    id_of,
    minted,
    named_in,
    reason_for,
    timeline,
    unknown_said,
    wording_of,
)
from fedesk.domain.operations import JournalEntry, Outcome, Stage, StepState

RUN = "prod/airflow:payments_daily/scheduled__2026-11-19T00:00:00+00:00"
OPEN = Incident(
    id="INC-4711",
    environment="prod",
    title="payments late",
    opened_at=NOW - minutes(5),
    opened_by="mara",
    opened_record=10,
)
CLOSED = replace(OPEN, closed_at=NOW, closed_by="jon", closed_record=20, summary="the file came")


def record(seq: int, phase: Phase = Phase.REFUSAL, **given: object) -> AuditRecord:
    return AuditRecord(seq=seq, draft=draft_of(phase, **given), hash="0" * 64, raw=b"{}")  # type: ignore[arg-type]  # the fields of the draft


def note(number: int, ago: float, kind: NoteKind = NoteKind.NOTE, said: str = "looked") -> IncidentNote:
    run = RUN if kind is NoteKind.FAILURE else ""
    return IncidentNote(number=number, at=NOW - minutes(ago), by="mara", kind=kind, said=said, run=run)


@pytest.mark.parametrize("text", ["INC-4711", " inc-4711 ", "ops/2026.11_a", "A1", "a" * 39 + "1"])
def test_an_id_is_one_word_kept_in_capitals(text: str) -> None:
    """People's own ids are taken as they are, whatever case they are typed in."""
    assert id_of(text) == text.strip().upper()


@pytest.mark.parametrize(
    "text",
    [
        "", "payments", "4711", "2026-11-20", "INC 4711", "INC-4711:", "-x1", "é1", "a" * 40 + "1",
        "hvs.CAESIJ1planted9f8e7d6c5b4a39281706f5e4",
    ],
)  # fmt: skip
def test_what_could_be_something_else_is_no_id(text: str) -> None:
    """No word without a digit, no number, no date, nothing beyond 40 characters, nothing like a secret."""
    with pytest.raises(WordingError):
        id_of(text)


@given(st.text(max_size=60))
def test_no_text_is_too_odd_to_be_asked_for_an_id(text: str) -> None:
    """Any reason begins with an id as it is kept, or with none; naming is stable."""
    found = named_in(text)
    assert not found or (id_of(found) == found and named_in(f"{found}: x") == found)


@given(st.integers(min_value=0, max_value=2**32 - 1))
def test_what_is_minted_is_an_id(random: int) -> None:
    """An id of fedesk's own says its day, and is one that can be given back."""
    found = minted(NOW, random)
    assert id_of(found) == found
    assert found.startswith("FD-20261120-")
    assert minted(NOW, 0b00001_00010_00011_00100_00101_11111) == "FD-20261120-Z54321"
    assert len(found) == len("FD-20261120-7K3MQ9")


def test_ids_of_two_desks_differ() -> None:
    """30 random bits a day: neighbours among random numbers give different ids."""
    assert len({minted(NOW, number * 7919) for number in range(4000)}) == 4000


@pytest.mark.parametrize(
    ("given_reason", "reason"),
    [
        ("", "INC-4711: payments late"),
        ("inc-4711", "INC-4711: payments late"),
        ("INC-4711: ", "INC-4711: payments late"),
        ("INC-4711: the file came", "INC-4711: the file came"),
        ("inc-4711 again", "inc-4711 again"),
        ("the file came", "INC-4711: the file came"),
        ("INC-4711X", "INC-4711: INC-4711X"),
    ],
)
def test_what_is_done_for_an_incident_has_its_reason(given_reason: str, reason: str) -> None:
    """The id alone takes the incident's title; what else is said stands behind the id, and names it again."""
    made = reason_for(OPEN, given_reason)
    assert made == reason
    assert named_in(made) == OPEN.id
    assert reason_for(OPEN, made) == made


def test_a_record_belongs_by_its_reason_or_by_its_run_meanwhile() -> None:
    """From the opening on; by its run up to the closing; the log's order decides, not a clock."""
    runs = (RUN,)
    old = NOW - timedelta(days=400)
    assert belongs(record(11, at=old, reason="INC-4711: x", target="staging/airflow:a/r"), OPEN, runs)
    assert belongs(record(11, reason="", target=RUN), OPEN, runs)
    assert belongs(record(11, reason="", target=f"{RUN}::dbt_test"), OPEN, runs)
    assert not belongs(record(11, reason="INC-47110: x", target="prod/airflow:a/r"), OPEN, runs)
    assert not belongs(record(11, reason="", target=f"{RUN}0"), OPEN, runs)
    assert not belongs(record(9, reason="INC-4711", target=RUN), OPEN, runs)
    assert not belongs(record(10, reason="INC-4711", target=RUN), OPEN, runs)
    assert not belongs(record(21, reason="", target=RUN), CLOSED, runs)
    assert not belongs(record(20, reason="", target=RUN), CLOSED, runs)
    assert belongs(record(21, reason="INC-4711: confirmed before", target=RUN), CLOSED, runs)
    assert not belongs(record(11, action=ACTION, target="INC-4711", reason="INC-4711: x"), OPEN, runs)


def kinds(entries: tuple[TimelineEntry, ...]) -> list[str]:
    return [entry.kind.value for entry in entries]


def a_night() -> IncidentHistory:
    """Failed, opened, taken on, refused once, a window, cleared, closed."""
    plan = plan_of(3, reason=OPEN.reason)
    moments = [NOW - minutes(3) + timedelta(seconds=second) for second in (1, 2, 3, 4)]
    steps = (
        ("", StepState.INTENDED, "claimed by desk-3"),
        ("clear", StepState.INTENDED, "clear 3"),
        ("clear", StepState.DONE, "3 cleared"),
        ("read back", StepState.DONE, "3 tasks are queued"),
    )
    journal = tuple(
        JournalEntry(number=number + 1, at=at, step=step, state=state, said=said)
        for number, (at, (step, state, said)) in enumerate(zip(moments, steps, strict=True))
    )
    done = operation(3, stage=Stage.ENDED, outcome=Outcome.SUCCEEDED, plan=plan, journal=journal)
    done = replace(done, audit_intent=14, audit_outcome=15)
    belonging = (
        record(12, at=NOW - minutes(4), result="no window is open", operation=operation_id(2)),
        record(13, Phase.OVERRIDE, at=NOW - minutes(3.5), action="write-window", operation="", target="prod"),
        record(14, Phase.INTENT, at=moments[1], operation=operation_id(3)),
        record(
            15,
            Phase.OUTCOME,
            at=moments[3],
            operation=operation_id(3),
            result="succeeded: 3 queued",
            links=("http://h/o", "http://h/p"),
        ),
    )
    return IncidentHistory(
        incident=CLOSED,
        notes=(
            replace(note(1, 12, NoteKind.FAILURE, "failed: dbt_test"), link="http://h/r"),
            note(2, 4.5, NoteKind.ACKNOWLEDGEMENT),
        ),
        operations=(done,),
        records=belonging,
    )


def test_a_night_is_told_in_order() -> None:
    """Failure, opening, acknowledgement, refusal, window, plan, each step, outcome, closing: none twice."""
    found = timeline(a_night())
    assert kinds(found) == [
        "failure",
        "opened",
        "acknowledgement",
        "refusal",
        "write window",
        "plan",
        "operation",
        "intent",
        "answer",
        "read-back",
        "outcome",
        "closed",
    ]
    assert [entry.record for entry in found if entry.record is not None] == [10, 12, 13, 14, 15, 20]
    assert [entry.at for entry in found] == sorted(entry.at for entry in found)
    plan = found[5]
    assert (plan.who, plan.subject) == ("mara@finedge.example", RUN)
    assert plan.said.startswith("clear 3 task instances")


def test_each_entry_says_what_who_where_and_where_it_is_on_record() -> None:
    """Of each kind its own fields, and no other: what happened to what, by whom, under which operation."""
    found = {entry.kind: entry for entry in timeline(a_night())}
    failure, opening, taken = (
        found[kind] for kind in (EntryKind.FAILURE, EntryKind.OPENED, EntryKind.ACKNOWLEDGEMENT)
    )
    assert failure == TimelineEntry(
        at=NOW - minutes(12), kind=EntryKind.FAILURE, said="failed: dbt_test", subject=RUN, link="http://h/r"
    )
    assert opening == TimelineEntry(
        at=NOW - minutes(5),
        kind=EntryKind.OPENED,
        said="payments late",
        who="mara",
        subject="prod",
        record=10,
    )
    assert (taken.who, taken.subject, taken.said, taken.record) == ("mara", "", "looked", None)
    refusal, window, plan = (
        found[kind] for kind in (EntryKind.REFUSAL, EntryKind.WRITE_WINDOW, EntryKind.PLAN)
    )
    assert (refusal.who, refusal.subject, refusal.operation) == ("mara@finedge.example", RUN, operation_id(2))
    assert refusal.link == ""
    assert (window.subject, window.operation, window.record) == ("prod", "", 13)
    assert (plan.operation, plan.link) == (operation_id(3), "http://127.0.0.1:8080/dags/payments_daily")
    intent, answer, outcome = (
        found[kind] for kind in (EntryKind.INTENT, EntryKind.ANSWER, EntryKind.OUTCOME)
    )
    assert (intent.said, intent.subject, intent.operation, intent.record) == (
        "clear 3",
        "clear",
        operation_id(3),
        14,
    )
    assert (answer.said, answer.subject, answer.operation, answer.record) == (
        "3 cleared",
        "clear",
        operation_id(3),
        None,
    )
    assert (outcome.said, outcome.link, outcome.record) == ("succeeded: 3 queued", "http://h/o", 15)
    assert found[EntryKind.CLOSED] == TimelineEntry(
        at=NOW, kind=EntryKind.CLOSED, said="the file came", who="jon", subject="prod", record=20
    )


def test_of_several_sends_the_first_intent_has_the_record() -> None:
    """An operation has one intent on the audit log: a second step that sends does not point at it again."""
    steps = ("clear", "trigger")
    journal = tuple(
        JournalEntry(number=number, at=NOW, step=step, state=StepState.INTENDED, said=step)
        for number, step in enumerate(steps, start=1)
    )
    one = replace(operation(3, journal=journal), audit_intent=14)
    found = timeline(IncidentHistory(incident=OPEN, operations=(one,)))
    assert [entry.record for entry in found if entry.kind is EntryKind.INTENT] == [14, None]


def test_an_intent_without_its_operation_is_told_all_the_same() -> None:
    """Where the store has lost an operation, its record is still there."""
    found = timeline(IncidentHistory(incident=OPEN, records=(record(14, Phase.INTENT, result="clear 3"),)))
    assert (found[-1].kind, found[-1].said, found[-1].record) == (EntryKind.INTENT, "clear 3", 14)


def test_titles_and_notes_have_words_and_titles_an_end() -> None:
    """Blanks around them go; a title of 200 characters is one, a note may be longer."""
    assert wording_of(" late ", "title") == "late"
    assert wording_of("x" * 200, "title") == "x" * 200
    assert wording_of("x" * 201, "note") == "x" * 201
    for text, what, sentence in (
        (" ", "note", "A note has at least one word."),
        ("x" * 201, "title", "A title has 200 characters at most; a note has room for the rest."),
    ):
        with pytest.raises(WordingError) as error:
            wording_of(text, what)
        assert str(error.value) == sentence


def test_what_is_said_of_one_that_is_closed_or_not_there() -> None:
    """Who closed it and when, in UTC, and what to do now."""
    assert closed_said(CLOSED) == (
        "Incident INC-4711 was closed by jon at 2026-11-20 02:43:10 UTC. "
        "Open one with another id for what goes on."
    )
    assert unknown_said("INC-1") == "There is no incident INC-1; `fedesk incident list` has them."
    with pytest.raises(WordingError, match="An incident's id is one word of letters, digits"):
        id_of("late")


def test_an_unknown_outcome_and_its_settlement_are_both_told() -> None:
    """Unknown is provisional: who settles it later, and how, stands behind it."""
    left = unknown(3)
    records = (
        record(14, Phase.INTENT, operation=operation_id(3), number=3),
        record(15, Phase.OUTCOME, operation=operation_id(3), at=NOW - minutes(1), result="unknown: 503"),
        record(
            16, Phase.SETTLEMENT, operation=operation_id(3), at=NOW, result="succeeded: they were cleared"
        ),
    )
    found = timeline(IncidentHistory(incident=OPEN, operations=(left,), records=records))
    assert kinds(found)[-2:] == ["outcome", "settlement"]
    assert {"intent", "answer"} <= set(kinds(found))


def test_a_refusal_of_the_runner_is_told_once() -> None:
    """Its journal and its record say the same in the same words; the record is kept."""
    journal = (JournalEntry(number=1, at=NOW, step="", state=StepState.FAILED, said="in flight: x"),)
    one = operation(3, stage=Stage.ENDED, outcome=Outcome.REFUSED, said="in flight: x", journal=journal)
    records = (record(14, operation=operation_id(3), result="refused: in flight: x"),)
    found = timeline(IncidentHistory(incident=OPEN, operations=(one,), records=records))
    assert kinds(found) == ["opened", "plan", "refusal"]


@pytest.mark.parametrize("state", [StepState.DONE, StepState.FAILED])
def test_what_a_person_settled_or_decided_is_told_once(state: StepState) -> None:
    """A person's word is in journal and audit log alike; a decision is an entry of its own kind."""
    journal = (JournalEntry(number=1, at=NOW, step="", state=state, said="settled by mara as done: seen"),)
    one = operation(3, stage=Stage.ENDED, outcome=Outcome.SUCCEEDED, journal=journal)
    records = (
        record(14, Phase.APPROVAL, at=NOW, operation=operation_id(3), result="proceed: review: good"),
        record(15, Phase.REJECTION, at=NOW, operation=operation_id(3), result="stop: review: bad"),
        record(16, Phase.SETTLEMENT, at=NOW, operation=operation_id(3), result="succeeded: settled by mara"),
    )
    found = timeline(IncidentHistory(incident=OPEN, operations=(one,), records=records))
    assert kinds(found) == ["opened", "plan", "decision", "decision", "settlement"]


def test_a_plan_of_several_effects_and_targets_is_one_entry() -> None:
    """Each sentence and each target is named; without a page of its own it has no link."""
    one = operation(3, journal=())
    (effect,), (target,) = one.plan.effects, one.plan.targets
    plan = replace(
        one.plan,
        effects=(effect, replace(effect, sentence="wait")),
        targets=(replace(target, link=""), replace(target, name="x", link="")),
    )
    found = timeline(IncidentHistory(incident=OPEN, operations=(replace(one, plan=plan),)))[-1]
    assert (found.said, found.subject, found.link) == (f"{effect.sentence}; wait", f"{RUN}, x", "")


@pytest.mark.parametrize(
    ("phase", "given", "kind", "said"),
    [
        (Phase.REVIEW, {"result": "good"}, EntryKind.RECORD, "rerun, review: good"),
        (Phase.REVIEW, {}, EntryKind.RECORD, "rerun, review"),
        (Phase.OVERRIDE, {"result": "good"}, EntryKind.RECORD, "rerun, override: good"),
        (Phase.OVERRIDE, {"result": "open", "action": "write-window"}, EntryKind.WRITE_WINDOW, "open"),
        (Phase.REFUSAL, {"result": "no", "action": "write-window"}, EntryKind.REFUSAL, "no"),
    ],
)
def test_any_other_record_is_told_with_its_phase(
    phase: Phase, given: dict[str, object], kind: EntryKind, said: str
) -> None:
    """A review or an approval that names the incident is not lost for want of a word of its own."""
    found = timeline(IncidentHistory(incident=OPEN, records=(record(12, phase, **given),)))
    assert (found[-1].kind, found[-1].said) == (kind, said)


def test_clocks_that_were_set_do_not_turn_a_journal_round() -> None:
    """The clock goes back an hour between intent and answer: the answer still stands behind the intent."""
    history = a_night()
    (done,) = history.operations
    back = tuple(
        replace(entry, at=entry.at - minutes(60)) if entry.number > 2 else entry for entry in done.journal
    )
    found = timeline(replace(history, operations=(replace(done, journal=back),)))
    of_it = [entry.kind for entry in found if entry.operation == done.plan.operation]
    assert of_it == [
        EntryKind.PLAN, EntryKind.OPERATION, EntryKind.INTENT, EntryKind.ANSWER, EntryKind.READ_BACK,
        EntryKind.OUTCOME,
    ]  # fmt: skip


MOMENTS = st.integers(min_value=-600, max_value=600).map(lambda seconds: NOW + timedelta(seconds=seconds))


@given(
    st.lists(MOMENTS, max_size=6),
    st.lists(MOMENTS, max_size=6),
    st.lists(MOMENTS, min_size=1, max_size=6),
    st.booleans(),
)
def test_nothing_is_lost_and_each_source_keeps_its_order(
    noted: list[datetime],
    recorded: list[datetime],
    stepped: list[datetime],
    closed: bool,  # noqa: FBT001 - drawn
) -> None:
    """Whatever the clocks say: every note, record and step once, each source in the order it was written.

    Where no source's clock went back, the whole is in the order of time.
    """
    notes = tuple(
        IncidentNote(number=number, at=at, by="mara", kind=NoteKind.NOTE, said=str(number))
        for number, at in enumerate(noted, start=1)
    )
    records = tuple(
        record(number, at=at, operation="", result=str(number))
        for number, at in enumerate(recorded, start=11)
    )
    journal = tuple(
        JournalEntry(number=number, at=at, step="clear", state=StepState.WAITING, said=str(number))
        for number, at in enumerate(stepped, start=1)
    )
    history = IncidentHistory(
        incident=CLOSED if closed else OPEN,
        notes=notes,
        operations=(operation(3, journal=journal),),
        records=records,
    )
    found = timeline(history)
    assert len(found) == 1 + closed + len(notes) + len(records) + 1 + len(journal)
    for kind, written in (
        (EntryKind.NOTE, [one.said for one in notes]),
        (EntryKind.REFUSAL, [str(one.seq) for one in records]),
        (EntryKind.READ_BACK, [one.said for one in journal]),
    ):
        assert [entry.said for entry in found if entry.kind is kind] == written
    sources = ([OPEN.opened_at, *noted], recorded, [NOW - minutes(3), *stepped])
    if all(source == sorted(source) for source in sources):
        times = [entry.at for entry in found]
        assert times == sorted(times)
