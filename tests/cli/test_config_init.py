"""Without a terminal nothing is asked: one sentence says what to do instead."""

import os
import stat
import sys
from pathlib import Path

import pexpect
import pytest
from command_line import Run


def test_without_a_configuration_and_a_terminal_both_ways_on_are_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence with where it would be, ``config init`` and ``demo``; exit code 2, and nothing written."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    ended = run()
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    for words in (str(tmp_path / "fedesk" / "fedesk.toml"), "`fedesk config init`", "`fedesk demo`"):
        assert words in ended.err
    assert list(tmp_path.iterdir()) == []


def test_init_without_a_terminal_says_how_the_file_is_written(run: Run, tmp_path: Path) -> None:
    """The place that was named, the page that shows one, and what checks it."""
    path = tmp_path / "mine.toml"
    ended = run("config", "init", "--config", str(path))
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    for words in (str(path), "docs/configuration.md", "`fedesk config validate`"):
        assert words in ended.err
    assert not path.exists()


def test_a_broken_configuration_still_says_its_mistakes(tmp_path: Path) -> None:
    """In a terminal: it is not offered to be written anew, and stays as it was."""
    path = tmp_path / "fedesk.toml"
    path.write_text('[environments.x]\nmode = "all"\n', encoding="utf-8")
    before = path.stat()
    child = pexpect.spawn(
        sys.executable,
        ["-m", "fedesk", "--config", str(path)],
        encoding="utf-8",
        timeout=60,
        env={"TERM": "xterm-256color", "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(tmp_path)},
    )
    said = child.read()
    child.close()
    assert child.exitstatus == 2
    assert f"{path}:2" in said
    assert "must be one of read-only, guarded" in said
    assert (path.stat().st_mtime_ns, stat.S_IMODE(path.stat().st_mode)) == (
        before.st_mtime_ns,
        stat.S_IMODE(before.st_mode),
    )
