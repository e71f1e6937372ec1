"""Reads a dbt manifest (``target/manifest.json``, schema versions 4 to 12) as far as a catalogue needs it.

https://schemas.getdbt.com/dbt/manifest/v12.json. Read leniently: a node that is not understood is left out
and counted, what is not looked at is not decoded.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from fedesk.domain.catalogue import WriteMode
from fedesk.domain.surveys import SeenModel
from fedesk.domain.text import one_line

_LARGEST = 256 * 1024 * 1024
"""Bytes. A manifest of ten thousand models has about a hundred million."""
_KINDS = frozenset({"model", "snapshot"})
_UNWRITTEN = frozenset({"view", "ephemeral", "materialized_view", "dynamic_table", "test"})
"""Materialisations that no run fills with rows."""
_KEYED = frozenset({"merge", "delete+insert"})
"""Strategies that find rows again by their key; without one they only add (docs.getdbt.com, incremental)."""
_STRATEGIES = {
    "append": WriteMode.APPEND,
    "insert_overwrite": WriteMode.PARTITION_OVERWRITE,
    "microbatch": WriteMode.PARTITION_OVERWRITE,
    **dict.fromkeys(_KEYED, WriteMode.MERGE),
}
_LABELS = ("dag", "dag_id", "pipeline", "fedesk_pipeline")
"""Keys of a model's meta that name what runs it."""
_QUOTED = re.compile(r'"[^"]*[a-z][^"]*"')

Node = Mapping[str, Any]


class ManifestError(Exception):
    """The file is no manifest that can be read; one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a manifest says that a catalogue may say too."""

    models: tuple[SeenModel, ...]
    left_out: int
    """Nodes that could not be understood."""


class _Metadata(msgspec.Struct, frozen=True):
    adapter_type: Any = None


class _Document(msgspec.Struct):
    """Nodes stay undecoded until each is looked at, so that one of the wrong form costs itself alone."""

    nodes: dict[str, msgspec.Raw]
    sources: dict[str, msgspec.Raw] = {}
    metadata: _Metadata = _Metadata()


def read_manifest(path: Path) -> Manifest:
    """The models and snapshots that write tables, by their ids. Raises ManifestError."""
    document = _document(path)
    nodes, bad = _decoded(document.nodes)
    sources, _ = _decoded(document.sources)
    is_snowflake = document.metadata.adapter_type == "snowflake"
    datasets = {name: _dataset(node, is_snowflake=is_snowflake) for name, node in (nodes | sources).items()}
    models = [
        _model(nodes[name], datasets[name], datasets)
        for name in sorted(nodes)
        if nodes[name].get("resource_type") in _KINDS
        if datasets[name] and _text(_config(nodes[name]), "materialized") not in _UNWRITTEN
    ]
    return Manifest(models=tuple(models), left_out=bad)


def _document(path: Path) -> _Document:
    try:
        if not path.is_file():
            raise ManifestError(f"{path} is no file; dbt writes target/manifest.json at `dbt parse`")
        size = path.stat().st_size
        if size > _LARGEST:
            raise ManifestError(
                f"{path} has {size} bytes, more than the {_LARGEST} that are read of a manifest"
            )
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise ManifestError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        return msgspec.json.decode(data, type=_Document)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        said = one_line(str(error), 200)
        raise ManifestError(f"{path} is no dbt manifest: {said}; give target/manifest.json") from None


def _decoded(raw: Mapping[str, msgspec.Raw]) -> tuple[dict[str, Node], int]:
    """Nodes that are objects, and how many were none."""
    found: dict[str, Node] = {}
    for name, text in raw.items():
        try:
            found[name] = msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.DecodeError, ValueError, RecursionError):
            continue
    return found, len(raw) - len(found)


def _model(node: Node, dataset: str, datasets: Mapping[str, str]) -> SeenModel:
    config = _config(node)
    write, said = _write(node, config)
    depends = node.get("depends_on")
    parents = _texts(depends.get("nodes")) if isinstance(depends, dict) else ()
    return SeenModel(
        name=_text(node, "name"),
        dataset=dataset,
        write=write,
        said=said,
        column=_column(config),
        key=_texts(config.get("unique_key")),
        reads=tuple(dict.fromkeys(datasets[one] for one in parents if datasets.get(one))),
        labels=tuple(dict.fromkeys(_labels(node, config))),
    )


def _dataset(node: Node, *, is_snowflake: bool) -> str:
    """SCHEMA.TABLE; empty where it names none. Snowflake reads a plain name in upper case."""
    schema = _text(node, "schema")
    table = _text(node, "alias") or _text(node, "identifier") or _text(node, "name")
    if not schema or not table:
        return ""
    is_plain = is_snowflake and _QUOTED.search(_text(node, "relation_name")) is None
    return f"{schema}.{table}".upper() if is_plain else f"{schema}.{table}"


def _write(node: Node, config: Node) -> tuple[WriteMode | None, str]:
    """How a run meets rows that are there, and the manifest's words for it."""
    if node.get("resource_type") == "snapshot":
        return WriteMode.MERGE, "snapshot"
    materialized = _text(config, "materialized")
    if materialized == "table":
        return WriteMode.PARTITION_OVERWRITE, "table, made anew as a whole"
    if materialized != "incremental":
        return None, one_line(materialized, 60) or "not materialised"
    has_key = bool(_texts(config.get("unique_key")))
    strategy = _text(config, "incremental_strategy")
    if not strategy:
        mode = WriteMode.MERGE if has_key else WriteMode.APPEND
        return mode, f"incremental, {'with' if has_key else 'without'} unique_key"
    if strategy in _KEYED and not has_key:
        return WriteMode.APPEND, f"incremental, {strategy} without unique_key: it only adds"
    return _STRATEGIES.get(strategy), f"incremental, {one_line(strategy, 60)}"


def _column(config: Node) -> str:
    """What partitions are of: ``partition_by`` in its three forms, else a microbatch's ``event_time``."""
    if _text(config, "materialized") != "incremental":
        return ""
    by = config.get("partition_by")
    if isinstance(by, dict):
        return _text(by, "field")
    return next(iter(_texts(by)), "") or _text(config, "event_time")


def _labels(node: Node, config: Node) -> Iterator[str]:
    yield from _texts(node.get("tags"))
    yield from _texts(config.get("tags"))
    for meta in (node.get("meta"), config.get("meta")):
        for key in _LABELS:
            yield from _texts(meta.get(key)) if isinstance(meta, dict) else ()


def _config(node: Node) -> Node:
    config = node.get("config")
    return config if isinstance(config, dict) else {}


def _text(table: Node, key: str) -> str:
    value = table.get(key)
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    """One text or a list of them; what else stands in the list is left out."""
    if isinstance(value, str):
        return (value,) if value else ()
    if isinstance(value, Sequence):
        return tuple(one for one in value if isinstance(one, str) and one)
    return ()
