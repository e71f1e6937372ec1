"""Releases, their deployments and operations, for the tests of what is told of them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from making import NOW
from operation_values import operation as operation_of
from operation_values import operation_id, plan_of

from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.operations import JournalEntry, Operation, Outcome, Stage, StepState, Target
from fedesk.domain.release_matrix import PROMOTE
from fedesk.domain.releases import Cell, Deployment, Release
from fedesk.domain.runs import Run
from fedesk.domain.states import State, System
from fedesk.ports.sources import Connection


def digest(letter: str) -> str:
    return f"sha256:{letter * 64}"


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def release(letter: str = "a", *, build: int = 1, **given: object) -> Release:
    """A release of payments, whose commit and digest are the letter repeated."""
    made = Release(
        service="payments",
        digest=digest(letter),
        version=f"1.{build}.0",
        commit=letter * 40,
        image="registry.finedge.example/payments",
        repository="https://github.com/finedge/payments",
        build_url=f"http://127.0.0.1/job/finedge/job/dev/job/payments-ci/{build}/",
        built_at=NOW - hours(100) + hours(build),
    )
    return replace(made, **given)  # type: ignore[arg-type]  # the fields of a release


def deployment(
    number: int,
    letter: str,
    *,
    ago: float,
    environment: str = "prod",
    state: State = State.SUCCEEDED,
    stage: State | None = None,
    took: float = 0.1,
    **given: object,
) -> Deployment:
    """A build of payments' deploy job that ended so many hours ago."""
    job = f"finedge/{environment}/deploy-payments"
    run = Run(
        name=RunName(ConnectionName(environment, "jenkins"), f"{job}#{number}"),
        job=job,
        state=state,
        original_state=state.value,
        started_at=NOW - hours(ago + took),
        ended_at=NOW - hours(ago) if state.is_final else None,
        link=f"http://127.0.0.1/{job}/{number}/",
    )
    made = Deployment(
        service="payments",
        environment=environment,
        run=run,
        release=release(letter, build=ord(letter) - ord("a") + 1) if letter else None,
        by="mara",
        own_verification=stage,
    )
    return replace(made, **given)  # type: ignore[arg-type]  # the fields of a deployment


def cell(*deployments: Deployment, environment: str = "prod", **given: object) -> Cell:
    """A cell in which these were deployed, the newest first."""
    made = Cell(
        service="payments",
        environment=environment,
        connection=ConnectionName(environment, "jenkins"),
        job=f"finedge/{environment}/deploy-payments",
        current=deployments[0] if deployments else None,
        before=deployments[1:],
        observed_at=NOW,
    )
    return replace(made, **given)  # type: ignore[arg-type]  # the fields of a cell


def operation(
    letter: str,
    outcome: Outcome | None,
    *,
    ago: float,
    number: int = 1,
    environment: str = "prod",
    kind: str = PROMOTE,
    sent: bool = True,
    step: str = "verify 1",
) -> Operation:
    """A promotion of payments that ended so many hours ago; that goes on where it has no outcome.

    ``step`` is the one in which it failed, where it has.
    """
    ended: datetime | None = NOW - hours(ago) if outcome else None
    sending = JournalEntry(
        number=1, at=NOW - hours(ago + 0.2), step="trigger", state=StepState.INTENDED, said="sending"
    )
    failing = (
        [replace(sending, number=2, step=step, state=StepState.FAILED)] if outcome is Outcome.FAILED else []
    )
    connection = ConnectionName(environment, "jenkins")
    target = Target(
        name=f"{connection}:finedge/{environment}/deploy-payments",
        pins={"service": "payments", "digest": digest(letter)},
    )
    made = operation_of(number)
    return replace(
        made,
        plan=replace(
            plan_of(number), kind=kind, environment=environment, connection=connection, targets=(target,)
        ),
        confirmation=replace(made.confirmation, operation=operation_id(number), by="mara"),
        stage=Stage.ENDED if outcome else Stage.RUNNING,
        outcome=outcome,
        said=outcome.value if outcome else "",
        confirmed_at=NOW - hours(ago + 0.3),
        ended_at=ended,
        journal=((sending, *failing) if sent else ()),
    )


# Systems that answer from memory


class Held:
    """A bulkhead over one adapter in memory."""

    def __init__(self, adapter: Any) -> None:
        self.adapter = adapter

    def call(self, use: Callable[[Any], Any], *, deadline: float | None = None) -> Any:
        del deadline
        return use(self.adapter)

    def close(self) -> None:
        """Nothing is open."""


class Still:
    """A clock that stands."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def connection(name: str, environment: str, **given: Any) -> Connection:
    bulkhead = Held(None)
    system = System.JENKINS if "deploys" in given else System.AIRFLOW
    return Connection(
        name=ConnectionName(environment, name),
        system=system,
        address="http://127.0.0.1",
        period=10,
        source=bulkhead,
        **given,
    )
