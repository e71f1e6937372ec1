"""What a soak leaves behind: results that know what they are of."""

from pathlib import Path

import pytest
from soaking import SOURCES, TREE, fingerprint, keep, results, told


def report(nodeid: str, outcome: str = "passed", **properties: object) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid, ("", 0, ""), {"soak": 1}, outcome, None, "call", user_properties=list(properties.items()),  # type: ignore[arg-type]
        duration=12.34,
    )  # fmt: skip


def test_each_source_is_in_the_fingerprint(tmp_path: Path) -> None:
    """A word or a file more, in any of the rooms, and it is another one; each pattern finds something."""
    for pattern in SOURCES:
        assert list(TREE.glob(pattern)), pattern
    for name in ("services/operation_runner.py", "domain/guards.py", "store/sql/functions.sql"):
        path = tmp_path / "src/fedesk" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = fingerprint(tmp_path)
        path.write_text("a")
        made = fingerprint(tmp_path)
        path.write_text("b")
        assert len({before, made, fingerprint(tmp_path)}) == 3
    other = fingerprint(tmp_path)
    guards = tmp_path / "src/fedesk/domain/guards.py"
    guards.write_text('"""What it is for."""\nb  # and why')
    assert fingerprint(tmp_path) == other
    (tmp_path / "src/fedesk/domain/board.py").write_text("a")
    assert fingerprint(tmp_path) == other


def test_results_are_kept_with_what_they_are_of(tmp_path: Path) -> None:
    """A later run replaces its own results alone; one of other sources is told as STALE."""
    path = tmp_path / "soak.json"
    keep([report("a", races=200, seed=20), report("b", "failed")], "old", path)
    keep([report("b")], "new", path)
    found = results(path)
    assert {name: one["outcome"] for name, one in found.items()} == {"a": "passed", "b": "passed"}
    assert (found["a"]["races"], found["a"]["seconds"]) == (200, 12.3)
    assert [line[:5] for line in told(found, "new")] == ["STALE", "fresh"]
    assert [line[:5] for line in told(found, "old")] == ["fresh", "STALE"]
    assert results(tmp_path / "nothing.json") == {}
