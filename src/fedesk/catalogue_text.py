"""Writes a proposal as YAML with a comment where each fact came from, and adds one to a file that is there.

What is there is added to between two of its lines; every byte of it stays.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode

from fedesk.domain.cataloguing import Entry, Field, Proposal
from fedesk.domain.redaction import redact
from fedesk.domain.text import one_line

SCHEMA_FILE = "catalog.schema.json"
_SCHEMA_LINE = f"# yaml-language-server: $schema={SCHEMA_FILE}"
_INDENT = 2
_COMMENT_AT = 40
_LONGEST = 160
_UNTOLD = """\
# A proposal of `fedesk catalog import`: what Jenkins, Airflow and dbt say, for you to correct.
# No system tells these, so none is here: deadline, retry_budget, secrets and runbook of a pipeline;
# repository, verify, canary and rollback of a service. docs/catalogue.md says what each means.
"""


class TextError(Exception):
    """The file is of a form that nothing can be added to; one sentence."""


def first_text(proposal: Proposal) -> str:
    """A whole catalogue."""
    limits = "".join(f"# {_comment(one)}\n" for one in proposal.limits)
    sections = [
        _section(name, entries, _INDENT)
        for name, entries in (("services", proposal.services), ("pipelines", proposal.pipelines))
        if entries
    ]
    return "\n".join([f"{_SCHEMA_LINE}\n{_UNTOLD}{limits}", *sections])


def added_text(proposal: Proposal) -> str:
    """What is new, as it would be added."""
    return "".join(
        _section(name, entries, _INDENT)
        for name, entries in (("services", proposal.services), ("pipelines", proposal.pipelines))
        if entries
    )


def updated_text(text: str, proposal: Proposal) -> str:
    """The same text with what is new behind the last entry of each section. Raises TextError."""
    places = [_place(text, "services"), _place(text, "pipelines")]
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += ending
    # The lower place first: the line numbers of the upper one still hold then.
    pairs = zip(places, (proposal.services, proposal.pipelines), strict=True)
    for place, entries in sorted(pairs, key=lambda pair: -pair[0].line):
        if entries:
            made = _section(place.section, entries, place.indent)
            body = made if place.is_missing else made.partition("\n")[2]
            lines[place.line : place.line] = [f"{line}{ending}" for line in body.splitlines()]
    return "".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where entries are added: before a line, counted from 0."""

    section: str
    line: int
    indent: int
    is_missing: bool = False


def _place(text: str, section: str) -> _Place:
    try:
        root: Any = YAML(typ="safe", pure=True).compose(text)
    except (YAMLError, ValueError, RecursionError) as error:
        raise TextError(f"it is no YAML: {one_line(str(error), 200)}") from None
    lines = text.splitlines()
    end = _Place(section=section, line=len(lines), indent=_INDENT, is_missing=True)
    if root is None:
        return end
    if not isinstance(root, MappingNode) or root.flow_style:
        raise TextError("it is written in braces; write services: and pipelines: on lines of their own")
    for key, value in root.value:
        if key.value != section:
            continue
        if not isinstance(value, MappingNode) or value.flow_style or not value.value:
            raise TextError(f"{section} is written on one line; give each entry a line of its own")
        indent = value.value[0][0].start_mark.column
        return _Place(section=section, line=_after(value, lines, indent), indent=indent)
    return end


def _after(node: Any, lines: Sequence[str], indent: int) -> int:
    """The line behind a mapping and behind the comments that stand deeper than its entries."""
    last = node
    while not getattr(last, "flow_style", False) and not isinstance(last, ScalarNode) and last.value:
        last = last.value[-1][1] if isinstance(last, MappingNode) else last.value[-1]
    mark = last.end_mark
    line = int(mark.line) + (1 if mark.column else 0)
    line = max(line, int(last.start_mark.line) + 1)
    while line < len(lines) and _is_deep_comment(lines[line], indent):
        line += 1
    return line


def _is_deep_comment(line: str, indent: int) -> bool:
    bare = line.lstrip(" ")
    return bare.startswith("#") and len(line) - len(bare) > indent


def _section(name: str, entries: Iterable[Entry], indent: int) -> str:
    """``name:`` and its entries below it, each after its comment."""
    section = CommentedMap()
    for entry in entries:
        section[entry.name] = _table(entry.fields)
    for entry in entries:
        if entry.said:
            section.yaml_set_comment_before_after_key(entry.name, before=_comment(entry.said), indent=indent)
    yaml = YAML()
    yaml.width = 4096
    yaml.allow_unicode = True
    yaml.indent(mapping=indent, sequence=indent + 2, offset=indent)
    out = io.StringIO()
    yaml.dump(CommentedMap({name: section}), out)
    return out.getvalue()


def _table(fields: Iterable[Field]) -> CommentedMap:
    table = CommentedMap()
    for one in fields:
        value: Any = _table(one.value) if _is_table(one.value) else _node(one.value, is_top=True)
        table[one.key] = value
        said = one.said.split("\n")
        if isinstance(value, CommentedSeq) and not value.fa.flow_style():
            for at, sentence in enumerate(said):
                _annotate(value, at, sentence)
        else:
            _annotate(table, one.key, one.said)
    return table


def _is_table(value: object) -> TypeGuard[tuple[Field, ...]]:
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], Field)


def _node(value: Any, *, is_top: bool = False) -> Any:
    """A list of tables one a line; every other list and every table on the line of its key."""
    if isinstance(value, Mapping):
        table = CommentedMap({key: _node(one) for key, one in value.items()})
        table.fa.set_flow_style()
        return table
    if isinstance(value, Sequence) and not isinstance(value, str):
        items = CommentedSeq([_node(one) for one in value])
        if not (is_top and all(isinstance(one, Mapping) for one in value)):
            items.fa.set_flow_style()
        return items
    return value


def _annotate(holder: Any, key: object, said: str) -> None:
    if said:
        holder.yaml_add_eol_comment(_comment(said), key, column=_COMMENT_AT)


def _comment(text: str) -> str:
    return redact(one_line(text, _LONGEST)).text
