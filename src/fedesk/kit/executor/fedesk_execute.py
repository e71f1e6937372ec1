"""The executor of fedesk as a DAG: one run carries out one plan. For a SEPARATE Airflow 3, and for no other.

On the team's own Airflow every author of a DAG can use its connections and run code on its workers: whoever
can write a DAG could write with the executor's credentials. There the environment is ADVISORY, whatever the
grants in the store say. Separate means: other workers, another metadata database, and nobody but its
administrator can bring a DAG, edit a connection or clear a task. Triggering takes `can create` on DAG Runs
and `can edit` on this DAG.

A desk does not ask an Airflow by itself; somebody, or something, triggers the DAG with the plan's id:

    airflow dags trigger fedesk_execute --conf '{"plan": "019a9f3e-0000-7000-8000-000000000001"}'

With `draft`, the name of a run, in the place of `plan` it changes nothing: the log then has what a re-run of
it would do with the executor's rights.
"""

import os
import re
import subprocess
from datetime import timedelta

from airflow.sdk import DAG, Connection, Param, get_current_context, task

FEDESK = "/opt/fedesk/bin/fedesk"
CONFIG = "/etc/fedesk-executor/fedesk.toml"
CREDENTIALS = {
    "FEDESK_STORE": "fedesk_store",
    "FEDESK_JENKINS": "fedesk_jenkins",
    "FEDESK_AIRFLOW": "fedesk_airflow",
    "FEDESK_VAULT": "fedesk_vault",
}
"""Variables of the executor's fedesk.toml, and the connections whose password each of them is."""
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
RUN = (
    r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\/[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
    r":[A-Za-z0-9_.~:+@#%\/\[\]-](?:[A-Za-z0-9_.~:+@#%\/\[\] -]{0,398}[A-Za-z0-9_.~:+@#%\/\[\]-])?"
)
"""``ENVIRONMENT/CONNECTION:ID``, in plain characters."""

with DAG(
    "fedesk_execute",
    description="Carries out a confirmed plan of fedesk",
    schedule=None,
    catchup=False,
    # Several plans at once are fine: fedesk keeps their targets apart.
    max_active_runs=8,
    dagrun_timeout=timedelta(minutes=40),
    # What was begun is looked up (`fedesk operations recheck`), never tried again by a scheduler.
    default_args={"retries": 0, "owner": "fedesk"},
    params={
        "plan": Param("", type="string", pattern=f"^({UUID})?$", description="Id of a confirmed operation"),
        "draft": Param(
            "", type="string", pattern=f"^({RUN})?$", description="Instead: a run to draft a plan of"
        ),
    },
    tags=["fedesk"],
):

    @task(execution_timeout=timedelta(minutes=30))
    def execute() -> None:
        """``fedesk execute PLAN``, judged by the executor itself, or ``fedesk plans draft RUN``."""
        params = get_current_context()["params"]
        plan, draft = str(params["plan"]), str(params["draft"])
        if bool(plan) == bool(draft):
            raise ValueError("give plan, the id of an operation, or draft, a run; not both, and not neither")
        if not re.fullmatch(UUID if plan else RUN, plan or draft):
            raise ValueError("plan is not the id of an operation, or draft not the name of a run")
        secrets = {name: Connection.get(key).password or "" for name, key in CREDENTIALS.items()}
        asked = ["execute", plan] if plan else ["plans", "draft", draft, "--json"]
        command = [FEDESK, *asked, "--config", CONFIG]
        done = subprocess.run(  # noqa: S603 - a list without a shell, the id is checked above
            command, env={**os.environ, **secrets}, stdin=subprocess.DEVNULL, check=False
        )
        if done.returncode:
            raise RuntimeError(f"fedesk ended with {done.returncode}; its words are above")

    execute()
