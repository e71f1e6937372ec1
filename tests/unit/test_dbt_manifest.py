"""What a dbt manifest says of tables, and what a file that is none costs: one sentence."""

import json
import os
from pathlib import Path

import pytest

from fedesk.dbt_manifest import ManifestError, read_manifest
from fedesk.domain.catalogue import WriteMode
from fedesk.domain.surveys import SeenModel
from fedesk.sandbox.dbt_manifest import manifest
from fedesk.sandbox.pipelines import company


def node(name: str, kind: str = "model", /, **config: object) -> dict[str, object]:
    return {
        "unique_id": f"{kind}.shop.{name}",
        "resource_type": kind,
        "name": name,
        "schema": "marts",
        "alias": name,
        "config": {"materialized": "incremental", **config},
    }


def read(
    folder: Path, *nodes: dict[str, object], adapter: str = "snowflake", **more: object
) -> list[SeenModel]:
    file = folder / "manifest.json"
    document = {
        "metadata": {"adapter_type": adapter},
        "nodes": {str(one["unique_id"]): one for one in nodes},
        "sources": {},
        **more,
    }
    file.write_text(json.dumps(document), encoding="utf-8")
    return list(read_manifest(file).models)


@pytest.mark.parametrize(
    ("config", "write"),
    [
        ({"incremental_strategy": "append"}, WriteMode.APPEND),
        ({"incremental_strategy": "merge", "unique_key": "id"}, WriteMode.MERGE),
        ({"incremental_strategy": "merge"}, WriteMode.APPEND),
        ({"incremental_strategy": "delete+insert", "unique_key": ["a", "b"]}, WriteMode.MERGE),
        ({"incremental_strategy": "delete+insert"}, WriteMode.APPEND),
        ({"incremental_strategy": "insert_overwrite"}, WriteMode.PARTITION_OVERWRITE),
        ({"incremental_strategy": "microbatch", "event_time": "day"}, WriteMode.PARTITION_OVERWRITE),
        ({"unique_key": "id"}, WriteMode.MERGE),
        ({}, WriteMode.APPEND),
        ({"materialized": "table"}, WriteMode.PARTITION_OVERWRITE),
        ({"incremental_strategy": "a_teams_own"}, None),
        ({"materialized": "a_teams_own"}, None),
    ],
)
def test_how_a_model_writes(tmp_path: Path, config: dict[str, object], write: WriteMode | None) -> None:
    """The rule of dbt: without a unique key, merge and delete+insert only add rows."""
    (found,) = read(tmp_path, node("pay", **config))
    assert found.write is write


@pytest.mark.parametrize("materialized", ["view", "ephemeral", "materialized_view", "dynamic_table"])
def test_what_no_run_fills_is_no_load(tmp_path: Path, materialized: str) -> None:
    """A view holds no rows of its own."""
    assert read(tmp_path, node("pay", materialized=materialized)) == []


def test_tests_seeds_and_analyses_are_no_loads(tmp_path: Path) -> None:
    """Models and snapshots write tables; a snapshot finds its rows again by their key."""
    found = read(
        tmp_path,
        *(node(kind, kind, unique_key="id") for kind in ("test", "seed", "analysis", "snapshot")),
    )
    assert [(one.name, one.write) for one in found] == [("snapshot", WriteMode.MERGE)]


@pytest.mark.parametrize(
    ("config", "column"),
    [
        ({"partition_by": {"field": "day", "data_type": "date"}}, "day"),
        ({"partition_by": ["day", "region"]}, "day"),
        ({"partition_by": "day"}, "day"),
        ({"event_time": "at"}, "at"),
        ({"partition_by": 7}, ""),
    ],
)
def test_what_partitions_are_of(tmp_path: Path, config: dict[str, object], column: str) -> None:
    """``partition_by`` in its three forms, else the event time of a microbatch."""
    (found,) = read(tmp_path, node("pay", **config))
    assert found.column == column


def test_names_are_read_as_the_database_reads_them(tmp_path: Path) -> None:
    """Snowflake's plain names are upper case, quoted ones and those of other databases as written."""
    quoted = node("Pay") | {"relation_name": 'DB."marts"."Pay"'}
    assert [one.dataset for one in read(tmp_path, node("pay"))] == ["MARTS.PAY"]
    assert [one.dataset for one in read(tmp_path, quoted)] == ["marts.Pay"]
    assert [one.dataset for one in read(tmp_path, node("pay"), adapter="postgres")] == ["marts.pay"]


def test_parents_and_labels(tmp_path: Path) -> None:
    """What it is made from by table, sources too; tags and meta name who runs it."""
    source = {"name": "ledger", "schema": "raw", "identifier": "ledger_files"}
    one = node("pay", tags="nightly", meta={"dag": "pay_daily", "owner": 7}) | {
        "depends_on": {"nodes": ["source.shop.raw.ledger", "model.shop.gone", 5]},
        "tags": ["tier-1"],
    }
    (found,) = read(tmp_path, one, sources={"source.shop.raw.ledger": source})
    assert found.reads == ("RAW.LEDGER_FILES",)
    assert found.labels == ("tier-1", "nightly", "pay_daily")


def test_a_node_of_the_wrong_form_costs_itself_alone(tmp_path: Path) -> None:
    """Wrong types anywhere leave out a fact, or the node; the rest is read."""
    file = tmp_path / "manifest.json"
    bad: dict[str, object] = {
        "a": [],
        "b": None,
        "c": node("pay"),
        "d": {"resource_type": "model", "name": 5, "schema": ["x"], "config": "x", "depends_on": 3},
        "e": {
            "resource_type": "model",
            "name": "fx",
            "schema": "m",
            "config": 1,
            "tags": {"a": 1},
            "meta": [],
        },
    }
    file.write_text(json.dumps({"nodes": bad, "metadata": {"adapter_type": 7}}), encoding="utf-8")
    found = read_manifest(file)
    assert [one.dataset for one in found.models] == ["marts.pay", "m.fx"]
    assert found.left_out == 2


HOSTILE = {
    "empty": b"",
    "no json": b"services:\n  pay: {}\n",
    "other json": b'{"results": []}',
    "a list": b"[1, 2]",
    "nodes no table": b'{"nodes": 5}',
    "deep": b'{"nodes": ' + b"[" * 200_000,
    "bytes": b'{"nodes": {"\xff": {}}}',
    "escape": b'{"nodes": "\x1b[31m"}',
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_manifest_is_one_sentence(tmp_path: Path, data: bytes) -> None:
    """It names the file and the file that is wanted."""
    file = tmp_path / "manifest.json"
    file.write_bytes(data)
    with pytest.raises(ManifestError, match=r"is no dbt manifest: .*target/manifest\.json") as raised:
        read_manifest(file)
    assert len(str(raised.value).splitlines()) == 1
    assert "\x1b" not in str(raised.value)


def test_what_is_no_file_of_a_sane_size_is_not_read(tmp_path: Path) -> None:
    """A folder, nothing, a pipe that nobody writes to, and a gigabyte."""
    pipe, huge = tmp_path / "pipe", tmp_path / "huge"
    os.mkfifo(pipe)
    with huge.open("wb") as out:
        out.truncate(1 << 30)
    for path, words in (
        (tmp_path, "no file"),
        (tmp_path / "x", "no file"),
        (pipe, "no file"),
        (huge, "bytes"),
    ):
        with pytest.raises(ManifestError, match=words):
            read_manifest(path)


def test_the_sandboxs_manifest_is_one(tmp_path: Path) -> None:
    """Its models replace a day's rows, with the key that the sandbox's own catalogue names."""
    file = tmp_path / "manifest.json"
    file.write_text(manifest(company(1.0)), encoding="utf-8")
    found = {one.name: one for one in read_manifest(file).models}
    assert len(found) == 40
    one = found["payments_daily"]
    assert (one.dataset, one.write, one.column, one.key) == (
        "MARTS.PAYMENTS_DAILY", WriteMode.PARTITION_OVERWRITE, "LOAD_DATE", ("PAYMENTS_DAILY_ID",),
    )  # fmt: skip
    assert one.reads == ("STAGING.STG_PAYMENTS_DAILY", "MARTS.CARD_SETTLEMENT")
