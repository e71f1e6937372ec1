"""Text from outside: what ``clean``, ``clip`` and ``one_line`` promise for any input."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedesk.domain.text import cell_width, clean, clip, one_line

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))
HOSTILE = st.lists(
    st.sampled_from(
        [
            "\x1b",
            "\x1b[",
            "\x1b]",
            "\x1b[31m",
            "\x1b\\",
            "\x07",
            "\x9b",
            "8mha:",
            ";",
            "1",
            "m",
            "\r",
            "\n",
            "\t",
            "\ud800",
        ]
    )
).map("".join)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain [red]text[/]", "plain [red]text[/]"),
        ("\x1b[31;1mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;never ends", "0;never ends"),
        ("\x9b31mred", "red"),
        ("\x1b(Bcharset", "charset"),
        ("\x1b[8mha:////4AAA==\x1b[0m[Pipeline] stage", "[Pipeline] stage"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("a\tb", "a       b"),
        ("nul\x00bell\x07", "nul␀bell␇"),
        ("half \ud83d pair", "half \N{REPLACEMENT CHARACTER} pair"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}txt.exe", "txt.exe"),
        ("\x1b\x1b[0m[31m", "␛[31m"),
    ],
)
def test_hostile_text_becomes_plain(raw: str, shown: str) -> None:
    """Escapes go, controls show, broken pairs are replaced; markup of Textual is text like any other."""
    assert clean(raw) == shown


SHOWN_AS = {
    **{code: chr(0x2400 + code) for code in range(0x20)},
    0x09: " " * 8,
    0x0A: "\n",
    0x0D: "\n",
    0x7F: "␡",
    **dict.fromkeys((*range(0x80, 0xA0), 0xAD, 0x61C, 0x200B, 0x200E, 0x200F, 0xFEFF), ""),
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xFFF9, 0xFFFC)), ""),
    **dict.fromkeys(range(0xE0000, 0xE0080), ""),
    **dict.fromkeys((0x85, 0x2028, 0x2029), " "),
    **dict.fromkeys((*range(0xD800, 0xE000), 0xFFFE, 0xFFFF), "\N{REPLACEMENT CHARACTER}"),
}
"""Every character that is not shown as it is."""


def test_each_character_is_shown_as_it_is_or_as_agreed() -> None:
    """Pictures of controls, gaps for breaks, nothing for what hides; all around them is left."""
    assert {code: clean(chr(code)) for code in SHOWN_AS} == SHOWN_AS
    around = {*range(0x2400), *range(0xD700, 0x10100), *range(0xDFF00, 0xE0200)}
    rest = "".join(map(chr, sorted(around - set(SHOWN_AS))))
    assert clean(f"\x07{rest}") == f"␇{rest}"


@given(ANY_TEXT | HOSTILE)
def test_clean_text_is_safe_and_stays_as_it_is(raw: str) -> None:
    """Cleaned text is UTF-8, holds no control character but LF, and cleaning it again changes nothing."""
    shown = clean(raw)
    shown.encode("utf-8")
    assert not [c for c in shown if unicodedata.category(c) == "Cc" and c != "\n"]
    assert clean(shown) == shown


@pytest.mark.parametrize(
    "unit", ["\x1b[", "\x1b]", "\x1b]a", "\x1b[8mha:", "\x1b[1;", "\x9b", "\r", "\x1b ", "a\x1b"]
)
def test_a_megabyte_of_unfinished_escapes_is_cleaned(unit: str) -> None:
    """Time is linear: a quadratic pattern would not return within the test's limit."""
    assert "\x1b" not in clean(unit * (1_000_000 // len(unit)))


@given(ANY_TEXT, st.integers(min_value=0, max_value=40))
def test_clip_keeps_within_its_cells(raw: str, width: int) -> None:
    """A clipped text fits, and one that fits is left as it is."""
    text = clean(raw).replace("\n", " ")
    clipped = clip(text, width)
    assert sum(map(cell_width, clipped)) <= width
    if sum(map(cell_width, text)) <= width:
        assert clipped == text


def test_clip_counts_wide_characters_twice() -> None:
    """Width is measured in cells of the terminal."""
    assert clip("日本語", 6) == "日本語"
    assert clip("日本語", 5) == "日本…"
    assert clip("abcdef", 4) == "abc…"
    assert [clip(text, width) for text, width in (("abcd", 4), ("a", 1), ("ab", 1))] == ["abcd", "a", "…"]


@pytest.mark.parametrize(
    ("character", "cells"),
    [
        ("a", 1),
        ("\N{LATIN SMALL LETTER E WITH ACUTE}", 1),
        ("\N{COMBINING ACUTE ACCENT}", 0),
        ("\N{COMBINING GRAPHEME JOINER}", 0),
        ("\N{COMBINING ENCLOSING CIRCLE}", 0),
        ("\N{ZERO WIDTH JOINER}", 0),
        ("\N{CJK UNIFIED IDEOGRAPH-65E5}", 2),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER A}", 2),
        ("\N{HALFWIDTH KATAKANA LETTER A}", 1),
    ],
)
def test_a_character_takes_the_cells_of_its_kind(character: str, cells: int) -> None:
    """Marks and formats take none (Mn, Me, Cf), wide and full-width ones two, all others one."""
    assert cell_width(character) == cells


def test_one_line_is_the_text_with_single_spaces() -> None:
    """Runs of white space are one space, none at the ends; the ellipsis stands for the last character."""
    assert one_line("  a \t b\r\n\u2028c ", 5) == "a b c"
    assert one_line("abcdef", 6) == "abcdef"
    assert one_line("abcdefg", 6) == "abcde…"


@given(ANY_TEXT, st.integers(min_value=1, max_value=40))
def test_one_line_is_one_line(raw: str, limit: int) -> None:
    """However many lines come in, one of at most ``limit`` characters goes out."""
    line = one_line(raw, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
