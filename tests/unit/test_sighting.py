"""What a watcher sees of boards, operations and the audit log, over a real store."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from anchored_log import needs_ssh_keygen
from approval_people import ANN, BEN, MARA, Team, submitted
from making import AIRFLOW, NOW, PROD, catalogue, history_of, minutes
from operation_values import OWNER, draft_of, operation_id
from storing import LASTS, carried_out, claimed, submission, told

from fedesk.clients.bulkhead import ThreadBulkhead
from fedesk.domain.audit import Phase
from fedesk.domain.marks import ACTION, Mark, MarkKind, key_of
from fedesk.domain.notices import AwaitedPlan, Event
from fedesk.domain.observation import Observation
from fedesk.domain.operations import Outcome, Owner
from fedesk.domain.policy import UNGOVERNED
from fedesk.domain.states import State, System
from fedesk.domain.windows import Window, WindowKind
from fedesk.ports.errors import NotFoundError, ServerFaultError
from fedesk.ports.sources import Connection
from fedesk.services.live_board import LiveBoard
from fedesk.services.operation_watch import OperationWatch
from fedesk.services.sighting import JUDGED_EVERY, Sight, awaited_plans
from fedesk.store.operations import SqlStore

BROKEN = Observation(runs=history_of("payments_daily", [State.FAILED, State.SUCCEEDED]))
WELL = Observation(runs=history_of("payments_daily", [State.SUCCEEDED, State.FAILED]))


PLAN = AwaitedPlan(
    operation="0199",
    environment="prod",
    subject="payments_daily",
    sentence="clear",
    requester="mara",
    reason="",
    since=NOW,
    missing=1,
)


class Still:
    """A clock that is set."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> object:
        return self.at

    def monotonic(self) -> float:
        return (self.at - NOW).total_seconds()


class Processes:
    """Nobody of this machine is dead."""

    def me(self) -> Owner:
        return OWNER

    def is_alive(self, owner: Owner) -> bool | None:
        del owner
        return True


class Answer:
    """A system that gives what it is told."""

    def __init__(self) -> None:
        self.now: Observation | Exception = BROKEN

    def observe(self, previous: Observation | None) -> Observation:
        del previous
        if isinstance(self.now, Exception):
            raise self.now
        return self.now

    def close(self) -> None:
        """Nothing is open."""


class Rig:
    """A sight of one environment with one Airflow."""

    def __init__(self, store: SqlStore, settled_after: float = 0.0) -> None:
        self.store, self.clock, self.source = store, Still(), Answer()
        self.connections = {
            "prod": (
                Connection(
                    name=AIRFLOW,
                    system=System.AIRFLOW,
                    address="http://x",
                    period=3600,
                    source=ThreadBulkhead("prod/airflow", lambda: self.source),
                ),
            )
        }
        board = LiveBoard(PROD, catalogue(), self.connections["prod"], {}, self.clock)  # type: ignore[arg-type]  # its time is set
        watch = OperationWatch(lambda: store, Processes, self.clock)  # type: ignore[arg-type]  # the same
        self.plans: tuple[AwaitedPlan, ...] | NotFoundError = ()
        self.sight = Sight(
            {"prod": board},
            catalogue(),
            watch,
            lambda: store,
            self.clock,  # type: ignore[arg-type]  # the same
            settled_after=settled_after,
            awaited=self.awaited,
        )

    def awaited(self) -> tuple[AwaitedPlan, ...]:
        if isinstance(self.plans, NotFoundError):
            raise self.plans
        return self.plans

    def look(self) -> None:
        self.sight.read_whole(self.connections)

    def events(self) -> list[Event]:
        return [one.event for one in self.sight.look().notices]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    store = SqlStore(tmp_path / "fedesk.sqlite3")
    yield Rig(store)
    store.close()


def test_what_pages_is_seen_and_is_over_when_it_is_gone(rig: Rig) -> None:
    """Before the first look nothing is known, so nothing is over; a silent system ends nothing."""
    assert rig.events() == []
    rig.look()
    seen = rig.sight.look()
    (notice,) = seen.notices
    assert (notice.event, notice.environment, notice.seen_on) == (Event.PAGE, "prod", "prod/airflow")
    assert seen.knows(notice)
    assert not seen.knows(replace(notice, environment="dev")), "nobody looks there"
    rig.source.now = ServerFaultError("prod/airflow answered 500")
    rig.look()
    assert rig.events() == [Event.PAGE]
    rig.source.now = WELL
    rig.look()
    seen = rig.sight.look()
    assert seen.notices == ()
    assert seen.knows(notice)


def test_a_finding_is_told_when_it_has_settled(tmp_path: Path) -> None:
    """One look finds it, the next reads why. What went away meanwhile begins anew."""
    store = SqlStore(tmp_path / "fedesk.sqlite3")
    rig = Rig(store, settled_after=10)
    rig.look()
    rig.clock.at += timedelta(seconds=9)
    seen = rig.sight.look()
    assert (seen.notices, len(seen.quiet)) == ((), 1)
    rig.clock.at += timedelta(seconds=1)
    assert rig.events() == [], "it was first seen by the look before"
    rig.clock.at += timedelta(seconds=9)
    assert rig.events() == [Event.PAGE]
    for observation in (WELL, BROKEN):
        rig.source.now = observation
        rig.look()
        assert rig.events() == []
    store.close()


def test_what_was_never_read_is_not_over(rig: Rig) -> None:
    """A system that has not answered since the start says nothing of what was told before."""
    rig.look()
    (notice,) = rig.sight.look().notices
    fresh = Rig(rig.store)
    fresh.source.now = ServerFaultError("prod/airflow answered 500")
    fresh.look()
    assert not fresh.sight.look().knows(notice)
    fresh.source.now = replace(WELL, complete=False)
    assert not fresh.sight.look().knows(notice)


def mark(rig: Rig, kind: MarkKind, until: timedelta | None = None) -> None:
    (finding,) = [one for one in rig.sight._latest["prod"].findings if one.kind == "failed run"]  # noqa: SLF001
    said = Mark(
        environment="prod",
        finding=key_of(finding),
        kind=kind,
        at=rig.clock.at,
        by="mara",
        until=None if until is None else rig.clock.at + until,
    )
    rig.store.mark(said, draft_of(Phase.CONFIGURATION, action=ACTION, operation="", plan_digest=""))


def test_what_is_snoozed_is_not_told_until_it_ends_or_is_lifted(rig: Rig) -> None:
    """It goes on meanwhile, and is not over."""
    rig.look()
    (notice,) = rig.sight.look().notices
    mark(rig, MarkKind.SNOOZE, minutes(30))
    seen = rig.sight.look()
    assert (seen.notices, seen.quiet) == ((), frozenset({notice.key}))
    rig.clock.at += minutes(30)
    assert rig.events() == [Event.PAGE]
    mark(rig, MarkKind.SNOOZE, minutes(30))
    assert rig.events() == []
    mark(rig, MarkKind.LIFT)
    assert rig.events() == [Event.PAGE]


@pytest.mark.parametrize(
    ("scope", "is_quiet"),
    [
        ({}, True),
        ({"pipeline": "payments_daily"}, True),
        ({"service": "payments"}, True),
        ({"pipeline": "export"}, False),
    ],
)
def test_what_is_in_maintenance_is_not_told(rig: Rig, scope: dict[str, str], is_quiet: bool) -> None:  # noqa: FBT001
    """Of all of an environment, a pipeline, or the service that carries it; at its end it is told."""
    rig.look()
    wall = NOW.replace(tzinfo=None)
    window = Window(
        id="w",
        kind=WindowKind.MAINTENANCE,
        environment="prod",
        starts=wall,
        ends=wall + minutes(30),
        zone="UTC",
        reason="upgrade",
        opened_at=NOW,
        opened_by="mara",
        pipeline=scope.get("pipeline", ""),
        service=scope.get("service", ""),
    )
    record = draft_of(Phase.START, action="maintenance", operation="", plan_digest="")
    rig.store.open_window(window, record)
    seen = rig.sight.look()
    assert bool(seen.quiet) is is_quiet
    assert [one.event for one in seen.notices] == ([] if is_quiet else [Event.PAGE])
    rig.clock.at += minutes(30)
    assert rig.events() == [Event.PAGE]


def test_an_unknown_outcome_is_told_until_it_is_settled(rig: Rig) -> None:
    """Before the store was read, and while it cannot be, nothing of it is over."""
    lease = claimed(rig.store)
    rig.store.write(lease, [], told(submission(), Phase.INTENT))
    rig.store.end(lease, Outcome.UNKNOWN, "no answer", NOW, [], told(submission(), Phase.OUTCOME))
    rig.source.now = WELL
    rig.look()
    seen = rig.sight.look()
    (notice,) = seen.notices
    assert (notice.event, notice.key) == (Event.UNKNOWN, f"unknown:prod:{operation_id(1)}")
    assert seen.knows(notice)
    again = rig.store.claim(operation_id(1), OWNER, NOW, LASTS, dead=None)
    rig.store.end(again, Outcome.SUCCEEDED, "found", NOW, [], told(submission(), Phase.SETTLEMENT))
    rig.look()
    assert rig.sight.look().notices == ()


def test_records_are_told_as_they_come(rig: Rig) -> None:
    """Those that are there, and those that come; who tells knows which were told."""
    rig.source.now = WELL
    rig.look()
    glass = draft_of(Phase.BREAK_GLASS, operation="", plan_digest="")
    for count in (1, 2):
        rig.store.append(glass)
        carried_out(rig.store, number=count)
        assert rig.events() == [Event.BREAK_GLASS] * count


def test_plans_that_wait_are_told_where_one_watches(rig: Rig) -> None:
    """Of the environments that are watched, and of no other."""
    rig.source.now = WELL
    rig.look()
    rig.plans = (PLAN, replace(PLAN, environment="dev"))
    rig.clock.at += timedelta(seconds=JUDGED_EVERY)
    assert rig.events() == [Event.APPROVAL_WANTED]


def test_where_signatures_cannot_be_checked_a_plan_that_waited_still_does(rig: Rig) -> None:
    """It is said, nothing of plans is over meanwhile, and what else goes on is told."""
    rig.look()
    rig.plans = (PLAN,)
    rig.clock.at += timedelta(seconds=JUDGED_EVERY)
    (page, wanted) = sorted(rig.sight.look().notices, key=lambda one: one.event, reverse=True)
    rig.plans = NotFoundError("ssh-keygen is not there")
    rig.clock.at += timedelta(seconds=JUDGED_EVERY)
    seen = rig.sight.look()
    assert "ssh-keygen is not there" in seen.problem
    assert {one.key for one in seen.notices} == {page.key, wanted.key}
    assert (seen.knows(page), seen.knows(wanted)) == (True, False)


@needs_ssh_keygen
def test_a_plan_that_really_waits_is_told_to_those_who_may_approve_it(tmp_path: Path, rig: Rig) -> None:
    """Not to its requester; approved, it is told to the requester, and nothing is wanted any more."""
    team = Team.made(tmp_path)
    mine, ann = (team.at(name, rig.store, rig.clock) for name in ("mara", "ann"))  # type: ignore[arg-type]  # its time is set
    submitted(mine)
    (waiting,) = awaited_plans(rig.store, mine)
    assert (waiting.missing, waiting.approvers, waiting.requester) == (1, (ANN, BEN), MARA)
    ann.approve(operation_id(1), "looks right")
    (approved,) = awaited_plans(rig.store, mine)
    assert (approved.missing, [voice.principal for voice in approved.approved]) == (0, [ANN])
    assert awaited_plans(rig.store, team.at("mara", rig.store, rig.clock, governance=UNGOVERNED)) == ()  # type: ignore[arg-type]  # the same
