"""What is copied: to whom it is written in which form, and the command line that does the same."""

import shlex
from base64 import b64decode
from pathlib import Path

import pytest

from fedesk.domain.names import ConnectionName, RunName, TaskName
from fedesk.ui import browsing, clipboard
from fedesk.ui.actions import Place, Target, action
from fedesk.ui.command_line import CommandError, parse
from fedesk.ui.copying import LINES, command_line

RUN = RunName(ConnectionName("prod", "airflow"), "payments daily/scheduled__2026-11-19T00:00:00+00:00")
XTERM = {"TERM": "xterm-256color"}


def test_every_place_that_copies_has_a_command_line() -> None:
    """Where ``y`` serves there is a command that does the same, which the ``:`` line knows, or says where."""
    target = Target(
        name="it",
        id=f"{RUN}::dbt_test",
        run=RUN,
        pipeline="payments_daily",
        operation="019a",
        task=TaskName("dbt_test"),
    )
    numbered = Target(name="record 12", id="12")
    window = Target(name="a hold", id="HLD-1", doing="hold")
    assert set(LINES) == action("copy").places
    special = {Place.AUDIT: numbered, Place.RECORD: numbered, Place.WINDOWS: window}
    for place in LINES:
        line = command_line(place, special.get(place, target), "prod", None)
        if place is Place.WINDOWS:
            with pytest.raises(CommandError, match="works in a shell"):
                parse(line)
        else:
            assert parse(line) is not None, line


@pytest.mark.parametrize(
    ("place", "target", "line"),
    [
        (Place.TRIAGE, Target(id=str(RUN), run=RUN), f"fedesk log '{RUN}'"),
        (Place.TRIAGE, Target(id="019a", operation="019a"), "fedesk operations show 019a"),
        (Place.TRIAGE, Target(id="import error"), "fedesk failures --env prod"),
        (Place.PIPELINES, Target(id=str(RUN), run=RUN, pipeline="a b"), "fedesk runs 'a b' --env prod"),
        (Place.PLAN, Target(id=str(RUN), run=RUN, task=TaskName("t", 3)), f"fedesk rerun '{RUN}::t[3]'"),
        (Place.ENVIRONMENTS, Target(id="dev"), "fedesk status --env dev"),
        (Place.TEXT, Target(id="x"), ""),
    ],
)
def test_the_command_line_of_a_place(place: Place, target: Target, line: str) -> None:
    """Names are quoted as a shell reads them; the environment stands in them, or beside the verb."""
    assert command_line(place, target, "prod", None) == line


def test_a_configuration_that_was_given_is_given_again() -> None:
    """A desk that was opened with ``--config`` copies lines that mean the same systems."""
    line = command_line(Place.SECRETS, Target(id="x"), "dev", Path("/etc/a b.toml"))
    assert shlex.split(line) == ["fedesk", "secrets", "list", "--env", "dev", "--config", "/etc/a b.toml"]


def text_in(sequence: str) -> str:
    """What a terminal takes from OSC 52."""
    head, _, rest = sequence.partition("]52;c;")
    assert head.endswith("\x1b")
    return b64decode(rest[: rest.index("\x07")]).decode()


def test_a_terminal_is_written_to_as_xterm_says() -> None:
    """One sequence, ended by BEL, whatever the text holds."""
    for text in ("prod/airflow:x", "a\x1b]52;c;\x07\nb", "ümläut ✗", ""):
        written = clipboard.sequences(text, XTERM)
        assert written.count("\x1b") == 1
        assert text_in(written) == text


def test_tmux_gets_it_wrapped_with_its_escapes_doubled() -> None:
    """Beside the plain form, which it takes with ``set-clipboard on``."""
    plain = clipboard.sequences("x", XTERM)
    doubled = plain.replace("\x1b", "\x1b\x1b")
    for environ in ({"TERM": "screen-256color", "TMUX": "/tmp/a,1,0"}, {"TERM": "tmux-256color"}):  # noqa: S108 - no file
        assert clipboard.sequences("x", environ) == f"{plain}\x1bPtmux;{doubled}\x1b\\"


def test_screen_gets_it_in_pieces_that_it_does_not_cut() -> None:
    """Together the pieces are the sequence; where only TERM tells, the plain form stands before them."""
    text = "prod/airflow:" * 400
    plain = clipboard.sequences(text, XTERM)
    wrapped = clipboard.sequences(text, {"TERM": "screen", "STY": "1.pts"})
    pieces = [piece.removeprefix("\x1bP") for piece in wrapped.split("\x1b\\")[:-1]]
    assert "".join(pieces) == plain
    assert max(map(len, pieces)) <= 768 - len("\x1bP\x1b\\")
    assert clipboard.sequences(text, {"TERM": "screen-256color"}) == plain + wrapped


@pytest.mark.parametrize(
    ("environ", "takes"),
    [
        (XTERM, True),
        ({"TERM": "linux"}, False),
        ({"TERM": "vt100"}, False),
        ({"TERM": "linux", "TMUX": "x"}, True),
        ({**XTERM, "TERM_PROGRAM": "Apple_Terminal"}, False),
        ({}, False),
    ],
)
def test_which_terminals_take_copies(environ: dict[str, str], *, takes: bool) -> None:
    """Those of which it is known that they do not are not written to."""
    assert clipboard.takes_sequences(environ) == takes


def test_size_is_bounded_by_bytes() -> None:
    """What is copied at most fills 100,000 bytes of base64."""
    largest = "ü" * (clipboard.LARGEST // 2)
    assert clipboard.fits(largest)
    assert len(clipboard.sequences(largest, XTERM)) <= 100_000 + len("\x1b]52;c;\x07")
    assert not clipboard.fits(largest + "x")


def test_which_programs_are_asked() -> None:
    """That of tmux first, a desktop's where one sits at it; over SSH a display is far away."""
    assert clipboard.programs({"TMUX": "x", "DISPLAY": ":0"})[0][:2] == ("tmux", "load-buffer")
    assert [one[0] for one in clipboard.programs({"WAYLAND_DISPLAY": "w", "DISPLAY": ":0"})] == [
        "wl-copy", "xclip", "xsel",
    ]  # fmt: skip
    assert clipboard.programs({"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "a b"}) == ()
    assert [one[0] for one in clipboard.programs({"TMUX": "x", "SSH_TTY": "/dev/pts/1"})] == ["tmux"]


def test_a_program_gets_the_text_on_stdin_and_no_credential(tmp_path: Path) -> None:
    """The next one is asked where one fails or is not installed; none inherits what it does not need."""
    taken, seen = tmp_path / "taken", tmp_path / "seen"
    script = tmp_path / "take"
    script.write_text(f"#!/bin/sh\ncat > {taken}\nenv > {seen}\n", encoding="utf-8")
    script.chmod(0o700)
    environ = {"PATH": "/usr/bin:/bin", "DISPLAY": ":0", "FEDESK_TOKEN": "s3cret"}
    commands = [("no-such-program-here",), ("/bin/false",), (str(script),)]
    assert clipboard.hand_over("$(id) ✗\n", commands, environ)
    assert taken.read_text(encoding="utf-8") == "$(id) ✗\n"
    assert "s3cret" not in seen.read_text(encoding="utf-8")
    assert not clipboard.hand_over("x", commands[:2], environ)


def test_the_file_is_its_owners_alone_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file for a desk, in the runtime directory where there is one, gone at the end."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    file = clipboard.CopiedFile()
    path = file.write("first, and longer")
    assert file.write("second") == path
    assert path.parent == tmp_path
    assert path.read_text(encoding="utf-8") == "second\n"
    assert path.stat().st_mode & 0o777 == 0o600
    file.remove()
    file.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("https://airflow.example/dags/x?a=b#c", ""),
        ("HTTP://127.0.0.1:8080/job/x/1/", ""),
        ("file:///etc/passwd", "it is no web address"),
        ("javascript:alert(1)", "it is no web address"),
        ("https:///nowhere", "it is no web address"),
        ("--new-window", "it is no web address"),
        ("http://[broken", "it is no web address"),
        ("https://a.example/x\ny", "it is no web address"),
        ("https://a.example/\x1b[31m", "it is no web address"),
        ("https://mara:hunter2hunter2@a.example/", "it holds a secret"),
    ],
)
def test_what_is_opened(address: str, why: str) -> None:
    """Web addresses alone, without a secret that every process list would show."""
    assert browsing.unfit(address) == why


@pytest.fixture
def xdg_open(tmp_path: Path) -> Path:
    """A desktop's opener that writes down what it was given."""
    script = tmp_path / "xdg-open"
    script.write_text(
        f'#!/bin/sh\necho "$# $1" > {tmp_path}/seen\nenv >> {tmp_path}/seen\necho painted\n', "utf-8"
    )
    script.chmod(0o700)
    return script


def test_where_a_browser_is(xdg_open: Path) -> None:
    """On a desktop one sits at; not over SSH, not without a display, not where none is installed."""
    path = str(xdg_open.parent)
    assert browsing.opener({"DISPLAY": ":0"}, "linux", path) == (str(xdg_open),)
    assert browsing.opener({"DISPLAY": ":10", "SSH_CONNECTION": "x"}, "linux", path) == ()
    assert browsing.opener({}, "linux", path) == ()
    assert browsing.opener({"DISPLAY": ":0"}, "linux", "/nowhere") == ()


def test_the_browser_paints_nothing_and_gets_no_credential(
    xdg_open: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It gets the address as one argument; its output goes nowhere; TERM and secrets stay behind."""
    environ = {"PATH": "/usr/bin:/bin", "DISPLAY": ":0", "TERM": "xterm", "FEDESK_TOKEN": "s3cret"}
    address = "https://a.example/?a=$(id)&b=';ls'"
    assert browsing.open_address(address, (str(xdg_open),), environ) == ""
    seen = (xdg_open.parent / "seen").read_text(encoding="utf-8")
    assert seen.startswith(f"1 {address}\n")
    assert "s3cret" not in seen
    assert "TERM=" not in seen
    assert capfd.readouterr() == ("", "")


def test_a_browser_that_fails_is_told(tmp_path: Path) -> None:
    """The opener's exit code, or why it cannot be started."""
    assert browsing.open_address("https://a.example", ("/bin/false",), {}) == "false failed (1)"
    gone = browsing.open_address("https://a.example", (str(tmp_path / "gone"),), {})
    assert gone == "gone cannot be started: No such file or directory"
