"""How a promotion or rollback went, as a screen: what the shell's ``release timeline`` says, and its keys."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from memory_desk import HOSTILE, NOW, MemoryDesk
from operation_values import MemoryStore, draft_of, journal_of, operation_id
from operation_values import operation as rerun
from painting import said, text_of, until
from released import operation
from test_incident_screens import line
from test_releases_view import a_matrix, at_releases
from textual.pilot import Pilot

from fedesk.domain.audit import Phase
from fedesk.domain.operations import Operation, Outcome, StepState
from fedesk.domain.release_stops import ROLLBACK
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.timeline import TimelineScreen

Make = Callable[..., DeskApp]
WENT = replace(
    operation("c", Outcome.FAILED, ago=1, number=3),
    said=f"prod/airflow serves another version than {HOSTILE}",
    journal=tuple(
        replace(one, at=NOW - timedelta(minutes=80 - 4 * one.number))
        for one in journal_of(
            ("", StepState.PENDING, "claimed by process 4242 on desk-3"),
            ("trigger", StepState.INTENDED, "trigger finedge/prod/deploy-payments"),
            ("trigger", StepState.DONE, "queued as item 77"),
            ("build", StepState.WAITING, "#43 goes on"),
            ("build", StepState.DONE, "#43 succeeded"),
            ("verify 1", StepState.FAILED, "prod/airflow serves version 13"),
        )
    ),
)
BACK = operation("b", Outcome.SUCCEEDED, ago=30, number=2, kind=ROLLBACK)


@pytest.fixture
def memory() -> MemoryStore:
    recorded = [draft_of(Phase.INTENT, 3, action="promote"), draft_of(Phase.OUTCOME, 3, action="promote")]
    return MemoryStore(rerun(9), WENT, BACK, records=recorded)


@pytest.fixture
def desk(memory: MemoryStore) -> MemoryDesk:
    made = MemoryDesk(store=memory)
    made.deployed.found = a_matrix()
    return made


def shown(app: DeskApp) -> Any:
    """The timeline that is read."""
    assert isinstance(app.screen, TimelineScreen)
    return app.screen.value


async def opened(pilot: Pilot[int]) -> DeskApp:
    """From the view, of the service under the cursor."""
    app = pilot.app
    assert isinstance(app, DeskApp)
    await at_releases(pilot, app)
    await pilot.press("p")
    await until(pilot, lambda: isinstance(app.screen, TimelineScreen) and "verify 1" in text_of(app))
    return app


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
def test_picture(
    snap_compare: Callable[..., bool], make_app: Make, desk: MemoryDesk, size: tuple[int, int]
) -> None:
    """How it stands, how long each part took, then everything that happened."""

    async def run(pilot: Pilot[int]) -> None:
        await opened(pilot)

    assert snap_compare(make_app(desk), terminal_size=size, run_before=run)


async def test_p_shows_the_newest_of_the_service_and_the_environment(
    make_app: Make, desk: MemoryDesk, memory: MemoryStore
) -> None:
    """From the view and from the service; of one that was never promoted it says so; a newer one waits."""
    app = make_app(desk)
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        assert shown(app).told.operation == operation_id(3)
        newer = operation("d", None, ago=0, number=5)
        memory.held.insert(0, newer)
        memory.moves += 1
        app.following.written()
        await pilot.pause()
        assert shown(app).told.operation == operation_id(3)
        await pilot.press("escape", "enter", "p")
        await until(pilot, lambda: isinstance(app.screen, TimelineScreen) and shown(app))
        assert shown(app).told.operation == newer.plan.operation
        await pilot.press("escape", "escape", "j", "p")
        await until(pilot, lambda: "There is no promotion or rollback of cards in prod yet" in text_of(app))


async def test_p_serves_an_operation_that_releases(make_app: Make, desk: MemoryDesk) -> None:
    """Of a re-run it says why not; the line takes an id, or the newest of the environment."""
    app = make_app(desk)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: app.board is not None and app.following.news is not None)
        for one, is_released in ((rerun(9), False), (BACK, True)):
            app.watch_operation(one.plan.operation)
            await until(pilot, lambda one=one: one.plan.operation in text_of(app))  # type: ignore[misc]
            await pilot.press("p")
            assert is_released == isinstance(app.screen, TimelineScreen)
            await pilot.press("escape", *(("escape",) if is_released else ()))
        assert any("is no promotion or rollback" in one for one in said(app))
        for typed, wanted in ((f" {operation_id(2)}", BACK), ("", WENT)):
            await line(pilot, f"release timeline{typed}")
            await until(pilot, lambda: isinstance(app.screen, TimelineScreen) and shown(app))
            assert shown(app).told.operation == wanted.plan.operation
            await pilot.press("escape")
        await line(pilot, "release timeline 0f0f")
        await until(pilot, lambda: "There is no operation 0f0f" in text_of(app))


async def test_y_copies_it_for_a_ticket(make_app: Make, desk: MemoryDesk) -> None:
    """As Markdown, with nothing in it that a page would act on; the line of the shell that shows it."""
    app = make_app(desk)
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        assert isinstance(app.screen, TimelineScreen)
        choices = {one.key: one.text for one in app.screen.copy_choices()}
        assert choices["c"] == f"fedesk release timeline {operation_id(3)}"
        assert choices["m"].startswith("## release.promote of payments in prod")
        assert "[bold red]x[/]" not in choices["m"]


def test_the_one_that_goes_on_comes_before_the_newest() -> None:
    """Of its own service and environment alone."""
    from fedesk.services.release_course import newest

    def found(*held: Operation, **asked: Any) -> str:
        one = newest(MemoryStore(*held), **asked)
        return one.plan.operation if one is not None else ""

    goes_on = operation("d", None, ago=40, number=6)
    assert found(rerun(9), WENT, goes_on) == operation_id(6)
    assert found(WENT, BACK, environment="prod", service="payments") == operation_id(3)
    assert found(WENT, goes_on, service="cards") == ""
    assert found(WENT, environment="staging") == ""
