"""Every verb, as text and as JSON, against the sandbox at one still moment."""

import re
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from command_line import Changed, Run

from fedesk.cli import output
from fedesk.cli.output import Column
from fedesk.sandbox.server import Sandbox

FULL_NAME = re.compile(r"[^/:]+/[^/:]+:.+")


def test_status_shows_every_connection_and_pipeline(desk: Run) -> None:
    """Connections with their state, pipelines of the catalogue first; nothing failed, so exit 0."""
    ended = desk("status", "--json")
    assert (ended.code, ended.err) == (0, "")
    found = ended.document("status")
    assert found["environment"] == "prod"
    assert [one["name"] for one in found["connections"]] == ["prod/jenkins", "prod/airflow", "prod/vault"]
    assert {one["state"] for one in found["connections"]} == {"live"}
    by_name = {one["name"]: one for one in found["pipelines"]}
    assert by_name["payments_daily"]["tier"] == 1
    assert by_name["payments_daily"]["state"] != "unknown"
    assert all(one["last_run"] is None or FULL_NAME.fullmatch(one["last_run"]) for one in found["pipelines"])


def test_status_as_text_has_no_colour_and_no_escape(desk: Run) -> None:
    """Not a terminal: words and blanks alone."""
    ended = desk("status", "--env", "dev")
    assert ended.code == 0
    assert "dev/jenkins" in ended.out
    assert "\x1b" not in ended.out + ended.err


def test_failures_are_those_that_ended_within_the_time(desk: Run, sandbox: Sandbox) -> None:
    """Each failed run within --since, newest first, its name in full; none older."""
    wide = desk("failures", "--since", "1d", "--json").document("failures")["failures"]
    narrow = desk("failures", "--since", "2h", "--json").document("failures")["failures"]
    now = sandbox.control.clock.now()
    assert wide
    assert narrow == [one for one in wide if one["since"] >= output.instant(now - timedelta(hours=2))]
    assert [one["since"] for one in wide] == sorted((one["since"] for one in wide), reverse=True)
    assert all(FULL_NAME.fullmatch(one["run"]) for one in wide)
    assert all(one["reason"] for one in wide if one["run"].startswith("prod/airflow:"))


def test_no_failures_is_said_and_not_blank(desk: Run) -> None:
    """Empty is a sentence."""
    ended = desk("failures", "--since", "1s")
    assert (ended.code, ended.out) == (0, "nothing failed in the last 1s in prod\n")


def test_runs_of_a_pipeline_are_newest_first(desk: Run) -> None:
    """A pipeline's runs come from the system that moves its data, at most as many as asked for."""
    found = desk("runs", "payments_daily", "--limit", "3", "--json").document("runs")
    assert [one["job"] for one in found["runs"]] == ["payments_daily"] * 3
    starts = [one["started_at"] for one in found["runs"]]
    assert starts == sorted(starts, reverse=True)
    assert all(one["run"].startswith("prod/airflow:payments_daily/") for one in found["runs"])


def test_runs_of_a_job_are_had_by_its_full_name(desk: Run) -> None:
    """What the catalogue does not name is a DAG or a Jenkins job."""
    found = desk("runs", "finedge/prod/deploy-payments", "--json").document("runs")
    assert found["runs"][0]["run"].startswith("prod/jenkins:finedge/prod/deploy-payments#")
    service = desk("runs", "payments", "--json").document("runs")
    assert service["runs"][0]["run"] == found["runs"][0]["run"]


def test_a_log_is_had_by_name_by_task_and_by_address(desk: Run) -> None:
    """One log, however it is named: the name with ::TASK, --task and --try, the address in a browser."""
    failed = next(
        one
        for one in desk("failures", "--since", "2d", "--json").document("failures")["failures"]
        if one["run"].startswith("prod/airflow:")
    )
    plain = desk("log", failed["run"], "--json").document("log")
    assert plain["task"]
    task, _, attempt = plain["task"].partition("@")
    by_name = desk("log", f"{failed['run']}::{plain['task']}", "--json").document("log")
    by_option = desk("log", failed["run"], "--task", task, "--try", attempt, "--json").document("log")
    address = f"{failed['link']}/tasks/{task}?try_number={attempt}"
    by_address = desk("log", address, "--json").document("log")
    short = desk("log", failed["run"].removeprefix("prod/"), "--env", "prod", "--json").document("log")
    assert plain["lines"] == by_name["lines"] == by_option["lines"] == by_address["lines"] == short["lines"]
    text = desk("log", failed["run"])
    assert text.out.splitlines() == [line for whole in plain["lines"] for line in whole.splitlines() or [""]]
    assert text.err == f"log of {failed['run']}::{plain['task']}\n"


def test_a_jenkins_log_is_had_whole_by_stage_and_by_address(desk: Run) -> None:
    """A build's console, one of its stages by the name it has on screen, and the page of the build."""
    newest = desk("runs", "finedge/prod/deploy-payments", "--limit", "1", "--json").document("runs")["runs"][
        0
    ]
    whole = desk("log", newest["run"], "--json").document("log")
    assert whole["task"] is None
    assert whole["lines"]
    assert desk("log", f"{newest['link']}console", "--json").document("log")["lines"] == whole["lines"]
    missing = desk("log", newest["run"], "--task", "Nowhere")
    assert missing.code == 1
    stage = re.search(r"it has: ([^,]+)", missing.err)
    assert stage
    part = desk("log", newest["run"], "--task", stage[1].strip(), "--json").document("log")
    assert 0 < len(part["lines"]) <= len(whole["lines"])


def test_a_log_is_followed_to_its_end(desk: Run) -> None:
    """--follow on a log that has ended prints the same and ends."""
    assert desk("log", "payments_daily", "--follow").out == desk("log", "payments_daily").out


def test_a_log_that_grows_is_followed_until_it_ends(
    desk: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--follow prints what comes as it comes, each line once, and ends when the task does."""
    status = desk("status", "--json").document("status")["pipelines"]
    runs = [one["last_run"] for one in status if one["state"] == "running" and "/airflow:" in one["last_run"]]
    begun = desk("log", runs[0], "--json").document("log")["lines"]
    waits: list[float] = []

    def wait(seconds: float) -> None:
        # The world's clock moves where the command would wait: nothing here takes real time.
        waits.append(seconds)
        sandbox.control.clock.advance(timedelta(minutes=10))

    monkeypatch.setattr("fedesk.cli.log.pause", wait)
    followed = desk("log", runs[0], "--follow", "--json").document("log")["lines"]
    assert waits
    assert followed[: len(begun)] == begun
    assert len(followed) > len(begun)


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("failures", "--since", "30d"),
        ("runs", "hostile_texts"),
        ("runs", "finedge/dev/hostile-ci"),
        ("log", "hostile_texts"),
        ("log", "finedge/dev/hostile-ci"),
    ],
)
def test_hostile_text_is_harmless(desk: Run, words: tuple[str, ...]) -> None:
    """Escapes, markup, lone surrogates, invalid bytes and a line of a megabyte are printed as mere text."""
    for form in ((), ("--json",)):
        ended = desk(*words, "--env", "dev", *form)
        assert ended.code == 0
        # The joiner of an emoji family is the one thing left that is no character of its own.
        told = (ended.out + ended.err).replace("\n", "").replace("\N{ZERO WIDTH JOINER}", "")
        assert all(character.isprintable() for character in told)
        ended.out.encode("utf-8")


def test_secrets_are_listed_by_the_time_they_have_left(desk: Run) -> None:
    """Unknown ages first, then the least time left; metadata only."""
    found = desk("secrets", "list", "--json").document("secrets")["secrets"]
    left = [one["time_left"] for one in found if one["time_left"] is not None]
    assert left == sorted(left)
    verdicts = [one["verdict"] for one in found]
    assert "undetermined" not in verdicts[verdicts.index("overdue") :]


def test_the_configuration_is_shown_with_references_alone(desk: Run, sandbox: Sandbox) -> None:
    """Config show, path and validate; no credential's value is in any of it."""
    shown = desk("config", "show", "--json")
    found = shown.document("config")
    assert [one["name"] for one in found["environments"]] == ["prod", "staging", "dev"]
    assert [
        one["name"]
        for one in desk("config", "show", "--env", "dev", "--json").document("config")["environments"]
    ] == ["dev"]
    text = desk("config", "show").out
    for file in (sandbox.config_path.parent / "credentials").iterdir():
        assert file.read_text().strip() not in shown.out + text
    assert desk("config", "path").out == f"{sandbox.config_path}\n"
    assert desk("config", "path", "--json").document("config-path")["exists"] is True
    assert desk("config", "validate").out == f"{sandbox.config_path} is valid\n"
    assert desk("config", "validate", "--json").document("config-validation")["valid"] is True


@pytest.mark.parametrize(
    "words",
    [
        ("--env", "staging", "--json", "runs", "fx_rates"),
        ("runs", "--env=staging", "fx_rates", "--json"),
        ("runs", "fx_rates", "--json", "--env", "staging"),
        ("--json", "--env=staging", "runs", "--", "fx_rates"),
    ],
)
def test_shared_options_stand_before_or_after_the_verb(
    run: Run, sandbox: Sandbox, words: tuple[str, ...]
) -> None:
    """--env, --config and --json mean the same wherever they stand."""
    ended = run("--config", str(sandbox.config_path), *words, at=sandbox.control.clock.now())
    assert ended.document("runs")["environment"] == "staging"


def test_the_environment_variable_names_the_file(
    run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FEDESK_CONFIG stands for --config."""
    monkeypatch.setenv("FEDESK_CONFIG", str(sandbox.config_path))
    assert run("config", "path").out == f"{sandbox.config_path}\n"


def test_tables_drop_columns_by_importance_and_never_exceed_the_width() -> None:
    """A narrow terminal loses the least important columns, and long texts are cut before that."""
    columns = (
        Column(title="NAME", importance=9),
        Column(title="WHY", importance=8, is_text=True),
        Column(title="OWNER", importance=1),
    )
    rows = [("payments_daily", "x" * 300, "engineering"), ("界" * 5, "y", "qa")]
    wide = output.lay_out(columns, rows, 60, colour=False)
    assert max(map(len, wide)) <= 60
    assert "OWNER" in wide[0]
    narrow = output.lay_out(columns, rows, 42, colour=False)
    assert "OWNER" not in narrow[0]
    assert "WHY" in narrow[0]
    assert output.lay_out(columns, rows, None, colour=False)[1].count("x") == 300
    for width in range(8, 80):
        assert all(len(line) <= max(width, 18) for line in output.lay_out(columns, rows, width, colour=False))


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR, TERM=dumb and a pipe have none (no-color.org)."""

    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert output.has_colour(terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not output.has_colour(terminal)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not output.has_colour(terminal)


def test_a_catalogue_is_not_needed(run: Run, changed: Changed, sandbox: Sandbox) -> None:
    """Without a catalogue everything is discovered, uncatalogued, tier 3."""
    file: Path = changed(catalogue=False)
    ended = run("status", "--json", "--config", str(file), at=sandbox.control.clock.now())
    assert {one["tier"] for one in ended.document("status")["pipelines"]} == {3}
