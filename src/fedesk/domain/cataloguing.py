"""A first catalogue from what systems describe: a proposal that says where each fact came from.

A proposal is for a person to edit. What no system tells is left out, or given its careful value with a word
on why: an unknown way of writing counts as ``append``, which is the one that doubles rows.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fedesk.domain.catalogue import Catalogue, WriteMode, in_environment
from fedesk.domain.datasets import dataset_of, same_dataset
from fedesk.domain.folding import Folded, SeenT, fold, plain, short
from fedesk.domain.surveys import SeenAsset, SeenDag, SeenJob, SeenModel

Value = str | int | Sequence["Value"] | Mapping[str, "Value"]

_ROLES = (
    ("deploy", re.compile(r"deploy[-_.](?P<name>.+)|(?P<other>.+)[-_.]deploy")),
    ("ci", re.compile(r"ci[-_.](?P<name>.+)|(?P<other>.+)[-_.]ci")),
)
"""What a job's name says that it is for."""
_TRUNKS = ("main", "master", "trunk")
"""Of a job for each branch, these are the one that counts."""
_PARAMETERS = {
    "IMAGE": "{image}@{digest}",
    "DIGEST": "{digest}",
    "FEDESK_OPERATION": "{operation}",
}
"""Parameters of deploy jobs that a release fills in."""
_RELEASE_FILE = re.compile(r"(?:.*/)?release\.json")
_TIER = re.compile(r"tier[-_:. ]?(?P<tier>[123])", re.IGNORECASE)
_CLIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_NOBODY = "airflow"
"""The owner of a task whose author names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A key of an entry, its value, and where that came from. A tuple of fields is a table of its own."""

    key: str
    value: "Value | tuple[Field, ...]"
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A service or a pipeline."""

    name: str
    fields: tuple[Field, ...]
    said: str = ""
    """Where it was seen."""

    def value(self, key: str) -> object:
        """What a key says; None where it is not there."""
        return next((one.value for one in self.fields if one.key == key), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a catalogue could say that does not say it yet."""

    services: tuple[Entry, ...] = ()
    pipelines: tuple[Entry, ...] = ()
    limits: tuple[str, ...] = ()
    """What was seen and could not be given a place, a sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that was read, of all environments."""

    environments: tuple[str, ...]
    """Those that were read, the one whose word counts first."""
    jobs: tuple[SeenJob, ...] = ()
    dags: tuple[SeenDag, ...] = ()
    assets: tuple[SeenAsset, ...] = ()
    models: tuple[SeenModel, ...] = ()


def propose(facts: Facts, described: Catalogue) -> Proposal:
    """Entries for every job and DAG that ``described`` does not have; loads by ``load_catalogue``."""
    return _Proposing(facts, described).proposal()


@dataclass(slots=True)
class _Home:
    """A pipeline that is described already, or is going to be."""

    name: str
    dag: Folded[SeenDag] | None = None
    runs: list[Folded[SeenJob]] = field(default_factory=list)
    """Jobs that move data under its name."""
    is_new: bool = True


class _Proposing:
    """One proposal in the making."""

    def __init__(self, facts: Facts, described: Catalogue) -> None:
        self._facts = facts
        self._described = described
        self._limits: list[str] = []
        jobs = fold(facts.jobs, facts.environments)
        self._deploys = self._by_role(jobs, "deploy")
        self._checks = self._by_role(jobs, "ci")
        self._homes = self._all_homes(jobs, fold(facts.dags, facts.environments))
        self._models = self._models_by_home()
        self._loaders = self._all_loaders()
        self._upstream = self._all_upstreams()

    def proposal(self) -> Proposal:
        """Services in the order of their names, then DAGs, then jobs."""
        pipelines = tuple(self._pipeline(home) for home in self._homes.values() if home.is_new)
        services = tuple(
            self._service(name, job, pipelines)
            for name, job in self._deploys.items()
            if not self._is_deployed(name, job)
        )
        self._tell_the_rest()
        return Proposal(services=services, pipelines=pipelines, limits=tuple(self._limits))

    # --- what there is ----------------------------------------------------------------------------------

    def _by_role(self, jobs: Iterable[Folded[SeenJob]], role: str) -> dict[str, Folded[SeenJob]]:
        found: dict[str, Folded[SeenJob]] = {}
        for job in sorted(jobs, key=_shallow_first):
            its_role, name = role_of(job.pattern)
            if its_role == role and name and _alike(name, found) is None:
                found[name] = job
        return dict(sorted(found.items()))

    def _all_homes(
        self, jobs: Iterable[Folded[SeenJob]], dags: Iterable[Folded[SeenDag]]
    ) -> dict[str, _Home]:
        homes: dict[str, _Home] = {}
        for dag in dags:
            known = self._described_by_dag(dag)
            name = known or _free(short(dag.pattern), dag.pattern, {*homes, *self._described.pipelines})
            homes[name] = _Home(name=name, dag=dag, is_new=known is None)
        for job in jobs:
            if role_of(job.pattern)[0] or self._described_by_job(job):
                continue
            name = short(job.pattern)
            if name not in homes or homes[name].dag is None:
                name = _free(name, job.pattern, {*homes, *self._described.pipelines})
                homes[name] = _Home(name=name)
            homes[name].runs.append(job)
        return homes

    def _described_by_dag(self, dag: Folded[SeenDag]) -> str | None:
        return next(
            (one.name for one in self._described.pipelines.values() if one.dag and _is_of(one.dag, dag)), None
        )

    def _described_by_job(self, job: Folded[SeenJob]) -> bool:
        return any(
            _is_of(pattern, job) for one in self._described.pipelines.values() for _, pattern in one.jobs
        )

    def _is_deployed(self, name: str, job: Folded[SeenJob]) -> bool:
        services = self._described.services
        return name in services or any(
            one.deploy is not None and _is_of(one.deploy.job, job) for one in services.values()
        )

    def _service_names(self) -> list[str]:
        return list(dict.fromkeys([*self._described.services, *self._deploys]))

    def _models_by_home(self) -> dict[str, list[SeenModel]]:
        """The dbt models of each pipeline: by the table an asset names, by their labels, by their name."""
        writers = {
            same_dataset(dataset): home.name
            for home in self._homes.values()
            for dataset in self._written(home)
        }
        found: dict[str, list[SeenModel]] = {}
        homeless = 0
        for model in self._facts.models:
            home = writers.get(same_dataset(model.dataset)) or next(
                (name for label in (*model.labels, model.name) if (name := _alike(label, self._homes))), None
            )
            if home is None:
                homeless += 1
            else:
                found.setdefault(home, []).append(model)
        if homeless:
            self._limits.append(
                f"{homeless} of {len(self._facts.models)} dbt models name no pipeline by asset, tag or meta."
            )
        return found

    def _written(self, home: _Home) -> list[str]:
        dag = home.dag
        return list(
            dict.fromkeys(
                dataset_of(asset.uri, asset.name)
                for asset in self._assets_of(dag)
                if dag is not None and dag.lead.name in asset.written_by
            )
        )

    def _assets_of(self, dag: Folded[SeenDag] | None) -> Iterator[SeenAsset]:
        for asset in self._facts.assets:
            if dag is not None and asset.connection == dag.lead.connection:
                yield asset

    def _all_loaders(self) -> dict[str, str]:
        """Which pipeline writes a table."""
        found: dict[str, str] = {}
        for home in self._homes.values():
            models = [model.dataset for model in self._models.get(home.name, ())]
            for dataset in (*self._written(home), *models):
                found.setdefault(same_dataset(dataset), home.name)
        for one in self._described.pipelines.values():
            for load in one.loads:
                found.setdefault(same_dataset(load.dataset), one.name)
        return found

    def _all_upstreams(self) -> dict[str, dict[str, str]]:
        """Of each pipeline those that come before it, each with what says so; never in a circle."""
        graph: dict[str, dict[str, str]] = {
            one.name: dict.fromkeys(one.upstream, "") for one in self._described.pipelines.values()
        }
        for home in self._homes.values():
            if not home.is_new:
                continue
            mine = graph.setdefault(home.name, {})
            for dataset in self._read(home):
                loader = self._loaders.get(same_dataset(dataset))
                if loader is None or loader in mine or loader == home.name:
                    continue
                if _reaches(graph, loader, home.name):
                    self._limits.append(
                        f"{home.name} reads {dataset} of {loader}, which waits for {home.name} itself: not "
                        "among its upstreams."
                    )
                else:
                    mine[loader] = dataset
        return graph

    def _read(self, home: _Home) -> Iterator[str]:
        dag = home.dag
        for asset in self._assets_of(dag):
            if dag is not None and dag.lead.name in asset.read_by:
                yield dataset_of(asset.uri, asset.name)
        for model in self._models.get(home.name, ()):
            yield from model.reads

    def _tell_the_rest(self) -> None:
        for name, job in self._checks.items():
            places = [*self._service_names(), *self._homes, *self._described.pipelines]
            if _alike(name, places) is None and not self._described_by_job(job):
                self._limits.append(f"{job.pattern} checks the code of nothing that is called {name}.")
        named = [*(job.name for job in self._facts.jobs), *(dag.name for dag in self._facts.dags)]
        braces = [name for name in named if "{" in name]
        if braces:
            self._limits.append(f"{len(braces)} names hold braces and cannot be written here: {braces[0]} …")

    # --- what is said of it -----------------------------------------------------------------------------

    def _pipeline(self, home: _Home) -> Entry:
        dag = home.dag
        fields = [*self._whose(home)]
        if dag is not None:
            fields.append(Field(key="dag", value=dag.pattern))
        fields += self._jobs(home)
        if dag is not None:
            fields += _partition(dag.lead)
        fields += self._loads(home)
        upstream = self._upstream.get(home.name, {})
        if upstream:
            said = f"reads {', '.join(one for one in upstream.values() if one)}"
            fields.append(Field(key="upstream", value=list(upstream), said=said))
        return Entry(name=home.name, fields=tuple(fields), said=_seen_in(dag or home.runs[0]))

    def _whose(self, home: _Home) -> Iterator[Field]:
        dag = home.dag
        tags = dag.lead.tags if dag is not None else ()
        service = next((name for tag in tags if (name := _alike(tag, self._service_names()))), None)
        said = "its tag"
        if service is None:
            service, said = _alike(home.name, self._service_names()), "the same name"
        if service is not None:
            yield Field(key="service", value=service, said=said)
        if dag is None:
            yield Field(key="owner", value="engineering", said="Jenkins does not say whose it is")
            return
        owner, why = owner_of(dag.lead.owners)
        others = {owner_of(one.owners)[0] for one in dag.seen} - {owner}
        more = f"; elsewhere {', '.join(sorted(others))}" if others else ""
        yield Field(key="owner", value=owner, said=why + more)
        tier = tier_of(tags)
        if tier is not None:
            yield Field(key="tier", value=tier, said="its tag")

    def _jobs(self, home: _Home) -> Iterator[Field]:
        service = next((str(one.value) for one in self._whose(home) if one.key == "service"), None)
        check = next(
            (self._checks[name] for wanted in (service, home.name) if (name := _alike(wanted, self._checks))),
            None,
        )
        jobs = {} if check is None else {"ci": check.pattern}
        for at, run in enumerate(home.runs):
            jobs["run" if not at else f"run{at + 1}"] = run.pattern
        if jobs:
            yield Field(key="jobs", value=jobs, said="by its name" if check is not None else "")

    def _loads(self, home: _Home) -> Iterator[Field]:
        models = {same_dataset(one.dataset): one for one in self._models.get(home.name, ())}
        names = {same_dataset(one): one for one in self._written(home)}
        loads = [
            _load(names.get(key) or models[key].dataset, models.get(key), declared=key in names)
            for key in dict.fromkeys([*names, *models])
        ]
        if loads:
            yield Field(
                key="loads", value=[value for value, _ in loads], said="\n".join(said for _, said in loads)
            )

    def _service(self, name: str, job: Folded[SeenJob], pipelines: Iterable[Entry]) -> Entry:
        carried = [str(one.value("owner")) for one in pipelines if one.value("service") == name]
        known = [str(one.owner) for one in self._described.pipelines.values() if one.service == name]
        owners = sorted({*carried, *known})
        if len(owners) == 1:
            owner, said = owners[0], "as of the pipelines it carries"
        else:
            owner, said = (
                "engineering",
                f"its pipelines have {', '.join(owners)}" if owners else "nobody says",
            )
        return Entry(
            name=name,
            fields=(
                Field(key="owner", value=owner, said=said),
                Field(key="deploy", value=tuple(_deploy(job))),
            ),
            said=_seen_in(job),
        )


def role_of(pattern: str) -> tuple[str, str]:
    """What a job is for by its name, ``deploy`` or ``ci``, and of what; empty texts where it says neither.

    A job for each branch stands below the name that says it.
    """
    for part in reversed(pattern.split("/")):
        for role, spelt in _ROLES:
            match = spelt.fullmatch(plain(part))
            if match:
                return role, match["name"] or match["other"]
    return "", ""


def owner_of(owners: Sequence[str]) -> tuple[str, str]:
    """The catalogue's owner for the owners of a DAG, and why."""
    named = [one for one in owners if one.casefold() != _NOBODY]
    for one in named:
        if one.casefold() in {"engineering", "qa"}:
            return one.casefold(), "the DAG's owner"
        if _CLIENT.fullmatch(one.removeprefix("client:")) and one.startswith("client:"):
            return one, "the DAG's owner"
    for one in named:
        if _CLIENT.fullmatch(one):
            return f"client:{one}", f"the DAG's owner {one}, read as a client"
    said = f"the DAG's owner is {', '.join(named)}" if named else "the DAG names no owner"
    return "engineering", f"{said}: say whose it is"


def tier_of(tags: Iterable[str]) -> int | None:
    """What a tag like ``tier-1`` says; None where there is none."""
    matches = (_TIER.fullmatch(tag) for tag in tags)
    return next((int(match["tier"]) for match in matches if match), None)


def _partition(dag: SeenDag) -> Iterator[Field]:
    if dag.partitioned:
        value = {"kind": "date", "from": "partition_key", "zone": "UTC"}
        yield Field(key="partition", value=value, said="its runs carry a partition key")
    elif dag.periodic:
        value = {"kind": "date", "from": "data_interval_start", "zone": "UTC"}
        said = f"schedule {dag.schedule}; Airflow does not tell the zone"
        yield Field(key="partition", value=value, said=said)


def _load(dataset: str, model: SeenModel | None, *, declared: bool) -> tuple[Value, str]:
    """A dataset and how it is written, and where that came from."""
    load: dict[str, Value] = {"dataset": dataset}
    said = ["an outlet of the DAG"] if declared else []
    if model is None or model.write is None:
        load["write"] = WriteMode.APPEND.value
        said += [f"dbt: {model.said}"] if model is not None else []
        said.append("how it is written is not told: append until you say")
    else:
        load["write"] = model.write.value
        said.append(f"dbt model {model.name}: {model.said}")
        if model.column:
            load["column"] = model.column
        if model.key:
            load["key"] = list(model.key)
    return load, "; ".join(said)


def _deploy(job: Folded[SeenJob]) -> Iterator[Field]:
    yield Field(key="job", value=job.pattern)
    declared = job.lead.parameters
    known = {name: _PARAMETERS[name] for name in declared if name in _PARAMETERS}
    if "DIGEST" in known and "IMAGE" in known:
        known["IMAGE"] = "{image}"
    others = [name for name in declared if name not in known]
    if known:
        said = f"it takes {', '.join(others)} as well" if others else ""
        yield Field(key="parameters", value=known, said=said)
    archived = next((path for path in job.lead.artifacts if _RELEASE_FILE.fullmatch(path)), None)
    if archived:
        yield Field(key="release_from", value=f"artifact:{archived}", said="archived by its last good build")
    elif "IMAGE" in known:
        yield Field(key="release_from", value="parameter:IMAGE", said="it archives no release.json")


def _shallow_first(job: Folded[SeenJob]) -> tuple[int, bool, str]:
    parts = job.pattern.split("/")
    return len(parts), parts[-1] not in _TRUNKS, job.pattern


def _free(name: str, pattern: str, taken: set[str]) -> str:
    return pattern if name in taken else name


def _alike(word: str | None, names: Iterable[str]) -> str | None:
    """The name that is the same, dashes and capitals aside."""
    if word is None:
        return None
    wanted = word.casefold().replace("-", "_")
    return next((name for name in names if name.casefold().replace("-", "_") == wanted), None)


def _is_of(pattern: str, folded: Folded[SeenT]) -> bool:
    """Whether a name of the catalogue is this one, in every spelling it may have."""
    if pattern == folded.pattern:
        return True
    return all(in_environment(pattern, one.connection.environment) == one.name for one in folded.seen)


def _reaches(graph: Mapping[str, Iterable[str]], start: str, target: str) -> bool:
    waiting, seen = [start], {start}
    while waiting:
        for name in graph.get(waiting.pop(), ()):
            if name == target:
                return True
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return False


def _seen_in(folded: Folded[SeenDag] | Folded[SeenJob]) -> str:
    names = list(dict.fromkeys(str(one.connection) for one in folded.seen))
    tags = getattr(folded.lead, "tags", ())
    return f"in {', '.join(names)}" + (f"; tags {', '.join(tags)}" if tags else "")
