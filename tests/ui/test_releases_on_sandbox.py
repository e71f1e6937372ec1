"""Releases by keys over the sandbox: which gate is in the way; what passes, fails, is put back; a batch."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from in_process import InProcessLauncher
from painting import said, text_of, type_in, until
from test_desk_on_sandbox import PATIENCE, SIZE
from test_operation_screen import frame, words
from test_rerun_on_sandbox import Opened
from textual.pilot import Pilot

from fedesk.domain.names import RunName
from fedesk.domain.operations import Operation, Outcome, Ruling, Stage, StepState
from fedesk.domain.release_stops import ROLLBACK
from fedesk.domain.roles import EVERY_RIGHT
from fedesk.domain.windows import WindowKind
from fedesk.sandbox.server import Sandbox
from fedesk.services.windows import Asked
from fedesk.ui import watch_text
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
"""Mara may promote alone, freezes and holds, and may waive nothing."""
ALONE = "nobody else"
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
def opened(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path) -> Iterator[Opened]:
    """The desk; where a test names a service as its parameter, the catalogue has it rolled back by itself.

    With ALONE as its parameter no people are configured: who sits there may waive what a gate asks.
    """
    catalogue = sandbox.config_path.with_name("catalog.yaml")
    before = catalogue.read_text(encoding="utf-8")
    if (service := getattr(request, "param", "")) not in ("", ALONE):
        head, name, rest = before.partition(f"\n  {service}:\n")
        rest = rest.replace("rollback: {automatic: false}", "rollback: {automatic: true}", 1)
        catalogue.write_text(head + name + rest, encoding="utf-8")
    governed = "" if service == ALONE else GOVERNED
    made = Opened(sandbox, tmp_path, governed=governed)
    yield made
    for desk in made.desks:
        assert isinstance(desk.launcher, InProcessLauncher)
        for thread in desk.launcher.threads:
            thread.join(PATIENCE)
    catalogue.write_text(before, encoding="utf-8")


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
        windows = replace(opened.desk.windows, rights=EVERY_RIGHT)
        for kind, service in ((WindowKind.FREEZE, ""), (WindowKind.HOLD, "partners")):
            asked = Asked(kind=kind, environment="prod", service=service, zone="UTC", reason="year end")
            added = windows.add(replace(asked, lasts=timedelta(hours=2))).window
            await at(pilot, app, "partners")
            await looked_at(pilot, app, {kind.value})
            windows.remove(kind, added.id, "prod", "over")
        sandbox.control.fault("registry", "status", status=503)
        await at(pilot, app, "partners")
        await looked_at(pilot, app, {"gate digest"})
        assert opened.desk.store.operations(limit=5) == ()
    assert before == {name: sandbox.world.build_plans(f"finedge/prod/deploy-{name}") for name in GATES}


async def at(pilot: Pilot[int], app: DeskApp, service: str) -> None:
    """The cursor at a service."""
    await pilot.press("g")
    while at_release(app) != service:
        await pilot.press("j")


async def to(pilot: Pilot[int], app: DeskApp, service: str, key: str) -> OperationScreen:
    """The plan that a key at a service leads to."""
    await at(pilot, app, service)
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, OperationScreen), PATIENCE)
    await until(pilot, lambda: frame(app).situation.is_planned, PATIENCE)
    return frame(app)


async def confirmed(pilot: Pilot[int], app: DeskApp, screen: OperationScreen) -> Operation:
    """The same as ``carried_out``, and back to the releases."""
    ended = await carried_out(pilot, screen)
    await pilot.press("escape")
    await until(pilot, lambda: at_release(app), PATIENCE)
    return ended


async def carried_out(pilot: Pilot[int], screen: OperationScreen) -> Operation:
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


def runs_in_production(sandbox: Sandbox, service: str) -> str:
    """Its digest."""
    there = sandbox.world.deployments.current("prod", service)
    assert there is not None
    return there.digest


def plant_bad(sandbox: Sandbox, service: str) -> None:
    """Have the release that staging runs of a service be one that Airflow cannot import."""
    there = sandbox.world.deployments.current("staging", service)
    assert there is not None
    sandbox.world.plant_bad_release(service, there.digest)


@pytest.mark.soak
async def test_what_waits_is_answered_and_what_is_red_does_not_forbid_the_cure(opened: Opened) -> None:
    """``I`` at a build that waits leads to a plan of one's own; then V goes, though upstream is red."""
    app, waits = opened.app, RunName.parse("prod/jenkins:finedge/prod/deploy-merchants#463")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.board, PATIENCE)
        app.open_run(waits)
        await until(pilot, lambda: "asks" in text_of(app) or "paused" in text_of(app), PATIENCE)
        await pilot.press("I", *"abort", "enter")
        await until(pilot, lambda: isinstance(app.screen, OperationScreen), PATIENCE)
        await until(pilot, lambda: frame(app).situation.is_planned, PATIENCE)
        assert "have finedge/prod/deploy-merchants#463 end" in words(app).lower()
        answered = await carried_out(pilot, frame(app))
        assert answered.outcome is Outcome.SUCCEEDED, answered.said
        assert answered.confirmation.by == "mara@finedge.example"
        await pilot.press("escape", "escape", "5")
        await until(pilot, lambda: at_release(app), PATIENCE)
        screen = await to(pilot, app, "merchants", "V")
        made = screen.item.made
        assert made is not None
        upstream = next(one for one in made.proposal.guards if one.guard == "gate upstream")
        assert (upstream.ruling, "payments_daily is failed" in upstream.reason) == (Ruling.WARN, True)
        cure = await confirmed(pilot, app, screen)
    assert cure.outcome in (Outcome.SUCCEEDED, Outcome.UNKNOWN), cure.said


@pytest.mark.soak
@pytest.mark.parametrize("opened", [ALONE], indirect=True)
async def test_the_question_of_its_build_is_answered_in_the_promotions_own_frame(opened: Opened) -> None:
    """It says what it waits for, beside the build's log; the plan of the answer is about that build.

    Time runs faster there than here while the promotion waits, and that plan expires.
    """
    app = opened.app
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.board, PATIENCE)
        await pilot.press("5")
        await until(pilot, lambda: at_release(app), PATIENCE)
        screen = await to(pilot, app, "cards", "P")
        while screen.target.accepts:
            await pilot.press("A")
        await type_in(pilot, *"prod", "tab", *"CHG-1", "ctrl+y")
        await until(pilot, lambda: "its build waits for an answer" in words(app), PATIENCE)
        promotion = screen.item.operation
        assert promotion is not None
        build, _ = watch_text.followed(promotion)
        assert f"Log of {build.id if build else 'nothing'}" in words(app)
        await pilot.press("I", *"proceed", "enter")
        await until(pilot, lambda: app.screen is not screen and frame(app).item.made, PATIENCE)
        made = frame(app).item.made
        assert made is not None
        assert made.proposal.plan.targets[0].name == str(build)


@pytest.mark.soak
@pytest.mark.parametrize("opened", ["loyalty"], indirect=True)
async def test_what_fails_its_verification_is_rolled_back_by_itself(sandbox: Sandbox, opened: Opened) -> None:
    """The frame of the promotion says so; the rollback is an operation of its own that names it."""
    app, before = opened.app, runs_in_production(sandbox, "loyalty")
    plant_bad(sandbox, "loyalty")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.board, PATIENCE)
        await pilot.press("5")
        await until(pilot, lambda: at_release(app), PATIENCE)
        screen = await to(pilot, app, "loyalty", "P")
        await type_in(pilot, *"prod", "tab", *"CHG-1", "ctrl+y")
        await until(pilot, lambda: "rolled back by itself" in words(app), PATIENCE)
        promotion = screen.item.operation
        assert promotion is not None
        assert promotion.outcome is Outcome.FAILED

        def cure() -> Operation | None:
            found = opened.desk.store.operations(limit=1)[0]
            return found if found.plan.kind == ROLLBACK and found.stage is Stage.ENDED else None

        await until(pilot, cure, PATIENCE)
        rollback = cure()
    assert rollback is not None
    assert rollback.outcome is Outcome.SUCCEEDED, rollback.said
    assert promotion.plan.operation in rollback.plan.reason
    assert runs_in_production(sandbox, "loyalty") == before


async def marked(pilot: Pilot[int], app: DeskApp, *services: str) -> None:
    """Mark services among the releases, and press P at them."""
    await pilot.press("5")
    await until(pilot, lambda: at_release(app), PATIENCE)
    await pilot.press("g")
    left = set(services)
    while left:
        if at_release(app) in left:
            left.remove(at_release(app))
            await pilot.press("space")
        else:
            await pilot.press("j")
    await pilot.press("P")
    await until(pilot, lambda: isinstance(app.screen, OperationScreen), PATIENCE)
    await until(pilot, lambda: frame(app).situation.is_planned, PATIENCE)


@pytest.mark.soak
async def test_a_batch_stops_at_the_first_that_does_not_succeed(sandbox: Sandbox, opened: Opened) -> None:
    """Marked services go one after the other, also while one looks elsewhere; what is behind stays."""
    app = opened.app
    names = ("fx_rates", "fraud", "loyalty")
    before = {name: runs_in_production(sandbox, name) for name in names}
    plant_bad(sandbox, "fraud")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.board, PATIENCE)
        await marked(pilot, app, *names)
        screen = frame(app)
        assert "Promote fx_rates, fraud, loyalty on prod/jenkins, one after the other?" in words(app)
        await type_in(pilot, *"prod", "tab", *"CHG-7", "ctrl+y")
        await until(pilot, lambda: screen.situation.items[0].operation, PATIENCE)
        assert "begins when fraud has succeeded" in words(app)
        await pilot.press("escape")
        await until(pilot, lambda: "not begun: loyalty." in " ".join(said(app)), PATIENCE)
        ended = opened.desk.store.operations(limit=5)
    assert [(one.plan.targets[0].pins["service"], one.outcome) for one in reversed(ended)] == [
        ("fx_rates", Outcome.SUCCEEDED),
        ("fraud", Outcome.FAILED),
    ]
    assert runs_in_production(sandbox, "fx_rates") != before["fx_rates"]
    assert runs_in_production(sandbox, "loyalty") == before["loyalty"]


@pytest.mark.soak
async def test_of_a_batch_nothing_goes_behind_one_that_is_blocked(sandbox: Sandbox, opened: Opened) -> None:
    """The yes is for those before it alone; the frame says why the others stay, and V wants one service."""
    app, before = opened.app, runs_in_production(sandbox, "loyalty")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.board, PATIENCE)
        await marked(pilot, app, "fx_rates", "chargebacks", "loyalty")
        assert "Promote fx_rates on prod/jenkins, one after the other?" in words(app)
        assert "chargebacks before it cannot go" in words(app)
        assert list(frame(app).situation.free) == [0]
        await pilot.press("escape")
        await until(pilot, lambda: at_release(app), PATIENCE)
        await pilot.press("V")
        assert "one service is put back at a time" in " ".join(said(app))
        assert isinstance(app.screen, MainScreen)
    assert runs_in_production(sandbox, "loyalty") == before
