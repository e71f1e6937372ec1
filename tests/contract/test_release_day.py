"""A day of releases by three people on a team's store, while answers of Jenkins get lost.

Each ends in a known state, the audit log lists exactly these, and the matrix says what the world says.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from acting import SeamTeamStore
from killed_runners import LATER, SlowTime, rechecked

from fedesk import execution
from fedesk.domain.audit import Actor, Phase
from fedesk.domain.catalogue import AirflowCheck, AirflowLook
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import Operation, Outcome, WriteWindow
from fedesk.domain.release_stops import ROLLBACK, SERVICE
from fedesk.domain.releases import ReleaseRequest
from fedesk.ports.errors import SourceError
from fedesk.sandbox.server import Sandbox
from fedesk.services.operation_runner import execute
from fedesk.services.processes import LocalProcesses
from fedesk.services.proposals import Answer, RefusedError
from fedesk.services.release_matrix import Asked

if TYPE_CHECKING:
    from postgres_server import Server

PEOPLE = ("mara", "tom", "ann")
FAULTS = ("", "", "drop_after_commit", "reset_after_commit", "reset")
KINDS = ("release.promote", "release.promote", ROLLBACK)
KNOWN = {Outcome.SUCCEEDED, Outcome.FAILED}
BETWEEN = 150.0
"""Seconds between two releases, as a slow clock pauses."""
_LOOKS = {AirflowLook.IMPORT_ERRORS, AirflowLook.DAG_VERSION}


def services(desk: execution.Desk) -> Sequence[str]:
    """Services that Airflow alone verifies: no warehouse is served here."""
    return [
        one.name
        for one in desk.catalogue.services.values()
        if one.verify
        and all(isinstance(check, AirflowCheck) and check.check in _LOOKS for check in one.verify)
    ]


def confirmed(desk: execution.Desk, store: SeamTeamStore, person: str, kind: str, service: str) -> str:
    """A plan with the yes of a person. Raises RefusedError, SourceError."""
    actor = Actor(person=person, known_by="operating system", host=f"desk-{person}", pid=1)
    changes = replace(desk.changes, store=store, actor=actor)
    jenkins = ConnectionName("prod", "jenkins")
    proposal = changes.propose(
        ReleaseRequest(kind=kind, service=service, environment="prod", connection=jenkins)
    )
    now = desk.clock.now()
    window = WriteWindow(
        environment="prod", opened_at=now, until=now + LATER, reason="CHG-1", opened_by=person
    )
    answer = Answer(how="--confirm prod", named="prod", reason="CHG-1", window=window)
    return changes.confirm(proposal, answer).plan.operation


def carried_out(desk: execution.Desk, store: SeamTeamStore, operation: str, clock: SlowTime) -> Operation:
    """To its end; where that is not known, it is looked for once more when the system is well again."""
    ended = execute(
        operation,
        store=store,
        systems=desk.systems,
        catalogue=desk.catalogue,
        environments=desk.by_name,
        actor=desk.actor,
        clock=clock,
        processes=LocalProcesses(),
        pause=clock.pause,
    )
    return rechecked(desk, store, operation, clock) if ended.outcome is Outcome.UNKNOWN else ended


@pytest.fixture
def clock(sandbox: Sandbox) -> SlowTime:
    """The world's time, which goes on where something waits."""
    return SlowTime(sandbox, sandbox.control.clock.now())


@pytest.fixture
def desk(sandbox: Sandbox, clock: SlowTime) -> Iterator[execution.Desk]:
    """What all three have of the systems."""
    opened = execution.open_desk(sandbox.config_path, "prod", clock)
    yield opened
    opened.systems.close()


@pytest.mark.parametrize(
    "releases", [5, pytest.param(50, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])]
)
def test_a_day_of_releases(
    releases: int, sandbox: Sandbox, desk: execution.Desk, clock: SlowTime, postgres: "Server"
) -> None:
    """Known ends, one intent and one end each, no build that nobody asked for, and a matrix that is so."""
    dice, done = random.Random(2207), list[Operation]()  # noqa: S311 - a seed, no secret
    with closing(SeamTeamStore(postgres.fresh())) as store:
        while len(done) < releases:
            service, kind = dice.choice(services(desk)), dice.choice(KINDS)
            clock.pause(BETWEEN)
            with suppress(RefusedError, SourceError):
                operation = confirmed(desk, store, dice.choice(PEOPLE), kind, service)
                if fault := dice.choice(FAULTS):
                    sandbox.control.fault("jenkins", fault, match="/build(WithParameters)?$", times=1)
                done.append(carried_out(desk, store, operation, clock))
                sandbox.control.clear_faults()
        asked = {one.plan.operation for one in done}
        assert {one.outcome for one in done} == KNOWN
        assert {one.plan.requester for one in done} == set(PEOPLE)
        records = [one.draft for one in store.stream() if one.draft.operation]
        # What a gate was in the way of has a refusal, and was never an operation.
        refused = {one.operation for one in records if one.phase is Phase.REFUSAL}
        assert {one.operation for one in records} - refused == asked
        for operation in asked:
            phases = [str(one.phase) for one in records if one.operation == operation]
            assert phases.count("intent") == 1, phases
            assert sum(phase in ("outcome", "settlement") for phase in phases) in (1, 2), phases
        assert store.open_operations() == ()
        assert store.verify(deep=True).flaw is None
    released = {one.plan.targets[0].pins[SERVICE] for one in done}
    built = [
        parameter.value
        for name in released
        for plan in sandbox.world.build_plans(f"finedge/prod/deploy-{name}")
        for parameter in plan.parameters
        if parameter.name == "FEDESK_OPERATION"
    ]
    assert asked & set(map(str, built)) == {
        one.plan.operation for one in done if one.outcome is Outcome.SUCCEEDED
    }
    wanted = Asked(services=tuple(released), environments=("prod",))
    for row in desk.releases.matrix(wanted).matrix.rows:
        (cell,) = row.cells
        there = sandbox.world.deployments.current("prod", row.service)
        assert there is not None
        assert cell.current is not None
        assert cell.current.digest == there.digest, row.service
