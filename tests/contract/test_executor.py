"""An executor is a job of Jenkins, asked by who may build it and nothing else, and followed to its end."""

import sys
from collections.abc import Iterator
from contextlib import closing

import pytest
from jenkins_rig import endpoint_of

from fedesk.clients.bulkhead import ThreadBulkhead
from fedesk.clients.jenkins import JenkinsClient
from fedesk.clients.jenkins_changes import JenkinsChanges
from fedesk.clients.jenkins_executor import JenkinsExecutor
from fedesk.domain.names import ConnectionName
from fedesk.domain.operations import Call
from fedesk.domain.states import System
from fedesk.ports.changing import LaunchError
from fedesk.ports.errors import ForbiddenError
from fedesk.ports.sources import Connection
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.executing import ExecutorJob as SandboxJob
from fedesk.sandbox.server import Sandbox, start
from fedesk.sandbox.world import World
from fedesk.services import asked_executor
from fedesk.services.asked_executor import AskedExecutor, ExecutorJob, ExecutorLauncher

JOB = "fedesk/execute"
PLAN = "0193a1b2-0001-7000-8000-000000000001"
PROGRAM = "import os, sys; plan = os.environ['PLAN']; print('executing', plan); sys.exit(len(plan) % 2)"
"""Ends well for an id of even length, like PLAN."""


@pytest.fixture(scope="module")
def controller() -> Iterator[Sandbox]:
    """A Jenkins whose clock goes on, with an executor that the reader may build."""
    world = World(clock=WorldClock())
    reader = world.identity("jenkins").user
    world.executor = SandboxJob(full_name=JOB, command=(sys.executable, "-c", PROGRAM), builders=(reader,))
    running = start(world, systems=("jenkins",))
    yield running
    world.executor.close()
    running.close()


@pytest.fixture
def asked(controller: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[AskedExecutor]:
    """The executor as a person's desk has it, who reads otherwise."""
    monkeypatch.setattr(asked_executor, "LOOK_EVERY", 0.02)
    endpoint = endpoint_of(controller.world, controller.urls["jenkins"], writer=False)
    reading = ThreadBulkhead("prod/jenkins", lambda: JenkinsClient(endpoint, folders=()))
    asking = ThreadBulkhead(
        "executor", lambda: JenkinsExecutor(endpoint, job=JOB, parameter="PLAN", draft_parameter="DRAFT")
    )
    connection = Connection(
        name=ConnectionName("prod", "jenkins"),
        system=System.JENKINS,
        address=endpoint.url,
        period=10.0,
        source=reading,
        runs=reading,
        queues=reading,
    )
    job = ExecutorJob(name=JOB, executor=asking, jenkins=connection, begins_within=300.0)
    launcher = ExecutorLauncher(job)
    with closing(reading), closing(asking):
        runner = launcher.warm(dict)
        yield runner
        runner.cancel()


def ended(controller: Sandbox, runner: AskedExecutor) -> str:
    """What the runner says once the build has ended: its process is waited for, then the look at it."""
    executor = controller.world.executor
    assert executor is not None
    for thread in executor.threads:
        thread.join(20)
    assert runner.followed is not None
    runner.followed.join(20)
    return runner.trouble()


def test_a_plan_is_handed_over_and_followed(controller: Sandbox, asked: AskedExecutor) -> None:
    """One build with the plan's id and without a quiet period; there is time for it until it has ended."""
    assert (asked.where, asked.delay()) == ("prod/jenkins:fedesk/execute", 300.0)
    asked.go(PLAN)
    said = ended(controller, asked)
    number = controller.world.builds(JOB)[0].number
    build = f"prod/jenkins:{JOB}#{number}"
    assert said == f"{build} has ended succeeded; `fedesk log {build}` has its words"
    assert asked.delay() == 0.0
    assert controller.world.executor is not None
    assert controller.world.executor.consoles[number] == f"executing {PLAN}\n".encode()


def test_one_that_fails_is_told(controller: Sandbox, asked: AskedExecutor) -> None:
    """Whoever waits for the plan hears that nobody will take it up, and where the words are."""
    asked.go(f"{PLAN}0")
    assert "has ended failed" in ended(controller, asked)
    assert asked.delay() == 0.0


def test_a_person_may_build_it_and_nothing_else(controller: Sandbox) -> None:
    """With the same credential another job is refused, by Jenkins."""
    endpoint = endpoint_of(controller.world, controller.urls["jenkins"], writer=False)
    call = Call(
        system=System.JENKINS,
        verb="build-with-parameters",
        args={"job": "finedge/prod/ledger-ci", "parameters": {}, "after_queue_id": 0},
    )
    with closing(JenkinsChanges(endpoint)) as changing, pytest.raises(ForbiddenError, match=r"Item\.Build"):
        changing.apply(call)


@pytest.mark.parametrize(("kind", "said"), [("status", "HTTP 503"), ("reset", "Jenkins|jenkins")])
def test_one_that_cannot_be_asked_leaves_the_plan_waiting(
    controller: Sandbox, asked: AskedExecutor, kind: str, said: str
) -> None:
    """The sentence says that the plan waits, and how to ask again: asking twice executes once."""
    controller.control.fault("jenkins", kind, match="buildWithParameters", status=503)
    try:
        with pytest.raises(
            LaunchError, match=rf"(?s)({said}).*The plan waits; `fedesk execute {PLAN}` asks again"
        ):
            asked.go(PLAN)
    finally:
        controller.control.clear_faults()
