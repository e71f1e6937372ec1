"""The demo's tour: by its keys to its end, from a red row to a re-run and its record."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from memory_desk import MemoryDesk
from painting import said, type_in
from real_desk import CONFIRM, ESCAPE, RealDesk, until, variables

from fedesk.ui.app import DeskApp

LEAVE = "\x14"
"""``ctrl+t``."""
A_WHILE = 1.0
"""Seconds after which rows that came meanwhile are let in."""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RealDesk]:
    """``fedesk demo`` on a machine that never had it, in a terminal of 34 by 120."""
    desk = RealDesk(None, "", variables(tmp_path / "home"), words=("demo",), patience=90)
    yield desk
    desk.close()


def at(desk: RealDesk, step: int) -> None:
    """Wait for the step."""
    desk.until(f"Tour {step} of 6")


def let_in(desk: RealDesk, words: str) -> None:
    """Go to the first row, which lets new ones in, again and again until there are these words."""
    asked = 0.0

    def there() -> bool:
        nonlocal asked
        if time.monotonic() - asked > A_WHILE:
            asked = time.monotonic()
            desk.press("g")
        return words in desk.flat()

    desk.until(there)


def to_the_plan(desk: RealDesk) -> None:
    """Why, log, run, plan; left and resumed on the way."""
    desk.press("i")
    at(desk, 2)
    desk.press(LEAVE)
    desk.until(lambda: "Tour" not in desk.text())
    desk.command("tour")
    at(desk, 2)
    desk.press("l")
    at(desk, 3)
    desk.press(ESCAPE)
    desk.until(lambda: "1 Triage" in desk.text())
    desk.press("\r")
    at(desk, 4)
    desk.press("R")
    at(desk, 5)


def to_the_record(desk: RealDesk) -> None:
    """The yes, until it was done; back, and to the newest record."""
    desk.press("prod\t")
    desk.until("why, or a ticket")
    desk.press("the tour")
    desk.until("ARMED")
    desk.press(CONFIRM)
    at(desk, 6)
    desk.press(ESCAPE)
    desk.until(lambda: "wait_for_upstream" in desk.text())
    desk.press(ESCAPE)
    desk.until(lambda: "1 Triage" in desk.text())
    desk.press("4")
    desk.until("outcome")
    desk.press("\r")
    desk.until("That was the tour.")
    assert "the tour" in desk.flat()


@pytest.mark.timeout(300)
def test_the_tour_by_its_keys(demo: RealDesk, tmp_path: Path) -> None:
    """Offered once, it goes on when a thing is done and ends with the record; nothing of the demo is left."""
    demo.until("Starting the sandbox")
    demo.until("New here? :tour")
    demo.command("tour")
    at(demo, 1)
    # A key that leads elsewhere does not count, and is not held back.
    demo.press("2")
    demo.until("card_settlement")
    at(demo, 1)
    demo.press("1/payments_daily\r")
    let_in(demo, "not_null")
    to_the_plan(demo)
    to_the_record(demo)
    demo.press(LEAVE)
    demo.until(lambda: "That was the tour" not in demo.text())
    served = psutil.Process(demo.process.pid).children()
    assert demo.leave() == 0
    assert served
    until(lambda: not [one for one in served if one.is_running()])
    home = tmp_path / "home"
    assert list((home / "state").rglob("demo-tour-offered"))
    assert not [one for one in (home / "tmp").iterdir() if one.name.startswith("fedesk-sandbox")]


async def test_elsewhere_there_is_no_tour(make_app: Callable[..., DeskApp]) -> None:
    """On a desk over one's own systems the command says where the tour is, and nothing begins."""
    app = make_app(MemoryDesk())
    async with app.run_test(size=(110, 32)) as pilot:
        await pilot.pause()
        await type_in(pilot, "colon", *"tour", "enter")
        assert said(app) == ["The tour is in the demo: `fedesk demo`, and :tour there."]
        assert app.tour is None
