"""Editors complete and check by JSON Schemas that say what fedesk itself says."""

import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from fedesk.catalogue import load_catalogue
from fedesk.config import load_config
from fedesk.file_schemas import catalogue_schema, configuration_schema, undescribed
from fedesk.mistakes import ConfigurationError
from fedesk.sandbox.server import Sandbox

ROOT = Path(__file__).parents[2]
CATALOGUE = jsonschema.Draft202012Validator(catalogue_schema())
CONFIGURATION = jsonschema.Draft202012Validator(configuration_schema())


def yaml_of(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def blocks(page: str, language: str) -> list[str]:
    """What a page of the docs shows of a language."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_the_schemas_are_schemas_and_say_something_of_each_key() -> None:
    """Every key of both files has a description."""
    for validator in (CATALOGUE, CONFIGURATION):
        validator.check_schema(validator.schema)
    assert list(undescribed()) == []


def test_catalogues_of_docs_and_sandbox_are_valid(sandbox: Sandbox) -> None:
    """What is shown is what the schema allows."""
    shown = [text for text in blocks("catalogue.md", "yaml") if "pipelines:" in text or "services:" in text]
    assert shown
    mine = (sandbox.config_path.parent / "catalog.yaml").read_text(encoding="utf-8")
    for text in (*shown, mine):
        CATALOGUE.validate(yaml_of(text))


def test_configurations_of_docs_and_sandbox_are_valid(sandbox: Sandbox) -> None:
    """Whole files that the docs show, and the sandbox's own."""
    shown = [text for text in blocks("configuration.md", "toml") if "[environments." in text]
    assert shown
    for text in (*shown, sandbox.config_path.read_text(encoding="utf-8")):
        document = tomllib.loads(text)
        if "environments" in document:
            CONFIGURATION.validate(document)


GOOD = "{owner: qa}"
WRONG_CATALOGUES = {
    "unknown section": "pipeline: {}",
    "unknown key": "pipelines: {x: {owner: qa, ower: qa}}",
    "no owner": "pipelines: {x: {tier: 1}}",
    "owner a number": "pipelines: {x: {owner: 5}}",
    "owner no word": "pipelines: {x: {owner: nobody}}",
    "tier": "pipelines: {x: {owner: qa, tier: 4}}",
    "tier text": "pipelines: {x: {owner: qa, tier: '1'}}",
    "upstream text": "pipelines: {x: {owner: qa, upstream: y}}",
    "jobs a list": "pipelines: {x: {owner: qa, jobs: [a]}}",
    "job empty": "pipelines: {x: {owner: qa, jobs: {ci: ''}}}",
    "write": "pipelines: {x: {owner: qa, loads: [{dataset: A, write: upsert}]}}",
    "no write": "pipelines: {x: {owner: qa, loads: [{dataset: A}]}}",
    "loads a table": "pipelines: {x: {owner: qa, loads: {dataset: A, write: append}}}",
    "partition from": "pipelines: {x: {owner: qa, partition: {from: start}}}",
    "deadline a number": "pipelines: {x: {owner: qa, deadline: 6}}",
    "deadline no zone": "pipelines: {x: {owner: qa, deadline: '06:00'}}",
    "budget": "pipelines: {x: {owner: qa, retry_budget: 3}}",
    "secret": "pipelines: {x: {owner: qa, secrets: [password]}}",
    "dag nothing": "pipelines: {x: {owner: qa, dag: }}",
    "pipelines a list": "pipelines: [x]",
    "deploy without job": "services: {x: {owner: qa, deploy: {}}}",
    "parameter a number": "services: {x: {owner: qa, deploy: {job: j, parameters: {A: 5}}}}",
    "release_from": "services: {x: {owner: qa, deploy: {job: j, release_from: tag}}}",
    "expect a list": "services: {x: {owner: qa, verify: [{snowflake: q, expect: [1]}]}}",
    "band": "services: {x: {owner: qa, verify: [{snowflake: q, expect: {band: history, tolerance: 11}}]}}",
    "stage of no gate": "services: {x: {owner: qa, promotion: {stages: {units: u}}}}",
    "look of airflow": "services: {x: {owner: qa, verify: [{airflow: dags, expect: none}]}}",
    "canary first": "services: {x: {owner: qa, canary: {slice: c, first: [], analysis: 1m}}}",
    "automatic": "services: {x: {owner: qa, rollback: {automatic: 'yes'}}}",
}


@pytest.mark.parametrize("text", WRONG_CATALOGUES.values(), ids=WRONG_CATALOGUES)
def test_what_fedesk_refuses_of_a_catalogue_the_schema_refuses(tmp_path: Path, text: str) -> None:
    """A mistake is seen while it is typed."""
    file = tmp_path / "catalog.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError):
        load_catalogue(file)
    assert not CATALOGUE.is_valid(yaml_of(text))


WRONG_CONFIGURATIONS = {
    "unknown key": "colour = 1\n[environments.x]",
    "no environments": 'default_environment = "x"',
    "mode": '[environments.x]\nmode = "free"',
    "production text": '[environments.x]\nproduction = "no"',
    "unknown key of a system": '[environments.x.jenkins]\nurl = "http://j"\nfolder = "x"',
    "no url": "[environments.x.jenkins]",
    "folders text": '[environments.x.jenkins]\nurl = "http://j"\nfolders = "x"',
    "auth": '[environments.x.airflow]\nurl = "http://a"\nauth = "magic"',
    "timeout": '[environments.x.jenkins]\nurl = "http://j"\ntimeout = { connect = 0, read = 1 }',
    "port": '[environments.x.snowflake]\naccount = "a"\nuser = "u"\nport = 70000',
    "second without system": '[environments.x.connections.y]\nurl = "http://j"',
    "second of no kind": '[environments.x.connections.y]\nsystem = "oracle"\nurl = "http://j"',
    "anchor": '[[audit.anchors]]\nsink = "paper"\n[environments.x]',
    "anchor without path": '[[audit.anchors]]\nsink = "file"\n[environments.x]',
    "every": "[audit]\nevery = 0\n[environments.x]",
}


@pytest.mark.parametrize("text", WRONG_CONFIGURATIONS.values(), ids=WRONG_CONFIGURATIONS)
def test_what_fedesk_refuses_of_a_configuration_the_schema_refuses(tmp_path: Path, text: str) -> None:
    """A mistake is seen while it is typed."""
    file = tmp_path / "fedesk.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError):
        load_config(file)
    assert not CONFIGURATION.is_valid(tomllib.loads(text))
