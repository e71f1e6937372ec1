"""Runs as a person names them: by name, by a web address, or by what they are runs of."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedesk.cli import session
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.composition import Desk
    from fedesk.config_types import Config
    from fedesk.domain.names import ConnectionName, RunName, TaskName


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a text names, as far as can be told without asking a system."""

    text: str
    run: "RunName | None"
    """None where the text is the name of a pipeline, service, DAG or job; it may still end in ``::TASK``."""
    task: "TaskName | None" = None
    """The task of a web address."""


def read(text: str, config: "Config", environment: str | None) -> Asked:
    """Read one name of a run; ``environment`` is the one that was named beside it, if any.

    Raises StopError (usage), UnknownEnvironmentError.
    """
    from fedesk.config import select_environment
    from fedesk.domain.addresses import is_address
    from fedesk.domain.names import NameNotUnderstoodError, RunName

    if is_address(text):
        return _at_address(text, config, environment)
    if ":" not in text:
        return Asked(text=text, run=None)
    head = text.partition(":")[0]
    table = select_environment(config, head.partition("/")[0] if "/" in head else environment)
    try:
        name = RunName.parse(text, table.name)
    except NameNotUnderstoodError as error:
        raise session.StopError(str(error), Exit.USAGE) from None
    configured = [one.name for one in table.connections()]
    if name.connection not in configured:
        raise session.StopError(_not_configured(name.connection, configured), Exit.USAGE)
    return Asked(text=text, run=name)


def _not_configured(name: "ConnectionName", configured: "list[ConnectionName]") -> str:
    known = ", ".join(str(one) for one in configured) or "none"
    return f"{name} is not configured; there are: {known}"


def _at_address(text: str, config: "Config", environment: str | None) -> Asked:
    """The run that an address shows, in the named environment first, else in any."""
    from fedesk.config import JenkinsConfig, SnowflakeConfig, select_environment
    from fedesk.domain.addresses import Place, run_at

    named = select_environment(config, environment) if environment else None
    tables = sorted(config.environments.values(), key=lambda table: table is not named)
    places = [
        Place(
            connection=one.name,
            system=one.system,
            address=one.settings.url,
            folders=one.settings.folders if isinstance(one.settings, JenkinsConfig) else (),
        )
        for table in tables
        for one in table.connections()
        if not isinstance(one.settings, SnowflakeConfig)
    ]
    found = run_at(text, places)
    if found is None:
        sentence = f"{text} is the address of no run in a configured Jenkins or Airflow"
        raise session.StopError(sentence, Exit.USAGE)
    return Asked(text=text, run=found[0], task=found[1])


def same_environment(asked: Asked, environment: str | None) -> str | None:
    """The environment of what was asked for; raises StopError where another one was named beside it."""
    there = asked.run.connection.environment if asked.run is not None else environment
    if environment and there != environment:
        sentence = f"{asked.text} is in {there}, and --env says {environment}; leave one of the two out"
        raise session.StopError(sentence, Exit.USAGE)
    return there


def failed_run(desk: "Desk", name: str) -> "tuple[RunName, str]":
    """The newest failed run of a pipeline, service, DAG or job, and the sentence that says which was taken.

    Raises StopError where there is none, or where a system that may have a newer one cannot be read.
    """
    from fedesk.cli.output import exit_for, instant
    from fedesk.cli.runs import list_of

    listing = list_of(desk, name, _LOOKED_THROUGH)
    if listing.failures:
        sentence = f"{listing.failures[0].sentence} Name the run itself to re-run it"
        raise session.StopError(sentence, exit_for(listing.failures))
    later = 0
    for run in listing.runs:
        if run.state.is_bad:
            newer = f"; {later} newer did not fail" if later else ""
            ended = instant(run.ended_at or run.at)
            return run.name, f"{name}: taking its newest failed run {run.name}, {ended}{newer}"
        later += 1
    count = f"none of its newest {later} runs failed" if later else "it has no runs yet"
    raise session.StopError(f"{name} in {desk.environment.name}: {count}", Exit.FAILED)


_LOOKED_THROUGH = 50
"""Newest runs among which the failed one is looked for."""
