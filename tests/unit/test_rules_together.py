"""The design's eight rules, one by one, while plans, drifts, faults, deaths, desks and clocks come together.

Hypothesis drives: people at three seats on two machines make plans and answer them; runners carry them out,
lose answers, die at any seam, find the store away; others look, act or drift in the midst of it. The kind of
operation, the guards, the runner, who looks again and the store are the real ones; Airflow is in memory.
"""

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from acting import SeamStore
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from operation_values import operation_id
from planning import ACTOR, PROD, STAGING
from small_world import HOSTS, RUNS, Mishap, RunNow, Seen, Sent, World, WorldSystems

from fedesk.domain import guards
from fedesk.domain.catalogue import Catalogue
from fedesk.domain.names import RunName
from fedesk.domain.operations import Operation, Outcome, Ruling, Stage, WriteWindow
from fedesk.domain.plans import digest_of
from fedesk.domain.reruns import RerunRequest
from fedesk.ports.errors import NotFoundError
from fedesk.ports.operation_store import StoreError
from fedesk.services.changes import Changes
from fedesk.services.operation_runner import execute
from fedesk.services.proposals import Answer, Proposal, RefusedError
from fedesk.services.settling import recheck
from fedesk.store.operations import SqlStore

ENVIRONMENTS = {"dev": replace(STAGING, name="dev"), "prod": PROD}
SEAMS = [
    f"{when} {what}" for what in ("claim", "write", "renew", "end", "let go") for when in ("before", "after")
]
POINTS = ("look", "send", "done", "settle", "pause")

seats = st.sampled_from(range(len(HOSTS)))
runs = st.sampled_from(RUNS)
mishaps = st.builds(
    Mishap,
    fault=st.sampled_from(["", "", "lost", "lost", "never", "slow", "refused"]),
    blind=st.sampled_from([0, 0, 0, 1, 3]),
    dies_at=st.none() | st.none() | st.tuples(st.sampled_from([*SEAMS, *POINTS]), st.integers(1, 3)),
    store_away=st.none() | st.none() | st.tuples(st.integers(1, 9), st.sampled_from([1, 3, 50])),
)
answers = st.builds(
    Answer,
    how=st.sampled_from(["name and key", "name and key", "--confirm prod", "key", "--yes", ""]),
    named=st.sampled_from(["prod", "prod", "prod", "", "dev"]),
    reason=st.sampled_from(["INC-1", "INC-1", "INC-1", ""]),
)
RIGHT = {
    "dev": (Answer(how="key"), ""),
    "prod": (Answer(how="name and key", named="prod", reason="INC-1"), "prod"),
}
"""What a plan asks for, and the environment whose window it takes."""


@dataclass(frozen=True)
class Beside:
    """What happens in the midst of something else: at which of its points, and at which seat."""

    point: str
    what: str
    seat: int


besides = st.builds(
    Beside,
    point=st.sampled_from(POINTS),
    what=st.sampled_from(["nothing", "nothing", "recheck", "execute", "other", "drift"]),
    seat=seats,
)


class Desks(RuleBasedStateMachine):
    """Three seats over one store and one world."""

    proposals: Bundle[tuple[int, Proposal]] = Bundle("proposals")
    operations: Bundle[str] = Bundle("operations")

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.world, self.store = World(), SeamStore(path)
        self.store.seam = self.world.seam
        self.systems = WorldSystems(self.world)
        self.world.on_send = self.judge_send
        self.ids = (operation_id(number) for number in count(1))
        self.confirmed: list[str] = []
        self.news: list[tuple[Operation, Answer]] = []
        """What was confirmed last, and how."""
        self.executed: set[str] = set()
        self.refused: Counter[str] = Counter()
        """How often somebody's answer was refused; that is recorded under the plan's id."""
        self.broken: list[str] = []

    # People

    @rule(target=proposals, seat=seats, run=runs, named=st.sampled_from([None, None, "dev", "prod"]))
    def plans(
        self, seat: int, run: RunName, named: str | None
    ) -> MultipleResults[tuple[int, Proposal]] | tuple[int, Proposal]:
        """Somebody asks for a re-run, and sees a plan or why there is none."""
        asked, records = self.world.asked, len(self.store.tail(999))
        foreign = named not in (None, run.connection.environment)
        with self.world.process(HOSTS[seat], Mishap()) as me:
            try:
                proposal = self.changes(seat, Seen(self.world, me.owner)).propose(
                    RerunRequest(run=run, environment=named)
                )
            except NotFoundError:
                return multiple()
            except RefusedError:
                is_told = len(self.store.tail(999)) == records + 1
                self.holds(foreign and self.world.asked == asked and is_told, "rule 3: refused, and recorded")
                return multiple()
        self.holds(not foreign, "rule 3: a target outside the named environment has no plan")
        return seat, proposal

    @rule(
        target=operations, made=proposals, answer=answers, window=st.sampled_from(["", "prod", "dev", "over"])
    )
    def answers(self, made: tuple[int, Proposal], answer: Answer, window: str) -> MultipleResults[str] | str:
        """Somebody answers a plan that may be old by now."""
        seat, proposal = made
        answer = replace(answer, window=self.window(window))
        with self.world.process(HOSTS[seat], Mishap()) as me:
            try:
                self.changes(seat, Seen(self.world, me.owner)).confirm(proposal, answer)
            except RefusedError:
                self.refused[proposal.plan.operation] += 1
                return multiple()
            except StoreError:
                return multiple()
        operation = proposal.plan.operation
        self.confirmed.append(operation)
        self.news = [(self.found(operation), answer)]
        return operation

    @initialize(target=operations, run=runs)
    def begins(self, run: RunName) -> MultipleResults[str] | str:
        """There is one operation from the start."""
        return self.asks_and_says_yes(0, run)

    @rule(target=operations, seat=seats, run=runs)
    def asks_and_says_yes(self, seat: int, run: RunName) -> MultipleResults[str] | str:
        """Somebody who wants it done makes a plan of what failed, and gives the yes that it asks for."""
        self.drifts(run, "failed again")
        made = self.plans(seat, run, None)
        if not isinstance(made, tuple):
            return multiple()
        return self.answers(made, *RIGHT[run.connection.environment])

    # Processes

    @rule(
        operation=operations,
        which=st.sampled_from(["new", "oldest", "drawn"]),
        run=runs,
        seat=seats,
        mishap=mishaps,
        beside=besides,
        other=operations,
    )
    def executes(
        self,
        operation: str,
        which: str,
        run: RunName,
        seat: int,
        mishap: Mishap,
        beside: Beside,
        other: str,
    ) -> None:
        """A runner carries an operation out, and something else happens in the midst of it."""
        if which == "new":
            self.asks_and_says_yes(seat, run)
        waiting = [one for one in self.confirmed if one not in self.executed]
        if waiting and which != "drawn":
            operation = waiting[-1 if which == "new" else 0]
        target = RunName.parse(self.found(operation).plan.targets[0].name)
        happens: dict[str, Callable[[], None]] = {
            "nothing": lambda: None,
            "recheck": lambda: self.look(operation, beside.seat, Mishap()),
            "execute": lambda: self.carry_out(operation, beside.seat, Mishap()),
            "other": lambda: self.carry_out(other, beside.seat, Mishap()),
            "drift": lambda: self.drifts(target, "person"),
        }
        self.carry_out(operation, seat, mishap, (beside.point, happens[beside.what]))

    @rule(operation=operations, seat=seats, mishap=mishaps)
    def rechecks(self, operation: str, seat: int, mishap: Mishap) -> None:
        """Somebody has an operation looked at again."""
        self.look(operation, seat, mishap)

    # The world

    @rule(run=runs, how=st.sampled_from(["person", "code", "failed again", "failed again"]))
    def drifts(self, run: RunName, how: str) -> None:
        """A run changes by itself or by somebody else."""
        found = self.world.runs[run]
        if how == "code":
            self.world.runs[run] = replace(found, version=found.version + 1)
        elif how == "person" and found.state == "failed":
            self.world.runs[run] = replace(found, state="none")
        elif how == "failed again" and found.state == "none":
            self.world.runs[run] = replace(found, state="failed", tries=found.tries + 1)

    @rule(seconds=st.sampled_from([1.0, 20.0, 200.0, 1000.0]))
    def waits(self, seconds: float) -> None:
        """Time passes."""
        self.world.passes(seconds)

    @precondition(lambda self: not self.world.is_busy)
    @rule(minutes=st.sampled_from([-60, -2, 2, 60]))
    def clocks(self, minutes: int) -> None:
        """The clock is set. Not while a server is at a request: that is among what cannot be promised."""
        self.world.ahead += timedelta(minutes=minutes)

    # The rules

    @invariant()
    def rule_1(self) -> None:
        """One way: what was sent was sent by a runner that was told to carry that operation out."""
        assert {one.operation for one in self.world.sent} <= self.executed

    @invariant()
    def rule_5(self) -> None:
        """Never twice on a guess: no operation was sent twice, and none took effect twice."""
        assert max(Counter(one.operation for one in self.world.sent).values(), default=0) <= 1
        assert max(self.world.effects.values(), default=0) <= 1

    @invariant()
    def rule_7(self) -> None:
        """Nothing by habit: each operation had the yes that its environment asks for."""
        for found, answer in self.news:
            assert is_enough(found, answer), answer

    @invariant()
    def rule_8(self) -> None:
        """Ceremony in proportion: production was warned of loads, and nothing that blocks was confirmed."""
        for found, _ in self.news:
            warned = {one.guard for one in found.guards if one.ruling is Ruling.WARN}
            assert (guards.LOADS in warned) is (found.plan.environment == "prod")
            assert not any(one.blocks for one in found.guards)
            assert any(one.facts for one in found.guards)

    @invariant()
    def rules_2_3_4_and_6(self) -> None:
        """What was checked when each request left, and of each process that met another."""
        assert self.broken == []

    def judge_send(self, sent: Sent) -> None:
        """Check a request at the moment at which it leaves."""
        operation = self.found(sent.operation)
        plan, target = operation.plan, operation.plan.targets[0]
        assert sent.judged is not None
        run, at = sent.judged
        pinned = (target.pins["task dbt_test"], target.pins["newest DAG version"])
        is_confirmed = digest_of(plan) == operation.digest == operation.confirmation.digest
        self.holds(is_confirmed, "rule 2: what is sent is what was confirmed")
        self.holds(pinned == pins_of(run), "rule 2: a stale plan is not sent")
        self.holds(at < plan.expires_at, "rule 2: an expired plan is not sent")
        is_there = sent.run.connection.environment == plan.environment and str(sent.run) == target.name
        self.holds(is_there, "rule 3: it goes to the target's environment")
        self.holds(operation.audit_intent is not None, "rule 4: the intent is recorded before")
        others = [
            one
            for one in self.store.open_operations()
            if one.stage is not Stage.CONFIRMED
            and one.plan.operation != sent.operation
            and set(one.plan.targets[0].reserves) & set(target.reserves)
            and one.audit_intent is not None
        ]
        self.holds(not others, "rule 6: what was left is settled before its target is changed again")

    def holds(self, is_so: bool, what: str) -> None:  # noqa: FBT001 - a check
        """Remember what does not hold: within a runner an error would be taken for one of the system's."""
        if not is_so:
            self.broken.append(what)

    # How it is done

    def changes(self, seat: int, processes: Seen) -> Changes:
        return Changes(
            store=self.store,
            systems=self.systems,
            catalogue=Catalogue(),
            environments=ENVIRONMENTS,
            actor=replace(ACTOR, person=f"person {seat}", host=HOSTS[seat]),
            clock=self.world,
            new_id=lambda: next(self.ids),
            made_by="fedesk 0",
            processes=processes,
        )

    def window(self, which: str) -> WriteWindow | None:
        if not which:
            return None
        opened = self.world.now() - timedelta(hours=3 if which == "over" else 0)
        return WriteWindow(
            environment="prod" if which == "over" else which,
            opened_at=opened,
            until=opened + timedelta(hours=1),
            reason="INC-1",
            opened_by="mara",
        )

    def found(self, operation: str) -> Operation:
        found = self.store.operation(operation)
        assert found is not None
        return found

    def carry_out(
        self,
        operation: str,
        seat: int,
        mishap: Mishap,
        meanwhile: tuple[str, Callable[[], None]] | None = None,
    ) -> None:
        self.executed.add(operation)
        with self.world.process(HOSTS[seat], mishap, meanwhile) as me:
            try:
                execute(
                    operation,
                    store=self.store,
                    systems=self.systems,
                    catalogue=Catalogue(),
                    environments=ENVIRONMENTS,
                    actor=ACTOR,
                    clock=self.world,
                    processes=Seen(self.world, me.owner),
                    pause=self.world.pause,
                )
            except StoreError:
                # Told as it is; what it left is found out at the end.
                return

    def look(self, operation: str, seat: int, mishap: Mishap) -> None:
        before, sent = self.found(operation), len(self.world.sent)
        with self.world.process(HOSTS[seat], mishap) as me:
            processes = Seen(self.world, me.owner)
            owner = before.owner if before.stage is Stage.RUNNING else None
            is_at_it = owner is not None and processes.is_alive(owner) is True
            try:
                after = recheck(
                    operation,
                    store=self.store,
                    systems=self.systems,
                    clock=self.world,
                    processes=processes,
                    actor=ACTOR,
                    pause=self.world.pause,
                )
            except StoreError:
                return
            finally:
                self.holds(len(self.world.sent) == sent, "rule 1: who looks sends nothing")
            self.holds(not is_at_it or after == before, "rule 6: a living owner is left alone")

    def teardown(self) -> None:
        """In the end everything is found out: final, true, recorded once, and every target is free."""
        # Longer than any plan and lease, however far the clocks were set.
        self.world.passes(30 * 24 * 3600)
        for operation in self.confirmed:
            for host in range(2):
                self.look(operation, 2 * host, Mishap())
            found = self.found(operation)
            effects = self.world.effects[operation]
            phases = [str(one.draft.phase) for one in self.store.tail(999, operation=operation)]
            assert not found.is_open, found
            assert (found.outcome is Outcome.SUCCEEDED) is (effects == 1), f"{found.outcome}: {found.said}"
            was_sent = any(one.operation == operation for one in self.world.sent)
            assert phases.count("intent") <= 1
            assert phases.count("intent") == 1 or not was_sent
            finals = [
                one
                for one in self.store.tail(999, operation=operation)
                if one.draft.phase in ("outcome", "settlement", "refusal")
                and not one.draft.result.startswith("unknown")
            ]
            assert len(finals) == 1 + self.refused[operation]
        assert self.broken == []
        assert self.store.verify(deep=True).flaw is None
        assert self.store.open_operations() == ()
        assert self.store.holder([str(run) for run in RUNS]) is None
        self.store.close()


def pins_of(run: RunNow) -> tuple[str, str]:
    """What a plan of a run pins of it."""
    return f"try {run.tries}, {run.state}", str(run.version)


def is_enough(operation: Operation, answer: Answer) -> bool:
    """The table of design rule 7 for a guarded environment and a read-only production, said once more."""
    if operation.plan.environment == "dev":
        return answer.how != "" and answer.named in ("", "dev")
    window = answer.window
    covers = (
        window is not None
        and window.environment == "prod"
        and window.opened_at <= operation.confirmation.at <= window.until
    )
    is_named = answer.named == "prod" or (answer.named == "" and not answer.how.startswith("--"))
    return answer.how != "" and covers and is_named and operation.plan.reason != ""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which nothing has happened yet, to be copied."""
    path = tmp_path_factory.mktemp("store") / "template.sqlite3"
    store = SqlStore(path)
    store.check()
    store.close()
    return path


@pytest.mark.parametrize(
    ("examples", "steps"),
    [(20, 15), pytest.param(600, 40, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])],
    ids=["quick", "long"],
)
def test_the_rules_hold_together(
    examples: int,
    steps: int,
    template: Path,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """Whatever comes together, each of the eight rules holds, and in the end the truth is recorded."""
    record_property("examples", examples)
    record_property("steps of each", steps)
    files = (tmp_path / f"{number}.sqlite3" for number in count())

    class DesksHere(Desks):
        """On a new store each time."""

        def __init__(self) -> None:
            super().__init__(Path(shutil.copy(template, next(files))))

    run_state_machine_as_test(
        DesksHere,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=True,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
