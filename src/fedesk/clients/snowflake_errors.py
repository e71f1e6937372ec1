"""Snowflake's error numbers as fedesk's own errors.

Numbers of what the sandbox provokes are as connector 4.8 and 5.2 give them; the others are from documents or
memory, and were not seen on a real account. 39xxxx come from the login.
"""

from collections.abc import Container

from snowflake.connector.errors import Error

from fedesk.clients.wording import log_in_anew, quoted, status_error
from fedesk.ports.endpoint import Endpoint
from fedesk.ports.errors import (
    CredentialError,
    ForbiddenError,
    NotFoundError,
    ProtocolError,
    SourceError,
    TlsError,
    UnauthenticatedError,
)

_NO_CONNECTION = frozenset({14, 250001, 250002, 250003, 250006, 251011})
"""Given up, cause unknown: 14 is the SQL API's HYT00 of 5.x; 250003 says anything, TLS included."""
_TLS = frozenset({254007})
_KEY = frozenset({251007, 251008})
_HTTP = range(290100, 290600)
_LOGIN = range(390000, 400000)
_NOT_ALLOWED = frozenset({390189, 390422, 390420, 390427})
"""Role not granted; network policy."""
_FORBIDDEN = frozenset({3001, 540001})
_NO_WAREHOUSE = frozenset({606})
MISSING = frozenset({2003, 2043, 90105, 90106})
"""No such object, or none that the role may see."""


def is_about_the_connection(error: Error) -> bool:
    """Whether it says no more than that the server could not be worked with."""
    return error.errno in _NO_CONNECTION and "invalid snowflake response" not in str(error.msg).lower()


def sql_error(error: Error, endpoint: Endpoint) -> SourceError:
    """The error of the tree, as one sentence with Snowflake's own words."""
    where, number, own = str(endpoint.name), error.errno or 0, quoted(words(error))
    if number in _HTTP:
        return status_error(where, number - 290000, words(error))
    for numbers, kind, meaning, hint in _MEANINGS:
        if number in numbers:
            # What is said of a key is left out: it might quote from it.
            said = "" if numbers is _KEY else f": {own}"
            todo = log_in_anew(endpoint, hint) if numbers is _LOGIN else f"see {hint}"
            return kind(f"{where} {meaning}{said}; {todo}")
    return ProtocolError(f"{where} could not answer: {own} (error {number:06d})")


_MEANINGS: tuple[tuple[Container[int], type[SourceError], str, str], ...] = (
    (_NOT_ALLOWED, ForbiddenError, "does not let the user in with this role or from here", "`role`"),
    (_LOGIN, UnauthenticatedError, "refuses the login", "`account`, `user` and `credential`"),
    (_FORBIDDEN, ForbiddenError, "does not allow this", "`account` and `role`"),
    (
        MISSING,
        NotFoundError,
        "has no table PIPELINE_RUNS that the role may read",
        "`database`, `schema` and `role`",
    ),
    (_NO_WAREHOUSE, ForbiddenError, "has no warehouse to read with", "`warehouse` and `role`"),
    (_KEY, CredentialError, "is given a private key that the connector cannot use", "`credential`"),
    (_TLS, TlsError, "has a certificate or TLS that is not accepted", "`host` and `proxy`"),
)
"""The first that holds an error's number says what it is."""


def words(error: Error) -> str:
    """The message without the number and SQL state that the connector puts before it."""
    text = str(getattr(error, "raw_msg", None) or error.msg or "")
    number = f"{error.errno:06d}" if error.errno else ""
    for _ in range(2):
        head, separator, rest = text.partition(": ")
        if number and separator and head.startswith(number):
            text = rest
    return text
