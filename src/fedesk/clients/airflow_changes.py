"""Airflow 3, changed: task instances of a run are cleared, and it is looked up whether they were.

The one verb is ``clear-task-instances`` with {dag_id, run_id, tasks: [[task id, map index or -1, try], …],
note, run_on_latest_version}. What is sent can do less than the plan, never more [seen on 3.3.2]:

- ``task_ids`` are [task id, map index] alone: a bare task id would take all instances of a mapped task.
- ``only_failed`` is true although all are named: what somebody has cleared, or what has succeeded, since the
  plan was made is left alone by Airflow itself, in the same transaction. With false, a clear is carried out
  again before the first one's tasks run, and overwrites its note, ``prevent_running_task`` or not.
- ``prevent_running_task`` is true all the same, and no ``include_*`` is ever sent.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from fedesk.clients.airflow_json import TaskInstanceJson, TaskInstancePage, decode, run_link
from fedesk.clients.airflow_preview import pin
from fedesk.clients.airflow_session import AirflowSession, Auth, quoted_path
from fedesk.clients.airflow_settling import Clear, clear_of, settle
from fedesk.clients.http import Answer
from fedesk.domain.operations import Call, Evidence, Receipt, Settlement
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import (
    ConflictError,
    CredentialError,
    ForbiddenError,
    NotSentError,
    SourceError,
    UnauthenticatedError,
)

_LISTED = 12
"""Task instances that a sentence names."""
_REFUSED = (UnauthenticatedError, ForbiddenError, CredentialError)


class AirflowChanges:
    """One Airflow as it is changed. Blocking; safe to use from several threads."""

    def __init__(self, endpoint: Endpoint, *, auth: Auth = "password") -> None:
        self._session = _ChangingSession(endpoint, auth)

    def apply(self, call: Call) -> Receipt:
        """Clear the planned task instances, once; the receipt names what was cleared and what was left alone.

        Raises ConflictError where Airflow cleared none of them, NotSentError where no byte of the clear left,
        and other SourceErrors.
        """
        clear = clear_of(call)
        answer = self._session.clear(clear)
        page = decode(answer.body, TaskInstancePage, self._session.endpoint.name)
        return _receipt(self._session.endpoint, clear, page.task_instances, answer.at or datetime.now(UTC))

    def settle(self, call: Call) -> Settlement:
        """Whether the clear was carried out, by event log, notes, states and tries. Raises SourceError."""
        return settle(self._session, clear_of(call))

    def close(self) -> None:
        """Close the sockets."""
        self._session.close()


class _ChangingSession(AirflowSession):
    """A session that can clear, too."""

    def clear(self, clear: Clear) -> Answer:
        """Send the clear. What breaks is not tried again; a token that is refused is renewed once."""
        body: dict[str, object] = {
            "dry_run": False,
            "dag_run_id": clear.run_id,
            "task_ids": [
                [task.task_id, -1 if task.map_index is None else task.map_index] for task in clear.tasks
            ],
            "only_failed": True,
            "reset_dag_runs": True,
            "prevent_running_task": True,
            "run_on_latest_version": clear.run_on_latest_version,
            "note": clear.note,
        }
        path = f"/api/v2{quoted_path('dags', clear.dag_id, 'clearTaskInstances')}"
        is_open = False

        def send(headers: dict[str, str]) -> Answer:
            nonlocal is_open
            is_open = True
            try:
                return self._send("POST", path, headers, content=body, again=False)
            except _REFUSED:
                is_open = False
                raise

        try:
            return self._authorized(send)
        except _REFUSED:
            raise
        except SourceError as error:
            if is_open or isinstance(error, NotSentError):
                raise
            # It was the login that failed, before the clear or after its token was refused.
            raise NotSentError(f"{error}; the clear itself was not sent") from None


def _receipt(endpoint: Endpoint, clear: Clear, cleared: Sequence[TaskInstanceJson], at: datetime) -> Receipt:
    """What was cleared of what was planned; raises ConflictError where nothing was."""
    done = [pin(each).name for each in cleared]
    planned = [task.name for task in clear.tasks]
    left = [name for name in planned if name not in done]
    beside = [name for name in done if name not in planned]
    if not done:
        raise ConflictError(
            f"{endpoint.name} cleared nothing of {clear.dag_id} / {clear.run_id}, because none of "
            f"{_named(planned)} is failed any more: somebody else was faster; look at the run"
        )
    said = f"{len(done)} task instance{'s' * (len(done) != 1)} cleared: {_named(done)}"
    if left:
        said += f"; left alone, because no longer failed: {_named(left)}"
    if beside:
        said += f"; cleared although not planned: {_named(beside)}"
    link = run_link(endpoint.url, clear.dag_id, clear.run_id)
    return Receipt(
        said=f"{said}.",
        evidence=(Evidence(source=f"{endpoint.name} answer", said=said, at=at, link=link),),
    )


def _named(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")
