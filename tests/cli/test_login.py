"""``fedesk login``: what is asked, tried, kept and told, and how each way that it can end is coded."""

import io
import sys
from collections.abc import Callable, Iterator

import keyring
import pytest
from command_line import Changed, Run
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import KeyringLocked
from login_rig import PLANTED, memory_keyring
from memory_keyring import MemoryKeyring

from fedesk.sandbox.server import Sandbox

Typed = Callable[[str], None]


@pytest.fixture
def entries() -> Iterator[MemoryKeyring]:
    with memory_keyring() as found:
        yield found


@pytest.fixture
def no_keyring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())  # type: ignore[no-untyped-call]  # keyring has no types here
    yield
    keyring.set_keyring(before)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Puts a text on stdin, which is no terminal."""

    def put(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    return put


@pytest.fixture
def kept(changed: Changed) -> str:
    """The sandbox's configuration, its credentials in the keyring."""
    systems = ("jenkins", "airflow", "vault")
    changes = [
        (rf'(\[environments\.prod\.{one}\].*?\ncredential = )"[^\n]*"', rf'\1"keyring:prod/{one}"')
        for one in systems
    ]
    return str(changed(*changes))


def test_a_right_credential_is_kept_and_told(
    run: Run, sandbox: Sandbox, kept: str, entries: MemoryKeyring, typed: Typed
) -> None:
    """Who one is, with which policies, until when; the credential itself stands nowhere."""
    token = sandbox.world.identity("vault").credential
    typed(f"{token}\n")
    ended = run("login", "prod.vault", "--stdin", "--json", "--config", kept)
    assert ended.code == 0
    told = ended.document("login")
    assert told["connection"] == "prod/vault"
    assert (told["system"], told["auth"]) == ("vault", "token")
    assert (told["user"], told["roles"]) == ("token-reader", ["default", "fedesk-reader"])
    assert told["valid_until"].startswith("2026-")
    assert (told["credential"], told["stored"]) == ("keyring:prod/vault", True)
    assert entries.entries == {("fedesk", "prod/vault"): token}
    assert token not in ended.out + ended.err


def test_the_desk_reads_what_was_kept(
    run: Run, sandbox: Sandbox, kept: str, entries: MemoryKeyring, typed: Typed
) -> None:
    """Before, a command says what to run; afterwards it has its answer."""
    before = run("secrets", "list", "--json", "--config", kept)
    assert before.code == 2
    assert "fedesk login prod.vault" in before.out + before.err
    typed(sandbox.world.identity("vault").credential)
    assert run("login", "prod/vault", "--stdin", "--config", kept).code == 0
    after = run("secrets", "list", "--json", "--config", kept)
    assert "fedesk login prod.vault" not in after.out + after.err
    assert len(entries.entries) == 1


@pytest.mark.parametrize("system", ["jenkins", "airflow", "vault"])
def test_a_wrong_credential_ends_with_1(
    run: Run, kept: str, entries: MemoryKeyring, typed: Typed, system: str
) -> None:
    """One sentence in the system's words, with what to run; nothing is kept and nothing is quoted."""
    typed(PLANTED)
    ended = run("login", f"prod.{system}", "--stdin", "--config", kept)
    assert ended.code == 1
    assert ended.out == ""
    assert f"fedesk login prod.{system}" in ended.err
    assert PLANTED not in ended.err
    assert entries.entries == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("prod.valt", "did you mean prod.vault?"),
        ("prod/jenkin", "did you mean prod/jenkins?"),
        ("valt", "did you mean vault?"),
        ("\x1b[31m", "there are: prod/jenkins"),
    ],
)
def test_a_name_that_is_none_names_the_nearest(run: Run, kept: str, name: str, words: str) -> None:
    """In the notation that it was typed in."""
    ended = run("login", name, "--config", kept)
    assert ended.code == 2
    assert words in ended.err
    assert "\x1b" not in ended.err


def test_an_environment_beside_a_name_must_be_its_own(run: Run, kept: str) -> None:
    """``vault`` is that of ``--env``; ``prod.vault`` is not in staging."""
    ended = run("login", "prod.vault", "--env", "staging", "--config", kept)
    assert ended.code == 2
    assert "prod/vault is not in staging" in ended.err


def test_what_a_command_gives_is_tried_and_left_there(run: Run, kept: str, entries: MemoryKeyring) -> None:
    """The sandbox's staging refers to a command: it is run, and nobody is asked."""
    ended = run("login", "vault", "--env", "staging", "--config", kept)
    assert ended.code == 0
    assert "token-reader" in ended.out
    assert "comes from the command `cat " in ended.out
    assert entries.entries == {}


def test_stdin_changes_nothing_of_what_is_kept_elsewhere(
    run: Run, kept: str, entries: MemoryKeyring, typed: Typed
) -> None:
    """That would be tried and then lost: it is a mistake of usage."""
    typed(PLANTED)
    ended = run("login", "staging.vault", "--stdin", "--config", kept)
    assert ended.code == 2
    assert "takes its credential from the command" in ended.err
    assert entries.entries == {}


@pytest.mark.parametrize(
    ("text", "flags", "words"),
    [
        ("", (), "give it by stdin and --stdin"),
        ("", ("--stdin",), "There is nothing on stdin"),
        ("\n", ("--stdin",), "There is nothing on stdin"),
        ("x" * 70_000, ("--stdin",), "There is no credential on stdin"),
    ],
)
def test_without_a_terminal_and_a_credential_it_is_usage(
    run: Run, kept: str, entries: MemoryKeyring, typed: Typed, text: str, flags: tuple[str, ...], words: str
) -> None:
    """It never waits for an answer that cannot come."""
    typed(text)
    ended = run("login", "prod.vault", *flags, "--config", kept)
    assert ended.code == 2
    assert words in ended.err
    assert entries.entries == {}


@pytest.mark.usefixtures("no_keyring")
def test_a_machine_without_a_keyring_names_the_choices(run: Run, kept: str, typed: Typed) -> None:
    """Before anything is asked or sent."""
    typed(PLANTED)
    ended = run("login", "prod.vault", "--stdin", "--config", kept)
    assert ended.code == 2
    assert "env:NAME" in ended.err
    assert "command:PROGRAM" in ended.err


def test_a_system_that_is_away_ends_with_8(
    run: Run, changed: Changed, entries: MemoryKeyring, typed: Typed
) -> None:
    """Nothing is kept of what could not be tried."""
    config = changed(
        (
            r'\[environments\.prod\.vault\].*?(kv = [^\n]*\n).*?credential = "[^\n]*"',
            r'[environments.prod.vault]\nurl = "http://127.0.0.1:9"\n\1credential = "keyring:prod/vault"',
        )
    )
    typed(PLANTED)
    ended = run("login", "prod.vault", "--stdin", "--config", str(config))
    assert ended.code == 8
    assert PLANTED not in ended.err
    assert entries.entries == {}


# --- a token that Jenkins makes -------------------------------------------------------------------------


def test_jenkins_makes_a_token_and_the_record_tells_it(
    run: Run, sandbox: Sandbox, kept: str, entries: MemoryKeyring, typed: Typed
) -> None:
    """With the user's password; the token is kept, and neither of the two stands in the audit log."""
    password = sandbox.world.identity("jenkins", writer=True).password
    typed(password)
    ended = run("login", "prod.jenkins", "--make-token", "--stdin", "--json", "--config", kept)
    assert ended.code == 0, ended.err
    assert ended.document("login")["user"] == "releaser"
    token = entries.entries["fedesk", "prod/jenkins"]
    assert token not in {password, sandbox.world.identity("jenkins", writer=True).credential}
    assert run("login", "prod.jenkins", "--stdin", "--config", kept).code == 2
    records = run("audit", "tail", "--json", "--config", kept).document("audit")["records"]
    told = [(one["action"], one["phase"], one["target"], one["result"].partition(":")[0]) for one in records]
    assert told[-2:] == [
        ("login-token", "configuration", "prod/jenkins", "asked for"),
        ("login-token", "configuration", "prod/jenkins", "made"),
    ]
    for secret in (token, password):
        assert secret not in repr(records) + ended.out + ended.err


def test_a_token_that_cannot_be_kept_is_revoked(
    run: Run, sandbox: Sandbox, kept: str, entries: MemoryKeyring, typed: Typed
) -> None:
    """Jenkins is left as it was, and the record says so."""
    entries.error = KeyringLocked("locked")
    typed(sandbox.world.identity("jenkins", writer=True).password)
    ended = run("login", "prod.jenkins", "--make-token", "--stdin", "--config", kept)
    assert ended.code == 2
    assert "did not take fedesk/prod/jenkins" in ended.err
    records = run("audit", "tail", "--json", "--config", kept).document("audit")["records"]
    assert records[-1]["result"].startswith("revoked: fedesk on ")


def test_a_wrong_password_makes_no_token(run: Run, kept: str, entries: MemoryKeyring, typed: Typed) -> None:
    """The refusal is recorded like the asking."""
    typed(PLANTED)
    ended = run("login", "prod.jenkins", "--make-token", "--stdin", "--config", kept)
    assert ended.code == 1
    assert entries.entries == {}
    records = run("audit", "tail", "--json", "--config", kept).document("audit")["records"]
    assert records[-1]["result"].startswith("refused: fedesk on ")


def test_only_jenkins_makes_tokens(run: Run, kept: str, entries: MemoryKeyring, typed: Typed) -> None:
    """Said before anything is asked or recorded."""
    typed(PLANTED)
    ended = run("login", "prod.vault", "--make-token", "--stdin", "--config", kept)
    assert ended.code == 2
    assert "is no Jenkins" in ended.err
    assert entries.entries == {}
