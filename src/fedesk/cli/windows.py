"""``fedesk freeze``, ``hold`` and ``maintenance``: when things may not change, or alarm nobody."""

from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from fedesk.cli import output, session
from fedesk.cli.output import Column, Json, instant, narrate
from fedesk.cli.saying_yes import ReasonOption
from fedesk.domain.windows import WindowKind
from fedesk.exits import Exit

if TYPE_CHECKING:
    from fedesk.domain.windows import Occurrence, Window
    from fedesk.execution import Desk
    from fedesk.services.windows import Listed

COLUMNS = (
    Column(title="STATE", importance=9),
    Column(title="ID", importance=9),
    Column(title="COVERS", importance=8, is_text=True),
    Column(title="FROM", importance=7),
    Column(title="UNTIL", importance=7),
    Column(title="ZONE", importance=5),
    Column(title="RECURS", importance=4, is_text=True),
    Column(title="REASON", importance=6, is_text=True),
    Column(title="BY", importance=3),
)

PipelineOption = Annotated[
    str, typer.Option("--pipeline", metavar="PIPELINE", help="Of this pipeline alone, or DAG or job.")
]
ServiceOption = Annotated[
    str,
    typer.Option("--service", metavar="SERVICE", help="Of this service alone, and the pipelines it carries."),
]
BeginsOption = Annotated[
    str, typer.Option("--from", metavar="TIME", help="From when on: now, or 2026-12-24T18:00 on the clock.")
]
UntilOption = Annotated[str, typer.Option("--until", metavar="TIME", help="Until when, exclusive.")]
LastsOption = Annotated[
    timedelta | None,
    typer.Option("--for", parser=session.duration_option("--for"), metavar="2h", help="How long, instead."),
]
EveryOption = Annotated[
    str,
    typer.Option("--every", metavar="RRULE", help="Recurring, by RFC 5545, as 'FREQ=WEEKLY;BYDAY=FR'."),
]
ZoneOption = Annotated[
    str | None,
    typer.Option("--zone", metavar="ZONE", help="IANA zone of the times; the environment's if left out."),
]
IdArgument = Annotated[
    str, typer.Argument(metavar="[WINDOW]", help="Its id; the only one of the environment if left out.")
]


def _adding(kind: WindowKind, told: str) -> Callable[..., int]:
    def add(  # noqa: PLR0913, PLR0917 - the options are the command's interface
        context: typer.Context,
        pipeline: PipelineOption = "",
        service: ServiceOption = "",
        begins: BeginsOption = "now",
        until: UntilOption = "",
        lasts: LastsOption = None,
        every: EveryOption = "",
        zone: ZoneOption = None,
        reason: ReasonOption = "",
        environment: session.EnvironmentOption = None,
        config: session.ConfigOption = None,
        as_json: session.JsonOption = False,
    ) -> int:
        if bool(until) == (lasts is not None):
            raise session.StopError("Give --until TIME or --for LENGTH, one of both", Exit.USAGE)
        with closing(session.open_desk(context, config, environment)) as desk:
            return _add(
                desk,
                kind,
                pipeline,
                service,
                reason,
                begins=begins,
                until=until,
                lasts=lasts,
                recurs=every,
                zone=zone,
                as_json=as_json,
            )

    add.__doc__ = told
    return add


def add_hold(
    context: typer.Context,
    pipeline: PipelineOption = "",
    service: ServiceOption = "",
    reason: ReasonOption = "",
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Stop every change of a pipeline, a service, or an environment, until the hold is removed.

    It cannot be overridden: whoever may remove it decides.
    """
    with closing(session.open_desk(context, config, environment)) as desk:
        return _add(desk, WindowKind.HOLD, pipeline, service, reason, as_json=as_json)


def _add(
    desk: "Desk", kind: WindowKind, pipeline: str, service: str, reason: str, *, as_json: bool, **when: Any
) -> int:
    from fedesk.services.windows import Asked

    _tell_unknown(pipeline, desk.catalogue.pipelines, "pipeline")
    _tell_unknown(service, desk.catalogue.services, "service")
    asked = Asked(
        kind=kind,
        environment=desk.environment.name,
        pipeline=pipeline,
        service=service,
        zone=when.pop("zone", None) or desk.environment.timezone or "UTC",
        reason=reason,
        **when,
    )
    made = desk.windows.add(asked)
    return _tell(desk, made, f"{kind} of {made.window.scope}: {_standing(made)}", as_json=as_json)


def _tell_unknown(name: str, known: Iterable[str], what: str) -> None:
    """A name of nothing protects nothing: that is said, for it may be meant."""
    from fedesk.mistakes import nearest

    names = list(known)
    if name and names and name not in names:
        like = nearest(name, names)
        hint = f" Did you mean {like}?" if like else ""
        narrate(f"The catalogue has no {what} {name!r}: what is called so by its system is covered.{hint}")


def _removing(kind: WindowKind, told: str) -> Callable[..., int]:
    def remove(
        context: typer.Context,
        window: IdArgument = "",
        reason: ReasonOption = "",
        environment: session.EnvironmentOption = None,
        config: session.ConfigOption = None,
        as_json: session.JsonOption = False,
    ) -> int:
        from fedesk.services.windows import Listed

        with closing(session.open_desk(context, config, environment)) as desk:
            gone = desk.windows.remove(kind, window, desk.environment.name, reason)
            return _tell(desk, Listed(window=gone), f"{kind} of {gone.scope}: removed", as_json=as_json)

    remove.__doc__ = told
    return remove


def _listing(kind: WindowKind, told: str) -> Callable[..., int]:
    def show_list(
        context: typer.Context,
        everything: Annotated[
            bool, typer.Option("--all", help="Those that are over or were removed as well.")
        ] = False,
        limit: Annotated[
            int, typer.Option("--limit", metavar="N", min=1, max=10_000, help="How many at most.")
        ] = 50,
        environment: session.EnvironmentOption = None,
        config: session.ConfigOption = None,
        as_json: session.JsonOption = False,
        as_lines: session.JsonLinesOption = False,
    ) -> int:
        with closing(session.open_desk(context, config, environment)) as desk:
            found = desk.windows.listed(kind, environment, everything=everything, limit=limit)
            if as_json or as_lines:
                documents: list[Json] = [_document(one) for one in found]
                session.printer(as_lines=as_lines)(
                    "fedesk-windows/1", environment, desk.clock.now(), windows=documents
                )
            else:
                where = f" in {environment}" if environment else ""
                empty = f"there is no {kind}{where}" if everything else f"no {kind}{where} now or ahead"
                output.table(COLUMNS, [_row(one) for one in found], empty)
        return Exit.DONE

    show_list.__doc__ = told
    return show_list


add_freeze = _adding(
    WindowKind.FREEZE,
    """Freeze an environment, a pipeline or a service: nothing of it changes unless somebody overrides it.

    Times are those on the clock of the environment, start inclusive, end exclusive. What it takes to override
    a freeze is a role, a reason and what the policy asks (`freeze-override`).
    """,
)
add_maintenance = _adding(
    WindowKind.MAINTENANCE,
    """Quiet the findings of an environment, a pipeline or a service for a while. It blocks nothing.

    They are still shown, dimmed, and page nobody. Times are those on the clock of the environment.
    """,
)
remove_freeze = _removing(WindowKind.FREEZE, "End a freeze before its time. Exit code 5 where it has been.")
remove_hold = _removing(WindowKind.HOLD, "Lift a hold. Exit code 5 where it was lifted already.")
remove_maintenance = _removing(
    WindowKind.MAINTENANCE, "End maintenance before its time. Exit code 5 where it was removed already."
)
list_freezes = _listing(
    WindowKind.FREEZE, "List freezes, in force and ahead, of every environment unless --env names one."
)
list_holds = _listing(WindowKind.HOLD, "List holds, of every environment unless --env names one.")
list_maintenance = _listing(
    WindowKind.MAINTENANCE, "List maintenance, now and ahead, of every environment unless --env names one."
)


def _tell(desk: "Desk", listed: "Listed", sentence: str, *, as_json: bool) -> int:
    if as_json:
        window = listed.window
        output.document("fedesk-window/1", window.environment, desk.clock.now(), window=_document(listed))
    else:
        output.line(f"{listed.window.id}: {sentence}")
    return Exit.DONE


def _standing(listed: "Listed") -> str:
    if listed.problem:
        return f"unknown: {listed.problem}"
    if listed.in_force is not None:
        return f"in force {_until(listed.in_force)}"
    if listed.following is not None:
        return f"from {_clock(listed.following.start, listed.window)} {_until(listed.following)}"
    return "over"


def _until(one: "Occurrence") -> str:
    if one.end is None:
        return "until it is removed"
    return f"until {_clock(one.end, one.window)} {one.window.zone}"


def _clock(at: datetime, window: "Window") -> str:
    there = at.astimezone(ZoneInfo(window.zone))
    return f"{there:%Y-%m-%d %H:%M:%S}" if there.second else f"{there:%Y-%m-%d %H:%M}"


def _state(listed: "Listed") -> str:
    if listed.problem:
        return "unknown"
    if not listed.window.is_open:
        return "removed"
    if listed.in_force is not None:
        return "in force"
    return "ahead" if listed.following is not None else "over"


def _row(listed: "Listed") -> tuple[str, ...]:
    window, shown = listed.window, listed.in_force or listed.following
    starts = _clock(shown.start, window) if shown else f"{window.starts}"
    ends = _clock(shown.end, window) if shown and shown.end else f"{window.ends or 'removed'}"
    return (
        _state(listed),
        window.id,
        window.scope,
        starts,
        ends,
        window.zone,
        window.recurs,
        listed.problem or window.reason,
        window.opened_by,
    )


def _document(listed: "Listed") -> dict[str, Json]:
    window = listed.window
    return {
        "id": window.id,
        "kind": window.kind.value,
        "state": _state(listed),
        "environment": window.environment,
        "pipeline": window.pipeline or None,
        "service": window.service or None,
        "starts": window.starts.isoformat(),
        "ends": window.ends.isoformat() if window.ends else None,
        "zone": window.zone,
        "recurs": window.recurs or None,
        "in_force": _stretch(listed.in_force),
        "next": _stretch(listed.following),
        "problem": listed.problem or None,
        "reason": window.reason,
        "opened_at": instant(window.opened_at),
        "opened_by": window.opened_by,
        "closed_at": instant(window.closed_at),
        "closed_by": window.closed_by or None,
        "closed_why": window.closed_why or None,
        "audit": {"opened": window.opened_record, "closed": window.closed_record},
    }


def _stretch(one: "Occurrence | None") -> Json:
    return None if one is None else {"from": instant(one.start), "until": instant(one.end)}
