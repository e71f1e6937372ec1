"""What a rollback is judged by: which release was verified, and which migrations came after it.

A plan may ask a connection five times. What these do not reach is said, and never taken for granted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fedesk.domain.catalogue import ReleaseSource
from fedesk.domain.release_matrix import PROMOTE, ReleaseOperation, deployed, proof_of
from fedesk.domain.releases import Cell, Deployment, Migration
from fedesk.domain.states import State
from fedesk.services.kinds import release_facts as facts

LISTED = 100
"""Newest builds of the deploy job among which the release is looked for: as many as Jenkins tells at once."""
_BY_STAGES = 10
"""Newest builds whose stages are told by one request."""
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """A cell with what the job's own verification says of older releases, as far as it was asked."""

    cell: Cell
    asked: int
    """Requests that it took."""
    unread: tuple[str, ...]
    """Builds of which it was not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """What was deployed after the release that is gone back to."""

    undone: tuple[Migration, ...]
    """Migrations that came after it."""
    unread: tuple[str, ...]
    """Builds of which cannot be told what they changed."""
    asked: int


def proven(
    cell: Cell,
    listed: Sequence[Deployment],
    what: facts.Deployable,
    digest: str,
    operations: Sequence[ReleaseOperation],
    room: int,
) -> Proven:
    """What the job's own stage says, up to the newest release that is verified, in ``room`` requests.

    ``listed`` are all builds of the job; ``digest`` is the release that was named, empty where none was.
    """
    if not what.deploy.verification_stage:
        return Proven(cell=cell, asked=0, unread=())
    newest = {one.run.name.id for one in listed[:_BY_STAGES]}
    # Where a newer build has failed, what was there before is the cure.
    leaves = cell.current.digest if cell.current is not None and cell.last_failed is None else ""
    ends: Mapping[str, State | None] | None = None
    told: dict[str, Deployment] = {}
    unread: list[str] = []
    asked = 0
    for one in deployed(cell):
        is_asked = one.digest.startswith(digest) if digest else one.digest != leaves
        if one.release is None or not one.digest or not is_asked:
            continue
        if proof_of(cell.service, cell.environment, one.digest, operations, ()).is_green:
            break
        run = one.run.name.id
        if ends is None and run in newest and asked < room:
            ends, asked = facts.stage_ends(what), asked + 1
        if ends is not None and run in ends:
            told[run] = replace(one, own_verification=ends[run])
        elif run not in newest and asked < room:
            told[run], asked = facts.with_own_verification(one, what), asked + 1
        else:
            unread.append(run)
            told[run] = replace(one, has_unread_stage=True)
        if told[run].own_verification is State.SUCCEEDED:
            break
    current = cell.current
    return Proven(
        cell=replace(
            cell,
            current=None if current is None else told.get(current.run.name.id, current),
            before=tuple(told.get(one.run.name.id, one) for one in cell.before),
        ),
        asked=asked,
        unread=tuple(unread),
    )


def between(
    cell: Cell,
    target: Deployment,
    what: facts.Deployable,
    operations: Sequence[ReleaseOperation],
    room: int,
) -> Between:
    """What was deployed after the target and is undone with it; of each release one file is read.

    What fedesk has promoted itself need not be read where nothing that it brought was beyond undoing.
    """
    known = {target.digest: target}
    passed = _passed(operations, what)
    unread: list[str] = []
    asked = 0
    for one in deployed(cell):
        if one.digest == target.digest:
            break
        if one.digest and one.digest in known:
            continue
        told = one
        if not facts.is_whole(one) and one.operation in passed:
            continue
        if not facts.is_whole(one) and asked < room:
            told, asked = facts.whole(one, what), asked + 1
        if told.release is None or not told.release.build_url:
            unread.append(one.run.name.id)
        elif one.digest:
            known[one.digest] = told
    has = {one.id for one in target.release.migrations} if target.release is not None else set()
    undone = {
        one.id: one
        for each in known.values()
        if each.release is not None
        for one in each.release.migrations
        if one.id not in has
    }
    return Between(undone=tuple(undone.values()), unread=tuple(unread), asked=asked)


def _passed(operations: Sequence[ReleaseOperation], what: facts.Deployable) -> frozenset[str]:
    """Promotions whose release said that all its migrations can be undone, beside what ran then."""
    if what.deploy.release_from is not ReleaseSource.ARTIFACT:
        # Nothing else than the file tells of migrations: that there are none was not said.
        return frozenset()
    return frozenset(one.operation for one in operations if one.kind == PROMOTE and one.can_be_undone)


def not_asked(builds: Sequence[str]) -> str:
    """That newer releases may be verified, of which it was not asked, as a note."""
    more = len(builds) - _NAMED
    named = ", ".join(builds[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"Whether {named} verified what was deployed was not asked: a plan asks Jenkins five times."
