"""Configuration → clients → services; the only module that knows everyone.

``front_page`` is called before the first frame, so nothing is imported at the top but the standard library
and the domain. A client's library is imported by the thread of its bulkhead, at the first call.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedesk.domain.front import EnvironmentFacts, FrontPage
from fedesk.domain.names import ConnectionName
from fedesk.domain.states import System
from fedesk.glance import glance, last_known
from fedesk.store.last_known import (
    LastKnown,
    read_front_page,
    read_snapshots,
    write_front_page,
    write_snapshots,
    write_status,
)

if TYPE_CHECKING:
    from fedesk.clients.airflow import AirflowClient
    from fedesk.clients.health import HealthClient
    from fedesk.clients.jenkins import JenkinsClient
    from fedesk.clients.oci_registry import RegistryClient
    from fedesk.clients.snowflake import SnowflakeClient
    from fedesk.clients.vault import VaultClient
    from fedesk.config_types import Config, ConnectionConfig, Environment, HttpTable, RegistryOf
    from fedesk.domain.board import Board
    from fedesk.domain.catalogue import Catalogue
    from fedesk.domain.identity import Identity
    from fedesk.ports.endpoint import Endpoint, SecretText
    from fedesk.ports.sources import Bulkhead, Clock, Connection
    from fedesk.services.live_board import LiveBoard
    from fedesk.services.run_reading import RunReading

    CredentialOf = Callable[[ConnectionConfig | RegistryOf], Callable[[], SecretText] | None]
    """Where the credential of a connection comes from; None where it has none."""

PERIODS = {System.JENKINS: 10.0, System.AIRFLOW: 5.0, System.VAULT: 60.0, System.SNOWFLAKE: 3600.0}
"""Seconds between two looks. A query wakes a Snowflake warehouse, which is billed for a minute at least."""
BROWSER_AUTH = frozenset({"oidc", "externalbrowser"})
"""Ways of authenticating in which a person signs in with a browser, and a token is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One environment, opened: what the command line and the app work with."""

    config: "Config"
    environment: EnvironmentFacts
    environments: tuple[EnvironmentFacts, ...]
    catalogue: "Catalogue"
    connections: tuple["Connection", ...]
    board: "LiveBoard"
    reading: "RunReading"
    last_known: LastKnown
    all_connections: tuple["Connection", ...]

    @property
    def runbook_folder(self) -> Path | None:
        """Where the paths of runbooks begin: the folder the catalogue is in, or that it is."""
        place = self.config.catalog
        return None if place is None else place if place.is_dir() else place.parent

    def remember(self) -> None:
        """Keep what is known for the next start."""
        remember(self.last_known, self.board)

    def close(self) -> None:
        """Stop polling, keep what is known, and let go of every system; waits for none of them."""
        self.board.stop()
        self.remember()
        for connection in self.all_connections:
            connection.close()


def remember(place: LastKnown, board: "LiveBoard") -> None:
    """Write down what is known. A cache that cannot be written costs speed alone, and nobody is told."""
    snapshots = [one for one in board.snapshots() if one.observation is not None]
    if not snapshots:
        return
    from fedesk.domain.status import status_of

    with suppress(OSError, UnicodeError):
        write_snapshots(place, snapshots)
        current = board.board()
        write_front_page(place, front_page_of(current))
        write_status(place, status_of(current))


def front_page_of(board: "Board") -> FrontPage:
    """What of a board is painted at the next start, before anything is read."""
    return FrontPage(
        environment=board.environment,
        at=board.at,
        sources=tuple((one.connection, one.system) for one in board.snapshots),
        findings=board.findings[:100],
        counts={
            "triage": len(board.findings),
            "pipelines": len(board.pipelines),
            "secrets": len(board.secrets),
        },
    )


def front_page(config: Path | None, environment: str | None) -> FrontPage:
    """The very first frame: environment, production and mode as the file says, and what was last known.

    Reads with the standard library alone and never raises: what cannot be told stays empty, and the
    configuration's mistakes are told by ``execution.open_desk``.
    """
    from fedesk.config_path import find_config

    path = find_config(config)
    seen = glance(path)
    facts = seen.facts(environment)
    if facts is None:
        facts = EnvironmentFacts(name="", production=False, mode="", timezone="")
        return FrontPage(environment=facts, appearance=seen.appearance)
    kept = read_front_page(last_known(path, facts.name))
    if kept is None or kept.environment != facts:
        return FrontPage(environment=facts, appearance=seen.appearance)
    return replace(kept, appearance=seen.appearance)


def compose(
    config: "Config",
    environment: str | None,
    clock: "Clock",
    *,
    credential_of: "CredentialOf | None" = None,
) -> Desk:
    """Make a desk of one environment; the default one where none is named. Raises ConfigurationError.

    ``credential_of`` says where credentials come from, if not from what the configuration refers to.
    """
    from fedesk.catalogue import load_catalogue
    from fedesk.config import select_environment
    from fedesk.domain.catalogue import Catalogue
    from fedesk.services.live_board import LiveBoard
    from fedesk.services.run_reading import RunReading, unrecorded

    selected = select_environment(config, environment)
    catalogue = load_catalogue(config.catalog) if config.catalog is not None else Catalogue()
    by_environment = connections_of(config, catalogue, credential_of)
    connections = by_environment[selected.name]
    place = last_known(config.path, selected.name)
    board = LiveBoard(
        facts_of(selected),
        catalogue,
        connections,
        {name: theirs for name, theirs in by_environment.items() if name != selected.name},
        clock,
        known=_known(place, [one for theirs in by_environment.values() for one in theirs]),
        keep=partial(remember, place),
        budget=config.releases.budget,
    )
    return Desk(
        config=config,
        environment=facts_of(selected),
        environments=tuple(facts_of(one) for one in config.environments.values()),
        catalogue=catalogue,
        connections=connections,
        board=board,
        reading=RunReading(connections, board.history_of, unrecorded if selected.phi else None),
        last_known=place,
        all_connections=tuple(one for theirs in by_environment.values() for one in theirs),
    )


def connections_of(
    config: "Config", catalogue: "Catalogue", credential_of: "CredentialOf | None" = None
) -> "dict[str, tuple[Connection, ...]]":
    """Every configured system by environment; opens none."""
    _keep_libraries_quiet()
    return {
        name: _connections(table, _snowflake_users(catalogue, name), credential_of or reference_of)
        for name, table in config.environments.items()
    }


def _keep_libraries_quiet() -> None:
    """A library that logs or warns where nobody listens writes over the screen and the narration."""
    import logging

    logging.captureWarnings(capture=True)
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())


def facts_of(environment: "Environment") -> EnvironmentFacts:
    """What every frame says about an environment."""
    return EnvironmentFacts(
        name=environment.name,
        production=environment.production,
        mode=environment.mode,
        timezone=environment.timezone,
        phi=environment.phi,
        executed=environment.executor is not None,
        promote_from=environment.promote_from,
    )


def _known(place: LastKnown, connections: Sequence["Connection"]) -> dict[ConnectionName, Any]:
    """What was kept of connections that are still configured, at the same address."""
    addresses = {connection.name: connection.address for connection in connections}
    return {
        kept.connection: replace(kept, kept=True, failure=None, failed_since=None, next_try_at=None)
        for kept in read_snapshots(place)
        if addresses.get(kept.connection) == kept.address
    }


def _snowflake_users(catalogue: "Catalogue", environment: str) -> tuple[str, ...]:
    """The users whose keys the catalogue's pipelines name, each once, in the catalogue's order."""
    from fedesk.domain.catalogue import owners_of_secrets

    prefix = "snowflake:"
    named = owners_of_secrets(catalogue, environment)
    return tuple(name.removeprefix(prefix) for name in named if name.startswith(prefix))


def _connections(
    environment: "Environment", users: tuple[str, ...], credential_of: "CredentialOf"
) -> tuple["Connection", ...]:
    """All of an environment. A user is one of the first Snowflake: another account need not know him."""
    found: list[Connection] = []
    for configured in environment.connections():
        found.append(connection_of(configured, users, credential_of, environment.registry))
        if configured.system is System.SNOWFLAKE:
            users = ()
    return tuple(found)


def whoami(configured: "ConnectionConfig", credential: "SecretText | None" = None) -> "Identity":
    """Whom a system takes one for with a credential, or with what the configuration refers to.

    Logs in afresh and keeps nothing. Raises SourceError; UnauthenticatedError where the credential is wrong.
    """
    look_up = reference_of if credential is None else lambda _: lambda: credential
    connection = connection_of(configured, (), look_up)
    if connection.identity is None:
        raise AssertionError("every system says who one is")
    try:
        return connection.identity.call(lambda system: system.whoami())
    finally:
        connection.source.close()


def signed_in(configured: "ConnectionConfig", show: Callable[[str], None], patience: float) -> "SecretText":
    """The token of a person who signs in to Snowflake at the address that ``show`` is given.

    ``patience`` is in seconds. Raises SourceError.
    """
    from fedesk.clients.bulkhead import ThreadBulkhead

    endpoint = endpoint_of(configured, lambda _: None)
    snowflake = ThreadBulkhead(str(configured.name), lambda: _snowflake(endpoint, configured.settings, ()))
    try:
        return snowflake.call(lambda client: client.sign_in(show), deadline=patience)
    finally:
        snowflake.close()


def connection_of(
    configured: "ConnectionConfig",
    users: tuple[str, ...],
    credential_of: "CredentialOf",
    registry: "RegistryOf | None" = None,
) -> "Connection":
    """A configured system, ready to be read; opens nothing. ``users`` are those whose keys are looked at.

    ``registry`` is that of its environment, which a Jenkins deploys from.
    """
    from fedesk.clients.bulkhead import ThreadBulkhead
    from fedesk.ports.sources import Connection

    endpoint, settings = endpoint_of(configured, credential_of), configured.settings
    name, system = str(configured.name), configured.system
    # Opening, logging in and one look may each take a request's time.
    deadline = endpoint.deadline * 1.5
    known = partial(
        Connection,
        name=configured.name,
        system=system,
        address=endpoint.url,
        scope=_scope(configured),
        period=PERIODS[system],
        patience=endpoint.deadline * 2,
    )
    match system:
        case System.JENKINS:
            jenkins = ThreadBulkhead(name, lambda: _jenkins(endpoint, settings), deadline=deadline)
            return known(
                source=jenkins,
                identity=jenkins,
                runs=jenkins,
                rebuilds=jenkins,
                queues=jenkins,
                deploys=jenkins,
                builds=jenkins,
                traces=jenkins,
                examined=jenkins,
                surveys=jenkins,
                registry=None if registry is None else _registry_of(registry, credential_of),
                health=ThreadBulkhead(f"{name} (health)", lambda: _health(endpoint), deadline=deadline),
            )
        case System.AIRFLOW:
            airflow = ThreadBulkhead(name, lambda: _airflow(endpoint, settings), deadline=deadline)
            return known(
                source=airflow,
                identity=airflow,
                runs=airflow,
                clears=airflow,
                dags=airflow,
                traces=airflow,
                examined=airflow,
                surveys=airflow,
            )
        case System.VAULT:
            vault = ThreadBulkhead(name, lambda: _vault(endpoint, settings), deadline=deadline)
            return known(source=vault, identity=vault, parts=vault, examined=vault, secrets=vault)
        case System.SNOWFLAKE:
            snowflake = ThreadBulkhead(name, lambda: _snowflake(endpoint, settings, users), deadline=deadline)
            return known(
                source=snowflake,
                identity=snowflake,
                sparing=True,
                traces=snowflake,
                examined=snowflake,
                queries=snowflake,
                secrets=snowflake,
            )


def _registry_of(registry: "RegistryOf", credential_of: "CredentialOf") -> "Bulkhead[RegistryClient]":
    """A registry, ready to be asked; opens nothing. A token and an answer may each take a request's time."""
    from fedesk.clients.bulkhead import ThreadBulkhead

    settings = registry.settings
    endpoint = endpoint_over_http(
        registry.name,
        settings.url.rstrip("/"),
        settings,
        user=settings.user or "",
        credential=credential_of(registry),
    )
    return ThreadBulkhead(
        str(registry.name), lambda: _registry(endpoint, settings), deadline=endpoint.deadline * 2
    )


def _scope(configured: "ConnectionConfig") -> tuple[str, ...]:
    """Folders or tags that belong to the environment; everything where none is named."""
    from fedesk.config_types import AirflowConfig, JenkinsConfig

    match configured.settings:
        case JenkinsConfig(folders=names) | AirflowConfig(tags=names):
            return names
        case _:
            return ()


def endpoint_of(configured: "ConnectionConfig", credential_of: "CredentialOf") -> "Endpoint":
    """Where a configured system is, and how one gets in."""
    from fedesk.config_types import SnowflakeConfig
    from fedesk.ports.endpoint import Endpoint

    settings = configured.settings
    certificate = key = None
    if isinstance(settings, SnowflakeConfig):
        host = settings.host or f"{settings.account}.snowflakecomputing.com"
        url = f"{settings.protocol}://{host}:{settings.port}"
    else:
        url, certificate, key = settings.url.rstrip("/"), settings.client_certificate, settings.client_key
    return Endpoint(
        name=configured.name,
        url=url,
        user=settings.user or "",
        credential=credential_of(configured),
        login=configured.name.login,
        connect_timeout=settings.timeout.connect,
        read_timeout=settings.timeout.read,
        deadline=settings.timeout.connect + settings.timeout.read,
        ca_bundle=settings.ca_bundle,
        client_certificate=certificate,
        client_key=key,
        proxy=settings.proxy or "",
    )


def endpoint_over_http(
    name: ConnectionName,
    url: str,
    settings: "HttpTable",
    *,
    user: str = "",
    credential: "Callable[[], SecretText] | None" = None,
) -> "Endpoint":
    """An address that is no connection of an environment's; ``name`` stands in sentences alone."""
    from fedesk.ports.endpoint import Endpoint

    return Endpoint(
        name=name,
        url=url,
        user=user,
        credential=credential,
        connect_timeout=settings.timeout.connect,
        read_timeout=settings.timeout.read,
        deadline=settings.timeout.connect + settings.timeout.read,
        ca_bundle=settings.ca_bundle,
        client_certificate=settings.client_certificate,
        client_key=settings.client_key,
        proxy=settings.proxy or "",
    )


def reference_of(configured: "ConnectionConfig | RegistryOf") -> "Callable[[], SecretText] | None":
    """Looks up what the configuration refers to; None where it names no credential."""
    return looked_up(reference_text(configured), configured.login)


def reference_text(configured: "ConnectionConfig | RegistryOf") -> str | None:
    """Where the credential of a connection is: as the file says, else where a login by browser keeps it."""
    settings = configured.settings
    if settings.credential is None and getattr(settings, "auth", "") in BROWSER_AUTH:
        return f"keyring:{configured.name}"
    return settings.credential


def looked_up(reference: str | None, login: str = "") -> "Callable[[], SecretText] | None":
    """The same of a reference; ``login`` is the command line that stores what it refers to."""
    if reference is None:
        return None

    def look_up() -> "SecretText":
        from fedesk.credentials import resolve

        return resolve(reference, login=login)

    return look_up


def _jenkins(endpoint: "Endpoint", settings: Any) -> "JenkinsClient":
    from fedesk.clients.jenkins import JenkinsClient

    return JenkinsClient(endpoint, folders=settings.folders)


def _airflow(endpoint: "Endpoint", settings: Any) -> "AirflowClient":
    from fedesk.clients.airflow import AirflowClient

    return AirflowClient(endpoint, auth=settings.auth, tags=settings.tags)


def _registry(endpoint: "Endpoint", settings: Any) -> "RegistryClient":
    from fedesk.clients.oci_registry import RegistryClient

    return RegistryClient(endpoint, names=settings.names, token_realm=settings.token_realm or "")


def _health(endpoint: "Endpoint") -> "HealthClient":
    from fedesk.clients.health import HealthClient

    return HealthClient(endpoint)


def _vault(endpoint: "Endpoint", settings: Any) -> "VaultClient":
    from fedesk.clients.vault import KvScope, VaultClient

    kv = tuple(KvScope(mount=one.mount, prefix=one.prefix) for one in settings.kv)
    return VaultClient(endpoint, auth=settings.auth, kv=kv)


def _snowflake(endpoint: "Endpoint", settings: Any, users: tuple[str, ...]) -> "SnowflakeClient":
    from fedesk.clients.snowflake import SnowflakeClient

    return SnowflakeClient(
        endpoint,
        account=settings.account,
        host=settings.host,
        port=settings.port,
        protocol=settings.protocol,
        user=settings.user,
        auth=settings.auth,
        role=settings.role or "",
        warehouse=settings.warehouse or "",
        database=settings.database or "",
        schema=settings.schema or "",
        users=users,
    )
