"""Who may do what: one table, asked by principal, verb and environment."""

from itertools import product

import pytest

from fedesk.domain.policy import DEFAULTS
from fedesk.domain.roles import RIGHTS, VIEWER, People, Person, Rights, Role, listed

MARA = Person(
    principal="mara@finedge.example",
    roles=frozenset({Role.OPERATOR, Role.APPROVER}),
    environments={"prod": frozenset({Role.VIEWER, Role.APPROVER})},
    os_users=("mara", "oncall"),
)
ANN = Person(principal="ann@finedge.example", roles=frozenset({Role.APPROVER}))
PEOPLE = People({one.principal: one for one in (MARA, ANN)})


def test_where_nobody_is_named_everybody_may_everything() -> None:
    """A desk of one person is not asked for roles."""
    assert all(People().may("anybody", verb, "prod") for verb in RIGHTS)
    assert not any(People().against("anybody", verb, "prod") for verb in RIGHTS)


@pytest.mark.parametrize("role", Role)
def test_a_role_may_what_the_table_says_and_nothing_else(role: Role) -> None:
    """No role has a right by being above another one."""
    person = Person(principal="p", roles=frozenset({role}))
    people = People({"p": person})
    assert {verb for verb in RIGHTS if people.may("p", verb, "prod")} == {
        verb for verb, roles in RIGHTS.items() if role in roles
    }


def test_a_viewer_may_do_no_verb_and_each_verb_is_somebodys() -> None:
    """Looking is free; what changes something takes a role that somebody can have."""
    assert all(roles and Role.VIEWER not in roles for roles in RIGHTS.values())
    assert set(DEFAULTS) <= set(RIGHTS)


def test_approving_goes_with_no_other_right() -> None:
    """Who approves alone makes no plan to approve, or to waive a gate in; what others did they review."""
    assert {verb for verb, roles in RIGHTS.items() if Role.APPROVER in roles} == {
        "approve",
        "reject",
        "review",
        "waive-gate",
    }


def test_roles_are_those_of_the_environment_else_the_general_ones() -> None:
    """An environment that is named replaces the others' roles, and adds nothing to them."""
    assert PEOPLE.may(MARA.principal, "rerun", "staging")
    assert not PEOPLE.may(MARA.principal, "rerun", "prod")
    assert PEOPLE.may(MARA.principal, "approve", "prod")
    assert PEOPLE.roles_of(MARA.principal, "") == MARA.roles


def test_who_is_not_named_is_a_viewer() -> None:
    """Of those who are told apart nobody has rights by being unknown."""
    assert PEOPLE.roles_of("eve@elsewhere", "prod") == VIEWER
    assert not any(PEOPLE.may("eve@elsewhere", verb, "prod") for verb in RIGHTS)


def test_a_refusal_says_which_role_is_wanted_and_which_one_has() -> None:
    """The sentence that stands beside a key that does not serve."""
    assert (
        PEOPLE.against(MARA.principal, "rerun", "prod")
        == "needs the role operator, releaser or admin in prod; you are viewer and approver"
    )
    assert PEOPLE.against("eve", "freeze", "") == "needs the role admin; you are viewer"
    assert PEOPLE.against(ANN.principal, "approve", "prod") == ""


def test_what_holds_everywhere_is_asked_of_the_general_roles_as_well() -> None:
    """A viewer of prod who operates elsewhere may put a release away, and nothing else."""
    person = Person(
        principal="ann", roles=frozenset({Role.OPERATOR}), environments={"prod": frozenset({Role.VIEWER})}
    )
    barred = Rights(people=People({"ann": person}), person="ann").barred("prod")
    assert set(RIGHTS) - set(barred) == {"quarantine"}


def test_a_verb_that_is_no_change_is_everybodys() -> None:
    """What is not in the table is reading."""
    assert PEOPLE.may("eve", "audit-export", "prod")


def test_a_user_of_the_machine_is_who_says_so() -> None:
    """Several users may be one person; one that nobody names is nobody."""
    assert [PEOPLE.principal_of(user) for user in ("mara", "oncall", "root")] == [
        MARA.principal,
        MARA.principal,
        "",
    ]


def test_those_with_a_role_are_told_by_environment() -> None:
    """Who may approve in prod, and who may re-run there."""
    assert PEOPLE.with_a_role({Role.APPROVER}, "prod") == (ANN.principal, MARA.principal)
    assert PEOPLE.with_a_role(RIGHTS["rerun"], "prod") == ()
    assert PEOPLE.with_a_role(RIGHTS["rerun"], "staging") == (MARA.principal,)


def test_roles_in_a_sentence_stand_in_one_order() -> None:
    """Whatever order a set has."""
    assert listed([Role.ADMIN, Role.VIEWER]) == "viewer or admin"
    assert listed([]) == "without a role"
    for one, other in product(Role, Role):
        assert listed([one, other]) == listed([other, one])
