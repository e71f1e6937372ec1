"""The page on roles says what the tables of the program say."""

import re
from pathlib import Path

from fedesk.domain.durations import duration_text
from fedesk.domain.policy import DEFAULTS
from fedesk.domain.roles import RIGHTS, Role

PAGE = (Path(__file__).parents[2] / "docs" / "roles.md").read_text(encoding="utf-8")


def table(head: str) -> dict[str, list[str]]:
    """The rows of the table with that head: its other cells by the verb in the first one."""
    rows = PAGE[PAGE.index(head) :].split("\n\n", 1)[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    return {re.sub(r"`", "", verb): rest for verb, *rest in cells}


def test_the_table_of_rights_is_the_programs() -> None:
    """Every verb with every role, in the program's order; and a word on what it is."""
    found = table(f"| verb | what it is | {' | '.join(Role)} |")
    assert list(found) == list(RIGHTS)
    for verb, (about, *marks) in found.items():
        assert about, verb
        assert marks == ["yes" if role in RIGHTS[verb] else "" for role in Role], verb


def test_the_table_of_rules_is_the_programs() -> None:
    """What a change takes by default."""
    found = table("| verb | approvals | a plan lives |")
    assert found == {
        verb: [str(rule.approvals), duration_text(rule.lives), "yes" if rule.review else ""]
        for verb, rule in DEFAULTS.items()
    }
