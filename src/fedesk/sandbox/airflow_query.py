"""Airflow's filters, order and pages over anything, with its own refusals of what it does not understand."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from starlette.datastructures import QueryParams
from starlette.responses import Response

from fedesk.sandbox.airflow_documents import Document, answer_json
from fedesk.sandbox.airflow_login import RefusedError

ALL = "~"
"""In a path: not one, but all."""
MAXIMUM_PAGE_LIMIT = 100
FALLBACK_PAGE_LIMIT = 50
_MAX_SORT_PARAMS = 10

T = TypeVar("T")
Value = datetime | str | float | None
Keys = Mapping[str, Callable[[T], Value]]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A piece of a list, and how long the whole is."""

    rows: list[T]
    total: int


@dataclass(frozen=True, slots=True)
class Paging:
    """What piece of a list is wanted, in which order."""

    limit: int
    offset: int
    order_by: tuple[str, ...] = ()

    @classmethod
    def of_query(cls, query: QueryParams) -> "Paging":
        """From a GET: the limit is capped; raises RefusedError."""
        limit = whole_number(query, "limit", FALLBACK_PAGE_LIMIT)
        offset = whole_number(query, "offset", 0)
        return cls(min(limit, MAXIMUM_PAGE_LIMIT), offset, tuple(query.getlist("order_by")))

    @classmethod
    def of_body(cls, body: Mapping[str, object]) -> "Paging":
        """From a batch read: its limit is not capped [read in 3.3.2's source: LimitFilter(page_limit)]."""
        order = body.get("order_by")
        return cls(
            _body_number(body, "page_limit", 100),
            _body_number(body, "page_offset", 0),
            (str(order),) if order else (),
        )

    def page(self, rows: Iterable[T], keys: Keys[T], default: str) -> Page[T]:
        """The piece; raises RefusedError for an order that the list does not know."""
        found = list(rows)
        names = self.order_by or (default,)
        if len(names) > _MAX_SORT_PARAMS:
            raise RefusedError(
                400,
                f"Ordering with more than {_MAX_SORT_PARAMS} parameters is not allowed. Provided: {names}",
            )
        for name in reversed(names):
            key = keys.get(name.lstrip("-"))
            if key is None:
                raise RefusedError(
                    400,
                    f"Ordering with '{name.lstrip('-')}' is disallowed or "
                    "the attribute does not exist on the model",
                )
            found.sort(key=_nulls_first(key), reverse=name.startswith("-"))
        return Page(found[self.offset : self.offset + self.limit], len(found))


def collection(
    name: str, rows: Sequence[Document], page: Page[Any], more: Mapping[str, object] | None = None
) -> Response:
    """A page of a list as an answer."""
    return answer_json({name: rows, "total_entries": page.total, **(more or {})})


def _nulls_first(key: Callable[[T], Value]) -> Callable[[T], tuple[bool, float | str]]:
    def comparable(row: T) -> tuple[bool, float | str]:
        value = key(row)
        if value is None:
            return False, 0.0
        return True, value.timestamp() if isinstance(value, datetime) else value

    return comparable


def whole_number(query: Mapping[str, str], name: str, default: int) -> int:
    """A count of a query; raises RefusedError in FastAPI's words."""
    given = query.get(name)
    if given is None:
        return default
    try:
        number = int(given)
    except ValueError:
        problem: dict[str, object] = {
            "type": "int_parsing",
            "loc": ["query", name],
            "msg": "Input should be a valid integer, unable to parse string as an integer",
            "input": given,
        }
        raise RefusedError(422, [problem]) from None
    if number < 0:
        problem = {
            "type": "greater_than_equal",
            "loc": ["query", name],
            "msg": "Input should be greater than or equal to 0",
            "input": given,
            "ctx": {"ge": 0},
        }
        raise RefusedError(422, [problem])
    return number


def _body_number(body: Mapping[str, object], name: str, default: int) -> int:
    given = body.get(name, default)
    if not isinstance(given, int) or given < 0:
        raise RefusedError(
            422,
            [
                {
                    "type": "int_type",
                    "loc": ["body", name],
                    "msg": "Input should be a valid integer",
                    "input": given,
                }
            ],
        )
    return given


@dataclass(frozen=True, slots=True)
class Bounds:
    """The range that ``{field}_gte`` and its three siblings give."""

    gte: datetime | None = None
    gt: datetime | None = None
    lte: datetime | None = None
    lt: datetime | None = None

    @classmethod
    def of(cls, given: Mapping[str, object], field: str, place: str) -> "Bounds":
        """From a query or a body; raises RefusedError."""
        return cls(*(_moment(given, f"{field}_{end}", place) for end in ("gte", "gt", "lte", "lt")))

    def hold(self, moment: datetime | None) -> bool:
        """Whether a moment lies inside; none at all does so only where nothing is asked."""
        if self == _ANYTHING:
            return True
        if moment is None:
            return False
        return (
            (self.gte is None or moment >= self.gte)
            and (self.gt is None or moment > self.gt)
            and (self.lte is None or moment <= self.lte)
            and (self.lt is None or moment < self.lt)
        )


_ANYTHING = Bounds()


def _moment(given: Mapping[str, object], name: str, place: str) -> datetime | None:
    value = given.get(name)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
        return moment if moment.tzinfo is not None else moment.astimezone()
    except ValueError:
        problem = {
            "type": "datetime_from_date_parsing",
            "loc": [place, name],
            "msg": "Input should be a valid datetime or date, input is too short",
            "input": value,
            "ctx": {"error": "input is too short"},
        }
        raise RefusedError(422, [problem]) from None


def states(given: Sequence[object], valid: Iterable[str], *, none: str | None = None) -> frozenset[object]:
    """States that are asked for; ``none`` is the word that stands for no state. Raises RefusedError."""
    known = tuple(valid)
    found = frozenset(None if state == none else state for state in given)
    if any(state is not None and state not in known for state in found):
        raise RefusedError(422, f"Invalid value for state. Valid values are {', '.join(known)}")
    return found


def texts(body: Mapping[str, object], name: str) -> frozenset[object] | None:
    """A list of a body as a set, or None where it is not asked for; raises RefusedError."""
    given = body.get(name)
    if given is None:
        return None
    if not isinstance(given, list):
        problem = {
            "type": "list_type",
            "loc": ["body", name],
            "msg": "Input should be a valid list",
            "input": given,
        }
        raise RefusedError(422, [problem])
    return frozenset(given)


def filters(raw: bytes, known: set[str]) -> Mapping[str, object]:
    """The filters of a batch read; raises RefusedError in FastAPI's words."""
    try:
        body = json.loads(raw)
    except ValueError:
        body = raw.decode("utf-8", "replace")
    if not isinstance(body, dict):
        said = "Input should be a valid dictionary or object to extract fields from"
        problem: dict[str, object] = {
            "type": "model_attributes_type",
            "loc": ["body"],
            "msg": said,
            "input": body,
        }
        raise RefusedError(422, [problem])
    strange = [
        {
            "type": "extra_forbidden",
            "loc": ["body", name],
            "msg": "Extra inputs are not permitted",
            "input": body[name],
        }
        for name in body
        if name not in known
    ]
    if strange:
        raise RefusedError(422, strange)
    return body


def only_tilde(name: str, given: object) -> list[dict[str, object]]:
    """FastAPI's words where a batch read names one DAG or run in its path."""
    return [
        {
            "type": "literal_error",
            "loc": ["path", name],
            "msg": "Input should be '~'",
            "input": given,
            "ctx": {"expected": "'~'"},
        }
    ]
