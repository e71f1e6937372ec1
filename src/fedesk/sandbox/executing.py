"""A job whose builds run a real command: what a Jenkins agent does, on this machine.

For an executor of plans. Such a build begins when it is triggered and ends with its process; its log is what
the process writes.
"""

import os
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from fedesk.sandbox.model_jenkins import BuildPlan, BuildResult, JenkinsJob, JobKind, ParameterDefinition

if TYPE_CHECKING:
    from fedesk.sandbox.world import World

_FOREVER = timedelta(days=36_500)
_WITHIN = 60.0
"""Seconds that a process has to end, once nobody waits for it."""


@dataclass(slots=True)
class ExecutorJob:
    """The job, and the processes of its builds."""

    full_name: str
    command: tuple[str, ...]
    """Has the build's parameters in its environment, as a step has them on an agent."""
    builders: tuple[str, ...]
    """Users who may build it, and nothing else."""
    environment: Mapping[str, str] | None = None
    """Other variables of the command; those of this process where None."""
    consoles: dict[int, bytes] = field(default_factory=dict)
    """What the builds that have ended wrote, by number."""
    running: dict[int, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def job(self) -> JenkinsJob:
        """As the controller has it: without builds of the past."""
        return JenkinsJob(
            full_name=self.full_name,
            environment="prod",
            kind=JobKind.CI,
            service="fedesk",
            description="Executes plans of fedesk",
            parameters=(
                ParameterDefinition(name="PLAN", description="Id of a confirmed operation"),
                ParameterDefinition(name="DRAFT", description="Run of which a plan is drafted"),
                ParameterDefinition(name="FEDESK_OPERATION", description="Id of what was asked"),
            ),
            period=_FOREVER,
            builders=self.builders,
        )

    def begin(self, world: "World", plan: BuildPlan) -> BuildPlan:
        """Run the command for a build that was triggered; the build, which ends with it."""
        given = {one.name: one.value for one in plan.parameters}
        begun = replace(plan, started_at=world.now(), ended_at=None, stages=())
        process = subprocess.Popen(  # noqa: S603 - the command is the test's own
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**(os.environ if self.environment is None else self.environment), **given},
        )
        self.running[plan.number] = process
        thread = threading.Thread(target=self._follow, args=(world, begun, process), daemon=True)
        self.threads.append(thread)
        thread.start()
        return begun

    def _follow(self, world: "World", plan: BuildPlan, process: "subprocess.Popen[bytes]") -> None:
        written, _ = process.communicate()
        self.consoles[plan.number] = written
        result = BuildResult.SUCCESS if process.returncode == 0 else BuildResult.FAILURE
        with world.lock:
            world.build_history(plan.job).amend(replace(plan, ended_at=world.now(), result=result))
        del self.running[plan.number]

    def close(self) -> None:
        """End what runs; returns when nothing is left of it."""
        for process in tuple(self.running.values()):
            process.terminate()
        for thread in self.threads:
            thread.join(_WITHIN)
