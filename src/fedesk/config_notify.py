"""The table ``[notify]``: who is told what away from the desk, and what notices that nobody is any more."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from msgspec import field

from fedesk import config_rules as rules
from fedesk.config_types import (
    RECEIVERS,
    Environment,
    HeartbeatConfig,
    NotifyConfig,
    PagerDutyConfig,
    ReceiverSettings,
    RouteConfig,
    Table,
)
from fedesk.domain.durations import parse_duration
from fedesk.domain.notices import Event, Route
from fedesk.domain.policy import Governance
from fedesk.mistakes import Findings, Place, unknown
from fedesk.tables import Hook, read_table, word_for

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]*")
_SHORTEST_BEAT = timedelta(seconds=10)


class NotifyTable(Table, frozen=True, kw_only=True):
    """The table as it stands in the file."""

    receivers: dict[str, Any] = field(default_factory=dict)
    routes: tuple[Any, ...] = ()
    heartbeat: HeartbeatConfig | None = None


def notify_of(
    table: NotifyTable,
    environments: Mapping[str, Environment],
    governance: Governance,
    findings: Findings,
    hook: Hook,
) -> NotifyConfig:
    """What the table comes to; every mistake goes to ``findings``."""
    found: dict[str, ReceiverSettings] = {}
    for name, raw in table.receivers.items():
        place: Place = ("notify", "receivers", name)
        if not _NAME.fullmatch(name):
            findings.add(place, "a receiver's name is made of letters, digits, '-', '_', '.', ':' and '@'")
        settings = _receiver(raw, place, findings, hook)
        if settings is not None:
            found[name] = settings
    if table.heartbeat is not None:
        _check_heartbeat(table.heartbeat, ("notify", "heartbeat"), findings)
    for person in governance.people:
        for at, name in enumerate(person.notify):
            _check_name(
                name, "receiver", table.receivers, ("people", person.principal, "notify", at), findings
            )
    routes = [
        _route(raw, ("notify", "routes", at), table.receivers, environments, findings, hook)
        for at, raw in enumerate(table.routes)
    ]
    return NotifyConfig(
        receivers=found,
        routes=tuple(route for route in routes if route is not None),
        heartbeat=table.heartbeat,
    )


def _receiver(raw: object, place: Place, findings: Findings, hook: Hook) -> ReceiverSettings | None:
    if not isinstance(raw, dict):
        findings.add_first(place, f"expected a table, got {word_for(raw)}")
        return None
    kinds = [kind for kind in RECEIVERS if kind in raw]
    if len(kinds) != 1:
        said = "has no key that says what it is; it is one of" if not kinds else "is several things at once:"
        findings.add_first(place, f"{said} {', '.join(kinds or RECEIVERS)}")
        return None
    settings = read_table(RECEIVERS[kinds[0]], raw, place, findings, hook)
    if isinstance(settings, PagerDutyConfig):
        rules.check_http(settings, place, findings)
    return settings


def _route(
    raw: object,
    place: Place,
    receivers: Mapping[str, object],
    environments: Mapping[str, Environment],
    findings: Findings,
    hook: Hook,
) -> Route | None:
    table = read_table(RouteConfig, raw, place, findings, hook)
    if table is None:
        return None
    events = [event.value for event in Event]
    for key, words, kind, known in (
        ("events", table.events, "event", events),
        ("environments", table.environments, "environment", environments),
        ("to", table.to, "receiver", receivers),
    ):
        for at, word in enumerate(words):
            _check_name(word, kind, known, (*place, key, at), findings)
    if not table.to:
        findings.add_first((*place, "to"), "names no receiver")
    return Route(
        events=frozenset(Event(word) for word in table.events if word in events) or frozenset(Event),
        environments=frozenset(table.environments),
        to=table.to,
    )


def _check_name(
    word: str, kind: str, known: Mapping[str, object] | list[str], place: Place, findings: Findings
) -> None:
    if word not in known:
        said = (
            unknown(kind, known, word) if known else f"there is no {kind} yet; write [notify.receivers.NAME]"
        )
        findings.add(place, said)


def _check_heartbeat(heartbeat: HeartbeatConfig, place: Place, findings: Findings) -> None:
    if (heartbeat.url is None) == (heartbeat.credential is None):
        said = "is missing" if heartbeat.url is None else "says the same as credential"
        findings.add_first(
            (*place, "url"), f"{said}; the address is either here or where credential refers to"
        )
    rules.check_http(heartbeat, place, findings)
    try:
        every = parse_duration(heartbeat.every)
    except ValueError as error:
        findings.add((*place, "every"), str(error))
        return
    if every < _SHORTEST_BEAT:
        findings.add((*place, "every"), f"expected {_SHORTEST_BEAT.seconds}s or more")
