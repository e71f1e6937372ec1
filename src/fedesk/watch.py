"""A desk → the watcher of its environments, which tells people. Opens nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event

from fedesk.config_types import Config
from fedesk.domain.observation import Snapshot
from fedesk.execution import Desk
from fedesk.notifying import telling_of
from fedesk.ports.sources import Connection
from fedesk.services.delivering import Tell
from fedesk.services.live_board import LiveBoard
from fedesk.services.sighting import SETTLED_AFTER, Sight, awaited_plans
from fedesk.services.watching import Around, Telling, Watcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A watcher, and what it watches with."""

    watcher: Watcher
    sight: Sight
    telling: Telling
    connections: Mapping[str, tuple[Connection, ...]]
    """By environment."""

    def run(self, until: Event) -> None:
        """Watch until the event is set."""
        self.sight.start()
        try:
            self.watcher.run(until)
        finally:
            self.close()

    def once(self) -> tuple[Snapshot, ...]:
        """Look at everything once and tell what is to be told; what was seen."""
        try:
            seen = self.sight.read_whole(self.connections)
            if self.watcher.step():
                self.watcher.deliver()
                self.watcher.end()
        finally:
            self.close()
        return seen

    def close(self) -> None:
        """Let go of boards and receivers; waits for none."""
        self.sight.stop()
        self.telling.close()


def watch_of(desk: Desk, environment: str | None, tell: Tell, *, once: bool) -> Watch:
    """What tells people of one environment, or of each that a route names."""
    import uuid_utils

    names = watched(desk.config) if environment is None else (environment,)
    connections = {
        name: tuple(one for one in desk.all_connections if one.name.environment == name) for name in names
    }
    budget = desk.config.releases.budget
    boards = {
        name: LiveBoard(desk.by_name[name], desk.catalogue, theirs, {}, desk.clock, budget=budget)
        for name, theirs in connections.items()
    }
    sight = Sight(
        boards,
        desk.catalogue,
        desk.operation_watch,
        lambda: desk.store,
        desk.clock,
        settled_after=0.0 if once else SETTLED_AFTER,
        awaited=lambda: awaited_plans(desk.store, desk.approvals),
    )
    around = Around(
        actor=desk.actor,
        clock=desk.clock,
        processes=desk.processes,
        new_id=lambda: str(uuid_utils.uuid7()),
        tell=tell,
        once=once,
    )
    telling = telling_of(desk.config, lambda: desk.store, desk.clock, tell)
    return Watch(
        watcher=Watcher(lambda: desk.store, sight.look, telling, around),
        sight=sight,
        telling=telling,
        connections=connections,
    )


def watched(config: Config) -> tuple[str, ...]:
    """Environments that a route names; all where one names none, or where there is no route."""
    routes = config.notify.routes
    named = {name for route in routes for name in route.environments}
    every = not routes or any(not route.environments for route in routes)
    return tuple(name for name in config.environments if every or name in named)
