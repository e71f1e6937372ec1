"""The options by which a command says yes to a plan: the same words, and the same mistakes, on each."""

from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import session
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.config_types import Config

ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, or a ticket.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the plan and change nothing.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Say yes, where that is enough.")]
ConfirmOption = Annotated[
    str | None, typer.Option("--confirm", metavar="ENV", help="Say yes by the environment's name.")
]
WriteOption = Annotated[
    str | None,
    typer.Option("--write", metavar="ENV", help="Change a read-only environment with this one command."),
]


def check_one_yes(*, yes: bool, confirm: str | None) -> None:
    """Raise StopError where both were given."""
    if yes and confirm is not None:
        raise session.StopError("--yes and --confirm are two ways to say one thing; give one", Exit.USAGE)


def check_environments(
    config: "Config", environment: str | None, confirm: str | None, write: str | None = None
) -> None:
    """Raise StopError for a name that is no environment of the configuration."""
    for name, option in ((environment, "--env"), (confirm, "--confirm"), (write, "--write")):
        session.known_environment(config, name, option)
