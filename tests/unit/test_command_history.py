"""What was typed is kept over restarts: the user's alone, without secrets, bounded."""

import stat
from pathlib import Path

import pytest

from fedesk.ui.command_history import KEPT, LONGEST, CommandHistory


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where it is kept; the folder is made when it is needed."""
    return tmp_path / "state" / "command_history"


def test_what_was_typed_is_there_after_a_restart(file: Path) -> None:
    """The oldest first, what was typed twice in a row once, and what begins with a space not at all."""
    history = CommandHistory(file)
    for line in ("status", "failures", "failures", " env dev", "", "status"):
        history.add(line)
    assert list(CommandHistory(file).lines) == ["status", "failures", "status"]


def test_the_file_is_its_owners_alone(file: Path) -> None:
    """Nobody else can read it, even where it was made for all to read."""
    file.parent.mkdir()
    file.touch(mode=0o644)
    CommandHistory(file).add("status")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_secret_is_hidden_before_it_is_kept(file: Path) -> None:
    """Neither the file nor what is recalled has what was pasted."""
    secret = "ghp_" + "aB3" * 12
    history = CommandHistory(file)
    history.add(f"rerun x --reason 'token={secret}'")
    assert secret not in file.read_text(encoding="utf-8")
    assert secret not in "".join(history.lines)
    assert history.lines[0].startswith("rerun x --reason ")


def test_it_is_bounded(file: Path) -> None:
    """A long line is cut, and a file that has grown is cut to the newest when it is read."""
    file.parent.mkdir()
    file.write_text("".join(f"runs p{index}\n" for index in range(3 * KEPT)), encoding="utf-8")
    history = CommandHistory(file)
    assert list(history.lines) == [f"runs p{index}" for index in range(2 * KEPT, 3 * KEPT)]
    assert file.read_text(encoding="utf-8").splitlines() == list(history.lines)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    history.add("x" * 5 * LONGEST)
    assert (len(history.lines), len(history.lines[-1])) == (KEPT, LONGEST)


def test_a_damaged_file_harms_nobody(file: Path) -> None:
    """Broken UTF-8, escapes and a file that is a folder are no fault; what is whole is recalled, harmless."""
    file.parent.mkdir()
    file.write_bytes(b"\xff\xfe\n\x1b[31mstatus\x1b[0m\n\n" + b"z" * 50_000 + b"\nfailures\n")
    lines = CommandHistory(file).lines
    assert (lines[1], lines[-1], len(lines[2])) == ("status", "failures", LONGEST)
    folder = CommandHistory(file.parent)
    folder.add("status")
    assert list(folder.lines) == ["status"]


def test_older_and_newer_by_what_they_begin_with(file: Path) -> None:
    """Only what begins so, in any case; or what holds it anywhere; what reads alike is passed over."""
    history = CommandHistory(file)
    for line in ("runs a", "status", "RUNS b", "log a", "runs b", "status", "runs b"):
        history.add(line)
    end = len(history.lines)
    assert history.find("runs", end, -1) == 6
    assert history.find("runs b", 6, -1) == 2
    assert history.find("runs", 2, -1) == 0
    assert history.find("runs", 0, -1) is None
    assert history.find("runs", 0, 1) == 2
    assert history.find(" a", end, -1, anywhere=True) == 3
    assert history.find("", 6, 1) is None
