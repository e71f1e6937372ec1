"""Runbooks that lie beside the catalogue."""

from pathlib import Path

_LONGEST = 400_000


def read_runbook(folder: Path | None, reference: str) -> str:
    """The text of a runbook, or the sentence that says why it cannot be read.

    A reference leads to a file below ``folder`` and nowhere else.
    """
    if folder is None:
        return f"There is no catalogue, so {reference} leads nowhere."
    try:
        path = (folder / reference).resolve()
        if not path.is_relative_to(folder.resolve()):
            return f"{reference} leads out of {folder}, where the catalogue is; it is not opened."
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_LONGEST)
    except FileNotFoundError:
        return f"{folder / reference} does not exist. Write it, or correct `runbook` in the catalogue."
    except (OSError, ValueError) as error:
        return f"{folder / reference} cannot be read: {error}"
