"""What fedesk may do on a Jenkins controller, by requests that change nothing.

``GET …/buildWithParameters`` never builds: Jenkins looks at Item.BUILD first, which is a 403 where it is
missing, and then says 405 because it is no POST (hudson.model.BuildAuthorizationToken.checkPermission).
"""

from collections.abc import Callable, Mapping, Sequence

from fedesk.clients.jenkins_builds import job_path
from fedesk.clients.jenkins_session import Bare, JenkinsSession
from fedesk.clients.measuring import date_of, timed
from fedesk.domain import rights
from fedesk.domain.examination import Examination
from fedesk.domain.rights import Grant, Need, Right
from fedesk.ports.errors import SourceError

_READ: Mapping[int, Grant] = {200: Grant.GRANTED, 403: Grant.REFUSED, 404: Grant.REFUSED}
_BUILD: Mapping[int, Grant] = {405: Grant.GRANTED, 403: Grant.REFUSED}


def examine(session: JenkinsSession, jobs: Callable[[], Sequence[str]]) -> Examination:
    """Version, latency, clock and rights. ``jobs`` finds full names of jobs, on each of which they are tried.

    Raises SourceError where not even the root can be asked.
    """
    measured = timed(lambda: session.bare("api/json?tree=mode"))
    answer = measured.answer
    root = Right(
        need=rights.OVERALL_READ,
        grant=_READ.get(answer.status, Grant.UNKNOWN),
        said="" if answer.status in _READ else _told("api/json", answer),
    )
    return Examination(
        version=answer.headers.get("X-Jenkins", ""),
        latency=measured.took,
        ahead=measured.ahead(date_of(answer.headers.get("Date"))),
        rights=(root, *_on_jobs(session, jobs)),
    )


def _on_jobs(session: JenkinsSession, jobs: Callable[[], Sequence[str]]) -> tuple[Right, ...]:
    try:
        found = jobs()
    except SourceError as error:
        return (Right(need=rights.JOB_READ, grant=Grant.REFUSED, said=str(error)),)
    if not found:
        said = "no job is seen under `folders`"
        return (
            Right(need=rights.JOB_READ, grant=Grant.REFUSED, said=said),
            Right(need=rights.JOB_BUILD, grant=Grant.UNKNOWN, said=said),
        )
    return (
        Right(need=rights.JOB_READ, grant=Grant.GRANTED),
        _tried(session, rights.JOB_EXTENDED_READ, found, "config.xml", _READ),
        _tried(session, rights.JOB_BUILD, found, "buildWithParameters", _BUILD),
    )


def _tried(
    session: JenkinsSession, need: Need, jobs: Sequence[str], last: str, meaning: Mapping[int, Grant]
) -> Right:
    """Granted where it is on every job; else what the first job says where it is not."""
    for job in jobs:
        path = f"{job_path(job)}/{last}"
        answer = session.bare(path)
        grant = meaning.get(answer.status, Grant.UNKNOWN)
        if grant is not Grant.GRANTED:
            return Right(need=need, grant=grant, said=_told(path, answer))
    return Right(need=need, grant=Grant.GRANTED)


def _told(path: str, answer: Bare) -> str:
    return f"GET /{path} answers {answer.status}"
