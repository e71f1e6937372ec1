"""In which order several services are promoted: what others depend on goes first."""

from collections.abc import Callable, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from fedesk.domain.catalogue import Catalogue


class CircleError(ValueError):
    """Services that would each have to go before the other: one sentence that names them."""


def in_order(catalogue: Catalogue, services: Iterable[str]) -> tuple[str, ...]:
    """Services of a batch, each behind all that it comes after; the others as they were given.

    A service comes after those that ``promotion.after`` names, else after the services of the pipelines
    upstream of its own; by way of others that are not in the batch, too. Raises CircleError.
    """
    names = tuple(dict.fromkeys(services))
    before = _before(catalogue)
    reached = {name: _reached(name, before) for name in names}
    sorter = TopologicalSorter({name: [one for one in names if one in reached[name]] for name in names})
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " after ".join(reversed(error.args[1]))
        raise CircleError(f"The catalogue has them in a circle: {circle}; name fewer, or mend it.") from None
    found: list[str] = []
    ready: list[str] = []
    while sorter.is_active():
        ready = sorted((*ready, *sorter.get_ready()), key=names.index)
        found.append(ready.pop(0))
        sorter.done(found[-1])
    return tuple(found)


def _before(catalogue: Catalogue) -> Callable[[str], tuple[str, ...]]:
    """Which services a service directly comes after."""
    upstream: dict[str, dict[str, None]] = {}
    for pipeline in catalogue.pipelines.values():
        for name in pipeline.upstream:
            other = catalogue.pipelines.get(name)
            if pipeline.service and other is not None and other.service not in ("", pipeline.service):
                upstream.setdefault(pipeline.service, {})[other.service] = None
    stated: Mapping[str, tuple[str, ...]] = {
        name: service.promotion.after for name, service in catalogue.services.items()
    }
    return lambda name: stated.get(name) or tuple(upstream.get(name, ()))


def _reached(name: str, before: Callable[[str], tuple[str, ...]]) -> frozenset[str]:
    """All that a service comes after, itself left out."""
    found: set[str] = set()
    left = list(before(name))
    while left:
        one = left.pop()
        if one not in found:
            found.add(one)
            left.extend(before(one))
    return frozenset(found - {name})
