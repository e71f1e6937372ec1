"""What each verb takes, read from the parser: for completion, the reference in the docs, the manual pages."""

import inspect
from dataclasses import dataclass
from typing import Any

from fedesk.cli.app import all_made
from fedesk.cli.verbs import Verb


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """An option or an argument."""

    names: tuple[str, ...]
    """``--follow``, ``-f``; none where it is an argument."""
    metavar: str
    """What stands for its value; empty where it takes none."""
    help: str
    default: str = ""
    """As it is shown; empty where nothing is worth showing."""
    many: bool = False
    """Whether it may be given several times."""
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One verb with all that it takes, hidden options left out."""

    verb: Verb
    help: str
    """Paragraphs, parted by an empty line."""
    parameters: tuple[Parameter, ...]

    @property
    def arguments(self) -> tuple[Parameter, ...]:
        """Those without a name, in their order."""
        return tuple(one for one in self.parameters if not one.names)

    @property
    def options(self) -> tuple[Parameter, ...]:
        """Those with one."""
        return tuple(one for one in self.parameters if one.names)

    @property
    def synopsis(self) -> str:
        """``fedesk runs [OPTIONS] PIPELINE``."""
        return " ".join(["fedesk", self.verb.words, "[OPTIONS]", *(_place(one) for one in self.arguments)])


def _place(argument: Parameter) -> str:
    bare = argument.metavar.strip("[]") if argument.metavar.count("[") == 1 else argument.metavar
    shown = f"{bare}…" if argument.many and " " not in bare else bare
    return shown if argument.required else f"[{bare}]"


def usages() -> tuple[Usage, ...]:
    """Every verb; imports all of their modules."""
    return tuple(
        Usage(
            verb=verb,
            help=inspect.cleandoc(command.help or ""),
            parameters=tuple(_parameter(one) for one in command.params if not getattr(one, "hidden", False)),
        )
        for verb, command in all_made()
    )


def _parameter(given: Any) -> Parameter:
    is_option = given.param_type_name == "option"
    default = given.default
    return Parameter(
        names=tuple(given.opts) if is_option else (),
        metavar="" if getattr(given, "is_flag", False) else given.metavar or given.name.upper(),
        help=given.help or "",
        default="" if default is None or default is False or callable(default) else str(default),
        many=given.nargs == -1 or bool(getattr(given, "multiple", False)),
        required=given.required,
    )
