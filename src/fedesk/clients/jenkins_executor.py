"""The Jenkins job that executes plans, asked to take one up.

It changes no system by itself: what it runs is ``fedesk execute PLAN``, with rights, rules and a store role
of its own. Asked twice for one plan it does it once, for a plan is claimed once. Asked for a draft it runs
``fedesk plans draft RUN``, which changes nothing.
"""

from fedesk.clients.jenkins_builds import OPERATION_PARAMETER, job_path
from fedesk.clients.jenkins_session import JenkinsSession, queue_item_of
from fedesk.clients.requests_session import within
from fedesk.clients.wording import quoted
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import ProtocolError


class JenkinsExecutor:
    """``ports.changing.ExecutorSource``. Everything raises SourceError, opening it as well."""

    def __init__(self, endpoint: Endpoint, *, job: str, parameter: str, draft_parameter: str) -> None:
        self._endpoint = endpoint
        self._job = job
        self._parameter = parameter
        self._draft_parameter = draft_parameter
        self._session = JenkinsSession(endpoint)

    def ask(self, operation: str) -> int:
        """Have the job built for an operation; the number of its queue item."""
        return self._build({self._parameter: operation, OPERATION_PARAMETER: operation})

    def ask_for_draft(self, run: str, request: str) -> int:
        """Have the job built for a draft; the number of its queue item."""
        return self._build({self._draft_parameter: run, OPERATION_PARAMETER: request})

    def _build(self, parameters: dict[str, str]) -> int:
        # Without the quiet period: plans do not merge, and somebody waits.
        form = {**parameters, "delay": "0sec"}
        with within(self._endpoint.deadline):
            self._session.prepare_post()
            answer = self._session.post(f"{job_path(self._job)}/buildWithParameters", form)
        item = queue_item_of(answer)
        if item is None:
            raise ProtocolError(
                f"{self._endpoint.name} names no queue item for {quoted(self._job, limit=120)} "
                f"(HTTP {answer.status_code}, Location "
                f"{quoted(answer.headers.get('Location', ''), limit=160)})"
            )
        return item

    def close(self) -> None:
        """Let go of the sockets."""
        self._session.close()
