"""Plans made from what the sandbox's Airflow and Jenkins answer: they look, and nothing is changed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sandbox_desk import SandboxClock

from fedesk.domain.names import ConnectionName, RunName, TaskName
from fedesk.domain.operations import GuardResult, Ruling
from fedesk.domain.reruns import RerunRequest
from fedesk.domain.runs import RunDetail
from fedesk.domain.states import State
from fedesk.execution import Desk, open_desk
from fedesk.ports.errors import NotFoundError
from fedesk.sandbox.server import Sandbox
from fedesk.services.judging import judge
from fedesk.services.kinds import KINDS
from fedesk.services.proposals import Answer, Proposal, RefusedError
from fedesk.services.rerun_requests import request_of

FAILED = RunName(ConnectionName("prod", "airflow"), "payments_daily/scheduled__2026-11-20T00:00:00+00:00")
DEPLOY = "finedge/prod/deploy-fx_rates"
CI = "finedge/prod/payments-ci"


@pytest.fixture
def desk(sandbox: Sandbox) -> Iterator[Desk]:
    opened = open_desk(sandbox.config_path, "prod", SandboxClock(sandbox))
    yield opened
    opened.close()


def newest(desk: Desk, job: str, connection: str = "jenkins") -> RunName:
    """The newest ended run of a job."""
    source = next(one for one in desk.connections if one.name.name == connection)
    return next(run.name for run in desk.reading.runs(source, job, 20) if run.state.is_final)


def ruling(guards: tuple[GuardResult, ...], name: str) -> GuardResult:
    return next(one for one in guards if one.guard == name)


def judged_again(desk: Desk, proposal: Proposal, request: RerunRequest) -> tuple[GuardResult, ...]:
    """What the runner would hear: a fresh draft, judged against the plan."""
    plan, kind = proposal.plan, KINDS[proposal.plan.kind]
    try:
        draft = kind.draft(request, desk.changes.around)
    except NotFoundError as error:
        return judged(desk, proposal, error)
    assert plan.targets[0].name == draft.target.name
    return judged(desk, replace(proposal, draft=draft), draft)


def judged(desk: Desk, proposal: Proposal, draft: object) -> tuple[GuardResult, ...]:
    return judge(
        proposal.plan,
        KINDS[proposal.plan.kind],
        draft,  # type: ignore[arg-type]  # a draft, or the error that looking ended in
        store=desk.store,
        catalogue=desk.catalogue,
        environment=desk.by_name[proposal.plan.environment],
        confirmation=None,
        window=None,
        now=desk.clock.now(),
    )


def test_a_clear_lists_what_has_failed_and_what_waited_for_it(desk: Desk) -> None:
    """Exactly the failed task instances and those blocked by them, each with its try."""
    proposal = desk.changes.propose(RerunRequest(run=FAILED))
    steps = desk.reading.detail(FAILED).steps
    bad = [step for step in steps if step.state in (State.FAILED, State.BLOCKED)]
    (effect,) = proposal.plan.effects
    assert effect.call.args["tasks"] == [[step.id, -1, step.try_number or 0] for step in bad]
    assert (
        effect.sentence == "clear 3 task instances of payments_daily / 2026-11-20: dbt_test, publish, notify"
    )
    assert not proposal.is_blocked
    assert (proposal.needs.name, proposal.needs.reason, proposal.needs.window) == ("prod", True, True)


def test_one_task_alone(desk: Desk) -> None:
    """A plan for a task clears it and no other, and the runner drafts the same task again."""
    request = RerunRequest(run=FAILED, task=TaskName("dbt_test"), environment="prod")
    proposal = desk.changes.propose(request)
    assert request_of(proposal.plan) == request
    assert proposal.plan.effects[0].call.args["tasks"] == [["dbt_test", -1, 3]]
    assert proposal.plan.targets[0].name == f"{FAILED}::dbt_test"
    left = ruling(proposal.guards, "left as failed")
    assert left.ruling is Ruling.WARN
    assert "publish (upstream_failed), notify (upstream_failed)" in left.reason


def test_a_plan_changes_nothing(desk: Desk, sandbox: Sandbox) -> None:
    """Beside logging in and asking for a dry run only reads were sent, and all is as it was."""
    build = newest(desk, CI)
    before = [_standing(desk.reading.detail(name)) for name in (FAILED, build)]
    sandbox.control.clear_requests()
    desk.changes.propose(RerunRequest(run=FAILED))
    desk.changes.propose(RerunRequest(run=build))
    sent = {one.path.partition("?")[0] for one in sandbox.control.requests() if one.method != "GET"}
    allowed = ("/auth/token", "/clearTaskInstances")
    assert all(path.endswith(allowed) for path in sent)
    assert [_standing(desk.reading.detail(name)) for name in (FAILED, build)] == before


def _standing(detail: RunDetail) -> object:
    return (
        detail.run.original_state,
        detail.note,
        [(s.id, s.original_state, s.try_number) for s in detail.steps],
    )


def test_a_run_that_somebody_has_cleared_meanwhile_is_stale(desk: Desk, sandbox: Sandbox) -> None:
    """The plan was good; now the run moves: a conflict that tells what has changed and who was there."""
    request = RerunRequest(run=FAILED)
    proposal = desk.changes.propose(request)
    dag_id, _, run_id = FAILED.id.partition("/")
    sandbox.control.clear_run("prod", dag_id, run_id, user="lee", note="cleared by lee")
    guards = judged_again(desk, proposal, request)
    stale, busy = ruling(guards, "pinned identity"), ruling(guards, "somebody at it")
    assert (stale.ruling, stale.conflict) == (Ruling.DENY, True)
    assert "run was failed and is queued" in stale.reason
    assert (busy.ruling, busy.conflict) == (Ruling.DENY, True)
    assert "its note says 'cleared by lee'" in busy.reason
    again = desk.changes.propose(request)
    assert again.is_blocked
    assert ruling(again.guards, "somebody at it").conflict


def test_a_run_that_did_well_has_no_plan(desk: Desk) -> None:
    """There is nothing to clear in it, and it says so."""
    source = next(one for one in desk.connections if one.name.name == "airflow")
    good = next(
        run for run in desk.reading.runs(source, "payments_daily", 20) if run.state is State.SUCCEEDED
    )
    with pytest.raises(NotFoundError, match="is success, not failed: nothing to clear"):
        desk.changes.propose(RerunRequest(run=good.name))


def test_a_build_with_a_password_is_not_repeated(desk: Desk) -> None:
    """The deploy job's token is named, and nothing of what Jenkins hides is in the plan."""
    proposal = desk.changes.propose(RerunRequest(run=newest(desk, DEPLOY)))
    blocked = [one for one in proposal.guards if one.blocks]
    assert [one.guard for one in blocked] == ["parameters can be repeated"]
    assert "DEPLOY_TOKEN (password)" in blocked[0].reason
    with pytest.raises(RefusedError) as caught:
        desk.changes.confirm(proposal, Answer(how="key"))
    assert {one.guard for one in caught.value.guards} >= {"parameters can be repeated", "confirmation"}


def test_a_build_is_planned_with_its_parameters(desk: Desk) -> None:
    """What the build had, the operation's id in place of the old one, and where looking for it begins."""
    build = newest(desk, CI)
    proposal = desk.changes.propose(RerunRequest(run=build))
    assert not proposal.is_blocked
    (effect,) = proposal.plan.effects
    had = {one.name: one.value for one in desk.reading.detail(build).parameters}
    parameters = effect.call.args["parameters"]
    assert isinstance(parameters, dict | type(proposal.plan.targets[0].pins))
    assert {**parameters, "FEDESK_OPERATION": ""} == {**had, "FEDESK_OPERATION": ""}
    assert proposal.plan.targets[0].reserves[:2] == (f"prod/jenkins:{CI}", "prod|payments_daily|")
    assert all(not one.blocks for one in judged_again(desk, proposal, request_of(proposal.plan)))


def test_a_job_of_production_is_no_target_of_dev(desk: Desk, sandbox: Sandbox) -> None:
    """One controller serves both: a name that says dev leads to no change in prod's folder."""
    prod_s = newest(desk, CI)
    disguised = RunName(ConnectionName("dev", "jenkins"), prod_s.id)
    sandbox.control.clear_requests()
    with pytest.raises(RefusedError, match="is outside of finedge/dev, the folders of dev/jenkins"):
        desk.changes.propose(RerunRequest(run=disguised))
    assert all(one.method == "GET" for one in sandbox.control.requests("jenkins"))
    (record,) = desk.store.tail(10)
    assert (record.draft.target, record.draft.environment) == (str(disguised), "dev")
