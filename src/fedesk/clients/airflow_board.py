"""The board's look at an Airflow: at most three requests where nothing is left to catch up with.

A look always asks for the runs that moved since the last one. What else there is takes turns: the DAG list
page by page, import errors, health, and whether the runs that are held as unfinished still are. Task
instances are asked for only where a run is under way or has newly failed, all in one request. History is read
newest first, in sweeps over those DAGs that still lack runs, so that a DAG which runs every five minutes does
not hide a daily one.

Airflow tells no ``updated_at`` of a run. The next look therefore asks from the server's own clock (``Date``)
on, a margin before, because a change is committed after the moment it is stamped with. What a look misses all
the same is found by the turn that compares unfinished runs.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import is_

import msgspec

from fedesk.clients import airflow_json
from fedesk.clients.airflow_json import (
    NO_FAILED_TASK,
    TROUBLE,
    ComponentJson,
    DagPage,
    DagRunPage,
    ImportErrorPage,
    TaskInstanceJson,
    TaskInstancePage,
    VersionJson,
    decode,
)
from fedesk.clients.airflow_session import AirflowSession, quoted_path
from fedesk.clients.http import Answer
from fedesk.domain.names import split_dag_run
from fedesk.domain.observation import Observation, Problem
from fedesk.domain.runs import Job, Run
from fedesk.domain.states import State
from fedesk.ports.errors import ForbiddenError, NotFoundError

PAGE = 100
"""Rows asked for; the server's ``maximum_page_limit`` may give fewer."""
HISTORY_PAGE = 250
"""Batch reads have no cap of the server's own (3.3.2); where one has, what came is what counts."""
STEADY_REQUESTS = 3
CATCHING_UP_REQUESTS = 6
HISTORY_RUNS = 20
"""Runs of each DAG that make its history complete."""
HISTORY = timedelta(days=30)
KEPT_RUNS = 25
MARGIN = timedelta(seconds=1)
"""A run that ended less than this (and the fraction that ``Date`` hides) before a look comes twice."""
_REASONS_AT_ONCE = 100
_TURNS = ("errors", "health", "dags", "unfinished", "dags")


class Sweep(msgspec.Struct):
    """History of some DAGs being read page by page: runs due at or before ``before``, from ``offset`` on.

    After each page it goes on with those DAGs that still lack runs. Runs due at one moment are ordered by id,
    so that those of a page's last moment which are read already stand at the head of what follows.
    """

    dags: list[str]
    before: str | None = None
    offset: int = 0


class Cursor(msgspec.Struct):
    """Where the next look goes on."""

    since: str = ""
    turn: int = 0
    dags_offset: int = 0
    dags_seen: list[str] = []
    """DAGs of the pages read in this round over the list."""
    waiting: list[str] = []
    """DAGs whose history no sweep has taken up yet."""
    sweep: Sweep | None = None
    doubted: list[str] = []
    """Runs held as unfinished that the server does not list as such."""
    unasked: list[str] = []
    """Runs under way or newly failed whose task instances have not been asked for since they moved."""


class Look:
    """One look. Made for one call of ``observe`` and thrown away."""

    def __init__(self, session: AirflowSession, tags: tuple[str, ...], previous: Observation | None) -> None:
        self._session = session
        self._name = session.endpoint.name
        self._url = session.endpoint.url
        self._tags = tags
        self._cursor = _cursor(previous)
        held = previous if previous is not None and self._cursor.since else Observation()
        self._held = held.runs
        self._jobs: dict[str, Job] = {job.name: job for job in held.jobs}
        self._runs: dict[str, Run] = {run.name.id: run for run in held.runs}
        self._problems = {
            "errors": tuple(each for each in held.problems if each.kind == "import error"),
            "health": tuple(each for each in held.problems if each.kind != "import error"),
        }
        self._version = held.server_version
        self._at: datetime | None = None
        self._unasked = set(self._cursor.unasked)
        self._left = STEADY_REQUESTS

    def observe(self) -> Observation:
        """Raises SourceError; the observation before it then still holds."""
        if self._cursor.since:
            self._steady()
        else:
            self._first()
        kept = self._held if self._is_as_held() else tuple(self._kept())
        self._cursor.unasked = sorted(self._unasked & {run.name.id for run in kept})
        return Observation(
            runs=kept,
            jobs=tuple(self._jobs[name] for name in sorted(self._jobs)),
            problems=(*self._problems["health"], *self._problems["errors"]),
            server_version=self._version,
            cursor=msgspec.json.encode(self._cursor).decode(),
            complete=self._is_complete(),
        )

    def _first(self) -> None:
        """Rows as soon as possible: the DAGs and their newest runs; all else can wait for the next look."""
        self._dags()
        if self._cursor.dags_offset:
            self._dags()
        self._history()
        self._cursor.since = self._since()

    def _steady(self) -> None:
        if not self._is_complete():
            self._left = CATCHING_UP_REQUESTS
        since = self._cursor.since
        self._changes(since)
        self._cursor.since = self._since()
        self._reasons()
        if not self._version and self._left > 0:
            self._read_version()
        if self._cursor.doubted and self._left > 0:
            self._settle(self._cursor.doubted.pop())
        elif self._left > 0:
            self._take_turn()
        while self._left > 1 and not self._is_complete():
            self._history()
        self._reasons()
        if self._left > 0:
            self._take_turn()

    # --- requests ---------------------------------------------------------------------------------------

    def _get(self, path: str, *query: tuple[str, str | int]) -> Answer:
        self._left -= 1
        return self._stamped(self._session.get(path, query))

    def _list(self, path: str, body: dict[str, object]) -> Answer:
        self._left -= 1
        return self._stamped(self._session.list(path, body))

    def _stamped(self, answer: Answer) -> Answer:
        """The first answer's ``Date`` is this look's moment: what changes later is the next look's."""
        if self._at is None:
            self._at = answer.at
        return answer

    def _since(self) -> str:
        moment = self._at or datetime.now(UTC)
        return _text(moment - MARGIN)

    # --- DAGs -------------------------------------------------------------------------------------------

    def _dags(self) -> None:
        """One page of the DAG list. After the last one, what no page held is gone."""
        cursor = self._cursor
        answer = self._get(
            "/dags",
            ("limit", PAGE),
            ("offset", cursor.dags_offset),
            ("order_by", "dag_id"),
            *(("tags", tag) for tag in self._tags),
            *((("tags_match_mode", "any"),) if self._tags else ()),
        )
        page = decode(answer.body, DagPage, self._name)
        for dag in page.dags:
            if dag.dag_id not in self._jobs:
                cursor.waiting.append(dag.dag_id)
            self._jobs[dag.dag_id] = airflow_json.job(dag, self._name, self._url)
            cursor.dags_seen.append(dag.dag_id)
        cursor.dags_offset += len(page.dags)
        if page.dags and cursor.dags_offset < page.total_entries:
            return
        seen = set(cursor.dags_seen)
        self._jobs = {name: job for name, job in self._jobs.items() if name in seen}
        self._runs = {key: run for key, run in self._runs.items() if run.job in seen}
        cursor.waiting = [name for name in cursor.waiting if name in seen]
        cursor.dags_offset, cursor.dags_seen = 0, []

    # --- runs -------------------------------------------------------------------------------------------

    def _changes(self, since: str) -> None:
        """Runs that moved since the last look, the latest first: what moves meanwhile comes twice."""
        offset, total = 0, 1
        while offset < total and self._left > 0:
            answer = self._get(
                "/dags/~/dagRuns",
                ("updated_at_gte", since),
                ("order_by", "-updated_at"),
                ("limit", PAGE),
                ("offset", offset),
            )
            page = decode(answer.body, DagRunPage, self._name)
            self._take(page)
            offset += len(page.dag_runs)
            total = _total(page, offset)
        if offset < total:
            # More moved than one look may read, as after a night asleep: history is read anew.
            self._cursor.sweep = None
            self._cursor.waiting = sorted(self._jobs)

    def _take(self, page: DagRunPage) -> list[Run]:
        taken = []
        for dag_run in page.dag_runs:
            if dag_run.dag_id not in self._jobs:
                continue  # another team's, or too new: its history is read once the DAG list shows it
            run = airflow_json.run(dag_run, self._name, self._url)
            held = self._runs.get(run.name.id)
            if held is not None and held.state is run.state:
                run = replace(run, reason=held.reason)
            if held == run:
                run = held
            if run.state is State.RUNNING or (run.state is State.FAILED and held != run):
                self._unasked.add(run.name.id)
            self._runs[run.name.id] = run
            taken.append(run)
        return taken

    def _history(self) -> None:
        """One page of the history that is still missing."""
        cursor = self._cursor
        if cursor.sweep is None:
            if not cursor.waiting:
                return
            cursor.sweep, cursor.waiting = Sweep(dags=cursor.waiting), []
        sweep = cursor.sweep
        oldest = (self._at or datetime.now(UTC)) - HISTORY
        body: dict[str, object] = {
            "dag_ids": sweep.dags,
            "run_after_gte": _text(oldest),
            "order_by": "-run_after",
            "page_limit": HISTORY_PAGE,
            "page_offset": sweep.offset,
        }
        if sweep.before is not None:
            body["run_after_lte"] = sweep.before
        answer = self._list("/dags/~/dagRuns/list", body)
        page = decode(answer.body, DagRunPage, self._name)
        self._take(page)
        read = sweep.offset + len(page.dag_runs)
        if not page.dag_runs or read >= _total(page, read):
            cursor.sweep = None
            return
        last = page.dag_runs[-1].run_after or oldest
        lacking = self._lacking(sweep.dags, last)
        boundary = _text(last)
        if not lacking:
            cursor.sweep = None
        elif boundary == sweep.before:
            sweep.offset = read  # more runs are due at one moment than a page holds
        else:
            ahead = sum(run.run_after == last and run.dag_id in lacking for run in page.dag_runs)
            cursor.sweep = Sweep(dags=lacking, before=boundary, offset=ahead)

    def _lacking(self, dags: Iterable[str], boundary: datetime) -> list[str]:
        """Those of ``dags`` that have fewer runs than make a history.

        Only runs due at ``boundary`` or later count: these have just been read, older ones may have gaps.
        """
        counts: dict[str, int] = {}
        for run in self._runs.values():
            if _moment(run) >= boundary:
                counts[run.job] = counts.get(run.job, 0) + 1
        return [name for name in dags if counts.get(name, 0) < HISTORY_RUNS]

    def _unfinished(self) -> None:
        """Compare what is held as unfinished with what the server lists: finds what a look has missed."""
        answer = self._get(
            "/dags/~/dagRuns",
            ("state", "running"),
            ("state", "queued"),
            ("order_by", "-run_after"),
            ("limit", PAGE),
        )
        page = decode(answer.body, DagRunPage, self._name)
        listed = {run.name.id for run in self._take(page)}
        if _total(page, len(page.dag_runs)) > len(page.dag_runs):
            return
        self._cursor.doubted = sorted(
            key for key, run in self._runs.items() if not run.state.is_final and key not in listed
        )

    def _settle(self, run_id: str) -> None:
        try:
            answer = self._get(run_path(run_id))
        except NotFoundError:
            self._runs.pop(run_id, None)
            return
        dag_run = decode(answer.body, airflow_json.DagRunJson, self._name)
        self._take(DagRunPage(dag_runs=[dag_run]))

    # --- why runs are not green -------------------------------------------------------------------------

    def _reasons(self) -> None:
        """One batched request for the task instances in trouble of runs whose reason is not known yet."""
        if self._left <= 0 or not any(map(self._is_wanting, self._runs.values())):
            return
        asked = [run for run in self._kept() if self._is_wanting(run)][:_REASONS_AT_ONCE]
        if not asked:
            return
        answer = self._list(
            "/dags/~/dagRuns/~/taskInstances/list",
            {
                "dag_ids": sorted({run.job for run in asked}),
                "dag_run_ids": sorted({split_dag_run(run.name.id)[1] for run in asked}),
                "state": list(TROUBLE),
                "order_by": "-start_date",
                "page_limit": PAGE,
            },
        )
        page = decode(answer.body, TaskInstancePage, self._name)
        troubled: dict[str, list[TaskInstanceJson]] = {}
        for task in page.task_instances:
            troubled.setdefault(f"{task.dag_id}/{task.dag_run_id}", []).append(task)
        whole = _total(page, len(page.task_instances)) <= len(page.task_instances)
        for run in asked:
            tasks = troubled.get(run.name.id, [])
            if not tasks and not whole:
                continue
            self._unasked.discard(run.name.id)
            nothing = NO_FAILED_TASK if run.state is State.FAILED else ""
            self._runs[run.name.id] = replace(run, reason=airflow_json.reason(tasks) or nothing)

    def _is_wanting(self, run: Run) -> bool:
        return run.name.id in self._unasked or (run.state is State.FAILED and not run.reason)

    # --- the rest ---------------------------------------------------------------------------------------

    def _take_turn(self) -> None:
        turn = _TURNS[self._cursor.turn % len(_TURNS)]
        self._cursor.turn = (self._cursor.turn + 1) % len(_TURNS)
        duties: dict[str, Callable[[], None]] = {
            "dags": self._dags,
            "unfinished": self._unfinished,
            "errors": lambda: self._read_problems("errors", self._import_errors),
            "health": lambda: self._read_problems("health", self._health),
        }
        duties[turn]()

    def _read_problems(self, key: str, read: Callable[[], tuple[Problem, ...]]) -> None:
        """A right that is missing here hides a part of the picture and not the whole."""
        try:
            self._problems[key] = read()
        except (ForbiddenError, NotFoundError) as error:
            kind = "import error" if key == "errors" else "health"
            self._problems[key] = (Problem(kind=kind, where=str(self._name), text=str(error)),)

    def _import_errors(self) -> tuple[Problem, ...]:
        answer = self._get("/importErrors", ("limit", PAGE), ("order_by", "-timestamp"))
        page = decode(answer.body, ImportErrorPage, self._name)
        found = [airflow_json.import_problem(error, self._url) for error in page.import_errors]
        # Airflow stamps an error anew at every parse: it is as old as when it was first seen.
        since = {(held.where, held.text): held.since for held in self._problems["errors"]}
        return tuple(replace(each, since=since.get((each.where, each.text), each.since)) for each in found)

    def _health(self) -> tuple[Problem, ...]:
        answer = self._get("/monitor/health")
        components = decode(answer.body, dict[str, ComponentJson], self._name)
        return airflow_json.health_problems(components, self._url)

    def _read_version(self) -> None:
        self._version = decode(self._get("/version").body, VersionJson, self._name).version

    def _is_complete(self) -> bool:
        return self._cursor.sweep is None and not self._cursor.waiting

    def _is_as_held(self) -> bool:
        """Whether no run has come, gone or moved: then they are the newest of each DAG, in their order."""
        return len(self._runs) == len(self._held) and all(map(is_, self._runs.values(), self._held))

    def _kept(self) -> Iterator[Run]:
        """The newest runs of each DAG, newest first, and those that are under way however old."""
        counts: dict[str, int] = {}
        for run in sorted(self._runs.values(), key=lambda run: (_moment(run), run.name.id), reverse=True):
            counts[run.job] = counts.get(run.job, 0) + 1
            if counts[run.job] <= KEPT_RUNS or not run.state.is_final:
                yield run


def run_path(run_id: str) -> str:
    """``/dags/D/dagRuns/R`` of ``D/R``."""
    dag_id, dag_run_id = split_dag_run(run_id)
    return quoted_path("dags", dag_id, "dagRuns", dag_run_id)


def _cursor(previous: Observation | None) -> Cursor:
    if previous is None or not previous.cursor:
        return Cursor()
    try:
        return msgspec.json.decode(previous.cursor, type=Cursor)
    except msgspec.DecodeError:
        return Cursor()


def _total(page: DagRunPage | TaskInstancePage, read: int) -> int:
    return read if page.total_entries is None else page.total_entries


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _moment(run: Run) -> datetime:
    return run.at or _EPOCH


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
