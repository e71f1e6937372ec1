"""A secret that systems say, a person pastes or the configuration refers to stands nowhere afterwards.

The real program in a pseudo-terminal and on the command line, over a sandbox in real time whose systems say
secrets wherever they can. Then everything is searched: files, the store, the bytes of the terminal, outputs,
and what the machine shows of the processes that act.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest
from planted import SESSION, LeakyWorld, Planted, found
from raw_server import RawServer, say
from real_desk import CONFIRM, ESCAPE, PASTE, RealDesk, runners, until, variables
from test_killed_desk import config_of, has_ended

from fedesk.__main__ import main
from fedesk.domain.operations import Outcome
from fedesk.sandbox.server import Sandbox, start
from fedesk.store.operations import SqlStore

SLOW = 0.05
"""Seconds that each answer of Airflow takes: the process that acts can be looked at."""

MARK = re.compile(rb"\[hidden: ?([a-z-]+)\]")
"""What stands in the place of a secret."""


@dataclass(kw_only=True)
class Evidence:
    """What was left behind."""

    home: Mapping[str, str]
    config: Path
    given: list[str] = field(default_factory=list)
    """Words of command lines, and a configuration that was refused."""
    outputs: dict[str, bytes] = field(default_factory=dict)
    processes: dict[str, bytes] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)

    def look_at_children(self, pid: int) -> None:
        """Note what /proc shows of the processes below one."""
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(pid).children(recursive=True):
                if child.pid not in self.seen:
                    self._look_at(child)

    def _look_at(self, child: psutil.Process) -> None:
        folder = Path("/proc", str(child.pid))
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes()
            if b"execute" not in words:
                return
            self.processes[f"argv of {child.pid}"] = words
            self.processes[f"environment of {child.pid}"] = (folder / "environ").read_bytes()
            self.seen.add(child.pid)

    def started(self, *words: str) -> int:
        """Run a command line in a process of its own to its end; its exit code."""
        with tempfile.TemporaryFile() as printed:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "fedesk", *words, "--config", str(self.config)],
                env=dict(self.home),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
            )
            until(lambda: self._has_ended(process))
            printed.seek(0)
            self.outputs[f"process {words[0]}"] = printed.read()
        return process.returncode

    def _has_ended(self, process: "subprocess.Popen[bytes]") -> bool:
        self.look_at_children(process.pid)
        return process.poll() is not None


@pytest.fixture
def world() -> Iterator[Sandbox]:
    """Jenkins and Airflow that say secrets."""
    running = start(LeakyWorld(Planted()), systems=("jenkins", "airflow", "vault"))
    yield running
    running.close()


@pytest.fixture
def evidence(
    world: Sandbox, tmp_path: Path, raw_server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> Evidence:
    """A desk of these, whose Vault answers with a secret, and whose credentials are referred to."""
    planted = leaky(world).planted
    body = json.dumps({"errors": [f"1 error occurred: token={planted.server_error} is not known"]}).encode()
    head = f"HTTP/1.1 500 Oh\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    config = config_of(world, tmp_path)
    text = config.read_text(encoding="utf-8").replace(
        world.urls["vault"], raw_server(say(head.encode() + body))
    )
    text = re.sub(r'credential = "command:cat \S+/jenkins"', 'credential = "env:DESK_JENKINS"', text)
    assert "env:DESK_JENKINS" in text
    assert "command:cat" in text
    config.write_text(text, encoding="utf-8")
    jenkins = world.world.identity("jenkins", writer=True).credential
    home = variables(tmp_path / "home", DESK_JENKINS=jenkins)
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    return Evidence(home=home, config=config)


def leaky(sandbox: Sandbox) -> LeakyWorld:
    """Its world."""
    assert isinstance(sandbox.world, LeakyWorld)
    return sandbox.world


def secrets_of(sandbox: Sandbox) -> dict[str, str]:
    """Everything that is searched for, by its name; of credentials what is random in them."""
    credentials = {
        f"credential of {system}": sandbox.world.identity(system, writer=system != "vault").credential[-24:]
        for system in ("jenkins", "airflow", "vault")
    }
    return {**asdict(leaky(sandbox).planted), **credentials}


def at_the_desk(sandbox: Sandbox, evidence: Evidence, store: SqlStore) -> RealDesk:
    """What a person does in a night: look at everything, run it again, read the record, leave."""
    desk = RealDesk(evidence.config, "prod", evidence.home)
    try:
        desk.until("payments_daily")
        desk.until("leak.py")
        read_the_build(desk, leaky(sandbox))
        read_the_run(desk)
        desk.press("R")
        desk.until("type its name")
        sandbox.control.fault("airflow", "slow", seconds=SLOW)
        confirm(desk, leaky(sandbox).planted)
        while not has_ended(store):
            evidence.look_at_children(desk.process.pid)
            desk.read()
        desk.until("✓ succeeded")
        sandbox.control.clear_faults()
        read_the_record(desk, leaky(sandbox).planted)
        assert desk.leave() == 0
    except BaseException:
        desk.close()
        raise
    return desk


def read_the_build(desk: RealDesk, world: LeakyWorld) -> None:
    """A plan that its parameters stand against, these and its causes, and its log."""
    desk.command(f"rerun prod/jenkins:{world.build_name}")
    desk.until("✗ Blocked")
    desk.press("\r")
    desk.until(lambda: "LABEL" in desk.text() and "Blocked" not in desk.text())
    desk.press("w")
    desk.until("secrets hidden")
    desk.press("G")
    desk.until("[hidden: github-token]")
    desk.press(ESCAPE)
    desk.until("LABEL")
    desk.press(ESCAPE)
    desk.until("✗ Blocked")
    desk.press(ESCAPE)
    desk.until("Triage")


def read_the_run(desk: RealDesk) -> None:
    """Its steps and its note, and the log of the one that failed."""
    desk.press("/payments_daily\r")
    desk.press("g\r")
    desk.until("see api_key: [hidden: secret]")
    desk.press("l")
    desk.until("secrets hidden")
    desk.press("G")
    desk.until("[hidden: private-key]")
    desk.press(ESCAPE)
    desk.until("wait_for_upstream")


def confirm(desk: RealDesk, planted: Planted) -> None:
    """The name, a reason that is pasted with a secret in it, and the yes."""
    desk.press("prod\t")
    desk.until("▏ why, or a ticket")
    desk.press(PASTE.format(f"late file, ghp_{planted.reason}"))
    desk.until("ARMED")
    desk.press(CONFIRM)


def read_the_record(desk: RealDesk, planted: Planted) -> None:
    """What was done, and an address that is no run's, which is quoted as far as it may be."""
    desk.command(f"log https://mara:{planted.typed}@jenkins.example/job/x/1/")
    desk.until("is no run of a")
    desk.command("audit show 2")
    desk.until(lambda: "Record 2" in desk.text() and "“late file, [hidden: github-token]”" in desk.text())
    desk.press(ESCAPE)
    desk.until(lambda: "Record 2" not in desk.text())
    desk.press("u")
    desk.until(lambda: "─ Operations ─" in desk.text())
    desk.command("audit tail")
    desk.until("write-window")
    desk.press("\r")
    desk.until(lambda: "─ Record 3 ─" in desk.text())


def on_the_command_line(sandbox: Sandbox, evidence: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    """The same with commands: a re-run in dev by real processes, then everything that prints."""
    world, planted = leaky(sandbox), leaky(sandbox).planted
    run = next(
        f"dev/airflow:{run.plan.dag_id}/{run.plan.run_id}"
        for run in reversed(world.dag_runs("dev"))
        if run.state == "failed"
    )
    sandbox.control.fault("airflow", "slow", seconds=SLOW)
    reason = f"--reason=INC-7, password={planted.option}"
    assert evidence.started("rerun", run, "--yes", "--json", reason) == 0, evidence.outputs
    sandbox.control.clear_faults()
    build = f"prod/jenkins:{world.build_name}"
    address = f"https://mara:{planted.address}@jenkins.example/job/x/1/"
    refused = evidence.config.with_name("refused.toml")
    text = evidence.config.read_text(encoding="utf-8")
    text = text.replace("http://", f"https://mara:{planted.configuration}@", 1)
    refused.write_text(text, encoding="utf-8")
    evidence.given += [reason, address, text]
    for words in (
        ("status", "--json"),
        ("status",),
        ("failures", "--json"),
        ("failures",),
        ("runs", "payments_daily", "--json"),
        ("runs", "finedge/prod/payments-ci"),
        ("log", build),
        ("log", "payments_daily"),
        ("rerun", build, "--dry-run", "--json"),
        ("rerun", build, "--confirm", "prod", "--write", "prod", reason),
        ("rerun", address, "--yes"),
        ("log", address),
        ("config", "show"),
        ("config", "validate", "--config", str(refused)),
        ("secrets", "list", "--json"),
        ("operations", "list", "--json"),
        ("operations", "show", "--json"),
        ("operations", "show"),
        ("audit", "tail", "--json"),
        ("audit", "show", "2", "--json"),
        ("audit", "show", "2"),
        ("audit", "verify", "--deep"),
        ("audit", "export", "--format", "jsonl"),
    ):
        given = () if "--config" in words else ("--config", str(evidence.config))
        code = main((*words, *given))
        printed = capsys.readouterr()
        number = len(evidence.outputs)
        evidence.outputs[f"{number}: {words[0]}, {code}"] = (printed.out + printed.err).encode()
    refused.unlink()


def test_what_is_planted_is_nowhere(
    world: Sandbox, evidence: Evidence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No file, no store, no byte to the terminal, no output, no argv and no environment has any of it."""
    with closing(SqlStore(tmp_path / "state.sqlite3")) as store:
        desk = at_the_desk(world, evidence, store)
        on_the_command_line(world, evidence, capsys)
        operations = store.operations()
        owners = {one.owner.pid for one in operations if one.owner is not None}
        assert [one.outcome for one in operations] == [Outcome.SUCCEEDED] * 2
        assert store.verify(deep=True).flaw is None
        # With the log of what is written ahead, and without it.
        files = dict(files_below(tmp_path))
    files |= {f"{name}, closed": content for name, content in files_below(tmp_path)}
    until(lambda: not runners(evidence.config))
    # Those that acted were looked at, and so were those that waited for them.
    assert owners < evidence.seen
    screens = {f"screen {number}": one.encode() for number, one in enumerate(desk.screens)}
    terminal = {"the terminal": bytes(desk.received), **screens}
    everything = {**files, **terminal, **evidence.outputs, **evidence.processes}
    secrets = secrets_of(world)
    shown = {"typed in the terminal", *(f"typed in {name}" for name in screens)}
    leaks = sorted(set(found(secrets, everything.items())) - shown)
    assert not leaks, "\n".join(leaks)
    marks = {mark for content in everything.values() for mark in MARK.findall(content)}
    assert marks >= {b"password", b"secret", b"github-token", b"private-key", b"url-password"}
    # The search finds each where it was planted.
    planted = "\n".join([*answers(world, evidence), *evidence.given, bytes(desk.sent).decode()]).encode()
    assert found(secrets, [("its place", planted)]) == [f"{name} in its place" for name in secrets]
    assert [place for place, content in everything.items() if SESSION.search(content)] == []


def answers(sandbox: Sandbox, evidence: Evidence) -> Iterator[str]:
    """What the systems say to somebody who may read them, and the credentials that are referred to."""
    world = leaky(sandbox)
    job, _, number = world.build_name.partition("#")
    jenkins = world.identity("jenkins", writer=True)
    with httpx.Client(auth=(jenkins.user, jenkins.credential), base_url=sandbox.urls["jenkins"]) as client:
        address = f"/job/{'/job/'.join(job.split('/'))}/{number}"
        yield client.get(f"{address}/api/json").text
        yield client.get(f"{address}/consoleText").text
    airflow = world.identity("airflow", writer=True)
    with httpx.Client(base_url=f"{sandbox.urls['airflow']}/prod") as client:
        given = {"username": airflow.user, "password": airflow.credential}
        client.headers["Authorization"] = (
            f"Bearer {client.post('/auth/token', json=given).json()['access_token']}"
        )
        yield client.get("/api/v2/importErrors").text
        yield world.noted
    yield httpx.get(re.findall(r'url = "(http://[^"]+)"', vault_of(evidence))[0]).text
    folder = sandbox.config_path.parent / "credentials"
    yield from (path.read_text(encoding="utf-8") for path in folder.iterdir())


def vault_of(evidence: Evidence) -> str:
    """The part of the configuration that names the Vault."""
    return evidence.config.read_text(encoding="utf-8").partition("[environments.prod.vault]")[2]


def files_below(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file, by its name."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()
