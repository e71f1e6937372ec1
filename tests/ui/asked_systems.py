"""Systems that answer a first configuration as a test says, and the app that asks them."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from memory_desk import StillClock

from fedesk.config_types import ConnectionConfig, SnowflakeConfig
from fedesk.domain.identity import Identity
from fedesk.domain.observation import Failure
from fedesk.domain.states import FailureKind
from fedesk.ports.endpoint import SecretText
from fedesk.ports.sources import Clock
from fedesk.services.trying import Seen, Tried
from fedesk.ui.setup.app import SetupApp
from fedesk.ui.setup.trials import Asks

UTF8 = {"TERM": "xterm-256color"}
PARTS = {
    "jenkins": ("finedge", "finedge/prod", "finedge/staging"),
    "airflow": ("finance", "prod", "staging"),
    "vault": ("kv", "team/kv"),
}
RIGHT = "right"
"""The one credential that is taken."""


@dataclass(kw_only=True)
class AskedSystems:
    """Notes each question, and answers: everybody is there, and knows whoever has the right credential."""

    knocked: list[str] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    """Address and user of each login."""
    held: dict[str, threading.Event] = field(default_factory=dict)
    """Addresses that answer only once their event is set."""

    def knock(self, configured: ConnectionConfig, _clock: Clock) -> Tried:
        address = address_of(configured)
        self.knocked.append(address)
        self._wait(address)
        if "nowhere" in address:
            said = f"{configured.name} at {address} cannot be reached: no such host"
            return Tried(failure=Failure(kind=FailureKind.UNREACHABLE, sentence=said))
        return Tried(latency=0.041, version="3.3.2" if configured.system.value == "airflow" else "")

    def look(self, configured: ConnectionConfig, secret: SecretText | None, _clock: Clock) -> Tried:
        address = address_of(configured)
        self.looked.append(f"{address} {configured.settings.user}")
        self._wait(address)
        if secret is not None and secret.reveal().strip() != RIGHT:
            said = f"{configured.name} refuses the login: “Invalid credentials”; see `user` and `credential`"
            return Tried(failure=Failure(kind=FailureKind.UNAUTHENTICATED, sentence=said))
        system = configured.system.value
        return Tried(
            latency=0.088,
            identity=Identity(user=configured.settings.user or "token-oncall", roles=("reader",)),
            seen=None if system == "snowflake" else Seen(jobs=123, secrets=12),
            parts=PARTS.get(system, ()),
        )

    def _wait(self, address: str) -> None:
        if address in self.held:
            self.held[address].wait(20)


def address_of(configured: ConnectionConfig) -> str:
    """Where a connection is."""
    settings = configured.settings
    return settings.account if isinstance(settings, SnowflakeConfig) else settings.url


def setup_app(
    path: Path, systems: AskedSystems, *, asking: bool = True, environ: dict[str, str] | None = None
) -> SetupApp:
    """The app over them, in London."""
    return SetupApp(
        path,
        StillClock(),
        asking=asking,
        zone="Europe/London",
        asks=Asks(systems.knock, systems.look),
        crash_folder=path.parent / "crashes",
        environ=environ or UTF8,
    )
