"""Freezes and holds in the way of a change: in its plan, at its confirmation, and right before it is sent."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from acting import LineWorld, Rig, make_plan
from acting import submission as with_a_key
from making import NOW, minutes
from operation_values import draft_of
from planning import (
    BUILD,
    CATALOGUE,
    PIPELINE,
    StillClock,
    StillSystem,
    asked,
    changes,
    clear_preview,
    rebuild_preview,
    window,
)
from window_values import a_window, wall

from fedesk.domain import guards
from fedesk.domain.audit import AuditDraft, Phase
from fedesk.domain.names import RunName
from fedesk.domain.operations import GuardResult, Outcome, Ruling
from fedesk.domain.policy import Governance
from fedesk.domain.roles import People, Person, Role
from fedesk.domain.windows import Window, WindowKind
from fedesk.services.proposals import Answer, Proposal, RefusedError
from fedesk.store.operations import SqlStore

HOLD = a_window(WindowKind.HOLD, id="HLD-20261120-7K3MQ9", pipeline="payments_daily", reason="wrong rates.")
YES = Answer(how="name and key", named="prod", reason="INC-2207", window=window(opened=0))
OVERRIDDEN = replace(YES, accepted=("freeze",))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with closing(SqlStore(tmp_path / "fedesk.sqlite3")) as opened:
        yield opened


def put(store: SqlStore, *windows: Window) -> None:
    for one in windows:
        store.open_window(one, draft_of(Phase.CONFIGURATION, action=one.kind.value))


def proposed(store: SqlStore, **given: Any) -> Proposal:
    return changes(store, prod_airflow=StillSystem(clear_preview()), **given).propose(asked())


def of(rulings: tuple[GuardResult, ...], guard: str) -> GuardResult | None:
    return next((one for one in rulings if one.guard == guard), None)


def said(store: SqlStore, phase: Phase) -> list[AuditDraft]:
    return [one.draft for one in store.stream() if one.draft.phase is phase]


def test_a_hold_says_who_since_when_why_and_how_it_is_lifted(store: SqlStore) -> None:
    """It denies, and no answer lifts it; what it judged by goes with the ruling."""
    put(store, HOLD)
    proposal = proposed(store)
    assert proposal.is_blocked
    ruling = of(proposal.guards, guards.HOLD)
    assert ruling is not None
    assert ruling.ruling is Ruling.DENY
    assert ruling.reason == (
        "ann@finedge.example holds payments_daily in prod since 01:43:10 UTC: wrong rates."
    )
    assert ruling.remedy == "`fedesk hold remove HLD-20261120-7K3MQ9 --reason TEXT` lifts it, by an admin."
    assert [(one.name, one.value) for one in ruling.facts] == [("hold", f"{HOLD.id}, until it is removed")]
    made = changes(store, prod_airflow=StillSystem(clear_preview()))
    with pytest.raises(RefusedError, match=r"ann@finedge\.example holds"):
        made.confirm(proposal, replace(YES, accepted=("hold",)))
    store.close_window(HOLD.id, NOW, "ann", "rates are right", draft_of(Phase.CONFIGURATION))
    assert not proposed(store).is_blocked


def test_a_freeze_asks_to_be_overridden_with_a_reason(store: SqlStore) -> None:
    """Nothing but its name accepts it; a reason is asked for even where none is wanted otherwise."""
    put(store, a_window())
    proposal = proposed(store)
    assert not proposal.is_blocked
    assert (proposal.needs.accept, proposal.needs.reason) == (("freeze",), True)
    ruling = of(proposal.guards, guards.FREEZE)
    assert ruling is not None
    assert ruling.ruling is Ruling.CONFIRM
    assert ruling.reason == (
        "all of prod is frozen until 04:13:10 UTC: year end (FRZ-20261120-7K3MQ9 of ann@finedge.example)."
    )
    made = changes(store, prod_airflow=StillSystem(clear_preview()))
    with pytest.raises(RefusedError, match="It was not accepted"):
        made.confirm(proposal, YES)
    unsaid = replace(window(opened=0), reason="")
    with pytest.raises(RefusedError, match="overridden without a reason"):
        made.confirm(proposal, replace(OVERRIDDEN, reason="", window=unsaid))
    operation = made.confirm(proposal, OVERRIDDEN)
    assert operation.confirmation.accepted == ("freeze",)


def test_an_override_is_on_the_record_before_the_operation(store: SqlStore) -> None:
    """Phase ``override``, with the plan, its reason, and the freeze that was set aside; once."""
    put(store, a_window())
    made = changes(store, prod_airflow=StillSystem(clear_preview()))
    operation = made.confirm(made.propose(asked()), OVERRIDDEN)
    (record,) = said(store, Phase.OVERRIDE)
    assert (record.action, record.operation, record.plan_digest, record.reason) == (
        "freeze-override", operation.plan.operation, operation.digest, "INC-2207",
    )  # fmt: skip
    assert "all of prod is frozen until 04:13:10" in record.result


def test_what_was_not_frozen_leaves_no_override(store: SqlStore) -> None:
    """Accepting what nothing asks about overrides nothing."""
    made = changes(store, prod_airflow=StillSystem(clear_preview()))
    made.confirm(made.propose(asked()), OVERRIDDEN)
    assert said(store, Phase.OVERRIDE) == []


@pytest.mark.parametrize(
    "later",
    [
        a_window(id="FRZ-2", starts=wall(NOW + minutes(1))),
        a_window(id="FRZ-2", opened_at=NOW + minutes(1)),
    ],
    ids=["begins", "is added"],
)
def test_a_freeze_that_began_after_the_plan_was_made_was_accepted_by_nobody(
    store: SqlStore, later: Window
) -> None:
    """Be it that its time came or that somebody set it: a new plan shows it; another that was there stays."""
    put(store, a_window())
    clock = StillClock()
    made = changes(store, clock=clock, prod_airflow=StillSystem(clear_preview()))
    proposal = made.propose(asked())
    put(store, later)
    clock.at = NOW + minutes(2)
    with pytest.raises(RefusedError, match="It began after the plan was made") as refused:
        made.confirm(proposal, OVERRIDDEN)
    assert refused.value.conflict
    assert "FRZ-20261120-7K3MQ9 as well" in str(refused.value)
    made.confirm(made.propose(asked()), OVERRIDDEN)


@pytest.mark.parametrize(
    ("given", "frozen"),
    [
        ({"starts": wall(NOW) + timedelta(seconds=1)}, False),
        ({"starts": wall(NOW)}, True),
        ({"ends": wall(NOW)}, False),
        ({"ends": wall(NOW) + timedelta(seconds=1)}, True),
        ({"environment": "staging"}, False),
        ({"pipeline": "ledger_load"}, False),
        ({"pipeline": "payments_daily"}, True),
        ({"service": "payments"}, True),
        ({"service": "ledger"}, False),
        ({"kind": WindowKind.MAINTENANCE}, False),
    ],
)
def test_which_freezes_a_plan_meets(store: SqlStore, given: dict[str, Any], frozen: bool) -> None:  # noqa: FBT001 - a table's column
    """Those whose scope has its target, from their first second to the one before their end."""
    carried = replace(CATALOGUE, pipelines={"payments_daily": replace(PIPELINE, service="payments")})
    put(store, a_window(**given))
    assert (of(proposed(store, catalogue=carried).guards, guards.FREEZE) is not None) is frozen


@pytest.mark.parametrize("given", [{"service": "payments"}, {"pipeline": "payments_daily"}])
def test_a_deployment_is_about_its_service_and_what_that_carries(
    store: SqlStore, given: dict[str, Any]
) -> None:
    """A hold of a pipeline stops the deployment that would change what it runs."""
    carried = replace(CATALOGUE, pipelines={"payments_daily": replace(PIPELINE, service="payments")})
    put(store, a_window(WindowKind.HOLD, **given))
    build = RunName(BUILD.connection, "finedge/prod/deploy-payments#7")
    made = changes(store, catalogue=carried, prod_jenkins=StillSystem(rebuild_preview(build)))
    assert of(made.propose(asked(build)).guards, guards.HOLD) is not None


@pytest.mark.parametrize("kind", [WindowKind.FREEZE, WindowKind.HOLD])
def test_what_cannot_be_told_blocks(store: SqlStore, kind: WindowKind) -> None:
    """A window in a zone that this machine does not know is Unknown, and says what to do."""
    put(store, a_window(kind, zone="Mars/Olympus"))
    proposal = proposed(store)
    ruling = of(proposal.guards, kind.value)
    assert ruling is not None
    assert proposal.is_blocked
    assert ruling.ruling is Ruling.UNKNOWN
    assert "cannot be told: This machine knows no time zone 'Mars/Olympus'." in ruling.reason
    assert ruling.remedy.startswith(f"`fedesk {kind} remove ")


@pytest.fixture
def rig(store: SqlStore, tmp_path: Path) -> Rig:
    return Rig(store=store, world=LineWorld(tmp_path / "lines"))


def ended(rig: Rig, *windows: Window, accepted: tuple[str, ...] = ()) -> tuple[Outcome | None, str]:
    """How an operation ends that was confirmed before, and executed with these windows in the store."""
    given = with_a_key(make_plan(reason="INC-2207"))
    rig.store.submit(replace(given, confirmation=replace(given.confirmation, accepted=accepted)))
    for one in windows:
        store: Any = rig.store
        put(store, one)
    operation = rig.execute(given.plan.operation)
    return operation.outcome, operation.said


def in_dev(kind: WindowKind = WindowKind.FREEZE, **given: Any) -> Window:
    return a_window(kind, environment="dev", **given)


def test_a_freeze_that_began_after_the_confirmation_blocks_right_before_sending(rig: Rig) -> None:
    """Nothing was sent, although a freeze had been accepted: not this one."""
    outcome, why = ended(rig, in_dev(opened_at=NOW + minutes(1)), accepted=("freeze",))
    assert outcome is Outcome.REFUSED
    assert "freeze: all of dev is frozen" in why
    assert rig.world.lines() == []


def test_a_freeze_that_was_not_accepted_blocks_right_before_sending(rig: Rig) -> None:
    """It asks, and nobody has answered."""
    outcome, why = ended(rig, in_dev())
    assert (outcome, "It was not accepted." in why) == (Outcome.REFUSED, True)
    assert rig.world.lines() == []


def test_a_freeze_that_was_overridden_does_not_block(rig: Rig) -> None:
    """What was accepted in the plan holds to its end."""
    assert ended(rig, in_dev(), accepted=("freeze",))[0] is Outcome.SUCCEEDED
    assert len(rig.world.lines()) == 1


def test_a_hold_blocks_right_before_sending(rig: Rig) -> None:
    """Whoever sets it after the yes is heard."""
    outcome, why = ended(rig, in_dev(WindowKind.HOLD, opened_at=NOW), accepted=("hold",))
    assert (outcome, "holds all of dev" in why) == (Outcome.REFUSED, True)
    assert rig.world.lines() == []


def test_maintenance_blocks_nothing(rig: Rig) -> None:
    """It quiets what is wrong; it may be mended."""
    assert ended(rig, in_dev(WindowKind.MAINTENANCE))[0] is Outcome.SUCCEEDED


def test_overriding_a_freeze_needs_the_role(store: SqlStore) -> None:
    """An operator may run it again, and not while it is frozen; an admin may do both."""
    put(store, a_window())
    operator = Person(principal="mara@finedge.example", roles=frozenset({Role.OPERATOR}))
    people = People({operator.principal: operator})
    still = changes(store, prod_airflow=StillSystem(clear_preview()))
    made = replace(still, governance=Governance(people=people))
    ruling = of(made.propose(asked()).guards, guards.FREEZE)
    assert ruling is not None
    assert ruling.ruling is Ruling.DENY
    assert "Overriding it needs the role admin in prod; you are operator." in ruling.reason
    admin = People({operator.principal: replace(operator, roles=frozenset({Role.ADMIN}))})
    allowed = replace(still, governance=Governance(people=admin))
    assert allowed.propose(asked()).needs.accept == ("freeze",)
