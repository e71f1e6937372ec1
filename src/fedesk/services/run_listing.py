"""The newest runs of a pipeline, a service, a job or a DAG, in whichever systems have them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fedesk.domain.board import JobKey, Role, subjects
from fedesk.domain.catalogue import Catalogue
from fedesk.domain.observation import Failure
from fedesk.domain.runs import Run
from fedesk.domain.states import System
from fedesk.ports.errors import NotFoundError, SourceError
from fedesk.ports.sources import Connection
from fedesk.services.run_reading import RunReading


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Runs, the newest first, and what could not be read."""

    runs: tuple[Run, ...]
    found: bool
    """Whether some system knows what was asked for."""
    failures: tuple[Failure, ...] = ()


def keys_of(name: str, catalogue: Catalogue, environment: str) -> tuple[JobKey, ...]:
    """Jobs and DAGs that a name stands for: those that move a pipeline's data, else a service's deploy job.

    A name that the catalogue does not have is taken for a DAG id or the full name of a Jenkins job.
    """
    owned = subjects(catalogue, environment)
    for role in (Role.DATA, Role.DEPLOY, Role.CI):
        keys = tuple(key for key, subject in owned.items() if subject.name == name and subject.role is role)
        if keys:
            return keys
    return (System.AIRFLOW, name), (System.JENKINS, name)


def list_runs(
    keys: Iterable[JobKey], connections: Sequence[Connection], reading: RunReading, limit: int
) -> Listing:
    """The newest runs of several jobs together. A system that cannot be read is told beside them."""
    runs: list[Run] = []
    failures: list[Failure] = []
    found = False
    for system, job in keys:
        for connection in connections:
            if connection.system is not system or connection.runs is None:
                continue
            try:
                runs.extend(reading.runs(connection, job, limit))
                found = True
            except NotFoundError:
                continue
            except SourceError as error:
                failures.append(error.failure)
    runs.sort(key=lambda run: run.at.timestamp() if run.at else 0.0, reverse=True)
    return Listing(runs=tuple(runs[:limit]), found=found, failures=tuple(failures))
