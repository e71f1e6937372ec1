"""JSON Schemas of catalog.yaml and fedesk.toml, made from the structs that read them."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec

from fedesk import catalogue_tables as catalogue
from fedesk.config import EnvironmentTable, FileTable
from fedesk.config_policy import PersonTable, PolicyTable
from fedesk.config_types import ANCHORS, RECEIVERS, SETTINGS, EmergencyLogin, RouteConfig
from fedesk.domain.notices import Event
from fedesk.domain.policy import DEFAULTS
from fedesk.schema_words import WORDS

Schema = dict[str, Any]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/{name}"


def catalogue_schema() -> Schema:
    """Of a file of the catalogue."""
    (_, _, band), found = _components(catalogue.ServiceTable, catalogue.PipelineTable, catalogue.BandTable)
    # What a look expects is of two forms, which the reader tells apart itself.
    expect = found["VerifyTable"]["properties"]["expect"]
    expect["anyOf"] = [{"type": ["string", "number"]}, band]
    return {
        "$schema": _DRAFT,
        "title": "catalog.yaml of fedesk",
        "description": "What a team says about its services and pipelines.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "services": _named("ServiceTable", "What is released: one artifact with one deploy job."),
            "pipelines": _named("PipelineTable", "A data job: a DAG, or Jenkins jobs, with what it loads."),
        },
        "$defs": found,
    }


def configuration_schema() -> Schema:
    """Of fedesk.toml."""
    tables = (FileTable, EnvironmentTable, PersonTable, PolicyTable, EmergencyLogin, RouteConfig)
    _, found = _components(*tables, *SETTINGS.values(), *ANCHORS.values(), *RECEIVERS.values())
    file = found.pop("FileTable")
    file["properties"]["environments"] = _named("EnvironmentTable", "The environments, by name.")
    file["properties"]["people"] |= {"additionalProperties": {"$ref": _REF.format(name="PersonTable")}}
    for table in (file, found["EnvironmentTable"]):
        table["properties"]["policy"] |= _by_verb("PolicyTable")
    found["EnvironmentTable"]["properties"]["emergency"] |= {
        "properties": {key: {"type": "string", "minLength": 1} for key in ("store_url", "store_credential")}
        | {"without_store": {"type": "boolean"}},
        "additionalProperties": {"$ref": _REF.format(name="EmergencyLogin")},
    }
    more = [_told_apart(found[kind.__name__], "system", system.value) for system, kind in SETTINGS.items()]
    found["EnvironmentTable"]["properties"]["connections"] |= {"additionalProperties": {"oneOf": more}}
    sinks = [_told_apart(found[kind.__name__], "sink", name) for name, kind in ANCHORS.items()]
    found["AuditTable"]["properties"]["anchors"] |= {"items": {"oneOf": sinks}}
    notify = found["NotifyTable"]["properties"]
    receivers = [{"$ref": _REF.format(name=kind.__name__)} for kind in RECEIVERS.values()]
    notify["receivers"] |= {"additionalProperties": {"oneOf": receivers}}
    notify["routes"] |= {"items": {"$ref": _REF.format(name="RouteConfig")}}
    found["RouteConfig"]["properties"]["events"]["items"] |= {"enum": [event.value for event in Event]}
    return {"$schema": _DRAFT, **file, "title": "fedesk.toml", "$defs": found}


def _components(*kinds: type[msgspec.Struct]) -> tuple[tuple[Schema, ...], dict[str, Schema]]:
    schemas, found = msgspec.json.schema_components(kinds, schema_hook=_of_path, ref_template=_REF)
    for name, table in found.items():
        for key, words in WORDS.get(name, {}).items():
            table["properties"][key] |= words
    return tuple(schemas), found


def _of_path(kind: type) -> Schema:
    if kind is Path:
        return {"type": "string", "minLength": 1}
    raise NotImplementedError(kind)


def _named(table: str, description: str) -> Schema:
    """A table of tables by name."""
    return {
        "description": description,
        "type": "object",
        "additionalProperties": {"$ref": _REF.format(name=table)},
    }


def _by_verb(table: str) -> Schema:
    """A table of tables by the policy's verbs, and no others."""
    rules = {verb: {"$ref": _REF.format(name=table)} for verb in DEFAULTS}
    return {"properties": rules, "additionalProperties": False}


def _told_apart(table: Schema, key: str, word: str) -> Schema:
    """The same table with one more key that says which of several it is."""
    made = deepcopy(table)
    made["properties"] = {key: {"const": word}, **made["properties"]}
    made["required"] = [key, *made["required"]]
    return made


def undescribed() -> Iterator[str]:
    """Keys of both files about which the schema says nothing: ``PipelineTable.dag``."""
    for schema in (catalogue_schema(), configuration_schema()):
        tables: Mapping[str, Schema] = schema["$defs"]
        for name, table in tables.items():
            for key, about in table["properties"].items():
                if not about.get("description"):
                    yield f"{name}.{key}"
