"""The one world that the emulators show: ask it anything, for the moment its clock says.

Everything follows from (seed, scale, start). Histories are made at first use, DAG by DAG and job by job.
Methods are safe to call from several threads; what they return is frozen.
"""

import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING

from fedesk.sandbox import dags as airflow_dags
from fedesk.sandbox import deployments, extras, jenkins_jobs, jenkins_queue, loads, logs, standing, vaults
from fedesk.sandbox.airflow_events import EventLog
from fedesk.sandbox.builds import BuildHistory
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.dags import DagHistory
from fedesk.sandbox.deployments import Deployed, Deployments, ServedDag, never_deployed
from fedesk.sandbox.jenkins_jobs import NODES
from fedesk.sandbox.logs import Log
from fedesk.sandbox.model import (
    ENVIRONMENTS,
    ArtifactFile,
    BuildPlan,
    ComponentHealth,
    Dag,
    DagRun,
    DagRunPlan,
    Executor,
    Identity,
    ImportFailure,
    JenkinsJob,
    JobKind,
    LoadRow,
    LogLine,
    Pipeline,
    QueueItem,
    Secret,
    ServiceUser,
    TaskInstance,
    TaskPlan,
)
from fedesk.sandbox.pipelines import company
from fedesk.sandbox.release_line import MadeRelease
from fedesk.sandbox.stories import build_scripts, dag_scripts, outage

if TYPE_CHECKING:
    from fedesk.sandbox.executing import ExecutorJob
    from fedesk.sandbox.long_log import LongLog

JENKINS_VERSION = "2.579"
AIRFLOW_VERSION = "3.3.2"
VAULT_VERSION = "1.21.0"
JENKINS_ROOT = "https://jenkins.finedge.example/"
_RECENT = 8
"""Among how many of a job's newest builds those that wait or run are looked for."""


class World:
    """One company's systems. Raises KeyError for what does not exist (yet)."""

    def __init__(
        self,
        *,
        seed: int = 7,
        scale: float = 1.0,
        clock: WorldClock | None = None,
        start: datetime | None = None,
        hostile: bool = False,
    ) -> None:
        self.seed = seed
        self.scale = scale
        self.clock = clock or WorldClock()
        self.start = (start or self.clock.now()).astimezone(UTC).replace(microsecond=0)
        """The moment that the stories are placed around, on a whole second."""
        self.hostile = hostile
        self.lock = threading.RLock()
        """Held while plans are added or amended."""
        self.vault_sealed = False
        """Set by the control port; the Vault emulator answers accordingly."""
        self.pipelines: tuple[Pipeline, ...] = company(scale)
        self._dag_histories: dict[tuple[str, str], DagHistory] = {}
        self._build_histories: dict[str, BuildHistory] = {}
        self.airflow = EventLog(self.start)
        """Who changed what on the Airflows; new after ``forget_changes``."""
        self.jenkins = jenkins_queue.ControllerState()
        """What was changed on the Jenkins controller; new after ``forget_changes``."""
        self.executor: ExecutorJob | None = None
        """A job whose builds run a real command; put in before anything asks for the jobs."""
        self.deployments = Deployments(self)
        """Which releases there are, and where they run."""
        self.long_logs: dict[str, LongLog] = {}
        """Logs that stand in for a build's own, by ``JOB#NUMBER``."""

    def now(self) -> datetime:
        """The moment it is, aware UTC."""
        return self.clock.now()

    def forget_changes(self) -> None:
        """Be as the seed says, whatever anybody added, amended or cleared; clock and seal stay as they are.

        What a system keeps of changes lives in a history, which is dropped here and made again at next use,
        or in one value that is made anew here: that is where another system hooks in.
        """
        with self.lock:
            changed = [key for key, history in self._dag_histories.items() if history.is_changed]
            for key in changed:
                del self._dag_histories[key]
            for name in [name for name, history in self._build_histories.items() if history.is_changed]:
                del self._build_histories[name]
            self.airflow = EventLog(self.start)
            self.jenkins = jenkins_queue.ControllerState()
            self.deployments.forget()
            self.long_logs = {}

    def changed_dags(self, environment: str) -> tuple[str, ...]:
        """DAGs whose runs somebody added, amended or cleared."""
        with self.lock:
            return tuple(
                dag_id
                for (where, dag_id), history in self._dag_histories.items()
                if where == environment and history.is_changed
            )

    @cached_property
    def services(self) -> tuple[str, ...]:
        """What is released, in the order of the pipelines."""
        return tuple(dict.fromkeys(pipeline.service for pipeline in self.pipelines))

    def pipeline(self, name: str) -> Pipeline | None:
        """The pipeline of that name, or None."""
        return self._pipelines_by_name.get(name)

    @cached_property
    def _pipelines_by_name(self) -> dict[str, Pipeline]:
        return {pipeline.name: pipeline for pipeline in self.pipelines}

    # --- Airflow ---------------------------------------------------------------------------------------

    @cached_property
    def _dags(self) -> dict[str, dict[str, Dag]]:
        found = {
            environment: {
                pipeline.name: airflow_dags.dag_of(self.seed, pipeline, environment, self.start)
                for pipeline in self.pipelines
            }
            for environment in ENVIRONMENTS
        }
        if self.hostile:
            dag = extras.hostile_dag(self.start)
            found["dev"][dag.dag_id] = dag
        return found

    def dags(self, environment: str) -> tuple[Dag, ...]:
        """All DAGs of an environment, by id."""
        return tuple(sorted(self._dags[environment].values(), key=lambda dag: dag.dag_id))

    def dag(self, environment: str, dag_id: str) -> Dag:
        """One DAG; raises KeyError."""
        return self._dags[environment][dag_id]

    def dag_history(self, environment: str, dag_id: str) -> DagHistory:
        """The plans of a DAG's runs; raises KeyError. To add or amend one, hold ``lock``."""
        with self.lock:
            history = self._dag_histories.get((environment, dag_id))
            if history is None:
                dag = self.dag(environment, dag_id)
                scripts = {}
                for script in (*dag_scripts(environment, dag_id, self.start), *extras.dag_scripts(dag)):
                    index = airflow_dags.placed(dag, self.start, script)
                    if index is not None:
                        scripts[index] = script
                history = DagHistory(
                    seed=self.seed,
                    dag=dag,
                    start=self.start,
                    scripts=scripts,
                    outage=outage(self.start, environment),
                )
                self._dag_histories[environment, dag_id] = history
            return history

    def dag_run_plans(
        self, environment: str, dag_id: str, *, updated_since: datetime | None = None
    ) -> list[DagRunPlan]:
        """Plans of the runs that exist, oldest first; ``updated_since`` leaves out most of what is older."""
        with self.lock:
            return self.dag_history(environment, dag_id).until(self.now(), updated_since)

    def dag_runs(
        self, environment: str, dag_id: str | None = None, *, updated_since: datetime | None = None
    ) -> list[DagRun]:
        """Runs as they stand, oldest first for each DAG; of one DAG or of all."""
        now = self.now()
        wanted = self._dags[environment] if dag_id is None else (self.dag(environment, dag_id).dag_id,)
        return [
            run
            for name in wanted
            for plan in self.dag_run_plans(environment, name, updated_since=updated_since)
            for run in (self.as_dag_run(plan, now),)
            if updated_since is None or run.updated_at >= updated_since
        ]

    def dag_run(self, environment: str, dag_id: str, run_id: str) -> DagRun:
        """One run as it stands; raises KeyError."""
        for plan in reversed(self.dag_run_plans(environment, dag_id)):
            if plan.run_id == run_id:
                return self.as_dag_run(plan, self.now())
        raise KeyError(run_id)

    def as_dag_run(self, plan: DagRunPlan, now: datetime) -> DagRun:
        """What a plan looks like at a moment."""
        return standing.dag_run(plan, now, self.task_plans)

    def task_plans(self, plan: DagRunPlan) -> tuple[TaskPlan, ...]:
        """The tasks of a run, in the order of the DAG."""
        if plan.tasks is not None:
            return plan.tasks
        return _tasks_of(self.seed, self.dag(plan.environment, plan.dag_id), plan)

    def task_instances(
        self,
        environment: str,
        dag_id: str | None = None,
        run_id: str | None = None,
        *,
        updated_since: datetime | None = None,
    ) -> list[TaskInstance]:
        """Task instances as they stand: of a run, a DAG, or of everything that moved since a moment."""
        now = self.now()
        if dag_id is not None and run_id is not None:
            plans = [self.dag_run(environment, dag_id, run_id).plan]
        else:
            runs = self.dag_runs(environment, dag_id, updated_since=updated_since)
            plans = [run.plan for run in runs]
        return [
            instance
            for plan in plans
            for instance in self.as_task_instances(plan, now)
            if updated_since is None or instance.updated_at >= updated_since
        ]

    def as_task_instances(self, plan: DagRunPlan, now: datetime) -> Iterator[TaskInstance]:
        """The task instances of a plan at a moment."""
        return standing.task_instances(
            self.dag(plan.environment, plan.dag_id), plan, self.task_plans(plan), now
        )

    def task_log(
        self,
        environment: str,
        dag_id: str,
        run_id: str,
        task_id: str,
        try_number: int,
        map_index: int = -1,
    ) -> Log:
        """The log of one try by now; raises KeyError where that try has not begun."""
        now = self.now()
        plan = self.dag_run(environment, dag_id, run_id).plan
        dag = self.dag(environment, dag_id)
        found = [
            (task, attempt)
            for task in self.task_plans(plan)
            if (task.task_id, task.map_index) == (task_id, map_index)
            for attempt in task.attempts
            if attempt.try_number == try_number and attempt.started_at <= now
        ]
        if not found:
            raise KeyError((task_id, map_index, try_number))
        task, attempt = found[0]
        pipeline = self.pipeline(dag.pipeline)
        dataset = "" if pipeline is None else pipeline.dataset
        key = (environment, dag_id, run_id, task_id, map_index, attempt)
        return logs.written_by(
            self._log_cache(key, lambda: logs.task_log(plan, dag, task, attempt, dataset)), now
        )

    def _log_cache(self, key: object, make: "logs.Maker") -> list[LogLine]:
        with self.lock:
            return self._logs.get(key, make)

    @cached_property
    def _logs(self) -> "logs.Recent":
        return logs.Recent(64)

    def served(self, environment: str, dag_id: str) -> ServedDag:
        """What an Airflow serves of a DAG, and has served; raises KeyError."""
        dag = self.dag(environment, dag_id)
        pipeline = self.pipeline(dag.pipeline)
        if pipeline is None:
            return ServedDag(dag=dag, servings=(never_deployed(dag),))
        return ServedDag(dag=dag, servings=self.deployments.served(environment, pipeline.service))

    def import_errors(self, environment: str) -> tuple[ImportFailure, ...]:
        """DAG files that do not import."""
        planted = extras.import_errors(environment, self.start, hostile=self.hostile)
        return (*planted, *self.deployments.import_errors(environment))

    def health(self, environment: str) -> tuple[ComponentHealth, ...]:
        """Metadata database, scheduler, triggerer and DAG processor; the scheduler has an outage in prod."""
        return extras.health(self.now(), outage(self.start, environment))

    # --- Jenkins ---------------------------------------------------------------------------------------

    @cached_property
    def _jobs(self) -> dict[str, JenkinsJob]:
        found = [
            job
            for environment in ENVIRONMENTS
            for service in self.services
            for job in jenkins_jobs.jobs_of(service, environment)
        ]
        if self.hostile:
            found.append(extras.hostile_job())
        if self.executor is not None:
            found.append(self.executor.job)
        others = jenkins_jobs.other_jobs()
        return {job.full_name: job for job in sorted((*found, *others), key=lambda job: job.full_name)}

    @cached_property
    def _job_indexes(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self._jobs)}

    def jobs(self, folder: str = "") -> tuple[JenkinsJob, ...]:
        """Jobs below a folder, by full name; all of them for ``""``."""
        prefix = f"{folder}/" if folder else ""
        return tuple(job for name, job in self._jobs.items() if name.startswith(prefix))

    def job(self, full_name: str) -> JenkinsJob:
        """One job; raises KeyError."""
        return self._jobs[full_name]

    def build_history(self, full_name: str) -> BuildHistory:
        """The plans of a job's builds; raises KeyError. To add or amend one, hold ``lock``."""
        with self.lock:
            history = self._build_histories.get(full_name)
            if history is None:
                script = build_scripts().get(full_name) or extras.build_scripts().get(full_name)
                job = self.job(full_name)
                deploys = job.kind is JobKind.DEPLOY
                history = BuildHistory(
                    seed=self.seed,
                    job=job,
                    index=self._job_indexes[full_name],
                    start=self.start,
                    script=script,
                    line=self.deployments.line(job.service) if deploys else None,
                    pullable=partial(self.deployments.pullable, job.service),
                )
                self._build_histories[full_name] = history
            return history

    def build_plans(self, full_name: str, limit: int | None = None) -> list[BuildPlan]:
        """Plans of a job that are in the queue, run or have ended, oldest first; raises KeyError.

        With a ``limit`` only the newest are made, which is quicker.
        """
        with self.lock:
            return self.build_history(full_name).until(self.now(), limit)

    def builds(self, full_name: str, limit: int | None = None) -> list[BuildPlan]:
        """The builds of a job that have started, newest first; the newest ``limit`` plans are looked at."""
        now = self.now()
        return [plan for plan in reversed(self.build_plans(full_name, limit)) if plan.has_started(now)]

    def build(self, full_name: str, number: int) -> BuildPlan:
        """One build that has started; raises KeyError."""
        for plan in self.builds(full_name):
            if plan.number == number:
                return plan
        raise KeyError((full_name, number))

    def next_build_number(self, full_name: str) -> int:
        """The number that the next build of a job gets."""
        with self.lock:
            return self.build_history(full_name).next_number(self.now())

    def queue(self) -> list[QueueItem]:
        """What waits for an executor, oldest first."""
        now = self.now()
        found = [
            plan for name in self._jobs for plan in self.build_plans(name, _RECENT) if plan.is_queued(now)
        ]
        return [self.as_queue_item(plan, now) for plan in sorted(found, key=lambda plan: plan.queue_id)]

    def as_queue_item(self, plan: BuildPlan, now: datetime) -> QueueItem:
        """What a plan in the queue looks like at a moment."""
        return jenkins_queue.as_queue_item(plan, now)

    def running_builds(self) -> list[BuildPlan]:
        """Builds that run now, in the order they began."""
        now = self.now()
        running = [
            (plan.started_at, plan)
            for name in self._jobs
            for plan in self.build_plans(name, _RECENT)
            if plan.started_at is not None and plan.is_building(now)
        ]
        return [plan for _, plan in sorted(running, key=lambda pair: (pair[0], pair[1].job))]

    def executors(self) -> list[Executor]:
        """Every slot of every node with what runs in it; a build paused for input holds none."""
        now = self.now()
        waiting = [build for build in self.running_builds() if build.input_at(now) is None]
        found: list[Executor] = []
        for node in NODES:
            for number in range(node.executors):
                build = None
                if not node.offline_reason and waiting:
                    build = waiting.pop(0)
                found.append(Executor(node=node, number=number, build=build))
        return found

    def build_log(self, full_name: str, number: int, stage: str | None = None) -> tuple[bytes, bool]:
        """The bytes of a build's log (or of one stage's, by node id) by now, and whether it has ended.

        Raises KeyError.
        """
        log = self.build_log_lines(full_name, number)
        if stage is None:
            return logs.as_bytes(log.lines), log.complete
        plan = self.build(full_name, number)
        ended = [item.ended_at for item in plan.stages if item.node_id == stage]
        if not ended:
            raise KeyError(stage)
        complete = ended[0] is not None and ended[0] <= self.now()
        return logs.as_bytes(line for line in log.lines if line.stage == stage), complete

    def build_log_lines(self, full_name: str, number: int) -> Log:
        """The lines of a build's log by now; raises KeyError."""
        plan = self.build(full_name, number)
        return logs.written_by(self._log_cache(("build", plan), lambda: logs.build_log(plan)), self.now())

    def artifacts(self, plan: BuildPlan, root: str = JENKINS_ROOT) -> tuple[ArtifactFile, ...]:
        """What a build has left by now; ``root`` is the address under which Jenkins is known."""
        return deployments.artifacts(self, plan, root)

    # --- releases --------------------------------------------------------------------------------------

    def deployed(self, environment: str, service: str) -> Deployed | None:
        """What of a service runs in an environment now; raises KeyError."""
        return self.deployments.current(environment, service)

    def releases(self, service: str) -> tuple[MadeRelease, ...]:
        """What of a service exists by now, oldest first; raises KeyError."""
        return self.deployments.releases(service)

    def plant_bad_release(self, service: str, digest: str = "", *, breaks: str = "import") -> str:
        """Make a release bad, the newest by default; its digest.

        It deploys well. While it runs the DAGs of its service do not import (``import``), most rows of its
        tables are not there (``rows``), runs that somebody makes fail (``run``), it says that it is down
        (``health``), or dbt found errors (``dbt``). Raises KeyError.
        """
        found = digest or self.releases(service)[-1].digest
        with self.lock:
            self.deployments.bad[found] = self.deployments.bad.get(found, frozenset()) | {breaks}
        return found

    def collect_image(self, digest: str) -> None:
        """Have the registry's garbage collection take an image."""
        with self.lock:
            self.deployments.collected.add(digest)

    # --- Vault and Snowflake ---------------------------------------------------------------------------

    def secrets(self, environment: str) -> tuple[Secret, ...]:
        """The secrets of an environment, with every version."""
        return vaults.secrets_of(environment, self.start, hostile=self.hostile)

    def secret_value(self, secret: Secret, version: int) -> str:
        """The planted value of one version."""
        return vaults.planted_value(self.seed, secret, version)

    def service_users(self, environment: str) -> tuple[ServiceUser, ...]:
        """The Snowflake users that the pipelines run as."""
        return vaults.service_users(environment, self.pipelines, self.start)

    def loads(self, environment: str, dag_id: str = "", since: datetime | None = None) -> list[LoadRow]:
        """Rows of OPS.PIPELINE_RUNS by now, oldest first; of one DAG, of runs that moved since a moment."""
        return loads.loads_of(self, environment, dag_id, since)

    # --- who may come in -------------------------------------------------------------------------------

    def identity(self, system: str, *, writer: bool = False) -> Identity:
        """The planted reader or writer of ``jenkins``, ``airflow``, ``vault`` or ``snowflake``."""
        return vaults.identity(self.seed, system, writer=writer)

    def identities(self, system: str) -> Iterable[Identity]:
        """Everyone a system knows."""
        return self.identity(system), self.identity(system, writer=True)


@lru_cache(maxsize=8192)
def _tasks_of(seed: int, dag: Dag, plan: DagRunPlan) -> tuple[TaskPlan, ...]:
    return airflow_dags.tasks_of(seed, dag, plan)
