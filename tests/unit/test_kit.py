"""The kit's files are whole, agree with one another and with what fedesk asks, and take no hostile id.

What a real Vault, a real Airflow and Jenkins' Groovy make of them: ``tests/contract/test_kit_on_servers.py``.
"""

import ast
import json
import logging
import os
import re
import subprocess
import sys
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from ruamel.yaml import YAML
from sqlglot import expressions

import fedesk.kit
from fedesk.config import load_config
from fedesk.domain.names import ConnectionName
from fedesk.domain.rights import NEEDS
from fedesk.domain.roles import Role
from fedesk.domain.states import System
from fedesk.kit import DEPLOY, EXECUTOR, KITS, PERMISSIONS
from fedesk.sandbox.configuration import fedesk_toml
from fedesk.sandbox.world import World
from fedesk.services import draft_documents

FOLDER = Path(fedesk.kit.__file__).parent
PLAN = "0193a1b2-0001-7000-8000-000000000001"
DAG_RUN = "prod/airflow:payments_daily/scheduled__2026-11-20T00:00:00+00:00"
HOSTILE = (
    "",
    "--pipe",
    PLAN[:-1],
    f"{PLAN}0",
    f"{PLAN}\n",
    f" {PLAN}",
    f"{PLAN} --config /tmp/mine.toml",
    f'{PLAN}"; touch pwned; "',
    "$(touch pwned)",
    "`touch pwned`",
    PLAN.upper(),
)
"""What somebody who may build the job could ask for."""


def permissions(text: str) -> set[str]:
    """The permissions of Jenkins that a file of Groovy grants."""
    return {
        word
        for found in re.findall(r"permissions\(\[(.*?)\]\)", text)
        for word in re.findall(r"'(.*?)'", found)
    }


def yaml(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_each_file_is_of_a_kit_and_each_kit_has_its_files() -> None:
    """Nothing lies there that is not listed, and nothing is listed that is not there."""
    for kit in KITS.values():
        assert set(kit.files) == {path.name for path in (FOLDER / kit.name).iterdir()} - {"__pycache__"}
        assert (FOLDER.parents[2] / kit.guide).is_file()


def test_what_is_to_be_filled_in_stands_in_the_file() -> None:
    """Each blank is found where it is said to be; the line that is told holds it."""
    for kit in KITS.values():
        for blank, line in kit.places():
            assert blank.example in kit.text(blank.file).splitlines()[line - 1], blank


def test_the_executors_configuration_is_one_that_decides() -> None:
    """It takes signed plans alone, asks no other executor, knows whose signatures count, and has people."""
    config = load_config(FOLDER / "executor" / "fedesk.toml")
    prod = config.environments["prod"]
    assert (prod.signed, prod.executor, prod.production, prod.mode) == (True, None, True, "read-only")
    assert config.identity.allowed_signers == FOLDER / "executor" / "allowed_signers"
    assert config.identity.signing_key is None
    assert config.store.url.startswith("postgresql+psycopg://fedesk_runner@")
    assert config.governance.people.roles_of("mara@finedge.example", "prod") == {Role.OPERATOR, Role.RELEASER}


def test_a_persons_configuration_asks_that_executor_under_the_same_rules() -> None:
    """Job, folder, people and policy are the executor's; its people come with readers' connections."""
    theirs = load_config(FOLDER / "executor" / "people.toml")
    own = load_config(FOLDER / "executor" / "fedesk.toml")
    asked = theirs.environments["prod"].executor
    assert asked is not None
    assert (asked.job, asked.parameter) == ("fedesk/execute", "PLAN")
    assert f"pipelineJob('{asked.job}')" in EXECUTOR.text("folder.groovy")
    connections = {one.name: one.settings for one in theirs.environments["prod"].connections()}
    assert getattr(connections[ConnectionName("prod", "jenkins-executor")], "folders", ()) == ("fedesk",)
    assert theirs.governance == own.governance
    signed = theirs.identity
    assert signed.principal in own.governance.people.named
    assert signed.signing_key is not None


def test_credentials_are_those_that_job_folder_and_dag_give() -> None:
    """What fedesk.toml takes from the environment is set by the job, from the folder, and by the DAG."""
    wanted = set(re.findall(r'"env:(\w+)"', EXECUTOR.text("fedesk.toml")))
    job = dict(re.findall(r"credentialsId: '([\w-]+)', variable: '(\w+)'", EXECUTOR.text("Jenkinsfile")))
    assert set(job.values()) == wanted
    (folder,) = re.findall(r"\[([^\]]*)\]\.each \{ credential", EXECUTOR.text("folder.groovy"))
    assert set(re.findall(r"'([\w-]+)'", folder)) == set(job)
    assert set(_constants()["CREDENTIALS"]) == wanted


def test_people_may_build_the_job_and_nothing_else() -> None:
    """No Configure, Replay, Cancel or Workspace, in a folder that inherits nothing and has one job."""
    text = EXECUTOR.text("folder.groovy")
    assert permissions(text) == {"Job/Read", "Job/Build"}
    assert text.count("inheritanceStrategy") == text.count("nonInheriting()") == 2
    assert re.findall(r"^\w+\('(fedesk[^']*)'\)", text, re.MULTILINE) == ["fedesk", "fedesk/execute"]
    matrix = yaml(PERMISSIONS.text("jenkins.yaml"))["jenkins"]["authorizationStrategy"]["projectMatrix"]
    given = {
        (who, entry[who]["name"]): set(entry[who]["permissions"])
        for entry in matrix["entries"]
        for who in entry
    }
    read = {need.name for need in NEEDS[System.JENKINS] if not need.changes}
    assert given.pop(("user", "admin")) == {"Overall/Administer"}
    assert given.pop(("group", "fedesk-people")) == read | {"View/Read"}
    assert given == {("user", "fedesk-executor"): {"Overall/Read"}}


def test_the_executors_rights_on_jobs_are_what_fedesk_needs() -> None:
    """All of docs/permissions.md, and no more, between the controller's matrix and the folder's."""
    needed = {need.name for need in NEEDS[System.JENKINS]}
    assert permissions(PERMISSIONS.text("jenkins-folder.groovy")) | {"Overall/Read"} == needed


def test_the_executor_has_a_machine_that_others_cannot_use() -> None:
    """A label of its own, for this one job by its full name; more than one plan at once."""
    (node,) = yaml(EXECUTOR.text("jenkins.yaml"))["jenkins"]["nodes"]
    machine = node["permanent"]
    assert f"label '{machine['labelString']}'" in EXECUTOR.text("Jenkinsfile")
    assert machine["mode"] == "EXCLUSIVE"
    assert machine["numExecutors"] > 1
    (restricted,) = machine["nodeProperties"]
    name = restricted["jobRestrictionProperty"]["jobRestriction"]["regexNameRestriction"]
    assert re.fullmatch(name["regexExpression"], "fedesk/execute")
    assert not re.fullmatch(name["regexExpression"], "finedge/prod/deploy-payments")
    assert name["checkShortName"] is False
    job = re.sub(r"//.*", "", EXECUTOR.text("Jenkinsfile"))
    assert "disableConcurrentBuilds" not in job
    assert "archive" not in job


@pytest.mark.parametrize("asked", HOSTILE)
def test_what_is_no_id_reaches_no_machine(asked: str) -> None:
    """The job's pattern and the DAG's take an operation's id and nothing around it."""
    (job,) = re.findall(r"def id = /(.*)/$", EXECUTOR.text("Jenkinsfile"), re.MULTILINE)
    for pattern in (job, _constants()["UUID"]):
        assert re.fullmatch(pattern, PLAN)
        assert not re.fullmatch(pattern, asked)


def test_what_is_no_name_of_a_run_reaches_no_machine() -> None:
    """Job and DAG take the runs that a desk asks drafts of, and no word that a shell would read."""
    (job,) = re.findall(r"def run = /(.*)/$", EXECUTOR.text("Jenkinsfile"), re.MULTILINE)
    assert job == _constants()["RUN"] == draft_documents.RUN.pattern
    for asked in (DAG_RUN, f"{DAG_RUN}::load[3]", "prod/jenkins:finedge/prod/my job#12"):
        assert re.fullmatch(job, asked)
    for asked in ("", "payments_daily", "--pipe", f"{DAG_RUN}\n", f" {DAG_RUN}", f"{DAG_RUN} ", DAG_RUN * 99):
        assert not re.fullmatch(job, asked)
    for hostile in HOSTILE:
        assert not re.fullmatch(job, hostile)
        assert not hostile.strip(f"{PLAN} -") or not re.fullmatch(job, f"{DAG_RUN}{hostile}\n")
    for character in "\"'`$();&|<>\\*?{}!\n\r\t\0é":
        assert not re.fullmatch(job, f"{DAG_RUN}{character}x")


@pytest.mark.parametrize("asked", [PLAN, *HOSTILE])
def test_the_shell_of_the_job_takes_the_id_as_one_word(tmp_path: Path, asked: str) -> None:
    """Even an id that nobody has looked at is an argument of fedesk, and never a word of the script."""
    execute, draft = re.findall(r"sh label: .*?, script: '(.*)'$", EXECUTOR.text("Jenkinsfile"), re.MULTILINE)
    fedesk = tmp_path / "fedesk"
    fedesk.write_text('#!/bin/sh\nfor word in "$@"; do printf "%s\\0" "$word"; done\n', encoding="utf-8")
    fedesk.chmod(0o700)
    given = {"PATH": os.defpath, "FEDESK": str(fedesk), "FEDESK_CONFIG": "/etc/f.toml"}
    given |= dict.fromkeys(("PLAN", "DRAFT", "FEDESK_OPERATION"), asked)
    done = subprocess.run(
        ["sh", "-xec", f"{execute}\n{draft}"],
        cwd=tmp_path,
        env=given,
        capture_output=True,
        text=True,
        check=True,
    )
    config = ["--config", "/etc/f.toml"]
    words = ["execute", asked, *config, "plans", "draft", asked, "--marked", asked, *config]
    assert done.stdout.split("\0")[:-1] == words
    assert [path.name for path in tmp_path.iterdir()] == ["fedesk"]


def test_the_dag_says_where_it_may_be_used_and_is_never_tried_again() -> None:
    """It compiles; its docstring says what it is on the team's own Airflow; no shell, no retries."""
    tree = ast.parse(EXECUTOR.text("fedesk_execute.py"))
    compile(tree, "fedesk_execute.py", "exec")
    told = ast.get_docstring(tree) or ""
    assert "SEPARATE" in told
    assert "ADVISORY" in told
    words = {
        word.arg: word.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for word in node.keywords
    }
    assert "shell" not in words
    assert ast.literal_eval(words["default_args"])["retries"] == 0
    assert ast.literal_eval(words["max_active_runs"]) > 1


IMAGE = f"registry.finedge.example/payments@sha256:{'a' * 64}"
LABELS = {
    "org.opencontainers.image.version": "1.338.0",
    "org.opencontainers.image.revision": "c0ffee1",
    "org.opencontainers.image.source": "https://github.com/finedge/payments",
    "fedesk.release": json.dumps({"migrations": [{"id": "V1", "reversible": True}], "tests": {"unit": 7}}),
}


def release_py(folder: Path, *words: str, digest: str = "", **given: str) -> subprocess.CompletedProcess[str]:
    """Run release.py in a folder, with a skopeo that knows one image."""
    seen = {
        "Digest": digest or IMAGE.partition("@")[2],
        "Created": "2026-11-20T01:02:03Z",
        "Labels": LABELS,
        "LayersData": [{"Size": 200}, {"Size": 100}],
    }
    (folder / "seen.json").write_text(json.dumps(seen), encoding="utf-8")
    skopeo = folder / "skopeo"
    skopeo.write_text(
        f'#!/bin/sh\n[ "$3" = "docker://{IMAGE}" ] && cat "{folder}/seen.json"\n', encoding="utf-8"
    )
    skopeo.chmod(0o700)
    return subprocess.run(
        [sys.executable, FOLDER / "deploy" / "release.py", *words],
        cwd=folder,
        env={"PATH": f"{folder}:{os.defpath}", **given},
        capture_output=True,
        text=True,
        check=False,
    )


def test_release_json_says_what_the_registry_and_the_build_know(tmp_path: Path) -> None:
    """An image by its digest with what its labels tell, deployed by whom for which operation; no other."""
    assert release_py(tmp_path, "fetch", IMAGE, "release.json", SERVICE="payments").returncode == 0
    given = {"TARGET": "prod", "DEPLOYED_BY": "mara", "FEDESK_OPERATION": PLAN}
    assert release_py(tmp_path, "record", "release.json", **given).returncode == 0
    document = json.loads((tmp_path / "release.json").read_text(encoding="utf-8"))
    deployed_at = datetime.fromisoformat(document.pop("deployed_at"))
    assert deployed_at.tzinfo is not None
    assert document == {
        "schema": "fedesk-release/1",
        "service": "payments",
        "version": "1.338.0",
        "commit": "c0ffee1",
        "repository": "https://github.com/finedge/payments",
        "image": "registry.finedge.example/payments",
        "digest": IMAGE.partition("@")[2],
        "built_at": "2026-11-20T01:02:03Z",
        "size_bytes": 300,
        "migrations": [{"id": "V1", "reversible": True}],
        "tests": {"unit": 7},
        "environment": "prod",
        "deployed_by": "mara",
        "operation": PLAN,
    }
    build = World(seed=7, scale=0.1).builds("finedge/prod/deploy-payments")[0]
    (file,) = (one for one in World(seed=7, scale=0.1).artifacts(build) if one.path == "release.json")
    assert set(document) <= set(json.loads(file.content))
    moved = release_py(tmp_path, "fetch", IMAGE, "release.json", digest="sha256:other")
    assert (moved.returncode, "was asked for" in moved.stderr) == (1, True)
    missing = release_py(tmp_path, "fetch", IMAGE.replace("payments", "nothing"), "release.json")
    assert (missing.returncode, "does not have" in missing.stderr) == (1, True)
    assert release_py(tmp_path, "nonsense").returncode == 1


def test_the_sandboxs_deploy_jobs_are_those_of_the_kit() -> None:
    """The same stages in order, the same parameters; what is not an image by its digest is refused."""
    job = World(seed=7, scale=0.1).job("finedge/prod/deploy-payments")
    text = DEPLOY.text("Jenkinsfile")
    assert re.findall(r"stage\('(.*?)'\)", text) == [name for name, _ in job.stages]
    declared = re.findall(r"(string|boolean)(?:Param)?\(name: '(\w+)'", text)
    assert declared == [(one.kind, one.name) for one in job.parameters]
    (pattern,) = re.findall(r"params.IMAGE ==~ /(.*?)/\)", text)
    assert re.fullmatch(pattern.replace("\\/", "/"), IMAGE)
    for hostile in (
        *HOSTILE,
        "registry/payments:latest",
        f"{IMAGE}\n",
        f"{IMAGE} --x",
        f"-{IMAGE}",
        IMAGE[:-1],
    ):
        assert not re.fullmatch(pattern.replace("\\/", "/"), hostile)


def _constants() -> dict[str, Any]:
    """The DAG's own, by name."""
    tree = ast.parse(EXECUTOR.text("fedesk_execute.py"))
    return {
        target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def test_roles_of_airflow_are_what_fedesk_asks_for(tmp_path: Path) -> None:
    """The script gives people all that reading needs and nothing that changes; the executor the rest."""
    calls = tmp_path / "calls"
    airflow = tmp_path / "airflow"
    airflow.write_text(f'#!/bin/sh\nprintf "%s\\t" "$@" >>{calls}\necho >>{calls}\n', encoding="utf-8")
    airflow.chmod(0o700)
    script = tmp_path / "airflow-roles.sh"
    script.write_text(PERMISSIONS.text("airflow-roles.sh"), encoding="utf-8")
    subprocess.run(["sh", script], env={"PATH": f"{tmp_path}:{os.defpath}"}, check=True)
    given: dict[str, set[str]] = {}
    for line in calls.read_text(encoding="utf-8").splitlines():
        _, verb, *words = line.rstrip("\t").split("\t")
        roles = words[: words.index("-a")] if verb == "add-perms" else words
        for role in roles:
            found = given.setdefault(role, set())
            if verb == "add-perms":
                action = words[words.index("-a") + 1].replace("_", " ")
                found |= {f"{action} on {resource}" for resource in words[words.index("-r") + 1 :]}
    needs = NEEDS[System.AIRFLOW]
    reading = {need.name for need in needs if need.name.startswith("can read")} | {
        "can read on Asset Aliases"
    }
    (edit,) = (need.name for need in needs if need.name.startswith("can edit"))
    editing = {f"can edit on {one}" for one in re.split(", | and ", edit.removeprefix("can edit on "))}
    assert given == {"fedesk-reader": reading, "fedesk-executor": reading | editing}


def test_grants_of_snowflake_read_and_watch_and_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    """Each statement is one of Snowflake's; granted is to read what the sandbox's reader reads."""
    with caplog.at_level(logging.ERROR, logger="sqlglot"):
        found = [one for one in sqlglot.parse(PERMISSIONS.text("snowflake.sql"), dialect="snowflake") if one]
    grants = [one for one in found if isinstance(one, expressions.Grant)]
    rest = [one.sql("snowflake", comments=False).lower() for one in found if one not in grants]
    for statement in rest:
        assert re.match(
            r"use role|create (role|user) if not exists|grant role \w+ to (role|user) \w+$", statement
        ), statement
    privileges = {str(one) for grant in grants for one in grant.args["privileges"]}
    assert privileges == {"USAGE", "SELECT", "MONITOR"}
    text = fedesk_toml(
        World(seed=7, scale=0.2), {"snowflake": 1}, {"snowflake": Path("x")}, Path("s"), Path("a")
    )
    reads = tomllib.loads(text)["environments"]["prod"]["snowflake"]
    securables = {str(grant.args["securable"]).upper() for grant in grants}
    schema = f"{reads['database']}.{reads['schema']}"
    assert {reads["warehouse"], reads["database"], schema, f"{schema}.PIPELINE_RUNS"} <= securables
    assert {str(one).upper() for grant in grants for one in grant.args["principals"]} == {
        "ROLE FEDESK_READER"
    }
