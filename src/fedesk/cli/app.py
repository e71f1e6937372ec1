"""The command line: its grammar, and how every way it can end becomes one sentence and an exit code.

Verbs come from the table in ``verbs``. The parser is given a name and a line of help of each; the module of
the one that is typed is imported when it is typed.
"""

import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from fedesk.cli.endings import code_of, sentences
from fedesk.cli.output import narrate
from fedesk.cli.session import SHARED_FLAGS, SHARED_WITH_VALUE, LauncherOf, Session, examples
from fedesk.cli.verbs import GROUPS, VERBS, Group, Section, Verb
from fedesk.domain.redaction import redact
from fedesk.exits import Exit
from fedesk.ports.sources import Clock

_UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""The parser's own error of usage; typer brings its parser along, and does not export it."""

_TYPE = re.compile(r" <[^>]*>$")
_HELP = "The terminal desk for releases and nights on call."
_EPILOG = (
    "Without a command, fedesk opens the desk."
    " --env, --config and --json may stand before or after the command."
)


class _Verb(TyperCommand):
    """One verb; in its help an argument is a name alone, without the type that typer would put behind it."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """What it takes, under two headings."""
        for kind, heading in (("argument", "Arguments"), ("option", "Options")):
            told = [one.get_help_record(ctx) for one in self.get_params(ctx) if one.param_type_name == kind]
            rows = [(_TYPE.sub("", name), text) for name, text in filter(None, told)]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)


class _Verbs(TyperGroup):
    """Verbs below one word: each a name with its line of help, and made in full once it is typed."""

    def __init__(self, verbs: Sequence[Verb], groups: Sequence[Group] = (), **given: Any) -> None:
        super().__init__(rich_markup_mode=None, **given)
        self._verbs = {verb.name: verb for verb in verbs}
        self._sections = {verb.name: verb.section for verb in verbs}
        self._sections |= {group.name: group.section for group in groups}
        for verb in verbs:
            self.add_command(TyperCommand(verb.name, short_help=verb.summary, rich_markup_mode=None))
        for group in groups:
            self.add_command(group_of(group))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that was typed, with its options; a mistyped one is an error of usage."""
        name, command, rest = super().resolve_command(ctx, args)
        verb = self._verbs.get(name or "")
        return name, command if verb is None else made(verb), rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list in the help, under the headings of the sections where it has groups."""
        if all(name in self._verbs for name in self.commands):
            super().format_commands(ctx, formatter)
            return
        width = max(map(len, self.commands))
        for section in Section:
            rows = [
                (name.ljust(width), command.get_short_help_str(formatter.width))
                for name, command in self.commands.items()
                if self._sections[name] is section
            ]
            with formatter.section(section.value):
                formatter.write_dl(rows)


def made(verb: Verb) -> TyperCommand:
    """A verb with its options; imports its module."""
    module, _, function = verb.function.partition(":")
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    called = getattr(import_module(f"fedesk.cli.{module}"), function)
    app.command(verb.name, cls=_Verb, epilog=examples(*verb.examples))(called)
    command = typer.main.get_command(app)
    if not isinstance(command, TyperCommand):
        raise TypeError(f"{verb.words} is no single command")
    return command


def all_made() -> Iterator[tuple[Verb, TyperCommand]]:
    """Every verb with its options; imports all of them."""
    for verb in VERBS:
        yield verb, made(verb)


def group_of(group: Group) -> TyperGroup:
    """One group of verbs."""
    verbs = [verb for verb in VERBS if verb.group == group.name]
    return _Verbs(verbs, name=group.name, help=group.help, short_help=group.summary)


def root() -> TyperGroup:
    """The whole command line."""
    return _Verbs(
        [verb for verb in VERBS if not verb.group], GROUPS, name="fedesk", help=_HELP, epilog=_EPILOG
    )


def run(arguments: Sequence[str], clock: Clock, launcher: LauncherOf | None = None) -> int:
    """Run one command line and give its exit code. What no sentence covers is raised: a fault of fedesk.

    ``launcher`` starts runners instead of the desk's own; for tests.
    """
    from fedesk.mistakes import ConfigurationError

    try:
        code = root()(
            args=shared_last(arguments),
            prog_name="fedesk",
            standalone_mode=False,
            obj=Session(clock, launcher),
        )
    except _UsageError as error:
        narrate(f"{redact(_said(error)).text} See `{_command_path(error)} --help`.")
        return Exit.USAGE
    except ConfigurationError as error:
        for mistake in error.mistakes:
            narrate(str(mistake))
        return Exit.USAGE
    except sentences() as error:
        # What was typed is quoted, and people paste addresses with passwords in them.
        narrate(redact(str(error)).text)
        return code_of(error)
    return code if isinstance(code, int) else Exit.DONE


def _said(error: Exception) -> str:
    message = getattr(error, "format_message", lambda: str(error))()
    return message if message.endswith((".", "?")) else f"{message}."


def _command_path(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return str(context.command_path) if context is not None else "fedesk"


def shared_last(arguments: Sequence[str]) -> list[str]:
    """The same command line with the shared options at its end, where each command reads its own."""
    kept: list[str] = []
    moved: list[str] = []
    position = 0
    while position < len(arguments):
        word = arguments[position]
        if word == "--":
            break
        if word in SHARED_WITH_VALUE and position + 1 < len(arguments):
            moved += arguments[position : position + 2]
            position += 2
            continue
        is_shared = word in SHARED_FLAGS or word.startswith(tuple(f"{name}=" for name in SHARED_WITH_VALUE))
        (moved if is_shared else kept).append(word)
        position += 1
    return [*kept, *moved, *arguments[position:]]
