"""Jenkins as the desk reads it (``ports.sources.RunSource``, ``ports.changing``'s). Changes nothing.

A look is three requests: all jobs of the configured folders, the queue, the executors. To these come the
stages of builds that have failed since, few a look and each once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fedesk.clients import jenkins_rights
from fedesk.clients.certificates import chain_of
from fedesk.clients.jenkins_builds import (
    DETAIL_FIELDS,
    RUN_FIELDS,
    build_path,
    detail_of,
    job_of,
    job_path,
    moment,
    reason_of,
    run_of,
    span,
)
from fedesk.clients.jenkins_deploy_preview import deploy_preview
from fedesk.clients.jenkins_deploys import Deploys
from fedesk.clients.jenkins_inputs import follow_build, inputs_of
from fedesk.clients.jenkins_jobs import (
    FIRST_BUILDS,
    LEVELS,
    MOST_BUILDS,
    NARROW_BUILDS,
    Scope,
    board_fields,
    by_job,
    jobs_tree,
    merged,
    walk,
    wanting,
)
from fedesk.clients.jenkins_json import (
    Build,
    Builds,
    Computers,
    Container,
    ControllerState,
    Item,
    Pipeline,
    Queue,
    WhoAmI,
)
from fedesk.clients.jenkins_log import read_end, read_log
from fedesk.clients.jenkins_queue import follow_queue
from fedesk.clients.jenkins_rebuild import rebuild_preview
from fedesk.clients.jenkins_release import LARGEST, UnreadError, of_document
from fedesk.clients.jenkins_session import JenkinsSession, encoded
from fedesk.clients.jenkins_stages import end_of, ends_of, pipeline_of, stage_log, steps_of
from fedesk.clients.jenkins_survey import FIELDS, survey
from fedesk.clients.jenkins_tracing import Tracing
from fedesk.clients.wording import clean, quoted
from fedesk.domain.examination import Chain, Examination
from fedesk.domain.identity import Identity
from fedesk.domain.names import NameNotUnderstoodError, split_build
from fedesk.domain.observation import Observation, Problem
from fedesk.domain.operations import Progress
from fedesk.domain.releases import Deployment, Release
from fedesk.domain.reruns import RebuildPreview
from fedesk.domain.runs import (
    PAUSED_FOR_INPUT,
    Capacity,
    Job,
    LogChunk,
    LogEnd,
    LogRequest,
    QueueItem,
    Run,
    RunDetail,
    Step,
)
from fedesk.domain.states import State
from fedesk.domain.surveys import Survey
from fedesk.domain.text import one_line
from fedesk.domain.traces import Looked, Sought
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import ForbiddenError, NotFoundError, ProtocolError, ServerFaultError
from fedesk.ports.releasing import BuildChanges, DeployJob, DeployPreview, InputAsked, JobRead

_REASONS_A_LOOK = 8
_JOBS_ASKED_ALONE = 3
_FOLDERS_ASKED_ALONE = 30

_QUEUE_TREE = "items[id,why,inQueueSince,stuck,url,task[name,fullName,url]]"
_COMPUTER_TREE = (
    "busyExecutors,totalExecutors,computer[displayName,offline,offlineCauseReason,offlineCause[timestamp]]"
)


class JenkinsClient:
    """One Jenkins controller, or some folders of it.

    Connecting and the credential's look-up happen here, on the bulkhead's thread; raises SourceError.
    """

    def __init__(self, endpoint: Endpoint, *, folders: tuple[str, ...] = ()) -> None:
        self._endpoint = endpoint
        self._scope = Scope.of(folders)
        self._session = JenkinsSession(endpoint)
        self._asked_why: set[str] = set()

    def observe(self, previous: Observation | None) -> Observation:
        """All jobs with their newest builds, the queue, the executors, added to what ``previous`` holds."""
        known = by_job(previous.runs) if previous is not None else {}
        items, problems = self._jobs(NARROW_BUILDS if known else FIRST_BUILDS, known)
        runs = {
            item.full_name: self._runs_of(item, known.get(item.full_name, ()))
            for item in items
            if item.jobs is None
        }
        explained = self._explained({job: of_job for job, of_job in runs.items() if of_job})
        queue, no_queue = self._queue()
        capacity, nodes = self._executors()
        return Observation(
            runs=tuple(run for of_job in explained.values() for run in of_job),
            jobs=tuple(self._job(item) for item in items if item.jobs is None),
            queue=queue,
            capacity=capacity,
            problems=(*problems, *no_queue, *nodes),
            server_version=self._session.version,
        )

    def whoami(self) -> Identity:
        """Whom Jenkins takes the user for, with the groups it knows (``ports.sources.IdentitySource``)."""
        found = self._session.json("whoAmI/api/json", WhoAmI)
        return Identity(
            user=one_line(found.name, 120), roles=tuple(one_line(group, 120) for group in found.authorities)
        )

    def run(self, run_id: str) -> RunDetail:
        """One build by ``FOLDER/JOB#NUMBER``, with its stages where it has any; raises NotFoundError."""
        job, number = _build_of(run_id)
        path = build_path(job, number)
        build = self._session.json(f"{path}/api/json", Build, tree=DETAIL_FIELDS)
        note, pipeline = "", None
        try:
            pipeline = pipeline_of(self._session, path)
        except (ServerFaultError, ForbiddenError, ProtocolError) as error:
            # wfapi answers 500 for whatever goes wrong in it; the build itself is there to be looked at.
            note = f"Its stages could not be read: {error}"
        run = run_of(build, job, self._endpoint.name, self._endpoint.url)
        if pipeline is not None:
            run = _with_stages(run, pipeline)
        return detail_of(build, run, pipeline, base=self._endpoint.url, job=job, note=note)

    def runs(self, job: str, limit: int) -> tuple[Run, ...]:
        """The newest builds of a job, newest first; raises NotFoundError."""
        field = "builds" if limit <= MOST_BUILDS else "allBuilds"
        found = self._session.json(
            f"{job_path(job)}/api/json", Builds, tree=f"{field}[{RUN_FIELDS}]{{0,{max(limit, 1)}}}"
        )
        builds = found.builds or found.all_builds
        return tuple(run_of(build, job, self._endpoint.name, self._endpoint.url) for build in builds[:limit])

    def log(self, request: LogRequest, cursor: str) -> LogChunk:
        """The piece after ``cursor`` of a build's log, or of the log of one of its stages."""
        path = build_path(*_build_of(request.run.id))
        if request.task is not None:
            return stage_log(self._session, path, request.task, cursor)
        return read_log(self._session, f"{path}/logText", cursor, whole=f"{path}/consoleText")

    def log_end(self, request: LogRequest) -> LogEnd | None:
        """The end of a build's log; of a stage's, which is in pieces, none."""
        if request.task is not None:
            return None
        return read_end(self._session, f"{build_path(*_build_of(request.run.id))}/logText")

    def rebuild_preview(self, build_id: str) -> RebuildPreview:
        """What building ``FOLDER/JOB#NUMBER`` again would meet (``ports.changing.RebuildSource``)."""
        return rebuild_preview(self._session, self._endpoint, *_build_of(build_id))

    def follow_queue(self, item: int, job: str, operation: str) -> Progress:
        """Where a queue item has got to (``ports.changing.QueueSource``)."""
        return follow_queue(self._session, self._endpoint, item, job, operation)

    def deployments(
        self, jobs: tuple[DeployJob, ...], known: Mapping[str, Deployment], *, depth: int = 10
    ) -> tuple[JobRead, ...]:
        """What deploy jobs have deployed (``ports.releasing.DeploySource``, also of what follows)."""
        return self._deploys.deployments(jobs, known, depth)

    def deployment(self, job: DeployJob, number: int) -> Deployment:
        """One build of a deploy job; raises NotFoundError."""
        return self._deploys.deployment(job, number)

    def changes_between(self, job: str, after: int, until: int) -> BuildChanges:
        """Commits that came in with builds."""
        return self._deploys.changes_between(job, after, until)

    def listed(self, jobs: tuple[DeployJob, ...], *, depth: int = 10) -> tuple[JobRead, ...]:
        """The newest builds of jobs, without their files."""
        return self._deploys.listed(jobs, depth)

    def with_release(self, job: DeployJob, deployment: Deployment) -> Deployment:
        """A build that was listed, with what its file says."""
        return self._deploys.with_file(job, deployment)

    def deploy_preview(
        self,
        job: DeployJob,
        beside: DeployJob | None = None,
        *,
        depth: int = 20,
        declared_alone: bool = False,
    ) -> DeployPreview:
        """What triggering a deploy job would meet."""
        return deploy_preview(self._deploys, job, beside, depth, declared_alone=declared_alone)

    def quieting_down(self) -> bool:
        """Whether it is about to shut down, and starts nothing."""
        return self._session.json("api/json", ControllerState, tree="quietingDown").quieting_down

    def inputs(self, run_id: str) -> tuple[InputAsked, ...]:
        """The questions at which ``FOLDER/JOB#NUMBER`` waits."""
        return inputs_of(self._session, self._endpoint, *_build_of(run_id))

    def build(self, run_id: str) -> Run:
        """A build without its stages; raises NotFoundError."""
        job, number = _build_of(run_id)
        build = self._session.json(f"{build_path(job, number)}/api/json", Build, tree=RUN_FIELDS)
        return run_of(build, job, self._endpoint.name, self._endpoint.url)

    def stage(self, run_id: str, name: str) -> State | None:
        """How a stage of a build ended (``ports.releasing.DeploySource``)."""
        return end_of(self.stages(run_id), name)

    def stages(self, run_id: str) -> tuple[Step, ...]:
        """The stages of a build."""
        return steps_of(self._session, build_path(*_build_of(run_id)), self._endpoint.url)

    def stage_ends(self, job: str, name: str) -> Mapping[str, State | None]:
        """How a stage ended in the newest builds of a job."""
        return ends_of(self._session, job, name)

    def made(self, run_id: str, service: str, path: str) -> Release:
        """What a build says that it made (``ports.releasing.DeploySource``)."""
        body = self.artifact(run_id, path, at_most=LARGEST)
        try:
            return of_document(body, service, path)
        except UnreadError as error:
            raise ProtocolError(f"{clean(run_id)}: {error}") from None

    def artifact(self, run_id: str, path: str, *, at_most: int) -> bytes:
        """A file that a build keeps; ProtocolError where it is larger."""
        place = f"{build_path(*_build_of(run_id))}/artifact/{encoded(path)}"
        return self._session.file(place, at_most=at_most)

    def follow_build(self, run_id: str) -> Progress:
        """Where a build has got to (``ports.releasing.FollowsBuilds``)."""
        return follow_build(self._session, self._endpoint, *_build_of(run_id))

    @property
    def _deploys(self) -> Deploys:
        return Deploys(self._session, self._endpoint, self._scope)

    def trace(self, sought: Sought) -> Looked:
        """Where an operation's id stands (``ports.tracing.TraceSource``)."""
        return Tracing(self._session, self._endpoint, self._scope, sought).looked(self._look)

    def chain(self) -> Chain:
        """The certificates that the controller presents (``ports.examining.ExaminedSource``)."""
        return chain_of(self._endpoint)

    def examine(self) -> Examination:
        """What it is and what one may do there, tried on a job of each folder (the same port)."""
        return jenkins_rights.examine(self._session, self._sample)

    def _sample(self) -> tuple[str, ...]:
        """The first job of each configured folder; of the whole controller where none is configured."""
        jobs = sorted(item.full_name for item in self._look(1) if item.jobs is None)
        if not self._scope.names:
            return tuple(jobs[:1])
        firsts = (next((job for job in jobs if job.startswith(f"{name}/")), "") for name in self._scope.names)
        return tuple(dict.fromkeys(filter(None, firsts)))

    def survey(self) -> Survey:
        """Its jobs as it describes them (``ports.surveying.SurveySource``)."""
        return survey(self._items(FIELDS), self._endpoint.name)

    def close(self) -> None:
        """Let go of the sockets."""
        self._session.close()

    def _jobs(
        self, builds: int, known: Mapping[str, Sequence[Run]]
    ) -> tuple[tuple[Item, ...], tuple[Problem, ...]]:
        """All items in scope, each job with builds enough to miss none; and the folders not found."""
        items = self._look(builds)
        wanted = {
            item.full_name: count
            for item in items
            if item.jobs is None
            and (count := wanting(item.builds or (), builds, known.get(item.full_name, ())))
        }
        if len(wanted) > _JOBS_ASKED_ALONE:
            return self._jobs(
                FIRST_BUILDS if max(wanted.values()) <= FIRST_BUILDS > builds else MOST_BUILDS, known
            )
        if wanted:
            items = tuple(
                _with_builds(item, self._builds(item.full_name, wanted[item.full_name]))
                if item.full_name in wanted
                else item
                for item in items
            )
        present = {item.full_name for item in items}
        root = "/".join(self._scope.root)
        return items, tuple(
            Problem(
                kind="folder",
                where=name,
                text=f"{self._endpoint.name} has no folder {quoted(name, limit=120)}, or hides it",
            )
            for name in self._scope.names
            if name != root and name not in present
        )

    def _look(self, builds: int) -> tuple[Item, ...]:
        return self._items(board_fields(builds))

    def _items(self, wanted: str) -> tuple[Item, ...]:
        """Everything in scope, with what is ``wanted`` of each job."""
        root, asked = "/".join(self._scope.root), 0

        def deeper(folder: str) -> Sequence[Item]:
            nonlocal asked
            asked += 1
            if asked > _FOLDERS_ASKED_ALONE:
                raise ProtocolError(
                    f"{self._endpoint.name} has more than {_FOLDERS_ASKED_ALONE} folders deeper than "
                    f"{LEVELS} levels; name the ones you need in `folders`"
                )
            return self._container(folder, LEVELS, wanted)

        return tuple(walk(self._container(root, self._scope.levels, wanted), root, self._scope, deeper))

    def _container(self, folder: str, levels: int, wanted: str) -> Sequence[Item]:
        path = f"{job_path(folder)}/api/json" if folder else "api/json"
        found = self._session.json(path, Container, tree=jobs_tree(levels, wanted))
        if found.jobs is None:
            raise ProtocolError(
                f"{self._endpoint.name} at {self._endpoint.url} names no jobs under {quoted(folder or '/')}; "
                "it is no folder, or `url` is no Jenkins"
            )
        return found.jobs

    def _builds(self, job: str, count: int) -> list[Build]:
        tree = f"builds[{RUN_FIELDS}]{{0,{count}}}"
        return self._session.json(f"{job_path(job)}/api/json", Builds, tree=tree).builds

    def _runs_of(self, item: Item, known: Sequence[Run]) -> tuple[Run, ...]:
        reasons = {run.name.id: run.reason for run in known}
        fresh = [
            run_of(
                build,
                item.full_name,
                self._endpoint.name,
                self._endpoint.url,
                reason=reasons.get(f"{item.full_name}#{build.number}", ""),
            )
            for build in item.builds or ()
        ]
        return merged(fresh, known)

    def _explained(self, runs: dict[str, tuple[Run, ...]]) -> dict[str, tuple[Run, ...]]:
        """The same runs; the newest finished one of a job, if it failed, with its reason, asked for once."""
        asked = 0
        for job, of_job in runs.items():
            position = next((at for at, run in enumerate(of_job) if run.state.is_final), None)
            if position is None:
                continue
            run = of_job[position]
            if (
                run.state not in {State.FAILED, State.UNSTABLE}
                or run.reason
                or run.name.id in self._asked_why
            ):
                continue
            if asked == _REASONS_A_LOOK:
                break
            asked += 1
            self._asked_why.add(run.name.id)
            reason = self._reason(run)
            runs[job] = (*of_job[:position], replace(run, reason=reason), *of_job[position + 1 :])
        return runs

    def _reason(self, run: Run) -> str:
        try:
            pipeline = pipeline_of(self._session, build_path(*split_build(run.name.id)))
        except (ServerFaultError, ForbiddenError, ProtocolError):
            # A reason that cannot be had is no reason to lose the look; the run's own screen says why.
            return ""
        return "" if pipeline is None else reason_of(pipeline)

    def _queue(self) -> tuple[tuple[QueueItem, ...], tuple[Problem, ...]]:
        try:
            entries = self._session.json("queue/api/json", Queue, tree=_QUEUE_TREE).items
        except (ForbiddenError, NotFoundError) as error:
            return (), (Problem(kind="permission", where="queue", text=str(error)),)
        named = (
            (entry, entry.task.full_name or job_of(entry.task.url) or entry.task.name) for entry in entries
        )
        return tuple(
            QueueItem(
                connection=self._endpoint.name,
                id=str(entry.id),
                job=job,
                why=entry.why or "",
                since=since,
                stuck=entry.stuck,
                link=f"{self._endpoint.url}/{job_path(job)}/",
            )
            for entry, job in named
            if self._scope.holds(job) and (since := moment(entry.in_queue_since)) is not None
        ), ()

    def _executors(self) -> tuple[Capacity | None, tuple[Problem, ...]]:
        try:
            found = self._session.json("computer/api/json", Computers, tree=_COMPUTER_TREE)
        except (ForbiddenError, NotFoundError) as error:
            return None, (Problem(kind="permission", where="computer", text=str(error)),)
        return Capacity(busy=found.busy_executors, total=found.total_executors), tuple(
            Problem(
                kind="agent offline",
                where=node.display_name,
                text=node.offline_cause_reason or "it is offline, and Jenkins gives no reason",
                since=moment(node.offline_cause.timestamp) if node.offline_cause is not None else None,
                link=f"{self._endpoint.url}/computer/",
            )
            for node in found.computer
            if node.offline
        )

    def _job(self, item: Item) -> Job:
        return Job(
            connection=self._endpoint.name,
            name=item.full_name,
            link=f"{self._endpoint.url}/{job_path(item.full_name)}/",
            enabled=item.buildable and not (item.color or "").startswith("disabled"),
            expected_duration=None if item.last_build is None else span(item.last_build.estimated_duration),
        )


def _build_of(run_id: str) -> tuple[str, int]:
    try:
        return split_build(run_id)
    except NameNotUnderstoodError as error:
        raise NotFoundError(str(error)) from None


def _with_builds(item: Item, builds: list[Build]) -> Item:
    return Item(
        name=item.name,
        full_name=item.full_name,
        color=item.color,
        buildable=item.buildable,
        last_build=item.last_build,
        builds=builds,
    )


def _with_stages(run: Run, pipeline: Pipeline) -> Run:
    """What the stages know better: that it waits for a person, when it began, and why it failed."""
    if pipeline.status == "PAUSED_PENDING_INPUT" and run.state is State.RUNNING:
        return replace(run, state=State.WAITING, original_state=PAUSED_FOR_INPUT)
    begun = moment(pipeline.start_time_millis)
    if not run.state.is_final:
        return replace(run, started_at=begun or run.started_at)
    return replace(run, started_at=begun or run.started_at, reason=reason_of(pipeline))
