import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedesk.domain.names import (
    ConnectionName,
    NameNotUnderstoodError,
    RunName,
    TaskName,
    split_build,
    split_dag_run,
    split_task,
)

AIRFLOW = ConnectionName("prod", "airflow")
JENKINS = ConnectionName("prod", "jenkins")

RUN_VECTORS = [
    (
        "prod/airflow:payments_daily/scheduled__2026-11-20T00:00:00+00:00",
        AIRFLOW,
        "payments_daily/scheduled__2026-11-20T00:00:00+00:00",
    ),
    ("prod/jenkins:finedge/prod/deploy-payments#1841", JENKINS, "finedge/prod/deploy-payments#1841"),
    ("prod/jenkins:odd#name@x::y#7", JENKINS, "odd#name@x::y#7"),
    ("prod/airflow:d/a::b#c/d@e", AIRFLOW, "d/a::b#c/d@e"),
]


@pytest.mark.parametrize(("text", "connection", "run_id"), RUN_VECTORS)
def test_all_behind_the_first_colon_is_the_systems_own_name(
    text: str, connection: ConnectionName, run_id: str
) -> None:
    """Ids that hold ``:``, ``::``, ``#``, ``/`` and ``@`` go through unescaped, there and back."""
    name = RunName.parse(text)
    assert name == RunName(connection, run_id)
    assert str(name) == text


def test_the_environment_may_be_left_out_where_it_is_given() -> None:
    """``jenkins:JOB#1`` with --env prod is ``prod/jenkins:JOB#1``; one that is written is not replaced."""
    assert RunName.parse("jenkins:a/b#1", "prod") == RunName(JENKINS, "a/b#1")
    assert RunName.parse("dev/jenkins:a/b#1", "prod").connection.environment == "dev"


@pytest.mark.parametrize(
    "text", ["", "prod", "prod/airflow", "prod/airflow:", ":x", "a/b/c:x", "jenkins:a#1"]
)
def test_what_is_no_run_name_is_refused_with_the_form(text: str) -> None:
    """The error quotes what was given, or the connection in it, and says what was expected."""
    with pytest.raises(
        NameNotUnderstoodError, match=r"^'.*' is no (run|connection); expected ENVIRONMENT/CONN"
    ):
        RunName.parse(text)


def test_what_is_no_task_is_refused_with_the_form() -> None:
    """An empty text is no task."""
    with pytest.raises(NameNotUnderstoodError, match=r"^'' is no task; expected TASK"):
        TaskName.parse("")


@pytest.mark.parametrize(
    ("run_id", "tasks", "expected"),
    [
        ("d/r::dbt_test[3]@2", {"dbt_test"}, ("d/r", TaskName("dbt_test", 3, 2))),
        ("d/r::dbt_test@2", {"dbt_test"}, ("d/r", TaskName("dbt_test", None, 2))),
        ("d/r::dbt_test", {"dbt_test"}, ("d/r", TaskName("dbt_test"))),
        ("d/manual::x::load", {"load"}, ("d/manual::x", TaskName("load"))),
        ("d/manual::x", {"load"}, ("d/manual::x", None)),
        ("d/a::load::b", {"load"}, ("d/a::load::b", None)),
        (
            "finedge/prod/deploy#18::Deploy: prod @ eu",
            {"Deploy: prod @ eu"},
            ("finedge/prod/deploy#18", TaskName("Deploy: prod @ eu")),
        ),
        ("d/r::", {""}, ("d/r::", None)),
        ("d/r::a::b::c", {"b::c", "a"}, ("d/r::a", TaskName("b::c"))),
        ("d::load", {"load"}, ("d", TaskName("load"))),
        ("::load", {"load"}, ("::load", None)),
    ],
)
def test_a_task_is_split_off_at_the_last_colons_that_a_task_of_the_run_follows(
    run_id: str, tasks: set[str], expected: tuple[str, TaskName | None]
) -> None:
    """Run ids may hold ``::`` themselves; only a known task ends the run's name."""
    assert split_task(run_id, tasks) == expected


@given(
    st.from_regex(r"[A-Za-z0-9_.-]+", fullmatch=True),
    st.none() | st.integers(0, 9999),
    st.none() | st.integers(1, 99),
)
def test_a_task_name_reads_back_as_it_was_written(task: str, index: int | None, tried: int | None) -> None:
    """Writing and reading are inverse for every id that Airflow allows."""
    name = TaskName(task, index, tried)
    assert TaskName.parse(str(name)) == name


@pytest.mark.parametrize(
    ("run_id", "expected"),
    [("a/b#12", ("a/b", 12)), ("a#b#3", ("a#b", 3)), ("feature%2Fx#1", ("feature%2Fx", 1))],
)
def test_a_build_number_is_split_off_at_the_last_hash(run_id: str, expected: tuple[str, int]) -> None:
    """Job names may hold ``#``; the number stands behind the last one."""
    assert split_build(run_id) == expected


@pytest.mark.parametrize("run_id", ["a/b", "a#", "#1", "a#x", "a#-1", "a#1²"])
def test_what_is_no_build_is_refused(run_id: str) -> None:
    """A build needs a job and a number in ASCII digits; the error says so."""
    with pytest.raises(NameNotUnderstoodError, match="is no Jenkins build; expected FOLDER/JOB#NUMBER"):
        split_build(run_id)


def test_a_dag_ends_at_the_first_slash() -> None:
    """DAG ids hold no slash; run ids may."""
    assert split_dag_run("d/a/b") == ("d", "a/b")
    with pytest.raises(NameNotUnderstoodError, match=r"^'d' is no Airflow run; expected DAG/RUN_ID"):
        split_dag_run("d")
