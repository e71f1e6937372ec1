"""Findings in maintenance: they are shown, and are nobody's alarm until it is over."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from fedesk.domain.board import JobHistory
from fedesk.domain.catalogue import Catalogue
from fedesk.domain.front import Finding
from fedesk.domain.windows import Occurrence, Window, WindowKind, foremost, reach_of, until_said
from fedesk.services.calendar import in_force


def quieted(
    found: Sequence[Finding],
    histories: Sequence[JobHistory],
    windows: Iterable[Window],
    *,
    catalogue: Catalogue,
    environment: str,
    now: datetime,
) -> tuple[Finding, ...]:
    """The same findings, each in maintenance saying until when, and those behind the others.

    What fedesk itself does not know the end of is never quiet: its target is blocked all the same.
    """
    current = in_force(
        (one for one in windows if one.kind is WindowKind.MAINTENANCE and one.environment == environment), now
    ).occurrences
    if not current:
        return tuple(found)
    judged = [
        replace(finding, maintenance=f"maintenance {until_said(one, now)}") if one is not None else finding
        for finding in found
        for one in [_maintenance(finding, histories, current, catalogue, environment)]
    ]
    return tuple(sorted(judged, key=lambda one: one.is_quiet))


def _maintenance(
    finding: Finding,
    histories: Sequence[JobHistory],
    current: Sequence[Occurrence],
    catalogue: Catalogue,
    environment: str,
) -> Occurrence | None:
    if finding.operation:
        return None
    reach = reach_of(catalogue, environment, names_of(finding, histories))
    return foremost(one for one in current if one.window.covers(reach))


def names_of(finding: Finding, histories: Sequence[JobHistory]) -> tuple[str, ...]:
    """What a finding is about, by the names that a window may bear: its subject, and the job of its run."""
    jobs = (
        history.key[1]
        for history in histories
        if finding.run is not None
        and history.connection == finding.run.connection
        and any(run.name == finding.run for run in history.runs)
    )
    return (finding.subject, *jobs)
