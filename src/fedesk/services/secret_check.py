"""``secrets check``: every secret judged, and one verdict that a scheduler can act on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fedesk.domain.catalogue import Catalogue, secrets_of
from fedesk.domain.names import ConnectionName
from fedesk.domain.observation import Snapshot
from fedesk.domain.secrets import SecretAge, SecretMetadata, judge, worst
from fedesk.domain.states import System, Verdict
from fedesk.ports.sources import Clock, Connection
from fedesk.services.boards import ages
from fedesk.services.one_look import read_whole

_HOLDERS = (System.VAULT,)
"""Systems whose look reads ages of secrets."""


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
    """
    holders = [connection for connection in connections if connection.system in _HOLDERS]
    snapshots = read_whole(holders, clock)
    now = clock.now()
    judged = ages(snapshots, now, max_age, warn)
    missing = [
        judge(secret, now, max_age, warn) for secret in _unreported(catalogue, environment, judged, holders)
    ]
    unread = [snapshot.failure.sentence for snapshot in snapshots if snapshot.failure]
    for snapshot in snapshots:
        unread += [problem.text for problem in snapshot.observation.problems] if snapshot.observation else []
    if not holders:
        unread.append(f"environment {environment} has no connection that knows the age of secrets")
    return SecretReport(at=now, secrets=(*missing, *judged), unread=tuple(unread), snapshots=snapshots)


def _unreported(
    catalogue: Catalogue, environment: str, judged: Iterable[SecretAge], holders: Sequence[Connection]
) -> Iterable[SecretMetadata]:
    seen = {age.secret.name for age in judged}
    home = holders[0].name if holders else ConnectionName(environment, "catalogue")
    named: dict[str, str] = {}
    for pipeline in catalogue.pipelines.values():
        for secret in secrets_of(pipeline, environment):
            named.setdefault(secret, str(pipeline.owner))
    for name, owner in named.items():
        if name not in seen:
            yield SecretMetadata(
                connection=home,
                name=name,
                age_from=None,
                owner=owner,
                problem="the catalogue names it and no connection reports it",
            )
