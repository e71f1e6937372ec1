"""The command line: its grammar, and how every way it can end becomes one sentence and an exit code."""

from collections.abc import Sequence

import typer

from fedesk.cli import (
    audit,
    by_hand,
    checkpoints,
    config,
    demo,
    execute,
    failures,
    incident,
    log,
    operations,
    rerun,
    runs,
    sandbox,
    secrets,
    status,
    store,
    trace,
)
from fedesk.cli.endings import code_of, sentences
from fedesk.cli.output import narrate
from fedesk.cli.session import SHARED_FLAGS, SHARED_WITH_VALUE, LauncherOf, Session, examples
from fedesk.domain.redaction import redact
from fedesk.exits import Exit
from fedesk.ports.sources import Clock

_UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""The parser's own error of usage; typer brings its parser along, and does not export it."""


def _group(text: str) -> typer.Typer:
    return typer.Typer(help=text, rich_markup_mode=None, add_completion=False)


def _build() -> typer.Typer:
    app = _group("The terminal desk for releases and nights on call.")
    # A callback keeps the grammar the same however many commands there are; its text is the app's help.
    app.callback(epilog=_EPILOG)(_root)
    app.command(epilog=examples("fedesk status", "fedesk status --env staging --json"))(status.status)
    app.command(epilog=examples("fedesk failures --since 15m", "fedesk failures --since 1d --json"))(
        failures.failures
    )
    app.command(
        epilog=examples("fedesk runs payments_daily", "fedesk runs ledger_load --limit 5 --env staging")
    )(runs.runs)
    app.command(
        epilog=examples("fedesk log payments_daily", "fedesk log finedge/prod/deploy-payments --follow")
    )(log.log)
    group = _group("Ages of secrets, never their values.")
    group.command("list", epilog=examples("fedesk secrets list", "fedesk secrets list --env dev --json"))(
        secrets.list_secrets
    )
    group.command(
        epilog=examples("fedesk secrets check", "fedesk secrets check --max-age 60d --warn 7d --json")
    )(secrets.check)
    app.add_typer(group, name="secrets")
    group = _group("The configuration: where it is, what it says, whether it is right.")
    group.command(epilog=examples("fedesk config validate", "fedesk config validate --json"))(config.validate)
    group.command(epilog=examples("fedesk config show", "fedesk config show --env prod"))(config.show)
    group.command(epilog=examples("fedesk config path", "fedesk config path --config fedesk.toml"))(
        config.path
    )
    app.add_typer(group, name="config")
    group = _group("Jenkins, Airflow, Vault and Snowflake on loopback, to try everything on.")
    group.command(
        epilog=examples("fedesk sandbox serve", "fedesk sandbox serve --seed 11 --scale 0.5 --faults")
    )(sandbox.serve)
    # One command alone would otherwise become the group itself.
    group.callback()(_group_of_one)
    app.add_typer(group, name="sandbox")
    _add_changing(app)
    app.command(epilog=examples("fedesk demo", "fedesk demo --help"))(demo.demo)
    return app


def _add_changing(app: typer.Typer) -> None:
    """What changes something, and what tells of it."""
    app.command(
        epilog=examples(
            "fedesk rerun payments_daily --dry-run",
            "fedesk rerun payments_daily --confirm prod --write prod --reason INC-4711",
        )
    )(rerun.rerun)
    group = _group("What fedesk changed, is changing, or does not know the end of.")
    group.command("list", epilog=examples("fedesk operations list", "fedesk operations list --open --json"))(
        operations.list_operations
    )
    group.command(epilog=examples("fedesk operations show", "fedesk operations show --json"))(operations.show)
    group.command(
        epilog=examples("fedesk operations recheck", "fedesk operations recheck --env prod --json")
    )(operations.recheck)
    group.command(
        epilog=examples(
            "fedesk operations settle --help",
            "fedesk operations list --open",
        )
    )(by_hand.settle)
    group.command(
        epilog=examples(
            "fedesk operations decide --help",
            "fedesk operations list --open --json",
        )
    )(by_hand.decide)
    app.add_typer(group, name="operations")
    app.command(epilog=examples("fedesk trace", "fedesk trace --env prod --json"))(trace.trace)
    app.command(epilog=examples("fedesk execute --help", "fedesk operations list --open"))(execute.execute)
    group = _group("The record of what was changed and refused: a chain that shows what was altered.")
    group.command(epilog=examples("fedesk audit tail", "fedesk audit tail --limit 5 --json"))(audit.tail)
    group.command(epilog=examples("fedesk audit show 1", "fedesk audit show 1 --json"))(audit.show)
    group.command(epilog=examples("fedesk audit verify", "fedesk audit verify --deep --json"))(
        checkpoints.verify
    )
    group.command(epilog=examples("fedesk audit checkpoint", "fedesk audit checkpoint --json"))(
        checkpoints.checkpoint
    )
    group.command(
        epilog=examples("fedesk audit export", "fedesk audit export --format jsonl --output audit.jsonl")
    )(audit.export)
    app.add_typer(group, name="audit")
    app.add_typer(_incidents(), name="incident")
    app.add_typer(_store(), name="store")


def _store() -> typer.Typer:
    group = _group("The desk's own state: made, looked at, kept and moved to a team's database.")
    group.command(epilog=examples("fedesk store check", "fedesk store check --json"))(store.check)
    group.command(
        epilog=examples("fedesk store backup --output copy.sqlite3", "fedesk store backup --output b.sqlite3")
    )(store.backup)
    group.command(epilog=examples("fedesk store migrate", "fedesk store migrate --json"))(store.migrate)
    group.command(epilog=examples("fedesk store grants advisory", "fedesk store grants enforced"))(
        store.grants
    )
    group.command(epilog=examples("fedesk store person --help", "fedesk store grants advisory --json"))(
        store.person
    )
    group.command(epilog=examples("fedesk store copy --help", "fedesk store check"))(store.copy)
    return group


def _incidents() -> typer.Typer:
    group = _group("What went wrong, what was done about it, and in which order.")
    group.command(
        "open",
        epilog=examples(
            'fedesk incident open "payments late" --run payments_daily',
            'fedesk incident open INC-4711 "payments late"',
        ),
    )(incident.open_incident)
    group.command(
        epilog=examples(
            'fedesk incident note INC-4711 "I am on it" --acknowledge',
            'fedesk incident note INC-4711 "the file came" --json',
        )
    )(incident.note)
    group.command(epilog=examples("fedesk incident show", "fedesk incident show INC-4711 --markdown"))(
        incident.show
    )
    group.command("list", epilog=examples("fedesk incident list", "fedesk incident list --open --json"))(
        incident.list_incidents
    )
    group.command(
        epilog=examples('fedesk incident close INC-4711 "loaded by hand"', "fedesk incident close --help")
    )(incident.close)
    return group


_EPILOG = (
    "Without a command, fedesk opens the desk."
    " --env, --config and --json may stand before or after the command."
)


def _root() -> None:
    """The terminal desk for releases and nights on call, over Jenkins, Airflow, Vault and Snowflake."""


def _group_of_one() -> None:
    """Jenkins, Airflow, Vault and Snowflake on loopback, to try everything on."""


def run(arguments: Sequence[str], clock: Clock, launcher: LauncherOf | None = None) -> int:
    """Run one command line and give its exit code. What no sentence covers is raised: a fault of fedesk.

    ``launcher`` starts runners instead of the desk's own; for tests.
    """
    from fedesk.mistakes import ConfigurationError

    try:
        code = _build()(
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
