"""The smaller parts of the world: health, DAGs that do not import, and what is hostile in dev."""

from datetime import datetime, timedelta

from fedesk.sandbox.dags import Script, Trouble
from fedesk.sandbox.log_text import HOSTILE, HOSTILE_ERROR
from fedesk.sandbox.model import ComponentHealth, Dag, ImportFailure, JenkinsJob, JobKind, LogStory
from fedesk.sandbox.pipelines import CADENCES, FLAVOURS
from fedesk.sandbox.stories import BuildScript

HOSTILE_DAG = "hostile_texts"
HOSTILE_JOB = "finedge/dev/hostile-ci"
_BEAT = timedelta(seconds=5)


def hostile_dag(start: datetime) -> Dag:
    """A DAG whose every text is made to break a terminal."""
    return Dag(
        dag_id=HOSTILE_DAG,
        environment="dev",
        owners=("[red]x[/]",),
        tags=("dev", "[/]"),
        timetable=CADENCES["hourly"],
        description="\x1b[31m[link=https://evil.example]x[/link] [/]",
        tasks=FLAVOURS["api"],
        fileloc="/opt/airflow/dags/[red]x[/].py",
        last_parsed_time=start,
    )


def dag_scripts(dag: Dag) -> tuple[Script, ...]:
    """What happens in the newest run of the hostile DAG: its first task prints everything, then fails."""
    if dag.dag_id != HOSTILE_DAG:
        return ()
    hostile = LogStory(kind="hostile")
    return (
        Script(
            story="hostile",
            troubles=(Trouble(task_id="fetch", fails=3, seconds=20, failing_log=hostile, log=hostile),),
            note="[red]x[/] [/] \x1b[31m",
        ),
    )


def hostile_job() -> JenkinsJob:
    """A job whose log and description are made to break a terminal."""
    return JenkinsJob(
        full_name=HOSTILE_JOB,
        environment="dev",
        kind=JobKind.CI,
        service="hostile",
        description=" ".join(HOSTILE[:4]),
        stages=(("[red]x[/]", 20.0), ("[/]", 30.0)),
        period=timedelta(hours=12),
    )


def build_scripts() -> dict[str, BuildScript]:
    """What the hostile job's newest build says."""
    script = BuildScript(story="hostile", ended=timedelta(minutes=-30), log=LogStory(kind="hostile"))
    return {HOSTILE_JOB: script}


def import_errors(environment: str, start: datetime, *, hostile: bool) -> tuple[ImportFailure, ...]:
    """One DAG in staging does not import; in a hostile dev there is one with lone surrogates."""
    if environment == "staging":
        return (
            ImportFailure(
                import_error_id=3,
                timestamp=start - timedelta(hours=1, minutes=12),
                filename="loyalty/loyalty_tiers_v2.py",
                stack_trace=(
                    "Traceback (most recent call last):\n"
                    '  File "/opt/airflow/dags/loyalty/loyalty_tiers_v2.py", line 7, in <module>\n'
                    "    from finedge.rules import tiers\n"
                    "ModuleNotFoundError: No module named 'finedge.rules'\n"
                ),
            ),
        )
    if environment == "dev" and hostile:
        return (
            ImportFailure(
                import_error_id=4,
                timestamp=start - timedelta(minutes=20),
                filename="[red]x[/].py",
                stack_trace=HOSTILE_ERROR,
            ),
        )
    return ()


def health(now: datetime, outage: tuple[datetime, datetime] | None) -> tuple[ComponentHealth, ...]:
    """Airflow's components at a moment. Heartbeats come every five seconds."""
    beat = datetime.fromtimestamp(now.timestamp() // _BEAT.seconds * _BEAT.seconds, tz=now.tzinfo)
    away = outage is not None and outage[0] <= now < outage[1]
    return (
        ComponentHealth(name="metadatabase", status="healthy"),
        ComponentHealth(
            name="scheduler",
            status="unhealthy" if away else "healthy",
            latest_heartbeat=outage[0] if away and outage is not None else beat,
        ),
        ComponentHealth(name="triggerer", status="healthy", latest_heartbeat=beat),
        ComponentHealth(name="dag_processor", status="healthy", latest_heartbeat=beat),
    )
