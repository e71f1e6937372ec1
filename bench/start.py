"""First paint against an empty Textual app, and ``--version`` against ``python -c pass``."""

import sys
import tempfile
from pathlib import Path

from pairs import in_turn, until_shown, whole_process

EMPTY_APP = """
from textual.app import App
from textual.widgets import Header, Static

class Empty(App):
    def compose(self):
        yield Header()
        yield Static("an empty app")

Empty().run()
"""


def main() -> None:
    """Print both ratios, each beside its reference."""
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder, "fedesk.toml")
        configuration.write_text(
            '[environments.prod]\nproduction = true\nmode = "read-only"\n'
            '[environments.prod.jenkins]\nurl = "http://127.0.0.1:9"\nuser = "x"\ncredential = "env:NONE"\n'
        )
        home = {"XDG_CACHE_HOME": folder, "XDG_STATE_HOME": folder}
        in_turn(
            "first paint",
            lambda: until_shown(
                [python, "-m", "fedesk", "--config", str(configuration)], b"PROD", environment=home
            ),
            "empty Textual app",
            lambda: until_shown([python, "-c", EMPTY_APP], b"an empty app"),
            rounds=9,
        ).show(1.3)
    in_turn(
        "fedesk --version",
        lambda: whole_process([python, "-m", "fedesk", "--version"]),
        "python -c pass",
        lambda: whole_process([python, "-c", "pass"]),
        rounds=15,
    ).show(3)


if __name__ == "__main__":
    main()
