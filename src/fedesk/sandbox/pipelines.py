"""FinEdge's pipelines and services: the tables from which the sandbox's world is made."""

from datetime import UTC, datetime, timedelta

from fedesk.sandbox.model import Pipeline, TaskSpec, Timetable

CADENCES: dict[str, Timetable] = {
    "5min": Timetable(cron="*/5 * * * *", period=timedelta(minutes=5)),
    "5min2": Timetable(cron="2-59/5 * * * *", period=timedelta(minutes=5), offset=timedelta(minutes=2)),
    "15min": Timetable(cron="*/15 * * * *", period=timedelta(minutes=15)),
    "hourly": Timetable(cron="5 * * * *", period=timedelta(hours=1), offset=timedelta(minutes=5)),
    "6h": Timetable(cron="20 */6 * * *", period=timedelta(hours=6), offset=timedelta(minutes=20)),
    "daily": Timetable(cron="0 0 * * *", period=timedelta(days=1)),
    "daily1": Timetable(cron="0 1 * * *", period=timedelta(days=1), offset=timedelta(hours=1)),
    "daily2": Timetable(cron="30 1 * * *", period=timedelta(days=1), offset=timedelta(minutes=90)),
}
EARLIER: dict[str, Timetable] = {
    "daily": Timetable(cron="0 21 * * *", period=timedelta(days=1), offset=timedelta(hours=21)),
    "6h": Timetable(cron="20 3-21/6 * * *", period=timedelta(hours=6), offset=timedelta(minutes=200)),
}
"""The same as CADENCES, three hours earlier, for those on which stories fall."""
_TOLD = timedelta(minutes=140)
"""Within this after its due time a run may still be under way, or be what a story should be."""
SLOWER = {
    "dev": {"5min": "hourly", "5min2": "hourly", "15min": "hourly"},
    "staging": {"5min": "15min", "5min2": "hourly"},
    "prod": dict[str, str](),
}
"""Outside production the most frequent ones run less often."""

_PYTHON = "airflow.providers.standard.operators.python.PythonOperator"
_BASH = "airflow.providers.standard.operators.bash.BashOperator"
_POD = "airflow.providers.cncf.kubernetes.operators.pod.KubernetesPodOperator"
_SENSOR = "airflow.providers.amazon.aws.sensors.s3.S3KeySensor"
_SQL = "airflow.providers.common.sql.operators.sql.SQLExecuteQueryOperator"
_SHORT = timedelta(minutes=1)

FLAVOURS: dict[str, tuple[TaskSpec, ...]] = {
    "dbt": (
        TaskSpec(task_id="wait_for_upstream", operator=_SENSOR, retries=0, seconds=150),
        TaskSpec(task_id="extract", operator=_POD, upstream=("wait_for_upstream",), seconds=560),
        TaskSpec(task_id="dbt_run", operator=_BASH, upstream=("extract",), seconds=890),
        TaskSpec(task_id="dbt_test", operator=_BASH, upstream=("dbt_run",), seconds=140),
        TaskSpec(task_id="publish", operator=_SQL, upstream=("dbt_test",), retries=1, seconds=45),
        TaskSpec(task_id="notify", operator=_PYTHON, upstream=("publish",), retries=0, seconds=4),
    ),
    "files": (
        TaskSpec(task_id="collect_files", operator=_POD, seconds=420),
        TaskSpec(
            task_id="wait_for_file_acme_07",
            operator=_SENSOR,
            upstream=("collect_files",),
            retries=0,
            seconds=30,
        ),
        TaskSpec(task_id="load_ledger", operator=_SQL, upstream=("wait_for_file_acme_07",), seconds=780),
        TaskSpec(task_id="reconcile", operator=_SQL, upstream=("load_ledger",), seconds=240),
        TaskSpec(task_id="notify", operator=_PYTHON, upstream=("reconcile",), retries=0, seconds=4),
    ),
    "mapped": (
        TaskSpec(task_id="list_partners", operator=_PYTHON, seconds=12),
        TaskSpec(
            task_id="validate_partner", operator=_POD, upstream=("list_partners",), seconds=260, mapped=6
        ),
        TaskSpec(task_id="load", operator=_SQL, upstream=("validate_partner",), seconds=180),
        TaskSpec(task_id="notify", operator=_PYTHON, upstream=("load",), retries=0, seconds=4),
    ),
    "api": (
        TaskSpec(task_id="fetch", operator=_POD, retry_delay=_SHORT, seconds=95),
        TaskSpec(task_id="validate", operator=_PYTHON, upstream=("fetch",), retry_delay=_SHORT, seconds=30),
        TaskSpec(task_id="load", operator=_SQL, upstream=("validate",), retry_delay=_SHORT, seconds=50),
        TaskSpec(task_id="notify", operator=_PYTHON, upstream=("load",), retries=0, seconds=3),
    ),
    "stream": (
        TaskSpec(task_id="fetch", operator=_PYTHON, retries=1, retry_delay=_SHORT, seconds=30),
        TaskSpec(
            task_id="load", operator=_SQL, upstream=("fetch",), retries=1, retry_delay=_SHORT, seconds=32
        ),
        TaskSpec(task_id="check", operator=_SQL, upstream=("load",), retries=0, seconds=14),
    ),
    "events": (
        TaskSpec(task_id="fetch", operator=_PYTHON, retries=1, retry_delay=_SHORT, seconds=28),
        TaskSpec(task_id="validate", operator=_PYTHON, upstream=("fetch",), retries=0, seconds=24),
        TaskSpec(task_id="deduplicate", operator=_SQL, upstream=("validate",), retries=0, seconds=26),
        TaskSpec(
            task_id="load",
            operator=_SQL,
            upstream=("deduplicate",),
            retries=1,
            retry_delay=_SHORT,
            seconds=30,
        ),
        TaskSpec(task_id="check", operator=_SQL, upstream=("load",), retries=0, seconds=24),
    ),
    "batch": (
        TaskSpec(task_id="extract", operator=_POD, seconds=300),
        TaskSpec(task_id="transform", operator=_POD, upstream=("extract",), seconds=480),
        TaskSpec(task_id="quality_checks", operator=_PYTHON, upstream=("transform",), seconds=70),
        TaskSpec(task_id="publish", operator=_SQL, upstream=("quality_checks",), retries=1, seconds=40),
        TaskSpec(task_id="notify", operator=_PYTHON, upstream=("publish",), retries=0, seconds=4),
    ),
}

_CLIENT = "client:acme_07"
_ROWS: tuple[tuple[str, str, str, int, str, str, str, str], ...] = (
    # name, service, owner, tier, flavour, cadence, upstream, description
    ("payments_daily", "payments", "engineering", 1, "dbt", "daily", "card_settlement", "Payments of a day"),
    ("ledger_load", "ledger", _CLIENT, 2, "files", "daily", "", "Ledger files of the partners into RAW"),
    (
        "fx_rates",
        "fx_rates",
        "engineering",
        1,
        "stream",
        "15min",
        "",
        "Reference rates of the ECB and two banks",
    ),
    (
        "card_settlement",
        "cards",
        "engineering",
        1,
        "dbt",
        "daily",
        "card_authorisations",
        "Settled card sales",
    ),
    (
        "kyc_refresh",
        "kyc",
        "engineering",
        2,
        "api",
        "hourly",
        "",
        "Customer checks from the identity provider",
    ),
    (
        "chargebacks",
        "chargebacks",
        "engineering",
        2,
        "batch",
        "daily",
        "card_settlement",
        "Disputed card sales",
    ),
    ("aml_screening", "aml", "qa", 1, "batch", "daily", "kyc_refresh", "Screening against sanctions lists"),
    ("fraud_signals", "fraud", "engineering", 1, "stream", "5min", "", "Signals for the fraud models"),
    (
        "open_banking_sync",
        "open_banking",
        "engineering",
        2,
        "api",
        "hourly",
        "",
        "Account data by open banking",
    ),
    (
        "regulatory_reports",
        "regulatory",
        "qa",
        1,
        "dbt",
        "daily",
        "ledger_load",
        "Daily reports to the regulator",
    ),
    (
        "invoice_matching",
        "invoices",
        "engineering",
        3,
        "batch",
        "6h",
        "ledger_load",
        "Invoices against payments",
    ),
    ("loyalty_points", "loyalty", "engineering", 3, "api", "hourly", "", "Points earned and spent"),
    (
        "merchant_analytics",
        "merchants",
        "engineering",
        3,
        "dbt",
        "daily1",
        "payments_daily",
        "Sales of merchants",
    ),
    (
        "partner_statements",
        "partners",
        _CLIENT,
        2,
        "mapped",
        "daily1",
        "ledger_load",
        "Statements for partners",
    ),
    (
        "card_authorisations",
        "cards",
        "engineering",
        2,
        "stream",
        "15min",
        "",
        "Authorisations of the card network",
    ),
    ("ledger_reconciliation", "ledger", "qa", 1, "dbt", "daily2", "ledger_load", "Ledger against the bank"),
    ("payment_reversals", "payments", "engineering", 2, "events", "5min2", "", "Reversed payments"),
    (
        "fx_exposure",
        "fx_rates",
        "engineering",
        2,
        "batch",
        "daily1",
        "fx_rates",
        "Open positions by currency",
    ),
    ("kyc_documents", "kyc", "qa", 3, "mapped", "daily", "kyc_refresh", "Documents that wait for a check"),
    ("sanctions_lists", "aml", "qa", 2, "api", "6h", "", "Sanctions lists of EU, UN and OFAC"),
    (
        "dispute_evidence",
        "chargebacks",
        "engineering",
        3,
        "batch",
        "daily1",
        "chargebacks",
        "Evidence for disputes",
    ),
    (
        "fraud_features",
        "fraud",
        "engineering",
        2,
        "api",
        "hourly",
        "fraud_signals",
        "Features of the fraud models",
    ),
    ("consent_registry", "open_banking", "qa", 3, "api", "6h", "", "Consents given and withdrawn"),
    ("emir_trades", "regulatory", "qa", 2, "batch", "daily", "fx_exposure", "Trades under EMIR"),
    ("accounts_payable", "invoices", "engineering", 3, "batch", "daily", "invoice_matching", "What is owed"),
    ("loyalty_tiers", "loyalty", "engineering", 3, "batch", "daily1", "loyalty_points", "Tiers of customers"),
    ("merchant_onboarding", "merchants", "engineering", 3, "api", "6h", "", "Merchants that want to join"),
    ("partner_fees", "partners", _CLIENT, 3, "batch", "daily2", "partner_statements", "Fees by partner"),
    ("credit_scores", "lending", "engineering", 2, "batch", "daily", "kyc_refresh", "Scores of applicants"),
    ("loan_book", "lending", "engineering", 2, "dbt", "daily1", "credit_scores", "Loans and their arrears"),
    (
        "liquidity_forecast",
        "treasury",
        "engineering",
        2,
        "batch",
        "daily1",
        "fx_exposure",
        "Cash of the next days",
    ),
    ("nostro_balances", "treasury", "engineering", 2, "api", "6h", "", "Balances at other banks"),
    ("market_risk", "risk", "qa", 2, "batch", "daily", "fx_exposure", "Value at risk"),
    ("credit_risk", "risk", "qa", 2, "batch", "daily1", "loan_book", "Expected losses"),
    (
        "customer_360",
        "accounts",
        "engineering",
        3,
        "dbt",
        "daily2",
        "kyc_refresh",
        "One row for each customer",
    ),
    ("account_balances", "accounts", "engineering", 1, "dbt", "daily", "ledger_load", "Balances at midnight"),
    (
        "campaign_results",
        "marketing",
        "engineering",
        3,
        "batch",
        "daily2",
        "customer_360",
        "Results of campaigns",
    ),
    ("email_engagement", "marketing", "engineering", 3, "api", "6h", "", "Opened and clicked mail"),
    (
        "board_report",
        "reporting",
        "engineering",
        3,
        "dbt",
        "daily2",
        "account_balances",
        "Figures for the board",
    ),
    ("data_usage", "reporting", "engineering", 3, "batch", "daily", "", "Who reads which table"),
)
_LISTED = 3
"""Pipelines of this tier are listed, and nothing more: they have no deadline."""
_UNCATALOGUED = frozenset({"email_engagement", "data_usage", "dispute_evidence"})


def company(scale: float) -> tuple[Pipeline, ...]:
    """The pipelines at a scale: 40 at 1, fewer below it, copies (``_2``, …) above."""
    wanted = max(1, round(len(_ROWS) * scale))
    return tuple(_pipeline(index) for index in range(wanted))


def _pipeline(index: int) -> Pipeline:
    copy, row = divmod(index, len(_ROWS))
    name, service, owner, tier, flavour, cadence, upstream, description = _ROWS[row]
    suffix = f"_{copy + 1}" if copy else ""
    nightly = cadence.startswith("daily")
    return Pipeline(
        name=name + suffix,
        service=service + suffix,
        owner=owner,
        tier=tier,
        dataset=dataset_of(name + suffix),
        description=description,
        flavour=flavour,
        cadence=cadence,
        upstream=tuple(item + suffix for item in upstream.split() if item),
        deadline="06:00 Europe/London" if nightly and tier < _LISTED else "",
        catalogued=name not in _UNCATALOGUED,
    )


def dataset_of(name: str) -> str:
    """SCHEMA.TABLE that the pipeline of that name loads."""
    return f"MARTS.{name.upper()}"


def timetable(pipeline: Pipeline, environment: str, start: datetime) -> Timetable:
    """When a pipeline runs in an environment, in a world whose stories are placed around ``start``.

    What went wrong an hour ago is not to be mended by the next run before anybody has looked: a run of the
    night or of a quarter day that would have been due just before the start is due three hours earlier.
    """
    cadence = SLOWER[environment].get(pipeline.cadence, pipeline.cadence)
    table = CADENCES[cadence]
    midnight = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    fresh = (start - midnight - table.offset) % table.period < _TOLD
    return EARLIER[cadence] if fresh and cadence in EARLIER else table
