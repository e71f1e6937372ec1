"""Promote a release: deploy what an environment runs, by its immutable digest, into the next one."""

from fedesk.domain import release_gates
from fedesk.domain.catalogue import STAGE_GATES
from fedesk.domain.release_gates import BuildSeen
from fedesk.domain.release_matrix import PROMOTE
from fedesk.domain.releases import Cell, Gate, Migration, Release
from fedesk.domain.requests import Request
from fedesk.domain.states import System
from fedesk.ports.errors import ConflictError
from fedesk.services.kinds import release_facts as facts
from fedesk.services.kinds.deploying import (
    CHOSEN,
    FROM_PIN,
    Deployed,
    asked,
    drafted,
    release_request,
    told_release,
)
from fedesk.services.kinds.release_origin import (
    Origin,
    build_seen,
    built_here,
    deployed_before,
    previewed,
)
from fedesk.services.kinds.release_steps import done_said, steps_of
from fedesk.services.operation_kinds import Around, Draft, OperationKind
from fedesk.services.quarantining import standing_against


def draft(request: Request, around: Around) -> Draft:
    """What promoting a release would do. Raises NotFoundError, ConflictError for a tag, SourceError."""
    wanted = release_request(request)
    here = wanted.environment
    what = facts.deployable(wanted.service, here, around.systems.reading(wanted.connection), around.catalogue)
    environment = facts.origin_of(wanted, around.environments)
    if environment:
        origin = deployed_before(what, environment, wanted.digest, around)
        origin, preview = previewed(what, wanted, origin, around)
    else:
        origin, preview = built_here(what, wanted, around.catalogue)
    release = origin.found.release
    if release is None or not release.is_immutable:
        raise ConflictError(
            f"{origin.found.run.name} does not say by which digest: a tag may mean another image tomorrow."
        )
    built = build_seen(release, origin, what.service, around)
    # What rules comes first; where there is room, it is asked whether Jenkins would start it now.
    is_quieting = facts.quieting_down(what) if built.has_room(what.connection.name) else None
    cell = facts.cell(what, here, preview.deployments, facts.operations_of(around, here, wanted.service))
    pins = {FROM_PIN: environment} if environment else {}
    if not wanted.digest:
        pins[CHOSEN] = f"what {environment} runs" if environment else "what was built last"
    runs = f"{here} runs {told_release(cell.current)}"
    is_there = cell.current is not None and cell.current.digest == release.digest
    # Two who ask for the same at once: whoever is second finds it done.
    pins["runs there already"] = "yes" if is_there else "no"
    return drafted(
        Deployed(
            what=what,
            environment=here,
            release=release,
            preview=preview,
            is_quieting_down=is_quieting,
            cell=cell,
            pins=pins,
            gates=_gates(what, release, origin, built.seen, cell, around),
            sentence=f"deploy {wanted.service} {told_release(origin.found)} to {here}",
            notes=(f"{runs}: it is deployed once more." if is_there else f"{runs}.",),
        ),
        around,
    )


def _gates(
    what: facts.Deployable,
    release: Release,
    origin: Origin,
    built: BuildSeen,
    cell: Cell,
    around: Around,
) -> tuple[Gate, ...]:
    service, here, now = what.service, cell.environment, around.clock.now()
    stages = dict(service.promotion.stages)
    seen = facts.evidence_of(origin.found, now)
    stops = standing_against(around.store, service=service.name, environment=here)
    names, ages, trouble = facts.secrets_seen(service.name, here, around)
    registry = facts.registry_seen(release, what.connection, now)
    return (
        release_gates.built_from_commit(release, built),
        *(release_gates.stage_passed(name, stages.get(name, ""), built) for name in STAGE_GATES),
        release_gates.verified_before(origin.environment, origin.soak.proof, seen),
        release_gates.soaked(origin.environment, service.promotion.soak, origin.soak, seen),
        release_gates.digest(release, registry, built),
        release_gates.stopped(stops, release, here),
        release_gates.migrations(_brought(release, cell), (), seen),
        release_gates.upstream(facts.upstream_seen(service.name, here, around)),
        release_gates.secrets(names, ages, trouble, now),
    )


def _brought(release: Release, cell: Cell) -> tuple[Migration, ...]:
    """Migrations that what runs has not. Nothing runs there: all are new."""
    current = cell.current
    there = current.release if current is not None else None
    has = {one.id for one in there.migrations} if there is not None else set()
    return tuple(one for one in release.migrations if one.id not in has)


KIND = OperationKind(
    name=PROMOTE,
    action="promote",
    system=System.JENKINS,
    draft=draft,
    asked=asked,
    made_steps=steps_of,
    done_said=done_said,
    queues=True,
)
