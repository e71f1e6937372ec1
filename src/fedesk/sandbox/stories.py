"""Where the world's stories fall: what goes wrong in which DAG, job and secret, relative to the start."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from fedesk.sandbox.dags import Script, Trouble
from fedesk.sandbox.model import BuildResult, LogStory

OUTAGE_BEGAN = timedelta(hours=5, minutes=40)
OUTAGE_ENDED = timedelta(hours=4, minutes=38)
"""How long before the start the scheduler in prod stopped, and came back."""

FAKE_AWS_KEY = "AKIA" + "FAKESANDBOX7" + "DEMO"
FAKE_TOKEN = "ghp_" + "notARealToken0000000000000000sandbox"
"""Shapes that a detector of secrets must find, put together here so that scanners leave us alone."""


def outage(start: datetime, environment: str) -> tuple[datetime, datetime] | None:
    """The span in which an environment's scheduler was away; only prod's was."""
    return (start - OUTAGE_BEGAN, start - OUTAGE_ENDED) if environment == "prod" else None


def _minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def _story(kind: str, **details: str) -> LogStory:
    return LogStory(kind=kind, details=tuple(sorted(details.items())))


def dag_scripts(environment: str, dag_id: str, start: datetime) -> tuple[Script, ...]:
    """The scripts that fall on runs of one DAG; most have none."""
    if environment == "prod":
        found = _night(start).get(dag_id, ()) + _modes(start).get(dag_id, ())
    elif (environment, dag_id) == ("staging", "card_settlement"):
        failing = Trouble(task_id="dbt_run", fails=3, seconds=70, failing_log=_story("dbt_model_failed"))
        found = (Script(story="dbt", troubles=(failing,)),)
    else:
        found = ()
    return found


def _night(start: datetime) -> dict[str, tuple[Script, ...]]:
    """What an on-call engineer sees first: the failed payments and the late file."""
    late = (start - _minutes(31)).strftime("%H:%M")
    return {
        "payments_daily": (
            Script(
                story="data quality",
                troubles=(
                    Trouble(
                        task_id="dbt_test",
                        fails=3,
                        seconds=96,
                        failing_log=_story("not_null_payments_amount"),
                        persists=1,
                    ),
                ),
                pin_task="dbt_test",
                pin_at=start - _minutes(12),
                absorb="wait_for_upstream",
            ),
        ),
        "ledger_load": (
            Script(
                story="late file",
                troubles=(
                    Trouble(
                        task_id="wait_for_file_acme_07",
                        fails=1,
                        seconds=5.5 * 3600,
                        parks=True,
                        failing_log=_story("file_late", client="acme_07", due=late),
                    ),
                ),
                pin_task="collect_files",
                pin_at=start - _minutes(31),
                absorb="collect_files",
            ),
        ),
    }


def _modes(start: datetime) -> dict[str, tuple[Script, ...]]:
    """One run for each failure mode that shows in Airflow."""
    return {
        "regulatory_reports": (
            Script(
                story="timeout",
                troubles=(
                    Trouble(
                        task_id="dbt_run", fails=3, seconds=1200, failing_log=_story("timeout", limit="1200")
                    ),
                ),
                pin_task="dbt_run",
                pin_at=start - _minutes(48),
                absorb="wait_for_upstream",
            ),
        ),
        "aml_screening": (
            Script(
                story="exhausted resources",
                troubles=(
                    Trouble(task_id="transform", fails=3, seconds=210, failing_log=_story("resources")),
                ),
                pin_task="transform",
                pin_at=start - _minutes(95),
                absorb="extract",
            ),
        ),
        "kyc_refresh": (
            Script(
                story="flaky API",
                troubles=(Trouble(task_id="fetch", fails=1, failing_log=_story("flaky_api", status="503")),),
                pin_at=start - _minutes(2),
            ),
        ),
        "open_banking_sync": (
            Script(
                story="leaked secret",
                troubles=(Trouble(task_id="fetch", log=_story("leaked_secret")),),
                pin_at=start - _minutes(2),
            ),
        ),
        "loyalty_points": (
            Script(
                story="race",
                troubles=(Trouble(task_id="load", fails=3, seconds=12, failing_log=_story("race")),),
                pin_at=start - _minutes(150),
            ),
        ),
        "merchant_analytics": (
            Script(
                story="cost spike",
                troubles=(Trouble(task_id="dbt_run", log=_story("cost_spike", credits="41.7", usual="4.4")),),
                pin_at=start - _minutes(5),
                note="warehouse credits 9.4 times the baseline",
            ),
        ),
        "invoice_matching": (
            Script(
                story="long tail",
                troubles=(Trouble(task_id="transform", log=_story("long_tail")),),
                pin_task="transform",
                pin_at=start + _minutes(40),
                absorb="transform",
                due_by=start - _minutes(75),
            ),
        ),
        "fraud_features": (
            Script(
                story="orchestrator outage",
                troubles=(
                    Trouble(task_id="fetch", fails=1, seconds=320, failing_log=_story("orchestrator_outage")),
                ),
                due_by=start - OUTAGE_ENDED,
                pin_at=start - _minutes(60),
            ),
        ),
    }


_BUILD = LogStory(kind="build")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildScript:
    """What happens in the newest build of one job."""

    story: str
    ended: timedelta | None = None
    """When it ended, after the start (negative: before it)."""
    queued: timedelta | None = None
    """When it came into the queue, for one that waits for something; no other build follows it."""
    result: BuildResult = BuildResult.SUCCESS
    stage: str = ""
    """The stage that fails, or that waits for an input."""
    log: LogStory = _BUILD
    error: str = ""
    why: str = ""
    """It never leaves the queue, for this reason."""
    number: int = 0
    """Its number, where a story needs a certain one."""
    approval: str = ""
    """It waits for an input with this message."""


def build_scripts() -> dict[str, BuildScript]:
    """By full name of the job: what its newest build is about."""
    return {
        "finedge/prod/deploy-payments": BuildScript(story="released", ended=timedelta(hours=-9), number=1841),
        "finedge/prod/deploy-fx_rates": BuildScript(
            story="failed verification",
            ended=timedelta(hours=-2),
            result=BuildResult.FAILURE,
            stage="Verify",
            log=_story("verification_failed"),
            error="verification failed: MARTS.FX_RATES has 0 rows, expected 168 within 30 %",
        ),
        "finedge/prod/deploy-chargebacks": BuildScript(
            story="artifact mismatch",
            ended=timedelta(hours=-4),
            result=BuildResult.FAILURE,
            stage="Fetch artifact",
            log=_story("artifact_mismatch"),
            error="checksum mismatch for chargebacks.tar.zst",
        ),
        "finedge/prod/deploy-lending": BuildScript(
            story="policy block",
            ended=timedelta(hours=-3),
            result=BuildResult.FAILURE,
            stage="Policy",
            log=_story("policy_block"),
            error="denied by policy images/critical-vulnerabilities",
        ),
        "finedge/prod/deploy-merchants": BuildScript(
            story="approval",
            queued=timedelta(minutes=-55),
            result=BuildResult.ABORTED,
            stage="Approve",
            approval="Deploy merchants to prod?",
        ),
        "finedge/prod/deploy-regulatory": BuildScript(story="changed DAG", ended=timedelta(minutes=-19)),
        "finedge/prod/regulatory-ci": BuildScript(
            story="no executor",
            queued=timedelta(minutes=-40),
            why="There are no nodes with the label \u2018highmem\u2019",
        ),
        "finedge/dev/payments-ci": BuildScript(story="moving", ended=timedelta(minutes=4)),
        "finedge/staging/deploy-cards": BuildScript(story="moving", ended=timedelta(minutes=2)),
        "finedge/prod/deploy-ledger": BuildScript(story="moving", ended=timedelta(minutes=3)),
    }
