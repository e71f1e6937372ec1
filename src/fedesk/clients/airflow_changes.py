"""Airflow 3, changed, and it is looked up whether it was.

``trigger-dag-run`` makes a run (``airflow_triggering``). ``clear-task-instances`` clears some of one, with
{dag_id, run_id, tasks: [[task id, map index or -1, try], …], note, run_on_latest_version}. What is sent of it
can do less than the plan, never more [seen on 3.3.2]:

- ``task_ids`` are [task id, map index] alone: a bare task id would take all instances of a mapped task.
- ``only_failed`` is true although all are named: what somebody has cleared, or what has succeeded, since the
  plan was made is left alone by Airflow itself, in the same transaction. With false, a clear is carried out
  again before the first one's tasks run, and overwrites its note, ``prevent_running_task`` or not.
- ``prevent_running_task`` is true all the same, and no ``include_*`` is ever sent.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from fedesk.clients import airflow_triggering
from fedesk.clients.airflow_json import DagRunJson, TaskInstanceJson, TaskInstancePage, decode, run_link
from fedesk.clients.airflow_preview import pin
from fedesk.clients.airflow_session import AirflowSession, Auth, quoted_path
from fedesk.clients.airflow_settling import Clear, clear_of, settle
from fedesk.clients.airflow_triggering import TriggeredRun, is_ours, receipt_of, run_there, settle_run
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
        """Make the planned run, or clear the planned task instances, once.

        The receipt of a clear names what was cleared and what was left alone. Raises ConflictError where
        Airflow cleared none of them, or has a run of that id which another made; NotSentError where no byte
        of the change left, and other SourceErrors.
        """
        if call.verb == airflow_triggering.VERB:
            return self._made(TriggeredRun.of(call))
        clear = clear_of(call)
        answer = self._session.clear(clear)
        page = decode(answer.body, TaskInstancePage, self._session.endpoint.name)
        return _receipt(self._session.endpoint, clear, page.task_instances, answer.at or datetime.now(UTC))

    def settle(self, call: Call) -> Settlement:
        """Whether a run was made, by its id; a clear carried out, by event log, notes, states and tries.

        Raises SourceError.
        """
        if call.verb == airflow_triggering.VERB:
            return settle_run(self._session, TriggeredRun.of(call))
        return settle(self._session, clear_of(call))

    def close(self) -> None:
        """Close the sockets."""
        self._session.close()

    def _made(self, wanted: TriggeredRun) -> Receipt:
        try:
            answer = self._session.change(wanted.path, wanted.body)
        except ConflictError:
            # The id holds the plan's digest: who else has it was made by this very call, or is none of ours.
            found = run_there(self._session, wanted)
            if not is_ours(wanted, found):
                raise
        else:
            found = decode(answer.body, DagRunJson, self._session.endpoint.name)
        return receipt_of(self._session, wanted, found)


class _ChangingSession(AirflowSession):
    """A session that can change, too."""

    def clear(self, clear: Clear) -> Answer:
        """Send the clear."""
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
        return self.change(quoted_path("dags", clear.dag_id, "clearTaskInstances"), body)

    def change(self, path: str, body: dict[str, object]) -> Answer:
        """Send a change. What breaks is not tried again; a token that is refused is renewed once."""
        is_open = False

        def send(headers: dict[str, str]) -> Answer:
            nonlocal is_open
            is_open = True
            try:
                return self._send("POST", f"/api/v2{path}", headers, content=body, again=False)
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
            # It was the login that failed, before the change or after its token was refused.
            raise NotSentError(f"{error}; the change itself was not sent") from None


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
