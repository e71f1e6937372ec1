"""The kinds of operations there are. A new one is a file beside this and an entry in the table."""

from collections.abc import Mapping
from types import MappingProxyType

from fedesk.domain.releases import AnswerRequest, ReleaseRequest
from fedesk.domain.requests import Request
from fedesk.domain.states import System
from fedesk.ports.errors import NotFoundError
from fedesk.ports.sources import Connection
from fedesk.services.kinds.airflow_clear import KIND as AIRFLOW_CLEAR
from fedesk.services.kinds.jenkins_input import ABORT as ABORT_INPUT
from fedesk.services.kinds.jenkins_input import KIND as ANSWER_INPUT
from fedesk.services.kinds.jenkins_rebuild import KIND as JENKINS_REBUILD
from fedesk.services.kinds.promote import KIND as PROMOTE
from fedesk.services.kinds.rollback import KIND as ROLL_BACK
from fedesk.services.operation_kinds import OperationKind

KINDS: Mapping[str, OperationKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (AIRFLOW_CLEAR, ABORT_INPUT, ANSWER_INPUT, JENKINS_REBUILD, PROMOTE, ROLL_BACK)
    }
)
"""By name, as plans and journals have it."""

_RERUNS: Mapping[System, OperationKind] = MappingProxyType(
    {kind.system: kind for kind in KINDS.values() if kind.action == "rerun"}
)


def kind_for(request: Request, connection: Connection) -> OperationKind:
    """The kind that does what is asked; raises NotFoundError for a system that has no runs."""
    if isinstance(request, ReleaseRequest):
        return KINDS[request.kind]
    if isinstance(request, AnswerRequest):
        return _answering(request)
    found = _RERUNS.get(connection.system)
    if found is None:
        raise NotFoundError(
            f"{connection.name} is a {connection.system.value}, which has nothing to run again"
        )
    return found


def verb_of(request: Request) -> str:
    """The verb of the audit log and of the policy for what is asked, before there is a plan."""
    if isinstance(request, ReleaseRequest):
        return KINDS[request.kind].action
    return _answering(request).action if isinstance(request, AnswerRequest) else JENKINS_REBUILD.action


def _answering(request: AnswerRequest) -> OperationKind:
    return ABORT_INPUT if request.choice == "abort" else ANSWER_INPUT
