"""The start: what is imported before the first frame, and that the style sheets are found."""

import subprocess
import sys
from pathlib import Path

import pytest

from fedesk.ui import styles

FIRST_FRAME = """
import sys
from pathlib import Path
from fedesk.composition import front_page
from fedesk.services.clock import SystemClock
from fedesk.ui.app import DeskApp

class Watched(DeskApp):
    def _after_first_frame(self):
        self.exit(0)
        print(*{name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names - {"__main__"})

Watched(front_page(Path(sys.argv[1]), None), lambda _: None, SystemClock()).run(headless=True)
"""
NEEDED_BY_TEXTUAL = {
    "textual",
    "rich",
    "pygments",
    "markdown_it",
    "mdurl",
    "typing_extensions",
    "platformdirs",
}
ENVIRONMENT_HOOKS = {"_distutils_hack", "_virtualenv", "sitecustomize"}


def test_nothing_heavy_before_the_first_frame(tmp_path: Path) -> None:
    """Between start and first frame only textual, typer and the standard library are imported."""
    config = tmp_path / "fedesk.toml"
    config.write_text('[environments.prod]\nproduction = true\nmode = "read-only"\n', encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", FIRST_FRAME, str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    names = set(done.stdout.split())
    assert "fedesk" in names, done.stderr
    extra = {name for name in names if not name.startswith("_sysconfigdata")}
    assert extra - NEEDED_BY_TEXTUAL - ENVIRONMENT_HOOKS - {"fedesk", "typer"} == set()


def test_styles_are_found_in_a_checkout() -> None:
    """In a checkout the style sheets lie at the top of the tree."""
    assert (styles.styles_folder() / "desk.tcss").is_file()


def test_styles_are_found_in_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a wheel they lie inside the package, and are taken from there."""
    (tmp_path / "fedesk" / "styles").mkdir(parents=True)
    (tmp_path / "fedesk" / "styles" / "desk.tcss").touch()
    monkeypatch.setattr(styles, "_PACKAGE", tmp_path / "fedesk")
    assert styles.styles_folder() == tmp_path / "fedesk" / "styles"


def test_missing_styles_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are none, the sentence names the places that were tried."""
    monkeypatch.setattr(styles, "_PACKAGE", tmp_path / "a" / "b" / "fedesk")
    with pytest.raises(FileNotFoundError, match="styles"):
        styles.styles_folder()


def test_every_colour_is_a_theme_variable() -> None:
    """Style sheets hold no hex colour and no !important, so that a user's theme works without an edit."""
    for sheet in styles.styles_folder().glob("*.tcss"):
        text = sheet.read_text(encoding="utf-8")
        assert "!important" not in text, sheet
        assert not [word for word in text.split() if word.startswith("#") and word[1:2].isdigit()], sheet
