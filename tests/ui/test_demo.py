"""The demo where it cannot begin; how it goes where it can is in ``test_tour``."""

import sys

import pytest

from fedesk.ui import demo


def test_sandbox_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox that ends before it is there is told in its own last words."""
    monkeypatch.setattr(demo, "COMMAND", (sys.executable, "-c", "raise SystemExit('no port is free')"))
    sandbox = demo.SandboxProcess()
    try:
        with pytest.raises(demo.SandboxDidNotStartError, match="no port is free"):
            sandbox.configuration()
    finally:
        sandbox.end()
