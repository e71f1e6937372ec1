"""``fedesk completion``: the script by which a shell completes command lines."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from fedesk.exits import Exit

SCRIPTS = Path(__file__).parent / "scripts"


def completion(
    shell: Annotated[
        Literal["bash", "zsh", "fish"], typer.Argument(metavar="bash|zsh|fish", help="The shell it is for.")
    ],
) -> int:
    """Print a shell's completion script; its first lines say where it goes.

    A Tab completes verbs, options, environments, connections, operations and incidents, and names of
    pipelines and runs as they were last known. No system is asked.
    """
    sys.stdout.write((SCRIPTS / f"fedesk.{shell}").read_text(encoding="utf-8"))
    return Exit.DONE
