"""ENFORCED from end to end: people propose with credentials that cannot write, an executor's job does it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from command_line import Ended, Run
from enforced_rig import ANN, JOB, MARA, RUNNER, Enforced, enforced
from postgres_server import Server
from psycopg import errors
from sqlalchemy.engine import make_url

from fedesk.domain.audit import Phase
from fedesk.domain.names import RunName
from fedesk.domain.operations import Operation, Outcome, Stage
from fedesk.sandbox import airflow_clear, jenkins_triggers
from fedesk.services import asked_executor, executor_drafts
from fedesk.store.postgres_store import PostgresStore

Desk = Callable[..., Ended]
YES = ("--confirm", "prod", "--write", "prod", "--reason", "the partner delivered late")
POLICY = """
[environments.prod.policy.rerun]
approvals = {approvals}
"""


@pytest.fixture(scope="module")
def company(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enforced]:
    """One in which a re-run of production takes nobody else's yes."""
    with enforced(postgres, tmp_path_factory.mktemp("enforced")) as running:
        yield running


@pytest.fixture(scope="module")
def strict(company: Enforced, tmp_path_factory: pytest.TempPathFactory) -> Enforced:
    """The same people, store and systems where a re-run takes one approval."""
    folder = tmp_path_factory.mktemp("strict")
    for file in company.folder.iterdir():
        text = file.read_bytes()
        if file.suffix == ".toml":
            text += POLICY.format(approvals=1).encode()
        (folder / file.name).write_bytes(text)
        (folder / file.name).chmod(0o600)
    return replace(company, folder=folder)


@pytest.fixture
def desk(run: Run) -> Desk:
    """Somebody's command line, in real time."""

    def run_it(company: Enforced, name: str, *arguments: str) -> Ended:
        return run(*arguments, "--config", str(company.config(name)))

    return run_it


@pytest.fixture
def runs(company: Enforced) -> Iterator[RunName]:
    """Failed runs that no test has touched."""
    return iter(run for run in company.failed_runs() if not company.is_taken(run))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds begin without a quiet period, and are looked at more often than a person would."""
    monkeypatch.setattr(jenkins_triggers, "QUIET_PERIOD", timedelta())
    for follower in (executor_drafts, asked_executor):
        monkeypatch.setattr(follower, "LOOK_EVERY", 0.1)


def newest(company: Enforced) -> Operation:
    with closing(PostgresStore(company.url)) as store:
        return store.operations(limit=1)[0]


def refusals(company: Enforced, operation: str) -> list[str]:
    """What the audit log says of no, to an operation."""
    with closing(PostgresStore(company.url)) as store:
        records = store.tail(50, operation=operation)
    return [one.draft.result for one in records if one.draft.phase is Phase.REFUSAL]


def waiting(strict: Enforced, desk: Desk, run: RunName) -> str:
    """A re-run that mara has asked for and that waits for an approval; its operation."""
    assert desk(strict, "mara", "rerun", str(run), *YES).code == 4
    found = newest(strict)
    assert found.stage is Stage.CONFIRMED
    return found.plan.operation


def test_a_rerun_goes_through_the_executor(company: Enforced, desk: Desk, runs: Iterator[RunName]) -> None:
    """Proposed by a person, asked of the job, carried out by its identity, followed to the end: exit 0."""
    run = next(runs)
    ended = desk(company, "mara", "rerun", str(run), *YES, "--json")
    assert ended.code == 0, ended.err
    assert company.is_cleared(run)
    assert ended.document("change")["outcome"] == "succeeded"
    assert f"prod/jenkins was asked: {JOB} is in its queue" in ended.err
    operation = newest(company)
    with closing(PostgresStore(company.url)) as store:
        records = store.tail(9, operation=operation.plan.operation)
        assert (operation.outcome, operation.confirmation.by) == (Outcome.SUCCEEDED, MARA)
        done = {one.draft.actor.person for one in records if one.draft.phase in (Phase.INTENT, Phase.OUTCOME)}
        assert done == {RUNNER}
        assert store.verify(deep=True).flaw is None
    for name in ("mara", "executor"):
        again = desk(company, name, "execute", operation.plan.operation)
        assert (again.code, "has ended: succeeded" in again.err) == (5, True), again.err
    assert company.clears_of(operation.plan.operation) == 1


def tasks_of(plan: dict[str, Any]) -> set[str]:
    """The task instances that a plan pins."""
    pins = plan["targets"][0]["pins"]
    return {name.removeprefix("task ") for name in pins if name.startswith("task ")}


def test_the_executor_drafts_what_a_person_cannot(
    company: Enforced, desk: Desk, runs: Iterator[RunName], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Airflow refuses a dry run, the executor plans: with the tasks that reads miss, and it holds.

    Here Airflow clears with one named task all that failed behind it, as with a task's teardown.
    """
    chosen = airflow_clear._is_chosen  # noqa: SLF001 - what the server does, as another version would
    monkeypatch.setattr(
        airflow_clear,
        "_is_chosen",
        lambda each, dag, wanted: chosen(each, dag, replace(wanted, task_ids=None)),
    )
    run = next(one for one in runs if len(company.failed_tasks(one)) > 1)
    task, *behind = company.failed_tasks(run)
    leave_executor_out(company)
    by_reads, by_executor = (
        desk(company, name, "rerun", f"{run}::{task}", "--dry-run", "--json") for name in ("alone", "mara")
    )
    assert tasks_of(by_reads.document("plan")) == {task}
    plan = by_executor.document("plan")
    assert tasks_of(plan) == {task, *behind}
    assert plan["made_by"].startswith(f"prod/jenkins:{JOB}#")
    assert plan["made_by"].endswith(f"for {RUNNER}")
    assert f"Drafted by the executor prod/jenkins:{JOB}, with its own rights" in plan["notes"][-1]
    assert "Waiting for" in by_executor.err
    done = desk(company, "mara", "rerun", f"{run}::{task}", *YES)
    assert done.code == 0, done.err
    assert company.failed_tasks(run) == []


def test_a_build_is_drafted_as_the_executor_starts_it(company: Enforced, desk: Desk) -> None:
    """A call to Jenkins names the user who starts the build: the executor's, by whom it is then found."""
    world = company.sandbox.world
    writer, reader = (world.identity("jenkins", writer=writes).user for writes in (True, False))
    done = desk(company, "mara", "rerun", str(company.ended_build()), *YES)
    assert done.code == 0, done.err
    (effect,) = newest(company).plan.effects
    assert effect.call.args["user"] == writer != reader


def test_an_executor_drafts_for_its_own_environments_alone(
    company: Enforced, desk: Desk, runs: Iterator[RunName]
) -> None:
    """Each in one sentence: another environment's run, an id or a name that is none; nothing is stored."""
    run, request = str(next(runs)), "0193a1b2-0001-7000-8000-000000000001"
    for name, mark, code, said in (
        (
            run.replace("prod/", "staging/"),
            request,
            3,
            "staging is no environment that plans are executed of",
        ),
        (run.replace("prod/", "moon/"), request, 3, "moon is no environment"),
        (f"{run}; touch pwned", request, 2, "in plain characters"),
        ("payments_daily", request, 2, "in plain characters"),
        (run, f"{request}\n", 2, "--marked"),
    ):
        ended = desk(company, "executor", "plans", "draft", name, "--marked", mark)
        assert (ended.code, ended.out) == (code, ""), ended
        assert said in ended.err
    ended = desk(company, "executor", "plans", "draft", run, "--json")
    assert ended.document("draft")["person"] == RUNNER
    assert not company.is_taken(RunName.parse(run))


def test_an_approved_plan_is_carried_out_and_no_other(
    strict: Enforced, desk: Desk, runs: Iterator[RunName]
) -> None:
    """The executor refuses what is not approved (4); approved it is done, and the statements are used."""
    run = next(runs)
    operation = waiting(strict, desk, run)
    too_early = desk(strict, "executor", "execute", operation)
    assert (too_early.code, "waits for 1 approval" in too_early.err) == (4, True), too_early.err
    assert not strict.is_cleared(run)
    assert desk(strict, "mara", "approve", operation).code == 3
    approved = desk(strict, "ann", "approve", operation)
    assert approved.code == 0, approved.err
    done = desk(strict, "mara", "execute", operation)
    assert done.code == 0, done.err
    assert strict.is_cleared(run)
    with psycopg.connect(conninfo(strict)) as database:
        used = database.execute(
            "SELECT principal FROM fedesk.used_nonces NATURAL JOIN fedesk.approvals WHERE operation = %s",
            (operation,),
        ).fetchall()
    assert {one for (one,) in used} == {MARA, ANN}


def test_a_question_of_a_build_is_answered_by_people(strict: Enforced, desk: Desk) -> None:
    """Asked for by one, approved by another, sent by the executor: on the record the answer is the people's.

    Jenkins, which knows the executor's user alone, cannot tell whose it was.
    """
    build = strict.asking_build()
    answer = ("release", "answer", str(build), "--proceed", *YES, "--json")
    asked = desk(strict, "mara", *answer)
    assert asked.code == 4, asked.err
    operation = asked.document("change")["operation"]
    approved = desk(strict, "ann", "approve", operation)
    assert approved.code == 0, approved.err
    assert strict.waits(build)
    done = desk(strict, "executor", "execute", operation)
    assert done.code == 0, done.err
    assert not strict.waits(build)
    found = newest(strict)
    assert (found.plan.kind, found.plan.requester, found.confirmation.by) == (
        "jenkins.answer-input", MARA, MARA,
    )  # fmt: skip
    with closing(PostgresStore(strict.url)) as store:
        records = [one.draft for one in store.tail(9, operation=operation)]
        assert store.verify(deep=True).flaw is None
    assert [(one.phase, one.actor.person) for one in records] == [
        (Phase.APPROVAL, ANN), (Phase.INTENT, RUNNER), (Phase.OUTCOME, RUNNER),
    ]  # fmt: skip


@pytest.fixture
def unmarked(company: Enforced) -> Iterator[str]:
    """The deploy job of fraud in production, which declares no FEDESK_OPERATION meanwhile."""
    job = company.sandbox.world.job("finedge/prod/deploy-fraud")
    others = tuple(one for one in job.parameters if one.name != "FEDESK_OPERATION")
    company.sandbox.world.jenkins.jobs[job.full_name] = replace(job, parameters=others)
    yield job.full_name
    del company.sandbox.world.jenkins.jobs[job.full_name]


def test_a_deploy_job_that_carries_no_id_is_refused(strict: Enforced, desk: Desk, unmarked: str) -> None:
    """Its builds are known by who starts them: refused at the plan (3), past that by the executor (5).

    Each in one sentence that says so, on the record; nothing was sent.
    """
    promote = ("release", "promote", "fraud", *YES, "--accept", "operation id")
    builds = len(strict.sandbox.world.build_plans(unmarked))
    at_plan = desk(strict, "mara", *promote)
    assert (at_plan.code, f"here that is prod/jenkins:{JOB}, not who plans it." in at_plan.err) == (3, True)
    leave_executor_out(strict)
    assert desk(strict, "alone", *promote).code == 4
    operation = newest(strict).plan.operation
    assert desk(strict, "ann", "approve", operation).code == 0
    at_executor = desk(strict, "executor", "execute", operation)
    world = strict.sandbox.world
    reader, writer = (world.identity("jenkins", writer=writes).user for writes in (False, True))
    said = f"its build would be started by {writer}, not by {reader}, and it is known by that alone"
    assert (at_executor.code, said in at_executor.out) == (5, True), at_executor.err
    with closing(PostgresStore(strict.url)) as store:
        refused = [one.draft for one in store.tail(20) if one.draft.action == "promote"]
    assert [(one.phase, one.actor.person) for one in refused if unmarked in one.target] == [
        (Phase.REFUSAL, MARA), (Phase.REFUSAL, RUNNER),
    ]  # fmt: skip
    assert said in refused[-1].result
    assert len(world.build_plans(unmarked)) == builds


def test_a_forged_approval_counts_for_nothing(strict: Enforced, desk: Desk, runs: Iterator[RunName]) -> None:
    """Put into the database by hand, in the name of who may approve, signed with another key: refused (4)."""
    run = next(runs)
    operation = waiting(strict, desk, run)
    strict.forge(operation, principal=ANN, key="stranger")
    ended = desk(strict, "executor", "execute", operation)
    assert (ended.code, "waits for 1 approval" in ended.err) == (4, True), ended.err
    assert not strict.is_cleared(run)


def test_what_has_changed_since_is_refused(strict: Enforced, desk: Desk, runs: Iterator[RunName]) -> None:
    """Approved, and somebody has cleared the run in Airflow meanwhile: stale (5), and nothing is sent."""
    run = next(runs)
    operation = waiting(strict, desk, run)
    assert desk(strict, "ann", "approve", operation).code == 0
    strict.clear_by_hand(run)
    ended = desk(strict, "executor", "execute", operation)
    assert ended.code == 5, ended.err
    assert strict.clears_of(operation) == 0
    assert len(refusals(strict, operation)) == 1


def test_a_freeze_that_began_meanwhile_stops_it(
    strict: Enforced, desk: Desk, runs: Iterator[RunName]
) -> None:
    """The executor's to set, nobody else's to take away: what was approved before is stale (5)."""
    run = next(runs)
    operation = waiting(strict, desk, run)
    assert desk(strict, "ann", "approve", operation).code == 0
    told = desk(strict, "mara", "freeze", "add", "--env", "prod", "--for", "1h", "--reason", "quarter end")
    assert told.code in (3, 6), told.err
    added = desk(
        strict, "executor", "freeze", "add", "--env", "prod", "--for", "1h", "--reason", "quarter end"
    )
    assert added.code == 0, added.err
    with (
        psycopg.connect(conninfo(strict, strict.role("mara")), autocommit=True) as person,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        person.execute("DELETE FROM fedesk.windows")
    ended = desk(strict, "executor", "execute", operation)
    assert (ended.code, "refused: freeze: all of prod" in ended.out) == (5, True), ended
    assert strict.clears_of(operation) == 0
    with psycopg.connect(conninfo(strict), autocommit=True) as owner:
        owner.execute("DELETE FROM fedesk.windows")


def test_a_person_cannot_write_past_fedesk(company: Enforced, desk: Desk, runs: Iterator[RunName]) -> None:
    """With the executor left out of their configuration their desk starts nothing, and Airflow says no."""
    run = next(runs)
    leave_executor_out(company)
    ended = desk(company, "alone", "rerun", str(run), *YES)
    assert ended.code == 8, ended.err
    assert "Your role in the store proposes changes" in ended.err
    assert not company.is_cleared(run)


def leave_executor_out(company: Enforced) -> None:
    """Write down the configuration of mara without the executor, as that of ``alone``."""
    text = company.config("mara").read_text(encoding="utf-8")
    head, _, rest = text.partition("[environments.prod.executor]\n")
    company.config("alone").write_text(head + rest.split("\n", 2)[2], encoding="utf-8")


def conninfo(company: Enforced, role: str | None = None) -> str:
    return company.postgres.conninfo(str(make_url(company.url).database), role)
