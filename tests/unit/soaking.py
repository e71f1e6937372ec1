"""What ``pytest -m soak`` found, kept in ``docs/soak.json`` with a fingerprint of what it tried.

A test that takes long says what it did with ``record_property``. Its result stands beside the day, the
seconds and a hash over the sources of runner, guards and store; ``.ci/soak.py`` says which are of other ones.
"""

import ast
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

TREE = Path(__file__).parents[2]
RESULTS = TREE / "docs" / "soak.json"
SOURCES = (
    "src/fedesk/domain/audit*.py",
    "src/fedesk/domain/*guards.py",
    "src/fedesk/domain/operations.py",
    "src/fedesk/domain/partitions.py",
    "src/fedesk/domain/plans.py",
    "src/fedesk/ports/operation_store.py",
    "src/fedesk/services/held.py",
    "src/fedesk/services/judging.py",
    "src/fedesk/services/operation_runner.py",
    "src/fedesk/services/settling.py",
    "src/fedesk/services/steps.py",
    "src/fedesk/services/kinds/*.py",
    "src/fedesk/store/**/*.py",
    "src/fedesk/store/**/*.sql",
)
"""Runner, guards and store."""
APART = "src/fedesk/store/last_known.py"
"""A cache that may be lost: no operation reads or writes it."""


def fingerprint(tree: Path = TREE) -> str:
    """SHA-256 over names and content of the sources, hexadecimal; comments and docstrings do not count."""
    whole = hashlib.sha256()
    found = {path for pattern in SOURCES for path in tree.glob(pattern)} - {tree / APART}
    for path in sorted(found):
        content = code_of(path.read_text("utf-8")) if path.suffix == ".py" else path.read_bytes()
        whole.update(f"{path.relative_to(tree).as_posix()} {len(content)}\n".encode())
        whole.update(content)
    return whole.hexdigest()


def code_of(source: str) -> bytes:
    """What Python makes of a source, without the strings that only tell something."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [one for one in body if not _is_told(one)]
    return ast.dump(tree).encode()


def _is_told(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def results(path: Path = RESULTS) -> dict[str, dict[str, Any]]:
    """What was found, by test; nothing where nothing was tried yet."""
    found: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))["results"] if path.exists() else {}
    return found


def told(found: dict[str, dict[str, Any]], now: str) -> Iterator[str]:
    """A line for each result; those of other sources than ``now`` begin with STALE."""
    for test, one in sorted(found.items()):
        mark = "fresh" if one["sources"] == now else "STALE"
        yield f"{mark}  {one['outcome']}  {one['date']}  {one['seconds']:>7.1f} s  {test}"


def keep(reports: list[pytest.TestReport], sources: str, path: Path = RESULTS) -> None:
    """Write down how tests of some sources ended; what others have left there stays."""
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    found = results(path)
    for report in reports:
        found[report.nodeid] = {
            "outcome": report.outcome,
            "date": date,
            "seconds": round(report.duration, 1),
            "sources": sources,
            **dict(report.user_properties),
        }
    document = {"schema": "fedesk-soak/1", "results": dict(sorted(found.items()))}
    path.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


class _Keeper:
    """Takes note of the long tests of a session. Workers of xdist have none: their reports come to it."""

    def __init__(self) -> None:
        self.reports: list[pytest.TestReport] = []
        # Of what is imported now, whatever becomes of the files while the tests run.
        self.sources = fingerprint()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if "soak" in report.keywords and (report.when == "call" or report.failed):
            self.reports.append(report)

    def pytest_sessionfinish(self) -> None:
        if self.reports:
            keep(self.reports, self.sources)


def pytest_configure(config: pytest.Config) -> None:
    """Begin to take note."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Keeper())
