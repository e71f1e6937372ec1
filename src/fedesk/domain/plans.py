"""Plans as bytes. A plan's digest is SHA-256 over its RFC 8785 form: every field, by name, and nothing else.

Times are RFC 3339 in UTC with microseconds, connections are written ``prod/airflow``, enumerations are their
words, lone surrogates are U+FFFD, integers beyond 2^53 are text. Secrets in what people wrote (reason, notes,
sentences, addresses) are hidden in the form itself: a plan with a token for its reason has the digest of the
plan with ``[hidden: …]`` for it, and the token is nowhere. What a call sends is never altered: ``secrets_in``
tells of secrets there, and such a plan is not stored.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from typing import Any

from fedesk.domain.audit_chain import SAFE_INTEGER, time_text
from fedesk.domain.kept_text import kept_name, kept_text
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import Call, Effect, Json, Plan, Target
from fedesk.domain.redaction import redact
from fedesk.domain.states import System


def plan_bytes(plan: Plan) -> bytes:
    """The RFC 8785 bytes of a plan. ``plan_bytes(plan_from_bytes(raw)) == raw``."""
    from rfc8785 import dumps

    return dumps(_plain(_told(plan)))


def digest_of(plan: Plan) -> str:
    """SHA-256 over the plan's bytes, hexadecimal."""
    return hashlib.sha256(plan_bytes(plan)).hexdigest()


def secrets_in(plan: Plan) -> tuple[str, ...]:
    """Arguments of the plan's calls that hold a secret, judged with their names: ``parameters.API_TOKEN``."""
    return secrets_in_effects(plan.effects)


def secrets_in_effects(effects: Iterable[Effect]) -> tuple[str, ...]:
    """The same of what a plan will have that is not made yet."""
    return tuple(
        dict.fromkeys(path for effect in effects for path in _secrets(effect.call.args, "", effect.call.verb))
    )


def _secrets(value: Json, path: str, name: str) -> Iterator[str]:
    if isinstance(value, str):
        if redact(f"{name}={value}").hits or redact(value).hits:
            yield path
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _secrets(item, f"{path}.{key}" if path else key, key)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _secrets(item, path, name)


def _told(plan: Plan) -> Plan:
    """The plan with what is written for people made fit to be kept."""
    return replace(
        plan,
        address=kept_text(plan.address),
        reason=kept_text(plan.reason),
        notes=tuple(kept_text(note) for note in plan.notes),
        targets=tuple(replace(target, link=kept_text(target.link)) for target in plan.targets),
        effects=tuple(replace(effect, sentence=kept_text(effect.sentence)) for effect in plan.effects),
    )


def _plain(value: object) -> Any:
    """Dicts, lists, text, numbers. A field that is added to a plan is in it by being there."""
    plain: Any
    match value:
        case None | bool():
            plain = value
        case str():
            plain = kept_name(value, None)
        case int():
            plain = value if -SAFE_INTEGER <= value <= SAFE_INTEGER else str(value)
        case datetime():
            plain = time_text(value)
        case ConnectionName():
            plain = str(value)
        case Mapping():
            plain = {kept_name(key, None): _plain(item) for key, item in value.items()}
        case Sequence():
            plain = [_plain(item) for item in value]
        case _ if is_dataclass(value):
            plain = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            raise TypeError(f"{type(value).__name__} has no place in a plan")
    return plain


def plan_from_bytes(raw: bytes) -> Plan:
    """The plan as it was stored. Raises ValueError where the bytes are no plan of this version."""
    try:
        document = json.loads(raw)
        return Plan(
            **document
            | {
                "connection": ConnectionName.parse(document["connection"]),
                "scope": tuple(document["scope"]),
                "targets": tuple(_target(target) for target in document["targets"]),
                "effects": tuple(_effect(effect) for effect in document["effects"]),
                "made_at": datetime.fromisoformat(document["made_at"]),
                "expires_at": datetime.fromisoformat(document["expires_at"]),
                "notes": tuple(document["notes"]),
            }
        )
    except (TypeError, KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"It is no plan of this version: {type(error).__name__}.") from None


def _target(document: dict[str, Any]) -> Target:
    return Target(**document | {"reserves": tuple(document["reserves"])})


def _effect(document: dict[str, Any]) -> Effect:
    call = document["call"]
    return Effect(
        **document
        | {
            "connection": ConnectionName.parse(document["connection"]),
            "call": Call(**call | {"system": System(call["system"])}),
        }
    )
