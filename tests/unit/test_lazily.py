"""A sequence that makes its items when they are looked at: the same as a tuple, but for what it costs."""

from collections.abc import Iterator

import pytest

from fedesk.sandbox.lazily import Lazily


def counted(made: list[int], upto: int = 9) -> Iterator[int]:
    for number in range(upto):
        made.append(number)
        yield number


@pytest.mark.parametrize("index", [0, 3, 8, -1, -9])
def test_an_item_is_that_of_the_tuple(index: int) -> None:
    """From either end; beyond them it is none."""
    assert Lazily(range(9))[index] == tuple(range(9))[index]
    for beyond in (9, -10):
        with pytest.raises(IndexError):
            Lazily(range(9))[beyond]


@pytest.mark.parametrize(
    "part", [slice(0, 3), slice(2, None), slice(None, -2), slice(-3, None), slice(4, 99), slice(0, 0)]
)
def test_a_slice_is_that_of_the_tuple(part: slice) -> None:
    """Whatever was known of it before."""
    fresh, known = Lazily(range(9)), Lazily(range(9))
    assert len(known) == 9
    assert list(fresh[part]) == list(known[part]) == list(range(9))[part]


def test_only_what_is_looked_at_is_made() -> None:
    """Whether there is one, the first three, the one that is searched; then each once."""
    made: list[int] = []
    lazily = Lazily(counted(made))
    assert lazily
    assert made == [0]
    assert list(lazily[:3]) == [0, 1, 2] == made
    assert next(one for one in lazily if one == 4) == 4
    assert made == [0, 1, 2, 3, 4]
    assert list(lazily) == list(range(9)) == made
    assert not Lazily(())
