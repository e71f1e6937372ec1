"""``fedesk log`` in part and ``fedesk grep`` over several runs, against the sandbox."""

import json
import re
import stat
from pathlib import Path

import jsonschema
import pytest
from command_line import SCHEMAS, Changed, Run

from fedesk.sandbox.long_log import LINE
from fedesk.sandbox.server import Sandbox

JOB = "finedge/prod/deploy-payments"


def records(out: str) -> list[dict[str, object]]:
    """Lines of --json-lines, each as its schema allows."""
    schema = jsonschema.Draft202012Validator(
        json.loads((SCHEMAS / "log-line.json").read_text(encoding="utf-8"))
    )
    found = [json.loads(line) for line in out.splitlines()]
    for one in found:
        schema.validate(one)
    return found


@pytest.fixture
def long_build(desk: Run, sandbox: Sandbox) -> str:
    """A build of 20,000 lines (2.5 MB), number 12,345 of which tells of an error."""
    newest = desk("runs", JOB, "--limit", "1", "--json").document("runs")["runs"][0]["run"]
    sandbox.control.long_log(newest.partition(":")[2], lines=20_000, error=12_345)
    sandbox.control.clear_requests()
    return str(newest)


def test_the_last_lines_of_a_long_log_are_had_without_the_rest(
    desk: Run, sandbox: Sandbox, long_build: str
) -> None:
    """--tail asks for the end by range: a few small answers, not the log."""
    ended = desk("log", long_build, "--tail", "3")
    assert re.findall(r"chunk (\d+)", ended.out) == ["000019997", "000019998", "000019999"]
    logs = [one for one in sandbox.control.requests("jenkins") if "logText" in one.path]
    assert len(logs) <= 4
    numbered = desk("log", long_build, "--tail", "2", "--errors", "--json").document("log")
    assert numbered["numbers"] == [12_346]


def test_lines_are_chosen_by_what_they_say(desk: Run, long_build: str) -> None:
    """--errors, --grep and --regex print the lines that match, with their numbers in JSON."""
    only = desk("log", long_build, "--errors")
    assert only.out.count("\n") == 1
    assert "checksum mismatch for part 000012345" in only.out
    found = records(desk("log", long_build, "--grep", "part 000012345", "--json-lines").out)
    assert [(one["line"], one["matches"]) for one in found] == [(12_346, True)]
    assert desk("log", long_build, "--grep", "chunk 0000[0-9]{2}99:", "--regex").out.count("\n") == 0
    assert desk("log", long_build, "--grep", "chunk 00000[0-9]{2}99:", "--regex").out.count("\n") == 100
    refused = desk("log", long_build, "--grep", "(x", "--regex")
    assert refused.code == 2
    assert "no regular expression of RE2" in refused.err


def test_times_are_hidden_or_told_on_the_environments_clocks(desk: Run, long_build: str) -> None:
    """--no-timestamps takes them out, --timestamps tells them in the environment's zone."""
    bare = desk("log", long_build, "--tail", "1", "--no-timestamps").out
    assert bare.startswith("[base] read chunk 000019999")
    local = desk("log", long_build, "--tail", "1", "--timestamps").out
    assert re.match(r"\d\d:\d\d:\d\d \[base\] read chunk 000019999", local)


def test_a_log_is_saved_for_oneself_and_nothing_is_written_over(
    desk: Run, long_build: str, tmp_path: Path
) -> None:
    """--output makes a new file of 0600, secrets hidden; a file that is there stays as it is."""
    target = tmp_path / "build.log"
    saved = desk("log", long_build, "--output", str(target))
    assert (saved.code, saved.out) == (0, "")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert target.stat().st_size == 20_000 * LINE
    again = desk("log", long_build, "--output", str(target))
    assert again.code == 1
    assert "is there already" in again.err
    assert target.stat().st_size == 20_000 * LINE
    assert desk("log", long_build, "--output", str(tmp_path / "no" / "where")).code == 1
    assert [one.name for one in tmp_path.iterdir()] == ["build.log"]


def test_all_tries_are_had_one_behind_the_other(desk: Run) -> None:
    """--all-attempts prints each try of the task; one try is the part that is its own."""
    failed = "payments_daily"
    every = desk("log", failed, "--all-attempts", "--json").document("log")
    first = desk("log", failed, "--attempt", "1", "--json").document("log")
    assert every["lines"][: every["tries"][0]["lines"]] == first["lines"]
    assert len(every["tries"]) > 1
    assert [one["task"].rpartition("@")[2] for one in every["tries"]] == [
        str(number + 1) for number in range(len(every["tries"]))
    ]
    assert desk("log", failed, "--all-attempts", "--follow").code == 2


def test_a_text_is_looked_for_in_several_runs(desk: Run, long_build: str) -> None:
    """As grep: names, ``:`` and ``-``, numbers, context, counts; 0 where something was found, else 1."""
    found = desk("grep", "checksum mismatch", long_build, "payments_daily", "-n", "-C", "1")
    assert found.code == 0
    lines = [line.removeprefix(long_build) for line in found.out.splitlines() if line.startswith(long_build)]
    assert [line[:7] for line in lines] == ["-12345-", ":12346:", "-12347-"]
    counted = desk("grep", "CHECKSUM mismatch", long_build, "-i", "--count")
    assert counted.out == f"{long_build}:1\n"
    nothing = desk("grep", "nowhere to be found", long_build)
    assert (nothing.code, nothing.out) == (1, "")
    told = desk("grep", "checksum", long_build, "--json").document("grep")
    assert [one["line"] for one in told["lines"]] == [12_346]
    assert [one["count"] for one in told["logs"]] == [1]
    lined = records(desk("grep", "-E", "part 0+12345", long_build, "--json-lines").out)
    assert [one["line"] for one in lined] == [12_346]


def test_every_task_and_every_run_since_then_is_looked_through(desk: Run) -> None:
    """A DAG run is searched task by task; with --since each run of a pipeline since then."""
    one = desk("grep", "started on", "payments_daily", "--json").document("grep")
    assert len({log["task"] for log in one["logs"]}) > 1
    several = desk("grep", "started on", "payments_daily", "--since", "3d", "--json").document("grep")
    assert len({log["run"] for log in several["logs"]}) > 1


def test_a_log_that_cannot_be_read_is_told_and_the_others_go_on(
    desk: Run, sandbox: Sandbox, long_build: str
) -> None:
    """What was found is printed, and the exit code says that not all was looked through."""
    sandbox.control.fault("airflow", "status", status=503)
    ended = desk("grep", "checksum", long_build, "prod/airflow:payments_daily/x")
    assert ended.code == 8
    assert "checksum mismatch" in ended.out
    assert "prod/airflow:payments_daily/x" in ended.err


PHI = (r"\[environments\.prod\]\n", "[environments.prod]\nphi = true\n")


def test_where_health_information_is_every_reading_is_recorded(
    run: Run, changed: Changed, sandbox: Sandbox, tmp_path: Path, long_build: str
) -> None:
    """In a phi environment a log, a search and a saved log are on the record; no line of them is."""
    config, at = str(changed(PHI)), sandbox.control.clock.now()
    run("log", long_build, "--tail", "1", "--config", config, at=at)
    run("grep", "checksum", long_build, "--config", config, at=at)
    run("log", long_build, "--errors", "--output", str(tmp_path / "x.log"), "--config", config, at=at)
    shown = run("audit", "tail", "--config", config, "--json", at=at).document("audit")["records"]
    acts = [(one["action"], one["phase"]) for one in shown if one["action"].startswith("log-")]
    assert acts == [
        ("log-read", "access"), ("log-read", "access"), ("log-export", "export"), ("log-read", "access")
    ]  # fmt: skip
    assert {one["target"] for one in shown if one["action"].startswith("log-")} == {long_build}
    assert "checksum" not in json.dumps(shown)


def test_what_cannot_be_recorded_is_not_read(
    run: Run, changed: Changed, sandbox: Sandbox, tmp_path: Path, long_build: str
) -> None:
    """Where the store cannot be written no log of a phi environment is asked for: exit code 6."""
    text = changed(PHI).read_text(encoding="utf-8")
    blocked = tmp_path / "blocked"
    blocked.write_text("", encoding="utf-8")
    text = re.sub(r"url = \"sqlite[^\"]*\"", f'url = "sqlite:///{blocked}/fedesk.sqlite3"', text)
    file = tmp_path / "phi.toml"
    file.write_text(text, encoding="utf-8")
    sandbox.control.clear_requests()
    target = tmp_path / "x.log"
    ended = run("log", long_build, "--output", str(target), "--config", str(file))
    assert (ended.code, ended.out) == (6, "")
    assert not target.exists()
    assert run("grep", "checksum", long_build, "--config", str(file)).code == 6
    assert not [one for one in sandbox.control.requests("jenkins") if "logText" in one.path]
