"""The first configuration, by its keys: what is tried when, what is kept, what is never shown."""

import stat
import threading
from collections.abc import Callable
from pathlib import Path

import keyring
import pytest
from asked_systems import RIGHT, AskedSystems, setup_app
from keyring.backends import fail
from memory_keyring import MemoryKeyring
from painting import flat, text_of, type_in, until
from textual import events
from textual.pilot import Pilot

from fedesk.config import load_config
from fedesk.ui.screens.setup import SetupScreen, WelcomeScreen
from fedesk.ui.setup.app import SetupApp
from fedesk.ui.setup.questions import Page

URL = "https://airflow.example"
PEM = "-----BEGIN PRIVATE KEY-----\nplanted-line-one\nplanted-line-two\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    """A keyring in memory, in place of this machine's."""
    kept = MemoryKeyring()
    monkeypatch.setattr(keyring.core, "_keyring_backend", kept)
    return kept


@pytest.fixture
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without one."""
    monkeypatch.setattr(keyring.core, "_keyring_backend", fail.Keyring())  # type: ignore[no-untyped-call]  # keyring has no types here


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file would be; its folder is not there."""
    return tmp_path / "config" / "fedesk.toml"


def read(path: Path) -> str:
    """What a file holds."""
    return path.read_text(encoding="utf-8")


def write(path: Path, text: str) -> None:
    """A file that somebody wrote before."""
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")


def mode_of(path: Path) -> int:
    """Who may read it."""
    return stat.S_IMODE(path.stat().st_mode)


def below(folder: Path) -> list[Path]:
    """The files of a folder; none where there is no such folder."""
    return list(folder.iterdir()) if folder.is_dir() else []


async def to_page(pilot: Pilot[int], app: SetupApp, page: Page) -> None:
    """Go there without an answer on the way."""
    while app.setup.page is not page:
        await pilot.press("pagedown")


async def paste(pilot: Pilot[int], text: str) -> None:
    """As a terminal does."""
    pilot.app.post_message(events.Paste(text))
    await pilot.pause()


async def airflow(pilot: Pilot[int], app: SetupApp, password: str = RIGHT) -> None:
    """Answer what is asked about an Airflow, and leave the line of the password."""
    await to_page(pilot, app, Page.AIRFLOW)
    await type_in(pilot, *URL, "enter", "enter", *"oncall", "enter", "enter", *password, "enter")


def saw(app: SetupApp, words: str) -> Callable[[], bool]:
    """Whether words stand on the screen."""
    return lambda: words in flat(app)


async def test_typed_tried_kept_and_written(path: Path, keys: MemoryKeyring) -> None:
    """From the offer to the file: the board's file is there, whole, its owner's, and has no secret."""
    systems = AskedSystems()
    app = setup_app(path, systems, asking=False)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, saw(app, "There is no configuration yet."))
        await pilot.press("j", "enter")
        await airflow(pilot, app)
        await until(pilot, saw(app, "knows you as oncall"))
        await type_in(pilot, *"p", "right", "enter")
        await to_page(pilot, app, Page.WRITE)
        assert "ctrl+y writes it" in flat(app)
        await pilot.press("ctrl+y")
        await until(pilot, lambda: app.ending.saved is not None)
    assert app.ending.saved is not None
    assert (app.ending.saved.path, app.ending.saved.kept) == (path, None)
    assert mode_of(path) == 0o600
    (connection,) = load_config(path).environments["prod"].connections()
    assert connection.settings.credential == "keyring:prod/airflow"
    assert getattr(connection.settings, "tags", ()) == ("prod",)
    assert keys.entries == {("fedesk", "prod/airflow"): RIGHT}
    assert systems.looked[-1] == f"{URL} oncall"


async def test_nobody_is_logged_in_before_a_line_is_left(path: Path, keys: MemoryKeyring) -> None:
    """While one types the address is knocked at; who one is is asked once the secret's line is left."""
    systems = AskedSystems()
    app = setup_app(path, systems)
    async with app.run_test(size=(80, 24)) as pilot:
        await to_page(pilot, app, Page.AIRFLOW)
        await type_in(pilot, *URL)
        await until(pilot, saw(app, "Airflow 3.3.2 is there"))
        assert "No credential was sent" in flat(app)
        await type_in(pilot, "enter", "enter", *"oncall", "enter", "enter", *"righ")
        await pilot.pause(0.5)
        assert systems.looked == []
        await type_in(pilot, "t", "enter")
        await until(pilot, saw(app, "knows you as oncall"))
    assert systems.looked == [f"{URL} oncall"]
    assert systems.knocked == [URL]
    assert keys.entries == {}


async def test_what_was_refused_is_not_tried_again_by_itself(path: Path, keys: MemoryKeyring) -> None:
    """A wrong password is one login, however often one walks over it; a key of its own tries it again."""
    systems = AskedSystems()
    app = setup_app(path, systems)
    async with app.run_test(size=(80, 24)) as pilot:
        await airflow(pilot, app, "wrong")
        await until(pilot, saw(app, "✗ refused: prod/airflow refuses the login"))
        assert "Invalid credentials" in flat(app)
        await pilot.press("up", "up", "down", "down", "pagedown", "pageup", *["down"] * 5)
        await type_in(pilot, *"prod", "up", "down")
        assert systems.looked == [f"{URL} oncall"]
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(systems.looked) == 2)
        await to_page(pilot, app, Page.WRITE)
        await until(pilot, saw(app, "It is written all the same"))
    assert keys.entries == {}


async def test_an_old_answer_does_not_overwrite_a_newer_input(path: Path, keys: MemoryKeyring) -> None:
    """What comes late of an address that was changed is dropped; the newer one's answer is shown."""
    late = threading.Event()
    systems = AskedSystems(held={"https://nowhere.example": late})
    app = setup_app(path, systems)
    async with app.run_test(size=(80, 24)) as pilot:
        await to_page(pilot, app, Page.AIRFLOW)
        await type_in(pilot, *"https://nowhere.example")
        await until(pilot, lambda: systems.knocked == ["https://nowhere.example"])
        await pilot.press("ctrl+u")
        await type_in(pilot, *URL)
        await until(pilot, saw(app, "Airflow 3.3.2 is there"))
        late.set()
        await pilot.pause(0.1)
        assert "no such host" not in flat(app)
        assert "Airflow 3.3.2 is there" in flat(app)
        await pilot.press("ctrl+u")
        await type_in(pilot, *"https://nowhere.example")
        await until(pilot, saw(app, "✗ not reached: prod/airflow at https://nowhere.example"))
    assert keys.entries == {}


def broken(saved: object) -> None:
    """A fault of fedesk's own, while everything is at hand."""
    raise ZeroDivisionError(saved)


async def test_a_secret_is_shown_nowhere_and_keeps_its_lines(
    path: Path, keys: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pasted private key is in the keyring as it was pasted, and in no picture, file or crash."""
    app = setup_app(path, AskedSystems())
    pictures = []
    monkeypatch.setattr(app, "open_board", broken)
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - Textual raises it where the app ends
        async with app.run_test(size=(80, 24)) as pilot:
            await to_page(pilot, app, Page.SNOWFLAKE)
            await type_in(pilot, *"finedge-eu", "enter", "enter", *"READER", "enter", "enter", "enter")
            await type_in(pilot, *"planted-typed-1")
            pictures.append(app.export_screenshot())
            await pilot.press("ctrl+u")
            await paste(pilot, PEM.replace("\n", "\r\n"))
            assert "4 lines, hidden" in flat(app)
            for key in ("enter", "up", "question_mark", "f1", "escape", "pagedown"):
                await pilot.press(key)
                pictures.append(app.export_screenshot())
            await pilot.press("ctrl+y")
            await until(pilot, lambda: app.refusal)
    # The ``?`` of a line that may hold one is part of it.
    assert keys.entries == {("fedesk", "prod/snowflake"): f"{PEM}?"}
    crashes = below(path.parent / "crashes")
    assert crashes
    files = [read(one) for one in (path, *crashes)]
    assert not [text for text in (*pictures, *files, app.refusal, repr(app.setup)) if "planted" in text]


@pytest.mark.usefixtures("no_keyring")
async def test_without_a_keyring_the_other_places_are_offered(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine without one it is not offered, the choices say so, and the file refers to one of them."""
    monkeypatch.setenv("AIRFLOW_PASSWORD", RIGHT)
    app = setup_app(path, AskedSystems())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: not app.setup.keyring)
        await to_page(pilot, app, Page.AIRFLOW)
        await type_in(pilot, *URL, "enter", "enter", *"oncall", "enter")
        assert "[env] command" in flat(app)
        assert "This machine has no keyring." in flat(app)
        await type_in(pilot, "enter", *"AIRFLOW_PASSWORD", "enter")
        await until(pilot, saw(app, "knows you as oncall"))
        await to_page(pilot, app, Page.WRITE)
        await pilot.press("ctrl+y")
        await until(pilot, lambda: app.ending.saved is not None)
    (connection,) = load_config(path).environments["prod"].connections()
    assert connection.settings.credential == "env:AIRFLOW_PASSWORD"


async def test_a_file_that_is_there_is_replaced_only_by_a_yes(path: Path, keys: MemoryKeyring) -> None:
    """Without it the key does nothing; with it the old file is kept beside the new one."""
    write(path, "mine\n")
    app = setup_app(path, AskedSystems())
    async with app.run_test(size=(80, 24)) as pilot:
        await airflow(pilot, app)
        await to_page(pilot, app, Page.WRITE)
        assert "a configuration is there already; say yes to replace it" in flat(app)
        await pilot.press("ctrl+y")
        assert read(path) == "mine\n"
        await pilot.press("y", "ctrl+y")
        await until(pilot, lambda: app.ending.saved is not None)
    assert load_config(path).default_environment == "prod"
    assert read(path.with_name("fedesk.toml.1")) == "mine\n"
    assert keys.entries == {("fedesk", "prod/airflow"): RIGHT}


async def test_back_and_forth_keeps_what_was_typed_and_leaving_writes_nothing(
    path: Path, keys: MemoryKeyring
) -> None:
    """``Esc`` leads back page by page to the offer, and from there on again, to the answers as they were."""
    app = setup_app(path, AskedSystems())
    async with app.run_test(size=(60, 18)) as pilot:
        await airflow(pilot, app)
        await until(pilot, saw(app, "knows you as oncall"))
        for _ in range(3):
            await pilot.press("escape")
        assert isinstance(app.screen, WelcomeScreen)
        await pilot.press("c")
        assert isinstance(app.screen, SetupScreen)
        assert app.setup.page is Page.ENVIRONMENT
        await to_page(pilot, app, Page.AIRFLOW)
        assert all(words in flat(app) for words in (URL, "oncall", "•••••", "knows you as oncall"))
        await pilot.press("escape", "escape", "escape", "q")
    assert app.ending.saved is None
    assert below(path.parent) == []
    assert keys.entries == {}


@pytest.mark.parametrize(
    ("page", "typed", "said"),
    [
        (Page.ENVIRONMENT, ["ctrl+u", "tab"], "an environment's name is made of letters"),
        (Page.ENVIRONMENT, ["tab", "tab", *"/x", "tab"], "no IANA time zone"),
        (Page.JENKINS, [*"jenkins.example", "tab"], "expected an address like https://HOST"),
        (Page.VAULT, [*"https://mara:pw@vault", "tab"], "an address must not hold a password"),
        (Page.SNOWFLAKE, [*"finedge", "tab", *"a b", "tab"], "expected the name of a host"),
    ],
)
async def test_a_mistake_stands_below_its_line(
    path: Path, keys: MemoryKeyring, page: Page, typed: list[str], said: str
) -> None:
    """In the configuration's own words, once the line is left, and it is in the way of writing."""
    app = setup_app(path, AskedSystems())
    async with app.run_test(size=(80, 24)) as pilot:
        await to_page(pilot, app, page)
        await type_in(pilot, *typed)
        assert said in flat(app)
        await to_page(pilot, app, Page.WRITE)
        assert "Not yet" in flat(app)
        await pilot.press("ctrl+y")
        assert app.ending.saved is None
    assert keys.entries == {}


async def test_time_zones_and_parts_are_completed(path: Path, keys: MemoryKeyring) -> None:
    """What is known is offered as one types, and ``→`` takes it; of several, each once."""
    app = setup_app(path, AskedSystems())
    async with app.run_test(size=(80, 24)) as pilot:
        await type_in(pilot, "tab", "tab", "ctrl+u", *"america/new", "right")
        assert app.setup.answers(Page.ENVIRONMENT)["timezone"] == "America/New_York"
        await to_page(pilot, app, Page.VAULT)
        await type_in(pilot, *"https://vault", "enter", "enter", "enter", *RIGHT, "enter")
        await until(pilot, saw(app, "→ kv, team/kv"))
        await type_in(pilot, "k", "right", ",", "t", "right", *"/finedge")
        assert app.setup.answers(Page.VAULT)["kv"] == "kv, team/kv/finedge"
        await to_page(pilot, app, Page.WRITE)
        await pilot.press("ctrl+y")
        await until(pilot, lambda: app.ending.saved is not None)
    text = read(path)
    assert 'kv = [{ mount = "kv" }, { mount = "team/kv", prefix = "finedge" }]' in text
    assert keys.entries == {("fedesk", "prod/vault"): RIGHT}


async def test_hostile_words_are_drawn_as_text(path: Path, keys: MemoryKeyring) -> None:
    """Markup, escapes and a long line in what is pasted or said end nothing and act on nothing."""
    app = setup_app(path, AskedSystems())
    async with app.run_test(size=(60, 18), notifications=True) as pilot:
        await to_page(pilot, app, Page.AIRFLOW)
        await paste(pilot, "https://nowhere.example/[bold]\x1b[31m/" + "x" * 3000)
        await until(pilot, saw(app, "not reached"))
        assert "\x1b" not in text_of(app)
    assert keys.entries == {}
