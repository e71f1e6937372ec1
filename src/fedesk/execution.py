"""The desk that acts: beside what ``composition`` reads with, the store, plans and the way to a change.

Everything here is made when it is first asked for: SQLAlchemy alone costs the first rows 0.4 s.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedesk import __version__, composition
from fedesk.domain.names import ConnectionName
from fedesk.live_systems import LiveSystems, changers

if TYPE_CHECKING:
    from fedesk.anchoring import SecretOf
    from fedesk.apart import Apart
    from fedesk.composition import CredentialOf
    from fedesk.config_types import Config
    from fedesk.domain.audit import Actor
    from fedesk.domain.front import EnvironmentFacts
    from fedesk.domain.open_operations import Awaited
    from fedesk.domain.operations import Operation, Plan
    from fedesk.domain.requests import Request
    from fedesk.domain.roles import Rights
    from fedesk.domain.runs import LogRequest
    from fedesk.ports.changing import Launcher
    from fedesk.ports.endpoint import SecretText
    from fedesk.ports.sources import Clock
    from fedesk.services.approvals import Approvals
    from fedesk.services.asked_executor import ExecutorJob
    from fedesk.services.by_hand import ByHand
    from fedesk.services.changes import Changes
    from fedesk.services.checkpointing import Checkpointing, Verified
    from fedesk.services.incidents import Incidents
    from fedesk.services.marking import Marking
    from fedesk.services.operation_watch import OperationWatch
    from fedesk.services.processes import LocalProcesses
    from fedesk.services.quarantining import Quarantining
    from fedesk.services.release_reading import ReleaseReading
    from fedesk.services.reviewing import Reviewing
    from fedesk.services.tracing import Followed, Kept
    from fedesk.services.windows import Windows
    from fedesk.store.operations import SqlStore


def _minted() -> str:
    """A new UUIDv7."""
    import uuid_utils

    return str(uuid_utils.uuid7())


def _untold(sentence: str) -> None:
    """Nobody is there to be told."""
    del sentence


@dataclass(frozen=True, kw_only=True)
class Desk(composition.Desk):
    """One environment, opened, and what changes its systems."""

    clock: "Clock"
    credential_of: "CredentialOf"
    anchor_secret_of: "SecretOf"
    stores: set[Path] = field(default_factory=set)
    """Files that this process had open as a store: this desk, and those that it took the place of."""

    store_password: "Callable[[], SecretText] | None" = None
    """What the team's database asks for; None where it asks for nothing."""

    tell: Callable[[str], None] = _untold
    """Takes a sentence on what went wrong beside an operation, and changes nothing of it."""

    apart: "Apart | None" = None
    """What a desk is apart from that breaks the glass while its team's store does not answer."""

    @cached_property
    def store(self) -> "SqlStore":
        """The desk's own state; opened at its first use, which raises StoreError where it cannot be."""
        if self.apart is not None:
            from fedesk.apart import begins
            from fedesk.store.local import LocalStore

            begin = partial(begins, self.apart, self.actor, self.clock.now())
            return LocalStore(self.apart.file, begin, self.stores)
        import platformdirs

        from fedesk.store.place import open_store

        folder = Path(platformdirs.user_state_dir("fedesk"))
        return open_store(self.config.store.url, folder, self.stores, self.store_password)

    @cached_property
    def checkpointing(self) -> "Checkpointing":
        """The audit log's checkpoints outside the store."""
        from fedesk.anchoring import checkpointing_of

        return checkpointing_of(
            self.config, self.store, self.clock, self.credential_of, self.anchor_secret_of
        )

    @cached_property
    def systems(self) -> LiveSystems:
        """Every configured system, of all environments."""
        return LiveSystems(self.all_connections, changers(self.config, self.credential_of))

    @cached_property
    def changes(self) -> "Changes":
        """Plans and their confirmation."""
        from fedesk.apart import closed
        from fedesk.config_emergency import credentials_said, past_store, sealed_at_desk
        from fedesk.services.changes import Changes
        from fedesk.services.executor_drafts import ExecutorDrafts

        return Changes(
            store=self.store,
            systems=self.systems,
            catalogue=self.catalogue,
            environments=self.by_name,
            actor=self.actor,
            clock=self.clock,
            new_id=_minted,
            made_by=self.made_by,
            processes=self.processes,
            governance=self.config.governance,
            os_user=self.rights.os_user,
            approvals=self.approvals,
            sealed=sealed_at_desk(self.config) | closed(self.apart, self.config),
            emergency={name: credentials_said(one) for name, one in self.config.environments.items()},
            drafts={
                name: ExecutorDrafts(job=job, clock=self.clock, new_id=_minted)
                for name, job in ({} if self.apart else self.executors).items()
            },
            past_store=past_store(self.config),
            apart=self.apart.team if self.apart is not None else "",
        )

    @property
    def made_by(self) -> str:
        """The program that makes plans here, and where: it stands in them."""
        return f"fedesk {__version__} on {self.actor.host}"

    @cached_property
    def approvals(self) -> "Approvals":
        """What others say of plans, signed."""
        from fedesk.anchoring import approvals_of

        return approvals_of(self.config, self.store, self.actor, self.clock)

    @cached_property
    def incidents(self) -> "Incidents":
        """Incidents, opened and noted."""
        from fedesk.services.incidents import Incidents

        return Incidents(
            store=self.store,
            detail_of=self.reading.detail,
            actor=self.actor,
            clock=self.clock,
            new_id=_minted,
            rights=self.rights,
        )

    @cached_property
    def releases(self) -> "ReleaseReading":
        """Releases, looked at."""
        from fedesk.releasing import reading_of

        return reading_of(self)

    @cached_property
    def marking(self) -> "Marking":
        """What is said of findings."""
        from fedesk.services.marking import Marking

        return Marking(store=self.store, actor=self.actor, clock=self.clock, rights=self.rights)

    @cached_property
    def reviewing(self) -> "Reviewing":
        """What was done past the rules, and who has looked at it since."""
        from fedesk.services.reviewing import Reviewing

        return Reviewing(store=self.store, actor=self.actor, clock=self.clock, rights=self.rights)

    @cached_property
    def windows(self) -> "Windows":
        """Freezes, holds and maintenance, added and removed."""
        from fedesk.services.windows import Windows

        return Windows(
            store=self.store,
            actor=self.actor,
            clock=self.clock,
            new_id=_minted,
            rights=self.rights,
        )

    @cached_property
    def quarantining(self) -> "Quarantining":
        """Releases put into quarantine, and let out."""
        from fedesk.services.quarantining import Quarantining

        return Quarantining(
            store=self.store,
            actor=self.actor,
            clock=self.clock,
            new_id=_minted,
            rights=self.rights,
        )

    @cached_property
    def by_hand(self) -> "ByHand":
        """Takes a person's word on operations."""
        from fedesk.services.by_hand import ByHand

        return ByHand(
            store=self.store,
            systems=self.systems,
            clock=self.clock,
            processes=self.processes,
            actor=self.actor,
            environments=self.by_name,
            rights=self.rights,
            approvals=self.approvals,
        )

    @cached_property
    def operation_watch(self) -> "OperationWatch":
        """Follows the operations in the store, and tells the board of those that are open."""
        from fedesk.apart import unmerged_beside
        from fedesk.services.operation_watch import OperationWatch

        watch = OperationWatch(
            lambda: self.store,
            lambda: self.processes,
            self.clock,
            self._awaited,
            self._end_lapsed,
            partial(unmerged_beside, self.config),
        )
        self.board.follow_operations(watch.known)
        self.board.follow_windows(watch.windows)
        self.board.follow_reviews(watch.unreviewed)
        return watch

    def _awaited(self, operation: "Operation") -> "Awaited | None":
        return self.approvals.awaited(operation)

    def _end_lapsed(self) -> None:
        self.by_hand.end_lapsed()

    @cached_property
    def processes(self) -> "LocalProcesses":
        """Processes of this machine."""
        from fedesk.services.processes import LocalProcesses

        return LocalProcesses()

    @cached_property
    def launcher(self) -> "Launcher":
        """Starts the processes that change something."""
        from fedesk.launcher import ProcessLauncher

        return ProcessLauncher(self.config.path)

    def launcher_for(
        self, connections: "Sequence[ConnectionName]", *, break_glass: bool = False
    ) -> "Launcher":
        """The same for these systems; where their environment has an executor, that one is asked.

        With broken glass nobody is, where their environment has sealed credentials.
        """
        names = {name.environment for name in connections}
        sealed = self._sealed(connections) if break_glass else ""
        if sealed or self.apart is not None:
            from fedesk.launcher import ProcessLauncher

            apart = None if self.apart is None else self.apart.file
            return ProcessLauncher(self.config.path, emergency=sealed, apart=apart)
        asked = [name for name in sorted(names) if self.config.environments[name].executor is not None]
        if asked:
            from fedesk.services.asked_executor import ExecutorLauncher

            return ExecutorLauncher(self.executors[asked[0]])
        if not self.store.only_proposes():
            return self.launcher
        from fedesk.services.asked_executor import Proposing

        return Proposing()

    @cached_property
    def executors(self) -> "dict[str, ExecutorJob]":
        """The executor of each environment that has one."""
        from fedesk.executors import executors_of

        return executors_of(self.config, self.all_connections, self.credential_of)

    @property
    def actor(self) -> "Actor":
        """Who is at the desk, in this process."""
        from fedesk.services.identity import actor_of

        return actor_of(self.config.identity.principal, self.config.governance.people)

    @cached_property
    def rights(self) -> "Rights":
        """What they may do, in each environment."""
        from fedesk.domain.roles import Rights
        from fedesk.services.identity import os_user

        people = self.config.governance.people
        return Rights(people=people, person=self.actor.person, os_user=os_user())

    def permit(self, verb: str, environment: str, target: str) -> None:
        """Return where they may do it; else RefusedError, which is on the record by then. StoreError."""
        from fedesk.services.permitting import permit

        permit(
            verb,
            environment,
            target,
            rights=self.rights,
            store=self.store,
            actor=self.actor,
            clock=self.clock,
        )

    @property
    def by_name(self) -> "dict[str, EnvironmentFacts]":
        """All environments."""
        return {facts.name: facts for facts in self.environments}

    def credentials_for(
        self, connections: Sequence[ConnectionName], *, break_glass: bool = False
    ) -> "Callable[[], dict[str, SecretText]]":
        """Looks the credentials of some connections, the store's and the anchors' up when it is called.

        With broken glass the sealed ones, where there are any.
        """
        from fedesk.runner_credentials import lookups_of

        sealed = self._sealed(connections) if break_glass else ""
        if sealed:
            from fedesk.config_emergency import with_emergency

            config = with_emergency(self.config, sealed)
            password = composition.looked_up(config.store.credential)
            return lookups_of(config, connections, self.credential_of, password, self.anchor_secret_of)
        return lookups_of(
            self.config, connections, self.credential_of, self.store_password, self.anchor_secret_of
        )

    def read_by(self, requests: "Iterable[Request]") -> "tuple[ConnectionName, ...]":
        """The connections whose credentials a runner of these needs."""
        from fedesk.domain.requests import read_by

        return read_by(requests, (one.name for one in self.all_connections))

    def asked_by(self, plan: "Plan") -> "tuple[ConnectionName, ...]":
        """The same of a plan, whoever made it."""
        from fedesk.services.kinds import KINDS

        sent = {plan.connection, *(effect.connection for effect in plan.effects)}
        kind = KINDS.get(plan.kind)
        return tuple(sorted({*sent, *(self.read_by((kind.asked(plan),)) if kind is not None else ())}))

    def _sealed(self, connections: Sequence[ConnectionName]) -> str:
        """The environment whose sealed credentials are used for these systems; empty where it has none."""
        names = sorted({one.environment for one in connections})
        return next((name for name in names if self.config.environments[name].emergency is not None), "")

    def execute(self, operation: str) -> "Operation":
        """Execute a confirmed operation in this process, and what follows it by itself. Raises StoreError."""
        from fedesk.services.automatic_rollback import roll_back, wanted

        ended = self._execute(operation)
        if (request := wanted(ended, self.catalogue)) is not None:
            roll_back(ended, request, self.changes, self._execute, self.tell)
        return ended

    def _execute(self, operation: str) -> "Operation":
        import time

        from fedesk.apart import closed_now
        from fedesk.config_emergency import sealed_here
        from fedesk.services.operation_runner import execute

        ended = execute(
            operation,
            store=self.store,
            systems=self.systems,
            catalogue=self.catalogue,
            environments=self.by_name,
            actor=self.actor,
            clock=self.clock,
            processes=self.processes,
            pause=time.sleep,
            governance=self.config.governance,
            approvals=self.approvals,
            sealed=sealed_here(self.config) | closed_now(self.apart, self.config),
        )
        self._anchor()
        return ended

    def recheck(self, operation: str) -> "Operation":
        """Look again at an operation whose owner died or whose outcome is unknown.

        Raises RefusedError where the person may not, StoreError.
        """
        found = self.by_hand.recheck(operation)
        self._anchor()
        return found

    def verify(self, *, deep: bool, from_newest: bool = False) -> "Verified":
        """Check the audit log, and hold it against its anchors. Raises StoreError."""
        return self.checkpointing.verify(deep=deep, from_newest=from_newest)

    def _anchor(self) -> None:
        """Make a checkpoint of the log where one is due. What goes wrong is told, and changes nothing."""
        if self.config.audit.anchors:
            for sentence in self.checkpointing.when_due():
                self.tell(sentence)

    def trace(self, operation: str, kept: "Kept | None" = None) -> "Followed":
        """What every system of its environment says of an operation, and the store; asks them side by side.

        By its id, or a beginning that the store knows; raises NotFoundError for what is neither.
        """
        from fedesk.services.tracing import follow, kept_of

        known = kept_of(lambda: self.store, operation) if kept is None else kept
        return follow(operation, known, self.environment.name, self.all_connections)

    def close(self) -> None:
        """Stop polling, keep what is known, let go of every system and of the store; waits for none."""
        super().close()
        for name in ("systems", "checkpointing", "store"):
            made = self.__dict__.get(name)
            if made is not None:
                made.close()


def open_desk(
    config: Path | None,
    environment: str | None,
    clock: "Clock",
    stores: set[Path] | None = None,
    tell: Callable[[str], None] = _untold,
) -> Desk:
    """Read configuration and catalogue and make everything ready; opens no connection and no store.

    ``stores`` is shared by desks that follow one another. Raises ConfigurationError, a sentence a mistake.
    """
    from fedesk.config import load_config

    return compose(load_config(config), environment, clock, stores, tell)


def compose(
    config: "Config",
    environment: str | None,
    clock: "Clock",
    stores: set[Path] | None = None,
    tell: Callable[[str], None] = _untold,
    apart: "Apart | None" = None,
) -> Desk:
    """The same over a configuration that was read; ``apart`` from its team's store. ConfigurationError."""
    if apart is not None:
        from fedesk.config_emergency import apart_from_team

        config = apart_from_team(config, apart.file)
    desk = composition.compose(config, environment, clock)
    return acting(
        desk,
        clock=clock,
        credential_of=composition.reference_of,
        store_password=composition.looked_up(config.store.credential),
        anchor_secret_of=lambda settings: composition.looked_up(settings.credential),
        stores=set() if stores is None else stores,
        tell=tell,
        apart=apart,
    )


def acting(desk: composition.Desk, **given: Any) -> Desk:
    """The desk that reads, and with what is given the one that acts."""
    known = {one.name: getattr(desk, one.name) for one in fields(composition.Desk)}
    if desk.environment.phi:
        known["reading"] = desk.reading.recorded(lambda request, file: _record_read(made, request, file))
    made = Desk(**known, **given)
    return made


def _record_read(desk: Desk, request: "LogRequest", file: str) -> None:
    from fedesk.services.run_reading import access_of

    desk.store.append(access_of(request, file, desk.actor, desk.clock.now()))
