"""An incident's timeline as Markdown, fit to be pasted into a ticket: whatever was recorded is text in it."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo

from fedesk.domain.incidents import Incident, IncidentHistory, TimelineEntry, timeline
from fedesk.domain.redaction import redact
from fedesk.domain.text import one_line

_LONGEST = 1_000
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&$])")
"""What CommonMark and GitHub's tables and mathematics act on inside a line."""
_ADDRESS = re.compile(r"https?://[^\s<>|\\`]{1,1000}")
_HEAD = ("time", "what", "who", "to what", "said", "record")


def markdown(history: IncidentHistory, zone: tzinfo, zone_name: str) -> str:
    """Heading, how it stands, and a table with a line for each entry; times in the given zone."""
    return "\n".join(_lines(history, zone, zone_name)) + "\n"


def escaped(text: str) -> str:
    """Foreign text on one line that Markdown shows as it is; secrets are hidden."""
    return _MARKUP.sub(r"\\\1", one_line(redact(text).text, _LONGEST))


def standing(incident: Incident) -> str:
    """How it stands, in one word."""
    return "open" if incident.is_open else "closed"


def _lines(history: IncidentHistory, zone: tzinfo, zone_name: str) -> Iterator[str]:
    incident = history.incident
    yield f"## {escaped(incident.reason)}"
    yield ""
    yield f"- environment: {escaped(incident.environment)}"
    yield f"- opened: {_time(incident.opened_at, zone)} by {escaped(incident.opened_by)}"
    if incident.closed_at is not None:
        said = f": {escaped(incident.summary)}" if incident.summary else ""
        yield f"- closed: {_time(incident.closed_at, zone)} by {escaped(incident.closed_by)}{said}"
    yield f"- times: {escaped(zone_name)}"
    yield ""
    yield from entry_table(timeline(history), zone)


def entry_table(entries: Iterable[TimelineEntry], zone: tzinfo) -> Iterator[str]:
    """The lines of a table of what happened."""
    yield _row(_HEAD)
    yield _row(("---",) * len(_HEAD))
    for entry in entries:
        yield _row(_cells(entry, zone))


def _cells(entry: TimelineEntry, zone: tzinfo) -> tuple[str, ...]:
    link = f" <{entry.link}>" if _ADDRESS.fullmatch(redact(entry.link).text) else ""
    records = (
        f"operation {entry.operation}" if entry.operation else "",
        f"audit {entry.record}" if entry.record is not None else "",
    )
    return (
        _time(entry.at, zone),
        entry.kind.value,
        escaped(entry.who),
        escaped(entry.subject),
        escaped(entry.said) + link,
        escaped(", ".join(part for part in records if part)),
    )


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _time(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
