"""Names that differ by the environment alone are one pattern."""

import pytest

from fedesk.domain.folding import fold, short
from fedesk.domain.names import ConnectionName
from fedesk.domain.surveys import SeenJob

ALL = ("prod", "staging", "dev")


def seen(*names: str) -> list[SeenJob]:
    """Jobs as ``ENVIRONMENT:NAME``."""
    return [
        SeenJob(connection=ConnectionName(environment, "jenkins"), name=name)
        for environment, _, name in (text.partition(":") for text in names)
    ]


def patterns(*names: str, environments: tuple[str, ...] = ALL) -> list[str]:
    return [one.pattern for one in fold(seen(*names), environments)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("prod:f/prod/x-ci", "dev:f/dev/x-ci"), ["f/{environment}/x-ci"]),
        (("prod:x-prod-ci", "dev:x-dev-ci"), ["x-{environment}-ci"]),
        (("prod:daily", "dev:daily"), ["daily"]),
        (("prod:f/prod/x", "dev:f/dev/y"), ["f/dev/y", "f/prod/x"]),
        (("dev:f/dev/smoke",), ["f/dev/smoke"]),
        (("prod:f/prod/dev-tools", "dev:f/dev/dev-tools"), ["f/{environment}/dev-tools"]),
        (("prod:prod/x-prod", "dev:dev/x-dev"), ["{environment}/x-{environment}"]),
        (("prod:produce", "dev:devuce"), ["devuce", "produce"]),
        (("prod:f/{x}/y",), []),
    ],
    ids=[
        "folder", "word", "same", "different", "alone", "one of two", "both", "no word of its own", "braces",
    ],
)  # fmt: skip
def test_what_differs_by_the_environment_alone_is_one_pattern(
    names: tuple[str, ...], expected: list[str]
) -> None:
    """The environment's name as a word, in the places where the names differ; a lone name stays as it is."""
    assert patterns(*names) == expected


def test_of_one_environment_its_folder_is_the_pattern() -> None:
    """With nothing to compare, a folder of its name is taken for it, a word in a name is not."""
    one = ("prod",)
    assert patterns("prod:f/prod/x-ci", environments=one) == ["f/{environment}/x-ci"]
    assert patterns("prod:x-prod", environments=one) == ["x-prod"]


def test_the_first_environment_leads() -> None:
    """Of what was seen in several, the one whose word counts stands first."""
    (found,) = fold(seen("dev:f/dev/x", "prod:f/prod/x"), ALL)
    assert [one.connection.environment for one in found.seen] == ["prod", "dev"]
    assert found.lead.name == "f/prod/x"


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("f/{environment}/x", "x"),
        ("x-{environment}", "x"),
        ("{environment}_x", "x"),
        ("deploy/x/{environment}", "x"),
        ("{environment}", "{environment}"),
    ],
)
def test_the_short_name_is_the_last_part_that_says_something(pattern: str, name: str) -> None:
    """A part that is nothing but the environment names nothing."""
    assert short(pattern) == name
