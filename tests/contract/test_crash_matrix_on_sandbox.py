"""As ``test_crash_matrix``, through the real adapters: re-runs are killed, and no kind is left out.

Promotions, rollbacks and answers are in ``test_release_crashes``; how it is done is in ``killed_runners``.
"""

from collections.abc import Callable

import pytest
from killed_runners import Case, Lay, cells, desks, lay, stores
from test_release_crashes import RELEASES

from fedesk.domain.names import RunName
from fedesk.domain.reruns import RerunRequest
from fedesk.sandbox.airflow_events import CLEAR
from fedesk.sandbox.server import Sandbox
from fedesk.services.kinds import KINDS

__all__ = ["desks", "lay", "stores"]


def clears(sandbox: Sandbox, operation: str) -> list[str]:
    """Clears that carry the operation's id, in Airflow's own log of who did what."""
    events = sandbox.world.airflow.events("prod")
    return ["clear" for event in events if event.event == CLEAR and operation in event.extra]


def builds_with_id(sandbox: Sandbox, operation: str) -> list[str]:
    """Builds that carry the operation's id, those in the queue included."""
    plans = sandbox.world.build_plans("finedge/prod/lending-ci")
    return ["build" for plan in plans if any(one.value == operation for one in plan.parameters)]


def builds_by_us(sandbox: Sandbox, _operation: str) -> list[str]:
    """New builds that our user has triggered, of a job that does not take the operation's id."""
    us = sandbox.world.identity("jenkins", writer=True).user
    plans = sandbox.world.build_plans("finedge/prod/payments-ci")
    before = next(plan.queue_id for plan in plans if plan.number == 390)
    ours = (plan for plan in plans if any(cause.user_id == us for cause in plan.causes))
    return ["build" for plan in ours if plan.queue_id > before]


def rerun(kind: str, run: str, effects: Callable[[Sandbox, str], list[str]], *whole: str) -> Case:
    request = RerunRequest(run=RunName.parse(run))
    return Case(kind=kind, request=lambda _: request, whole=whole, effects=effects)


CASES = {
    "clear": rerun(
        "airflow.clear-failed",
        "prod/airflow:payments_daily/scheduled__2026-11-20T00:00:00+00:00",
        clears,
        "clear",
    ),
    "build": rerun("jenkins.rebuild", "prod/jenkins:finedge/prod/lending-ci#340", builds_with_id, "build"),
    "build without id": rerun(
        "jenkins.rebuild", "prod/jenkins:finedge/prod/payments-ci#390", builds_by_us, "build"
    ),
}


def test_every_kind_is_tried() -> None:
    """A kind of operation that is added is killed at its seams too."""
    assert {case.kind for case in (*CASES.values(), *RELEASES.values())} == set(KINDS)


SAMPLED = {
    "sqlite": {
        ("clear", "answered"),
        ("clear", "reset"),
        ("build", "answer lost"),
        ("build without id", "answered"),
    },
    "postgresql": {("clear", "answer lost"), ("build", "answered"), ("build without id", "answer lost")},
}
"""What is tried each time; the rest is, by ``-m soak``."""
EACH_TIME = cells(CASES, lambda store, name, fault: (name, fault) in SAMPLED[store])
FRESH = cells(CASES, lambda store, _, fault: store == "sqlite" or fault == "answer lost")


@pytest.mark.parametrize(("stores", "name", "fault"), EACH_TIME, indirect=["stores"])
def test_killed_at_each_kind_of_seam(lay: Lay, name: str, fault: str) -> None:
    """At most one effect in the system, one intent if anything was sent, one final outcome, the truth."""
    lay(CASES[name], fault).kill_at_each_kind()


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("stores", "name", "fault"), cells(CASES), indirect=["stores"])
def test_killed_at_every_seam(
    lay: Lay, name: str, fault: str, record_property: Callable[[str, object], None]
) -> None:
    """The same at every single one, however often it repeats itself."""
    record_property("kills", lay(CASES[name], fault).kill_everywhere())


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("stores", "name", "fault"), FRESH, indirect=["stores"])
def test_fresh_processes_killed_at_each_kind_of_seam(
    lay: Lay, name: str, fault: str, record_property: Callable[[str, object], None]
) -> None:
    """The same of processes that were started for it, as runners are."""
    record_property("kills", lay(CASES[name], fault, is_fresh=True).kill_at_each_kind())
