"""DAG files for a real Airflow 3: every shape of run, task and log that the adapter has to read."""

from pathlib import Path

from fedesk.kit import EXECUTOR

_SHAPES = """
import os
import time
from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, Asset, TaskGroup, task
from airflow.sdk.exceptions import AirflowSkipException

START = datetime(2026, 11, 1, tzinfo=timezone.utc)
GO = "{go}"
LEDGER = Asset("MARTS.LEDGER_LOAD", uri="snowflake://finedge/FINEDGE/MARTS/LEDGER_LOAD")


def dag(name, *tags, owner="engineering", schedule=None, **more):
    owned = {{"owner": owner}}
    return DAG(
        name, schedule=schedule, start_date=START, catchup=False, tags=list(tags), default_args=owned, **more
    )


with dag("ledger_load", "prod", "ledger", description="Loads [bold]the ledger[/bold]"):

    @task
    def extract(**context):
        print("::group::Reading partner files")
        print("file acme_07.csv \\x1b[31mred\\x1b[0m [bold]markup[/bold]")
        print("::endgroup::")
        return ["eu", "us", "uk"]

    @task(outlets=[LEDGER])
    def load(region):
        print(f"loading {{region}}")

    @task
    def optional():
        raise AirflowSkipException("nothing to do today")

    @task(trigger_rule="none_failed")
    def notify():
        print("told everyone")

    regions = extract()
    [load.expand(region=regions), optional()] >> notify()

with dag("payments_daily", "prod", "payments"):

    @task(task_id="extract", inlets=[LEDGER])
    def extract_payments():
        print("extracted")

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def dbt_test():
        print("not_null_payments_amount: 14 rows")
        raise RuntimeError("not_null_payments_amount failed: 14 rows")

    @task
    def publish():
        print("published")

    with TaskGroup("checks"):
        tested = dbt_test()
    extract_payments() >> tested >> publish()

with dag("partner_api", "prod", owner="qa"):

    @task(retries=2, retry_delay=timedelta(hours=6))
    def call():
        raise ConnectionError("api.partner.example answered 503")

    call()

with dag("long_backfill", "prod"):

    @task
    def wait():
        print("waiting to be let go")
        until = time.monotonic() + 900
        while not os.path.exists(GO) and time.monotonic() < until:
            time.sleep(0.2)
        print("let go")

    wait()

# Paused, so that it is never run by what the other tests do.
with dag("ledger_report", "prod", schedule=[LEDGER], is_paused_upon_creation=True):

    @task
    def report():
        print("reported")

    report()

with dag("staging_copy", "staging"):

    @task
    def copy():
        print("copied")

    copy()
"""

_CHANGES = """
import os
import time
from datetime import datetime, timezone

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task

START = datetime(2026, 11, 1, tzinfo=timezone.utc)
GO = "{go}"


def dag(name):
    return DAG(
        name, schedule=None, start_date=START, catchup=False, tags=["prod"], max_active_runs=100
    )


# An EmptyOperator is done by the scheduler itself: a run costs no process for it.
with dag("partners_daily"):

    @task
    def validate_partner(partner, **context):
        fails = context["dag_run"].conf.get("fails", 1)
        if partner == 2 and context["ti"].try_number <= fails:
            raise RuntimeError("partner 2 is not valid")

    validated = validate_partner.expand(partner=[0, 1, 2])
    EmptyOperator(task_id="list_partners") >> validated
    validated >> EmptyOperator(task_id="load") >> EmptyOperator(task_id="notify")

with dag("partners_slow"):

    @task
    def fail():
        raise RuntimeError("failed at once")

    @task
    def wait():
        until = time.monotonic() + 900
        while not os.path.exists(GO) and time.monotonic() < until:
            time.sleep(0.2)

    fail() >> EmptyOperator(task_id="after")
    wait()

with dag("partners_monthly"):

    @task
    def check(**context):
        conf = context["dag_run"].conf
        if context["ti"].try_number <= conf["fails"]:
            raise RuntimeError("the file of acme is late")
        until = time.monotonic() + 900
        while conf["holds"] and not os.path.exists(GO) and time.monotonic() < until:
            time.sleep(0.1)

    check() >> EmptyOperator(task_id="publish")
"""

_BROKEN = """
from airflow.sdk import DAG

raise ImportError("no module named finedge_models [red]")
"""

_MANY = """
from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

START = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days={days})

for number in range({count}):
    with DAG(
        f"batch_{{number:03}}", schedule="@daily", start_date=START, catchup=True, tags=["many"]
    ) as dag:
        EmptyOperator(task_id="extract") >> EmptyOperator(task_id="load")
"""


def write_shapes(folder: Path, go: Path) -> None:
    """The DAGs of the contract tests. ``long_backfill`` runs until a file ``go`` exists."""
    (folder / "shapes.py").write_text(_SHAPES.format(go=go), encoding="utf-8")
    (folder / "broken.py").write_text(_BROKEN, encoding="utf-8")


def write_changes(folder: Path, go: Path) -> None:
    """DAGs whose runs fail and can be cleared.

    ``partners_slow`` has a task that runs until ``go`` exists, and so has a cleared ``partners_monthly``
    whose conf says ``holds``.
    """
    (folder / "changes.py").write_text(_CHANGES.format(go=go), encoding="utf-8")


def go_of_changes(go: Path) -> Path:
    """The file that lets ``partners_slow`` end on a server of ``write_all`` whose own file is ``go``."""
    return go.with_name("go-changes")


def write_all(folder: Path, go: Path) -> None:
    """Both, each with a file of its own to wait for; and the DAG of the kit."""
    write_shapes(folder, go)
    write_changes(folder, go_of_changes(go))
    write_executor(folder, go)


_STAND_IN = """#!/bin/sh
# In the place of fedesk: what it was called with, and the credentials that it was given.
for word in "$@" "$FEDESK_STORE" "$FEDESK_JENKINS" "$FEDESK_AIRFLOW" "$FEDESK_VAULT"; do
    printf '%s\\n' "$word"
done >'{told}.part'
mv '{told}.part' '{told}'
"""


def told_by_executor(go: Path) -> Path:
    """What the stand-in of fedesk was called with the last time, a word a line."""
    return go.with_name("told-by-executor")


def write_executor(folder: Path, go: Path) -> None:
    """The DAG of the kit, whose fedesk is a script that tells what it was called with."""
    program = go.with_name("fedesk")
    program.write_text(_STAND_IN.format(told=told_by_executor(go)), encoding="utf-8")
    program.chmod(0o700)
    text = EXECUTOR.text("fedesk_execute.py").replace("/opt/fedesk/bin/fedesk", str(program))
    (folder / "fedesk_execute.py").write_text(text, encoding="utf-8")


def write_many(folder: Path, count: int, days: int) -> None:
    """``count`` small DAGs that catch up with ``days`` daily runs by themselves."""
    (folder / "many.py").write_text(_MANY.format(count=count, days=days), encoding="utf-8")
