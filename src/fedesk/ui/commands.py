"""What a command of the ``:`` line does, and what there is to complete it with."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from fedesk.domain.addresses import Place as Site
from fedesk.domain.addresses import is_address, run_at
from fedesk.domain.incidents import WordingError, id_of, reason_for
from fedesk.domain.names import NameNotUnderstoodError, RunName, TaskName
from fedesk.domain.redaction import redact
from fedesk.domain.reruns import RerunRequest
from fedesk.ui import present
from fedesk.ui.actions import Place
from fedesk.ui.command_line import Known
from fedesk.ui.following import Said
from fedesk.ui.operation_news import told
from fedesk.ui.screens.run import RunScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from fedesk.domain.board import Board
    from fedesk.domain.incidents import Incident
    from fedesk.domain.runs import Run
    from fedesk.ui.app import DeskApp
    from fedesk.ui.command_line import Parsed
    from fedesk.ui.desk import Desk, Reporting
    from fedesk.ui.screens.base import DeskScreen

_RUNS_OFFERED = 400
_LONGEST_OFFERED = 400
"""Characters of a name that is completed: nobody types more, and each key looks at all that are offered."""
_OF_ANY_ENVIRONMENT = {("rerun",), ("incident", "open")}
"""Commands whose ``--env`` says where something is done, rather than where one looks."""


class _StopError(Exception):
    """The command cannot be done: one sentence."""


# What there is


def known_of(screen: DeskScreen) -> Known:
    """Names on the board, operations of the store, environments of the configuration."""
    app = screen.desk_app
    board = app.board
    for opened in app.screen_stack:
        if isinstance(opened, RunScreen) and opened.detail is not None:
            app.note_tasks(opened.detail)
    return Known(
        runs=tuple(_offered(str(name) for name in _run_names(screen, board)))[:_RUNS_OFFERED],
        tasks={str(run): tuple(_offered(tasks)) for run, tasks in app.known_tasks.items()},
        pipelines=tuple(_offered(row.name for row in board.pipelines)) if board else (),
        incidents={one.id: present.text(redact(one.title).text, 80) for one in app.following.incidents},
        operations={one.id: f"{one.course.value}, {one.sentence}" for one in app.following.operations},
        environments=tuple(one.name for one in app.environments),
        services=app.desk.catalogue.released if app.desk is not None else (),
    )


def _offered(names: Iterable[str]) -> Iterator[str]:
    """Each once, in their order, without those that nobody would type."""
    return (name for name in dict.fromkeys(names) if len(name) <= _LONGEST_OFFERED)


def _run_names(screen: DeskScreen, board: Board | None) -> Iterator[RunName]:
    """What the cursor is on, what is wrong, what failed, and the newest of the others."""
    if screen.target.run is not None:
        yield screen.target.run
    if board is None:
        return
    yield from (finding.run for finding in board.findings if finding.run is not None)
    runs = [run for history in board.histories for run in history.runs]
    runs.sort(key=lambda run: (not run.state.is_bad, -(run.at.timestamp() if run.at else 0.0)))
    yield from (run.name for run in runs)


# What is done


def perform(screen: DeskScreen, parsed: Parsed) -> None:
    """Do what was typed; what stands against it is said in one sentence."""
    app = screen.desk_app
    if parsed.ignored:
        app.say(f"{', '.join(parsed.ignored)} has no effect here: this line ends at the plan.")
    try:
        named = parsed.flags.get("--env")
        if named is not None and parsed.command.words not in _OF_ANY_ENVIRONMENT:
            _go_to(app, named)
        _COMMANDS[parsed.command.words](app, parsed)
    except _StopError as stop:
        app.say(str(stop))


def _go_to(app: DeskApp, name: str) -> None:
    _check_environment(app, name)
    app.select_environment(name)


def _check_environment(app: DeskApp, name: str) -> None:
    names = [one.name for one in app.environments]
    if name not in names:
        raise _StopError(f"There is no environment {name!r}; there are {', '.join(names)}.")


def _check_right(app: DeskApp, verb: str, environment: str, ask: Callable[[Desk], object]) -> None:
    """Stop where whoever sits here may not do it. Then ``ask`` is called, which puts that on the record."""
    desk = app.desk
    why = desk.rights.against(verb, environment) if desk is not None else ""
    if desk is not None and why:
        app.following.refuse(partial(ask, desk))
        raise _StopError(f"{verb}: {why}.")


def _permit(verb: str, environment: str, target: str, desk: Desk) -> None:
    desk.permit(verb, environment, target)


def _check_rerun(app: DeskApp, run: RunName) -> None:
    there = run.connection.environment
    _check_right(app, "rerun", there, partial(_permit, "rerun", there, str(run)))


def _rerun(app: DeskApp, parsed: Parsed) -> None:
    named = [_named(app, one, failed=True) for one in parsed.arguments]
    for run, _ in named:
        _check_rerun(app, run)
    requests = tuple(
        RerunRequest(run=run, task=task, environment=parsed.flags.get("--env")) for run, task in named
    )
    app.open_plan(requests, _reason(app, parsed))


def _release(verb: str, kind: str) -> Callable[[DeskApp, Parsed], None]:
    """Plan what is done to services; ``verb`` is the right that it takes."""

    def plan(app: DeskApp, parsed: Parsed) -> None:
        from fedesk.ui.batch import open_releases

        flags, desk = parsed.flags, app.desk
        if desk is None:
            raise _StopError("The systems are still being opened.")
        digest = flags.get("--digest") or flags.get("--to") or ""
        if digest and len(parsed.arguments) > 1:
            raise _StopError("--digest is of one service's release; name one service.")
        for name in parsed.arguments:
            if name not in desk.catalogue.released:
                near = _near(name, desk.catalogue.released)
                said = f"No service with a deploy job is named {present.text(name, 60)!r}; {near}"
                raise _StopError(said)
        origin = flags.get("--from", "")
        if origin:
            _check_environment(app, origin)
        here = app.facts.name
        requests = [desk.releases.request(kind, one, here, digest, origin) for one in parsed.arguments]
        for one in requests:
            _check_right(app, verb, here, partial(_permit, verb, here, one.name))
        open_releases(app, requests, flags.get("--reason", ""))

    return plan


def _reason(app: DeskApp, parsed: Parsed) -> str:
    """What a re-run begins with as its reason: what was said, behind the incident's id."""
    said, given = parsed.flags.get("--reason", ""), parsed.flags.get("--incident")
    if given is None:
        return said
    try:
        wanted = id_of(given)
    except WordingError as error:
        raise _StopError(str(error)) from None
    found = next((one for one in app.following.incidents if one.id == wanted), None)
    if found is None:
        raise _StopError(f"No incident {wanted} is open; `:incident list` has them.")
    return reason_for(found, said)


def _log(app: DeskApp, parsed: Parsed) -> None:
    run, task = _named(app, parsed.arguments[0], failed=False)
    there = run.connection.environment
    if there != app.facts.name:
        raise _StopError(f"{run} is in {there}; :env {there} goes there.")
    app.open_log(run, _task(parsed, task))


def _task(parsed: Parsed, named: TaskName | None) -> TaskName | None:
    """The task that the flags name, or the run's name does, and which try of it."""
    said, attempt = parsed.flags.get("--task"), parsed.flags.get("--attempt") or parsed.flags.get("--try")
    if (stage := parsed.flags.get("--stage")) is not None:
        named = TaskName(stage)
    if said is not None:
        try:
            named = TaskName.parse(said)
        except NameNotUnderstoodError as error:
            raise _StopError(f"{error}.") from None
    if attempt is None:
        return named
    if named is None:
        raise _StopError("--try is of a task: name it by --task, or as RUN::TASK.")
    return replace(named, try_number=int(attempt))


def _named(app: DeskApp, text: str, *, failed: bool) -> tuple[RunName, TaskName | None]:
    """The run that a text names: its name, its address, or a pipeline's newest, or newest failed, run."""
    if is_address(text):
        snapshots = app.board.snapshots if app.board else ()
        sites = [Site(connection=one.connection, system=one.system, address=one.address) for one in snapshots]
        found = run_at(text, sites)
        if found is None:
            raise _StopError(f"{present.text(text, 120)} is no run of a system of {app.facts.name}.")
        return found
    if ":" not in text:
        return _newest(app, text, failed=failed), None
    try:
        name = RunName.parse(text, app.facts.name)
    except NameNotUnderstoodError as error:
        raise _StopError(f"{error}.") from None
    return _without_task(app, name)


def _without_task(app: DeskApp, name: RunName) -> tuple[RunName, TaskName | None]:
    """The run, and the task where the name goes on with one: run ids may hold ``::`` themselves."""
    known = {run.name for history in (app.board.histories if app.board else ()) for run in history.runs}
    run_id, colons, task = name.id.rpartition("::")
    shorter = replace(name, id=run_id)
    if name in known or not colons or not task or (known and shorter not in known):
        return name, None
    return shorter, TaskName.parse(task)


def _newest(app: DeskApp, pipeline: str, *, failed: bool) -> RunName:
    row = next((one for one in (app.board.pipelines if app.board else ()) if one.name == pipeline), None)
    if row is None:
        raise _StopError(_no_pipeline(app, pipeline))
    runs: list[Run] = [run for history in row.jobs for run in history.runs]
    runs.sort(key=lambda run: run.at.timestamp() if run.at else 0.0, reverse=True)
    found = next((run for run in runs if run.state.is_bad or not failed), None)
    if found is None:
        raise _StopError(f"{pipeline} has no {'failed ' if failed else ''}run on the board.")
    return found.name


def _no_pipeline(app: DeskApp, name: str) -> str:
    known = [one.name for one in app.board.pipelines] if app.board else []
    return f"{app.facts.name} has no pipeline {present.text(name, 60)!r}; {_near(name, known)}"


def _near(name: str, known: Sequence[str]) -> str:
    """What may have been meant."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else "Tab after the command lists them."


def _runs(app: DeskApp, parsed: Parsed) -> None:
    from fedesk.ui.screens.lists import RunsScreen

    name = parsed.arguments[0]
    if app.board is not None and name not in {one.name for one in app.board.pipelines}:
        raise _StopError(_no_pipeline(app, name))
    app.push_screen(RunsScreen(name))


def _view(place: Place) -> Callable[[DeskApp, Parsed], None]:
    def show(app: DeskApp, _parsed: Parsed) -> None:
        app.show_view(place)

    return show


def _list_operations(app: DeskApp, _parsed: Parsed) -> None:
    from fedesk.ui.screens.operations import OperationsScreen

    app.push_screen(OperationsScreen())


def _show_operation(app: DeskApp, parsed: Parsed) -> None:
    if parsed.arguments:
        app.watch_operation(parsed.arguments[0])
    elif app.following.operations:
        app.watch_operation(app.following.operations[0].id)
    else:
        _list_operations(app, parsed)


def _trace(app: DeskApp, parsed: Parsed) -> None:
    from fedesk.ui.screens.trace import TraceScreen

    opened = app.following.operations
    wanted = parsed.arguments[0].strip().lower() if parsed.arguments else opened[0].id if opened else ""
    if app.desk is None or not wanted:
        raise _StopError(app.following.problem or "No operation is open; name one by its id.")
    app.push_screen(TraceScreen(app.desk, wanted))


def _recheck(app: DeskApp, parsed: Parsed) -> None:
    wanted = parsed.arguments or tuple(one.id for one in app.following.operations if one.course.is_trouble)
    if not wanted:
        raise _StopError(app.following.problem or "No operation wants to be looked up again.")
    app.following.recheck(wanted)


def _settle(app: DeskApp, parsed: Parsed) -> None:
    from fedesk.services.by_hand import VERDICTS

    wanted, word = parsed.arguments[0], (parsed.flags.get("--outcome") or "").lower()
    opened = next((one for one in app.following.operations if one.id.startswith(wanted)), None)
    if app.desk is None or opened is None:
        raise _StopError(app.following.problem or f"No operation {present.text(wanted, 60)} is open.")
    _check_right(app, "settle", opened.environment, lambda desk: desk.by_hand.look_first(opened.id))
    verdict = VERDICTS.get(word)
    if verdict is None:
        raise _StopError("Say what you have seen: --outcome done, or --outcome not-done.")
    from fedesk.ui.screens.settle import SettleScreen

    app.push_screen(
        SettleScreen(
            app.desk,
            opened.id,
            environment=opened.environment,
            sentence=opened.sentence,
            verdict=verdict,
            reason=parsed.flags.get("--reason") or "",
            ended=lambda found: app.watch_operation(found.plan.operation),
        )
    )


def _show_record(app: DeskApp, parsed: Parsed) -> None:
    from fedesk.ui.screens.record import RecordScreen

    app.push_screen(RecordScreen(int(parsed.arguments[0])))


def _verify(app: DeskApp, parsed: Parsed) -> None:
    deep, from_newest = "--deep" in parsed.flags, "--from-checkpoint" in parsed.flags
    if deep and from_newest:
        app.say("--deep reads every record, --from-checkpoint does not; give one.")
        return
    app.following.verify(deep=deep, from_newest=from_newest)


def _list_incidents(app: DeskApp, _parsed: Parsed) -> None:
    from fedesk.ui.screens.incidents import IncidentsScreen

    app.push_screen(IncidentsScreen())


def _show_incident(app: DeskApp, parsed: Parsed) -> None:
    if parsed.arguments:
        app.show_incident(parsed.arguments[0])
    elif app.following.incidents:
        app.show_incident(app.following.incidents[0].id)
    else:
        _list_incidents(app, parsed)


def _open_incident(app: DeskApp, parsed: Parsed) -> None:
    *given, title = parsed.arguments
    named = parsed.flags.get("--run")
    runs = (_named(app, named, failed=True)[0],) if named else ()
    environment = runs[0].connection.environment if runs else parsed.flags.get("--env", app.facts.name)
    _check_environment(app, environment)
    own = "".join(given)
    _report(app, "opened", lambda incidents: incidents.open(environment, title, given=own, runs=runs))


def _note_incident(app: DeskApp, parsed: Parsed) -> None:
    incident, said = parsed.arguments
    acknowledges = "--acknowledge" in parsed.flags
    done = "acknowledged" if acknowledges else "noted"
    _report(app, done, lambda incidents: incidents.note(incident, said, acknowledges=acknowledges))


def _close_incident(app: DeskApp, parsed: Parsed) -> None:
    incident, *summary = parsed.arguments
    _report(app, "closed", lambda incidents: incidents.close(incident, "".join(summary)))


def _report(app: DeskApp, done: str, write: Callable[[Reporting], Incident]) -> None:
    """Write on a thread, on the record; what came of it is said."""
    desk = app.desk
    if desk is None:
        raise _StopError("The systems are still being opened.")

    def work() -> None:
        try:
            said = f"{write(desk.incidents).reason}: {done}"
        except Exception as error:  # noqa: BLE001 - said in passing, whatever it is
            said = told(error, "writing of an incident")
        app.post_message(Said(said))
        desk.operation_watch.nudge(moved=True)

    threading.Thread(target=work, name="write of an incident", daemon=True).start()


def _handover(app: DeskApp, _parsed: Parsed) -> None:
    from fedesk.ui.screens.handover import HandoverScreen

    app.push_screen(HandoverScreen())


def _timeline(app: DeskApp, parsed: Parsed) -> None:
    from fedesk.ui.screens.timeline import TimelineScreen

    app.push_screen(TimelineScreen("".join(parsed.arguments), "", app.facts.name))


def _windows(app: DeskApp, _parsed: Parsed) -> None:
    from fedesk.ui.screens.windows import WindowsScreen

    app.push_screen(WindowsScreen())


def _environment(app: DeskApp, parsed: Parsed) -> None:
    _go_to(app, parsed.arguments[0])


def _tour(app: DeskApp, _parsed: Parsed) -> None:
    if app.tour is None:
        raise _StopError("The tour is in the demo: `fedesk demo`, and :tour there.")
    app.tour.begin()


def _quit(app: DeskApp, _parsed: Parsed) -> None:
    app.leave()


_COMMANDS: Mapping[tuple[str, ...], Callable[[DeskApp, Parsed], None]] = {
    ("rerun",): _rerun,
    ("operations", "list"): _list_operations,
    ("operations", "show"): _show_operation,
    ("operations", "recheck"): _recheck,
    ("operations", "settle"): _settle,
    ("trace",): _trace,
    ("audit", "tail"): _view(Place.AUDIT),
    ("audit", "show"): _show_record,
    ("release", "matrix"): _view(Place.RELEASES),
    ("release", "promote"): _release("promote", "release.promote"),
    ("release", "rollback"): _release("rollback", "release.rollback"),
    ("release", "timeline"): _timeline,
    ("audit", "verify"): _verify,
    ("incident", "list"): _list_incidents,
    ("incident", "show"): _show_incident,
    ("incident", "open"): _open_incident,
    ("incident", "note"): _note_incident,
    ("incident", "close"): _close_incident,
    ("status",): _view(Place.PIPELINES),
    ("failures",): _view(Place.TRIAGE),
    ("findings", "list"): _view(Place.TRIAGE),
    ("handover",): _handover,
    ("runs",): _runs,
    ("log",): _log,
    ("secrets", "list"): _view(Place.SECRETS),
    ("freeze", "list"): _windows,
    ("hold", "list"): _windows,
    ("maintenance", "list"): _windows,
    ("windows",): _windows,
    ("env",): _environment,
    ("tour",): _tour,
    ("quit",): _quit,
    ("q",): _quit,
}
