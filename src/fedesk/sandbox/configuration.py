"""The files that point a desk at the sandbox: fedesk.toml, the catalogue, runbooks, credentials.

Beside them the manifest of a dbt project, from which ``fedesk catalog import`` learns how tables are written.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from fedesk.sandbox.dbt_manifest import manifest
from fedesk.sandbox.model import ENVIRONMENTS, Identity, Pipeline
from fedesk.sandbox.runbooks import runbook
from fedesk.sandbox.world import World

_DATABASES = {"dev": "FINEDGE_DEV", "staging": "FINEDGE_STAGING", "prod": "FINEDGE"}
_WRITTEN = ("jenkins", "airflow")
_COUNT = "select count(*) from {} where LOAD_DATE = :partition"
_BAND = "{band: history, tolerance: 0.3}"
_SECRETS = {
    "payments": ("snowflake:SVC_PAYMENTS", "kv:finedge/{environment}/partner-api"),
    "ledger": ("kv:finedge/{environment}/sftp/acme_07", "kv:finedge/{environment}/ledger-archive"),
    "fx_rates": ("kv:finedge/{environment}/fx-provider",),
    "cards": ("kv:finedge/{environment}/card-network",),
    "kyc": ("kv:finedge/{environment}/identity-provider",),
    "regulatory": ("kv:finedge/{environment}/regulator-upload",),
    "open_banking": ("kv:finedge/{environment}/partner-api",),
}


def write(state: Path, world: World, ports: Mapping[str, int]) -> Path:
    """Write everything into ``state``: fedesk.toml, whose path comes back, and what it refers to.

    Credentials are files with mode 0600.
    """
    folder = state / "credentials"
    folder.mkdir(mode=0o700, exist_ok=True)
    credentials = {}
    for system in ports:
        if system != "control":
            path = folder / system
            _private(path, _identity(world, system).credential)
            credentials[system] = path
    (state / "runbooks").mkdir(exist_ok=True)
    for pipeline in world.pipelines:
        if pipeline.catalogued:
            (state / "runbooks" / f"{pipeline.name}.md").write_text(runbook(pipeline), encoding="utf-8")
    (state / "catalog.yaml").write_text(catalogue(world.pipelines), encoding="utf-8")
    (state / "manifest.json").write_text(manifest(world.pipelines), encoding="utf-8")
    (state / "control.url").write_text(f"http://127.0.0.1:{ports['control']}\n", encoding="utf-8")
    config = state / "fedesk.toml"
    # Beside the store only here: an anchor is worth what keeps the store's writer from it.
    anchor = state.resolve() / "anchor"
    anchor.mkdir(mode=0o700, exist_ok=True)
    text = fedesk_toml(world, ports, credentials, state.resolve() / "fedesk.sqlite3", anchor)
    config.write_text(text, encoding="utf-8")
    return config


def _identity(world: World, system: str) -> Identity:
    """As whom the desk comes. People act from it on Jenkins and Airflow; the environment's mode protects."""
    return world.identity(system, writer=system in _WRITTEN)


def _private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def fedesk_toml(
    world: World, ports: Mapping[str, int], credentials: Mapping[str, Path], store: Path, anchor: Path
) -> str:
    """A configuration of three environments, with a store of its own, and a folder for its checkpoints."""
    tables = ['default_environment = "prod"\ncatalog = "catalog.yaml"\n']
    tables.append(_table("store", url=f"sqlite:///{store}"))
    tables.append(_table("audit", log="sandbox", sign="none", every=1))
    tables.append(_table("[audit.anchors]", sink="file", path=str(anchor / "checkpoints.jsonl")))
    for environment in reversed(ENVIRONMENTS):
        production = environment == "prod"
        tables.append(
            _table(
                f"environments.{environment}",
                production=production,
                mode="read-only" if production else "guarded",
                timezone="Europe/London",
            )
        )
        for system, port in ports.items():
            if system not in _SETTINGS:
                continue
            values = _SETTINGS[system](environment, port)
            reference = f"command:cat {shlex.quote(str(credentials[system]))}"
            user = {} if system == "vault" else {"user": _identity(world, system).user}
            tables.append(
                _table(f"environments.{environment}.{system}", **values, **user, credential=reference)
            )
    return "\n".join(tables)


def _jenkins(environment: str, port: int) -> dict[str, object]:
    return {"url": f"http://127.0.0.1:{port}", "folders": [f"finedge/{environment}"]}


def _airflow(environment: str, port: int) -> dict[str, object]:
    return {"url": f"http://127.0.0.1:{port}/{environment}", "auth": "password", "tags": [environment]}


def _vault(environment: str, port: int) -> dict[str, object]:
    return {
        "url": f"http://127.0.0.1:{port}",
        "auth": "token",
        "kv": [{"mount": "kv", "prefix": f"finedge/{environment}"}],
    }


def _snowflake(environment: str, port: int) -> dict[str, object]:
    return {
        "account": "finedge",
        "host": "127.0.0.1",
        "port": port,
        "protocol": "http",
        "auth": "key-pair",
        "role": "FEDESK_READER",
        "warehouse": "OPS_XS",
        "database": _DATABASES[environment],
        "schema": "OPS",
    }


_SETTINGS = {"jenkins": _jenkins, "airflow": _airflow, "vault": _vault, "snowflake": _snowflake}


def _table(name: str, **values: object) -> str:
    lines = [f"{key} = {_toml(value)}\n" for key, value in values.items()]
    return f"[{name}]\n" + "".join(lines)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value)


def catalogue(pipelines: tuple[Pipeline, ...]) -> str:
    """catalog.yaml: the services, and most of the pipelines."""
    services = dict.fromkeys(pipeline.service for pipeline in pipelines)
    lines = ["services:\n"]
    for service in services:
        lines.extend(_service(service, [item for item in pipelines if item.service == service]))
    lines.append("pipelines:\n")
    described = [pipeline for pipeline in pipelines if pipeline.catalogued]
    names = {pipeline.name for pipeline in described}
    for pipeline in described:
        lines.extend(_pipeline(pipeline, [name for name in pipeline.upstream if name in names]))
    return "".join(lines)


def _service(service: str, carried: list[Pipeline]) -> Iterator[str]:
    owners = {pipeline.owner for pipeline in carried}
    first = carried[0]
    yield f"  {service}:\n"
    yield f"    owner: {next(iter(owners)) if len(owners) == 1 else 'engineering'}\n"
    yield f"    repository: https://github.com/finedge/{service}\n"
    yield "    deploy:\n"
    yield f'      job: "finedge/{{environment}}/deploy-{service}"\n'
    operation = ', FEDESK_OPERATION: "{operation}"' if service not in ("marketing", "reporting") else ""
    yield f'      parameters: {{IMAGE: "{{image}}@{{digest}}"{operation}}}\n'
    yield "      release_from: artifact:release.json\n"
    yield "    verify:\n"
    yield f"      - {{airflow: import_errors, dag: {first.name}, expect: none}}\n"
    yield f"      - {{snowflake: {json.dumps(_COUNT.format(first.dataset))}, expect: {_BAND}}}\n"
    yield "    rollback: {automatic: false}\n"


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
