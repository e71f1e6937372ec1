"""``fedesk catalog import``, ``check`` and ``schema``, and ``config schema``, against the sandbox."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import Changed, Run

from fedesk.catalogue import load_catalogue
from fedesk.domain.catalogue import Catalogue, ReleaseSource
from fedesk.sandbox.server import Sandbox

UNTOLD = ("deadline", "retry_budget", "secrets", "runbook")
"""What no system says of a pipeline."""


@pytest.fixture
def mine(sandbox: Sandbox) -> Catalogue:
    """The sandbox's own catalogue."""
    return load_catalogue(sandbox.config_path.parent / "catalog.yaml")


@pytest.fixture
def config(changed: Changed) -> Path:
    """The sandbox's configuration in a folder of its own, that a test may write to; patient with it.

    The first look at all jobs of three environments makes the world's builds.
    """
    table = r"(\[environments\.\w+\.(?:jenkins|airflow|vault)\]\n)"
    return changed((table, r"\1timeout = { connect = 10, read = 90 }\n"))


def changed_catalogue(config: Path, sandbox: Sandbox, *changes: tuple[str, str]) -> Path:
    """The sandbox's catalogue with patterns replaced, in a file of its own that ``config`` names."""
    text = (sandbox.config_path.parent / "catalog.yaml").read_text(encoding="utf-8")
    for pattern, replacement in changes:
        text, count = re.subn(pattern, replacement, text, count=1)
        assert count, pattern
    file = config.parent / "catalog.yaml"
    file.write_text(text, encoding="utf-8")
    text = config.read_text(encoding="utf-8")
    config.write_text(re.sub(r'catalog = ".*"', 'catalog = "catalog.yaml"', text), encoding="utf-8")
    books = config.parent / "runbooks"
    books.symlink_to(sandbox.config_path.parent / "runbooks")
    return file


def test_import_says_most_of_what_a_person_wrote(
    run: Run, config: Path, sandbox: Sandbox, mine: Catalogue, tmp_path: Path
) -> None:
    """Of each pipeline everything but what no system tells; of each service owner and deploy job.

    No system tells of dry runs and stages that verify. What is there beyond is what the sandbox's catalogue
    leaves out on purpose.
    """
    manifest = sandbox.config_path.parent / "manifest.json"
    file = tmp_path / "first.yaml"
    ended = run("catalog", "import", "--dbt", str(manifest), "--config", str(config))
    assert ended.code == 0, ended.err
    file.write_text(ended.out, encoding="utf-8")
    found = load_catalogue(file)
    for name, one in mine.pipelines.items():
        for key in set(one.__slots__) - set(UNTOLD):
            assert getattr(found.pipelines[name], key) == getattr(one, key), (name, key)
    assert set(found.pipelines) - set(mine.pipelines) == {
        "email_engagement", "data_usage", "dispute_evidence", "hostile_texts", "smoke-test", "import-file",
        "sign-release",
    }  # fmt: skip
    told = {
        name: (one.owner, one.deploy and replace(one.deploy, dry_run=(), verification_stage=""))
        for name, one in mine.services.items()
    }
    # One job no longer has its newest release.json: then the parameter is what is seen.
    partners = found.services["partners"].deploy
    assert partners is not None
    assert (partners.release_from, partners.release_detail) == (ReleaseSource.PARAMETER, "IMAGE")
    others = {name: (one.owner, one.deploy) for name, one in found.services.items() if name != "partners"}
    assert others == {name: one for name, one in told.items() if name != "partners"}


def test_import_without_dbt_has_the_careful_write_mode(run: Run, config: Path) -> None:
    """Airflow does not say how a table is written; the comment says that it is a guess."""
    ended = run("catalog", "import", "--env", "prod", "--config", str(config))
    line = next(line for line in ended.out.splitlines() if "MARTS.PAYMENTS_DAILY" in line and "write" in line)
    assert "write: append}" in line
    assert line.endswith("# an outlet of the DAG; how it is written is not told: append until you say")
    assert "job: finedge/{environment}/deploy-payments" in ended.out


def test_import_writes_a_file_once(run: Run, config: Path, tmp_path: Path) -> None:
    """A new file is written; one that is there is left alone, exit 5, and what it lacks is shown."""
    file = tmp_path / "new.yaml"
    words = ("catalog", "import", "--env", "prod", "--output", str(file), "--config", str(config))
    ended = run(*words)
    assert (ended.code, ended.out) == (0, f"{file}: 20 services and 40 pipelines added\n")
    assert "catalog schema --output catalog.schema.json" in ended.err
    text = file.read_text(encoding="utf-8")
    cut = text.index("  # in prod/airflow; tags aml, prod, tier-2\n  sanctions_lists:")
    file.write_text(text[:cut], encoding="utf-8")
    ended = run(*words)
    assert ended.code == 5
    assert "left alone; --update adds this to it: 0 services and 1 pipeline." in ended.err
    assert ended.out.startswith(
        "pipelines:\n  # in prod/airflow; tags aml, prod, tier-2\n  sanctions_lists:\n"
    )
    assert file.read_text(encoding="utf-8") == text[:cut]


def test_update_adds_what_is_new_and_keeps_the_rest(run: Run, config: Path, sandbox: Sandbox) -> None:
    """Without --output the configured file; what was there stays to the byte. Then nothing is new."""
    file = changed_catalogue(config, sandbox, (r"pipelines:\n", "pipelines:   # by hand\n"))
    before = file.read_text(encoding="utf-8")
    file.chmod(0o640)
    ended = run("catalog", "import", "--update", "--env", "prod", "--config", str(config))
    assert ended.code == 0, ended.err
    after = file.read_text(encoding="utf-8")
    assert after.startswith(before)
    assert set(load_catalogue(file).pipelines) > {"email_engagement", "data_usage", "dispute_evidence"}
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.glob(".catalog*")] == []
    ended = run("catalog", "import", "--update", "--env", "prod", "--config", str(config))
    assert (ended.code, ended.out) == (0, f"{file} describes every job and DAG there is\n")
    assert file.read_text(encoding="utf-8") == after


def test_a_first_catalogue_may_be_named_before_it_is_there(run: Run, config: Path, tmp_path: Path) -> None:
    """Everybody else is told which command writes it."""
    text = config.read_text(encoding="utf-8")
    config.write_text(re.sub(r'catalog = ".*"', 'catalog = "mine.yaml"', text), encoding="utf-8")
    ended = run("status", "--config", str(config))
    assert (ended.code, "`fedesk catalog import` writes a first catalogue" in ended.err) == (2, True)
    file = tmp_path / "mine.yaml"
    assert run("catalog", "import", "--env", "prod", "--output", str(file), "--config", str(config)).code == 0
    assert len(load_catalogue(file).pipelines) == 40


def test_a_silent_system_leaves_files_alone(run: Run, config: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    """Exit 8, the system in its own words, what is known on stdout, and no half of a catalogue in a file."""
    sandbox.control.fault("airflow", "status")
    file = tmp_path / "new.yaml"
    ended = run("catalog", "import", "--env", "prod", "--output", str(file), "--config", str(config))
    assert (ended.code, file.exists()) == (8, False)
    assert "prod/airflow" in ended.err
    assert "deploy-payments" not in ended.out
    ended = run("catalog", "import", "--env", "prod", "--config", str(config))
    assert (ended.code, "deploy-payments" in ended.out) == (8, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--dbt", "nowhere.json"), "--dbt: nowhere.json is no file"),
        (("--update", "--output", "nowhere.yaml"), "leave --update out"),
        (("--output", "."), "is a folder"),
        (("--env", "prd"), "did you mean prod?"),
    ],
)
def test_mistakes_of_usage_are_one_sentence(
    run: Run, config: Path, sandbox: Sandbox, words: tuple[str, ...], said: str
) -> None:
    """Exit 2 before any system is asked."""
    ended = run("catalog", "import", *words, "--config", str(config))
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert sandbox.control.requests() == ()


def test_import_as_json(run: Run, config: Path, sandbox: Sandbox) -> None:
    """The same as a document: names, and the YAML that would be added."""
    ended = run(
        "catalog",
        "import",
        "--env",
        "prod",
        "--json",
        "--config",
        str(config),
        at=sandbox.control.clock.now(),
    )
    found = ended.document("catalog-import")
    assert (ended.code, len(found["services"]), len(found["pipelines"])) == (0, 20, 40)
    assert found["yaml"].startswith("services:\n")


def test_check_is_quiet_where_nothing_has_drifted(run: Run, config: Path, tmp_path: Path) -> None:
    """What import has written agrees with what it was made from."""
    file = tmp_path / "mine.yaml"
    assert run("catalog", "import", "--env", "prod", "--output", str(file), "--config", str(config)).code == 0
    text = config.read_text(encoding="utf-8")
    config.write_text(re.sub(r'catalog = ".*"', f'catalog = "{file}"', text), encoding="utf-8")
    ended = run("catalog", "check", "--env", "prod", "--config", str(config))
    assert (ended.code, ended.out, ended.err) == (0, "nothing has drifted\n", "")


def test_check_names_each_difference_by_file_line_and_key(run: Run, config: Path, sandbox: Sandbox) -> None:
    """Exit 3; a typing error, a wrong owner, tier and table, a secret and a runbook that are not there."""
    file = changed_catalogue(
        config,
        sandbox,
        (r"deploy-payments", "deploy-paymets"),
        (r"(?s)(  chargebacks:\n    service: chargebacks\n    owner: )\"engineering\"", r"\1qa"),
        (r"(?s)(  aml_screening:\n.*?tier: )1", r"\g<1>2"),
        (r"dataset: MARTS.FX_RATES,", "dataset: MARTS.FX_RATE,"),
        (r"identity-provider", "identity-providr"),
        (r"runbooks/loan_book.md", "runbooks/loans.md"),
        (r"    upstream: \[card_settlement\]\n", ""),
    )
    ended = run("catalog", "check", "--json", "--config", str(config), at=sandbox.control.clock.now())
    assert ended.code == 3
    found = ended.document("catalog-check")
    assert found["environment"] == "prod"
    lines = file.read_text(encoding="utf-8").splitlines()
    seen = {(one["kind"], one["key"]): one for one in found["drift"]}
    for key, word in {
        ("job", "services.payments.deploy.job"): "deploy-paymets",
        ("owner", "pipelines.chargebacks.owner"): "owner: qa",
        ("tier", "pipelines.aml_screening.tier"): "tier: 2",
        ("dataset", "pipelines.fx_rates.loads[0].dataset"): "MARTS.FX_RATE,",
        ("secret", "pipelines.kyc_refresh.secrets[0]"): "identity-providr",
        ("runbook", "pipelines.loan_book.runbook"): "runbooks/loans.md",
    }.items():
        assert seen[key]["file"] == str(file)
        assert word in lines[seen[key]["line"] - 1]
    assert seen["upstream", "pipelines.payments_daily.upstream"]["remedy"] == "add card_settlement"
    assert (
        "did you mean finedge/prod/deploy-payments?" in seen["job", "services.payments.deploy.job"]["remedy"]
    )
    undescribed = [one["sentence"] for one in found["drift"] if one["kind"] == "undescribed"]
    assert any("finedge/prod/deploy-payments" in one for one in undescribed)
    assert any("email_engagement" in one for one in undescribed)
    assert found["unchecked"] == []


def test_check_tells_mistakes_of_the_file_beside_the_drift(run: Run, config: Path, sandbox: Sandbox) -> None:
    """An unknown upstream, a circle and a word that is wrong, each at its line; the rest is compared."""
    changed_catalogue(
        config,
        sandbox,
        (r"upstream: \[card_settlement\]", "upstream: [card_setlement]"),
        (r"upstream: \[card_authorisations\]", "upstream: [chargebacks]"),
        (r"(?s)(  fx_rates:\n    service: fx_rates\n    owner: )\"engineering\"", r"\1nobody"),
    )
    ended = run("catalog", "check", "--config", str(config))
    assert ended.code == 3
    said = ended.out
    place = r"catalog.yaml:\d+ +pipelines.payments_daily.upstream"
    assert re.search(place + r"\[0\] +unknown pipeline; did you mean card_settlement", said)
    assert "waits for itself: card_settlement → chargebacks → card_settlement" in said
    assert re.search(r"pipelines.fx_rates.owner +must be engineering, qa or client:NAME", said)
    assert "the DAG email_engagement of prod/airflow is not described" in said


@pytest.mark.parametrize("system", ["jenkins", "airflow", "vault"])
def test_check_says_what_a_silent_system_hides(run: Run, config: Path, sandbox: Sandbox, system: str) -> None:
    """Exit 8 whatever else has drifted, and nothing of that system is called missing."""
    sandbox.control.fault(system, "status")
    ended = run("catalog", "check", "--json", "--config", str(config), at=sandbox.control.clock.now())
    assert ended.code == 8
    found = ended.document("catalog-check")
    assert {one["kind"] for one in found["drift"]} <= {"undescribed"}
    assert any(f"prod/{system}" in one for one in found["unchecked"])
    assert "Not checked: " in ended.err


def test_a_sealed_vault_hides_secrets_and_is_told(run: Run, config: Path, sandbox: Sandbox) -> None:
    """It answers, and its list is none: no secret is called missing."""
    sandbox.control.seal_vault(sealed=True)
    ended = run("catalog", "check", "--config", str(config))
    assert ended.code == 3
    assert "Not checked: Vault is sealed" in ended.err
    assert "secret" not in ended.out


def test_check_needs_a_catalogue(run: Run, changed: Changed) -> None:
    """Exit 2, and the command that writes one."""
    ended = run("catalog", "check", "--config", str(changed(catalogue=False)))
    assert (ended.code, "`fedesk catalog import` writes a first one" in ended.err) == (2, True)


def test_schemas_are_printed_and_written_once(run: Run, tmp_path: Path) -> None:
    """To stdout, or into a file that is not there yet."""
    for noun in ("catalog", "config"):
        printed = run(noun, "schema")
        assert printed.code == 0
        assert json.loads(printed.out)["type"] == "object"
        file = tmp_path / f"{noun}.json"
        assert run(noun, "schema", "--output", str(file)).code == 0
        assert file.read_text(encoding="utf-8") == printed.out
        assert run(noun, "schema", "--output", str(file)).code == 5
        assert file.read_text(encoding="utf-8") == printed.out


@pytest.mark.parametrize(
    "words", [("catalog", "import"), ("catalog", "check"), ("catalog", "schema"), ("config", "schema")]
)
def test_each_help_shows_two_examples_that_work(
    run: Run, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """Help ends with two command lines that run as they stand."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEDESK_CONFIG", str(config))
    lines = [line for line in run(*words, "--help").out.splitlines() if line.startswith("    fedesk ")]
    assert len(lines) == 2
    for line in lines:
        assert run(*line.split()[1:]).code in (0, 3), line
