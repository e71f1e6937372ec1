"""The steps of a deployment, made from its plan: a dry run where it has one, the build, each check.

What is checked stands in the deploying effect's arguments, and so under the plan's digest.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import cast

from fedesk.domain import verifying
from fedesk.domain.catalogue import AirflowCheck, AirflowLook, Deploy, ReleaseSource, Verification
from fedesk.domain.names import split_build
from fedesk.domain.operations import (
    Call,
    Effect,
    Evidence,
    JournalEntry,
    Json,
    Plan,
    Progress,
    StepKind,
    StepState,
)
from fedesk.domain.plans import digest_of
from fedesk.domain.release_matrix import DIGEST_PIN, DRY_RUN, VERIFY
from fedesk.domain.release_stops import SERVICE
from fedesk.domain.releases import AWAITS_ANSWER
from fedesk.ports.changing import Systems
from fedesk.ports.errors import NotFoundError
from fedesk.ports.releasing import DeployJob
from fedesk.ports.sources import Clock, Connection
from fedesk.services import verification
from fedesk.services.hiding import hidden
from fedesk.services.operation_kinds import Step

TRIGGER = "trigger"
FOLLOW = "follow build"
READ_BACK = "read back the release"
SMOKE_RUN = "smoke run "
_QUEUE = "follow queue item"
_READ_BACK_WITHIN = 60.0
_SLACK = timedelta(minutes=1)
"""What a check has beside its own time: it tells itself how it ended, and is cut off where it does not."""
_QUEUE_ITEM, _BUILD, _RUN = "queue:", "build:", "run:"

Look = Callable[[Plan, tuple[JournalEntry, ...], Systems, Clock], Progress]


def deploying(plan: Plan) -> Effect:
    """The effect that deploys for real: the last of those that trigger the job."""
    return [effect for effect in plan.effects if "verify" in effect.call.args][-1]


def checks_of(plan: Plan) -> tuple[Verification, ...]:
    """What is looked at after it, in order."""
    documents = cast("Sequence[Mapping[str, Json]]", deploying(plan).call.args["verify"])
    return tuple(verifying.read(one) for one in documents)


def is_smoke_run(check: Verification) -> bool:
    """Whether something is triggered for a check."""
    return isinstance(check, AirflowCheck) and check.check is AirflowLook.SMOKE_RUN


def smoke_run_id(number: int) -> str:
    """The id of the DAG run that is triggered for a check; the plan's digest is filled in."""
    return f"fedesk__{{plan}}__smoke-{number}"


def steps_of(plan: Plan) -> tuple[Step, ...]:
    """The steps of a promotion or a rollback."""
    return tuple(_steps(plan))


def done_said(plan: Plan) -> str:
    """What is said of one that has done all: the last check alone would say little."""
    service, count = plan.targets[0].pins[SERVICE], len(checks_of(plan))
    if not count:
        return f"{service} runs in {plan.environment}; the catalogue names nothing that verifies it."
    return f"{service} runs in {plan.environment}, verified by {count} check{'s' if count > 1 else ''}."


def _steps(plan: Plan) -> Iterator[Step]:
    if plan.effects[0] is not deploying(plan):
        yield from _of_build(DRY_RUN, plan.effects[0], "deploy without changing anything")
    yield from _of_build("", deploying(plan), "trigger the deploy job")
    yield Step(
        name=READ_BACK,
        kind=StepKind.VERIFY,
        sentence="read back which release the build deployed",
        look=read_back,
        within=_READ_BACK_WITHIN,
    )
    for number, check in enumerate(checks_of(plan), 1):
        if is_smoke_run(check):
            yield Step(
                name=f"{SMOKE_RUN}{number}",
                kind=StepKind.EFFECT,
                sentence=f"trigger it: {verifying.told(check)}",
            )
        name = f"{VERIFY}{number}"
        yield Step(
            name=name,
            kind=StepKind.VERIFY,
            sentence=f"verify that {verifying.told(check)}",
            look=_verifying(name, number, check),
            within=(check.within + _SLACK).total_seconds(),
        )


def _of_build(prefix: str, effect: Effect, sentence: str) -> Iterator[Step]:
    trigger, queue = f"{prefix}{TRIGGER}", f"{prefix}{_QUEUE}"
    yield Step(name=trigger, kind=StepKind.EFFECT, sentence=sentence)
    yield Step(
        name=queue,
        kind=StepKind.AWAIT,
        sentence="follow the queue item to its build",
        look=_following_queue(effect, trigger),
    )
    yield Step(
        name=f"{prefix}{FOLLOW}",
        kind=StepKind.AWAIT,
        sentence="follow the build to its end",
        look=_following_build(effect, trigger, queue),
    )


def _following_queue(effect: Effect, trigger: str) -> Look:
    def look(plan: Plan, journal: tuple[JournalEntry, ...], systems: Systems, _: Clock) -> Progress:
        found = reference(journal, trigger)
        if found.startswith(_BUILD):
            # Looking a lost answer up may have found the build itself.
            return Progress(state=StepState.DONE, said="The build has begun.", reference=found)
        if not found.startswith(_QUEUE_ITEM):
            said = "Jenkins named no queue item that could be followed."
            return Progress(state=StepState.UNKNOWN, said=said)
        connection = systems.reading(plan.connection)
        if connection.queues is None:
            raise NotFoundError(
                f"{connection.name} is not configured as a Jenkins whose queue can be followed."
            )
        args, item = effect.call.args, int(found.removeprefix(_QUEUE_ITEM))
        # A dry run carries the same id: by it the build of a forgotten item is told apart in no way.
        is_alone = args["operation_parameter"] and len([one for one in plan.effects if _is_of_job(one)]) == 1
        operation = plan.operation if is_alone else ""
        return connection.queues.call(lambda source: source.follow_queue(item, str(args["job"]), operation))

    return look


def _is_of_job(effect: Effect) -> bool:
    return "operation_parameter" in effect.call.args


def _following_build(effect: Effect, trigger: str, queue: str) -> Look:
    def look(plan: Plan, journal: tuple[JournalEntry, ...], systems: Systems, _: Clock) -> Progress:
        build = build_of(effect, journal, queue, trigger)
        if not build:
            return Progress(state=StepState.UNKNOWN, said="No build is known that could be followed.")
        connection = systems.reading(plan.connection)
        if connection.builds is None:
            raise NotFoundError(
                f"{connection.name} is not configured as a Jenkins whose builds are followed."
            )
        found = connection.builds.call(lambda source: source.follow_build(build))
        if found.state is not StepState.WAITING or AWAITS_ANSWER not in found.said:
            return found
        how = f"`fedesk release answer {connection.name}:{build} --proceed` or `--abort` answers"
        return Progress(
            state=found.state,
            said=f"{found.said.rstrip('.')}. {how}.",
            reference=found.reference,
            evidence=found.evidence,
        )

    return look


def build_of(effect: Effect, journal: tuple[JournalEntry, ...], *steps: str) -> str:
    """The build that an effect came to, ``JOB#NUMBER``; empty while there is none."""
    found = next((one for step in steps if (one := reference(journal, step)).startswith(_BUILD)), "")
    return f"{effect.call.args['job']}#{found.removeprefix(_BUILD)}" if found else ""


def read_back(plan: Plan, journal: tuple[JournalEntry, ...], systems: Systems, clock: Clock) -> Progress:
    """Whether the build deployed the release of the plan, as it says itself. Raises SourceError."""
    build = build_of(deploying(plan), journal, FOLLOW, _QUEUE, TRIGGER)
    connection = systems.reading(plan.connection)
    if not build or connection.deploys is None:
        return Progress(state=StepState.UNKNOWN, said="No build is known that could be read back.")
    job = job_of(plan)
    try:
        found = connection.deploys.call(lambda source: source.deployment(job, split_build(build)[1]))
    except NotFoundError as error:
        said = f"{build} is gone, and with it which release it deployed: {error}"
        return Progress(state=StepState.UNKNOWN, said=said)
    wanted = plan.targets[0].pins[DIGEST_PIN]
    said = f"{build} says that it deployed {found.digest or 'no known release'}"
    state = StepState.DONE if found.digest == wanted else StepState.FAILED
    if found.release is None or not found.digest:
        state, said = StepState.UNKNOWN, f"{said}: {found.unread or 'it does not say'}"
    elif state is StepState.FAILED:
        said = f"{said}, not {wanted}"
    evidence = Evidence(
        source=f"{connection.name} build", said=hidden(said), at=clock.now(), link=found.run.link
    )
    return Progress(state=state, said=f"{said}.", reference=_reference_of(build), evidence=(evidence,))


def _reference_of(build: str) -> str:
    return f"{_BUILD}{split_build(build)[1]}"


def _verifying(name: str, number: int, check: Verification) -> Look:
    def look(plan: Plan, journal: tuple[JournalEntry, ...], systems: Systems, clock: Clock) -> Progress:
        run = build_of(deploying(plan), journal, FOLLOW, _QUEUE, TRIGGER)
        if isinstance(check, AirflowCheck) and is_smoke_run(check):
            run_id = smoke_run_id(number).replace("{plan}", digest_of(plan)[:12])
            run = reference(journal, f"{SMOKE_RUN}{number}").removeprefix(_RUN) or run_id
        return verification.look(check, name, plan, journal, systems, clock, run=run)

    return look


def reference(journal: tuple[JournalEntry, ...], step: str) -> str:
    """The newest reference that a step has left."""
    return next((one.reference for one in reversed(journal) if one.step == step and one.reference), "")


def release_from(deploy: Deploy) -> str:
    """Where a build says what it released, as the catalogue has it: ``artifact:release.json``."""
    return f"{deploy.release_from.value}:{deploy.release_detail}".rstrip(":")


def job_of(plan: Plan) -> DeployJob:
    """The deploy job of a plan, to be read."""
    args = deploying(plan).call.args
    kind, _, detail = str(args["release_from"]).partition(":")
    given = cast("Mapping[str, Json]", args.get("dry_run") or {})
    deploy = Deploy(
        job=str(args["job"]),
        release_from=ReleaseSource(kind),
        release_detail=detail,
        dry_run=tuple((name, str(value)) for name, value in given.items()),
    )
    return DeployJob(service=plan.targets[0].pins[SERVICE], job=deploy.job, deploy=deploy)


def smoke_runs(
    checks: Sequence[Verification], documents: Sequence[Mapping[str, Json]], airflow: Connection | None
) -> Iterator[Effect]:
    """The DAG runs that are triggered for checks, as effects."""
    from fedesk.domain.states import System

    for number, (check, document) in enumerate(zip(checks, documents, strict=True), 1):
        if not is_smoke_run(check) or airflow is None:
            continue
        args: dict[str, Json] = {
            "dag_id": document["dag"],
            "run_id": smoke_run_id(number),
            "conf": {"fedesk": {"operation": "{operation}", "plan": "{plan}"}},
        }
        yield Effect(
            connection=airflow.name,
            call=Call(system=System.AIRFLOW, verb="trigger-dag-run", args=args, key="{operation}"),
            sentence=f"trigger a run of {document['dag']} to see whether it succeeds",
        )
