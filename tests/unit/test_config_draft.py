"""A first configuration: what was asked becomes a file that loads, whole or not at all, without a secret."""

import importlib
import stat
import threading
from pathlib import Path

import keyring
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keyring.errors import KeyringLocked
from memory_keyring import MemoryKeyring

from fedesk import credentials, setting_up
from fedesk.config import VaultConfig, config_of, load_config
from fedesk.config_draft import Draft, Value, rendered, write
from fedesk.domain.states import System
from fedesk.ports.endpoint import SecretText
from fedesk.setting_up import NotSavedError, save

WHOLE = Draft(
    environment="prod",
    production=True,
    mode="guarded",
    timezone="Europe/London",
    connections={
        System.JENKINS: {
            "url": "https://jenkins.example",
            "user": "oncall",
            "credential": "keyring:prod/jenkins",
            "folders": ["finedge/prod", "shared"],
        },
        System.VAULT: {
            "url": "https://vault.example",
            "auth": "token",
            "credential": "env:VAULT_TOKEN",
            "kv": [{"mount": "kv", "prefix": "finedge/prod"}, {"mount": "team/kv"}],
        },
    },
)
SECRET = "planted-9f31c0de"


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    """A keyring in memory, in place of this machine's."""
    return use(MemoryKeyring(), monkeypatch)


def use(backend: MemoryKeyring, monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    """Have it be this machine's keyring."""
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    return backend


def test_what_was_asked_is_what_loads(tmp_path: Path) -> None:
    """The document loads as it was meant, and its comments name the ways on."""
    text = rendered(WHOLE)
    config = config_of(text, tmp_path / "fedesk.toml")
    prod = config.environments["prod"]
    assert (prod.production, prod.mode, prod.timezone) == (True, "guarded", "Europe/London")
    jenkins, vault = prod.connections()
    assert (jenkins.settings.user, jenkins.settings.credential) == ("oncall", "keyring:prod/jenkins")
    assert isinstance(vault.settings, VaultConfig)
    assert [(one.mount, one.prefix) for one in vault.settings.kv] == [("kv", "finedge/prod"), ("team/kv", "")]
    assert all(word in text for word in ("fedesk config validate", "docs/configuration.md", "catalog"))
    assert max(map(len, text.splitlines())) <= 120


@settings(deadline=None)
@given(
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True),
    user=st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\x7f"), min_size=1),
    folder=st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\x7f"), min_size=1),
)
def test_any_text_comes_back(name: str, user: str, folder: str) -> None:
    """Quotes, backslashes, brackets and other alphabets in an answer are that answer when it is read."""
    table: dict[str, Value] = {"url": "https://x", "user": user, "credential": "env:A", "folders": [folder]}
    draft = Draft(
        environment=name, production=False, mode="read-only", timezone="UTC",
        connections={System.JENKINS: table},
    )  # fmt: skip
    (jenkins,) = config_of(rendered(draft), Path("/fedesk.toml")).environments[name].connections()
    assert jenkins.settings.user == user
    assert getattr(jenkins.settings, "folders", ()) == (folder,)


def test_a_file_is_whole_its_owners_and_never_anothers(tmp_path: Path) -> None:
    """Folders are made; mode 0600; one that is there stays, or is kept under another name; no rest."""
    path = tmp_path / "a" / "b" / "fedesk.toml"
    assert write(path, "one\n", replace=False) is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write(path, "two\n", replace=False)
    assert path.read_text(encoding="utf-8") == "one\n"
    kept = write(path, "two\n", replace=True)
    again = write(path, "three\n", replace=True)
    assert kept is not None
    assert again is not None
    assert [one.read_text(encoding="utf-8") for one in (kept, again, path)] == ["one\n", "two\n", "three\n"]
    assert {one.name for one in path.parent.iterdir()} == {"fedesk.toml", "fedesk.toml.1", "fedesk.toml.2"}


def test_of_two_who_write_at_once_one_is_told(tmp_path: Path) -> None:
    """A file that came to be between look and write is not replaced."""
    path = tmp_path / "fedesk.toml"
    refused: list[str] = []

    def begin(text: str) -> None:
        try:
            write(path, text, replace=False)
        except FileExistsError:
            refused.append(text)

    writers = [threading.Thread(target=begin, args=(text,)) for text in ("one", "two")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted([path.read_text(encoding="utf-8"), *refused]) == ["one", "two"]


def test_saved_is_in_the_keyring_and_not_in_the_file(tmp_path: Path, keys: MemoryKeyring) -> None:
    """The secret is where the reference says, and the file and its folder hold nothing of it."""
    path = tmp_path / "fedesk.toml"
    saved = save(path, WHOLE, {System.JENKINS: SecretText(SECRET)}, replacing=False)
    assert saved.entries == ("prod/jenkins",)
    assert credentials.resolve("keyring:prod/jenkins").reveal() == SECRET
    assert load_config(path).default_environment == "prod"
    assert not [one for one in tmp_path.iterdir() if SECRET in one.read_text(encoding="utf-8")]
    assert len(keys.entries) == 1


def test_where_it_cannot_be_written_the_keyring_is_as_it_was(tmp_path: Path, keys: MemoryKeyring) -> None:
    """An entry that was there has its old value again, a new one is gone; the file is the old one."""
    keys.entries["fedesk", "prod/jenkins"] = "the old one"
    path = tmp_path / "fedesk.toml"
    path.write_text("mine\n", encoding="utf-8")
    secrets = {System.JENKINS: SecretText(SECRET), System.VAULT: SecretText(SECRET)}
    with pytest.raises(NotSavedError, match="was left as it is"):
        save(path, WHOLE, secrets, replacing=False)
    folder = tmp_path / "file"
    folder.write_text("", encoding="utf-8")
    with pytest.raises(NotSavedError, match="cannot be written"):
        save(folder / "fedesk.toml", WHOLE, secrets, replacing=False)
    assert keys.entries == {("fedesk", "prod/jenkins"): "the old one"}
    assert path.read_text(encoding="utf-8") == "mine\n"


def test_a_keyring_that_refuses_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written then, and the sentence says what to do."""
    use(MemoryKeyring(error=KeyringLocked("it is locked")), monkeypatch)
    path = tmp_path / "fedesk.toml"
    with pytest.raises(NotSavedError, match=r"did not take fedesk/prod/jenkins \(it is locked\)"):
        save(path, WHOLE, {System.JENKINS: SecretText(SECRET)}, replacing=False)
    assert not path.exists()


@pytest.mark.parametrize("backend", ["fail", "null"])
def test_a_machine_without_a_keyring_is_known(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The backends that keep nothing are none; one that keeps is."""
    module = importlib.import_module(f"keyring.backends.{backend}")
    monkeypatch.setattr(keyring.core, "_keyring_backend", module.Keyring())
    assert not credentials.has_keyring()
    use(MemoryKeyring(), monkeypatch)
    assert credentials.has_keyring()


def test_a_system_that_sends_the_secret_back_does_not_get_it_on_screen() -> None:
    """What was typed is taken out of every sentence of an answer, by its value."""
    from fedesk.domain.identity import Identity
    from fedesk.domain.observation import Failure
    from fedesk.domain.states import FailureKind
    from fedesk.services.trying import Seen, Tried

    said = f"the word {SECRET} is wrong"
    tried = Tried(
        failure=Failure(kind=FailureKind.PROTOCOL, sentence=said),
        identity=Identity(user=said, roles=(said,)),
        seen=Seen(problems=(said,)),
    )
    assert SECRET not in repr(setting_up._without(tried, SecretText(f"{SECRET}\n")))  # noqa: SLF001 - the rule itself


def test_machine_zone_by_what_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TZ before the link, the link before the file, UTC where nothing names a zone."""
    from fedesk.timezones import machine_zone

    monkeypatch.delenv("TZ", raising=False)
    zone = tmp_path / "zoneinfo" / "Europe" / "Paris"
    zone.parent.mkdir(parents=True)
    zone.touch()
    link, file = tmp_path / "localtime", tmp_path / "timezone"
    assert machine_zone(link, file) == "UTC"
    file.write_text("America/New_York\n", encoding="ascii")
    assert machine_zone(link, file) == "America/New_York"
    link.symlink_to(zone)
    assert machine_zone(link, file) == "Europe/Paris"
    monkeypatch.setenv("TZ", ":Asia/Tokyo")
    assert machine_zone(link, file) == "Asia/Tokyo"
    monkeypatch.setenv("TZ", "no/such/zone")
    assert machine_zone(link, file) == "Europe/Paris"
