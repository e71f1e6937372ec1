"""A wheel is built, installed as a user would, and used: without the tree, and without a network.

``python .ci/installed.py UV``; ends with 1 at the first thing that is not as it should be.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

TREE = Path(__file__).parents[1]
OFFLINE = ("unshare", "--net", "--map-root-user")


def main(uv: str) -> None:
    """Install without and with the extra, and try both."""
    with tempfile.TemporaryDirectory(prefix="fedesk-installed-") as made:
        folder = Path(made)
        environment = os.environ | {
            "HOME": made,
            "UV_TOOL_DIR": f"{made}/tools",
            "UV_TOOL_BIN_DIR": f"{made}/bin",
            "UV_CACHE_DIR": run([uv, "cache", "dir"], dict(os.environ)).stdout.strip(),
        }
        environment |= {
            f"XDG_{kind}_HOME": f"{made}/{kind.lower()}" for kind in ("CACHE", "CONFIG", "STATE", "DATA")
        }
        run([uv, "build", "-q", "--wheel", "--out-dir", made, str(TREE)], environment)
        (wheel,) = folder.glob("fedesk-*.whl")
        fedesk = str(folder / "bin" / "fedesk")

        run([uv, "tool", "install", "-q", str(wheel)], environment, folder)
        told = run([fedesk, "demo"], environment, folder, code=2).stderr
        expect("Install it: uv tool install 'fedesk[sandbox]'" in told, told)
        expect(
            (folder / "tools" / "fedesk" / "share" / "man" / "man1" / "fedesk.1").is_file(), "no manual page"
        )
        lines = run([*offline(), fedesk, "--version", "--verbose"], environment, folder).stdout.splitlines()
        expect(len(lines) == len(("fedesk", "Python", "four clients", *range(3), "Textual")), str(lines))
        kit = ["kit", "copy", "executor", str(folder / "kit")]
        for words in (
            ["--help"],
            ["completion", "zsh"],
            ["config", "path"],
            ["store", "grants", "enforced"],
            kit,
        ):
            run([*offline(), fedesk, *words], environment, folder)

        run([uv, "tool", "install", "-q", f"{wheel}[sandbox]"], environment, folder)
        used = run([*offline(), "sh", "-c", USE, "sh", fedesk], environment, folder).stdout
        status, store = used.split("\n---\n")
        expect(len(json.loads(status)["pipelines"]) > 0, status)
        expect(json.loads(store)["problems"] == [], store)
    print("installed and used: without the extra, with it, without a network")  # noqa: T201


USE = """
ip link set lo up 2>/dev/null
"$1" sandbox serve --scale 0.2 >ready & served=$!
trap 'kill $served' EXIT
until [ -s ready ]; do kill -0 $served || exit 1; sleep 0.1; done
FEDESK_CONFIG=$(head -1 ready); export FEDESK_CONFIG
"$1" status --json && "$1" status --last-known --json >/dev/null || exit 1
echo ---
"$1" incident open INC-1 "a store is made" >/dev/null && "$1" store check --json
"""


def offline() -> Sequence[str]:
    """What starts a program without a network, where this machine allows it."""
    allowed = shutil.which("unshare") and subprocess.run([*OFFLINE, "true"], check=False).returncode == 0  # noqa: S603
    return OFFLINE if allowed else ()


def run(
    command: Sequence[str], environment: dict[str, str], folder: Path | None = None, *, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run it; stop here where it does not end as it should."""
    done = subprocess.run(  # noqa: S603 - commands of this script
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    expect(done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def expect(held: bool, told: str) -> None:  # noqa: FBT001 - the one thing it is asked
    """Stop where something is not as it should be."""
    if not held:
        sys.exit(told)


if __name__ == "__main__":
    main(str(Path(sys.argv[1]).absolute()))
