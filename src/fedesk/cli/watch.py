"""``fedesk watch``: sees to it that people are told, without a screen."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import output, session
from fedesk.cli.output import narrate
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.cli.output import Json
    from fedesk.services.delivering import Told
    from fedesk.watch import Watch

SCHEMA = "fedesk-watch/1"


def watch(
    context: typer.Context,
    once: Annotated[
        bool, typer.Option("--once", help="Look once, tell what is to be told, and end; for a scheduler.")
    ] = False,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """Tell people what happens, as [notify] of the configuration says, until SIGTERM or Ctrl+C.

    Watches each environment that a route names, or the one of --env. Several may run over one store: one
    leads, the others stand by. One line an event on stderr; with --json-lines one record on stdout. With
    --once exit code 8 says that a system or a receiver could not be reached.
    """
    if as_json and not once:
        raise session.StopError(
            "--json prints one document, at the end: add --once, or --json-lines", Exit.USAGE
        )
    events = _Events(as_json=as_json, as_lines=as_lines, environment=environment)
    with closing(session.open_desk(context, config, environment)) as desk:
        if not desk.config.notify.receivers and desk.config.notify.heartbeat is None:
            raise session.StopError(
                f"{desk.config.path} names nobody to tell: write [notify], as docs/watching.md shows",
                Exit.USAGE,
            )
        from fedesk.watch import watch_of

        watching = watch_of(desk, environment, events.take, once=once)
        if once:
            return _once(watching, events)
        with _ended_by_signals() as ended:
            watching.run(ended)
    return Exit.DONE


def _once(watching: "Watch", events: "_Events") -> int:
    from fedesk.services.delivering import What

    failures = [one.failure for one in watching.once() if one.failure is not None]
    events.close()
    for failure in failures:
        narrate(failure.sentence)
    if any(one.what is What.AWAY for one in events.known):
        return Exit.AUDIT_UNAVAILABLE
    untold = {What.NOT_SENT, What.GIVEN_UP, What.NO_BEAT}
    return output.exit_for(failures) or (
        Exit.UNREACHABLE if any(one.what in untold for one in events.known) else Exit.DONE
    )


@contextmanager
def _ended_by_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set; a second one ends the process as ever."""
    ended = threading.Event()
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}

    def end(number: int, _frame: object) -> None:
        signal.signal(number, before[signal.Signals(number)])
        ended.set()

    for one in before:
        signal.signal(one, end)
    try:
        yield ended
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


class _Events:
    """Prints what happens, as it happens; may be told from any thread."""

    def __init__(self, *, as_json: bool, as_lines: bool, environment: str | None) -> None:
        self.known: list[Told] = []
        self._as_json = as_json
        self._as_lines = as_lines
        self._environment = environment
        self._lock = threading.Lock()

    def take(self, told: "Told") -> None:
        """One event."""
        with self._lock:
            if self._as_json:
                self.known.append(told)
                return
            self.known = [*self.known[-99:], told]
            if self._as_lines:
                output.records(SCHEMA, self._environment, told.at, events=[_document(told)])
                sys.stdout.flush()
            narrate(f"{told.at:%H:%M:%S} {told.what.value}: {told.said}")

    def close(self) -> None:
        """Print what is printed at the end."""
        if self._as_json:
            at = self.known[-1].at if self.known else None
            output.document(SCHEMA, self._environment, at, events=[_document(one) for one in self.known])


def _document(told: "Told") -> "Json":
    return {
        "at": output.instant(told.at),
        "what": told.what.value,
        "said": told.said,
        "environment": told.environment or None,
        "event": told.event or None,
        "key": told.key or None,
        "receiver": told.receiver or None,
    }
