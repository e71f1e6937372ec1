"""Promotions, rollbacks and answers killed at their seams, through the real adapters, on both stores.

These may have more than one effect, so who looks again may have to leave the rest to who carries it on.
"""

import random
from collections.abc import Callable, Sequence
from itertools import product

import pytest
from killed_runners import PAIRS, STORES, Case, Lay, cells, chosen, desks, lay, stores

from fedesk import execution
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.release_matrix import PROMOTE
from fedesk.domain.release_stops import ROLLBACK
from fedesk.domain.releases import AnswerRequest, ReleaseRequest
from fedesk.sandbox.server import Sandbox

__all__ = ["desks", "lay", "stores"]

WAITING = ("finedge/prod/deploy-merchants", 463)
"""A build of prod that waits for an answer from the start."""


def released(kind: str, service: str = "loyalty") -> Callable[[execution.Desk], ReleaseRequest]:
    """The service, to be promoted to production or rolled back there."""
    jenkins = ConnectionName("prod", "jenkins")
    return lambda _: ReleaseRequest(kind=kind, service=service, environment="prod", connection=jenkins)


def triggered(sandbox: Sandbox, operation: str, service: str = "loyalty") -> list[bool]:
    """Builds of the deploy job that carry the operation's id, in order: whether each is a dry run."""
    plans = [
        one
        for one in sandbox.world.build_plans(f"finedge/prod/deploy-{service}")
        if any(parameter.value == operation for parameter in one.parameters)
    ]
    return [
        any(one.name == "DRY_RUN" and str(one.value).lower() == "true" for one in plan.parameters)
        for plan in sorted(plans, key=lambda plan: plan.queue_id)
    ]


def builds(sandbox: Sandbox, operation: str) -> list[str]:
    """What the deploy job was triggered for."""
    return ["dry run" if is_dry else "build" for is_dry in triggered(sandbox, operation)]


def build_and_smoke_run(sandbox: Sandbox, operation: str) -> list[str]:
    """Builds of the service's deploy job, then runs of its DAG that carry the operation's id."""
    runs = sandbox.world.dag_run_plans("prod", "fraud_signals")
    smoke = ["smoke run" for run in runs if operation in str(run.conf)]
    return ["build" for _ in triggered(sandbox, operation, "fraud")] + smoke


def answers(sandbox: Sandbox, _operation: str) -> list[str]:
    """Answers that were posted to the build, none where it still waits."""
    if sandbox.world.build(*WAITING).input_at(sandbox.world.now()) is not None:
        return []
    asked = sandbox.control.requests("jenkins")
    return ["answer" for one in asked if one.method == "POST" and "/input/" in one.path]


def answer(_: execution.Desk, choice: str = "proceed") -> AnswerRequest:
    job, number = WAITING
    run = RunName(ConnectionName("prod", "jenkins"), f"{job}#{number}")
    return AnswerRequest(run=run, choice=choice)


def abort(desk: execution.Desk) -> AnswerRequest:
    return answer(desk, "abort")


RELEASES = {
    # The gates of loyalty pass, and Airflow alone verifies it.
    "promote": Case(PROMOTE, released(PROMOTE), ("build",), builds, is_carried_on=True),
    "promote, smoke run": Case(
        PROMOTE, released(PROMOTE, "fraud"), ("build", "smoke run"), build_and_smoke_run, is_carried_on=True
    ),
    "rollback": Case(ROLLBACK, released(ROLLBACK), ("dry run", "build"), builds, is_carried_on=True),
    "answer": Case("jenkins.answer-input", answer, ("answer",), answers),
    "abort": Case("jenkins.abort-input", abort, ("answer",), answers),
}
SAMPLED = {
    ("postgresql", "promote, smoke run", "answer lost"),
    ("sqlite", "rollback", "answered"),
    ("postgresql", "answer", "answer lost"),
    ("sqlite", "abort", "answered"),
}
"""What is tried each time, at a few seams."""
FEW = 2
EACH_TIME = cells(RELEASES, lambda *cell: cell in SAMPLED)
FRESH = cells(
    RELEASES, lambda store, _, fault: fault == "answer lost" or (store, fault) == ("sqlite", "answered")
)
CARRIED_ON = [(store, name) for store, name in product(STORES, RELEASES) if RELEASES[name].is_carried_on]


def few(points: Sequence[int], shift: int) -> list[int]:
    """Some of them at equal distances, others for each shift."""
    return [points[(2 * step + shift) * len(points) // (2 * FEW)] for step in range(FEW)]


@pytest.mark.parametrize(("stores", "name", "fault"), EACH_TIME, indirect=["stores"])
def test_killed_at_some_seams(lay: Lay, name: str, fault: str, request: pytest.FixtureRequest) -> None:
    """Each effect at most once and in order, one intent, one final outcome, the truth."""
    matrix = lay(RELEASES[name], fault)
    seams = matrix.whole()
    shift = STORES.index(request.node.callspec.params["stores"])
    at_once = (True, False) if matrix.case.is_carried_on else (False,)
    matrix.kill(few(chosen(seams, matrix.points(seams)), shift), seams, at_once=at_once)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("stores", "name", "fault"), cells(RELEASES), indirect=["stores"])
def test_killed_at_every_seam(
    lay: Lay, name: str, fault: str, record_property: Callable[[str, object], None]
) -> None:
    """The same at every single seam, each commit of the journal included."""
    record_property("kills", lay(RELEASES[name], fault).kill_everywhere())


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("stores", "name", "fault"), FRESH, indirect=["stores"])
def test_fresh_processes_killed_at_each_kind_of_seam(
    lay: Lay, name: str, fault: str, record_property: Callable[[str, object], None]
) -> None:
    """The same of processes that were started for it, as runners are."""
    record_property("kills", lay(RELEASES[name], fault, is_fresh=True).kill_at_each_kind())


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("stores", "name"), CARRIED_ON, indirect=["stores"])
def test_who_carries_on_is_killed_too(
    lay: Lay, name: str, record_property: Callable[[str, object], None]
) -> None:
    """The same where a second runner dies as well, at a seam of its own."""
    seed = 20261129
    record_property("pairs", PAIRS)
    record_property("seed", seed)
    lay(RELEASES[name], "answered").kill_twice(random.Random(seed))  # noqa: S311 - a seed, no secret
