"""``fedesk catalog schema`` and ``fedesk config schema``: what editors complete and check files by."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from fedesk.cli import session
from fedesk.exits import Exit

OutputOption = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="Write it there; nothing is overwritten.")
]


def of_catalogue(file: OutputOption = None) -> int:
    """Print the JSON Schema of the catalogue, by which an editor completes and checks it.

    The first line of a catalogue names it: # yaml-language-server: $schema=catalog.schema.json
    """
    from fedesk.file_schemas import catalogue_schema

    return _put(catalogue_schema(), file)


def of_configuration(file: OutputOption = None) -> int:
    """Print the JSON Schema of fedesk.toml, by which an editor completes and checks it.

    The first line of the configuration names it: #:schema ./fedesk.schema.json
    """
    from fedesk.file_schemas import configuration_schema

    return _put(configuration_schema(), file)


def _put(schema: dict[str, object], file: Path | None) -> Exit:
    text = json.dumps(schema, indent=2) + "\n"
    if file is None:
        sys.stdout.write(text)
        return Exit.DONE
    try:
        with file.expanduser().open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise session.StopError(f"{file} is there already, and was left alone", Exit.CONFLICT) from None
    except OSError as error:
        raise session.StopError(f"{file} cannot be written: {error.strerror}", Exit.FAILED) from None
    return Exit.DONE
