"""Rows of every list: from the board's values to cells, and what a list says where it has none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from textual.content import Content

from fedesk.domain.states import FailureKind, Standing, State, System, Verdict
from fedesk.ui import present
from fedesk.ui.actions import Target
from fedesk.ui.listed import Column, Listed, ListState, Maker, Row, later

if TYPE_CHECKING:
    from fedesk.domain.board import Board, JobHistory, JobKey, PipelineRow
    from fedesk.domain.front import EnvironmentFacts
    from fedesk.domain.names import ConnectionName
    from fedesk.domain.observation import Snapshot
    from fedesk.domain.runs import Run
    from fedesk.domain.secrets import SecretAge

SECRET_COLUMNS = (
    Column(title="", name="state", width=1, number=True),
    Column(title="", width=11, importance=5),
    Column(title="secret", width=32, grow=1),
    Column(title="age", width=5, right=True, importance=4, number=True),
    Column(title="left", width=5, right=True, number=True),
    Column(title="owner", width=11, importance=3),
    Column(title="version", width=7, right=True, importance=1, number=True),
    Column(title="source", width=10, importance=2),
    Column(title="", width=8, importance=0, grow=5),
)
RUN_COLUMNS = (
    Column(title="", name="state", width=1, number=True),
    Column(title="", width=9, importance=4),
    Column(title="run", width=16, grow=3),
    Column(title="partition", width=10, importance=5),
    Column(title="started", width=12, right=True, number=True),
    Column(title="took", width=7, right=True, number=True),
    Column(title="usual", width=6, right=True, importance=3, number=True),
    Column(title="cause", width=9, importance=1, grow=1),
    Column(title="why", width=12, importance=2, grow=4),
)
ENVIRONMENT_COLUMNS = (
    Column(title="environment", width=20),
    Column(title="", width=10),
    Column(title="mode", width=10),
    Column(title="zone", width=20, importance=1),
)
SECRET_SYSTEMS = frozenset({System.VAULT, System.SNOWFLAKE})
RUN_SYSTEMS = frozenset({System.JENKINS, System.AIRFLOW})


_VERDICT_ORDER: Mapping[Verdict, int] = {
    Verdict.OVERDUE: 0,
    Verdict.UNDETERMINED: 1,
    Verdict.DUE: 2,
    Verdict.COMPLIANT: 3,
}


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()


def _age(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else (now - moment).total_seconds()


def _ratio(took: timedelta | None, usual: timedelta | None) -> float | None:
    return took / usual if took is not None and usual else None


def stale_connections(snapshots: Iterable[Snapshot]) -> frozenset[ConnectionName]:
    """Connections whose rows are those of an earlier look."""
    return frozenset(
        snapshot.connection
        for snapshot in snapshots
        if snapshot.observation is not None and snapshot.standing is not Standing.LIVE
    )


def further_connections(snapshots: Iterable[Snapshot]) -> frozenset[ConnectionName]:
    """Connections that are not the first of their kind: rows of theirs say where they are from."""
    first: dict[System, ConnectionName] = {}
    return frozenset(
        one.connection for one in snapshots if first.setdefault(one.system, one.connection) != one.connection
    )


def pipeline_columns(environments: Sequence[str]) -> tuple[Column, ...]:
    """Columns of the pipelines, one for each environment among them."""
    return (
        Column(title="", name="state", width=1, number=True),
        Column(title="pipeline", width=20, grow=1),
        Column(title="owner", width=14, importance=3),
        Column(title="tier", width=4, right=True, importance=1, number=True),
        Column(title="last 20 runs", width=20, importance=6, sorts=False),
        *(
            Column(title=present.text(name, 7), width=min(max(len(name), 4), 7), importance=5, sorts=False)
            for name in environments[:_ENVIRONMENTS_SHOWN]
        ),
        Column(title="age", width=4, right=True, number=True),
        Column(title="took", width=6, right=True, importance=7, number=True),
        Column(title="usual", width=6, right=True, importance=4, number=True),
        Column(title="next", width=6, right=True, importance=2, number=True),
    )


_ENVIRONMENTS_SHOWN = 6


def pipeline_rows(board: Board, environments: Sequence[str]) -> list[Listed]:
    """One row a pipeline, in the order of the board."""
    maker = _PipelineRows(board.at, environments, stale_connections(board.snapshots))
    return later(board.pipelines, lambda pipeline: pipeline.name, maker)


@dataclass(frozen=True)
class _PipelineRows(Maker["PipelineRow"]):
    now: datetime
    environments: Sequence[str]
    stale: frozenset[ConnectionName]

    def row(self, pipeline: PipelineRow, /) -> Row:
        """The row of one."""
        return _pipeline_row(pipeline, self.now, self.environments, self.stale)


def _pipeline_row(
    pipeline: PipelineRow, now: datetime, environments: Sequence[str], stale: frozenset[ConnectionName]
) -> Row:
    last = pipeline.last_run
    failed = next((run.name for run in reversed(pipeline.strip) if run.state.is_bad), None)
    took = last.duration(now) if last else None
    usual = pipeline.baseline.median if pipeline.baseline else None
    strip = [present.strip_cell(run, usual) for run in pipeline.strip]
    following = (
        Content(present.until(pipeline.next_run_at, now))
        if pipeline.enabled
        else Content.styled("off", "$text-warning")
    )
    return Row(
        key=pipeline.name,
        cells=(
            present.FACES[pipeline.state].mark if last else present.NOTHING.mark,
            Content.assemble(
                (present.text(pipeline.name), "bold" if pipeline.catalogued else ""),
                (_on_several(pipeline), present.MUTED),
            ),
            present.plain(str(pipeline.owner) if pipeline.catalogued else "uncatalogued", present.MUTED),
            Content.styled(str(int(pipeline.tier)) if pipeline.catalogued else "", present.MUTED),
            Content("").join(strip).pad_left(max(20 - len(strip), 0)),
            *(_environment_cell(pipeline.states.get(name)) for name in environments[:_ENVIRONMENTS_SHOWN]),
            Content(present.age(last.at, now) if last else ""),
            Content(present.duration(took)),
            present.against_usual(took, usual),
            following,
        ),
        target=Target(
            name=present.text(pipeline.name, 80),
            id=str(last.name) if last else pipeline.name,
            run=last.name if last else None,
            link=last.link if last else "",
            runbook=pipeline.runbook,
            pipeline=pipeline.name,
            opens=last is not None,
            rerun=failed,
            unfit="" if failed else f"no run of {present.text(pipeline.name, 80)} that is known has failed",
        ),
        dim=last is not None and last.name.connection in stale,
        numbers={
            "state": present.STATE_ORDER[pipeline.state] if last else None,
            "tier": int(pipeline.tier) if pipeline.catalogued else None,
            "age": _age(last.at, now) if last else None,
            "took": _seconds(took),
            "usual": _ratio(took, usual),
            "next": pipeline.next_run_at.timestamp() if pipeline.next_run_at and pipeline.enabled else None,
        },
    )


def _on_several(pipeline: PipelineRow) -> str:
    """``@airflow +1``: of a job that several connections know the row shows the first one's runs."""
    lead = pipeline.jobs[0] if pipeline.jobs else None
    others = sum(job.key == lead.key for job in pipeline.jobs) - 1 if lead is not None else 0
    return f"@{present.text(lead.connection.name, 20)} +{others}" if lead is not None and others else ""


def _environment_cell(state: State | None) -> Content:
    return Content.styled("·", "$foreground-disabled") if state is None else present.FACES[state].mark


def secret_columns(further: frozenset[ConnectionName]) -> tuple[Column, ...]:
    """Where there are several sources of a kind, the one of a secret is left out late."""
    if not further:
        return SECRET_COLUMNS
    return tuple(replace(one, importance=8) if one.title == "source" else one for one in SECRET_COLUMNS)


def secret_rows(ages: Iterable[SecretAge], stale: frozenset[ConnectionName]) -> list[Listed]:
    """One row a secret, in the order given."""
    return later(ages, secret_key, _SecretRows(stale))


@dataclass(frozen=True)
class _SecretRows(Maker["SecretAge"]):
    stale: frozenset[ConnectionName]

    def row(self, age: SecretAge, /) -> Row:
        """The row of one."""
        return _secret_row(age, self.stale)


def secret_key(age: SecretAge) -> str:
    """What a secret's row is known by."""
    return f"{age.secret.connection} {age.secret.name}"


def _secret_row(age: SecretAge, stale: frozenset[ConnectionName]) -> Row:
    face = present.VERDICTS[age.verdict]
    secret = age.secret
    left = "" if age.time_left is None else days(age.time_left)
    return Row(
        key=secret_key(age),
        cells=(
            face.mark,
            Content.styled(face.word, face.style),
            present.plain(secret.name, "bold"),
            Content("" if age.age is None else days(age.age)),
            Content.styled(left, face.style if age.verdict.value in {"due", "overdue"} else ""),
            present.plain(str(secret.owner), present.MUTED),
            Content.styled("" if secret.version is None else f"v{secret.version}", present.MUTED),
            present.plain(secret.connection.name, present.MUTED),
            present.plain(secret.problem, "$state-violet"),
        ),
        target=Target(name=present.text(secret.name, 80), id=secret.name, opens=False),
        dim=secret.connection in stale,
        numbers={
            "state": _VERDICT_ORDER[age.verdict],
            "age": _seconds(age.age),
            "left": _seconds(age.time_left),
            "version": secret.version,
        },
    )


def days(length: timedelta) -> str:
    """Days of a secret's age, with a sign where it is behind: ``93d``, ``-3d``; hours below two days."""
    behind = length < timedelta(0)
    return f"{'-' if behind else ''}{present.length_of(abs(length))}"


def run_rows(
    histories: Iterable[JobHistory],
    now: datetime,
    where: tzinfo,
    *,
    stale: frozenset[ConnectionName] = frozenset(),
) -> list[Listed]:
    """The runs of a pipeline's jobs, newest first."""
    known = tuple(histories)
    first = {history.key: history.connection for history in reversed(known)}
    listed = [(run, history) for history in known for run in history.runs]
    listed.sort(key=lambda pair: pair[0].at.timestamp() if pair[0].at else 0.0, reverse=True)
    maker = _RunRows(now, where, stale, first)
    return later(listed[:_RUNS_SHOWN], lambda pair: str(pair[0].name), maker)


_RUNS_SHOWN = 500


@dataclass(frozen=True)
class _RunRows(Maker["tuple[Run, JobHistory]"]):
    now: datetime
    where: tzinfo
    stale: frozenset[ConnectionName]
    first: Mapping[JobKey, ConnectionName]
    """The connection of each job that its rows need not name."""

    def row(self, pair: tuple[Run, JobHistory], /) -> Row:
        """The row of one."""
        run, history = pair
        return _run_row(
            run,
            history,
            self.now,
            self.where,
            dim=history.connection in self.stale,
            at="" if self.first[history.key] == history.connection else history.connection.name,
        )


def _run_row(run: Run, history: JobHistory, now: datetime, where: tzinfo, *, dim: bool, at: str) -> Row:
    face, usual = present.FACES[run.state], history.baseline
    took = run.duration(now)
    return Row(
        key=str(run.name),
        cells=(
            face.mark,
            Content.styled(face.word, face.style),
            Content.assemble(
                (f"{present.text(at, 20)} " if at else "", present.MUTED),
                present.text(_run_name(run, history)),
            ),
            Content(present.partition(run.partition, where) if run.partition else ""),
            Content(present.clock_time(run.started_at or run.at, now, where)),
            Content(present.duration(took)),
            present.against_usual(took, usual.median if usual else None),
            present.plain(run.cause, present.MUTED),
            present.plain(run.reason),
        ),
        target=Target(
            name=present.text(run.name.id, 120),
            id=str(run.name),
            run=run.name,
            link=run.link,
            runbook=history.subject.runbook,
        ),
        dim=dim,
        numbers={
            "state": present.STATE_ORDER[run.state],
            "started": begun.timestamp() if (begun := run.started_at or run.at) else None,
            "took": _seconds(took),
            "usual": _ratio(took, usual.median if usual else None),
        },
    )


def _run_name(run: Run, history: JobHistory) -> str:
    """A DAG run by its run id, a build by its job's last part and its number."""
    return present.run_label(run) if history.key[0] is System.AIRFLOW else run.name.id.rpartition("/")[2]


def environment_rows(environments: Iterable[EnvironmentFacts], current: str) -> list[Row]:
    """One row an environment."""
    return [
        Row(
            key=facts.name,
            cells=(
                present.plain(facts.name, "bold $text-error" if facts.production else "bold"),
                Content.styled("production" if facts.production else "", "$text-error"),
                Content(facts.mode),
                Content.styled(facts.timezone, present.MUTED),
            ),
            target=Target(name=facts.name, id=facts.name),
            dim=False,
        )
        for facts in sorted(environments, key=lambda facts: facts.name != current)
    ]


def list_state(
    snapshots: Sequence[Snapshot], now: datetime, where: tzinfo, *, empty: str, systems: frozenset[System]
) -> ListState:
    """What a list of these systems' rows says beside them.

    ``empty`` is the sentence for a list that has no row although every system answers.
    """
    relevant = [snapshot for snapshot in snapshots if snapshot.system in systems]
    unseen = [one for one in relevant if one.standing is Standing.CONNECTING and one.observation is None]
    failing = [one for one in relevant if one.failure is not None]
    if not relevant:
        kinds = " or ".join(sorted(system.value for system in systems))
        return ListState(
            why_empty=(Content(f"No {kinds} is configured for this environment: nothing can be read here."),)
        )
    if len(unseen) == len(relevant):
        return ListState(loading=True)
    some = "What could be read has nothing for this list."
    nothing = "Nothing could be read." if len(failing) == len(relevant) else some
    lines = [Content(nothing), Content()] if failing else [Content(empty)]
    lines += [Content.styled(f"{one.connection.name} is still being read.", present.MUTED) for one in unseen]
    lines += [_refusal(one, now) for one in failing]
    return ListState(why_empty=tuple(lines), foot=foot(relevant, now, where), troubled=bool(failing))


def _refusal(snapshot: Snapshot, now: datetime) -> Content:
    """A system that fails, in its own words, and when it is asked again."""
    failure = snapshot.failure
    if failure is None:
        return Content()
    word = "refuses" if failure.kind in _REFUSED else failure.kind.value
    following = present.until(snapshot.next_try_at, now)
    return Content.assemble(
        (f"{snapshot.connection.name} {word}: ", "$text-error"),
        present.text(failure.sentence),
        (f" Next try {following}." if following else "", present.MUTED),
    )


_REFUSED = frozenset({FailureKind.FORBIDDEN, FailureKind.UNAUTHENTICATED, FailureKind.CREDENTIAL})


def foot(relevant: Sequence[Snapshot], now: datetime, where: tzinfo) -> Content | None:
    """What is not live: ``jenkins as of 02:41, unreachable since 02:42, next try in 20s``.

    Several that fail alike are told at once. What was kept from before is ``as of 02:41, connecting``: in one
    word where nothing is live yet.
    """
    alike: dict[FailureKind, list[Snapshot]] = {}
    for one in relevant:
        if one.failure is not None:
            alike.setdefault(one.failure.kind, []).append(one)
    parts = [Content.styled(_failing(found, now, where), "$text-warning") for found in alike.values()]
    waiting = [one for one in relevant if one.standing is Standing.CONNECTING]
    if waiting and len(waiting) == len(relevant):
        oldest = min((one.observed_at for one in waiting if one.observed_at), default=None)
        as_of = f"as of {present.clock_time(oldest, now, where)}, " if oldest else ""
        return Content.styled(f"{as_of}connecting", present.MUTED)
    parts += [Content.styled(_connecting(one, now, where), present.MUTED) for one in waiting]
    return Content.styled(" · ", present.MUTED).join(parts) if parts else None


def _failing(alike: Sequence[Snapshot], now: datetime, where: tzinfo) -> str:
    """Those that fail in the same way: the oldest look, the earliest failure, the next of the tries."""
    observed = min((one.observed_at for one in alike if one.observed_at), default=None)
    failed = min((one.failed_since for one in alike if one.failed_since), default=None)
    tried = min((one.next_try_at for one in alike if one.next_try_at), default=None)
    kind = alike[0].failure.kind.value if alike[0].failure else ""
    as_of = f"as of {present.clock_time(observed, now, where)}, " if observed else ""
    since = f" since {present.clock_time(failed, now, where)}" if failed else ""
    following = f", next try {present.until(tried, now)}" if tried else ""
    said, names = f"{as_of}{kind}{since}{following}", ", ".join(one.connection.name for one in alike)
    return f"{names} {said}" if len(alike) == 1 else f"{said}: {names}"


def _connecting(one: Snapshot, now: datetime, where: tzinfo) -> str:
    as_of = f"as of {present.clock_time(one.observed_at, now, where)}, " if one.observed_at else ""
    return f"{one.connection.name} {as_of}connecting"
