"""A plan's bytes and digest: every field is under it, nothing secret is in it, and it comes back."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from operation_values import plan_of

from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import Call, Effect, Json, Plan, Target, filled
from fedesk.domain.plans import digest_of, plan_bytes, plan_from_bytes, secrets_in
from fedesk.domain.states import System

TOKEN = "hvs." + "CAESIJ2f9s8dK31LmQx0Zr7Tt5Yw1Ub3"
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,8}", fullmatch=True)
CONNECTIONS = st.builds(ConnectionName, NAMES, NAMES)
MOMENTS = st.datetimes(timezones=st.just(UTC))
INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)
ARGUMENTS = st.recursive(
    st.none() | st.booleans() | INTEGERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
CALLS = st.builds(
    Call,
    system=st.sampled_from(System),
    verb=WORDS,
    args=st.dictionaries(WORDS, ARGUMENTS, max_size=4),
    key=WORDS,
)


def tuples_of(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, max_size=3).map(tuple)


TARGETS = st.builds(
    Target,
    name=WORDS,
    pipeline=WORDS,
    partition=WORDS,
    pins=st.dictionaries(WORDS, WORDS, max_size=3),
    reserves=tuples_of(WORDS),
    link=WORDS,
)
EFFECTS = st.builds(Effect, connection=CONNECTIONS, call=CALLS, sentence=WORDS, repeatable=st.booleans())
PLANS = st.builds(
    Plan,
    operation=WORDS,
    kind=WORDS,
    environment=WORDS,
    connection=CONNECTIONS,
    address=WORDS,
    scope=tuples_of(WORDS),
    targets=tuples_of(TARGETS),
    effects=tuples_of(EFFECTS),
    requester=WORDS,
    made_by=WORDS,
    reason=WORDS,
    made_at=MOMENTS,
    expires_at=MOMENTS,
    notes=tuples_of(WORDS),
)


@settings(derandomize=True, deadline=None)
@given(PLANS)
def test_a_plan_comes_back_as_it_was(plan: Plan) -> None:
    """What is read from a plan's bytes is that plan."""
    assert plan_from_bytes(plan_bytes(plan)) == plan


PIECES = (
    "password=", "token: ", TOKEN, "\ud800", "\0", "a" * 4090, " ", "://u:", "pw@h ", "[hidden: x]", "'", '"',
    "Authorization: Bearer abcdefghijklmnop", "key", "\u2028", "<cut>", "-----BEGIN PRIVATE KEY-----", "\n",
)  # fmt: skip
UNRULY = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


@settings(derandomize=True, deadline=None)
@given(UNRULY, UNRULY, st.integers())
def test_what_is_kept_stays_the_same(reason: str, name: str, number: int) -> None:
    """A plan that was stored has the digest it was stored under, whatever its texts and numbers were."""
    plan = plan_of(reason=reason)
    effect = replace(
        plan.effects[0], sentence=reason, call=Call(system=System.AIRFLOW, verb=name, args={name: number})
    )
    raw = plan_bytes(replace(plan, effects=(effect,), notes=(name, reason), made_by=name))
    assert plan_bytes(plan_from_bytes(raw)) == raw


def test_the_bytes_are_rfc_8785() -> None:
    """Sorted names, no white space, no escape that is not needed, UTF-8 (RFC 8785, section 3.2)."""
    plan = plan_of(reason='caf\u00e9 "\u20ac"\n\x1f')
    document = json.loads(plan_bytes(plan))
    assert (
        plan_bytes(plan)
        == json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )
    assert document["made_at"] == "2026-11-20T02:42:10.000000Z"
    assert document["connection"] == "prod/airflow"
    assert set(document) == {field.name for field in fields(Plan)}


FULL = replace(
    plan_of(),
    scope=("prod",),
    targets=(replace(plan_of().targets[0], reserves=("a",)),),
)


def _other(value: object) -> Any:
    """A value of the same kind that is not the same."""
    others: dict[type, Callable[[Any], object]] = {
        str: lambda text: text + "x",
        bool: lambda yes: not yes,
        tuple: lambda items: (*items, items[0] if items else "x"),
        dict: lambda items: {**items, "more": "x"},
        datetime: lambda at: at + timedelta(microseconds=1),
        ConnectionName: lambda name: ConnectionName(name.environment, name.name + "x"),
        System: lambda _: System.VAULT,
        Call: lambda call: replace(call, verb="x"),
    }
    return others[type(value)](value)


@pytest.mark.parametrize("kind", [Plan, Target, Effect, Call])
def test_every_field_is_under_the_digest(kind: type) -> None:
    """Whatever is altered in a plan gives another digest, a field that is added later included."""

    def altered(name: str) -> Plan:
        target, effect = FULL.targets[0], FULL.effects[0]
        if kind is Plan:
            return replace(FULL, **{name: _other(getattr(FULL, name))})
        if kind is Target:
            return replace(FULL, targets=(replace(target, **{name: _other(getattr(target, name))}),))
        if kind is Call:
            effect = replace(effect, call=replace(effect.call, **{name: _other(getattr(effect.call, name))}))
            return replace(FULL, effects=(effect,))
        return replace(FULL, effects=(replace(effect, **{name: _other(getattr(effect, name))}),))

    digests = {digest_of(altered(field.name)) for field in fields(kind)}
    assert len(digests) == len(fields(kind))
    assert digest_of(FULL) not in digests


def test_a_secret_in_a_reason_is_not_in_the_bytes() -> None:
    """People paste tokens; what they wrote is kept without them, and the digest is of what is kept."""
    plan = plan_of(reason=f"partner sent {TOKEN} by mail")
    assert TOKEN.encode() not in plan_bytes(plan)
    assert plan_from_bytes(plan_bytes(plan)).reason == "partner sent [hidden: vault-token] by mail"
    assert digest_of(plan) == digest_of(plan_from_bytes(plan_bytes(plan)))


def test_secrets_in_what_is_sent_are_told_by_place() -> None:
    """Arguments are never altered: those that hold a secret are named, by value or by name and value."""
    call = Call(
        system=System.JENKINS,
        verb="build-with-parameters",
        args={
            "job": "finedge/prod/export",
            "parameters": {
                "API_TOKEN": "q8Zr7Tt5Yw1Ub3xx",
                "DAY": "2026-11-20",
                "URL": "https://u:hunter2@h/",
            },
            "tasks": [["dbt_test", 3], [TOKEN, 1]],
        },
    )
    plan = replace(plan_of(), effects=(replace(plan_of().effects[0], call=call),))
    assert secrets_in(plan) == ("parameters.API_TOKEN", "parameters.URL", "tasks")
    assert secrets_in(plan_of()) == ()


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"[]", b"null", b"\xff", b'{"operation":1}', b"[" * 100_000],
    ids=["empty", "object", "list", "null", "no UTF-8", "one field", "deep"],
)
def test_what_is_no_plan_is_a_value_error(raw: bytes) -> None:
    """Bytes of another form end in one kind of error, whatever they are."""
    with pytest.raises(ValueError, match="no plan of this version"):
        plan_from_bytes(raw)


def test_a_field_of_a_later_version_is_not_dropped() -> None:
    """A plan with a field that this fedesk does not know is not read as if it were not there."""
    document = json.loads(plan_bytes(plan_of())) | {"surprise": 1}
    with pytest.raises(ValueError, match="no plan of this version"):
        plan_from_bytes(json.dumps(document).encode())


def test_placeholders_are_filled_wherever_they_stand() -> None:
    """The id and the digest's first 12 digits, in text at any depth; what is no text stays as it is."""
    args: dict[str, Json] = {
        "note": "fedesk {operation} of {plan}",
        "deep": [{"x": "{plan}"}, "{operation}", 7, None, True],
    }
    call = Call(system=System.AIRFLOW, verb="v", args=args, key="{operation}")
    put = filled(call, "op-1", "0123456789abcdef")
    assert put.key == "op-1"
    assert put.args == {
        "note": "fedesk op-1 of 0123456789ab",
        "deep": [{"x": "0123456789ab"}, "op-1", 7, None, True],
    }
    assert (put.system, put.verb) == (System.AIRFLOW, "v")


def test_no_secret_is_kept_in_what_a_plan_tells() -> None:
    """Address, reason, notes, links and sentences pass the detectors before a plan becomes bytes."""
    planted = "glpat-" + "a1B2c3D4e5F6g7H8i9J0"
    plan = plan_of()
    targets = tuple(replace(one, link=f"http://x/?token={planted}") for one in plan.targets)
    effects = tuple(replace(one, sentence=f"clear {planted}") for one in plan.effects)
    for telling in (
        {"address": f"http://x/?token={planted}"},
        {"reason": planted},
        {"notes": (planted,)},
        {"targets": targets},
        {"effects": effects},
    ):
        kept = plan_bytes(replace(plan, **telling))
        assert planted.encode() not in kept
        assert b"[hidden: " in kept


def sent(value: Json) -> bytes:
    """The bytes of a plan that sends a value."""
    (effect,) = plan_of().effects
    args: dict[str, Json] = {"value": value}
    return plan_bytes(replace(plan_of(), effects=(replace(effect, call=replace(effect.call, args=args)),)))


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (2**53 - 1, 2**53 - 1),
        (1 - 2**53, 1 - 2**53),
        (2**53, str(2**53)),
        (-(2**53), str(-(2**53))),
        ("x" * 5000, "x" * 5000),
        ({"k" * 5000: [1, None, True]}, {"k" * 5000: [1, None, True]}),
    ],
    ids=["largest", "smallest", "larger", "smaller", "long text", "long key"],
)
def test_what_is_sent_is_kept_whole(value: Json, kept: Json) -> None:
    """Nothing that a call sends is cut, and integers that JSON cannot carry are text."""
    assert json.loads(sent(value))["effects"][0]["call"]["args"]["value"] == kept
    assert plan_bytes(plan_from_bytes(sent(value))) == sent(value)


def test_what_has_no_place_in_a_plan_is_a_fault_by_name() -> None:
    """A float's text is a matter of taste: a kind that sends one is mistaken."""
    with pytest.raises(TypeError, match="float has no place in a plan"):
        sent(0.5)  # type: ignore[arg-type]  # on purpose


def test_bytes_of_no_plan_are_told_with_what_was_met() -> None:
    """The sentence names the kind of fault: it helps whoever looks into the store."""
    with pytest.raises(ValueError, match=r"^It is no plan of this version: KeyError\.$"):
        plan_from_bytes(b"{}")
