"""catalog.yaml: read into domain values, every mistake named by file, line and key."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedesk.catalogue import load_catalogue
from fedesk.domain.catalogue import (
    AirflowCheck,
    AirflowLook,
    Band,
    BudgetPeriod,
    Canary,
    Catalogue,
    DbtCheck,
    Deadline,
    Deploy,
    HttpCheck,
    LoadTarget,
    Owner,
    OwnerGroup,
    Partition,
    PartitionSource,
    Pipeline,
    Promotion,
    ReleaseSource,
    RetryBudget,
    SnowflakeCheck,
    Tier,
    WriteMode,
    dag_of,
    jobs_of,
    owners_of_secrets,
    secrets_of,
)
from fedesk.mistakes import ConfigurationError

WHOLE = """\
services:
  payments:
    owner: engineering
    repository: https://github.com/finedge/payments
    deploy:
      job: finedge/{environment}/deploy-payments
      parameters: {IMAGE: "{image}@{digest}", FEDESK_OPERATION: "{operation}"}
      release_from: artifact:release.json
      dry_run: {DRY_RUN: "true"}
      verification_stage: Verify
    promotion:
      build: finedge/dev/payments-ci
      stages: {unit: Unit tests, security scan: Container scan}
      soak: 4h
      after: [ledger]
    verify:
      - {airflow: import_errors, dag: payments_daily, expect: none}
      - {airflow: dag_version, dag: payments_daily, expect: "{commit}"}
      - {airflow: smoke_run, dag: payments_smoke, expect: success, within: 10m}
      - {http: "https://payments.{environment}.finedge.example/health", expect: 200}
      - {snowflake: "select count(*) from MARTS.PAYMENTS where LOAD_DATE = :partition",
         expect: {band: history, tolerance: 0.3}}
      - {dbt: artifact:target/run_results.json, expect: success}
    schema_version: select max(version) from OPS.SCHEMA_VERSION
    canary: {slice: clients, first: [acme_07], analysis: 30m}
    rollback: {automatic: false}
  ledger: {owner: engineering}
pipelines:
  payments_daily:
    service: payments
    owner: engineering
    tier: 1
    dag: payments_daily
    jobs: {ci: "finedge/{environment}/payments-ci"}
    partition: {kind: date, from: data_interval_start, zone: Europe/London}
    loads:
      - {dataset: MARTS.PAYMENTS, write: partition_overwrite, column: LOAD_DATE, key: [PAYMENT_ID]}
    upstream: [ledger_load]
    deadline: "06:00 Europe/London"
    retry_budget: 3/day
    secrets: [snowflake:SVC_PAYMENTS, "kv:finedge/{environment}/partner-api"]
    runbook: runbooks/payments_daily.md
  ledger_load: {owner: "client:acme_07"}
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "catalog.yaml"
    file.write_text(text)
    return file


def mistakes_of(path: Path) -> list[str]:
    """Each mistake, with the path of the file taken off."""
    with pytest.raises(ConfigurationError) as caught:
        load_catalogue(path)
    folder = path if path.is_dir() else path.parent
    return [str(mistake).removeprefix(f"{folder}/") for mistake in caught.value.mistakes]


def test_every_key_of_the_format_is_read(tmp_path: Path) -> None:
    """The catalogue in formats.md becomes domain values, word for word."""
    found = load_catalogue(write(tmp_path, WHOLE))
    service = found.services["payments"]
    assert service.deploy == Deploy(
        job="finedge/{environment}/deploy-payments",
        parameters=(("IMAGE", "{image}@{digest}"), ("FEDESK_OPERATION", "{operation}")),
        release_from=ReleaseSource.ARTIFACT,
        release_detail="release.json",
        dry_run=(("DRY_RUN", "true"),),
        verification_stage="Verify",
    )
    assert service.promotion == Promotion(
        build="finedge/dev/payments-ci",
        stages=(("unit", "Unit tests"), ("security scan", "Container scan")),
        soak=timedelta(hours=4),
        after=("ledger",),
    )
    assert service.schema_version == "select max(version) from OPS.SCHEMA_VERSION"
    assert service.verify == (
        AirflowCheck(check=AirflowLook.IMPORT_ERRORS, dag="payments_daily", expect="none"),
        AirflowCheck(check=AirflowLook.DAG_VERSION, dag="payments_daily", expect="{commit}"),
        AirflowCheck(
            check=AirflowLook.SMOKE_RUN,
            dag="payments_smoke",
            expect="success",
            within=timedelta(minutes=10),
        ),
        HttpCheck(url="https://payments.{environment}.finedge.example/health", expect=200),
        SnowflakeCheck(
            query="select count(*) from MARTS.PAYMENTS where LOAD_DATE = :partition",
            expect=Band(band="history", tolerance=0.3),
        ),
        DbtCheck(artifact="target/run_results.json", expect="success"),
    )
    assert service.canary == Canary(slice="clients", first=("acme_07",), analysis=timedelta(minutes=30))
    assert service.rollback_automatic is False
    pipeline = found.pipelines["payments_daily"]
    assert pipeline.owner == Owner(OwnerGroup.ENGINEERING)
    assert pipeline.tier is Tier.PAGE
    assert pipeline.partition == Partition(source=PartitionSource.DATA_INTERVAL_START, zone="Europe/London")
    assert pipeline.loads == (
        LoadTarget(
            dataset="MARTS.PAYMENTS",
            write=WriteMode.PARTITION_OVERWRITE,
            column="LOAD_DATE",
            key=("PAYMENT_ID",),
        ),
    )
    assert pipeline.deadline == Deadline(time(6), "Europe/London")
    assert pipeline.retry_budget == RetryBudget(count=3, period=BudgetPeriod.DAY)
    assert (pipeline.upstream, pipeline.runbook) == (("ledger_load",), "runbooks/payments_daily.md")
    assert found.pipelines["ledger_load"].owner == Owner(OwnerGroup.CLIENT, "acme_07")


def test_the_environment_is_filled_into_names(tmp_path: Path) -> None:
    """One description serves every environment."""
    pipeline = load_catalogue(write(tmp_path, WHOLE)).pipelines["payments_daily"]
    assert jobs_of(pipeline, "prod") == ("finedge/prod/payments-ci",)
    assert secrets_of(pipeline, "dev") == ("snowflake:SVC_PAYMENTS", "kv:finedge/dev/partner-api")
    assert dag_of(pipeline, "dev") == "payments_daily"


def test_a_deadline_falls_on_the_clocks_of_its_zone(tmp_path: Path) -> None:
    """06:00 in London is 06:00 UTC in winter and 05:00 UTC in summer."""
    deadline = load_catalogue(write(tmp_path, WHOLE)).pipelines["payments_daily"].deadline
    assert deadline is not None
    assert deadline.on(date(2026, 11, 20)) == datetime(2026, 11, 20, 6, tzinfo=UTC)
    assert deadline.on(date(2026, 7, 1)) == datetime(2026, 7, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "moment", "due"),
    [
        (
            "Europe/London",
            datetime(2026, 11, 20, 5, 59, 59, tzinfo=UTC),
            datetime(2026, 11, 20, 6, tzinfo=UTC),
        ),
        ("Europe/London", datetime(2026, 11, 20, 6, tzinfo=UTC), datetime(2026, 11, 21, 6, tzinfo=UTC)),
        ("Europe/London", datetime(2026, 10, 24, 6, tzinfo=UTC), datetime(2026, 10, 25, 6, tzinfo=UTC)),
        ("Asia/Tokyo", datetime(2026, 11, 20, 20, tzinfo=UTC), datetime(2026, 11, 20, 21, tzinfo=UTC)),
        ("Asia/Tokyo", datetime(2026, 11, 20, 22, tzinfo=UTC), datetime(2026, 11, 21, 21, tzinfo=UTC)),
    ],
)
def test_a_deadline_falls_due_after_a_moment_never_at_it(zone: str, moment: datetime, due: datetime) -> None:
    """The day is the zone's own; what ends at the very deadline is in time, and the next is a day later."""
    found = Deadline(time(6), zone).next_after(moment)
    assert found == due
    assert found.tzinfo is UTC


def test_owners_deadlines_and_budgets_are_written_as_they_are_read() -> None:
    """Their text is that of the catalogue's format."""
    assert [str(Owner(OwnerGroup.QA)), str(Owner(OwnerGroup.CLIENT, "acme_07"))] == ["qa", "client:acme_07"]
    assert str(Deadline(time(6, 5), "Europe/London")) == "06:05 Europe/London"
    assert str(RetryBudget(count=3, period=BudgetPeriod.DAY)) == "3/day"


def test_a_secret_belongs_to_the_first_pipeline_that_uses_it() -> None:
    """Each secret once, in the catalogue's order, the environment put in."""
    shared, mine = "snowflake:SVC", "kv:{environment}/mine"
    acme = Owner(OwnerGroup.CLIENT, "acme_07")
    pipelines = {
        "a": Pipeline(name="a", owner=acme, secrets=(shared,)),
        "b": Pipeline(name="b", owner=Owner(OwnerGroup.QA), secrets=(mine, shared)),
    }
    found = owners_of_secrets(Catalogue(pipelines=pipelines), "dev")
    assert list(found.items()) == [("snowflake:SVC", "client:acme_07"), ("kv:dev/mine", "qa")]


def test_a_folder_of_files_is_one_catalogue(tmp_path: Path) -> None:
    """Files may refer to one another; what two of them describe is a mistake that names both."""
    (tmp_path / "b.yml").write_text("services: {s: {owner: qa}}\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.yaml").write_text("pipelines:\n  p: {owner: qa, service: s}\n")
    (tmp_path / "notes.txt").write_text("no catalogue")
    assert load_catalogue(tmp_path).pipelines["p"].service == "s"
    (tmp_path / "c.yaml").write_text("\nservices:\n  s: {owner: qa}\n")
    assert mistakes_of(tmp_path) == [f"c.yaml:3: services.s: is described already, in {tmp_path / 'b.yml'}:1"]


def test_an_empty_catalogue_is_a_catalogue(tmp_path: Path) -> None:
    """A team that has described nothing yet has no mistake in it."""
    assert dict(load_catalogue(write(tmp_path, "# nothing yet\n")).pipelines) == {}


def _pipeline(*lines: str) -> str:
    return "pipelines:\n  p:\n    owner: qa\n" + "".join(f"    {line}\n" for line in lines)


def _service(*lines: str) -> str:
    return "services:\n  s:\n    owner: qa\n" + "".join(f"    {line}\n" for line in lines)


MISTAKES = {
    "unknown section": ("pipeline: {}\n", "catalog.yaml:1: pipeline: unknown key; did you mean pipelines?"),
    "unknown key": (_pipeline("tiers: 1"), ":4: pipelines.p.tiers: unknown key; did you mean tier?"),
    "owner": (
        "pipelines:\n  p: {owner: enginering}\n",
        ":2: pipelines.p.owner: must be engineering, qa or client:NAME",
    ),
    "no owner": ("pipelines:\n  p: {}\n", ":2: pipelines.p.owner: is missing"),
    "tier": (_pipeline("tier: 4"), ":4: pipelines.p.tier: must be one of 1, 2, 3"),
    "service": (_pipeline("service: pay"), ":4: pipelines.p.service: unknown service"),
    "upstream": (_pipeline("upstream: [", "  q]"), ":5: pipelines.p.upstream[0]: unknown pipeline"),
    "circle": (
        "pipelines:\n  a: {owner: qa, upstream: [b]}\n  b: {owner: qa, upstream: [a]}\n",
        ":2: pipelines.a.upstream: waits for itself: a → b → a",
    ),
    "deadline": (
        _pipeline("deadline: 25:00 Europe/London"),
        ":4: pipelines.p.deadline: expected a time and its zone",
    ),
    "zone": (
        _pipeline('deadline: "06:00 Europe/Londn"'),
        ":4: pipelines.p.deadline: no IANA time zone; did you mean",
    ),
    "partition": (
        _pipeline("partition: {from: logicaldate}"),
        ":4: pipelines.p.partition.from: must be one of",
    ),
    "write": (
        _pipeline("loads:", "- dataset: X", "  write: apend"),
        ":6: pipelines.p.loads[0].write: must be one of",
    ),
    "budget": (_pipeline("retry_budget: often"), ":4: pipelines.p.retry_budget: expected a number a period"),
    "secret": (
        _pipeline("secrets: [aws:x]"),
        ":4: pipelines.p.secrets[0]: must be snowflake:USER or kv:PATH",
    ),
    "placeholder": (_pipeline("dag: x_{env}"), ":4: pipelines.p.dag: unknown placeholder"),
    "release_from": (
        _service("deploy: {job: j, release_from: artefact:x}"),
        ":4: services.s.deploy.release_from: must be artifact:PATH, parameter:NAME or description",
    ),
    "two systems": (
        _service("verify: [{airflow: import_errors, snowflake: q, expect: none}]"),
        ":4: services.s.verify[0]: names one system to ask",
    ),
    "gate": (
        _service("promotion: {stages: {units: Unit tests}}"),
        ":4: services.s.promotion.stages.units: unknown key; did you mean unit?",
    ),
    "soak": (
        _service("promotion: {soak: 4}"),
        ":4: services.s.promotion.soak: expected text, got",
    ),
    "after": (_service("promotion: {after: [t]}"), ":4: services.s.promotion.after[0]: unknown service"),
    "after itself": (
        _service("promotion: {after: [s]}"),
        ":4: services.s.promotion.after: waits for itself: s → s",
    ),
    "release word": (
        _service('deploy: {job: j, dry_run: {X: "{digets}"}}'),
        ":4: services.s.deploy.dry_run.X: unknown placeholder; did you mean digest?",
    ),
    "dag version": (
        _service("verify: [{airflow: dag_version, expect: 1}]"),
        ":4: services.s.verify[0].dag: is missing: dag_version is of one DAG",
    ),
    "smoke run": (
        _service("verify: [{airflow: smoke_run, dag: d, expect: green}]"),
        ":4: services.s.verify[0].expect: must be success, for smoke_run",
    ),
    "status": (
        _service("verify: [{http: 'https://x/', expect: ok}]"),
        ":4: services.s.verify[0].expect: must be a status of HTTP, like 200",
    ),
    "address": (
        _service("verify: [{http: 'x/health', expect: 200}]"),
        ":4: services.s.verify[0].http: must be an address that begins with https://",
    ),
    "band of nothing": (
        _service("verify: [{snowflake: select 1, expect: {band: history, tolerance: 0.3}}]"),
        ":4: services.s.verify[0].expect: a band is of earlier partitions",
    ),
    "dbt": (
        _service("verify: [{dbt: run_results.json, expect: success}]"),
        ":4: services.s.verify[0].dbt: must be artifact:PATH",
    ),
    "within": (
        _service("verify: [{dbt: 'artifact:r', expect: success, within: soon}]"),
        ":4: services.s.verify[0].within: expected a duration like 90d",
    ),
    "canary": (
        _service("canary: {slice: c, first: [a], analysis: soon}"),
        ":4: services.s.canary.analysis: expected a duration like 90d",
    ),
    "twice": ("pipelines: {}\npipelines: {}\n", ":1: pipelines: stands here a second time, on line 2"),
    "tag": (_pipeline("dag: !!python/name:os.system x"), ":4: pipelines.p.dag: the tag"),
    "alias in itself": (
        _pipeline("upstream: &a [*a]"),
        "pipelines.p.upstream[0]: an alias that holds itself",
    ),
    "no YAML": ("pipelines: [\n", "no YAML: while parsing a flow node"),
    "undefined alias": ("\npipelines: *x\n", ":2: no YAML: found undefined alias"),
    "list": ("- a\n", ":1: expected a table, got a list"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_by_file_line_and_key(tmp_path: Path, name: str) -> None:
    """One mistake, one line: where it stands, which key, what is expected."""
    text, expected = MISTAKES[name]
    found = mistakes_of(write(tmp_path, text))
    assert any(expected in mistake for mistake in found), found


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    """Correcting a catalogue is one round, however many files it has."""
    (tmp_path / "a.yaml").write_text(_pipeline("tier: 9", "dag: 3"))
    (tmp_path / "b.yaml").write_text(_service("canary: {}"))
    assert [mistake.split(": ")[1] for mistake in mistakes_of(tmp_path)] == [
        "pipelines.p.tier",
        "pipelines.p.dag",
        "services.s.canary.slice",
        "services.s.canary.first",
        "services.s.canary.analysis",
    ]


def test_an_alias_bomb_ends_early(tmp_path: Path) -> None:
    """A file of a few lines that would unfold to billions is refused in one sentence."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    found = mistakes_of(write(tmp_path, "\n".join(lines) + "\n"))
    assert any("grows without end" in mistake for mistake in found)


def test_what_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    """A missing file, an empty folder and bytes that are no text are named."""
    assert "cannot be read: No such file" in mistakes_of(tmp_path / "none.yaml")[0]
    assert "the folder holds no .yaml file" in mistakes_of(tmp_path)[0]
    file = tmp_path / "catalog.yaml"
    file.write_bytes(b"a: 1\nb: \xff\n")
    assert mistakes_of(file) == ["catalog.yaml:2: is not UTF-8 text"]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_broken_catalogue_never_ends_in_a_traceback(tmp_path: Path, data: st.DataObject) -> None:
    """A good file with a piece cut out, or replaced by any text, is read or refused in sentences."""
    start = data.draw(st.integers(0, len(WHOLE)))
    end = data.draw(st.integers(start, min(start + 60, len(WHOLE))))
    file = tmp_path / "catalog.yaml"
    piece = data.draw(st.text(st.characters(codec="utf-8"), max_size=15))
    file.write_text(WHOLE[:start] + piece + WHOLE[end:], encoding="utf-8")
    try:
        load_catalogue(file)
    except ConfigurationError as error:
        _assert_told(error)


def _assert_told(error: ConfigurationError) -> None:
    assert error.mistakes
    assert all(mistake.sentence for mistake in error.mistakes)
