"""The grammar of the ``:`` line: what it understands, what it says of the rest, how it completes."""

import shlex
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedesk.cli.app import all_made
from fedesk.ui.command_line import CommandError, Known, complete, parse
from fedesk.ui.command_table import COMMANDS, SHARED, Fills
from fedesk.ui.commands import _COMMANDS

KNOWN = Known(
    runs=("prod/airflow:payments_daily/r1", "prod/jenkins:finedge/prod/deploy-fx#1841", "prod/airflow:a b/r"),
    tasks={"prod/airflow:payments_daily/r1": ("dbt_test", "publish")},
    pipelines=("payments_daily", "ledger_load"),
    operations={"019a-1": "running, clear 3", "019a-2": "unknown, build"},
    incidents={"INC-4711": "payments late"},
    environments=("prod", "staging"),
)


def words(line: str) -> list[str]:
    return [one.text for one in complete(line, KNOWN).candidates]


@pytest.mark.parametrize(
    ("line", "name", "arguments", "flags"),
    [
        ("rerun prod/airflow:x/r1 --from-failed", "rerun", ("prod/airflow:x/r1",), {"--from-failed": ""}),
        ("fedesk rerun 'a b' --reason=INC-1", "rerun", ("a b",), {"--reason": "INC-1"}),
        ("rerun a b --from-failed", "rerun", ("a", "b"), {"--from-failed": ""}),
        ("rerun x --confirm prod --yes", "rerun", ("x",), {"--confirm": "prod", "--yes": ""}),
        ("operations recheck", "operations recheck", (), {}),
        ("operations", "operations list", (), {}),
        ("audit --env staging", "audit tail", (), {"--env": "staging"}),
        ("audit show 12", "audit show", ("12",), {}),
        ("incident", "incident list", (), {}),
        ('incident open INC-1 "payments late"', "incident open", ("INC-1", "payments late"), {}),
        ("incident open late --run x", "incident open", ("late",), {"--run": "x"}),
        ("log x -f --json", "log", ("x",), {"-f": "", "--json": ""}),
    ],
)
def test_what_a_line_means(line: str, name: str, arguments: tuple[str, ...], flags: dict[str, str]) -> None:
    """A line is read as a shell reads it, ``fedesk`` before it or not; a group alone is its first command."""
    parsed = parse(line)
    assert parsed is not None
    assert (parsed.command.name, parsed.arguments, dict(parsed.flags)) == (name, arguments, flags)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("rerunn x", "There is no command 'rerunn'; did you mean rerun?"),
        ("operations shw x", "There is no command 'operations shw'; did you mean operations show?"),
        ("rerun", "rerun wants RUN: rerun RUN … [--from-failed] [--reason TEXT] [--incident INCIDENT]"),
        ("runs a b", "runs does not want 'b': runs PIPELINE"),
        ("rerun a --form-failed", "There is no flag of rerun '--form-failed'; did you mean --from-failed?"),
        ("rerun a --reason", "--reason wants TEXT: --reason TEXT"),
        (
            "rerun a --from-failed=1",
            "--from-failed takes nothing: rerun RUN … [--from-failed] [--reason TEXT] [--incident INCIDENT]",
        ),
        ("log x --try two", "--try wants a number, not 'two'."),
        ("store migrate --url x", "store works in a shell, `fedesk store migrate --url x`."),
        (
            "secrets check",
            "secrets check works in a shell, `fedesk secrets check`; here there is :secrets list.",
        ),
        ("status --config x.toml", "--config works in a shell, `fedesk status … --config`."),
        ("audit tail --operation 019a", "--operation works in a shell, `fedesk audit tail … --operation`."),
        ("incident open", "incident open wants TITLE: incident open [NEW-ID] TITLE [--run RUN]"),
        ("incident note INC-1", "incident note wants TEXT: incident note INCIDENT TEXT [--acknowledge]"),
        ("audit show twelve", "'twelve' is no number of a record: audit show SEQ"),
        ("rerun 'a", "A quote is opened and not closed."),
    ],
)
def test_a_mistake_is_one_sentence_that_names_what_is_near(line: str, sentence: str) -> None:
    """What is wrong with the line is said with what would be right."""
    with pytest.raises(CommandError) as error:
        parse(line)
    assert str(error.value) == sentence


def test_what_is_far_from_every_verb_lists_them() -> None:
    """Where nothing is near, all there is is named."""
    with pytest.raises(CommandError, match="there are rerun, operations, trace, audit"):
        parse("xyzzy")


def test_an_empty_line_is_nothing() -> None:
    """Enter on an empty line closes it."""
    assert parse("  ") is None
    assert parse("fedesk") is None


def test_flags_that_confirm_are_told_as_without_effect() -> None:
    """A line copied from a shell with its yes in it still stops at the plan."""
    parsed = parse("rerun x --confirm prod --write prod --yes --accept loads --reason INC-1")
    assert parsed is not None
    assert parsed.ignored == ("--yes", "--confirm", "--write", "--accept")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "",
            [
                "rerun",
                "operations",
                "trace",
                "audit",
                "incident",
                "status",
                "failures",
                "findings",
                "handover",
                "runs",
                "log",
                "secrets",
                "freeze",
                "hold",
                "maintenance",
                "windows",
                "release",
                "env",
                "tour",
                "quit",
            ],
        ),
        ("r", ["rerun", "runs", "operations", "audit", "failures", "secrets"][:2]),
        ("operations ", ["list", "show", "recheck"]),
        ("operations s", ["show", "settle", "list"]),
        ("operations show 019a-2", []),
        ("operations show 019", ["019a-1", "019a-2"]),
        ("rerun fx", ["prod/jenkins:finedge/prod/deploy-fx#1841"]),
        ("rerun prod/airflow:a", ["'prod/airflow:a b/r'"]),
        ("rerun 'prod/airflow:a", ["'prod/airflow:a b/r'"]),
        ("rerun prod/airflow:payments_daily/r1::p", ["prod/airflow:payments_daily/r1::publish"]),
        ("rerun x --f", ["--from-failed"]),
        ("rerun x --env s", ["staging"]),
        ("rerun x ", list(KNOWN.runs[:2])),
        ("runs ledger_load ", []),
        ("log x --ta", ["--task"]),
        ("incident show INC", ["INC-4711"]),
        ("rerun x --incident ", ["INC-4711"]),
        ("incident open x --run pay", ["prod/airflow:payments_daily/r1"]),
        ("runs l", ["ledger_load", "payments_daily"][:1]),
        ("env ", ["prod", "staging"]),
        ("nonsense ", []),
    ],
)
def test_how_a_line_may_go_on(line: str, expected: list[str]) -> None:
    """What begins with the word comes first, then what holds it; nothing is offered that is there already."""
    assert words(line)[: len(expected)] == expected
    assert bool(words(line)) == bool(expected)


def test_tab_goes_as_far_as_all_agree() -> None:
    """The line grows to what the candidates share; the only one is followed by a space."""
    assert complete("r", Known()).common("r") == "r"
    assert complete("op", Known()).common("op") == "operations "
    assert complete("operations sh", Known()).common("operations sh") == "operations show "
    assert complete("operations show 01", KNOWN).common("operations show 01") == "operations show 019a-"
    assert complete("runs pay", KNOWN).common("runs pay") == "runs payments_daily "
    assert complete("xyz", KNOWN).common("xyz") == "xyz"


@given(st.text(max_size=60))
def test_no_text_is_too_odd(line: str) -> None:
    """Whatever is typed is a command, a sentence, or nothing, and can be completed without a fault."""
    complete(line, KNOWN)
    with suppress(CommandError):
        parse(line)


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4))
def test_a_completed_word_is_read_back_whole(names: list[str]) -> None:
    """Names with spaces and quotes are completed so that they are read as one word."""
    known = Known(runs=tuple(names))
    for candidate in complete("rerun ", known).candidates:
        assert shlex.split(candidate.text)[0] in names


def test_every_command_is_the_shells_with_its_flags() -> None:
    """The same grammar as the shell's: each verb, flag and argument of one is known to the other.

    What has no place on a screen is answered with where it works. The desk alone has env, tour, quit.
    """
    flags: dict[tuple[str, ...], set[str]] = {}
    places: dict[tuple[str, ...], int] = {}
    for verb, made in all_made():
        words = tuple(verb.words.split())
        flags[words] = {
            name
            for parameter in made.params
            for name in parameter.opts
            if name.startswith("-") and name != "--help"
        }
        places[words] = sum(
            9 if parameter.nargs == -1 else 1
            for parameter in made.params
            if parameter.param_type_name == "argument"
        )
    for command in COMMANDS:
        if command.words in {("env",), ("tour",), ("windows",), ("quit",), ("q",)}:
            continue
        mine = {flag.name for flag in command.all_flags}
        there = flags.pop(command.words)
        assert mine - {flag.name for flag in SHARED} == there - {flag.name for flag in SHARED}, command.name
        assert len(command.arguments) <= places[command.words], command.name
        assert any(one.many for one in command.arguments) <= (places[command.words] > 8), command.name
    for left in flags:
        with pytest.raises(CommandError, match=f"^{left[0]}.* works in a shell, `fedesk {' '.join(left)}`"):
            parse(" ".join(left))


def test_every_command_does_something() -> None:
    """The table of the grammar and the table of deeds have the same commands."""
    assert {command.words for command in COMMANDS} == set(_COMMANDS)
    assert {argument.fills for command in COMMANDS for argument in command.arguments} <= set(Fills)
