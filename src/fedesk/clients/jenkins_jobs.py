"""All jobs of the configured folders in one request, and what a look adds to what is known.

``tree=`` has no recursion: the levels are nested by hand below the nearest folder that holds all that are
configured, and a folder met at the last level is asked again by its own address
(``contracts/jenkins_plugins.md`` 5).
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from fedesk.clients.jenkins_builds import RUN_FIELDS
from fedesk.clients.jenkins_json import Build, Item
from fedesk.domain.runs import Run

LEVELS = 4
"""Folders within folders that one request sees below a configured folder."""

FIRST_BUILDS = 20
"""Builds of a job that the first look reads: the strip of the last 20 runs."""

NARROW_BUILDS = 2
"""Builds of a job that a later look reads: the newest, and the one that shows that none was missed."""

MOST_BUILDS = 100
"""Jenkins lists no more under ``builds``."""

KEPT_RUNS = 50
"""Runs of a job that are kept from look to look."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a controller is looked at: some folders, or everything."""

    folders: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, folders: Sequence[str]) -> "Scope":
        """From full names as in the configuration; slashes at either end do not matter."""
        names = (tuple(part for part in folder.split("/") if part) for folder in folders)
        return cls(tuple(sorted({name for name in names if name})))

    @property
    def root(self) -> tuple[str, ...]:
        """The nearest folder that holds all that are looked at; empty for the controller itself."""
        if not self.folders:
            return ()
        first, last = self.folders[0], self.folders[-1]
        common = 0
        while common < min(len(first), len(last)) and first[common] == last[common]:
            common += 1
        return first[:common]

    @property
    def levels(self) -> int:
        """How deep the one request has to nest."""
        deepest = max((len(folder) for folder in self.folders), default=0)
        return LEVELS + deepest - len(self.root)

    def holds(self, name: str) -> bool:
        """Whether a job or folder of this full name lies in a configured folder."""
        parts = tuple(name.split("/"))
        return not self.folders or any(parts[: len(folder)] == folder for folder in self.folders)

    def leads_to(self, name: str) -> bool:
        """Whether it lies in a configured folder or above one."""
        parts = tuple(name.split("/"))
        return self.holds(name) or any(folder[: len(parts)] == parts for folder in self.folders)

    @property
    def names(self) -> tuple[str, ...]:
        """The configured folders' full names."""
        return tuple("/".join(folder) for folder in self.folders)


def board_fields(builds: int) -> str:
    """What the board asks of each job, its newest ``builds`` with it."""
    return f"buildable,lastBuild[estimatedDuration],builds[{RUN_FIELDS}]{{0,{builds}}}"


def jobs_tree(levels: int, wanted: str) -> str:
    """``tree`` of everything below a folder, ``levels`` deep; of each job its name and what is ``wanted``."""
    fields = f"name,fullName,color,{wanted}"
    tree = f"jobs[{fields}]"
    for _ in range(levels - 1):
        tree = f"jobs[{fields},{tree}]"
    return tree


def walk(
    items: Sequence[Item], parent: str, scope: Scope, deeper: Callable[[str], Sequence[Item]]
) -> Iterator[Item]:
    """All items in scope, folders too, with full names set; ``deeper`` lists a folder that was cut off."""
    for item in items:
        name = item.full_name or f"{parent}/{item.name}".removeprefix("/")
        if not scope.leads_to(name):
            continue
        jobs = item.jobs
        if jobs is None and item.color is None:
            jobs = list(deeper(name))
        if scope.holds(name):
            yield replace(item, full_name=name, jobs=jobs, builds=item.builds or [])
        if jobs:
            yield from walk(jobs, name, scope, deeper)


def by_job(runs: Sequence[Run]) -> dict[str, tuple[Run, ...]]:
    """Runs under the full names of their jobs, newest first."""
    found: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        found[run.job].append(run)
    return {job: tuple(sorted(of_job, key=number_of, reverse=True)) for job, of_job in found.items()}


def number_of(run: Run) -> int:
    """The build's number; the name is one that ``run_of`` has made."""
    return int(run.name.id.rpartition("#")[2])


def wanting(builds: Sequence[Build], asked: int, known: Sequence[Run]) -> int:
    """How many builds of a job must be read so that none is missed; 0 where what was read is enough.

    Missing is what lies between the newest known build and the oldest that was read, and a known build that
    was still running and is older than all that were read. A job that is new needs its whole first page.
    """
    if len(builds) < asked or asked >= MOST_BUILDS:
        return 0
    newest, oldest = builds[0].number, builds[-1].number
    numbers = [number_of(run) for run in known if number_of(run) <= newest]
    if not numbers:
        return FIRST_BUILDS if asked < FIRST_BUILDS else 0
    needed = [number for run in known if not run.state.is_final and (number := number_of(run)) < oldest]
    if max(numbers) < oldest - 1:
        needed.append(max(numbers) + 1)
    return min(newest - min(needed) + 1, MOST_BUILDS) if needed else 0


def merged(fresh: Sequence[Run], known: Sequence[Run]) -> tuple[Run, ...]:
    """What is known of a job after a look: newest first, ``fresh`` before ``known``.

    A known run is dropped that is newer than the newest there is (the job began anew), and one that was still
    running and is not among ``fresh``, which reaches back to the oldest such run: it was deleted.
    """
    if not fresh:
        return ()
    seen = {number_of(run): run for run in fresh}
    newest = max(seen)
    before = {number_of(run): run for run in known}
    kept = {number: run for number, run in before.items() if number < newest and run.state.is_final}
    # A build that tells nothing new stays the value it was: who has worked on it sees that at once.
    now = {**kept, **{number: _or_same(run, before.get(number)) for number, run in seen.items()}}
    return tuple(now[number] for number in sorted(now, reverse=True)[:KEPT_RUNS])


def _or_same(run: Run, known: Run | None) -> Run:
    return known if known is not None and known == run else run
