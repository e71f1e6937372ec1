"""The manual page, fedesk(1), from the program's own table of verbs: to a folder, or into a wheel.

``python docs/manual.py FOLDER`` writes FOLDER/fedesk.1. Hatch calls ``ManualPage`` for each wheel, which
carries the page as share/man/man1/fedesk.1.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from fedesk.cli.usage import Parameter, Usage

SOURCES = Path(__file__).parents[1] / "src"
SHARED = ("--env", "--config", "--json", "--json-lines")
"""Options of most verbs, told once."""
FILES = (
    ("FEDESK_CONFIG", "The configuration, where --config does not name it."),
    ("NO_COLOR", "No colours in tables and on the screen."),
    ("COLUMNS", "The width of tables."),
    (
        "XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_CACHE_HOME",
        "Where configuration, store and last known state are.",
    ),
)


class ManualPage(BuildHookInterface[Any]):
    """Adds the manual page to a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the page and name it as shared data; an editable install has none."""
        if version == "editable":
            return
        sys.path.insert(0, str(SOURCES))
        self.folder = Path(tempfile.mkdtemp(prefix="fedesk-manual-"))
        build_data["shared_data"][str(write(self.folder))] = "share/man/man1/fedesk.1"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Leave nothing behind."""
        if version != "editable":
            shutil.rmtree(self.folder)


def write(folder: Path) -> Path:
    """Write the page into a folder; its path."""
    from fedesk import __version__
    from fedesk.cli.usage import usages

    page = folder / "fedesk.1"
    page.write_text(manual(__version__, usages()), encoding="utf-8")
    return page


def manual(version: str, verbs: tuple[Usage, ...]) -> str:
    """The whole page, as roff with the macros of man(7)."""
    from fedesk.exits import MEANINGS

    shared = {name: one for usage in verbs for one in usage.options for name in one.names}
    lines = [
        f'.TH FEDESK 1 "" "fedesk {version}" "User Commands"',
        ".SH NAME",
        "fedesk \\- the terminal desk for releases and nights on call",
        ".SH SYNOPSIS",
        ".B fedesk",
        "[\\-\\-env NAME] [\\-\\-config FILE] [VERB ...]",
        ".SH DESCRIPTION",
        "Without a verb, fedesk opens the desk over Jenkins, Airflow, Vault and Snowflake on the terminal.",
        "With one, it prints and ends.",
        ".SH OPTIONS",
        "Before or after the verb, of those that have them:",
        *(line for name in SHARED for line in _parameter(shared[name])),
        ".SH VERBS",
        *(line for one in verbs for line in _verb(one)),
        ".SH EXIT STATUS",
        *(line for code, told in MEANINGS.items() for line in (".TP", f".B {code.value}", roff(told))),
        ".SH ENVIRONMENT AND FILES",
        *(line for name, told in FILES for line in (".TP", f".B {roff(name)}", roff(told))),
    ]
    return "\n".join(lines) + "\n"


def _verb(usage: Usage) -> list[str]:
    paragraphs = [" ".join(one.split()) for one in usage.help.split("\n\n")]
    return [
        f".SS {roff(usage.synopsis)}",
        *(line for one in paragraphs for line in (".PP", roff(one))),
        *(line for one in usage.parameters if not set(one.names) & set(SHARED) for line in _parameter(one)),
        ".PP",
        "Examples:",
        ".nf",
        ".RS 4",
        *map(roff, usage.verb.examples),
        ".RE",
        ".fi",
    ]


def _parameter(one: Parameter) -> tuple[str, str, str]:
    return ".TP", _name(one), roff(one.help)


def _name(one: Parameter) -> str:
    names = ", ".join(f"\\fB{roff(name)}\\fR" for name in one.names)
    return f"{names} \\fI{roff(one.metavar)}\\fR".strip() if one.metavar else names


def roff(text: str) -> str:
    """Text that troff prints as it stands, with hyphens that can be copied."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
    escaped = "".join(one if one.isascii() else f"\\[u{ord(one):04X}]" for one in escaped)
    return re.sub(r"^([.'])", r"\\&\1", escaped)


if __name__ == "__main__":
    sys.path.insert(0, str(SOURCES))
    sys.stdout.write(f"{write(Path(sys.argv[1]))}\n")
