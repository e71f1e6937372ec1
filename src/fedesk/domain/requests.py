"""What somebody asks for, before there is a plan: one shape for each family of operation kinds."""

from collections.abc import Iterable

from fedesk.domain.names import ConnectionName
from fedesk.domain.releases import AnswerRequest, ReleaseRequest
from fedesk.domain.reruns import RerunRequest

Request = RerunRequest | ReleaseRequest | AnswerRequest


def read_by(requests: Iterable[Request], configured: Iterable[ConnectionName]) -> tuple[ConnectionName, ...]:
    """The connections that plans of these are drafted from, and drafted again right before they run.

    A release is judged by all systems of the environments that it has come through, the one that built it
    among them: which those are is told by the release.
    """
    configured = tuple(configured)
    found: set[ConnectionName] = set()
    for one in requests:
        found.add(one.connection)
        if isinstance(one, ReleaseRequest):
            found.update(configured)
    return tuple(sorted(found))
