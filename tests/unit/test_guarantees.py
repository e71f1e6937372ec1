"""What ``docs/guarantees.md`` names is there: a promise whose test is gone is held by nothing."""

import re
from pathlib import Path

TREE = Path(__file__).parents[2]
NAMED = re.compile(r"`([\w./*]+)`")


def rows() -> list[tuple[str, str]]:
    """Promise and what holds it, of every table."""
    lines = (TREE / "docs" / "guarantees.md").read_text(encoding="utf-8").splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return [(cell[0], " ".join(cell[1:])) for cell in cells if cell[0] != "promise"]


def test_each_promise_names_what_holds_it() -> None:
    """Every file that is named exists, and every promise names one, or the contract of import-linter."""
    found_files = (*TREE.glob("tests/**/*"), *TREE.glob("bench/*"), *TREE.glob("docs/*.md"))
    files = [path.relative_to(TREE).as_posix() for path in found_files]
    found = rows()
    assert len(found) > 50
    for promise, held_by in found:
        named = [
            name for name in NAMED.findall(held_by) if name.endswith((".py", ".md", "tests/cli", "bench/"))
        ]
        assert named or "import-linter" in held_by, promise
        for name in named:
            wanted = re.escape(name.rstrip("/")).replace(r"\*", r"\w*")
            assert any(re.search(rf"(^|/){wanted}(/|$)", path) for path in files), f"{name}: {promise}"
