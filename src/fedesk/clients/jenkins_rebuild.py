"""What building a job again with the parameters of one of its builds would meet. Looks, and changes nothing.

Four requests: the job with its newest builds, its ``config.xml``, the queue, and whether the controller is
about to shut down; one more for a build that is not among the newest.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from fedesk.clients.jenkins_builds import (
    OPERATION_PARAMETER,
    RUN_FIELDS,
    build_path,
    job_path,
    parameters_of,
    run_of,
)
from fedesk.clients.jenkins_json import Build, ControllerState, Definition, Queue, QueueEntry
from fedesk.clients.jenkins_session import JenkinsSession
from fedesk.clients.jenkins_traces import is_entry_of
from fedesk.domain.reruns import RebuildParameter, RebuildPreview
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import ForbiddenError, NotFoundError
from fedesk.ports.releasing import DECLARED

_NEWEST = 20
_BUILD_FIELDS = f"{RUN_FIELDS},queueId"
_JOB_TREE = (
    "buildable,property[parameterDefinitions[type,name,description,choices,defaultParameterValue[name,value]]],"
    f"builds[{_BUILD_FIELDS}]{{0,{_NEWEST}}}"
)
_QUEUE_TREE = "items[id,task[name,fullName,url]]"
TEXTS = frozenset({"StringParameterDefinition", "TextParameterDefinition"})
"""Parameters that take any text: only as one of these can FEDESK_OPERATION carry an id."""


def rebuild_preview(session: JenkinsSession, endpoint: Endpoint, job: str, number: int) -> RebuildPreview:
    """As ``ports.changing.RebuildSource``; raises NotFoundError for a job or build that is gone."""
    found = session.json(f"{job_path(job)}/api/json", Definition, tree=_JOB_TREE)
    build = next((one for one in found.builds if one.number == number), None)
    if build is None:
        build = session.json(f"{build_path(job, number)}/api/json", Build, tree=_BUILD_FIELDS)
    definitions = [one for part in found.property if part is not None for one in part.parameter_definitions]
    kinds = {str(one.get("name", "")): str(one.get("type", "")) for one in definitions}
    had = parameters_of(build.actions)
    digest, source = definition_of(session, job, definitions)
    entries = session.json("queue/api/json", Queue, tree=_QUEUE_TREE).items
    quieting = session.json("api/json", ControllerState, tree="quietingDown").quieting_down
    return RebuildPreview(
        run=run_of(build, job, endpoint.name, endpoint.url),
        buildable=found.buildable,
        parameters=tuple(
            RebuildParameter(name=name, value=value, kind=kinds.get(name, "")) for name, value in had.items()
        ),
        declared=tuple(kinds),
        new_defaults=tuple(name for name in kinds if name not in had),
        declares_operation=kinds.get(OPERATION_PARAMETER) in TEXTS,
        definition=digest,
        definition_source=source,
        running=tuple(one.number for one in found.builds if one.building),
        queued=tuple(entry.id for entry in entries if is_entry_of(entry, job)),
        highest_queue_id=_highest_queue_id([*found.builds, build], entries),
        quieting_down=quieting,
        observed_at=datetime.now(UTC),
        user=endpoint.user,
    )


def definition_of(session: JenkinsSession, job: str, definitions: list[dict[str, Any]]) -> tuple[str, str]:
    """SHA-256 of the job's definition, and of what of it."""
    try:
        document = session.xml(f"{job_path(job)}/config.xml")
    except (ForbiddenError, NotFoundError):
        # Job/ExtendedRead is missing, or not even known to this controller.
        return declared_digest(definitions), DECLARED
    return hashlib.sha256(document).hexdigest(), "config.xml"


def declared_digest(definitions: list[dict[str, Any]]) -> str:
    """SHA-256 of the definitions of a job's parameters, which whoever may read the job sees."""
    text = json.dumps(definitions, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _highest_queue_id(builds: Sequence[Build], entries: Sequence[QueueEntry]) -> int:
    """The highest id that the queue has given so far, as far as these tell."""
    return max([0, *(build.queue_id for build in builds), *(entry.id for entry in entries)])
