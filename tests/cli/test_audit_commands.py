"""``fedesk audit``: the log as it is read, checked and taken elsewhere."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from cli_situations import FAILED, YES, Situation
from command_line import Run

from fedesk.sandbox.server import Sandbox

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def refused(acting: Run) -> Run:
    """A log of three refusals: two of prod, the last of staging."""
    for environment in ("staging", "dev"):
        assert acting("rerun", FAILED, *YES, "--env", environment).code == 3
    other = FAILED.replace("prod/", "staging/")
    assert acting("rerun", other, "--yes", "--env", "prod").code == 3
    return acting


def test_the_tail_has_every_field_of_the_newest_records(refused: Run) -> None:
    """Oldest first, numbered without gaps; who, where from, what and why not."""
    records = refused("audit", "tail", "--json").document("audit")["records"]
    assert [record["seq"] for record in records] == [1, 2, 3]
    first = records[0]
    assert (first["phase"], first["action"], first["target"]) == ("refusal", "rerun", FAILED)
    assert first["actor"]["pid"] == os.getpid()
    assert first["actor"]["known_by"] == "operating system"
    assert "staging was named" in first["result"]
    assert first["time"] == "2026-11-20T02:43:10.000000Z"
    newest = refused("audit", "tail", "--limit", "1", "--json").document("audit")["records"]
    assert newest == records[-1:]
    of_prod = refused("audit", "tail", "--env", "prod", "--json").document("audit")
    assert of_prod["environment"] == "prod"
    assert of_prod["records"] == records[:2]
    text = refused("audit", "tail")
    assert [line.split()[0] for line in text.out.splitlines()] == ["SEQ", "1", "2", "3"]


def test_records_of_one_operation_are_told_apart(acting: Run) -> None:
    """--operation takes a whole id, of a refused plan too; what begins no operation is exit 1."""
    acting("rerun", FAILED, "--env", "staging")
    nothing = acting("audit", "tail", "--operation", "0190aaaa-0000-7000-8000-000000000000", "--json")
    assert nothing.document("audit")["records"] == []
    assert acting("audit", "tail", "--operation", "0190").code == 1


def test_a_record_is_shown_by_its_number(refused: Run) -> None:
    """One record; a refusal has no plan; a number that is none is exit 1, one that cannot be exit 2."""
    shown = refused("audit", "show", "2", "--json").document("audit-record")
    assert (shown["record"]["seq"], shown["environment"], shown["plan"]) == (2, "prod", None)
    assert f"target       {FAILED}" in refused("audit", "show", "2").out
    missing = refused("audit", "show", "99")
    assert (missing.code, missing.err) == (1, "There is no record 99; `fedesk audit tail` has the newest\n")
    assert refused("audit", "show", "0").code == 2


def test_a_log_that_is_whole_is_exit_0(refused: Run) -> None:
    """How many records, and the hash of the last, which one keeps elsewhere."""
    found = refused("audit", "verify", "--deep", "--json").document("audit-verification")
    assert (found["clean"], found["records"], found["flaw"]) == (True, 3, None)
    assert found["head"] in refused("audit", "verify").out


@pytest.mark.parametrize("deep", [(), ("--deep",)])
def test_the_first_bad_record_is_named_with_exit_1(
    refused: Run, situation: Situation, deep: tuple[str, ...]
) -> None:
    """A record that somebody has altered in the file, past what the database itself forbids, is found."""
    with closing(sqlite3.connect(situation.state_file)) as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for name in names:
            database.execute(f'DROP TRIGGER "{name}"')
        raw = database.execute("SELECT record FROM audit WHERE seq = 2").fetchone()[0]
        altered = bytes(raw).replace(b"dev was named", b"dev was asked")
        assert altered != raw
        database.execute("UPDATE audit SET record = ? WHERE seq = 2", (altered,))
        database.commit()
    ended = refused("audit", "verify", *deep, "--json")
    assert ended.code == 1
    found = ended.document("audit-verification")
    assert (found["clean"], found["records"], found["flaw"]["seq"]) == (False, 1, 2)
    assert refused("audit", "verify", *deep).out.startswith("record 2: ")


def test_a_store_that_cannot_be_read_is_exit_6(acting: Run, situation: Situation) -> None:
    """Nothing is said of a log that cannot be read, least of all that it is whole."""
    situation.state_file.write_bytes(b"this is no database" * 100)
    for words in (("tail",), ("show", "1"), ("verify",), ("export",)):
        ended = acting("audit", *words)
        assert (ended.code, ended.out) == (6, ""), words
        assert str(situation.state_file) in ended.err


def checker() -> str:
    """The program in docs/audit.md that checks an export."""
    found = re.search(r"```python\n(import hashlib.*?)```", (DOCS / "audit.md").read_text(), re.DOTALL)
    assert found
    return found[1]


def checked(lines: bytes) -> int:
    """How that program ends over an export."""
    program = [sys.executable, "-c", checker()]
    return subprocess.run(program, input=lines, capture_output=True, check=False).returncode


def test_an_export_can_be_checked_by_another_program(refused: Run) -> None:
    """Each line holds the stored bytes and the hash; the docs' program finds a changed byte, a lost line."""
    ended = refused("audit", "export", "--format", "jsonl")
    lines = ended.out.encode()
    assert checked(lines) == 0
    assert checked(lines.replace(b"dev was named", b"dev was asked")) == 1
    assert checked(b"".join(lines.splitlines(keepends=True)[1:])) == 1
    records = [json.loads(line) for line in lines.splitlines()]
    assert [one["record"]["seq"] for one in records] == [1, 2, 3, 4]
    last = records[-1]["record"]
    assert (last["phase"], last["action"], last["target"]) == ("export", "audit-export", "standard output")
    assert ended.err == f"4 records exported; head {records[-1]['hash']}\n"


def test_an_export_to_a_file_is_whole_or_not_there(
    refused: Run, tmp_path: Path, situation: Situation
) -> None:
    """The file takes its name when it is whole, and is its owner's alone; --json tells of it."""
    file = tmp_path / "audit.jsonl"
    ended = refused("audit", "export", "--output", str(file), "--json")
    assert ended.code == 0, ended.err
    told = ended.document("audit-export")
    assert (told["file"], told["records"]) == (str(file), 4)
    assert checked(file.read_bytes()) == 0
    assert file.stat().st_mode & 0o077 == 0
    assert told["head"] == situation.records()[-1].hash
    away = refused("audit", "export", "--output", str(tmp_path / "nowhere" / "audit.jsonl"))
    assert (away.code, "could not be written" in away.err) == (1, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit.jsonl"]
    assert refused("audit", "export", "--json").code == 2
    assert refused("audit", "export", "--format", "csv").code == 2


def test_what_cannot_be_recorded_is_not_exported(refused: Run, situation: Situation, tmp_path: Path) -> None:
    """The export's own record comes first: where it cannot be written there is no export, exit 6."""
    with closing(sqlite3.connect(situation.state_file)) as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'full'); END")
        database.commit()
    file = tmp_path / "audit.jsonl"
    ended = refused("audit", "export", "--output", str(file))
    assert ended.code == 6, ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_goes_away_ends_an_export_quietly(refused: Run, sandbox: Sandbox) -> None:
    """`fedesk audit export | head -1` prints no complaint, and the export is on record all the same."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fedesk", "audit", "export", "--config", str(sandbox.config_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    complaint = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait() in {0, 141}
    assert "Traceback" not in complaint
    assert "BrokenPipe" not in complaint
    newest = refused("audit", "tail", "--limit", "1", "--json").document("audit")["records"][0]
    assert newest["phase"] == "export"
