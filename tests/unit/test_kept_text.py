"""What is stored of a text: no half of a pair, no NUL, no secret, and a cut between words."""

import pytest

from fedesk.domain.kept_text import NAME_LIMIT, TEXT_LIMIT, kept_name, kept_text

SECRET = "password=hunter2"
HIDDEN = "password=[hidden: password]"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("payments", "payments"),
        ("a\0b", "a␀b"),
        ("é\0b", "é␀b"),
        ("half \ud83d pair", "half \N{REPLACEMENT CHARACTER} pair"),
        ("é日\x1b", "é日\x1b"),
        (SECRET, SECRET),
    ],
)
def test_a_name_is_kept_but_for_what_no_store_takes(name: str, kept: str) -> None:
    """NUL and lone surrogates are replaced by a sign; names hold no secret and are not searched for one."""
    assert kept_name(name) == kept


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("x" * 300, "x" * 300),
        ("x" * 301, "x" * 295 + "<cut>"),
        ("x" * 100 + " " + "y" * 300, "x" * 100 + " <cut>"),
        ("x" * 44 + " " + "y" * 300, "x" * 44 + " <cut>"),
        ("x" * 43 + " " + "y" * 300, "x" * 43 + " " + "y" * 251 + "<cut>"),
        ("x " * 200, "x " * 147 + "<cut>"),
    ],
)
def test_a_long_name_is_cut_between_words_of_ordinary_length(name: str, kept: str) -> None:
    """At most the limit, the mark included; a word of more than 250 characters is cut through."""
    assert kept_name(name, 300) == kept


def test_limits_of_names_and_texts() -> None:
    """A name has 1,024 characters at most, a text 4,096; without a limit nothing is cut."""
    assert (
        (len(kept_name("x" * 5000)), len(kept_text("x" * 5000))) == (NAME_LIMIT, TEXT_LIMIT) == (1024, 4096)
    )
    assert kept_name("x" * 5000, None) == "x" * 5000
    assert kept_name("é" * 1025) == "é" * 1019 + "<cut>"


def test_secrets_are_hidden_before_a_text_is_cut() -> None:
    """A secret at the limit leaves no half of itself, one far behind it is not even looked for."""
    assert kept_text(f"say\0 {SECRET}") == f"say␀ {HIDDEN}"
    across = kept_text("x" * 4080 + " " + SECRET)
    assert across == "x" * 4080 + " <cut>"
    assert kept_text(SECRET + "x" * (1 << 20)) == HIDDEN
    assert kept_text("x " * (1 << 20)) == "x " * 2045 + "<cut>"
