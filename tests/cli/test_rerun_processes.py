"""``fedesk rerun`` and the process that acts for it: real ones, silent ones, and a command that is gone."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from cli_situations import (
    FAILED,
    UNTOUCHED,
    YES,
    SilentLauncher,
    Situation,
)
from command_line import Changed, Run

from fedesk.domain.operations import Outcome, Stage, StepState
from fedesk.sandbox.server import Sandbox
from fedesk.services.following import follow
from fedesk.services.processes import LocalProcesses


@pytest.mark.usefixtures("nobody_comes")
def test_a_runner_that_takes_nothing_is_told_with_its_own_words(acting: Run, situation: Situation) -> None:
    """A while without CLAIMED: its stderr is shown, exit 70; nothing was sent; the way on is named."""
    runner = SilentLauncher("ModuleNotFoundError: no such thing")
    ended = acting("rerun", FAILED, *YES, launcher=lambda _: runner)
    assert ended.code == 70
    assert "ModuleNotFoundError: no such thing" in ended.err
    (operation,) = situation.operations()
    assert runner.told == [operation.plan.operation]
    assert f"fedesk operations show {operation.plan.operation}" in ended.err
    assert runner.cancelled
    assert situation.clears() == []


def test_only_a_yes_starts_a_runner_and_it_gets_that_systems_credential(acting: Run) -> None:
    """A dry run and a missing yes start no process; a runner gets the target's credential alone."""
    runner = SilentLauncher()
    for words in (("--dry-run",), ()):
        acting("rerun", FAILED, *words, launcher=lambda _: runner)
    assert runner.credentials == {}
    acting("rerun", FAILED, "--yes", launcher=lambda _: runner)
    assert [str(name) for name in runner.credentials] == ["prod/airflow"]
    assert runner.told == []
    assert runner.cancelled


def test_leaving_does_not_end_the_operation(
    acting: Run, situation: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl+C ends the telling with 130 and names the operation that goes on."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fedesk.cli.watching.pause", interrupt)
    ended = acting("rerun", FAILED, *YES, launcher=lambda _: SilentLauncher())
    assert ended.code == 130
    (operation,) = situation.operations()
    assert f"`fedesk operations show {operation.plan.operation}`" in ended.err


def test_the_real_runner_does_it_too(run: Run, changed: Changed, situation: Situation) -> None:
    """With a process of its own, fed by a pipe: the same outcome, and no credential on the way."""
    file = changed()
    ended = run("rerun", FAILED, *YES, "--json", "--config", str(file))
    assert ended.code == 0, ended.err
    change = ended.document("change")
    assert change["outcome"] == "succeeded"
    assert situation.state() is not UNTOUCHED
    (operation,) = situation.operations()
    assert operation.owner is not None
    assert [entry.state for entry in operation.journal if entry.step][-1] is StepState.DONE
    secret = re.search(r"command:cat (\S+/airflow)", file.read_text())
    assert secret
    assert Path(secret[1].strip('"')).read_text() not in ended.out + ended.err


@pytest.mark.parametrize(
    "sign",
    [
        signal.SIGHUP,
        pytest.param(signal.SIGINT, marks=pytest.mark.soak),
        pytest.param(signal.SIGKILL, marks=pytest.mark.soak),
    ],
    ids=lambda sign: sign.name,
)
def test_the_command_may_end_in_mid_operation(
    situation: Situation, sandbox: Sandbox, sign: signal.Signals
) -> None:
    """Ctrl+C, a lost terminal, a killed command: the operation ends well without it, sent once."""
    # The plan's look and the runner's are answered at once, the change itself is not.
    sandbox.control.fault("airflow", "slow", match="clearTaskInstances", after=2, seconds=1.5)
    words = ["rerun", FAILED, *YES, "--config", str(sandbox.config_path)]
    # Tests that run under nohup hand down that SIGHUP is ignored.
    inherited = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    command = subprocess.Popen(
        [sys.executable, "-m", "fedesk", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    signal.signal(signal.SIGHUP, inherited)
    with ExitStack() as at_end:
        # Whatever fails here leaves no process behind.
        at_end.callback(command.kill)
        assert command.stderr is not None
        told = next((line for line in command.stderr if line.startswith(b"clear: intended")), b"")
        assert told
        (begun,) = situation.operations()
        assert begun.owner is not None
        # Held until the command is gone: otherwise it might be told of the end first.
        os.kill(begun.owner.pid, signal.SIGSTOP)
        at_end.callback(os.kill, begun.owner.pid, signal.SIGCONT)
        os.killpg(command.pid, sign)
        _, rest = command.communicate(timeout=30)
        assert command.returncode == (130 if sign is signal.SIGINT else -sign)
    assert (b"fedesk operations show" in rest) == (sign is signal.SIGINT)
    (operation,) = situation.operations()
    with closing(situation.store()) as store:
        *_, last = follow(store, operation.plan.operation, pause=time.sleep, processes=LocalProcesses())
    assert (last.stage, last.outcome) == (Stage.ENDED, Outcome.SUCCEEDED)
    assert len(situation.clears()) == 1
    assert situation.phases() == ["intent", "outcome"]


def test_a_terminal_that_goes_away_keeps_the_exit_code_quiet(situation: Situation, sandbox: Sandbox) -> None:
    """Nobody reads stdout or stderr any more: no complaint, and the operation ends well."""
    words = ["rerun", FAILED, *YES, "--config", str(sandbox.config_path)]
    command = subprocess.Popen(
        [sys.executable, "-m", "fedesk", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert command.stdout is not None
    assert command.stderr is not None
    command.stdout.close()
    complaint = command.stderr.read().decode()
    command.stderr.close()
    assert command.wait() in {0, 141}
    assert "Traceback" not in complaint
    assert [one.outcome for one in situation.operations()] == [Outcome.SUCCEEDED]


class BreakingLauncher(SilentLauncher):
    """As soon as an operation is begun, the store can no longer be read."""

    def __init__(self, situation: Situation) -> None:
        super().__init__()
        self._situation = situation

    def go(self, operation: str) -> None:
        super().go(operation)
        for file in self._situation.state_file.parent.glob("fedesk.sqlite3*"):
            file.write_bytes(b"overwritten" * 4096)


def test_a_store_that_breaks_after_the_confirmation_leaves_the_outcome_unknown(
    acting: Run, situation: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was begun may have been sent: that it cannot be told is exit 7, not the 6 of nothing sent."""
    monkeypatch.setattr("fedesk.cli.watching.CLAIM_WITHIN", 0.2)
    ended = acting("rerun", FAILED, *YES, "--json", launcher=lambda _: BreakingLauncher(situation))
    assert ended.code == 7, ended.err
    assert ended.document("change")["exit_code"] == 7
    assert str(situation.state_file) in ended.err
