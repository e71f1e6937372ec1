"""A batch, step by step: what begins when, as which release, and what is said of what does not begin."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from memory_desk import PROD, STAGING, MemoryDesk, Unchangeable
from operation_values import MemoryStore, operation, plan_of
from painting import said, until

from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import Operation, Outcome, Stage, Target, WriteWindow
from fedesk.domain.release_matrix import PROMOTE
from fedesk.domain.release_stops import ROLLBACK
from fedesk.domain.releases import ReleaseRequest
from fedesk.domain.requests import Request
from fedesk.services.proposals import Needs, Proposal, RefusedError
from fedesk.ui.app import DeskApp
from fedesk.ui.batch import Batch, is_batch

SERVICES = ("fx_rates", "cards", "loyalty")
JENKINS = ConnectionName("prod", "jenkins")


def asked(service: str, kind: str = PROMOTE) -> ReleaseRequest:
    return ReleaseRequest(kind=kind, service=service, environment="prod", connection=JENKINS)


def proposed(number: int, service: str) -> Proposal:
    target = Target(name=f"{JENKINS}:{service}", pins={"digest": f"sha256:{service}"})
    plan = replace(plan_of(number), targets=(target,), connection=JENKINS)
    return Proposal(plan=plan, guards=(), needs=Needs())


class Planning(Unchangeable):
    """Plans a promotion, unless it has one that is refused; remembers what was asked."""

    def __init__(self, refused: str = "") -> None:
        self.asked: list[ReleaseRequest] = []
        self._refused = refused

    def propose(
        self,
        request: Request,
        window: WriteWindow | None = None,
        *,
        break_glass: bool = False,
        tell: Callable[[str], None] | None = None,
    ) -> Proposal:
        del window, break_glass, tell
        assert isinstance(request, ReleaseRequest)
        self.asked.append(request)
        if request.service == self._refused:
            raise RefusedError("gate stops: it is in quarantine.", ())
        return proposed(SERVICES.index(request.service), request.service)


@dataclass
class Told:
    """What a batch did and said."""

    begun: list[str] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)


def carried_out(
    planning: Planning, ends: Sequence[Outcome | None], over: Callable[[Batch], object] = id
) -> tuple[Told, Batch]:
    """A batch of three whose operations end so; None where the yes to one is not taken.

    ``over`` is called at the first.
    """
    store, told = MemoryStore(), Told()
    desk = MemoryDesk(PROD, store=store)
    desk.changes = planning
    proposals = {index: proposed(index, service) for index, service in enumerate(SERVICES)}
    batch = Batch(desk, [asked(one) for one in SERVICES], proposals, told.said.append)

    def begin(index: int, proposal: Proposal) -> Operation | None:
        told.begun.append(SERVICES[index])
        over(batch)
        outcome = ends[index]
        if outcome is None:
            return None
        store.held.append(operation(index, stage=Stage.ENDED, outcome=outcome, plan=proposal.plan))
        return store.held[-1]

    batch.run(proposals[0], None, begin, told.refused.__setitem__)
    return told, batch


def test_each_begins_when_the_one_before_it_has_succeeded() -> None:
    """The first as it was shown; the others are planned anew, for the release that was confirmed."""
    planning = Planning()
    told, batch = carried_out(planning, [Outcome.SUCCEEDED] * 3)
    assert told == Told(begun=list(SERVICES))
    assert batch.left == ()
    assert [(one.service, one.digest) for one in planning.asked] == [
        ("cards", "sha256:cards"),
        ("loyalty", "sha256:loyalty"),
    ]


@pytest.mark.parametrize("outcome", [*(one for one in Outcome if one is not Outcome.SUCCEEDED), None])
def test_nothing_begins_behind_one_that_did_not_succeed(outcome: Outcome | None) -> None:
    """Failed, unknown or refused: the last is not planned, and both frame and desk say why, by name."""
    planning = Planning()
    told, batch = carried_out(planning, [Outcome.SUCCEEDED, outcome, Outcome.SUCCEEDED])
    assert told.begun == ["fx_rates", "cards"]
    assert [one.service for one in planning.asked] == ["cards"]
    assert told.refused == {2: "It was not begun, since cards did not succeed before it."}
    assert told.said == ["cards did not succeed; not begun: loyalty."]
    assert batch.left == ()


def test_what_is_refused_when_its_turn_comes_ends_the_batch() -> None:
    """It says which guard is in its way, those behind it say that it was; nothing of them is begun."""
    told, _ = carried_out(Planning(refused="cards"), [Outcome.SUCCEEDED] * 3)
    assert told.begun == ["fx_rates"]
    assert told.refused == {
        1: "gate stops: it is in quarantine.",
        2: "It was not begun, since cards did not succeed before it.",
    }


def test_with_the_desk_the_batch_ends() -> None:
    """What was begun goes on; nothing more is, and what is left is known by name."""
    told, batch = carried_out(Planning(), [Outcome.SUCCEEDED] * 3, Batch.end)
    assert (told.begun, told.refused) == (["fx_rates"], {})
    assert batch.left == ("cards", "loyalty")


async def test_what_is_left_of_a_batch_is_said_where_its_desk_is_left(
    make_app: Callable[..., DeskApp],
) -> None:
    """By name: on the screen where another environment is chosen, else behind it; nothing more is begun."""
    app = make_app(MemoryDesk(PROD), MemoryDesk(STAGING))
    proposals = {index: proposed(index, service) for index, service in enumerate(SERVICES)}
    left = "Not begun, for the desk was left: fx_rates, cards, loyalty."
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.desk is not None)
        batch = app.following.batch([asked(one) for one in SERVICES], proposals)
        assert batch is not None
        assert app.following.parting() == (left,)
        app.select_environment("staging")
        await until(pilot, lambda: left in said(app))
        begun = list[int]()
        batch.run(proposals[0], None, lambda index, _: begun.append(index), lambda *_: None)
        assert begun == []
        assert app.following.parting() == ()


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ((asked("cards"), asked("loyalty")), True),
        ((asked("cards"),), False),
        ((asked("cards"), asked("loyalty", ROLLBACK)), False),
        ((asked("cards"), None), False),
    ],
)
def test_several_promotions_are_a_batch(requests: tuple[Request | None, ...], *, expected: bool) -> None:
    """One alone is not, and nothing else is done in an order."""
    assert is_batch(requests) is expected
