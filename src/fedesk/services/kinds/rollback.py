"""Roll back: deploy the last verified release again, tried first, then for real, then verified.

What is broken must not forbid its cure: of its gates only a few block (verified once, still pullable,
migrations that can be undone), and whatever else is wrong is told.
"""

from collections.abc import Sequence
from types import MappingProxyType

from fedesk.domain import guards, release_gates
from fedesk.domain.release_matrix import (
    ReleaseOperation,
    deployed,
    last_verified,
    proof_of,
)
from fedesk.domain.release_stops import REMOVED, ROLLBACK
from fedesk.domain.releases import Cell, Deployment, Gate, Release, ReleaseStop
from fedesk.domain.requests import Request
from fedesk.domain.states import System
from fedesk.ports.errors import NotFoundError
from fedesk.services.kinds import release_facts as facts
from fedesk.services.kinds import release_past as past
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
from fedesk.services.kinds.release_steps import done_said, steps_of
from fedesk.services.operation_kinds import Around, Draft, OperationKind, Weight
from fedesk.services.quarantining import standing_against

_READ = 3
"""Requests of each rollback before anything else: the job, its definition, the file of the release left."""


def draft(request: Request, around: Around) -> Draft:
    """What rolling back would do. Raises NotFoundError where there is no verified release, SourceError."""
    wanted = release_request(request)
    here = wanted.environment
    what = facts.deployable(wanted.service, here, around.systems.reading(wanted.connection), around.catalogue)
    preview = facts.preview_of(what, wanted, depth=past.LISTED)
    operations = facts.operations_of(around, here, wanted.service)
    stops = standing_against(around.store, service=wanted.service, environment=here)
    cell = facts.cell(what, here, preview.deployments, operations, stops)
    # What rules comes first; where there is room, it is asked whether Jenkins would start it now.
    room = facts.MOST_REQUESTS - _READ
    proven = past.proven(cell, preview.deployments, what, wanted.digest, operations, room - 1)
    cell, room = proven.cell, room - proven.asked
    found = _target(wanted.digest, cell, operations, stops, proven.unread)
    if not facts.is_whole(found):
        found, room = facts.whole(found, what), room - 1
    release = found.release
    if release is None or not release.is_immutable:
        raise NotFoundError(
            f"{found.run.name} does not say which release it deployed: it cannot be restored."
        )
    between = past.between(cell, found, what, operations, room)
    is_quieting = facts.quieting_down(what) if between.asked < room else None
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
    if cell.last_failed is not None:
        failed = cell.last_failed
        notes.append(f"Whether {failed.name.id}, which {failed.state} ended, changed schemas is not known.")
    if proven.unread:
        notes.append(past.not_asked(proven.unread))
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


def _target(
    digest: str,
    cell: Cell,
    operations: Sequence[ReleaseOperation],
    stops: Sequence[ReleaseStop],
    unread: Sequence[str],
) -> Deployment:
    """What is gone back to: the release that is named, else the last verified one."""
    if digest:
        return chosen(digest, deployed(cell), cell.environment)
    found = last_verified(cell, operations, stops)
    if found is None:
        raise NotFoundError(
            f"No release of {cell.service} was verified in {cell.environment} that could be gone back to; "
            "name one by its digest (--to sha256:…), which then has to be verified or is refused."
            + (f" {past.not_asked(unread)}" if unread else "")
        )
    return found


def _gates(
    what: facts.Deployable,
    release: Release,
    found: Deployment,
    between: past.Between,
    cell: Cell,
    operations: Sequence[ReleaseOperation],
    stops: Sequence[ReleaseStop],
    around: Around,
) -> tuple[Gate, ...]:
    here, now = cell.environment, around.clock.now()
    proof = proof_of(cell.service, here, found.digest, operations, deployed(cell))
    seen = facts.evidence_of(found, now)
    names, ages, trouble = facts.secrets_seen(cell.service, here, around)
    registry = facts.registry_seen(release, what.connection, now)
    return (
        release_gates.verified_once(proof, seen),
        release_gates.digest(release, registry, None),
        release_gates.stopped(stops, release, here),
        release_gates.migrations(between.undone, between.unread, seen),
        release_gates.warning(release_gates.upstream(facts.upstream_seen(cell.service, here, around))),
        release_gates.warning(release_gates.secrets(names, ages, trouble, now)),
    )


KIND = OperationKind(
    name=ROLLBACK,
    action="rollback",
    system=System.JENKINS,
    draft=draft,
    asked=asked,
    made_steps=steps_of,
    done_said=done_said,
    queues=True,
    weights=MappingProxyType({guards.FREEZE: Weight.WARNS, guards.HOLD: Weight.WARNS}),
)
