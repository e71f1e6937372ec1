"""From nothing to a live board: no home, no keyring, and the sandbox as if it were one's own systems."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from real_desk import CONFIRM, PASTE, RealDesk

from fedesk.config import load_config

CLEAR, UP = "\x15", "\x1b[A"
"""``ctrl+u``, and the arrow."""


@dataclass(frozen=True)
class Theirs:
    """Somebody's systems: the tables of a configuration that points at them."""

    tables: dict[str, dict[str, str]]
    folder: Path

    def program(self, system: str) -> str:
        """What prints a credential."""
        return f"cat {self.folder}/credentials/{system}"

    def secret(self, system: str) -> str:
        """The credential itself."""
        return (self.folder / "credentials" / system).read_text(encoding="utf-8")


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[Theirs]:
    """``fedesk sandbox serve``, in a process of its own."""
    state = tmp_path / "systems"
    state.mkdir()
    serving = subprocess.Popen(
        [sys.executable, "-P", "-m", "fedesk", "sandbox", "serve", "--scale", "0.3", "--state", str(state)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert serving.stdout is not None
    config = Path(serving.stdout.readline().strip())
    try:
        tables = tomllib.loads(config.read_text(encoding="utf-8"))["environments"]["prod"]
        yield Theirs({name: table for name, table in tables.items() if isinstance(table, dict)}, state)
    finally:
        serving.terminate()
        serving.wait(20)
        serving.stdout.close()


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[RealDesk]:
    """``fedesk`` where there is nothing: no home directory, no variable that names a folder, no keyring."""
    home = tmp_path / "nobody" / "home"
    desk = RealDesk(
        None,
        "",
        {
            "HOME": str(home),
            "TERM": "xterm-256color",
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "TMPDIR": str(tmp_path),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "AIRFLOW_PASSWORD": "",
        },
        size=(24, 80),
    )
    yield desk
    desk.close()


def configuration(tmp_path: Path) -> Path:
    """Where it is on a machine like this."""
    return tmp_path / "nobody" / "home" / ".config" / "fedesk" / "fedesk.toml"


def through(desk: RealDesk, *lines: str) -> None:
    """Type lines, each with Enter."""
    for line in lines:
        desk.press(f"{line}\r")


def set_up_jenkins(desk: RealDesk, theirs: Theirs) -> None:
    """A port that nobody listens on, then the right one."""
    desk.until("there is no Jenkins")
    desk.press("http://127.0.0.1:9")
    desk.until("✗ not reached")
    desk.press(CLEAR + theirs.tables["jenkins"]["url"])
    desk.until("Jenkins 2.579 is there")
    through(desk, "", "releaser")
    desk.until("This machine has no keyring")
    through(desk, "c", theirs.program("jenkins"))
    desk.until("knows you as releaser")
    desk.until("→ finedge, finedge/dev, finedge/prod")
    through(desk, "finedge/prod")


def set_up_airflow(desk: RealDesk, theirs: Theirs) -> None:
    """A variable that is empty, another system's credential, then the right one."""
    through(desk, theirs.tables["airflow"]["url"], "", "releaser", "", "AIRFLOW_PASSWORD")
    desk.until("AIRFLOW_PASSWORD is empty")
    desk.press(UP + UP)
    desk.until("[env]")
    through(desk, "c", theirs.program("vault"))
    desk.until("Invalid credentials")
    desk.press(UP + CLEAR)
    through(desk, theirs.program("airflow"))
    desk.until("DAGs")
    through(desk, "prod")


def set_up_vault(desk: RealDesk, theirs: Theirs) -> None:
    """A token that Vault does not take, then one that it does."""
    through(desk, theirs.tables["vault"]["url"], "", "c", "echo hvs.nobody")
    desk.until("✗ refused")
    desk.press(UP + CLEAR)
    through(desk, theirs.program("vault"))
    desk.until("→ kv")
    through(desk, "kv/finedge/prod")


def set_up_snowflake(desk: RealDesk, theirs: Theirs) -> None:
    """What is no key at all, then the key."""
    address = f"http://127.0.0.1:{theirs.tables['snowflake']['port']}"
    through(desk, "finedge", address, "FEDESK_READER", "", "c", theirs.program("jenkins"))
    desk.until("no private key in PEM")
    desk.press(UP + CLEAR)
    through(desk, theirs.program("snowflake"))
    desk.until("Snowflake knows you as FEDESK_READER")
    through(desk, "FEDESK_READER", "OPS_XS", "FINEDGE", "OPS")


def test_from_nothing_to_a_live_board(stranger: RealDesk, theirs: Theirs, tmp_path: Path) -> None:
    """By keys alone, at 80 by 24: what is wrong is said in its place, what is right opens the board."""
    desk, path = stranger, configuration(tmp_path)
    desk.until("There is no configuration yet.")
    assert ".config/fedesk/fedesk.toml" in desk.flat().replace(" ", "")
    desk.press("c")
    desk.until("What the environment is called")
    through(desk, "", "", "", "")
    set_up_jenkins(desk, theirs)
    set_up_airflow(desk, theirs)
    set_up_vault(desk, theirs)
    set_up_snowflake(desk, theirs)
    desk.until("ctrl+y writes it")
    assert not path.exists()
    desk.press(CONFIRM)
    desk.until("payments_daily")
    desk.until(lambda: "jenkins ●" in desk.header() and "airflow ●" in desk.header())
    assert desk.leave() == 0
    assert b"The configuration is" in desk.received
    names = [str(one.name) for one in load_config(path).environments["prod"].connections()]
    assert names == ["prod/jenkins", "prod/airflow", "prod/vault", "prod/snowflake"]
    assert path.stat().st_mode & 0o777 == 0o600
    secrets = {system: theirs.secret(system).strip().encode() for system in theirs.tables}
    files = {str(file): file.read_bytes() for file in (tmp_path / "nobody").rglob("*") if file.is_file()}
    searched = {**files, "the terminal": bytes(desk.received)}
    assert not [
        f"{system} in {name}"
        for name, held in searched.items()
        for system, secret in secrets.items()
        if secret in held
    ]


def test_leaving_half_way_writes_nothing(stranger: RealDesk, tmp_path: Path) -> None:
    """A secret that was pasted and a page that was filled leave nothing behind, and that is said."""
    desk = stranger
    desk.until("There is no configuration yet.")
    desk.press("c")
    desk.until("What the environment is called")
    through(desk, "", "", "", "", "http://127.0.0.1:9", "oncall")
    desk.until("API token in")
    desk.press(PASTE.format("planted-secret"))
    desk.press("\x11")
    assert desk.ended() == 0
    assert b"Nothing was written" in desk.received
    assert not configuration(tmp_path).exists()
    assert not [
        file
        for file in (tmp_path / "nobody").rglob("*")
        if file.is_file() and b"planted" in file.read_bytes()
    ]
