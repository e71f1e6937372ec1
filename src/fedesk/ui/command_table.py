"""The commands of the ``:`` line, as data: their words, and what each argument and flag is.

Flags that confirm are understood and have no effect: the line ends at the plan. Nothing here knows Textual.
"""

from dataclasses import dataclass
from enum import StrEnum


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
    SERVICE = "SERVICE"
    DIGEST = "SHA256"


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
_REASON = Flag(name="--reason", help="why, or a ticket", takes=Fills.TEXT)
_DRY_RUN = Flag(name="--dry-run", help="only the plan, as here always", silent=True)
_LIMIT = Flag(name="--limit", help="how many at most", takes=Fills.NUMBER, silent=True)
_RUN, _PIPELINE = Argument(fills=Fills.RUN), Argument(fills=Fills.PIPELINE)
_INCIDENT, _TEXT = Argument(fills=Fills.INCIDENT), Argument(fills=Fills.TEXT)
_MAYBE_ID = Argument(fills=Fills.OPERATION, required=False)

COMMANDS: tuple[Command, ...] = (
    Command(
        words=("rerun",), help="plan to run runs again", arguments=(Argument(fills=Fills.RUN, many=True),),
        flags=(
            Flag(name="--from-failed", help="only what failed; the default of a DAG run"),
            _REASON,
            Flag(name="--incident", help="what it is done for", takes=Fills.INCIDENT),
            _DRY_RUN,
            Flag(name="--wait", help="until the run has ended", silent=True),
            Flag(name="--break-glass", help="without anybody's leave", confirms=True),
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
            _REASON, *_CONFIRMING[:2],
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
            Flag(name="--store", help="the log in another file", takes=Fills.TEXT, in_a_shell=True),
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
    Command(
        words=("findings", "list"), help="what is wrong now; the keys a and m say something of it",
        flags=(Flag(name="--all", help="here the key z", silent=True),),
    ),
    Command(
        words=("handover",), help="what the next person on call needs",
        flags=(Flag(name="--since", help="how far back", takes=Fills.TEXT, in_a_shell=True),),
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
    *(
        Command(
            words=(kind, "list"), help=f"{many}, in force and to come, with the others",
            flags=(Flag(name="--all", help="those that are over too", in_a_shell=True), _LIMIT),
        )
        for kind, many in (("freeze", "freezes"), ("hold", "holds"), ("maintenance", "maintenance"))
    ),
    Command(words=("windows",), help="freezes, holds and maintenance, in force and to come"),
    Command(
        words=("release", "matrix"), help="what is deployed where",
        arguments=(Argument(fills=Fills.TEXT, required=False, many=True),),
        flags=(
            Flag(name="--long", help="more of each", silent=True),
            Flag(name="--schemas", help="schemas, too", silent=True),
            Flag(name="--stages", help="each job's own verification", silent=True),
        ),
    ),
    Command(
        words=("release", "promote"), help="plan to promote services into this environment",
        arguments=(Argument(fills=Fills.SERVICE, many=True),),
        flags=(
            Flag(name="--digest", help="which release, of one service", takes=Fills.DIGEST),
            Flag(name="--from", help="where it comes from", takes=Fills.ENVIRONMENT),
            _REASON, *_CONFIRMING, _DRY_RUN,
        ),
    ),
    Command(
        words=("release", "rollback"), help="plan to go back to a service's last verified release",
        arguments=(Argument(fills=Fills.SERVICE),),
        flags=(
            Flag(name="--to", help="which release", takes=Fills.DIGEST),
            _REASON, *_CONFIRMING, _DRY_RUN,
        ),
    ),
    Command(
        words=("release", "timeline"), help="how a promotion or rollback went, here the newest",
        arguments=(_MAYBE_ID,), flags=(Flag(name="--markdown", help="y copies it here", silent=True),),
    ),
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
    Elsewhere(words=("approve",), here="operations show"),
    Elsewhere(words=("audit", "checkpoint")),
    Elsewhere(words=("audit", "export"), here="audit tail"),
    Elsewhere(words=("audit", "review"), here="audit tail"),
    Elsewhere(words=("audit", "merge"), here="audit tail"),
    Elsewhere(words=("catalog",)),
    Elsewhere(words=("completion",)),
    Elsewhere(words=("config",)),
    Elsewhere(words=("demo",)),
    Elsewhere(words=("doctor",)),
    Elsewhere(words=("execute",), here="operations show"),
    *(
        Elsewhere(words=("findings", verb), here="findings list")
        for verb in ("ack", "assign", "lift", "note", "silence", "snooze")
    ),
    *(
        Elsewhere(words=(kind, verb), here="windows")
        for kind in ("freeze", "hold", "maintenance")
        for verb in ("add", "remove")
    ),
    Elsewhere(words=("grep",), here="log"),
    Elsewhere(words=("kit",)),
    *(Elsewhere(words=("release", one), here="release matrix") for one in ("quarantine", "diff", "history")),
    Elsewhere(words=("release", "plan"), here="release promote"),
    *(Elsewhere(words=("release", one), here="operations list") for one in ("status", "watch")),
    Elsewhere(words=("release",)),
    Elsewhere(words=("login",)),
    Elsewhere(words=("operations", "decide"), here="operations show"),
    Elsewhere(words=("plans",), here="operations list"),
    Elsewhere(words=("policy",)),
    Elsewhere(words=("reject",), here="operations show"),
    Elsewhere(words=("sandbox",)),
    Elsewhere(words=("secrets", "check"), here="secrets list"),
    Elsewhere(words=("store",)),
    Elsewhere(words=("watch",)),
)
"""Every other command of the shell: understood, and answered with where it works."""
