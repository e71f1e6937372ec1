"""What leaves the desk: copies where a terminal takes none, and addresses where there is a browser."""

from collections.abc import Callable
from pathlib import Path

import pytest
from memory_desk import MemoryDesk, a_board
from painting import said, text_of, until
from textual.pilot import Pilot

from fedesk.ui.app import DeskApp

Make = Callable[..., DeskApp]
SIZE = (110, 30)
RUN = "prod/airflow:payments_daily/scheduled__2026-11-19T00:00:00+00:00"
LINK = "http://127.0.0.1:8080/dags/payments_daily/runs/scheduled__2026-11-19T00:00:00+00:00"


async def board(pilot: Pilot[int], app: DeskApp) -> None:
    await until(pilot, lambda: app.board and "payments_daily" in text_of(app))


def the_file(folder: Path) -> Path:
    """The one that holds what was copied."""
    [file] = folder.glob("fedesk-copied-*")
    return file


async def test_where_a_terminal_takes_no_copies_there_is_a_file(
    make_app: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence says where; ``f`` gives the file with all of the menu; it goes when the desk is left."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    app = make_app(environ={"TERM": "linux"})
    async with app.run_test(size=SIZE) as pilot:
        await board(pilot, app)
        await pilot.press("y", "y")
        file = the_file(tmp_path)
        assert said(app) == [f"This terminal takes no copies; {RUN} is in {file} until the desk is left."]
        assert file.read_text(encoding="utf-8") == f"{RUN}\n"
        await pilot.press("y", "f")
        assert said(app)[-1] == f"It is in {file} until the desk is left."
        assert f"link\n{LINK}\n\ncommand line\nfedesk log {RUN}\n" in file.read_text(encoding="utf-8")
    assert not file.exists()


async def test_what_is_too_long_is_in_a_file(
    make_app: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal that takes copies is not sent what it would drop; a secret is in neither."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    app = make_app()
    secret = "ghp_" + "aB3" * 12
    async with app.run_test(size=SIZE) as pilot:
        await board(pilot, app)
        app.copy("line\n" * 20_000 + f"token={secret}\n", called="the timeline")
        file = the_file(tmp_path)
        expected = f"Terminals do not take as much; the timeline is in {file} until the desk is left."
        await until(pilot, lambda: said(app) == [expected])
        assert len(file.read_bytes()) > 100_000
        assert secret not in file.read_text(encoding="utf-8") + app.clipboard


async def test_o_opens_the_browser_or_copies(make_app: Make, tmp_path: Path) -> None:
    """On a desktop the opener gets the address; where it fails, or over SSH, the address is copied."""
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/seen\n[ ! -e {tmp_path}/broken ]\n', "utf-8")
    opener.chmod(0o700)
    # PATH holds no program that would take copies.
    environ = {"TERM": "xterm", "PATH": str(tmp_path), "DISPLAY": ":0"}
    app = make_app(environ=environ)
    async with app.run_test(size=SIZE) as pilot:
        await board(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: "dbt_test" in text_of(app))
        await pilot.press("o")
        await until(pilot, lambda: said(app))
        address = app.screen.target.link  # type: ignore[attr-defined]  # a DeskScreen
        assert said(app) == [f"Opened {address}"]
        assert app.clipboard == ""
        (tmp_path / "broken").touch()
        await pilot.press("o")
        await until(pilot, lambda: len(said(app)) == 3)
        assert said(app)[1:] == ["xdg-open failed (1); the address is copied instead.", f"Copied {address}"]
        assert (tmp_path / "seen").read_text(encoding="utf-8") == f"{address}\n" * 2
    away = make_app(MemoryDesk(board=a_board()), environ={**environ, "SSH_CONNECTION": "10.0.0.1 22"})
    async with away.run_test(size=SIZE) as pilot:
        await board(pilot, away)
        await pilot.press("enter")
        await until(pilot, lambda: "dbt_test" in text_of(away))
        await pilot.press("o")
        await until(pilot, lambda: said(away) == [f"Copied {address}"])
        assert away.clipboard == address
