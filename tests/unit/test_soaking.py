"""What a soak leaves behind: results that know what they are of."""

import ast
from pathlib import Path

import pytest
from soaking import (
    MARK,
    SOURCES,
    TREE,
    Keeper,
    fingerprint,
    keep,
    pytest_runtest_setup,
    results,
    sources,
    told,
)


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


def test_what_the_runner_is_made_of_is_in_the_fingerprint() -> None:
    """Each service that the runner imports: a result would otherwise outlive what it is of."""
    runner = ast.parse((TREE / "src/fedesk/services/operation_runner.py").read_text("utf-8"))
    named = [node.module or "" for node in ast.walk(runner) if isinstance(node, ast.ImportFrom)]
    services = {f"src/{name.replace('.', '/')}" for name in named if name.startswith("fedesk.services.")}
    found = {path.relative_to(TREE).with_suffix("").as_posix() for path in sources()}
    assert len(services) > 5
    assert services <= {*found, *(name.removesuffix("/__init__") for name in found)}


def test_results_of_tests_that_are_gone_go(tmp_path: Path) -> None:
    """Of files that were looked through whole; those of other files stay, and of a part nothing goes."""
    path = tmp_path / "soak.json"
    keep([report("f.py::a"), report("f.py::b"), report("g.py::a")], "old", path)
    keep([report("f.py::a")], "new", path)
    assert set(results(path)) == {"f.py::a", "f.py::b", "g.py::a"}
    keep([report("f.py::a")], "new", path, there={"f.py::a", "f.py::c"})
    assert set(results(path)) == {"f.py::a", "g.py::a"}


def test_a_long_test_is_known_by_its_mark(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Not by a parameter of that name; and its mark is none of what it tells."""
    keeper = Keeper(whole_files=True)
    keeper.pytest_runtest_logreport(report("table[soak]"))
    assert keeper.reports == []
    assert MARK not in dict(request.node.user_properties)
    request.node.add_marker(pytest.mark.soak)
    pytest_runtest_setup(request.node)
    keeper.pytest_runtest_logreport(report("long", **dict(request.node.user_properties)))
    request.node.user_properties.clear()
    keep(keeper.reports, "now", tmp_path / "soak.json")
    assert MARK not in results(tmp_path / "soak.json")["long"]
