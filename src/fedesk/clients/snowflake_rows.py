"""Rows of ``pipeline_runs`` as domain values, whatever types a team's table has."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

from fedesk.domain.runs import Load
from fedesk.domain.text import one_line

LOAD_COLUMNS = (
    "RUN_ID",
    "PIPELINE",
    "PARTITION",
    "START_TIME",
    "END_TIME",
    "STATUS",
    "ROWS_LOADED",
    "OPERATION_ID",
)
"""Of ``pipeline_runs``, as far as the desk knows them; a team's table may lack some."""
_TEXT = 500


def as_load(columns: tuple[str, ...], row: tuple[object, ...]) -> Load:
    """One row; columns that the table lacks stay empty."""
    value = dict(zip(columns, row, strict=True))
    return Load(
        run_id=_text(value.get("RUN_ID")),
        pipeline=_text(value.get("PIPELINE")),
        partition=_text(value.get("PARTITION")),
        status=_text(value.get("STATUS")),
        rows_loaded=_number(value.get("ROWS_LOADED")),
        started_at=as_moment(value.get("START_TIME")),
        ended_at=as_moment(value.get("END_TIME")),
        operation_id=_text(value.get("OPERATION_ID")),
    )


def as_moment(value: object) -> datetime | None:
    """A timestamp, date or text as aware UTC; one without a zone (TIMESTAMP_NTZ) is taken as UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time.min)
    if not isinstance(value, datetime):
        return None
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def _text(value: object) -> str:
    if value is None:
        return ""
    return one_line(value.isoformat() if isinstance(value, date) else str(value), _TEXT)


def _number(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        return int(value)
    except (ValueError, OverflowError):
        return None
