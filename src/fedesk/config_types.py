"""The shape of fedesk.toml: one frozen struct a table, with its keys as fields. ``config`` reads them.

Paths are absolute here: ``~`` is the home directory, anything else is relative to the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from fedesk.domain.names import ConnectionName
from fedesk.domain.notices import Route
from fedesk.domain.policy import Governance
from fedesk.domain.releases import ReleaseBudget
from fedesk.domain.states import System

Text = Annotated[str, Meta(min_length=1)]
Seconds = Annotated[float, Meta(gt=0, le=3600)]
Port = Annotated[int, Meta(ge=1, le=65535)]


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file."""


class Timeout(Table, frozen=True, kw_only=True):
    """Seconds to wait for a connection, and for the next byte of an answer."""

    connect: Seconds = 3.0
    read: Seconds = 15.0


class StoreConfig(Table, frozen=True, kw_only=True):
    """Where the desk keeps its own state."""

    url: Text = "sqlite"
    """``sqlite`` is a file in the state directory; or an address of SQLAlchemy's form, without a password."""
    credential: Text | None = None
    """Reference to the password, where the database wants one."""


class IdentityConfig(Table, frozen=True, kw_only=True):
    """Who is at the desk, and with which key they sign."""

    principal: Text | None = None
    """As in ``allowed_signers``."""
    signing_key: Path | None = None
    allowed_signers: Path | None = None
    revoked: Path | None = None
    """Keys that count no more: a revocation list of OpenSSH, or public keys, one a line."""


class ThemeConfig(Table, frozen=True, kw_only=True):
    """A theme of the user's own: colours as CSS writes them. What is left out follows from the others."""

    primary: Text
    secondary: Text | None = None
    accent: Text | None = None
    warning: Text | None = None
    error: Text | None = None
    success: Text | None = None
    foreground: Text | None = None
    background: Text | None = None
    surface: Text | None = None
    panel: Text | None = None
    dark: bool = True


class UiConfig(Table, frozen=True, kw_only=True):
    """How the desk is drawn."""

    theme: Text | None = None
    """One of Textual's or of ``themes``; the one that was chosen last where absent."""
    glyphs: Literal["auto", "unicode", "ascii"] = "auto"
    motion: Literal["auto", "reduced"] = "auto"
    mouse: bool = True
    themes: Mapping[str, ThemeConfig] = field(default_factory=dict)


class HttpTable(Table, frozen=True, kw_only=True):
    """What every system that is reached over HTTPS may set."""

    timeout: Timeout = Timeout()
    ca_bundle: Path | None = None
    """PEM file of certificate authorities; the system's trust store where absent."""
    client_certificate: Path | None = None
    client_key: Path | None = None
    proxy: Text | None = None


class JenkinsConfig(HttpTable, frozen=True, kw_only=True):
    """A Jenkins controller, or the part of one that belongs to an environment."""

    url: Text
    user: Text | None = None
    credential: Text | None = None
    """Reference to the user's API token."""
    folders: tuple[Text, ...] = ()
    """Full names of folders; everything when empty."""


class AirflowConfig(HttpTable, frozen=True, kw_only=True):
    """An Airflow deployment, or the part of one that belongs to an environment."""

    url: Text
    auth: Literal["password", "token", "basic"] = "password"
    user: Text | None = None
    credential: Text | None = None
    tags: tuple[Text, ...] = ()
    """DAGs with one of these tags; everything when empty."""


class RegistryConfig(HttpTable, frozen=True, kw_only=True):
    """The registry of images from which an environment's deploy jobs take theirs."""

    url: Text
    user: Text | None = None
    credential: Text | None = None
    """Reference to the user's password or token."""
    names: tuple[Text, ...] = ()
    """What images call it, where that is not the host of ``url``."""
    token_realm: Text | None = None
    """Where its tokens are had, where that is another server."""


class KvConfig(Table, frozen=True, kw_only=True):
    """A part of a KV version 2 secrets engine."""

    mount: Text
    prefix: str = ""
    """Everything below this path; the whole mount when empty."""


class VaultConfig(HttpTable, frozen=True, kw_only=True):
    """A Vault cluster."""

    url: Text
    auth: Literal["token", "approle", "userpass", "ldap", "jwt", "oidc"] = "token"
    user: Text | None = None
    """The name for userpass and ldap, the role id for approle, the role for jwt and oidc."""
    credential: Text | None = None
    kv: tuple[KvConfig, ...] = ()


class SnowflakeConfig(Table, frozen=True, kw_only=True):
    """A Snowflake account, with the session's role, warehouse, database and schema."""

    account: Text
    host: str = ""
    """A private link's name; the account's public one when empty."""
    port: Port = 443
    protocol: Literal["https", "http"] = "https"
    user: Text
    auth: Literal["key-pair", "oauth", "externalbrowser"] = "key-pair"
    credential: Text | None = None
    role: Text | None = None
    warehouse: Text | None = None
    database: Text | None = None
    schema: Text | None = None
    timeout: Timeout = Timeout()
    ca_bundle: Path | None = None
    proxy: Text | None = None


class FileAnchorConfig(Table, frozen=True, kw_only=True):
    """A file that checkpoints are appended to."""

    path: Path


class SyslogAnchorConfig(Table, frozen=True, kw_only=True):
    """A receiver of syslog."""

    address: Text
    """``udp://HOST:PORT``, ``tcp://HOST:PORT`` or ``unix:///PATH``."""


class HttpsAnchorConfig(HttpTable, frozen=True, kw_only=True):
    """An address that takes checkpoints by POST and lists them by GET."""

    url: Text
    user: Text | None = None
    credential: Text | None = None
    """Reference to a bearer token, or to the user's password."""


class VaultAnchorConfig(Table, frozen=True, kw_only=True):
    """A path of a KV version 2 secrets engine."""

    connection: Text
    """Of a Vault: ``prod/vault``."""
    mount: Text = "kv"
    path: Text = "fedesk/checkpoints"


class ExecutorConfig(Table, frozen=True, kw_only=True):
    """The Jenkins job that does the writing of an environment, whose people only propose."""

    connection: Text
    """Of a Jenkins: ``prod/jenkins``. The desk asks as its user, who may build this one job."""
    job: Text
    """Full name: ``fedesk/execute``."""
    parameter: Text = "PLAN"
    """The job's parameter that takes the operation's id."""
    draft_parameter: Text = "DRAFT"
    """The job's parameter that takes the name of a run, of which it drafts a plan."""
    begins_within: Seconds = 300.0
    """Seconds after which a plan that the job has not taken up is said to hang."""


class EmergencyLogin(Table, frozen=True, kw_only=True):
    """Who logs in to a system where the glass is broken."""

    user: Text | None = None
    """The connection's own where absent."""
    credential: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyConfig:
    """Sealed credentials of an environment: used where somebody breaks the glass, and rotated afterwards."""

    store_url: str | None
    """The team's database, as a role that may carry changes out; the ordinary store where absent."""
    store_credential: str | None
    logins: Mapping[ConnectionName, EmergencyLogin]
    without_store: bool = False
    """Whether it serves while the team's store does not answer: the record is a log on that machine then."""


AnchorSettings = FileAnchorConfig | SyslogAnchorConfig | HttpsAnchorConfig | VaultAnchorConfig

ANCHORS: Mapping[str, type[AnchorSettings]] = {
    "file": FileAnchorConfig,
    "syslog": SyslogAnchorConfig,
    "https": HttpsAnchorConfig,
    "vault": VaultAnchorConfig,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitKey:
    """A key of Vault's transit engine: ``transit:CONNECTION:KEY``, or ``…:MOUNT/KEY``."""

    connection: ConnectionName
    mount: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditConfig:
    """How the audit log is anchored outside the store."""

    log: str = "fedesk"
    """Its name, by which several logs share an anchor."""
    sign: Literal["none", "ssh"] | TransitKey = "none"
    every: int = 100
    """Records at most between two checkpoints, where an operation ends."""
    anchors: tuple[AnchorSettings, ...] = ()


class AppriseConfig(Table, frozen=True, kw_only=True):
    """A receiver of notices that apprise knows: Slack, mail, a webhook."""

    apprise: Text
    """Reference to its address."""
    timeout: Seconds = 30.0
    """Seconds in which a notice has to be taken."""


class PagerDutyConfig(HttpTable, frozen=True, kw_only=True):
    """A service of PagerDuty that takes events."""

    pagerduty: Text
    """Reference to its routing key."""
    url: Text = "https://events.pagerduty.com"


ReceiverSettings = AppriseConfig | PagerDutyConfig

RECEIVERS: Mapping[str, type[ReceiverSettings]] = {"apprise": AppriseConfig, "pagerduty": PagerDutyConfig}
"""Kinds of receivers, by the key that says which one it is."""


class RouteConfig(Table, frozen=True, kw_only=True):
    """Which notices go to whom, as the file has it."""

    events: tuple[Text, ...] = ()
    environments: tuple[Text, ...] = ()
    to: tuple[Text, ...]


class HeartbeatConfig(HttpTable, frozen=True, kw_only=True):
    """An address that is asked now and then, for as long as somebody watches."""

    url: Text | None = None
    credential: Text | None = None
    """Reference to the whole address instead, where whoever knows it may ask it."""
    every: Text = "5m"
    method: Literal["GET", "POST"] = "GET"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyConfig:
    """Who is told what away from the desk."""

    receivers: Mapping[str, ReceiverSettings]
    routes: tuple[Route, ...]
    heartbeat: HeartbeatConfig | None


Settings = JenkinsConfig | AirflowConfig | VaultConfig | SnowflakeConfig

SETTINGS: Mapping[System, type[JenkinsConfig | AirflowConfig | VaultConfig | SnowflakeConfig]] = {
    System.JENKINS: JenkinsConfig,
    System.AIRFLOW: AirflowConfig,
    System.VAULT: VaultConfig,
    System.SNOWFLAKE: SnowflakeConfig,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionConfig:
    """One configured system: ``prod/jenkins`` with its settings."""

    name: ConnectionName
    system: System
    settings: Settings

    @property
    def login(self) -> str:
        """The command line that stores its credential."""
        return self.name.login


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryOf:
    """An environment's registry: ``prod/registry`` with its settings. Nothing changes it."""

    name: ConnectionName
    settings: RegistryConfig
    login: str = ""
    """None: `fedesk login` logs in to systems alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasesConfig:
    """What is beyond a release's budget, and what its tickets look like."""

    tickets: tuple[str, ...] = ()
    """Patterns of RE2 that are looked for in the messages of commits."""
    budget: ReleaseBudget = dataclass_field(default_factory=ReleaseBudget)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An environment: how careful one has to be in it, and the systems it has."""

    name: str
    production: bool
    mode: Literal["read-only", "guarded"]
    timezone: str
    phi: bool
    executor: ExecutorConfig | None = None
    signed: bool = False
    """Whether nothing is executed that its requester has not signed: so an executor's configuration says."""
    emergency: EmergencyConfig | None = None
    promote_from: str = ""
    """The environment whose releases come here; empty where none is before it."""
    registry: RegistryOf | None = None
    configured: tuple[ConnectionConfig, ...]

    def connections(self) -> tuple[ConnectionConfig, ...]:
        """Jenkins, Airflow, Vault, Snowflake, then those of ``connections.*`` as the file lists them."""
        return self.configured


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything fedesk.toml says, checked."""

    path: Path
    default_environment: str
    catalog: Path | None
    store: StoreConfig
    identity: IdentityConfig
    audit: AuditConfig
    ui: UiConfig
    governance: Governance
    notify: NotifyConfig
    releases: ReleasesConfig
    environments: Mapping[str, Environment]
