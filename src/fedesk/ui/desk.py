"""What the screens need of a desk: the composition's, or the tests' own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fedesk.domain.board import Board
    from fedesk.domain.front import EnvironmentFacts
    from fedesk.domain.names import RunName
    from fedesk.domain.runs import LogChunk, LogRequest, RunDetail
    from fedesk.services.diagnosis import Diagnosis


class Pollers(Protocol):
    """The live board of one environment."""

    def start(self, on_board: Callable[[Board], None]) -> None:
        """Begin to poll; boards are handed over on the pollers' threads."""

    def refresh(self) -> None:
        """Look at every system as soon as may be."""

    def stop(self) -> None:
        """Hand over no more boards; returns at once."""


class Reading(Protocol):
    """Reads of one run; each blocks, and raises SourceError."""

    def detail(self, name: RunName) -> RunDetail:
        """A run with its steps."""

    def log(self, request: LogRequest, cursor: str) -> LogChunk:
        """The piece of a log behind ``cursor``."""

    def diagnose(self, name: RunName) -> Diagnosis:
        """Why a run is red."""


class Desk(Protocol):
    """One environment, open."""

    @property
    def environment(self) -> EnvironmentFacts:
        """The environment that is looked at."""

    @property
    def environments(self) -> tuple[EnvironmentFacts, ...]:
        """All that are configured."""

    @property
    def board(self) -> Pollers:
        """Its live board."""

    @property
    def reading(self) -> Reading:
        """Reads of its runs."""

    @property
    def runbook_folder(self) -> Path | None:
        """Where paths of runbooks begin: beside the catalogue; None where there is none."""

    def close(self) -> None:
        """Let go of everything; returns at once, hung systems or not."""
