"""What no look can tell is settled by a person: after a last look, with a reason, once, and on the record."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from acting import ACTOR, EFFECT, ME, OTHER, LineWorld, Living, make_plan, states
from staging import LEO, PRODUCTION, StagedRig

from fedesk.domain.operations import Operation, Outcome, Stage, StepState
from fedesk.ports.errors import UnreachableError
from fedesk.ports.operation_store import NotClaimableError
from fedesk.services.by_hand import VERDICTS
from fedesk.services.proposals import Answer, RefusedError
from fedesk.store.operations import SqlStore

YES = Answer(how="--yes", reason="INC-7: seen in Airflow")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[StagedRig]:
    store = SqlStore(tmp_path / "state.sqlite3")
    yield StagedRig(store=store, world=LineWorld(tmp_path / "lines"))
    store.close()


def unknown(rig: StagedRig) -> str:
    """An operation whose answer was lost, and of which no look can tell."""
    rig.script.after, rig.script.always_unknown = UnreachableError("reset by peer"), True
    operation = rig.staged()
    assert rig.execute(operation).outcome is Outcome.UNKNOWN
    return operation


@pytest.mark.parametrize(("word", "outcome"), VERDICTS.items())
def test_a_person_settles_what_no_look_can_tell(rig: StagedRig, word: str, outcome: Outcome) -> None:
    """Entry, outcome and settlement are one; the person, the reason and the links stand on the record."""
    operation = unknown(rig)
    hand = rig.by_hand(LEO)
    assert hand.look_first(operation).outcome is Outcome.UNKNOWN
    ended = hand.settle(operation, outcome, YES)
    assert ended.outcome is outcome
    assert ended.said == f"settled by leo as {word.replace('-', ' ')}: INC-7: seen in Airflow"
    assert rig.holder() is None
    assert rig.phases(operation) == ["intent", "outcome", "settlement"]
    record = rig.store.tail(1, operation=operation)[0].draft
    assert (record.actor, record.reason) == (LEO, "INC-7: seen in Airflow")
    assert record.result == f"{outcome}: {ended.said}"
    assert record.links == ("http://airflow.dev.example/lines/r1",)
    assert rig.store.verify(deep=True).flaw is None
    assert len(rig.script.sends) == 1


def test_where_looking_can_tell_nobody_is_asked(rig: StagedRig) -> None:
    """The last look finds the effect not done: that ends it, and a person's word comes too late."""
    rig.script.before, rig.script.always_unknown = UnreachableError("reset by peer"), True
    operation = rig.staged()
    assert rig.execute(operation).outcome is Outcome.UNKNOWN
    rig.script.always_unknown = False
    found = rig.by_hand(LEO).look_first(operation)
    assert (found.outcome, found.said) == (Outcome.FAILED, "nothing was changed: there is no such line")
    with pytest.raises(
        NotClaimableError, match=r"has ended: failed, written down by leo on desk-4 at .* UTC"
    ):
        rig.by_hand().settle(operation, Outcome.SUCCEEDED, YES)
    assert rig.phases(operation) == ["intent", "outcome", "settlement"]


def test_a_living_owner_is_left_alone(rig: StagedRig) -> None:
    """Whoever is at it will know: nothing is looked up, nothing settled."""
    operation = rig.staged()
    rig.store.claim(operation, OTHER, rig.clock.now(), rig.clock.now() - rig.clock.now(), dead=None)
    for attempt in (rig.by_hand().look_first, lambda one: rig.by_hand().settle(one, Outcome.FAILED, YES)):
        with pytest.raises(
            NotClaimableError, match=r"cannot be settled by hand now\. Process 4712 on desk-3"
        ):
            attempt(operation)
    assert rig.script.looks == 0


def test_what_has_not_begun_is_left_alone(rig: StagedRig) -> None:
    """What waits to be executed has no effect to be told about."""
    operation = rig.staged()
    with pytest.raises(NotClaimableError, match="It waits to be executed until"):
        rig.by_hand().look_first(operation)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(how="", reason="INC-7"), "confirmation: dev is production, and its name was not given."),
        (Answer(how="--yes", reason="INC-7"), "confirmation: dev is production"),
        (Answer(how="--confirm prod", named="prod", reason="INC-7"), "confirmation: 'prod' was given"),
        (Answer(how="--confirm dev", named="dev"), "reason: No reason was given."),
    ],
)
def test_it_takes_the_yes_of_a_change(rig: StagedRig, answer: Answer, why: str) -> None:
    """It frees a target: production's name, and a reason; a refusal is recorded and settles nothing."""
    operation = unknown(rig)
    hand = rig.by_hand(environments=PRODUCTION)
    with pytest.raises(RefusedError, match=why):
        hand.settle(operation, Outcome.SUCCEEDED, answer)
    found = rig.store.operation(operation)
    assert found is not None
    assert found.outcome is Outcome.UNKNOWN
    assert rig.phases(operation) == ["intent", "outcome", "refusal"]
    assert rig.holder() is not None
    ended = hand.settle(
        operation, Outcome.SUCCEEDED, Answer(how="--confirm dev", named="dev", reason="INC-7")
    )
    assert ended.outcome is Outcome.SUCCEEDED


def test_an_environment_that_is_not_configured_counts_as_production(rig: StagedRig) -> None:
    """What cannot be told is taken for the worse."""
    operation = unknown(rig)
    with pytest.raises(RefusedError, match="dev is production"):
        rig.by_hand(environments={}).settle(operation, Outcome.FAILED, YES)


def test_outside_production_the_yes_is_enough(rig: StagedRig) -> None:
    """A yes is asked for all the same: nothing is settled by habit."""
    operation = unknown(rig)
    with pytest.raises(RefusedError, match="Nobody has said yes to it"):
        rig.by_hand().settle(operation, Outcome.FAILED, Answer(how="", reason="INC-7"))
    assert rig.by_hand().settle(operation, Outcome.FAILED, YES).outcome is Outcome.FAILED


def test_two_desks_settle_at_once(rig: StagedRig, tmp_path: Path) -> None:
    """One wins and one record is written; the other is told who has written what."""
    operation = unknown(rig)
    with closing(SqlStore(tmp_path / "state.sqlite3")) as other:
        mine = rig.store
        first = rig.by_hand(processes=Living(mine=OTHER))
        rig.store = other
        second = rig.by_hand(LEO)
        rig.store = mine
        claim = other.claim
        won: list[Operation] = []

        def overtaken(*args: object, **kwargs: object) -> object:
            if not won:
                won.append(first.settle(operation, Outcome.SUCCEEDED, YES))
            return claim(*args, **kwargs)  # type: ignore[arg-type]

        other.claim = overtaken  # type: ignore[method-assign, assignment]
        with pytest.raises(NotClaimableError, match=r"has ended: succeeded, written down by mara on desk-3"):
            second.settle(operation, Outcome.FAILED, YES)
    found = rig.store.operation(operation)
    assert found is not None
    assert found.outcome is Outcome.SUCCEEDED
    assert rig.phases(operation) == ["intent", "outcome", "settlement"]
    assert rig.store.verify(deep=True).flaw is None


def test_what_was_left_between_two_effects_may_be_ended_by_hand(rig: StagedRig) -> None:
    """Nobody has to carry on what is not wanted any more: it ends as a person says, and frees its target."""
    operation = rig.confirmed(make_plan(effects=(EFFECT, rig.draft.effects[1])))
    rig.script.on_done = lambda: setattr(rig.clock, "on_pause", _die)
    with pytest.raises(DiedError):
        rig.execute(operation, processes=Living(mine=OTHER))
    rig.clock.on_pause = lambda: None
    hand = rig.by_hand(processes=Living(mine=ME, dead={OTHER}))
    left = hand.look_first(operation)
    assert left.stage is Stage.RUNNING
    assert ("review", StepState.WAITING) in states(left)
    ended = hand.settle(operation, Outcome.FAILED, YES)
    assert (ended.outcome, ended.owner) == (Outcome.FAILED, ME)
    assert rig.holder() is None
    assert rig.world.lines() == [operation]


class DiedError(BaseException):
    """The runner's process ends here."""


def _die() -> None:
    raise DiedError


def test_a_secret_in_the_reason_is_not_kept(rig: StagedRig) -> None:
    """People paste tokens: neither the journal nor the log has one."""
    operation = unknown(rig)
    token = "hvs." + "CAESIJRM" * 6
    ended = rig.by_hand().settle(operation, Outcome.FAILED, Answer(how="--yes", reason=f"used {token}"))
    assert token not in ended.said
    record = rig.store.tail(1, operation=operation)[0]
    assert token.encode() not in record.raw
    assert record.draft.actor == ACTOR
