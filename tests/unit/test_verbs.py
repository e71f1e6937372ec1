"""The table of the command line's verbs, and that it costs nothing until a verb is used."""

import subprocess
import sys

import pytest

from fedesk.cli.app import all_made, root
from fedesk.cli.verbs import GROUPS, VERBS


def test_each_verb_is_made_from_its_entry() -> None:
    """Every entry names a function; the command has its name, a help, and both examples at its end."""
    made = dict(all_made())
    assert [verb.words for verb in made] == [verb.words for verb in VERBS]
    for verb, command in made.items():
        assert command.name == verb.name
        assert command.help
        assert [line.strip() for line in (command.epilog or "").splitlines()[2:]] == list(verb.examples)
        assert all(line.startswith("fedesk ") for line in verb.examples)


def test_what_is_listed_fits_eighty_columns() -> None:
    """A verb and a group have one line in a list, whole at 80 columns."""
    for one in (*VERBS, *GROUPS):
        assert len(one.summary) <= 60, one.name
        assert not one.summary.endswith("."), one.name
    names = [verb.words for verb in VERBS]
    assert len(set(names)) == len(names)
    assert {verb.group for verb in VERBS} - {""} == {group.name for group in GROUPS}


@pytest.mark.parametrize("line", [["--help"], ["status", "--help"], ["audit", "--help"]])
def test_a_verb_is_imported_when_it_is_typed(line: list[str]) -> None:
    """Listing verbs imports none of their modules; one that is typed imports its own."""
    program = (
        "import sys; from fedesk.__main__ import main; main(sys.argv[1:]); "
        "print([name for name in sys.modules if name.startswith('fedesk.cli.')], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program, *line], capture_output=True, text=True, check=True)
    modules = {f"fedesk.cli.{verb.function.partition(':')[0]}" for verb in VERBS}
    loaded = {name for name in modules if f"'{name}'" in done.stderr}
    assert loaded == ({"fedesk.cli.status"} if line[0] == "status" else set())


def test_every_name_of_the_root_is_in_a_section() -> None:
    """The list of ``fedesk --help`` names each verb and group once."""
    listed = root().get_help(root().make_context("fedesk", [], resilient_parsing=True))
    for name in (*(verb.name for verb in VERBS if not verb.group), *(group.name for group in GROUPS)):
        assert sum(line.startswith(f"  {name} ") for line in listed.splitlines()) == 1
