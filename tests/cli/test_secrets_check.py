"""`fedesk secrets check`: 0 compliant, 1 due, 2 overdue, 3 whatever else; 2 wins over 3, and 3 over 1."""

import signal
import socket
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from command_line import Changed, Ended, Run

import fedesk.cli
from fedesk.sandbox.server import Sandbox

LIMIT = timedelta(days=90)
WARN = timedelta(days=14)
SECOND = timedelta(seconds=1)
PLANTED = "s3cr3t-Planted-9f8e7d"


@pytest.fixture
def uncatalogued(changed: Changed) -> Path:
    """The sandbox without its catalogue, so that what Vault reports is all there is."""
    return changed(catalogue=False)


def oldest(run: Run, file: Path, now: datetime) -> datetime:
    """The moment from which the oldest secret of staging counts."""
    found = run("secrets", "list", "--json", "--env", "staging", "--config", str(file), at=now)
    return min(datetime.fromisoformat(one["age_from"]) for one in found.document("secrets")["secrets"])


@pytest.mark.parametrize(
    ("after_the_limit", "code", "verdict"),
    [
        (-WARN - SECOND, 0, "compliant"),
        (-WARN, 1, "due"),
        (timedelta(0), 1, "due"),
        (SECOND, 2, "overdue"),
    ],
)
def test_the_boundaries_hold_to_the_second(
    run: Run, uncatalogued: Path, sandbox: Sandbox, after_the_limit: timedelta, code: int, verdict: str
) -> None:
    """90 days are met at exactly 90 days and exceeded one second later; due begins exactly 14 days before."""
    now = oldest(run, uncatalogued, sandbox.control.clock.now()) + LIMIT + after_the_limit
    words = ("secrets", "check", "--env", "staging", "--config", str(uncatalogued))
    ended = run(*words, "--json", at=now)
    assert ended.code == code
    found = ended.document("secrets-check")
    assert (found["verdict"], found["max_age"], found["warn"]) == (verdict, 90 * 86400, 14 * 86400)
    text = run(*words, at=now)
    assert text.code == code
    assert text.out.startswith(f"SECRETS {verdict.upper()}: ")


def test_the_limits_are_given_on_the_command_line(run: Run, uncatalogued: Path, sandbox: Sandbox) -> None:
    """--max-age and --warn move both boundaries."""
    now = sandbox.control.clock.now()
    words = ("secrets", "check", "--env", "staging", "--config", str(uncatalogued))
    assert run(*words, "--max-age", "1d", at=now).code == 2
    assert run(*words, "--max-age", "500d", at=now).code == 0
    assert run(*words, "--max-age", "500d", "--warn", "499d", at=now).code == 1


def test_overdue_wins_over_undetermined(desk: Run) -> None:
    """Production has both; the scheduler hears of the overdue ones."""
    found = desk("secrets", "check", "--json")
    verdicts = {one["verdict"] for one in found.document("secrets-check")["secrets"]}
    assert {"overdue", "undetermined"} <= verdicts
    assert found.code == 2


def test_undetermined_wins_over_due(run: Run, sandbox: Sandbox, changed: Changed, tmp_path: Path) -> None:
    """A secret that the catalogue names and nobody reports outweighs one that is due."""
    (tmp_path / "catalog.yaml").write_text(
        "pipelines:\n  p: {owner: qa, secrets: ['kv:finedge/staging/nowhere']}\n", encoding="utf-8"
    )
    file = changed(
        (r"^default_environment", 'catalog = "catalog.yaml"\ndefault_environment'), catalogue=False
    )
    now = oldest_known(run, file, sandbox) + LIMIT
    ended = run("secrets", "check", "--json", "--env", "staging", "--config", str(file), at=now)
    verdicts = {one["verdict"] for one in ended.document("secrets-check")["secrets"]}
    assert {"due", "undetermined"} <= verdicts
    assert ended.code == 3


def oldest_known(run: Run, file: Path, sandbox: Sandbox) -> datetime:
    """The same as ``oldest``, beside secrets of unknown age."""
    now = sandbox.control.clock.now()
    ended = run("secrets", "list", "--json", "--env", "staging", "--config", str(file), at=now)
    ages = [one["age_from"] for one in ended.document("secrets")["secrets"]]
    return min(datetime.fromisoformat(age) for age in ages if age)


def assert_undetermined(ended: Ended) -> None:
    """Exit 3 and one sentence or more on stderr."""
    assert ended.code == 3
    assert ended.err


def test_a_sealed_vault_is_3(run: Run, uncatalogued: Path, sandbox: Sandbox) -> None:
    """Nothing was read, so nothing is compliant."""
    sandbox.control.seal_vault()
    now = sandbox.control.clock.now()
    ended = run("secrets", "check", "--env", "staging", "--config", str(uncatalogued), at=now)
    assert_undetermined(ended)
    assert "sealed" in ended.err + ended.out


def test_an_unreachable_vault_is_3(run: Run, changed: Changed, sandbox: Sandbox) -> None:
    """A closed port is no verdict."""
    file = changed((sandbox.urls["vault"], "http://127.0.0.1:9"), catalogue=False)
    assert_undetermined(run("secrets", "check", "--config", str(file), at=sandbox.control.clock.now()))


def test_a_wrong_token_and_a_missing_credential_are_3(run: Run, changed: Changed, sandbox: Sandbox) -> None:
    """What is 8 or 2 elsewhere is 3 here: 2 would read as overdue."""
    now = sandbox.control.clock.now()
    for reference in (f"command:echo {PLANTED}", "env:FEDESK_TEST_MISSING"):
        file = changed((r'command:cat [^"]*/vault', reference), catalogue=False)
        ended = run("secrets", "check", "--config", str(file), at=now)
        assert_undetermined(ended)
        assert PLANTED not in ended.err + ended.out


def test_an_environment_without_vault_is_3(run: Run, tmp_path: Path) -> None:
    """Nothing at all is undetermined, never compliant."""
    file = tmp_path / "fedesk.toml"
    file.write_text("[environments.x]\n")
    assert_undetermined(run("secrets", "check", "--config", str(file)))


@pytest.mark.parametrize(
    "words",
    [
        ("secrets", "check", "--bogus"),
        ("secrets", "check", "--max-age", "soon"),
        ("secrets", "check", "extra"),
        ("--bogus", "secrets", "check"),
        ("secrets", "--bogus", "check"),
        ("--env", "nowhere", "secrets", "check"),
        ("secrets", "check", "--config", "/nowhere/fedesk.toml"),
        ("secrets", "check", "--env"),
    ],
)
def test_a_mistake_of_usage_is_3(run: Run, words: tuple[str, ...]) -> None:
    """Wherever the mistake stands on the line."""
    assert_undetermined(run(*words))


def test_a_bad_configuration_is_3(run: Run, tmp_path: Path) -> None:
    """Mistakes are told, and the code is not that of overdue."""
    file = tmp_path / "fedesk.toml"
    file.write_text("nonsense")
    assert_undetermined(run("secrets", "check", "--config", str(file)))


@pytest.mark.parametrize(
    "raised",
    [
        RuntimeError(PLANTED),
        SystemExit(0),
        SystemExit(1),
        SystemExit(2),
        KeyboardInterrupt(),
        MemoryError(),
        OSError(),
    ],
)
def test_a_crash_planted_inside_is_3(
    desk: Run, monkeypatch: pytest.MonkeyPatch, raised: BaseException
) -> None:
    """Whatever is raised in the midst of it, an exit with a code of its own included."""

    def crash(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr("fedesk.services.secret_check.check_secrets", crash)
    ended = desk("secrets", "check")
    assert ended.code == 3
    assert PLANTED not in ended.err


@pytest.mark.parametrize("module", ["fedesk.cli.app", "fedesk.exits", "fedesk.execution", "typer"])
def test_a_module_that_cannot_be_imported_is_3(
    desk: Run, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    """A broken installation is no verdict: each part of the way is imported inside the guard."""
    # What is imported anew becomes the package's attribute; the next test finds the one of before.
    monkeypatch.setattr(fedesk, "cli", fedesk.cli)
    for name in [name for name in sys.modules if name == "fedesk.cli" or name.startswith("fedesk.cli.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    assert desk("secrets", "check").code == 3


def test_help_is_0(run: Run) -> None:
    """Asking how it is used is no check."""
    ended = run("secrets", "check", "--help")
    assert ended.code == 0
    assert "2 wins over 3" in ended.out


def test_output_that_cannot_be_written_is_3(sandbox: Sandbox) -> None:
    """A verdict that could not be delivered is none: a full disk, a closed pipe."""
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            [sys.executable, "-m", "fedesk", "secrets", "check", "--config", str(sandbox.config_path)],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 3
    assert b"Traceback" not in done.stderr


def test_a_signal_to_end_is_3(tmp_path: Path) -> None:
    """A scheduler's time limit is told apart from every verdict: the Vault here accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as vault:
        url = f"http://127.0.0.1:{vault.getsockname()[1]}"
        file = tmp_path / "fedesk.toml"
        file.write_text(f'[environments.x.vault]\nurl = "{url}"\ncredential = "command:echo {PLANTED}"\n')
        process = subprocess.Popen(
            [sys.executable, "-m", "fedesk", "secrets", "check", "--config", str(file)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        connection, _ = vault.accept()
        with connection:
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 3


# --- keys of Snowflake users ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "code", "verdict"),
    [("dev", 0, "compliant"), ("staging", 1, "due"), ("prod", 2, "overdue")],
)
def test_the_sandbox_as_it_is_written(
    run: Run, full_sandbox: Sandbox, environment: str, code: int, verdict: str
) -> None:
    """Every secret that the catalogue names is reported, by Vault or by Snowflake."""
    ended = run(*check(full_sandbox, environment), "--json", at=full_sandbox.control.clock.now())
    found = ended.document("secrets-check")
    assert (ended.code, found["verdict"], found["problems"]) == (code, verdict, [])
    assert not [one for one in found["secrets"] if "no connection reports it" in (one["problem"] or "")]


def check(sandbox: Sandbox, environment: str) -> tuple[str, ...]:
    """The words of a check of one environment of a sandbox."""
    return ("secrets", "check", "--env", environment, "--config", str(sandbox.config_path))


def test_a_snowflake_key_is_listed_with_its_age(run: Run, full_sandbox: Sandbox) -> None:
    """61 days of SVC_PAYMENTS, from Snowflake's connection."""
    now = full_sandbox.control.clock.now()
    ended = run("secrets", "list", "--json", "--config", str(full_sandbox.config_path), at=now)
    key = next(one for one in ended.document("secrets")["secrets"] if one["name"] == "snowflake:SVC_PAYMENTS")
    assert (key["connection"], key["verdict"], key["problem"]) == ("prod/snowflake", "compliant", None)
    assert key["owner"] == "engineering", "the catalogue's, since Snowflake knows none"
    assert now - datetime.fromisoformat(key["age_from"]) == timedelta(days=61)


def test_a_snowflake_key_that_is_too_old_is_overdue(run: Run, full_sandbox: Sandbox) -> None:
    """Its boundaries are those of every secret."""
    now = full_sandbox.control.clock.now()
    words = (*check(full_sandbox, "dev"), "--warn", "0d", "--json")
    assert run(*words, "--max-age", "61d", at=now).code == 1
    assert run(*words, "--max-age", "61d", at=now + SECOND).code == 2


def test_a_missing_snowflake_is_3_where_a_secret_of_it_is_named(
    run: Run, changed: Changed, sandbox: Sandbox
) -> None:
    """No connection at all, or one that does not answer: the key's age is not known."""
    now = sandbox.control.clock.now()
    without = run("secrets", "check", "--env", "dev", "--config", str(changed()), "--json", at=now)
    assert without.code == 3
    undetermined = [one for one in without.document("secrets-check")["secrets"] if one["age"] is None]
    assert [(one["name"], one["connection"]) for one in undetermined] == [
        ("snowflake:SVC_PAYMENTS", "dev/catalogue")
    ]
    ended = run("secrets", "check", "--env", "dev", "--config", str(unreachable(changed())), at=now)
    assert_undetermined(ended)
    assert "dev/snowflake" in ended.err + ended.out


def unreachable(file: Path) -> Path:
    """The configuration with a Snowflake in dev at a closed port."""
    file.write_text(
        file.read_text(encoding="utf-8") + '\n[environments.dev.snowflake]\naccount = "finedge"\n'
        'host = "127.0.0.1"\nport = 9\nprotocol = "http"\nuser = "U"\ncredential = "command:echo x"\n',
        encoding="utf-8",
    )
    return file


def test_a_missing_snowflake_is_nothing_where_no_secret_of_it_is_named(
    run: Run, changed: Changed, sandbox: Sandbox
) -> None:
    """It is not even asked: a query costs money."""
    now = sandbox.control.clock.now()
    file = unreachable(changed(catalogue=False))
    ended = run("secrets", "check", "--env", "dev", "--config", str(file), "--json", at=now)
    assert (ended.code, ended.document("secrets-check")["problems"]) == (0, [])


def test_a_second_snowflake_is_told_no_users_and_not_asked(
    run: Run, full_sandbox: Sandbox, tmp_path: Path
) -> None:
    """A user belongs to the environment's first Snowflake; another account need not know it."""
    text = full_sandbox.config_path.read_text(encoding="utf-8")
    catalogue = full_sandbox.config_path.parent / "catalog.yaml"
    file = tmp_path / "fedesk.toml"
    file.write_text(
        text.replace('catalog = "catalog.yaml"', f'catalog = "{catalogue}"')
        + '\n[environments.dev.connections.elsewhere]\nsystem = "snowflake"\naccount = "other"\n'
        'host = "127.0.0.1"\nport = 9\nprotocol = "http"\nuser = "U"\ncredential = "command:echo x"\n',
        encoding="utf-8",
    )
    now = full_sandbox.control.clock.now()
    ended = run("secrets", "check", "--env", "dev", "--config", str(file), "--json", at=now)
    assert (ended.code, ended.document("secrets-check")["problems"]) == (0, [])
