"""A plan that has not begun is taken back by who asked for it, or ends with its time: once, on the record."""

import queue
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from acting import ME, TARGET, LineWorld, make_plan
from making import NOW
from staging import LEO, StagedRig

from fedesk.domain.operations import Operation, Outcome, Stage
from fedesk.domain.roles import People, Person, Rights, Role
from fedesk.ports.operation_store import NotClaimableError
from fedesk.services.operation_watch import OperationWatch, StoreNews
from fedesk.services.proposals import RefusedError
from fedesk.store.operations import SqlStore

LAPSED = timedelta(minutes=11)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[StagedRig]:
    store = SqlStore(tmp_path / "state.sqlite3")
    yield StagedRig(store=store, world=LineWorld(tmp_path / "lines"))
    store.close()


def stored(rig: StagedRig, operation: str) -> Operation:
    found = rig.store.operation(operation)
    assert found is not None
    return found


def test_who_asked_for_it_takes_it_back(rig: StagedRig) -> None:
    """Ended with the reason, of which nothing was sent; nobody executes it later, and its target is free."""
    operation = rig.confirmed()
    ended = rig.by_hand().withdraw(operation, "not needed any more")
    assert (ended.stage, ended.outcome) == (Stage.ENDED, Outcome.REFUSED)
    assert ended.said == "withdrawn by mara: not needed any more"
    assert rig.phases(operation) == ["refusal"]
    with pytest.raises(NotClaimableError, match="has ended: refused"):
        rig.execute(operation)
    assert (rig.script.sends, rig.holder()) == ([], None)
    assert rig.store.verify(deep=True).flaw is None


def test_nobody_else_takes_it_back(rig: StagedRig) -> None:
    """Another person, another's user of the machine, no reason: refused on the record, and it waits on."""
    operation = rig.confirmed()
    own = rig.by_hand()
    people = People({"mara": Person(principal="mara", roles=frozenset({Role.OPERATOR}), os_users=("mara",))})
    elsewhere = replace(own, rights=Rights(people=people, person="mara", os_user="leo"))
    for hand, reason, why in (
        (rig.by_hand(LEO), "too late", "The plan is one of mara, who alone takes it back."),
        (elsewhere, "too late", "Not the same person"),
        (own, " ", "No reason was given."),
    ):
        with pytest.raises(RefusedError, match=why):
            hand.withdraw(operation, reason)
    assert rig.phases(operation) == ["refusal"] * 3
    assert stored(rig, operation).stage is Stage.CONFIRMED


def test_what_has_begun_is_not_taken_back(rig: StagedRig) -> None:
    """Claimed by a process, or ended: left as it is, and nothing is recorded."""
    operation = rig.confirmed()
    rig.store.claim(operation, ME, rig.clock.now(), timedelta(minutes=2), dead=None)
    with pytest.raises(NotClaimableError, match="has begun"):
        rig.by_hand().withdraw(operation, "too late")
    done = rig.confirmed(make_plan(targets=(replace(TARGET, reserves=("dev/airflow:other",)),)))
    rig.by_hand().withdraw(done, "once")
    with pytest.raises(NotClaimableError, match="has ended: refused"):
        rig.by_hand().withdraw(done, "twice")
    assert rig.phases(operation) == []


def test_broken_glass_takes_back_what_waits_for_the_same(rig: StagedRig) -> None:
    """One's own for the same target: closed, and says for which. Another's, or of another target: left."""
    old, theirs = rig.confirmed(), rig.confirmed(make_plan(requester="leo"))
    other = rig.confirmed(make_plan(targets=(replace(TARGET, reserves=("dev/airflow:other",)),)))
    broken = rig.confirmed()
    (said,) = rig.by_hand().set_aside(stored(rig, broken))
    assert said == f"Operation {old}, which waited for the same, is withdrawn: the glass was broken."
    assert stored(rig, old).said == f"withdrawn by mara: the glass was broken instead, by operation {broken}"
    left = {one.plan.operation for one in rig.store.open_operations()}
    assert left == {theirs, other, broken}


def test_what_nobody_began_in_its_time_is_ended_by_who_follows(rig: StagedRig) -> None:
    """Once, with until when it could be begun; what may still begin is left."""
    lapsed = rig.confirmed()
    lives = rig.confirmed(make_plan(expires_at=NOW + timedelta(hours=8)))
    rig.clock.pause(LAPSED.total_seconds())
    store = cast("SqlStore", rig.store)
    watch = OperationWatch(
        lambda: store, lambda: rig.processes, rig.clock, end_lapsed=rig.by_hand(LEO).end_lapsed
    )
    news: queue.Queue[StoreNews] = queue.Queue()
    watch.start(news.put)
    open_ones = {lives, lapsed}
    while lapsed in open_ones:
        open_ones = {one.id for one in news.get(timeout=20).operations}
    watch.stop()
    assert open_ones == {lives}
    ended = stored(rig, lapsed)
    assert (ended.outcome, rig.phases(lapsed)) == (Outcome.ABORTED, ["settlement"])
    until = f"{ended.plan.expires_at:%Y-%m-%d %H:%M} UTC"
    assert ended.said == f"Nothing was sent: its plan held until {until}, and nobody had begun it by then."
    rig.by_hand().end_lapsed()
    assert (rig.phases(lapsed), rig.phases(lives)) == (["settlement"], [])
    assert rig.script.sends == []
