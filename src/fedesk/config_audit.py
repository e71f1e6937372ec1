"""The table ``[audit]``: how the audit log is signed and anchored outside the store."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from msgspec import Meta

from fedesk import config_rules as rules
from fedesk.config_types import (
    ANCHORS,
    AnchorSettings,
    AuditConfig,
    Environment,
    FileAnchorConfig,
    HttpsAnchorConfig,
    IdentityConfig,
    SyslogAnchorConfig,
    Table,
    Text,
    TransitKey,
    VaultAnchorConfig,
)
from fedesk.domain.checkpoints import BY, LOG_NAME
from fedesk.domain.names import ConnectionName
from fedesk.domain.states import System
from fedesk.mistakes import Findings, Place, nearest, unknown
from fedesk.tables import Hook, read_table, word_for

_TRANSIT = re.compile(r"transit:(?P<connection>[^:]+):(?P<key>[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*)")
_SIGN = ("none", "ssh", "transit:CONNECTION:KEY")
_SYSLOG_PORTS = {"udp": 514, "tcp": 601}


class AuditTable(Table, frozen=True, kw_only=True):
    """The table as it stands in the file."""

    log: Text = "fedesk"
    sign: Text = "none"
    every: Annotated[int, Meta(ge=1, le=1_000_000)] = 100
    anchors: tuple[Any, ...] = ()


def audit_of(
    table: AuditTable,
    identity: IdentityConfig,
    environments: Mapping[str, Environment],
    findings: Findings,
    hook: Hook,
) -> AuditConfig:
    """What the table comes to; every mistake goes to ``findings``."""
    if not LOG_NAME.fullmatch(table.log):
        findings.add(("audit", "log"), "a log's name is made of letters, digits, '-', '_' and '.'")
    anchors: list[AnchorSettings] = []
    for position, raw in enumerate(table.anchors):
        place: Place = ("audit", "anchors", position)
        settings = _anchor(raw, place, findings, hook)
        if settings is None:
            continue
        _check_anchor(settings, environments, place, findings)
        if settings in anchors:
            findings.add(place, "is the same anchor a second time")
        anchors.append(settings)
    return AuditConfig(
        log=table.log,
        sign=_signing(table.sign, identity, environments, findings),
        every=table.every,
        anchors=tuple(anchors),
    )


def _anchor(raw: object, place: Place, findings: Findings, hook: Hook) -> AnchorSettings | None:
    if not isinstance(raw, dict):
        findings.add_first(place, f"expected a table, got {word_for(raw)}")
        return None
    kind = raw.get("sink")
    if not isinstance(kind, str):
        findings.add((*place, "sink"), f"is missing; it says what it is: {', '.join(ANCHORS)}")
        return None
    if kind not in ANCHORS:
        findings.add((*place, "sink"), unknown("sink", ANCHORS, kind))
        return None
    rest = {key: value for key, value in raw.items() if key != "sink"}
    return read_table(ANCHORS[kind], rest, place, findings, hook)


def _check_anchor(
    settings: AnchorSettings, environments: Mapping[str, Environment], place: Place, findings: Findings
) -> None:
    match settings:
        case FileAnchorConfig():
            pass
        case SyslogAnchorConfig():
            if receiver_of(settings.address) is None:
                sentence = "expected udp://HOST:PORT, tcp://HOST:PORT or unix:///PATH"
                findings.add((*place, "address"), sentence)
        case HttpsAnchorConfig():
            rules.check_http(settings, place, findings)
            if settings.user is not None and settings.credential is None:
                findings.add((*place, "credential"), "is missing; a user has one")
        case VaultAnchorConfig():
            _vault(settings.connection, environments, (*place, "connection"), findings)


def receiver_of(address: str) -> tuple[Literal["udp", "tcp", "unix"], str, int] | None:
    """Transport, host or path, and port of a syslog receiver; None where it is none."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.username is not None or parts.query or parts.fragment:
        return None
    match parts.scheme:
        case "unix" if not parts.netloc and len(parts.path) > 1:
            return "unix", parts.path, 0
        case "udp" | "tcp" if host and parts.path in ("", "/"):
            kind: Literal["udp", "tcp"] = "udp" if parts.scheme == "udp" else "tcp"
            return kind, host, port or _SYSLOG_PORTS[kind]
    return None


def _signing(
    text: str, identity: IdentityConfig, environments: Mapping[str, Environment], findings: Findings
) -> Literal["none", "ssh"] | TransitKey:
    place: Place = ("audit", "sign")
    if text == "none":
        return "none"
    if text == "ssh":
        for key in ("principal", "signing_key", "allowed_signers"):
            if getattr(identity, key) is None:
                findings.add_first(("identity", key), 'is missing; audit.sign = "ssh" needs it')
        if identity.principal is not None and not BY.fullmatch(f"ssh:{identity.principal}"):
            findings.add(("identity", "principal"), "who signs has a name of ASCII without spaces")
        return "ssh"
    match = _TRANSIT.fullmatch(text)
    if match is None:
        like = nearest(text, ("none", "ssh", "transit"))
        hint = f"did you mean {like}?" if like else f"write one of {', '.join(_SIGN)}"
        findings.add(place, f"expected {', '.join(_SIGN[:2])} or {_SIGN[2]}; {hint}")
        return "none"
    connection = _vault(match["connection"], environments, place, findings)
    mount, _, key = match["key"].rpartition("/")
    return (
        "none" if connection is None else TransitKey(connection=connection, mount=mount or "transit", key=key)
    )


def _vault(
    text: str, environments: Mapping[str, Environment], place: Place, findings: Findings
) -> ConnectionName | None:
    """The configured Vault of a name."""
    vaults = {
        str(one.name): one.name
        for environment in environments.values()
        for one in environment.connections()
        if one.system is System.VAULT
    }
    if text not in vaults:
        findings.add(place, unknown("Vault connection", vaults, text))
        return None
    return vaults[text]
