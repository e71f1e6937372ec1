"""``fedesk sandbox serve``: Jenkins, Airflow, Vault and Snowflake on loopback, to try everything on."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from fedesk.cli import session
from fedesk.exits import Exit
from fedesk.installed import lacks_sandbox, sandbox_install_line


def serve(
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed gives the same world.")] = 7,
    scale: Annotated[
        float,
        typer.Option(
            "--scale", metavar="FACTOR", min=0.1, max=50, help="Size: 1 is 40 pipelines and 120 jobs."
        ),
    ] = 1.0,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="DIR", help="Where its files go; a temporary folder otherwise."),
    ] = None,
    parent_pipe: Annotated[
        int | None, typer.Option("--parent-pipe", hidden=True, help="End when this file descriptor does.")
    ] = None,
    faults: Annotated[
        bool, typer.Option("--faults", help="Open the control port's faults: slow, 500, dropped answers.")
    ] = False,
) -> int:
    """Serve all systems until SIGTERM. The first line on stdout is the path of their configuration."""
    if lacks_sandbox():
        raise session.StopError(
            f"The sandbox is not installed. Install it: {sandbox_install_line()}", Exit.USAGE
        )
    from fedesk.sandbox.server import SandboxError
    from fedesk.sandbox.server import serve as serve_it

    try:
        serve_it(seed=seed, scale=scale, state=state, faults=faults, ready=_ready, parent_pipe=parent_pipe)
    except SandboxError as error:
        raise session.StopError(str(error), Exit.FAILED) from None
    return Exit.DONE


def _ready(config: Path) -> None:
    sys.stdout.write(f"{config}\n")
    sys.stdout.flush()
