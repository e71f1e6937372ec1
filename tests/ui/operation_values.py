"""Operations for the tests of what looks at them: one still moment, and a store that answers from memory."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from fedesk.domain.audit import Actor, AuditDraft, AuditRecord, Phase
from fedesk.domain.incidents import Incident, IncidentHistory
from fedesk.domain.marks import Mark
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import (
    Call,
    Confirmation,
    Decision,
    Effect,
    Evidence,
    Fact,
    GuardResult,
    JournalEntry,
    Operation,
    Outcome,
    Owner,
    Plan,
    Ruling,
    Stage,
    StepState,
    Target,
)
from fedesk.domain.releases import ReleaseStop
from fedesk.domain.reviews import Review, is_wanted
from fedesk.domain.states import System
from fedesk.domain.windows import Window, WindowKind
from fedesk.ports.operation_store import Spending, Standing, StoreUnavailableError, Verification

NOW = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
AIRFLOW = ConnectionName("prod", "airflow")
RUN_ID = "payments_daily/scheduled__2026-11-19T00:00:00+00:00"
OWNER = Owner(host="desk-3", boot="b-1", pid=4242, started="17")
AWAY = "The store /state/fedesk.db cannot be read: disk I/O error. Free the disk, then look again."


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def operation_id(number: int) -> str:
    """A UUIDv7 that grows with its number."""
    return f"019a9f3e-{number:04x}-7000-8000-{number:012x}"


def plan_of(
    number: int = 1,
    *,
    connection: ConnectionName = AIRFLOW,
    run: str = RUN_ID,
    pipeline: str = "payments_daily",
    reason: str = "INC-2207",
) -> Plan:
    """A plan that clears three failed tasks."""
    made = NOW - minutes(number)
    return Plan(
        operation=operation_id(number),
        kind="airflow.clear-failed",
        environment=connection.environment,
        connection=connection,
        address="http://127.0.0.1:8080",
        targets=(
            Target(
                name=f"{connection}:{run}",
                pipeline=pipeline,
                partition="2026-11-19",
                pins={"dag version": "7", "try of dbt_test": "3"},
                link="http://127.0.0.1:8080/dags/payments_daily",
            ),
        ),
        effects=(
            Effect(
                connection=connection,
                call=Call(
                    system=System.AIRFLOW,
                    verb="clear-task-instances",
                    args={"dag_id": "payments_daily", "note": "fedesk {operation}"},
                    key="{operation}",
                ),
                sentence=f"clear 3 task instances of {pipeline} / 2026-11-19: dbt_test, publish, notify",
            ),
        ),
        requester="mara@finedge.example",
        made_by="fedesk 0.1.0 on desk-3",
        reason=reason,
        made_at=made,
        expires_at=made + minutes(15),
        notes=("What the tasks loaded before stays loaded.",),
    )


GUARDS = (
    GuardResult(
        guard="loads",
        ruling=Ruling.WARN,
        reason="loads are not tracked: the re-run may load the partition twice",
        facts=(Fact(name="write", value="append", source="catalogue", observed_at=NOW - minutes(30)),),
    ),
    GuardResult(guard="in flight", ruling=Ruling.ALLOW, reason="nothing is in flight for 2026-11-19"),
)
EVIDENCE = (
    Evidence(source="prod/airflow task instances", said="try numbers are as before", at=NOW - minutes(2)),
    Evidence(
        source="prod/airflow event log",
        said="answered 503; what was cleared is not told",
        at=NOW - minutes(1),
        link="http://127.0.0.1:8080/eventLogs",
    ),
)


def journal_of(
    *entries: tuple[str, StepState, str], evidence: Sequence[Evidence] = ()
) -> tuple[JournalEntry, ...]:
    """Entries ten seconds apart; the last one has the evidence."""
    return tuple(
        JournalEntry(
            number=index + 1,
            at=NOW - minutes(3) + timedelta(seconds=10 * index),
            step=step,
            state=state,
            said=said,
            evidence=tuple(evidence) if index == len(entries) - 1 else (),
        )
        for index, (step, state, said) in enumerate(entries)
    )


RAN = journal_of(
    ("", StepState.INTENDED, "claimed by desk-3, pid 4242"),
    ("clear", StepState.INTENDED, "sending"),
    ("clear", StepState.UNANSWERED, "no answer within 15 s"),
    ("clear", StepState.UNKNOWN, "it cannot be told whether the tasks were cleared"),
    evidence=EVIDENCE,
)


def operation(
    number: int = 1,
    *,
    stage: Stage = Stage.RUNNING,
    outcome: Outcome | None = None,
    said: str = "",
    plan: Plan | None = None,
    journal: tuple[JournalEntry, ...] = RAN[:2],
    owner: Owner | None = OWNER,
) -> Operation:
    """An operation in one of its stages, confirmed ``number`` minutes before NOW."""
    plan = plan or plan_of(number)
    confirmed = NOW - minutes(number)
    return Operation(
        plan=plan,
        digest="5f" * 32,
        guards=GUARDS,
        confirmation=Confirmation(
            operation=plan.operation,
            digest="5f" * 32,
            by="mara@finedge.example",
            at=confirmed,
            how="name and key",
            named="prod",
        ),
        stage=stage,
        outcome=outcome,
        said=said,
        confirmed_at=confirmed,
        ended_at=confirmed + timedelta(seconds=40) if stage is Stage.ENDED else None,
        owner=None if stage is Stage.CONFIRMED else owner,
        lease_until=None if stage is Stage.CONFIRMED else NOW + minutes(1),
        journal=() if stage is Stage.CONFIRMED else journal,
        audit_intent=number * 2 if stage is not Stage.CONFIRMED else None,
        audit_outcome=number * 2 + 1 if stage is Stage.ENDED else None,
    )


def unknown(number: int = 2, **given: object) -> Operation:
    """One that ended unknown, with what each system said."""
    said = "it cannot be told whether the tasks were cleared: Airflow answered 503"
    values: dict[str, object] = {
        "stage": Stage.ENDED,
        "outcome": Outcome.UNKNOWN,
        "said": said,
        "journal": RAN,
    }
    return operation(number, **(values | given))  # type: ignore[arg-type]  # the fields of operation()


def draft_of(phase: Phase, number: int = 1, **given: object) -> AuditDraft:
    """A record's fields, ``number`` minutes before NOW."""
    values: dict[str, object] = {
        "at": NOW - minutes(number),
        "actor": Actor(person="mara@finedge.example", known_by="configuration", host="desk-3", pid=4242),
        "environment": "prod",
        "action": "rerun",
        "target": f"prod/airflow:{RUN_ID}",
        "phase": phase,
        "operation": operation_id(number),
        "plan_digest": "5f" * 32,
        "reason": "INC-2207",
        "result": "",
    }
    return AuditDraft(**(values | given))  # type: ignore[arg-type]  # the fields of the draft


class MemoryStore:
    """A store that holds what the test puts in, and is away when the test says so."""

    def __init__(self, *operations: Operation, records: Sequence[AuditDraft] = ()) -> None:
        self.held = list(operations)
        self.drafts = list(records)
        self.decided: list[Decision] = []
        self.histories: list[IncidentHistory] = []
        self.said: list[Mark] = []
        self.reviews: dict[int, Review] = {}
        self.frozen: list[Window] = []
        self.stopped: list[ReleaseStop] = []
        self.away = ""
        self.moves = 0
        self.reads = 0

    def _there(self) -> None:
        if self.away:
            raise StoreUnavailableError(self.away)

    def check(self) -> None:
        self._there()

    def changes(self) -> int:
        self._there()
        return self.moves

    def open_operations(self) -> tuple[Operation, ...]:
        self._there()
        self.reads += 1
        return tuple(one for one in self.held if one.is_open)

    def operations(
        self,
        *,
        environment: str | None = None,
        kinds: Sequence[str] = (),
        reserves: Sequence[str] = (),
        limit: int = 50,
    ) -> tuple[Operation, ...]:
        self._there()
        return tuple(
            one
            for one in self.held
            if environment in (None, one.plan.environment)
            and (not kinds or one.plan.kind in kinds)
            and (not reserves or set(reserves) & set(one.plan.reserves))
        )[:limit]

    def operation(self, operation: str) -> Operation | None:
        self._there()
        return next((one for one in self.held if one.plan.operation.startswith(operation)), None)

    def holder(self, reserves: Sequence[str], *, besides: str = "") -> Operation | None:
        del reserves, besides
        self._there()
        return None

    def decisions(self, operation: str) -> tuple[Decision, ...]:
        self._there()
        return tuple(one for one in self.decided if one.operation == operation)

    def standing(self, reserves: Sequence[str], *, besides: str, spending: Spending | None) -> Standing:
        del reserves, besides, spending
        self._there()
        return Standing(holder=None, spent=0)

    def only_proposes(self) -> bool:
        return False

    def now(self, here: datetime) -> datetime:
        self._there()
        return here

    def tail(
        self, limit: int, *, environment: str | None = None, operation: str | None = None
    ) -> tuple[AuditRecord, ...]:
        self._there()
        records = [
            one
            for one in self.stream()
            if environment in (None, one.draft.environment) and operation in (None, one.draft.operation)
        ]
        return tuple(records[-limit:])

    def record(self, seq: int) -> AuditRecord | None:
        return next((one for one in self.stream() if one.seq == seq), None)

    def stream(self) -> Iterator[AuditRecord]:
        self._there()
        for index, draft in enumerate(self.drafts):
            yield AuditRecord(seq=index + 1, draft=draft, hash=f"{index + 1:064x}", raw=b"{}")

    def verify(self, *, deep: bool) -> Verification:
        self._there()
        return Verification(records=len(self.drafts), head=f"{len(self.drafts):064x}", flaw=None, deep=deep)

    def incident(self, incident: str) -> Incident | None:
        self._there()
        return next((one.incident for one in self.histories if one.incident.id == incident), None)

    def incidents(
        self, *, environment: str | None = None, only_open: bool = False, limit: int = 50
    ) -> tuple[Incident, ...]:
        self._there()
        found = (one.incident for one in self.histories)
        return tuple(
            one for one in found if environment in (None, one.environment) and (one.is_open or not only_open)
        )[:limit]

    def history(self, incident: str) -> IncidentHistory | None:
        self._there()
        return next((one for one in self.histories if one.incident.id == incident), None)

    def marks(self, since_when: datetime, *, environment: str | None = None) -> tuple[Mark, ...]:
        self._there()
        return tuple(
            one for one in self.said if one.at >= since_when and environment in (None, one.environment)
        )

    def unreviewed(self, *, environment: str | None = None) -> tuple[AuditRecord, ...]:
        self._there()
        waiting = [one for one in self.tail(1000, environment=environment) if is_wanted(one.draft)]
        return tuple(one for one in waiting if self.review_of(one.seq) is None)

    def review_of(self, seq: int) -> Review | None:
        self._there()
        return self.reviews.get(seq)

    def mark(self, said: Mark, audit: AuditDraft) -> None:
        self._there()
        self.drafts.append(audit)
        self.said.append(replace(said, record=len(self.drafts)))
        self.moves += 1

    def stops(self, *, service: str | None = None) -> tuple[ReleaseStop, ...]:
        self._there()
        return tuple(one for one in self.stopped if service in (None, one.service))

    def open_windows(self, at: datetime, *, environment: str | None = None) -> tuple[Window, ...]:
        del at
        return tuple(one for one in self.windows(environment=environment) if one.is_open)

    def window(self, window: str) -> Window | None:
        return next((one for one in self.windows() if one.id == window), None)

    def windows(
        self, *, kind: WindowKind | None = None, environment: str | None = None, limit: int = 50
    ) -> tuple[Window, ...]:
        self._there()
        return tuple(
            one for one in self.frozen if kind in (None, one.kind) and environment in (None, one.environment)
        )[:limit]

    def close(self) -> None:
        """Nothing to let go of."""


class Living:
    """Processes of which the test says which are dead."""

    def __init__(self, alive: bool | None = True) -> None:  # noqa: FBT001, FBT002 - what ``is_alive`` says
        self.alive = alive

    def me(self) -> Owner:
        return OWNER

    def is_alive(self, owner: Owner) -> bool | None:
        del owner
        return self.alive
