"""What a run of the command line gives back, and a clock that stands still."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from fedesk.services.clock import SystemClock

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


class StillClock(SystemClock):
    """A clock that shows one moment; seconds that only grow go on."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        """The one moment."""
        return self.moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command line ended."""

    code: int
    out: str
    err: str

    def document(self, schema: str) -> dict[str, Any]:
        """What it printed, as JSON that docs/schemas/SCHEMA.json allows."""
        found: dict[str, Any] = json.loads(self.out)
        _validator(schema).validate(found)
        return found


@cache
def _validator(schema: str) -> jsonschema.Draft202012Validator:
    """By a schema of docs/schemas, which is itself looked at once."""
    wanted = json.loads((SCHEMAS / f"{schema}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(wanted)
    return jsonschema.Draft202012Validator(wanted, format_checker=jsonschema.FormatChecker())


Run = Callable[..., Ended]
Changed = Callable[..., Path]
