"""Ways to leave, in a real terminal: by key, by signal, with systems that hang, by a mistake, by a fault."""

import signal
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import psutil
import pytest

SCRIPT = Path(__file__).with_name("desk_in_a_terminal.py")
RESTORED = "\x1b[?1049l"
"""The alternate screen is left (xterm's control sequences, DECRST 1049)."""

Start = Callable[[str], pexpect.spawn]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """The desk in a pseudo-terminal of 120 by 30, in one of the modes of the script."""

    def run(mode: str) -> pexpect.spawn:
        return pexpect.spawn(
            sys.executable,
            [str(SCRIPT), mode, str(tmp_path)],
            dimensions=(30, 120),
            encoding="utf-8",
            timeout=60,
            env={
                "TERM": "xterm-256color",
                "PATH": "/usr/bin:/bin",
                "PYTHONPATH": str(SCRIPT.parent),
                "LANG": "C.UTF-8",
            },
        )

    return run


def ended(child: pexpect.spawn) -> tuple[int | None, str]:
    """What it still wrote, and its exit code; waits for the process to end by itself."""
    rest = child.read()
    child.close()
    return child.exitstatus, rest


@pytest.mark.parametrize("mode", ["hung", "slow"])
def test_quitting_waits_for_nothing(start: Start, mode: str) -> None:
    """With a system that never answers, or a desk that never opens, q restores the terminal and ends."""
    child = start(mode)
    child.expect("reading the log" if mode == "hung" else "PROD")
    child.send("q")
    code, rest = ended(child)
    assert code == 0
    assert RESTORED in rest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_restore_the_terminal(start: Start, number: signal.Signals) -> None:
    """A desk that is told to end leaves the terminal as it found it."""
    child = start("fine")
    child.expect("payments_daily")
    child.kill(number)
    code, rest = ended(child)
    assert code == 0
    assert RESTORED in rest


def test_a_terminal_that_went_away_while_it_took_nothing_holds_nobody(start: Start) -> None:
    """Stopped by ctrl+s or a bad line, then hung up: what waits to be written is dropped, the desk ends."""
    child = start("fine")
    child.expect("payments_daily")
    process = psutil.Process(child.pid)
    # Nobody reads any more; when it does nothing any longer, all it could keep back is full.
    child.send("12" * 600)
    spent = -1.0
    while spent < (now := sum(process.cpu_times()[:2])):
        spent = now
        time.sleep(0.3)
    child.ptyproc.fileobj.close()
    try:
        process.wait(20)
    except psutil.TimeoutExpired:
        process.kill()
        raise


def test_mistake_is_told_after_the_terminal_is_restored(start: Start) -> None:
    """A mistake of configuration ends the desk with exit code 2 and its sentence, and no traceback."""
    child = start("mistake")
    child.expect("PROD")
    code, rest = ended(child)
    assert code == 2
    assert "did you mean `mode`?" in rest[rest.index(RESTORED) :]
    assert "Traceback" not in rest


def test_fault_is_one_sentence_and_a_file_without_values(start: Start, tmp_path: Path) -> None:
    """A handler that raises ends the desk with 70: one sentence, and a crash file without values."""
    child = start("fault")
    child.expect("payments_daily")
    child.send("r")
    code, rest = ended(child)
    assert code == 70
    said = rest[rest.index(RESTORED) :]
    assert "fedesk failed and has ended (RuntimeError)." in said
    assert "Traceback" not in said
    assert "hunter2" not in said
    [kept] = tmp_path.glob("crash-*.txt")
    assert kept.name in said.replace("\r\n", "")
    text = kept.read_text(encoding="utf-8")
    assert "in fail" in text
    assert "hunter2" not in text
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
