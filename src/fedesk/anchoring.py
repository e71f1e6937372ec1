"""Configuration → anchors and signer of the audit log, and signatures of people. Opens nothing."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from fedesk import composition
from fedesk.config_audit import receiver_of
from fedesk.config_types import (
    AnchorSettings,
    AuditConfig,
    Config,
    ConnectionConfig,
    FileAnchorConfig,
    HttpsAnchorConfig,
    IdentityConfig,
    SyslogAnchorConfig,
    TransitKey,
    VaultAnchorConfig,
    VaultConfig,
)
from fedesk.domain.names import ConnectionName
from fedesk.services.checkpointing import Checkpointing, Sink

if TYPE_CHECKING:
    from fedesk.clients.https_anchor import HttpsAnchor
    from fedesk.clients.vault_anchor import TransitSigner, VaultAnchor
    from fedesk.composition import CredentialOf
    from fedesk.domain.audit import Actor
    from fedesk.ports.anchoring import Anchor, AnchoredLog, Signer
    from fedesk.ports.approving import ApprovingStore, Signatures
    from fedesk.ports.endpoint import Endpoint, SecretText
    from fedesk.ports.sources import Bulkhead, Clock
    from fedesk.services.approvals import Approvals

SecretOf = Callable[[HttpsAnchorConfig], "Callable[[], SecretText] | None"]
"""Where the credential of an HTTPS anchor comes from; None where it has none."""

_FILE_SECONDS = 20.0
_SYSLOG_SECONDS = 15.0
_SSH_SECONDS = 45.0
"""More than a touch of a hardware key is waited for."""
_LONGEST_NAME = 300


def checkpointing_of(
    config: Config, store: "AnchoredLog", clock: "Clock", credential_of: "CredentialOf", secret_of: SecretOf
) -> Checkpointing:
    """All that has to do with the checkpoints of the desk's audit log."""
    audit = config.audit
    sinks = tuple(_sink(config, settings, credential_of, secret_of) for settings in audit.anchors)
    return Checkpointing(
        store=store,
        log=audit.log,
        every=audit.every,
        sinks=sinks,
        signer=_signer(config, audit, credential_of),
        clock=clock,
    )


def anchor_name(settings: AnchorSettings) -> str:
    """What and where an anchor is, as the store and sentences have it."""
    match settings:
        case FileAnchorConfig():
            name = f"file {settings.path}"
        case SyslogAnchorConfig():
            name = f"syslog {settings.address}"
        case HttpsAnchorConfig():
            name = settings.url if settings.url.startswith("https") else f"https endpoint {settings.url}"
        case VaultAnchorConfig():
            name = f"{settings.connection} {settings.mount.strip('/')}/{settings.path.strip('/')}"
    return name[:_LONGEST_NAME]


def anchors_with_secrets(config: Config) -> tuple[HttpsAnchorConfig, ...]:
    """HTTPS anchors that have a credential of their own."""
    return tuple(
        one
        for one in config.audit.anchors
        if isinstance(one, HttpsAnchorConfig) and one.credential is not None
    )


def anchoring_connections(config: Config) -> tuple[ConnectionConfig, ...]:
    """The Vaults that sign or keep checkpoints."""
    return tuple(dict.fromkeys(_connection(config, name) for name in _connections(config.audit)))


def _connections(audit: AuditConfig) -> Iterator[str]:
    if isinstance(audit.sign, TransitKey):
        yield str(audit.sign.connection)
    for one in audit.anchors:
        if isinstance(one, VaultAnchorConfig):
            yield one.connection


def _connection(config: Config, name: str) -> ConnectionConfig:
    """A configured one: the configuration was checked."""
    return next(
        one
        for environment in config.environments.values()
        for one in environment.connections()
        if str(one.name) == name
    )


def _sink(
    config: Config, settings: AnchorSettings, credential_of: "CredentialOf", secret_of: SecretOf
) -> Sink:
    name = anchor_name(settings)
    return Sink(
        name=name,
        readable=not isinstance(settings, SyslogAnchorConfig),
        anchor=_anchor(config, settings, name, credential_of, secret_of),
    )


def _anchor(
    config: Config,
    settings: AnchorSettings,
    name: str,
    credential_of: "CredentialOf",
    secret_of: SecretOf,
) -> "Bulkhead[Anchor]":
    from fedesk.clients.bulkhead import ThreadBulkhead

    match settings:
        case FileAnchorConfig():
            return ThreadBulkhead(name, partial(_file, settings), deadline=_FILE_SECONDS)
        case SyslogAnchorConfig():
            return ThreadBulkhead(name, partial(_syslog, settings), deadline=_SYSLOG_SECONDS)
        case HttpsAnchorConfig():
            endpoint = _endpoint(settings, secret_of)
            return ThreadBulkhead(name, partial(_https, endpoint), deadline=endpoint.deadline * 2)
        case VaultAnchorConfig():
            configured = _connection(config, settings.connection)
            endpoint = composition.endpoint_of(configured, credential_of)
            make = partial(_vault, endpoint, configured, settings)
            return ThreadBulkhead(name, make, deadline=endpoint.deadline * 2)


def _file(settings: FileAnchorConfig) -> "Anchor":
    from fedesk.anchors.file import FileAnchor

    return FileAnchor(settings.path)


def _syslog(settings: SyslogAnchorConfig) -> "Anchor":
    from fedesk.anchors.syslog import Receiver, SyslogAnchor

    receiver = receiver_of(settings.address)
    assert receiver is not None  # noqa: S101 - the configuration was checked
    return SyslogAnchor(Receiver(*receiver))


def _https(endpoint: "Endpoint") -> "HttpsAnchor":
    from fedesk.clients.https_anchor import HttpsAnchor

    return HttpsAnchor(endpoint)


def _endpoint(settings: HttpsAnchorConfig, secret_of: SecretOf) -> "Endpoint":
    # No environment can have this name.
    name = ConnectionName("audit", "anchor")
    return composition.endpoint_over_http(
        name, settings.url, settings, user=settings.user or "", credential=secret_of(settings)
    )


def _vault(endpoint: "Endpoint", configured: ConnectionConfig, settings: VaultAnchorConfig) -> "VaultAnchor":
    from fedesk.clients.vault_anchor import KvPlace, VaultAnchor

    return VaultAnchor(endpoint, _auth(configured), KvPlace(settings.mount.strip("/"), settings.path))


def _signer(config: Config, audit: AuditConfig, credential_of: "CredentialOf") -> "Bulkhead[Signer] | None":
    from fedesk.clients.bulkhead import ThreadBulkhead

    if audit.sign == "none":
        return None
    if audit.sign == "ssh":
        return ThreadBulkhead("ssh-keygen", partial(_ssh, config.identity), deadline=_SSH_SECONDS)
    configured = _connection(config, str(audit.sign.connection))
    endpoint = composition.endpoint_of(configured, credential_of)
    make = partial(_transit, endpoint, configured, audit.sign)
    return ThreadBulkhead(f"{configured.name} (signing)", make, deadline=endpoint.deadline * 2)


def _ssh(identity: IdentityConfig) -> "Signer":
    from fedesk.anchors.ssh import SshSigner

    assert identity.principal is not None  # noqa: S101 - the configuration was checked
    assert identity.allowed_signers is not None  # noqa: S101 - the same
    return SshSigner(
        principal=identity.principal, key=identity.signing_key, allowed_signers=identity.allowed_signers
    )


def approvals_of(config: Config, store: "ApprovingStore", actor: "Actor", clock: "Clock") -> "Approvals":
    """What others say of plans; nobody's signature counts where nothing says whose do."""
    import secrets

    from fedesk.clients.bulkhead import ThreadBulkhead
    from fedesk.services.approvals import Approvals

    identity = config.identity
    signatures: ThreadBulkhead[Signatures] | None = None
    if identity.allowed_signers is not None:
        signatures = ThreadBulkhead("ssh-keygen", partial(_signatures, identity), deadline=_SSH_SECONDS)
    return Approvals(
        store=store,
        signatures=signatures,
        governance=config.governance,
        actor=actor,
        principal=identity.principal or "",
        clock=clock,
        new_nonce=lambda: secrets.token_hex(16),
        executed=frozenset(
            name for name, one in config.environments.items() if one.executor is not None or one.signed
        ),
    )


def _signatures(identity: IdentityConfig) -> "Signatures":
    from fedesk.anchors.openssh import OpenSsh
    from fedesk.domain.approving import NAMESPACE

    assert identity.allowed_signers is not None  # noqa: S101 - it was looked at
    return OpenSsh(
        NAMESPACE,
        key=identity.signing_key,
        allowed_signers=identity.allowed_signers,
        revoked=identity.revoked,
    )


def _transit(endpoint: "Endpoint", configured: ConnectionConfig, key: TransitKey) -> "TransitSigner":
    from fedesk.clients.vault_anchor import TransitSigner

    return TransitSigner(endpoint, _auth(configured), mount=key.mount, key=key.key)


def _auth(configured: ConnectionConfig) -> str:
    settings = configured.settings
    assert isinstance(settings, VaultConfig)  # noqa: S101 - the configuration was checked
    return settings.auth
