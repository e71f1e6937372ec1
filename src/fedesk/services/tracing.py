"""Following one operation: what each system says of it, and the desk's own journal and audit log, by time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from fedesk.domain.audit import AuditRecord
from fedesk.domain.names import NameNotUnderstoodError, RunName, split_dag_run, split_task
from fedesk.domain.observation import Failure
from fedesk.domain.operations import Operation
from fedesk.domain.states import System
from fedesk.domain.traces import (
    CLOCKS,
    Looked,
    Sought,
    Source,
    SourceState,
    Trace,
    in_order,
    minted_at,
)
from fedesk.ports.errors import NotFoundError
from fedesk.ports.operation_store import StoreError
from fedesk.ports.sources import Connection
from fedesk.services.failing import failure_of
from fedesk.services.hiding import hidden
from fedesk.services.side_by_side import side_by_side

STORE = "store"
_PLAN_DIGITS = 12
_RECORDS = 10_000
"""Audit records of one operation that are read, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the desk's own store has of an operation."""

    operation: Operation | None = None
    records: tuple[AuditRecord, ...] = ()
    error: str = ""
    """Why it could not be read; empty where it could."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Everything that is known of an operation."""

    operation: str
    """The whole id."""
    environment: str
    """Whose connections were asked."""
    known: bool
    """Whether the store has the operation."""
    traces: tuple[Trace, ...]
    """In order of time."""
    sources: tuple[Source, ...]
    failures: tuple[Failure, ...]
    """Of the systems that are silent."""


class TraceReader(Protocol):
    """What is read of the store. Raises StoreError."""

    def operation(self, operation: str) -> Operation | None:
        """One operation by its id, or by the first characters of it if they are those of one alone."""

    def tail(self, limit: int, *, operation: str | None = None) -> tuple[AuditRecord, ...]:
        """The newest records, oldest first."""


def kept_of(store: Callable[[], TraceReader], operation: str) -> Kept:
    """What the store has of an id, or of its beginning; why it could not be read. ``store`` opens it."""
    try:
        opened = store()
        found = opened.operation(operation)
        whole = operation if found is None else found.plan.operation
        return Kept(operation=found, records=opened.tail(_RECORDS, operation=whole))
    except StoreError as error:
        return Kept(error=str(error))


def place_of(operation: str, kept: Kept, environment: str) -> tuple[str, datetime]:
    """The environment that is asked, and when the operation was minted.

    ``environment`` is asked where the store does not tell. Raises NotFoundError for what is no whole id, and
    no beginning of one that the store knows.
    """
    if kept.operation is not None:
        return kept.operation.plan.environment, kept.operation.plan.made_at
    minted = minted_at(operation)
    if minted is None:
        raise NotFoundError(f"The store knows no operation {operation}, and that is no whole id.")
    if kept.records:
        first = kept.records[0].draft
        return first.environment or environment, first.at
    return environment, minted


def follow(operation: str, kept: Kept, environment: str, connections: Sequence[Connection]) -> Followed:
    """Ask the connections side by side, each once through its bulkhead; as slow as the slowest.

    Of ``connections`` those of the operation's own environment are asked; of an id that the store does not
    know, those of ``environment``. Nothing is looked for before the plan was made, clocks aside. A system
    that fails is silent, and raises nothing; raises NotFoundError for what is no id.
    """
    where, minted = place_of(operation, kept, environment)
    operation = operation if kept.operation is None else kept.operation.plan.operation
    connections = [one for one in connections if one.name.environment == where]
    answers = side_by_side(
        [_question(connection, _sought(operation, minted, kept, connection)) for connection in connections],
        "trace",
    )
    sources = [_store_source(kept)]
    traces = list(_of_store(kept))
    for connection, (looked, failure) in zip(connections, answers, strict=True):
        sources.append(_source(connection, looked, failure))
        traces += looked.traces
    return Followed(
        operation=operation,
        environment=where,
        known=kept.operation is not None,
        traces=in_order(_told(trace) for trace in traces),
        sources=tuple(sources),
        failures=tuple(failure for _, failure in answers if failure is not None),
    )


_Answer = tuple[Looked, Failure | None]


def _question(connection: Connection, sought: Sought) -> Callable[[], _Answer]:
    """Asks one connection when it is called; what goes wrong there is its own failure."""

    def ask() -> _Answer:
        if connection.traces is None:
            return Looked(), None
        try:
            return connection.traces.call(lambda source: source.trace(sought)), None
        except Exception as error:  # noqa: BLE001 - a fault in one adapter must leave the others' answers
            return Looked(), failure_of(error, f"tracing in {connection.name}")

    return ask


def _sought(operation: str, minted: datetime, kept: Kept, connection: Connection) -> Sought:
    """What is looked for in a connection: in the operation's own one its runs, elsewhere the id."""
    known = kept.operation
    since = minted - CLOCKS
    if known is None:
        return Sought(operation=operation, since=since)
    runs = list(_runs(known))
    return Sought(
        operation=operation,
        since=since,
        plan=known.digest[:_PLAN_DIGITS],
        runs=tuple(run.id for run, _ in runs if run.connection == connection.name),
        loads=tuple(dict.fromkeys(_loads(runs))) if _is_of_airflow(known) else (),
    )


def _runs(operation: Operation) -> Iterator[tuple[RunName, str]]:
    """The runs that it is about, each with its pipeline."""
    tasks = frozenset(_tasks(operation))
    for target in operation.plan.targets:
        try:
            name = RunName.parse(target.name)
        except NameNotUnderstoodError:
            continue
        yield replace(name, id=split_task(name.id, tasks)[0]), target.pipeline


def _tasks(operation: Operation) -> Iterator[str]:
    """Tasks that its calls name, of which one may stand behind a target's name."""
    for effect in operation.plan.effects:
        named = effect.call.args.get("tasks")
        for task in named if isinstance(named, Sequence) and not isinstance(named, str) else ():
            if isinstance(task, Sequence) and task:
                yield str(task[0])


def _is_of_airflow(operation: Operation) -> bool:
    return any(effect.call.system is System.AIRFLOW for effect in operation.plan.effects)


def _loads(runs: Sequence[tuple[RunName, str]]) -> Iterator[tuple[str, str]]:
    for run, pipeline in runs:
        try:
            dag_id, run_id = split_dag_run(run.id)
        except NameNotUnderstoodError:
            continue
        yield dag_id, run_id
        if pipeline:
            yield pipeline, run_id


def _of_store(kept: Kept) -> Iterator[Trace]:
    """The confirmation, the journal and the audit records."""
    operation = kept.operation
    if operation is not None:
        plan, confirmation = operation.plan, operation.confirmation
        what = "; ".join(effect.sentence for effect in plan.effects) or plan.kind
        yield Trace(
            source="confirmation",
            at=operation.confirmed_at,
            said=f"{confirmation.by} confirmed ({confirmation.how}): {what}.",
            reference=plan.targets[0].name if plan.targets else "",
            link=plan.targets[0].link if plan.targets else "",
        )
        for entry in operation.journal:
            step = f"{entry.step}: {entry.state.value}: " if entry.step else ""
            yield Trace(
                source="journal",
                at=entry.at,
                said=f"{step}{entry.said}",
                reference=entry.reference,
                link=next((one.link for one in entry.evidence if one.link), ""),
            )
    for record in kept.records:
        draft = record.draft
        yield Trace(
            source="audit log",
            at=draft.at,
            said=f"{draft.phase.value} by {draft.actor.person}: {draft.result or draft.action}",
            reference=f"record {record.seq}",
            link=draft.links[0] if draft.links else "",
        )


def _store_source(kept: Kept) -> Source:
    if kept.error:
        return Source(name=STORE, system=None, state=SourceState.SILENT, error=kept.error)
    state = SourceState.FOUND if kept.operation or kept.records else SourceState.NOTHING
    return Source(name=STORE, system=None, state=state)


def _source(connection: Connection, looked: Looked, failure: Failure | None) -> Source:
    if connection.traces is None:
        state = SourceState.NOT_APPLICABLE
    elif failure is not None:
        state = SourceState.SILENT
    else:
        state = SourceState.FOUND if looked.traces else SourceState.NOTHING
    return Source(
        name=str(connection.name),
        system=connection.system,
        state=state,
        error="" if failure is None else failure.sentence,
        limits=tuple(hidden(limit) for limit in looked.limits),
    )


def _told(trace: Trace) -> Trace:
    """The same with secrets hidden: people paste tokens into notes."""
    return replace(trace, said=hidden(trace.said), reference=hidden(trace.reference), link=hidden(trace.link))
