"""Airflow 3 by its REST API v2, read-only (``ports.sources.RunSource``, ``ports.changing.ClearSource``)."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from fedesk.clients import (
    airflow_json,
    airflow_preview,
    airflow_rights,
    airflow_serving,
    airflow_survey,
    airflow_tracing,
)
from fedesk.clients.airflow_board import PAGE, Look, run_path
from fedesk.clients.airflow_json import (
    DagRunJson,
    DagRunPage,
    TaskInstanceJson,
    TaskInstancePage,
    TaskJson,
    decode,
)
from fedesk.clients.airflow_session import AirflowSession, Auth, quoted_path
from fedesk.clients.airflow_task_log import read_log
from fedesk.clients.certificates import chain_of
from fedesk.domain.examination import Chain, Examination
from fedesk.domain.identity import Identity
from fedesk.domain.names import NameNotUnderstoodError, TaskName
from fedesk.domain.observation import Observation
from fedesk.domain.reruns import ClearPreview, TaskPin
from fedesk.domain.runs import LogChunk, LogEnd, LogRequest, Run, RunDetail
from fedesk.domain.states import State
from fedesk.domain.surveys import Survey
from fedesk.domain.traces import Looked, Sought
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import ForbiddenError, NotFoundError
from fedesk.ports.releasing import DagServed

_STEPS_SHOWN = 1000
"""Task instances of one run that are read; a mapped task may have thousands."""


class AirflowClient:
    """One Airflow. ``tags`` limits it to DAGs that carry one of them; empty means all.

    ``auth``: ``password`` logs in at /auth/token, ``token`` takes the credential as a bearer, ``basic`` sends
    it as HTTP Basic. Blocking, usable from several threads.
    """

    def __init__(self, endpoint: Endpoint, *, auth: Auth = "password", tags: tuple[str, ...] = ()) -> None:
        self._endpoint = endpoint
        self._tags = tags
        self.session = AirflowSession(endpoint, auth)

    def observe(self, previous: Observation | None) -> Observation:
        """Look once: at most three requests where nothing is left to catch up with. Raises SourceError."""
        return Look(self.session, self._tags, previous).observe()

    def whoami(self) -> Identity:
        """Whom the token names (``ports.sources.IdentitySource``); the API itself does not say."""
        # What answers without a login would prove nothing.
        with suppress(ForbiddenError):
            self.session.knock("/dags?limit=1")
        return self.session.identity

    def run(self, run_id: str) -> RunDetail:
        """A DAG run by ``DAG/RUN_ID`` with its task instances; raises NotFoundError."""
        path = self._path(run_id)
        dag_run = decode(self.session.get(path).body, DagRunJson, self._endpoint.name)
        tasks = self._task_instances(path)
        steps = airflow_json.in_order(tasks, self._graph(dag_run.dag_id, tasks))
        run = airflow_json.run(dag_run, self._endpoint.name, self._endpoint.url)
        why = airflow_json.reason(tasks) if run.state in (State.FAILED, State.RUNNING) else ""
        if run.state is State.FAILED and not why:
            why = airflow_json.NO_FAILED_TASK
        return RunDetail(
            run=replace(run, reason=why),
            steps=tuple(airflow_json.step(task, self._endpoint.url) for task in steps),
            parameters=airflow_json.parameters(dag_run),
            causes=(run.cause,) if run.cause else (),
            note=dag_run.note or "",
        )

    def runs(self, job: str, limit: int) -> tuple[Run, ...]:
        """The newest ``limit`` runs of a DAG, newest first; raises NotFoundError."""
        found: list[Run] = []
        while len(found) < limit:
            answer = self.session.get(
                quoted_path("dags", job, "dagRuns"),
                [
                    ("limit", min(limit - len(found), PAGE)),
                    ("offset", len(found)),
                    ("order_by", "-run_after"),
                ],
            )
            page = decode(answer.body, DagRunPage, self._endpoint.name)
            found += [
                airflow_json.run(dag_run, self._endpoint.name, self._endpoint.url)
                for dag_run in page.dag_runs
            ]
            if not page.dag_runs or len(found) >= (page.total_entries or 0):
                break
        return tuple(found)

    def clear_preview(self, run_id: str, task: TaskName | None) -> ClearPreview:
        """What clearing the failed tasks of ``DAG/RUN_ID`` touches (``ports.changing.ClearSource``)."""
        return airflow_preview.clear_preview(self.session, run_id, task)

    def clear_state(self, run_id: str, tasks: tuple[TaskPin, ...]) -> tuple[TaskPin, ...]:
        """How task instances of ``DAG/RUN_ID`` stand now (``ports.changing.ClearSource``)."""
        return airflow_preview.clear_state(self.session, run_id, tasks)

    def served(self, dag_ids: tuple[str, ...]) -> Mapping[str, DagServed]:
        """The versions of DAGs that are served (``ports.releasing.DagSource``, also of what follows)."""
        return airflow_serving.served(self.session, dag_ids)

    def import_errors(self, dag_id: str) -> tuple[str, ...]:
        """Why the file of a DAG does not import; of all files where none is named."""
        return airflow_serving.import_errors(self.session, dag_id)

    def smoke_run(self, dag_id: str, run_id: str) -> Run:
        """How a DAG run stands, with the reason where it failed; raises NotFoundError."""
        path = quoted_path("dags", dag_id, "dagRuns", run_id)
        dag_run = decode(self.session.get(path).body, DagRunJson, self._endpoint.name)
        run = airflow_json.run(dag_run, self._endpoint.name, self._endpoint.url)
        return self.run(run.name.id).run if run.state is State.FAILED else run

    def trace(self, sought: Sought) -> Looked:
        """Where an operation's id stands (``ports.tracing.TraceSource``)."""
        return airflow_tracing.trace(self.session, sought)

    def survey(self) -> Survey:
        """Its DAGs and their assets (``ports.surveying.SurveySource``)."""
        return airflow_survey.survey(self.session, self._tags)

    def log(self, request: LogRequest, cursor: str) -> LogChunk:
        """The piece of a task's log that follows ``cursor``; raises NotFoundError where there is none.

        A task that waits to run has an empty log that is not complete; one that never ran has none.
        """
        if request.task is None:
            raise NotFoundError(
                f"{request.run} has no log of its own; name a task of it, like {request.run}::TASK"
            )
        return read_log(self.session, self._path(request.run.id), request.task, cursor)

    def chain(self) -> Chain:
        """The certificates that the server presents (``ports.examining.ExaminedSource``)."""
        return chain_of(self._endpoint)

    def examine(self) -> Examination:
        """What it is and what one may do there (the same port)."""
        return airflow_rights.examine(self.session, self._tags)

    def log_end(self, request: LogRequest) -> LogEnd | None:  # noqa: ARG002  # the port's
        """None: Airflow gives a log from its start alone."""
        return None

    def close(self) -> None:
        """Let go of the sockets."""
        self.session.close()

    def _path(self, run_id: str) -> str:
        try:
            return run_path(run_id)
        except NameNotUnderstoodError as error:
            raise NotFoundError(f"{self._endpoint.name} has no such run: {error}") from None

    def _task_instances(self, path: str) -> list[TaskInstanceJson]:
        found: list[TaskInstanceJson] = []
        while len(found) < _STEPS_SHOWN:
            answer = self.session.get(
                f"{path}/taskInstances", [("limit", PAGE), ("offset", len(found)), ("order_by", "id")]
            )
            page = decode(answer.body, TaskInstancePage, self._endpoint.name)
            found += page.task_instances
            if not page.task_instances or len(found) >= (page.total_entries or 0):
                break
        return found

    def _graph(self, dag_id: str, tasks: list[TaskInstanceJson]) -> list[TaskJson]:
        """The DAG's dependencies, asked for only where start times alone give no order."""
        if all(task.start_date is not None and task.state != "upstream_failed" for task in tasks):
            return []
        return airflow_preview.graph(self.session, dag_id)
