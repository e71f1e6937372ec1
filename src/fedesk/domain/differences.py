"""How what is there differs from what a plan was made for, in words."""

from collections.abc import Mapping

from fedesk.domain.operations import OPERATION_PARAMETER, Effect, Json, Plan, Target

_LOOKUP_ARGS = frozenset({"after_queue_id"})
"""Arguments that only say where looking an effect up begins; they move without anything having changed."""
_CARRIES_ID, _BY = "operation_parameter", "user"
"""What carries the operation's id is known by it, whoever sends it: a person plans, an executor sends."""
_HASH = 64
"""Hexadecimal digits of a SHA-256, which a sentence shortens."""


def difference(plan: Plan, target: Target, effects: tuple[Effect, ...]) -> tuple[str, ...]:
    """How what is there now differs from a plan, in words; empty where it does not."""
    planned = plan.targets[0] if plan.targets else None
    if planned is None or planned.name != target.name:
        return (f"the target was {planned.name if planned else 'none'} and is {target.name}",)
    said = [
        _moved(name, planned.pins.get(name), target.pins.get(name))
        for name in (*planned.pins, *(name for name in target.pins if name not in planned.pins))
        if planned.pins.get(name) != target.pins.get(name)
    ]
    if planned.reserves != target.reserves:
        said.append(f"it loads {target.partition or 'no known partition'}, not {planned.partition or 'none'}")
    if not said and _sent(plan.effects) != _sent(effects):
        said.append(
            _by_another(plan.effects, effects)
            or f"what would be done is now: {'; '.join(effect.sentence for effect in effects) or 'nothing'}"
        )
    return tuple(said)


def _moved(name: str, was: str | None, is_now: str | None) -> str:
    if was is None:
        return f"{name} is new: {_short(is_now)}"
    if is_now is None:
        return f"{name} was {_short(was)} and is not part of it any more"
    return f"{name} was {_short(was)} and is {_short(is_now)}"


def _short(value: str | None) -> str:
    text = value or "nothing"
    return text[:12] if len(text) == _HASH and " " not in text else text


def _by_another(planned: tuple[Effect, ...], effects: tuple[Effect, ...]) -> str:
    """Who would start the same build now, where nothing else differs; else empty."""
    by = [
        (before.call.args.get(_BY), now.call.args.get(_BY))
        for before, now in zip(planned, effects, strict=False)
    ]
    if _sent(planned, _BY) != _sent(effects, _BY):
        return ""
    was, is_now = next(
        (str(one or "anonymous"), str(other or "anonymous")) for one, other in by if one != other
    )
    return (
        f"its build would be started by {is_now}, not by {was}, and it is known by that alone, "
        f"since the job declares no {OPERATION_PARAMETER}"
    )


def _sent(effects: tuple[Effect, ...], besides: str = "") -> list[tuple[object, ...]]:
    return [
        (
            effect.connection,
            effect.call.system,
            effect.call.verb,
            effect.call.key,
            _compared(effect.call.args, besides),
        )
        for effect in effects
    ]


def _compared(args: Mapping[str, Json], besides: str) -> dict[str, object]:
    left_out = _LOOKUP_ARGS | {besides} | ({_BY} if args.get(_CARRIES_ID) is True else set())
    return {name: _plain(value) for name, value in args.items() if name not in left_out}


def _plain(value: Json) -> object:
    """The same value, whichever kinds of sequence and mapping it was read back as."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
