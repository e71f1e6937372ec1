"""What a Tab offers, from the words before it and what the verbs take; asks no system."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedesk.cli.grammar import grammar as known_grammar
from fedesk.cli.known_names import SOURCES, Candidate
from fedesk.cli.verbs import GROUPS, VERBS
from fedesk.config_path import find_config
from fedesk.glance import glance

_SHARED = {"--env": "ENV", "--config": "FILE", "--json": "", "--help": ""}
"""Options that may stand before the verb, and what they take."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What may stand there: words, or the name of a file."""

    candidates: tuple[Candidate, ...] = ()
    files: bool = False

    @property
    def kind(self) -> str:
        """``files``, ``open`` where the one word goes on, else ``words``."""
        if self.files:
            return "files"
        is_open = len(self.candidates) == 1 and self.candidates[0].text.endswith((":", "/", "#", "="))
        return "open" if is_open else "words"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Typed:
    """The words before the cursor, understood."""

    verb: str = ""
    group: str = ""
    given: Mapping[str, str | None]
    """Options with their values."""
    pending: str = ""
    """The option whose value is being typed."""
    places: int = 0
    """Arguments that stand there already."""
    unknown: bool = False
    only_arguments: bool = False


def complete(words: Sequence[str]) -> Answer:
    """What may stand in place of the last word, which is empty where nothing is typed of it yet."""
    grammar = known_grammar()
    typed = _read(words[:-1], grammar)
    last = words[-1] if words else ""
    if typed.unknown:
        return Answer()
    if typed.pending:
        return _values(_takes(typed.pending, typed.verb, grammar), typed.pending, typed, last)
    if last.startswith("-") and not typed.only_arguments:
        return _option(typed, last, grammar)
    if not typed.verb:
        return _named(_verbs(typed.group), last)
    return _argument(typed, last, grammar[typed.verb]["arguments"])


def _option(typed: _Typed, last: str, grammar: Mapping[str, Any]) -> Answer:
    """Names of options; of ``--env=pr`` the value."""
    name, equals, value = last.partition("=")
    if not equals:
        return _named(_flags(typed, grammar), last)
    answer = _values(_takes(name, typed.verb, grammar), name, typed, value)
    return Answer(tuple(Candidate(f"{name}={one.text}", one.told) for one in answer.candidates))


def _argument(typed: _Typed, last: str, arguments: Sequence[tuple[str, bool]]) -> Answer:
    """The argument whose turn it is; the last one's again where there may be many."""
    place = min(typed.places, len(arguments) - 1)
    if place < 0 or (place < typed.places and not arguments[place][1]):
        return Answer()
    return _values(arguments[place][0], "", typed, last)


def _read(words: Sequence[str], grammar: Mapping[str, Any]) -> _Typed:
    verb = group = pending = ""
    given: dict[str, str | None] = {}
    places = 0
    only_arguments = False
    for word in words:
        if pending:
            given[pending], pending = word, ""
        elif word == "--" and not only_arguments:
            only_arguments = True
        elif word.startswith("-") and not only_arguments:
            name, equals, value = word.partition("=")
            takes = _takes(name, verb, grammar)
            given[name] = value if equals else None
            pending = name if takes and not equals else ""
        elif verb:
            places += 1
        elif f"{group} {word}".strip() in grammar:
            verb = f"{group} {word}".strip()
        elif not group and any(one.name == word for one in GROUPS):
            group = word
        else:
            return _Typed(given=given, unknown=True)
    return _Typed(
        verb=verb, group=group, given=given, pending=pending, places=places, only_arguments=only_arguments
    )


def _takes(name: str, verb: str, grammar: Mapping[str, Any]) -> str:
    if name in _SHARED:
        return _SHARED[name]
    options = grammar[verb]["options"] if verb else ()
    return next((one["metavar"] for one in options if name in one["names"]), "")


def _flags(typed: _Typed, grammar: Mapping[str, Any]) -> Iterable[Candidate]:
    """Options that may still be given."""
    if not typed.verb:
        yield from (Candidate(name) for name in _SHARED if name not in typed.given)
        return
    for one in grammar[typed.verb]["options"]:
        if one["many"] or not any(name in typed.given for name in one["names"]):
            yield Candidate(one["names"][0], one["help"])
    yield Candidate("--help", "Show this message and exit.")


def _verbs(group: str) -> Iterable[Candidate]:
    if not group:
        yield from (Candidate(one.name, one.summary) for one in VERBS if not one.group)
        yield from (Candidate(one.name, one.summary) for one in GROUPS)
    else:
        yield from (Candidate(one.name, one.summary) for one in VERBS if one.group == group)


def _values(metavar: str, option: str, typed: _Typed, last: str) -> Answer:
    """What may stand for a value, by the word that stands for it in the help."""
    wanted = metavar.strip("[]").partition("] ")[0].partition(" ")[0]
    if wanted in {"FILE", "DIR"}:
        return Answer(files=True)
    if "|" in wanted:
        return _named((Candidate(one) for one in wanted.split("|")), last)
    if wanted == "ID":
        is_incident = (
            typed.group == "incident" or typed.verb.startswith("incident ") or option == "--incident"
        )
        wanted = "INCIDENT" if is_incident else "OPERATION"
    source = SOURCES.get(wanted)
    if source is None:
        return Answer()
    config = typed.given.get("--config")
    look = glance(find_config(Path(config).expanduser() if config else None))
    return _named(source(look, typed.given.get("--env") or look.default, last), last)


def _named(candidates: Iterable[Candidate], last: str) -> Answer:
    """Those that begin with what is typed. A name with a control character in it is not offered."""
    kept = {one.text: one for one in candidates if one.text.startswith(last) and one.text.isprintable()}
    return Answer(tuple(kept.values()))
