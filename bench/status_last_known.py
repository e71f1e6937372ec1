"""``fedesk status --last-known`` and a Tab's answer, whole processes, against ``python -c pass``."""

import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.status import ConnectionStatus, PipelineStatus, Status
from fedesk.glance import last_known
from fedesk.store.last_known import write_status
from pairs import in_turn, whole_process

NOW = datetime(2026, 11, 20, 2, 43, 10, tzinfo=UTC)
PIPELINES = 400
JOBS = 1200
RUNS = 2000


def _status() -> Status:
    """A board at scale 10: 400 pipelines, 1,200 jobs, 2,000 names of runs."""
    names = [f"pipeline_{number:04}" for number in range(PIPELINES)]
    run = "prod/airflow:{}/scheduled__2026-11-20T00:00:00+00:00"
    return Status(
        environment=EnvironmentFacts(
            name="prod", production=True, mode="read-only", timezone="Europe/London"
        ),
        at=NOW,
        connections=tuple(
            ConnectionStatus(
                name=f"prod/{system}",
                system=system,
                state="live",
                latency_ms=41,
                as_of=NOW,
                error=None,
                error_kind=None,
            )
            for system in ("jenkins", "airflow", "vault")
        ),
        pipelines=tuple(
            PipelineStatus(
                name=name,
                owner="engineering",
                tier=1,
                state="succeeded",
                last_run=run.format(name),
                last_run_at=NOW - timedelta(hours=2),
                next_run=NOW + timedelta(hours=22),
            )
            for name in names
        ),
        jobs=tuple(f"finedge/prod/job-{number:04}" for number in range(JOBS)),
        runs=tuple(run.format(f"{name}-{number}") for number in range(RUNS // PIPELINES) for name in names),
    )


def main() -> None:
    """Print each ratio, beside its reference."""
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder, "fedesk.toml")
        configuration.write_text(
            '[environments.prod]\nproduction = true\nmode = "read-only"\ntimezone = "Europe/London"\n'
            '[environments.prod.jenkins]\nurl = "http://127.0.0.1:9"\nuser = "x"\ncredential = "env:NONE"\n',
            encoding="utf-8",
        )
        os.environ["XDG_CACHE_HOME"] = folder
        write_status(last_known(configuration, "prod"), _status())
        command = [python, "-m", "fedesk", "status", "--last-known", "--config", str(configuration)]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert told.count("pipeline_") == PIPELINES
        in_turn(
            "fedesk status --last-known, 400 pipelines",
            lambda: whole_process(command),
            "python -c pass",
            lambda: whole_process([python, "-c", "pass"]),
            rounds=25,
        ).show(30)
        tab = [python, "-m", "fedesk", "__complete", "words", "--", "log", "prod/airflow:pipeline_00"]
        os.environ["FEDESK_CONFIG"] = str(configuration)
        told = subprocess.run(tab, capture_output=True, text=True, check=True).stdout
        assert told.count("pipeline_00") > RUNS // 40
        in_turn(
            "a Tab over 2,000 runs",
            lambda: whole_process(tab),
            "python -c pass",
            lambda: whole_process([python, "-c", "pass"]),
            rounds=25,
        ).show(30)


if __name__ == "__main__":
    main()
