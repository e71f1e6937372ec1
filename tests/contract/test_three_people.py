"""Three people on one team's store at once, each in a process of their own, with answers that get lost.

Whatever they do in whatever order: nothing is done in production that the policy does not allow, but with a
record of broken glass before it. Who approved what is found out past fedesk, from the rows and OpenSSH.
"""

import multiprocessing
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import psycopg
import pytest
from enforced_rig import Enforced, sharing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postgres_server import Server
from sqlalchemy.engine import make_url

from fedesk import execution
from fedesk.domain.audit import Phase
from fedesk.domain.names import RunName
from fedesk.domain.operations import Outcome, Stage
from fedesk.domain.reruns import RerunRequest
from fedesk.ports.errors import SourceError
from fedesk.ports.operation_store import StoreError
from fedesk.sandbox.airflow_events import CLEAR
from fedesk.services.clock import SystemClock
from fedesk.services.proposals import Answer, RefusedError
from fedesk.store.postgres_store import PostgresStore

PEOPLE = {"mara": ("operator", "approver"), "ann": ("operator", "approver"), "ben": ("operator",)}
APPROVERS = {f"{name}@finedge.example" for name, roles in PEOPLE.items() if "approver" in roles}
POLICY = "[environments.prod.policy.rerun]\napprovals = 1\n"
GUARDED = ('mode = "read-only"', 'mode = "guarded"')
HASTY = ("[environments.prod.airflow]", "[environments.prod.airflow]\ntimeout = { connect = 0.5, read = 1 }")
"""A lost answer is looked up once the time for it is over."""
REFUSED = (StoreError, SourceError, RefusedError)
"""How fedesk says no; anything else is a fault."""
LOST = ("reset_after_commit", "drop_after_commit", "status")
PATIENCE = 60.0

Deed = tuple[str, int]
"""What is done, and to which of those that there are."""


def at_a_desk(config: Path, orders: Connection) -> None:
    """A process that does what it is told and says how each ended."""
    desk = execution.open_desk(config, "prod", SystemClock())
    for deeds, runs in iter(orders.recv, None):
        said = []
        for deed, which in deeds:
            try:
                said.append(do(desk, deed, which, runs))
            except REFUSED as error:
                said.append(type(error).__name__)
        orders.send(said)
    desk.close()


def do(desk: execution.Desk, deed: str, which: int, runs: Sequence[str]) -> str:
    """One deed; what came of it."""
    if deed == "plan":
        proposal = desk.changes.propose(RerunRequest(run=RunName.parse(runs[which % len(runs)])))
        answer = Answer(how="--confirm prod", named="prod", reason="late again")
        return desk.changes.confirm(proposal, answer).plan.operation
    if deed == "break glass":
        proposal = desk.changes.with_broken_glass(
            desk.changes.propose(RerunRequest(run=RunName.parse(runs[which % len(runs)])))
        )
        answer = Answer(how="--confirm prod", named="prod", reason="nobody answers", break_glass=True)
        return str(desk.execute(desk.changes.confirm(proposal, answer).plan.operation).outcome)
    waiting = [one for one in desk.store.open_operations() if one.stage is Stage.CONFIRMED]
    if not waiting:
        return "nothing waits"
    operation = waiting[which % len(waiting)].plan.operation
    match deed:
        case "approve":
            return desk.approvals.approve(operation).said
        case "reject":
            return desk.approvals.reject(operation, "not tonight").said
        case _:
            return str(desk.execute(operation).outcome)


@dataclass(frozen=True, kw_only=True)
class Desks:
    """Three processes, and what they share."""

    rig: Enforced
    orders: Sequence[Connection]
    processes: Sequence[BaseProcess]

    def at_once(self, deeds: Sequence[Sequence[Deed]], runs: Sequence[str]) -> list[list[str]]:
        """Each does its own, all at the same time; what each said."""
        for orders, own in zip(self.orders, deeds, strict=True):
            orders.send((own, runs))
        said = []
        for orders in self.orders:
            assert orders.poll(PATIENCE), "a desk that hangs"
            said.append(orders.recv())
        return said


@pytest.fixture(scope="module")
def desks(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desks]:
    spawn = multiprocessing.get_context("spawn")
    with sharing(postgres, tmp_path_factory.mktemp("three"), PEOPLE, POLICY) as rig, ExitStack() as stack:
        orders, processes = [], []
        for name in PEOPLE:
            config = rig.config(name)
            config.write_text(config.read_text().replace(*GUARDED).replace(*HASTY))
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=at_a_desk, args=(config, theirs), daemon=True)
            process.start()
            stack.callback(process.join, PATIENCE)
            stack.callback(ours.close)
            stack.callback(suppress_send, ours)
            orders.append(ours)
            processes.append(process)
        yield Desks(rig=rig, orders=orders, processes=processes)


def suppress_send(orders: Connection) -> None:
    with suppress(OSError):
        orders.send(None)


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(("plan", "approve", "approve", "execute", "execute", "reject", "break glass")),
        st.integers(0, 3),
    ),
    max_size=6,
)


def check(rig: Enforced) -> int:
    """Hold what Airflow carried out against what was said; how many clears there were."""
    events = [one for one in rig.sandbox.world.airflow.events("prod") if one.event == CLEAR]
    done = [found[1] for one in events if (found := re.search(r"fedesk ([0-9a-f-]{36})", one.extra))]
    assert len(done) == len(events), "a clear that carries no operation"
    with closing(PostgresStore(rig.url)) as store:
        assert store.verify(deep=True).flaw is None
        for id_ in set(done):
            operation = store.operation(id_)
            assert operation is not None
            assert done.count(id_) == 1 or operation.outcome is not Outcome.REFUSED
            if operation.confirmation.break_glass:
                assert Phase.BREAK_GLASS in {one.draft.phase for one in store.tail(9, operation=id_)}
                continue
            others = approved_by(rig, id_) & APPROVERS - {operation.plan.requester}
            assert others, f"{id_} was carried out, and nobody else has approved it"
        for operation in store.operations(limit=500):
            if operation.plan.operation not in done:
                assert operation.outcome is not Outcome.SUCCEEDED
    return len(done)


def approved_by(rig: Enforced, operation: str) -> set[str]:
    """Whose approvals of an operation OpenSSH takes for theirs."""
    with psycopg.connect(rig.postgres.conninfo(str(make_url(rig.url).database))) as database:
        rows = database.execute(
            "SELECT principal, statement, signature FROM fedesk.approvals"
            " WHERE operation = %s AND action = 'approve'",
            (operation,),
        ).fetchall()
    found = set()
    for principal, raw, signature in rows:
        file = rig.folder / "one.sig"
        file.write_text(signature)
        command = ["ssh-keygen", "-Y", "verify", "-f", str(rig.folder / "allowed_signers"), "-I", principal]
        command += ["-n", "fedesk-approval", "-s", str(file)]
        if subprocess.run(command, input=bytes(raw), capture_output=True, check=False).returncode == 0:
            found.add(principal)
    return found


@pytest.mark.parametrize(
    "examples", [2, pytest.param(60, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])]
)
def test_nothing_is_done_that_the_policy_does_not_allow(desks: Desks, examples: int) -> None:
    """Plans, approvals, rejections and executions of three people at once, a third of the answers lost."""
    rig = desks.rig
    taken = 0
    sent = 0

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )  # fmt: skip
    @given(deeds=st.tuples(DEEDS, DEEDS, DEEDS), lost=st.lists(st.sampled_from(LOST), max_size=2))
    def play(deeds: tuple[list[Deed], list[Deed], list[Deed]], lost: list[str]) -> None:
        nonlocal taken, sent
        runs = [str(run) for run in rig.failed_runs()][taken % 20 : taken % 20 + 4]
        taken += 1
        for kind in lost:
            rig.sandbox.control.fault("airflow", kind, match="clearTaskInstances$", times=1, status=503)
        # A plan that somebody may approve, so that there is something to fight over.
        desks.at_once(([("plan", 0)], [("plan", 1)], [("plan", 2)]), runs)
        desks.at_once(deeds, runs)
        desks.at_once(
            ([("approve", 0), ("execute", 0)], [("approve", 1), ("execute", 1)], [("execute", 0)]), runs
        )
        rig.sandbox.control.clear_faults()
        sent = check(rig)

    play()
    assert sent, "nothing was ever carried out"
