"""``fedesk kit``: files that a team copies, fills in and applies."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import output, session
from fedesk.cli.output import Column, Json, narrate
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.kit import Kit

COLUMNS = (
    Column(title="KIT", importance=9),
    Column(title="FILES", importance=5, align="right"),
    Column(title="WHAT", importance=8, is_text=True),
    Column(title="GUIDE", importance=6),
)
FILES = (
    Column(title="FILE", importance=9),
    Column(title="WHAT", importance=8, is_text=True),
)
BLANKS = (
    Column(title="FILL IN", importance=9),
    Column(title="EXAMPLE", importance=7, is_text=True),
    Column(title="WITH", importance=8, is_text=True),
)


def list_kits(
    context: typer.Context,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """List the kits: files that come with fedesk, to be copied, filled in and applied."""
    from fedesk.kit import KITS

    if as_json or as_lines:
        put = output.records if as_lines else output.document
        at = session.clock_of(context).now()
        put("fedesk-kits/1", None, at, kits=[_document(kit) for kit in KITS.values()])
        return Exit.DONE
    rows = [(kit.name, str(len(kit.files)), kit.summary, kit.guide) for kit in KITS.values()]
    output.table(COLUMNS, rows, "There is no kit.")
    return Exit.DONE


def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A kit, or one file of it: KIT/FILE.")],
    as_json: session.JsonOption = False,
) -> int:
    """Show what is in a kit and what there is to fill in; or print one file of it as it is."""
    named, _, file = name.partition("/")
    kit = _kit(named)
    if file and file not in kit.files:
        raise session.StopError(f"{named} has no file {file!r}; it has {', '.join(kit.files)}", Exit.FAILED)
    if as_json:
        shown = _document(kit, texts=True, only=file)
        output.document("fedesk-kit/1", None, session.clock_of(context).now(), kit=shown)
        return Exit.DONE
    if file:
        print(kit.text(file), end="")
        return Exit.DONE
    output.line(f"{kit.name}: {kit.summary}; {kit.guide} goes through it")
    output.blank()
    output.table(FILES, list(kit.files.items()), "")
    output.blank()
    _tell_blanks(kit)
    return Exit.DONE


def copy(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A kit; `fedesk kit list` has them.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to; it is made.")],
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite what is there: what was filled in is lost.")
    ] = False,
    as_json: session.JsonOption = False,
) -> int:
    """Copy a kit into a folder and say what to fill in. Where a file is there already nothing is copied."""
    kit = _kit(name)
    target = folder.expanduser()
    there = [file for file in kit.files if (target / file).exists() or (target / file).is_symlink()]
    if there and not force:
        sentence = f"{target} has {', '.join(there)} already, and was left alone; --force overwrites"
        raise session.StopError(sentence, Exit.CONFLICT)
    for file in kit.files:
        _put(target, file, kit.text(file))
    if as_json:
        at = session.clock_of(context).now()
        output.document("fedesk-kit-copy/1", None, at, folder=str(target), kit=_document(kit))
        return Exit.DONE
    output.line(f"{target} has the {len(kit.files)} files of {kit.name}; {kit.guide} goes through them")
    output.blank()
    _tell_blanks(kit)
    return Exit.DONE


def _kit(name: str) -> "Kit":
    from fedesk.kit import KITS

    found = KITS.get(name)
    if found is None:
        raise session.StopError(f"There is no kit {name!r}; there are {', '.join(KITS)}", Exit.FAILED)
    return found


def _put(folder: Path, file: str, text: str) -> None:
    """Write one file, in the place of what was there and through no link of its name."""
    path = folder / file
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as out:
            out.write(text)
    except OSError as error:
        said = error.strerror or type(error).__name__
        raise session.StopError(f"{path} cannot be written: {said}", Exit.FAILED) from None


def _tell_blanks(kit: "Kit") -> None:
    rows = [(f"{blank.file}:{line}", blank.example, blank.what) for blank, line in kit.places()]
    output.table(BLANKS, rows, "")
    narrate("What is not listed can stay as it is; each file says at its head what applies it.")


def _document(kit: "Kit", *, texts: bool = False, only: str = "") -> dict[str, Json]:
    """A kit, or what concerns one file of it."""
    files: list[Json] = [
        {"name": name, "what": what, **({"text": kit.text(name)} if texts else {})}
        for name, what in kit.files.items()
        if only in ("", name)
    ]
    blanks: list[Json] = [
        {"file": blank.file, "line": line, "example": blank.example, "what": blank.what}
        for blank, line in kit.places()
        if only in ("", blank.file)
    ]
    return {
        "name": kit.name,
        "summary": kit.summary,
        "guide": kit.guide,
        "files": files,
        "blanks": blanks,
    }
