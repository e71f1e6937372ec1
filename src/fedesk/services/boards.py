"""Putting snapshots, catalogue and time together into a board."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from fedesk.domain.board import Board, histories, newest_loads, pipelines, subjects
from fedesk.domain.catalogue import Catalogue, owners_of_secrets
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.observation import Snapshot
from fedesk.domain.open_operations import OpenOperation
from fedesk.domain.secrets import SecretAge, judge
from fedesk.domain.states import Verdict
from fedesk.domain.triage import Facts, findings

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


def board_of(
    environment: EnvironmentFacts,
    catalogue: Catalogue,
    snapshots: Sequence[Snapshot],
    elsewhere: Mapping[str, Sequence[Snapshot]],
    now: datetime,
    *,
    operations: Sequence[OpenOperation] = (),
) -> Board:
    """The board of one environment; ``elsewhere`` holds the snapshots of the others.

    ``operations`` are those of fedesk's own that are still open, of whatever environment.
    """
    found = histories(snapshots, subjects(catalogue, environment.name))
    others = {name: histories(theirs, subjects(catalogue, name)) for name, theirs in elsewhere.items()}
    secrets = ages(snapshots, owners_of_secrets(catalogue, environment.name), now)
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
    )
    return Board(
        environment=environment,
        at=now,
        snapshots=tuple(snapshots),
        pipelines=pipelines(catalogue, environment.name, found, others, loads),
        findings=findings(facts),
        secrets=secrets,
        queue=queue,
        histories=found,
        operations=tuple(operations),
    )
