"""Where Airflow carries an operation's id: the event log, the conf and the notes of runs and task instances.

Of an operation whose runs are known, these are read. Of another one Airflow cannot be asked for a note, so
its runs are those that the event log names since it was minted, and those that have the id in their conf.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fedesk.clients.airflow_board import PAGE, run_path
from fedesk.clients.airflow_events import note_of, read_page, texts
from fedesk.clients.airflow_json import (
    STATES,
    DagRunJson,
    DagRunPage,
    EventLogJson,
    TaskInstanceJson,
    decode,
    made_by,
    run_link,
    state_of,
)
from fedesk.clients.airflow_preview import pin, task_instances
from fedesk.clients.airflow_session import AirflowSession, quoted_path
from fedesk.clients.wording import clean, quoted
from fedesk.domain.names import NameNotUnderstoodError, RunName, split_dag_run
from fedesk.domain.traces import Looked, Sought, Trace
from fedesk.ports.errors import ForbiddenError, NotFoundError

_PAGES = 5
"""Pages of the event log that are read, from the moment on at which the operation was minted."""
_RUNS = 20
"""Runs that are opened."""
_LISTED = 8
"""Task instances that a sentence names."""
_ALL = "~"


def trace(session: AirflowSession, sought: Sought) -> Looked:
    """As ``ports.tracing.TraceSource``: three requests, and two for each run, more for a mapped one."""
    look = _Look(session, sought)
    asked = list(look.asked_for())
    named = [each.run for each in asked if each.run]
    found = list(dict.fromkeys([*sought.runs, *look.made(), *named]))
    if len(found) > _RUNS:
        look.limits.append(f"{look.name} has {len(found)} runs of it, of which {_RUNS} were opened.")
    traces = [each.trace for each in asked]
    for run in found[:_RUNS]:
        traces += look.of_run(run)
    return Looked(traces=tuple(traces), limits=tuple(look.limits))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """An entry of the event log that carries the id, and the run it names."""

    trace: Trace
    run: str


class _Look:
    """One look; ``limits`` grows as it goes."""

    def __init__(self, session: AirflowSession, sought: Sought) -> None:
        self._session = session
        self._sought = sought
        self.name = session.endpoint.name
        self._url = session.endpoint.url
        self.limits: list[str] = []

    def asked_for(self) -> Iterator[_Asked]:
        """What the event log has of it; of the DAGs it is about, or of all."""
        for dag_id in self._dags() or ("",):
            for entry in self._entries(dag_id):
                if any(self._sought.operation in text for text in texts(entry)):
                    yield self._asked(entry)

    def _asked(self, entry: EventLogJson) -> _Asked:
        dag_id, run_id = entry.dag_id or "", entry.run_id or ""
        about = f" of {clean(f'{dag_id} / {run_id}')}" if run_id else f" of {clean(dag_id)}" if dag_id else ""
        who = quoted(entry.owner or "?", limit=80)
        return _Asked(
            run=f"{dag_id}/{run_id}" if dag_id and run_id else "",
            trace=Trace(
                source=f"{self.name} event log",
                at=entry.when,
                said=f"{who} asked for {clean(entry.event)}{about}{note_of(entry)}.",
                reference=f"entry {entry.event_log_id}",
                link=run_link(self._url, dag_id, run_id) if dag_id and run_id else "",
            ),
        )

    def _entries(self, dag_id: str) -> list[EventLogJson]:
        found: list[EventLogJson] = []
        only: list[tuple[str, str | int]] = [("dag_id", dag_id)] if dag_id else []
        # What a task instance went through is logged as well, under the name of its state.
        only += [("excluded_events", state) for state in STATES if state]
        try:
            while len(found) < _PAGES * PAGE:
                page, _ = read_page(
                    self._session,
                    [
                        *only,
                        ("after", self._sought.since.isoformat()),
                        ("order_by", "event_log_id"),
                        ("limit", PAGE),
                        ("offset", len(found)),
                    ],
                )
                found += page
                if len(page) < PAGE:
                    return found
        except ForbiddenError as error:
            self.limits.append(f"{self.name}'s event log may not be read: {error}.")
            return found
        self.limits.append(f"Of {self.name}'s event log {len(found)} entries were read, and there are more.")
        return found

    def made(self) -> list[str]:
        """``DAG/RUN_ID`` of runs that fedesk made for it: by the id in their conf, and by their run id."""
        queries = [("conf_contains", self._sought.operation)]
        if self._plan:
            queries.append(("run_id_prefix_pattern", self._plan))
        # An Airflow that does not know a filter lists more.
        return [
            f"{run.dag_id}/{run.dag_run_id}"
            for dag_id in self._dags() or (_ALL,)
            for query in queries
            for run in self._list(dag_id, query)
            if self._is_made(run)
        ]

    def _list(self, dag_id: str, query: tuple[str, str]) -> list[DagRunJson]:
        try:
            answer = self._session.get(
                quoted_path("dags", dag_id, "dagRuns"),
                [query, ("updated_at_gte", self._sought.since.isoformat()), ("limit", PAGE)],
            )
        except NotFoundError:
            # The DAG is gone; its runs, which are asked for one by one, say so.
            return []
        found = decode(answer.body, DagRunPage, str(self.name)).dag_runs
        if len(found) >= PAGE:
            said = f"Of {self.name}'s runs {len(found)} were read by {query[0]}, and there may be more."
            self.limits.append(said)
        return found

    def of_run(self, run_id: str) -> Iterator[Trace]:
        """What a run and its task instances carry."""
        try:
            path = run_path(run_id)
            answer = self._session.get(path)
            run = decode(answer.body, DagRunJson, str(self.name))
            tasks = task_instances(self._session, path)
        except (NameNotUnderstoodError, NotFoundError) as error:
            self.limits.append(f"{clean(run_id)} could not be looked at: {error}.")
            return
        now = answer.at or datetime.now(UTC)
        if self._is_made(run):
            how = "with the id in its conf" if made_by(run) else "under the plan's name"
            said = f"it was made {how}; it is {state_of(run.state).value}"
            yield self._told(run, "run", run.queued_at or now, said)
        if self._is_ours(run.note):
            yield self._told(run, "run note", now, f"its note is {quoted(run.note or '')}")
        carriers = [each for each in tasks if self._is_ours(each.note)]
        if carriers:
            of_all = f"{len(carriers)} of {len(tasks)} task instance{'s' * (len(tasks) != 1)}"
            said = f"the note stands on {of_all}: {_named(carriers)}"
            yield self._told(run, "task instances", self._began(carriers) or now, said)

    def _began(self, tasks: Iterable[TaskInstanceJson]) -> datetime | None:
        """When the first of them ran again; None where none has."""
        starts = (each.start_date for each in tasks)
        return min((at for at in starts if at is not None and at >= self._sought.since), default=None)

    def _told(self, run: DagRunJson, what: str, at: datetime, said: str) -> Trace:
        return Trace(
            source=f"{self.name} {what}",
            at=at,
            said=f"{clean(f'{run.dag_id} / {run.dag_run_id}')}: {said}.",
            reference=str(RunName(self.name, f"{run.dag_id}/{run.dag_run_id}")),
            link=run_link(self._url, run.dag_id, run.dag_run_id),
        )

    @property
    def _plan(self) -> str:
        """What the ids of runs begin with that the plan made; empty where it is not known."""
        return f"fedesk__{self._sought.plan}__" if self._sought.plan else ""

    def _is_made(self, run: DagRunJson) -> bool:
        """Whether fedesk made this run for it."""
        is_planned = bool(self._plan) and run.dag_run_id.startswith(self._plan)
        return is_planned or made_by(run) == self._sought.operation

    def _is_ours(self, note: str | None) -> bool:
        return self._sought.operation in (note or "")

    def _dags(self) -> tuple[str, ...]:
        """DAGs that it is about; none where that is not known."""
        return tuple(dict.fromkeys(_dag_ids(self._sought.runs)))


def _dag_ids(runs: Iterable[str]) -> Iterator[str]:
    for run in runs:
        try:
            yield split_dag_run(run)[0]
        except NameNotUnderstoodError:
            continue


def _named(tasks: Sequence[TaskInstanceJson]) -> str:
    named = ", ".join(f"{pin(each).name} {_standing(each)}" for each in tasks[:_LISTED])
    more = len(tasks) - _LISTED
    return clean(named) + (f" and {more} more" if more > 0 else "")


def _standing(task: TaskInstanceJson) -> str:
    return f"{task.state or 'none'} (try {task.try_number})"
