"""Incidents opened, noted and closed by a person; and what is changed in the name of one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from making import NOW, minutes
from operation_values import operation_id
from planning import ACTOR, DAG_RUN, StillClock, StillSystem, asked, changes, clear_preview, window

from fedesk.domain.audit import AuditDraft, Phase
from fedesk.domain.incidents import NoteKind, WordingError
from fedesk.domain.names import RunName
from fedesk.domain.runs import Run, RunDetail
from fedesk.domain.states import State
from fedesk.ports.errors import NotFoundError, ServerFaultError
from fedesk.ports.incident_store import IncidentConflictError, UnknownIncidentError
from fedesk.services.changes import Changes
from fedesk.services.incidents import Incidents
from fedesk.services.proposals import Answer, RefusedError
from fedesk.store.operations import SqlStore

FAILED = Run(
    name=DAG_RUN,
    job="payments_daily",
    state=State.FAILED,
    original_state="failed",
    link="http://127.0.0.1/dags/payments_daily",
    started_at=NOW - minutes(20),
    ended_at=NOW - minutes(12),
    cause="scheduled",
    reason="dbt_test failed, try 3 of 3",
)
IN_PROD = Answer(how="name and key", named="prod", window=window(opened=0))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore(tmp_path / "fedesk.sqlite3")
    yield opened
    opened.close()


@dataclass
class Systems:
    """Reads of runs, which fail with what the test puts in."""

    trouble: Exception | None = None
    asked: list[RunName] = field(default_factory=list)

    def detail(self, name: RunName) -> RunDetail:
        self.asked.append(name)
        if self.trouble is not None:
            raise self.trouble
        return RunDetail(run=FAILED)


def incidents(
    store: SqlStore, systems: Systems | None = None, new_id: Callable[[], str] | None = None
) -> Incidents:
    ids = (operation_id(number) for number in count(1))
    return Incidents(
        store=store,
        detail_of=(systems or Systems()).detail,
        actor=ACTOR,
        clock=StillClock(),
        new_id=new_id or (lambda: next(ids)),
    )


def drafts(store: SqlStore) -> list[AuditDraft]:
    return [record.draft for record in store.stream()]


def test_it_is_opened_for_a_run_as_it_stands(store: SqlStore) -> None:
    """State, since, cause and address of the run are kept as they were; the opening is on the record."""
    made = incidents(store).open("prod", "payments late", given="inc-4711", runs=(DAG_RUN, DAG_RUN))
    assert (made.id, made.environment, made.opened_by) == ("INC-4711", "prod", ACTOR.person)
    (note,) = incidents(store).history("INC-4711").notes
    assert (note.kind, note.run, note.link) == (NoteKind.FAILURE, str(DAG_RUN), FAILED.link)
    assert note.at == FAILED.ended_at
    assert note.said == "failed: dbt_test failed, try 3 of 3; scheduled"
    (draft,) = drafts(store)
    assert (draft.phase, draft.action, draft.target) == (Phase.START, "incident", "INC-4711")
    assert (draft.reason, draft.result) == ("INC-4711: payments late", f"opened for {DAG_RUN}")


def test_an_outage_does_not_stop_an_incident(store: SqlStore) -> None:
    """A run whose system is silent is noted with the system's words; one that is not there opens nothing."""
    silent = Systems(ServerFaultError("prod/airflow answered 503."))
    incidents(store, silent).open("prod", "airflow away", given="INC-1", runs=(DAG_RUN,))
    (note,) = incidents(store).history("inc-1").notes
    assert (note.said, note.at) == ("unknown: prod/airflow answered 503.", NOW)
    with pytest.raises(NotFoundError):
        incidents(store, Systems(NotFoundError("There is no such run."))).open("prod", "x", runs=(DAG_RUN,))
    assert len(drafts(store)) == 1


def test_an_id_is_minted_where_none_is_given(store: SqlStore) -> None:
    """Short, with its day; where another desk has minted the same, the next one is taken."""
    same, other = operation_id(1), operation_id(2)
    ids = iter((same, same, other))
    desk = incidents(store, new_id=lambda: next(ids))
    first, second = desk.open("prod", "one"), desk.open("prod", "two")
    assert first.id.startswith("FD-20261120-")
    assert first.id != second.id
    stuck = incidents(store, new_id=lambda: same)
    with pytest.raises(IncidentConflictError):
        stuck.open("prod", "three")


@pytest.mark.parametrize(
    ("title", "given"), [("", "INC-1"), ("  ", ""), ("x" * 201, ""), ("late", "late"), ("late", "two words")]
)
def test_what_is_no_title_or_id_is_a_sentence(store: SqlStore, title: str, given: str) -> None:
    """Nothing is written for what could not be understood."""
    with pytest.raises(WordingError):
        incidents(store).open("prod", title, given=given)
    assert drafts(store) == []


def test_notes_and_the_end_are_on_the_record(store: SqlStore) -> None:
    """Who wrote what; an acknowledgement is a note of its own kind; what is closed takes no more."""
    desk = incidents(store)
    desk.open("prod", "payments late", given="INC-4711")
    desk.note("inc-4711", "I am on it", acknowledges=True)
    desk.note("INC-4711", "the file came")
    assert desk.close("INC-4711", "loaded").closed_by == ACTOR.person
    assert [note.kind.value for note in desk.history("INC-4711").notes] == ["acknowledgement", "note"]
    assert [(one.phase.value, one.result) for one in drafts(store)] == [
        ("start", "opened"),
        ("review", "acknowledgement: I am on it"),
        ("review", "note: the file came"),
        ("stop", "closed: loaded"),
    ]
    for write in (partial(desk.note, "INC-4711", "x"), partial(desk.close, "INC-4711")):
        with pytest.raises(IncidentConflictError):
            write()
    with pytest.raises(WordingError):
        desk.note("INC-4711", " ")
    with pytest.raises(UnknownIncidentError):
        desk.history("INC-1")
    assert len(drafts(store)) == 4


def test_an_incident_gives_its_reason_while_it_is_open(store: SqlStore) -> None:
    """What a command that names it is done for; unknown and closed ones are refused with a sentence."""
    desk = incidents(store)
    desk.open("prod", "payments late", given="INC-4711")
    assert desk.reason("inc-4711", "") == "INC-4711: payments late"
    assert desk.reason("INC-4711", "the file came") == "INC-4711: the file came"
    with pytest.raises(UnknownIncidentError, match="There is no incident INC-1;"):
        desk.reason("INC-1", "")
    desk.close("INC-4711")
    with pytest.raises(IncidentConflictError, match="was closed by"):
        desk.reason("INC-4711", "")


# Plans and write windows in the name of an incident


def prod(store: SqlStore) -> Changes:
    return changes(store, prod_airflow=StillSystem(clear_preview()))


def opened(store: SqlStore) -> Incidents:
    desk = incidents(store)
    desk.open("prod", "payments late", given="INC-4711")
    return desk


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("INC-4711", "INC-4711: payments late"),
        ("inc-4711:", "INC-4711: payments late"),
        ("INC-4711 once more", "INC-4711 once more"),
        ("INC-2207", "INC-2207"),
        ("the file came", "the file came"),
        ("", ""),
    ],
)
def test_an_open_incidents_id_as_the_reason_is_its_reason(store: SqlStore, given: str, reason: str) -> None:
    """Given alone it becomes the incident's own, of a window too; any other reason stays as it is."""
    desk = opened(store)
    assert desk.whole_reason(given) == reason
    if given:
        assert prod(store).window("prod", given).reason == reason


def test_a_plan_has_the_reason_that_was_shown(store: SqlStore) -> None:
    """The reason is under the digest: what was confirmed is not said in other words afterwards."""
    opened(store)
    made = prod(store)
    operation = made.confirm(made.propose(asked()), replace(IN_PROD, reason="inc-4711"))
    assert operation.plan.reason == "inc-4711"
    assert [one.plan.operation for one in incidents(store).history("INC-4711").operations] == [
        operation_id(1)
    ]


def test_what_is_done_in_an_incidents_window_belongs_to_it(store: SqlStore) -> None:
    """The window has the incident's reason, the plan has the window's, and the timeline has both."""
    desk, made = opened(store), prod(store)
    window_of_it = made.window("prod", "INC-4711")
    operation = made.confirm(made.propose(asked(), window_of_it), Answer(how="key", window=window_of_it))
    assert operation.plan.reason == "INC-4711: payments late"
    history = desk.history("INC-4711")
    assert [one.plan.operation for one in history.operations] == [operation.plan.operation]
    assert [one.draft.action for one in history.records] == ["write-window"]


@pytest.mark.parametrize("given", ["INC-4711", "inc-4711: once more"])
def test_nothing_is_done_for_an_incident_that_is_closed(store: SqlStore, given: str) -> None:
    """Plan and window are refused as in conflict, on the record; so is a plan inside its window."""
    desk, made = opened(store), prod(store)
    window_of_it = made.window("prod", given)
    proposal = made.propose(asked())
    desk.close("INC-4711")
    attempts: tuple[Any, ...] = (
        lambda: made.confirm(proposal, replace(IN_PROD, reason=given)),
        lambda: made.window("prod", given),
        lambda: made.confirm(proposal, Answer(how="key", window=window_of_it)),
    )
    for attempt in attempts:
        with pytest.raises(RefusedError, match="incident: Incident INC-4711 was closed by") as caught:
            attempt()
        assert caught.value.conflict
    assert store.operations() == ()
    assert [one.phase for one in drafts(store)][-3:] == [Phase.REFUSAL] * 3
