import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).parents[2]


def test_the_rooms_are_held_apart() -> None:
    """Arrows point one way; each client library is imported in its own room (docs/architecture.md)."""
    check = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=TREE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stdout + check.stderr


def test_no_module_is_longer_than_five_hundred_lines() -> None:
    """A module is one thing; what grows beyond 500 lines is two."""
    long = [path for path in (TREE / "src").rglob("*.py") if len(path.read_text().splitlines()) > 500]
    assert long == []
