"""The documentation says what the program does: verbs, options, exit codes, schemas."""

import importlib.util
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from fedesk.cli.usage import Usage, usages
from fedesk.exits import MEANINGS, Exit

TREE = Path(__file__).parents[2]
COMMANDS = (TREE / "docs" / "commands.md").read_text(encoding="utf-8")
LINE = re.compile(r"(?:^|`)(fedesk(?: [^`\n]*)?)(?:`|$)", re.MULTILINE)


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, TREE / "docs" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def verbs() -> dict[str, Usage]:
    return {one.verb.words: one for one in usages()}


def test_the_page_of_commands_names_every_verb(verbs: dict[str, Usage]) -> None:
    """Each verb stands there as it is typed."""
    assert [words for words in verbs if f"fedesk {words}" not in COMMANDS] == []


def test_the_page_of_commands_shows_nothing_that_is_not_there(verbs: dict[str, Usage]) -> None:
    """Each command line in it is one of a verb's, with options that the verb has."""
    for line in LINE.findall(COMMANDS):
        words = shlex.split(re.sub(r"[\[\]|…;]|\\", " ", line), comments=True)[1:]
        flags = [word.partition("=")[0] for word in words if word.startswith("--")]
        names = [word for word in words if re.fullmatch(r"[a-z]+", word)]
        verb = verbs.get(" ".join(names[:2])) or verbs.get(names[0] if names else "")
        if verb is None:
            assert not names or any(words.startswith(f"{names[0]} ") for words in verbs), line
            continue
        known = {name for option in verb.options for name in option.names} | {"--help"}
        assert set(flags) <= known, line


def test_every_schema_and_exit_code_stands_in_the_page_of_commands() -> None:
    """A document's form and what a command ends with are found from there."""
    named = set(re.findall(r"\]\(schemas/([a-z-]+)\.json\)", COMMANDS))
    assert named == {path.stem for path in (TREE / "docs" / "schemas").glob("*.json")}
    told = COMMANDS[COMMANDS.index("## Exit codes") :].split("\n\n")[1]
    codes = {
        int(code) for row in re.findall(r"^\| ([\d, ]+) \|", told, re.MULTILINE) for code in row.split(",")
    }
    assert codes == set(MEANINGS) == set(Exit)


def test_the_reference_has_each_verb_with_its_options(verbs: dict[str, Usage]) -> None:
    """Made from the parser: synopsis, options, examples."""
    text = script("pages").reference()
    parts = dict(re.findall(r"^## fedesk ([^\n]+)\n(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL))
    assert set(parts) == set(verbs)
    for words, usage in verbs.items():
        assert usage.synopsis in parts[words]
        assert all(example in parts[words] for example in usage.verb.examples)
        assert all(f"`{name}`" in parts[words] for option in usage.options for name in option.names)


def test_the_manual_page_is_one_that_man_shows(tmp_path: Path, verbs: dict[str, Usage]) -> None:
    """Every verb has its section, in ASCII, and groff has nothing to say against it."""
    page = script("manual").write(tmp_path)
    text = page.read_text(encoding="ascii")
    assert text.count("\n.SS ") == len(verbs)
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed: the page's macros were not checked")
    shown = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", page], capture_output=True, text=True, check=True
    )
    assert shown.stderr == ""
    assert "fedesk rerun payments_daily --dry-run" in shown.stdout
