"""Following an operation: what is asked of whom, what a fault of one adapter costs, and what an id tells."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedesk.domain.names import ConnectionName
from fedesk.domain.states import FailureKind, System
from fedesk.domain.traces import CLOCKS, Looked, Sought, SourceState, Trace, in_order, minted_at
from fedesk.ports.errors import NotFoundError, UnreachableError
from fedesk.ports.sources import Connection
from fedesk.services.tracing import Kept, follow

AT = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
ID = "019a9f3e-0001-7000-8000-000000000001"
SECRET = "hvs.CAESIJ" + "x" * 90


def trace_at(seconds: float, source: str = "prod/jenkins build", said: str = "x") -> Trace:
    return Trace(source=source, at=AT + timedelta(seconds=seconds), said=said)


class Asked:
    """A system that answers as it is told, and remembers what was looked for."""

    def __init__(self, answer: Callable[[], Looked]) -> None:
        self._answer = answer
        self.sought: list[Sought] = []

    def trace(self, sought: Sought) -> Looked:
        self.sought.append(sought)
        return self._answer()

    def call(self, use: Callable[[Any], Any], *, deadline: float | None = None) -> Any:
        assert deadline is None
        return use(self)

    def close(self) -> None:
        """Nothing is held."""


def connection(name: str, system: System, asked: Asked | None) -> Connection:
    return Connection(
        name=ConnectionName("prod", name),
        system=system,
        address="https://example",
        period=1.0,
        source=cast("Any", asked),
        traces=cast("Any", asked),
    )


def failing(error: Exception) -> Callable[[], Looked]:
    def answer() -> Looked:
        raise error

    return answer


def test_every_system_is_asked_once_and_told_by_time() -> None:
    """What all say is one list by time; of one moment, as it came; who carries no ids is not applicable."""
    jenkins = Asked(lambda: Looked(traces=(trace_at(3), trace_at(1)), limits=("a limit",)))
    airflow = Asked(lambda: Looked(traces=(trace_at(2, "prod/airflow run"), trace_at(1, "prod/airflow run"))))
    snowflake = Asked(Looked)
    found = follow(
        ID,
        Kept(),
        "prod",
        [
            connection("jenkins", System.JENKINS, jenkins),
            connection("airflow", System.AIRFLOW, airflow),
            connection("vault", System.VAULT, None),
            connection("snowflake", System.SNOWFLAKE, snowflake),
        ],
    )
    assert [(one.at - AT).total_seconds() for one in found.traces] == [1, 1, 2, 3]
    assert [one.source for one in found.traces[:2]] == ["prod/jenkins build", "prod/airflow run"]
    assert [(one.name, one.state) for one in found.sources] == [
        ("store", SourceState.NOTHING),
        ("prod/jenkins", SourceState.FOUND),
        ("prod/airflow", SourceState.FOUND),
        ("prod/vault", SourceState.NOT_APPLICABLE),
        ("prod/snowflake", SourceState.NOTHING),
    ]
    assert found.sources[1].limits == ("a limit",)
    assert found.failures == ()
    minted = minted_at(ID)
    assert minted is not None
    wanted = Sought(operation=ID, since=minted - CLOCKS)
    assert jenkins.sought == airflow.sought == snowflake.sought == [wanted]


def test_only_the_environment_that_it_is_of_is_asked() -> None:
    """Connections of other environments are left alone; what is no id is nobody's."""
    asked, other = Asked(Looked), Asked(Looked)
    elsewhere = replace(
        connection("airflow", System.AIRFLOW, other), name=ConnectionName("staging", "airflow")
    )
    found = follow(ID, Kept(), "prod", [connection("airflow", System.AIRFLOW, asked), elsewhere])
    assert (found.environment, found.known, found.operation) == ("prod", False, ID)
    assert [one.name for one in found.sources] == ["store", "prod/airflow"]
    assert (len(asked.sought), other.sought) == (1, [])
    with pytest.raises(NotFoundError, match="no whole id"):
        follow(ID[:13], Kept(), "prod", [elsewhere])


def test_who_fails_costs_nobody_else_anything() -> None:
    """An error is the system's own sentence, a fault names its type alone; the others are told."""
    found = follow(
        ID,
        Kept(error="The store is away."),
        "prod",
        [
            connection("jenkins", System.JENKINS, Asked(failing(UnreachableError("prod/jenkins is down")))),
            connection("airflow", System.AIRFLOW, Asked(failing(KeyError(SECRET)))),
            connection("snowflake", System.SNOWFLAKE, Asked(lambda: Looked(traces=(trace_at(0),)))),
        ],
    )
    assert [one.state for one in found.sources] == [SourceState.SILENT] * 3 + [SourceState.FOUND]
    assert [one.error for one in found.sources[:3]] == [
        "The store is away.",
        "prod/jenkins is down",
        "fedesk failed while tracing in prod/airflow: KeyError; report it",
    ]
    assert [one.kind for one in found.failures] == [FailureKind.UNREACHABLE, FailureKind.FAULT]
    assert len(found.traces) == 1


def test_secrets_in_what_systems_say_are_hidden() -> None:
    """In sentences, references, links, limits and errors."""
    full = replace(trace_at(0, said=f"note {SECRET}"), reference=SECRET, link=f"https://x/?token={SECRET}")
    told = Asked(lambda: Looked(traces=(full,), limits=(f"limit {SECRET}",)))
    silent = Asked(failing(UnreachableError(f"it says {SECRET}")))
    connections = [
        connection("jenkins", System.JENKINS, told),
        connection("airflow", System.AIRFLOW, silent),
    ]
    found = follow(ID, Kept(), "prod", connections)
    assert SECRET not in repr(found)
    assert "[hidden" in found.traces[0].said


@given(st.integers(min_value=0, max_value=220_000_000_000_000), st.binary(min_size=10, max_size=10))
def test_an_id_tells_when_it_was_minted(milliseconds: int, rest: bytes) -> None:
    """To the millisecond, in either case of its letters; a shorter, longer or other id tells nothing."""
    digits = f"{milliseconds:012x}7{rest.hex()[:3]}8{rest.hex()[3:18]}"
    text = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    found = minted_at(text)
    assert found is not None
    assert abs(found.timestamp() * 1000 - milliseconds) < 1
    assert found.tzinfo is UTC
    assert minted_at(text.upper()) == found
    for other in (text[:-1], f"{text}0", digits, f"{{{text}}}", f"urn:uuid:{text}", text.replace("-", "_")):
        assert minted_at(other) is None
    assert minted_at(f"{text[:14]}4{text[15:]}") is None


@pytest.mark.parametrize("text", ["", "x", "ffffffff-ffff-7fff-8fff-ffffffffffff", "019a9f3e"])
def test_what_is_no_id_was_never_minted(text: str) -> None:
    """A moment that no calendar holds included."""
    assert minted_at(text) is None


def test_order_is_kept_within_a_moment() -> None:
    """Sorting is stable: the journal of one second stays in its order."""
    said = [trace_at(0, said=str(number)) for number in range(20)]
    assert in_order(said) == tuple(said)
