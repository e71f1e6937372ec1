"""A first catalogue from what systems describe."""

from pathlib import Path

import pytest

from fedesk.catalogue import load_catalogue
from fedesk.catalogue_text import first_text
from fedesk.domain.catalogue import Catalogue, WriteMode
from fedesk.domain.cataloguing import Entry, Facts, Proposal, owner_of, propose, role_of
from fedesk.domain.datasets import dataset_of
from fedesk.domain.names import ConnectionName
from fedesk.domain.surveys import SeenAsset, SeenDag, SeenJob, SeenModel

JENKINS, AIRFLOW = ConnectionName("prod", "jenkins"), ConnectionName("prod", "airflow")


def dag(name: str, *tags: str, **more: object) -> SeenDag:
    facts: dict[str, object] = {"owners": ("engineering",), "schedule": "@daily", "periodic": True}
    return SeenDag(connection=AIRFLOW, name=name, tags=tags, **(facts | more))  # type: ignore[arg-type]  # its fields


def job(name: str, **more: object) -> SeenJob:
    return SeenJob(connection=JENKINS, name=name, **more)  # type: ignore[arg-type]  # its own fields


def table(name: str, written_by: str = "", *read_by: str) -> SeenAsset:
    return SeenAsset(
        connection=AIRFLOW,
        name=name,
        uri=f"snowflake://a/DB/{name.replace('.', '/')}",
        written_by=(written_by,) if written_by else (),
        read_by=read_by,
    )


def model(name: str, dataset: str, **more: object) -> SeenModel:
    facts: dict[str, object] = {"write": WriteMode.MERGE, "said": "incremental, merge"}
    return SeenModel(name=name, dataset=dataset, **(facts | more))  # type: ignore[arg-type]  # its own fields


def proposal(described: Catalogue | None = None, **facts: object) -> Proposal:
    return propose(Facts(environments=("prod",), **facts), described or Catalogue())  # type: ignore[arg-type]  # its fields


def pipelines(found: Proposal) -> dict[str, Entry]:
    return {entry.name: entry for entry in found.pipelines}


def loaded(found: Proposal, folder: Path) -> Catalogue:
    """What fedesk reads of the text that is written."""
    file = folder / "catalog.yaml"
    file.write_text(first_text(found), encoding="utf-8")
    return load_catalogue(file)


def test_a_dag_becomes_a_pipeline_with_what_it_says_of_itself(tmp_path: Path) -> None:
    """Service and tier by its tags, owner, schedule, what it writes, and who writes what it reads."""
    found = proposal(
        jobs=(job("f/prod/deploy-pay", parameters=("IMAGE",)), job("f/prod/pay-ci")),
        dags=(dag("pay_daily", "pay", "tier-1"), dag("ledger", owners=("acme",))),
        assets=(table("MARTS.PAY", "pay_daily"), table("RAW.LEDGER", "ledger", "pay_daily")),
    )
    catalogue = loaded(found, tmp_path)
    one = catalogue.pipelines["pay_daily"]
    assert (one.service, str(one.owner), one.tier, one.dag) == ("pay", "engineering", 1, "pay_daily")
    assert one.jobs == (("ci", "f/{environment}/pay-ci"),)
    assert [(load.dataset, load.write) for load in one.loads] == [("MARTS.PAY", WriteMode.APPEND)]
    assert one.upstream == ("ledger",)
    assert one.partition is not None
    assert str(catalogue.pipelines["ledger"].owner) == "client:acme"
    deploy = catalogue.services["pay"].deploy
    assert deploy is not None
    assert (deploy.job, deploy.parameters) == ("f/{environment}/deploy-pay", (("IMAGE", "{image}@{digest}"),))
    assert (deploy.release_from, deploy.release_detail) == ("parameter", "IMAGE")


def test_every_fact_says_where_it_came_from() -> None:
    """Each line that is not a name has a comment; a guess says that it is one."""
    found = proposal(dags=(dag("pay", owners=("airflow",)),), assets=(table("MARTS.PAY", "pay"),))
    text = first_text(found)
    assert "owner: engineering                  # the DAG names no owner: say whose it is" in text
    assert "# an outlet of the DAG; how it is written is not told: append until you say" in text
    assert "# in prod/airflow" in text


def test_a_dbt_model_tells_how_a_table_is_written(tmp_path: Path) -> None:
    """By the table that an asset names, by a label, or by its name; what it reads is upstream."""
    found = proposal(
        dags=(dag("pay"), dag("fx"), dag("risk")),
        assets=(table("MARTS.PAY", "pay"),),
        models=(
            model("m1", "MARTS.PAY", key=("ID",), column="DAY", reads=("MARTS.FX",)),
            model("m2", "MARTS.FX", labels=("nightly", "fx")),
            model("risk", "MARTS.RISK", write=None, said="a_custom_one"),
            model("lost", "MARTS.LOST"),
        ),
    )
    catalogue = loaded(found, tmp_path)
    (pay,) = catalogue.pipelines["pay"].loads
    assert (pay.write, pay.key, pay.column) == (WriteMode.MERGE, ("ID",), "DAY")
    assert catalogue.pipelines["pay"].upstream == ("fx",)
    assert catalogue.pipelines["fx"].loads[0].write is WriteMode.MERGE
    assert catalogue.pipelines["risk"].loads[0].write is WriteMode.APPEND
    assert found.limits == ("1 of 4 dbt models name no pipeline by asset, tag or meta.",)


def test_a_circle_is_not_proposed(tmp_path: Path) -> None:
    """Two that read each other: the second way is told, and not written."""
    found = proposal(
        dags=(dag("a"), dag("b")),
        assets=(table("M.A", "a", "b"), table("M.B", "b", "a"), table("M.C", "a", "a")),
    )
    catalogue = loaded(found, tmp_path)
    assert [one.upstream for one in catalogue.pipelines.values()] == [("b",), ()]
    assert found.limits == ("b reads M.A of a, which waits for b itself: not among its upstreams.",)


def test_what_is_described_is_not_proposed(tmp_path: Path) -> None:
    """Whatever a person calls it: by the DAG or the job; new entries refer to it by that name."""
    file = tmp_path / "described.yaml"
    file.write_text(
        "services:\n  Pay: {owner: qa, deploy: {job: 'f/{environment}/deploy-pay'}}\n"
        "pipelines:\n  Payments: {owner: qa, dag: pay, jobs: {run: f/prod/tidy}}\n",
        encoding="utf-8",
    )
    found = proposal(
        load_catalogue(file),
        jobs=(job("f/prod/deploy-pay"), job("f/prod/tidy")),
        dags=(dag("pay"), dag("report", "pay")),
        assets=(table("M.PAY", "pay", "report"),),
    )
    assert found.services == ()
    assert [entry.name for entry in found.pipelines] == ["report"]
    assert found.pipelines[0].value("upstream") == ["Payments"]
    assert found.pipelines[0].value("service") == "Pay"


def test_a_team_with_jenkins_alone_has_pipelines(tmp_path: Path) -> None:
    """A job that neither deploys nor checks is a pipeline; one named like a DAG is that DAG's."""
    found = proposal(jobs=(job("f/prod/load-cards"), job("f/prod/pay")), dags=(dag("pay"),))
    catalogue = loaded(found, tmp_path)
    assert catalogue.pipelines["load-cards"].jobs == (("run", "f/{environment}/load-cards"),)
    assert catalogue.pipelines["pay"].jobs == (("run", "f/{environment}/pay"),)


def test_names_that_two_share_stay_apart(tmp_path: Path) -> None:
    """Of two jobs of one short name the second has its whole name."""
    found = proposal(jobs=(job("a/load"), job("b/load")))
    assert set(loaded(found, tmp_path).pipelines) == {"load", "b/load"}


@pytest.mark.parametrize(
    ("pattern", "role"),
    [
        ("f/deploy-pay", ("deploy", "pay")),
        ("f/pay_deploy", ("deploy", "pay")),
        ("f/pay-ci/main", ("ci", "pay")),
        ("f/pay-{environment}-ci", ("ci", "pay")),
        ("f/pay", ("", "")),
        ("f/sign-release", ("", "")),
    ],
)
def test_a_jobs_name_says_what_it_is_for(pattern: str, role: tuple[str, str]) -> None:
    """``deploy-X``, ``X-ci`` and their turns; a job for each branch stands below it."""
    assert role_of(pattern) == role


@pytest.mark.parametrize(
    ("owners", "owner"),
    [
        (("engineering",), "engineering"),
        (("airflow", "QA"), "qa"),
        (("client:acme_07",), "client:acme_07"),
        (("acme_07",), "client:acme_07"),
        (("Data Platform",), "engineering"),
        ((), "engineering"),
    ],
)
def test_owners_become_words_of_the_catalogue(owners: tuple[str, ...], owner: str) -> None:
    """Airflow's owner of nobody counts for nothing; a strange word is a client, or asks."""
    assert owner_of(owners)[0] == owner


@pytest.mark.parametrize(
    ("uri", "dataset"),
    [
        ("snowflake://acct/finedge/marts/payments", "MARTS.PAYMENTS"),
        ("postgres://h:5432/db/public/Pay", "public.Pay"),
        ("bigquery://project/data/pay", "data.pay"),
        ("s3://bucket/raw/pay.csv", "s3://bucket/raw/pay.csv"),
        ("snowflake://acct/%22", "snowflake://acct/%22"),
        ("MARTS.PAYMENTS", "MARTS.PAYMENTS"),
    ],
)
def test_an_assets_address_names_a_table(uri: str, dataset: str) -> None:
    """Schema and table of a database's address; anything else stands for itself."""
    assert dataset_of(uri) == dataset


HOSTILE = (
    "a: b # c",
    "\x1b[31mred\u202e",
    "[red]x[/]",
    "- x",
    "\"'",
    "multi\nline",
    "null",
    "123",
    "é" * 3000,
    "&a *b !c",
)


def test_hostile_names_are_written_so_that_they_are_read_again(tmp_path: Path) -> None:
    """Names, owners, tags and tables from outside come back as they were; no comment leaves its line."""
    token = "hvs.CAESIJ" + "x" * 90
    found = proposal(
        jobs=tuple(job(name) for name in HOSTILE),
        dags=tuple(dag(f"dag {name}", name, token, owners=(name,)) for name in HOSTILE),
        assets=tuple(table(f"M.{at}", f"dag {name}") for at, name in enumerate(HOSTILE)),
    )
    catalogue = loaded(found, tmp_path)
    assert {one.dag for one in catalogue.pipelines.values() if one.dag} == {f"dag {name}" for name in HOSTILE}
    assert {role for one in catalogue.pipelines.values() for _, role in one.jobs} == set(HOSTILE)
    text = (tmp_path / "catalog.yaml").read_text(encoding="utf-8")
    assert "\x1b" not in text
    assert "\u202e" not in "".join(line.partition("# ")[2] for line in text.splitlines())
    assert token not in text
