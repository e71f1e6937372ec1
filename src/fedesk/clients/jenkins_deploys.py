"""Deploy jobs, read: what was deployed by which build, and what has changed between two.

All jobs of a connection are one request: ``tree`` is nested down from the nearest folder that holds them, and
asks for builds on the levels on which there are deploy jobs; a single job is asked itself. What a build keeps
as a file is one more, asked for of the newest build that succeeded, and only until it is known.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from fedesk.clients import jenkins_release
from fedesk.clients.jenkins_builds import build_path, job_path, moment, parameters_of, run_of
from fedesk.clients.jenkins_jobs import MOST_BUILDS, Scope
from fedesk.clients.jenkins_json import Build, Builds, ChangeItem, Container, Item
from fedesk.clients.jenkins_release import UnreadError
from fedesk.clients.jenkins_session import JenkinsSession, encoded
from fedesk.clients.wording import clean, quoted
from fedesk.domain.catalogue import ReleaseSource
from fedesk.domain.releases import Deployment, Release
from fedesk.domain.runs import Change
from fedesk.domain.states import State
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import NotFoundError, ProtocolError, SourceError
from fedesk.ports.releasing import BuildChanges, DeployJob, JobRead

BUILD_FIELDS = (
    "number,result,building,timestamp,duration,queueId,description,"
    "actions[causes[userId,shortDescription],parameters[name,value,jobName,number],"
    "lastBuiltRevision[SHA1],waitingForInput]"
)
"""``tree`` of a build of a deploy job. Not its files: those of another job in the folder may be many."""

_CHANGES = "items[commitId,msg,comment,authorEmail,timestamp,affectedPaths]"
_CHANGE_FIELDS = f"number,changeSet[{_CHANGES}],changeSets[{_CHANGES}]"
_SPARE_BUILDS = 25
"""Builds newer than the last that is asked for, which one request reaches over."""
_MOST_CHANGED = 500
_MOST_PATHS = 500


@dataclass(frozen=True, slots=True)
class Deploys:
    """One controller's deploy jobs. Raises SourceError; changes nothing."""

    session: JenkinsSession
    endpoint: Endpoint
    scope: Scope

    def deployments(
        self, jobs: Sequence[DeployJob], known: Mapping[str, Deployment], depth: int
    ) -> tuple[JobRead, ...]:
        """As ``ports.releasing.DeploySource``."""
        found = self.items(jobs, depth)
        return tuple(self.job_read(job, found.get(job.job), known) for job in jobs)

    def listed(self, jobs: Sequence[DeployJob], depth: int) -> tuple[JobRead, ...]:
        """As ``ports.releasing.DeploySource``."""
        found = self.items(jobs, depth)
        return tuple(self.job_read(job, found.get(job.job), None) for job in jobs)

    def deployment(self, job: DeployJob, number: int) -> Deployment:
        """As ``ports.releasing.DeploySource``: one request, and one for its file."""
        build = self.session.json(f"{build_path(job.job, number)}/api/json", Build, tree=BUILD_FIELDS)
        return self.with_file(job, self._told(job, build))

    def _of_builds(
        self, job: DeployJob, builds: Sequence[Build], known: Mapping[str, Deployment] | None
    ) -> tuple[Deployment, ...]:
        """Builds that were read, newest first; the file of the newest that succeeded is one request.

        ``known`` is None where no file is wanted.
        """
        told = [self._told(job, build) for build in sorted(builds, key=_number, reverse=True)]
        if known is None:
            return tuple(told)
        current = next((one for one in told if _has_deployed(one)), None)
        return tuple(self._known(job, one, known, may_ask=one is current) for one in told)

    def changes_between(self, job: str, after: int, until: int) -> BuildChanges:
        """As ``ports.releasing.DeploySource``."""
        builds, next_number = self._changed(job, until - after + _SPARE_BUILDS)
        reached = not builds or builds[-1].number <= after + 1
        wanted = min(next_number - after, _MOST_CHANGED)
        if not reached and wanted > len(builds):
            builds, _ = self._changed(job, wanted)
        between = [build for build in builds if after < build.number <= until]
        changes = [
            _change(item, build.number)
            for build in between
            for change_set in (*((build.change_set,) if build.change_set else ()), *build.change_sets)
            for item in sorted(change_set.items, key=_when, reverse=True)
        ]
        # A pipeline that checks out twice has the same commit in two sets.
        return BuildChanges(
            changes=tuple({one.commit: one for one in changes}.values()),
            missing=max(until - after, 0) - len(between),
        )

    def _changed(self, job: str, count: int) -> tuple[list[Build], int]:
        count = min(max(count, 1), _MOST_CHANGED)
        field = "builds" if count <= MOST_BUILDS else "allBuilds"
        tree = f"nextBuildNumber,{field}[{_CHANGE_FIELDS}]{{0,{count}}}"
        page = self.session.json(f"{job_path(job)}/api/json", Builds, tree=tree)
        return page.builds or page.all_builds, page.next_build_number

    def items(self, jobs: Sequence[DeployJob], depth: int, more: str = "") -> dict[str, Item]:
        """Those of the jobs that are there, by full name, with ``more`` of each: one request."""
        inside = tuple(dict.fromkeys(one.job for one in jobs if self.scope.holds(one.job)))
        try:
            if len(inside) == 1:
                fields = f"name,{_wanted(depth, more)},jobs[name]{{0,1}}"
                return {inside[0]: self.session.json(f"{job_path(inside[0])}/api/json", Item, tree=fields)}
            return self._in_folder(inside, _wanted(depth, more)) if inside else {}
        except NotFoundError:
            # A folder that is not there holds no jobs; each of them says so.
            return {}

    def _in_folder(self, jobs: Sequence[str], wanted: str) -> dict[str, Item]:
        root = _folder_of(jobs)
        levels = {name.count("/") - (root.count("/") + 1 if root else 0) for name in jobs}
        path = f"{job_path(root)}/api/json" if root else "api/json"
        found = self.session.json(path, Container, tree=_tree(levels, wanted))
        return {name: item for name, item in _flat(found.jobs or (), root) if name in set(jobs)}

    def job_read(self, job: DeployJob, item: Item | None, known: Mapping[str, Deployment] | None) -> JobRead:
        """What an item tells of a job; the newest good one with its file, unless ``known`` is None."""
        if item is None:
            return JobRead(service=job.service, deployments=(), trouble=self.missing(job))
        if item.jobs is not None:
            said = f"{clean(job.job)} is a folder, and no job; correct `deploy.job` in the catalogue"
            return JobRead(service=job.service, deployments=(), trouble=said)
        builds = {build.number: build for build in (item.last_stable_build, *(item.builds or ())) if build}
        return JobRead(service=job.service, deployments=self._of_builds(job, tuple(builds.values()), known))

    def missing(self, job: DeployJob) -> str:
        """Why a job is not there, in a clause."""
        named = quoted(job.job, limit=160)
        if not self.scope.holds(job.job):
            folders = ", ".join(self.scope.names)
            return f"{named} lies outside of the folders of {self.endpoint.name}: {clean(folders)}"
        who = clean(self.endpoint.user) or "anonymous readers"
        return f"{self.endpoint.name} has no job {named}, or hides it from {who}; see `deploy.job`"

    def _told(self, job: DeployJob, build: Build) -> Deployment:
        """What the build itself tells, without its file."""
        run = run_of(build, job.job, self.endpoint.name, self.endpoint.url)
        release, unread = _release_told(job, build)
        parameters, dry = parameters_of(build.actions), job.deploy.dry_run
        return Deployment(
            service=job.service,
            environment=self.endpoint.name.environment,
            run=run,
            release=release,
            unread=unread,
            by=_by(build),
            operation=run.operation_id,
            is_dry_run=bool(dry) and all(parameters.get(name) == value for name, value in dry),
            is_settled=run.state.is_final and job.deploy.release_from is not ReleaseSource.ARTIFACT,
        )

    def _known(
        self, job: DeployJob, told: Deployment, known: Mapping[str, Deployment], *, may_ask: bool
    ) -> Deployment:
        if job.deploy.release_from is not ReleaseSource.ARTIFACT or not _has_deployed(told):
            return told
        before = known.get(str(told.run.name))
        if before is not None and before.is_settled:
            return replace(told, release=before.release, unread=before.unread, is_settled=True)
        return self.with_file(job, told) if may_ask else told

    def with_file(self, job: DeployJob, told: Deployment) -> Deployment:
        """The same with the release that its file says. What the file lacks is said, and is no failure."""
        if job.deploy.release_from is not ReleaseSource.ARTIFACT or told.run.state is not State.SUCCEEDED:
            return told
        path = job.deploy.release_detail
        number = int(told.run.name.id.rpartition("#")[2])
        try:
            body = self.session.file(
                f"{build_path(job.job, number)}/artifact/{encoded(path)}", at_most=jenkins_release.LARGEST
            )
            release = jenkins_release.of_document(body, job.service, path)
        except NotFoundError:
            gone = f"{clean(path)} is not there: the build has archived none, or it was removed by retention"
            return replace(told, release=None, unread=gone, is_settled=True)
        except (UnreadError, ProtocolError) as error:
            return replace(told, release=None, unread=str(error), is_settled=True)
        except SourceError as error:
            return replace(told, release=None, unread=str(error))
        given = told.release
        if given is not None and given.is_immutable and given.digest != release.digest:
            said = f"{clean(path)} says {release.digest}, and the job was given {given.digest}"
            return replace(told, release=None, unread=said, is_settled=True)
        return replace(told, release=release, is_settled=True)


def _has_deployed(deployment: Deployment) -> bool:
    return deployment.run.state is State.SUCCEEDED and not deployment.is_dry_run


def _number(build: Build) -> int:
    return build.number


def _when(item: ChangeItem) -> int:
    return item.timestamp


def _folder_of(jobs: Sequence[str]) -> str:
    """The nearest folder that holds all jobs; empty for the controller."""
    folders = zip(*(name.split("/")[:-1] for name in jobs), strict=False)
    common = [level[0] for level in takewhile(lambda level: len(set(level)) == 1, folders)]
    return "/".join(common)


def _wanted(depth: int, more: str) -> str:
    builds = f"lastStableBuild[{BUILD_FIELDS}],builds[{BUILD_FIELDS}]{{0,{max(depth, 1)}}}"
    return f"{builds},{more}" if more else builds


def _tree(levels: set[int], wanted: str) -> str:
    """``tree`` with what is ``wanted`` on these levels below the folder, 0 being the jobs in it."""
    tree = ""
    for level in range(max(levels), -1, -1):
        fields = ["name", "fullName", *([wanted] if level in levels else ()), tree or "jobs[name]{0,1}"]
        tree = f"jobs[{','.join(fields)}]"
    return tree


def _flat(items: Sequence[Item], parent: str) -> Iterator[tuple[str, Item]]:
    """All items by full name."""
    for item in items:
        name = item.full_name or f"{parent}/{item.name}".removeprefix("/")
        yield name, item
        yield from _flat(item.jobs or (), name)


def _release_told(job: DeployJob, build: Build) -> tuple[Release | None, str]:
    """What parameters or description say, and why they say nothing; a file is read elsewhere."""
    deploy, parameters = job.deploy, parameters_of(build.actions)
    try:
        match deploy.release_from:
            case ReleaseSource.DESCRIPTION:
                return jenkins_release.of_description(build.description or "", job.service), ""
            case ReleaseSource.PARAMETER:
                value = parameters.get(deploy.release_detail)
                if value is None:
                    return None, f"it has no readable parameter {clean(deploy.release_detail)}"
                return jenkins_release.of_reference(value, job.service), ""
            case ReleaseSource.ARTIFACT:
                return _given(job, parameters), ""
    except UnreadError as error:
        return None, str(error)


def _given(job: DeployJob, parameters: Mapping[str, str | None]) -> Release | None:
    """The release that the job was given, by the parameter whose template holds the digest."""
    for name, template in job.deploy.parameters:
        value = parameters.get(name)
        if value and template in _REFERENCES:
            try:
                return jenkins_release.of_reference(value, job.service)
            except UnreadError:
                return None
    return None


_REFERENCES = frozenset({"{image}@{digest}", "{digest}"})


def _by(build: Build) -> str:
    """The user who had it run; where it was none, what had, in Jenkins' words."""
    found = [cause for action in build.actions if action is not None for cause in action.causes]
    user = next((cause.user_id for cause in found if cause.user_id), None)
    return clean(user or next((cause.short_description or "" for cause in found), ""))


def _change(item: ChangeItem, build: int) -> Change:
    return Change(
        commit=clean(item.commit_id or ""),
        author=clean(item.author_email or ""),
        message=clean(item.msg or ""),
        at=moment(item.timestamp),
        text=item.comment or "",
        paths=tuple(item.affected_paths[:_MOST_PATHS]),
        build=build,
    )
