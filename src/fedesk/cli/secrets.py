"""``fedesk secrets list`` and ``check``: ages of secrets, never their values."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedesk.cli import output, session
from fedesk.cli.output import Column
from fedesk.exits import CheckExit

if TYPE_CHECKING:
    from fedesk.domain.secrets import SecretAge
    from fedesk.services.secret_check import SecretReport

COLUMNS = (
    Column(title="SECRET", importance=9),
    Column(title="VERDICT", importance=9),
    Column(title="LEFT", importance=8, align="right"),
    Column(title="AGE", importance=5, align="right"),
    Column(title="OWNER", importance=6),
    Column(title="PROBLEM", importance=7, is_text=True),
    Column(title="CONNECTION", importance=3),
)

MaxAge = Annotated[
    timedelta,
    typer.Option(
        "--max-age",
        metavar="DURATION",
        parser=session.duration_option("--max-age"),
        help="The limit; met at exactly that age, exceeded one second later.",
    ),
]
Warn = Annotated[
    timedelta,
    typer.Option(
        "--warn",
        metavar="DURATION",
        parser=session.duration_option("--warn"),
        help="How long before the limit a secret is due.",
    ),
]


def list_secrets(
    context: typer.Context,
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
    as_lines: session.JsonLinesOption = False,
) -> int:
    """List the secrets of an environment by the time they have left. No value is read.

    Exit code 8 when Vault could not be read.
    """
    report, name = _report(context, config, environment, timedelta(days=90), timedelta(days=14))
    for problem in report.unread:
        output.narrate(problem)
    if as_json or as_lines:
        session.printer(as_lines=as_lines)("fedesk-secrets/1", name, report.at, secrets=_rows(report.secrets))
    else:
        _table(report.secrets, f"no secrets are known in {name}")
    return output.exit_for(snapshot.failure for snapshot in report.snapshots if snapshot.failure)


def check(
    context: typer.Context,
    max_age: MaxAge = "90d",  # type: ignore[assignment]  # typer gives the default to the parser as text
    warn: Warn = "14d",  # type: ignore[assignment]  # as above
    environment: session.EnvironmentOption = None,
    config: session.ConfigOption = None,
    as_json: session.JsonOption = False,
) -> int:
    """Tell a scheduler how the secrets of an environment stand.

    Exit code 0 all compliant, 1 one is due within the warning, 2 one is overdue, 3 it could not be told,
    whatever the reason. 2 wins over 3, and 3 over 1.
    """
    report, name = _report(context, config, environment, max_age, warn)
    for problem in report.unread:
        output.narrate(problem)
    if as_json:
        output.document(
            "fedesk-secrets-check/1",
            name,
            report.at,
            verdict=report.verdict.value,
            max_age=output.seconds(max_age),
            warn=output.seconds(warn),
            secrets=_rows(report.secrets),
            problems=list(report.unread),
        )
    else:
        typer.echo(_summary(report, max_age, warn))
        asking = [age for age in report.secrets if age.verdict.value != "compliant"]
        if asking:
            _table(asking, "")
    return CheckExit[report.verdict.name]


def _report(
    context: typer.Context, config: Path | None, environment: str | None, max_age: timedelta, warn: timedelta
) -> tuple["SecretReport", str]:
    from fedesk.services.secret_check import check_secrets

    desk = session.open_desk(context, config, environment)
    name = desk.environment.name
    clock = session.clock_of(context)
    try:
        report = check_secrets(desk.connections, desk.catalogue, name, clock, max_age=max_age, warn=warn)
    finally:
        session.let_go(desk)
    return report, name


def _summary(report: "SecretReport", max_age: timedelta, warn: timedelta) -> str:
    """The one line that a monitoring plugin shows."""
    counts = Counter(age.verdict.value for age in report.secrets)
    told = ", ".join(f"{counts[word]} {word}" for word in ("overdue", "undetermined", "due", "compliant"))
    unread = f"; {len(report.unread)} could not be read" if report.unread else ""
    limits = f"limit {output.duration(max_age)}, warning {output.duration(warn)} before"
    return f"SECRETS {report.verdict.value.upper()}: {told}{unread} ({limits})"


def _rows(ages: "tuple[SecretAge, ...]") -> list[output.Json]:
    return [
        {
            "name": age.secret.name,
            "connection": str(age.secret.connection),
            "owner": age.secret.owner or None,
            "version": age.secret.version,
            "verdict": age.verdict.value,
            "age_from": output.instant(age.secret.age_from),
            "age": output.seconds(age.age),
            "time_left": output.seconds(age.time_left),
            "problem": age.secret.problem or None,
        }
        for age in ages
    ]


def _table(ages: "tuple[SecretAge, ...] | list[SecretAge]", empty: str) -> None:
    output.table(
        COLUMNS,
        [
            (
                age.secret.name,
                age.verdict.value,
                output.duration(age.time_left),
                output.duration(age.age),
                age.secret.owner,
                age.secret.problem,
                str(age.secret.connection),
            )
            for age in ages
        ],
        empty,
    )
