"""The guards that hold for every kind of operation, as tables."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import NOW, minutes
from operation_values import operation, unknown
from planning import (
    GUARDED_PROD,
    PIPELINE,
    PROD,
    READ_ONLY_STAGING,
    STAGING,
    confirmation,
    effect,
    plan,
    target,
    window,
)

from fedesk.domain import guards
from fedesk.domain.catalogue import BudgetPeriod, LoadTarget, RetryBudget, WriteMode
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.guards import Situation, Spent
from fedesk.domain.operations import Fact, GuardResult, Ruling

ALLOW, WARN, CONFIRM, DENY, UNKNOWN = Ruling
NOBODY = EnvironmentFacts(name="qa", production=False, mode="guarded", timezone="UTC")


def situation(facts: EnvironmentFacts | None = PROD, **given_: Any) -> Situation:
    """A plan of an environment, looked at anew, with nothing against it."""
    planned = given_.pop("plan", None) or plan(facts.name if facts else "prod")
    values: dict[str, Any] = {
        "target": planned.targets[0],
        "effects": planned.effects,
        "pipeline": PIPELINE,
    }
    return Situation(plan=planned, now=NOW, environment=facts, **(values | given_))


def confirmed(facts: EnvironmentFacts = PROD, **given_: Any) -> Situation:
    """The same after a yes; ``given_`` are fields of the confirmation."""
    planned = plan(facts.name, reason="INC-2207")
    return situation(
        facts, plan=planned, digest=confirmation(planned).digest, confirmation=confirmation(planned, **given_)
    )


def only(result: GuardResult | None) -> GuardResult:
    assert result is not None
    return result


@pytest.mark.parametrize(
    ("facts", "named", "ruling"),
    [
        (PROD, None, ALLOW),
        (PROD, "prod", ALLOW),
        (PROD, "staging", DENY),
        (None, None, DENY),
        (None, "prod", DENY),
        (STAGING, "prod", DENY),
    ],
)
def test_environment(facts: EnvironmentFacts | None, named: str | None, ruling: Ruling) -> None:
    """A target outside the named environment, or of one that is not configured, is refused."""
    assert guards.environment(situation(facts, named=named)).ruling is ruling


def test_a_plan_whose_environment_is_not_its_connection_s_is_refused() -> None:
    """The environment comes from the target, whatever the plan says."""
    odd = replace(plan("prod"), environment="staging")
    assert guards.environment(situation(STAGING, plan=odd)).ruling is DENY


@pytest.mark.parametrize(
    ("facts", "open_window", "ruling"),
    [
        (STAGING, None, ALLOW),
        (GUARDED_PROD, None, ALLOW),
        (PROD, None, CONFIRM),
        (READ_ONLY_STAGING, None, CONFIRM),
        (None, None, CONFIRM),
        (replace(PROD, mode="odd"), None, CONFIRM),
        (PROD, window("prod"), ALLOW),
        (PROD, window("staging"), CONFIRM),
        (PROD, window("prod", opened=61), CONFIRM),
        (PROD, window("prod", opened=60), ALLOW),
        (PROD, window("prod", opened=-1), CONFIRM),
    ],
)
def test_a_write_window_is_a_need_of_a_proposal(
    facts: EnvironmentFacts | None, open_window: Any, ruling: Ruling
) -> None:
    """A read-only environment needs an open window of its own; what cannot be told is read-only."""
    assert guards.write_window(situation(facts, window=open_window)).ruling is ruling


@pytest.mark.parametrize(
    ("facts", "carried", "ruling"),
    [
        (STAGING, None, ALLOW),
        (PROD, None, DENY),
        (PROD, window("prod"), ALLOW),
        (PROD, window("staging"), DENY),
        (PROD, window("prod", opened=61), DENY),
        (PROD, window("prod", opened=-1), DENY),
    ],
)
def test_a_confirmation_carries_a_window_that_covers_its_time(
    facts: EnvironmentFacts, carried: Any, ruling: Ruling
) -> None:
    """What is open while it is judged does not count: the confirmation brings its own window."""
    state = replace(confirmed(facts, window=carried), window=window(facts.name))
    assert guards.write_window(state).ruling is ruling


def test_a_window_that_ended_after_the_confirmation_still_covers_it() -> None:
    """The window has to cover the time of the yes, not that of the runner's start."""
    late = replace(confirmed(window=window(opened=59)), now=NOW + minutes(5))
    assert guards.write_window(late).ruling is ALLOW


@pytest.mark.parametrize(
    ("facts", "given_", "ruling"),
    [
        (PROD, {}, ALLOW),
        (PROD, {"how": ""}, DENY),
        (PROD, {"named": "staging"}, DENY),
        (PROD, {"how": "--confirm prod"}, ALLOW),
        (PROD, {"named": "", "how": "--yes"}, DENY),
        (PROD, {"named": "", "how": "key"}, ALLOW),
        (PROD, {"named": "", "how": "key", "window": None}, DENY),
        (PROD, {"named": "", "how": "key", "window": window("staging")}, DENY),
        (GUARDED_PROD, {"named": "", "how": "key"}, DENY),
        (GUARDED_PROD, {"window": None}, ALLOW),
        (STAGING, {"named": "", "how": "--yes", "window": None}, ALLOW),
        (STAGING, {"named": "", "how": "key", "window": None}, ALLOW),
        (STAGING, {"named": "prod"}, DENY),
        (STAGING, {"named": "", "how": ""}, DENY),
        (PROD, {"digest": "00" * 32}, DENY),
        (PROD, {"operation": "another"}, DENY),
    ],
)
def test_confirmation(facts: EnvironmentFacts, given_: dict[str, Any], ruling: Ruling) -> None:
    """Production's name is given, except with the key inside a window; never on the command line without."""
    result = only(guards.confirmation(confirmed(facts, **given_)))
    assert result.ruling is ruling
    assert (result.ruling is ALLOW) or result.remedy


def test_a_confirmation_of_another_plan_is_a_conflict() -> None:
    """A yes belongs to one digest: with a changed plan it is stale, exit 5."""
    assert only(guards.confirmation(confirmed(digest="00" * 32))).conflict
    assert guards.confirmation(situation()) is None


@pytest.mark.parametrize(
    ("facts", "wanted", "said", "ruling"),
    [
        (PROD, True, "INC-2207", ALLOW),
        (PROD, True, "  ", DENY),
        (PROD, False, "", None),
        (STAGING, True, "", None),
        (None, True, "", DENY),
    ],
)
def test_reason(facts: EnvironmentFacts | None, wanted: Any, said: str, ruling: Ruling | None) -> None:
    """Production wants a reason where the kind does; what cannot be told counts as production."""
    planned = plan("prod" if facts is None else facts.name, reason=said)
    state = situation(facts, plan=planned, confirmation=confirmation(planned), wants_reason=wanted)
    result = guards.reason(state)
    assert (None if result is None else result.ruling) is ruling


@pytest.mark.parametrize(
    ("late", "ruling"), [(timedelta(microseconds=-1), ALLOW), (timedelta(0), DENY), (minutes(60), DENY)]
)
def test_expiry(late: timedelta, ruling: Ruling) -> None:
    """A plan holds until its expiry, not at it; then it is stale."""
    planned = plan()
    result = guards.expiry(replace(situation(plan=planned), now=planned.expires_at + late))
    assert (result.ruling, result.conflict) == (ruling, ruling is DENY)


def test_a_system_that_could_not_be_looked_at_blocks() -> None:
    """Silence is no consent: the connection is unknown, in its own words, and nothing is called stale."""
    state = situation(target=None, trouble="prod/airflow took longer than 15 s")
    result = guards.connection(state)
    assert (result.ruling, result.blocks) == (UNKNOWN, True)
    assert "took longer than 15 s" in result.reason
    assert guards.pinned_identity(state) is None


def test_a_target_that_is_gone_is_a_conflict() -> None:
    """Where there is nothing to do any more the plan is stale; the system did answer."""
    state = situation(target=None, trouble="payments_daily has no failed task", gone=True)
    result = only(guards.pinned_identity(state))
    assert (result.ruling, result.conflict) == (DENY, True)
    assert "has no failed task" in result.reason
    assert guards.connection(state).ruling is ALLOW


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (
            {"pins": {"run": "failed", "task dbt_test": "try 4, running"}},
            "was try 3, failed and is try 4, running",
        ),
        ({"pins": {"run": "failed"}}, "task dbt_test was try 3, failed and is not part of it any more"),
        (
            {"pins": {"run": "failed", "task dbt_test": "try 3, failed", "task load": "try 1, failed"}},
            "task load is new: try 1, failed",
        ),
        ({"name": "prod/airflow:other/run"}, "the target was"),
        ({"reserves": ("prod|payments_daily|2026-11-21",), "partition": "2026-11-21"}, "it loads 2026-11-21"),
    ],
)
def test_what_is_pinned_and_has_changed_makes_the_plan_stale(now: dict[str, Any], said: str) -> None:
    """The difference is told in words, and is a conflict."""
    result = only(guards.pinned_identity(situation(target=target(**now))))
    assert (result.ruling, result.conflict) == (DENY, True)
    assert said in result.reason


def test_what_would_be_sent_is_compared_and_where_looking_up_begins_is_not() -> None:
    """Another effect is stale; a queue that moved on, or a list read back as a tuple, is not."""
    other = situation(effects=(effect(tasks=[["dbt_test", -1, 4]]),))
    assert only(guards.pinned_identity(other)).conflict
    planned = plan(effects=(effect(after_queue_id=811),))
    same = situation(plan=planned, effects=(effect(after_queue_id=815, tasks=(("dbt_test", -1, 3),)),))
    assert only(guards.pinned_identity(same)).ruling is ALLOW


def test_a_hash_is_told_by_its_first_twelve_digits() -> None:
    """Sentences hold no sixty-four digits."""
    planned = plan(targets=(target(pins={"definition": "a" * 64}),))
    now = target(pins={"definition": "b" * 64})
    result = only(guards.pinned_identity(situation(plan=planned, target=now)))
    assert f"was {'a' * 12} and is {'b' * 12}." in result.reason


@pytest.mark.parametrize(
    ("state", "ruling", "conflict"),
    [
        ({}, ALLOW, False),
        ({"holder": operation(7)}, DENY, True),
        ({"holder": operation(7), "holder_is_dead": True}, WARN, False),
        ({"holder": unknown(7)}, DENY, True),
        ({"holder": unknown(7), "holder_is_dead": True}, DENY, True),
    ],
)
def test_in_flight(state: dict[str, Any], ruling: Ruling, conflict: Any) -> None:
    """Another's operation is a conflict that says who and since when; a dead one is settled first."""
    result = guards.in_flight(situation(**state))
    assert (result.ruling, result.conflict) == (ruling, conflict)
    if state:
        assert "mara@finedge.example" in result.reason
        assert "02:36:10 UTC" in result.reason
    if ruling is WARN or "unknown" in result.reason:
        assert "`fedesk operations recheck 019a9f3e-0007" in result.remedy


@pytest.mark.parametrize(("count", "ruling"), [(0, ALLOW), (2, ALLOW), (3, DENY), (9, DENY)])
def test_retry_budget(count: int, ruling: Ruling) -> None:
    """So many re-runs as the budget says, and no more; it is told when it is free again, in its zone."""
    spent = Spent(
        budget=RetryBudget(count=3, period=BudgetPeriod.DAY),
        count=count,
        since=datetime(2026, 7, 19, 23, tzinfo=UTC),
        free_at=datetime(2026, 7, 20, 23, tzinfo=UTC),
        zone="Europe/London",
    )
    result = only(guards.retry_budget(situation(spent=spent)))
    assert result.ruling is ruling
    assert f"{count} of 3/day re-runs" in result.reason
    assert ("It is free again at 2026-07-21 00:00 Europe/London" in result.remedy) is (ruling is DENY)


@pytest.mark.parametrize(
    ("facts", "given_", "ruling", "said"),
    [
        (PROD, {}, WARN, "MARTS.PAYMENTS by partition_overwrite."),
        (
            PROD,
            {
                "pipeline": replace(
                    PIPELINE, loads=(LoadTarget(dataset="RAW.EVENTS", write=WriteMode.APPEND),)
                )
            },
            WARN,
            "RAW.EVENTS by append, which doubles rows",
        ),
        (PROD, {"pipeline": None}, WARN, "does not say what payments_daily writes"),
        (PROD, {"pipeline": replace(PIPELINE, loads=())}, ALLOW, "names nothing"),
        (PROD, {"pipeline": None, "service": "payments"}, None, ""),
        (STAGING, {}, None, ""),
        (None, {}, WARN, "not tracked"),
    ],
)
def test_loads(
    facts: EnvironmentFacts | None, given_: dict[str, Any], ruling: Ruling | None, said: str
) -> None:
    """Until loads are tracked, production hears how each dataset is written, and which way doubles."""
    result = guards.loads(situation(facts, **given_))
    assert (None if result is None else result.ruling) is ruling
    assert result is None or said in result.reason


def test_a_secret_in_what_would_be_sent_is_refused_by_its_place() -> None:
    """The plan is kept with all that it sends, so the argument is named and its value is not."""
    result = only(guards.secrets(situation(secrets=("parameters.API_TOKEN",))))
    assert result.ruling is DENY
    assert "parameters.API_TOKEN" in result.reason
    assert guards.secrets(situation()) is None


def test_every_guard_has_a_place_in_the_order() -> None:
    """What is shown has one order; each name stands in it once."""
    names = {value for name, value in vars(guards).items() if name.isupper() and isinstance(value, str)}
    assert len(set(guards.ORDER)) == len(guards.ORDER)
    assert names - {guards.READ_ONLY} == set(guards.ORDER)


RULES: tuple[Callable[[Situation], GuardResult | None], ...] = guards.RULES


@given(
    facts=st.sampled_from([PROD, GUARDED_PROD, STAGING, READ_ONLY_STAGING, None]),
    how=st.sampled_from(["", "key", "name and key", "--yes", "--confirm prod"]),
    named=st.sampled_from(["", "prod", "staging"]),
    opened=st.sampled_from([None, ("prod", 5.0), ("staging", 5.0), ("prod", 200.0)]),
    said=st.sampled_from(["", "INC-2207"]),
)
def test_nothing_is_changed_by_habit(
    facts: EnvironmentFacts | None,
    how: str,
    named: str,
    opened: tuple[str, float] | None,
    said: str,
) -> None:
    """Nothing passes without a yes, a window where it is read-only, and in production a name and a reason.

    Inside a window of a read-only production the key is enough.
    """
    name = facts.name if facts else "prod"
    planned = plan(name, reason=said)
    carried = None if opened is None else window(opened[0], opened=opened[1])
    yes = confirmation(planned, how=how, named=named, window=carried)
    state = situation(facts, plan=planned, digest=yes.digest, confirmation=yes)
    passes = not any(result.blocks for rule in RULES if (result := rule(state)) is not None)
    covered = opened == (name, 5.0)
    production = facts is None or facts.production
    read_only = facts is None or facts.mode == "read-only"
    key_is_enough = not production or (read_only and covered and not how.startswith("--"))
    assert passes == (
        facts is not None
        and how != ""
        and named in ("", name)
        and (named == name or key_is_enough)
        and (covered or not read_only)
        and (said != "" or not production)
    )


@pytest.mark.parametrize(
    ("facts", "how", "named", "reason", "against"),
    [
        (PROD, "--confirm prod", "prod", "seen in Airflow", {}),
        (STAGING, "--yes", "", "seen in Airflow", {}),
        (STAGING, "--yes", "staging", "seen in Airflow", {}),
        (NOBODY, "", "", "seen", {guards.CONFIRMATION: "On the command line --yes."}),
        (STAGING, "--yes", "prod", "seen", {guards.CONFIRMATION: "On the command line --yes."}),
        (PROD, "--confirm qa", "qa", "seen", {guards.CONFIRMATION: "On the command line --confirm prod."}),
        (PROD, "--yes", "", "seen", {guards.CONFIRMATION: "On the command line --confirm prod."}),
        (None, "--yes", "", "seen", {guards.CONFIRMATION: "On the command line --confirm prod."}),
        (PROD, "key", "prod", " ", {guards.REASON: "On the command line --reason TEXT."}),
        (
            PROD,
            "",
            "",
            "",
            {
                guards.CONFIRMATION: "On the command line --confirm prod.",
                guards.REASON: "On the command line --reason TEXT.",
            },
        ),
    ],
)
def test_a_person_s_word_takes_the_yes_of_a_change(
    facts: EnvironmentFacts | None, how: str, named: str, reason: str, against: dict[str, str]
) -> None:
    """Production by its name, the rest by a yes, all with a reason; what is missing is told by its option."""
    name = facts.name if facts else "prod"
    found = guards.against_word(name, facts, how, named, reason)
    assert {one.guard: one.remedy for one in found} == against
    assert all(one.ruling is DENY and one.reason.endswith(".") for one in found)


def test_a_closed_incident_is_a_conflict() -> None:
    """Nothing more is done for what is over: it says so, and what else one can do."""
    result = guards.closed_incident("INC-1 is closed.")
    assert (result.guard, result.ruling, result.conflict) == (guards.INCIDENT, DENY, True)
    assert (result.reason, result.remedy) == ("INC-1 is closed.", "Or give another reason.")


@pytest.mark.parametrize(
    "stopped",
    [
        lambda: guards.environment(situation(STAGING, plan=replace(plan("prod"), environment="staging"))),
        lambda: guards.environment(situation(STAGING, named="prod")),
        lambda: guards.environment(situation(None)),
        lambda: guards.secrets(situation(secrets=("conf.token",))),
        lambda: guards.write_window(situation(PROD)),
        lambda: guards.write_window(confirmed(window=None)),
        lambda: guards.confirmation(confirmed(how="")),
        lambda: guards.confirmation(confirmed(named="staging")),
        lambda: guards.confirmation(confirmed(named="", how="--yes")),
        lambda: guards.confirmation(confirmed(operation="another")),
        lambda: guards.expiry(replace(situation(), now=NOW + minutes(15))),
        lambda: guards.connection(situation(trouble="no answer.")),
        lambda: guards.pinned_identity(situation(trouble="it is gone.", gone=True)),
        lambda: guards.pinned_identity(situation(target=target(pins={"run": "running"}))),
        lambda: guards.in_flight(situation(holder=operation(7))),
        lambda: guards.in_flight(situation(holder=operation(7), holder_is_dead=True)),
        lambda: guards.in_flight(situation(holder=unknown(7))),
    ],
)
def test_who_is_stopped_is_told_why_and_what_to_do(stopped: Callable[[], GuardResult | None]) -> None:
    """Whatever is not simply allowed says why, and what lifts it, in a sentence each."""
    result = only(stopped())
    assert result.ruling is not ALLOW
    assert result.reason.endswith(".")
    assert result.remedy.endswith(".")


DIGEST = confirmation(plan("prod", reason="INC-2207")).digest
APPENDS = replace(
    PIPELINE,
    loads=tuple(LoadTarget(dataset=name, write=WriteMode.APPEND) for name in ("MARTS.A", "MARTS.B")),
)
NO_LONGER = "task dbt_test was try 3, failed and is not part of it any more"
OPENED, ENDED = "2026-11-19 02:43 UTC", "2026-11-19 03:43 UTC"
DOUBLES = "by append, which doubles rows that are there already"


@pytest.mark.parametrize(
    ("ruled", "said"),
    [
        (lambda: guards.environment(situation(PROD)), "prod/airflow belongs to prod, which is production."),
        (
            lambda: guards.environment(situation(STAGING)),
            "staging/airflow belongs to staging, which is not production.",
        ),
        (
            lambda: guards.write_window(situation(PROD, window=window("prod"))),
            "mara opened prod for writing until 03:38:10 UTC.",
        ),
        (lambda: guards.write_window(situation(PROD)), "prod is read-only and no write window is open."),
        (
            lambda: guards.write_window(situation(PROD, window=window("staging"))),
            "prod is read-only, and the write window is one of staging.",
        ),
        (
            lambda: guards.write_window(situation(PROD, window=window("prod", opened=24 * 60))),
            f"prod is read-only, and its write window was open from {OPENED} to {ENDED}.",
        ),
        (
            lambda: guards.confirmation(confirmed()),
            f"mara@finedge.example confirmed {DIGEST[:12]} at 02:43:09 UTC by name and key.",
        ),
        (
            lambda: guards.confirmation(confirmed(digest="0" * 64)),
            f"What was confirmed is 000000000000, and this plan is {DIGEST[:12]}.",
        ),
        (
            lambda: guards.expiry(situation()),
            "The plan was made at 02:42:10 UTC and holds until 02:57:10 UTC.",
        ),
        (
            lambda: guards.connection(situation(trouble="no answer.")),
            "prod/airflow could not be looked at: no answer.",
        ),
        (lambda: guards.connection(situation()), "prod/airflow answered at 02:43:10 UTC."),
        (
            lambda: guards.pinned_identity(situation()),
            "It is as it was when the plan was made at 02:42:10 UTC.",
        ),
        (
            lambda: guards.pinned_identity(situation(target=target(pins={"run": "queued"}))),
            f"It has changed since the plan was made: run was failed and is queued; {NO_LONGER}.",
        ),
        (
            lambda: guards.loads(replace(situation(pipeline=None), plan=replace(plan(), targets=()))),
            "Loads: not tracked. The catalogue does not say what the target writes.",
        ),
        (
            lambda: guards.loads(situation(pipeline=APPENDS)),
            f"Loads: not tracked. payments_daily writes MARTS.A {DOUBLES}, MARTS.B {DOUBLES}.",
        ),
    ],
)
def test_a_guard_says_what_it_has_seen(ruled: Callable[[], GuardResult | None], said: str) -> None:
    """Of whom, of what and when: a time of another day with its day, a digest by its first digits."""
    assert only(ruled()).reason == said


@pytest.mark.parametrize(("facts", "option"), [(PROD, "--confirm prod"), (STAGING, "--yes")])
def test_a_missing_yes_is_told_with_its_option(facts: EnvironmentFacts, option: str) -> None:
    """Production is named, everything else takes a yes."""
    result = only(guards.confirmation(confirmed(facts, how="")))
    assert result.remedy == f"Confirm the plan; on the command line {option}."


def test_a_window_covers_its_first_and_its_last_moment() -> None:
    """From when it was opened to when it ends, both included."""
    at = NOW - timedelta(seconds=1)
    for carried in (
        replace(window(), opened_at=at, until=at + minutes(1)),
        replace(window(), opened_at=at - minutes(1), until=at),
    ):
        assert guards.write_window(confirmed(window=carried)).ruling is ALLOW
    late = replace(window(), opened_at=at + timedelta(microseconds=1))
    assert guards.write_window(confirmed(window=late)).ruling is DENY


def test_what_a_person_did_wrong_is_no_conflict() -> None:
    """Exit 3 is for a rule, exit 5 for what is stale or in somebody's way."""
    assert not guards.environment(situation(STAGING, named="prod")).conflict
    assert not only(guards.confirmation(confirmed(how=""))).conflict
    assert only(guards.confirmation(confirmed(digest="0" * 64))).conflict
    assert guards.expiry(replace(situation(), now=NOW + minutes(15))).conflict


def test_facts_are_recorded_with_the_ruling() -> None:
    """What the systems said stands beside the guard that used it; so does how often it was run again."""
    fact = Fact(name="run", value="failed", source="prod/airflow reads", observed_at=NOW - minutes(1))
    result = guards.connection(replace(situation(), facts=(fact,)))
    assert (result.facts, result.reason) == ((fact,), "prod/airflow answered at 02:42:10 UTC.")
    for count, ruling in ((1, ALLOW), (3, DENY)):
        spent = Spent(
            budget=RetryBudget(count=3, period=BudgetPeriod.DAY),
            count=count,
            since=NOW,
            free_at=NOW + minutes(60),
            zone="UTC",
        )
        budget = only(guards.retry_budget(situation(spent=spent)))
        assert budget.ruling is ruling
        (counted,) = budget.facts
        assert (counted.name, counted.value, counted.source) == ("re-runs", str(count), "the desk's store")


@pytest.mark.parametrize(
    ("facts", "open_window", "is_asked"),
    [
        (STAGING, None, False),
        (READ_ONLY_STAGING, None, False),
        (GUARDED_PROD, None, True),
        (GUARDED_PROD, window("prod"), True),
        (PROD, None, True),
        (PROD, window("prod"), False),
        (PROD, window("staging"), True),
        (PROD, window("prod", opened=61), True),
        (None, None, True),
        (None, window("prod"), False),
    ],
)
def test_the_name_is_asked_in_production(
    facts: EnvironmentFacts | None, open_window: Any, *, is_asked: bool
) -> None:
    """Inside a write window of a read-only one it has been given; a guarded one asks each time."""
    assert guards.name_is_asked(situation(facts, window=open_window)) is is_asked
