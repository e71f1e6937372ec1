"""Drafts that an environment's executor makes, with rights that people do not have.

A build of the executor's job drafts and changes nothing; what it drafted is read from its log. Whatever goes
wrong is one sentence, and leaves the desk with the draft that it has made itself.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from fedesk.domain.names import RunName
from fedesk.domain.operations import StepState
from fedesk.domain.reruns import RerunRequest
from fedesk.domain.runs import LogChunk, LogRequest
from fedesk.domain.states import State
from fedesk.ports.errors import NotFoundError, SourceError
from fedesk.ports.sources import Clock, Connection, RunSource
from fedesk.services.asked_executor import ExecutorJob
from fedesk.services.draft_documents import RUN, Drafted, DraftError, asked_name, found_in, read
from fedesk.services.operation_kinds import Draft, OperationKind

LOOK_EVERY = 1.0
"""Seconds between two looks at the build: somebody waits for the plan."""
WITHIN = 90.0
"""Seconds from a build's beginning to its draft: a machine is found, fedesk starts, systems answer."""
LONGEST_LOG = 8 * 1024 * 1024
"""Characters of the build's log that are looked through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorDrafts:
    """Asks the executor of one environment. Blocking."""

    job: ExecutorJob
    clock: Clock
    new_id: Callable[[], str]
    """Mints ids of requests: UUIDs."""
    pause: Callable[[float], None] = time.sleep

    def ask(
        self,
        request: RerunRequest,
        own: Draft,
        kind: OperationKind,
        connection: Connection,
        tell: Callable[[str], None],
    ) -> Drafted:
        """The executor's draft of what ``own`` is the desk's of; ``tell`` hears what it waits for.

        Raises DraftError, SourceError where the executor cannot be asked, and what ``tell`` raises.
        """
        name, asked = asked_name(request), self.new_id()
        if RUN.fullmatch(name) is None:
            raise DraftError("the run's name has characters that no executor's job takes")
        tell(f"Waiting for {self.job.where} to draft the plan: {own.personal} …")
        item = self.job.executor.call(lambda system: system.ask_for_draft(name, asked))
        build = self._begun(item, asked, tell)
        tell(f"Waiting for {build} to draft the plan: {own.personal} …")
        self._ended(build)
        try:
            text = self._line(build, asked)
            draft, made_by = read(text, asked, name=name, own=own, kind=kind, connection=connection)
        except DraftError as error:
            raise DraftError(f"{build} was not believed: {error}") from None
        return Drafted(draft=draft, made_by=f"{build}, {made_by}")

    def _begun(self, item: int, asked: str, tell: Callable[[str], None]) -> RunName:
        until = self.clock.monotonic() + self.job.begins_within
        said = f"queue item {item} has not been looked at"
        while True:
            try:
                found = self.job.follow(item, asked)
            except SourceError as error:
                said = str(error)
            else:
                said = found.said
                build = self.job.build(found)
                if build is not None:
                    return build
                if found.state in (StepState.FAILED, StepState.UNKNOWN):
                    raise DraftError(said)
                tell(f"Waiting for {self.job.where} to draft the plan. {said} …")
            self._pause(until, f"it did not begin within {self.job.begins_within:g} s: {said}")

    def _ended(self, build: RunName) -> None:
        """Return when the build has ended well."""
        until, said = self.clock.monotonic() + WITHIN, "it still runs"
        while True:
            try:
                state = self.job.run(build).state
            except SourceError as error:
                said = str(error)
            else:
                if state is State.SUCCEEDED:
                    return
                if state.is_final:
                    raise DraftError(f"{build} has ended {state.value}; `fedesk log {build}` has its words")
            self._pause(until, f"{build} made none within {WITHIN:g} s: {said}")

    def _pause(self, until: float, said: str) -> None:
        if self.clock.monotonic() >= until:
            raise DraftError(said)
        self.pause(LOOK_EVERY)

    def _line(self, build: RunName, asked: str) -> str:
        """The one document in a build's log that bears the request's id. Raises DraftError, SourceError."""
        found: list[str] = []
        for text in self._log(build):
            for line in text.split("\n"):
                document = found_in(line, asked)
                found += [] if document is None else [document]
        if len(found) != 1:
            raise DraftError(f"its log holds {len(found) or 'no'} draft{'s' * (len(found) > 1)}")
        return found[0]

    def _log(self, build: RunName) -> Iterator[str]:
        """The pieces of a build's log, each of whole lines. Raises DraftError, SourceError."""
        runs = self.job.jenkins.runs
        if runs is None:
            raise NotFoundError(f"{self.job.jenkins.name} is no Jenkins whose builds are read.")
        until, size, chunk = self.clock.monotonic() + WITHIN, 0, LogChunk(text="", cursor="", complete=False)
        while not chunk.complete:
            cursor = chunk.cursor
            chunk = runs.call(partial(_piece, build, cursor))
            size += len(chunk.text)
            if size > LONGEST_LOG:
                raise DraftError("its log is longer than any draft")
            yield chunk.text
            if not chunk.complete and chunk.cursor == cursor:
                self._pause(until, "its log does not end")


def _piece(build: RunName, cursor: str, system: RunSource) -> LogChunk:
    return system.log(LogRequest(run=build), cursor)
