"""Roll back: deploy the last verified release again, tried first, then for real, then verified.

What is broken must not forbid its cure: of its gates only a few block (verified once, still pullable,
migrations that can be undone), and whatever else is wrong is told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from fedesk.domain import guards, release_gates
from fedesk.domain.release_matrix import (
    ReleaseOperation,
    deployed,
    last_verified,
    proof_of,
)
from fedesk.domain.release_stops import REMOVED, ROLLBACK
from fedesk.domain.releases import Cell, Deployment, Gate, Migration, Release, ReleaseStop
from fedesk.domain.requests import Request
from fedesk.domain.states import State, System
from fedesk.ports.errors import NotFoundError
from fedesk.services.kinds import release_facts as facts
from fedesk.services.kinds.deploying import (
    BEFORE_PIN,
    CHOSEN,
    Deployed,
    asked,
    drafted,
    release_request,
    told_release,
)
from fedesk.services.kinds.release_origin import chosen
from fedesk.services.kinds.release_steps import steps_of
from fedesk.services.operation_kinds import Around, Draft, OperationKind, Weight
from fedesk.services.quarantining import standing_against

_MOST_READ = 10
"""Releases that are looked at: of those between, a request each."""
_LEAST = 4
"""Requests of each rollback: the job, its definition, the files of the release left and of the target."""


def draft(request: Request, around: Around) -> Draft:
    """What rolling back would do. Raises NotFoundError where there is no verified release, SourceError."""
    wanted = release_request(request)
    here = wanted.environment
    what = facts.deployable(wanted.service, here, around.systems.reading(wanted.connection), around.catalogue)
    preview = facts.preview_of(what, wanted)
    operations = facts.operations_of(around, here)
    stops = standing_against(around.store, service=wanted.service, environment=here)
    cell = facts.cell(what, here, preview.deployments, operations, stops)
    cell, has_read_stages = _proven(cell, what, wanted.digest, operations)
    found = _target(wanted.digest, cell, operations, stops)
    found = facts.whole(found, what)
    release = found.release
    if release is None or not release.is_immutable:
        raise NotFoundError(
            f"{found.run.name} does not say which release it deployed: it cannot be restored."
        )
    between = _with_files(_between(cell, found), found, what)
    # What rules comes first; where there is room, it is asked whether Jenkins would start it now.
    asked_so_far = _LEAST + has_read_stages + len({one.digest for one in between[1:]})
    is_quieting = facts.quieting_down(what) if asked_so_far < facts.MOST_REQUESTS else None
    left = cell.current
    pins = {REMOVED: left.digest if left is not None else ""}
    if not wanted.digest:
        pins[CHOSEN] = "the last verified release"
    if wanted.before:
        pins[BEFORE_PIN] = wanted.before
    has_dry_run = bool(what.deploy.dry_run)
    notes = [f"{here} runs {told_release(left)}, which is left."]
    if not has_dry_run:
        notes.append(
            "The job has no dry run that the catalogue names (deploy.dry_run): it is not tried before."
        )
    if wanted.before:
        notes.append(f"It follows operation {wanted.before}, whose verification failed.")
    return drafted(
        Deployed(
            what=what,
            environment=here,
            release=release,
            preview=preview,
            is_quieting_down=is_quieting,
            cell=cell,
            pins=pins,
            gates=_gates(what, release, found, between, cell, operations, stops, around),
            is_tried=has_dry_run,
            sentence=f"put {wanted.service} {told_release(found)} back in {here}",
            notes=tuple(notes),
        ),
        around,
    )


def _proven(
    cell: Cell, what: facts.Deployable, digest: str, operations: Sequence[ReleaseOperation]
) -> tuple[Cell, bool]:
    """The cell with what the job's own stage says of older releases, up to the first that is verified.

    And whether that was asked: one request for all that are among the newest ten builds.
    """
    before = list(cell.before)
    leaves = cell.current.digest if cell.current is not None else ""
    ends: Mapping[str, State | None] | None = None
    for place, one in enumerate(before[:_MOST_READ]):
        is_asked = one.digest.startswith(digest) if digest else one.digest != leaves
        if one.release is None or not one.digest or not is_asked:
            continue
        if proof_of(cell.service, cell.environment, one.digest, operations, ()).is_green:
            break
        ends = facts.stage_ends(what) if ends is None else ends
        before[place] = facts.verified_by(ends, one, what)
        if before[place].own_verification is State.SUCCEEDED:
            break
    return replace(cell, before=tuple(before)), bool(ends is not None and what.deploy.verification_stage)


def _with_files(
    between: Sequence[Deployment], target: Deployment, what: facts.Deployable
) -> list[Deployment]:
    """What was deployed after the target with all that the builds say; of each release one is read."""
    read = {target.digest: target}
    found: list[Deployment] = []
    for one in between:
        same = read.get(one.digest) if one.digest else None
        if same is None and len(found) < _MOST_READ:
            told = facts.whole(one, what)
            read[one.digest] = told
        else:
            told = one if same is None else replace(one, release=same.release, unread=same.unread)
        found.append(told)
    return found


def _target(
    digest: str, cell: Cell, operations: Sequence[ReleaseOperation], stops: Sequence[ReleaseStop]
) -> Deployment:
    """What is gone back to: the release that is named, else the last verified one."""
    if digest:
        return chosen(digest, deployed(cell), cell.environment)
    found = last_verified(cell, operations, stops)
    if found is None:
        raise NotFoundError(
            f"No release of {cell.service} was verified in {cell.environment} that could be gone back to; "
            "name one by its digest (--to sha256:…), which then has to be verified or is refused."
        )
    return found


def _between(cell: Cell, target: Deployment) -> list[Deployment]:
    """What was deployed after the target, newest first."""
    found = []
    for one in deployed(cell):
        if one.digest == target.digest:
            break
        found.append(one)
    return found


def _gates(
    what: facts.Deployable,
    release: Release,
    found: Deployment,
    between: Sequence[Deployment],
    cell: Cell,
    operations: Sequence[ReleaseOperation],
    stops: Sequence[ReleaseStop],
    around: Around,
) -> tuple[Gate, ...]:
    here, now = cell.environment, around.clock.now()
    proof = proof_of(cell.service, here, found.digest, operations, deployed(cell))
    seen = facts.evidence_of(found, now)
    undone, unread = _undone(between, release.migrations)
    names, ages, trouble = facts.secrets_seen(cell.service, here, around)
    registry = facts.registry_seen(release, what.connection, now)
    return (
        release_gates.verified_once(proof, seen),
        release_gates.digest(release, registry, None),
        release_gates.stopped(stops, release, here),
        release_gates.migrations(undone, unread, seen),
        release_gates.warning(release_gates.upstream(facts.upstream_seen(cell.service, here, around))),
        release_gates.warning(release_gates.secrets(names, ages, trouble, now)),
    )


def _undone(
    between: Sequence[Deployment], kept: Sequence[Migration]
) -> tuple[tuple[Migration, ...], tuple[str, ...]]:
    """Migrations that came after the target, and builds of which cannot be told what they changed."""
    has = {one.id for one in kept}
    found = {
        one.id: one
        for each in between
        if each.release is not None
        for one in each.release.migrations
        if one.id not in has
    }
    unread = [each.run.name.id for each in between if each.release is None or not each.release.build_url]
    return tuple(found.values()), tuple(unread)


KIND = OperationKind(
    name=ROLLBACK,
    action="rollback",
    system=System.JENKINS,
    draft=draft,
    asked=asked,
    made_steps=steps_of,
    queues=True,
    weights=MappingProxyType({guards.FREEZE: Weight.WARNS, guards.HOLD: Weight.WARNS}),
)
