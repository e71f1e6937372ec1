"""Colours that can be read: every theme, state and ground; and terminals with few colours or none."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from fedesk.domain.front import Appearance
from fedesk.glance import glance
from fedesk.ui import present
from fedesk.ui.appearance import ThemeChoice, filters_of, is_still, own_themes
from fedesk.ui.colours import BACKGROUNDS, READABLE, TEXTS, Palette, contrast, palette_of, readable
from fedesk.ui.styles import styles_folder
from fedesk.ui.terminal import AsciiOnly, FewColours

SOURCES = Path(present.__file__).parent
THEMES = {name: theme for name, theme in BUILTIN_THEMES.items() if not theme.ansi}
hexes = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def variables(theme: Theme) -> dict[str, str]:
    made = theme.to_color_system().generate()
    return readable({**present.VARIABLES[theme.dark], **made, **theme.variables}, dark=theme.dark)


def worst(made: dict[str, str], name: str) -> float:
    """The least contrast of a text with anything it may stand on."""
    grounds = [Color.parse(made[ground]) for ground in ("background", *BACKGROUNDS)]
    text = Color.parse(made[name])
    return min(contrast(ground + text, ground) for ground in grounds)


def test_contrast_is_that_of_wcag() -> None:
    """Black on white is 21, a colour on itself 1; #767676 on white just passes, as is well known."""
    white = Color(255, 255, 255)
    assert contrast(Color(0, 0, 0), white) == pytest.approx(21)
    assert contrast(white, white) == 1
    assert 4.5 < contrast(Color.parse("#767676"), white) < 4.6


@pytest.mark.parametrize("name", THEMES)
def test_every_state_can_be_read_in_every_theme(name: str) -> None:
    """At least 4.5 on every ground, the row under the cursor too; so can the production mark."""
    made = variables(THEMES[name])
    faces = (
        *present.FACES.values(), *present.VERDICTS.values(), present.LIVE, present.STALE, present.CONNECTING,
        present.DOWN, present.NOTHING, present.LONGER,
    )  # fmt: skip
    styles = {face.style.removeprefix("$") for face in faces}
    assert styles <= set(TEXTS)
    poor = {text: worst(made, text) for text in TEXTS if worst(made, text) < READABLE}
    assert poor == {}
    assert contrast(Color.parse(made["on-error"]), Color.parse(made["error"])) >= READABLE
    assert worst(made, "foreground-disabled") >= 3


def test_no_text_is_drawn_in_a_colour_that_is_not_looked_at() -> None:
    """What sources and style sheets draw text in is in the table that is made readable."""
    files = [*SOURCES.rglob("*.py"), *styles_folder().glob("*.tcss")]
    used = {
        name for file in files for name in re.findall(r"\$((?:text|state)-[a-z-]+)", file.read_text("utf-8"))
    }
    assert used - {"text-style"} <= set(TEXTS)


@settings(deadline=None)
@given(
    st.builds(Theme, name=st.just("mine"), primary=hexes, background=hexes, foreground=hexes, surface=hexes)
)
def test_whatever_a_user_chooses_can_be_read(theme: Theme) -> None:
    """Of four colours taken at random every text can be read on every ground."""
    made = variables(theme)
    assert min(worst(made, text) for text in TEXTS) >= READABLE


def test_what_can_be_read_is_left_alone() -> None:
    """A theme whose colours have the contrast keeps them."""
    theme = Theme(
        name="plain", primary="#ffffff", background="#000000", foreground="#ffffff", surface="#000000"
    )
    made = variables(theme)
    untouched = theme.to_color_system().generate()
    same = ("background", "surface", "foreground", "text-error", "text-warning", "text-success")
    assert {name: made[name] for name in same} == {name: untouched[name] for name in same}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm-256color"}, Palette.MANY),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, Palette.MANY),
        ({"TERM": "xterm-kitty"}, Palette.MANY),
        ({"TERM": "xterm"}, Palette.SIXTEEN),
        ({"TERM": "linux"}, Palette.SIXTEEN),
        ({"TERM": "screen-16color"}, Palette.SIXTEEN),
        ({"TERM": "vt100"}, Palette.NONE),
        ({"TERM": "xterm-mono", "COLORTERM": "truecolor"}, Palette.NONE),
        ({"TERM": "dumb"}, Palette.NONE),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, Palette.NONE),
    ],
)
def test_how_many_colours_a_terminal_has(environ: dict[str, str], expected: Palette) -> None:
    """As it says of itself; NO_COLOR is stronger."""
    assert palette_of(environ) is expected


def drawn(made: dict[str, str], text: str, ground: str, *, any_at_all: bool) -> Style:
    """The style in which a terminal of few colours gets a text."""
    base, behind = Color.parse(made["background"]), Color.parse(made[ground])
    style = Style.from_color((behind + Color.parse(made[text])).rich_color, behind.rich_color)
    [segment] = FewColours(any_at_all=any_at_all).apply([Segment("x", style)], base)
    assert segment.style is not None
    return segment.style


@pytest.mark.parametrize("name", THEMES)
def test_sixteen_colours_keep_their_meaning(name: str) -> None:
    """Failed is red, a warning yellow; text never has the number of its ground, nor the cursor a row's."""
    made = variables(THEMES[name])
    for ground in ("background", "surface", "surface-lighten-2"):
        for text in (*TEXTS, "foreground-disabled"):
            style = drawn(made, text, ground, any_at_all=True)
            assert style.color is not None
            assert style.bgcolor is not None
            assert style.color.number != style.bgcolor.number, (text, ground)
    bare, cursor = (
        drawn(made, "foreground", ground, any_at_all=True) for ground in ("background", "surface-lighten-2")
    )
    if contrast(Color.parse(made["background"]), Color.parse(made["surface-lighten-2"])) > 1.25:
        assert bare.bgcolor != cursor.bgcolor
    production = drawn(made, "on-error", "error", any_at_all=True)
    assert production.bgcolor is not None
    if name.startswith("textual"):
        reds = {drawn(made, "text-error", "background", any_at_all=True).color, production.bgcolor}
        assert {one.number for one in reds if one} <= {1, 9}
        warned = drawn(made, "text-warning", "background", any_at_all=True).color
        assert warned is not None
        assert warned.number in {3, 11}


def test_without_colours_weight_and_reversal_say_it() -> None:
    """No colour is left; production and the cursor are reversed, what is dimmed is dim."""
    made = variables(BUILTIN_THEMES["textual-dark"])
    production = drawn(made, "on-error", "error", any_at_all=False)
    cursor = drawn(made, "foreground", "surface-lighten-2", any_at_all=False)
    plain = drawn(made, "text-error", "background", any_at_all=False)
    border = (
        FewColours(any_at_all=False)
        .apply(
            [Segment("│", Style(color=RichColor.parse("#373737"), bold=True))],
            Color.parse(made["background"]),
        )[0]
        .style
    )
    assert border is not None
    assert [bool(one.reverse) for one in (production, cursor, plain, border)] == [True, True, False, False]
    assert [bool(one.dim) for one in (production, cursor, plain, border)] == [False, False, False, True]
    assert border.bold
    assert {one.color for one in (production, cursor, plain, border)} == {None}
    assert {one.bgcolor for one in (production, cursor, plain, border)} == {None}


def test_what_a_configuration_says_of_the_screen(tmp_path: Path) -> None:
    """It is read before it is checked: what is unsound is as if it were not there."""
    file = tmp_path / "fedesk.toml"
    file.write_text(
        '[ui]\ntheme = "mine"\nglyphs = "ascii"\nmotion = "reduced"\nmouse = false\n'
        '[ui.themes.mine]\nprimary = "#336699"\ndark = false\n[ui.themes.odd]\nprimary = "no colour"\n'
        '[ui.themes.less]\naccent = "red"\n[ui.themes]\nnone = 3\n',
        encoding="utf-8",
    )
    seen = glance(file).appearance
    assert (seen.theme, seen.glyphs, seen.motion, seen.mouse) == ("mine", "ascii", "reduced", False)
    made, wrong = own_themes(seen)
    assert [(theme.name, theme.primary, theme.dark) for theme in made] == [("mine", "#336699", False)]
    assert [sentence.partition(" cannot")[0] for sentence in wrong] == ["The theme odd", "The theme less"]
    file.write_text("ui = 3\n", encoding="utf-8")
    assert glance(file).appearance == Appearance()


def test_glyphs_and_motion_by_option_and_by_the_terminal() -> None:
    """``auto`` follows the terminal and the environment; what is said is stronger."""
    poor, rich = {"TERM": "vt100"}, {"TERM": "xterm-256color"}

    def ascii_for(appearance: Appearance, environ: dict[str, str]) -> bool:
        return any(isinstance(one, AsciiOnly) for one in filters_of(appearance, environ))

    assert ascii_for(Appearance(), poor)
    assert not ascii_for(Appearance(glyphs="unicode"), poor)
    assert ascii_for(Appearance(glyphs="ascii"), rich)
    assert not is_still(Appearance(), rich)
    assert not is_still(Appearance(), {"REDUCE_MOTION": "0"})
    assert is_still(Appearance(), {"REDUCE_MOTION": "1"})
    assert is_still(Appearance(motion="reduced"), rich)


def test_the_theme_that_was_chosen_is_kept(tmp_path: Path) -> None:
    """In a file of the user's; a file that cannot be read is none."""
    choice = ThemeChoice(tmp_path / "state" / "theme")
    assert choice.read() == ""
    choice.write("nord")
    assert ThemeChoice(tmp_path / "state" / "theme").read() == "nord"
    assert (tmp_path / "state" / "theme").stat().st_mode & 0o777 == 0o600
    folder = ThemeChoice(tmp_path)
    folder.write("nord")
    assert folder.read() == ""
