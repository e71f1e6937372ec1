"""The files that point a desk at the sandbox: fedesk.toml, the catalogue, runbooks, credentials.

Beside them the manifest of a dbt project, from which ``fedesk catalog import`` learns how tables are written.
"""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

from fedesk.sandbox.catalogue_text import catalogue
from fedesk.sandbox.dbt_manifest import manifest
from fedesk.sandbox.model import ENVIRONMENTS, Identity
from fedesk.sandbox.release_line import REGISTRY
from fedesk.sandbox.runbooks import runbook
from fedesk.sandbox.world import World

_DATABASES = {"dev": "FINEDGE_DEV", "staging": "FINEDGE_STAGING", "prod": "FINEDGE"}
_WRITTEN = ("jenkins", "airflow")


def write(state: Path, world: World, ports: Mapping[str, int]) -> Path:
    """Write everything into ``state``: fedesk.toml, whose path comes back, and what it refers to.

    Credentials are files with mode 0600.
    """
    folder = state / "credentials"
    folder.mkdir(mode=0o700, exist_ok=True)
    credentials = {}
    for system in ports:
        if system in _SETTINGS:
            path = folder / system
            _private(path, _identity(world, system).credential)
            credentials[system] = path
    (state / "runbooks").mkdir(exist_ok=True)
    for pipeline in world.pipelines:
        if pipeline.catalogued:
            (state / "runbooks" / f"{pipeline.name}.md").write_text(runbook(pipeline), encoding="utf-8")
    (state / "catalog.yaml").write_text(catalogue(world.pipelines, ports.get("health")), encoding="utf-8")
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


def _registry(_: str, port: int) -> dict[str, object]:
    return {"url": f"http://127.0.0.1:{port}", "names": [REGISTRY]}


_SETTINGS = {
    "jenkins": _jenkins,
    "airflow": _airflow,
    "vault": _vault,
    "snowflake": _snowflake,
    "registry": _registry,
}


def _table(name: str, **values: object) -> str:
    lines = [f"{key} = {_toml(value)}\n" for key, value in values.items()]
    return f"[{name}]\n" + "".join(lines)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value)
