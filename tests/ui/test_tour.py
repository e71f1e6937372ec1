"""The demo's tour: by its keys to its end, from a red row to a re-run and its record."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from memory_desk import MemoryDesk
from painting import said, type_in
from real_desk import CONFIRM, ESCAPE, RealDesk, variables

from fedesk.ui.app import DeskApp

LEAVE = "\x14"
"""``ctrl+t``."""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RealDesk]:
    """``fedesk demo`` on a machine that never had it, in a terminal of 34 by 120."""
    desk = RealDesk(None, "", variables(tmp_path / "home"), words=("demo",))
    yield desk
    desk.close()


def at(desk: RealDesk, step: int) -> None:
    """Wait for the step."""
    desk.until(f"Tour {step} of 6")


def test_the_tour_by_its_keys(demo: RealDesk, tmp_path: Path) -> None:
    """It is offered once, goes on when a thing is done, is left and resumed, and ends with the record."""
    demo.until("New here? :tour")
    demo.command("tour")
    at(demo, 1)

    # A key that leads elsewhere does not count, and is not held back.
    demo.press("2")
    demo.until("card_settlement")
    at(demo, 1)
    demo.press("1r")
    demo.press("/payments_daily\rg")
    demo.until(lambda: "not_null" in demo.flat())
    demo.press("i")
    at(demo, 2)
    demo.press(LEAVE)
    demo.until(lambda: "Tour" not in demo.text())
    demo.command("tour")
    at(demo, 2)
    demo.press("l")
    at(demo, 3)
    demo.press(ESCAPE)
    demo.until(lambda: "1 Triage" in demo.text())
    demo.press("\r")
    at(demo, 4)
    demo.press("R")
    at(demo, 5)
    demo.press("prod\t")
    demo.until("why, or a ticket")
    demo.press("the tour")
    demo.until("ARMED")
    demo.press(CONFIRM)
    at(demo, 6)
    demo.press(ESCAPE)
    demo.until(lambda: "wait_for_upstream" in demo.text())
    demo.press(ESCAPE)
    demo.until(lambda: "1 Triage" in demo.text())
    demo.press("4")
    demo.until("outcome")
    demo.press("\r")
    demo.until("That was the tour.")
    assert "the tour" in demo.flat()
    demo.press(LEAVE)
    demo.until(lambda: "That was the tour" not in demo.text())
    assert demo.leave() == 0
    assert [file.name for file in (tmp_path / "home" / "state").rglob("demo-tour-offered")]


async def test_elsewhere_there_is_no_tour(make_app: Callable[..., DeskApp]) -> None:
    """On a desk over one's own systems the command says where the tour is, and nothing begins."""
    app = make_app(MemoryDesk())
    async with app.run_test(size=(110, 32)) as pilot:
        await pilot.pause()
        await type_in(pilot, "colon", *"tour", "enter")
        assert said(app) == ["The tour is in the demo: `fedesk demo`, and :tour there."]
        assert app.tour is None
