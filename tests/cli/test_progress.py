"""What is under way is told on stderr: on a terminal by a line that goes again, else by one now and then."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence

import pexpect
import pytest

from fedesk.cli.progress import looking
from fedesk.domain.names import ConnectionName

WORK = """
import sys
from fedesk.cli.progress import under_way
with under_way("[bold]looking[/] at prod\\x1b[2J") as say:
    {meanwhile}
print("the result")
"""
WAIT = "sys.stdin.readline(); say('nearly there'); sys.stdin.readline()"


def program(meanwhile: str) -> list[str]:
    return ["-c", WORK.format(meanwhile=meanwhile)]


@pytest.fixture
def terminal() -> Iterator[pexpect.spawn]:
    """A terminal in which the work goes on until it is let go."""
    child = pexpect.spawn(
        sys.executable,
        program(WAIT),
        env=os.environ | {"TERM": "xterm", "NO_COLOR": "1"},
        encoding="utf-8",
        dimensions=(24, 80),
        echo=False,
    )
    yield child
    child.close(force=True)


def test_a_terminal_shows_one_line_that_is_gone_in_the_end(terminal: pexpect.spawn) -> None:
    """What is done is told, and told anew; then the line is erased, and the result stands."""
    terminal.expect_exact("[bold]looking[/] at prod")
    assert "\x1b[2J" not in terminal.before
    terminal.sendline()
    terminal.expect_exact("nearly there")
    terminal.sendline()
    terminal.expect_exact("\x1b[2K")
    terminal.expect_exact("the result")
    terminal.expect(pexpect.EOF)
    assert "nearly" not in terminal.before


def test_what_is_soon_done_is_not_told() -> None:
    """Neither on stderr nor on stdout, nor is what would draw it imported."""
    code = WORK.format(meanwhile="pass") + "\nassert 'rich' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("the result\n", "")


def test_without_a_terminal_it_is_a_line_now_and_then() -> None:
    """On stderr, whole lines without an escape, for as long as it lasts."""
    work = WORK.format(meanwhile="sys.stdin.readline()")
    code = f"import fedesk.cli.progress as progress\nprogress.LATER = 0.05\n{work}"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr
        lines = [child.stderr.readline(), child.stderr.readline()]
        out, _ = child.communicate("\n")
    assert all(line.startswith("[bold]looking[/] at prod, ") for line in lines)
    assert all(line.endswith(" s so far\n") and "\x1b" not in line for line in lines)
    assert out == "the result\n"


def test_a_look_names_whom_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several systems, how many were read, and the names of those that were not."""
    seen: list[Sequence[str]] = []
    monkeypatch.setattr("fedesk.cli.progress._in_lines", lambda said, _: seen.append(said))
    one, other = ConnectionName("prod", "jenkins"), ConnectionName("prod", "airflow")
    with looking([one, other]) as read:
        read(one)
    assert seen == [["1 of 2 read, waiting for prod/airflow"]]
    with looking([one]) as read:
        read(one)
    assert seen[1] == ["1 of 1 read"]
