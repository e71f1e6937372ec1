"""One system goes wrong: it is named on screen, the other three stay live, and the app still quits."""

from collections.abc import Callable
from pathlib import Path

import pytest
from painting import text_of, until
from sandbox_desk import SandboxClock, impatient

from fedesk.composition import front_page
from fedesk.domain.states import FailureKind, Standing
from fedesk.execution import open_desk
from fedesk.sandbox.server import Sandbox
from fedesk.ui.app import DeskApp


@pytest.fixture
def hasty(full_sandbox: Sandbox, tmp_path: Path) -> Path:
    """The sandbox's configuration with two seconds of patience for Jenkins instead of eighteen."""
    return impatient(full_sandbox.config_path, tmp_path, seconds=1, system="jenkins")


def app_over(sandbox: Sandbox, config: Path) -> DeskApp:
    clock = SandboxClock(sandbox)
    return DeskApp(front_page(config, None), lambda name: open_desk(config, name, clock), clock)


def hung(sandbox: Sandbox) -> None:
    sandbox.control.fault("jenkins", "hang")


def dripping(sandbox: Sandbox) -> None:
    sandbox.control.fault("jenkins", "drip")


def failing(sandbox: Sandbox) -> None:
    sandbox.control.fault("airflow", "status", status=500)


def refusing(sandbox: Sandbox) -> None:
    sandbox.control.fault("snowflake", "status", status=403)


@pytest.mark.parametrize(
    ("go_wrong", "connection", "kinds", "on_screen"),
    [
        (hung, "jenkins", {FailureKind.TIMEOUT}, "jenkins ✗ timeout"),
        pytest.param(dripping, "jenkins", {FailureKind.TIMEOUT}, "jenkins ✗ timeout", marks=pytest.mark.soak),
        (failing, "airflow", {FailureKind.SERVER}, "airflow ✗ server-error"),
        (refusing, "snowflake", {FailureKind.FORBIDDEN}, "snowflake ✗ forbidden"),
    ],
    ids=["hung-jenkins", "dripping-jenkins", "failing-airflow", "refusing-snowflake"],
)
async def test_one_bad_system_leaves_three_live(
    full_sandbox: Sandbox,
    hasty: Path,
    go_wrong: Callable[[Sandbox], None],
    connection: str,
    kinds: set[FailureKind],
    on_screen: str,
) -> None:
    """The bad one is named with the kind of its failure within its deadline; the others are live."""
    go_wrong(full_sandbox)
    app = app_over(full_sandbox, hasty if kinds == {FailureKind.TIMEOUT} else full_sandbox.config_path)
    async with app.run_test(size=(140, 40)) as pilot:

        def told() -> bool:
            return app.board is not None and not any(
                one.standing is Standing.CONNECTING for one in app.board.snapshots
            )

        await until(pilot, told, seconds=30)
        assert app.board is not None
        standing = {one.connection.name: one for one in app.board.snapshots}
        bad = standing.pop(connection)
        assert bad.failure is not None
        assert bad.failure.kind in kinds
        assert {one.standing for one in standing.values()} == {Standing.LIVE}
        await until(pilot, lambda: on_screen in text_of(app).splitlines()[0])
        assert any(one.kind == "connection" and connection in one.subject for one in app.board.findings)
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)


async def test_a_sealed_vault_is_named_and_the_others_are_live(full_sandbox: Sandbox) -> None:
    """Vault answers that it is sealed: that is a state of it, told as a finding that pages in production."""
    full_sandbox.control.seal_vault()
    app = app_over(full_sandbox, full_sandbox.config_path)
    async with app.run_test(size=(140, 40)) as pilot:
        await until(
            pilot,
            lambda: (
                app.board is not None and all(one.standing is Standing.LIVE for one in app.board.snapshots)
            ),
            seconds=30,
        )
        await until(pilot, lambda: "sealed" in text_of(app))
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)


@pytest.mark.soak
async def test_a_system_that_comes_back_is_live_again(full_sandbox: Sandbox) -> None:
    """A look that fails keeps the rows, marked stale; asking again after the repair makes them live."""
    app = app_over(full_sandbox, full_sandbox.config_path)
    async with app.run_test(size=(140, 40)) as pilot:

        def standing() -> Standing | None:
            known = {one.connection.name: one for one in app.board.snapshots} if app.board else {}
            return known["airflow"].standing if known else None

        await until(pilot, lambda: standing() is Standing.LIVE, seconds=30)
        full_sandbox.control.fault("airflow", "status", status=503)
        await pilot.press("r")
        await until(pilot, lambda: standing() is Standing.STALE, seconds=30)
        full_sandbox.control.clear_faults()
        await pilot.press("r")
        await until(pilot, lambda: standing() is Standing.LIVE, seconds=30)


async def test_a_full_outage_is_told_and_is_over_by_itself(full_sandbox: Sandbox) -> None:
    """All four answer 500: what was known stays, marked; no plan is made; then they are live again."""
    app = app_over(full_sandbox, full_sandbox.config_path)
    async with app.run_test(size=(140, 40)) as pilot:

        def standings() -> set[Standing]:
            return {one.standing for one in app.board.snapshots} if app.board else set()

        def is_live(name: str) -> bool:
            assert app.board is not None
            return any(
                one.connection.name == name and one.standing is Standing.LIVE for one in app.board.snapshots
            )

        await until(pilot, lambda: standings() == {Standing.LIVE}, seconds=30)
        for system in ("jenkins", "airflow", "vault", "snowflake"):
            full_sandbox.control.fault(system, "status", status=500)
        await pilot.press("r")
        await until(pilot, lambda: standings() == {Standing.STALE}, seconds=30)
        await until(pilot, lambda: text_of(app).splitlines()[0].count("✗") == 4)
        assert "payments_daily" in text_of(app)
        full_sandbox.control.clear_requests()
        await pilot.press("R")
        await until(pilot, lambda: "no plan" in text_of(app), seconds=30)
        assert "500" in text_of(app)
        await pilot.press("escape")
        full_sandbox.control.clear_faults()
        await until(pilot, lambda: is_live("airflow"), seconds=30)
        await pilot.press("r")
        await until(pilot, lambda: standings() == {Standing.LIVE}, seconds=30)
        posts = [one for one in full_sandbox.control.requests("airflow") if "clearTaskInstances" in one.path]
        assert posts == [], "a plan that could not be read sends nothing"
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
