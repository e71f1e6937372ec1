"""Releases as documents for programs, and in few words for people."""

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from fedesk.cli.output import Json, duration, instant
from fedesk.domain.releases import VERIFIED_SAID, Verified

if TYPE_CHECKING:
    from datetime import datetime

    from fedesk.domain.dora import Dora, Metric
    from fedesk.domain.release_diff import ReleaseDiff, Side
    from fedesk.domain.release_history import HistoryRow
    from fedesk.domain.release_matrix import Drift, MatrixRow
    from fedesk.domain.releases import Cell, Deployment, Release, ReleaseBudget
    from fedesk.domain.runs import Change

_SHORT_WORDS = {
    Verified.BY_ITS_JOB: "by job",
    Verified.FAILED: "failed",
    Verified.INCONCLUSIVE: "inconclusive",
    Verified.NOT_READ: "job?",
    Verified.NOT_VERIFIED: "",
}
"""In the matrix, whose cells are narrow."""
_DIGEST = 12
_COMMIT = 8


def short_digest(digest: str) -> str:
    """Its first 12 digits."""
    return digest.removeprefix("sha256:")[:_DIGEST]


def short_commit(commit: str) -> str:
    """Its first 8 digits."""
    return commit[:_COMMIT]


def named(release: "Release | None") -> str:
    """The shortest name a person knows it by."""
    if release is None:
        return "unknown"
    return release.version or short_digest(release.digest) or "unknown"


def cell_words(cell: "Cell", drift: "Drift | None", now: "datetime", budget: "ReleaseBudget") -> str:
    """A cell in one line: ``1.254.0 verified 2h05m, 3 behind, in flight``. What is unverified has no word."""
    if cell.connection is None:
        return ""
    if cell.current is None:
        return cell.trouble or ("first one in flight" if cell.in_flight else "nothing deployed")
    age = duration(now - cell.current.at) if cell.current.at else ""
    verified = _SHORT_WORDS.get(cell.verified, VERIFIED_SAID[cell.verified])
    main = " ".join(part for part in (named(cell.current.release), verified, age) if part)
    return ", ".join([main, *_drift_words(drift), *remarks(cell, budget)])


def _drift_words(drift: "Drift | None") -> list[str]:
    from fedesk.domain.release_matrix import DriftKind

    if drift is None or drift.kind in (DriftKind.SAME, DriftKind.UNKNOWN):
        return []
    return [f"{drift.builds} {drift.kind}" if drift.builds else drift.kind.value]


def remarks(cell: "Cell", budget: "ReleaseBudget") -> list[str]:
    """What one has to know of a cell beside what runs there."""
    from fedesk.domain.release_budgets import size_said

    size = size_said(cell, budget)
    return [
        *(str(stop.kind) for stop in cell.stops),
        *(["targets disagree"] if cell.disagrees else []),
        *(["in flight"] if cell.in_flight else []),
        *(["newest failed"] if cell.last_failed else []),
        *(["not read now"] if cell.trouble else []),
        *([size] if size else []),
    ]


def release_document(release: "Release") -> dict[str, Json]:
    """One release; what it does not say is null."""
    return {
        "service": release.service,
        "version": release.version or None,
        "digest": release.digest or None,
        "commit": release.commit or None,
        "image": release.image or None,
        "repository": release.repository or None,
        "build_url": release.build_url or None,
        "built_at": instant(release.built_at),
        "size_bytes": release.size_bytes,
        "scan": {"critical": release.critical, "high": release.high},
        "tests": dict(release.tests),
        "migrations": [{"id": one.id, "reversible": one.reversible} for one in release.migrations],
    }


def deployment_document(deployment: "Deployment") -> dict[str, Json]:
    """One build of a deploy job."""
    run = deployment.run
    return {
        "run": str(run.name),
        "state": run.state.value,
        "started_at": instant(run.started_at),
        "ended_at": instant(run.ended_at),
        "by": deployment.by or None,
        "operation": deployment.operation or None,
        "dry_run": deployment.is_dry_run,
        "release": None if deployment.release is None else release_document(deployment.release),
        "unread": deployment.unread or None,
        "link": run.link or None,
    }


def row_document(row: "MatrixRow") -> dict[str, Json]:
    """A service in every environment."""
    return {
        "name": row.service,
        "owner": row.owner,
        "cells": [_cell_document(cell) for cell in row.cells],
        "drifts": [
            {
                "from": one.origin,
                "to": one.environment,
                "kind": one.kind.value,
                "builds": one.builds,
                "said": one.said,
            }
            for one in row.drifts
        ],
    }


def _cell_document(cell: "Cell") -> dict[str, Json]:
    return {
        "environment": cell.environment,
        "connection": None if cell.connection is None else str(cell.connection),
        "job": cell.job or None,
        "current": None if cell.current is None else deployment_document(cell.current),
        "since": None if cell.current is None else instant(cell.current.at),
        "verified": cell.verified.value,
        "verified_at": instant(cell.verified_at),
        "verified_by": cell.verified_said or None,
        "in_flight": None if cell.in_flight is None else str(cell.in_flight.name),
        "last_failed": None if cell.last_failed is None else str(cell.last_failed.name),
        "sightings": [
            {
                "source": one.source,
                "said": one.said,
                "agrees": one.agrees,
                "observed_at": instant(one.observed_at),
                "link": one.link or None,
            }
            for one in cell.sightings
        ],
        "stops": [
            {
                "id": one.id,
                "kind": one.kind.value,
                "digest": one.digest,
                "environment": one.environment or None,
                "reason": one.reason,
                "by": one.by,
                "at": instant(one.at),
            }
            for one in cell.stops
        ],
        "trouble": cell.trouble or None,
        "observed_at": instant(cell.observed_at),
    }


def diff_document(diff: "ReleaseDiff") -> dict[str, Json]:
    """What lies between two releases."""
    return {
        "service": diff.service,
        "from": _side_document(diff.origin),
        "to": _side_document(diff.target),
        "same": diff.is_same,
        "undoes": diff.undoes,
        "commits": [_change_document(one) for one in diff.changes],
        "touched": [{"kind": kind.value, "paths": list(paths)} for kind, paths in diff.touched.items()],
        "migrations": [{"id": one.id, "reversible": one.reversible} for one in diff.migrations],
        "tickets": list(diff.tickets),
        "compare": diff.compare or None,
        "grown_by": diff.grown_by,
        "tests": [
            {"kind": kind, "before": before, "after": after} for kind, (before, after) in diff.tests.items()
        ],
        "untold": list(diff.untold),
    }


def _side_document(side: "Side") -> dict[str, Json]:
    return {"name": side.name, "where": side.said, "release": release_document(side.release)}


def _change_document(change: "Change") -> dict[str, Json]:
    return {
        "commit": change.commit,
        "author": change.author,
        "message": change.message,
        "at": instant(change.at),
        "paths": list(change.paths),
    }


def history_document(rows: "Iterable[HistoryRow]") -> list[Json]:
    """``deployments[]``, newest first."""
    return [
        {
            **deployment_document(row.deployment),
            "verified": row.proof.verified.value,
            "verified_at": instant(row.proof.since),
            "brings_back": row.brings_back,
            "ran_seconds": None if row.ran is None else round(row.ran.total_seconds(), 3),
        }
        for row in rows
    ]


def dora_document(found: "Dora") -> dict[str, Json]:
    """The four of one service."""
    return {
        "name": found.service,
        "since": instant(found.since),
        "deployments": found.deployments,
        "failed": found.failed,
        "metrics": [
            {
                "name": one.name.value,
                "value": None if one.value is None else round(one.value, 4),
                "unit": one.unit.value,
                "said": one.said,
            }
            for one in found.metrics
        ],
        "untold": list(found.untold),
    }


def dora_row(found: "Dora") -> tuple[str, ...]:
    """The same in a line."""
    made_of = "; ".join(f"{one.name}: {one.said}" for one in found.metrics)
    return (found.service, *(_value(one) for one in found.metrics), made_of)


def _value(metric: "Metric") -> str:
    from fedesk.domain.dora import Unit

    if metric.value is None:
        return "?"
    match metric.unit:
        case Unit.SECONDS:
            return duration(timedelta(seconds=metric.value))
        case Unit.PER_DAY:
            return f"{metric.value:.2f}"
        case Unit.SHARE:
            return f"{metric.value:.0%}"
