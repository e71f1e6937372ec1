"""What triggering a deploy job would meet. Looks, and changes nothing.

Four requests: the job with its newest builds, its ``config.xml``, the queue, and whether the controller is
about to shut down; one more for the release of its newest deployment, where that is not known.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median

from fedesk.clients.jenkins_builds import OPERATION_PARAMETER, job_path
from fedesk.clients.jenkins_deploys import BUILD_FIELDS, Deploys
from fedesk.clients.jenkins_json import ControllerState, Definition, Queue
from fedesk.clients.jenkins_rebuild import QUEUE_TREE, TEXTS, declared_digest, definition_of, highest_queue_id
from fedesk.clients.jenkins_traces import is_entry_of
from fedesk.domain.releases import Deployment
from fedesk.domain.states import State
from fedesk.ports.releasing import DeployJob, DeployPreview, ParameterNeeded

_NEWEST = 20
_JOB_TREE = (
    "buildable,property[parameterDefinitions[type,name,defaultParameterValue[name,value]]],"
    f"lastStableBuild[{BUILD_FIELDS}],builds[{BUILD_FIELDS}]{{0,{_NEWEST}}}"
)


def deploy_preview(deploys: Deploys, job: DeployJob, known: Mapping[str, Deployment]) -> DeployPreview:
    """As ``ports.releasing.DeploySource``; raises NotFoundError for a job that is gone."""
    session, endpoint = deploys.session, deploys.endpoint
    found = session.json(f"{job_path(job.job)}/api/json", Definition, tree=_JOB_TREE)
    definitions = [one for part in found.property if part is not None for one in part.parameter_definitions]
    declared = {str(one.get("name", "")): one for one in definitions}
    digest, source = definition_of(session, job.job, definitions)
    entries = session.json("queue/api/json", Queue, tree=QUEUE_TREE).items
    quieting = session.json("api/json", ControllerState, tree="quietingDown").quieting_down
    builds = {one.number: one for one in (found.last_stable_build, *found.builds) if one is not None}
    deployments = deploys.of_builds(job, tuple(builds.values()), known)
    return DeployPreview(
        job=job.job,
        buildable=found.buildable,
        parameters=tuple(
            ParameterNeeded(
                name=name,
                kind=str(one.get("type", "")),
                has_default=_has_value(one.get("defaultParameterValue")),
            )
            for name, one in declared.items()
        ),
        declares_operation=str(declared.get(OPERATION_PARAMETER, {}).get("type", "")) in TEXTS,
        definition=digest,
        definition_source=source,
        declared=declared_digest(definitions),
        running=tuple(number for number, one in builds.items() if one.building),
        queued=tuple(entry.id for entry in entries if is_entry_of(entry, job.job)),
        highest_queue_id=highest_queue_id(tuple(builds.values()), entries),
        quieting_down=quieting,
        user=endpoint.user,
        usual_duration=_usual(deployments),
        deployments=deployments,
        link=f"{endpoint.url}/{job_path(job.job)}/",
        observed_at=datetime.now(UTC),
    )


def _has_value(default: object) -> bool:
    """Whether a default is there; an empty text is one, and so is what Jenkins hides (a password's)."""
    return isinstance(default, dict) and ("value" not in default or default["value"] is not None)


def _usual(deployments: Sequence[Deployment]) -> timedelta | None:
    taken = [
        (one.run.ended_at - one.run.started_at).total_seconds()
        for one in deployments
        if one.run.state is State.SUCCEEDED
        and not one.is_dry_run
        and one.run.started_at is not None
        and one.run.ended_at is not None
    ]
    return timedelta(seconds=median(taken)) if taken else None
