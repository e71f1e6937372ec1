"""The manifest of the company's dbt project, in the form of dbt's schema version 12, as far as it is read."""

import json
from datetime import datetime

from fedesk.sandbox.model import Pipeline
from fedesk.sandbox.pipelines import dataset_of

_PROJECT = "finedge"
_DATABASE = "FINEDGE"


def manifest(pipelines: tuple[Pipeline, ...]) -> str:
    """``target/manifest.json``: a model for each pipeline's table, and the view in front of it."""
    nodes: dict[str, object] = {}
    names = {pipeline.name for pipeline in pipelines}
    for pipeline in pipelines:
        parents = [f"model.{_PROJECT}.{name}" for name in pipeline.upstream if name in names]
        staging = f"stg_{pipeline.name}"
        nodes[f"model.{_PROJECT}.{staging}"] = _node(staging, "STAGING", parents, {"materialized": "view"})
        nodes[f"model.{_PROJECT}.{pipeline.name}"] = _node(
            pipeline.name, "MARTS", [f"model.{_PROJECT}.{staging}", *parents], _loading(pipeline)
        )
    document = {
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
            "dbt_version": "1.10.4",
            "project_name": _PROJECT,
            "adapter_type": "snowflake",
        },
        "nodes": nodes,
        "sources": {},
    }
    return json.dumps(document)


def _loading(pipeline: Pipeline) -> dict[str, object]:
    """One day's rows in place of those that were there."""
    return {
        "materialized": "incremental",
        "incremental_strategy": "microbatch",
        "event_time": "LOAD_DATE",
        "batch_size": "day",
        "unique_key": f"{dataset_of(pipeline.name).rpartition('.')[2]}_ID",
    }


def _node(name: str, schema: str, parents: list[str], config: dict[str, object]) -> dict[str, object]:
    return {
        "unique_id": f"model.{_PROJECT}.{name}",
        "resource_type": "model",
        "name": name,
        "database": _DATABASE,
        "schema": schema.lower(),
        "alias": name,
        "relation_name": f"{_DATABASE}.{schema.lower()}.{name}",
        "package_name": _PROJECT,
        "path": f"{schema.lower()}/{name}.sql",
        "original_file_path": f"models/{schema.lower()}/{name}.sql",
        "fqn": [_PROJECT, schema.lower(), name],
        "tags": [],
        "meta": {},
        "config": {"enabled": True, "tags": [], "meta": {}, **config},
        "depends_on": {"macros": [], "nodes": parents},
    }


def run_results(service: str, ended_at: datetime, status: str) -> bytes:
    """``run_results.json`` (version 6) of a run of a service's models; the last one ends as ``status``."""
    models = [f"model.finedge.stg_{service}", f"model.finedge.{service}"]
    results: list[dict[str, object]] = [
        {
            "status": "success" if model != models[-1] else status,
            "timing": [],
            "thread_id": "Thread-1",
            "execution_time": 4.2,
            "adapter_response": {},
            "message": "SUCCESS 1" if model != models[-1] or status == "success" else "Database Error",
            "failures": None,
            "unique_id": model,
            "compiled": True,
        }
        for model in models
    ]
    metadata = {
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json",
        "dbt_version": "1.10.4",
        "generated_at": ended_at.isoformat(),
    }
    document = {"metadata": metadata, "results": results, "elapsed_time": 8.4, "args": {"which": "run"}}
    return json.dumps(document).encode()
