"""Reads the catalogue, a YAML file or a folder of them, into values of ``domain.catalogue``."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from types import MappingProxyType

from fedesk import catalogue_tables as tables
from fedesk.catalogue_releases import canary, check_template, deploy, promotion, verifications
from fedesk.domain.catalogue import (
    BudgetPeriod,
    Catalogue,
    Deadline,
    LoadTarget,
    Owner,
    OwnerGroup,
    Partition,
    PartitionSource,
    Pipeline,
    RetryBudget,
    Service,
    Tier,
    WriteMode,
)
from fedesk.mistakes import ConfigurationError, Findings, Mistake, Place, unknown
from fedesk.tables import read_table, read_tables
from fedesk.timezones import timezone_mistake
from fedesk.yaml_lines import parse

__all__ = ["Description", "load_catalogue", "read_catalogue"]

_DEADLINE = re.compile(r"(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)\s+(?P<zone>\S+)")
_BUDGET = re.compile(r"(?P<count>\d{1,4})/(?P<period>hour|day|week)")
_OWNER = re.compile(r"engineering|qa|client:(?P<client>[A-Za-z0-9][A-Za-z0-9_.-]*)")
_SECRET = re.compile(r"(?:snowflake|kv):\S.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A catalogue as far as it could be read, what is wrong with it, and where each thing stands."""

    catalogue: Catalogue
    mistakes: tuple[Mistake, ...]
    origins: Mapping[str, Findings]
    """By ``services.NAME`` and ``pipelines.NAME``: the file that describes it, with its lines."""

    def where(self, place: Place) -> tuple[Path | None, int | None]:
        """File and line of a place, or of the nearest one around it; two times None of what is nowhere."""
        named = _section_and_name(place)
        # A section stands in each file that has one: the first is told.
        names = (one for one in self.origins if one.startswith(f"{named}.")) if len(place) == 1 else (named,)
        origin = self.origins.get(next(iter(names), ""))
        return (None, None) if origin is None else (origin.file, origin.line(place))


def load_catalogue(path: Path, texts: Mapping[Path, str] = MappingProxyType({})) -> Catalogue:
    """Everything that a file, or the ``*.yaml`` and ``*.yml`` files of a folder, describe.

    ``texts`` stand for files that are not written yet. Raises ConfigurationError with every mistake in all of
    them.
    """
    description = read_catalogue(path, texts)
    if description.mistakes:
        raise ConfigurationError(description.mistakes)
    return description.catalogue


def read_catalogue(path: Path, texts: Mapping[Path, str] = MappingProxyType({})) -> Description:
    """The same, its mistakes beside it. Raises ConfigurationError for a folder without a file."""
    reading = _Reading(texts)
    for file in dict.fromkeys([*_files(path, texts), *texts]):
        reading.read(file)
    reading.check_names()
    return Description(
        catalogue=Catalogue(
            services=MappingProxyType(reading.services), pipelines=MappingProxyType(reading.pipelines)
        ),
        mistakes=tuple(reading.mistakes),
        origins=reading.origins,
    )


def _section_and_name(place: Place) -> str:
    return ".".join(str(part) for part in place[:2])


def _files(path: Path, texts: Mapping[Path, str]) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.suffix in {".yaml", ".yml"} and file.is_file())
    if not found and not texts:
        sentence = "the folder holds no .yaml file"
        raise ConfigurationError([Mistake(file=path, line=None, key="", sentence=sentence)])
    return found


class _Reading:
    """What was read so far, of one file after the other."""

    def __init__(self, texts: Mapping[Path, str]) -> None:
        self._texts = texts
        self.services: dict[str, Service] = {}
        self.pipelines: dict[str, Pipeline] = {}
        self.mistakes: list[Mistake] = []
        self._named: set[str] = set()
        """Names of services, those with mistakes included: who refers to one is not wrong."""
        self._known_pipelines: set[str] = set()
        self.origins: dict[str, Findings] = {}

    def read(self, file: Path) -> None:
        """Take in one file."""
        lines: dict[Place, int] = {}
        findings = Findings(file=file, lines=lines)
        text = self._texts[file] if file in self._texts else _text(file, findings)
        document = parse(text, findings, lines) if text is not None else None
        if document is not None:
            table = read_table(tables.CatalogueTable, document, (), findings, _no_hook)
            if table is not None:
                self._services(table.services, findings)
                self._pipelines(table.pipelines, findings)
        self.mistakes.extend(findings.in_order())

    def _services(self, raw: object, findings: Findings) -> None:
        self._named.update(raw if isinstance(raw, dict) else ())
        for name, table in read_tables(tables.ServiceTable, raw, ("services",), findings, _no_hook).items():
            if self._is_new("services", name, findings):
                self.services[name] = _service(name, table, ("services", name), findings)

    def _pipelines(self, raw: object, findings: Findings) -> None:
        self._known_pipelines.update(raw if isinstance(raw, dict) else ())
        for name, table in read_tables(tables.PipelineTable, raw, ("pipelines",), findings, _no_hook).items():
            if self._is_new("pipelines", name, findings):
                self.pipelines[name] = _pipeline(name, table, ("pipelines", name), findings)

    def _is_new(self, section: str, name: str, findings: Findings) -> bool:
        first = self.origins.setdefault(f"{section}.{name}", findings)
        if first is not findings:
            line = first.line((section, name))
            findings.add((section, name), f"is described already, in {first.file}:{line}")
        return first is findings

    def check_names(self) -> None:
        """Services and upstreams that are referred to exist, and nothing waits for itself."""
        for name, service in self.services.items():
            for at, first in enumerate(service.promotion.after):
                if first not in self._named:
                    sentence = unknown("service", self._named, first)
                    self._late(("services", name, "promotion"), "after", sentence, at)
        for name, way in _circles({name: one.promotion.after for name, one in self.services.items()}):
            self._late(("services", name, "promotion"), "after", f"waits for itself: {way}")
        for name, pipeline in self.pipelines.items():
            place: Place = ("pipelines", name)
            if pipeline.service and pipeline.service not in self._named:
                self._late(place, "service", unknown("service", self._named, pipeline.service))
            for at, upstream in enumerate(pipeline.upstream):
                if upstream not in self._known_pipelines:
                    sentence = unknown("pipeline", self._known_pipelines, upstream)
                    self._late(place, "upstream", sentence, at)
        for name, way in _circles({name: one.upstream for name, one in self.pipelines.items()}):
            self._late(("pipelines", name), "upstream", f"waits for itself: {way}")

    def _late(self, place: Place, key: str, sentence: str, *position: int) -> None:
        origin = self.origins[_section_and_name(place)]
        findings = Findings(file=origin.file, lines=origin.lines)
        findings.add((*place, key, *position), sentence)
        self.mistakes.extend(findings.mistakes)


def _circles(waits_for: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    """Each circle once, by the first of its names in the alphabet: ``a → b → a``."""
    for name in waits_for:
        circle = _circle(name, waits_for)
        if circle and name == min(circle):
            yield name, " → ".join(circle)


def _circle(start: str, waits_for: Mapping[str, tuple[str, ...]]) -> list[str]:
    """A way from a name through those that it waits for back to it; empty where there is none."""
    ways = [[start]]
    seen = {start}
    while ways:
        way = ways.pop()
        for first in waits_for.get(way[-1], ()):
            if first == start:
                return [*way, start]
            if first not in seen:
                seen.add(first)
                ways.append([*way, first])
    return []


def _text(file: Path, findings: Findings) -> str | None:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        findings.mistakes.append(Mistake(file=file, line=line, key="", sentence="is not UTF-8 text"))
    except OSError as error:
        findings.add((), f"cannot be read: {error.strerror}")
    return None


def _no_hook(kind: type, _value: object) -> object:
    raise NotImplementedError(kind)


def _service(name: str, table: tables.ServiceTable, place: Place, findings: Findings) -> Service:
    return Service(
        name=name,
        owner=_owner(table.owner, (*place, "owner"), findings),
        repository=table.repository,
        deploy=deploy(table.deploy, (*place, "deploy"), findings),
        promotion=promotion(table.promotion, (*place, "promotion"), findings),
        verify=tuple(verifications(table.verify, (*place, "verify"), findings)),
        schema_version=table.schema_version,
        canary=canary(table.canary, (*place, "canary"), findings),
        rollback_automatic=table.rollback.automatic,
    )


def _owner(text: str, place: Place, findings: Findings) -> Owner:
    match = _OWNER.fullmatch(text)
    if match is None:
        findings.add(place, "must be engineering, qa or client:NAME")
        return Owner(OwnerGroup.ENGINEERING)
    if match["client"]:
        return Owner(OwnerGroup.CLIENT, match["client"])
    return Owner(OwnerGroup(text))


def _pipeline(name: str, table: tables.PipelineTable, place: Place, findings: Findings) -> Pipeline:
    for key, text in (("dag", table.dag), *((("jobs", role), job) for role, job in table.jobs.items())):
        check_template(text, (*place, *((key,) if isinstance(key, str) else key)), findings)
    for at, secret in enumerate(table.secrets):
        if not _SECRET.fullmatch(secret):
            findings.add((*place, "secrets", at), "must be snowflake:USER or kv:PATH")
        check_template(secret, (*place, "secrets", at), findings)
    partition = table.partition
    if partition is not None:
        mistake = timezone_mistake(partition.zone)
        if mistake:
            findings.add((*place, "partition", "zone"), mistake)
    return Pipeline(
        name=name,
        owner=_owner(table.owner, (*place, "owner"), findings),
        tier=Tier(table.tier),
        service=table.service,
        dag=table.dag,
        jobs=tuple(table.jobs.items()),
        partition=None
        if partition is None
        else Partition(kind=partition.kind, source=PartitionSource(partition.source), zone=partition.zone),
        loads=tuple(
            LoadTarget(dataset=load.dataset, write=WriteMode(load.write), column=load.column, key=load.key)
            for load in table.loads
        ),
        upstream=table.upstream,
        deadline=_deadline(table.deadline, (*place, "deadline"), findings),
        retry_budget=_budget(table.retry_budget, (*place, "retry_budget"), findings),
        secrets=table.secrets,
        runbook=table.runbook,
    )


def _deadline(text: str | None, place: Place, findings: Findings) -> Deadline | None:
    if text is None:
        return None
    match = _DEADLINE.fullmatch(text)
    if match is None:
        findings.add(place, 'expected a time and its zone, like "06:00 Europe/London"')
        return None
    mistake = timezone_mistake(match["zone"])
    if mistake:
        findings.add(place, mistake)
        return None
    return Deadline(time(int(match["hour"]), int(match["minute"])), match["zone"])


def _budget(text: str | None, place: Place, findings: Findings) -> RetryBudget | None:
    match = _BUDGET.fullmatch(text) if text is not None else None
    if text is not None and match is None:
        findings.add(place, "expected a number a period, like 3/day, 1/hour or 10/week")
    return RetryBudget(count=int(match["count"]), period=BudgetPeriod(match["period"])) if match else None
