"""``fedesk execute``: execute a confirmed operation, in this process or, by a pipe, in one process each.

The desk and the command line start it themselves, warm, before a plan is confirmed (``fedesk.launcher``).
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from fedesk.cli import apart, session
from fedesk.cli.output import narrate
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.operations import Operation
    from fedesk.execution import Desk
    from fedesk.ports.sources import Clock


def execute(
    context: typer.Context,
    plan: Annotated[
        str | None,
        typer.Argument(metavar="PLAN", help="Id of a confirmed operation, whole or its beginning."),
    ] = None,
    pipe: Annotated[bool, typer.Option("--pipe", hidden=True)] = False,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Execute an operation that was confirmed, or carry on one that nobody carries on, and say how it ended.

    It acts once: what was begun before is looked up, never sent again; then it goes on with the steps left.
    """
    if pipe:
        return serve(sys.stdin.buffer, session.clock_of(context))
    if plan is None:
        raise session.StopError("Name the operation: `fedesk execute PLAN`.", Exit.USAGE)
    from fedesk.cli.operations import tell_ended

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    desk = apart.open_desk(context, config, environment, plan)
    try:
        found = desk.store.operation(plan)
        if found is None:
            raise session.StopError(
                f"There is no operation {plan}; `fedesk operations list` has all.", Exit.FAILED
            )
        return tell_ended(desk, _carried_out(desk, found), as_json=as_json)
    finally:
        desk.close()
        # What is started after it hears again when its line to the terminal goes.
        signal.signal(signal.SIGHUP, before)


def _carried_out(desk: "Desk", found: "Operation") -> "Operation":
    """Executed here; where its environment has an executor, that one is asked, and followed.

    Of one that has ended it is said here that it has.
    """
    from fedesk.cli import watching
    from fedesk.ports.operation_store import NotClaimableError

    plan = found.plan
    waits = desk.approvals.waits(found)
    if waits:
        desk.approvals.refuse_to_begin(found, waits)
        raise session.StopError(waits, Exit.APPROVAL_MISSING)
    connections = sorted({plan.connection, *(effect.connection for effect in plan.effects)})
    broken = found.confirmation.break_glass
    launcher = desk.launcher_for(connections, break_glass=broken)
    if launcher is desk.launcher:
        return desk.execute(plan.operation)
    if not found.is_open:
        raise NotClaimableError(f"Operation {plan.operation} has ended: {found.outcome}.")
    runner = launcher.warm(desk.credentials_for(desk.asked_by(plan), break_glass=broken))
    watching.begin(desk, runner, plan.operation)
    return watching.follow_to_its_end(desk, plan.operation)


def serve(requests: BinaryIO, clock: "Clock") -> int:
    """Load, then execute each operation named in a line of ``requests``, in a forked process each.

    The first line holds configuration and credentials. Ends when the pipe does.
    """
    # The line to the terminal may go, and a key pressed for the desk may reach its group.
    for deaf in (signal.SIGHUP, signal.SIGINT, signal.SIGTSTP, signal.SIGTTOU):
        signal.signal(deaf, signal.SIG_IGN)
    from fedesk.preloading import preload

    preload()
    header = requests.readline()
    if not header:
        return Exit.DONE
    desk = _opened(header, clock)
    del header
    # Nobody waits for the forked ones; the system takes them away when they end.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while line := requests.readline():
        operation = line.decode("utf-8", "replace").strip()
        if os.fork() == 0:
            _execute_and_exit(desk, operation)
    return Exit.DONE


def _opened(header: bytes, clock: "Clock") -> "Desk":
    from fedesk.ports.endpoint import SecretText
    from fedesk.runner_desk import open_runner

    document = json.loads(header.decode("utf-8", "surrogatepass"))
    credentials = {name: SecretText(secret) for name, secret in document["credentials"].items()}
    emergency, local = document.get("emergency", ""), document.get("apart", "")
    return open_runner(
        Path(document["config"]),
        credentials,
        clock,
        narrate,
        emergency=emergency,
        apart=Path(local) if local else None,
    )


def _execute_and_exit(desk: "Desk", operation: str) -> None:
    """What the forked process does: one operation, and out, without the parent's ends of anything."""
    code = int(Exit.FAULT)
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nowhere, 0)
        os.close(nowhere)
        code = int(_executed(desk, operation))
    finally:
        sys.stderr.flush()
        os._exit(code)


def _executed(desk: "Desk", operation: str) -> Exit:
    from fedesk.ports.errors import SourceError
    from fedesk.ports.operation_store import StoreError, UnrecordedError

    try:
        desk.execute(operation)
    except UnrecordedError as error:
        narrate(str(error))
        return Exit.OUTCOME_UNKNOWN
    except StoreError as error:
        narrate(str(error))
        return Exit.AUDIT_UNAVAILABLE
    except SourceError as error:
        narrate(str(error))
        return Exit.UNREACHABLE
    except Exception as error:  # noqa: BLE001 - the one who follows reads it; what was begun is looked up
        from fedesk.ui.faults import sentence, write_crash

        narrate(sentence(error, write_crash(error, desk.clock.now())))
        return Exit.FAULT
    return Exit.DONE
