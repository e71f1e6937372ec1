"""Each way a command line can end: one sentence, one exit code, no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Changed, Run

from fedesk.sandbox.server import Sandbox

PLANTED = "s3cr3t-Planted-9f8e7d"


def test_usage_is_exit_2_with_the_help_that_explains(run: Run) -> None:
    """An unknown verb, option or a missing argument names itself and the help to read."""
    cases: dict[tuple[str, ...], str] = {
        ("stats",): "No such command 'stats'. Did you mean 'status'?",
        ("status", "--bogus"): "No such option: --bogus",
        ("runs",): "Missing argument 'PIPELINE'. See `fedesk runs --help`.",
        ("log",): "Missing argument 'RUN'. See `fedesk log --help`.",
        ("failures", "--since", "soon"): "expected a duration like 90d, 15m or 1h30m",
        ("runs", "x", "--limit", "0"): "Input should be greater than or equal to 1",
        ("status", "--env"): "--env",
        ("secrets",): "Missing command. See `fedesk secrets --help`.",
        ("log", "x", "--task", ""): "is no task",
    }
    for words, expected in cases.items():
        ended = run(*words)
        assert (ended.code, ended.out) == (2, ""), words
        assert expected in ended.err
        assert ended.err.count("\n") == 1


def test_no_configuration_is_exit_2(run: Run, tmp_path: Path) -> None:
    """The sentence says where it was looked for, and what works without one."""
    ended = run("status", "--config", str(tmp_path / "none.toml"))
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert "there is no configuration here; `fedesk demo` needs none" in ended.err


def test_a_bad_configuration_is_exit_2_and_tells_every_mistake(run: Run, tmp_path: Path) -> None:
    """Each on a line of its own, with file and line; validate says the same as data."""
    file = tmp_path / "fedesk.toml"
    file.write_text('[environments.x]\nmode = "all"\nphi = 3\n')
    ended = run("status", "--config", str(file))
    assert ended.code == 2
    assert [line.split(": ")[0] for line in ended.err.splitlines()] == [f"{file}:2", f"{file}:3"]
    assert run("config", "validate", "--config", str(file)).err == ended.err
    checked = run("config", "validate", "--json", "--config", str(file))
    assert checked.code == 2
    assert [one["line"] for one in checked.document("config-validation")["mistakes"]] == [2, 3]


def test_a_bad_catalogue_is_exit_2(run: Run, tmp_path: Path) -> None:
    """Mistakes of the catalogue are told like those of the configuration."""
    (tmp_path / "catalog.yaml").write_text("pipelines:\n  p: {owner: nobody}\n")
    file = tmp_path / "fedesk.toml"
    file.write_text('catalog = "catalog.yaml"\n[environments.x]\n')
    for verb in (("status",), ("config", "validate")):
        ended = run(*verb, "--config", str(file))
        assert ended.code == 2
        assert f"{tmp_path}/catalog.yaml:2: pipelines.p.owner: must be" in ended.err


def test_overlapping_environments_are_exit_2(run: Run, changed: Changed) -> None:
    """Two environments that hold the same part of one controller are refused before anything is asked."""
    ended = run("status", "--config", str(changed((r'folders = \["finedge/dev"\]', 'folders = ["finedge"]'))))
    assert ended.code == 2
    assert "overlap" in ended.err


def test_an_unknown_environment_is_exit_2_and_names_the_nearest(desk: Run) -> None:
    """A mistyped --env never falls back to another environment."""
    for verb in (("status",), ("runs", "payments_daily"), ("secrets", "list"), ("config", "show")):
        ended = desk(*verb, "--env", "stagin")
        assert (ended.code, ended.out) == (2, "")
        assert "no environment is named 'stagin'; did you mean staging?" in ended.err


def test_a_missing_credential_is_exit_2_and_the_rest_is_printed(
    run: Run, changed: Changed, sandbox: Sandbox
) -> None:
    """One sentence says which variable is missing; the other systems' rows are there."""
    file = changed((r'command:cat [^"]*/jenkins', "env:FEDESK_TEST_MISSING"))
    ended = run("status", "--json", "--config", str(file), at=sandbox.control.clock.now())
    assert ended.code == 2
    states = {one["name"]: one for one in ended.document("status")["connections"]}
    assert states["prod/jenkins"]["error_kind"] == "credential"
    assert "FEDESK_TEST_MISSING is not set" in states["prod/jenkins"]["error"]
    assert states["prod/airflow"]["state"] == "live"
    listing = run(
        "runs", "finedge/prod/deploy-payments", "--config", str(file), at=sandbox.control.clock.now()
    )
    assert (listing.code, "FEDESK_TEST_MISSING is not set" in listing.err) == (2, True)


@pytest.mark.parametrize("system", ["jenkins", "airflow", "vault"])
def test_a_wrong_password_is_exit_8_in_the_systems_words(
    run: Run, changed: Changed, sandbox: Sandbox, system: str
) -> None:
    """A refused login is named for that system; the others are read; the password is not repeated."""
    file = changed((rf'command:cat [^"]*/{system}', f"command:echo {PLANTED}"))
    ended = run("status", "--json", "--config", str(file), at=sandbox.control.clock.now())
    assert ended.code == 8
    states = {one["system"]: one for one in ended.document("status")["connections"]}
    assert states[system]["state"] == "failed"
    assert states[system]["error_kind"] in {"unauthenticated", "forbidden"}
    assert [name for name, one in states.items() if one["state"] == "failed"] == [system]
    assert PLANTED not in ended.out + ended.err


def test_an_unreachable_system_is_exit_8_and_the_rest_is_printed(
    run: Run, changed: Changed, sandbox: Sandbox
) -> None:
    """A closed port is named with its address; Airflow's rows are there."""
    jenkins = sandbox.urls["jenkins"]
    file = changed((jenkins, "http://127.0.0.1:9"))
    now = sandbox.control.clock.now()
    ended = run("status", "--json", "--config", str(file), at=now)
    assert ended.code == 8
    found = ended.document("status")
    assert {one["name"]: one["error_kind"] for one in found["connections"]}["prod/jenkins"] == "unreachable"
    assert any(one["state"] != "unknown" for one in found["pipelines"])
    failures = run("failures", "--since", "1d", "--config", str(file), at=now)
    assert failures.code == 8
    assert "PIPELINE" in failures.out
    log = run("log", "prod/jenkins:finedge/prod/deploy-payments#1", "--config", str(file), at=now)
    assert (log.code, log.out, log.err.count("\n")) == (8, "", 1)


def test_nothing_is_only_said_where_everything_was_read(run: Run, changed: Changed, sandbox: Sandbox) -> None:
    """With a system silent, no failures found is no claim about the environment."""
    file = changed((sandbox.urls["jenkins"], "http://127.0.0.1:9"))
    ended = run("failures", "--since", "1s", "--config", str(file), at=sandbox.control.clock.now())
    assert ended.out == "nothing failed in the last 1s among what could be read\n"


def test_what_the_system_does_not_have_is_exit_1(desk: Run) -> None:
    """A run that is gone, and a task it does not have, are told in the system's words."""
    for name in (
        "prod/airflow:payments_daily/no-such-run",
        "prod/jenkins:finedge/prod/deploy-payments#999999",
    ):
        ended = desk("log", name)
        assert (ended.code, ended.out) == (1, "")
        assert "404" in ended.err
    assert desk("log", "payments_daily", "--task", "nowhere").code == 1


def test_a_name_that_fedesk_can_judge_itself_is_exit_2(desk: Run) -> None:
    """An unknown pipeline, connection or address, and a name against --env, are mistakes of usage."""
    cases = {
        ("runs", "payments_dayly"): "did you mean payments_daily?",
        ("log", "prod/nowhere:x"): "prod/nowhere is not configured; there are: prod/jenkins",
        ("log", "staging/airflow:a/b", "--env", "prod"): "is in staging, and --env says prod",
        ("log", "https://elsewhere.example/job/x/1/"): "is the address of no run",
        ("log", "prod/a/b:d"): "is no connection; expected ENVIRONMENT/CONNECTION",
        ("log", "nowhere/airflow:a/b"): "no environment is named 'nowhere'",
    }
    for words, expected in cases.items():
        ended = desk(*words)
        assert (ended.code, ended.out) == (2, ""), words
        assert expected in ended.err


def test_a_fault_of_fedesk_is_exit_70_and_its_file_holds_no_secret(
    desk: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence with the crash file's path; neither messages nor variables are in that file."""

    def crash(*_: object, **__: object) -> None:
        token = PLANTED
        raise RuntimeError(token)

    monkeypatch.setattr("fedesk.services.one_look.board_once", crash)
    ended = desk("status")
    assert (ended.code, ended.out, ended.err.count("\n")) == (70, "", 1)
    files = list(Path(os.environ["XDG_STATE_HOME"]).rglob("crash-*.txt"))
    assert len(files) == 1
    assert str(files[0]) in ended.err
    assert PLANTED not in files[0].read_text() + ended.err
    assert "RuntimeError" in files[0].read_text()
    assert files[0].stat().st_mode & 0o077 == 0


def test_an_interrupt_is_130_and_says_nothing(desk: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends quietly."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fedesk.services.one_look.board_once", interrupt)
    ended = desk("status")
    assert (ended.code, ended.out, ended.err) == (130, "", "")


def test_without_a_terminal_the_desk_names_a_command(run: Run) -> None:
    """Fedesk and fedesk demo need a screen; in a pipe they say so instead of hanging."""
    for words in ((), ("demo",), ("--env", "prod")):
        ended = run(*words)
        assert ended.code == 2
        assert "needs a terminal" in ended.err


def _start(*words: str, code: str = "") -> list[str]:
    """A command line in an interpreter of its own; ``code`` runs first."""
    return [
        sys.executable,
        "-c",
        f"{code}\nimport sys\nfrom fedesk.__main__ import main\nsys.exit(main())",
        *words,
    ]


def test_the_version_needs_the_standard_library_alone() -> None:
    """--version is answered before typer or any client is imported."""
    code = (
        "import sys\nfrom fedesk.__main__ import main\nmain(['--version'])\n"
        "print([name for name in sys.modules if name.startswith(('typer', 'textual', 'msgspec', 'rich'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, imported = done.stdout.splitlines()
    assert version.startswith("fedesk ")
    assert imported == "[]"


def test_a_reader_that_goes_away_ends_it_quietly(sandbox: Sandbox) -> None:
    """`fedesk … | head` prints no complaint."""
    process = subprocess.Popen(
        _start("log", "payments_daily", "--config", str(sandbox.config_path), code="import time"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ, PYTHONUNBUFFERED="1"),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    complaint = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait() in {0, 141}
    assert "Traceback" not in complaint
    assert "BrokenPipe" not in complaint


def test_a_terminal_without_the_characters_gets_escapes(sandbox: Sandbox) -> None:
    """An ASCII locale ends in no UnicodeEncodeError."""
    done = subprocess.run(
        _start("status", "--env", "dev", "--config", str(sandbox.config_path)),
        capture_output=True,
        env=dict(os.environ, PYTHONIOENCODING="ascii"),
        check=False,
    )
    assert done.returncode in {0, 8}
    assert done.stdout.isascii()
    assert b"Traceback" not in done.stderr


def test_the_sandbox_says_where_its_configuration_is_and_ends_when_told(run: Run, tmp_path: Path) -> None:
    """The first line on stdout is a configuration of four systems that answer; SIGTERM ends it with 0."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fedesk", "sandbox", "serve", "--state", str(tmp_path / "state")],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        file = process.stdout.readline().decode().strip()
        assert file == str(tmp_path / "state" / "fedesk.toml")
        ended = run("status", "--json", "--config", file)
        states = {one["system"]: one["state"] for one in ended.document("status")["connections"]}
        assert states == dict.fromkeys(("jenkins", "airflow", "vault", "snowflake"), "live")
    finally:
        process.terminate()
        assert process.wait() == 0
        process.stdout.close()


def test_output_that_cannot_be_written_is_one_sentence_and_exit_1(tmp_path: Path) -> None:
    """A full disk under the output is told as such, and does not end with the interpreter's 120."""
    config = tmp_path / "fedesk.toml"
    config.touch()
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            [sys.executable, "-m", "fedesk", "config", "path", "--config", str(config)],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        1,
        b"The output could not be written: No space left on device.\n",
    )
