"""One service's releases as text: what this environment would get, and what was deployed in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from textual.content import Content

from fedesk.domain.dora import Unit
from fedesk.domain.releases import StopKind
from fedesk.ui import present
from fedesk.ui.release_rows import PROOFS, STOPPED, started_by

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from fedesk.domain.dora import Dora, Metric
    from fedesk.domain.release_diff import ReleaseDiff
    from fedesk.domain.release_history import HistoryRow
    from fedesk.domain.releases import Release, ReleaseStop
    from fedesk.domain.runs import Change

_COMMITS = 40
_PATHS = 8
_INDENT = 2
_METRIC = 21
_LABEL = 15
_SHORT = 13
"""As much of an operation's id as one has to type: it tells the millisecond."""


def difference_lines(diff: ReleaseDiff, now: datetime, width: int) -> Iterator[Content]:
    """What the target has that the origin has not: size of it first, then each commit."""
    origin, target = diff.origin, diff.target
    word = "would be taken back" if diff.undoes else "is new"
    yield Content.styled(
        f"{present.text(target.name, 40)} {_named(target.release)} against "
        f"{present.text(origin.name, 40)} {_named(origin.release)}: what {word}",
        "bold",
    )
    if diff.is_same:
        yield Content.styled("Both are the same release.", present.MUTED)
        return
    for label, said in _facts(diff):
        yield from _hanging(Content.assemble((f"{label:<{_LABEL}}", present.MUTED), said), width)
    for change in diff.changes[:_COMMITS]:
        yield from _commit(change, now, width)
    more = len(diff.changes) - _COMMITS
    if more > 0:
        yield Content.styled(f"and {more} more; `fedesk release diff` lists them all", present.MUTED)
    for sentence in diff.untold:
        yield from Content.styled(present.text(sentence, 400), "$text-warning").wrap(width)


def _facts(diff: ReleaseDiff) -> Iterator[tuple[str, Content]]:
    yield "commits", Content(str(len(diff.changes)))
    for kind, paths in diff.touched.items():
        shown = ", ".join(present.text(path, 120) for path in paths[:_PATHS])
        more = f" +{len(paths) - _PATHS}" if len(paths) > _PATHS else ""
        yield kind.value, Content(f"{shown}{more}")
    if diff.migrations:
        fixed = [one.id for one in diff.migrations if not one.reversible]
        ids = ", ".join(present.text(one.id, 60) for one in diff.migrations)
        no_way_back = f" · cannot be undone: {present.text(', '.join(fixed), 200)}" if fixed else ""
        yield "migrations", Content.assemble(ids, (no_way_back, "$text-warning"))
    if diff.tickets:
        yield "tickets", Content(present.text(", ".join(diff.tickets), 400))
    if diff.grown_by is not None:
        yield "image", Content(f"{diff.grown_by / 1e6:+.1f} MB")
    if diff.compare:
        yield "compare", Content(present.text(diff.compare, 300))


def _commit(change: Change, now: datetime, width: int) -> Iterator[Content]:
    first = present.text(change.message, 400).partition("\n")[0]
    yield from _hanging(
        Content.assemble(
            (f"{present.commit(change.commit) or '?':<9}", "$text-accent"),
            first,
            (f"  {present.text(change.author, 60)} {present.age(change.at, now)}", present.MUTED),
        ),
        width,
    )


def stop_lines(stops: Iterable[ReleaseStop], now: datetime, zone: tzinfo, width: int) -> Iterator[Content]:
    """What stands against its releases, whether they run here or not, until it is lifted."""
    yield Content.styled("What is stopped", "bold")
    for one in stops:
        held = one.kind is StopKind.HOLD
        where = f"not promoted into {present.text(one.environment, 40)} again" if held else "everywhere"
        yield from _hanging(
            Content.assemble(
                STOPPED.mark,
                f" {present.clock_time(one.at, now, zone):>12} {present.digest(one.digest)} ",
                (f"{one.kind}, {where}", STOPPED.style),
                f": {present.text(one.reason, 300)} ",
                (f"by {present.text(one.by, 80)}  {present.text(one.id, 40)}", present.MUTED),
            ),
            width,
        )


def dora_lines(dora: Dora, width: int) -> Iterator[Content]:
    """DORA's four, each with what it is made of; what cannot be told is ``?``, and why."""
    days = round((dora.until - dora.since) / timedelta(days=1))
    yield Content.styled(f"DORA's four, of {days} days", "bold")
    for one in dora.metrics:
        value = _value(one)
        said = Content.assemble(
            (f"{one.name:<{_METRIC}}", present.MUTED),
            (f"{value:>8}", "$state-violet" if one.value is None else "bold"),
            (f"  {present.text(one.said, 300)}", present.MUTED),
        )
        yield from _hanging(said, width)
    for sentence in dora.untold:
        yield from Content.styled(present.text(sentence, 400), "$text-warning").wrap(width)


def _value(metric: Metric) -> str:
    if metric.value is None:
        return "?"
    if metric.unit is Unit.SECONDS:
        return present.duration(timedelta(seconds=metric.value))
    return f"{metric.value:.2f}/day" if metric.unit is Unit.PER_DAY else f"{metric.value:.0%}"


def history_lines(rows: tuple[HistoryRow, ...], now: datetime, zone: tzinfo, width: int) -> Iterator[Content]:
    """Each build of the deploy job, the newest first: what it deployed, whose it was, what is known of it."""
    yield Content.styled("What was deployed here", "bold")
    if not rows:
        yield Content.styled("No build of the deploy job is known.", present.MUTED)
    for row in rows:
        one = row.deployment
        face = present.FACES[one.run.state]
        number = one.run.name.id.rpartition("#")[2]
        told = f"release not known: {present.text(one.unread, 160)}"
        proof = PROOFS[row.proof.verified]
        marks: list[tuple[str, str]] = []
        if one.is_dry_run:
            marks.append((" dry run", present.MUTED))
        elif one.run.state.is_final and not one.run.state.is_bad:
            marks.append((f" {proof.word}", proof.style))
        if row.brings_back:
            marks.append((" brings back an earlier release", "$text-warning"))
        if row.operation is not None:
            marks.append((f" operation {row.operation.operation[:_SHORT]}", present.MUTED))
        yield from _hanging(
            Content.assemble(
                face.mark,
                f" {present.clock_time(one.at, now, zone):>12} ",
                (f"#{present.text(number, 12)} ", present.MUTED),
                _named(one.release) if one.release is not None else told if one.unread else "?",
                (started_by(one, 60), present.MUTED),
                *marks,
            ),
            width,
        )


def _named(release: Release | None) -> str:
    if release is None:
        return "?"
    version = present.text(release.version, 40)
    digest = present.digest(release.digest) if release.digest else "no digest"
    return f"{version} ({digest})" if version else digest


def _hanging(line: Content, width: int) -> Iterator[Content]:
    # One wrap, at the smaller width: a second one leaves two cells of a long word on a line.
    first, *rest = line.wrap(max(width - _INDENT, 20))
    yield first
    for more in rest:
        yield Content.assemble(" " * _INDENT, more)
