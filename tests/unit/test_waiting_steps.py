"""A step that looks: how its own time, an outage and its news add up, look by look.

Looks are at 0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3, 11.3 seconds and every five from there on.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest
from acting import ACTOR, ME, PATIENCE, LineWorld, Rig
from making import NOW

from fedesk.domain.operations import Evidence, JournalEntry, Progress, StepKind, StepState
from fedesk.ports.errors import UnreachableError
from fedesk.services.held import LEASE, Held, hold
from fedesk.services.operation_kinds import Step
from fedesk.services.steps import BLIND, Due, follow_step, look_again
from fedesk.store.operations import SqlStore

Sees = Callable[[float], Progress]
"""What a look at a second sees; it may raise."""


@dataclass
class Wait:
    """A step that is followed."""

    rig: Rig
    held: Held
    looks: list[float] = field(default_factory=list)

    def follow(
        self,
        sees: Sees,
        *,
        within: float | None = None,
        kind: StepKind = StepKind.AWAIT,
        leave_after: float | None = None,
        outage: float | None = None,
    ) -> JournalEntry:
        began = self.rig.clock.monotonic()

        def look(*_: object) -> Progress:
            second = self.rig.clock.monotonic() - began
            self.looks.append(round(second, 1))
            return sees(second)

        step = Step(name="arrive", kind=kind, sentence="wait", look=look, within=within)
        return follow_step(self.held, step, leave_after=leave_after, outage=outage)

    @property
    def told(self) -> Sequence[tuple[float, str]]:
        """What the journal says of the wait, and at which second."""
        return [
            (round((entry.at - NOW).total_seconds(), 1), entry.said)
            for entry in self.held.journal
            if entry.step == "arrive"
        ]


@pytest.fixture
def wait(tmp_path: Path) -> Iterator[Wait]:
    store = SqlStore(tmp_path / "state.sqlite3")
    rig = Rig(store=store, world=LineWorld(tmp_path / "lines"))
    lease = store.claim(rig.confirmed(), ME, rig.clock.now(), LEASE, dead=None)
    held = hold(
        lease,
        store=store,
        systems=rig.systems,
        clock=rig.clock,
        actor=ACTOR,
        pause=rig.clock.pause,
        kinds=rig.kinds,
    )
    yield Wait(rig, held)
    store.close()


def waits(said: str = "on its way", **more: object) -> Progress:
    return Progress(state=StepState.WAITING, said=said, **more)  # type: ignore[arg-type]


def away(*spans: tuple[float, float]) -> Sees:
    """It waits; in these spans nobody answers."""

    def sees(second: float) -> Progress:
        if any(first <= second < last for first, last in spans):
            raise UnreachableError("refused")
        return waits()

    return sees


@pytest.mark.parametrize(
    ("spans", "outage", "ends"),
    [
        ([], None, 21.3),
        # From the last look that was answered at 3.1 to the last that was not at 16.3 no time passes.
        ([(5, 20)], None, 36.3),
        # An outage from the first look on, and two of them: from 1.5 to 6.3 and from 21.3 to 31.3.
        ([(0, 20)], None, 36.3),
        ([(3, 10), (25, 32)], None, 36.3),
        # Who looks again waits for no outage, or for some of it.
        ([(5, 20)], 0.0, 21.3),
        ([(5, 20)], 5.0, 26.3),
    ],
)
def test_the_time_of_an_outage_is_not_the_steps(
    wait: Wait, spans: list[tuple[float, float]], outage: float | None, ends: float
) -> None:
    """It has its seconds while the system is heard of, whatever was not answered in between."""
    entry = wait.follow(away(*spans), within=19.5, outage=outage)
    assert (entry.state, entry.said) == (StepState.UNKNOWN, "not there within 0:00:19.500000: on its way")
    assert wait.looks[-1] == ends


def test_no_more_than_an_hour_of_outages_is_waited_out(wait: Wait) -> None:
    """Two outages of most of an hour each: beyond an hour in all the step's own time passes again."""
    entry = wait.follow(away((10, 3000), (3010, 6000)), within=20)
    assert (entry.state, entry.said) == (StepState.UNKNOWN, "not there within 0:00:20: refused")
    assert BLIND + 20 <= wait.looks[-1] < BLIND + 25.1


def test_a_system_that_is_away_for_an_hour_is_given_up(wait: Wait) -> None:
    """A step without a time of its own ends unknown, in the error's words, when an hour was silent."""
    entry = wait.follow(away((10, 1e9)))
    assert (entry.state, entry.said) == (StepState.UNKNOWN, "refused")
    assert [(one.source, one.said) for one in entry.evidence] == [("dev/airflow", "refused")]
    assert BLIND + 11.3 <= wait.looks[-1] < BLIND + 11.3 + 5.1


def test_what_cannot_be_told_is_looked_at_for_as_long_as_a_request_lasts(wait: Wait) -> None:
    """Counted anew from where it could be told again."""

    def sees(second: float) -> Progress:
        if 6 < second < 10:
            return waits()
        return Progress(state=StepState.UNKNOWN, said="two could be ours")

    entry = wait.follow(sees)
    assert (entry.state, entry.said) == (StepState.UNKNOWN, "two could be ours")
    assert wait.looks[-1] == 21.3
    assert 21.3 - 11.3 >= PATIENCE > 16.3 - 11.3


def test_a_step_is_left_as_it_stands(wait: Wait) -> None:
    """Who looks again does not wait to the end: it is waiting still, and says for what."""
    entry = wait.follow(away(), leave_after=11.3)
    assert (entry.state, entry.said) == (StepState.WAITING, "on its way")
    assert wait.looks[-1] == 11.3


def test_its_own_time_comes_before_leaving(wait: Wait) -> None:
    """Where both are over in one look, it is out of time."""
    assert wait.follow(away(), within=11.3, leave_after=11.3).state is StepState.UNKNOWN


def test_a_fault_of_ours_in_a_look_is_told_as_one(wait: Wait) -> None:
    """It loses nothing of what was sent before, and is looked past like a system that is away."""

    def sees(second: float) -> Progress:
        if second < 5:
            raise RuntimeError("a fault")
        return Progress(state=StepState.DONE, said="there")

    assert wait.follow(sees).said == "there"
    assert wait.told == [(0.0, "fedesk failed while looking: RuntimeError; please report it")]


@pytest.mark.parametrize("is_begun", [True, False])
def test_a_wait_that_begins_now_has_all_its_time(wait: Wait, *, is_begun: bool) -> None:
    """Whether its first line is written, or not yet."""
    if is_begun:
        wait.held.note(wait.held.entry("arrive", StepState.WAITING, "on its way"))
    wait.follow(away(), within=16.5)
    assert wait.looks[-1] == 21.3


def test_where_the_clock_stands_the_pauses_count(wait: Wait) -> None:
    """A wait ends on a machine whose clock does not go on, too."""
    pauses: list[float] = []
    wait.held.pause = pauses.append
    assert wait.follow(away(), within=16.5).state is StepState.UNKNOWN
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


def test_a_wait_that_others_began_goes_on(wait: Wait) -> None:
    """What has passed since the step's first entry counts, but for reading back, which begins anew."""
    wait.held.note(wait.held.entry("arrive", StepState.WAITING, "on its way"))
    wait.rig.clock.pause(15.0)
    assert wait.follow(away(), within=20).state is StepState.UNKNOWN
    assert wait.looks[-1] == 6.3
    entry = wait.follow(away(), within=16.5, kind=StepKind.VERIFY)
    assert entry.said == "not read back in time: on its way"
    assert wait.looks[-1] == 21.3


def test_who_looks_again_waits_as_it_says(wait: Wait) -> None:
    """For no outage, and no longer than it has the time for."""

    def away_soon(*_: object) -> Progress:
        if wait.rig.clock.monotonic() > 5:
            raise UnreachableError("refused")
        return waits()

    step = Step(name="arrive", kind=StepKind.AWAIT, sentence="wait", look=away_soon, within=15)
    due = Due(step=step, effect=None, before=None)
    assert look_again(wait.held, due, outage=0.0).said == "not there within 0:00:15: refused"
    began = wait.rig.clock.monotonic()
    endless = replace(due, step=replace(step, within=None))
    assert look_again(wait.held, endless, leave_after=5.0).said == "refused"
    assert wait.rig.clock.monotonic() == began + 6.3


def test_news_is_told_the_less_the_longer_it_takes(wait: Wait) -> None:
    """At once, then not within ten seconds, later not within a twentieth of the time that was waited."""
    wait.follow(lambda second: waits(f"{second:.0f} rows"), leave_after=500)
    times = [second for second, _ in wait.told]
    assert times[:4] == [0.0, 11.3, 21.3, 31.3]
    assert times[-2:] == [461.3, 486.3]
    late = [second for second in times if second > 200]
    for before, after in pairwise(late):
        assert after / 20 <= after - before < after / 20 + 5.1


def test_where_it_is_now_is_told_within_ten_seconds(wait: Wait) -> None:
    """A queue item that has become a build is worth a line, however long the wait has been."""
    places = {True: "queue:1", False: "build:2"}
    wait.follow(lambda second: waits(f"{second:.0f}", reference=places[second < 480]), leave_after=490)
    assert [second for second, _ in wait.told][-2:] == [461.3, 481.3]


def test_the_same_is_told_once(wait: Wait) -> None:
    """Also by who carries a wait on that another has told of."""
    wait.follow(away(), leave_after=100)
    wait.follow(away(), leave_after=100)
    assert wait.told == [(0.0, "on its way")]


def test_why_it_cannot_be_told_is_kept_with_the_line(wait: Wait) -> None:
    """Evidence stands with what is unknown; a wait of which all is known has none in the journal."""
    seen = Evidence(source="dev/airflow", said="two lines", at=NOW)

    def sees(second: float) -> Progress:
        if second < 11:
            return waits(evidence=(seen,))
        if second < 12:
            return Progress(state=StepState.UNKNOWN, said="two could be ours", evidence=(seen,))
        return Progress(state=StepState.DONE, said="there", reference="line:1", evidence=(seen,))

    entry = wait.follow(sees)
    assert [one.evidence for one in wait.held.journal if one.step == "arrive"] == [(), (seen,)]
    assert (entry.state, entry.said, entry.reference, entry.evidence) == (
        StepState.DONE,
        "there",
        "line:1",
        (seen,),
    )


def test_of_what_was_seen_each_thing_is_kept_once_the_newest_last(wait: Wait) -> None:
    """Twenty pieces of evidence at most."""

    def sees(second: float) -> Progress:
        said = [f"line {second:.1f}", "always"]
        evidence = tuple(Evidence(source="dev/airflow", said=one, at=wait.rig.clock.now()) for one in said)
        state = StepState.DONE if second > 150 else StepState.WAITING
        return Progress(state=state, said="", evidence=evidence)

    kept = wait.follow(sees).evidence
    assert len(kept) == 20
    assert [one.said for one in kept].count("always") == 1
    assert kept[-1].said == "always"
    assert kept[-1].at == wait.rig.clock.now()
    assert kept[-2].said == f"line {wait.looks[-1]}"
