"""A first catalogue from what the systems describe, and what of a catalogue they no longer agree with."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fedesk.domain.catalogue import Catalogue, owners_of_secrets
from fedesk.domain.cataloguing import Facts, Proposal, propose
from fedesk.domain.drift import Drift, Situation, drift
from fedesk.domain.observation import Failure, Snapshot
from fedesk.domain.states import System
from fedesk.domain.surveys import SeenModel
from fedesk.ports.sources import Clock, Connection
from fedesk.services.one_look import read_whole
from fedesk.services.surveying import Surveyed, survey_all

_HOLDERS = {System.VAULT: "kv:", System.SNOWFLAKE: "snowflake:"}
_TOKEN = "token"  # noqa: S105 - the kind of a problem that hides no secret from the list


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A proposal, and what stood in the way of a better one."""

    proposal: Proposal
    surveys: tuple[Surveyed, ...]

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Of the systems that are silent."""
        return tuple(one.failure for one in self.surveys if one.failure is not None)

    @property
    def limits(self) -> tuple[str, ...]:
        """What answered in part."""
        return tuple(limit for one in self.surveys for limit in one.survey.limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What has drifted, and what could not be told."""

    drift: tuple[Drift, ...]
    unchecked: tuple[str, ...]
    """A sentence each, those of ``failures`` included."""
    failures: tuple[Failure, ...]
    """Of the systems that are silent."""


def proposed(
    connections: Sequence[Connection],
    environments: Iterable[str],
    models: Sequence[SeenModel],
    described: Catalogue,
) -> Proposed:
    """Ask every connection and propose what ``described`` lacks.

    ``environments`` in the order in which their word counts; those without a connection that has jobs do not.
    """
    surveys = survey_all(connections)
    read = {one.connection.environment for one in surveys if one.failure is None}
    facts = Facts(
        environments=tuple(name for name in environments if name in read),
        jobs=tuple(job for one in surveys for job in one.survey.jobs),
        dags=tuple(dag for one in surveys for dag in one.survey.dags),
        assets=tuple(asset for one in surveys for asset in one.survey.assets),
        models=tuple(models),
    )
    return Proposed(proposal=propose(facts, described), surveys=surveys)


def checked(
    catalogue: Catalogue,
    environment: str,
    connections: Sequence[Connection],
    clock: Clock,
    is_missing: Callable[[str], bool],
) -> Checked:
    """Hold the catalogue against one environment's systems.

    ``is_missing`` says of a runbook's path that no file is there. Snowflake, where a look costs a query, is
    asked only where the catalogue names a secret of it.
    """
    named = owners_of_secrets(catalogue, environment)
    surveys = survey_all(connections)
    looks = read_whole(_holders(connections, named), clock)
    hidden = [sentence for one in looks for sentence in _unseen(one)]
    failures = tuple(
        failure
        for failure in (*(one.failure for one in surveys), *(one.failure for one in looks))
        if failure is not None
    )
    found = drift(
        Situation(
            catalogue=catalogue,
            environment=environment,
            jobs={job.name: job for one in surveys for job in one.survey.jobs},
            dags={dag.name: dag for one in surveys for dag in one.survey.dags},
            assets=[asset for one in surveys for asset in one.survey.assets],
            whole=_whole(surveys),
            assets_whole=not any(one.survey.limits or one.failure for one in surveys),
            folders=_folders(surveys),
            secrets=frozenset(_seen(looks)),
            holders=tuple(_whole_holders(looks)),
            missing_runbooks=frozenset(
                one.runbook for one in catalogue.pipelines.values() if one.runbook and is_missing(one.runbook)
            ),
        )
    )
    limits = [limit for one in surveys for limit in one.survey.limits]
    return Checked(
        drift=found,
        unchecked=tuple(dict.fromkeys([*(one.sentence for one in failures), *limits, *hidden])),
        failures=failures,
    )


def _holders(connections: Sequence[Connection], named: Iterable[str]) -> list[Connection]:
    """Every Vault and the first Snowflake, as far as a secret of theirs is named."""
    kinds = [system for system, start in _HOLDERS.items() if any(name.startswith(start) for name in named)]
    found = [one for one in connections if one.system in kinds]
    snowflakes = [one for one in found if one.system is System.SNOWFLAKE]
    return [one for one in found if one not in snowflakes[1:]]


def _whole(surveys: Sequence[Surveyed]) -> frozenset[System]:
    partial = {one.system for one in surveys if one.failure is not None}
    return frozenset(one.system for one in surveys) - partial


def _folders(surveys: Sequence[Surveyed]) -> tuple[str, ...]:
    scopes = [one.scope for one in surveys if one.system is System.JENKINS]
    return () if any(not scope for scope in scopes) else tuple(one for scope in scopes for one in scope)


def _seen(looks: Sequence[Snapshot]) -> list[str]:
    """Names of secrets that exist; of a user whom Snowflake does not describe that cannot be told."""
    return [secret.name for one in looks if one.observation is not None for secret in one.observation.secrets]


def _unseen(look: Snapshot) -> list[str]:
    """What hides secrets from the list, a sentence each."""
    if look.observation is None:
        return []
    if look.system is System.SNOWFLAKE:
        return [f"{one.name}: {one.problem}" for one in look.observation.secrets if one.problem]
    return [one.text for one in look.observation.problems if one.kind != _TOKEN]


def _whole_holders(looks: Sequence[Snapshot]) -> list[str]:
    partial = {one.system for one in looks if one.failure is not None or _unseen(one)}
    return [
        _HOLDERS[system] for system in dict.fromkeys(one.system for one in looks) if system not in partial
    ]
