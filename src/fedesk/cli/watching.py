"""Following what was confirmed: until it is claimed, to its end, and the run behind it to its own end."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedesk.cli import acts
from fedesk.cli.output import narrate
from fedesk.cli.session import StopError
from fedesk.domain.operations import Outcome, Stage
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.names import RunName
    from fedesk.domain.operations import JournalEntry, Operation
    from fedesk.domain.runs import Run
    from fedesk.execution import Desk
    from fedesk.ports.changing import Runner
    from fedesk.ports.operation_store import StoreUnavailableError
    from fedesk.services.run_reading import RunReading

CLAIM_WITHIN = 5.0
"""Seconds a runner has to claim what it was told to execute."""
RUN_PAUSE = 3.0
"""Seconds between two looks at the run that goes on."""
_PATIENCE = 10
"""Looks in a row that may fail while a run is followed."""
AWAY_WITHIN = 60.0
"""Seconds for which a store that went away is waited for, before one says that no more can be told."""
pause = time.sleep


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """How the run went on that an operation started again."""

    name: "RunName"
    run: "Run | None"
    """As it was seen last; None where it could not be read."""
    said: str

    @property
    def code(self) -> Exit:
        """0 where it succeeded, 1 where it did not, 7 where that cannot be told."""
        if self.run is None or not self.run.state.is_final:
            return Exit.OUTCOME_UNKNOWN
        return Exit.FAILED if self.run.state.is_bad else Exit.DONE


def begin(desk: "Desk", runner: "Runner | None", operation: str) -> None:
    """Have a confirmed operation executed, and wait until it was claimed; raises LaunchError, StopError."""
    if runner is None:
        raise StopError(f"No runner was started for operation {operation}; nothing was sent.", Exit.FAULT)
    runner.go(operation)
    waited = _waited(desk, runner, operation)
    if waited is None:
        return
    trouble = runner.trouble()
    said = f"it said: {trouble}" if trouble else "it said nothing"
    who = f"The executor {runner.where}" if runner.where else "The runner"
    sentence = (
        f"{who} did not take operation {operation} within {waited:.0f} s; {said}."
        f" Look before you ask again: `fedesk operations show {operation}`"
    )
    raise StopError(sentence, Exit.UNREACHABLE if runner.where else Exit.FAULT)


def _waited(desk: "Desk", runner: "Runner", operation: str) -> float | None:
    """Wait until the operation was claimed, and say where an executor's job stands; the seconds in vain."""
    from fedesk.services.following import wait_until_claimed

    waited, told = 0.0, ""
    while waited < CLAIM_WITHIN + runner.delay():
        if runner.where and runner.trouble() != told:
            told = runner.trouble()
            narrate(f"{told}.")
        if wait_until_claimed(desk.store, operation, CLAIM_WITHIN, pause):
            return None
        waited += CLAIM_WITHIN
    return waited


def follow_to_its_end(desk: "Desk", operation: str, *, prefix: str = "") -> "Operation":
    """Narrate one line per entry of the journal until it has ended, and give the operation as it is then.

    One whose runner has died is given as it was left, not ended. A store that goes away is waited for; raises
    StoreError where it stays away.
    """
    from fedesk.services.following import AWAY_EVERY, follow

    told, away = 0, 0.0
    found: Operation | None = None

    def wait(error: "StoreUnavailableError") -> None:
        nonlocal away
        if away >= AWAY_WITHIN:
            raise error
        if not away:
            narrate(f"{prefix}{error} The operation goes on; it is followed when the store is back.")
        away += AWAY_EVERY

    for found in follow(desk.store, operation, pause=pause, processes=desk.processes, away=wait):
        away = 0.0
        for entry in found.journal:
            if entry.number > told:
                narrate(f"{prefix}{entry_line(entry)}")
                told = entry.number
    if found is None:
        raise StopError(f"The store does not know operation {operation}.", Exit.FAULT)
    if found.stage is not Stage.ENDED:
        narrate(
            f"{prefix}Its runner has died; `fedesk operations recheck {operation}` looks it up, "
            f"`fedesk execute {operation}` carries it on."
        )
    elif found.outcome is Outcome.UNKNOWN:
        narrate(f"{prefix}{acts.how_to_look(found)}.")
    return found


def entry_line(entry: "JournalEntry") -> str:
    """An entry as one line: ``clear: done: 3 task instances cleared``; the words alone without a step."""
    return f"{entry.step}: {entry.state.value}: {entry.said}" if entry.step else entry.said


def run_behind(operation: "Operation", run: "RunName") -> "RunName":
    """The run that an operation on ``run`` started: the build that came of it, else the same run again."""
    from fedesk.domain.names import RunName, split_build

    builds = [entry.reference for entry in operation.journal if entry.reference.startswith(_BUILD)]
    if not builds:
        return run
    job, _ = split_build(run.id)
    return RunName(run.connection, f"{job}#{builds[-1].removeprefix(_BUILD)}")


_BUILD = "build:"
"""What begins the reference of a journal entry that found the build."""


def follow_run(reading: "RunReading", name: "RunName") -> Followed:
    """Look at a run until it has ended, narrating each change of its state."""
    from fedesk.ports.errors import SourceError

    seen: Run | None = None
    failed = 0
    while True:
        try:
            run = reading.detail(name).run
        except SourceError as error:
            failed += 1
            if failed > _PATIENCE:
                return Followed(name=name, run=None, said=str(error))
            narrate(f"{error} Trying again.")
            pause(RUN_PAUSE)
            continue
        failed = 0
        if seen is None or run.state is not seen.state:
            narrate(f"{name}: {run.state.value}" + (f": {run.reason}" if run.reason else ""))
        seen = run
        if run.state.is_final:
            return Followed(name=name, run=run, said=run.reason)
        pause(RUN_PAUSE)
