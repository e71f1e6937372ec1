"""A draft made by an executor, as it travels: one line of JSON between marks, in the log of a build.

The line bears the id of the request that it answers, and whoever asked believes no other. What it says is
held against the draft that the desk has made itself: it may pin more, list other tasks and judge otherwise,
and is never of another run, connection, address or kind of call. An executor drafts again before it acts, so
that other tasks than its own are refused.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from fedesk.domain.audit_chain import time_text
from fedesk.domain.names import ConnectionName, TaskName
from fedesk.domain.operations import Call, Effect, Fact, GuardResult, Json, Ruling, Target
from fedesk.domain.reruns import RerunRequest
from fedesk.domain.states import System
from fedesk.domain.text import is_plain
from fedesk.ports.sources import Connection
from fedesk.services.hiding import hidden
from fedesk.services.operation_kinds import Draft, OperationKind

SCHEMA = "fedesk-draft/1"
RUN = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\/[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
    r":[A-Za-z0-9_.~:+@#%\/\[\]-](?:[A-Za-z0-9_.~:+@#%\/\[\] -]{0,398}[A-Za-z0-9_.~:+@#%\/\[\]-])?"
)
"""Runs that an executor's job drafts plans of; the same pattern stands in the kit."""
REQUEST = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
LONGEST = 4 * 1024 * 1024
"""Characters of the line at most: 20,000 task instances with long names."""
_MOST = 64
"""Guards, facts, notes and effects, each."""
_SAID = 4096
"""Characters of a text that is no list of tasks."""
_DEEPEST = 8
_KEYS = (
    *("schema", "environment", "observed_at", "run", "request", "kind", "connection", "address"),
    *("made_by", "person", "target", "effects", "guards", "facts", "notes"),
)
_BEGIN, _END = "<<fedesk-draft", "fedesk-draft>>"


class DraftError(Exception):
    """It cannot be believed, or cannot be had: one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """What an executor has drafted."""

    draft: Draft
    made_by: str
    """``prod/jenkins:fedesk/execute#12, fedesk 0.1.0 on agent-1``"""


def asked_name(request: RerunRequest) -> str:
    """What is to be run again, as one name: ``prod/airflow:payments_daily/RUN_ID::dbt_test``."""
    if request.task is None:
        return str(request.run)
    return f"{request.run}::{TaskName(request.task.task, request.task.map_index)}"


def fields_of(
    draft: Draft,
    *,
    name: str,
    request: str,
    kind: OperationKind,
    connection: Connection,
    made_by: str,
    person: str,
) -> dict[str, Any]:
    """The fields of the document, beside those that every document has. ``name`` as ``asked_name`` has it."""
    target = draft.target
    return {
        "run": name,
        "request": request or None,
        "kind": kind.name,
        "connection": str(connection.name),
        "address": connection.address,
        "made_by": made_by,
        "person": person,
        "target": {
            "name": target.name,
            "pipeline": target.pipeline,
            "partition": target.partition,
            "pins": dict(target.pins),
            "reserves": list(target.reserves),
            "link": target.link,
        },
        "effects": [
            {
                "connection": str(effect.connection),
                "system": effect.call.system.value,
                "call": effect.call.verb,
                "args": _plain(effect.call.args),
                "key": effect.call.key,
                "sentence": effect.sentence,
                "repeatable": effect.repeatable,
            }
            for effect in draft.effects
        ],
        "guards": [
            {
                "name": one.guard,
                "verdict": one.ruling.value,
                "reason": one.reason,
                "remedy": one.remedy,
                "conflict": one.conflict,
                "facts": _facts_document(one.facts),
            }
            for one in draft.guards
        ],
        "facts": _facts_document(draft.facts),
        "notes": list(draft.notes),
    }


def _plain(value: Json) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value


def _facts_document(facts: Iterable[Fact]) -> list[dict[str, str]]:
    return [
        {
            "name": one.name,
            "value": one.value,
            "source": one.source,
            "observed_at": time_text(one.observed_at),
        }
        for one in facts
    ]


def marked(request: str, document: str) -> str:
    """The line: a document of one line between the marks of its request."""
    return f"{_BEGIN} {request} {document} {request} {_END}"


def found_in(line: str, request: str) -> str | None:
    """The document that a line of a log holds; None where it bears no mark of this request.

    Raises DraftError for half a line, and for one that is too long.
    """
    begin = f"{_BEGIN} {request} "
    at = line.find(begin)
    if at < 0:
        return None
    if len(line) > LONGEST:
        raise DraftError("its draft is longer than any plan")
    rest = line[at + len(begin) :].rstrip()
    end = f" {request} {_END}"
    if not rest.endswith(end) or begin in rest:
        raise DraftError("its draft is not whole")
    return rest.removesuffix(end)


def read(
    text: str, request: str, *, name: str, own: Draft, kind: OperationKind, connection: Connection
) -> tuple[Draft, str]:
    """What the executor drafted, and who says so. ``own`` is the draft that the desk has made itself.

    Raises DraftError where it is no such document, or one of something else.
    """
    try:
        document = json.loads(text, parse_float=_no_number, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise DraftError("its draft is no JSON as fedesk writes it") from None
    fields = _fields(document, "draft", _KEYS)
    for key, wanted in (
        ("schema", SCHEMA),
        ("request", request),
        ("environment", connection.name.environment),
        ("connection", str(connection.name)),
        ("address", connection.address),
        ("kind", kind.name),
        ("run", name),
    ):
        if fields[key] != wanted:
            raise DraftError(f"its draft has another {key}")
    draft = Draft(
        target=_target(fields["target"], own.target, connection),
        effects=_effects(fields["effects"], own.effects),
        guards=_guards(fields["guards"], own.guards),
        facts=_facts(fields["facts"]),
        notes=tuple(_told(one, "notes") for one in _list(fields["notes"], "notes")),
    )
    return draft, f"{_text(fields['made_by'], 'made_by')} for {_text(fields['person'], 'person')}"


def _target(document: object, own: Target, connection: Connection) -> Target:
    keys = ("name", "pipeline", "partition", "pins", "reserves", "link")
    fields = _fields(document, "target", keys)
    pins = {
        _text(name, "pins", LONGEST): _text(value, "pins")
        for name, value in _mapping(fields["pins"], "pins").items()
    }
    found = Target(
        name=_text(fields["name"], "target"),
        pipeline=_text(fields["pipeline"], "pipeline"),
        partition=_text(fields["partition"], "partition"),
        pins=pins,
        reserves=tuple(_text(one, "reserves") for one in _list(fields["reserves"], "reserves")),
        # Of the same run at the same address, and nothing that one could be sent elsewhere with.
        link=own.link,
    )
    if found.name != own.name:
        raise DraftError("its draft is of another target")
    if found.pins.get("server") != connection.address:
        raise DraftError("its draft is of another server")
    return found


def _effects(document: object, own: tuple[Effect, ...]) -> tuple[Effect, ...]:
    found = tuple(_effect(one) for one in _list(document, "effects"))
    if [_called(one) for one in found] != [_called(one) for one in own]:
        raise DraftError("its draft would call something else")
    return found


def _called(effect: Effect) -> tuple[object, ...]:
    call = effect.call
    return effect.connection, call.system, call.verb, call.key, frozenset(call.args), effect.repeatable


def _effect(document: object) -> Effect:
    keys = ("connection", "system", "call", "args", "key", "sentence", "repeatable")
    fields = _fields(document, "effect", keys)
    args = _mapping(fields["args"], "args")
    try:
        connection = ConnectionName.parse(_text(fields["connection"], "connection"))
        system = System(_text(fields["system"], "system"))
    except ValueError:
        raise DraftError("its draft names a system that there is not") from None
    return Effect(
        connection=connection,
        call=Call(
            system=system,
            verb=_text(fields["call"], "call"),
            args={key: _argument(value, _DEEPEST) for key, value in args.items()},
            key=_text(fields["key"], "key"),
        ),
        sentence=_told(fields["sentence"], "sentence", LONGEST),
        repeatable=_flag(fields["repeatable"], "repeatable"),
    )


def _argument(value: object, deep: int) -> Json:
    """An argument of a call, which is compared when it is sent; shown it is cleaned like any."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if deep and isinstance(value, list):
        return [_argument(one, deep - 1) for one in value]
    if deep and isinstance(value, dict):
        return {key: _argument(one, deep - 1) for key, one in value.items()}
    raise DraftError("its draft nests arguments deeper than any call")


def _guards(document: object, own: tuple[GuardResult, ...]) -> tuple[GuardResult, ...]:
    found = tuple(_guard(one) for one in _list(document, "guards"))
    left_out = {one.guard for one in own} - {one.guard for one in found}
    if left_out:
        raise DraftError(f"its draft leaves out a guard: {', '.join(sorted(left_out))}")
    return found


def _guard(document: object) -> GuardResult:
    keys = ("name", "verdict", "reason", "remedy", "conflict", "facts")
    fields = _fields(document, "guard", keys)
    try:
        ruling = Ruling(_text(fields["verdict"], "verdict"))
    except ValueError:
        raise DraftError("its draft has a verdict that no guard gives") from None
    return GuardResult(
        guard=_text(fields["name"], "guard"),
        ruling=ruling,
        reason=_told(fields["reason"], "reason", LONGEST),
        remedy=_told(fields["remedy"], "remedy"),
        conflict=_flag(fields["conflict"], "conflict"),
        facts=_facts(fields["facts"]),
    )


def _facts(document: object) -> tuple[Fact, ...]:
    return tuple(_fact(one) for one in _list(document, "facts"))


def _fact(document: object) -> Fact:
    fields = _fields(document, "fact", ("name", "value", "source", "observed_at"))
    try:
        at = datetime.fromisoformat(_text(fields["observed_at"], "observed_at")).astimezone(UTC)
    except (ValueError, OverflowError):
        raise DraftError("its draft has a time that is none") from None
    return Fact(
        name=_text(fields["name"], "fact"),
        value=_told(fields["value"], "fact"),
        source=_text(fields["source"], "fact"),
        observed_at=at,
    )


def _fields(document: object, what: str, keys: Collection[str]) -> Mapping[str, object]:
    found = _mapping(document, what)
    if set(found) != set(keys):
        raise DraftError(f"its draft is not made as fedesk makes one: {what}")
    return found


def _mapping(document: object, what: str) -> Mapping[str, object]:
    if not isinstance(document, dict):
        raise DraftError(f"its draft is not made as fedesk makes one: {what}")
    return document


def _list(document: object, what: str) -> list[object]:
    if not isinstance(document, list) or len(document) > _MOST:
        raise DraftError(f"its draft is not made as fedesk makes one: {what}")
    return document


def _flag(value: object, what: str) -> bool:
    if not isinstance(value, bool):
        raise DraftError(f"its draft is not made as fedesk makes one: {what}")
    return value


def _text(value: object, what: str, limit: int = _SAID) -> str:
    if not isinstance(value, str) or len(value) > limit or not is_plain(value):
        raise DraftError(f"its draft is not made as fedesk makes one: {what}")
    return value


def _told(value: object, what: str, limit: int = _SAID) -> str:
    """What people read of it."""
    return hidden(_text(value, what, limit))


def _no_number(_: str) -> NoReturn:
    raise DraftError("its draft has a number that no call takes")
