"""Mutation testing of what a change depends on: ``.ci/mutation.py rules|told|runner [PATTERN…]``.

Each slice has modules and tests of its own, and a folder under ``.mutation/``, since mutmut reads one
configuration a folder. What mypy does not let through cannot come about. Survivors that differ in a
sentence's words alone are counted; all others are printed, but for those that docs/mutation.md names.
"""

import io
import json
import os
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TREE = Path(__file__).resolve().parents[1]
LISTED = TREE / "docs" / "mutation.md"


@dataclass(frozen=True)
class Slice:
    """Modules that are mutated, and the tests that are to notice."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    depth: int
    """How far from a test a function may be called for the test to count for it; -1: however far."""


SLICES = {
    "rules": Slice(
        modules=tuple(
            f"domain/{name}.py"
            for name in (
                "audit_chain", "guards", "open_operations",
                "operations", "partitions", "plans", "rerun_guards",
            )
        ),
        tests=(
            "audit_log", "guards", "open_operations",
            "partitions", "plans", "rerun_guards", "rerun_kinds",
        ),
        depth=8,
    ),
    "told": Slice(
        modules=tuple(
            f"domain/{name}.py"
            for name in (
                "addresses", "board", "catalogue", "checkpoints", "durations", "failures", "incident_text",
                "incidents", "kept_text", "log_lines", "names", "redaction", "runs", "secrets", "text",
                "traces", "triage",
            )
        ),
        tests=(
            "addresses", "board", "catalogue", "checkpoints", "cli_output", "failures", "findings", "hiding",
            "incident_text", "incidents", "kept_text", "log_lines", "names", "redaction", "secret_ages",
            "text", "tracing", "triage",
        ),
        depth=-1,
    ),
    "runner": Slice(
        modules=tuple(f"services/{name}.py" for name in ("operation_runner", "held", "steps", "settling")),
        tests=(
            "operation_runner", "runner_says", "runner_stops", "settling", "resuming", "deciding",
            "restored_store", "settling_by_hand", "waiting_steps", "held",
        ),
        depth=-1,
    ),
}  # fmt: skip


def prepared(name: str) -> Path:
    """A folder in which mutmut finds the tree, and the configuration of a slice."""
    one, folder = SLICES[name], TREE / ".mutation" / name
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("src", "tests", "docs", "styles", "README.md"):
        link = folder / part
        if not link.exists():
            link.symlink_to(TREE / part)
    sources = [f"src/fedesk/{module}" for module in one.modules]
    settings: dict[str, object] = {
        "source_paths": ["src"],
        "only_mutate": sources,
        "also_copy": ["docs", "styles"],
        # A line that holds nothing but a sentence: whoever finds better words may write them.
        "do_not_mutate_patterns": [r'^\s*f?"[^"]*\s[^"]*",?$'],
        "max_stack_depth": one.depth,
        # A loop that never ends is ended after four times what its tests take.
        "timeout_multiplier": 2.0,
        "timeout_constant": 5.0,
        # Tests that fork and kill themselves take long, and notice nothing that the others do not.
        "pytest_add_cli_args": [
            "-n", "0", "--hypothesis-profile=ci", "-k", "not killed_at and not killed_too and not postgresql",
        ],
        "pytest_add_cli_args_test_selection": [f"tests/unit/test_{test}.py" for test in one.tests],
        # Without our configuration: unreachable code is no error here.
        "type_check_command": [
            sys.executable, "-m", "mypy", "--config-file=", "--strict", "--no-warn-unused-ignores",
            "--output=json", *sources,
        ],
    }  # fmt: skip
    table = "\n".join(f"{key} = {json.dumps(value)}" for key, value in settings.items())
    ours = (TREE / "pyproject.toml").read_text("utf-8")
    (folder / "pyproject.toml").write_text(f"{ours}\n[tool.mutmut]\n{table}\n", "utf-8")
    return folder


def survivors(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Name, state and difference of each mutant that no test has noticed; the folder is the current one."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.stats import status_by_exit_code

    for meta in sorted((folder / "mutants").rglob("*.meta")):
        source = Path(str(meta.relative_to(folder / "mutants")).removesuffix(".meta"))
        for name, code in json.loads(meta.read_text("utf-8"))["exit_code_by_key"].items():
            state = status_by_exit_code[code]
            if state not in ("killed", "caught by type check"):
                is_tried = state != "not checked"
                yield name, state, get_diff_for_mutant(name, path=source) if is_tried else ""


def is_wording(difference: str) -> bool:
    """Whether nothing but the words of a sentence differ."""
    taken, given = (
        [line[1:] for line in difference.splitlines() if line[:1] == sign and line[:3] != sign * 3]
        for sign in "-+"
    )
    if len(taken) != 1 or len(given) != 1:
        return False
    before, after = _tokens(taken[0]), _tokens(given[0])
    changed = [(old, new) for old, new in zip(before, after, strict=False) if old != new]
    return len(before) == len(after) and all(old[:1] in "\"'" and " " in old for old, _ in changed)


def _tokens(line: str) -> list[str]:
    found = []
    try:
        found = [one.string for one in tokenize.generate_tokens(io.StringIO(line.strip()).readline)]
    except tokenize.TokenError:
        # One line of several: what was read before its end will do.
        found = found or line.split()
    return found


def main() -> int:
    """Run a slice, or some of its mutants, and tell what survived; 1 where docs/mutation.md lacks one."""
    name, *patterns = sys.argv[1:]
    folder = prepared(name)
    os.chdir(folder)
    command = [str(Path(sys.executable).with_name("mutmut")), "run", "--max-children", "1", *patterns]
    subprocess.run(command, check=False)  # noqa: S603 - mutmut of this environment
    listed, counts, missing = LISTED.read_text("utf-8"), Counter[str](), 0
    for mutant, state, difference in survivors(folder):
        kind = state if not difference else "wording" if is_wording(difference) else "other"
        short = mutant.removeprefix("fedesk.")
        if kind == "other" and f"`{short}`" in listed:
            kind = "listed"
        counts[kind] += 1
        if kind == "other":
            missing += 1
            print(f"\n{short} ({state})\n{difference}")  # noqa: T201 - it reports
    print(dict(counts))  # noqa: T201 - it reports
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
