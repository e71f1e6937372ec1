"""People and policy in fedesk.toml: what the tables come to, and every mistake by file, key and line."""

from datetime import timedelta
from pathlib import Path

import pytest

from fedesk.config import load_config
from fedesk.domain.policy import ALONE, DEFAULTS, LONG, SHORT, Governance
from fedesk.domain.roles import Role
from fedesk.mistakes import ConfigurationError

HEAD = """
default_environment = "prod"
[environments.prod]
[environments.staging]
"""
SIGNERS = '[identity]\nallowed_signers = "signers"\n'
MARA = '[people."mara@x"]\nroles = ["operator", "approver"]\nos_users = ["mara"]\n'
ANN = '[people."ann@x"]\nroles = ["operator"]\nenvironments = { prod = ["approver"] }\n'


def load(folder: Path, text: str) -> Governance:
    """The tables, in a file of two environments."""
    file = folder / "fedesk.toml"
    file.write_text(HEAD + text, encoding="utf-8")
    return load_config(file).governance


def test_without_the_tables_nothing_is_asked(tmp_path: Path) -> None:
    """A desk of one person stays as it is."""
    found = load(tmp_path, "")
    assert not found.people
    assert found.policy.rule("promote", "prod") == ALONE["promote"]


def test_people_with_all_their_keys(tmp_path: Path) -> None:
    """Roles by environment, users of the machine, and where they are told."""
    slack = '[notify.receivers."slack:mara"]\napprise = "env:SLACK"\n'
    found = load(tmp_path, MARA + 'notify = ["slack:mara"]\n' + ANN + '[people."eve@x"]\n' + slack).people
    assert found.roles_of("mara@x", "prod") == {Role.OPERATOR, Role.APPROVER}
    assert found.roles_of("ann@x", "prod") == {Role.APPROVER}
    assert found.roles_of("ann@x", "staging") == {Role.OPERATOR}
    assert found.roles_of("eve@x", "prod") == {Role.VIEWER}
    assert found.principal_of("mara") == "mara@x"
    assert found.named["mara@x"].notify == ("slack:mara",)


def test_with_people_the_defaults_hold(tmp_path: Path) -> None:
    """A promotion is then approved by somebody else."""
    assert load(tmp_path, MARA).policy.rule("promote", "prod") == DEFAULTS["promote"]


def test_an_environments_keys_win_one_by_one(tmp_path: Path) -> None:
    """What it does not say is as in the general table, and that as by default."""
    policy = load(
        tmp_path,
        SIGNERS
        + MARA
        + ANN
        + """
        [policy.rerun]
        ticket = "CHG-[0-9]+"
        review = true
        escalate_after = "10m"
        [environments.prod.policy.rerun]
        approvals = 1
        review = false
        [environments.staging.policy.promote]
        approvals = 0
        [environments.staging.policy.reload]
        lives = "2h"
        approvers = ["operator", "approver"]
        """,
    ).policy
    prod, staging = policy.rule("rerun", "prod"), policy.rule("rerun", "staging")
    assert (prod.approvals, prod.review, prod.tickets) == (1, False, ("CHG-[0-9]+",))
    assert (staging.approvals, staging.review, staging.tickets) == (0, True, ("CHG-[0-9]+",))
    assert prod.escalate_after == staging.escalate_after == timedelta(minutes=10)
    assert (prod.lives, staging.lives) == (LONG, SHORT)
    assert policy.rule("promote", "staging").lives == SHORT
    assert policy.rule("promote", "prod") == DEFAULTS["promote"]
    reload = policy.rule("reload", "staging")
    assert reload.lives == timedelta(hours=2)
    assert reload.approvers == {Role.OPERATOR, Role.APPROVER}


MISTAKES = {
    "an unknown role": (
        '[people."mara@x"]\nroles = ["operater"]',
        'people."mara@x".roles[0]: must be one of viewer, operator, releaser, approver, secrets, admin',
        6,
    ),
    "an environment that is not there": (
        '[people."mara@x"]\nenvironments = { prd = ["viewer"] }',
        'people."mara@x".environments.prd: unknown environment; did you mean prod?',
        6,
    ),
    "a principal with a space": ('[people."mara x"]', "a principal is a name of ASCII without spaces", 5),
    "one user, two people": (
        MARA + '[people."ann@x"]\nos_users = ["mara"]',
        'people."ann@x".os_users[0]: is mara@x already; one user is one person',
        9,
    ),
    "an unknown verb": (
        "[policy.promot]\nreview = true",
        "policy.promot: unknown verb; did you mean promote?",
        5,
    ),
    "an unknown verb of an environment": (
        "[environments.staging.policy.rerunn]",
        "environments.staging.policy.rerunn: unknown verb; did you mean rerun?",
        5,
    ),
    "an unknown key": (
        "[policy.rerun]\nlive = '3h'",
        "policy.rerun.live: unknown key; did you mean lives?",
        6,
    ),
    "no duration": ("[policy.rerun]\nlives = 'soon'", "policy.rerun.lives: expected a duration", 6),
    "too long": ("[policy.rerun]\nlives = '8d'", "policy.rerun.lives: expected from 1m up to 7d", 6),
    "no pattern": (
        "[policy.rerun]\nticket = 'CHG-('",
        "policy.rerun.ticket: is no regular expression of RE2: missing ): CHG-(",
        6,
    ),
    "approvals of nobody": (
        "[policy.rerun]\napprovals = 1",
        "policy.rerun.approvals: approvals need people",
        6,
    ),
    "a role that nobody has": (
        SIGNERS + MARA + "[policy.rerun]\napprovals = 1\napprovers = ['admin']",
        "policy.rerun.approvers: nobody has the role admin in prod",
        12,
    ),
    "a role that nobody has there": (
        SIGNERS + ANN + "[environments.staging.policy.rerun]\napprovals = 1",
        "environments.staging.policy.rerun.approvers: nobody has the role approver in staging",
        10,
    ),
    "more than there are": (
        SIGNERS + MARA + "[environments.prod.policy.rerun]\napprovals = 2",
        "environments.prod.policy.rerun.approvals: is 2, and only mara@x may approve in prod",
        11,
    ),
    "no allowed_signers": (
        MARA + "[policy.rerun]\napprovals = 1",
        "identity.allowed_signers: is missing; approvals are signatures, which need it",
        None,
    ),
    "an override that takes others": (
        SIGNERS + MARA + "[policy.rerun]\napprovals = 1\napprovers = ['operator']",
        "policy.rerun.approvers: a rerun with a freeze-override in prod could be approved by nobody",
        12,
    ),
    "approvers of no role": (
        "[policy.rerun]\napprovers = []",
        "policy.rerun.approvers: must not be empty",
        6,
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_every_mistake_names_file_key_and_line(tmp_path: Path, name: str) -> None:
    """What is wrong is said where it stands, and what would be right."""
    text, sentence, line = MISTAKES[name]
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    where = f"{tmp_path}/fedesk.toml" + (f":{line}" if line else "")
    found = [str(one) for one in caught.value.mistakes]
    assert any(one.startswith(f"{where}: ") and sentence in one for one in found), found
    assert len(found) == 1


def test_a_tables_wrong_rule_is_left_out_and_the_rest_judged(tmp_path: Path) -> None:
    """All mistakes at once."""
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, "[policy]\nrerun = 5\npromote = { lives = '' }\n[people]\nmara = 'admin'\n")
    assert [one.key for one in caught.value.mistakes] == [
        "policy.rerun",
        "policy.promote.lives",
        "people.mara",
    ]
