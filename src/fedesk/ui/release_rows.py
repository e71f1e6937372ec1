"""Releases as rows: a service a row, an environment a column, and what is to be known of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from fedesk.domain.release_matrix import DriftKind
from fedesk.domain.releases import VERIFIED_SAID, StopKind, Verified
from fedesk.domain.states import State
from fedesk.ui import present
from fedesk.ui.listed import Column, Listed, Maker, Row, later
from fedesk.ui.present import Face
from fedesk.ui.targets import Target

if TYPE_CHECKING:
    from datetime import datetime

    from fedesk.domain.release_matrix import Drift, Matrix, MatrixRow
    from fedesk.domain.releases import Cell, Deployment, ReleaseStop

PROOFS: Mapping[Verified, Face] = {
    verified: Face(glyph, plain, VERIFIED_SAID[verified], style)
    for verified, glyph, plain, style in (
        (Verified.VERIFIED, "✓", "+", "$state-quiet-green"),
        (Verified.BY_ITS_JOB, "✓", "+", present.MUTED),
        (Verified.FAILED, "✗", "x", "$text-error"),
        (Verified.INCONCLUSIVE, "?", "?", "$state-violet"),
        (Verified.NOT_READ, "◦", ":", present.MUTED),
        (Verified.NOT_VERIFIED, "·", ".", present.MUTED),
    )
}
STOPPED = Face("■", "o", "stopped", "$text-error")
DISAGREES = Face("▲", "!", "disagrees", "$text-warning")
_FAR = {DriftKind.BEHIND: "", DriftKind.SAME: present.MUTED, DriftKind.AHEAD: "$text-warning"}
_SHOWN = 5
"""Environments that have a column."""


def release_columns(environments: Sequence[str]) -> tuple[Column, ...]:
    """Columns of the matrix, one for each environment among them."""
    return (
        Column(title="", name="state", width=1, number=True),
        Column(title="service", width=16, grow=2),
        Column(title="owner", width=12, importance=1),
        *(
            Column(title=present.text(name, 14), width=16, importance=9 - min(at, 3), grow=1, name=name)
            for at, name in enumerate(reversed(environments[-_SHOWN:]))
        ),
        Column(title="drift", width=18, importance=4, grow=2, number=True),
    )


def release_rows(matrix: Matrix, here: str, now: datetime) -> list[Listed]:
    """A row for each service; ``here`` is the environment that is looked at."""
    return later(matrix.rows, lambda row: row.service, _ReleaseRows(matrix, here, now))


@dataclass(frozen=True)
class _ReleaseRows(Maker["MatrixRow"]):
    matrix: Matrix
    here: str
    now: datetime

    def row(self, subject: MatrixRow, /) -> Row:
        """The row of one service."""
        cells = {cell.environment: cell for cell in subject.cells}
        shown = [cells.get(name) for name in reversed(self.matrix.environments[-_SHOWN:])]
        cell = cells.get(self.here)
        drift = next((one for one in subject.drifts if one.environment == self.here), None)
        face, rank = _standing(cell)
        return Row(
            key=subject.service,
            cells=(
                face.mark,
                present.plain(subject.service, "bold"),
                present.plain(subject.owner, present.MUTED),
                *(_deployed(one, self.now) for one in shown),
                _drifted(drift),
            ),
            target=_target(subject, cell, drift, self.here),
            dim=cell is not None and bool(cell.trouble),
            numbers={"state": rank, "drift": None if drift is None else drift.builds},
        )


_BADNESS: tuple[tuple[Callable[[Cell], bool], Face], ...] = (
    (lambda cell: bool(cell.stops), STOPPED),
    (
        lambda cell: cell.last_failed is not None or cell.verified is Verified.FAILED,
        present.FACES[State.FAILED],
    ),
    (lambda cell: cell.disagrees, DISAGREES),
    (lambda cell: bool(cell.trouble), present.FACES[State.UNKNOWN]),
    (lambda cell: cell.verified is Verified.INCONCLUSIVE, PROOFS[Verified.INCONCLUSIVE]),
    (lambda cell: cell.in_flight is not None, present.FACES[State.RUNNING]),
    (lambda cell: cell.current is None, present.FACES[State.UNKNOWN]),
)
"""What one is to see first of a service, the worst first."""


def _standing(cell: Cell | None) -> tuple[Face, int]:
    """What one sees first of a service, and its place in the order of what is bad."""
    if cell is None or cell.connection is None:
        return present.NOTHING, len(_BADNESS) + 1
    for rank, (holds, face) in enumerate(_BADNESS):
        if holds(cell):
            return face, rank
    return PROOFS[cell.verified], len(_BADNESS)


def _deployed(cell: Cell | None, now: datetime) -> Content:
    """``1.262.0 ✓ 3d``: what runs there, whether that is verified, since when."""
    if cell is None or cell.connection is None:
        return Content.styled("·", "$foreground-disabled")
    if cell.current is None:
        return Content.styled("?" if cell.trouble else "nothing yet", present.MUTED)
    release = cell.current.release
    named = (release.version or present.digest(release.digest)) if release is not None else "?"
    face = STOPPED if cell.stops else DISAGREES if cell.disagrees else PROOFS[cell.verified]
    marks = [face.mark]
    if cell.in_flight is not None:
        marks.append(present.FACES[State.RUNNING].mark)
    elif cell.last_failed is not None:
        marks.append(present.FACES[State.FAILED].mark)
    since = f" {present.age(cell.current.at, now)}" if cell.current.at else ""
    return Content.assemble(present.text(named, 16), " ", *marks, (since, present.MUTED))


def _drifted(drift: Drift | None) -> Content:
    if drift is None:
        return Content()
    return Content.styled(present.text(drift.short, 60), _FAR.get(drift.kind, present.MUTED))


def _target(row: MatrixRow, cell: Cell | None, drift: Drift | None, here: str) -> Target:
    name = present.text(row.service, 80)
    run = cell.current.run if cell is not None and cell.current is not None else None
    return Target(
        name=name,
        id=row.service,
        service=row.service,
        run=run.name if run is not None else None,
        link=run.link if run is not None else "",
        environment=here,
        unpromotable=against_promotion(name, cell, drift, here),
        unreturnable=against_rollback(name, cell, here),
        digest=digest_of(cell),
        unstoppable=against_quarantine(name, cell, here),
        unliftable=against_lifting(name, stops_here(row.stops, here), here),
    )


def digest_of(cell: Cell | None) -> str:
    """The release that runs in a cell; empty where that is not known."""
    return cell.current.digest if cell is not None and cell.current is not None else ""


def stops_here(stops: Sequence[ReleaseStop], here: str) -> tuple[ReleaseStop, ...]:
    """Those that hold in an environment."""
    return tuple(one for one in stops if one.environment in ("", here))


def against_quarantine(name: str, cell: Cell | None, here: str) -> str:
    """Why ``Q`` does not serve; empty where the release that runs there can be stopped."""
    if cell is None or cell.connection is None:
        return f"{name} has no deploy job in {here}"
    if cell.current is None:
        return f"nothing is deployed in {here}"
    digest = digest_of(cell)
    if not digest:
        return f"which release of {name} runs in {here} is not known"
    is_stopped = any(one.kind is StopKind.QUARANTINE for one in cell.stops)
    return f"{present.digest(digest)} is in quarantine already, L lifts that" if is_stopped else ""


def against_lifting(name: str, stops: Sequence[ReleaseStop], here: str) -> str:
    """Why ``L`` does not serve; empty where something could be lifted."""
    return "" if stops else f"nothing stands against a release of {name} in {here}"


def against_promotion(name: str, cell: Cell | None, drift: Drift | None, here: str) -> str:
    """Why ``P`` does not serve, as far as the matrix tells; empty where a plan may be made."""
    if cell is None or cell.connection is None:
        return f"{name} has no deploy job in {here}"
    if drift is None:
        return f"{here} is the first environment of {name}: nothing is promoted into it"
    return f"{here} runs what {drift.origin} runs" if drift.kind is DriftKind.SAME else ""


def against_rollback(name: str, cell: Cell | None, here: str) -> str:
    """Why ``V`` does not serve, as far as the matrix tells; empty where a plan may be made."""
    if cell is None or cell.connection is None:
        return f"{name} has no deploy job in {here}"
    if cell.current is None and cell.last_failed is None:
        return f"nothing is deployed in {here}"
    return "" if cell.before else f"no release of {name} before this one is known in {here}"


def started_by(deployment: Deployment, longest: int) -> str:
    """`` by mara``; Jenkins' own sentence where no person began it."""
    said = present.text(deployment.by, longest)
    return (
        f", {said[0].lower()}{said[1:]}" if said.startswith("Started by ") else f" by {said}" if said else ""
    )


def about(row: MatrixRow, here: str, now: datetime) -> Content | None:
    """In one line what the row has no room for: what contradicts it, then which release and whose word."""
    cell = next((one for one in row.cells if one.environment == here), None)
    if cell is None or cell.connection is None:
        return None
    if cell.trouble:
        return Content.styled(present.text(cell.trouble, 300), "$state-violet")
    if cell.current is None:
        return None
    said: list[tuple[str, str]] = []
    for stop in cell.stops:
        what = "in quarantine" if stop.kind is StopKind.QUARANTINE else "held"
        said.append((f"{what}: {present.text(stop.reason, 120)} · ", "$text-error"))
    for one in cell.sightings:
        if one.agrees is False:
            seen = f"{present.text(one.source, 60)} says {present.text(one.said, 120)} · "
            said.append((seen, "$text-warning"))
    release = cell.current.release
    if release is None:
        unread = present.text(cell.current.unread, 120)
        said.append((f"{here} runs a release that is not known: {unread}", "$state-violet"))
    else:
        commit = present.commit(release.commit) or "?"
        said.append((f"{here} {present.digest(release.digest)} of commit {commit}", ""))
    who = started_by(cell.current, 40)
    since = present.age(cell.current.at, now)
    said.append((f", {since} ago{who}, {PROOFS[cell.verified].word}", present.MUTED))
    return Content.assemble(*said)
