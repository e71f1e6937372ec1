"""Running things again from the command line: each named run from request to outcome, as a value."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import typer

from fedesk.cli import acts, apart, run_names, session, watching
from fedesk.cli.endings import code_of, code_of_operation, sentences
from fedesk.cli.output import narrate
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.cli.run_names import Asked
    from fedesk.cli.watching import Followed
    from fedesk.domain.audit import AuditRecord
    from fedesk.domain.operations import Operation, WriteWindow
    from fedesk.domain.requests import Request
    from fedesk.domain.reruns import RerunRequest
    from fedesk.execution import Desk
    from fedesk.ports.changing import Runner
    from fedesk.services.proposals import Answer, Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was given beside the names."""

    environment: str | None
    from_failed: bool
    yes: bool
    confirm: str | None
    write: str | None
    reason: str
    accept: tuple[str, ...]
    wait: bool
    break_glass: bool

    @property
    def asks(self) -> bool:
        """Whether a yes was given, sufficient or not."""
        return self.yes or self.confirm is not None

    @property
    def how(self) -> str:
        """The yes in words, for the record."""
        if self.confirm is not None:
            return f"--confirm {self.confirm}"
        return "--yes" if self.yes else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One RUN, as far as it got."""

    asked: "Asked"
    request: "Request | None" = None
    proposal: "Proposal | None" = None
    operation: "Operation | None" = None
    followed: "Followed | None" = None
    refusal: "AuditRecord | None" = None
    """Its record in the audit log, where it was refused."""
    error: str = ""
    code: Exit = Exit.DONE

    @property
    def name(self) -> str:
        """The run, in full as soon as it is known."""
        return self.request.name if self.request is not None else self.asked.text

    def failed(self, error: Exception) -> "Item":
        """The same, ended by an error that is a sentence."""
        return replace(self, error=str(error), code=code_of(error))

    def lost(self, error: Exception) -> "Item":
        """The same, of which no more can be told: a store that fails now says nothing of what was sent."""
        from fedesk.ports.operation_store import StoreError

        failed = self.failed(error)
        return replace(failed, code=Exit.OUTCOME_UNKNOWN) if isinstance(error, StoreError) else failed


def understood(desk: "Desk", asked: "Asked", options: Options) -> Item:
    """A name made a request: the run looked up where only a pipeline was named, a task told from an id."""
    item = Item(asked=asked)
    try:
        request = request_of(desk, asked, options.environment, from_failed=options.from_failed)
        return replace(item, request=request)
    except sentences() as error:
        return item.failed(error)


def request_of(
    desk: "Desk", asked: "Asked", environment: str | None, *, from_failed: bool = False
) -> "RerunRequest":
    """What a name asks for: the run looked up where only a pipeline was named, a task told from an id.

    Raises StopError, SourceError, NameNotUnderstoodError.
    """
    from fedesk.domain.reruns import RerunRequest
    from fedesk.domain.states import System
    from fedesk.services.log_choice import find_run
    from fedesk.services.run_reading import RunReading

    run, task = asked.run, asked.task
    if run is None:
        run, said = run_names.failed_run(desk, asked.text)
        narrate(said)
    elif task is None and "::" in run.id:
        detail, task = find_run(RunReading(desk.all_connections), run)
        run = detail.run.name
    system = next(one.system for one in desk.all_connections if one.name == run.connection)
    if system is System.JENKINS and (task is not None or from_failed):
        sentence = f"{run} is a Jenkins build, which runs again from its start and as a whole"
        raise session.StopError(sentence, Exit.USAGE)
    return RerunRequest(run=run, task=task, environment=environment)


def planned(desk: "Desk", item: Item, *, asked: bool, break_glass: bool = False) -> Item:
    """The item with its plan, unless it has ended already."""
    if item.request is None:
        return item
    try:
        proposal = desk.changes.propose(item.request, asked=asked, break_glass=break_glass, tell=narrate)
        if break_glass:
            proposal = desk.changes.with_broken_glass(proposal)
    except sentences() as error:
        return _with_refusal(desk, item.failed(error))
    return replace(item, proposal=proposal)


def _window(desk: "Desk", options: Options) -> "WriteWindow | None":
    """The window that ``--write`` opens, for this one command."""
    from fedesk.domain.operations import WriteWindow
    from fedesk.services.changes import WINDOW

    if options.write is None:
        return None
    now = desk.clock.now()
    return WriteWindow(
        environment=options.write,
        opened_at=now,
        until=now + WINDOW,
        reason=options.reason,
        opened_by=desk.actor.person,
    )


def carried_out(context: typer.Context, desk: "Desk", items: Sequence[Item], options: Options) -> list[Item]:
    """Each item planned, confirmed and followed to its end. All are begun before the first is followed.

    Ctrl+C leaves, and names the operations that go on.
    """
    targets = {item.request.connection for item in items if item.request is not None}
    read = desk.read_by(item.request for item in items if item.request is not None)
    runner: Runner | None = None
    if options.asks and targets:
        broken = options.break_glass
        try:
            launcher = session.launcher_of(context, desk, sorted(targets), break_glass=broken)
        except sentences() as error:
            raise apart.with_way_out(desk, error, {one.environment for one in targets}) from None
        runner = launcher.warm(desk.credentials_for(read, break_glass=broken))
    left: list[str] = []
    try:
        found = [planned(desk, item, asked=options.asks, break_glass=options.break_glass) for item in items]
        many = len(items) > 1
        found = [_begun(desk, runner, item, options, left, prefix=_prefix(item, many=many)) for item in found]
        return [_ended(desk, item, options, left, prefix=_prefix(item, many=many)) for item in found]
    except KeyboardInterrupt:
        for operation in left:
            narrate(
                f"Left operation {operation} to itself; `fedesk operations show {operation}` tells of it."
            )
        raise
    finally:
        if runner is not None:
            runner.cancel()


def _prefix(item: Item, *, many: bool) -> str:
    """What begins a line about one of several."""
    return f"{item.name}: " if many else ""


def _begun(
    desk: "Desk", runner: "Runner | None", item: Item, options: Options, left: list[str], *, prefix: str
) -> Item:
    """The item confirmed and handed to the runner; a refusal names the options that are missing."""
    proposal = item.proposal
    if proposal is None:
        return item
    for line in acts.plan_lines(proposal):
        narrate(f"{prefix}{line}")
    try:
        operation = desk.changes.confirm(proposal, _answer(desk, proposal, options))
    except sentences() as error:
        return _with_refusal(desk, _refused(item, error))
    item = replace(item, operation=operation)
    try:
        waits = desk.changes.waits(operation)
    except sentences() as error:
        return item.failed(error)
    if waits:
        return replace(item, error=waits, code=Exit.APPROVAL_MISSING)
    left.append(operation.plan.operation)
    try:
        watching.begin(desk, runner, operation.plan.operation)
    except sentences() as error:
        return item.lost(error)
    if options.break_glass:
        for said in desk.by_hand.set_aside(operation):
            narrate(f"{prefix}{said}")
    return item


def _refused(item: Item, error: Exception) -> Item:
    """The item refused, with the options that would say yes, where more than a yes is not in the way."""
    from fedesk.services.proposals import RefusedError

    refused, proposal = item.failed(error), item.proposal
    if proposal is None or proposal.is_blocked or not isinstance(error, RefusedError) or error.conflict:
        return refused
    return replace(refused, error=f"{refused.error} To say yes to this plan: {acts.flags(proposal)}")


def _answer(desk: "Desk", proposal: "Proposal", options: Options) -> "Answer":
    from fedesk.services.proposals import Answer

    given = {_plain(name) for name in options.accept}
    asking = {one.guard for one in proposal.warnings} | set(proposal.needs.accept)
    return Answer(
        how=options.how,
        named=options.confirm or "",
        reason=options.reason,
        window=_window(desk, options),
        accepted=tuple(sorted(name for name in asking if _plain(name) in given)),
        break_glass=options.break_glass,
    )


def _plain(name: str) -> str:
    """``loads-tracked`` and ``Loads tracked`` are one guard's name."""
    return name.casefold().replace("-", " ").strip()


def _with_refusal(desk: "Desk", item: Item) -> Item:
    """The item with the audit log's record of its refusal, where there is one."""
    from fedesk.domain.audit import Phase
    from fedesk.ports.operation_store import StoreError

    if item.code not in (Exit.REFUSED, Exit.CONFLICT):
        return item
    operation = item.proposal.plan.operation if item.proposal is not None else None
    try:
        records = desk.store.tail(_FEW, operation=operation)
    except StoreError:
        return item
    ours = [
        record
        for record in records
        if record.draft.phase is Phase.REFUSAL
        and record.draft.actor.pid == desk.actor.pid
        and record.draft.target.startswith(_target(item))
    ]
    return replace(item, refusal=ours[-1] if ours else None)


def _target(item: Item) -> str:
    """How the target of its refusal begins: what the plan names, else what was asked for."""
    targets = item.proposal.plan.targets if item.proposal is not None else ()
    return targets[0].name if targets else item.name


_FEW = 20
"""Newest records among which one's own refusal is."""


def _ended(desk: "Desk", item: Item, options: Options, left: list[str], *, prefix: str) -> Item:
    """The item with its outcome, and with that of the run behind it where one waits for it."""
    from fedesk.domain.operations import Outcome
    from fedesk.domain.reruns import RerunRequest
    from fedesk.services.run_reading import RunReading

    if item.operation is None or item.error:
        return item
    try:
        operation = watching.follow_to_its_end(desk, item.operation.plan.operation, prefix=prefix)
    except sentences() as error:
        return item.lost(error)
    left.remove(operation.plan.operation)
    item = replace(item, operation=operation, code=code_of_operation(operation))
    if options.wait and operation.outcome is Outcome.SUCCEEDED and isinstance(item.request, RerunRequest):
        behind = watching.run_behind(operation, item.request.run)
        followed = watching.follow_run(RunReading(desk.all_connections), behind)
        item = replace(item, followed=followed, code=followed.code)
    return item
