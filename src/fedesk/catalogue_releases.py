"""What the catalogue says of a service's releases, read: how it is deployed, promoted, verified."""

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta

from fedesk import catalogue_tables as tables
from fedesk.domain.catalogue import (
    CHECK_WITHIN,
    STAGE_GATES,
    AirflowCheck,
    AirflowLook,
    Band,
    Canary,
    DbtCheck,
    Deploy,
    HttpCheck,
    Promotion,
    ReleaseSource,
    SnowflakeCheck,
    Verification,
)
from fedesk.domain.durations import parse_duration
from fedesk.mistakes import Findings, Place, unknown
from fedesk.tables import read_table

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_WORD = re.compile(r"\{([A-Za-z_]+)\}")
RELEASE_WORDS = ("image", "digest", "version", "commit", "service", "environment", "operation")
"""What is filled into a deploy job's parameters, and all but the last into what a check expects."""
_ARTIFACT = "artifact:"
_EXPECTED = {AirflowLook.IMPORT_ERRORS: "none", AirflowLook.SMOKE_RUN: "success"}
_PARTITION = ":partition"


def deploy(table: tables.DeployTable | None, place: Place, findings: Findings) -> Deploy | None:
    """The job that releases a service."""
    if table is None:
        return None
    check_template(table.job, (*place, "job"), findings)
    for key, given in (("parameters", table.parameters), ("dry_run", table.dry_run)):
        for name, template in given.items():
            _check_words(template, RELEASE_WORDS, (*place, key, name), findings)
    kind, colon, detail = table.release_from.partition(":")
    if (
        kind not in set(ReleaseSource)
        or bool(detail) != (kind != ReleaseSource.DESCRIPTION)
        or (colon and not detail)
    ):
        findings.add((*place, "release_from"), "must be artifact:PATH, parameter:NAME or description")
        kind, detail = ReleaseSource.DESCRIPTION, ""
    return Deploy(
        job=table.job,
        parameters=tuple(table.parameters.items()),
        release_from=ReleaseSource(kind),
        release_detail=detail,
        dry_run=tuple(table.dry_run.items()),
        verification_stage=table.verification_stage,
    )


def promotion(table: tables.PromotionTable, place: Place, findings: Findings) -> Promotion:
    """What a release has to have behind it."""
    check_template(table.build, (*place, "build"), findings)
    stages = (table.stages.unit, table.stages.data_quality, table.stages.security_scan)
    return Promotion(
        build=table.build,
        stages=tuple((gate, stage) for gate, stage in zip(STAGE_GATES, stages, strict=True) if stage),
        soak=_duration(table.soak, (*place, "soak"), findings) if table.soak is not None else None,
        after=table.after,
    )


def verifications(
    entries: Iterable[tables.VerifyTable], place: Place, findings: Findings
) -> Iterator[Verification]:
    """The looks after a release; one with a mistake is left out, or has what is usual in its place."""
    for at, table in enumerate(entries):
        here = (*place, at)
        within = _duration(table.within, (*here, "within"), findings) or CHECK_WITHIN
        named = [one for one in (table.airflow, table.http, table.snowflake, table.dbt) if one is not None]
        if len(named) != 1:
            findings.add(here, "names one system to ask: airflow, http, snowflake or dbt")
            continue
        if table.dag and table.airflow is None:
            findings.add((*here, "dag"), "belongs to a check of airflow")
        if table.airflow is not None:
            yield _of_airflow(table, within, here, findings)
        elif table.http is not None:
            yield _of_http(table.http, table.expect, within, here, findings)
        elif table.snowflake is not None:
            yield _of_snowflake(table.snowflake, table.expect, within, here, findings)
        else:
            yield _of_dbt(table.dbt or "", table.expect, within, here, findings)


def _of_airflow(
    table: tables.VerifyTable, within: timedelta, here: Place, findings: Findings
) -> AirflowCheck:
    look = AirflowLook(table.airflow or AirflowLook.IMPORT_ERRORS)
    check_template(table.dag, (*here, "dag"), findings)
    if not table.dag and look is not AirflowLook.IMPORT_ERRORS:
        findings.add((*here, "dag"), f"is missing: {look} is of one DAG")
    expect = _EXPECTED.get(look, "")
    if not expect:
        expect = _value(table.expect, here, findings)
        _check_words(expect, RELEASE_WORDS[:-1], (*here, "expect"), findings)
    elif table.expect != expect:
        findings.add((*here, "expect"), f"must be {expect}, for {look}")
    return AirflowCheck(check=look, dag=table.dag, expect=expect, within=within)


def _of_http(url: str, expect: object, within: timedelta, here: Place, findings: Findings) -> HttpCheck:
    check_template(url, (*here, "http"), findings)
    if not url.startswith(("https://", "http://")):
        findings.add((*here, "http"), "must be an address that begins with https:// or http://")
    if isinstance(expect, bool) or not isinstance(expect, int) or not _LOWEST <= expect <= _HIGHEST:
        findings.add((*here, "expect"), "must be a status of HTTP, like 200")
        expect = 200
    return HttpCheck(url=url, expect=expect, within=within)


_LOWEST, _HIGHEST = 100, 599


def _of_snowflake(
    query: str, expect: object, within: timedelta, here: Place, findings: Findings
) -> SnowflakeCheck:
    if not isinstance(expect, dict):
        return SnowflakeCheck(query=query, expect=_value(expect, here, findings), within=within)
    band = read_table(tables.BandTable, expect, (*here, "expect"), findings, _no_hook)
    if band is not None and _PARTITION not in query:
        findings.add((*here, "expect"), f"a band is of earlier partitions, and the query has no {_PARTITION}")
    expected = Band(band=band.band, tolerance=band.tolerance) if band is not None else ""
    return SnowflakeCheck(query=query, expect=expected, within=within)


def _of_dbt(text: str, expect: object, within: timedelta, here: Place, findings: Findings) -> DbtCheck:
    path = text.removeprefix(_ARTIFACT)
    if path == text or not path:
        findings.add((*here, "dbt"), "must be artifact:PATH, like artifact:target/run_results.json")
    if expect != "success":
        findings.add((*here, "expect"), "must be success, for dbt")
    return DbtCheck(artifact=path, within=within)


def _value(raw: object, place: Place, findings: Findings) -> str:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        findings.add((*place, "expect"), "expected a value, or a band like {band: history, tolerance: 0.3}")
        return ""
    return str(raw)


def canary(table: tables.CanaryTable | None, place: Place, findings: Findings) -> Canary | None:
    """The share that goes first."""
    if table is None:
        return None
    analysis = _duration(table.analysis, (*place, "analysis"), findings)
    return Canary(slice=table.slice, first=table.first, analysis=analysis) if analysis is not None else None


def _duration(text: str, place: Place, findings: Findings) -> timedelta | None:
    try:
        return parse_duration(text)
    except ValueError as error:
        findings.add(place, str(error))
        return None


def check_template(text: str, place: Place, findings: Findings) -> None:
    """Note what stands in braces and is not ``{environment}``."""
    for word in _PLACEHOLDER.findall(text):
        if word != "environment":
            findings.add(place, unknown("placeholder", ["environment"], word))


def _check_words(text: str, known: Iterable[str], place: Place, findings: Findings) -> None:
    """Note words in braces that are never filled in; other braces stand as they are."""
    known = tuple(known)
    for word in _WORD.findall(text):
        if word not in known:
            findings.add(place, unknown("placeholder", known, word))


def _no_hook(kind: type, _value: object) -> object:
    raise NotImplementedError(kind)
