"""``fedesk handover``: what the next person on call needs."""

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from fedesk.cli import findings, output, session
from fedesk.cli.output import Json

if TYPE_CHECKING:
    from fedesk.domain.handover import Handover
    from fedesk.domain.open_operations import OpenOperation
    from fedesk.domain.operations import Operation


def handover(
    context: typer.Context,
    since: Annotated[
        timedelta,
        typer.Option(
            "--since",
            metavar="DURATION",
            parser=session.duration_option("--since"),
            help="How far back it tells what has ended, like 8h.",
        ),
    ] = "8h",  # type: ignore[assignment]  # typer gives the default to the parser as text
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Write what the next person on call needs, as Markdown: open findings with their notes and who has them.

    Then operations in flight and unknown outcomes, plans that wait, deadlines at risk, freezes and holds,
    secrets due, what is quiet and until when, incidents, and what has ended. Exit code 8 when a system could
    not be read, 6 when the store could not: what is known is printed, and what is missing stands in it.
    """
    from fedesk.ports.operation_store import StoreError
    from fedesk.services.handover import gather, without_store

    with findings.look(context, config, environment) as looked:
        code = looked.code
        try:
            found = gather(looked.board, looked.desk.store, since)
        except StoreError as error:
            from fedesk.cli.endings import code_of

            found, code = without_store(looked.board, str(error), since), code_of(error)
        if as_json:
            _print_document(found)
        else:
            _print_markdown(found)
        return code


def _print_markdown(found: "Handover") -> None:
    from fedesk.domain.handover_text import markdown

    zone = found.environment.timezone
    sys.stdout.write(markdown(found, ZoneInfo(zone), zone))


def _print_document(found: "Handover") -> None:
    open_findings: list[Json] = [findings.document(one.finding, one.state) for one in found.findings]
    output.document(
        "fedesk-handover/1",
        found.environment.name,
        found.at,
        since=output.instant(found.since),
        findings=open_findings,
        operations=[_open_document(one) for one in found.operations],
        deadlines=[
            {
                "pipeline": one.pipeline,
                "due": output.instant(one.due),
                "state": one.state.value,
                "expected": output.instant(one.expected),
            }
            for one in found.risks
        ],
        windows=[
            {
                "window": one.window.id,
                "kind": one.window.kind.value,
                "scope": one.window.scope,
                "from": output.instant(one.start),
                "until": output.instant(one.end),
                "by": one.window.opened_by,
                "reason": one.window.reason,
            }
            for one in found.windows
        ],
        secrets=[
            {
                "secret": one.secret.name,
                "connection": str(one.secret.connection),
                "verdict": one.verdict.value,
                "time_left": output.seconds(one.time_left),
                "owner": one.secret.owner or None,
            }
            for one in found.secrets
        ],
        quiets=[findings.quiet_document(one) for one in found.quiet],
        incidents=[
            {
                "incident": one.id,
                "title": one.title,
                "opened_at": output.instant(one.opened_at),
                "opened_by": one.opened_by,
            }
            for one in found.incidents
        ],
        ended=[_ended_document(one) for one in found.ended],
        unread=list(found.unread),
    )


def _open_document(one: "OpenOperation") -> Json:
    return {
        "operation": one.id,
        "sentence": one.sentence,
        "course": one.course.value,
        "since": output.instant(one.since),
        "requester": one.requester,
        "said": one.said or None,
    }


def _ended_document(one: "Operation") -> Json:
    return {
        "operation": one.plan.operation,
        "sentences": [effect.sentence for effect in one.plan.effects],
        "outcome": one.outcome.value if one.outcome else None,
        "ended_at": output.instant(one.ended_at),
        "by": one.confirmation.by,
        "said": one.said or None,
    }
