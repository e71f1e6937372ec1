"""One query of somebody's catalogue, made fit to be sent: a single statement that reads, its binds beside it.

The role is what keeps a query from changing anything; this keeps it from being more than one, and from what
reads and acts in one: an anonymous procedure behind WITH, the flow operator, functions of the system.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal

from snowflake.connector.errors import Error

from fedesk.clients.snowflake_errors import MISSING, sql_error, words
from fedesk.clients.wording import quoted
from fedesk.domain.text import one_line
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import NotSentError, ProtocolError, SourceError

_LONGEST = 20_000
_TEXT = 500
_TOKEN = re.compile(
    r"""
    (?P<text>'(?:[^'\\]|''|\\.)*+'|\$\$.*?\$\$|"(?:[^"]|"")*+")
    | (?P<comment>--[^\n]*+|//[^\n]*+|/\*.*?\*/)
    | (?P<bind>(?<![\w"'\])$:]):[A-Za-z_]\w*+)
    | (?P<word>[A-Za-z_][\w$]*+)
    | (?P<open>['"]|\$\$|/\*)
    | (?P<other>->>|.)
    """,
    re.VERBOSE | re.DOTALL,
)
"""``v:name`` is a path into a VARIANT and ``::name`` a cast; a colon behind anything else begins a bind."""
_ACTS = frozenset({"CALL", "PROCEDURE", "EXECUTE", "INSERT", "UPDATE", "DELETE", "MERGE", "INTO"})


@dataclass(frozen=True, slots=True)
class Prepared:
    """A query with ``%s`` in the place of its binds, and their values in that order."""

    statement: str
    values: tuple[str, ...]


def prepared(query: str, binds: Mapping[str, str], endpoint: Endpoint) -> Prepared:
    """The query as it is sent; raises NotSentError for one that is not to be sent."""
    parts: list[str] = []
    values: list[str] = []
    said: list[str] = []
    if len(query) > _LONGEST:
        raise _refused(endpoint, f"it has more than {_LONGEST:,} characters", query)
    for token in _TOKEN.finditer(query):
        kind, text = token.lastgroup, token[0]
        if kind == "comment":
            parts.append(" ")
            continue
        if kind == "open":
            raise _refused(endpoint, f"a {text} in it is never closed", query)
        if kind == "bind":
            name = text[1:]
            if name not in binds:
                known = ", ".join(f":{one}" for one in sorted(binds)) or "none"
                raise _refused(endpoint, f"it has {text}, and what can be bound is {known}", query)
            values.append(binds[name])
            text = "%s"
        parts.append(text if kind == "bind" else text.replace("%", "%%"))
        if not text.isspace():
            said.append(text.upper() if kind == "word" else text)
    _check(said, endpoint, query)
    statement = "".join(parts).strip().rstrip("; \t\r\n")
    # Without values the connector sends a statement as it stands.
    return Prepared(statement if values else statement.replace("%%", "%"), tuple(values))


def _check(said: list[str], endpoint: Endpoint, query: str) -> None:
    while said and said[-1] == ";":
        said.pop()
    if not said or said[0] not in ("SELECT", "WITH"):
        raise _refused(endpoint, "it begins with neither SELECT nor WITH", query)
    if ";" in said or "->>" in said:
        raise _refused(endpoint, "it is more than one statement", query)
    acting = next((one for one in said if one in _ACTS or one.startswith("SYSTEM$")), "")
    if acting:
        raise _refused(endpoint, f"it may do more than read, by {acting}", query)


def _refused(endpoint: Endpoint, why: str, query: str) -> NotSentError:
    return NotSentError(
        f"{endpoint.name} is not asked {quoted(query, limit=120)}: {why}; correct the query in the catalogue"
    )


def as_text(value: object) -> str | None:
    """A value of a row as text: ``true``, ``0.30``, ``2026-11-20``; None for NULL."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case date() | time():
            return value.isoformat()
        case bytes() | bytearray():
            return bytes(value[:_TEXT]).hex()
        case _:
            return one_line(str(value), _TEXT)


def query_error(error: Error, endpoint: Endpoint) -> SourceError:
    """What Snowflake says of a query that it does not answer."""
    if error.errno in MISSING:
        return ProtocolError(
            f"{endpoint.name} has not what the query reads, or hides it from the role: "
            f"{quoted(words(error))}; see the query, `database`, `schema` and `role`"
        )
    return sql_error(error, endpoint)
