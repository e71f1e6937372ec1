"""Putting snapshots, catalogue and time together into a board."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from operator import is_

from fedesk.domain.audit import AuditRecord
from fedesk.domain.board import (
    Board,
    JobHistory,
    JobKey,
    Subject,
    histories,
    newest_loads,
    pipelines,
    subjects,
)
from fedesk.domain.catalogue import Catalogue, owners_of_secrets
from fedesk.domain.front import EnvironmentFacts, Finding
from fedesk.domain.observation import Snapshot
from fedesk.domain.open_operations import OpenOperation
from fedesk.domain.release_budgets import DEFAULT
from fedesk.domain.releases import ReleaseBudget
from fedesk.domain.secrets import SecretAge, judge
from fedesk.domain.states import Verdict
from fedesk.domain.triage import Facts, findings
from fedesk.domain.windows import Window

MAX_AGE = timedelta(days=90)
WARN_BEFORE = timedelta(days=14)


def ages(
    snapshots: Iterable[Snapshot],
    owners: Mapping[str, str],
    now: datetime,
    max_age: timedelta = MAX_AGE,
    warn: timedelta = WARN_BEFORE,
) -> tuple[SecretAge, ...]:
    """Every secret that was seen, judged; the least time left first, those of unknown age before all.

    ``owners`` by the secrets' names tells whose those are that name no owner themselves.
    """
    judged = [
        judge(replace(secret, owner=secret.owner or owners.get(secret.name, "")), now, max_age, warn)
        for snapshot in snapshots
        if snapshot.observation is not None
        for secret in snapshot.observation.secrets
    ]
    return tuple(sorted(judged, key=_least_left))


def _least_left(age: SecretAge) -> tuple[bool, timedelta, str]:
    unknown = age.verdict is Verdict.UNDETERMINED
    return (not unknown, age.time_left or timedelta(0), age.secret.name)


class Boards:
    """Makes the boards of one catalogue: anew only what follows from runs that have come or gone.

    May be asked on several threads at once.
    """

    def __init__(self, catalogue: Catalogue, budget: ReleaseBudget = DEFAULT) -> None:
        self._catalogue = catalogue
        self._budget = budget
        self._owned: dict[str, tuple[Mapping[JobKey, Subject], Mapping[str, str]]] = {}
        self._found: dict[str, tuple[Sequence[object], tuple[JobHistory, ...]]] = {}
        """By environment: what the histories were made of, and the histories."""

    def board(
        self,
        environment: EnvironmentFacts,
        snapshots: Sequence[Snapshot],
        elsewhere: Mapping[str, Sequence[Snapshot]],
        now: datetime,
        operations: Sequence[OpenOperation] = (),
        windows: Sequence[Window] = (),
        unreviewed: Sequence[AuditRecord] = (),
    ) -> Board:
        """The board of one environment; ``elsewhere`` holds the snapshots of the others.

        ``operations`` are those of fedesk's own that are still open, ``windows`` those that nobody has
        removed, and ``unreviewed`` the records that wait for a review, of whatever environment.
        """
        found = self._histories(environment.name, snapshots)
        others = {name: self._histories(name, theirs) for name, theirs in elsewhere.items()}
        secrets = ages(snapshots, self._owners(environment.name)[1], now)
        loads = newest_loads(snapshots)
        queue = tuple(
            item for snapshot in snapshots if snapshot.observation for item in snapshot.observation.queue
        )
        facts = Facts(
            environment=environment,
            now=now,
            snapshots=tuple(snapshots),
            histories=found,
            secrets=secrets,
            queue=queue,
            loads=loads,
            operations=tuple(operations),
            unreviewed=tuple(unreviewed),
            budget=self._budget,
        )
        return Board(
            environment=environment,
            at=now,
            snapshots=tuple(snapshots),
            pipelines=pipelines(self._catalogue, environment.name, found, others, loads),
            findings=self._quieted(facts, windows),
            secrets=secrets,
            queue=queue,
            histories=found,
            operations=tuple(operations),
        )

    def _quieted(self, facts: Facts, windows: Sequence[Window]) -> tuple[Finding, ...]:
        if not windows:
            return findings(facts)
        from fedesk.services.quieting import quieted

        return quieted(
            findings(facts),
            facts.histories,
            windows,
            catalogue=self._catalogue,
            environment=facts.environment.name,
            now=facts.now,
        )

    def _owners(self, environment: str) -> tuple[Mapping[JobKey, Subject], Mapping[str, str]]:
        """Whose each job is, and each secret."""
        if environment not in self._owned:
            self._owned[environment] = (
                subjects(self._catalogue, environment),
                owners_of_secrets(self._catalogue, environment),
            )
        return self._owned[environment]

    def _histories(self, environment: str, snapshots: Sequence[Snapshot]) -> tuple[JobHistory, ...]:
        made_of = [
            part
            for one in snapshots
            if one.observation is not None
            for part in (one.connection, one.observation.runs, one.observation.jobs)
        ]
        known = self._found.get(environment)
        if known is None or len(known[0]) != len(made_of) or not all(map(is_, known[0], made_of)):
            known = made_of, histories(snapshots, self._owners(environment)[0])
            self._found[environment] = known
        return known[1]


def board_of(
    environment: EnvironmentFacts,
    catalogue: Catalogue,
    snapshots: Sequence[Snapshot],
    elsewhere: Mapping[str, Sequence[Snapshot]],
    now: datetime,
    *,
    operations: Sequence[OpenOperation] = (),
    unreviewed: Sequence[AuditRecord] = (),
    budget: ReleaseBudget = DEFAULT,
) -> Board:
    """A single board, of which nothing is made again; as ``Boards.board``."""
    boards = Boards(catalogue, budget)
    return boards.board(environment, snapshots, elsewhere, now, operations, unreviewed=unreviewed)
