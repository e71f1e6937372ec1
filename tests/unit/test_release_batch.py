"""The order of a batch: what others depend on goes first, and a circle is said by its names."""

import pytest
from making import ENGINEERING

from fedesk.domain.catalogue import Catalogue, Deploy, Pipeline, Promotion, Service
from fedesk.domain.release_batch import CircleError, in_order


def catalogue(after: dict[str, tuple[str, ...]], upstream: dict[str, tuple[str, ...]]) -> Catalogue:
    """Services a to e, each with a pipeline of its name."""
    return Catalogue(
        services={
            name: Service(
                name=name,
                owner=ENGINEERING,
                deploy=Deploy(job=f"deploy-{name}"),
                promotion=Promotion(after=after.get(name, ())),
            )
            for name in "abcde"
        },
        pipelines={
            name: Pipeline(name=name, owner=ENGINEERING, service=name, upstream=upstream.get(name, ()))
            for name in "abcde"
        },
    )


@pytest.mark.parametrize(
    ("after", "upstream", "given", "wanted"),
    [
        ({}, {}, "cab", "cab"),
        ({"a": ("b",)}, {}, "abc", "bac"),
        ({}, {"a": ("c",), "c": ("b",)}, "abc", "bca"),
        # By way of one that is not in the batch.
        ({"a": ("d",), "d": ("c",)}, {}, "ac", "ca"),
        # What the catalogue says of a service takes the place of what its pipelines say.
        ({"a": ("b",)}, {"a": ("c",)}, "acb", "cba"),
        ({}, {}, "abba", "ab"),
        # A circle through others concerns nobody in this batch.
        ({"a": ("d",), "d": ("a",)}, {}, "ab", "ab"),
    ],
)
def test_what_others_depend_on_goes_first(
    after: dict[str, tuple[str, ...]], upstream: dict[str, tuple[str, ...]], given: str, wanted: str
) -> None:
    """Each behind all that it comes after, the others as they were given, nobody twice."""
    assert "".join(in_order(catalogue(after, upstream), given)) == wanted


def test_a_circle_is_named() -> None:
    """Nothing is promoted in an order that nobody meant."""
    circle = catalogue({"a": ("b",), "b": ("c",), "c": ("a",)}, {})
    with pytest.raises(CircleError, match=r"in a circle: \w after \w after ") as raised:
        in_order(circle, "abcd")
    assert not str(raised.value).count("d after")
