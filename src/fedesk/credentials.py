"""Credentials by reference: ``keyring:NAME``, ``env:NAME`` or ``command:PROGRAM ARGUMENTS``.

The configuration holds the reference alone. No sentence of an error ever holds what a reference gave.
"""

import contextlib
import os
import shlex
import signal
import subprocess

from fedesk.domain.redaction import redact
from fedesk.domain.text import one_line
from fedesk.ports.endpoint import SecretText
from fedesk.ports.errors import CredentialError

SERVICE = "fedesk"
"""The service that entries of the keyring belong to: ``keyring set fedesk NAME``."""
COMMAND_TIMEOUT = 30.0
"""Seconds a command may take: long enough for a touch on a hardware key."""
_LONGEST = 1 << 20
_QUOTED = 200


def resolve(reference: str, *, timeout: float = COMMAND_TIMEOUT, login: str = "") -> SecretText:
    """Look a credential up; may be slow. Raises CredentialError with one sentence that says what to do.

    ``login`` is the command line that stores it, where there is one.
    """
    kind, _, rest = reference.partition(":")
    match kind:
        case "keyring":
            secret = _from_keyring(rest.strip(), login)
        case "env":
            secret = _from_environment(rest.strip())
        case "command":
            secret = _from_command(rest.strip(), timeout)
        case _:
            raise CredentialError(
                "A credential is no reference: write keyring:NAME, env:NAME or command:PROGRAM."
            )
    return SecretText(secret)


def has_keyring() -> bool:
    """Whether there is a keyring that keeps what it is given; may take a tenth of a second."""
    import keyring
    from keyring.backends import fail, null

    return not isinstance(keyring.get_keyring(), fail.Keyring | null.Keyring)


def check(name: str) -> None:
    """Raise CredentialError, with the other ways, where this machine has no keyring for a credential."""
    if not has_keyring():
        raise _no_place(name)


def keep(name: str, secret: SecretText) -> str:
    """Put a credential into the keyring and give the reference to it; may ask the person to unlock it.

    Raises CredentialError, with the other ways where this machine has no keyring.
    """
    import keyring
    from keyring.errors import KeyringError, NoKeyringError

    try:
        keyring.set_password(SERVICE, name, secret.reveal())
    except NoKeyringError:
        raise _no_place(name) from None
    except KeyringError as error:
        said = one_line(redact(str(error)).text or type(error).__name__, _QUOTED)
        raise CredentialError(
            f"The keyring did not take {SERVICE}/{name} ({said}): unlock it and try again."
        ) from None
    return f"keyring:{name}"


def _no_place(name: str) -> CredentialError:
    return CredentialError(
        f"This machine has no keyring to put {SERVICE}/{name} into: keep it where env:NAME or"
        " command:PROGRAM finds it, like command:pass show NAME."
    )


def forget(name: str) -> None:
    """Take a credential out of the keyring, where there is one. Raises CredentialError."""
    import keyring
    from keyring.errors import KeyringError, NoKeyringError, PasswordDeleteError

    try:
        keyring.delete_password(SERVICE, name)
    except (PasswordDeleteError, NoKeyringError):
        return
    except KeyringError as error:
        said = one_line(redact(str(error)).text or type(error).__name__, _QUOTED)
        raise CredentialError(
            f"The keyring did not let go of {SERVICE}/{name} ({said}): unlock it and try again."
        ) from None


def _from_keyring(name: str, login: str) -> str:
    # The backends of keyring cost a tenth of a second to find: only where one is asked.
    import keyring
    from keyring.errors import KeyringError, NoKeyringError

    hint = f"run `{login}`" if login else f"store it with `keyring set {SERVICE} {name}`"
    try:
        secret = keyring.get_password(SERVICE, name)
    except NoKeyringError:
        raise CredentialError(
            f"This machine has no keyring to read {SERVICE}/{name} from:"
            " refer to it as env:NAME or command:PROGRAM."
        ) from None
    except KeyringError as error:
        said = one_line(str(error) or type(error).__name__, _QUOTED)
        raise CredentialError(
            f"The keyring did not give {SERVICE}/{name} ({said}): unlock it, or {hint}."
        ) from None
    if not secret:
        raise CredentialError(f"The keyring holds no {SERVICE}/{name}: {hint}.")
    return secret


def _from_environment(name: str) -> str:
    secret = os.environ.get(name)
    if not secret:
        state = "empty" if secret == "" else "not set"
        raise CredentialError(f"The environment variable {name} is {state}: export it before fedesk starts.")
    return secret


def _from_command(line: str, timeout: float) -> str:
    words = shlex.split(line)
    program = words[0] if words else ""
    try:
        # A session of its own: it cannot ask on the desk's terminal, and ends with all that it started.
        process = subprocess.Popen(  # noqa: S603 - the person's own command, split into words, no shell
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, IndexError, ValueError) as error:
        said = getattr(error, "strerror", None) or "it is empty"
        raise CredentialError(
            f"The command {program!r} could not be started ({said}): correct the credential."
        ) from None
    try:
        output, complaints = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise CredentialError(
            f"The command {program!r} gave no credential within {timeout:g} s:"
            " run it by hand and see what it waits for."
        ) from None
    finally:
        _end(process)
    if process.returncode != 0:
        said = _last_line(complaints)
        quoted = f': "{said}"' if said else ""
        raise CredentialError(
            f"The command {program!r} ended with {process.returncode}{quoted}. Run it by hand to see why."
        )
    return _text(output, program)


def _last_line(complaints: bytes) -> str:
    """The line a program ends its complaint with, made fit to be shown, secrets hidden."""
    lines = complaints[-_LONGEST:].decode("utf-8", "replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    return one_line(redact(one_line(last, 20 * _QUOTED)).text, _QUOTED)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a command's session, without waiting for who holds its pipes."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _text(output: bytes, program: str) -> str:
    """What a command printed, without the one newline at its end: a PEM key keeps its lines."""
    text = output.decode("utf-8", "replace") if len(output) <= _LONGEST else ""
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip() or "\N{REPLACEMENT CHARACTER}" in text:
        found = "nothing" if not output.strip() else "no text" if len(output) <= _LONGEST else "far too much"
        raise CredentialError(f"The command {program!r} printed {found}: it must print the credential alone.")
    return text
