"""Reads fedesk.toml into ``Config``: typed, checked, every mistake named by file, line and key.

The file is the one given by ``--config``, else by the environment variable ``FEDESK_CONFIG``, else
``fedesk.toml`` in the user's configuration directory. No environment variable changes what the file says.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from msgspec import field

from fedesk import config_rules as rules
from fedesk.config_audit import AuditTable, audit_of
from fedesk.config_emergency import emergency_of
from fedesk.config_executor import check_executors
from fedesk.config_notify import NotifyTable, notify_of
from fedesk.config_path import find_config
from fedesk.config_policy import governance_of
from fedesk.config_releases import ReleasesTable, promoted, registry_of, releases_of
from fedesk.config_types import (
    SETTINGS,
    AirflowConfig,
    Config,
    ConnectionConfig,
    Environment,
    ExecutorConfig,
    HttpTable,
    IdentityConfig,
    JenkinsConfig,
    KvConfig,
    RegistryConfig,
    Settings,
    SnowflakeConfig,
    StoreConfig,
    Table,
    Text,
    Timeout,
    VaultConfig,
)
from fedesk.config_ui import UiTable, ui_of
from fedesk.domain.names import ConnectionName
from fedesk.domain.states import System
from fedesk.mistakes import (
    ConfigurationError,
    ConfigurationMissingError,
    Findings,
    Mistake,
    Place,
    UnknownEnvironmentError,
    nearest,
    printable,
    unknown,
)
from fedesk.tables import Hook, read_table, word_for
from fedesk.timezones import timezone_mistake
from fedesk.toml_lines import locate

__all__ = [
    "AirflowConfig",
    "Config",
    "ConfigurationError",
    "ConfigurationMissingError",
    "ConnectionConfig",
    "Environment",
    "HttpTable",
    "IdentityConfig",
    "JenkinsConfig",
    "KvConfig",
    "Settings",
    "SnowflakeConfig",
    "StoreConfig",
    "Timeout",
    "UnknownEnvironmentError",
    "VaultConfig",
    "config_of",
    "load_config",
    "read_connection",
    "select_environment",
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_LINE_IN_MESSAGE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


class EnvironmentTable(Table, frozen=True, kw_only=True):
    """A table ``[environments.NAME]``; what is not said is taken as production, and read-only."""

    production: bool = True
    mode: Literal["read-only", "guarded"] = "read-only"
    timezone: Text = "UTC"
    phi: bool = False
    executor: ExecutorConfig | None = None
    signed: bool = False
    emergency: dict[str, Any] = field(default_factory=dict)
    jenkins: JenkinsConfig | None = None
    airflow: AirflowConfig | None = None
    vault: VaultConfig | None = None
    snowflake: SnowflakeConfig | None = None
    promote_from: Text | None = None
    registry: RegistryConfig | None = None
    connections: dict[str, Any] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)


class FileTable(Table, frozen=True, kw_only=True):
    """The whole file."""

    default_environment: Text | None = None
    catalog: Path | None = None
    store: StoreConfig = StoreConfig()
    identity: IdentityConfig = IdentityConfig()
    audit: AuditTable = AuditTable()
    notify: NotifyTable = NotifyTable()
    ui: UiTable = UiTable()
    releases: ReleasesTable = ReleasesTable()
    people: dict[str, Any] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)
    environments: dict[str, Any]


def load_config(path: Path | None = None, *, is_catalogue_needed: bool = True) -> Config:
    """The configuration of a file, or of the place where it is looked for.

    A catalogue that is named and not there is a mistake where ``is_catalogue_needed``: who writes the first
    one may have named its place. Raises ConfigurationMissingError where there is no configuration,
    ConfigurationError with every mistake in it.
    """
    file = find_config(path).expanduser().absolute()
    return config_of(_read(file), file, is_catalogue_needed=is_catalogue_needed)


def config_of(text: str, file: Path, *, is_catalogue_needed: bool = True) -> Config:
    """The configuration that a text is, as if it stood in that file; raises ConfigurationError."""
    findings = Findings(file=file, lines=locate(text))
    document = _parse(text, findings)
    config = _checked(document, findings, is_catalogue_needed=is_catalogue_needed)
    if findings.mistakes or config is None:
        raise ConfigurationError(findings.in_order())
    return config


def read_connection(
    name: ConnectionName, system: System, table: Mapping[str, object], file: Path
) -> tuple[ConnectionConfig | None, Mapping[str, str]]:
    """One connection from its table alone, and what is wrong with it: a sentence by key.

    The connection is None where the table is not sound; beside mistakes of its values it is given as it is.
    """
    place: Place = (system.value,)
    findings = Findings(file=file, lines={})
    rules.check_secrets(table, findings, place)
    found: list[tuple[ConnectionConfig, Place]] = []
    _add(found, name, system, table, place, findings)
    for connection, where in found:
        rules.check_connection(connection, where, findings)
    mistakes = {
        mistake.key.partition(".")[2].partition(".")[0].partition("[")[0]: mistake.sentence
        for mistake in reversed(findings.mistakes)
    }
    return (found[0][0] if found else None), mistakes


def select_environment(config: Config, name: str | None) -> Environment:
    """The named environment, or the default one; raises UnknownEnvironmentError that names the nearest."""
    wanted = config.default_environment if name is None else name
    found = config.environments.get(wanted)
    if found is None:
        like = nearest(wanted, config.environments)
        hint = f"did you mean {like}?" if like else f"there are {', '.join(config.environments)}"
        sentence = f"no environment is named {printable(wanted, 60)!r}; {hint}"
        raise UnknownEnvironmentError([Mistake(file=config.path, line=None, key="", sentence=sentence)])
    return found


def _read(file: Path) -> str:
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        sentence = (
            "there is no configuration here; `fedesk demo` needs none, and `fedesk config init` writes one"
        )
        raise ConfigurationMissingError([Mistake(file=file, line=None, key="", sentence=sentence)]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        sentence = f"cannot be read: {reason}"
        raise ConfigurationError([Mistake(file=file, line=None, key="", sentence=sentence)]) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            [Mistake(file=file, line=line, key="", sentence="is not UTF-8 text")]
        ) from None


def _parse(text: str, findings: Findings) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        match = _LINE_IN_MESSAGE.search(message)
        line = int(match[1]) if match and match[1] else text.rstrip("\n").count("\n") + 1
        column = f" (column {match[2]})" if match and match[2] else ""
        sentence = f"no TOML: {printable(_LINE_IN_MESSAGE.sub('', message), 200)}{column}"
    except (ValueError, OverflowError, RecursionError) as error:
        line = None
        sentence = f"no TOML: {printable(str(error), 200)}"
    raise ConfigurationError([Mistake(file=findings.file, line=line, key="", sentence=sentence)])


def _checked(document: dict[str, Any], findings: Findings, *, is_catalogue_needed: bool) -> Config | None:
    rules.check_secrets(document, findings)
    for place in rules.control_characters(document):
        findings.add_first(place, "holds a control character")
    table = read_table(FileTable, document, (), findings, _paths_from(findings.file.parent))
    raw = document.get("environments")
    environments, places = _environments(raw if isinstance(raw, dict) else {}, findings)
    if isinstance(raw, dict) and not raw:
        findings.add(("environments",), "names no environment; write a table like [environments.staging]")
    rules.check_overlaps(environments, places, findings)
    if table is None:
        return None
    _check_store(table.store.url, ("store", "url"), findings)
    check_executors(environments, table.store, table.identity, findings)
    if is_catalogue_needed and table.catalog is not None and not table.catalog.exists():
        sentence = (
            f"there is no file or folder {table.catalog}; `fedesk catalog import` writes a first catalogue"
        )
        findings.add(("catalog",), sentence)
    hook = _paths_from(findings.file.parent)
    governance = governance_of(table.people, table.policy, table.environments, table.identity, findings)
    return Config(
        path=findings.file,
        default_environment=_default_environment(table, findings),
        catalog=table.catalog,
        store=table.store,
        identity=table.identity,
        audit=audit_of(table.audit, table.identity, environments, findings, hook),
        ui=ui_of(table.ui, findings, hook),
        governance=governance,
        notify=notify_of(table.notify, environments, governance, findings, hook),
        releases=releases_of(table.releases, findings),
        environments=MappingProxyType(environments),
    )


def _default_environment(table: FileTable, findings: Findings) -> str:
    named = table.default_environment
    if named is None:
        if len(table.environments) > 1:
            findings.add_first(
                ("default_environment",), "is missing; it says which environment is opened first"
            )
        return next(iter(table.environments), "")
    if named not in table.environments:
        findings.add(("default_environment",), unknown("environment", table.environments, named))
    return named


def _check_store(url: str, place: Place, findings: Findings) -> None:
    if url == "sqlite" or re.fullmatch(r"sqlite:///[/~].+", url):
        return
    if not re.fullmatch(r"postgresql\+psycopg://[^\s]+", url):
        sentence = (
            'expected "sqlite", an absolute file like sqlite:////var/lib/fedesk/fedesk.sqlite3, '
            "or an address like postgresql+psycopg://USER@HOST/DATABASE"
        )
        findings.add_first(place, sentence)


def _environments(
    tables: Mapping[str, object], findings: Findings
) -> tuple[dict[str, Environment], dict[str, Place]]:
    environments: dict[str, Environment] = {}
    named: dict[str, str] = {}
    places: dict[str, Place] = {}
    hook = _paths_from(findings.file.parent)
    for name, raw in tables.items():
        place: Place = ("environments", name)
        if not _NAME.fullmatch(name):
            findings.add(place, "an environment's name is made of letters, digits, '-', '_' and '.'")
            continue
        table = read_table(EnvironmentTable, raw, place, findings, hook)
        if not isinstance(raw, dict):
            continue
        if table is not None:
            mistake = timezone_mistake(table.timezone)
            if mistake:
                findings.add((*place, "timezone"), mistake)
        connections = _connections(name, raw, findings)
        for connection, where in connections:
            places[str(connection.name)] = where
            rules.check_connection(connection, where, findings)
        plain = table or EnvironmentTable()
        configured = tuple(connection for connection, _ in connections)
        sealed = emergency_of(plain.emergency, configured, (*place, "emergency"), findings, hook)
        if sealed is not None and sealed.store_url is not None:
            _check_store(sealed.store_url, (*place, "emergency", "store_url"), findings)
        environments[name] = Environment(
            name=name,
            production=plain.production,
            mode=plain.mode,
            timezone=plain.timezone,
            phi=plain.phi,
            executor=plain.executor,
            signed=plain.signed,
            emergency=sealed,
            registry=registry_of(name, plain.registry, (*place, "registry"), findings),
            configured=configured,
        )
        if plain.promote_from is not None:
            named[name] = plain.promote_from
    return promoted(environments, named, findings), places


def _connections(
    environment: str, table: Mapping[str, object], findings: Findings
) -> list[tuple[ConnectionConfig, Place]]:
    """The connections of an environment whose tables are sound, and where they stand."""
    found: list[tuple[ConnectionConfig, Place]] = []
    place: Place = ("environments", environment)
    for system in System:
        if system.value in table:
            where = (*place, system.value)
            _add(
                found, ConnectionName(environment, system.value), system, table[system.value], where, findings
            )
    more = table.get("connections")
    for name, raw in more.items() if isinstance(more, dict) else ():
        where = (*place, "connections", name)
        if not _NAME.fullmatch(name):
            findings.add(where, "a connection's name is made of letters, digits, '-', '_' and '.'")
        elif name in rules.SYSTEM_KEYS:
            findings.add(where, f"is the name of the first {name}; write [environments.{environment}.{name}]")
        elif not isinstance(raw, dict):
            findings.add(where, f"expected a table, got {word_for(raw)}")
        elif raw.get("system") not in rules.SYSTEM_KEYS:
            said = "is missing; it" if "system" not in raw else "is none of the four; it"
            findings.add((*where, "system"), f"{said} says which kind it is: {', '.join(rules.SYSTEM_KEYS)}")
        else:
            rest = {key: value for key, value in raw.items() if key != "system"}
            _add(found, ConnectionName(environment, name), System(raw["system"]), rest, where, findings)
    return found


def _add(
    found: list[tuple[ConnectionConfig, Place]],
    name: ConnectionName,
    system: System,
    table: object,
    place: Place,
    findings: Findings,
) -> None:
    settings = read_table(SETTINGS[system], table, place, findings, _paths_from(findings.file.parent))
    if settings is not None:
        found.append((ConnectionConfig(name=name, system=system, settings=settings), place))


def _paths_from(folder: Path) -> Hook:
    """Makes absolute paths of texts: from the home directory, or from the folder of the file."""

    def path(kind: type, value: object) -> object:
        if kind is not Path:
            raise NotImplementedError(kind)
        if not isinstance(value, str) or not value:
            raise ValueError("expected a path")
        if "\0" in value:
            raise ValueError("a path cannot hold a NUL character")
        try:
            return Path(os.path.normpath(folder / Path(value).expanduser()))
        except RuntimeError:
            raise ValueError("there is no such user's home directory") from None

    return path
