"""Where a catalogue and the systems have drifted apart, rule by rule."""

from dataclasses import replace
from pathlib import Path

import pytest

from fedesk.catalogue import load_catalogue
from fedesk.domain.catalogue import Catalogue
from fedesk.domain.drift import Drift, DriftKind, Situation, drift
from fedesk.domain.names import ConnectionName
from fedesk.domain.states import System
from fedesk.domain.surveys import SeenAsset, SeenDag, SeenJob

JENKINS, AIRFLOW = ConnectionName("prod", "jenkins"), ConnectionName("prod", "airflow")

CATALOGUE = """\
services:
  pay: {owner: qa, deploy: {job: "f/{environment}/deploy-pay"}}
  fx: {owner: qa}
pipelines:
  payments:
    service: pay
    owner: engineering
    tier: 1
    dag: payments
    jobs: {ci: "f/{environment}/pay-ci"}
    partition: {from: data_interval_start}
    loads: [{dataset: MARTS.PAY, write: append}]
    upstream: [ledger]
    deadline: "06:00 Europe/London"
    secrets: ["kv:{environment}/pay", snowflake:SVC]
    runbook: pay.md
  ledger: {owner: "client:acme", dag: ledger, loads: [{dataset: RAW.LEDGER, write: merge}]}
  tidy: {owner: qa, jobs: {run: f/dev/tidy}}
"""
PAYMENTS = SeenDag(
    connection=AIRFLOW, name="payments", owners=("airflow", "engineering"), tags=("tier-1", "pay", "prod"),
    schedule="@daily", periodic=True,
)  # fmt: skip
LEDGER = SeenDag(connection=AIRFLOW, name="ledger", owners=("acme",), schedule="@daily", periodic=True)


def table(name: str, written_by: tuple[str, ...], *read_by: str) -> SeenAsset:
    uri = f"snowflake://a/DB/{name.replace('.', '/')}"
    return SeenAsset(connection=AIRFLOW, name=name, uri=uri, written_by=written_by, read_by=read_by)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    file = tmp_path / "catalog.yaml"
    file.write_text(CATALOGUE, encoding="utf-8")
    return load_catalogue(file)


@pytest.fixture
def agreed(catalogue: Catalogue) -> Situation:
    """Everything is as the catalogue says."""
    names = ("f/prod/deploy-pay", "f/prod/pay-ci")
    return Situation(
        catalogue=catalogue,
        environment="prod",
        jobs={name: SeenJob(connection=JENKINS, name=name) for name in names},
        dags={one.name: one for one in (PAYMENTS, LEDGER)},
        assets=(table("MARTS.PAY", ("payments",)), table("RAW.LEDGER", ("ledger",), "payments")),
        whole=frozenset({System.JENKINS, System.AIRFLOW}),
        assets_whole=True,
        folders=("f/prod",),
        secrets=frozenset({"kv:prod/pay", "snowflake:SVC"}),
        holders=("kv:", "snowflake:"),
    )


def with_dag(situation: Situation, **changes: object) -> Situation:
    changed = replace(PAYMENTS, **changes)  # type: ignore[arg-type]  # its own fields
    return replace(situation, dags={**situation.dags, changed.name: changed})


def only(situation: Situation) -> Drift:
    (found,) = drift(situation)
    return found


def test_what_agrees_has_not_drifted(agreed: Situation) -> None:
    """No finding; a name that lies in another environment's folder is that one's business."""
    assert drift(agreed) == ()


def test_a_job_that_is_gone_is_named_with_the_nearest(agreed: Situation) -> None:
    """The job and where it is named; what is there instead is not described."""
    jobs = {name.replace("pay-ci", "pays-ci"): one for name, one in agreed.jobs.items()}
    gone, strange = drift(replace(agreed, jobs=jobs))
    assert (gone.kind, gone.place) == (DriftKind.JOB, ("pipelines", "payments", "jobs", "ci"))
    assert gone.sentence == "Jenkins in prod has no job f/prod/pay-ci, or hides it"
    assert gone.remedy.startswith("did you mean f/prod/pays-ci?")
    assert (strange.kind, strange.place) == (DriftKind.UNDESCRIBED, ("pipelines",))


def test_a_dag_that_is_gone_is_named(agreed: Situation) -> None:
    """At its key."""
    found = only(replace(agreed, dags={"ledger": LEDGER}))
    assert (found.kind, found.place) == (DriftKind.DAG, ("pipelines", "payments", "dag"))


def test_silence_is_no_absence(agreed: Situation) -> None:
    """Of a system that was not read whole nothing is said to be missing."""
    silent = replace(
        agreed,
        jobs={},
        dags={},
        assets=(),
        whole=frozenset(),
        assets_whole=False,
        secrets=frozenset(),
        holders=(),
    )
    assert drift(silent) == ()


@pytest.mark.parametrize(
    ("changes", "kind", "key", "words"),
    [
        ({"owners": ("qa",)}, DriftKind.OWNER, "owner", "write qa"),
        ({"tags": ("tier-2", "pay")}, DriftKind.TIER, "tier", "write 2"),
        ({"tags": ("tier-1", "fx")}, DriftKind.SERVICE, "service", "write fx"),
        ({"schedule": "", "periodic": False}, DriftKind.SCHEDULE, "deadline", "give the DAG a schedule"),
    ],
)
def test_what_a_dag_says_otherwise(
    agreed: Situation, changes: dict[str, object], kind: DriftKind, key: str, words: str
) -> None:
    """Owner, tier, service and schedule, each at its key, with what to write."""
    found = only(with_dag(agreed, **changes))
    assert (found.kind, found.place) == (kind, ("pipelines", "payments", key))
    assert words in found.remedy


@pytest.mark.parametrize("owners", [(), ("airflow",), ("someone", "Engineering")])
def test_an_owner_that_says_nothing_else_agrees(agreed: Situation, owners: tuple[str, ...]) -> None:
    """Nobody's owner, and one of several, contradict nothing."""
    assert drift(with_dag(agreed, owners=owners)) == ()


def test_partitions_of_their_own(agreed: Situation) -> None:
    """Runs that carry a partition key are not counted by their interval."""
    found = only(with_dag(agreed, partitioned=True))
    assert (found.place, found.remedy) == (
        ("pipelines", "payments", "partition", "from"),
        "write partition_key",
    )


def test_a_dataset_that_is_not_written_any_more(agreed: Situation) -> None:
    """At its place in the list, and the one that is written instead."""
    assets = (table("MARTS.PAYMENTS", ("payments",)), *agreed.assets[1:])
    gone, new = drift(replace(agreed, assets=assets))
    assert (gone.kind, gone.place) == (DriftKind.DATASET, ("pipelines", "payments", "loads", 0, "dataset"))
    assert (new.place, "MARTS.PAYMENTS" in new.sentence) == (("pipelines", "payments", "loads"), True)


def test_a_dag_that_declares_no_outlet_says_nothing_of_its_tables(agreed: Situation) -> None:
    """Most do not: no finding."""
    assert drift(replace(agreed, assets=agreed.assets[1:])) == ()


def test_an_upstream_that_is_read_and_not_named(agreed: Situation) -> None:
    """Who loads what the DAG reads comes before it."""
    pipelines = dict(agreed.catalogue.pipelines)
    pipelines["payments"] = replace(pipelines["payments"], upstream=())
    found = only(replace(agreed, catalogue=replace(agreed.catalogue, pipelines=pipelines)))
    assert (found.kind, found.remedy) == (DriftKind.UPSTREAM, "add ledger")


def test_secrets_and_runbooks_that_are_not_there(agreed: Situation) -> None:
    """Each at its key; of a holder that was not read whole nothing is missing."""
    bare = replace(agreed, secrets=frozenset({"kv:prod/pays"}), missing_runbooks=frozenset({"pay.md"}))
    kv, user, runbook = drift(bare)
    assert (kv.place, user.place) == tuple(("pipelines", "payments", "secrets", at) for at in (0, 1))
    assert "did you mean kv:prod/pays?" in kv.remedy
    assert runbook.kind is DriftKind.RUNBOOK
    assert [one.kind for one in drift(replace(bare, holders=("snowflake:",)))] == [
        DriftKind.SECRET,
        DriftKind.RUNBOOK,
    ]
