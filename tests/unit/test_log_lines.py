"""Which line of a log is found, over logs as dbt, Airflow, Jenkins, pytest and Kubernetes write them."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedesk.domain import log_lines
from fedesk.domain.log_lines import LogScan, Sign, mark_of, message_of

_STDOUT = "[2026-11-20T02:31:09.000+0000] {subprocess.py:93} INFO - 02:31:09  "

DBT = """\
[2026-11-20T02:31:07.101+0000] {subprocess.py:75} INFO - Running command: ['/usr/bin/bash', '-c', 'dbt test']
>Running with dbt=1.10.2
>Found 41 models, 118 data tests, 0 errors
>1 of 2 START test unique_payments_id ............. [RUN]
>1 of 2 PASS unique_payments_id ................... [PASS in 0.61s]
>2 of 2 FAIL 14 not_null_amount ................... [FAIL 14 in 0.9s]
>Completed with 1 error, 0 partial successes
>
>Failure in test not_null_amount (models/p.yml)
>  Got 14 results, configured to fail if != 0
>Done. PASS=1 WARN=0 ERROR=1 SKIP=0 TOTAL=2
[2026-11-20T02:31:14.000+0000] {subprocess.py:97} INFO - Command exited with return code 1
[2026-11-20T02:31:14.100+0000] {taskinstance.py:3313} ERROR - Task failed with exception
Traceback (most recent call last):
  File "/opt/airflow/taskinstance.py", line 768, in _execute_task
    result = _execute_callable(context=context, **execute_callable_kwargs)
airflow.exceptions.AirflowException: Bash command failed. The command returned a non-zero exit code 1.
[2026-11-20T02:31:14.300+0000] {taskinstance.py:1226} INFO - Marking task as FAILED. dag_id=payments_daily
""".replace(">", _STDOUT).splitlines()

PYTHON = """\
[2026-11-20 01:00:03,001] {extract.py:20} INFO - error handling enabled, timeout=30
[2026-11-20 01:00:04,000] {extract.py:41} WARNING - partner API answered HTTP 503, retrying in 5s
[2026-11-20 01:00:30,000] {taskinstance.py:1824} ERROR - Task failed with exception
Traceback (most recent call last):
  File "/opt/dags/extract.py", line 88, in fetch
    raise_for(response)
KeyError: 'settlement_date'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/opt/dags/extract.py", line 120, in main
    rows = fetch(day)
extract.ExtractError: cannot read day 2026-11-19
""".splitlines()

JENKINS = """\
Started by user mara
[Pipeline] stage
[Pipeline] { (Unit tests)
+ set -e
+ pytest --maxfail=1 -q
[2026-11-20T09:12:01.113Z] ..F
[2026-11-20T09:12:01.200Z] E       assert 3 == 4
[2026-11-20T09:12:01.300Z] FAILED tests/test_rates.py::test_round - assert 3 == 4
[2026-11-20T09:12:01.400Z] 1 failed, 2 passed in 0.12s
[Pipeline] }
ERROR: script returned exit code 1
Finished: FAILURE
""".splitlines()

KILLED = """\
INFO:root:loading 40M rows
/home/jenkins/run.sh: line 4:  1234 Killed                  python load.py
ERROR: script returned exit code 137
Finished: FAILURE
""".splitlines()


def telling_line(lines: Iterable[str]) -> int | None:
    """Number of the line that says why, from 0."""
    scan = LogScan()
    scan.feed(lines)
    return scan.telling


@pytest.mark.parametrize(
    ("log", "telling", "sign", "errors"),
    [
        (DBT, "Failure in test not_null_amount", Sign.DATA_TEST, [5, 6, 8, 9, 11, 12, 16, 17]),
        (PYTHON, "KeyError: 'settlement_date'", Sign.EXCEPTION, [2, 6, 13]),
        (JENKINS, "E       assert 3 == 4", Sign.TEST, [6, 7, 8, 10, 11]),
        (KILLED, "Killed", Sign.RESOURCES, [1, 2, 3]),
    ],
)
def test_the_line_that_says_why_is_found(log: list[str], telling: str, sign: Sign, errors: list[int]) -> None:
    """A cause ranks above the wrapper that reports it and above the words a log ends with.

    Every line that speaks of trouble is known by its number.
    """
    scan = LogScan()
    scan.feed(log)
    assert scan.telling is not None
    assert telling in log[scan.telling]
    assert (scan.sign, list(scan.errors), scan.lines) == (sign, errors, len(log))


@pytest.mark.parametrize(
    ("line", "sign"),
    [
        ('FATAL:  password authentication failed for user "etl"', Sign.POLICY),
        ("fatal: unable to access 'https://github.com/finedge/x/'", Sign.FATAL),
        ("Error: checksum mismatch for artifact payments-1.4.2.whl", Sign.CHECKSUM),
        ("sha256 of image does not match release.json", Sign.CHECKSUM),
        ("requests.exceptions.HTTPError: 502 Server Error: Bad Gateway for url", Sign.NETWORK),
        ('"POST /v1/rates HTTP/1.1" 503 19', Sign.NETWORK),
        ("psycopg.OperationalError: connection refused", Sign.NETWORK),
        ("snowflake.connector.errors.ProgrammingError: 001003 (42000): SQL compilation error:", Sign.SQL),
        ("Database Error in model payments (models/payments.sql)", Sign.SQL),
        ("airflow.exceptions.AirflowTaskTimeout: Timeout, PID: 77", Sign.TIMEOUT),
        ("Timeout has been exceeded", Sign.TIMEOUT),
        ("Error from server (Forbidden): pods is forbidden", Sign.POLICY),
        ('admission webhook "policy.sigstore.dev" denied the request', Sign.POLICY),
        ("java.lang.OutOfMemoryError: Java heap space", Sign.RESOURCES),
        ("container etl terminated: OOMKilled, exit code 137", Sign.RESOURCES),
        ("OSError: [Errno 28] No space left on device", Sign.RESOURCES),
        ("[ERROR] Failed to execute goal", Sign.ERROR),
        ("3 failed, 0 errors", Sign.ERROR),
        ("ERROR - something odd", Sign.ERROR),
        ("npm ERR! code E404", Sign.ERROR),
        ("hudson.AbortException: script returned exit code 2", Sign.ENDING),
        ("[ERROR] /src/Rates.java:[3,4] cannot find symbol", Sign.ERROR),
        ("[SEVERE]: the listener did not start", Sign.ERROR),
        ("Policy violation: the image is unsigned", Sign.POLICY),
        ("the release policy blocked the image", Sign.POLICY),
        ("worker received SIGKILL", Sign.RESOURCES),
        ("504 Gateway Time-out", Sign.NETWORK),
        ("the code is 503", Sign.NETWORK),
        ("code -> 526", Sign.NETWORK),
    ],
)
def test_a_line_of_trouble_is_marked(line: str, sign: Sign) -> None:
    """Each failure mode of the mission has its phrases."""
    mark = mark_of(line)
    assert mark is not None
    assert mark.sign is sign


@pytest.mark.parametrize(
    "line",
    [
        "Completed with 0 errors",
        "Done. PASS=118 WARN=0 ERROR=0 SKIP=0 TOTAL=118",
        "errorlevel 0",
        "error handling enabled",
        "WARN: connection reset, going on",
        "[2026-11-20T02:31:14.100+0000] {x.py:3} WARNING - task failed once",
        "02:31:09  [WARNING]: Deprecated functionality: error in config",
        "DEBUG error cache miss",
        "+ echo 'ERROR: not this one'",
        "copied s3://finedge/errors/2026-11-20.csv",
        "4 of 9 PASS accepted_values_payments_status__failed__paid .... [PASS in 0.41s]",
        "SELECT count(*) FROM loads WHERE status = 'failed'",
        "connection refused, retrying in 5s (try 2 of 5)",
        "no failed tests",
        "timeout set to 1800",
        "running with --no-fail-fast, on-error=continue",
        "exit code 0",
        "check 1: import errors of fx_rates: none",
        "rows matched: 5137",
        f"{_STDOUT}[WARNING]: Deprecated functionality: error in config",
        "ERROR 0 errors",
        "[WARNING] error in config",
        "x" * 1_999 + " error",
        "",
    ],
)
def test_noise_is_no_trouble(line: str) -> None:
    """Counts of zero, settings, warnings, traces of the shell and names of tests are passed over."""
    assert mark_of(line) is None


@pytest.mark.parametrize(
    "before", ["", "    ", _STDOUT, "[2026-11-20T09:12:01.113Z] ", "2026-11-20 01:00:03,001 INFO: "]
)
@pytest.mark.parametrize(
    ("last", "sign"),
    [
        ("airflow.exceptions.AirflowException: Bash command failed.", Sign.WRAPPER),
        ("requests.exceptions.ConnectionError: connection refused", Sign.NETWORK),
        ("partner.Stop: no file for today", Sign.EXCEPTION),
        ("partner.Stop: this is unrecoverable", Sign.EXCEPTION),
        ("partner.Stop: 3 of 4 failed", Sign.EXCEPTION),
        ("KeyboardInterrupt", Sign.EXCEPTION),
        ("3 of 4 failed", Sign.ERROR),
        ("all is well", None),
    ],
)
def test_a_traceback_is_told_by_its_last_line(before: str, last: str, sign: Sign | None) -> None:
    """Its frames and blank lines are passed over, whatever a logger puts before each of its lines.

    What the last line says by itself is kept; where that is nothing, or a mere word, it is an exception.
    """
    frames = [
        "Traceback (most recent call last):",
        '  File "error.py", line 1',
        "    failed: fatal",
        "\traise Error()",
        " ",
        "",
    ]
    scan = LogScan()
    scan.feed([before + line for line in ("reading", *frames, last, "partner.Stop: is no trouble here")])
    assert (scan.telling, scan.sign) == (None if sign is None else 7, sign)
    assert list(scan.errors) == ([] if sign is None else [7])


def test_a_traceback_may_begin_behind_a_logger_and_go_on_without_one() -> None:
    """A logger puts its words before the first line of a message alone."""
    scan = LogScan()
    scan.feed(
        [
            "[2026-11-20 01:00:30,000] {x.py:18} ERROR - Traceback (most recent call last):",
            "  failed: fatal",
            "partner.Stop: no file for today",
        ]
    )
    assert (list(scan.errors), scan.sign) == ([2], Sign.EXCEPTION)


def test_a_traceback_far_behind_in_a_line_is_not_looked_for() -> None:
    """2,000 characters of a line are judged."""
    scan = LogScan()
    scan.feed(["x" * 2_000 + "Traceback (most recent call last):", "partner.Stop: is no trouble here"])
    assert not scan.errors


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"{_STDOUT}1 of 2 PASS", "1 of 2 PASS"),
        ("[2026-11-20T09:12:01.113Z] ERROR - disk is full", "disk is full"),
        ("no prefix", "no prefix"),
        ("x" * 3_000, "x" * 2_000),
    ],
)
def test_a_message_is_a_line_without_what_loggers_put_before_it(line: str, message: str) -> None:
    """Time, place and level go; at most 2,000 characters are kept."""
    assert message_of(line) == message


def test_lines_may_come_in_any_pieces() -> None:
    """What is found does not depend on where the log was cut into chunks."""
    whole = LogScan()
    whole.feed(DBT)
    pieces = LogScan()
    for line in DBT:
        pieces.feed([line])
    assert (whole.telling, whole.errors, whole.lines) == (pieces.telling, pieces.errors, pieces.lines)


def test_a_clean_log_has_no_telling_line() -> None:
    """A log without trouble names no line."""
    assert telling_line(["Started", "all done", "Finished: SUCCESS"]) is None


def test_memory_is_bounded_and_long_lines_are_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of errors keeps a bounded list, and a megabyte line is judged by its beginning."""
    scan = LogScan()
    monkeypatch.setattr(log_lines, "ERRORS_KEPT", 1_000)
    scan.feed(["ERROR: x"] * 1_010)
    scan.feed(["error " * 200_000, "x" * 1_000_000, "[" * 1_000_000, "FATAL " + "\\" * 1_000_000])
    assert len(scan.errors) == 1_000
    assert scan.lines == 1_014


@given(st.lists(st.text(max_size=200), max_size=20))
def test_any_lines_can_be_fed(lines: list[str]) -> None:
    """No input raises, and the telling line is one of the error lines."""
    scan = LogScan()
    scan.feed(lines)
    assert scan.telling is None or scan.telling in scan.errors
