from dataclasses import replace
from datetime import timedelta

import pytest
from making import AIRFLOW, JENKINS, NOW, PROD, catalogue, history_of, minutes, run, snapshot

from fedesk.domain.catalogue import Tier
from fedesk.domain.front import Finding
from fedesk.domain.names import ConnectionName
from fedesk.domain.observation import Failure, Observation, Problem, Snapshot, TokenLease
from fedesk.domain.runs import Job, Load, QueueItem
from fedesk.domain.secrets import SecretMetadata
from fedesk.domain.states import FailureKind, Severity, State, System
from fedesk.services.boards import board_of

GOOD, BAD, RUNNING = State.SUCCEEDED, State.FAILED, State.RUNNING


def found(*snapshots: Snapshot, tier: Tier = Tier.PAGE) -> tuple[Finding, ...]:
    return board_of(PROD, catalogue(tier), snapshots, {}, NOW).findings


def kinds(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.kind for finding in findings]


@pytest.mark.parametrize(
    ("tier", "severity"),
    [(Tier.PAGE, Severity.PAGE), (Tier.TICKET, Severity.TICKET), (Tier.LIST, Severity.LISTED)],
)
def test_a_failed_run_asks_as_loudly_as_its_tier(tier: Tier, severity: Severity) -> None:
    """Tier 1 pages, tier 2 makes a ticket, tier 3 is listed."""
    (finding,) = found(snapshot(history_of("payments_daily", [BAD, GOOD])), tier=tier)
    assert (finding.kind, finding.subject, finding.severity) == ("failed run", "payments_daily", severity)
    assert finding.owner == "engineering"


def test_failures_in_a_row_are_one_row_and_each_is_a_finding_of_its_own() -> None:
    """Three bad runs in a row make one row that says so, known by the newest of them.

    Who has read less of the past knows it by the same id; the next failure is another finding.
    """
    runs = history_of("payments_daily", [BAD, BAD, BAD, GOOD, BAD])
    (finding,) = found(snapshot(runs))
    assert "3 in a row" in finding.what
    assert finding.run == runs[0].name
    (later,) = found(snapshot((run("payments_daily", BAD, ago=1, took=0.5, number=9), *runs)))
    (less,) = found(snapshot(runs[:1]))
    assert less.id == finding.id != later.id


def test_a_success_ends_the_finding() -> None:
    """What works again is not shown, however often it failed before."""
    assert found(snapshot(history_of("payments_daily", [GOOD, BAD, BAD]))) == ()


def test_a_failure_that_runs_again_stays_and_says_so() -> None:
    """A re-run under way is no success yet."""
    (finding,) = found(snapshot(history_of("payments_daily", [RUNNING, BAD, GOOD])))
    assert finding.what.endswith("running again")


def test_a_ci_job_never_pages_and_an_aborted_run_is_listed() -> None:
    """A red build hurts no customer; somebody who aborts a run knows of it."""
    ci = run("finedge/prod/payments-ci", BAD, connection=JENKINS)
    (finding,) = found(snapshot([ci], connection=JENKINS, system=System.JENKINS))
    assert (finding.subject, finding.severity) == ("ci payments_daily", Severity.TICKET)
    (finding,) = found(snapshot(history_of("payments_daily", [State.ABORTED])))
    assert finding.severity is Severity.LISTED


def test_a_skipped_run_hides_no_failure() -> None:
    """NOT_BUILT says nothing about whether the job works."""
    assert kinds(found(snapshot(history_of("payments_daily", [State.SKIPPED, BAD])))) == ["failed run"]


@pytest.mark.parametrize(("minutes_running", "expected"), [(5, []), (7, ["slow run"])])
def test_a_run_is_slow_beyond_twice_the_usual_and_five_minutes(
    minutes_running: int, expected: list[str]
) -> None:
    """One minute is usual: five are not worth a row, seven are."""
    runs = (run("export", RUNNING, ago=minutes_running, number=99), *history_of("export", [GOOD] * 5, took=1))
    shown = found(snapshot(runs, connection=JENKINS, system=System.JENKINS))
    assert kinds(shown) == expected


def test_a_missed_deadline_and_one_at_risk_are_told_apart() -> None:
    """Due 06:00 in London: a run that needs longer than that is at risk, one past it is late."""
    usual = history_of("payments_daily", [GOOD] * 5, took=300)
    (at_risk,) = found(snapshot((run("payments_daily", RUNNING, ago=5, number=99), *usual)))
    assert (at_risk.kind, at_risk.severity) == ("deadline", Severity.PAGE)
    assert at_risk.what == "running 5m, usually 5h00m, expected 1h38m past 06:00"
    (late,) = found(snapshot([run("payments_daily", RUNNING, ago=24 * 60)]))
    assert late.what == "20h43m past 06:00"


def test_a_failed_run_tells_its_deadline_in_the_same_row() -> None:
    """One job is one row: that it failed and that it is late are not two alarms."""
    (finding,) = found(snapshot([run("payments_daily", BAD, ago=24 * 60, reason="dbt_test failed")]))
    assert (finding.kind, finding.what) == ("failed run", "dbt_test failed, 20h43m past 06:00")


def test_an_empty_partition_is_seen() -> None:
    """A load that succeeded with no rows is a finding until a newer one brings some."""

    def loaded(rows: int | None, ago: float) -> Load:
        return Load(
            run_id="r",
            pipeline="payments_daily",
            partition="2026-11-19",
            status="success",
            rows_loaded=rows,
            started_at=NOW - minutes(ago),
            ended_at=NOW - minutes(ago - 1),
        )

    empty = Observation(loads=(loaded(12, 90), loaded(0, 30)))
    (finding,) = found(replace(snapshot(), observation=empty))
    assert (finding.kind, finding.subject) == ("empty load", "payments_daily")
    assert found(replace(snapshot(), observation=Observation(loads=(loaded(0, 90), loaded(3, 30))))) == ()


def test_a_silent_system_is_a_finding_in_its_own_words() -> None:
    """What cannot be read is unknown; the list says which system and why, without its address."""
    failed = replace(
        snapshot(),
        failure=Failure(kind=FailureKind.TIMEOUT, sentence=f"{AIRFLOW} at https://air.test did not answer"),
        failed_since=NOW - minutes(3),
    )
    (finding,) = found(failed)
    assert (finding.kind, finding.state) == ("connection", State.UNKNOWN)
    assert (finding.subject, finding.what) == (str(AIRFLOW), "did not answer")


def test_a_sealed_vault_pages_in_production() -> None:
    """Nothing that needs a secret starts while Vault is sealed."""
    sealed = Observation(problems=(Problem(kind="sealed", where="prod/vault", text="Vault is sealed"),))
    (finding,) = found(replace(snapshot(), observation=sealed))
    assert finding.severity is Severity.PAGE


def test_a_long_queue_is_one_finding() -> None:
    """Two builds that wait for eleven minutes make one row; one that waits for a minute makes none."""
    items = [
        QueueItem(
            connection=JENKINS, id=str(n), job="x", why="Waiting for executor", since=NOW - minutes(ago)
        )
        for n, ago in enumerate((11, 12, 1))
    ]
    (finding,) = found(replace(snapshot(), observation=Observation(queue=tuple(items))))
    assert finding.what == "2 builds wait for an executor: Waiting for executor"


def test_secrets_are_told_by_verdict_the_worst_first() -> None:
    """Overdue secrets are a ticket, those due or of unknown age are listed."""
    vault = ConnectionName("prod", "vault")
    secrets = tuple(
        SecretMetadata(
            connection=vault,
            name=f"kv:{name}",
            age_from=None if days is None else NOW - timedelta(days=days),
        )
        for name, days in (("old", 100), ("older", 200), ("due", 80), ("lost", None), ("young", 1))
    )
    shown = found(replace(snapshot(), connection=vault, observation=Observation(secrets=secrets)))
    assert [(one.subject, one.what, one.severity) for one in shown] == [
        ("2 secrets overdue", "kv:older, kv:old", Severity.TICKET),
        ("1 secret of unknown age", "kv:lost", Severity.LISTED),
        ("1 secret due", "kv:due", Severity.LISTED),
    ]


@pytest.mark.parametrize(("hours", "renewable", "count"), [(23, False, 1), (25, False, 0), (1, True, 0)])
def test_a_token_that_ends_within_a_day_is_told_of(hours: int, renewable: bool, count: int) -> None:  # noqa: FBT001 - a case
    """A token that renews itself, or lasts, is nobody's concern at night."""
    lease = TokenLease(display_name="oncall", expires_at=NOW + timedelta(hours=hours), renewable=renewable)
    assert len(found(replace(snapshot(), observation=Observation(token=lease)))) == count


def test_a_paused_pipeline_is_listed() -> None:
    """A DAG that is switched off fails never and loads nothing: someone should know."""
    paused = Job(connection=AIRFLOW, name="payments_daily", enabled=False)
    assert kinds(found(snapshot(history_of("payments_daily", [GOOD]), [paused]))) == ["paused"]


def test_what_pages_stands_first_then_the_newest() -> None:
    """Severity, then age: the person who was paged reads the first row."""
    listed = run("stray", BAD, ago=1, took=0.5)
    page = run("payments_daily", BAD, ago=60)
    assert [one.subject for one in found(snapshot([listed, page]))] == ["payments_daily", "stray"]
