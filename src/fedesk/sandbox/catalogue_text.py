"""The catalogue of the sandbox's company: its services, how they are released, and most of its pipelines."""

import json
from collections.abc import Iterator

from fedesk.sandbox.deployments import DBT_RESULTS, TELLING_DBT
from fedesk.sandbox.jenkins_jobs import FREESTYLE, UNVERIFYING
from fedesk.sandbox.model import Pipeline
from fedesk.sandbox.release_line import MIGRATIONS

_COUNT = "select count(*) from {} where LOAD_DATE = :partition"
_BAND = "{band: history, tolerance: 0.3}"
_STAGES = "{unit: Unit tests, data quality: Data-quality tests, security scan: Container scan}"
_ROLLED_BACK = frozenset({"ledger"})
"""Services that are rolled back by themselves when a verification fails."""
_SAYS_HOW_IT_IS = frozenset({"cards", "fraud", "open_banking"})
"""Services that have a health address."""
_SMOKED = frozenset({"fraud"})
"""Services after whose release a DAG run is made to see whether it succeeds."""
_SCHEMA = "select max(VERSION) from OPS.SCHEMA_VERSION where SERVICE = '{}'"
_SECRETS = {
    "payments": ("snowflake:SVC_PAYMENTS", "kv:finedge/{environment}/partner-api"),
    "ledger": ("kv:finedge/{environment}/sftp/acme_07", "kv:finedge/{environment}/ledger-archive"),
    "fx_rates": ("kv:finedge/{environment}/fx-provider",),
    "cards": ("kv:finedge/{environment}/card-network",),
    "kyc": ("kv:finedge/{environment}/identity-provider",),
    "regulatory": ("kv:finedge/{environment}/regulator-upload",),
    "open_banking": ("kv:finedge/{environment}/partner-api",),
}


def catalogue(pipelines: tuple[Pipeline, ...], health_port: int | None) -> str:
    """catalog.yaml: the services, and most of the pipelines. Services are healthy at the port."""
    services = dict.fromkeys(pipeline.service for pipeline in pipelines)
    lines = ["services:\n"]
    for service in services:
        carried = [item for item in pipelines if item.service == service]
        lines.extend(_service(service, carried, health_port))
    lines.append("pipelines:\n")
    described = [pipeline for pipeline in pipelines if pipeline.catalogued]
    names = {pipeline.name for pipeline in described}
    for pipeline in described:
        lines.extend(_pipeline(pipeline, [name for name in pipeline.upstream if name in names]))
    return "".join(lines)


def _service(service: str, carried: list[Pipeline], health_port: int | None) -> Iterator[str]:
    owners = {pipeline.owner for pipeline in carried}
    is_modern = service not in FREESTYLE
    verifies = service not in UNVERIFYING
    yield f"  {service}:\n"
    yield f"    owner: {next(iter(owners)) if len(owners) == 1 else 'engineering'}\n"
    yield f"    repository: https://github.com/finedge/{service}\n"
    yield "    deploy:\n"
    yield f'      job: "finedge/{{environment}}/deploy-{service}"\n'
    operation = ', FEDESK_OPERATION: "{operation}"' if is_modern else ""
    yield f'      parameters: {{IMAGE: "{{image}}@{{digest}}"{operation}}}\n'
    yield "      release_from: artifact:release.json\n"
    yield '      dry_run: {DRY_RUN: "true"}\n'
    if verifies:
        yield "      verification_stage: Verify\n"
    yield "    promotion:\n"
    yield f"      build: finedge/dev/{service}-ci\n"
    if is_modern:
        yield f"      stages: {_STAGES}\n"
    yield f"      soak: {'4h' if 'qa' in owners else '1h'}\n"
    if verifies:
        yield from _verify(service, carried[0], health_port)
    if service in MIGRATIONS:
        yield f"    schema_version: {json.dumps(_SCHEMA.format(service))}\n"
    yield f"    rollback: {{automatic: {'true' if service in _ROLLED_BACK else 'false'}}}\n"


def _verify(service: str, first: Pipeline, health_port: int | None) -> Iterator[str]:
    """What is looked at after a release; rows are counted where a day is one run."""
    yield "    verify:\n"
    yield f"      - {{airflow: import_errors, dag: {first.name}, expect: none}}\n"
    yield f'      - {{airflow: dag_version, dag: {first.name}, expect: "{{commit}}"}}\n'
    if first.cadence.startswith("daily"):
        yield f"      - {{snowflake: {json.dumps(_COUNT.format(first.dataset))}, expect: {_BAND}}}\n"
    if service in _SAYS_HOW_IT_IS and health_port is not None:
        address = f"http://127.0.0.1:{health_port}/{{environment}}/{service}/health"
        yield f'      - {{http: "{address}", expect: 200}}\n'
    if service in TELLING_DBT:
        yield f"      - {{dbt: artifact:{DBT_RESULTS}, expect: success}}\n"
    if service in _SMOKED:
        yield f"      - {{airflow: smoke_run, dag: {first.name}, expect: success, within: 10m}}\n"


def _pipeline(pipeline: Pipeline, upstream: list[str]) -> Iterator[str]:
    key = pipeline.dataset.rpartition(".")[2]
    yield f"  {pipeline.name}:\n"
    yield f"    service: {pipeline.service}\n"
    yield f'    owner: "{pipeline.owner}"\n'
    yield f"    tier: {pipeline.tier}\n"
    yield f"    dag: {pipeline.name}\n"
    yield f'    jobs: {{ci: "finedge/{{environment}}/{pipeline.service}-ci"}}\n'
    yield "    partition: {kind: date, from: data_interval_start, zone: UTC}\n"
    yield "    loads:\n"
    yield (
        f"      - {{dataset: {pipeline.dataset}, write: partition_overwrite, column: LOAD_DATE, "
        f"key: [{key}_ID]}}\n"
    )
    if upstream:
        yield f"    upstream: [{', '.join(upstream)}]\n"
    if pipeline.deadline:
        yield f'    deadline: "{pipeline.deadline}"\n'
    yield "    retry_budget: 3/day\n"
    secrets = _SECRETS.get(
        pipeline.service, ("kv:finedge/{environment}/dbt",) if pipeline.flavour == "dbt" else ()
    )
    if secrets:
        yield f"    secrets: [{', '.join(json.dumps(secret) for secret in secrets)}]\n"
    yield f"    runbook: runbooks/{pipeline.name}.md\n"
