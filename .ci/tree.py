"""What no linter checks about the tree: no lock file, no registry host, no module over 500 lines."""

import re
import subprocess
import sys
from pathlib import Path

LOCK_FILES = {"uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock", "package-lock.json", "go.sum.lock"}
REGISTRY = re.compile(r"(?:index[-_]url|registry|GOPROXY)\s*[=:]\s*[\"']?https?://", re.IGNORECASE)
MACHINE_PATH = re.compile(r"(?<![\w./])/(?:work|root)/\w+")
LINES_AT_MOST = 500


def faults(path: Path) -> list[str]:
    """What is wrong with one tracked file, in sentences."""
    found = []
    if path.name in LOCK_FILES:
        found.append("a lock file names registries; ranges and exclude-newer do its work")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return found
    if path.parts[0] == "src" and path.suffix == ".py" and text.count("\n") > LINES_AT_MOST:
        found.append(f"{text.count(chr(10))} lines, more than {LINES_AT_MOST}: is it one thing?")
    if path != Path(__file__).relative_to(Path.cwd()) and REGISTRY.search(text):
        found.append("names a registry host")
    if path.suffix in {".py", ".toml", ".md", ".sh"} and path.parts[0] in {"src", "tests", "bench", "docs"}:
        found += [f"names a path of one machine: {match[0]}" for match in MACHINE_PATH.finditer(text)]
    return found


def main() -> int:
    """Check every tracked file; 1 when something was found."""
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True, text=True).stdout  # noqa: S607 - git of the PATH
    paths = [Path(name) for name in listed.split("\0") if name and Path(name).is_file()]
    found = [f"{path}: {fault}" for path in paths for fault in faults(path)]
    print("\n".join(found) or f"{len(paths)} files, nothing found")  # noqa: T201 - it reports
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
