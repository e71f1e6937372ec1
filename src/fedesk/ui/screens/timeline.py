"""One promotion or rollback, from its plan to its end; read again while it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from fedesk.ui import present
from fedesk.ui.actions import Place, Target, bindings
from fedesk.ui.screens.stored import StoredTextScreen
from fedesk.ui.widgets.foot_line import Choice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.binding import BindingType
    from textual.content import Content

    from fedesk.domain.release_history import ReleaseTimeline
    from fedesk.ui.desk import Records


class TimelineScreen(StoredTextScreen["ReleaseTimeline"]):
    """Of an operation, where one is named, else of the newest of a service in an environment."""

    PLACE = Place.TIMELINE
    WHAT = "timeline"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Place.TIMELINE)]

    def __init__(self, operation: str, service: str, environment: str) -> None:
        """``service`` may be empty: the newest of any."""
        named = operation or " in ".join(part for part in (service, environment) if part)
        super().__init__(f"Timeline of {present.text(named, 60)}", self._from_store)
        self._operation = operation
        self._service = service
        self._environment = environment

    def _from_store(self, store: Records) -> ReleaseTimeline | str:
        from fedesk.services.release_course import newest, timeline_of

        if self._operation:
            operation = store.operation(self._operation)
            none = f"There is no operation {self._operation} in this store."
        else:
            operation = newest(store, environment=self._environment, service=self._service)
            whose = f" of {self._service}" if self._service else ""
            none = f"There is no promotion or rollback{whose} in {self._environment} yet: P plans one."
        if operation is None:
            return none
        # While one looks at it, a newer one does not take its place.
        self._operation = operation.plan.operation
        other = f"Operation {self._operation} is a {operation.plan.kind}, no promotion or rollback."
        return timeline_of(store, operation) or other

    @property
    def target(self) -> Target:
        """The operation."""
        found = self.value
        if found is None:
            return Target()
        told = found.told
        name = f"the {told.kind} of {present.text(told.service, 60)}"
        return Target(name=name, id=told.operation, operation=told.operation, environment=told.environment)

    def lines(self, value: ReleaseTimeline, width: int) -> Sequence[Content]:
        """How it stands, how long each part took, what happened."""
        from fedesk.ui.timeline_text import course_lines

        return course_lines(value, self.moment_in(value.told.environment), width)

    def copy_choices(self) -> list[Choice]:
        """The timeline for a ticket beside what there always is."""
        from fedesk.domain.release_history import markdown

        found = self.value
        if found is None:
            return super().copy_choices()
        zone = self.moment_in(found.told.environment).zone
        called = f"the timeline of {found.told.operation}"
        written = Choice(key="m", label="Markdown", text=markdown(found, zone, str(zone)), called=called)
        return [*super().copy_choices(), written]
