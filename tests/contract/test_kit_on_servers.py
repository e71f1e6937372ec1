"""The kit's files on the real thing: a Vault's policies, a DAG on an Airflow, scripts on Jenkins' Groovy."""

import json
import os
import urllib.error
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import live_groovy
import live_vault
import pytest
import requests
from airflow_dags import told_by_executor
from airflow_server import AirflowServer, wait_until
from live_vault import LiveVault

from fedesk.clients.vault import KvScope, VaultClient
from fedesk.clients.vault_anchor import KvPlace, TransitSigner, VaultAnchor
from fedesk.domain.audit_chain import Mark
from fedesk.domain.checkpoints import Checkpoint, Signed, checkpoint_bytes, line_of
from fedesk.domain.names import ConnectionName
from fedesk.domain.rights import Grant
from fedesk.kit import DEPLOY, EXECUTOR, PERMISSIONS
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import ForbiddenError

pytestmark = pytest.mark.live

PLAN = "0193a1b2-0001-7000-8000-000000000001"
DAG_RUN = "prod/airflow:payments_daily/scheduled__2026-11-20T00:00:00+00:00"
PROD = KvScope("kv", "finedge/prod")
PLACE = KvPlace("kv", "fedesk/checkpoints")
CHECKPOINT = Checkpoint(
    log="desk", first="1" * 64, mark=Mark(seq=7, hash="7" * 64), at=datetime(2026, 11, 20, tzinfo=UTC)
)
LINE = line_of(Signed(checkpoint=CHECKPOINT))


@dataclass(frozen=True, kw_only=True)
class Policed:
    """A real Vault with the kit's policies, and a token of each."""

    vault: LiveVault
    tokens: dict[str, str]

    def endpoint(self, who: str) -> Endpoint:
        return Endpoint(
            name=ConnectionName("prod", "vault"),
            url=self.vault.url,
            credential=lambda: SecretText(self.tokens[who]),
        )

    def status(self, who: str, method: str, path: str, body: dict[str, Any] | None = None) -> int:
        """What Vault answers to one request."""
        head = {"X-Vault-Token": self.tokens[who]}
        url = f"{self.vault.url}/v1/{path}"
        return requests.request(method, url, json=body, headers=head, timeout=20).status_code


@pytest.fixture(scope="module")
def policed() -> Iterator[Policed]:
    with live_vault.running() as vault:
        vault.call("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "2"}})
        vault.call("POST", "sys/mounts/transit", {"type": "transit"})
        vault.call("POST", "transit/keys/fedesk", {"type": "ed25519"})
        vault.call("POST", "transit/keys/other", {"type": "ed25519"})
        for path in ("finedge/prod/smtp-relay", "finedge/prod/sftp/acme_07", "finedge/dev/smtp-relay"):
            vault.call("POST", f"kv/data/{path}", {"data": {"value": "planted"}})
        tokens = {}
        for who in ("reader", "executor"):
            policy = PERMISSIONS.text(f"vault-{who}.hcl")
            vault.call("PUT", f"sys/policies/acl/fedesk-{who}", {"policy": policy})
            made = vault.call("POST", "auth/token/create", {"policies": [f"fedesk-{who}"]})
            tokens[who] = made["auth"]["client_token"]
        yield Policed(vault=vault, tokens=tokens)


@pytest.mark.parametrize("who", ["reader", "executor"])
def test_with_either_policy_all_that_fedesk_reads_is_read(policed: Policed, who: str) -> None:
    """Every right that doctor tries is there and none too many; ages are found; another prefix is closed."""
    with closing(VaultClient(policed.endpoint(who), auth="token", kv=(PROD,))) as vault:
        found = vault.examine()
        assert {right.grant for right in found.rights} == {Grant.GRANTED}
        assert found.excess == ()
        seen = vault.observe(None)
        assert seen.complete
        assert seen.problems == ()
        assert {secret.name for secret in seen.secrets} == {
            "kv:finedge/prod/smtp-relay",
            "kv:finedge/prod/sftp/acme_07",
        }
    with closing(
        VaultClient(policed.endpoint(who), auth="token", kv=(KvScope("kv", "finedge/dev"),))
    ) as vault:
        assert Grant.REFUSED in {right.grant for right in vault.examine().rights}


@pytest.mark.parametrize("who", ["reader", "executor"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "kv/data/finedge/prod/smtp-relay", None),
        ("POST", "kv/data/finedge/prod/smtp-relay", {"data": {"value": "mine"}}),
        ("POST", "kv/data/finedge/prod/new", {"data": {"value": "mine"}}),
        ("DELETE", "kv/data/finedge/prod/smtp-relay", None),
        ("POST", "kv/metadata/finedge/prod/smtp-relay", {"custom_metadata": {"owner": "me"}}),
        ("DELETE", "kv/metadata/finedge/prod/smtp-relay", None),
        ("POST", "kv/destroy/finedge/prod/smtp-relay", {"versions": [1]}),
        ("DELETE", "kv/metadata/fedesk/checkpoints/desk/000000000007", None),
        ("POST", "transit/sign/other", {"input": "eA=="}),
        ("POST", "transit/keys/fedesk/rotate", None),
        ("GET", "sys/policies/acl/fedesk-executor", None),
        ("PUT", "sys/policies/acl/fedesk-reader", {"policy": 'path "*" { capabilities = ["sudo"] }'}),
        ("POST", "auth/token/create", {"policies": ["root"]}),
    ],
)
def test_values_and_changes_are_refused(
    policed: Policed, who: str, method: str, path: str, body: dict[str, Any] | None
) -> None:
    """With neither policy a value is read, a secret written, a checkpoint removed or a right gained: 403."""
    assert policed.status(who, method, path, body) == 403


def test_checkpoints_are_made_by_the_executor_and_verified_by_people(policed: Policed) -> None:
    """The executor signs and puts one, and none in its place; a reader reads and verifies it."""
    signers = {
        who: TransitSigner(policed.endpoint(who), "token", mount="transit", key="fedesk")
        for who in policed.tokens
    }
    anchors = {who: VaultAnchor(policed.endpoint(who), "token", PLACE) for who in policed.tokens}
    signature = signers["executor"].sign(checkpoint_bytes(CHECKPOINT))
    with pytest.raises(ForbiddenError):
        signers["reader"].sign(checkpoint_bytes(CHECKPOINT))
    with pytest.raises(ForbiddenError):
        anchors["reader"].put("desk", 7, LINE)
    anchors["executor"].put("desk", 7, LINE)
    written = "kv/data/fedesk/checkpoints/desk/000000000007"
    for who in policed.tokens:
        assert policed.status(who, "POST", written, {"data": {"checkpoint": "another"}}) == 403
        assert anchors[who].lines("desk") == (LINE,)
        assert signers[who].flaw(CHECKPOINT, signature) == ""
    for who in policed.tokens:
        signers[who].close()
        anchors[who].close()


# --- Airflow --------------------------------------------------------------------------------------------

RUNS = "/api/v2/dags/fedesk_execute/dagRuns"
KEYS = ("fedesk_store", "fedesk_jenkins", "fedesk_airflow", "fedesk_vault")


def state_of(live_airflow: AirflowServer, name: str, token: str) -> str:
    """How a run of the executor's DAG ended, once it has."""
    found = ""

    def has_ended() -> bool:
        nonlocal found
        run = live_airflow.request("GET", f"{RUNS}/{name}", token=token)
        assert isinstance(run, dict)
        found = run["state"]
        return found in {"success", "failed"}

    wait_until(has_ended, 60, f"{name} did not end")
    return found


def test_the_dag_runs_a_plan_and_takes_no_other_word(live_airflow: AirflowServer) -> None:
    """It imports; a hostile id starts no run (400), none fails; a plan's is one word, with four passwords."""
    token = live_airflow.token()
    errors = live_airflow.request("GET", "/api/v2/importErrors", token=token)
    assert isinstance(errors, dict)
    assert [one["filename"] for one in errors["import_errors"] if "fedesk_execute" in one["filename"]] == []
    for key in KEYS:
        made = {"connection_id": key, "conn_type": "generic", "password": f"planted {key}"}
        live_airflow.request("POST", "/api/v2/connections", made, token=token)
    for asked in (
        {"plan": f"{PLAN}; touch pwned"},
        {"plan": "--pipe"},
        {"plan": PLAN.upper()},
        {"draft": "payments_daily"},
        {"draft": "prod/airflow:payments_daily/x; touch pwned"},
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            live_airflow.request("POST", RUNS, {"conf": asked, "logical_date": None}, token=token)
        assert refused.value.code == 400
    config = ("--config", "/etc/fedesk-executor/fedesk.toml")
    for name, asked, words in (
        ("draft", {"draft": DAG_RUN}, ("plans", "draft", DAG_RUN, "--json", *config)),
        ("neither", {}, None),
        ("both", {"plan": PLAN, "draft": DAG_RUN}, None),
        ("one", {"plan": PLAN}, ("execute", PLAN, *config)),
    ):
        told = told_by_executor(live_airflow.go)
        told.unlink(missing_ok=True)
        body = {"dag_run_id": name, "conf": asked, "logical_date": None}
        live_airflow.request("POST", RUNS, body, token=token)
        ended = state_of(live_airflow, name, token)
        if words is None:
            assert (ended, told.exists()) == ("failed", False), name
        else:
            assert ended == "success", name
            assert told.read_text("utf-8").splitlines() == [*words, *(f"planted {key}" for key in KEYS)]
    log = live_airflow.request("GET", f"{RUNS}/one/taskInstances/{quote('execute')}/logs/1", token=token)
    assert "planted" not in str(log)


# --- Jenkins' Groovy ------------------------------------------------------------------------------------


def jenkinsfile(folder: Path) -> Path:
    """The kit's, with a fedesk that tells what it was called with."""
    fedesk = folder / "fedesk"
    fedesk.write_text('#!/bin/sh\nprintf "%s\\n" "$@" "$FEDESK_STORE"\n', encoding="utf-8")
    fedesk.chmod(0o700)
    path = folder / "Jenkinsfile"
    path.write_text(EXECUTOR.text("Jenkinsfile").replace("/opt/fedesk/bin/fedesk", str(fedesk)), "utf-8")
    return path


def test_the_job_runs_a_plan_with_the_folders_credentials(tmp_path: Path) -> None:
    """On its own agent, within its time, in one shell step; the credentials are there for that step alone."""
    came = live_groovy.run(jenkinsfile(tmp_path), PLAN=PLAN, DRAFT="", FEDESK_OPERATION=PLAN)
    assert (came["said"], came["description"]) == ("", PLAN)
    (step,) = [call for call in came["calls"] if call["name"] == "sh"]
    assert step["out"].splitlines() == [
        *("execute", PLAN, "--config", "/etc/fedesk-executor/fedesk.toml"),
        "planted-fedesk-store",
    ]
    assert "planted" not in step["err"]
    assert "withCredentials" in step["path"]
    labels = [call["given"] for call in came["calls"] if call["name"] == "label"]
    assert labels == [["fedesk-executor"]]
    assert "timeout" in {call["name"] for call in came["calls"]}


@pytest.mark.parametrize(
    ("plan", "draft", "operation", "said"),
    [
        (f'{PLAN}"; touch pwned; "', "", PLAN, "PLAN is not the id of an operation"),
        ("", "", "", "Give PLAN, the id of an operation, or DRAFT, a run"),
        (PLAN, DAG_RUN, PLAN, "Give PLAN, the id of an operation, or DRAFT, a run"),
        (PLAN, "", PLAN.replace("1", "2"), "FEDESK_OPERATION names another operation than PLAN"),
        ("", f'{DAG_RUN}"; touch pwned; "', PLAN, "DRAFT is not the name of a run"),
        ("", f"{DAG_RUN}\ntouch pwned", PLAN, "DRAFT is not the name of a run"),
        ("", f"{DAG_RUN}{'x' * 100_000}", PLAN, "DRAFT is not the name of a run"),
        ("", DAG_RUN, "", "FEDESK_OPERATION is not the id of a request"),
    ],
)
def test_the_job_stops_before_any_machine_is_used(
    tmp_path: Path, plan: str, draft: str, operation: str, said: str
) -> None:
    """What is no id or run, or too many of them, ends the build on the controller; no value is repeated."""
    came = live_groovy.run(jenkinsfile(tmp_path), PLAN=plan, DRAFT=draft, FEDESK_OPERATION=operation)
    assert came["said"].startswith(said)
    assert {"label", "sh", "withCredentials"}.isdisjoint(call["name"] for call in came["calls"])
    assert not any(value and value in came["said"] for value in (plan, draft))


def test_the_job_drafts_and_does_nothing_else(tmp_path: Path) -> None:
    """With DRAFT the same credentials reach one step: a verb that changes nothing, its words one each."""
    came = live_groovy.run(jenkinsfile(tmp_path), PLAN="", DRAFT=DAG_RUN, FEDESK_OPERATION=PLAN)
    assert (came["said"], came["description"]) == ("", f"draft of {DAG_RUN}")
    (step,) = [call for call in came["calls"] if call["name"] == "sh"]
    assert step["out"].splitlines() == [
        *("plans", "draft", DAG_RUN, "--marked", PLAN, "--config", "/etc/fedesk-executor/fedesk.toml"),
        "planted-fedesk-store",
    ]


def test_the_folder_is_made_with_its_credentials_and_one_job(tmp_path: Path) -> None:
    """Job DSL of both files runs: values come from files, the pipeline is written into the job, sandboxed."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in ("store", "jenkins", "airflow", "vault"):
        (secrets / f"fedesk-{name}").write_text(f"planted {name}\n", encoding="utf-8")
    (tmp_path / "Jenkinsfile").write_text(EXECUTOR.text("Jenkinsfile"), encoding="utf-8")
    folder = tmp_path / "folder.groovy"
    text = EXECUTOR.text("folder.groovy").replace("/var/jenkins_home/fedesk", str(tmp_path))
    folder.write_text(text.replace("/run/secrets/fedesk-executor", str(secrets)), encoding="utf-8")
    came = live_groovy.run(folder)
    assert came["said"] == ""
    given = [(call["path"].rpartition(" > ")[2], call["name"], call["given"]) for call in came["calls"]]
    values = [what for path, name, what in given if (path, name) == ("string", "secret")]
    assert values == [[f"planted {name}"] for name in ("store", "jenkins", "airflow", "vault")]
    assert ("cps", "script", [EXECUTOR.text("Jenkinsfile")]) in given
    assert ("cps", "sandbox", [True]) in given
    assert [what for path, name, what in given if not path] == [["fedesk"], ["fedesk/execute"]]
    rights = tmp_path / "rights.groovy"
    rights.write_text(PERMISSIONS.text("jenkins-folder.groovy"), encoding="utf-8")
    assert live_groovy.run(rights)["said"] == ""


# --- the deploy job -------------------------------------------------------------------------------------

IMAGE = f"registry.finedge.example/payments@sha256:{'a' * 64}"


@pytest.fixture
def deploying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with the kit's job, a skopeo that knows one image, and programs that say what they got."""
    kit = tmp_path / "kit"
    kit.mkdir()
    (kit / "release.py").write_text(DEPLOY.text("release.py"), encoding="utf-8")
    seen = json.dumps({"Digest": IMAGE.partition("@")[2], "Labels": {}, "LayersData": []})
    programs = {kit / name: f'echo {name} "$@"' for name in ("policy", "apply", "verify")}
    programs[tmp_path / "skopeo"] = f"[ \"$3\" = 'docker://{IMAGE}' ] && echo '{seen}'"
    for path, script in programs.items():
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    text = DEPLOY.text("Jenkinsfile").replace("KIT = 'deploy'", f"KIT = '{kit}'")
    (tmp_path / "Jenkinsfile").write_text(text.replace("ASKS = 'false'", "ASKS = 'true'"), encoding="utf-8")
    return tmp_path


def test_the_deploy_job_deploys_and_archives_what_it_deployed(deploying: Path) -> None:
    """Stage by stage with a real shell: asked without an agent, deployed, verified, release.json archived."""
    came = live_groovy.run(
        deploying / "Jenkinsfile", cwd=deploying, IMAGE=IMAGE, DRY_RUN="", FEDESK_OPERATION=PLAN
    )
    assert (came["said"], came["description"]) == ("", IMAGE)
    calls = came["calls"]
    said = [call["out"] for call in calls if call["name"] == "sh" and call["out"]]
    assert said == [f"policy {IMAGE}\n", f"apply {IMAGE}\n", f"verify {IMAGE}\n"]
    (asked,) = [call for call in calls if call["name"] == "input"]
    assert asked["given"] == [{"id": "promote", "message": "Deploy payments to prod?", "ok": "Deploy"}]
    assert not [call for call in calls if call["name"] == "label" and "Approve" in call["path"]]
    document = json.loads((deploying / "release.json").read_text(encoding="utf-8"))
    told = {key: document[key] for key in ("service", "digest", "environment", "deployed_by", "operation")}
    assert told == {
        "service": "payments",
        "digest": IMAGE.partition("@")[2],
        "environment": "prod",
        "deployed_by": "mara",
        "operation": PLAN,
    }
    (kept,) = [call for call in calls if call["name"] == "archiveArtifacts"]
    assert kept["given"] == [{"artifacts": "release.json", "fingerprint": True}]


def test_a_dry_run_of_the_deploy_job_changes_and_archives_nothing(deploying: Path) -> None:
    """Nobody is asked, nothing is verified or recorded, and what deploys is told that it is a dry run."""
    came = live_groovy.run(
        deploying / "Jenkinsfile", cwd=deploying, IMAGE=IMAGE, DRY_RUN="true", FEDESK_OPERATION=""
    )
    assert (came["said"], came["description"]) == ("", f"{IMAGE} (dry run)")
    said = [call["out"] for call in came["calls"] if call["name"] == "sh" and call["out"]]
    assert said == [f"policy {IMAGE}\n", f"apply --dry-run {IMAGE}\n"]
    assert {"input", "archiveArtifacts"}.isdisjoint(call["name"] for call in came["calls"])


@pytest.mark.parametrize(
    "image", ["", "registry.finedge.example/payments:latest", f'{IMAGE}"; touch pwned; "', f"{IMAGE}\nx"]
)
def test_the_deploy_job_takes_a_digest_and_nothing_else(deploying: Path, image: str) -> None:
    """A tag, or what is no image, ends the build before any shell; the value is not repeated."""
    came = live_groovy.run(
        deploying / "Jenkinsfile", cwd=deploying, IMAGE=image, DRY_RUN="", FEDESK_OPERATION=""
    )
    assert came["said"].startswith("IMAGE is not an image with its digest")
    assert not [call for call in came["calls"] if call["name"] == "sh"]
    assert not image or image not in came["said"]
