"""What a change takes: rules by verb and environment, the strictest of which counts."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as some

from fedesk.domain.durations import duration_text, parse_duration
from fedesk.domain.policy import ALONE, DEFAULTS, LONG, SHORT, Policy, Rule, strictest
from fedesk.domain.roles import Role

RULES = some.builds(
    Rule,
    approvals=some.integers(0, 3),
    approvers=some.frozensets(some.sampled_from(Role), min_size=1),
    lives=some.sampled_from((SHORT, timedelta(hours=1), LONG)),
    tickets=some.lists(some.sampled_from(("INC", "CHG")), max_size=2).map(tuple),
    review=some.booleans(),
    escalate_after=some.sampled_from((timedelta(minutes=5), timedelta(hours=1))),
)


def test_the_defaults_are_in_proportion_to_the_danger() -> None:
    """One more person for what changes or reloads production; none for an on-call re-run or a rollback."""
    assert {verb: rule.approvals for verb, rule in DEFAULTS.items()} == {
        "rerun": 0,
        "promote": 1,
        "rollback": 0,
        "reload": 1,
        "backfill": 1,
        "rotate": 1,
        "freeze-override": 1,
        "waive-gate": 1,
    }
    assert [verb for verb, rule in DEFAULTS.items() if rule.review] == ["rollback"]
    assert all(rule.lives == (LONG if rule.approvals else SHORT) for rule in DEFAULTS.values())


def test_alone_nobody_waits_for_others() -> None:
    """Where nobody is told apart there is nobody else to approve, and plans live as ever."""
    assert Policy().general == ALONE
    assert all((rule.approvals, rule.lives) == (0, SHORT) for rule in ALONE.values())


def test_an_environments_rule_wins() -> None:
    """What it does not say is general; a verb without a rule asks for nothing."""
    own = Rule(approvals=2)
    policy = Policy(general=DEFAULTS, environments={"prod": {"rerun": own}})
    assert policy.rule("rerun", "prod") == own
    assert policy.rule("rerun", "staging") == DEFAULTS["rerun"]
    assert policy.rule("promote", "prod") == DEFAULTS["promote"]
    assert policy.rule("recheck", "prod") == Rule()


def test_overriding_a_freeze_brings_its_own_rule() -> None:
    """A re-run inside a freeze takes what the override takes; what else is accepted brings nothing."""
    policy = Policy(general=DEFAULTS)
    assert policy.needed("rerun", "prod") == DEFAULTS["rerun"]
    assert policy.needed("rerun", "prod", ("operation id",)) == DEFAULTS["rerun"]
    needed = policy.needed("rerun", "prod", ("freeze", "freeze"))
    assert (needed.approvals, needed.lives) == (1, LONG)


@settings(max_examples=60)
@given(RULES, RULES)
def test_the_strictest_asks_for_all_that_either_asks(one: Rule, other: Rule) -> None:
    """Whoever meets it meets both rules, in whichever order they are taken."""
    both = strictest(one, other)
    for rule in (one, other):
        assert both.approvals >= rule.approvals
        assert set(both.tickets) >= set(rule.tickets)
        assert both.review >= rule.review
        if rule.approvals:
            assert both.approvers <= rule.approvers
            assert both.lives <= rule.lives
    assert strictest(other, one).approvers == both.approvers
    assert strictest(one, one) == Rule(
        approvals=one.approvals,
        approvers=one.approvers,
        lives=one.lives,
        tickets=tuple(dict.fromkeys(one.tickets)),
        review=one.review,
        escalate_after=one.escalate_after,
    )


@settings(max_examples=50)
@given(some.integers(0, 10**7))
def test_a_length_is_written_as_it_is_read(seconds: int) -> None:
    """What ``policy show`` prints can be put into fedesk.toml."""
    length = timedelta(seconds=seconds)
    assert parse_duration(duration_text(length)) == length


def test_lengths_read_well() -> None:
    """Without what is nought."""
    assert [duration_text(timedelta(minutes=count)) for count in (15, 90, 480, 0)] == [
        "15m",
        "1h30m",
        "8h",
        "0s",
    ]
