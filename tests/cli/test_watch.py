"""``fedesk watch``: what it prints, how it ends, and that a real process tells people, killed or not."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from command_line import SCHEMAS, Changed, Run
from test_json_lines import line_schema
from told_server import Told

Configured = Callable[..., Path]
KEY = "R0UTINGKEY0123456789abcdef012345"
FROZEN = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
"""When the sandbox stands still."""
WAIT = 60.0
"""Seconds; far more than anything here takes."""


@pytest.fixture
def configured(changed: Changed, told: Told, monkeypatch: pytest.MonkeyPatch) -> Configured:
    """A configuration over the sandbox that tells a receiver of prod."""
    monkeypatch.setenv("PAGER", KEY)

    def write() -> Path:
        # One system is enough, and each costs every look.
        file = changed(
            *((rf"\[environments\.prod\.{system}\].*?(?=\n\[)", "") for system in ("jenkins", "vault"))
        )
        text = file.read_text(encoding="utf-8")
        tables = f"""
[notify.receivers.pager]
pagerduty = "env:PAGER"
url = "{told.url}"
[[notify.routes]]
environments = ["prod"]
to = ["pager"]
"""
        file.write_text(text + tables, encoding="utf-8")
        return file

    return write


def test_once_tells_what_is_to_be_told_and_ends(run: Run, configured: Configured, told: Told) -> None:
    """What pages in prod; 8 while the receiver is down, which is told once it is up. No record is written."""
    file = str(configured())
    down = run("watch", "--once", "--json", "--config", file, at=FROZEN)
    assert down.code == 8
    assert {one["what"] for one in down.document("watch")["events"]} == {
        "leads",
        "noticed",
        "not sent",
        "ended",
    }
    noticed = [one["key"] for one in down.document("watch")["events"] if one["what"] == "noticed"]
    assert "page:prod:failed:prod/airflow:payments_daily:" in " ".join(noticed)
    assert KEY not in down.out + down.err
    told.up()
    minute = FROZEN + timedelta(minutes=1)
    later = run("watch", "--once", "--json-lines", "--config", file, at=minute)
    lines = [json.loads(line) for line in later.out.splitlines()]
    schema = json.loads((SCHEMAS / "watch.json").read_text(encoding="utf-8"))
    for line in lines:
        jsonschema.validate(line, line_schema(schema, "events"), jsonschema.Draft202012Validator)
    assert later.code == 0
    assert sorted(told.alerts) == sorted(noticed)
    assert len(told.requests) == len(noticed)
    assert run("audit", "tail", "--config", file).out == "there is no such record in the audit log\n"


def test_what_is_not_configured_or_makes_no_sense_is_said(
    run: Run, desk: Run, configured: Configured
) -> None:
    """Nobody to tell, --json without an end, an environment that is not there: exit 2."""
    nobody = desk("watch", "--once")
    assert nobody.code == 2
    assert "names nobody to tell" in nobody.err
    file = str(configured())
    endless = run("watch", "--json", "--config", file)
    assert (endless.code, "--once" in endless.err) == (2, True)
    assert run("watch", "--once", "--env", "prd", "--config", file).code == 2


class Watching:
    """A real ``fedesk watch``, whose events are read as they come."""

    def __init__(self, file: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fedesk", "watch", "--json-lines", "--config", str(file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"PAGER": KEY},
            text=True,
        )
        assert self.process.stdout is not None
        self.lines: Iterator[dict[str, Any]] = (json.loads(line)["event"] for line in self.process.stdout)

    def until(self, *wanted: str) -> None:
        """Read events until each of these has been: what happened, and the beginning of a key."""
        missing = set(wanted)
        for one in self.lines:
            said = f"{one['what']} {one['key'] or ''}"
            missing = {start for start in missing if not said.startswith(start)}
            if not missing:
                return
        raise AssertionError(missing)

    def end(self) -> None:
        """Nothing is left running."""
        self.process.kill()
        self.process.wait(WAIT)
        assert self.process.stdout is not None
        self.process.stdout.close()


def test_killed_while_a_receiver_answers_another_sends_again_and_ends_well(
    run: Run, configured: Configured, told: Told
) -> None:
    """SIGKILL between the send and its record; the next one takes over at once; SIGTERM ends it with 0.

    Doctor says who watches since when, and that nobody does.
    """
    file = configured()
    first = Watching(file)
    killed: list[str] = []

    def kill() -> None:
        if not killed:
            killed.append(told.requests[-1][2]["dedup_key"])
            os.kill(first.process.pid, signal.SIGKILL)
            first.process.wait(WAIT)

    told.before = kill
    told.up()
    second = None
    try:
        assert first.process.wait(WAIT) == -signal.SIGKILL
        second = Watching(file)
        second.until("sent died:2", f"sent {killed[0]}")
        doctor = ("doctor", "--env", "prod", "--config", str(file))
        assert f"note: watch: Process {second.process.pid} on " in run(*doctor).out
        second.process.send_signal(signal.SIGTERM)
        second.until("ended")
        assert second.process.wait(WAIT) == 0
        (nobody,) = run(*doctor, "--json").document("doctor")["watch"]["complaints"]
        assert nobody["gravity"] == "warning"
        assert nobody["sentence"].startswith("Nobody watches")
    finally:
        for one in (first, second):
            if one is not None:
                one.end()
    keys = [body["dedup_key"] for body in told.bodies]
    assert keys.count(killed[0]) == 2, "it was sent again, under the same key"
    assert "stopped:2" in keys
