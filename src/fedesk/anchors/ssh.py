"""Signatures by OpenSSH's ``ssh-keygen -Y``: with a key file, an agent, or a key on hardware.

It never prompts: there is no terminal for it, and no askpass. A key that wants a passphrase has to be in the
agent; one that wants a touch is given time for it.
"""

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC
from pathlib import Path

from fedesk.domain.checkpoints import NAMESPACE, Checkpoint, Signature, checkpoint_bytes
from fedesk.domain.text import one_line
from fedesk.ports.errors import CredentialError, DeadlineError, NotFoundError

PROGRAM = "ssh-keygen"
SIGNING_SECONDS = 30.0
"""Long enough for a touch on a hardware key."""
CHECKING_SECONDS = 10.0
_SCHEME = "ssh:"
_QUOTED = 200


class SshSigner:
    """``ports.anchoring.Signer``: signs with one's own key, and checks against ``allowed_signers``."""

    def __init__(
        self, *, principal: str, key: Path | None, allowed_signers: Path, program: str = PROGRAM
    ) -> None:
        """``key``: the public key of an agent or beside the private one, or that one; None only checks."""
        self._by = f"{_SCHEME}{principal}"
        self._key = key
        self._allowed = allowed_signers
        self._program = program

    def sign(self, raw: bytes) -> Signature:
        """The armored signature. Raises CredentialError where there is no key, DeadlineError."""
        if self._key is None:
            raise CredentialError("There is no identity.signing_key to sign a checkpoint with: name one.")
        arguments = ("-Y", "sign", "-f", str(self._key), "-n", NAMESPACE)
        done = self._run(arguments, raw, SIGNING_SECONDS)
        if done.returncode != 0:
            raise CredentialError(
                f"{self._program} did not sign with {self._key}: {_words(done.stderr)}. "
                "Load the key into the agent with ssh-add, or correct identity.signing_key."
            )
        return Signature(by=self._by, text=done.stdout.decode("ascii", "replace"))

    def flaw(self, checkpoint: Checkpoint, signature: Signature) -> str:
        """Why it does not count, at the checkpoint's own time; empty where it does. Raises NotFoundError."""
        if not signature.by.startswith(_SCHEME):
            return f"it is signed by {signature.by}, and signatures by SSH keys count here"
        principal = signature.by.removeprefix(_SCHEME)
        if not self._allowed.is_file():
            raise NotFoundError(
                f"There is no file {self._allowed} to tell whose signatures count: "
                "see identity.allowed_signers."
            )
        at = f"{checkpoint.at.astimezone(UTC):%Y%m%d%H%M%S}"
        with tempfile.NamedTemporaryFile(prefix="fedesk-", suffix=".sig") as file:
            file.write(signature.text.encode("utf-8", "replace"))
            file.flush()
            arguments = (
                *("-Y", "verify", "-f", str(self._allowed), "-I", principal, "-n", NAMESPACE),
                *("-s", file.name, "-O", f"verify-time={at}"),
            )
            done = self._run(arguments, checkpoint_bytes(checkpoint), CHECKING_SECONDS)
        return "" if done.returncode == 0 else f"it is not signed by {principal}: {_words(done.stderr)}"

    def _run(
        self, arguments: Sequence[str], given: bytes, seconds: float
    ) -> "subprocess.CompletedProcess[bytes]":
        # UTC, since a verify-time without a zone is local, and older ones know no zone.
        environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"}
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
                f"There is no {self._program} on this machine, which signs checkpoints and checks them. "
                'Install OpenSSH\'s client, or set audit.sign to "transit:CONNECTION:KEY".'
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
