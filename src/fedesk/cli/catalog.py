"""``fedesk catalog import`` and ``catalog check``."""

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import output, session
from fedesk.cli.endings import gravest
from fedesk.cli.output import ALWAYS, Column, Json, narrate
from fedesk.cli.progress import under_way
from fedesk.cli.schemas import OutputOption
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.catalogue import Description
    from fedesk.config_types import Config
    from fedesk.domain.catalogue import Catalogue
    from fedesk.domain.cataloguing import Proposal
    from fedesk.domain.drift import Drift
    from fedesk.domain.surveys import SeenModel
    from fedesk.mistakes import Mistake
    from fedesk.services.cataloguing import Checked, Proposed

COLUMNS = (
    Column(title="WHERE", importance=ALWAYS),
    Column(title="KEY", importance=7),
    Column(title="DRIFT", importance=ALWAYS, is_text=True),
    Column(title="TO DO", importance=5, is_text=True),
)


def import_catalogue(
    context: typer.Context,
    dbt: Annotated[
        Path | None,
        typer.Option("--dbt", metavar="FILE", help="dbt's target/manifest.json: how tables are written."),
    ] = None,
    file: OutputOption = None,
    update: Annotated[
        bool, typer.Option("--update", help="Add what is new to a catalogue that is there.")
    ] = False,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Propose a catalogue from Jenkins folders, DAG owners, tags, schedules and assets, and a dbt manifest.

    Prints YAML with a comment where each fact came from; a person edits it. Reads all environments, or that
    of --env. A file that is there is left alone (exit code 5), or with --update added to, every byte of it
    kept. Exit code 8 when a system is silent: then nothing is written to a file.
    """
    from fedesk.config import load_config

    loaded = load_config(config, is_catalogue_needed=False)
    session.known_environment(loaded, environment, "--env")
    target = _target(loaded, file, update=update)
    described, text = _described(loaded, target)
    found = _proposed(loaded, environment, _models(dbt), described)
    made = _made(text, found.proposal)
    if found.failures and target is not None:
        narrate("Nothing is written to a file while a system is silent; --env takes one environment alone.")
    is_taken = text is not None and not update
    is_written = target is not None and not found.failures and not is_taken and (text is None or made != text)
    if target is not None and is_written:
        _checked_first(loaded, target, made)
        _write(target, made, anew=text is None)
    if as_json:
        _import_document(context, environment, target if is_written else None, found)
    else:
        _print_import(target, found.proposal, made, is_written=is_written, is_taken=is_taken)
    return gravest([output.exit_for(found.failures), *([Exit.CONFLICT] if is_taken else [])])


def _target(loaded: "Config", file: Path | None, *, update: bool) -> Path | None:
    """The file that is meant, whole. Raises StopError for --update of what is no file."""
    if file is None and update:
        file = loaded.catalog
        if file is None or not file.is_file():
            named = "a folder" if file is not None and file.is_dir() else "no file"
            raise session.StopError(
                f"`catalog` names {named}: say with --output which file to add to", Exit.USAGE
            )
    if file is None:
        return None
    target = file.expanduser().absolute()
    if target.is_dir():
        raise session.StopError(f"--output: {target} is a folder; name a file in it", Exit.USAGE)
    if update and not target.is_file():
        raise session.StopError(f"--update: there is no file {target} yet; leave --update out", Exit.USAGE)
    return target.resolve()


def _described(loaded: "Config", target: Path | None) -> "tuple[Catalogue, str | None]":
    """What need not be proposed, and the target's text where it is there. Raises ConfigurationError."""
    from fedesk.catalogue import load_catalogue
    from fedesk.domain.catalogue import Catalogue

    if target is None:
        return Catalogue(), None
    place = _whole_catalogue(loaded, target)
    text = target.read_bytes().decode("utf-8", "replace") if target.is_file() else None
    return (load_catalogue(place) if place.exists() else Catalogue()), text


def _whole_catalogue(loaded: "Config", target: Path) -> Path:
    """The configured folder where the file lies in it, else the file alone."""
    place = loaded.catalog
    return (
        place if place is not None and place.is_dir() and target.is_relative_to(place.resolve()) else target
    )


def _models(dbt: Path | None) -> "tuple[SeenModel, ...]":
    if dbt is None:
        return ()
    from fedesk.dbt_manifest import ManifestError, read_manifest

    try:
        manifest = read_manifest(dbt.expanduser())
    except ManifestError as error:
        raise session.StopError(f"--dbt: {error}", Exit.USAGE) from None
    if manifest.left_out:
        narrate(f"{manifest.left_out} nodes of {dbt} are not understood, and left out.")
    return manifest.models


def _proposed(
    loaded: "Config", environment: str | None, models: "tuple[SeenModel, ...]", described: "Catalogue"
) -> "Proposed":
    from fedesk.composition import connections_of
    from fedesk.domain.catalogue import Catalogue
    from fedesk.services.cataloguing import proposed

    names = [name for name in loaded.environments if environment in {None, name}]
    # Production's word counts first, then that of the environment that is opened first.
    names.sort(
        key=lambda name: (not loaded.environments[name].production, name != loaded.default_environment)
    )
    by_name = connections_of(loaded, Catalogue())
    connections = [one for name in names for one in by_name[name]]
    try:
        with under_way(f"surveying {', '.join(str(one.name) for one in connections)}"):
            found = proposed(connections, names, models, described)
    finally:
        for theirs in by_name.values():
            for one in theirs:
                one.source.close()
    for sentence in (*(one.sentence for one in found.failures), *found.limits):
        narrate(sentence)
    return found


def _made(text: str | None, proposal: "Proposal") -> str:
    """The whole file as it would be. Raises StopError where nothing can be added to it."""
    from fedesk.catalogue_text import TextError, first_text, updated_text

    if text is None:
        return first_text(proposal)
    try:
        return updated_text(text, proposal)
    except TextError as error:
        raise session.StopError(f"nothing can be added to the catalogue: {error}", Exit.USAGE) from None


def _checked_first(loaded: "Config", target: Path, made: str) -> None:
    """Raise ConfigurationError where what is about to be written would not be read."""
    from fedesk.catalogue import load_catalogue

    load_catalogue(_whole_catalogue(loaded, target), {target: made.removeprefix("\ufeff")})


def _write(target: Path, text: str, *, anew: bool) -> None:
    """Put the file in place in one step. Raises StopError."""
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with (target if anew else beside).open("x", encoding="utf-8", newline="") as out:
            out.write(text)
        if not anew:
            shutil.copymode(target, beside)
            beside.replace(target)
    except OSError as error:
        raise session.StopError(f"{target} cannot be written: {error.strerror}", Exit.FAILED) from None


def _print_import(
    target: Path | None, proposal: "Proposal", made: str, *, is_written: bool, is_taken: bool
) -> None:
    from fedesk.catalogue_text import SCHEMA_FILE, added_text

    services, pipelines = len(proposal.services), len(proposal.pipelines)
    count = f"{services} service{'s' * (services != 1)} and {pipelines} pipeline{'s' * (pipelines != 1)}"
    for limit in proposal.limits:
        narrate(limit)
    if target is None:
        sys.stdout.write(made)
    elif is_written:
        sys.stdout.write(f"{target}: {count} added\n")
        if not (target.parent / SCHEMA_FILE).exists():
            narrate(f"`fedesk catalog schema --output {SCHEMA_FILE}` beside it lets an editor complete it.")
    elif is_taken:
        sys.stdout.write(added_text(proposal))
        narrate(f"{target} is there and was left alone; --update adds this to it: {count}.")
    elif not proposal.services and not proposal.pipelines:
        sys.stdout.write(f"{target} describes every job and DAG there is\n")


def _import_document(
    context: typer.Context, environment: str | None, written: Path | None, found: "Proposed"
) -> None:
    from fedesk.catalogue_text import added_text

    proposal = found.proposal
    output.document(
        "fedesk-catalog-import/1",
        environment,
        session.clock_of(context).now(),
        written=None if written is None else str(written),
        services=[entry.name for entry in proposal.services],
        pipelines=[entry.name for entry in proposal.pipelines],
        yaml=added_text(proposal),
        limits=[*proposal.limits, *found.limits],
        unread=[one.sentence for one in found.failures],
    )


def check(
    context: typer.Context,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Show where the catalogue and the systems of an environment have drifted apart, and what to do.

    Exit code 0 when nothing has, 3 when something has, 8 when a system was silent: what is known is printed.
    """
    from fedesk.catalogue import read_catalogue
    from fedesk.config import load_config, select_environment

    loaded = load_config(config)
    if loaded.catalog is None:
        raise session.StopError(
            f"{loaded.path} names no `catalog`; `fedesk catalog import` writes a first one", Exit.USAGE
        )
    name = select_environment(loaded, environment).name
    description = read_catalogue(loaded.catalog)
    with under_way(f"surveying {name}"):
        found = _checked(context, loaded, name, description)
    rows = _in_order(description, found.drift)
    if as_json:
        now = session.clock_of(context).now()
        output.document("fedesk-catalog-check/1", name, now, **_check_document(rows, found))
    else:
        base = loaded.catalog if loaded.catalog.is_dir() else loaded.catalog.parent
        empty = "nothing has drifted" + (" as far as could be told" if found.unchecked else "")
        output.table(COLUMNS, [_row(one, base) for one in rows], empty)
    for sentence in found.unchecked:
        narrate(f"Not checked: {sentence}")
    # A silent system is no verdict, whatever else was found.
    return output.exit_for(found.failures) or (Exit.REFUSED if rows else Exit.DONE)


Found = tuple["Mistake", "Drift | None"]
"""A difference at its place; None beside what is a mistake of the file itself."""


def _checked(
    context: typer.Context, loaded: "Config", environment: str, description: "Description"
) -> "Checked":
    from fedesk.composition import connections_of
    from fedesk.services.cataloguing import checked

    by_name = connections_of(loaded, description.catalogue)
    folder = loaded.catalog if loaded.catalog is not None and loaded.catalog.is_dir() else None
    base = folder or (loaded.catalog or loaded.path).parent
    try:
        return checked(
            description.catalogue,
            environment,
            by_name[environment],
            session.clock_of(context),
            lambda runbook: "://" not in runbook and not (base / runbook).is_file(),
        )
    finally:
        for theirs in by_name.values():
            for one in theirs:
                one.source.close()


def _in_order(description: "Description", found: "tuple[Drift, ...]") -> list[Found]:
    """Mistakes and drift by file and line; what stands in a mistaken place has drifted from nothing."""
    from fedesk.mistakes import Mistake, dotted

    wrong = {mistake.key for mistake in description.mistakes}
    rows: list[Found] = [(mistake, None) for mistake in description.mistakes]
    for one in found:
        key = dotted(one.place)
        if not any(key == bad or key.startswith((f"{bad}.", f"{bad}[")) for bad in wrong):
            file, line = description.where(one.place)
            at = Mistake(file=file or Path(), line=line, key=key, sentence=one.sentence)
            rows.append((at, one))
    return sorted(rows, key=lambda row: (row[0].line is None, str(row[0].file), row[0].line or 0))


def _row(found: Found, base: Path) -> tuple[str, ...]:
    at, drift = found
    place = "" if at.line is None else f"{os.path.relpath(at.file, base)}:{at.line}"
    return place, at.key, at.sentence, "correct the file" if drift is None else drift.remedy


def _check_document(rows: list[Found], found: "Checked") -> dict[str, Json]:
    return {
        "drift": [
            {
                "kind": "mistake" if drift is None else drift.kind.value,
                "file": None if at.line is None else str(at.file),
                "line": at.line,
                "key": at.key or None,
                "sentence": at.sentence,
                "remedy": "correct the file" if drift is None else drift.remedy,
            }
            for at, drift in rows
        ],
        "unchecked": list(found.unchecked),
    }
