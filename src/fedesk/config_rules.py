"""What must hold in a configuration beyond the types of its keys: no secrets, sound addresses, no overlap."""

import re
import shlex
from collections.abc import Iterator, Mapping
from itertools import combinations, product
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from fedesk.config_types import (
    RECEIVERS,
    AirflowConfig,
    ConnectionConfig,
    Environment,
    HeartbeatConfig,
    HttpsAnchorConfig,
    JenkinsConfig,
    PagerDutyConfig,
    RegistryConfig,
    Settings,
    SnowflakeConfig,
    VaultConfig,
)
from fedesk.domain.states import System
from fedesk.mistakes import Findings, Place

_SECRET_KEY = re.compile(
    r"(?:.*[_-])?(?:password|passwd|pwd|passphrase|token|secret|secret[_-]?id|api[_-]?key|private[_-]?key|access[_-]?key"
    r"|credentials)",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"(?P<kind>keyring|env|command):(?P<rest>.*)", re.DOTALL)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DEFAULT_PORTS = frozenset({("http", 80), ("https", 443)})
_OUTSIDE_SCOPE = frozenset(
    {
        "timeout",
        "ca_bundle",
        "client_certificate",
        "client_key",
        "proxy",
        "user",
        "auth",
        "credential",
        "role",
        "warehouse",
    }
)
"""Keys that say nothing of which part of a system a connection holds."""
_REFERENCE_KEYS = frozenset({"credential", "store_credential", *RECEIVERS})
_ADDRESS_KEYS = frozenset({"url", "store_url", "proxy", "address", "token_realm"})
_PROXIES = ("socks5", "https", "http")
HttpAddress = (
    JenkinsConfig
    | AirflowConfig
    | VaultConfig
    | HttpsAnchorConfig
    | PagerDutyConfig
    | HeartbeatConfig
    | RegistryConfig
)


def check_secrets(table: Mapping[str, object], findings: Findings, place: Place = ()) -> None:
    """A secret is referred to, never written: not as a credential, a key of its own, or in an address."""
    for key, value in table.items():
        here = (*place, key)
        if isinstance(value, dict):
            check_secrets(value, findings, here)
        elif isinstance(value, list):
            for position, item in enumerate(value):
                if isinstance(item, dict):
                    check_secrets(item, findings, (*here, position))
        elif key in _REFERENCE_KEYS:
            _check_reference(value, findings, here)
        elif _SECRET_KEY.fullmatch(key):
            findings.add(here, f"a secret does not belong in this file; {_how_to_move(here)}")
        elif key in _ADDRESS_KEYS and isinstance(value, str) and _has_password(value):
            findings.add(here, f"an address must not hold a password; {_how_to_move(here)}")


def _check_reference(value: object, findings: Findings, place: Place) -> None:
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        findings.add(
            place,
            f"expected a reference, not the secret itself, which does not belong here; {_how_to_move(place)}",
        )
        return
    rest = match["rest"].strip()
    if not rest:
        findings.add(place, f"nothing follows {match['kind']}:")
    elif match["kind"] == "env" and not _VARIABLE.fullmatch(rest):
        findings.add(place, "what follows env: is no name of an environment variable")
    elif match["kind"] == "command":
        try:
            shlex.split(rest)
        except ValueError as error:
            findings.add(place, f"the command cannot be split into words: {str(error).lower()}")


def _how_to_move(place: Place) -> str:
    words = [str(part) for part in place[:-1] if part not in {"environments", "connections"}]
    name = "/".join(words) or "fedesk"
    is_connection = place[:1] == ("environments",) and len(words) == len(("prod", "vault"))
    key = place[-1] if place[-1] in _REFERENCE_KEYS else "credential"
    store = f"fedesk login {'.'.join(words)}" if is_connection else f"keyring set fedesk {name}"
    return (
        f'write {key} = "keyring:{name}" (or env:NAME, or command:PROGRAM ARGUMENTS) and store it with '
        f"`{store}`"
    )


def _has_password(address: str) -> bool:
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#@]*:[^/?#]*@", address) is not None


def check_address(text: str, place: Place, findings: Findings, schemes: tuple[str, ...]) -> None:
    """Whether an address is one of the given schemes, with a host, and nothing behind the path."""
    try:
        parts = urlsplit(text)
        sound = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
        parts = SplitResult("", "", "", "", "")
    if not sound or parts.scheme.lower() not in schemes or re.search(r"\s", text):
        findings.add_first(
            place, f"expected an address like {schemes[-1]}://HOST or {schemes[-1]}://HOST:PORT/PATH"
        )
    elif parts.username is not None:
        findings.add_first(place, "an address must not hold a user; the user has a key of its own")
    elif parts.query or parts.fragment:
        findings.add_first(place, "an address ends with its path; nothing may follow a ? or #")


def check_connection(connection: ConnectionConfig, place: Place, findings: Findings) -> None:
    """Addresses, files, and what the chosen way of authenticating needs."""
    settings = connection.settings
    if isinstance(settings, SnowflakeConfig):
        if settings.host and not re.fullmatch(r"[A-Za-z0-9.-]+|[0-9a-fA-F:]+", settings.host):
            findings.add((*place, "host"), "expected the name of a host, without scheme, port or path")
        if settings.proxy is not None:
            check_address(settings.proxy, (*place, "proxy"), findings, _PROXIES)
        _check_file(settings.ca_bundle, (*place, "ca_bundle"), findings)
    else:
        check_http(settings, place, findings)
    for key in _needed(settings):
        if getattr(settings, key) is None:
            auth = getattr(settings, "auth", "")
            why = f'auth = "{auth}"' if auth else "a user with a credential"
            findings.add_first((*place, key), f"is missing; {why} needs it")


def check_http(settings: HttpAddress, place: Place, findings: Findings) -> None:
    """Addresses and files of what is reached over HTTPS."""
    if settings.url is not None:
        check_address(settings.url, (*place, "url"), findings, ("http", "https"))
    if settings.client_key is not None and settings.client_certificate is None:
        findings.add((*place, "client_key"), "a client_key needs a client_certificate beside it")
    _check_file(settings.client_certificate, (*place, "client_certificate"), findings)
    _check_file(settings.client_key, (*place, "client_key"), findings)
    if settings.proxy is not None:
        check_address(settings.proxy, (*place, "proxy"), findings, _PROXIES)
    _check_file(settings.ca_bundle, (*place, "ca_bundle"), findings)


def _needed(settings: Settings) -> tuple[str, ...]:
    """Keys that the way of authenticating cannot do without."""
    match settings:
        case JenkinsConfig():
            return ("user", "credential") if settings.user or settings.credential else ()
        case AirflowConfig():
            return ("credential",) if settings.auth == "token" else ("user", "credential")
        case VaultConfig(auth="token" | "oidc"):
            return () if settings.auth == "oidc" else ("credential",)
        case VaultConfig():
            return ("user", "credential")
        case SnowflakeConfig():
            return () if settings.auth == "externalbrowser" else ("credential",)


def _check_file(path: Path | None, place: Place, findings: Findings) -> None:
    if path is not None and not path.is_file():
        findings.add(place, f"there is no file {path}")


def check_overlaps(
    environments: Mapping[str, Environment], places: Mapping[str, Place], findings: Findings
) -> None:
    """No two environments may hold the same part of one system: a target belongs to one environment.

    ``places`` are those of the connections, by their full names. One whose scope has a mistake is not judged.
    """
    for one, other in combinations(environments.values(), 2):
        for left, right in product(one.connections(), other.connections()):
            where = places[str(left.name)], places[str(right.name)]
            if any(findings.keys_below(place) - _OUTSIDE_SCOPE for place in where):
                continue
            shared = shared_scope(left.settings, right.settings)
            if shared:
                findings.add(
                    where[1],
                    f"environments {one.name} and {other.name} overlap:"
                    f" {left.name} and {right.name} {shared}",
                )


def shared_scope(left: Settings, right: Settings) -> str:
    """What two connections both hold, as the end of a sentence; empty where they are apart."""
    match left, right:
        case JenkinsConfig(), JenkinsConfig() if _same_server(left.url, right.url):
            return _paths_in_common("folder", left.folders, right.folders)
        case AirflowConfig(), AirflowConfig() if _same_server(left.url, right.url):
            return _tags_in_common(left.tags, right.tags)
        case VaultConfig(), VaultConfig() if _same_server(left.url, right.url):
            return _paths_in_common("prefix", _vault_paths(left), _vault_paths(right))
        case SnowflakeConfig(), SnowflakeConfig() if _same_schema(left, right):
            return "are one account, database and schema"
        case _:
            return ""


def _tags_in_common(left: tuple[str, ...], right: tuple[str, ...]) -> str:
    if not left or not right:
        return "are one Airflow, and without tags a connection holds everything"
    tags = sorted({*left} & {*right})
    return f"are one Airflow, and both hold the tag {tags[0]}" if tags else ""


def _vault_paths(vault: VaultConfig) -> tuple[str, ...]:
    return tuple(f"{kv.mount}/{kv.prefix}" for kv in vault.kv)


def _same_schema(left: SnowflakeConfig, right: SnowflakeConfig) -> bool:
    return (
        _folded(left.account) == _folded(right.account)
        and not _identifiers_differ(left.database, right.database)
        and not _identifiers_differ(left.schema, right.schema)
    )


def _paths_in_common(word: str, left: tuple[str, ...], right: tuple[str, ...]) -> str:
    if not left or not right:
        return f"are one server, and without a {word} a connection holds everything"
    for one, other in product(left, right):
        shorter, longer = sorted((_segments(one), _segments(other)), key=len)
        if longer[: len(shorter)] == shorter:
            return f"are one server, and both hold the {word} {'/'.join(longer)}"
    return ""


def _segments(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part)


def _same_server(left: str, right: str) -> bool:
    return normalised(left) == normalised(right)


def normalised(url: str) -> tuple[str, int | None, tuple[str, ...]]:
    """Host, port and path by which two addresses are told apart; a port that the scheme implies is None.

    The scheme is left out, so that http://jenkins and https://jenkins are taken for one server.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url, None, ()
    if (parts.scheme.lower(), port) in _DEFAULT_PORTS:
        port = None
    return (parts.hostname or "").rstrip("."), port, _segments(parts.path)


def _folded(account: str) -> str:
    return account.casefold().replace("_", "-")


def _identifiers_differ(left: str | None, right: str | None) -> bool:
    """Whether two Snowflake identifiers name different things; unquoted ones fold to upper case."""
    if left is None or right is None:
        return False
    folded = [name[1:-1] if name.startswith('"') else name.upper() for name in (left, right)]
    return folded[0] != folded[1]


def control_characters(value: object, place: Place = ()) -> Iterator[Place]:
    """Places of texts that hold a control character: no key of the file has a use for one."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from control_characters(item, (*place, str(key)))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from control_characters(item, (*place, position))
    elif isinstance(value, str) and _CONTROL.search(value):
        yield place


SYSTEM_KEYS = tuple(system.value for system in System)
