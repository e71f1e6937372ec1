"""Pictures of the first start: the offer, the pages, what a system said, at 80 by 24 and at 60 by 18."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import keyring
import pytest
from asked_systems import RIGHT, AskedSystems, setup_app
from memory_keyring import MemoryKeyring
from painting import flat, type_in, until
from textual.pilot import Pilot

from fedesk.ui.setup.app import SetupApp

Compare = Callable[..., bool]
PATH = Path("/home/mara/.config/fedesk/fedesk.toml")
AIRFLOW = (
    *["pagedown"] * 2, *"https://airflow.example", "enter", "enter", *"oncall", "enter", "enter", *RIGHT,
)  # fmt: skip
SHOWN: dict[str, tuple[tuple[str, ...], str]] = {
    "offer": (("escape",), "There is no configuration yet."),
    "environment": (("down", "down"), "This machine's is guessed"),
    "typed": (AIRFLOW, "•••••"),
    "tried": ((*AIRFLOW, "enter"), "→ finance, prod, staging"),
    "refused": ((*AIRFLOW, "x", "enter"), "✗ refused"),
    "mistake": (("pagedown", *"jenkins", "tab"), "expected an address"),
    "write": ((*AIRFLOW, "enter", *["pagedown"] * 3), "ctrl+y writes it"),
    "keys": (("question_mark",), "Looking"),
}
"""Name of each picture: keys from the first page on, and what is then on the screen."""


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyring in memory, in place of this machine's."""
    monkeypatch.setattr(keyring.core, "_keyring_backend", MemoryKeyring())


def settled(app: SetupApp, typed: tuple[str, ...], said: str) -> Callable[[Pilot[int]], Awaitable[None]]:
    """Type, and wait for what the screen then says and for every trial that goes on."""

    async def run(pilot: Pilot[int]) -> None:
        await type_in(pilot, *typed)
        await until(pilot, lambda: said in flat(app) and "…" not in flat(app))

    return run


@pytest.mark.parametrize("name", list(SHOWN))
def test_page(snap_compare: Compare, name: str) -> None:
    """The page looks as it did."""
    app = setup_app(PATH, AskedSystems())
    assert snap_compare(app, terminal_size=(80, 24), run_before=settled(app, *SHOWN[name]))


@pytest.mark.parametrize("name", ["offer", "tried", "write"])
def test_page_of_a_small_terminal(snap_compare: Compare, name: str) -> None:
    """At 60 by 18 everything is still there."""
    app = setup_app(PATH, AskedSystems())
    assert snap_compare(app, terminal_size=(60, 18), run_before=settled(app, *SHOWN[name]))


def test_page_without_colours(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR the line, the choice and what was refused are told by more than their colour."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = setup_app(PATH, AskedSystems())
    assert snap_compare(app, terminal_size=(80, 24), run_before=settled(app, *SHOWN["refused"]))
