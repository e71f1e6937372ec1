"""Promote a release: deploy what an environment runs, by its immutable digest, into the next one."""

from dataclasses import dataclass

from fedesk.domain import release_gates
from fedesk.domain.catalogue import STAGE_GATES
from fedesk.domain.release_matrix import PROMOTE, UNPROVEN, Soak, proof_of, soak_of
from fedesk.domain.releases import Cell, Deployment, Gate, Migration, Release
from fedesk.domain.requests import Request
from fedesk.domain.states import System
from fedesk.ports.errors import ConflictError, NotFoundError
from fedesk.ports.sources import Connection
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
from fedesk.services.kinds.release_steps import steps_of
from fedesk.services.operation_kinds import Around, Draft, OperationKind
from fedesk.services.quarantining import standing_against


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """Where a release comes from."""

    environment: str
    """Empty where no environment stands before: then it comes from the job that builds releases."""
    what: facts.Deployable
    found: Deployment
    soak: Soak


def draft(request: Request, around: Around) -> Draft:
    """What promoting a release would do. Raises NotFoundError, ConflictError for a tag, SourceError."""
    wanted = release_request(request)
    here = wanted.environment
    what = facts.deployable(wanted.service, here, around.systems.reading(wanted.connection), around.catalogue)
    environment = facts.origin_of(wanted, around.environments)
    origin = _origin(what, environment, wanted.digest, around)
    release = origin.found.release
    if release is None or not release.is_immutable:
        raise ConflictError(
            f"{origin.found.run.name} does not say by which digest: a tag may mean another image tomorrow."
        )
    preview = facts.preview_of(what, wanted)
    cell = facts.cell(what, here, preview.deployments, facts.operations_of(around, here))
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
            cell=cell,
            pins=pins,
            gates=_gates(what, release, origin, cell, around),
            sentence=f"deploy {wanted.service} {told_release(origin.found)} to {here}",
            notes=(f"{runs}: it is deployed once more." if is_there else f"{runs}.",),
        ),
        around,
    )


def _origin(what: facts.Deployable, environment: str, digest: str, around: Around) -> _Origin:
    service = what.service.name
    if not environment:
        builds = facts.building(what, around.catalogue)
        found = facts.chosen(digest, facts.deployments_of(builds), builds.job.job)
        soak = Soak(proof=UNPROVEN, ran=None, runs_now=False)
        return _Origin(environment="", what=builds, found=facts.whole(found, builds), soak=soak)
    there = facts.deployable(
        service, environment, _jenkins(what.connection, environment, around), around.catalogue
    )
    deployments = facts.deployments_of(there)
    found = facts.chosen(digest, deployments, environment)
    operations = facts.operations_of(around, environment)
    if not proof_of(service, environment, found.digest, operations, deployments).is_green:
        told = facts.with_own_verification(found, there)
        deployments = tuple(told if one is found else one for one in deployments)
    cell = facts.cell(there, environment, deployments, operations)
    soak = soak_of(cell, found.digest, operations, around.clock.now())
    return _Origin(environment=environment, what=there, found=facts.whole(found, there), soak=soak)


def _jenkins(connection: Connection, environment: str, around: Around) -> Connection:
    """The Jenkins of another environment: the one of the same name, else its first that deploys."""
    those = [
        one
        for one in around.systems.of(environment)
        if one.system is System.JENKINS and one.deploys is not None
    ]
    same = [one for one in those if one.name.name == connection.name.name]
    found = next(iter([*same, *those]), None)
    if found is None:
        raise NotFoundError(f"{environment} has no Jenkins whose jobs deploy.")
    return found


def _gates(
    what: facts.Deployable, release: Release, origin: _Origin, cell: Cell, around: Around
) -> tuple[Gate, ...]:
    service, here, now = what.service, cell.environment, around.clock.now()
    built = facts.build_seen(release, around)
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
    queues=True,
)
