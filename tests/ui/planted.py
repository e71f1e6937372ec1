"""Secrets planted in a world of the sandbox, and looked for in everything that a desk leaves behind."""

import base64
import random
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from fedesk.sandbox import jenkins_queue
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.logs import Log
from fedesk.sandbox.model import (
    BuildParameter,
    BuildResult,
    Cause,
    ImportFailure,
    ParameterDefinition,
)
from fedesk.sandbox.world import World

_ALPHABET = string.ascii_letters + string.digits
_CHANCE = random.Random(20261124)  # noqa: S311 - the same secrets in each run
_PIECE = 8
"""Characters that are looked for together: what is cut or wrapped is found too."""
SESSION = re.compile(rb"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}")
"""A JWT, as Airflow gives one for a password."""


def made(length: int = 36) -> str:
    """Random text, as tokens are."""
    return "".join(_CHANCE.choices(_ALPHABET, k=length))


@dataclass(frozen=True, kw_only=True)
class Planted:
    """What each secret is, by where it was planted."""

    log_password: str = made(24)
    log_token: str = made()
    log_key: str = made(64)
    """A line of a private key."""
    log_address: str = made(24)
    parameter: str = made()
    """Of a parameter whose name says so."""
    parameter_token: str = made()
    """A known format in a parameter that is called like any other."""
    cause: str = made()
    note: str = made()
    import_error: str = made()
    server_error: str = made()
    reason: str = made()
    """Pasted by a person."""
    option: str = made()
    """The same on a command line."""
    address: str = made(24)
    """Of an address that somebody gives a command."""
    typed: str = made(24)
    """The same, typed at the desk, where one sees what one types."""
    configuration: str = made(24)
    """Of an address in a configuration that is refused."""

    @property
    def in_the_log(self) -> tuple[str, ...]:
        """Lines that a task or a build writes at its end."""
        return (
            f"connecting with password={self.log_password}",
            f"cloning with ghp_{self.log_token}",
            "-----BEGIN PRIVATE KEY-----",
            self.log_key,
            "-----END PRIVATE KEY-----",
            f"retrying https://etl:{self.log_address}@db.example/payments",
        )


class LeakyWorld(World):
    """A world whose systems say secrets wherever they can."""

    def __init__(self, planted: Planted) -> None:
        super().__init__(seed=7, scale=0.2, clock=WorldClock())
        self.planted = planted
        self.build_name = self._plant_in_a_build()
        # The run of prod that everybody sees first; in the hour after midnight the next one is under way.
        runs = self.dag_runs("prod", "payments_daily")
        plan = next(run.plan for run in reversed(runs) if run.state == "failed")
        self.noted = f"see api_key: {planted.note}"
        self.dag_history("prod", plan.dag_id).amend(replace(plan, note=self.noted))

    def _plant_in_a_build(self) -> str:
        """The newest build of a job has failed, with a secret as a parameter; its full name."""
        job = self.job("finedge/prod/payments-ci")
        more = tuple(ParameterDefinition(name=name) for name in ("API_TOKEN", "LABEL"))
        jenkins_queue.redefine(self, replace(job, parameters=(*job.parameters, *more)))
        history = self.build_history(job.full_name)
        build = next(one for one in self.builds(job.full_name) if one.ended_at and one.ended_at < self.now())
        history.amend(
            replace(
                build,
                result=BuildResult.FAILURE,
                parameters=(
                    *build.parameters,
                    BuildParameter(name="API_TOKEN", value=self.planted.parameter),
                    BuildParameter(name="LABEL", value=f"ghp_{self.planted.parameter_token}"),
                ),
                causes=(
                    Cause(kind="user", description=f"Started by token={self.planted.cause}", user_id="mara"),
                ),
            )
        )
        return f"{job.full_name}#{build.number}"

    def task_log(
        self, environment: str, dag_id: str, run_id: str, task_id: str, try_number: int, map_index: int = -1
    ) -> Log:
        return self._leaking(super().task_log(environment, dag_id, run_id, task_id, try_number, map_index))

    def build_log_lines(self, full_name: str, number: int) -> Log:
        return self._leaking(super().build_log_lines(full_name, number))

    def _leaking(self, log: Log) -> Log:
        last = log.lines[-1]
        more = tuple(replace(last, level="error", text=text) for text in self.planted.in_the_log)
        return replace(log, lines=(*log.lines, *more))

    def import_errors(self, environment: str) -> tuple[ImportFailure, ...]:
        failure = ImportFailure(
            import_error_id=77,
            timestamp=self.start,
            filename="dags/leak.py",
            stack_trace=f'Traceback\n  File "leak.py"\nKeyError: \'secret="{self.planted.import_error}"\'',
        )
        return (*super().import_errors(environment), failure)


def pieces(secret: str) -> Iterator[bytes]:
    """Parts of a secret as they would stand in what was written: plain, or anywhere in base64."""
    for begin in range(0, len(secret) - _PIECE + 1, _PIECE):
        yield secret[begin : begin + _PIECE].encode()
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + secret.encode())[4:-4]
        for begin in range(0, len(coded) - _PIECE + 1, _PIECE):
            yield coded[begin : begin + _PIECE]


def found(secrets: Mapping[str, str], places: Iterable[tuple[str, bytes]]) -> list[str]:
    """Where which secret stands, ``NAME in PLACE``."""
    looked_for = {name: tuple(pieces(secret)) for name, secret in secrets.items()}
    return [
        f"{name} in {place}"
        for place, content in places
        for name, parts in looked_for.items()
        if any(part in content for part in parts)
    ]
