"""``[environments.NAME.emergency]``: sealed credentials, by which a person acts where the executor cannot."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import structs

from fedesk.config_executor import TEAM
from fedesk.config_types import (
    Config,
    ConnectionConfig,
    EmergencyConfig,
    EmergencyLogin,
    Environment,
    StoreConfig,
)
from fedesk.mistakes import Findings, Place, unknown
from fedesk.tables import Hook, read_table, word_for

_OF_STORE = ("store_url", "store_credential")
_WITHOUT_STORE = "without_store"


def emergency_of(
    table: Mapping[str, Any],
    connections: tuple[ConnectionConfig, ...],
    place: Place,
    findings: Findings,
    hook: Hook,
) -> EmergencyConfig | None:
    """What a table says, each connection being one of the environment; None where there is no table."""
    if not table:
        return None
    known = {one.name.name: one.name for one in connections}
    logins = {}
    for key, raw in table.items():
        where = (*place, key)
        if key in _OF_STORE:
            if not isinstance(raw, str) or not raw:
                findings.add(where, f"expected text, got {word_for(raw)}")
        elif key == _WITHOUT_STORE:
            if not isinstance(raw, bool):
                findings.add(where, f"expected true or false, got {word_for(raw)}")
        elif key not in known:
            findings.add(where, unknown("connection", known, key))
        else:
            login = read_table(EmergencyLogin, raw, where, findings, hook)
            if login is not None:
                logins[known[key]] = login
    url, credential = (_text(table.get(key)) for key in _OF_STORE)
    if credential is not None and url is None:
        findings.add_first((*place, "store_url"), "is missing; a store_credential is that of a role of it")
    return EmergencyConfig(
        store_url=url,
        store_credential=credential,
        logins=MappingProxyType(logins),
        without_store=table.get(_WITHOUT_STORE) is True,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def with_emergency(config: Config, environment: str) -> Config:
    """The configuration of a runner that carries broken glass out: no executor, and sealed credentials."""
    found = config.environments[environment]
    sealed = found.emergency
    if sealed is None:
        return config
    configured = tuple(_logged_in(one, sealed.logins.get(one.name)) for one in found.configured)
    store = config.store
    if sealed.store_url is not None:
        store = StoreConfig(url=sealed.store_url, credential=sealed.store_credential)
    changed = replace(found, configured=configured, executor=None, signed=False)
    return replace(
        config,
        store=store,
        environments=MappingProxyType({**config.environments, environment: changed}),
    )


def apart_from_team(config: Config, file: Path) -> Config:
    """The configuration of who acts while the team's store does not answer: a local one, and no anchors.

    An anchor knows logs by their name, and what this one writes is not in the team's.
    """
    return replace(
        config,
        store=StoreConfig(url=f"sqlite:///{file}"),
        audit=replace(config.audit, anchors=()),
        environments=MappingProxyType({name: _apart(one) for name, one in config.environments.items()}),
    )


def _apart(environment: Environment) -> Environment:
    sealed = environment.emergency
    if sealed is None:
        return environment
    return replace(environment, emergency=replace(sealed, store_url=None, store_credential=None))


def closed_without_store(config: Config) -> dict[str, str]:
    """Why the glass cannot be broken while the team's store does not answer, by environment."""
    return {
        name: f"Nothing is changed in {name} while the team's store does not answer: "
        f"[environments.{name}.emergency] does not say without_store = true."
        for name, one in config.environments.items()
        if one.emergency is None or not one.emergency.without_store
    }


def past_store(config: Config) -> dict[str, str]:
    """What is said beside a team's store that does not answer, where the glass may be broken then."""
    if not config.store.url.startswith(TEAM):
        return {}
    said = "Where it cannot wait, `fedesk rerun --break-glass` goes on without it, reviewed afterwards."
    return {name: said for name in config.environments if name not in closed_without_store(config)}


def _logged_in(configured: ConnectionConfig, login: EmergencyLogin | None) -> ConnectionConfig:
    if login is None:
        return configured
    values = {"credential": login.credential} | ({} if login.user is None else {"user": login.user})
    return replace(configured, settings=structs.replace(configured.settings, **values))


def credentials_said(environment: Environment) -> str:
    """Which sealed credentials are used, for the record: ``prod/airflow (fedesk-emergency), the store``."""
    if environment.emergency is None:
        return ""
    logins = sorted(environment.emergency.logins.items())
    named = [f"{name} ({one.user})" if one.user else str(name) for name, one in logins]
    return ", ".join([*named, *(["the store"] if environment.emergency.store_url else [])])


def sealed_at_desk(config: Config) -> dict[str, str]:
    """Why the glass cannot be broken from a desk, by environment; those where it can are left out."""
    return {
        name: _signed_alone(name)
        if one.signed
        else f"{name} is changed by its executor alone, and there is no emergency credential: "
        f"[environments.{name}.emergency] names one."
        for name, one in config.environments.items()
        if one.signed or (one.executor is not None and one.emergency is None)
    }


def sealed_here(config: Config) -> dict[str, str]:
    """Why a process with this configuration carries no broken glass out, by environment."""
    return {
        name: _signed_alone(name)
        if one.signed
        else f"{name} is changed by its executor; broken glass goes by the emergency credential."
        for name, one in config.environments.items()
        if one.signed or one.executor is not None
    }


def _signed_alone(name: str) -> str:
    return f"In {name} only what was signed is executed here, and broken glass is one person's word."
