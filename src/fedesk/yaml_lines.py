"""YAML as plain values, with the line of each: mappings, lists, text, numbers, true, false and null.

YAML 1.2 by ruamel.yaml; tags of a program's own are mistakes, dates and times stay text.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from fedesk.mistakes import Findings, Place, printable

_TAG = "tag:yaml.org,2002:"
_MOST_NODES = 300_000
"""An alias that names an alias that names an alias grows without end: stop long before the memory does."""
_TRUE = frozenset({"true", "yes", "on"})


def parse(text: str, findings: Findings, lines: dict[Place, int]) -> object:
    """The values of a text; ``lines`` is filled with where they stand. None where it is no YAML."""
    try:
        node = _composed(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        lines[()] = mark.line + 1 if mark else 1
        said = ": ".join(part for part in (error.context, error.problem) if part)
        findings.add((), f"no YAML: {printable(said, 200)}")
        return None
    except (YAMLError, ValueError, RecursionError) as error:
        findings.add((), f"no YAML: {printable(str(error).splitlines()[0], 200)}")
        return None
    try:
        return _Reader(findings, lines).value(node, ())
    except RecursionError:
        findings.add((), "no catalogue: it nests too deep")
        return None


@lru_cache(maxsize=8)
def _composed(text: str) -> Any:
    """The root of a text's nodes. The scanner is slow, and the desk reads the same for each environment."""
    return YAML(typ="safe", pure=True).compose(text)


class _Reader:
    """Turns nodes into values, once for each place."""

    def __init__(self, findings: Findings, lines: dict[Place, int]) -> None:
        self.findings = findings
        self.lines = lines
        self.count = 0
        self._open: set[int] = set()

    def value(self, node: Any, place: Place) -> object:
        if node is None:
            return None
        self.lines.setdefault(place, node.start_mark.line + 1)
        self.count += 1
        if id(node) in self._open or self.count > _MOST_NODES:
            if self.count <= _MOST_NODES + 1:
                self.findings.add(place, "an alias that holds itself, or grows without end")
            self.count = max(self.count, _MOST_NODES + 1)
            return None
        self._open.add(id(node))
        try:
            return self._value(node, place)
        finally:
            self._open.discard(id(node))

    def _value(self, node: Any, place: Place) -> object:
        match node:
            case MappingNode():
                return self._mapping(node, place)
            case SequenceNode():
                return [self.value(item, (*place, at)) for at, item in enumerate(node.value)]
            case ScalarNode():
                return self._scalar(str(node.tag), str(node.value), place)
            case _:
                return None

    def _mapping(self, node: Any, place: Place) -> dict[str, object]:
        values: dict[str, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self.lines.setdefault((*place, "?"), line)
                self.findings.add((*place, "?"), "a key must be a plain word")
                continue
            key = str(key_node.value)
            here = (*place, key)
            self.lines.setdefault(here, line)
            if key_node.tag == f"{_TAG}merge":
                merged = self.value(value_node, here)
                values = {**merged, **values} if isinstance(merged, dict) else values
            elif key in values:
                self.findings.add(here, f"stands here a second time, on line {line}")
            else:
                values[key] = self.value(value_node, here)
        return values

    def _scalar(self, tag: str, text: str, place: Place) -> object:
        make = _SCALARS.get(tag.removeprefix(_TAG))
        if make is None:
            self.findings.add(place, f"the tag {printable(tag, 60)} has no meaning here")
            return None
        try:
            return make(text)
        except ValueError:
            return text


def _float(text: str) -> float:
    return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))


_SCALARS: dict[str, Callable[[str], object]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() in _TRUE,
    "int": lambda text: int(text.replace("_", ""), 0),
    "float": _float,
    "str": str,
    "timestamp": str,
}
