"""A desk whose production is a real Airflow, and the truth after something was asked of it."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from airflow_change_cases import ChangeCase, Failing

from fedesk.domain.audit import AuditRecord
from fedesk.domain.operations import Operation
from fedesk.ports.changing import Launcher, Runner
from fedesk.ports.endpoint import SecretText
from fedesk.store.operations import SqlStore

PASSWORD = "FEDESK_TEST_PASSWORD"
"""The variable from which the desk takes it."""
PERSON = "oncall@finedge.example"
MONTHLY = "partners_monthly"
MONTHLY_FAILED = ("check", "publish")
"""What a clear of its failed run touches."""
_CONFIGURATION = """
default_environment = "prod"
[identity]
principal = "{person}"
[store]
url = "sqlite:///{store}"
[environments.prod]
production = true
mode = "read-only"
[environments.prod.airflow]
url = "{url}"
user = "{user}"
credential = "env:{password}"
tags = ["prod"]
timeout = {{ connect = {connect}, read = {read} }}
[environments.staging]
production = false
mode = "guarded"
[environments.staging.airflow]
url = "{url}"
user = "{user}"
credential = "env:{password}"
tags = ["staging"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the server says of one run: state, task instances, and who asked for clears, with their notes."""

    state: str
    instances: dict[str, tuple[Any, ...]]
    """By name: id, state, try and note. A clear gives a task instance another id."""
    clears: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AirflowDesk:
    """A configuration in a folder of its own; the store lies beside it."""

    case: ChangeCase
    config: Path

    @property
    def password(self) -> str:
        """The administrator's, as whom the desk acts."""
        return self.case.writer.password

    def failed(self, *, holds: bool = False) -> str:
        """A run of ``partners_monthly`` that has failed; cleared, it goes on as long as it is held."""
        return _monthly(self.case, holds=holds).take()

    def run(self, run_id: str, environment: str = "prod") -> str:
        """The run's name on the command line."""
        return f"{environment}/airflow:{run_id}"

    def standing(self, run_id: str) -> Standing:
        """What the server says now, asked as somebody else and without fedesk's code."""
        return Standing(
            state=self.case.state(run_id),
            instances={
                name: (each["id"], each["state"], each["try_number"], each["note"])
                for name, each in self.case.instances(run_id).items()
            },
            clears=tuple(
                (event["owner"], json.loads(event["extra"]).get("note")) for event in self.case.events(run_id)
            ),
        )

    def store(self) -> SqlStore:
        """The state, as another process opens it."""
        return SqlStore(self.config.with_name("fedesk.sqlite3"))

    def operations(self) -> tuple[Operation, ...]:
        """Every operation there is, newest first."""
        with closing(self.store()) as store:
            return store.operations(limit=100)

    def records(self) -> tuple[AuditRecord, ...]:
        """The audit log, checked with every plan that it names."""
        with closing(self.store()) as store:
            assert store.verify(deep=True).flaw is None
            return store.tail(100)

    def phases(self) -> list[str]:
        """The phases in the audit log, in order."""
        return [record.draft.phase.value for record in self.records()]


@cache
def _monthly(case: ChangeCase, *, holds: bool) -> Failing:
    return Failing(lambda: case, MONTHLY, {"fails": 1, "holds": holds}, together=4 if holds else 2)


def desk_on(
    case: ChangeCase, folder: Path, *, url: str = "", timeout: tuple[int, int] = (3, 15)
) -> AirflowDesk:
    """A desk over a real Airflow; ``url`` is another way to it, ``timeout`` seconds to connect and read."""
    config = folder / "fedesk.toml"
    text = _CONFIGURATION.format(
        person=PERSON,
        store=folder / "fedesk.sqlite3",
        url=url or case.url,
        user=case.writer.user,
        connect=timeout[0],
        read=timeout[1],
        password=PASSWORD,
    )
    config.write_text(text, encoding="utf-8")
    return AirflowDesk(case=case, config=config)


class Meanwhile:
    """A launcher; something happens between the confirmation and its word to the runner."""

    def __init__(self, launcher: Launcher, then: Callable[[], object]) -> None:
        self._launcher = launcher
        self._then = then

    def warm(self, credentials: Callable[[], dict[str, SecretText]]) -> "RunnerMeanwhile":
        return RunnerMeanwhile(self._launcher.warm(credentials), self._then)


class RunnerMeanwhile:
    """Its runner, which is a real one."""

    where = ""

    def __init__(self, runner: Runner, then: Callable[[], object]) -> None:
        self._runner = runner
        self._then = then

    def go(self, operation: str) -> None:
        self._then()
        self._runner.go(operation)

    def trouble(self) -> str:
        return self._runner.trouble()

    def delay(self) -> float:
        return 0.0

    def cancel(self) -> None:
        self._runner.cancel()
