"""Plans proposed and confirmed over a real store: what becomes durable, and what a refusal leaves behind."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from making import NOW, minutes
from operation_values import OWNER, Living, operation_id
from planning import (
    ACTOR,
    BUILD,
    DAG_RUN,
    GUARDED_PROD,
    READ_ONLY_STAGING,
    StillClock,
    StillSystem,
    asked,
    changes,
    clear_preview,
    rebuild_preview,
    window,
)

from fedesk.domain.audit import AuditDraft, Phase
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.operations import JournalEntry, Outcome, Ruling, Stage, StepState
from fedesk.domain.plans import digest_of
from fedesk.domain.reruns import TaskPin
from fedesk.domain.states import State
from fedesk.ports.errors import DeadlineError, NotFoundError
from fedesk.ports.operation_store import StoreError
from fedesk.services.changes import Changes
from fedesk.services.identity import actor_of
from fedesk.services.judging import judge
from fedesk.services.kinds.airflow_clear import KIND as CLEAR
from fedesk.services.proposals import Answer, Proposal, RefusedError
from fedesk.store.operations import SqlStore

STAGING_RUN = RunName(ConnectionName("staging", "airflow"), DAG_RUN.id)
IN_PROD = Answer(how="name and key", named="prod", reason="INC-2207", window=window(opened=0))
BY_KEY = Answer(how="key")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore(tmp_path / "fedesk.sqlite3")
    yield opened
    opened.close()


def prod(store: SqlStore, preview: Any = None, **given: Any) -> Changes:
    """Changes over one Airflow in production."""
    return changes(store, prod_airflow=StillSystem(preview or clear_preview()), **given)


def staging(store: SqlStore, preview: Any = None, **given: Any) -> Changes:
    """Changes over one Airflow in staging, which is guarded."""
    answer = preview or clear_preview(STAGING_RUN, tags=("staging",))
    return changes(store, staging_airflow=StillSystem(answer), **given)


def refusals(store: SqlStore) -> list[AuditDraft]:
    drafts = [record.draft for record in store.stream()]
    assert all(one.phase is Phase.REFUSAL for one in drafts)
    assert store.operations() == ()
    return drafts


def refused(made: Changes, proposal: Proposal, answer: Answer) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        made.confirm(proposal, answer)
    return caught.value


def test_a_proposal_is_a_look_that_leaves_nothing_behind(store: SqlStore, tmp_path: Path) -> None:
    """One question to the system, a plan with expiry and requester, and not even a file of the store's."""
    system = StillSystem(clear_preview())
    proposal = changes(store, prod_airflow=system).propose(asked())
    plan = proposal.plan
    assert (plan.operation, plan.kind, plan.environment) == (operation_id(1), "airflow.clear-failed", "prod")
    assert (plan.address, plan.scope) == ("http://airflow.example", ("prod",))
    assert (plan.requester, plan.made_by) == ("mara@finedge.example", "fedesk 0.1.0 on desk-3")
    assert plan.expires_at - plan.made_at == minutes(15)
    assert not proposal.is_blocked
    assert len(system.asked) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("facts", "opened", "needs"),
    [
        ("prod", None, ("prod", True, True)),
        ("prod", window(), ("", False, False)),
        ("prod", window(opened=90), ("prod", True, True)),
        ("prod", window("staging"), ("prod", True, True)),
        (GUARDED_PROD, None, ("prod", True, False)),
        (GUARDED_PROD, window(), ("prod", False, False)),
        ("staging", None, ("", False, False)),
        (READ_ONLY_STAGING, None, ("", False, True)),
        (READ_ONLY_STAGING, window("staging"), ("", False, False)),
    ],
)
def test_what_a_confirmation_has_to_bring(
    store: SqlStore, facts: Any, opened: Any, needs: tuple[str, bool, bool]
) -> None:
    """Rule 7's table: a name and a reason in production, a window where read-only, the key inside one.

    The window of a read-only production has the reason.
    """
    name = facts if isinstance(facts, str) else facts.name
    given = {} if isinstance(facts, str) else {"environments": {name: facts}}
    made, run = (prod, DAG_RUN) if name == "prod" else (staging, STAGING_RUN)
    proposal = made(store, **given).propose(asked(run), opened)
    assert (proposal.needs.name, proposal.needs.reason, proposal.needs.window) == needs


def test_what_blocks_is_shown_first_and_what_warns_before_what_allows(store: SqlStore) -> None:
    """One order for every plan: deny, unknown, confirm, warn, allow, and within each the table's."""
    active = (TaskPin(task_id="load", map_index=None, try_number=1, state="running"),)
    guards = prod(store, clear_preview(active=active, paused=True)).propose(asked()).guards
    assert [one.guard for one in guards[:4]] == ["somebody at it", "write window", "paused DAG", "loads"]
    assert {one.ruling for one in guards[4:]} == {Ruling.ALLOW}


def test_a_confirmed_plan_is_an_operation_with_its_guards(store: SqlStore) -> None:
    """Plan with reason, digest, rulings and confirmation are durable; the log begins with the intent."""
    made = prod(store)
    operation = made.confirm(made.propose(asked()), IN_PROD)
    assert operation == store.operation(operation_id(1))
    assert (operation.stage, operation.outcome) == (Stage.CONFIRMED, None)
    assert operation.plan.reason == "INC-2207"
    assert operation.digest == digest_of(operation.plan) == operation.confirmation.digest
    assert operation.confirmation.by == "mara@finedge.example"
    assert operation.confirmation.window == IN_PROD.window
    assert {one.guard for one in operation.guards} >= {"confirmation", "reason", "write window", "in flight"}
    assert list(store.stream()) == []


def test_the_key_is_enough_where_it_is_guarded_and_no_production(store: SqlStore) -> None:
    """Staging takes a key, and no name, reason or window."""
    made = staging(store)
    assert made.confirm(made.propose(asked(STAGING_RUN)), BY_KEY).confirmation.how == "key"


def test_inside_a_window_the_key_is_enough_and_the_window_s_reason_serves(store: SqlStore) -> None:
    """What was opened with an incident needs no second reason; the plan carries the window's."""
    made = prod(store)
    opened = made.window("prod", "INC-2207")
    proposal = made.with_window(made.propose(asked()), opened)
    operation = made.confirm(proposal, replace(BY_KEY, window=opened))
    assert operation.plan.reason == "INC-2207"


@pytest.mark.parametrize(
    ("answer", "guard"),
    [
        (replace(IN_PROD, how=""), "confirmation"),
        (replace(IN_PROD, named="staging"), "confirmation"),
        (replace(IN_PROD, how="--yes", named=""), "confirmation"),
        (replace(IN_PROD, window=None), "write window"),
        (replace(IN_PROD, window=window("staging")), "write window"),
        (replace(IN_PROD, window=window(opened=61)), "write window"),
        (replace(IN_PROD, reason=" ", window=replace(window(), reason="")), "reason"),
    ],
)
def test_a_confirmation_that_lacks_something_is_refused_on_the_record(
    store: SqlStore, answer: Answer, guard: str
) -> None:
    """Nothing is submitted; the refusal names guard, plan and person, and is in the log when it is told."""
    made = prod(store)
    proposal = made.propose(asked())
    error = refused(made, proposal, answer)
    assert (error.guards[0].guard, error.conflict) == (guard, False)
    (draft,) = refusals(store)
    assert draft.result.startswith(f"{guard}: ")
    assert (draft.action, draft.target, draft.operation) == ("rerun", str(DAG_RUN), operation_id(1))
    assert (draft.actor, draft.environment) == (ACTOR, "prod")
    assert str(error) == draft.result


def test_a_stale_plan_is_a_conflict(store: SqlStore) -> None:
    """After a quarter of an hour the yes comes too late: exit 5."""
    clock = StillClock()
    made = prod(store, clock=clock)
    proposal = made.propose(asked())
    clock.at += minutes(15)
    error = refused(made, proposal, replace(IN_PROD, window=window(opened=-15)))
    assert ([one.guard for one in error.guards], error.conflict) == (["expiry"], True)


def test_what_blocked_the_plan_blocks_its_confirmation(store: SqlStore) -> None:
    """A guard of the kind that said no is judged again from the plan's own look, and nobody is asked anew."""
    system = StillSystem(clear_preview(state=State.RUNNING))
    made = changes(store, prod_airflow=system)
    proposal = made.propose(asked())
    assert proposal.is_blocked
    error = refused(made, proposal, IN_PROD)
    assert ([one.guard for one in error.guards], error.conflict) == (["somebody at it"], True)
    assert len(system.asked) == 1


@pytest.mark.parametrize("accepted", [(), ("operation id",)])
def test_what_asks_to_be_accepted_is_accepted_by_name(store: SqlStore, accepted: tuple[str, ...]) -> None:
    """A Jenkins job that carries no id is built only by somebody who accepts that it may stay unknown."""
    preview = rebuild_preview(declares_operation=False, declared=("BRANCH", "DATE"))
    made = changes(store, prod_jenkins=StillSystem(preview))
    proposal = made.propose(asked(BUILD))
    assert (proposal.is_blocked, proposal.needs.accept) == (False, ("operation id",))
    answer = replace(IN_PROD, accepted=accepted)
    if accepted:
        assert made.confirm(proposal, answer).confirmation.accepted == accepted
    else:
        assert [one.guard for one in refused(made, proposal, answer).guards] == ["operation id"]


@pytest.mark.parametrize(
    ("run", "named", "said"),
    [
        (DAG_RUN, "staging", "prod/airflow belongs to prod, and staging was named."),
        (RunName(ConnectionName("qa", "airflow"), DAG_RUN.id), None, "No environment qa is configured"),
    ],
)
def test_a_target_of_another_environment_is_refused_before_anything_is_asked(
    store: SqlStore, run: RunName, named: str | None, said: str
) -> None:
    """Even as a look: it is in the log, and no system has heard of it."""
    system = StillSystem(clear_preview())
    with pytest.raises(RefusedError, match=said) as caught:
        changes(store, prod_airflow=system).propose(asked(run, environment=named))
    assert caught.value.guards[0].guard == "environment"
    assert [draft.target for draft in refusals(store)] == [str(run)]
    assert system.asked == []


def test_a_target_outside_of_its_connection_s_part_is_refused(store: SqlStore) -> None:
    """A job in dev's folder is no target of prod, though one controller serves both."""
    run = RunName(ConnectionName("prod", "jenkins"), "finedge/dev/payments-ci#7")
    made = changes(store, prod_jenkins=StillSystem(rebuild_preview(run)))
    with pytest.raises(RefusedError, match=r"scope: finedge/dev/payments-ci is outside of finedge/prod"):
        made.propose(asked(run))
    assert [draft.operation for draft in refusals(store)] == [operation_id(1)]


@pytest.mark.parametrize("insists", [False, True])
def test_that_nothing_failed_is_recorded_where_somebody_had_said_yes(store: SqlStore, insists: Any) -> None:
    """A look that finds nothing to do is nobody's refusal; a command that had the yes with it is."""
    made = prod(store, clear_preview(state=State.SUCCEEDED))
    with pytest.raises(NotFoundError, match="not failed"):
        made.propose(asked(), asked=insists)
    assert len(refusals(store)) == insists


def test_a_system_that_does_not_answer_is_no_refusal(store: SqlStore) -> None:
    """There is no plan without a look; the error is the system's own (exit 8)."""
    with pytest.raises(DeadlineError):
        prod(store, DeadlineError("prod/airflow took longer than 15 s")).propose(asked(), asked=True)
    assert refusals(store) == []


def test_a_window_is_an_hour_on_the_record(store: SqlStore) -> None:
    """Opening one is an override with its reason; an environment or a reason that is missing is a refusal."""
    made = prod(store)
    opened = made.window("prod", " INC-2207 ")
    assert (opened.opened_at, opened.until) == (NOW, NOW + timedelta(hours=1))
    assert (opened.reason, opened.opened_by) == ("INC-2207", "mara@finedge.example")
    for environment, reason in (("qa", "INC-2207"), ("prod", " ")):
        with pytest.raises(RefusedError):
            made.window(environment, reason)
    drafts = [record.draft for record in store.stream()]
    assert [one.phase for one in drafts] == [Phase.OVERRIDE, Phase.REFUSAL, Phase.REFUSAL]
    assert {one.action for one in drafts} == {"write-window"}
    assert (drafts[0].reason, drafts[0].result) == ("INC-2207", "open until 2026-11-20 03:43:10 UTC")


def test_two_plans_of_one_run_one_of_which_is_carried_out(store: SqlStore) -> None:
    """The other is told whose it is and since when; once its process has died, that it is settled first."""
    made = prod(store, processes=Living())
    first, second = made.propose(asked()), made.propose(asked())
    held = made.confirm(first, IN_PROD)
    store.claim(held.plan.operation, OWNER, NOW, minutes(1), dead=None)
    error = refused(made, second, IN_PROD)
    assert ([one.guard for one in error.guards], error.conflict) == (["in flight"], True)
    assert "mara@finedge.example holds it since 02:43:10 UTC" in str(error)
    again = replace(made, processes=Living(alive=False)).propose(asked())
    (result,) = (one for one in again.guards if one.guard == "in flight")
    assert (result.ruling, again.is_blocked) == (Ruling.WARN, False)


def test_an_operation_is_not_in_its_own_way(store: SqlStore) -> None:
    """Judged again by the runner, under its own reservations and with its confirmation, it passes."""
    made = prod(store)
    proposal = made.propose(asked())
    operation = made.confirm(proposal, IN_PROD)
    store.claim(operation.plan.operation, OWNER, NOW, minutes(1), dead=None)
    assert proposal.draft is not None
    rulings = judge(
        operation.plan,
        CLEAR,
        proposal.draft,
        store=store,
        catalogue=made.catalogue,
        environment=made.environments["prod"],
        confirmation=operation.confirmation,
        window=operation.confirmation.window,
        now=NOW + timedelta(seconds=1),
    )
    assert [one for one in rulings if one.blocks] == []


def test_a_budget_is_spent_by_what_was_sent(store: SqlStore) -> None:
    """Three re-runs of one partition a day; what was refused is none; tomorrow it is free again."""
    clock = StillClock()
    made = prod(store, clock=clock)
    for number in range(4):
        operation = made.confirm(made.propose(asked()), IN_PROD)
        lease = store.claim(operation.plan.operation, OWNER, clock.at, minutes(1), dead=None)
        outcome = Outcome.REFUSED if number == 0 else Outcome.SUCCEEDED
        draft = AuditDraft(
            at=clock.at,
            actor=ACTOR,
            environment="prod",
            action="rerun",
            target=str(DAG_RUN),
            phase=Phase.OUTCOME,
            operation=operation.plan.operation,
        )
        if number:
            entry = JournalEntry(
                number=0, at=clock.at, step="clear", state=StepState.INTENDED, said="sending"
            )
            store.write(lease, (entry,), replace(draft, phase=Phase.INTENT))
        store.end(lease, outcome, "as it was", clock.at, (), draft)
        clock.at += minutes(1)
    proposal = made.propose(asked())
    (result,) = (one for one in proposal.guards if one.guard == "retry budget")
    assert (result.ruling, result.conflict) == (Ruling.DENY, False)
    assert (
        "3 of 3/day re-runs of this partition were used since 2026-11-20 00:00 Europe/London" in result.reason
    )
    clock.at = NOW + timedelta(hours=22)
    assert not made.propose(asked()).is_blocked


def test_a_refusal_that_cannot_be_recorded_is_the_store_s_error(tmp_path: Path) -> None:
    """Without the audit log nothing is said to be refused by a guard: exit 6, and nothing was sent."""
    (tmp_path / "file").write_text("no folder")
    store = SqlStore(tmp_path / "file" / "fedesk.sqlite3")
    with pytest.raises(StoreError):
        prod(store).propose(asked(environment="staging"))


def test_a_reason_that_holds_a_secret_is_kept_without_it(store: SqlStore) -> None:
    """What is typed in haste is hidden before it is kept, in plan and log alike."""
    planted = "glpat-" + "a1B2c3D4e5F6g7H8i9J0"
    made = prod(store)
    opened = made.window("prod", f"token={planted}")
    made.confirm(made.propose(asked()), replace(IN_PROD, reason=f"token={planted}", window=opened))
    refused(made, made.propose(asked()), replace(IN_PROD, reason=f"token={planted}", named="x"))
    store.close()
    kept = b"".join(path.read_bytes() for path in store.path.parent.iterdir())
    assert planted.encode() not in kept


def test_who_acts_is_the_configured_principal_else_the_process_s_own_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The variables of the environment, which anybody sets, are not believed."""
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert actor_of("mara@finedge.example").known_by == "configuration"
    actor = actor_of(None)
    assert actor.known_by == "operating system"
    assert actor.person not in ("", "somebody-else")
