"""Signatures by OpenSSH's ``ssh-keygen -Y``: with a key file, an agent, or a key on hardware.

It never prompts: there is no terminal for it, and no askpass. A key that wants a passphrase has to be in the
agent; one that wants a touch is given time for it.
"""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from fedesk.domain.text import one_line
from fedesk.ports.approving import Checked
from fedesk.ports.errors import CredentialError, DeadlineError, NotFoundError

PROGRAM = "ssh-keygen"
SIGNING_SECONDS = 30.0
"""Long enough for a touch on a hardware key."""
CHECKING_SECONDS = 10.0
_QUOTED = 200
_KEY = re.compile(rb"^Good .* key (SHA256:[A-Za-z0-9+/=]+)\s*$", re.MULTILINE)
"""What it says of a good signature, with the fingerprint at the end: no principal can have a line break."""

_INHERITED = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "SSH_AUTH_SOCK",
    "SSH_SK_PROVIDER",
)
"""Variables that it is started with. All others stay behind: a credential may be among them."""


class OpenSsh:
    """Signs with one's own key for one purpose, and checks against ``allowed_signers`` what others signed."""

    def __init__(
        self,
        namespace: str,
        *,
        key: Path | None,
        allowed_signers: Path,
        revoked: Path | None = None,
        program: str = PROGRAM,
        instead: str = "",
    ) -> None:
        """``key``: the public key of an agent or beside the private one, or that one; None only checks.

        ``revoked``: a key revocation list, or a file of public keys. ``instead`` is a sentence on what there
        is to do on a machine without the program.
        """
        self._namespace = namespace
        self._key = key
        self._allowed = allowed_signers
        self._revoked = revoked
        self._program = program
        self._instead = instead

    def sign(self, raw: bytes) -> str:
        """The armored signature. Raises CredentialError where no key signs, DeadlineError, NotFoundError."""
        if self._key is None:
            raise CredentialError("There is no identity.signing_key to sign with: name one.")
        arguments = ("-Y", "sign", "-f", str(self._key), "-n", self._namespace)
        done = self._run(arguments, raw, SIGNING_SECONDS)
        if done.returncode != 0:
            raise CredentialError(
                f"{self._program} did not sign with {self._key}: {_words(done.stderr)}. "
                "Load the key into the agent with ssh-add, or correct identity.signing_key."
            )
        return done.stdout.decode("ascii", "replace")

    def check(self, raw: bytes, signature: str, principal: str, at: datetime) -> Checked:
        """Whether it is a person's signature over the bytes, at a time; a revoked key counts at no time.

        Raises NotFoundError where there is no program or no file to check with, DeadlineError.
        """
        for file, key in ((self._allowed, "allowed_signers"), (self._revoked, "revoked")):
            if file is not None and not file.is_file():
                raise NotFoundError(
                    f"There is no file {file} to tell whose signatures count: see identity.{key}."
                )
        revoked = () if self._revoked is None else ("-r", str(self._revoked))
        with tempfile.NamedTemporaryFile(prefix="fedesk-", suffix=".sig") as written:
            written.write(signature.encode("utf-8", "replace"))
            written.flush()
            arguments = (
                *("-Y", "verify", "-f", str(self._allowed), "-I", principal, "-n", self._namespace),
                *("-s", written.name, "-O", f"verify-time={at.astimezone(UTC):%Y%m%d%H%M%S}", *revoked),
            )
            done = self._run(arguments, raw, CHECKING_SECONDS)
        if done.returncode != 0:
            return Checked(flaw=f"it is not signed by {principal}: {_words(done.stderr)}")
        named = _KEY.search(done.stdout)
        if named is None:
            return Checked(flaw=f"{self._program} did not say by which key it is signed")
        return Checked(key=named[1].decode())

    def _run(
        self, arguments: Sequence[str], given: bytes, seconds: float
    ) -> "subprocess.CompletedProcess[bytes]":
        # UTC, since a verify-time without a zone is local, and older ones know no zone.
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        environment = {**inherited, "TZ": "UTC", "LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"}
        command = [self._program, *arguments]
        try:
            process = subprocess.Popen(  # noqa: S603 - OpenSSH's own program, no shell
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise NotFoundError(
                f"There is no {self._program} on this machine, which makes signatures and checks them. "
                f"Install OpenSSH's client{self._instead}."
            ) from None
        except OSError as error:
            said = error.strerror or type(error).__name__
            raise NotFoundError(f"{self._program} could not be started: {said}.") from None
        with process:
            try:
                out, err = process.communicate(given, seconds)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise DeadlineError(
                    f"{self._program} was not done within {seconds:g} s. "
                    "Touch the hardware key when it blinks, and see whether the agent answers (ssh-add -l)."
                ) from None
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def close(self) -> None:
        """Nothing is held."""


def _words(complaint: bytes) -> str:
    """The last line it complained with; it names keys and principals, never a secret."""
    lines = [line for line in complaint.decode("utf-8", "replace").splitlines() if line.strip()]
    return one_line(lines[-1], _QUOTED).rstrip(".") if lines else "it said nothing"
