"""Reading and completing the ``:`` line: the shell's grammar over ``command_table``.

A line is read the way a shell reads it (``shlex``). Nothing here knows Textual.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from fedesk.ui.command_table import COMMANDS, ELSEWHERE, Command, Fills

_PLAIN = re.compile(r"""[^ \t\r\n'"\\]+""")  # to shlex; hundreds are asked for each key


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """One line, understood."""

    command: Command
    arguments: tuple[str, ...] = ()
    flags: Mapping[str, str] = field(default_factory=dict)
    """Those that were given, by name; empty text where one takes nothing."""

    @property
    def ignored(self) -> tuple[str, ...]:
        """Flags that would confirm, and have no effect here."""
        return tuple(one.name for one in self.command.flags if one.confirms and one.name in self.flags)


class CommandError(Exception):
    """A line that is no command: one sentence."""


def parse(line: str) -> Parsed | None:
    """Read a line; None for an empty one. Raises CommandError."""
    try:
        words = shlex.split(line)
    except ValueError:
        raise CommandError("A quote is opened and not closed.") from None
    if words[:1] == ["fedesk"]:
        del words[0]
    if not words:
        return None
    command, rest = _command_of(words)
    arguments, flags = _read_flags(command, rest)
    wanted = command.arguments
    if len(arguments) < sum(one.required for one in wanted):
        missing = next(one for one in wanted[len(arguments) :] if one.required).fills.value
        raise CommandError(f"{command.name} wants {missing}: {command.usage}")
    if len(arguments) > len(wanted) and not (wanted and wanted[-1].many):
        raise CommandError(f"{command.name} does not want {arguments[len(wanted)]!r}: {command.usage}")
    for argument, given in zip(wanted, arguments, strict=False):
        if argument.fills is Fills.NUMBER and not given.isdecimal():
            raise CommandError(f"{given!r} is no number of a record: {command.usage}")
    return Parsed(command=command, arguments=tuple(arguments), flags=flags)


def _command_of(words: Sequence[str]) -> tuple[Command, Sequence[str]]:
    for command in COMMANDS:
        count = len(command.words)
        if tuple(words[:count]) == command.words:
            return command, words[count:]
    away = next((one for one in ELSEWHERE if tuple(words[: len(one.words)]) == one.words), None)
    if away is not None:
        raise CommandError(_in_a_shell(" ".join(away.words), " ".join(words), away.here))
    group = [one for one in COMMANDS if len(one.words) > 1 and one.words[0] == words[0]]
    if group and (len(words) == 1 or words[1].startswith("-")):
        return group[0], words[1:]
    if group:
        raise CommandError(_unknown("command", " ".join(words[:2]), [one.name for one in group]))
    raise CommandError(_unknown("command", words[0], dict.fromkeys(one.words[0] for one in COMMANDS)))


def _unknown(kind: str, given: str, known: Iterable[str]) -> str:
    names = list(known)
    near = get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}."
    return f"There is no {kind} {given!r}; {hint}"


def _in_a_shell(name: str, line: str, here: str = "") -> str:
    instead = f"; here there is :{here}" if here else ""
    return f"{name} works in a shell, `fedesk {line}`{instead}."


def _read_flags(command: Command, words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    known = {flag.name: flag for flag in command.all_flags}
    arguments: list[str] = []
    flags: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            arguments.append(word)
            continue
        name, equals, value = word.partition("=")
        flag = known.get(name)
        if flag is None:
            offered = [one.name for one in command.all_flags if not one.silent]
            raise CommandError(_unknown(f"flag of {command.name}", name, offered))
        if flag.in_a_shell:
            raise CommandError(_in_a_shell(name, f"{command.name} … {name}"))
        if flag.takes is None and equals:
            raise CommandError(f"{name} takes nothing: {command.usage}")
        if flag.takes is not None and not equals:
            value = next(rest, "")
        if flag.takes is Fills.NUMBER and value and not value.isdecimal():
            raise CommandError(f"{name} wants a number, not {value!r}.")
        if flag.takes is not None and not value:
            raise CommandError(f"{name} wants {flag.takes.value}: {name} {flag.takes.value}")
        flags[name] = value
    return arguments, flags


# Completion


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What there is to complete with, best first."""

    runs: tuple[str, ...] = ()
    """Full names, those that failed before the others."""
    tasks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Tasks by the full name of their run, where they were read."""
    pipelines: tuple[str, ...] = ()
    operations: Mapping[str, str] = field(default_factory=dict)
    """What each is about, by its id; those that are open first."""
    incidents: Mapping[str, str] = field(default_factory=dict)
    """The title of each that is open, by its id."""
    environments: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    """Those that have a deploy job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One way to go on."""

    text: str
    """The whole word, quoted where a shell would want it."""
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """How a line can go on behind ``start``: the word from there to its end is replaced."""

    start: int
    candidates: tuple[Candidate, ...] = ()
    leading: int = 0
    """How many of them begin with the word; the others only hold it."""

    def common(self, line: str) -> str:
        """The line with what all that begin so begin with; the line itself where that is not more."""
        meant = self.candidates[: self.leading] or self.candidates
        shared = _shared([one.text for one in meant])
        if len(meant) == 1:
            return f"{line[: self.start]}{shared} "
        grown = line[: self.start] + shared
        return grown if len(grown) > len(line) and grown.startswith(line) else line


def _shared(texts: Sequence[str]) -> str:
    """What all of them begin with."""
    if not texts:
        return ""
    least, most = min(texts), max(texts)
    same = next((at for at, letter in enumerate(least) if most[at : at + 1] != letter), len(least))
    return least[:same]


def complete(line: str, known: Known) -> Completion:
    """What the last word of a line may become: those that begin so, then those that hold it."""
    start, before, word = _last_word(line)
    if before[:1] == ["fedesk"]:
        del before[0]
    found = [one for one in _next_words(before, word, known) if one.text != line[start:]]
    plain = word.casefold()
    first = [one for one in found if _bare(one.text).casefold().startswith(plain)]
    later = [one for one in found if one not in first and plain in _bare(one.text).casefold()]
    return Completion(start=start, candidates=tuple(first + later), leading=len(first))


def _quoted(word: str) -> str:
    """The word as it has to be typed to be read as one."""
    return word if _PLAIN.fullmatch(word) else shlex.quote(word)


def _bare(word: str) -> str:
    return word[1:-1] if word[:1] == word[-1:] == "'" and len(word) > 1 else word


def _last_word(line: str) -> tuple[int, list[str], str]:
    """Where the last word begins, the words before it, and the word without its quote."""
    start, quote = 0, ""
    for index, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character.isspace():
            start = index + 1
    try:
        before = shlex.split(line[:start])
    except ValueError:
        before = []
    return start, before, line[start:].strip("'\"")


def _next_words(before: Sequence[str], word: str, known: Known) -> Iterator[Candidate]:
    command = next((one for one in COMMANDS if tuple(before[: len(one.words)]) == one.words), None)
    if command is None:
        yield from _verbs(before)
        return
    given = before[len(command.words) :]
    takes = next((one.takes for one in command.all_flags if given and one.name == given[-1]), None)
    if takes is not None:
        yield from _values(takes, word, known)
        return
    if word.startswith("-"):
        for flag in command.all_flags:
            if flag.is_offered and flag.name not in given:
                yield Candidate(text=flag.name, about=flag.help)
        return
    wanted, position = command.arguments, len(_read_quietly(command, given))
    if wanted and wanted[-1].many:
        position = min(position, len(wanted) - 1)
    if position < len(wanted):
        yield from _values(wanted[position].fills, word, known)


def _read_quietly(command: Command, words: Sequence[str]) -> list[str]:
    try:
        return _read_flags(command, words)[0]
    except CommandError:
        return []


def _verbs(before: Sequence[str]) -> Iterator[Candidate]:
    depth = len(before)
    offered: set[str] = set()
    for command in COMMANDS:
        if command.hidden or len(command.words) <= depth or list(command.words[:depth]) != list(before):
            continue
        word = command.words[depth]
        if word in offered:
            continue
        offered.add(word)
        group = [one.words[-1] for one in COMMANDS if len(one.words) > depth + 1 and one.words[depth] == word]
        yield Candidate(text=word, about=", ".join(group) if group else command.help)


def _values(fills: Fills, word: str, known: Known) -> Iterator[Candidate]:
    if fills is Fills.RUN:
        run, colons, _ = word.rpartition("::")
        if colons and run in known.tasks:
            yield from (Candidate(text=_quoted(f"{run}::{task}")) for task in known.tasks[run])
            return
        yield from (Candidate(text=_quoted(name)) for name in known.runs)
    elif fills is Fills.PIPELINE:
        yield from (Candidate(text=_quoted(name)) for name in known.pipelines)
    elif fills is Fills.OPERATION:
        yield from (Candidate(text=name, about=about) for name, about in known.operations.items())
    elif fills is Fills.INCIDENT:
        yield from (Candidate(text=name, about=title) for name, title in known.incidents.items())
    elif fills is Fills.SERVICE:
        yield from (Candidate(text=_quoted(name)) for name in known.services)
    elif fills is Fills.ENVIRONMENT:
        yield from (Candidate(text=name) for name in known.environments)
