"""The command line, run in this process, as a person who starts fresh, against the sandbox."""

import re
from datetime import datetime
from pathlib import Path

import pytest
from cli_situations import Situation, runners_of
from command_line import Changed, Ended, Run, StillClock

from fedesk.__main__ import main
from fedesk.cli.session import LauncherOf
from fedesk.sandbox.server import Sandbox


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line; ``at`` holds the desk's clock still. No traceback ever reaches anybody.

    ``launcher`` starts runners instead of the desk's own, which start processes.
    """
    # Five seconds are enough for a runner, but not on a machine that is busy with tests.
    monkeypatch.setattr("fedesk.cli.watching.CLAIM_WITHIN", 60.0)

    def run_it(*arguments: str, at: datetime | None = None, launcher: LauncherOf | None = None) -> Ended:
        capsys.readouterr()
        code = main(arguments, clock=StillClock(at) if at else None, launcher=launcher)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Ended(code=code, out=captured.out, err=captured.err)

    return run_it


@pytest.fixture
def desk(run: Run, sandbox: Sandbox) -> Run:
    """The same, pointed at the sandbox, at the sandbox's own moment."""

    def run_it(*arguments: str, at: datetime | None = None, launcher: LauncherOf | None = None) -> Ended:
        moment = at or sandbox.control.clock.now()
        return run(*arguments, "--config", str(sandbox.config_path), at=moment, launcher=launcher)

    return run_it


@pytest.fixture
def acting(desk: Run, sandbox: Sandbox) -> Run:
    """The same, its operations executed in this process; where they wait, the world's time goes on."""

    def run_it(*arguments: str, launcher: LauncherOf | None = None) -> Ended:
        return desk(*arguments, launcher=launcher or runners_of(sandbox))

    return run_it


@pytest.fixture
def nobody_comes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """No runner takes what is confirmed: it is waited for in two looks, without a pause."""
    del run  # whose patience this one's stands in for
    monkeypatch.setattr("fedesk.cli.watching.CLAIM_WITHIN", 0.05)
    monkeypatch.setattr("fedesk.cli.watching.pause", lambda _: None)


@pytest.fixture
def situation(sandbox: Sandbox) -> Situation:
    """What the world, its request log and the store say."""
    return Situation(sandbox)


@pytest.fixture
def changed(sandbox: Sandbox, tmp_path: Path) -> Changed:
    """The sandbox's configuration with patterns replaced, in a file of its own, its catalogue kept or not."""

    def write(*changes: tuple[str, str], catalogue: bool = True) -> Path:
        text = sandbox.config_path.read_text(encoding="utf-8")
        where = f'catalog = "{sandbox.config_path.parent / "catalog.yaml"}"' if catalogue else ""
        text = text.replace('catalog = "catalog.yaml"', where)
        for pattern, replacement in changes:
            text, count = re.subn(pattern, replacement, text, flags=re.DOTALL)
            assert count, pattern
        file = tmp_path / "fedesk.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write
