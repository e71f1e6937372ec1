"""What is installed is named, and what is not is said with the line that installs it."""

import sys
from pathlib import Path

import pytest

from fedesk import __version__
from fedesk.__main__ import main


def test_versions_of_python_and_the_clients_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """``--version`` is one line; ``--verbose`` adds Python, the four clients and Textual."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"fedesk {__version__}\n"
    assert main(["--version", "--verbose"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == f"fedesk {__version__}"
    assert [line.split()[0] for line in lines] == [
        "Python",
        "Jenkins",
        "Airflow",
        "Vault",
        "Snowflake",
        "Textual",
    ]
    assert lines[0].split()[1] == ".".join(map(str, sys.version_info[:3]))
    for line, package in zip(
        lines[1:], ("python-jenkins", "httpx", "hvac", "snowflake-connector-python", "textual"), strict=True
    ):
        assert line.split()[1] == package
        assert line.split()[2][0].isdecimal()


@pytest.mark.parametrize(
    ("left", "line"),
    [
        ("pipx_metadata.json", "pipx install --force 'fedesk[sandbox]'"),
        ("uv-receipt.toml", "uv tool install 'fedesk[sandbox]'"),
        ("", "/bin/python -m pip install 'fedesk[sandbox]'"),
    ],
)
@pytest.mark.parametrize("words", [["demo"], ["sandbox", "serve"]])
def test_without_the_extra_the_line_that_installs_it_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    left: str,
    line: str,
) -> None:
    """By whatever installed fedesk: pipx, uv, or pip; exit code 2, and nothing is begun."""
    monkeypatch.setattr("fedesk.installed._SANDBOX", ("fedesk_has_no_such_library",))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/bin/python")
    if left:
        (tmp_path / left).touch()
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.endswith(f" Install it: {line}\n")
