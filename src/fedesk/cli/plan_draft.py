"""``fedesk plans draft``: what a re-run would do, as whoever runs this sees it; for an executor's job."""

import sys
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import acts, output, run_names, session
from fedesk.cli.rerunning import request_of
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.config_types import Config
    from fedesk.services.operation_kinds import Draft

MarkedOption = Annotated[
    str | None,
    typer.Option("--marked", metavar="ID", help="Of an executor's job: one line between marks with this id."),
]


def draft(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="As of fedesk rerun.")],
    marked: MarkedOption = None,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Draft what a re-run would do, with the rights of whoever asks; nothing is changed, sent or kept.

    An executor's job runs it for people whose rights do not do: dry runs in Airflow, a job's definition in
    Jenkins, the user of a build. Their desk reads the line out of the build's log.
    """
    from fedesk.domain.plans import secrets_in_effects
    from fedesk.services.draft_documents import REQUEST, SCHEMA, asked_name, fields_of
    from fedesk.services.draft_documents import marked as between_marks
    from fedesk.services.kinds import kind_for

    loaded = session.load(config)
    session.known_environment(loaded, environment, "--env")
    if marked is not None:
        if not REQUEST.fullmatch(marked):
            raise session.StopError("--marked: that is no id of a request, 36 characters", Exit.USAGE)
        _drafts_here(loaded, run)
    asked = run_names.read(run, loaded, environment)
    with closing(session.compose(context, loaded, run_names.same_environment(asked, environment))) as desk:
        request = request_of(desk, asked, environment)
        connection = desk.systems.reading(request.run.connection)
        kind = kind_for(request, connection)
        made = kind.draft(request, desk.changes.around)
        secrets = secrets_in_effects(made.effects)
        if secrets:
            sentence = f"{request.run}: what would be sent holds a secret, in {', '.join(secrets)}"
            raise session.StopError(f"{sentence}: it is not printed", Exit.REFUSED)
        if not as_json and marked is None:
            _print(made, desk.made_by)
            return Exit.DONE
        fields = fields_of(
            made,
            name=asked_name(request),
            request=marked or "",
            kind=kind,
            connection=connection,
            made_by=desk.made_by,
            person=desk.actor.person,
        )
        head = (SCHEMA, connection.name.environment, desk.clock.now())
        if marked is None:
            output.document(*head, **fields)
        else:
            sys.stdout.write(between_marks(marked, output.on_one_line(*head, **fields)) + "\n")
    return Exit.DONE


def _drafts_here(config: "Config", run: str) -> None:
    """An executor drafts for the environments that it executes for, and in full names alone."""
    from fedesk.services.draft_documents import RUN

    if not RUN.fullmatch(run):
        sentence = "an executor takes a run as ENVIRONMENT/CONNECTION:ID, in plain characters"
        raise session.StopError(sentence, Exit.USAGE)
    name = run.partition("/")[0]
    environment = config.environments.get(name)
    if environment is None or not environment.signed:
        here = ", ".join(one for one, table in config.environments.items() if table.signed) or "none"
        raise session.StopError(
            f"{name} is no environment that plans are executed of here; there are: {here}", Exit.REFUSED
        )


def _print(made: "Draft", made_by: str) -> None:
    target = made.target
    output.facts(
        [
            *(("would", effect.sentence) for effect in made.effects),
            ("run", target.name),
            *(("pinned", f"{name}: {value}") for name, value in target.pins.items()),
            *(("note", note) for note in made.notes),
            *([("by others", f"{made.personal}: an executor drafts it itself")] if made.personal else []),
            ("drafted", f"with {made_by}"),
        ]
    )
    output.blank()
    output.table(acts.GUARD_COLUMNS, acts.guard_rows(made.guards), "no guard had anything to say")
