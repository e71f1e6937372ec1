"""Says of each result in docs/soak.json whether it is of today's runner, guards and store, or STALE."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit"))

from soaking import fingerprint, results, told


def main() -> None:
    """Print them; that something is stale is no failure, and not hidden."""
    lines = list(told(results(), fingerprint()))
    stale = sum(line.startswith("STALE") for line in lines)
    print("\n".join(lines))  # noqa: T201 - it reports
    print(f"{len(lines)} results, {stale} STALE" if lines else "STALE: nothing was soaked yet")  # noqa: T201


if __name__ == "__main__":
    main()
