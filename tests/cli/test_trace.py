"""``fedesk trace`` over all four systems: one operation found everywhere, in order, whatever is silent."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from cli_situations import AIRFLOW_RUN, BUILD, FAILED, FAILED_DAG, JOB, UNAWARE, YES, Situation
from command_line import Ended, Run

from fedesk.cli.session import LauncherOf
from fedesk.sandbox.server import Sandbox

NOTHING = ("prod/jenkins", "prod/airflow", "prod/snowflake")


@pytest.fixture
def sandbox(full_sandbox: Sandbox) -> Sandbox:
    """All four systems."""
    return full_sandbox


@pytest.fixture
def desk(run: Run, sandbox: Sandbox) -> Iterator[Run]:
    """A desk with more patience: Snowflake's emulator fills its tables at the first request."""
    text = sandbox.config_path.read_text(encoding="utf-8")
    patient = sandbox.config_path.with_name("patient.toml")
    section = "[environments.prod.snowflake]"
    assert section in text
    patient.write_text(text.replace(section, f"{section}\ntimeout = {{ connect = 3, read = 120 }}"), "utf-8")

    def run_it(*arguments: str, launcher: LauncherOf | None = None) -> Ended:
        moment = sandbox.control.clock.now()
        return run(*arguments, "--config", str(patient), at=moment, launcher=launcher)

    yield run_it
    patient.unlink()


def minted(at: datetime) -> str:
    """A UUIDv7 of that moment, which no store knows."""
    digits = f"{int(at.timestamp() * 1000):012x}7abc8def{'0123456789ab'}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def traced(ended: Ended) -> dict[str, Any]:
    return ended.document("trace")


def sources(document: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["state"] for one in document["sources"]}


def of(document: dict[str, Any], source: str) -> list[dict[str, Any]]:
    return [one for one in document["traces"] if one["source"] == source]


def in_this_order(document: dict[str, Any], wanted: Sequence[str]) -> None:
    """Traces stand by time, and the first of each of these sources in the order given."""
    times = [datetime.fromisoformat(one["at"]) for one in document["traces"]]
    assert times == sorted(times)
    found = [one["source"] for one in document["traces"]]
    assert [name for name in dict.fromkeys(found) if name in wanted] == list(wanted)


def test_a_cleared_run_is_found_in_every_system(acting: Run, situation: Situation, sandbox: Sandbox) -> None:
    """Confirmation, journal, audit log, event log, notes, pipeline_runs and query tags tell, by time."""
    assert acting("rerun", FAILED, *YES).code == 0
    sandbox.control.clock.advance(timedelta(hours=1))
    (operation,) = situation.operations()
    name = operation.plan.operation
    ended = acting("trace", name, "--json")
    assert ended.code == 0, ended.err
    document = traced(ended)
    assert (document["operation"], document["known"], document["environment"]) == (name, True, "prod")
    assert sources(document) == {
        "store": "found",
        "prod/jenkins": "nothing",
        "prod/airflow": "found",
        "prod/vault": "not applicable",
        "prod/snowflake": "found",
    }
    in_this_order(
        document,
        (
            "confirmation",
            "journal",
            "audit log",
            "prod/airflow event log",
            "prod/snowflake pipeline_runs",
            "prod/snowflake query history",
            "prod/airflow task instances",
        ),
    )
    (asked,) = of(document, "prod/airflow event log")
    writer = sandbox.world.identity("airflow", writer=True).user
    assert asked["said"] == (
        f'"{writer}" asked for post_clear_task_instances of {FAILED_DAG} / {AIRFLOW_RUN} '
        f'with the note "fedesk {name}".'
    )
    (notes,) = of(document, "prod/airflow task instances")
    assert notes["reference"] == FAILED
    assert "the note stands on 3 of 6 task instances: dbt_test failed (try 6)" in notes["said"]
    (load,) = of(document, "prod/snowflake pipeline_runs")
    assert (load["reference"], load["said"]) == (AIRFLOW_RUN, "payments_daily / 2026-11-20: failed.")
    queries = of(document, "prod/snowflake query history")
    said = "SELECT by SVC_PAYMENTS on ETL_L with the id in its query tag: FAILED_WITH_ERROR at "
    assert [one["said"].startswith(said) for one in queries] == [True] * 3
    assert len({one["reference"] for one in queries}) == 3
    records = of(document, "audit log")
    assert [one["reference"] for one in records] == [f"record {one.seq}" for one in situation.records()]
    assert len(of(document, "journal")) == len(operation.journal)


def test_a_built_job_is_found_by_its_parameter(acting: Run, situation: Situation) -> None:
    """The build that carries FEDESK_OPERATION stands behind the intent, under its name and with its link."""
    assert acting("rerun", BUILD, *YES).code == 0
    (operation,) = situation.operations()
    document = traced(acting("trace", operation.plan.operation[:13], "--json"))
    assert sources(document)["prod/jenkins"] == "found"
    assert sources(document)["prod/airflow"] == "nothing"
    (build,) = of(document, "prod/jenkins build")
    number = situation.builds() - 1
    assert build["reference"] == f"prod/jenkins:{JOB}#{number}"
    assert build["link"].endswith(f"/{number}/")
    assert build["said"].startswith(f"Build #{number} of {JOB} has the id in FEDESK_OPERATION; it is ")
    in_this_order(document, ("confirmation", "journal", "audit log", "prod/jenkins build"))


def test_a_build_without_the_parameter_is_named_by_the_journal_alone(
    acting: Run, situation: Situation
) -> None:
    """A job that does not declare FEDESK_OPERATION carries no id: Jenkins says nothing, the desk does."""
    assert acting("rerun", UNAWARE, *YES, "--accept", "operation-id").code == 0
    (operation,) = situation.operations()
    ended = acting("trace", operation.plan.operation, "--json")
    assert ended.code == 0, ended.err
    document = traced(ended)
    assert sources(document)["prod/jenkins"] == "nothing"
    references = [one["reference"] for one in of(document, "journal") if one["reference"]]
    assert any(one.startswith("build:") for one in references)


def test_one_task_alone_is_traced_in_its_run(acting: Run, situation: Situation) -> None:
    """An operation about RUN::TASK is looked up in the run, and its note stands on that task alone."""
    assert acting("rerun", f"{FAILED}::dbt_test", *YES).code == 0
    assert situation.operations()
    document = traced(acting("trace", "--json"))
    (notes,) = of(document, "prod/airflow task instances")
    assert "on 1 of 6 task instances: dbt_test " in notes["said"]


def test_it_is_told_in_a_table(acting: Run, situation: Situation) -> None:
    """A row each, on the environment's clocks; nothing is said on stderr where nothing is missing."""
    assert acting("rerun", FAILED, *YES).code == 0
    ended = acting("trace")
    assert (ended.code, ended.err) == (0, "")
    header, *rows = ended.out.splitlines()
    assert header.split() == ["TIME", "SOURCE", "WHAT", "REFERENCE"]
    (operation,) = situation.operations()
    assert f"{operation.confirmation.by} confirmed (--confirm prod): clear 3 task instances" in rows[0]
    assert any("prod/airflow event log" in row for row in rows)


@pytest.mark.parametrize(
    ("system", "kind"), [("airflow", "status"), ("snowflake", "status"), ("jenkins", "close")]
)
def test_a_silent_system_is_named_and_the_rest_is_told(
    acting: Run, sandbox: Sandbox, system: str, kind: str
) -> None:
    """Exit 8, the system's own words, and everything that the others and the store know."""
    assert acting("rerun", FAILED, *YES).code == 0
    sandbox.control.fault(system, kind)
    ended = acting("trace", "--json")
    assert ended.code == 8
    document = traced(ended)
    (silent,) = (one for one in document["sources"] if one["state"] == "silent")
    assert silent["name"] == f"prod/{system}"
    assert silent["error"] in ended.err
    assert of(document, "journal")
    assert of(document, "audit log")
    assert bool(of(document, "prod/airflow event log")) is (system != "airflow")


def test_an_id_that_the_store_does_not_know_is_looked_for_in_the_systems(
    acting: Run, sandbox: Sandbox
) -> None:
    """The event log since it was minted names the run, whose notes, row and queries are then found."""
    name = minted(sandbox.world.now())
    sandbox.control.clock.advance(timedelta(minutes=1))
    sandbox.control.clear_run("prod", FAILED_DAG, AIRFLOW_RUN, note=f"fedesk {name}")
    sandbox.control.clock.advance(timedelta(hours=1))
    ended = acting("trace", name, "--json")
    assert ended.code == 0, ended.err
    document = traced(ended)
    assert document["known"] is False
    assert sources(document)["store"] == "nothing"
    assert {one["source"] for one in document["traces"]} == {
        "prod/airflow event log",
        "prod/airflow task instances",
        "prod/snowflake pipeline_runs",
        "prod/snowflake query history",
    }


def test_nothing_anywhere_is_exit_1(acting: Run, sandbox: Sandbox) -> None:
    """One sentence with the places that were looked at; the document is printed all the same."""
    name = minted(sandbox.world.now())
    ended = acting("trace", name, "--env", "prod")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == f"Nothing is known of operation {name} in store, {', '.join(NOTHING)}.\n"
    document = traced(acting("trace", name, "--env", "prod", "--json"))
    assert document["traces"] == []


@pytest.mark.parametrize(
    "text", ["", "no-id", "019a9f3e-0001-4000-8000-000000000001", "019a9f3e-0001-7000-8000-0000000000010"]
)
def test_a_malformed_id_is_exit_2(acting: Run, text: str) -> None:
    """What is no UUIDv7 and no beginning of one is a mistake of usage; no system is asked."""
    ended = acting("trace", text)
    assert (ended.code, ended.out) == (2, "")
    assert "is no operation's id" in ended.err


def test_a_beginning_that_the_store_does_not_know(acting: Run, sandbox: Sandbox) -> None:
    """Exit 1, and no system is asked: only the store can complete it. Without one, the newest is meant."""
    assert acting("trace", "ffff").code == 1
    assert acting("trace").err == "There are no operations yet\n"
    assert sandbox.control.requests() == ()


def test_hostile_text_in_notes_is_text(acting: Run, sandbox: Sandbox) -> None:
    """Escapes, markup and secrets in what people wrote are quoted, cleaned and hidden."""
    name = minted(sandbox.world.now())
    token = "hvs.CAESIJ" + "x" * 90
    note = f"fedesk {name} \x1b]0;owned\x07\x1b[31m[red]x[/] \u202e {token}"
    sandbox.control.clear_run("prod", FAILED_DAG, AIRFLOW_RUN, note=note)
    for options in ((), ("--json",)):
        ended = acting("trace", name, *options)
        assert ended.code == 0, ended.err
        assert token not in ended.out + ended.err
        assert "\x1b" not in ended.out
        assert "\\u001b" not in ended.out
        assert "[red]x[/]" in ended.out


def test_a_refusal_is_traced_by_its_records(acting: Run, situation: Situation, sandbox: Sandbox) -> None:
    """What was refused has no operation, and records that tell of it."""
    assert acting("rerun", FAILED).code == 3
    (record,) = situation.records()
    ended = acting("trace", record.draft.operation, "--json")
    assert ended.code == 0, ended.err
    document = traced(ended)
    assert document["known"] is False
    (trace,) = document["traces"]
    assert trace["said"].startswith("refusal by ")
    assert sandbox.world.airflow.events("prod")[1:] == []


def test_a_warehouse_is_woken_by_two_queries_of_its_own(acting: Run, sandbox: Sandbox) -> None:
    """History and pipeline_runs are one SELECT each in one session; nothing else runs on the warehouse."""
    assert acting("rerun", FAILED, *YES).code == 0
    sandbox.control.clear_requests()
    assert acting("trace").code == 0
    paths = [one.path for one in sandbox.control.requests("snowflake")]
    assert sum("login-request" in path for path in paths) == 1
    # DESCRIBE is the third, and needs no warehouse.
    assert sum("query-request" in path for path in paths) == 3


def test_a_store_that_cannot_be_read_leaves_the_systems(
    acting: Run, sandbox: Sandbox, situation: Situation
) -> None:
    """Of a whole id the systems still tell; exit 6 and the store's sentence. A beginning needs the store."""
    name = minted(sandbox.world.now())
    sandbox.control.clear_run("prod", FAILED_DAG, AIRFLOW_RUN, note=f"fedesk {name}")
    situation.state_file.write_bytes(b"no database at all" * 100)
    ended = acting("trace", name, "--json")
    assert ended.code == 6
    document = traced(ended)
    assert sources(document)["store"] == "silent"
    assert of(document, "prod/airflow event log")
    assert document["sources"][0]["error"] in ended.err
    assert acting("trace", name[:13]).code == 6
