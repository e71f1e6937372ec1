"""Commands that look at a board say which of fedesk's own operations somebody has to look at."""

from contextlib import closing
from datetime import timedelta

import pytest
from cli_situations import FAILED, YES, SilentLauncher, Situation
from command_line import Run

from fedesk.domain.operations import Owner
from fedesk.sandbox.server import Sandbox
from fedesk.services.processes import LocalProcesses


@pytest.mark.parametrize("command", ["status", "failures"])
@pytest.mark.usefixtures("nobody_comes")
def test_an_operation_that_nobody_carries_on_is_told(
    acting: Run, situation: Situation, sandbox: Sandbox, command: str
) -> None:
    """Its runner has died: stderr says so and where to look; the data on stdout stays what it was."""
    before = acting(command, "--env", "prod")
    assert "operations show" not in before.err
    assert acting("rerun", FAILED, *YES, launcher=lambda _: SilentLauncher()).code == 70
    (operation,) = situation.operations()
    me = LocalProcesses().me()
    dead = Owner(host=me.host, boot=me.boot, pid=2**22 - 1, started=me.started)
    now = sandbox.control.clock.now()
    with closing(situation.store()) as store:
        store.claim(operation.plan.operation, dead, now, timedelta(seconds=30), dead=None)
    after = acting(command, "--env", "prod")
    assert "the operation was left by a process that died" in after.err
    assert f"See `fedesk operations show {operation.plan.operation}`." in after.err
    assert after.code == before.code
    assert after.out.partition("PIPELINE")[2] == before.out.partition("PIPELINE")[2]
