"""DORA's four metrics of one service, from its deployments to one environment.

Definitions follow https://dora.dev/guides/dora-metrics/ (change lead time, deployment frequency, change fail
rate, failed deployment recovery time), with what a deploy job and fedesk's own operations can tell:

- *lead time*: from a commit to the deployment that brought it; the median over commits whose times are known.
- *deployment frequency*: deployments that succeeded, rollbacks apart, for each day that was looked at.
- *change failure rate*: the share of deployments, rollbacks apart, that failed: their build did not succeed,
  their verification failed, or what they deployed was rolled back or followed by a fix (a commit whose title
  begins with ``hotfix``, ``fix forward`` or ``revert``).
- *time to restore*: from a failed deployment to the next one that succeeded and did not fail; of several
  failures in a row from the first; the median.

What cannot be told has no value, and a sentence that says so: it is never 0.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median

from fedesk.domain.operations import Outcome
from fedesk.domain.release_history import HistoryRow
from fedesk.domain.release_matrix import number_of
from fedesk.domain.release_stops import ROLLBACK
from fedesk.domain.runs import Change
from fedesk.domain.states import State

_FIX = re.compile(r"\s*(?:hot-?fix|fix[ -]forward|revert)\b", re.IGNORECASE)
_DAY = timedelta(days=1)


class MetricName(StrEnum):
    """The four."""

    LEAD_TIME = "lead time"
    FREQUENCY = "deployment frequency"
    FAILURE_RATE = "change failure rate"
    RESTORE = "time to restore"


class Unit(StrEnum):
    """What a value counts."""

    SECONDS = "seconds"
    PER_DAY = "per day"
    SHARE = "share"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One of the four."""

    name: MetricName
    value: float | None
    """None where it cannot be told."""
    unit: Unit
    said: str
    """What it is made of, or why there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dora:
    """The four of one service in one environment."""

    service: str
    environment: str
    since: datetime
    """From when on deployments are known; later than what was asked for where builds were removed."""
    until: datetime
    deployments: int
    """Those that changed something or meant to, rollbacks apart."""
    failed: int
    metrics: tuple[Metric, ...]
    untold: tuple[str, ...] = ()


def dora_of(
    rows: Sequence[HistoryRow],
    changes: Sequence[Change],
    *,
    service: str,
    environment: str,
    since: datetime,
    until: datetime,
    is_whole: bool,
    untold: Iterable[str] = (),
) -> Dora:
    """The four over a time. ``rows`` newest first, ``changes`` each with its build of the deploy job.

    ``is_whole`` says that nothing older than ``rows`` has been left out.
    """
    real = [one for one in reversed(rows) if not one.deployment.is_dry_run and _ended(one) is not None]
    first = min((at for one in real if (at := _ended(one)) is not None), default=until)
    start = since if is_whole or first <= since else first
    seen = [one for one in real if (at := _ended(one)) is not None and start <= at <= until]
    meant = [one for one in seen if not _is_rollback(one)]
    bad = {number_of(one.deployment) for one in meant if _has_failed(one, real, changes)}
    notes = list(untold)
    if start > since:
        notes.append(f"Builds before {start:%Y-%m-%d %H:%M} UTC are not known: it counts from then on.")
    unclear = sum(1 for one in meant if one.operation and one.operation.outcome is Outcome.UNKNOWN)
    if unclear:
        notes.append(f"Of {unclear} deployments it is not known how they ended; they count as not failed.")
    return Dora(
        service=service,
        environment=environment,
        since=start,
        until=until,
        deployments=len(meant),
        failed=len(bad),
        metrics=(
            _lead_time(seen, changes),
            _frequency(meant, until - start),
            _failure_rate(meant, bad),
            _restore(real, bad),
        ),
        untold=tuple(notes),
    )


def _ended(row: HistoryRow) -> datetime | None:
    return row.deployment.run.ended_at if row.deployment.run.state.is_final else None


def _is_rollback(row: HistoryRow) -> bool:
    return row.brings_back or (row.operation is not None and row.operation.kind == ROLLBACK)


def _succeeded(row: HistoryRow) -> bool:
    return row.deployment.run.state is State.SUCCEEDED


def _has_failed(row: HistoryRow, oldest_first: Sequence[HistoryRow], changes: Sequence[Change]) -> bool:
    if not _succeeded(row) or row.deployment.own_verification in (State.FAILED, State.UNSTABLE):
        return True
    if row.operation is not None and row.operation.outcome is Outcome.FAILED:
        return True
    number = number_of(row.deployment)
    after = next(
        (one for one in oldest_first if number_of(one.deployment) > number and _succeeded(one)), None
    )
    if after is None:
        return False
    return _is_rollback(after) or any(
        _FIX.match(one.message)
        for one in changes
        if one.build is not None and number < one.build <= number_of(after.deployment)
    )


def _lead_time(seen: Sequence[HistoryRow], changes: Sequence[Change]) -> Metric:
    """Of each commit: the first build that succeeded with it, or after it."""
    deployed = sorted(
        (number_of(one.deployment), at)
        for one in seen
        if _succeeded(one) and not _is_rollback(one) and (at := _ended(one)) is not None
    )
    first = deployed[0][0] if deployed else 0
    numbered = [one for one in changes if one.build is not None and one.build >= first]
    times = [
        (at - one.at).total_seconds()
        for one in numbered
        if one.at is not None and (at := _reached(deployed, one)) is not None and at >= one.at
    ]
    name, unit = MetricName.LEAD_TIME, Unit.SECONDS
    if not times:
        why = "no deployment succeeded" if not deployed else "no build says which commits came in, and when"
        return Metric(name=name, value=None, unit=unit, said=f"not known: {why}")
    left = len(numbered) - len(times)
    more = f"; of {left} more it is not known" if left else ""
    return Metric(name=name, value=median(times), unit=unit, said=f"median of {len(times)} commits{more}")


def _reached(deployed: Sequence[tuple[int, datetime]], change: Change) -> datetime | None:
    return next((at for number, at in deployed if change.build is not None and number >= change.build), None)


def _frequency(meant: Sequence[HistoryRow], length: timedelta) -> Metric:
    name, unit = MetricName.FREQUENCY, Unit.PER_DAY
    count = sum(map(_succeeded, meant))
    if length <= timedelta():
        return Metric(name=name, value=None, unit=unit, said="not known: no deployment is known at all")
    days = length / _DAY
    return Metric(name=name, value=count / days, unit=unit, said=f"{count} in {days:.1f} days")


def _failure_rate(meant: Sequence[HistoryRow], bad: set[int]) -> Metric:
    name, unit = MetricName.FAILURE_RATE, Unit.SHARE
    if not meant:
        return Metric(name=name, value=None, unit=unit, said="not known: there was no deployment")
    return Metric(name=name, value=len(bad) / len(meant), unit=unit, said=f"{len(bad)} of {len(meant)}")


def _restore(oldest_first: Sequence[HistoryRow], bad: set[int]) -> Metric:
    times = list(_restored(oldest_first, bad))
    known = [one for one in times if one is not None]
    name, unit = MetricName.RESTORE, Unit.SECONDS
    open_ones = f"{len(times) - len(known)} not restored yet" if len(times) > len(known) else ""
    if not known:
        return Metric(name=name, value=None, unit=unit, said=open_ones or "nothing had to be restored")
    said = f"median of {len(known)}"
    return Metric(
        name=name, value=median(known), unit=unit, said=f"{said}; {open_ones}" if open_ones else said
    )


def _restored(oldest_first: Sequence[HistoryRow], bad: set[int]) -> Iterator[float | None]:
    """Seconds of each row of failures, from the first of it; None for one that goes on."""
    began: datetime | None = None
    for one in oldest_first:
        number, at = number_of(one.deployment), _ended(one)
        if at is None:
            continue
        if number in bad:
            began = began or at
        elif began is not None and _succeeded(one):
            yield (at - began).total_seconds()
            began = None
    if began is not None:
        yield None
