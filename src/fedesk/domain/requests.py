"""What somebody asks for, before there is a plan: one shape for each family of operation kinds."""

from collections.abc import Iterable

from fedesk.domain.names import ConnectionName
from fedesk.domain.releases import ReleaseRequest
from fedesk.domain.reruns import RerunRequest

Request = RerunRequest | ReleaseRequest


def read_by(requests: Iterable[Request], configured: Iterable[ConnectionName]) -> tuple[ConnectionName, ...]:
    """The connections that plans of these are drafted from, and drafted again right before they run.

    A release is judged by all systems of the environment that it comes from and of that which it goes to.
    """
    configured = tuple(configured)
    found: set[ConnectionName] = set()
    for one in requests:
        found.add(one.connection)
        if isinstance(one, ReleaseRequest):
            between = {one.environment, one.origin}
            found.update(name for name in configured if name.environment in between)
    return tuple(sorted(found))
