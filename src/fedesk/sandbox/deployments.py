"""What runs where: which releases deploy jobs have put into an environment, and what Airflow makes of them.

A release is there once the stage "Deploy" of a build has succeeded, however the build ends. Airflow takes the
commit of a release for its DAGs a little later. A new version of a DAG comes only with a commit that changes
it: ``SerializedDagModel.write_dag`` skips one whose serialised form is the same, while ``DagModel`` and new
runs have the commit of the bundle (apache/airflow, airflow-core/src/airflow/models/serialized_dag.py).
"""

import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from fedesk.sandbox.dags import HISTORY
from fedesk.sandbox.dbt_manifest import run_results
from fedesk.sandbox.model import ArtifactFile, Dag, DagRunPlan, ImportFailure
from fedesk.sandbox.model_jenkins import BuildPlan, BuildResult, JobKind, StageState
from fedesk.sandbox.release_line import MadeRelease, ReleaseLine, changes_dag, commit, document, migrations

if TYPE_CHECKING:
    from fedesk.sandbox.world import World

DEPLOYING = "Deploy"
REFRESH = timedelta(seconds=20)
"""How long Airflow takes to see another commit."""
_AHEAD = timedelta(hours=12)
KNOWN = timedelta(days=12)
"""How long before the start deployments are followed: what was served before is one version of each DAG."""
_ALWAYS = datetime(2026, 1, 1, tzinfo=UTC)
"""When the first version of each DAG was parsed."""
STUCK = frozenset({("prod", "kyc")})
"""Where Airflow has not seen the last deployment by timetable: it serves the commit before."""
_STUCK_FOR = timedelta(hours=12)
TELLING_DBT = frozenset({"regulatory"})
"""Services whose deploy job keeps what dbt said of its run."""
WAYS_TO_BREAK = frozenset({"import", "rows", "run", "health", "dbt"})
"""How a release can be bad that deploys well."""
DBT_RESULTS = "target/run_results.json"
COLLECTED = {"regulatory": 138}
"""Services of which the registry has no image up to a place of the line: they were garbage-collected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """That a release was put into an environment."""

    service: str
    environment: str
    build: BuildPlan
    """Of the deploy job."""
    since: datetime

    @property
    def digest(self) -> str:
        """Of the image."""
        return self.build.digest

    @property
    def commit(self) -> str:
        """Of the source."""
        return self.build.commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What an Airflow serves of a service's DAGs from a moment on."""

    since: datetime
    commit: str
    """Of the bundle."""
    number: int
    """Of the DAG's version."""
    number_since: datetime
    number_commit: str
    """The commit at which that version was parsed first."""
    broken_by: str = ""
    """Commit of the release that was deployed and whose DAGs do not import."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedDag:
    """A DAG with everything that its Airflow has served of it by now, oldest first; never empty."""

    dag: Dag
    servings: tuple[Serving, ...]

    @property
    def now(self) -> Serving:
        """What it serves at present."""
        return self.servings[-1]

    @property
    def newest_version(self) -> int:
        """Number of its newest version."""
        return self.now.number

    def version(self, number: int) -> Serving:
        """The first serving of a version; raises KeyError."""
        for serving in self.servings:
            if serving.number == number:
                return serving
        raise KeyError(number)

    def at(self, moment: datetime) -> Serving:
        """What was served at a moment."""
        index = bisect.bisect_right(self.servings, moment, key=lambda serving: serving.since)
        return self.servings[max(index - 1, 0)]

    def of_run(self, plan: DagRunPlan) -> Serving:
        """What a run was made with, or was moved to by a clear."""
        return self.version(plan.dag_version) if plan.dag_version else self.at(plan.queued_at)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was worked out of a service in an environment, and of which state of the two jobs' histories."""

    state: tuple[object, ...]
    until: datetime
    deployed: tuple[Deployed, ...]
    servings: tuple[Serving, ...]


class Deployments:
    """Asked for any service and environment, at the world's time. Holds the world's lock meanwhile."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._lines: dict[str, ReleaseLine] = {}
        self.bad: dict[str, frozenset[str]] = {}
        """What is wrong with releases, by digest: ``import``, ``rows``, ``run``, ``health``, ``dbt``."""
        self.collected: set[str] = set()
        """Digests that the registry no longer has, beside those it never kept."""

    def forget(self) -> None:
        """Be as the seed says."""
        self._seen.clear()
        self._lines.clear()
        self.bad.clear()
        self.collected.clear()

    def line(self, service: str) -> ReleaseLine:
        """The releases of a service; raises KeyError."""
        world = self._world
        with world.lock:
            found = self._lines.get(service)
            if found is None:
                builds = _Ci(world, f"finedge/dev/{service}-ci")
                found = ReleaseLine(world.seed, service, world.start - HISTORY, builds)
                self._lines[service] = found
            return found

    def releases(self, service: str) -> tuple[MadeRelease, ...]:
        """All that exist by now, oldest first."""
        line, now = self.line(service), self._world.now()
        places = range(1, line.position_at("dev", now) + 1)
        return tuple(found for at in places if (found := line.at(at, now)) is not None)

    def release(self, service: str, digest: str) -> MadeRelease | None:
        """The release with a digest, if it exists by now."""
        return self.line(service).find(digest, self._world.now())

    def pullable(self, service: str, digest: str) -> bool:
        """Whether the registry has an image."""
        position = self.line(service).position_of(digest, self._world.now())
        is_old = position is not None and position <= COLLECTED.get(service, -9)
        return not is_old and digest not in self.collected

    def all_of(self, environment: str, service: str) -> tuple[Deployed, ...]:
        """What was deployed by now, oldest first."""
        now = self._world.now()
        return tuple(one for one in self._known(environment, service).deployed if one.since <= now)

    def current(self, environment: str, service: str) -> Deployed | None:
        """What runs now."""
        found = self.all_of(environment, service)
        return found[-1] if found else None

    def served(self, environment: str, service: str) -> tuple[Serving, ...]:
        """What Airflow has served of the service's DAGs by now, oldest first."""
        now = self._world.now()
        return tuple(one for one in self._known(environment, service).servings if one.since <= now)

    def schema_version(self, environment: str, service: str) -> str:
        """Id of the last migration that the service's tables have had; what cannot be undone stays."""
        applied: list[tuple[str, bool]] = []
        line = self.line(service)
        for one in self.all_of(environment, service):
            position = line.position_of(one.digest, self._world.now())
            wanted = migrations(service, position if position is not None else 0)
            left = [migration for migration in applied if migration in wanted or not migration[1]]
            applied = left + [migration for migration in wanted if migration not in left]
        return applied[-1][0] if applied else ""

    def import_errors(self, environment: str) -> Iterator[ImportFailure]:
        """One for each DAG of a service whose release does not import, while that release is deployed."""
        for index, pipeline in enumerate(self._world.pipelines if self.bad else ()):
            last = self.served(environment, pipeline.service)[-1]
            if last.broken_by:
                yield ImportFailure(
                    import_error_id=100 + index,
                    timestamp=last.since,
                    filename=f"{pipeline.service}/{pipeline.name}.py",
                    stack_trace=_BROKEN.format(pipeline.service, pipeline.name, last.broken_by[:7]),
                )

    def breaks(self, environment: str, service: str, what: str) -> bool:
        """Whether the release of a service that runs there is bad in a way (``World.plant_bad_release``)."""
        current = self.current(environment, service) if self.bad else None
        return current is not None and what in self.bad.get(current.digest, ())

    def _known(self, environment: str, service: str) -> _Seen:
        world, now = self._world, self._world.now()
        with world.lock:
            job = world.build_history(f"finedge/{environment}/deploy-{service}")
            builds = world.build_history(f"finedge/dev/{service}-ci")
            state = (job, job.revision, builds, builds.revision, tuple(self.bad.items()))
            seen = self._seen.get((environment, service))
            if seen is None or seen.state != state or seen.until < now:
                until = now + _AHEAD
                deployed = tuple(self._deployed(environment, service, until))
                seen = _Seen(state, until, deployed, tuple(self._servings(environment, service, deployed)))
                self._seen[environment, service] = seen
            return seen

    def _deployed(self, environment: str, service: str, until: datetime) -> Iterator[Deployed]:
        history = self._world.build_history(f"finedge/{environment}/deploy-{service}")
        found = []
        for build in history.until(until, since=self._world.start - KNOWN):
            stage = next((stage for stage in build.stages if stage.name == DEPLOYING), None)
            if stage is None or stage.ended_at is None or build.is_dry_run:
                continue
            if stage.outcome is StageState.SUCCESS and (build.started_at is not None):
                found.append(
                    Deployed(service=service, environment=environment, build=build, since=stage.ended_at)
                )
        yield from sorted(found, key=lambda one: one.since)

    def _servings(self, environment: str, service: str, deployed: tuple[Deployed, ...]) -> Iterator[Serving]:
        seed, line, start = self._world.seed, self.line(service), self._world.start
        position = line.position_at(environment, start - KNOWN)
        first = commit(seed, service, position, line.epoch).commit_id
        serving = Serving(since=_ALWAYS, commit=first, number=1, number_since=_ALWAYS, number_commit=first)
        yield serving
        for one in deployed:
            at = one.since + REFRESH
            is_stuck = (environment, service) in STUCK and not one.build.triggered
            if is_stuck and one.since > start - _STUCK_FOR:
                continue
            if "import" in self.bad.get(one.digest, ()):
                serving = _on(serving, at, broken_by=one.commit)
                yield serving
                continue
            place = line.position_of(one.digest, at)
            if place is None:
                continue
            if changes_dag(seed, service, position, place, line.epoch):
                serving = Serving(
                    since=at,
                    commit=one.commit,
                    number=serving.number + 1,
                    number_since=at,
                    number_commit=one.commit,
                )
            else:
                serving = _on(serving, at, commit=one.commit)
            position = place
            yield serving


def _on(serving: Serving, since: datetime, *, commit: str = "", broken_by: str = "") -> Serving:
    """The same version of the DAG from another moment on."""
    return Serving(
        since=since,
        commit=commit or serving.commit,
        number=serving.number,
        number_since=serving.number_since,
        number_commit=serving.number_commit,
        broken_by=broken_by,
    )


def never_deployed(dag: Dag) -> Serving:
    """What is served of a DAG that no service releases."""
    since = dag.last_parsed_time or _ALWAYS
    return Serving(
        since=_ALWAYS,
        commit=dag.bundle_version,
        number=1,
        number_since=since,
        number_commit=dag.bundle_version,
    )


_BROKEN = (
    "Traceback (most recent call last):\n"
    '  File "/opt/airflow/dags/{0}/{1}.py", line 9, in <module>\n'
    "    from finedge.{0} import settings\n"
    "ImportError: cannot import name 'settings' from 'finedge.{0}' (bundle {2})\n"
)


@dataclass(frozen=True, slots=True)
class _Ci:
    """The builds of a job of CI, asked anew each time: its history is dropped when changes are forgotten."""

    world: "World"
    job: str

    def made(self, position: int, at: datetime) -> BuildPlan | None:
        return self.world.build_history(self.job).made(position, at)


def artifacts(world: "World", build: BuildPlan, root: str) -> tuple[ArtifactFile, ...]:
    """What a build has left by now: release.json (formats.md) and a list of checksums.

    Builds of CI leave it where they have published, builds of a deploy job where they have deployed.
    """
    job, now = world.job(build.job), world.now()
    result = build.result_at(now)
    deploys = job.kind is JobKind.DEPLOY
    has_left = result is BuildResult.SUCCESS or (result is BuildResult.UNSTABLE and not deploys)
    if not has_left or build.ended_at is None or (deploys and build.is_dry_run):
        return ()
    if job.keeps_artifacts is not None and now - build.ended_at > job.keeps_artifacts:
        return ()
    try:
        found = world.deployments.line(job.service).find(build.digest, now)
    except KeyError:
        found = None
    found = found or MadeRelease(
        service=job.service,
        position=0,
        version=build.version,
        digest=build.digest,
        commit=build.commit,
        size_bytes=0,
        build=None,
    )
    stages = {stage.name: stage.ended_at for stage in build.stages}
    content = document(
        found,
        root=root,
        environment=build.environment,
        build=build,
        deployed_at=stages.get(DEPLOYING, build.ended_at) if deploys else None,
    )
    sums = f"{build.digest.removeprefix('sha256:')}  {job.service}.tar.zst\n".encode()
    kept = [
        ArtifactFile(path="release.json", content=content),
        ArtifactFile(path="dist/SHA256SUMS", content=sums),
    ]
    if deploys and job.service in TELLING_DBT:
        status = "error" if "dbt" in world.deployments.bad.get(build.digest, ()) else "success"
        kept.append(ArtifactFile(path=DBT_RESULTS, content=run_results(job.service, build.ended_at, status)))
    return tuple(kept)
