"""Findings in maintenance: still there, behind the others, saying until when; and what is never quiet."""

from dataclasses import replace
from typing import Any

import pytest
from making import NOW, PROD, catalogue, history_of, snapshot
from operation_values import unknown
from window_values import a_window

from fedesk.domain.board import Board
from fedesk.domain.open_operations import OpenOperation, open_operation
from fedesk.domain.states import State
from fedesk.domain.windows import Window, WindowKind
from fedesk.services.boards import Boards

UNTIL = "maintenance until 04:13:10"


def maintenance(**given: Any) -> Window:
    return a_window(WindowKind.MAINTENANCE, **given)


def board(*windows: Window, operations: tuple[OpenOperation, ...] = ()) -> Board:
    """Two pipelines that failed, with windows in the store."""
    runs = (*history_of("payments_daily", [State.FAILED]), *history_of("ledger_load", [State.FAILED]))
    return Boards(catalogue()).board(PROD, [snapshot(runs)], {}, NOW, operations, windows)


def told(made: Board) -> dict[str, str]:
    return {one.subject: one.maintenance for one in made.findings}


def test_maintenance_of_all_quiets_all_and_hides_nothing() -> None:
    """The same findings, each saying until when; their severity stays what it is."""
    loud, quiet = board(), board(maintenance())
    assert {one.id for one in quiet.findings} == {one.id for one in loud.findings}
    assert set(told(quiet).values()) == {UNTIL}
    assert all(one.is_quiet for one in quiet.findings)
    assert tuple(replace(one, maintenance="") for one in quiet.findings) == loud.findings


def test_maintenance_of_one_pipeline_quiets_its_findings_and_puts_them_last() -> None:
    """The others stand before them, in their order."""
    made = board(maintenance(pipeline="payments_daily"))
    assert told(made) == {"ledger_load": "", "payments_daily": UNTIL}
    assert [one.is_quiet for one in made.findings] == [False, True]


@pytest.mark.parametrize(
    "window",
    [
        a_window(),
        a_window(WindowKind.HOLD),
        maintenance(environment="staging"),
        maintenance(ends=a_window().starts),
        maintenance(zone="Mars/Olympus"),
        maintenance(pipeline="another"),
    ],
    ids=["freeze", "hold", "elsewhere", "over", "cannot be told", "of another"],
)
def test_nothing_else_quiets(window: Window) -> None:
    """What is not maintenance here and now, or cannot be told, leaves every finding loud."""
    assert not any(one.is_quiet for one in board(window).findings)


def test_an_unknown_outcome_is_never_quiet() -> None:
    """What fedesk does not know the end of blocks its target, whoever is at work there."""
    ended = open_operation(unknown(), alive=None, now=NOW)
    made = board(maintenance(), operations=(ended,))
    (found,) = (one for one in made.findings if one.operation)
    assert not found.is_quiet
    assert made.findings[0] is found
