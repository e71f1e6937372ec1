"""``--json-lines``: the document of a list, one record a line."""

import json
from datetime import timedelta
from typing import Any

import jsonschema
import pytest
from cli_situations import FAILED, YES
from command_line import SCHEMAS, Run

from fedesk.cli.app import all_made
from fedesk.cli.output import singular
from fedesk.sandbox.server import Sandbox

LISTS: dict[str, tuple[str, ...]] = {
    # What was kept: of two looks the latencies differ.
    "status": ("status", "--last-known"),
    "failures": ("failures", "--since", "2d"),
    "runs": ("runs", "payments_daily"),
    "trace": ("trace",),
    "secrets list": ("secrets", "list"),
    "operations list": ("operations", "list"),
    "audit tail": ("audit", "tail"),
    "incident list": ("incident", "list"),
    "freeze list": ("freeze", "list"),
    "hold list": ("hold", "list"),
    "maintenance list": ("maintenance", "list"),
    "findings list": ("findings", "list", "--all"),
    "audit review": ("audit", "review"),
    "release matrix": ("release", "matrix", "payments"),
    "release history": ("release", "history", "payments", "--limit", "3"),
    "release status": ("release", "status", "--env", "prod"),
    "release dora": ("release", "dora", "payments"),
    "release quarantine": ("release", "quarantine"),
}
"""A command line of each verb that prints a list, by its words."""
SCHEMA_OF = {"secrets list": "secrets", "operations list": "operations", "audit tail": "audit"} | {
    "incident list": "incidents",
    "freeze list": "windows",
    "hold list": "windows",
    "maintenance list": "windows",
    "findings list": "findings",
    "audit review": "reviews",
    "release quarantine": "release-stops",
    **{f"release {verb}": f"release-{verb}" for verb in ("matrix", "history", "status", "dora")},
}


OF_A_TEAM = {"plans list"}
"""Lists that have nothing at a desk for one person: ``test_approval_commands`` prints them."""
OF_NO_SYSTEM = {"kit list"}
"""Lists of what comes with fedesk, which take no configuration: ``test_kit_commands`` prints them."""
LINES_OF_A_LOG = {"log", "grep"}
"""Verbs whose lines have a schema of their own, which ``test_logs`` holds them to."""

LINES_OF_EVENTS = {"watch"}
"""Verbs that print a line when something happens, which ``test_watch`` holds to their schema."""


def line_schema(schema: dict[str, Any], noun: str) -> dict[str, Any]:
    """The schema of a line: the document's, with one item in place of its lists (docs/commands.md)."""
    properties = dict(schema["properties"])
    lists = [name for name, form in properties.items() if form.get("type") == "array"]
    item = properties[noun]["items"]
    for name in lists:
        del properties[name]
    required = [name for name in schema["required"] if name not in lists] + [singular(noun)]
    return schema | {"properties": properties | {singular(noun): item}, "required": required}


@pytest.fixture
def told(acting: Run) -> Run:
    """A desk that has something in each list."""
    assert acting("rerun", FAILED, *YES, "--break-glass").code == 0
    assert acting("status").code == 0
    assert acting("incident", "open", "INC-4711", "payments late").code == 0
    assert acting("hold", "add", "--pipeline", "ledger_load", "--reason", "rates").code == 0
    for kind in ("freeze", "maintenance"):
        assert acting(kind, "add", "--for", "2h", "--reason", "year end").code == 0
    assert acting("findings", "snooze", "ledger_load", "2h").code == 0
    bad = (f"sha256:{'0' * 64}", "--service", "payments", "--reason", "doubles rows")
    assert acting("release", "quarantine", *bad).code == 0
    return acting


def test_every_list_is_printed_one_record_a_line(told: Run) -> None:
    """Line by line the items of the document's lists, each with its head, as the schema of a line says."""
    for words, arguments in LISTS.items():
        schema = json.loads((SCHEMAS / f"{SCHEMA_OF.get(words, words)}.json").read_text(encoding="utf-8"))
        whole = told(*arguments, "--json").document(SCHEMA_OF.get(words, words))
        lists = {name: value for name, value in whole.items() if isinstance(value, list)}
        ended = told(*arguments, "--json-lines")
        assert ended.code == 0, words
        lines = [json.loads(line) for line in ended.out.splitlines()]
        assert lines, words
        found: dict[str, list[Any]] = {name: [] for name in lists}
        checked = {noun: jsonschema.Draft202012Validator(line_schema(schema, noun)) for noun in lists}
        for line in lines:
            (noun,) = [name for name in lists if singular(name) in line]
            found[noun].append(line[singular(noun)])
            checked[noun].validate(line)
            assert {key: line[key] for key in whole if key not in lists} == {
                key: whole[key] for key in whole if key not in lists
            }
        assert found == lists, words


def test_each_verb_that_prints_a_list_has_it() -> None:
    """The option is on these verbs, and the test above runs each of them."""
    having = {
        verb.words
        for verb, command in all_made()
        if any("--json-lines" in one.opts for one in command.params)
    }
    assert having == set(LISTS) | LINES_OF_A_LOG | LINES_OF_EVENTS | OF_A_TEAM | OF_NO_SYSTEM


@pytest.mark.parametrize("form", ["--json", "--json-lines"])
def test_the_last_known_status_is_what_was_seen_with_its_age(desk: Run, sandbox: Sandbox, form: str) -> None:
    """``status --last-known`` prints the same as the look that kept it, with its age; nobody is asked."""
    seen = desk("status", form).out
    sandbox.control.clear_requests()
    later = sandbox.control.clock.now() + timedelta(minutes=4, seconds=12)
    ended = desk("status", "--last-known", form, at=later)
    assert ended.code == 0
    assert "4m12s ago" in ended.err
    assert "no system was asked" in ended.err
    assert ended.out == seen.replace('"age": null', '"age": 252.0')
    assert not sandbox.control.requests()


def test_the_last_known_table_is_the_same(desk: Run) -> None:
    """As a table, too; however the words stand."""
    seen = desk("status", "--env", "dev").out
    assert desk("--env=dev", "status", "--last-known").out == seen
    assert desk("status", "--last-known", "--env", "dev").out == seen


def test_where_nothing_was_known_it_is_said(desk: Run) -> None:
    """No state: exit 1 and what to do; an unknown environment is a mistake as everywhere."""
    ended = desk("status", "--last-known")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "Nothing is known of prod yet; `fedesk status` looks\n"
    assert desk("status", "--last-known", "--env", "prud").code == 2
