"""Taken back in line on a team's store, by a person whose role runs no operations (ENFORCED)."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from acting import LineWorld, Living, make_plan, submission
from postgres_server import Server
from test_queueing import THIRD, QueueRig, taking_back

from fedesk.domain.operations import Outcome, Plan
from fedesk.ports.operation_store import OperationStore
from fedesk.services.by_hand import ByHand
from fedesk.store.postgres_store import PostgresStore


@dataclass
class TeamRig(QueueRig):
    """The world of those who wait: ``asking`` is the store as the person has it, ``store`` the executor's."""

    asking: OperationStore = field(kw_only=True)

    def confirmed(self, plan: Plan | None = None) -> str:
        plan = make_plan() if plan is None else plan
        self.asking.submit(submission(plan))
        return plan.operation

    def by_hand(self, *_: object) -> ByHand:
        store, self.store = self.store, self.asking
        try:
            return super().by_hand()
        finally:
            self.store = store


@pytest.fixture
def rig(postgres: Server, tmp_path: Path) -> Iterator[TeamRig]:
    url = postgres.fresh()
    postgres.profile(url, "enforced")
    with ExitStack() as opened:
        asking, store = (
            opened.enter_context(closing(PostgresStore(postgres.person(url, who, group=f"fedesk_{group}"))))
            for who, group in (("mara", "people"), ("runner", "executor"))
        )
        yield TeamRig(store=store, asking=asking, world=LineWorld(tmp_path / "lines"))


def test_it_is_ended_by_its_process(rig: TeamRig) -> None:
    """A person decides, the executor ends it: each by name on the record, nothing sent, the holder left."""
    holder, operation = rig.holds(), rig.confirmed()
    rig.clock.on_pause = taking_back(rig, operation)
    ended = rig.execute(operation)
    assert (ended.outcome, ended.said) == (Outcome.REFUSED, "withdrawn by mara: wrong day")
    assert said_by(rig, operation) == [("rejection", "mara"), ("refusal", "runner")]
    assert [one.plan.operation for one in rig.store.open_operations()] == [holder.operation]
    assert rig.script.sends == []
    assert rig.store.verify(deep=True).flaw is None


def test_where_its_process_has_died_the_word_is_there_for_who_may_end_it(rig: TeamRig) -> None:
    """The person's role ends nothing, and is not told off for that: whoever carries it on ends it so."""
    rig.holds()
    dead = rig.in_line()
    rig.processes = Living(dead={THIRD})
    assert rig.by_hand().withdraw(dead.operation, "not needed").is_open
    ended = rig.execute(dead.operation)
    assert (ended.outcome, ended.said) == (Outcome.REFUSED, "withdrawn by mara: not needed")
    assert said_by(rig, dead.operation) == [("rejection", "mara"), ("refusal", "runner")]
    assert rig.script.sends == []


def said_by(rig: TeamRig, operation: str) -> list[tuple[str, str]]:
    """What the log has of it, and of whom."""
    records = rig.store.tail(9, operation=operation)
    return [(str(one.draft.phase), one.draft.actor.person) for one in records]
