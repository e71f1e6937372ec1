"""How what is there differs from what a plan was made for, in the words that a person reads."""

from dataclasses import replace

import pytest
from operation_values import plan_of

from fedesk.domain.differences import difference
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import Effect, Json, Target
from fedesk.domain.states import System

PLAN = plan_of()
TARGET = replace(
    PLAN.targets[0],
    pins={"try": "3", "state": "failed", "hash": "a" * 64},
    reserves=("run", "payments_daily/2026-11-19"),
)
EFFECT = PLAN.effects[0]


def with_args(args: dict[str, Json]) -> Effect:
    return replace(EFFECT, call=replace(EFFECT.call, args=args))


def differs(
    target: Target = TARGET, *effects: Effect, planned: tuple[Effect, ...] = (EFFECT,)
) -> tuple[str, ...]:
    """What is said of a target and effects now, where the plan was made for TARGET."""
    plan = replace(PLAN, targets=(TARGET,), effects=planned)
    return difference(plan, target, effects or planned)


def pinned(**pins: str) -> Target:
    return replace(TARGET, pins={**TARGET.pins, **pins})


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (TARGET, ()),
        (replace(TARGET, link="http://other", pipeline="x"), ()),
        (
            replace(TARGET, name="prod/airflow:x/y"),
            (f"the target was {TARGET.name} and is prod/airflow:x/y",),
        ),
        (pinned(**{"try": "4"}), ("try was 3 and is 4",)),
        (pinned(state="", map="1"), ("state was failed and is nothing", "map is new: 1")),
        (
            replace(TARGET, pins={"try": "3", "hash": "b" * 64}),
            ("state was failed and is not part of it any more", f"hash was {'a' * 12} and is {'b' * 12}"),
        ),
        (pinned(hash="b" * 63), (f"hash was {'a' * 12} and is {'b' * 63}",)),
        (pinned(hash="b " * 32), (f"hash was {'a' * 12} and is {'b ' * 32}",)),
        (replace(TARGET, reserves=("run",), partition=""), ("it loads no known partition, not 2026-11-19",)),
        (
            replace(TARGET, reserves=("run",), partition="2026-11-20"),
            ("it loads 2026-11-20, not 2026-11-19",),
        ),
    ],
)
def test_each_pin_that_moved_is_said(target: Target, said: tuple[str, ...]) -> None:
    """In the order of the plan's pins, then what is new; a digest is shortened, any other text is not.

    What is not pinned may change.
    """
    assert differs(target) == said


def test_a_plan_without_target_or_partition_says_so() -> None:
    """Nothing is compared with what was not there."""
    assert difference(replace(PLAN, targets=()), TARGET, ()) == (f"the target was none and is {TARGET.name}",)
    nowhere = replace(PLAN, targets=(replace(TARGET, partition="", reserves=()),))
    assert difference(nowhere, TARGET, PLAN.effects) == ("it loads 2026-11-19, not none",)


@pytest.mark.parametrize(
    "effect",
    [
        with_args({"dag_id": "payments_daily"}),
        replace(EFFECT, connection=ConnectionName("prod", "airflow-emea")),
        replace(EFFECT, call=replace(EFFECT.call, system=System.JENKINS)),
        replace(EFFECT, call=replace(EFFECT.call, verb="trigger")),
        replace(EFFECT, call=replace(EFFECT.call, key="other")),
    ],
)
def test_another_effect_is_said_where_nothing_else_is(effect: Effect) -> None:
    """Connection, system, verb, arguments and key are what is sent; a pin that moved explains it already."""
    other = replace(effect, sentence="clear 4")
    assert differs(TARGET, other, EFFECT) == (f"what would be done is now: clear 4; {EFFECT.sentence}",)
    assert difference(replace(PLAN, targets=(TARGET,)), TARGET, ()) == ("what would be done is now: nothing",)
    assert differs(pinned(**{"try": "4"}), other) == ("try was 3 and is 4",)


def test_what_is_sent_is_compared_by_value() -> None:
    """Neither kinds of lists and mappings are a difference, nor where looking it up begins, nor words."""
    planned = with_args({"ids": [["a"], {"b": [1]}], "after_queue_id": 7})
    now = replace(with_args({"ids": (("a",), {"b": (1,)}), "after_queue_id": 9}), sentence="other words")
    assert differs(TARGET, now, planned=(planned,)) == ()
    assert differs(TARGET, with_args({"ids": (("a",), {"b": (2,)})}), planned=(planned,)) != ()
    assert differs(TARGET, with_args({"ids": (("a",), {"c": (1,)})}), planned=(planned,)) != ()
    assert differs(TARGET, with_args({"ids": "ab"}), planned=(with_args({"ids": ["a", "b"]}),)) != ()


@pytest.mark.parametrize("id_tells", [True, False])
def test_who_sends_it_is_no_difference_where_the_operations_id_tells(*, id_tells: bool) -> None:
    """A person plans and an executor sends; without the id a build is known by its user, who counts then."""
    planned = with_args({"job": "deploy", "user": "mara", "operation_parameter": id_tells})
    drafted = with_args({"job": "deploy", "user": "executor", "operation_parameter": id_tells})
    said = (
        "its build would be started by executor, not by mara, and it is known by that alone, "
        "since the job declares no FEDESK_OPERATION"
    )
    assert differs(TARGET, drafted, planned=(planned,)) == (() if id_tells else (said,))
    other = with_args({"job": "other", "user": "executor", "operation_parameter": id_tells})
    (said,) = differs(TARGET, other, planned=(planned,))
    assert said.startswith("what would be done is now: ")
