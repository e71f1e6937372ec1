"""``fedesk login``: a credential is asked for, tried on its system, and kept in the keyring."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import output, session
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.config_types import Config, ConnectionConfig
    from fedesk.domain.logins import Account
    from fedesk.ports.endpoint import SecretText
    from fedesk.services.logging_in import LoggedIn

_LONGEST = 1 << 16
"""Bytes of a credential on stdin: more is no credential."""


def login(
    context: typer.Context,
    connection: Annotated[
        str, typer.Argument(metavar="CONNECTION", help="As prod.vault or prod/vault, or vault with --env.")
    ],
    from_stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the credential from stdin, and ask nobody.")
    ] = False,
    make_token: Annotated[
        bool,
        typer.Option("--make-token", help="Of Jenkins: have it make an API token, with the user's password."),
    ] = False,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Try a credential on its system, keep it in the keyring, and say who one is.

    Asks on the terminal, without echo; with a browser where the connection has auth = "oidc" or
    "externalbrowser". What env: or command: give is tried, and stays where it is. Nothing is kept of what the
    system refuses: exit code 1. Exit code 8 when it could not be tried.
    """
    from fedesk.entrance import ConfiguredEntrance, SystemKeyring, account_of, find
    from fedesk.ports.errors import ForbiddenError, UnauthenticatedError
    from fedesk.services.logging_in import log_in

    loaded = session.load(config)
    session.known_environment(loaded, environment, "--env")
    configured = find(loaded, connection, environment)
    account, entrance = account_of(configured), ConfiguredEntrance(configured)
    try:
        if make_token:
            found = _with_new_token(context, loaded, configured, from_stdin=from_stdin)
        else:
            if from_stdin and (account.way.by_browser or not account.entry):
                raise session.StopError(_no_use_for_stdin(account), Exit.USAGE)
            given = _secret_of(account, account.way.asks, from_stdin=from_stdin)
            found = log_in(account, entrance, SystemKeyring(), given=given, show=_show_address)
    except (UnauthenticatedError, ForbiddenError) as error:
        raise session.StopError(str(error), Exit.FAILED) from None
    _tell(context, loaded, found, as_json=as_json)
    return Exit.DONE


def _with_new_token(
    context: typer.Context, loaded: "Config", configured: "ConnectionConfig", *, from_stdin: bool
) -> "LoggedIn":
    """Have a token made, with a record of it behind which nothing is sent that is not written down."""
    from contextlib import closing
    from socket import gethostname

    from fedesk.domain.audit import AuditDraft, Phase
    from fedesk.entrance import ConfiguredEntrance, SystemKeyring, account_of
    from fedesk.services.logging_in import log_in_with_new_token

    account = account_of(configured)
    with closing(session.compose(context, loaded, account.name.environment)) as desk:

        def record(what: str) -> None:
            desk.store.append(
                AuditDraft(
                    at=desk.clock.now(),
                    actor=desk.actor,
                    environment=account.name.environment,
                    action="login-token",
                    target=str(account.name),
                    phase=Phase.CONFIGURATION,
                    result=what,
                )
            )

        return log_in_with_new_token(
            account,
            ConfiguredEntrance(configured),
            SystemKeyring(),
            password=_secret_of(account, f"password of {account.user}", from_stdin=from_stdin),
            label=f"fedesk on {gethostname()}, {desk.clock.now():%Y-%m-%d %H:%M:%S}Z",
            record=record,
        )


def _secret_of(account: "Account", asks: str, *, from_stdin: bool) -> "Callable[[], SecretText]":
    """How a person gives what is asked for."""

    def given() -> "SecretText":
        from fedesk.ports.endpoint import SecretText

        if from_stdin:
            return SecretText(_from_stdin())
        if not sys.stdin.isatty():
            raise session.StopError(
                f"There is no terminal to ask for the {asks} of {account.name}; give it by stdin and --stdin",
                Exit.USAGE,
            )
        return SecretText(_from_file(account, asks) if account.way.is_file else _typed(account, asks))

    return given


def _from_stdin() -> str:
    text = sys.stdin.buffer.read(_LONGEST + 1).decode("utf-8", "replace")
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip() or len(text) >= _LONGEST or "\N{REPLACEMENT CHARACTER}" in text:
        found = "nothing" if not text.strip() else "no credential"
        raise session.StopError(f"There is {found} on stdin; pipe the credential alone into it", Exit.USAGE)
    return text


def _typed(account: "Account", asks: str) -> str:
    from getpass import getpass

    user = f" of {account.user}" if account.user and not asks.endswith(account.user) else ""
    text = getpass(f"{account.name}, {asks}{user}: ", stream=sys.stderr)
    if not text.strip():
        raise session.StopError("Nothing was typed, and nothing was changed", Exit.USAGE)
    return text


def _from_file(account: "Account", asks: str) -> str:
    """What has several lines is in a file; its name is no secret."""
    sys.stderr.write(f"{account.name}, file with the {asks}: ")
    sys.stderr.flush()
    path = Path(sys.stdin.readline().strip()).expanduser()
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "it is no text"
        raise session.StopError(f"{path} cannot be read: {said}", Exit.USAGE) from None


def _no_use_for_stdin(account: "Account") -> str:
    if account.way.by_browser:
        return (
            f"{account.name} is logged in to with a browser, and takes nothing from stdin; leave --stdin out"
        )
    if not account.reference:
        return f"{account.name} has no credential; give it `user` and credential in the configuration"
    return (
        f"{account.name} takes its credential from {_origin(account)}, which --stdin does not change; "
        "leave it out to try what that gives"
    )


def _show_address(address: str) -> None:
    """Open a browser where the person sits at a desktop; the address is printed whatever becomes of it."""
    from fedesk.domain.text import one_line
    from fedesk.ui import browsing

    command = browsing.opener(os.environ)
    if command and not browsing.open_address(address, command, os.environ):
        output.narrate("A browser was opened to sign in. If it shows nothing, open this address in one:")
    else:
        output.narrate(
            "Sign in at this address, with a browser on this machine. From another one, forward the port "
            "that it comes back to first, like `ssh -L 8250:127.0.0.1:8250 HOST`:"
        )
    sys.stderr.write(f"{one_line(address, _LONGEST)}\n")
    sys.stderr.flush()


def _origin(account: "Account") -> str:
    """Where the credential is, without what follows ``command:``, which may be long."""
    kind, _, rest = account.reference.partition(":")
    return f"the command `{rest.strip()}`" if kind == "command" else f"{kind}:{rest.strip()}"


def _tell(context: typer.Context, loaded: "Config", found: "LoggedIn", *, as_json: bool) -> None:
    account, identity = found.account, found.identity
    environment = account.name.environment
    if as_json:
        output.document(
            "fedesk-login/1",
            environment,
            session.clock_of(context).now(),
            connection=str(account.name),
            system=account.system.value,
            auth=account.auth or None,
            user=identity.user,
            roles=list(identity.roles),
            valid_until=output.instant(identity.until),
            credential=account.reference,
            stored=found.stored,
        )
        return
    zone = loaded.environments[environment].timezone
    until = output.when(identity.until, zone) or "not told"
    where = f"kept as {account.reference}" if found.stored else f"comes from {_origin(account)}, as before"
    output.facts(
        [
            ("connection", str(account.name)),
            ("user", identity.user),
            ("roles", ", ".join(identity.roles) or "not told"),
            ("valid until", f"{until} {zone}" if identity.until else until),
            ("credential", where),
        ]
    )
