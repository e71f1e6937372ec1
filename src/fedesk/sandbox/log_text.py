"""What logs say: words only. ``logs`` gives the lines their moments.

A text is (level, words); levels are Airflow's: debug, info, warning, error, critical. ``{name}`` is filled
from the story's details and from the run it belongs to.
"""

Text = tuple[str, str]

OPENING: tuple[Text, ...] = (
    ("info", "DAG bundles loaded: finedge-dags"),
    ("info", "Filling up the DagBag from {fileloc}"),
    ("info", "Task {task} of {dag} started on {host}, try {try_number} of {tries}"),
    ("info", "correlation_id={correlation}"),
)
SUCCEEDED: tuple[Text, ...] = (
    ("info", "Task instance in success state"),
    ("info", "Task finished"),
)
FAILED: tuple[Text, ...] = (
    ("error", "Task failed with exception"),
    ("info", "Task instance in failure state"),
)

BODIES: dict[str, tuple[Text, ...]] = {
    "sensor": (("info", "Poking for key : s3://finedge-landing/{dag}/{partition}/_SUCCESS"),),
    "pod": (
        ("info", "Pod {dag}-{task}-{correlation} has phase Running"),
        ("info", "[base] read chunk {n}: 50000 rows in 2.{n} s"),
        ("info", "[base] wrote s3://finedge-curated/{dag}/{partition}/part-{n}.parquet"),
    ),
    "sql": (
        ("info", "Running statement {n}: merge into {dataset} using STAGE_{n}"),
        ("info", "Statement {n} affected 1{n}4 rows, query id 01b{n}-0000-{correlation}"),
    ),
    "python": (("info", "step {n} of {total} done"),),
    "dbt_run": (
        ("info", "{n} of {total} START sql table model marts.{dag}_{n} .............. [RUN]"),
        (
            "info",
            "{n} of {total} OK created sql table model marts.{dag}_{n} ......... [SUCCESS 1 in 4.2{n}s]",
        ),
    ),
    "dbt_test": (
        ("info", "{n} of {total} PASS unique_{dag}_{n}_id ......................... [PASS in 0.31s]"),
    ),
}

FAILURES: dict[str, tuple[Text, ...]] = {
    "failed": (("error", "RuntimeError: the step ended with an error"),),
    "not_null_payments_amount": (
        ("info", "1207 of 1530 START test not_null_payments_amount ............ [RUN]"),
        ("error", "1207 of 1530 FAIL 14 not_null_payments_amount .............. [FAIL 14 in 2.07s]"),
        ("error", "Failure in test not_null_payments_amount (models/marts/payments.yml)"),
        ("error", "  Got 14 results, configured to fail if != 0"),
        ("info", "  compiled code at target/compiled/finedge/models/marts/not_null_payments_amount.sql"),
    ),
    "dbt_model_failed": (
        ("error", "Database Error in model card_settlement (models/marts/card_settlement.sql)"),
        ("error", "  000904 (42000): SQL compilation error: error line 41 at position 8"),
        ("error", "  invalid identifier 'SETTLEMENT_CURRENCY'"),
    ),
    "file_late": (
        ("info", "Expected s3://finedge-landing/{client}/{partition}/ledger.csv.gz by {due} UTC"),
        (
            "warning",
            "File of {client} is late: nothing at s3://finedge-landing/{client}/{partition}/ledger.csv.gz",
        ),
        ("info", "Pausing task as DEFERRED, checking every 60 s"),
    ),
    "timeout": (
        ("error", "Timeout, PID: {pid}"),
        (
            "error",
            "airflow.sdk.exceptions.AirflowTaskTimeout: Timeout after {limit} s in dbt_run, PID: {pid}",
        ),
    ),
    "resources": (
        ("warning", "[base] memory 3.9 GiB of 4.0 GiB in use"),
        ("error", "Pod {dag}-{task} container base terminated: reason OOMKilled, exit code 137"),
        ("error", "AirflowException: Pod {dag}-{task} returned a failure. Exit code: 137 (OOMKilled)"),
    ),
    "flaky_api": (
        ("warning", "GET https://api.partner.example/v2/customers answered {status} Service Unavailable"),
        ("warning", "GET https://api.partner.example/v2/customers answered {status} Service Unavailable"),
        (
            "error",
            "HTTPStatusError: Server error '{status}' for 'https://api.partner.example/v2/customers'",
        ),
    ),
    "race": (
        (
            "error",
            "ProgrammingError: 000625 (57014): Statement '01b7' has locked table 'LOYALTY_POINTS'",
        ),
        ("error", "the partition {partition} was written by another run while this one was reading it"),
    ),
    "orchestrator_outage": (
        ("warning", "Heartbeat to the API server failed: connection refused, retrying"),
        ("warning", "Heartbeat to the API server failed: connection refused, retrying"),
        ("error", "Task was killed: no heartbeat for 300 s (the scheduler was not running)"),
    ),
}

SIDE_REMARKS: dict[str, tuple[Text, ...]] = {
    "leaked_secret": (
        ("debug", "request headers: {{'Authorization': 'Bearer {token}'}}"),
        ("debug", "environment: AWS_ACCESS_KEY_ID={aws_key} AWS_REGION=eu-west-1"),
    ),
    "cost_spike": (
        (
            "warning",
            "warehouse ETL_L used {credits} credits in this run; the baseline is {usual} (9.4 times)",
        ),
        ("warning", "query 01b7-33 scanned 4.1 TB: no partition filter on MARTS.SALES"),
    ),
    "long_tail": (
        ("warning", "chunk 17 of 64 has been running for 31 min; the median chunk takes 7 s (skewed key)"),
    ),
}
"""Said in the middle of an otherwise ordinary log."""

TRACEBACK: tuple[str, ...] = (
    "Traceback (most recent call last):",
    '  File "/opt/airflow/task_runner.py", line 931, in run',
    "    result = _execute_task(context=context, ti=ti, log=log)",
    '  File "{fileloc}", line 88, in {task}',
    "    raise error",
)

STAGE_LINES: dict[str, tuple[str, ...]] = {
    "Checkout": (
        "Cloning repository {repository}",
        " > git fetch --tags --force --progress -- {repository} +refs/heads/*:refs/remotes/origin/*",
        "Checking out Revision {commit} (origin/{branch})",
    ),
    "Unit tests": ("tests/test_{service}_{n}.py ................ [{n}%]",),
    "Data-quality tests": ("suite {service}_{n}: 12 expectations, 12 met",),
    "Packaging": ("adding models/{service}_{n}.sql", "packed dist/{service}.tar.zst"),
    "Container build": (
        "#{n} [stage-1 {n}/9] RUN pip install --no-deps -r requirements-{n}.txt",
        "#{n} DONE 4.{n}s",
    ),
    "Container scan": ("scanned layer {n} of {image}: 0 critical",),
    "Publish": ("pushing layer {n} of {image}", "{digest}: pushed"),
    "Fetch artifact": ("pulling {image}@{digest}", "sha256 of {service}.tar.zst matches"),
    "Policy": ("policy images/signed: allowed", "policy images/critical-vulnerabilities: allowed"),
    "Approve": ("Waiting for approval",),
    "Deploy": ("deployment.apps/{service} configured", "waiting for rollout: {n} of 12 pods are ready"),
    "Verify": ("check {n}: import errors of {service}: none", "check {n}: freshness of {service}: 4 min"),
    "Record": ("archived release.json (version {version})",),
}

STAGE_FAILURES: dict[str, tuple[str, ...]] = {
    "verification_failed": (
        "check 3: row count of MARTS.FX_RATES for the partition",
        "ERROR: verification failed: MARTS.FX_RATES has 0 rows, expected 168 within 30 %",
        "check 4: freshness of fx_rates: skipped",
        "collecting evidence into verify.json",
    ),
    "artifact_mismatch": (
        "expected sha256 9f2c51aa7be0c8d1 (SHA256SUMS of build 1212)",
        "got      sha256 03b7e1d4420c9a55",
        "ERROR: checksum mismatch for chargebacks.tar.zst: the artifact was changed after it was built",
    ),
    "policy_block": (
        "policy images/signed: allowed",
        "ERROR: denied by policy images/critical-vulnerabilities: CVE-2026-31337 in libssl3 (critical)",
        "an exception needs the approval of security, see https://wiki.finedge.example/policy-exceptions",
    ),
    "Container scan": (
        "CVE-2026-31337 in libssl3 3.0.15: critical, fixed in 3.0.16",
        "ERROR: script returned exit code 1",
    ),
    "Fetch artifact": ("ERROR: manifest unknown",),
    "build": ("ERROR: script returned exit code 1",),
}

ESCAPE = "\x1b"
HOSTILE: tuple[str, ...] = (
    "[red]x[/]",
    "[/]",
    "[/red] [link=https://evil.example]click[/link] [@click=app.quit]quit[/]",
    f"{ESCAPE}[31mred{ESCAPE}[0m {ESCAPE}[2J{ESCAPE}[H{ESCAPE}]0;owned\x07{ESCAPE}]52;c;ZXZpbA==\x07",
    "carriage\rreturn, back\b\b\bspace, null \x00, bell \x07, tab\tstop",
    "right-to-left \u202etxet neddih\u202c and zero\u200bwidth",
    "broken bytes: \udcff\udcfe\udc80 and a cut sequence \udce2\udc82",
    "emoji 👩‍👩‍👧‍👦, wide 漢字, combining e\u0301\u0301\u0301",
)
HUGE = 1_000_000
"""Length of the hostile log's longest line."""
HOSTILE_ERROR = "Broken DAG: [/opt/airflow/dags/[red]x[/].py] lone \ud83d surrogate \udfff [/] \x1b[31mred"
