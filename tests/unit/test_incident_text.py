"""An incident as Markdown: a ticket shows what was recorded, and does nothing that it says."""

from dataclasses import replace
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from making import NOW, minutes
from markdown_it import MarkdownIt
from markdown_it.token import Token
from operation_values import RUN_ID, draft_of, operation, operation_id, plan_of

from fedesk.domain.audit import AuditRecord, Phase
from fedesk.domain.incident_text import escaped, markdown, standing
from fedesk.domain.incidents import Incident, IncidentHistory, IncidentNote, NoteKind
from fedesk.domain.redaction import redact
from fedesk.domain.text import one_line

LONDON = ZoneInfo("Europe/London")
INCIDENT = Incident(
    id="INC-4711",
    environment="prod",
    title="payments late",
    opened_at=NOW - minutes(5),
    opened_by="mara",
    opened_record=10,
)
RECORD = AuditRecord(
    seq=12,
    draft=draft_of(Phase.OUTCOME, target="prod", operation=operation_id(3), at=NOW, result="succeeded"),
    hash="0" * 64,
    raw=b"{}",
)
HOSTILE = (
    "a|b\n| c | <img src=x onerror=y> [x](javascript:z) `t` **b** _i_ ~~s~~ <!-- \\| $x$ &lt; # h"
    "\x1b[31m\u202e"
)
PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def a_note(said: str, link: str = "") -> IncidentNote:
    return IncidentNote(number=1, at=NOW, by="mara", kind=NoteKind.NOTE, said=said, link=link)


def of(*notes: IncidentNote, incident: Incident = INCIDENT) -> str:
    return markdown(IncidentHistory(incident=incident, notes=notes), LONDON, "Europe/London")


def cells(text: str) -> list[list[Token]]:
    """The inline tokens of each cell behind the head."""
    tokens = PARSER.parse(text)
    return [token.children or [] for before, token in pairwise(tokens) if before.type == "td_open"]


def test_it_is_a_heading_and_a_table_in_the_zone_of_people() -> None:
    """How it stands, then a line an entry; times on the environment's clocks, which are named."""
    closed = replace(INCIDENT, closed_at=NOW, closed_by="jon", closed_record=20, summary="the file came")
    history = IncidentHistory(
        incident=closed, notes=(a_note("looked"),), operations=(operation(3, journal=()),), records=(RECORD,)
    )
    sentence = escaped(plan_of().effects[0].sentence)
    assert (
        markdown(history, LONDON, "Europe/London")
        == f"""\
## INC-4711: payments late

- environment: prod
- opened: 2026-11-20 02:38:10 by mara
- closed: 2026-11-20 02:43:10 by jon: the file came
- times: Europe/London

| time | what | who | to what | said | record |
| --- | --- | --- | --- | --- | --- |
| 2026-11-20 02:38:10 | opened | mara | prod | payments late | audit 10 |
| 2026-11-20 02:40:10 | plan | mara@finedge.example | {escaped(f"prod/airflow:{RUN_ID}")} | {sentence} \
<http://127.0.0.1:8080/dags/payments_daily> | operation {operation_id(3)} |
| 2026-11-20 02:43:10 | note | mara |  | looked |  |
| 2026-11-20 02:43:10 | outcome | mara@finedge.example | prod | succeeded | \
operation {operation_id(3)}, audit 12 |
| 2026-11-20 02:43:10 | closed | jon | prod | the file came | audit 20 |
"""
    )
    assert "- closed: 2026-11-20 02:43:10 by jon\n" in of(incident=replace(closed, summary=""))
    assert "- closed" not in of()
    assert "| 2026-11-20 11:38:10 | opened |" in markdown(history, ZoneInfo("Asia/Tokyo"), "Asia/Tokyo")
    assert (standing(INCIDENT), standing(closed)) == ("open", "closed")


def test_hostile_text_is_only_text() -> None:
    """Pipes, tags, links, emphasis, code, mathematics, entities and escapes stand in their cell as text."""
    text = of(a_note(HOSTILE), incident=replace(INCIDENT, title=HOSTILE))
    found = cells(text)
    assert len(found) == 2 * 6
    assert all(token.type in {"text", "text_special"} for cell in found for token in cell)
    assert not {"\x1b", "\u202e"} & set(text)
    shown = "".join(token.content for token in found[10])
    assert "<img src=x onerror=y> [x](javascript:z)" in shown


def test_an_address_is_a_link_where_it_is_nothing_else() -> None:
    """Addresses of the web are links; what only begins like one, or holds a secret, is left out."""
    assert "looked <http://127.0.0.1/dags/payments_daily> |" in of(
        a_note("looked", "http://127.0.0.1/dags/payments_daily")
    )
    for link in (
        "javascript:alert(1)",
        "http://h/a|b",
        "http://h/ x",
        "http://h/<img>",
        "http://oncall:s3cret@h/",
    ):
        assert "| looked |" in of(a_note("looked", link)), link


def test_secrets_are_hidden() -> None:
    """What reached the store before a detector knew it is hidden where it is printed."""
    token = "hvs." + "CAESIJ1planted9f8e7d6c5b4a39281706f5e4d3c2b1a0"
    assert token not in of(a_note(f"VAULT_TOKEN={token}"), incident=replace(INCIDENT, title=token))


@given(st.text(max_size=200))
def test_whatever_was_written_reads_the_same(text: str) -> None:
    """Any text in a cell is shown as it is on one line, and is one cell of text."""
    found = cells(f"| a | b |\n| --- | --- |\n| x{escaped(text)}x | y |\n")
    assert len(found) == 2
    assert all(token.type in {"text", "text_special"} for token in found[0])
    assert "".join(token.content for token in found[0]) == f"x{one_line(redact(text).text, 1000)}x"
