"""What MkDocs adds to the pages of this folder: the start page from the README, the reference, the schemas.

A hook of ``mkdocs.yml``. The reference is made from the program's own table of verbs, parser and exit codes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

TREE = Path(__file__).parents[1]
sys.path.insert(0, str(TREE / "src"))

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

    from fedesk.cli.usage import Parameter, Usage


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    from mkdocs.structure.files import File

    readme = (TREE / "README.md").read_text(encoding="utf-8").replace("](docs/", "](")
    pages = {
        "index.md": readme,
        "changelog.md": (TREE / "CHANGELOG.md").read_text(encoding="utf-8"),
        "reference.md": reference(),
        "schemas/index.md": schemas(),
    }
    for place, text in pages.items():
        files.append(File.generated(config, place, content=text))
    return files


def reference() -> str:
    """The command reference, one heading a verb."""
    from fedesk.cli.usage import usages
    from fedesk.exits import MEANINGS

    codes = [f"| {code.value} | {told} |" for code, told in MEANINGS.items()]
    return "\n".join(
        [
            "# Command reference",
            "",
            "Made from the program. How the commands go together: [commands](commands.md).",
            "",
            *(line for one in usages() for line in _verb(one)),
            "## Exit codes",
            "",
            "| code | meaning |",
            "|---|---|",
            *codes,
            "",
            "`fedesk secrets check` has [codes of its own](commands.md#exit-codes).",
        ]
    )


def _verb(usage: Usage) -> list[str]:
    rows = [f"| {_name(one)} | {_cell(one.help)} |" for one in usage.parameters]
    return [
        f"## fedesk {usage.verb.words}",
        "",
        f"```\n{usage.synopsis}\n```",
        "",
        usage.help,
        "",
        *(["| option | |", "|---|---|", *rows, ""] if rows else []),
        "```\n" + "\n".join(usage.verb.examples) + "\n```",
        "",
    ]


def _name(one: Parameter) -> str:
    return _cell(" ".join(filter(None, [", ".join(f"`{name}`" for name in one.names), one.metavar])))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def schemas() -> str:
    """A page that shows each schema, from its own file."""
    parts = ["# JSON schemas", "", "Of what `--json` prints. [How they are used](../commands.md#json)."]
    for path in sorted((TREE / "docs" / "schemas").glob("*.json")):
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        parts += [
            "",
            f"## {path.stem}",
            "",
            f"`{document.get('title', path.stem)}`: [{path.name}]({path.name})",
            "",
            "| field | | |",
            "|---|---|---|",
            *(f"| {name} | {kind} | {told} |" for name, kind, told in _fields(document, "")),
        ]
    return "\n".join(parts) + "\n"


def _fields(schema: dict[str, Any], above: str) -> list[tuple[str, str, str]]:
    """Name, type and description of each field; what is within lists and objects by its path."""
    rows = []
    for name, form in schema.get("properties", {}).items():
        path = f"{above}{name}"
        items = form.get("items", {}) if isinstance(form.get("items"), dict) else {}
        mark = "[]" if items else ""
        rows.append((f"`{path}{mark}`", _cell(_kind(form)), _cell(form.get("description", ""))))
        rows += _fields(form, f"{path}.")
        rows += _fields(items, f"{path}[].")
    return rows


def _kind(form: dict[str, Any]) -> str:
    if "const" in form:
        return f"`{form['const']}`"
    if "enum" in form:
        return ", ".join("null" if one is None else f"`{one}`" for one in form["enum"])
    kind = form.get("type", "")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)
