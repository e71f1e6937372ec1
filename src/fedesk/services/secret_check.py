"""``secrets check``: every secret judged, and one verdict that a scheduler can act on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fedesk.domain.catalogue import Catalogue, owners_of_secrets
from fedesk.domain.names import ConnectionName
from fedesk.domain.observation import Snapshot
from fedesk.domain.secrets import SecretAge, SecretMetadata, judge, worst
from fedesk.domain.states import System, Verdict
from fedesk.ports.sources import Clock, Connection
from fedesk.services.boards import ages
from fedesk.services.one_look import read_whole

_HOLDERS = {System.VAULT: "kv:", System.SNOWFLAKE: "snowflake:"}
"""Systems whose look reads ages of secrets, and how the names of theirs begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretReport:
    """All secrets, and what stood in the way of judging them."""

    at: datetime
    secrets: tuple[SecretAge, ...]
    unread: tuple[str, ...]
    """One sentence for each connection or prefix that could not be read."""
    snapshots: tuple[Snapshot, ...]

    @property
    def verdict(self) -> Verdict:
        """Overdue wins over undetermined, that over due, that over compliant; nothing is undetermined."""
        verdicts = [age.verdict for age in self.secrets]
        return worst([*verdicts, Verdict.UNDETERMINED] if self.unread else verdicts)


def check_secrets(
    connections: Sequence[Connection],
    catalogue: Catalogue,
    environment: str,
    clock: Clock,
    *,
    max_age: timedelta,
    warn: timedelta,
) -> SecretReport:
    """Read the metadata of all secrets and judge them.

    A secret that the catalogue names for this environment and that nobody reported is undetermined.
    Snowflake, where a look costs a query, is asked only where the catalogue names a secret of it.
    """
    named = owners_of_secrets(catalogue, environment)
    holders = _holders(connections, named)
    snapshots = read_whole(holders, clock)
    now = clock.now()
    judged = ages(snapshots, named, now, max_age, warn)
    missing = [
        judge(secret, now, max_age, warn) for secret in _unreported(named, environment, judged, holders)
    ]
    unread = [snapshot.failure.sentence for snapshot in snapshots if snapshot.failure]
    for snapshot in snapshots:
        # Those of Snowflake are about loads; a key that could not be read says so itself.
        if snapshot.observation is not None and snapshot.system is not System.SNOWFLAKE:
            unread += [problem.text for problem in snapshot.observation.problems]
    if not holders:
        unread.append(f"environment {environment} has no connection that knows the age of secrets")
    return SecretReport(at=now, secrets=(*missing, *judged), unread=tuple(unread), snapshots=snapshots)


def _holders(connections: Sequence[Connection], named: Iterable[str]) -> list[Connection]:
    """Every Vault, and the first Snowflake where a secret of it is named: it alone is told the users."""
    vaults = [connection for connection in connections if connection.system is System.VAULT]
    if not any(name.startswith(_HOLDERS[System.SNOWFLAKE]) for name in named):
        return vaults
    return [*vaults, *[one for one in connections if one.system is System.SNOWFLAKE][:1]]


def _unreported(
    named: Mapping[str, str], environment: str, judged: Iterable[SecretAge], holders: Sequence[Connection]
) -> Iterable[SecretMetadata]:
    seen = {age.secret.name for age in judged}
    for name, owner in named.items():
        if name not in seen:
            homes = [one.name for one in holders if name.startswith(_HOLDERS[one.system])]
            yield SecretMetadata(
                connection=homes[0] if homes else ConnectionName(environment, "catalogue"),
                name=name,
                age_from=None,
                owner=owner,
                problem="the catalogue names it and no connection reports it",
            )
