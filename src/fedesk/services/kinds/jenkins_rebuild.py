"""Jenkins: build again with the same parameters."""

import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from fedesk.domain import rerun_guards
from fedesk.domain.catalogue import Catalogue, in_environment, jobs_of
from fedesk.domain.names import split_build
from fedesk.domain.operations import (
    OPERATION_PARAMETER,
    Call,
    Effect,
    Evidence,
    Fact,
    JournalEntry,
    Json,
    Plan,
    Progress,
    StepKind,
    StepState,
    Target,
    filled,
)
from fedesk.domain.partitions import of_service, reservation
from fedesk.domain.plans import digest_of
from fedesk.domain.reruns import RebuildPreview, RerunRequest
from fedesk.domain.states import State, System
from fedesk.ports.changing import Systems
from fedesk.ports.errors import NotFoundError
from fedesk.ports.sources import Clock, Connection
from fedesk.services.hiding import hidden
from fedesk.services.operation_kinds import Draft, OperationKind, Step, for_reruns
from fedesk.services.rerun_requests import request_of

NAME = "jenkins.rebuild"
TRIGGER = "trigger"
QUEUE = "follow queue item"
_QUEUE_ITEM = "queue:"
_BUILD = "build:"


def draft(request: RerunRequest, systems: Systems, catalogue: Catalogue) -> Draft:
    """What building again with the same parameters would do. One look at Jenkins.

    Raises NotFoundError where the build is gone, SourceError.
    """
    connection = systems.reading(request.run.connection)
    if connection.rebuilds is None:
        raise NotFoundError(f"{connection.name} is not configured as a Jenkins whose builds may be repeated.")
    preview = connection.rebuilds.call(lambda source: source.rebuild_preview(request.run.id))
    return drafted(request, preview, connection, catalogue)


def drafted(
    request: RerunRequest, preview: RebuildPreview, connection: Connection, catalogue: Catalogue
) -> Draft:
    """The same, of a preview."""
    job, number = split_build(request.run.id)
    environment = connection.name.environment
    pipelines = tuple(one.name for one in catalogue.pipelines.values() if job in jobs_of(one, environment))
    services = tuple(
        one.name
        for one in catalogue.services.values()
        if one.deploy is not None and in_environment(one.deploy.job, environment) == job
    )
    sent = _sent(preview)
    target = Target(
        name=str(request.run),
        pipeline=pipelines[0] if pipelines else job,
        pins=MappingProxyType(
            {
                "server": connection.address,
                "build": preview.run.original_state,
                "parameters of the build": _hash(_given(preview)),
                "what the job declares": ", ".join(preview.declared) or "no parameters",
                f"definition ({preview.definition_source})": preview.definition,
            }
        ),
        reserves=(
            f"{connection.name}:{job}",
            *(reservation(environment, name, "") for name in pipelines),
            *(of_service(environment, name) for name in services),
        ),
        link=preview.run.link,
    )
    return Draft(
        target=target,
        effects=(_effect(connection, job, number, preview, sent),),
        guards=(
            rerun_guards.folder_scope(connection.name, connection.scope, job),
            rerun_guards.builds_at_work(preview),
            rerun_guards.identical_queued(preview),
            rerun_guards.buildable(preview),
            rerun_guards.parameters_repeatable(preview),
            rerun_guards.parameters_changed(preview),
            rerun_guards.operation_id(preview),
            rerun_guards.quieting_down(preview),
        ),
        facts=_facts(preview, connection),
        notes=_notes(preview, number),
        personal="Jenkins knows a build by the user who starts it",
    )


def _given(preview: RebuildPreview) -> dict[str, str]:
    """The build's parameters; without those that Jenkins hides or that are secrets: their plan is refused."""
    secrets = {one.name for one in rerun_guards.telling(preview)}
    return {
        one.name: one.value
        for one in rerun_guards.repeated(preview)
        if one.value is not None and one.name not in secrets
    }


def _sent(preview: RebuildPreview) -> dict[str, Json]:
    sent: dict[str, Json] = dict(_given(preview))
    if preview.declares_operation:
        sent[OPERATION_PARAMETER] = "{operation}"
    return sent


def _effect(
    connection: Connection, job: str, number: int, preview: RebuildPreview, sent: Mapping[str, Json]
) -> Effect:
    args: dict[str, Json] = {
        "job": job,
        "parameters": MappingProxyType(dict(sent)),
        "operation_parameter": preview.declares_operation,
        "after_queue_id": preview.highest_queue_id,
        "user": preview.user,
    }
    named = ", ".join(name for name in sent if name != OPERATION_PARAMETER)
    return Effect(
        connection=connection.name,
        call=Call(
            system=System.JENKINS,
            verb="build-with-parameters" if preview.declared else "build",
            args=MappingProxyType(args),
            key="{operation}",
        ),
        sentence=f"build {job} again as #{number} was, "
        + (f"with the same {named}" if named else "without parameters"),
    )


def _hash(parameters: Mapping[str, str]) -> str:
    text = json.dumps(parameters, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _facts(preview: RebuildPreview, connection: Connection) -> tuple[Fact, ...]:
    said = {
        "build": preview.run.original_state,
        "job": "can be built" if preview.buildable else "disabled",
        "builds that run": ", ".join(str(number) for number in preview.running) or "none",
        "queue items": ", ".join(str(item) for item in preview.queued) or "none",
        "definition": f"{preview.definition[:12]} ({preview.definition_source})",
    }
    return tuple(
        Fact(name=name, value=value, source=str(connection.name), observed_at=preview.observed_at)
        for name, value in said.items()
    )


def _notes(preview: RebuildPreview, number: int) -> tuple[str, ...]:
    notes = ["A build cannot be undone: what it deploys or loads is there."]
    if preview.run.state is State.SUCCEEDED:
        notes.append(f"#{number} succeeded; it is built again all the same.")
    if preview.definition_source != "config.xml":
        notes.append(
            f"Of the job's definition only its {preview.definition_source} can be read, and are pinned."
        )
    return tuple(notes)


def follow_queue(plan: Plan, journal: tuple[JournalEntry, ...], systems: Systems, _: Clock) -> Progress:
    """Where the queue item has got to. Raises SourceError."""
    reference = _reference(journal, TRIGGER)
    if reference.startswith(_BUILD):
        # Looking a lost answer up may have found the build itself.
        return Progress(state=StepState.DONE, said="The build has begun.", reference=reference)
    if not reference.startswith(_QUEUE_ITEM):
        return Progress(state=StepState.UNKNOWN, said="Jenkins named no queue item that could be followed.")
    connection = systems.reading(plan.connection)
    if connection.queues is None:
        raise NotFoundError(f"{connection.name} is not configured as a Jenkins whose queue can be followed.")
    item = int(reference.removeprefix(_QUEUE_ITEM))
    args = plan.effects[0].call.args
    job, ours = str(args["job"]), plan.operation if args["operation_parameter"] else ""
    return connection.queues.call(lambda source: source.follow_queue(item, job, ours))


def read_back(plan: Plan, journal: tuple[JournalEntry, ...], systems: Systems, clock: Clock) -> Progress:
    """Whether the build is ours, and has the parameters of the plan. Raises SourceError."""
    reference = _reference(journal, QUEUE) or _reference(journal, TRIGGER)
    if not reference.startswith(_BUILD):
        return Progress(state=StepState.UNKNOWN, said="No build is known that could be read back.")
    connection = systems.reading(plan.connection)
    if connection.runs is None:
        raise NotFoundError(f"{connection.name} has no builds that could be read.")
    call = filled(plan.effects[0].call, plan.operation, digest_of(plan))
    build = f"{call.args['job']}#{reference.removeprefix(_BUILD)}"
    try:
        detail = connection.runs.call(lambda source: source.run(build))
    except NotFoundError:
        # It is there once Jenkins has written it down.
        return Progress(state=StepState.WAITING, said=f"{build} is not there yet.", reference=reference)
    found = {one.name: one.value for one in detail.parameters}
    wanted = cast("Mapping[str, Json]", call.args["parameters"])
    other = [name for name, value in wanted.items() if found.get(name) != value]
    said = (
        f"{build} has other parameters than the plan: {', '.join(other)}."
        if other
        else f"{build} has the parameters of the plan"
        + (f" and carries the operation's id {plan.operation}." if OPERATION_PARAMETER in wanted else ".")
    )
    return Progress(
        state=StepState.FAILED if other else StepState.DONE,
        said=said,
        reference=reference,
        evidence=(
            Evidence(
                source=f"{connection.name} build",
                said=hidden(f"{build} {detail.run.original_state} {detail.run.cause}".strip()),
                at=clock.now(),
                link=detail.run.link,
            ),
        ),
    )


def _reference(journal: tuple[JournalEntry, ...], step: str) -> str:
    """The newest reference that a step has left."""
    return next((one.reference for one in reversed(journal) if one.step == step and one.reference), "")


KIND = OperationKind(
    name=NAME,
    action="rerun",
    system=System.JENKINS,
    draft=for_reruns(draft),
    asked=request_of,
    steps=(
        Step(name=TRIGGER, kind=StepKind.EFFECT, sentence="trigger a build with the same parameters"),
        Step(name=QUEUE, kind=StepKind.AWAIT, sentence="follow queue item to its build", look=follow_queue),
        Step(
            name="read back the build",
            kind=StepKind.VERIFY,
            sentence="read back the build: its id and its parameters",
            look=read_back,
            within=30.0,
        ),
    ),
)
