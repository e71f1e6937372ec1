"""What promotions and rollbacks draft alike: the target, the effects, the guards of the job, the notes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from fedesk.domain import deploy_guards, release_gates, rerun_guards, verifying
from fedesk.domain.deploy_guards import is_hidden
from fedesk.domain.durations import duration_text
from fedesk.domain.names import RunName
from fedesk.domain.operations import OPERATION_PARAMETER, Call, Effect, Fact, GuardResult, Json, Plan, Target
from fedesk.domain.partitions import of_service
from fedesk.domain.release_matrix import DIGEST_PIN
from fedesk.domain.release_stops import SERVICE
from fedesk.domain.releases import Cell, Deployment, Gate, Release, ReleaseRequest
from fedesk.domain.requests import Request
from fedesk.domain.states import System
from fedesk.ports.releasing import DECLARED, DeployPreview
from fedesk.services.kinds.release_facts import Deployable
from fedesk.services.kinds.release_steps import is_smoke_run, release_from, smoke_runs
from fedesk.services.operation_kinds import Around, Draft

FROM_PIN = "from"
BEFORE_PIN = "after operation"
CHOSEN = "chosen"
"""The pin that says that nobody named the digest: a plan made again chooses again."""
_SKEW = timedelta(seconds=30)
"""Between this machine's clock and Jenkins', beyond which a plan says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What is to be deployed where, and what speaks for and against it."""

    what: Deployable
    environment: str
    release: Release
    preview: DeployPreview
    cell: Cell
    """The target, as it is now."""
    pins: Mapping[str, str]
    gates: tuple[Gate, ...]
    is_quieting_down: bool | None = None
    """Whether its Jenkins starts nothing new; None where that was not asked."""
    is_tried: bool = False
    """Whether a dry run goes first."""
    sentence: str = ""
    notes: tuple[str, ...] = ()


def release_request(request: Request) -> ReleaseRequest:
    """What was asked for, of a kind that deploys."""
    if not isinstance(request, ReleaseRequest):
        raise TypeError(f"{type(request).__name__} asks for no release")
    return request


def asked(plan: Plan) -> ReleaseRequest:
    """What was asked for when a plan was made: its digest, unless that was what an environment ran.

    Raises ValueError.
    """
    pins = plan.targets[0].pins
    if SERVICE not in pins or DIGEST_PIN not in pins:
        raise ValueError("The plan names no release.")
    return ReleaseRequest(
        kind=plan.kind,
        service=pins[SERVICE],
        environment=plan.environment,
        connection=plan.connection,
        digest="" if CHOSEN in pins else pins[DIGEST_PIN],
        origin=pins.get(FROM_PIN, ""),
        before=pins.get(BEFORE_PIN, ""),
        declared_alone=_definition_pin(DECLARED) in pins,
    )


def drafted(made: Deployed, around: Around) -> Draft:
    """The draft of a promotion or a rollback. Asks nobody."""
    preview, release, now = made.preview, made.release, around.clock.now()
    connection, service = made.what.connection, made.what.service
    airflow = next((one for one in around.systems.of(made.environment) if one.dags is not None), None)
    checks = service.verify
    documents = [verifying.written(check, made.environment, release) for check in checks]
    sent = {
        name: verifying.filled_in(template, made.environment, release)
        for name, template in made.what.deploy.parameters
        if name != OPERATION_PARAMETER
    }
    dry = {
        name: verifying.filled_in(template, made.environment, release)
        for name, template in made.what.deploy.dry_run
    }
    tried = {**sent, **dry} if made.is_tried and dry else None
    effects = [_effect(made, tried, dry, None)] if tried is not None else []
    effects.append(_effect(made, sent, dry if tried is not None else {}, documents))
    effects += smoke_runs(checks, documents, airflow)
    declared = {one.name: (one.kind, one.has_default) for one in preview.parameters}
    own: list[GuardResult] = [
        rerun_guards.folder_scope(connection.name, connection.scope, made.what.job.job),
        deploy_guards.at_work(preview.running, preview.queued),
        deploy_guards.buildable(preview.job, is_buildable=preview.buildable),
        deploy_guards.parameters(tried or sent, declared),
        deploy_guards.operation_id(is_declared=preview.declares_operation),
        deploy_guards.quieting_down(is_so=made.is_quieting_down),
    ]
    gates = [release_gates.ruled(gate, now) for gate in made.gates]
    return Draft(
        target=_target(made),
        effects=tuple(effects),
        guards=(*own, *gates),
        facts=tuple(_facts(made)),
        notes=(*made.notes, *_notes(made, now, airflow is None and any(map(is_smoke_run, checks)))),
        personal="" if preview.declares_operation else "Jenkins knows a build by the user who starts it",
        waivable=release_gates.waivable(made.gates),
    )


def _target(made: Deployed) -> Target:
    connection, job, preview = made.what.connection, made.what.job.job, made.preview
    service = made.what.service.name
    return Target(
        name=str(RunName(connection.name, job)),
        pipeline=job,
        pins=MappingProxyType(
            {
                "server": connection.address,
                SERVICE: service,
                DIGEST_PIN: made.release.digest,
                **made.pins,
                "what the job declares": ", ".join(one.name for one in preview.parameters) or "no parameters",
                _definition_pin(preview.definition_source): preview.definition,
            }
        ),
        reserves=(f"{connection.name}:{job}", of_service(made.environment, service)),
        link=preview.link,
    )


def _definition_pin(source: str) -> str:
    return f"definition ({source})"


def _effect(
    made: Deployed,
    sent: Mapping[str, str],
    dry: Mapping[str, str],
    documents: Sequence[Mapping[str, Json]] | None,
) -> Effect:
    preview, parameters = made.preview, dict[str, Json](sent)
    if preview.declares_operation:
        parameters[OPERATION_PARAMETER] = "{operation}"
    args: dict[str, Json] = {
        "job": preview.job,
        "parameters": MappingProxyType(parameters),
        "operation_parameter": preview.declares_operation,
        "after_queue_id": preview.highest_queue_id,
        "user": preview.user,
        "dry_run": MappingProxyType(dict[str, Json](dry)),
    }
    if documents is None:
        sentence = f"try it: build {preview.job} with {_told(dry)}, which changes nothing"
    else:
        args |= {"verify": tuple(documents), "release_from": release_from(made.what.deploy)}
        sentence = f"{made.sentence}: build {preview.job} with {_told(sent)}"
    verb = "build-with-parameters" if preview.parameters else "build"
    return Effect(
        connection=made.what.connection.name,
        call=Call(system=System.JENKINS, verb=verb, args=MappingProxyType(args), key="{operation}"),
        sentence=sentence,
    )


def _told(parameters: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in parameters.items()) or "no parameters"


def _facts(made: Deployed) -> Iterable[Fact]:
    preview, current = made.preview, made.cell.current
    said = {
        "job": "can be built" if preview.buildable else "disabled",
        "builds that run": ", ".join(str(number) for number in preview.running) or "none",
        "queue items": ", ".join(str(item) for item in preview.queued) or "none",
        "definition": f"{preview.definition[:12]} ({preview.definition_source})",
        # A fact, no pin: promotions that wait for one another do not make each other stale.
        f"runs in {made.environment}": told_release(current),
    }
    for name, value in said.items():
        yield Fact(
            name=name,
            value=value,
            source=str(made.what.connection.name),
            observed_at=preview.observed_at,
        )


def told_release(deployment: Deployment | None) -> str:
    """A release in a sentence: ``1.14.0 sha256:0123456789ab``."""
    if deployment is None:
        return "nothing that is known"
    release = deployment.release
    if release is None:
        return f"a release that is not known: {deployment.unread or 'its build does not say'}"
    return f"{release.version} {release.digest[: len('sha256:') + 12]}".strip()


def _notes(made: Deployed, now: datetime, lacks_airflow: bool) -> Iterable[str]:  # noqa: FBT001 - of one caller
    usual = made.preview.usual_duration
    if usual is not None:
        yield f"A build of the deploy job usually takes {duration_text(usual)}."
    if not made.what.service.verify:
        yield "The catalogue names nothing to verify it by: only that the build deployed it is read back."
    hidden = [one.name for one in made.preview.parameters if one.has_default and is_hidden(one.kind)]
    if hidden:
        yield f"{', '.join(hidden)} takes its default, which Jenkins does not tell."
    if lacks_airflow:
        yield f"{made.environment} has no Airflow: the smoke run of the catalogue cannot be triggered."
    if made.preview.definition_source != "config.xml":
        yield f"Of the job only its {made.preview.definition_source} can be read, and are pinned."
    ahead = max(
        (one.run.started_at - now for one in made.preview.deployments if one.run.started_at is not None),
        default=timedelta(),
    )
    if ahead > _SKEW:
        yield f"Jenkins' clock is ahead of this machine's by {duration_text(ahead)}: its times are off by it."
