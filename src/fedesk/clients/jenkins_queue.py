"""Following a queue item to its build. One that left is known for five minutes, then by its build alone."""

from datetime import UTC, datetime

from fedesk.clients.jenkins_builds import OPERATION_PARAMETER, build_path, job_path
from fedesk.clients.jenkins_json import LeavingItem
from fedesk.clients.jenkins_session import JenkinsSession
from fedesk.clients.jenkins_traces import RecentBuilds, builds_after
from fedesk.clients.wording import clean
from fedesk.domain.operations import Evidence, Progress, StepState
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import NotFoundError

_TREE = "why,cancelled,executable[number]"
_LEFT = "LeftItem"


def follow_queue(
    session: JenkinsSession, endpoint: Endpoint, item: int, job: str, operation: str
) -> Progress:
    """As ``ports.changing.QueueSource``: one request while it waits, and one more once it has gone."""
    try:
        found = session.json(f"queue/item/{item}/api/json", LeavingItem, tree=_TREE)
    except NotFoundError as error:
        return _after_it_was_forgotten(session, endpoint, item, job, operation, str(error))
    if found.executable is not None:
        return _begun(endpoint, item, job, found.executable.number)
    if found.cancelled:
        said = f"Queue item {item} was cancelled in Jenkins before it became a build."
        return Progress(state=StepState.FAILED, said=said, evidence=(_seen(endpoint, item, said),))
    if found.cancelled is None and not found.class_name.endswith(_LEFT):
        why = clean(found.why or "") or "Jenkins gives no reason"
        return Progress(state=StepState.WAITING, said=f"Queue item {item} waits: {why}")
    return _left_without_build(session, endpoint, item, job)


def _left_without_build(session: JenkinsSession, endpoint: Endpoint, item: int, job: str) -> Progress:
    """For an instant that is so of every item; for good it is where the job was disabled meanwhile."""
    builds = builds_after(session, job, item - 1)
    number = _number(builds, item, "")
    if number is not None:
        return _begun(endpoint, item, job, number)
    if builds.buildable:
        return Progress(
            state=StepState.WAITING, said=f"Queue item {item} has left the queue; its build is not there yet."
        )
    said = f"Queue item {item} left the queue without a build: {clean(job)} was disabled meanwhile."
    return Progress(state=StepState.FAILED, said=said, evidence=(_seen(endpoint, item, said),))


def _after_it_was_forgotten(
    session: JenkinsSession, endpoint: Endpoint, item: int, job: str, operation: str, gone: str
) -> Progress:
    try:
        builds = builds_after(session, job, item - 1)
    except NotFoundError as error:
        evidence = (_seen(endpoint, item, gone), _seen(endpoint, item, str(error)))
        return Progress(
            state=StepState.UNKNOWN,
            said=f"Jenkins knows queue item {item} no more, and {clean(job)} is gone or hidden.",
            evidence=evidence,
        )
    number = _number(builds, item, operation)
    if number is not None:
        return _begun(endpoint, item, job, number)
    looked = f"{len(builds.traces)} builds of {clean(job)} since: none came of it"
    looked += f"; {builds.gap}" if builds.gap else ""
    return Progress(
        state=StepState.UNKNOWN,
        said=f"Jenkins knows queue item {item} no more, and no build has come of it: it may have been "
        "cancelled, or its build deleted.",
        evidence=(
            _seen(endpoint, item, gone),
            Evidence(
                source=f"{endpoint.name} builds",
                said=looked,
                at=datetime.now(UTC),
                link=f"{endpoint.url}/{job_path(job)}/",
            ),
        ),
    )


def _number(builds: RecentBuilds, item: int, operation: str) -> int | None:
    """The build of this item, or else the first one that carries the operation's id."""
    for trace in builds.traces:
        if trace.queue_id == item:
            return trace.build
    if not operation:
        return None
    ours = [one for one in builds.traces if one.parameters.get(OPERATION_PARAMETER) == operation]
    return min(ours, key=lambda trace: trace.queue_id).build if ours else None


def _begun(endpoint: Endpoint, item: int, job: str, number: int) -> Progress:
    said = f"Queue item {item} became build #{number} of {clean(job)}."
    link = f"{endpoint.url}/{build_path(job, number)}/"
    return Progress(
        state=StepState.DONE,
        said=said,
        reference=f"build:{number}",
        evidence=(Evidence(source=f"{endpoint.name} build", said=said, at=datetime.now(UTC), link=link),),
    )


def _seen(endpoint: Endpoint, item: int, said: str) -> Evidence:
    return Evidence(
        source=f"{endpoint.name} queue item",
        said=said,
        at=datetime.now(UTC),
        link=f"{endpoint.url}/queue/item/{item}/",
    )
