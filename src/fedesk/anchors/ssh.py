"""Checkpoints signed with a person's SSH key, and checked against ``allowed_signers``."""

from pathlib import Path

from fedesk.anchors.openssh import PROGRAM, OpenSsh
from fedesk.domain.checkpoints import NAMESPACE, Checkpoint, Signature, checkpoint_bytes

_SCHEME = "ssh:"


class SshSigner:
    """``ports.anchoring.Signer``: signs with one's own key, and checks against ``allowed_signers``."""

    def __init__(
        self,
        *,
        principal: str,
        key: Path | None,
        allowed_signers: Path,
        program: str = PROGRAM,
    ) -> None:
        """``key``: the public key of an agent or beside the private one, or that one; None only checks."""
        self._by = f"{_SCHEME}{principal}"
        self._keys = OpenSsh(
            NAMESPACE,
            key=key,
            allowed_signers=allowed_signers,
            program=program,
            instead=', or set audit.sign to "transit:CONNECTION:KEY"',
        )

    def sign(self, raw: bytes) -> Signature:
        """The armored signature. Raises CredentialError where no key signs, DeadlineError, NotFoundError."""
        return Signature(by=self._by, text=self._keys.sign(raw))

    def flaw(self, checkpoint: Checkpoint, signature: Signature) -> str:
        """Why it does not count, at the checkpoint's own time; empty where it does. Raises NotFoundError."""
        if not signature.by.startswith(_SCHEME):
            return f"it is signed by {signature.by}, and signatures by SSH keys count here"
        principal = signature.by.removeprefix(_SCHEME)
        return self._keys.check(checkpoint_bytes(checkpoint), signature.text, principal, checkpoint.at).flaw

    def close(self) -> None:
        """Nothing is held."""
