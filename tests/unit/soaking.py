"""What ``pytest -m soak`` found, kept in ``docs/soak.json`` with a fingerprint of what it tried.

A test that takes long says what it did with ``record_property``. Its result stands beside the day, the
seconds and a hash over the sources of runner, guards and store; ``.ci/soak.py`` says which are of other ones.
"""

import ast
import hashlib
import json
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

TREE = Path(__file__).parents[2]
RESULTS = TREE / "docs" / "soak.json"
SOURCES = (
    "src/fedesk/clients/*_changes.py",
    "src/fedesk/clients/airflow_settling.py",
    "src/fedesk/clients/airflow_triggering.py",
    "src/fedesk/domain/approving.py",
    "src/fedesk/domain/audit*.py",
    "src/fedesk/domain/break_glass.py",
    "src/fedesk/domain/*guards.py",
    "src/fedesk/domain/operations.py",
    "src/fedesk/domain/partitions.py",
    "src/fedesk/domain/plans.py",
    "src/fedesk/domain/policy.py",
    "src/fedesk/domain/release_gates.py",
    "src/fedesk/domain/release_queue.py",
    "src/fedesk/domain/verifying.py",
    "src/fedesk/ports/operation_store.py",
    "src/fedesk/services/approvals.py",
    "src/fedesk/services/held.py",
    "src/fedesk/services/judging.py",
    "src/fedesk/services/operation_kinds.py",
    "src/fedesk/services/operation_runner.py",
    "src/fedesk/services/queueing.py",
    "src/fedesk/services/settling.py",
    "src/fedesk/services/steps.py",
    "src/fedesk/services/verification.py",
    "src/fedesk/services/kinds/*.py",
    "src/fedesk/store/**/*.py",
    "src/fedesk/store/**/*.sql",
)
"""Runner, guards and store, and what sends and looks up."""
APART = "src/fedesk/store/last_known.py"
"""A cache that may be lost: no operation reads or writes it."""


def sources(tree: Path = TREE) -> list[Path]:
    """The files that results are of."""
    return sorted({path for pattern in SOURCES for path in tree.glob(pattern)} - {tree / APART})


def fingerprint(tree: Path = TREE) -> str:
    """SHA-256 over names and content of the sources, hexadecimal; comments and docstrings do not count."""
    whole = hashlib.sha256()
    for path in sources(tree):
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


def keep(
    reports: Collection[pytest.TestReport],
    sources: str,
    path: Path = RESULTS,
    *,
    there: Collection[str] = (),
) -> None:
    """Write down how tests of some sources ended; what others have left there stays.

    ``there`` are all tests of the files that were looked through whole: what no test of theirs is goes.
    """
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    files = {_file_of(test) for test in there}
    found = {test: one for test, one in results(path).items() if _file_of(test) not in files or test in there}
    for report in reports:
        found[report.nodeid] = {
            "outcome": report.outcome,
            "date": date,
            "seconds": round(report.duration, 1),
            "sources": sources,
            **{name: value for name, value in report.user_properties if name != MARK},
        }
    document = {"schema": "fedesk-soak/1", "results": dict(sorted(found.items()))}
    path.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def _file_of(test: str) -> str:
    return test.partition("::")[0]


MARK = "soak"
"""By this property of a report its test is one of the long ones: a keyword may be a parameter's name."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Mark it before anything can fail; where workers of xdist run it, in them."""
    if item.get_closest_marker("soak") is not None:
        item.user_properties.append((MARK, True))


class Keeper:
    """Takes note of the long tests of a session. Workers of xdist have none: their reports come to it."""

    def __init__(self, *, whole_files: bool) -> None:
        self.reports: list[pytest.TestReport] = []
        self.there: set[str] = set()
        self._whole_files = whole_files
        # Of what is imported now, whatever becomes of the files while the tests run.
        self.sources = fingerprint()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Before any is deselected: all there are."""
        if self._whole_files:
            self.there.update(item.nodeid for item in items if item.get_closest_marker("soak") is not None)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if (MARK, True) in report.user_properties and (report.when == "call" or report.failed):
            self.reports.append(report)

    def pytest_sessionfinish(self) -> None:
        if self.reports:
            keep(self.reports, self.sources, there=self.there)


def pytest_configure(config: pytest.Config) -> None:
    """Begin to take note."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Keeper(whole_files=not any("::" in arg for arg in config.args)))
