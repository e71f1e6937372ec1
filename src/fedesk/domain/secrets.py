"""Ages of secrets: which are compliant, due, overdue, and which cannot be determined.

A limit of 90 days is met at exactly 90 days 0 hours and exceeded one second later.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fedesk.domain.names import ConnectionName
from fedesk.domain.states import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretMetadata:
    """What is known of a secret without reading its value."""

    connection: ConnectionName
    name: str
    """As in the catalogue: ``kv:MOUNT-RELATIVE/PATH`` or ``snowflake:USER``."""
    age_from: datetime | None
    """The moment its age counts from; None where the system does not say."""
    version: int | None = None
    owner: str = ""
    problem: str = ""
    """Why the age could not be told, in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretAge:
    """A secret, judged at one moment."""

    secret: SecretMetadata
    verdict: Verdict
    age: timedelta | None
    time_left: timedelta | None
    """Until the limit is exceeded; negative when it is."""


def judge(secret: SecretMetadata, now: datetime, max_age: timedelta, warn: timedelta) -> SecretAge:
    """Judge one secret against a maximal age, warning that much before it."""
    if secret.age_from is None:
        return SecretAge(secret=secret, verdict=Verdict.UNDETERMINED, age=None, time_left=None)
    age = now - secret.age_from
    left = max_age - age
    if left < timedelta(0):
        verdict = Verdict.OVERDUE
    elif left <= warn:
        verdict = Verdict.DUE
    else:
        verdict = Verdict.COMPLIANT
    return SecretAge(secret=secret, verdict=verdict, age=age, time_left=left)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of many: overdue wins over undetermined, that over due. Nothing at all is undetermined."""
    found = set(verdicts)
    for verdict in (Verdict.OVERDUE, Verdict.UNDETERMINED, Verdict.DUE, Verdict.COMPLIANT):
        if verdict in found:
            return verdict
    return Verdict.UNDETERMINED
