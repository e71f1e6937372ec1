"""What triggering a deploy job would meet. Looks, and changes nothing.

Three requests: the job with its newest builds and its place in the queue, its ``config.xml``, and the file of
its newest deployment.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median

from fedesk.clients.jenkins_builds import OPERATION_PARAMETER, job_path
from fedesk.clients.jenkins_deploys import Deploys
from fedesk.clients.jenkins_rebuild import TEXTS, declared_digest, definition_of
from fedesk.domain.releases import Deployment
from fedesk.domain.states import State
from fedesk.ports.errors import NotFoundError
from fedesk.ports.releasing import DECLARED, DeployJob, DeployPreview, ParameterNeeded

_NEWEST_OF_ALL = 10
"""Newest builds of each job where the whole folder is read for two of its jobs."""
_JOB_FIELDS = (
    "buildable,queueItem[id],property[parameterDefinitions[type,name,defaultParameterValue[name,value]]]"
)


def deploy_preview(
    deploys: Deploys, job: DeployJob, beside: DeployJob | None, depth: int, *, declared_alone: bool
) -> DeployPreview:
    """As ``ports.releasing.DeploySource``; raises NotFoundError for a job that is gone."""
    session, endpoint = deploys.session, deploys.endpoint
    jobs = (job,) if beside is None else (job, beside)
    items = deploys.items(jobs, depth if beside is None else min(depth, _NEWEST_OF_ALL), _JOB_FIELDS)
    found = items.get(job.job)
    if found is None or found.jobs is not None:
        raise NotFoundError(deploys.missing(job))
    definitions = [one for part in found.property if part is not None for one in part.parameter_definitions]
    declared = {str(one.get("name", "")): one for one in definitions}
    digest, source = declared_digest(definitions), DECLARED
    if not declared_alone:
        digest, source = definition_of(session, job.job, definitions)
    builds = {one.number: one for one in (found.last_stable_build, *(found.builds or ())) if one is not None}
    deployments = deploys.job_read(job, found, {}).deployments
    # The job's own word on the queue: of one moment with its builds, so nothing slips from here to there.
    queued = (found.queue_item.id,) if found.queue_item is not None else ()
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
        queued=queued,
        highest_queue_id=max([0, *queued, *(one.queue_id for one in builds.values())]),
        user=endpoint.user,
        usual_duration=_usual(deployments),
        deployments=deployments,
        beside=None if beside is None else deploys.job_read(beside, items.get(beside.job), None),
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
