"""Each help is short enough to be read, and its examples work."""

import re
import shlex
from pathlib import Path

import pytest
from cli_situations import BUILD, YES, runners_of
from command_line import Ended, Run

from fedesk.cli.verbs import GROUPS, VERBS, Section, Verb
from fedesk.sandbox.server import Sandbox

CODES = {"secrets check": (0, 1, 2, 3), "catalog check": (0, 3)}
"""How the examples of a verb may end, where it is not with 0: verdicts are codes too."""
TERMINAL = ("demo",)
UNTIL_KILLED = ("sandbox serve",)
LED_ON_FROM = ("incident open",)
"""Others go on from what both of their examples have made."""


@pytest.fixture
def there(run: Run, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line as it is typed: FEDESK_CONFIG is set, an operation has ended; its own folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEDESK_CONFIG", str(sandbox.config_path))

    def run_it(*arguments: str) -> Ended:
        return run(*arguments, at=sandbox.control.clock.now(), launcher=runners_of(sandbox))

    assert run_it("rerun", BUILD, *YES).code == 0
    return run_it


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "which", [slice(1), pytest.param(slice(None), marks=pytest.mark.soak)], ids=["first", "all"]
)
def test_examples_of_every_help_work_as_they_stand(there: Run, run: Run, which: slice) -> None:
    """Help ends with two command lines; each runs against the sandbox, those that mend something last."""
    for verb in sorted(VERBS, key=lambda verb: verb.section is Section.CHANGE):
        ended = run(*verb.words.split(), "--help")
        assert ended.code == 0, verb.words
        shown = [line.strip() for line in ended.out.splitlines() if line.startswith("    fedesk ")]
        assert shown == list(verb.examples), verb.words
        if verb.words in UNTIL_KILLED:
            continue
        for line in shown if verb.words in LED_ON_FROM else shown[which]:
            _works(verb, line, there(*shlex.split(line)[1:]))


def _works(verb: Verb, line: str, ended: Ended) -> None:
    if verb.words in TERMINAL and line == f"fedesk {verb.words}":
        assert (ended.code, ended.out) == (2, ""), line
        assert "needs a terminal" in ended.err
        return
    assert ended.code in CODES.get(verb.words, (0,)), (line, ended.err)


@pytest.mark.parametrize("words", ["", *(group.name for group in GROUPS), *(verb.words for verb in VERBS)])
def test_each_help_is_good_to_read_at_80_columns(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """No line is wider, nothing is cut short, no type of the program's own stands for a value."""
    monkeypatch.setenv("COLUMNS", "80")
    ended = run(*words.split(), "--help")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert all(len(line) <= 80 for line in lines if not line.startswith("    fedesk "))
    assert not any(line.endswith("...") for line in lines if not line.startswith("Usage:"))
    assert not re.search(r"<[a-z ]+>", ended.out)
