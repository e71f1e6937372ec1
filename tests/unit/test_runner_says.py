"""What the runner, and who looks again, say and keep: by that a person tells one end from another."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from acting import ACTOR, ADDRESS, ME, OTHER, PATIENCE, LineWorld, Living, Rig, SeamStore, make_plan, states
from making import NOW, minutes
from operation_values import OWNER, operation, unknown

from fedesk.domain.catalogue import Catalogue
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.operations import Evidence, Operation, Outcome, Progress, Stage, StepState
from fedesk.ports.errors import ServerFaultError, UnreachableError
from fedesk.services import operation_runner, settling
from fedesk.services.kinds import KINDS


class DiedError(BaseException):
    """The process ends here."""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    store = SeamStore(tmp_path / "state.sqlite3")
    yield Rig(store=store, world=LineWorld(tmp_path / "lines"))
    store.close()


def dies_before(rig: Rig, what: str, times: int = 1) -> None:
    """The process dies before the so-manieth transaction of a kind."""
    assert isinstance(rig.store, SeamStore)
    passed: list[str] = []

    def seam(name: str) -> None:
        passed.append(name)
        if passed.count(f"before {what}") == times and name == f"before {what}":
            raise DiedError

    rig.store.seam = seam


def lives(rig: Rig) -> None:
    assert isinstance(rig.store, SeamStore)
    rig.store.seam = lambda _: None


def test_an_end_that_was_not_written_is_told_by_its_last_step(rig: Rig) -> None:
    """All steps are done, and who was to end it died: whoever comes next says what the last one said."""
    operation = rig.confirmed()
    dies_before(rig, "write", 3)
    with pytest.raises(DiedError):
        rig.execute(operation, processes=Living(mine=OTHER))
    dies_before(rig, "end")
    with pytest.raises(DiedError):
        rig.recheck(operation, processes=Living(dead={OTHER}))
    lives(rig)
    left = rig.store.operation(operation)
    assert left is not None
    assert states(left)[-1] == ("read back", StepState.DONE)
    ended = rig.recheck(operation, processes=Living(mine=replace(OTHER, pid=4713), dead={ME}))
    assert (ended.outcome, ended.said) == (Outcome.SUCCEEDED, "the line reads back")
    assert rig.store.tail(1)[0].draft.result == "succeeded: the line reads back"


def test_a_rule_s_refusal_is_no_conflict(rig: Rig) -> None:
    """The command line ends with 3 for a rule, with 5 for what is stale: the journal keeps which it was."""
    rig.clock.at += timedelta(hours=1)
    late = rig.confirmed()
    ended = rig.execute(late)
    assert (ended.outcome, ended.is_conflict) == (Outcome.REFUSED, True)
    rig.clock.at -= timedelta(hours=1)
    unsaid = rig.confirmed(make_plan(environment="dev"))
    found = rig.store.operation(unsaid)
    assert found is not None
    kinds = {name: replace(kind, wants_reason=True) for name, kind in rig.kinds.items()}
    facts = {"dev": EnvironmentFacts(name="dev", production=True, mode="guarded", timezone="UTC")}
    ended = operation_runner.execute(
        unsaid,
        store=rig.store,
        systems=rig.systems,
        catalogue=Catalogue(),
        environments=facts,
        actor=ACTOR,
        clock=rig.clock,
        processes=rig.processes,
        pause=rig.clock.pause,
        kinds=kinds,
    )
    assert (ended.outcome, ended.is_conflict) == (Outcome.REFUSED, False)
    assert ended.journal[-1].reference == ""
    assert ended.said.startswith(
        "confirmation: dev is production, and its name was not given. Confirm the plan"
    )
    assert not ended.said.endswith(" ")


def test_what_leads_elsewhere_says_what_to_do(rig: Rig) -> None:
    """Where it was, where it is, and that a new plan is to be made."""
    operation = rig.confirmed()
    rig.systems.address = "http://elsewhere.example"
    ended = rig.execute(operation)
    moved = f"dev/airflow was {ADDRESS} in the plan and is http://elsewhere.example now."
    assert ended.said == f"connection: {moved} Make the plan anew."


def test_a_kind_that_is_not_known_is_no_step(rig: Rig) -> None:
    """Who would carry it on says so beside the steps, and leaves them as they are."""
    operation = rig.confirmed()
    dies_before(rig, "write", 2)
    with pytest.raises(DiedError):
        rig.execute(operation, processes=Living(mine=OTHER))
    lives(rig)
    assert "airflow.clear-failed" in KINDS
    ended = operation_runner.execute(
        operation,
        store=rig.store,
        systems=rig.systems,
        catalogue=Catalogue(),
        environments={},
        actor=ACTOR,
        clock=rig.clock,
        processes=Living(dead={OTHER}),
        pause=rig.clock.pause,
        kinds={},
    )
    assert ended.outcome is Outcome.UNKNOWN
    assert (ended.journal[-1].step, ended.journal[-1].state) == ("", StepState.UNKNOWN)
    assert ended.said == "This fedesk knows no operation of the kind airflow.clear-failed."


def test_what_was_seen_is_kept_where_it_is_not_read_back_in_time(rig: Rig) -> None:
    """Reference and evidence of the last look stand in the entry that ends it."""
    seen = Evidence(source="dev/airflow", said="still running", at=rig.clock.now())
    look = Progress(state=StepState.WAITING, said="no line yet", reference="line:7", evidence=(seen,))
    rig.script.verifies = [look] * 100
    ended = rig.execute(rig.confirmed())
    assert ended.outcome is Outcome.UNKNOWN
    last = ended.journal[-1]
    assert (last.reference, last.evidence) == ("line:7", (seen,))


def left(rig: Rig) -> str:
    """An operation that was sent, and whose process died before it could write what came of it."""
    operation = rig.confirmed()
    dies_before(rig, "write", 2)
    with pytest.raises(DiedError):
        rig.execute(operation, processes=Living(mine=OTHER))
    lives(rig)
    return operation


def test_what_was_found_keeps_where_and_by_whom(rig: Rig) -> None:
    """A lost answer that is looked up has the system's reference, and what each look has ended in."""
    rig.script.after = UnreachableError("reset by peer")
    rig.script.looks_fail = [ServerFaultError("airflow says: 500")]
    ended = rig.execute(rig.confirmed())
    found = next(one for one in ended.journal if (one.step, one.state) == ("send", StepState.DONE))
    assert found.reference == "line:1"
    assert [(one.source, one.said) for one in found.evidence] == [("dev/airflow", "airflow says: 500")]


def test_a_fault_of_ours_is_told_by_its_kind(rig: Rig) -> None:
    """Not by its words, which may hold anything."""
    rig.script.before = ValueError("hvs.secret")
    ended = rig.execute(rig.confirmed())
    said = next(one.said for one in ended.journal if one.state is StepState.UNANSWERED)
    assert said == "fedesk failed while sending: ValueError; please report it"


def test_who_looks_again_waits_out_no_outage(rig: Rig) -> None:
    """While nothing answers it stays unknown after the system's patience: a person waits for that look."""
    operation = left(rig)
    rig.script.looks_fail = [ServerFaultError("airflow says: 500") for _ in range(2000)]
    before = rig.clock.at
    found = rig.recheck(operation, processes=Living(dead={OTHER}))
    assert found.outcome is Outcome.UNKNOWN
    assert timedelta(seconds=PATIENCE) < rig.clock.at - before < timedelta(seconds=4 * PATIENCE)


def test_what_cannot_be_carried_on_here_is_no_step(rig: Rig) -> None:
    """A connection that leads elsewhere since is told beside the steps, and nothing is looked up there."""
    operation = left(rig)
    rig.systems.address = "http://elsewhere.example"
    ended = rig.execute(operation, processes=Living(dead={OTHER}))
    assert ended.outcome is Outcome.UNKNOWN
    assert ended.journal[-1].step == ""
    assert ended.said.startswith("It cannot be carried on here: dev/airflow was http://airflow.dev.example")
    assert rig.script.looks == 0


def test_who_looks_again_and_does_not_know_the_kind_says_so_beside_the_steps(rig: Rig) -> None:
    """The journal's steps are left as they are, for a fedesk that knows them."""
    operation = left(rig)
    found = settling.recheck(
        operation,
        store=rig.store,
        systems=rig.systems,
        clock=rig.clock,
        processes=Living(dead={OTHER}),
        actor=ACTOR,
        kinds={},
        pause=rig.clock.pause,
    )
    assert (found.journal[-1].step, found.journal[-1].state) == ("", StepState.UNKNOWN)


EXPIRES = operation().plan.expires_at
ELSEWHERE = replace(OWNER, host="desk-9")
WAITS = operation(stage=Stage.CONFIRMED)


@pytest.mark.parametrize(
    ("one", "now", "processes", "said"),
    [
        (WAITS, EXPIRES, Living(), "It waits to be executed until"),
        (WAITS, EXPIRES + timedelta(microseconds=1), Living(), ""),
        (operation(stage=Stage.ENDED, outcome=Outcome.FAILED), NOW, Living(), "It has ended: failed."),
        (operation(), NOW, Living(), "Process 4242 on desk-3 is at it and lives."),
        (operation(), NOW, Living(mine=OWNER), "Process 4242 on desk-3 is at it and lives."),
        (operation(), NOW, Living(dead={OWNER}), ""),
        (replace(operation(), lease_until=None), NOW, Living(), ""),
        (unknown(), NOW, Living(), "Process 4242 on desk-3 is at it and lives."),
        (unknown(), NOW, Living(mine=OWNER), ""),
        (replace(unknown(), lease_until=NOW), NOW, Living(), ""),
        (
            operation(owner=ELSEWHERE),
            NOW,
            Living(hidden={ELSEWHERE}),
            "Process 4242 on desk-9 is at it; whether",
        ),
        (
            operation(owner=ELSEWHERE),
            NOW + minutes(1.49),
            Living(hidden={ELSEWHERE}),
            "Process 4242 on desk-9",
        ),
        (operation(owner=ELSEWHERE), NOW + minutes(1.5), Living(hidden={ELSEWHERE}), ""),
    ],
)
def test_who_is_left_alone(one: Operation, now: datetime, processes: Living, said: str) -> None:
    """The living and the waiting; of an owner elsewhere lease and grace tell; my own unknown one is not."""
    told = settling.left_alone(one, now=now, processes=processes)
    assert told.startswith(said)
    assert bool(told) is bool(said)
