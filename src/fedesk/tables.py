"""Reads nested tables, of TOML or YAML, into msgspec structs, and notes every mistake, not the first."""

import re
import types
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Struct
from msgspec.structs import FieldInfo

from fedesk.mistakes import Findings, Place, printable, unknown

StructT = TypeVar("StructT", bound=Struct)

Hook = Callable[[type, object], object]
"""Makes a value of a type that msgspec does not know; raises ValueError with the reason."""

_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
    "datetime": "a time",
    "date": "a date",
    "time": "a time",
}


def read_table(
    kind: type[StructT],
    table: object,
    place: Place,
    findings: Findings,
    hook: Hook,
) -> StructT | None:
    """The struct of a table; every mistake goes to ``findings``.

    A key with a mistake has its default, so that the rest is judged too; None where a required one is wrong.
    """
    if not isinstance(table, dict):
        findings.add_first(place, f"expected a table, got {word_for(table)}")
        return None
    fields = _fields(kind)
    for key in table:
        if key not in fields:
            findings.add_first((*place, str(key)), unknown("key", fields, str(key)))
    values: dict[str, Any] = {}
    good = True
    for name, field in fields.items():
        here = (*place, name)
        if name in table:
            value = _value(field.type, table[name], here, findings, hook)
            if value is not _WRONG:
                values[field.name] = value
            elif field.required:
                good = False
        elif field.required:
            good = False
            findings.add_first(here, "is missing")
    return kind(**values) if good else None


@cache
def _fields(kind: type[Struct]) -> dict[str, FieldInfo]:
    """By their names in a file: msgspec works them out anew each time."""
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def read_tables(
    kind: type[StructT], tables: object, place: Place, findings: Findings, hook: Hook
) -> dict[str, StructT]:
    """Structs by name, of a table of tables; those with a mistake are left out."""
    if not isinstance(tables, dict):
        findings.add_first(place, f"expected a table, got {word_for(tables)}")
        return {}
    read = {
        str(name): read_table(kind, table, (*place, str(name)), findings, hook)
        for name, table in tables.items()
    }
    return {name: struct for name, struct in read.items() if struct is not None}


_WRONG = object()


def _value(kind: Any, value: object, place: Place, findings: Findings, hook: Hook) -> Any:
    variants = get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if type(None) in variants and value is None:
        return None
    for variant in variants:
        if isinstance(variant, type) and issubclass(variant, Struct):
            struct = read_table(variant, value, place, findings, hook)
            return _WRONG if struct is None else struct
    item = get_args(kind)[0] if get_origin(kind) is tuple else None
    if item is not None and isinstance(value, list):
        items = [_value(item, each, (*place, at), findings, hook) for at, each in enumerate(value)]
        return _WRONG if _WRONG in items else tuple(items)
    try:
        return msgspec.convert(value, kind, dec_hook=hook)
    except msgspec.ValidationError as error:
        findings.add_first(place, _sentence(kind, error))
        return _WRONG


def word_for(value: object) -> str:
    """What a value is, in the words of the messages."""
    if value is None:
        return "nothing"
    names = {dict: "a table", list: "a list", str: "text", bool: "true or false", int: "a whole number"}
    return names.get(type(value), "a number" if isinstance(value, float) else "something else")


def _sentence(kind: object, error: msgspec.ValidationError) -> str:
    """The library's message in plain words; the value itself is never quoted, it might be a secret."""
    choices = [
        choice for part in (kind, *get_args(kind)) if get_origin(part) is Literal for choice in get_args(part)
    ]
    if choices and str(error).startswith("Invalid enum value"):
        words = ", ".join(str(choice) for choice in choices)
        return f"must be one of {words}"
    if isinstance(error.__cause__, ValueError):
        return printable(str(error.__cause__), 300)
    text = re.sub(r" - at `\$.*`$", "", str(error))
    if text.endswith(" of length >= 1"):
        return "must not be empty"
    text = re.sub(r"`(\w+)(?: \| null)?`", lambda match: _WORDS.get(match[1], match[1]), text)
    text = text.replace(">= ", "from ").replace("<= ", "up to ").replace("> ", "greater than ")
    return text[:1].lower() + text[1:]
