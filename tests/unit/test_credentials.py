"""Credentials by reference: what is given, and that no error ever repeats it."""

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.errors
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from memory_keyring import MemoryKeyring

from fedesk.credentials import forget, keep, resolve
from fedesk.ports.endpoint import SecretText
from fedesk.ports.errors import CredentialError

PLANTED = "s3cr3t-Planted-9f8e7d"
PEM = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def keep_keyring() -> Iterator[KeyringBackend]:
    """Put the machine's keyring back."""
    before = keyring.get_keyring()
    yield before
    keyring.set_keyring(before)


def python(code: str) -> str:
    """A command reference that runs a piece of Python."""
    return f"command:{shlex.join([sys.executable, '-c', code])}"


def refused(reference: str, timeout: float = 20.0) -> str:
    """The sentence of the error, which holds nothing planted."""
    with pytest.raises(CredentialError) as caught:
        resolve(reference, timeout=timeout)
    told = f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"
    assert PLANTED not in told
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.usefixtures("keep_keyring")
def test_the_keyring_gives_by_service_and_name() -> None:
    """keyring:NAME is the entry NAME of the service fedesk; what is absent says how to store it."""
    keyring.set_keyring(MemoryKeyring({"prod/jenkins": PLANTED}))
    assert resolve("keyring:prod/jenkins").reveal() == PLANTED
    assert "keyring set fedesk prod/vault" in refused("keyring:prod/vault")


@pytest.mark.usefixtures("keep_keyring")
def test_a_keyring_that_is_locked_or_absent_says_what_to_do() -> None:
    """A locked keyring wants unlocking; a machine without one is told of the other two references."""
    keyring.set_keyring(MemoryKeyring(error=keyring.errors.KeyringLocked("the collection is locked")))
    assert "the collection is locked" in refused("keyring:prod/jenkins")
    keyring.set_keyring(NoKeyring())  # type: ignore[no-untyped-call]  # as above
    assert "env:NAME or command:PROGRAM" in refused("keyring:prod/jenkins")


@pytest.mark.usefixtures("keep_keyring")
def test_what_is_kept_is_found_by_its_reference_and_can_be_forgotten() -> None:
    """The keyring takes a credential under the name its reference has; forgetting twice is no error."""
    keyring.set_keyring(MemoryKeyring())
    reference = keep("staging/vault", SecretText(PLANTED))
    assert resolve(reference).reveal() == PLANTED
    forget("staging/vault")
    forget("staging/vault")
    assert "holds no fedesk/staging/vault" in refused(reference)


@pytest.mark.usefixtures("keep_keyring")
@pytest.mark.parametrize(
    ("backend", "told"),
    [
        (NoKeyring(), "env:NAME or command:PROGRAM"),  # type: ignore[no-untyped-call]  # as above
        (MemoryKeyring(error=keyring.errors.KeyringLocked(f"locked, password={PLANTED}")), "unlock it"),
    ],
)
def test_a_keyring_that_takes_nothing_says_what_else_there_is(backend: KeyringBackend, told: str) -> None:
    """A credential that cannot be kept is refused in a sentence without it."""
    keyring.set_keyring(backend)
    with pytest.raises(CredentialError, match=told) as caught:
        keep("staging/vault", SecretText(PLANTED))
    assert PLANTED not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_an_environment_variable_gives_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """env:NAME is the variable's value; one that is not set, or empty, is named."""
    monkeypatch.setenv("FEDESK_TEST_SECRET", PLANTED)
    assert resolve("env:FEDESK_TEST_SECRET").reveal() == PLANTED
    monkeypatch.setenv("FEDESK_TEST_SECRET", "")
    assert "FEDESK_TEST_SECRET is empty" in refused("env:FEDESK_TEST_SECRET")
    monkeypatch.delenv("FEDESK_TEST_SECRET")
    assert "FEDESK_TEST_SECRET is not set" in refused("env:FEDESK_TEST_SECRET")


def test_a_command_gives_what_it_prints_without_one_newline(tmp_path: Path) -> None:
    """The newline that programs end with goes; a PEM key keeps its lines."""
    file = tmp_path / "a key.pem"
    file.write_text(PEM)
    assert resolve(f"command:cat {shlex.quote(str(file))}").reveal() == PEM.removesuffix("\n")
    assert resolve(python(f"print({PLANTED!r})")).reveal() == PLANTED


def test_a_command_is_run_without_a_shell(tmp_path: Path) -> None:
    """What a shell would act on is an argument like any other."""
    assert resolve("command:echo $HOME;id").reveal() == "$HOME;id"
    assert not list(tmp_path.iterdir())


def test_a_failing_command_is_quoted_by_its_complaint_alone() -> None:
    """Its stderr is told, cleaned and clipped; what it printed on stdout is not."""
    complaint = r"sys.stderr.write('x\n' * 9000 + 'no \x1b[31mkey ' + 'y' * 9000 + '\n\n'); sys.exit(4)"
    said = refused(python(f"import sys; print({PLANTED!r}); {complaint}"))
    assert "ended with 4" in said
    assert "no key" in said
    assert "\x1b" not in said
    assert len(said) < 600


def test_a_secret_in_a_complaint_is_hidden() -> None:
    """A program that writes a token to stderr does not bring it onto the screen."""
    token = "ghp_" + "a1B2" * 9
    said = refused(python(f"import sys; sys.stderr.write('bad token {token}'); sys.exit(1)"))
    assert token not in said


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("command:no-such-program-anywhere --give", "'no-such-program-anywhere' could not be started"),
        (python("pass"), "printed nothing"),
        (python(r"import sys; sys.stdout.buffer.write(b'\xff\xfe')"), "printed no text"),
        (python("print('x' * 3_000_000)"), "printed far too much"),
        ("command:", "could not be started"),
        (PLANTED, "is no reference"),
    ],
)
def test_a_command_that_gives_no_credential_says_why(reference: str, expected: str) -> None:
    """One sentence for each way in which there is nothing to use."""
    assert expected in refused(reference)


def test_a_command_that_hangs_ends_with_its_children() -> None:
    """The time is bounded even when a child of the command holds its output open."""
    hang = "import subprocess, threading; subprocess.Popen(['sleep', '600']); threading.Event().wait()"
    assert "within 0.5 s" in refused(python(hang), timeout=0.5)


def test_a_resolved_secret_hides_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither repr nor format of what comes back shows it."""
    monkeypatch.setenv("FEDESK_TEST_SECRET", PLANTED)
    secret = resolve("env:FEDESK_TEST_SECRET")
    assert PLANTED not in f"{secret} {secret!r}"
