"""What a Tab offers, and how bash is told it."""

import shlex
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedesk.cli.bash_words import Line, split
from fedesk.cli.completing import complete
from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.status import Status
from fedesk.glance import last_known
from fedesk.store.last_known import write_status
from fedesk.store.operations import SqlStore

BREAKS = " \t\n\"'@><=;|&(:"
"""What COMP_WORDBREAKS is in a fresh bash."""
RUN = "prod/airflow:dag_{}/scheduled__{}"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "fedesk.toml"
    file.write_text(
        f'[store]\nurl = "sqlite:///{tmp_path}/own.sqlite3"\n'
        '[environments.prod]\nmode = "guarded"\n[environments.prod.jenkins]\nurl = "http://x"\n'
        '[environments.prod.connections.airflow-emea]\nsystem = "airflow"\n[environments.dev]\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("FEDESK_CONFIG", str(file))
    write_status(
        last_known(file, "prod"),
        Status(
            environment=EnvironmentFacts(name="prod", production=True, mode="guarded", timezone="UTC"),
            at=datetime(2026, 11, 20, tzinfo=UTC),
            connections=(),
            pipelines=(),
            jobs=("dag_1", "dag_2", "hostile\x1b[31m", "two\nlines"),
            runs=tuple(RUN.format(dag, number) for dag in (1, 2) for number in range(30)),
        ),
    )
    return file


def texts(*words: str) -> list[str]:
    return [one.text for one in complete(words).candidates]


@pytest.mark.usefixtures("config")
def test_names_of_another_environment_and_of_control_characters_are_not_offered() -> None:
    """Names come from the environment that is meant; what a terminal would act on is left out."""
    assert texts("runs", "") == ["dag_1", "dag_2"]
    assert texts("--env", "dev", "runs", "") == []
    assert texts("runs", "--env=prod", "dag_2") == ["dag_2"]
    assert texts("status", "--env", "") == ["prod", "dev"]
    assert texts("rerun", "--confirm", "p") == ["prod"]


@pytest.mark.usefixtures("config")
def test_runs_are_offered_step_by_step() -> None:
    """Connections, then jobs where there are many runs, then runs."""
    assert texts("log", "") == ["dag_1", "dag_2", "prod/airflow:"]
    assert texts("log", "prod/airflow:") == ["prod/airflow:dag_1/", "prod/airflow:dag_2/"]
    assert texts("log", "--env", "dev", "prod/airflow:dag_2/scheduled__7") == [RUN.format(2, 7)]
    assert len(texts("rerun", "dag_1", "prod/airflow:dag_1/")) == 30
    assert complete(["log", "prod/air"]).kind == "open"


@pytest.mark.usefixtures("config")
def test_options_are_offered_once_and_values_by_their_kind() -> None:
    """What was given is not offered again unless it may be; files are the shell's own business."""
    assert "--env" in texts("status", "--")
    assert "--env" not in texts("status", "--env", "prod", "--")
    assert "--accept" in texts("rerun", "x", "--accept", "y", "--a")
    assert texts("operations", "settle", "x", "--outcome", "d") == ["done"]
    assert texts("completion", "") == ["bash", "zsh", "fish"]
    assert complete(["audit", "export", "--output", ""]).files
    assert texts("runs", "--limit", "") == []
    assert texts("status", "") == texts("runs", "dag_1", "") == texts("nothing", "") == []
    assert texts("log", "--", "--") == []


def test_ids_come_from_a_store_that_is_there(config: Path) -> None:
    """Read from the person's own file, which a Tab never makes."""
    file = config.with_name("own.sqlite3")
    assert texts("operations", "show", "") == texts("incident", "show", "") == []
    assert not file.exists()
    with closing(SqlStore(file, set())) as store:
        store.incidents(environment=None, only_open=False, limit=1)
    assert texts("incident", "show", "") == []
    assert texts("trace", "") == []


@pytest.mark.parametrize(
    ("line", "last", "answers", "put"),
    [
        ("fedesk log prod/airflow:pay", "prod/airflow:pay", ["prod/airflow:payments"], ["payments"]),
        ("fedesk log 'prod/air", "prod/air", ["prod/airflow:x y"], ["prod/airflow:x y"]),
        ("fedesk log a\\:b", "a:b", ["a:b c"], ["a:b\\ c"]),
        ("fedesk log 'it", "it", ["it's"], []),
        ('fedesk log "a', "a", ['a"$b', "a!"], ['a\\"\\$b']),
        ("fedesk log --env=p", "--env=p", ["--env=prod"], ["prod"]),
        ("fedesk log ", "", ["#x"], ["\\#x"]),
    ],
)
def test_a_line_of_bash_is_read_up_to_the_cursor(
    line: str, last: str, answers: list[str], put: list[str]
) -> None:
    """The last word without its quotes, and behind its last break what bash is to put in, quoted anew."""
    found = split(line, BREAKS)
    assert found.words[:2] == ["fedesk", "log"]
    assert found.words[-1] == last
    assert found.put_in(answers) == put


@given(st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=20), st.integers(0, 20))
def test_what_bash_puts_in_is_read_back_as_the_name(name: str, cut: int) -> None:
    """However far a name was typed, what stands before the last break and the answer are that name."""
    pieces = [Line().put_in([one])[0] for one in name[:cut]]
    found = split(f"fedesk log {''.join(pieces)}", BREAKS)
    assert found.words == ["fedesk", "log", name[:cut]]
    (put,) = found.put_in([name])
    assert shlex.split("".join(pieces[: found.fixed]) + put) == [name]


def test_a_tab_imports_no_parser() -> None:
    """Once the grammar is kept, neither typer nor anything beyond the standard library is imported."""
    program = (
        "import sys; from fedesk.__main__ import main; main(['__complete', 'words', '--', 'runs', '']); "
        "main(['__complete', 'words', '--', 'status', '--']); "
        "print(sorted({name.partition('.')[0] for name in sys.modules} "
        "& {'typer', 'msgspec', 'sqlalchemy', 'textual', 'sqlite3'}), file=sys.stderr)"
    )
    subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
