"""Exported beans and how Jenkins prunes them: ``tree=`` and ``depth=`` as in Stapler's export package.

``tree`` is ``name,name[sub,sub]{range}``: unknown names are dropped without a word, ``*`` stands for names
not listed, ranges hold for arrays only, and a malformed one fails the whole request. ``depth`` goes by the
visibility of each property: at depth 0 the properties of the bean itself and those of others that stand at 2
or more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from fedesk.sandbox.lazily import Lazily

Value = Callable[[], Any]
"""Makes a property's value when it is asked for: JSON, a Bean, or a list of either or of their makers."""

UNBOUNDED = 2**31 - 1


class MalformedTreeError(ValueError):
    """The tree expression cannot be parsed; the words are Stapler's."""


class Property(NamedTuple):
    """A property of a bean and from which depth on it shows."""

    value: Value
    visibility: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bean:
    """Something Jenkins exports: its class where that is written, and its properties."""

    class_name: str = ""
    properties: Mapping[str, Property]


class Pruner(Protocol):
    """Which properties of a bean are written."""

    @property
    def low(self) -> int:
        """Where the range of an array begins."""

    @property
    def high(self) -> int:
        """Where it ends; not part of it."""

    def accept(self, name: str, visibility: int) -> "Pruner | None":
        """The pruner of what stands under a property; None to leave it out."""


@dataclass(frozen=True, slots=True)
class ByDepth:
    """Stapler's TreePruner.ByDepth; a request for ``depth`` begins with ``1 - depth``."""

    level: int
    low: int = 0
    high: int = UNBOUNDED

    def accept(self, name: str, visibility: int) -> "ByDepth | None":
        """By visibility alone."""
        del name
        return None if visibility < self.level else ByDepth(self.level + 1)


@dataclass(slots=True)
class Tree:
    """Stapler's NamedPathPruner: the names at one level, with what is wanted under each."""

    children: dict[str, "Tree"] = field(default_factory=dict)
    low: int = 0
    high: int = UNBOUNDED

    def accept(self, name: str, visibility: int) -> "Tree | None":
        """By name; visibility does not matter."""
        del visibility
        return self.children.get(name, self.children.get("*"))


def parse_tree(text: str) -> Tree:
    """Read a tree expression; raises MalformedTreeError."""
    reader = _Reader(text)
    tree = Tree()
    _names(reader, tree)
    reader.expect("")
    return tree


def exported(value: Any, pruner: Pruner) -> Any:
    """The JSON of a bean, or of what a property holds; makers in a list are called within its range only."""
    if callable(value):
        value = value()
    if isinstance(value, Bean):
        written: dict[str, Any] = {"_class": value.class_name} if value.class_name else {}
        for name, (make, visibility) in value.properties.items():
            under = pruner.accept(name, visibility)
            if under is not None:
                written[name] = exported(make(), under)
        return written
    if isinstance(value, list | tuple | Lazily):
        return [exported(element, pruner) for element in value[pruner.low : pruner.high]]
    return value


_SIGNS = ("", ",", "[", "]", "{", "}")


class _Reader:
    """Names and the five signs, one after the other. The end of the text is ``""``."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def peek(self) -> str:
        if self._at == len(self._text):
            return ""
        if self._text[self._at] in ",[]{}":
            return self._text[self._at]
        end = min(
            (at for sign in ",[]{}" if (at := self._text.find(sign, self._at)) >= 0), default=len(self._text)
        )
        return self._text[self._at : end]

    def take(self) -> str:
        token = self.peek()
        self._at += len(token)
        return token

    def accept(self, sign: str) -> bool:
        if self.peek() != sign:
            return False
        self.take()
        return True

    def expect(self, sign: str) -> None:
        if not self.accept(sign):
            raise MalformedTreeError(f"expected {sign or 'EOF'} at {self._at}")

    def number(self) -> int:
        token = self.peek()
        if not (token.isascii() and token.isdigit()):
            raise MalformedTreeError(f"expected number at {self._at}")
        self.take()
        return int(token)

    def name(self) -> str:
        if self.peek() in _SIGNS:
            raise MalformedTreeError(f"expected name at {self._at}")
        return self.take()


def _names(reader: _Reader, tree: Tree) -> None:
    while True:
        _name(reader, tree)
        if not reader.accept(","):
            return


def _name(reader: _Reader, tree: Tree) -> None:
    under = tree.children[reader.name()] = Tree()
    if reader.accept("["):
        _names(reader, under)
        reader.expect("]")
    if reader.accept("{"):
        under.low, under.high = _range(reader)
        reader.expect("}")


def _range(reader: _Reader) -> tuple[int, int]:
    """``{M,N}`` half open, ``{M,}``, ``{,N}``, and ``{N}`` for the one at N."""
    if reader.accept(","):
        return 0, reader.number()
    low = reader.number()
    if reader.peek() == "}":
        return low, low + 1
    reader.expect(",")
    return low, UNBOUNDED if reader.peek() == "}" else reader.number()


ALWAYS = 999
"""How deep what is always visible shows."""


def fixed(value: Any) -> Callable[[], Any]:
    """Makes the same value each time."""
    return lambda: value


def bean(class_name: str, visible: dict[str, Any], more: dict[str, Callable[[], Any]] | None = None) -> Bean:
    """A bean whose ``visible`` properties show inside others, too, and whose ``more`` only by themselves."""
    properties = {name: Property(fixed(value), ALWAYS) for name, value in visible.items()}
    properties |= {name: Property(make) for name, make in (more or {}).items()}
    return Bean(class_name=class_name, properties=properties)
