"""Releases by keys over the sandbox: P shows which gate is in the way; what passes, fails and is put back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from in_process import InProcessLauncher
from painting import type_in, until
from test_desk_on_sandbox import PATIENCE, SIZE
from test_operation_screen import frame, words
from test_rerun_on_sandbox import Opened
from textual.pilot import Pilot

from fedesk.domain.operations import Operation, Outcome, Stage, StepState
from fedesk.sandbox.server import Sandbox
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.main import MainScreen
from fedesk.ui.screens.operation import OperationScreen

GOVERNED = """
[identity]
principal = "mara@finedge.example"
[people."mara@finedge.example"]
roles = ["releaser"]
[policy.promote]
approvals = 0
"""
"""Mara may promote alone, and may waive nothing."""
GATES = {
    "chargebacks": {"gate built from commit", "gate data quality"},
    "lending": {"gate unit"},
    "open_banking": {"gate security scan"},
    "invoices": {"gate verified before", "gate soaked"},
    "loyalty": {"gate digest"},
    "fraud": {"gate stops"},
    "cards": {"gate migrations", "gate secrets"},
    "merchants": {"gate upstream", "somebody at it"},
}


@pytest.fixture
def opened(sandbox: Sandbox, tmp_path: Path) -> Iterator[Opened]:
    made = Opened(sandbox, tmp_path, governed=GOVERNED)
    yield made
    for desk in made.desks:
        assert isinstance(desk.launcher, InProcessLauncher)
        for thread in desk.launcher.threads:
            thread.join(PATIENCE)


def at_release(app: DeskApp) -> str:
    """The service under the cursor; empty where no list is seen."""
    return app.screen.target.service if isinstance(app.screen, MainScreen) else ""


async def looked_at(pilot: Pilot[int], app: DeskApp, gates: set[str]) -> None:
    """P at the service under the cursor, the keys that confirm, and back."""
    await pilot.press("P")
    await until(pilot, lambda: isinstance(app.screen, OperationScreen), PATIENCE)
    screen = frame(app)
    await until(pilot, lambda: screen.item.made is not None, PATIENCE)
    assert screen.item.made is not None
    guards = screen.item.made.proposal.guards
    assert {one.guard for one in guards if one.blocks} == gates
    await until(pilot, lambda: all(one in words(app) for one in gates), PATIENCE)
    assert not screen.situation.free, "nothing may go"
    await type_in(pilot, "ctrl+y")
    assert screen.item.operation is None
    await pilot.press("escape")
    await until(pilot, lambda: at_release(app), PATIENCE)


@pytest.mark.soak
async def test_each_gate_is_shown_and_no_key_gets_past_it(sandbox: Sandbox, opened: Opened) -> None:
    """P: the plan's frame says what is in the way, ctrl+y does nothing, and nothing is recorded or built."""
    app = opened.app
    staging = {
        name: one.digest for name in GATES if (one := sandbox.world.deployments.current("staging", name))
    }
    sandbox.world.collect_image(staging["loyalty"])
    before = {name: sandbox.world.build_plans(f"finedge/prod/deploy-{name}") for name in GATES}
    left = dict(GATES)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.board, PATIENCE)
        opened.desk.quarantining.put("fraud", staging["fraud"], "doubles the rows")
        await pilot.press("5")
        await until(pilot, lambda: at_release(app), PATIENCE)
        while left:
            if (service := at_release(app)) in left:
                await looked_at(pilot, app, left.pop(service))
            await pilot.press("j")
        assert opened.desk.store.operations(limit=5) == ()
    assert before == {name: sandbox.world.build_plans(f"finedge/prod/deploy-{name}") for name in GATES}


async def to(pilot: Pilot[int], app: DeskApp, service: str, key: str) -> OperationScreen:
    """The plan that a key at a service leads to."""
    await pilot.press("g")
    while at_release(app) != service:
        await pilot.press("j")
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, OperationScreen), PATIENCE)
    await until(pilot, lambda: frame(app).situation.is_planned, PATIENCE)
    return frame(app)


async def confirmed(pilot: Pilot[int], app: DeskApp, screen: OperationScreen) -> Operation:
    """Name and reason where no window is open yet, and the key; the operation when it has ended."""
    assert screen.situation.free, screen.item
    words = (*"prod", "tab", *"CHG-1") if screen.situation.want.name else ()
    await type_in(pilot, *words, "ctrl+y")
    found: list[Operation] = []

    def has_ended() -> bool:
        operation = screen.item.operation
        if operation is not None and operation.stage is Stage.ENDED:
            found.append(operation)
        return bool(found)

    await until(pilot, has_ended, PATIENCE)
    await pilot.press("escape")
    await until(pilot, lambda: at_release(app), PATIENCE)
    return found[-1]


@pytest.mark.soak
async def test_promoted_put_back_and_failed(sandbox: Sandbox, opened: Opened) -> None:
    """P passes though Jenkins' answer is lost; V puts back with Vault sealed; what fails says so."""
    app, world = opened.app, sandbox.world

    def runs() -> str:
        there = world.deployments.current("prod", "loyalty")
        assert there is not None
        return there.digest

    before = runs()
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.board, PATIENCE)
        await pilot.press("5")
        await until(pilot, lambda: at_release(app), PATIENCE)
        screen = await to(pilot, app, "loyalty", "P")
        sandbox.control.fault("jenkins", "drop_after_commit", match="/buildWithParameters$", times=1)
        promoted = await confirmed(pilot, app, screen)
        assert promoted.outcome is Outcome.SUCCEEDED, promoted.said
        assert StepState.UNANSWERED in {one.state for one in promoted.journal}
        assert runs() == promoted.plan.targets[0].pins["digest"] != before
        sandbox.control.seal_vault(sealed=True)
        put_back = await confirmed(pilot, app, await to(pilot, app, "loyalty", "V"))
        assert put_back.outcome is Outcome.SUCCEEDED, put_back.said
        assert runs() == before
        there = world.deployments.current("staging", "fx_rates")
        assert there is not None
        sandbox.control.seal_vault(sealed=False)
        world.plant_bad_release("fx_rates", there.digest)
        failed = await confirmed(pilot, app, await to(pilot, app, "fx_rates", "P"))
        assert failed.outcome is Outcome.FAILED, failed.said
        assert "Airflow cannot import fx_rates" in failed.said
