"""What the frames of an operation have done for them: on daemon threads, answered by message.

Plans are made, the runner is warmed, the yes is written down and handed to the runner, the operation is
followed through the store. The screen waits for none of it, and leaving the screen stops no operation.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from fedesk.domain.operations import Stage
from fedesk.ui.operation_news import (
    Answered,
    Awaiting,
    Made,
    NoRunnerError,
    Planned,
    Refused,
    RunnerFailed,
    Waits,
    Went,
    WindowOpened,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from textual.message import Message
    from textual.widget import Widget

    from fedesk.domain.approving import Standing
    from fedesk.domain.operations import Operation, WriteWindow
    from fedesk.domain.requests import Request
    from fedesk.ports.changing import Runner
    from fedesk.services.proposals import Answer, Proposal
    from fedesk.ui.batch import Batch
    from fedesk.ui.desk import Desk

_PLANS_AT_ONCE = 3


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

    def confirm(
        self,
        proposals: Mapping[int, Proposal],
        answer: Answer,
        *,
        opens: str = "",
        batch: Batch | None = None,
    ) -> None:
        """Write the yes down for each plan and hand it to the runner: at once, or as a batch.

        ``opens`` names the environment whose write window is opened first, where one is.
        """
        with self._lock:
            self._busy = True
        self._start("confirm", partial(self._confirm, dict(proposals), answer, opens, batch))

    def _confirm(
        self,
        proposals: dict[int, Proposal],
        answer: Answer,
        opens: str,
        batch: Batch | None,
    ) -> None:
        try:
            self._hand_over(proposals, answer, opens, batch)
        except Exception as error:  # noqa: BLE001 - said in the frame, whatever it is
            for index in proposals:
                self._post(Refused(index, told(error, "confirming")))
        finally:
            with self._lock:
                self._busy = False
            self._post(Answered())
            self._let_go()

    def _hand_over(
        self,
        proposals: dict[int, Proposal],
        answer: Answer,
        opens: str,
        batch: Batch | None,
    ) -> None:
        self._warmed.wait()
        runner = self._runner
        if runner is None:
            raise NoRunnerError(self._no_runner)
        changes = self._desk.changes
        if opens:
            answer = replace(answer, window=changes.window(opens, answer.reason))
            proposals = {index: changes.with_window(one, answer.window) for index, one in proposals.items()}
        opened = WindowOpened(answer.window) if opens and answer.window is not None else None
        if batch is not None:
            first = next(iter(proposals.values()))
            batch.run(first, answer.window, partial(self._begin, answer, runner, opened), self._refuse)
            return
        try:
            for index, proposal in proposals.items():
                self._confirm_one(index, proposal, answer, runner)
        finally:
            # The border that this draws would hold the first send up.
            if opened is not None:
                self._post(opened)

    def _begin(
        self, answer: Answer, runner: Runner, opened: WindowOpened | None, index: int, proposal: Proposal
    ) -> Operation | None:
        """One of a batch; the frame has the keys again from the first on."""
        try:
            return self._confirm_one(index, proposal, answer, runner)
        finally:
            self._post(Answered())
            if opened is not None:
                self._post(opened)

    def _refuse(self, index: int, why: str) -> None:
        self._post(Refused(index, why))

    def _confirm_one(
        self, index: int, proposal: Proposal, answer: Answer, runner: Runner
    ) -> Operation | None:
        """The operation, handed over; None where it was refused, which does not stop the others."""
        changes = self._desk.changes
        own = replace(answer, accepted=tuple(x for x in answer.accepted if x in proposal.needs.accept))
        try:
            operation = changes.confirm(proposal, own)
        except Exception as error:  # noqa: BLE001 - said in the frame, whatever it is
            self._post(Refused(index, told(error, "confirming")))
            return None
        try:
            awaited = changes.awaited(operation)
        except Exception as error:  # noqa: BLE001 - it is confirmed, and the runner asks again
            self._post(Went(index, operation, trouble=told(error, "asking who has to approve it")))
            return operation
        if awaited is not None and awaited.said:
            self._wait(index, operation)
        else:
            self._go(index, operation, runner)
        return operation

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
        elif said := self._said_at_end(last):
            self._post(Went(index, last, trouble=said))

    def _said_at_end(self, last: Operation) -> str:
        """What the operation itself does not say, once it is no longer followed."""
        if last.stage is not Stage.ENDED:
            return "The process that carried it out has died."
        is_put_back = self._desk.releases.is_put_back(last)
        return "The catalogue has it rolled back by itself: u leads there." if is_put_back else ""

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


def _holder_of(desk: Desk, proposal: Proposal) -> str:
    """The operation that holds a target of a plan that is blocked."""
    if not proposal.is_blocked:
        return ""
    holder = desk.store.holder(proposal.plan.reserves, besides=proposal.plan.operation)
    return holder.plan.operation if holder is not None else ""
