"""Roles, persons and tickets are asked for wherever something is changed; each refusal is on the record."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from acting import ACTOR as MACHINE_ACTOR
from acting import ENVIRONMENTS as DEV_ALONE
from acting import OTHER, LineWorld, Living
from making import NOW
from planning import (
    ACTOR,
    BUILD,
    DAG_RUN,
    StillClock,
    StillSystem,
    asked,
    changes,
    clear_preview,
    confirmation,
    plan,
    rebuild_preview,
)
from staging import LEO, StagedRig

from fedesk.domain import policy
from fedesk.domain.audit import AuditDraft, Phase
from fedesk.domain.catalogue import Catalogue
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.operations import Choice, Outcome, Ruling
from fedesk.domain.policy import DEFAULTS, LONG, Governance, Policy, Rule
from fedesk.domain.roles import RIGHTS, VIEWER, People, Person, Rights, Role
from fedesk.ports.errors import UnreachableError
from fedesk.services import operation_runner
from fedesk.services.changes import Changes
from fedesk.services.identity import actor_of, os_user
from fedesk.services.incidents import Incidents
from fedesk.services.proposals import Answer, Needs, RefusedError
from fedesk.store.operations import SqlStore
from fedesk.ui.confirming import Typed, missing, wanted

MARA = ACTOR.person
IN_PROD = Answer(how="--confirm prod", named="prod", reason="INC-7")
YES = Answer(how="--yes", reason="INC-7: seen")
STAGING_RUN = RunName(ConnectionName("staging", "airflow"), DAG_RUN.id)
CAUGHT = UnreachableError("reset by peer")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore(tmp_path / "fedesk.sqlite3")
    yield opened
    opened.close()


def people(*roles: Role, os_users: tuple[str, ...] = (), who: str = MARA) -> People:
    """Somebody with these roles, and Ben, who has none."""
    return People(
        {
            who: Person(principal=who, roles=frozenset(roles) or VIEWER, os_users=os_users),
            "ben@x": Person(principal="ben@x", os_users=("ben",)),
        }
    )


def governed(store: SqlStore, named: People, rules: Mapping[str, Rule] = DEFAULTS, user: str = "") -> Changes:
    """Changes in staging, where nothing but the rules of people and policy asks for more than a yes."""
    made = changes(store, staging_airflow=StillSystem(clear_preview(STAGING_RUN, tags=("staging",))))
    return replace(made, governance=Governance(people=named, policy=Policy(general=rules)), os_user=user)


def refusals(store: SqlStore) -> list[AuditDraft]:
    return [one.draft for one in store.stream() if one.draft.phase is Phase.REFUSAL]


# A plan


@pytest.mark.parametrize("role", Role)
def test_a_plan_is_for_those_who_may(store: SqlStore, role: Role) -> None:
    """Seen in the proposal, before anybody has said yes; a yes all the same is refused, and recorded."""
    made = governed(store, people(role))
    proposal = made.propose(asked(STAGING_RUN))
    (ruling,) = (one for one in proposal.guards if one.guard == "role")
    if role in RIGHTS["rerun"]:
        assert ruling.ruling is Ruling.ALLOW
        assert ruling.reason == f"{MARA} is {role} in staging."
        assert made.confirm(proposal, Answer(how="key")).plan.requester == MARA
        assert refusals(store) == []
        return
    assert proposal.guards[0] == ruling
    assert (
        ruling.reason == f"{MARA} is {role} in staging, and rerun needs the role operator, releaser or admin."
    )
    assert refusals(store) == []
    with pytest.raises(RefusedError, match="role: "):
        made.confirm(proposal, Answer(how="key"))
    (draft,) = refusals(store)
    assert (draft.action, draft.environment, draft.actor) == ("rerun", "staging", ACTOR)
    assert ruling.reason in draft.result
    assert store.operations() == ()


def test_who_may_is_named(store: SqlStore) -> None:
    """A refusal says who can do it instead."""
    named = People({**people().named, "ann@x": Person(principal="ann@x", roles=frozenset({Role.RELEASER}))})
    ruling = governed(store, named).propose(asked(STAGING_RUN)).guards[0]
    assert (ruling.guard, ruling.remedy) == ("role", "ann@x may.")


def test_without_people_nobody_is_asked(store: SqlStore) -> None:
    """No guard speaks of roles, and the plan lives as ever."""
    proposal = changes(
        store, staging_airflow=StillSystem(clear_preview(STAGING_RUN, tags=("staging",)))
    ).propose(asked(STAGING_RUN))
    assert {"role", "requester", "ticket"}.isdisjoint(one.guard for one in proposal.guards)
    assert proposal.plan.expires_at - proposal.plan.made_at == timedelta(minutes=15)


def test_the_runner_asks_again(tmp_path: Path) -> None:
    """A role that was taken away after the yes: refused on the record, and nothing is sent."""
    store = SqlStore(tmp_path / "state.sqlite3")
    rig = StagedRig(store=store, world=LineWorld(tmp_path / "lines"))
    operation = rig.staged()
    ended = operation_runner.execute(
        operation,
        store=store,
        systems=rig.systems,
        catalogue=Catalogue(),
        environments=DEV_ALONE,
        actor=MACHINE_ACTOR,
        clock=rig.clock,
        processes=rig.processes,
        pause=rig.clock.pause,
        kinds=rig.kinds,
        governance=Governance(people=people(Role.APPROVER, who="mara")),
    )
    assert ended.outcome is Outcome.REFUSED
    assert ended.said.startswith("role: mara is approver in dev, and rerun needs the role operator")
    assert (rig.script.sends, rig.phases(operation)) == ([], ["refusal"])
    store.close()


# Who it is


USERS = {
    "their own": ("mara", ("mara",), ""),
    "one of several": ("oncall", ("mara", "oncall"), ""),
    "nobody's, and they have none": ("root", (), ""),
    "another person's": ("ben", ("mara",), f"the user ben of this machine is ben@x, not {MARA}."),
    "another person's, and they have none": (
        "ben",
        (),
        f"the user ben of this machine is ben@x, not {MARA}.",
    ),
    "nobody's, and they have one": (
        "root",
        ("mara",),
        f"{MARA} is the user mara of a machine, and this is root.",
    ),
}


@pytest.mark.parametrize("name", USERS)
def test_a_plan_under_anothers_user_is_refused(store: SqlStore, name: str) -> None:
    """Whatever principal the configuration claims; the refusal tells both names."""
    user, own, why = USERS[name]
    made = governed(store, people(Role.OPERATOR, os_users=own), user=user)
    proposal = made.propose(asked(STAGING_RUN))
    said = [one.reason for one in proposal.guards if one.guard == "requester"]
    assert said == ([f"Not the same person: {why}"] if why else [])
    if why:
        with pytest.raises(RefusedError, match="requester: "):
            made.confirm(proposal, Answer(how="key"))
        assert [why in one.result for one in refusals(store)] == [True]


def test_a_yes_of_another_person_does_not_count(store: SqlStore) -> None:
    """The plan of one, confirmed by another: the runner refuses it, whatever wrote it into the store."""
    from fedesk.services.judging import judge
    from fedesk.services.kinds.airflow_clear import KIND

    made = plan("staging")
    rulings = judge(
        made,
        KIND,
        UnreachableError("away"),
        store=store,
        catalogue=Catalogue(),
        environment=None,
        confirmation=confirmation(made, by="ben@x"),
        window=None,
        now=NOW,
        governance=Governance(people=people(Role.OPERATOR)),
    )
    (found,) = (one for one in rulings if one.guard == "requester")
    assert found.blocks
    assert found.reason == f"The plan is one of {MARA}, and ben@x confirmed it."


def test_the_user_of_the_machine_is_the_person_who_says_so() -> None:
    """Without a principal in the configuration; a user that nobody names stands for itself."""
    user = os_user()
    mine = People({"mara@x": Person(principal="mara@x", os_users=(user,))})
    assert actor_of(None, mine).person == "mara@x"
    assert actor_of(None, mine).known_by == "operating system"
    assert actor_of("ann@x", mine).person == "ann@x"
    assert actor_of(None, people()).person == user


# Tickets, and how long a plan lives


def test_a_ticket_is_asked_for_and_looked_for(store: SqlStore) -> None:
    """Outside production too; a reason without one is refused, on the record."""
    made = governed(store, people(Role.OPERATOR), {"rerun": Rule(tickets=("(INC|CHG)-[0-9]+",))})
    proposal = made.propose(asked(STAGING_RUN))
    assert (proposal.needs.reason, proposal.needs.tickets) == (True, ("(INC|CHG)-[0-9]+",))
    assert not proposal.is_blocked
    for reason in ("", "because", "inc-7"):
        with pytest.raises(RefusedError, match="ticket: A rerun in staging wants a ticket"):
            made.confirm(proposal, Answer(how="key", reason=reason))
    assert len(refusals(store)) == 3
    confirmed = made.confirm(proposal, Answer(how="key", reason="late again, see CHG-12."))
    assert [one.reason for one in confirmed.guards if one.guard == "ticket"] == ["The reason names a ticket."]


def test_a_windows_reason_may_name_the_ticket(store: SqlStore) -> None:
    """Inside a write window nothing is asked twice, unless the window's reason names none."""
    made = changes(store, prod_airflow=StillSystem(clear_preview()))
    rules = Policy(general={"rerun": Rule(tickets=("INC-[0-9]+",))})
    made = replace(made, governance=Governance(people=people(Role.OPERATOR), policy=rules))
    named, unnamed = made.window("prod", "INC-7: late"), made.window("prod", "late")
    assert not made.propose(asked(), named).needs.reason
    assert made.propose(asked(), unnamed).needs.reason


def test_a_plan_lives_as_long_as_the_policy_says(store: SqlStore) -> None:
    """Also that of an environment of its own."""
    made = governed(store, people(Role.OPERATOR), {"rerun": Rule(lives=timedelta(hours=2))})
    found = made.propose(asked(STAGING_RUN)).plan
    assert found.expires_at - found.made_at == timedelta(hours=2)


def test_a_plan_that_overrides_a_freeze_lives_until_others_have_approved(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is to be accepted brings its own rule, and with it the time that others need."""
    monkeypatch.setattr(policy, "OVERRIDES", {"operation id": "freeze-override"})
    made = changes(store, prod_jenkins=StillSystem(rebuild_preview(declares_operation=False)))
    rules = Policy(general=DEFAULTS)
    made = replace(made, governance=Governance(people=people(Role.OPERATOR), policy=rules))
    proposal = made.propose(asked(BUILD))
    assert proposal.needs.accept == ("operation id",)
    assert proposal.plan.expires_at - proposal.plan.made_at == LONG


# What has no plan


@pytest.mark.parametrize("role", Role)
def test_a_write_window_is_for_those_who_may(store: SqlStore, role: Role) -> None:
    """Opened, or refused and recorded as a window that was not."""
    made = governed(store, people(role))
    if role in RIGHTS["write-window"]:
        assert made.window("prod", "INC-7").opened_by == MARA
        assert refusals(store) == []
        return
    with pytest.raises(RefusedError, match=f"role: {MARA} is {role} in prod, and write-window needs"):
        made.window("prod", "INC-7")
    assert [one.action for one in refusals(store)] == ["write-window"]


@pytest.mark.parametrize("role", Role)
def test_incidents_are_for_those_who_may(store: SqlStore, role: Role) -> None:
    """Opening, a note and closing: each is done, or refused and recorded, and nothing of it is written."""
    rights = Rights(people=people(role), person=MARA)
    free = Incidents(store, lambda _run: pytest.fail("no run"), ACTOR, StillClock(), lambda: "0" * 32)
    free.open("prod", "late", given="INC-1")
    made = replace(free, rights=rights)
    attempts: list[Callable[[], object]] = [
        lambda: made.open("prod", "later", given="INC-2"),
        lambda: made.note("INC-1", "seen"),
        lambda: made.close("INC-1"),
    ]
    for attempt in attempts:
        if role in RIGHTS["incident"]:
            attempt()
        else:
            with pytest.raises(RefusedError, match="role: "):
                attempt()
    if role in RIGHTS["incident"]:
        assert refusals(store) == []
    else:
        assert [one.target for one in refusals(store)] == ["INC-2", "INC-1", "INC-1"]
        assert [one.id for one in store.incidents()] == ["INC-1"]
        assert store.incidents()[0].is_open


@pytest.mark.parametrize("verb", ["settle", "recheck"])
@pytest.mark.parametrize("role", Role)
def test_a_word_on_an_operation_is_for_those_who_may(tmp_path: Path, role: Role, verb: str) -> None:
    """Settling and looking again: done, or refused and recorded, with the operation as it was."""
    store = SqlStore(tmp_path / "state.sqlite3")
    rig = StagedRig(store=store, world=LineWorld(tmp_path / "lines"))
    rig.script.after, rig.script.always_unknown = CAUGHT, True
    operation = rig.staged()
    assert rig.execute(operation).outcome is Outcome.UNKNOWN
    hand = replace(rig.by_hand(LEO), rights=Rights(people=people(role, who="leo"), person="leo"))
    attempts: dict[str, list[Callable[[], object]]] = {
        "settle": [
            lambda: hand.look_first(operation),
            lambda: hand.settle(operation, Outcome.SUCCEEDED, YES),
        ],
        "recheck": [lambda: hand.recheck(operation)],
    }
    for attempt in attempts[verb]:
        if role in RIGHTS[verb]:
            attempt()
        else:
            with pytest.raises(RefusedError, match=f"role: leo is {role} in dev, and {verb} needs the role"):
                attempt()
    refused = [one for one in rig.phases(operation) if one == "refusal"]
    assert len(refused) == (0 if role in RIGHTS[verb] else len(attempts[verb]))
    found = store.operation(operation)
    assert found is not None
    assert found.outcome is (
        Outcome.SUCCEEDED if verb == "settle" and role in RIGHTS[verb] else Outcome.UNKNOWN
    )
    store.close()


@pytest.mark.parametrize("role", Role)
def test_a_decision_is_for_those_who_may(tmp_path: Path, role: Role) -> None:
    """Who may not leaves the step waiting."""
    store = SqlStore(tmp_path / "state.sqlite3")
    rig = StagedRig(store=store, world=LineWorld(tmp_path / "lines"))
    operation = rig.staged()

    def die() -> None:
        found = store.operation(operation)
        if found is not None and found.undecided:
            raise KeyboardInterrupt

    rig.clock.on_pause = die
    with pytest.raises(KeyboardInterrupt):
        rig.execute(operation, processes=Living(mine=OTHER))
    hand = replace(rig.by_hand(LEO), rights=Rights(people=people(role, who="leo"), person="leo"))
    if role in RIGHTS["decide"]:
        hand.decide(operation, Choice.PROCEED, YES)
        assert len(store.decisions(operation)) == 1
    else:
        with pytest.raises(RefusedError, match=f"role: leo is {role} in dev, and decide needs the role"):
            hand.decide(operation, Choice.PROCEED, YES)
        assert not store.decisions(operation)
        assert rig.phases(operation)[-1] == "refusal"
    store.close()


def test_the_desk_says_which_ticket_is_lacking() -> None:
    """The key that confirms stays unarmed, with the pattern that the reason has to hold."""
    want = wanted("staging", [Needs(reason=True, tickets=("INC-[0-9]+",))])
    assert missing(want, Typed()) == "a reason with INC-[0-9]+ is needed"
    assert missing(want, Typed(reason="late")) == "the reason lacks a ticket, INC-[0-9]+"
    assert missing(want, Typed(reason="INC-7 late")) == ""
