"""Findings as rows: what is wrong, where, since when, who has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from textual.content import Content

from fedesk.domain.states import Severity
from fedesk.ui import present
from fedesk.ui.actions import Target
from fedesk.ui.listed import Column, Row

if TYPE_CHECKING:
    from datetime import datetime

    from fedesk.domain.front import Finding
    from fedesk.domain.marks import FindingState
    from fedesk.domain.names import ConnectionName

COLUMNS = (
    Column(title="", name="state", width=1, number=True),
    Column(title="age", width=4, right=True, number=True),
    Column(title="what", width=16, grow=2),
    Column(title="why", width=28, grow=5),
    Column(title="owner", width=11, importance=1),
    Column(title="", name="severity", width=6, importance=2, number=True),
)
_SEVERITY_ORDER: Mapping[Severity, int] = {severity: at for at, severity in enumerate(Severity)}


def _said_where(finding: Finding, further: frozenset[ConnectionName]) -> str:
    """The connection, where it is a further one and the row does not name it already."""
    seen_on = finding.seen_on
    named = seen_on is None or seen_on not in further or seen_on.name in finding.subject
    return "" if seen_on is None or named else f"{present.text(seen_on.name, 20)} "


def _is_quiet(state: FindingState | None) -> bool:
    return state is not None and state.quiet is not None


def _said_who(state: FindingState | None, now: datetime) -> Content:
    """``✓ mara `` where somebody has it, ``quiet 3h `` where it is snoozed or silenced."""
    if state is None:
        return Content()
    quiet = f"quiet {present.length_of(state.quiet.until - now)} " if state.quiet else ""
    held = f"{present.HELD.glyph} {present.text(state.holder, 40).partition('@')[0]} " if state.holder else ""
    return Content.assemble((quiet, present.MUTED), (held, present.HELD.style))


def finding_rows(
    findings: Iterable[Finding],
    now: datetime,
    *,
    stale: frozenset[ConnectionName] = frozenset(),
    further: frozenset[ConnectionName] = frozenset(),
    pipelines: frozenset[str] = frozenset(),
    states: Mapping[str, FindingState] = MappingProxyType({}),
    dim_all: bool = False,
) -> list[Row]:
    """One row a finding, in the order given.

    ``pipelines`` names those that have runs to list, ``states`` by their ids what people said of them.
    """
    return [
        Row(
            key=finding.id,
            cells=(
                present.FACES[finding.state].mark,
                Content(present.age(finding.since, now)),
                present.plain(finding.subject, "bold"),
                Content.assemble(
                    _said_who(states.get(finding.id), now),
                    (_said_where(finding, further), present.MUTED),
                    (f"{finding.maintenance}: " if finding.maintenance else "", present.MUTED),
                    present.text(finding.what),
                ),
                present.plain(str(finding.owner), present.MUTED),
                present.plain("quiet", present.MUTED)
                if finding.is_quiet
                else Content.styled(finding.severity.value, present.SEVERITIES[finding.severity]),
            ),
            target=Target(
                name=present.text(finding.subject, 80),
                id=str(finding.run) if finding.run else (finding.link or finding.id),
                run=finding.run,
                link=finding.link,
                runbook=finding.runbook,
                pipeline=finding.subject if finding.subject in pipelines else "",
                operation=finding.operation,
            ),
            dim=dim_all or finding.is_quiet or finding.seen_on in stale or _is_quiet(states.get(finding.id)),
            numbers={
                "state": present.STATE_ORDER[finding.state],
                "age": None if finding.since is None else (now - finding.since).total_seconds(),
                "severity": _SEVERITY_ORDER[finding.severity],
            },
        )
        for finding in findings
    ]
