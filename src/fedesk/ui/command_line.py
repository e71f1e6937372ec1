"""The grammar of the ``:`` line: the shell's, as data. Nothing here knows Textual.

A line is read the way a shell reads it. Flags that confirm have no effect: the line ends at the plan.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum

_PLAIN = re.compile(r"""[^ \t\r\n'"\\]+""")  # to shlex; hundreds are asked for each key


class Fills(StrEnum):
    """What an argument is, and so what completes it."""

    RUN = "RUN"
    PIPELINE = "PIPELINE"
    OPERATION = "ID"
    INCIDENT = "INCIDENT"
    ENVIRONMENT = "ENV"
    NUMBER = "SEQ"
    NEW_ID = "NEW-ID"
    TITLE = "TITLE"
    TEXT = "TEXT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument of a command."""

    fills: Fills
    required: bool = True
    many: bool = False
    """Whether it is the last one and takes all that follow."""

    @property
    def shown(self) -> str:
        """``RUN``, ``RUN …``, or ``[ID]`` where it may be left out."""
        named = f"{self.fills.value} …" if self.many else self.fills.value
        return named if self.required else f"[{named}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag of a command."""

    name: str
    help: str
    takes: Fills | None = None
    confirms: bool = False
    """Whether it would confirm, and so has no effect here."""
    silent: bool = False
    """Whether it has no meaning on a screen, and is not offered."""
    in_a_shell: bool = False
    """Whether it works in a shell alone, and is answered with a sentence."""

    @property
    def is_offered(self) -> bool:
        """Whether it means something here."""
        return not (self.confirms or self.silent or self.in_a_shell)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command."""

    words: tuple[str, ...]
    help: str
    arguments: tuple[Argument, ...] = ()
    flags: tuple[Flag, ...] = ()
    hidden: bool = False
    """Whether it is understood and not offered: another word for the same."""

    @property
    def name(self) -> str:
        """``operations show``."""
        return " ".join(self.words)

    @property
    def usage(self) -> str:
        """``rerun RUN [--from-failed]``."""
        flags = [
            f"[{flag.name}{f' {flag.takes.value}' if flag.takes else ''}]"
            for flag in self.flags
            if flag.is_offered
        ]
        return " ".join([self.name, *(one.shown for one in self.arguments), *flags])

    @property
    def all_flags(self) -> tuple[Flag, ...]:
        """Its own, and those that every command has."""
        return (*self.flags, *SHARED)


SHARED = (
    Flag(name="--env", help="the environment", takes=Fills.ENVIRONMENT),
    Flag(name="--config", help="another configuration", takes=Fills.TEXT, in_a_shell=True),
    Flag(name="--json", help="one JSON document", silent=True),
    Flag(name="--json-lines", help="one JSON record a line", silent=True),
)
_CONFIRMING = (
    Flag(name="--yes", help="confirm", confirms=True),
    Flag(name="--confirm", help="confirm in production", takes=Fills.ENVIRONMENT, confirms=True),
    Flag(name="--write", help="open a write window", takes=Fills.ENVIRONMENT, confirms=True),
    Flag(name="--accept", help="accept what a guard asks about", takes=Fills.TEXT, confirms=True),
)
_LIMIT = Flag(name="--limit", help="how many at most", takes=Fills.NUMBER, silent=True)
_RUN, _PIPELINE = Argument(fills=Fills.RUN), Argument(fills=Fills.PIPELINE)
_INCIDENT, _TEXT = Argument(fills=Fills.INCIDENT), Argument(fills=Fills.TEXT)
_MAYBE_ID = Argument(fills=Fills.OPERATION, required=False)

COMMANDS: tuple[Command, ...] = (
    Command(
        words=("rerun",), help="plan to run runs again", arguments=(Argument(fills=Fills.RUN, many=True),),
        flags=(
            Flag(name="--from-failed", help="only what failed; the default of a DAG run"),
            Flag(name="--reason", help="why, or a ticket", takes=Fills.TEXT),
            Flag(name="--incident", help="what it is done for", takes=Fills.INCIDENT),
            Flag(name="--dry-run", help="only the plan, as here always", silent=True),
            Flag(name="--wait", help="until the run has ended", silent=True),
            *_CONFIRMING,
        ),
    ),
    Command(
        words=("operations", "list"), help="those that are open, then the newest",
        flags=(
            _LIMIT, Flag(name="--all", help="all", silent=True),
            Flag(name="--open", help="open", silent=True),
        ),
    ),
    Command(words=("operations", "show"), help="one operation", arguments=(_MAYBE_ID,)),
    Command(
        words=("operations", "recheck"), help="look effects up again; sends nothing", arguments=(_MAYBE_ID,),
    ),
    Command(
        words=("operations", "settle"), help="settle by your word what no look can tell",
        arguments=(Argument(fills=Fills.OPERATION),),
        flags=(
            Flag(name="--outcome", help="done, or not-done", takes=Fills.TEXT),
            Flag(name="--reason", help="why, or a ticket", takes=Fills.TEXT),
            *_CONFIRMING[:2],
        ),
    ),
    Command(words=("trace",), help="one operation through every system", arguments=(_MAYBE_ID,)),
    Command(
        words=("audit", "tail"), help="the newest records",
        flags=(_LIMIT, Flag(name="--operation", help="of one", takes=Fills.OPERATION, in_a_shell=True)),
    ),
    Command(words=("audit", "show"), help="one record", arguments=(Argument(fills=Fills.NUMBER),)),
    Command(
        words=("audit", "verify"), help="check the chain",
        flags=(
            Flag(name="--deep", help="compare each record with what it tells of"),
            Flag(name="--from-checkpoint", help="only what came after the newest good checkpoint"),
            Flag(name="--checkpoints", help="of a file", takes=Fills.TEXT, in_a_shell=True),
        ),
    ),
    Command(
        words=("incident", "list"), help="those that go on, then the newest",
        flags=(_LIMIT, Flag(name="--open", help="open", silent=True)),
    ),
    Command(
        words=("incident", "show"), help="what happened, in order",
        arguments=(Argument(fills=Fills.INCIDENT, required=False),),
        flags=(Flag(name="--markdown", help="y copies it here", silent=True),),
    ),
    Command(
        words=("incident", "open"), help="an id of yours, if there is one, and a title in quotes",
        arguments=(Argument(fills=Fills.NEW_ID, required=False), Argument(fills=Fills.TITLE)),
        flags=(Flag(name="--run", help="a run that it is about", takes=Fills.RUN),),
    ),
    Command(
        words=("incident", "note"), help="write something down", arguments=(_INCIDENT, _TEXT),
        flags=(Flag(name="--acknowledge", help="say that you have taken it on"),),
    ),
    Command(
        words=("incident", "close"), help="say that it is over",
        arguments=(_INCIDENT, Argument(fills=Fills.TEXT, required=False)),
    ),
    Command(
        words=("status",), help="the pipelines",
        flags=(Flag(name="--last-known", help="what was known last, which a desk shows first", silent=True),),
    ),
    Command(
        words=("failures",), help="what is wrong now",
        flags=(Flag(name="--since", help="how far back", takes=Fills.TEXT, silent=True),),
    ),
    Command(words=("runs",), help="the runs of a pipeline", arguments=(_PIPELINE,), flags=(_LIMIT,)),
    Command(
        words=("log",), help="the log of a run, or of RUN::TASK", arguments=(_RUN,),
        flags=(
            Flag(name="--task", help="of this task, TASK or TASK[MAP_INDEX]", takes=Fills.TEXT),
            Flag(name="--stage", help="of this stage of a build, by its name", takes=Fills.TEXT),
            Flag(name="--attempt", help="of this try of the task", takes=Fills.NUMBER),
            Flag(name="--try", help="of this try of the task", takes=Fills.NUMBER),
            Flag(name="--all-attempts", help="here the key b", silent=True),
            Flag(name="--tail", help="here the key G", takes=Fills.NUMBER, silent=True),
            Flag(name="--grep", help="here the keys / and &", takes=Fills.TEXT, silent=True),
            Flag(name="--regex", help="here a text is looked for", silent=True),
            Flag(name="--errors", help="here the key e", silent=True),
            Flag(name="--timestamps", help="here the key t", silent=True),
            Flag(name="--output", help="here the key s", takes=Fills.TEXT, silent=True),
            Flag(name="--follow", help="as here always", silent=True),
            Flag(name="-f", help="as here always", silent=True),
        ),
    ),
    Command(words=("secrets", "list"), help="the ages of secrets"),
    Command(words=("env",), help="another environment", arguments=(Argument(fills=Fills.ENVIRONMENT),)),
    Command(words=("tour",), help="six steps on the real keys, in the demo"),
    Command(words=("quit",), help="leave the desk"),
    Command(words=("q",), help="leave the desk", hidden=True),
)  # fmt: skip
"""Every command of the ``:`` line. The first of a group is what its name alone means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Commands of the shell that have no place on a screen."""

    words: tuple[str, ...]
    """What they begin with."""
    here: str = ""
    """What serves on the desk instead."""


ELSEWHERE: tuple[Elsewhere, ...] = (
    Elsewhere(words=("audit", "checkpoint")),
    Elsewhere(words=("audit", "export"), here="audit tail"),
    Elsewhere(words=("catalog",)),
    Elsewhere(words=("completion",)),
    Elsewhere(words=("config",)),
    Elsewhere(words=("demo",)),
    Elsewhere(words=("doctor",)),
    Elsewhere(words=("execute",), here="operations show"),
    Elsewhere(words=("freeze",)),
    Elsewhere(words=("grep",), here="log"),
    Elsewhere(words=("hold",)),
    Elsewhere(words=("login",)),
    Elsewhere(words=("maintenance",)),
    Elsewhere(words=("operations", "decide"), here="operations show"),
    Elsewhere(words=("policy",)),
    Elsewhere(words=("sandbox",)),
    Elsewhere(words=("secrets", "check"), here="secrets list"),
    Elsewhere(words=("store",)),
    Elsewhere(words=("watch",)),
)
"""Every other command of the shell: understood, and answered with where it works."""


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
    elif fills is Fills.ENVIRONMENT:
        yield from (Candidate(text=name) for name in known.environments)
