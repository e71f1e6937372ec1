"""Every connection that has jobs, asked once how it describes them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from fedesk.domain.names import ConnectionName
from fedesk.domain.observation import Failure
from fedesk.domain.states import System
from fedesk.domain.surveys import Survey
from fedesk.ports.sources import Connection
from fedesk.services.failing import failure_of
from fedesk.services.hiding import hidden
from fedesk.services.side_by_side import side_by_side

DEADLINE = 120.0
"""Seconds for all pages of one system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """What one connection described, or why it was silent."""

    connection: ConnectionName
    system: System
    scope: tuple[str, ...] = ()
    """Folders or tags it is limited to; everything when empty."""
    survey: Survey = field(default_factory=Survey)
    failure: Failure | None = None


def survey_all(connections: Sequence[Connection]) -> tuple[Surveyed, ...]:
    """Ask side by side, each through its bulkhead; a connection that has no jobs is left out."""
    return side_by_side([_question(one) for one in connections if one.surveys is not None], "survey")


def _question(connection: Connection) -> Callable[[], Surveyed]:
    def ask() -> Surveyed:
        survey, failure = Survey(), None
        try:
            if connection.surveys is not None:
                survey = _hidden(connection.surveys.call(lambda source: source.survey(), deadline=DEADLINE))
        except Exception as error:  # noqa: BLE001 - a fault in one adapter must leave the others' answers
            failure = failure_of(error, f"reading {connection.name}")
        return Surveyed(
            connection=connection.name,
            system=connection.system,
            scope=connection.scope,
            survey=survey,
            failure=failure,
        )

    return ask


def _hidden(survey: Survey) -> Survey:
    """The same without what an address or a sentence may hold that is nobody's business."""
    return replace(
        survey,
        assets=tuple(replace(one, name=hidden(one.name), uri=hidden(one.uri)) for one in survey.assets),
        limits=tuple(hidden(limit) for limit in survey.limits),
    )
