"""A log in pages: lines by number, what is noticed of it and found in it, and that no secret is shown."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedesk.domain.log_lines import LogScan
from fedesk.domain.redaction import LineRedactor
from fedesk.domain.text import clean
from fedesk.services.log_pattern import LogPattern, PatternError
from fedesk.services.log_text import PAGE, FilePages, LogText, MemoryPages

TELLING = [
    "ERROR: checksum mismatch for part 7",
    "Traceback (most recent call last):",
    '  File "x.py", line 3, in run',
    "ValueError: no",
    "[2026-11-20T02:41:00.000+0000] {x.py:1} ERROR - Task failed with exception",
    "Bash command failed. The command returned a non-zero exit code 1.",
    "Failure in test not_null_amount (models/p.yml)",
    "HTTP 503 from https://api.example",
    "container exited with code 137",
    "0 errors, 0 failures",
    "FATAL: no space left on device",
    "e   assert 1 == 2",
    "Finished: FAILURE",
    "java.lang.IllegalStateException: bad",
    "10%\r20%\r30%",
    "status 200",
    "İ Kelvin \N{KELVIN SIGN} \N{LATIN SMALL LETTER LONG S}",
]
LINES = st.lists(
    st.one_of(
        st.sampled_from(TELLING), st.text(alphabet=st.characters(blacklist_characters="\n"), max_size=30)
    ),
    max_size=40,
)


def filled(*texts: str) -> LogText:
    log = LogText()
    for text in texts:
        log.append(text)
    return log


@settings(max_examples=70, deadline=None)
@given(LINES, st.integers(0, 40))
def test_errors_are_those_of_a_scan_of_every_line(lines: list[str], cut: int) -> None:
    """What RE2 finds in pages misses no line that a judgement of each line marks, however the log is cut."""
    parts = [part for part in ("\n".join(lines[:cut]), "\n".join(lines[cut:])) if part]
    log = filled(*(f"{part}\n" for part in parts))
    scan = LogScan()
    for part in parts:
        scan.feed(clean(part).split("\n"))
    assert (log.errors, log.telling, log.end) == (scan.errors, scan.telling, scan.lines)


@settings(max_examples=40, deadline=None)
@given(LINES)
def test_lines_are_shown_cleaned_and_redacted(lines: list[str]) -> None:
    """Line by line a log reads as the whole of it, cleaned and with its secrets hidden."""
    whole = "".join(f"{line}\n" for line in lines)
    redact = LineRedactor()
    expected = [redact(line).text for line in clean(whole).split("\n")[:-1]]
    assert list(filled(whole).lines(0, 10_000)) == expected


@pytest.mark.parametrize("pages", [FilePages, MemoryPages])
def test_pages_give_back_every_line(pages: type[FilePages] | type[MemoryPages]) -> None:
    """Lines of many pages, a megabyte line among them, are read back by number in any order."""
    log = LogText(pages())
    for begin in range(0, 30_000, 700):
        log.append("".join(f"{number} {'y' * 40}\n" for number in range(begin, begin + 700)))
    log.append("x" * 1_000_000 + "\nlast\n")
    assert log.end == 43 * 700 + 2
    for number in (0, 1, 29_999, 12_345, 699, 700, 1_400):
        assert log[number] == f"{number} {'y' * 40}"
    assert log[log.end - 2] == "x" * 1_000_000
    assert log.width == 1_000_000
    assert log[log.end - 1] == "last"
    log.close()


def test_what_is_spilled_has_no_name_and_is_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of a log is in no folder, of mode 0600, and gives its space back; later lines are dropped."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    pages = FilePages()
    log = LogText(pages)
    log.append("x" * (PAGE - 1) + "\n" + "y" * 100 + "\n")
    assert pages._file is not None  # noqa: SLF001  # the file has no other way to be looked at
    there = os.fstat(pages._file.fileno())  # noqa: SLF001  # as above
    assert (stat.S_IMODE(there.st_mode), there.st_nlink, there.st_size) == (0o600, 0, PAGE)
    assert list(tmp_path.iterdir()) == []
    log.close()
    log.append("more\n")
    assert log[0] == ""


def test_a_key_that_runs_over_a_page_is_hidden_to_its_end() -> None:
    """The body of a private key on a page of its own is hidden like that of one that begins there."""
    body = [f"MIIE{number:060}" for number in range(30)]
    key = ["-----BEGIN RSA PRIVATE KEY-----", *body, "-----END RSA PRIVATE KEY-----"]
    ahead = (PAGE - 200) // 10
    log = filled(
        "".join(f"{line}\n" for line in (*(f"{number:09}" for number in range(ahead)), *key, "after"))
    )
    shown = list(log.lines(ahead, log.end))
    assert shown[-1] == "after"
    assert not any("MIIE" in line for line in shown)


def test_a_search_finds_what_is_shown_and_no_secret() -> None:
    """A secret is not found by its own text, its mark's neighbours are, and escapes part no word."""
    token = "ghp_" + "a1B2" * 9
    log = filled(f"login with {token} done\n", "\x1b[31mer\x1b[0mror at last\n", "tab\there\n")
    found = {needle: [n for n in log.find(LogPattern.text(needle)) if n is not None] for needle in
             (token, "done", "error", "tab     here", "a1b2a1b2")}  # fmt: skip
    assert found == {token: [], "done": [0], "error": [1], "tab     here": [2], "a1b2a1b2": []}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text(alphabet="ab .é", max_size=8), min_size=1, max_size=20),
    st.sampled_from(["a+b", "^a", "b$", r"\ba\b", "a|é", "^$", r"\Aa", "[^a]b", "."]),
)
def test_an_expression_finds_the_same_in_pages_as_line_by_line(lines: list[str], typed: str) -> None:
    """Looking at a page at once leaves out no line that matches by itself."""
    pattern = LogPattern.expression(typed)
    log = filled("".join(f"{line}\n" for line in lines))
    assert [n for n in log.find(pattern) if n is not None] == [
        n for n, line in enumerate(lines) if pattern.in_line(line)
    ]


def test_no_expression_can_hang_and_what_is_none_says_why() -> None:
    """What takes a backtracking engine for ever takes no time; what RE2 lacks is told."""
    assert not LogPattern.expression("(a*)*b").in_line("a" * 100_000)
    assert not LogPattern.expression("(a|aa)+$").in_line("a" * 50_000 + "c")
    for typed in ("(a", r"(a)\1", "(?<=x)y", "\ud800"):
        with pytest.raises(PatternError, match="is no regular expression of RE2"):
            LogPattern.expression(typed)
