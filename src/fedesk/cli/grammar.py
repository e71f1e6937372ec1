"""Options and arguments of every verb, for a Tab: kept in a cache file, since the parser is slow to import.

The cache is read from the parser once for each installed program, and may be lost at any time.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fedesk.store.last_known import write_whole


def grammar() -> Mapping[str, Any]:
    """Options and arguments of each verb, from the cache where it is of this very program."""
    import platformdirs

    program = _program()
    file = Path(platformdirs.user_cache_dir("fedesk"), "grammar.json")
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(file.read_bytes())
        if kept["program"] == program:
            verbs: dict[str, Any] = kept["verbs"]
            return verbs
    verbs = _asked()
    with suppress(OSError):
        write_whole(file, json.dumps({"program": program, "verbs": verbs}).encode())
    return verbs


def _program() -> list[list[Any]]:
    """What tells one installed program from another: its modules, their sizes and times."""
    with os.scandir(Path(__file__).parent) as entries:
        return sorted(
            [entry.path, entry.stat().st_size, entry.stat().st_mtime_ns]
            for entry in entries
            if entry.name.endswith(".py")
        )


def _asked() -> dict[str, Any]:
    from fedesk.cli.usage import usages

    return {
        one.verb.words: {
            "options": [
                {"names": option.names, "metavar": option.metavar, "help": option.help, "many": option.many}
                for option in one.options
            ],
            "arguments": [[argument.metavar, argument.many] for argument in one.arguments],
        }
        for one in usages()
    }
