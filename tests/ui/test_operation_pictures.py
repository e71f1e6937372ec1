"""A picture of each frame of an operation, at a still moment."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from acting_desk import ActingDesk, acting
from painting import text_of, until
from test_operation_screen import PAYMENTS, planned
from test_selection import busy, pipelines
from textual.pilot import Pilot

from fedesk.domain.reruns import TaskPin
from fedesk.ports.errors import ServerFaultError
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.operation import OperationScreen

Compare = Callable[..., bool]
YES = (*"prod", "tab", *"late file INC-7")
WIDE, SMALL = (120, 36), (80, 24)


def at_it(desk: ActingDesk) -> None:
    """Somebody is at the run."""
    desk.world.active[PAYMENTS] = (TaskPin(task_id="publish", map_index=None, try_number=1, state="running"),)


def held(desk: ActingDesk) -> None:
    """The runner does not begin."""
    desk.launcher.may_go.clear()


def lost(desk: ActingDesk) -> None:
    """The answer is lost, and nothing can be told."""
    desk.world.lost = ServerFaultError("Airflow prod answered 503.")


def undeclared(desk: ActingDesk) -> None:
    """A job without FEDESK_OPERATION."""
    desk.world.declares_operation = False


async def mark_told(pilot: Pilot[int], desk: ActingDesk, app: DeskApp) -> None:
    """The mark in the header says what the store says."""
    await until(
        pilot,
        lambda: (
            [(one.id, one.course.is_trouble) for one in app.following.operations]
            == [(one.plan.operation, one.outcome is not None) for one in desk.sql.open_operations()]
        ),
    )


def settled(
    desk: ActingDesk, app: DeskApp, keys: tuple[str, ...], said: str
) -> Callable[[Pilot[int]], Awaitable[None]]:
    """Plan the first finding, press the keys, and wait for what the frame then says."""

    async def run(pilot: Pilot[int]) -> None:
        await planned(pilot, *(("j", "R") if keys[:1] == ("second",) else ("R",)))
        await pilot.press(*(key for key in keys if key != "second"))
        await until(pilot, lambda: said in " ".join(text_of(app).split()))
        await until(pilot, lambda: "ctrl+y" not in keys or app.window_of("prod"))
        await mark_told(pilot, desk, app)

    return run


@pytest.mark.parametrize(
    ("size", "keys", "said", "world"),
    [
        pytest.param(WIDE, (), "not armed", None, id="plan"),
        pytest.param(SMALL, (), "not armed", None, id="plan-small"),
        pytest.param(WIDE, (), "Blocked", at_it, id="blocked"),
        pytest.param(WIDE, ("second",), "A accepts it", undeclared, id="asks"),
        pytest.param(WIDE, YES, "ARMED", None, id="armed"),
        pytest.param(SMALL, YES, "ARMED", None, id="armed-small"),
        pytest.param(WIDE, (*YES, "ctrl+y"), "waits for its runner", held, id="running"),
        pytest.param(WIDE, (*YES, "ctrl+y"), "✗ 44 ERROR", None, id="ended"),
        pytest.param(SMALL, (*YES, "ctrl+y"), "succeeded", None, id="ended-small"),
        pytest.param(WIDE, (*YES, "ctrl+y"), "? unknown", lost, id="unknown"),
    ],
)
def test_frame(
    snap_compare: Compare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
    keys: tuple[str, ...],
    said: str,
    world: Callable[[ActingDesk], None] | None,
) -> None:
    """The frame looks as it did."""
    monkeypatch.setattr(OperationScreen, "CLAIMED_WITHIN", 600.0)
    with acting(tmp_path) as (desk, app):
        if world is not None:
            world(desk)
        assert snap_compare(app, terminal_size=size, run_before=settled(desk, app, keys, said))


def test_frame_without_colour(snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Armed is told by a word and by its ground."""
    monkeypatch.setenv("NO_COLOR", "1")
    with acting(tmp_path) as (desk, app):
        assert snap_compare(app, terminal_size=WIDE, run_before=settled(desk, app, YES, "ARMED"))


@pytest.mark.parametrize("keys", [(), (*YES, "ctrl+y")], ids=["planned", "done"])
def test_selection(snap_compare: Compare, tmp_path: Path, keys: tuple[str, ...]) -> None:
    """One frame for three runs, one of them blocked."""
    with acting(tmp_path) as (desk, app):
        busy(desk, "fx_rates")

        async def run(pilot: Pilot[int]) -> None:
            await pipelines(pilot)
            await pilot.press("space", "space", "space", "R")
            await until(pilot, lambda: "2 can go, 1 blocked" in text_of(app))
            await pilot.press(*keys)
            await until(
                pilot, lambda: "2 succeeded" in text_of(app) and app.window_of("prod") if keys else True
            )
            await mark_told(pilot, desk, app)

        assert snap_compare(app, terminal_size=WIDE, run_before=run)


def test_marks(snap_compare: Compare, tmp_path: Path) -> None:
    """Marks stand in the gap behind the state; no width depends on them."""
    with acting(tmp_path) as (_, app):

        async def run(pilot: Pilot[int]) -> None:
            await pipelines(pilot)
            await pilot.press("space", "j", "space")

        assert snap_compare(app, terminal_size=WIDE, run_before=run)
