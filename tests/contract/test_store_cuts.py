"""The way to a team's database is cut at each exchange of an operation: nothing sent unrecorded, or twice.

PostgreSQL may have done what it was asked although its answer never came. Exchanges are counted in a run that
is not cut, so that a new statement adds its points by itself.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from acting import ME, OTHER, LineWorld, Living, MovedClock, Rig, Script, make_plan, states
from cuttable_way import Cut, Way, way_to
from postgres_server import Server

from fedesk.domain.operations import Operation, Outcome, Owner, Stage, StepState
from fedesk.ports.errors import UnreachableError
from fedesk.ports.operation_store import StoreError, UnrecordedError
from fedesk.store.postgres_store import PostgresStore

LATER = timedelta(minutes=30)
"""Longer than any system's patience, the runner's insistence, and a plan's validity."""
THIRD = Owner(host="desk-3", boot="b1", pid=4713, started="300")
SCRIPTS: dict[str, Callable[[], Script]] = {
    "answered": Script,
    "answer lost": lambda: Script(after=UnreachableError("reset by peer")),
    "nothing done, no answer": lambda: Script(before=UnreachableError("reset by peer")),
}


class DiedError(Exception):
    """The runner is no more."""


class Dying(MovedClock):
    """The clock of one who dies where it would wait."""

    def pause(self, seconds: float) -> None:  # noqa: ARG002 - it dies at once
        raise DiedError


class Team:
    """One database, and the way to it that is cut."""

    def __init__(self, url: str, way: Way, folder: Path) -> None:
        self._url, self.way, self._folder = url, way, folder

    def rig(self, script: Script, *, cold: bool = False) -> Rig:
        """A desk that reaches the store by the way; its connections are there, unless it is cold."""
        store = PostgresStore(self.way.to(self._url))
        if not cold:
            store.check()
            store.now(MovedClock().now())
        self.way.asked.clear()
        self.way.cuts = 0
        return Rig(store=store, world=LineWorld(self._folder / "lines"), script=script)

    def later(self, processes: Living) -> Rig:
        """A desk that reaches it straight, half an hour later."""
        clock = MovedClock()
        clock.at += LATER
        world = LineWorld(self._folder / "lines")
        return Rig(store=PostgresStore(self._url), world=world, clock=clock, processes=processes)

    def cut(self, point: int, cut: Cut) -> None:
        self.way.at, self.way.cut = point, cut


@pytest.fixture(scope="module")
def team(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with way_to(str(postgres.url.query["host"])) as way:
        yield Team(postgres.fresh(), way, tmp_path_factory.mktemp("world"))


def confirmed_and_executed(rig: Rig, operation: str) -> Operation | StoreError:
    """How it ended, or what was told instead."""
    try:
        rig.confirmed(make_plan(operation=operation))
        return rig.execute(operation)
    except StoreError as error:
        return error


def found_out(team: Team, operation: str) -> None:
    """Whatever was left, a later look comes to one final end, and to the truth."""
    rig = team.later(Living(mine=THIRD, dead={ME, OTHER}))
    with closing(rig.store):
        if rig.store.operation(operation) is None:
            assert operation not in rig.world.lines()
            return
        found = rig.recheck(operation)
        effects, phases = rig.world.lines().count(operation), rig.phases(operation)
        journal = states(found)
        is_intended = ("send", StepState.INTENDED) in journal
        assert effects in (0, 1), "at most one effect"
        assert phases.count("intent") == is_intended
        assert is_intended or not effects, "an intent before anything is sent"
        assert found.stage is Stage.ENDED
        assert (found.outcome is Outcome.SUCCEEDED) is bool(effects), "the outcome is the truth"
        assert found.outcome in (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.ABORTED)
        assert sum(phase in ("outcome", "settlement", "refusal") for phase in phases) == 1
        assert max(Counter(journal).values(), default=1) == 1, "no entry twice"
        assert rig.script.sends == [], "who looks again sends nothing"
        assert rig.holder() is None
        assert rig.store.verify(deep=True).flaw is None


def cut_everywhere(team: Team, name: str, cut: Cut, *, cold: bool) -> None:
    """An operation, cut at each of its exchanges in turn."""
    with closing((rig := team.rig(SCRIPTS[name](), cold=cold)).store):
        confirmed_and_executed(rig, rig_id())
        exchanges = list(team.way.asked)
    for point, exchange in enumerate(exchanges):
        operation = rig_id()
        with closing((rig := team.rig(SCRIPTS[name](), cold=cold)).store):
            team.cut(point, cut)
            ended = confirmed_and_executed(rig, operation)
            team.way.mend()
        where = f"{cut.value}: {exchange} ({point}): {ended}"
        sends = len(rig.script.sends)
        assert team.way.cuts == 1, where
        assert sends <= 1, where
        if isinstance(ended, StoreError):
            # One answer that is lost is made up for; nothing is said to be unrecorded that was never sent.
            assert sends == (cut is Cut.ALL and isinstance(ended, UnrecordedError)), where
        elif ended.outcome is Outcome.SUCCEEDED:
            assert rig.world.lines().count(operation) == 1, where
        assert cut is not Cut.ALL or isinstance(ended, StoreError), where
        try:
            found_out(team, operation)
        except AssertionError as error:
            raise AssertionError(where) from error


def rig_id() -> str:
    return make_plan().operation


@pytest.mark.parametrize("cut", Cut, ids=[one.name.lower() for one in Cut])
def test_cut_at_each_exchange(team: Team, cut: Cut) -> None:
    """At most one effect, one intent if anything was sent, one final outcome, the truth, no entry twice."""
    cut_everywhere(team, "answered", cut, cold=False)


@pytest.mark.soak
@pytest.mark.parametrize("cold", [True, False])
@pytest.mark.parametrize("cut", Cut, ids=[one.name.lower() for one in Cut])
@pytest.mark.parametrize("name", SCRIPTS)
def test_cut_at_each_exchange_whatever_the_system_does(team: Team, name: str, cut: Cut, cold: bool) -> None:  # noqa: FBT001 - a case
    """The same where the system's own answer is lost, and from the first login on."""
    cut_everywhere(team, name, cut, cold=cold)


@pytest.mark.parametrize("cut", [Cut.QUESTION, Cut.ANSWER], ids=["question", "answer"])
def test_who_looks_again_is_cut_too(team: Team, cut: Cut) -> None:
    """Cut at any exchange of a recheck, the next one comes to the truth all the same."""

    def left() -> str:
        """An operation that was sent, and whose runner died before it could say so."""
        operation = rig_id()
        with closing((rig := team.rig(Script())).store):
            rig.script.on_done = lambda: team.cut(len(team.way.asked), Cut.QUESTION)
            rig.clock = Dying()
            with pytest.raises(DiedError):
                confirmed_and_executed(rig, operation)
            team.way.mend()
        return operation

    def looks_again(operation: str, point: int) -> list[str]:
        rig = team.rig(Script())
        rig.clock.at += LATER
        with closing(rig.store):
            team.cut(point, cut)
            try:
                found = rig.recheck(operation, processes=Living(mine=OTHER, dead={ME}))
                assert found.outcome is Outcome.SUCCEEDED
            except StoreError:
                assert point >= 0
            team.way.mend()
        assert rig.script.sends == []
        return list(team.way.asked)

    whole = left()
    exchanges = looks_again(whole, -1)
    found_out(team, whole)
    for point in range(len(exchanges)):
        operation = left()
        looks_again(operation, point)
        found_out(team, operation)
