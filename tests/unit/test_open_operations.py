"""Operations that are still open, and the finding that tells of those nobody carries on."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from making import NOW, PROD, catalogue, history_of, minutes, snapshot
from operation_values import EVIDENCE, RAN, operation, plan_of, unknown

from fedesk.domain.catalogue import Tier
from fedesk.domain.front import EnvironmentFacts, Finding
from fedesk.domain.names import ConnectionName
from fedesk.domain.open_operations import Awaited, Course, course_of, evidence_of, open_operation
from fedesk.domain.operations import DECISION, Evidence, Operation, Stage, StepState
from fedesk.domain.states import Severity, State
from fedesk.services.boards import board_of

DEV = EnvironmentFacts(name="dev", production=False, mode="guarded", timezone="Europe/London")


WAITS = replace(
    RAN[-1], step="review", state=StepState.WAITING, said="waits for a person", reference=DECISION
)
UNDECIDED = replace(operation(9), journal=(*RAN, WAITS))
"""One that waits for a person."""


def found(
    *operations: Operation, facts: EnvironmentFacts = PROD, alive: bool | None = True
) -> tuple[Finding, ...]:
    opened = [open_operation(one, alive=alive, now=NOW) for one in operations]
    board = board_of(facts, catalogue(Tier.TICKET), [snapshot()], {}, NOW, operations=opened)
    assert board.operations == tuple(opened)
    return board.findings


@pytest.mark.parametrize(
    ("one", "alive", "course"),
    [
        (operation(), True, Course.RUNNING),
        (operation(), False, Course.LEFT),
        (UNDECIDED, True, Course.UNDECIDED),
        (UNDECIDED, False, Course.LEFT),
        (operation(), None, Course.RUNNING),
        (replace(operation(9), lease_until=NOW - minutes(2)), None, Course.LEFT),
        (replace(operation(9), lease_until=NOW - minutes(0.5)), None, Course.RUNNING),
        (replace(operation(9), lease_until=NOW - minutes(0.51)), None, Course.LEFT),
        (operation(1, stage=Stage.CONFIRMED), None, Course.RUNNING),
        (replace(operation(9), lease_until=NOW - minutes(2)), True, Course.RUNNING),
        (replace(operation(9), lease_until=datetime(1970, 1, 1, tzinfo=UTC)), True, Course.LEFT),
        (replace(operation(), owner=None, lease_until=None), None, Course.LEFT),
        (replace(operation(stage=Stage.CONFIRMED), confirmed_at=NOW), None, Course.RUNNING),
        (operation(5, stage=Stage.CONFIRMED), None, Course.UNCLAIMED),
        (unknown(), False, Course.UNKNOWN),
    ],
)
def test_how_an_open_operation_goes(one: Operation, *, alive: bool | None, course: Course) -> None:
    """A live owner is believed, a dead one is not; of an owner elsewhere the lease and its grace tell."""
    assert course_of(one, alive=alive, now=NOW) is course


@pytest.mark.parametrize("minutes_ago", [1, 60])
def test_what_was_rejected_waits_for_nobody_and_is_no_finding(minutes_ago: float) -> None:
    """Where whoever rejected it may not end it, it is neither waiting nor trouble, its time over or not."""
    one = replace(operation(stage=Stage.CONFIRMED), confirmed_at=NOW - minutes(minutes_ago))
    awaited = Awaited(said="rejected by ann: wrong day", since=NOW, is_rejected=True)
    late = replace(one, plan=replace(one.plan, expires_at=NOW - minutes(0.5)))
    for tried in (one, late):
        opened = open_operation(tried, alive=None, now=NOW, awaited=awaited)
        assert opened.course is Course.REJECTED
        board = board_of(PROD, catalogue(Tier.TICKET), [snapshot()], {}, NOW, operations=[opened])
        assert board.findings == ()


def test_what_runs_is_no_finding() -> None:
    """An operation that goes its way asks for nobody."""
    assert found(operation(), replace(operation(stage=Stage.CONFIRMED), confirmed_at=NOW)) == ()


def test_an_unknown_outcome_pages_in_production_alone() -> None:
    """In production a target is blocked and nobody knows what was done to it; elsewhere it is a ticket."""
    (finding,) = found(unknown())
    assert (finding.kind, finding.severity, finding.state) == ("operation", Severity.PAGE, State.UNKNOWN)
    assert finding.what.startswith("the operation ended unknown: it cannot be told")
    assert finding.operation == unknown().plan.operation
    assert str(finding.run) == unknown().plan.targets[0].name
    there = unknown(plan=plan_of(2, connection=ConnectionName("dev", "airflow")))
    (finding,) = found(there, facts=DEV)
    assert finding.severity is Severity.TICKET


def test_an_operation_of_a_dead_process_says_so_since_its_lease_ended() -> None:
    """Nobody will end it: somebody has to have it looked up."""
    left = replace(operation(9), lease_until=NOW - minutes(4))
    (finding,) = found(left, alive=False)
    assert finding.what == "the operation was left by a process that died: sending"
    assert finding.since == NOW - minutes(4)


def test_what_waits_for_a_person_is_a_finding_with_the_command() -> None:
    """It does not page: it goes as it should, until its process dies; then it is to be carried on, too."""
    id_ = UNDECIDED.plan.operation
    (finding,) = found(UNDECIDED)
    assert (finding.severity, finding.state) == (Severity.TICKET, State.WAITING)
    assert finding.what == "the operation waits for a decision: waits for a person"
    assert finding.todo == f"`fedesk operations decide {id_}` with proceed or stop decides"
    (finding,) = found(UNDECIDED, alive=False)
    assert finding.severity is Severity.PAGE
    assert finding.todo.endswith(f"with proceed or stop decides, `fedesk execute {id_}` carries it on")


def test_what_was_left_is_offered_with_the_command_that_carries_it_on() -> None:
    """A desk does not begin it by itself: somebody does, or has it looked up, or settles it by hand."""
    left = operation(9)
    (finding,) = found(left, alive=False)
    assert finding.todo.startswith(f"`fedesk execute {left.plan.operation}` carries it on; recheck looks")
    (finding,) = found(unknown())
    assert f"`fedesk operations settle {unknown().plan.operation}` takes your word" in finding.todo


def test_what_nobody_took_up_says_how_it_begins_or_ends() -> None:
    """Until its plan expires it may still be executed; after that looking again ends it."""
    waiting = operation(5, stage=Stage.CONFIRMED)
    (finding,) = found(waiting)
    assert finding.todo.startswith(f"`fedesk execute {waiting.plan.operation}` starts it")
    (finding,) = found(operation(20, stage=Stage.CONFIRMED))
    assert finding.todo == "it has expired: recheck ends it"


def test_another_environments_operation_is_no_finding_here() -> None:
    """Findings are of one environment; the mark in the header names the others."""
    assert found(unknown(plan=plan_of(2, connection=ConnectionName("staging", "airflow")))) == ()


def test_a_finding_of_an_operation_has_the_owner_and_runbook_of_its_pipeline() -> None:
    """Whose data job it is, not who pressed the key, says who is to be told."""
    run = history_of("payments_daily", [State.SUCCEEDED])[0]
    plan = plan_of(2, run=run.name.id)
    opened = open_operation(unknown(plan=plan), alive=None, now=NOW)
    (finding,) = board_of(PROD, catalogue(), [snapshot([run])], {}, NOW, operations=[opened]).findings
    assert finding.owner == "engineering"
    (alone,) = found(unknown())
    assert alone.owner == "mara@finedge.example"


def test_evidence_is_the_last_word_of_each_source() -> None:
    """Looking again replaces what a system said before; the order is that of asking."""
    again = replace(EVIDENCE[0], said="try numbers are one higher")
    later = replace(RAN[-1], number=5, evidence=(again,))
    assert evidence_of(unknown(journal=(*RAN, later))) == (EVIDENCE[1], again)


def test_an_operation_without_a_target_is_told_by_its_connection() -> None:
    """A kind may change a connection as a whole."""
    bare = replace(plan_of(2), targets=(), effects=())
    opened = open_operation(unknown(plan=bare, journal=()), alive=None, now=NOW)
    assert (opened.subject, opened.run, opened.evidence) == ("prod/airflow", None, ())
    assert opened.sentence == "airflow.clear-failed"
    assert isinstance(EVIDENCE[0], Evidence)


def test_what_is_told_of_an_open_operation() -> None:
    """Its target, partition and link, its first call, what was learnt last, and what each system said."""
    one = operation(3, plan=plan_of(3))
    target = one.plan.targets[0]
    told = open_operation(one, alive=True, now=NOW)
    assert (told.id, told.kind, told.environment) == (one.plan.operation, one.plan.kind, "prod")
    assert (told.subject, told.partition, told.target) == (target.pipeline, target.partition, target.name)
    assert told.partition
    assert (told.link, str(told.run)) == (target.link, target.name)
    assert told.link
    assert told.sentence == one.plan.effects[0].sentence
    assert (told.said, told.since) == (one.journal[-1].said, one.confirmed_at)
    assert open_operation(unknown(), alive=None, now=NOW).evidence == evidence_of(unknown())
    assert open_operation(unknown(), alive=None, now=NOW).said == unknown().said


def test_what_is_tried_first_is_not_what_it_does() -> None:
    """A rollback begins with a dry run: who approves it reads what is done for real."""
    plan = plan_of(3)
    tried = replace(plan.effects[0], sentence="try it: build deploy with DRY_RUN true, which changes nothing")
    one = operation(3, plan=replace(plan, effects=(tried, *plan.effects)))
    assert open_operation(one, alive=True, now=NOW).sentence == plan.effects[0].sentence


def test_what_looks_at_it_in_another_system_is_not_what_it_does() -> None:
    """A promotion may end with a smoke run: the question is about the deployment."""
    plan = plan_of(3)
    smoke = replace(
        plan.effects[0], connection=ConnectionName("prod", "other"), sentence="trigger a run of it, to see"
    )
    assert replace(plan, effects=(*plan.effects, smoke)).sentence == plan.effects[0].sentence


def test_what_is_told_of_one_without_target_call_or_journal() -> None:
    """A plan of another fedesk may have none of them: the connection and the kind stand for them."""
    plan = replace(plan_of(3), targets=(), effects=())
    told = open_operation(operation(3, plan=plan, journal=()), alive=True, now=NOW)
    assert (told.subject, told.target, told.run) == ("prod/airflow", "prod/airflow", None)
    assert (told.partition, told.link, told.said, told.sentence) == ("", "", "", plan.kind)


def test_a_target_without_a_pipeline_is_told_by_its_name() -> None:
    """A job that no pipeline claims has a name of its own."""
    plan = plan_of(3, pipeline="")
    told = open_operation(operation(3, plan=plan), alive=True, now=NOW)
    assert told.subject == plan.targets[0].name
