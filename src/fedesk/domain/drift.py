"""Where a catalogue and the systems of one environment have drifted apart: pure rules, one a kind of fact.

Nothing is judged of a system that was not read whole: silence is no absence.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum

from fedesk.domain.catalogue import (
    Catalogue,
    PartitionSource,
    Pipeline,
    dag_of,
    in_environment,
    secrets_of,
)
from fedesk.domain.cataloguing import owner_of, role_of, tier_of
from fedesk.domain.datasets import dataset_of, same_dataset
from fedesk.domain.folding import PLACEHOLDER
from fedesk.domain.states import System
from fedesk.domain.surveys import SeenAsset, SeenDag, SeenJob

Place = tuple[str | int, ...]
"""Where it stands in the catalogue: ``("pipelines", "payments_daily", "owner")``."""

_UPDATE = "`fedesk catalog import --update` proposes an entry"


class DriftKind(StrEnum):
    """What has drifted."""

    MISTAKE = "mistake"
    """The catalogue does not hold by itself: an unknown upstream, a circle, a wrong word."""
    JOB = "job"
    DAG = "dag"
    UNDESCRIBED = "undescribed"
    OWNER = "owner"
    TIER = "tier"
    SERVICE = "service"
    SCHEDULE = "schedule"
    DATASET = "dataset"
    UPSTREAM = "upstream"
    SECRET = "secret"  # noqa: S105 - the word for a kind
    RUNBOOK = "runbook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One difference, and what to do about it."""

    kind: DriftKind
    place: Place
    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The catalogue, and what is known of one environment."""

    catalogue: Catalogue
    environment: str
    jobs: Mapping[str, SeenJob] = field(default_factory=dict)
    """By full name."""
    dags: Mapping[str, SeenDag] = field(default_factory=dict)
    """By DAG id."""
    assets: Sequence[SeenAsset] = ()
    whole: frozenset[System] = frozenset()
    """Systems of which every connection was read to its end; at least one each."""
    assets_whole: bool = False
    """Whether every list of assets was read to its end."""
    folders: tuple[str, ...] = ()
    """What of Jenkins belongs to the environment; everything when empty."""
    secrets: frozenset[str] = frozenset()
    """Those that exist."""
    holders: tuple[str, ...] = ()
    """Beginnings of names whose holder was read whole: ``kv:``, ``snowflake:``."""
    missing_runbooks: frozenset[str] = frozenset()

    def services_by_tag(self) -> Mapping[str, str]:
        """The catalogue's services as a tag may spell them."""
        return {_folded(name): name for name in self.catalogue.services}


def drift(situation: Situation) -> tuple[Drift, ...]:
    """Every difference that can be told, rule after rule."""
    return tuple(found for rule in RULES for found in rule(situation))


def _missing_jobs(its: Situation) -> Iterator[Drift]:
    if System.JENKINS not in its.whole:
        return
    for place, pattern in _jobs(its.catalogue):
        name = in_environment(pattern, its.environment)
        if name not in its.jobs and (PLACEHOLDER in pattern or _is_inside(name, its.folders)):
            yield Drift(
                kind=DriftKind.JOB,
                place=place,
                sentence=f"Jenkins in {its.environment} has no job {name}, or hides it",
                remedy=_like(name, its.jobs, "correct the name, or take the job out"),
            )


def _missing_dags(its: Situation) -> Iterator[Drift]:
    if System.AIRFLOW not in its.whole:
        return
    for one in its.catalogue.pipelines.values():
        name = dag_of(one, its.environment)
        if name and name not in its.dags:
            yield Drift(
                kind=DriftKind.DAG,
                place=(*_place(one), "dag"),
                sentence=f"Airflow in {its.environment} has no DAG {name}, or none with its tags",
                remedy=_like(name, its.dags, "correct the id, or take the pipeline out"),
            )


def _undescribed(its: Situation) -> Iterator[Drift]:
    described = {in_environment(pattern, its.environment) for _, pattern in _jobs(its.catalogue)}
    for name in sorted(its.jobs.keys() - described):
        is_deploy = role_of(name)[0] == "deploy"
        yield Drift(
            kind=DriftKind.UNDESCRIBED,
            place=("services",) if is_deploy else ("pipelines",),
            sentence=f"the job {name} of {its.jobs[name].connection} is not described",
            remedy=_UPDATE,
        )
    dags = {dag_of(one, its.environment) for one in its.catalogue.pipelines.values()}
    for name in sorted(its.dags.keys() - dags):
        yield Drift(
            kind=DriftKind.UNDESCRIBED,
            place=("pipelines",),
            sentence=f"the DAG {name} of {its.dags[name].connection} is not described",
            remedy=_UPDATE,
        )


def _other_owners(its: Situation) -> Iterator[Drift]:
    for one, dag in _described_dags(its):
        named = [name for name in dag.owners if name.casefold() != "airflow"]
        words = {name.casefold().removeprefix("client:") for name in named}
        mine = (one.owner.client or str(one.owner.group)).casefold()
        if named and mine not in words:
            yield Drift(
                kind=DriftKind.OWNER,
                place=(*_place(one), "owner"),
                sentence=f"the catalogue says {one.owner}, {dag.connection} says {', '.join(named)}",
                remedy=f"write {owner_of(dag.owners)[0]}, or set `owner` in the DAG",
            )


def _other_tiers(its: Situation) -> Iterator[Drift]:
    for one, dag in _described_dags(its):
        tier = tier_of(dag.tags)
        if tier is not None and tier != one.tier:
            yield Drift(
                kind=DriftKind.TIER,
                place=(*_place(one), "tier"),
                sentence=f"the catalogue says tier {one.tier}, the DAG's tag in {dag.connection} says {tier}",
                remedy=f"write {tier}, or change the tag",
            )


def _other_services(its: Situation) -> Iterator[Drift]:
    known = its.services_by_tag()
    for one, dag in _described_dags(its):
        tagged = [known[_folded(tag)] for tag in dag.tags if _folded(tag) in known]
        if tagged and one.service not in tagged:
            said = one.service or "no service"
            yield Drift(
                kind=DriftKind.SERVICE,
                place=(*_place(one), "service"),
                sentence=f"the catalogue says {said}, the DAG's tag in {dag.connection} says {tagged[0]}",
                remedy=f"write {tagged[0]}, or change the tag",
            )


def _other_schedules(its: Situation) -> Iterator[Drift]:
    for one, dag in _described_dags(its):
        if one.deadline is not None and not dag.schedule:
            yield Drift(
                kind=DriftKind.SCHEDULE,
                place=(*_place(one), "deadline"),
                sentence=f"it is due at {one.deadline}, and nothing in {dag.connection} makes the DAG run",
                remedy="take the deadline out, or give the DAG a schedule",
            )
        if one.partition is None:
            continue
        if dag.partitioned != (one.partition.source is PartitionSource.PARTITION_KEY):
            said = "carry a partition key" if dag.partitioned else "carry no partition key"
            yield Drift(
                kind=DriftKind.SCHEDULE,
                place=(*_place(one), "partition", "from"),
                sentence=f"the catalogue says {one.partition.source}, the runs in {dag.connection} {said}",
                remedy="write partition_key" if dag.partitioned else "write data_interval_start",
            )


def _other_datasets(its: Situation) -> Iterator[Drift]:
    """Of DAGs that declare what they write: others say nothing of their tables."""
    if not its.assets_whole:
        return
    for one, dag in _described_dags(its):
        written = {same_dataset(name): name for name in _written(its.assets, dag)}
        if not written:
            continue
        mine = {same_dataset(load.dataset) for load in one.loads}
        for at, load in enumerate(one.loads):
            if same_dataset(load.dataset) not in written:
                yield Drift(
                    kind=DriftKind.DATASET,
                    place=(*_place(one), "loads", at, "dataset"),
                    sentence=f"{dag.connection} says that the DAG does not write {load.dataset}",
                    remedy=_like(load.dataset, written.values(), "take it out"),
                )
        for key, name in written.items():
            if key not in mine:
                yield Drift(
                    kind=DriftKind.DATASET,
                    place=(*_place(one), "loads"),
                    sentence=f"{dag.connection} says that the DAG writes {name}, too",
                    remedy="add it, and how it is written",
                )


def _missing_upstreams(its: Situation) -> Iterator[Drift]:
    loaders: dict[str, str] = {}
    for one in its.catalogue.pipelines.values():
        for load in one.loads:
            loaders.setdefault(same_dataset(load.dataset), one.name)
    for one, dag in _described_dags(its):
        told = {one.name}
        for asset in its.assets:
            if asset.connection != dag.connection or dag.name not in asset.read_by:
                continue
            dataset = dataset_of(asset.uri, asset.name)
            loader = loaders.get(same_dataset(dataset), one.name)
            if loader not in told and loader not in one.upstream:
                told.add(loader)
                yield Drift(
                    kind=DriftKind.UPSTREAM,
                    place=(*_place(one), "upstream"),
                    sentence=f"{dag.connection} says that the DAG reads {dataset}, which {loader} loads",
                    remedy=f"add {loader}",
                )


def _missing_secrets(its: Situation) -> Iterator[Drift]:
    for one in its.catalogue.pipelines.values():
        for at, name in enumerate(secrets_of(one, its.environment)):
            if name not in its.secrets and name.startswith(its.holders):
                yield Drift(
                    kind=DriftKind.SECRET,
                    place=(*_place(one), "secrets", at),
                    sentence=f"nothing in {its.environment} has a secret {name}, or fedesk may not see it",
                    remedy=_like(name, its.secrets, "correct the name, or configure where it lies"),
                )


def _missing_runbooks(its: Situation) -> Iterator[Drift]:
    for one in its.catalogue.pipelines.values():
        if one.runbook in its.missing_runbooks:
            yield Drift(
                kind=DriftKind.RUNBOOK,
                place=(*_place(one), "runbook"),
                sentence=f"there is no file {one.runbook} beside the catalogue",
                remedy="write it, or correct the path",
            )


RULES: tuple[Callable[[Situation], Iterable[Drift]], ...] = (
    _missing_jobs,
    _missing_dags,
    _undescribed,
    _other_owners,
    _other_tiers,
    _other_services,
    _other_schedules,
    _other_datasets,
    _missing_upstreams,
    _missing_secrets,
    _missing_runbooks,
)


def _jobs(catalogue: Catalogue) -> Iterator[tuple[Place, str]]:
    """Every Jenkins job that is named, and where."""
    for service in catalogue.services.values():
        if service.deploy is not None:
            yield ("services", service.name, "deploy", "job"), service.deploy.job
    for one in catalogue.pipelines.values():
        for role, job in one.jobs:
            yield (*_place(one), "jobs", role), job


def _described_dags(its: Situation) -> Iterator[tuple[Pipeline, SeenDag]]:
    for one in its.catalogue.pipelines.values():
        dag = its.dags.get(dag_of(one, its.environment))
        if dag is not None:
            yield one, dag


def _written(assets: Iterable[SeenAsset], dag: SeenDag) -> Iterator[str]:
    for asset in assets:
        if asset.connection == dag.connection and dag.name in asset.written_by:
            yield dataset_of(asset.uri, asset.name)


def _place(one: Pipeline) -> Place:
    return ("pipelines", one.name)


def _is_inside(name: str, folders: Sequence[str]) -> bool:
    return not folders or any(name.startswith(f"{folder.strip('/')}/") for folder in folders)


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_")


def _like(name: str, known: Iterable[str], otherwise: str) -> str:
    """What to do about a name that is not there: the one most like it, else ``otherwise``."""
    found = get_close_matches(name, list(known), n=1, cutoff=0.8)
    return f"did you mean {found[0]}? Otherwise {otherwise}" if found else otherwise
