"""What a command prints, exports, completes and writes down is text, whatever systems and people worded.

What people word is of the corpus; names, errors and logs are those that the sandbox has for it in dev.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command_line import Run
from hostile_texts import CORPUS, MEGABYTE, SECRET, flaws

from fedesk.catalogue import load_catalogue
from fedesk.cli import completing
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.status import PipelineStatus, Status
from fedesk.glance import last_known
from fedesk.store.last_known import write_status
from fedesk.ui.faults import sentence, write_crash

DEV = (
    ("status",),
    ("failures", "--since", "30d"),
    ("runs", "hostile_texts"),
    ("log", "hostile_texts"),
    ("log", "finedge/dev/hostile-ci"),
    ("secrets", "list"),
)
LISTS = (("status",), ("failures", "--since", "30d"), ("runs", "hostile_texts"), ("secrets", "list"))
RECORD = (
    ("incident", "list"),
    ("incident", "show", "INC-1"),
    ("operations", "list"),
    ("audit", "tail", "--limit", "200"),
    ("audit", "show", "3"),
)


def printed(desk: Run, *words: str) -> Iterator[str]:
    """What a command prints, and what is wrong with it; a document of it is JSON."""
    ended = desk(*words)
    yield from flaws(" ".join(words), ended.out + ended.err, lines=True)
    assert ended.code in {0, 1}, (words, ended.err)
    if "--json" in words:
        assert json.loads(ended.out)["schema"]
    if "--json-lines" in words:
        assert all(json.loads(line)["schema"] for line in ended.out.splitlines())


def test_names_errors_and_logs_of_systems(desk: Run) -> None:
    """As text, as a document and line by line, what is printed acts on no terminal and is valid JSON."""
    found = [
        flaw
        for words in DEV
        for form in ((), ("--json",))
        for flaw in printed(desk, *words, "--env", "dev", *form)
    ]
    found += [flaw for words in LISTS for flaw in printed(desk, *words, "--env", "dev", "--json-lines")]
    assert found == []


def test_a_proposed_catalogue_is_a_catalogue(desk: Run, tmp_path: Path) -> None:
    """Names of systems stand in it so that YAML reads them, and no sign of theirs leaves its line."""
    ended = desk("catalog", "import", "--env", "dev")
    assert ended.code == 0, ended.err
    assert list(flaws("catalog import", ended.out + ended.err, lines=True)) == []
    file = tmp_path / "catalog.yaml"
    file.write_text(ended.out, encoding="utf-8")
    assert "hostile_texts" in load_catalogue(file).pipelines


def test_what_people_word(acting: Run) -> None:
    """Titles and notes of the corpus, on the record, in an incident's timeline, for a ticket, exported."""
    for number, text in enumerate(CORPUS.values()):
        acting("incident", "open", f"INC-{number}", text[:2_000])
        acting("incident", "note", "INC-1", text)
    found = [
        flaw for words in RECORD for form in ((), ("--json",)) for flaw in printed(acting, *words, *form)
    ]
    found += printed(acting, "incident", "show", "INC-1", "--markdown")
    found += printed(acting, "audit", "export", "--format", "jsonl")
    assert found == []
    ticket = acting("incident", "show", "INC-1", "--markdown").out
    assert "<script" not in ticket.replace("\\<", "")
    assert "](javascript" not in ticket.replace("\\]", "").replace("\\(", "")
    notes = acting("incident", "show", "INC-1", "--json").document("incident")["timeline"]
    assert len([one for one in notes if one["kind"] == "note"]) > len(CORPUS) - 5


def test_names_that_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each candidate is one line without a sign that acts, whatever the last known state holds."""
    names = tuple(text.replace(SECRET, "") for text in CORPUS.values() if text is not MEGABYTE)
    configuration = tmp_path / "fedesk.toml"
    configuration.write_text('[environments.prod]\nproduction = true\nmode = "guarded"\n', encoding="utf-8")
    pipelines = tuple(
        PipelineStatus(
            name=name, owner=name, tier=1, state="failed", last_run=f"prod/airflow:{name}/1",
            last_run_at=None, next_run=None,
        )
        for name in names
    )  # fmt: skip
    facts = EnvironmentFacts(name="prod", production=True, mode="guarded", timezone="UTC")
    runs = tuple(f"prod/airflow:{name}/1" for name in names)
    status = Status(
        environment=facts, at=datetime(2026, 11, 20, tzinfo=UTC), connections=(), pipelines=pipelines,
        jobs=names, runs=runs,
    )  # fmt: skip
    write_status(last_known(configuration, "prod"), status)
    monkeypatch.setenv("FEDESK_CONFIG", str(configuration))
    for words in (["log", ""], ["runs", ""], ["rerun", ""], ["log", "prod/airflow:"]):
        offered = completing.complete(words).candidates
        assert offered
        assert [flaw for one in offered for flaw in flaws("complete", f"{one.text}{one.told}")] == []


@pytest.mark.parametrize("text", [CORPUS["colours"], CORPUS["lone surrogates"], CORPUS["bidi"]])
def test_a_fault_tells_nothing_of_what_it_quotes(text: str, tmp_path: Path) -> None:
    """Neither the crash file nor the sentence on it has a word of the exception, its cause or a variable."""
    try:
        held = {"password": text}
        try:
            held[text]
        except KeyError as error:
            raise ValueError(f"{held} {text}") from error
    except ValueError as error:
        kept = write_crash(error, datetime(2026, 11, 20, tzinfo=UTC), tmp_path)
        told = sentence(error, kept)
    assert kept is not None
    assert list(flaws("the crash file", kept.read_text("utf-8"), lines=True)) == []
    assert list(flaws("the sentence", told)) == []
    assert "ValueError" in kept.read_text("utf-8")
