"""The mouse: what it does in lists and lines, and what it does not do."""

from collections.abc import Callable
from pathlib import Path

import pytest
from acting_desk import acting
from painting import said, text_of, until
from textual import events
from textual.pilot import Pilot

from fedesk.ui.actions import Place, Target, of_place
from fedesk.ui.app import DeskApp
from fedesk.ui.screens.lists import EnvironmentsScreen
from fedesk.ui.screens.main import MainScreen
from fedesk.ui.screens.run import RunScreen
from fedesk.ui.screens.texts import HelpScreen
from fedesk.ui.widgets.key_line import KeyLine, key_at, key_content
from fedesk.ui.widgets.row_list import RowList
from fedesk.ui.widgets.status_line import StatusLine, TabLine

Make = Callable[..., DeskApp]


async def ready(pilot: Pilot[int], app: DeskApp) -> MainScreen:
    await until(pilot, lambda: app.board and "payments_daily" in text_of(app))
    assert isinstance(app.screen, MainScreen)
    return app.screen


def column(app: DeskApp, word: str, row: int = -1) -> int:
    """Where a word begins on a line of the screen."""
    return text_of(app).splitlines()[row].index(word)


async def test_a_click_selects_and_a_double_click_opens(make_app: Make) -> None:
    """As Enter would; the wheel moves what is seen and leaves the cursor on its row."""
    app = make_app()
    async with app.run_test(size=(110, 9)) as pilot:
        main = await ready(pilot, app)
        await pilot.click(RowList, offset=(10, 2))
        assert main.rows.row is not None
        chosen = main.rows.row.key
        assert main.target.name == "deploy fx_rates"
        app.screen._forward_event(wheel(main.rows))  # noqa: SLF001 - as the app does with what the driver sends
        await until(pilot, lambda: main.rows.scroll_offset.y > 0)
        assert main.rows.row.key == chosen
        main.rows.go_first()
        await pilot.pause()
        await pilot.click(RowList, offset=(10, 1), times=2)
        await until(pilot, lambda: isinstance(app.screen, RunScreen))


def wheel(rows: RowList) -> events.MouseScrollDown:
    """One notch down over a list."""
    region = rows.region
    return events.MouseScrollDown(
        rows, region.x + 5, region.y + 2, 0, 1, 0, shift=False, meta=False, ctrl=False
    )


async def test_a_click_on_a_name_or_a_key_does_what_the_key_does(make_app: Make) -> None:
    """On a view's name, on a key of the last line, on one that does not serve: it says why."""
    app = make_app()
    async with app.run_test(size=(140, 30)) as pilot:
        main = await ready(pilot, app)
        await pilot.click(TabLine, offset=(column(app, "Pipelines", 1), 0))
        await until(pilot, lambda: main.place is Place.PIPELINES)
        await pilot.click(TabLine, offset=(column(app, "Triage", 1), 0))
        await until(pilot, lambda: main.place is Place.TRIAGE)
        main.rows.go_last()
        await pilot.pause()
        await pilot.click(KeyLine, offset=(column(app, "l log"), 0))
        await until(pilot, lambda: said(app))
        assert said(app)[0].startswith("log: no run stands behind ")
        await pilot.click(KeyLine, offset=(column(app, "? help") + 3, 0))
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("escape")
        await pilot.click(StatusLine, offset=(column(app, "jenkins", 0), 0))
        await pilot.pause()
        assert app.screen is main
        await pilot.click(StatusLine, offset=(column(app, "PROD", 0), 0))
        await until(pilot, lambda: isinstance(app.screen, EnvironmentsScreen))


async def test_a_click_confirms_nothing(tmp_path: Path) -> None:
    """The key that says yes is pressed; a click on it says so."""
    with acting(tmp_path) as (desk, app):
        async with app.run_test(size=(140, 40)) as pilot:
            await until(pilot, lambda: app.board and "payments_daily" in text_of(app))
            await pilot.press("R")
            await until(pilot, lambda: "ctrl+y confirm" in text_of(app))
            await pilot.click(KeyLine, offset=(column(app, "ctrl+y"), 0))
            await until(pilot, lambda: said(app))
            assert said(app) == ["confirm: by its key alone."]
        assert desk.sql.operations() == ()


@pytest.mark.parametrize("width", [60, 80, 110, 250])
def test_each_key_is_found_where_it_is_drawn(width: int) -> None:
    """Over every place and column: what a click finds is what is drawn there; gaps are nothing."""
    for place in Place:
        if not any(action.shown for action in of_place(place)):
            continue
        line = key_content(of_place(place), Target(name="it"), width).plain
        assert len(line) <= width
        for x, letter in enumerate(line):
            found = key_at(of_place(place), Target(name="it"), width, x)
            if letter not in " …":
                assert found is not None, (place, x, line)
                assert found.verb in line, (place, found)
        starts = [key_at(of_place(place), Target(name="it"), width, x) for x in range(len(line))]
        assert starts[0] is None
