"""Where the style sheets are: in the wheel inside the package, in a checkout at the top of the tree."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def styles_folder() -> Path:
    """The folder of the .tcss files; raises FileNotFoundError with the places that were tried."""
    places = (_PACKAGE / "styles", _PACKAGE.parent.parent / "styles")
    for place in places:
        if (place / "desk.tcss").is_file():
            return place
    tried = ", ".join(str(place) for place in places)
    raise FileNotFoundError(f"the style sheets are missing; tried {tried}: install fedesk again")
