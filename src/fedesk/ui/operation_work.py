"""What the frames of an operation have done for them: on daemon threads, answered by message.

Plans are made, the runner is warmed, the yes is written down and handed to the runner, the operation is
followed through the store. The screen waits for none of it, and leaving the screen stops no operation.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from textual.message import Message

from fedesk.domain.operations import Ruling, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from textual.widget import Widget

    from fedesk.domain.approving import Standing
    from fedesk.domain.operations import Operation, WriteWindow
    from fedesk.domain.requests import Request
    from fedesk.ports.changing import Runner
    from fedesk.services.operation_kinds import Step
    from fedesk.services.proposals import Answer, Proposal
    from fedesk.ui.desk import Desk

_PLANS_AT_ONCE = 3


class Planned(Message):
    """The plan of one request, or why there is none."""

    def __init__(self, number: int, index: int, made: Made | None, problem: str = "") -> None:
        super().__init__()
        self.number = number
        self.index = index
        self.made = made
        self.problem = problem


class Awaiting(Message):
    """What the plan of one request waits for, beside the system that it is of."""

    def __init__(self, number: int, index: int, said: str) -> None:
        super().__init__()
        self.number = number
        self.index = index
        self.said = said


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A plan as it is shown."""

    proposal: Proposal
    holder: str = ""
    """The operation that holds its target, where one does."""
    verb: str = ""
    """What it does, as the table of rights has it."""

    @property
    def is_held_up(self) -> bool:
        """Whether it waits for others, is frozen or held."""
        from fedesk.domain.break_glass import OVERRIDDEN

        return any(one.guard in OVERRIDDEN and one.ruling is not Ruling.ALLOW for one in self.proposal.guards)


class RunnerFailed(Message):
    """The runner could not be started: nothing can be confirmed."""

    def __init__(self, problem: str) -> None:
        super().__init__()
        self.problem = problem


class WindowOpened(Message):
    """A write window was opened with the yes."""

    def __init__(self, window: WriteWindow) -> None:
        super().__init__()
        self.window = window


class Refused(Message):
    """A yes that was not taken; nothing was sent."""

    def __init__(self, index: int, problem: str) -> None:
        super().__init__()
        self.index = index
        self.problem = problem


class Answered(Message):
    """Every plan of the yes has been dealt with."""


class Waits(Message):
    """An operation was confirmed that others have to approve before it begins."""

    def __init__(self, operation: Operation) -> None:
        super().__init__()
        self.operation = operation


class Went(Message):
    """Where an operation is now."""

    def __init__(
        self,
        index: int,
        operation: Operation | None,
        *,
        trouble: str = "",
        steps: tuple[Step, ...] = (),
        verb: str = "",
    ) -> None:
        """``trouble``: why it does not go on, in the runner's words; ``operation`` may be as before then."""
        super().__init__()
        self.index = index
        self.operation = operation
        self.trouble = trouble
        self.steps = steps
        self.verb = verb


class _LeftError(Exception):
    """Nobody looks any more."""


class Work:
    """The threads of one screen."""

    def __init__(self, owner: Widget, desk: Desk, *, claimed_within: float) -> None:
        self._owner = owner
        self._desk = desk
        self._claimed_within = claimed_within
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._busy = False
        self._runner: Runner | None = None
        self._warmed = threading.Event()
        self._no_runner = ""
        self._warming = 0
        """The newest runner; one that was asked for before is let go when it comes."""

    def _start(self, name: str, work: Callable[[], None]) -> None:
        threading.Thread(target=work, name=name, daemon=True).start()

    def _post(self, message: Message) -> None:
        if not self._stopped.is_set():
            self._owner.post_message(message)

    # The plan

    def plan(
        self,
        number: int,
        requests: Sequence[Request],
        window: WriteWindow | None,
        *,
        break_glass: bool = False,
    ) -> None:
        """Make a plan of each request; Planned follows for each."""
        waiting: SimpleQueue[tuple[int, Request]] = SimpleQueue()
        for pair in enumerate(requests):
            waiting.put(pair)
        for _ in range(min(_PLANS_AT_ONCE, len(requests))):
            work = partial(self._plan, number, waiting, window, break_glass=break_glass)
            self._start("plan a change", work)

    def _plan(
        self,
        number: int,
        waiting: SimpleQueue[tuple[int, Request]],
        window: WriteWindow | None,
        *,
        break_glass: bool,
    ) -> None:
        from fedesk.domain.break_glass import VERB
        from fedesk.services.kinds import KINDS

        while not self._stopped.is_set():
            try:
                index, request = waiting.get_nowait()
            except Empty:
                return
            try:
                tell = partial(self._await, number, index)
                proposal = self._desk.changes.propose(request, window, break_glass=break_glass, tell=tell)
                if break_glass:
                    proposal = self._desk.changes.with_broken_glass(proposal)
                verb = VERB if break_glass else KINDS[proposal.plan.kind].action
                made = Made(proposal=proposal, holder=_holder_of(self._desk, proposal), verb=verb)
            except _LeftError:
                return
            except Exception as error:  # noqa: BLE001 - said in the frame, whatever it is
                self._post(Planned(number, index, None, told(error, "making the plan")))
            else:
                self._post(Planned(number, index, made))

    def _await(self, number: int, index: int, said: str) -> None:
        """Tell what a plan waits for; raises _LeftError where nobody looks any more."""
        if self._stopped.is_set():
            raise _LeftError
        self._post(Awaiting(number, index, said))

    # The runner

    def warm(self, requests: Sequence[Request], *, break_glass: bool = False) -> None:
        """Start the runner, so that it has loaded by the time of the yes; one from before is let go."""
        self._warmed.clear()
        self._no_runner = ""
        with self._lock:
            self._warming += 1
            before, self._runner = self._runner, None
        if before is not None:
            before.cancel()
        self._start("warm the runner", partial(self._warm, self._warming, requests, break_glass=break_glass))

    def _warm(self, number: int, requests: Sequence[Request], *, break_glass: bool) -> None:
        try:
            # What cannot be recorded cannot be done: better known now than after the yes.
            self._desk.store.check()
            connections = sorted({one.connection for one in requests})
            credentials = self._desk.credentials_for(self._desk.read_by(requests), break_glass=break_glass)
            runner = self._desk.launcher_for(connections, break_glass=break_glass).warm(credentials)
        except Exception as error:  # noqa: BLE001 - said in the frame, whatever it is
            if number != self._warming:
                return
            self._no_runner = told(error, "starting the runner")
            self._post(RunnerFailed(self._no_runner))
        else:
            with self._lock:
                is_newest = number == self._warming
                if is_newest:
                    self._runner = runner
            if not is_newest:
                runner.cancel()
                return
        self._warmed.set()
        self._let_go()

    def stop(self) -> None:
        """Post nothing more and end a runner that waits; what was confirmed goes on."""
        self._stopped.set()
        self._let_go()

    def _let_go(self) -> None:
        """End the runner once nobody needs it: the screen is left, and no yes is being handed over."""
        with self._lock:
            if not self._stopped.is_set() or self._busy or self._runner is None:
                return
            runner, self._runner = self._runner, None
        runner.cancel()

    # The yes

    def confirm(self, proposals: Mapping[int, Proposal], answer: Answer, *, opens: str = "") -> None:
        """Write the yes down for each plan and hand it to the runner.

        ``opens`` names the environment whose write window is opened first, where one is.
        """
        with self._lock:
            self._busy = True
        self._start("confirm", partial(self._confirm, dict(proposals), answer, opens))

    def _confirm(self, proposals: dict[int, Proposal], answer: Answer, opens: str) -> None:
        try:
            self._hand_over(proposals, answer, opens)
        except Exception as error:  # noqa: BLE001 - said in the frame, whatever it is
            for index in proposals:
                self._post(Refused(index, told(error, "confirming")))
        finally:
            with self._lock:
                self._busy = False
            self._post(Answered())
            self._let_go()

    def _hand_over(self, proposals: dict[int, Proposal], answer: Answer, opens: str) -> None:
        self._warmed.wait()
        runner = self._runner
        if runner is None:
            raise _NoRunnerError(self._no_runner)
        changes = self._desk.changes
        if opens:
            answer = replace(answer, window=changes.window(opens, answer.reason))
            proposals = {index: changes.with_window(one, answer.window) for index, one in proposals.items()}
        try:
            self._confirm_each(proposals, answer, runner)
        finally:
            # The border that this draws would hold the first send up.
            if opens and answer.window is not None:
                self._post(WindowOpened(answer.window))

    def _confirm_each(self, proposals: dict[int, Proposal], answer: Answer, runner: Runner) -> None:
        changes = self._desk.changes
        for index, proposal in proposals.items():
            own = replace(answer, accepted=tuple(x for x in answer.accepted if x in proposal.needs.accept))
            try:
                operation = changes.confirm(proposal, own)
            except Exception as error:  # noqa: BLE001 - one that is refused does not stop the others
                self._post(Refused(index, told(error, "confirming")))
                continue
            try:
                awaited = changes.awaited(operation)
            except Exception as error:  # noqa: BLE001 - it is confirmed, and the runner asks again
                self._post(Went(index, operation, trouble=told(error, "asking who has to approve it")))
                continue
            if awaited is not None and awaited.said:
                self._wait(index, operation)
            else:
                self._go(index, operation, runner)

    def _wait(self, index: int, operation: Operation) -> None:
        """Nobody begins it before others have approved it; it is followed all the same."""
        self._desk.operation_watch.nudge(moved=True)
        self._post(Waits(operation))
        self._post(Went(index, operation))
        self.follow(index, operation.plan.operation)

    def approve(self, operation: str) -> None:
        """Sign an approval; what came of it is said."""
        self._start(
            "approve", partial(self._say, operation, partial(self._desk.approvals.approve, operation))
        )

    def reject(self, operation: str, reason: str) -> None:
        """Sign a rejection, and end the operation where one may; what came of it is said."""

        def reject() -> Standing:
            after = self._desk.approvals.reject(operation, reason)
            self._desk.by_hand.end_rejected(operation, after.said)
            return after

        self._start("reject", partial(self._say, operation, reject))

    def withdraw(self, operation: str, reason: str) -> None:
        """Take back what was not begun; what came of it is said."""

        def work() -> None:
            from fedesk.ui.following import Said

            try:
                after = self._desk.by_hand.withdraw(operation, reason)
                said = f"Operation {operation} {after.said or 'is taken back, and ended by whoever may'}."
            except Exception as error:  # noqa: BLE001 - said on the screen, whatever it is
                said = told(error, "taking it back")
            self._desk.operation_watch.nudge(moved=True)
            self._post(Said(said))

        self._start("withdraw", work)

    def _set_aside(self, broken: Operation) -> None:
        """Take back what waits for the same, once what the glass was broken for is under way."""
        from fedesk.ui.following import Said

        for said in self._desk.by_hand.set_aside(broken):
            self._post(Said(said))
        self._desk.operation_watch.nudge(moved=True)

    def _say(self, operation: str, say: Callable[[], Standing]) -> None:
        from fedesk.ui.following import Said

        try:
            after = say()
            said = f"Operation {operation} {after.said or 'waits for nobody any more'}."
        except Exception as error:  # noqa: BLE001 - said on the screen, whatever it is
            said = told(error, "signing")
        self._desk.operation_watch.nudge(moved=True)
        self._post(Said(said))

    def _go(self, index: int, operation: Operation, runner: Runner) -> None:
        identity = operation.plan.operation
        try:
            runner.go(identity)
        except Exception as error:  # noqa: BLE001 - said in the frame, whatever it is
            self._post(Went(index, operation, trouble=told(error, "starting it")))
            return
        self._desk.operation_watch.nudge(moved=True)
        self._post(Went(index, operation))
        self.follow(index, identity, runner)
        if operation.confirmation.break_glass:
            self._start("set aside", partial(self._set_aside, operation))

    # Watching

    def follow(self, index: int, operation: str, runner: Runner | None = None) -> None:
        """Follow an operation until it has ended; Went follows at each change."""
        self._start(f"follow {operation}", partial(self._follow, index, operation, runner))

    def _follow(self, index: int, operation: str, runner: Runner | None) -> None:
        from fedesk.services.following import follow
        from fedesk.services.kinds import KINDS

        latest = time.monotonic() + self._claimed_within
        last: Operation | None = None
        told_so = False

        def pause(seconds: float) -> None:
            nonlocal told_so
            if self._stopped.wait(seconds):
                raise _LeftError
            if not told_so and _is_overdue(last, runner, latest):
                told_so = True
                said = (runner and runner.trouble()) or "it has said nothing"
                who = (runner and runner.where) or "The runner"
                self._post(Went(index, last, trouble=f"{who} has not taken it over: {said}"))

        def away(error: Exception) -> None:
            self._post(Went(index, last, trouble=str(error)))

        try:
            for last in follow(
                self._desk.store, operation, pause=pause, processes=self._desk.processes, away=away
            ):
                kind = KINDS.get(last.plan.kind)
                steps, verb = (kind.steps_of(last.plan), kind.action) if kind else ((), "")
                self._post(Went(index, last, steps=steps, verb=verb))
        except _LeftError:
            return
        except Exception as error:  # noqa: BLE001 - said in the frame, whatever it is
            self._post(Went(index, last, trouble=told(error, "following it")))
            return
        if last is None:
            self._post(Went(index, None, trouble=f"The store knows no operation {operation}."))
        elif last.stage is not Stage.ENDED:
            self._post(Went(index, last, trouble="The process that carried it out has died."))

    def recheck(self, index: int, operation: Operation) -> None:
        """Look in the systems for what was done; sends nothing."""
        self._start("look again", partial(self._recheck, index, operation))

    def _recheck(self, index: int, operation: Operation) -> None:
        from fedesk.services.kinds import KINDS

        try:
            found = self._desk.recheck(operation.plan.operation)
        except Exception as error:  # noqa: BLE001 - said in the frame, whatever it is
            self._post(Went(index, operation, trouble=told(error, "looking again")))
            return
        kind = KINDS.get(found.plan.kind)
        self._post(Went(index, found, steps=kind.steps_of(found.plan) if kind else ()))


def _is_overdue(operation: Operation | None, runner: Runner | None, latest: float) -> bool:
    """Whether a runner should have taken it over by now; ``latest`` is when one that is warm would have."""
    unclaimed = operation is not None and operation.stage is Stage.CONFIRMED
    return unclaimed and runner is not None and time.monotonic() > latest + runner.delay()


class _NoRunnerError(Exception):
    """There is no process that could carry it out."""


def told(error: Exception, doing: str) -> str:
    """The sentence of an error of ours; of a fault its kind alone, for its text may hold anything."""
    from fedesk.domain.incidents import WordingError
    from fedesk.domain.marks import MarkError
    from fedesk.ports.changing import LaunchError
    from fedesk.ports.errors import SourceError
    from fedesk.ports.operation_store import StoreError
    from fedesk.services.proposals import RefusedError
    from fedesk.services.quarantining import QuarantineError

    words = (WordingError, MarkError, QuarantineError, _NoRunnerError)
    if isinstance(error, (SourceError, StoreError, RefusedError, LaunchError, *words)):
        return str(error)
    return f"fedesk failed while {doing}: {type(error).__name__}."


def _holder_of(desk: Desk, proposal: Proposal) -> str:
    """The operation that holds a target of a plan that is blocked."""
    if not proposal.is_blocked:
        return ""
    holder = desk.store.holder(proposal.plan.reserves, besides=proposal.plan.operation)
    return holder.plan.operation if holder is not None else ""
