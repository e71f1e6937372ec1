"""ENFORCED from end to end: people who can only propose, and an executor that is a job of Jenkins.

The sandbox runs in real time, since the executor is a process of its own. People's credentials of Airflow and
Jenkins are the readers', and their roles in the store may write proposals alone.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from anchored_log import allow, make_key
from postgres_server import Server
from sqlalchemy.engine import make_url

from fedesk.domain.approving import NAMESPACE, Action, Statement, statement_bytes
from fedesk.domain.audit_chain import time_text
from fedesk.domain.names import ConnectionName, RunName
from fedesk.kit import EXECUTOR
from fedesk.sandbox.airflow_clear import clear_as
from fedesk.sandbox.airflow_events import CLEAR
from fedesk.sandbox.clock import WorldClock
from fedesk.sandbox.executing import ExecutorJob
from fedesk.sandbox.server import Sandbox, start
from fedesk.sandbox.world import World
from fedesk.store.postgres_store import PostgresStore

JOB = "fedesk/execute"
MARA, ANN, RUNNER = (f"{name}@finedge.example" for name in ("mara", "ann", "runner"))
PEOPLE = f"""
[people."{MARA}"]
roles = ["operator", "releaser"]
[people."{ANN}"]
roles = ["approver"]
[people."{RUNNER}"]
roles = ["admin"]
"""


@dataclass(frozen=True, kw_only=True)
class Enforced:
    """One company, whose production is written by its executor alone."""

    sandbox: Sandbox
    executor: ExecutorJob | None
    url: str
    """The store, as its superuser."""
    folder: Path
    postgres: Server

    def config(self, name: str) -> Path:
        """The configuration of ``mara``, ``ann`` or the ``executor``."""
        return self.folder / f"{name}.toml"

    def key(self, name: str) -> Path:
        """The public half of somebody's key."""
        return self.folder / f"{name}.pub"

    def failed_runs(self) -> list[RunName]:
        """Failed runs of production, each of another DAG or day."""
        airflow = ConnectionName("prod", "airflow")
        return [
            RunName(airflow, f"{run.plan.dag_id}/{run.plan.run_id}")
            for dag in self.sandbox.world.dags("prod")
            for run in self.sandbox.world.dag_runs("prod", dag.dag_id)
            if run.state == "failed"
        ]

    def is_cleared(self, run: RunName) -> bool:
        """Whether a run is no longer the failed one that it was."""
        dag_id, _, run_id = run.id.partition("/")
        return self.sandbox.world.dag_run("prod", dag_id, run_id).state != "failed"

    def failed_tasks(self, run: RunName) -> list[str]:
        """Its failed and blocked task instances, in their order."""
        dag_id, _, run_id = run.id.partition("/")
        return [
            each.spec.task_id
            for each in self.sandbox.world.task_instances("prod", dag_id, run_id)
            if each.state in ("failed", "upstream_failed")
        ]

    def ended_build(self) -> RunName:
        """A build of production that has ended, of a job none of whose builds runs."""
        world = self.sandbox.world
        for job in world.jobs("finedge/prod"):
            builds = world.builds(job.full_name)
            if builds and not any(one.is_building(world.now()) for one in builds):
                return RunName(ConnectionName("prod", "jenkins"), f"{job.full_name}#{builds[0].number}")
        raise LookupError("every job builds")

    def asking_build(self) -> RunName:
        """A deployment to production that waits for an answer, as the job asks everybody; begun by hand."""
        world, job = self.sandbox.world, "finedge/prod/deploy-cards"
        there = world.deployments.current("prod", "cards")
        assert there is not None
        image = f"registry.finedge.example/cards@{there.digest}"
        item = self.sandbox.control.trigger_build(job, values={"IMAGE": image})
        build = next(one for one in world.build_plans(job) if one.queue_id == item)
        asked = build.pending_input
        assert asked is not None
        # It has come that far already: nobody waits for the stages before.
        early = asked.since - world.now()
        began = build.started_at and build.started_at - early
        stages = tuple(replace(one, started_at=one.started_at - early) for one in build.stages)
        asked = replace(asked, since=asked.since - early)
        world.build_history(job).amend(replace(build, started_at=began, stages=stages, pending_input=asked))
        return RunName(ConnectionName("prod", "jenkins"), f"{job}#{build.number}")

    def waits(self, build: RunName) -> bool:
        """Whether a build waits for an answer."""
        job, _, number = build.id.partition("#")
        world = self.sandbox.world
        return world.build(job, int(number)).input_at(world.now()) is not None

    def is_taken(self, run: RunName) -> bool:
        """Whether an operation was confirmed for it."""
        with closing(PostgresStore(self.url)) as store:
            return any(str(run) == target.name for one in store.operations() for target in one.plan.targets)

    def clears_of(self, operation: str) -> int:
        """Clears that Airflow has carried out or refused for an operation, as its own log has them."""
        events = self.sandbox.world.airflow.events("prod")
        return sum(event.event == CLEAR and operation in event.extra for event in events)

    def clear_by_hand(self, run: RunName) -> None:
        """Somebody clears a failed run in Airflow's own pages."""
        dag_id, _, run_id = run.id.partition("/")
        body = {"dag_run_id": run_id, "only_failed": True, "dry_run": False}
        clear_as(self.sandbox.world, "prod", dag_id, "tomasz", body)

    def role(self, name: str) -> str:
        """Somebody's login role in the store."""
        with self.config(name).open("rb") as file:
            return str(make_url(tomllib.load(file)["store"]["url"]).username)

    def forge(self, operation: str, *, principal: str, key: str) -> None:
        """Put an approval into the store, past fedesk, as mara's role may: signed with another key."""
        with closing(PostgresStore(self.url)) as store:
            found = store.operation(operation)
            assert found is not None
        statement = Statement(
            plan=found.digest,
            operation=operation,
            environment="prod",
            action=Action.APPROVE,
            approver=principal,
            nonce=os.urandom(16).hex(),
            at=found.confirmed_at,
            expires_at=found.plan.expires_at,
        )
        raw = statement_bytes(statement)
        command = ["ssh-keygen", "-Y", "sign", "-f", str(self.key(key)), "-n", NAMESPACE]
        signed = subprocess.run(command, input=raw, capture_output=True, check=True).stdout.decode()
        address = self.postgres.conninfo(str(make_url(self.url).database), self.role("mara"))
        with psycopg.connect(address, autocommit=True) as person:
            person.execute(
                "INSERT INTO fedesk.approvals VALUES (%s, %s, 'approve', %s, %s, %s, %s, %s)",
                (statement.nonce, operation, principal, raw, signed, time_text(statement.at), MARA),
            )


def _job(folder: Path, config: Path, builder: str) -> ExecutorJob:
    """The job, whose builds run the shell steps of the kit's Jenkinsfile, over the fedesk of these tests."""
    jenkinsfile = EXECUTOR.text("Jenkinsfile")
    execute, draft = re.findall(r"sh label: .*?, script: '(.*)'$", jenkinsfile, re.MULTILINE)
    fedesk = folder / "fedesk"
    fedesk.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m fedesk "$@"\n', encoding="utf-8")
    fedesk.chmod(0o700)
    given = f"export FEDESK={shlex.quote(str(fedesk))} FEDESK_CONFIG={shlex.quote(str(config))}"
    script = f'{given}; if [ "$PLAN" ]; then {execute}; else {draft}; fi'
    command = ("/bin/sh", "-xec", script)
    return ExecutorJob(full_name=JOB, command=command, builders=(builder,))


@contextmanager
def enforced(
    postgres: Server,
    folder: Path,
    *,
    policy: str = "",
    people: str = PEOPLE,
    clock: WorldClock | None = None,
    signs: bool = False,
) -> Iterator[Enforced]:
    """A sandbox, a team's database whose grants are the profile ``enforced``, keys and configurations.

    ``policy`` and ``people`` are tables of everybody's configuration; ``signs`` gives the executor a key.
    """
    world = World(seed=7, scale=0.2, clock=clock or WorldClock())
    reader = world.identity("jenkins").user
    config = folder / "executor.toml"
    world.executor = _job(folder, config, reader)
    sandbox = start(world, systems=("jenkins", "airflow"))
    try:
        url = postgres.fresh()
        postgres.profile(url, "enforced")
        keys = {name: make_key(folder, name) for name in ("mara", "ann", "stranger")}
        signers = [(MARA, keys["mara"]), (ANN, keys["ann"])]
        signers += [(RUNNER, make_key(folder, "executor"))] if signs else []
        allow(folder / "allowed_signers", *signers)
        rig = Enforced(sandbox=sandbox, executor=world.executor, url=url, folder=folder, postgres=postgres)
        for name, principal in (("mara", MARA), ("ann", ANN)):
            store = postgres.person(url, principal)
            _write(rig, name, principal, store, people + policy, is_person=True)
        store = postgres.person(url, RUNNER, group="fedesk_executor")
        _write(rig, "executor", RUNNER, store, people + policy, is_person=False)
        yield rig
    finally:
        world.executor.close()
        sandbox.close()


@contextmanager
def sharing(
    postgres: Server, folder: Path, people: Mapping[str, Sequence[str]], policy: str
) -> Iterator[Enforced]:
    """ADVISORY: the desks of a team over one database, each of which acts. ``people`` have roles, by name."""
    sandbox = start(World(seed=7, scale=0.2, clock=WorldClock()), systems=("airflow",))
    try:
        url = postgres.fresh()
        postgres.profile(url, "advisory")
        keys = [(f"{name}@finedge.example", make_key(folder, name)) for name in people]
        allow(folder / "allowed_signers", *keys)
        rig = Enforced(sandbox=sandbox, executor=None, url=url, folder=folder, postgres=postgres)
        named = "".join(
            f'[people."{name}@finedge.example"]\nroles = {json.dumps(list(roles))}\n'
            for name, roles in people.items()
        )
        for name in people:
            principal = f"{name}@finedge.example"
            text = _pointed(sandbox, postgres.person(url, principal))
            identity = [*_identity(rig, principal), f"signing_key = {json.dumps(str(rig.key(name)))}\n"]
            rig.config(name).write_text("\n".join([text, *identity, named, policy]), encoding="utf-8")
        yield rig
    finally:
        sandbox.close()


def _write(rig: Enforced, name: str, principal: str, store: str, governed: str, *, is_person: bool) -> None:
    sandbox = rig.sandbox
    text, identity, prod = _pointed(sandbox, store), _identity(rig, principal), ""
    if is_person:
        identity.append(f"signing_key = {json.dumps(str(rig.key(name)))}")
        text = _reading(text, sandbox, rig.folder)
        prod = f'[environments.prod.executor]\nconnection = "prod/jenkins"\njob = "{JOB}"\n'
    else:
        text = text.replace("[environments.prod]\n", "[environments.prod]\nsigned = true\n")
        if rig.key(name).exists():
            identity.append(f"signing_key = {json.dumps(str(rig.key(name)))}")
    rig.config(name).write_text("\n".join([text, *identity, prod, governed]), encoding="utf-8")


def _pointed(sandbox: Sandbox, store: str) -> str:
    """The sandbox's configuration with another store."""
    text = sandbox.config_path.read_text(encoding="utf-8")
    text = text.replace('catalog = "catalog.yaml"', f'catalog = "{sandbox.config_path.parent}/catalog.yaml"')
    return "\n".join(
        f"url = {json.dumps(store)}" if line.startswith('url = "sqlite') else line
        for line in text.splitlines()
    )


def _identity(rig: Enforced, principal: str) -> list[str]:
    return [
        "[identity]",
        f"principal = {json.dumps(principal)}",
        f"allowed_signers = {json.dumps(str(rig.folder / 'allowed_signers'))}",
    ]


def _reading(text: str, sandbox: Sandbox, folder: Path) -> str:
    """The same with the readers' credentials in the place of the writers'."""
    for system in ("jenkins", "airflow"):
        writer, reader = (sandbox.world.identity(system, writer=writes) for writes in (True, False))
        secret = folder / f"{system}-reader"
        secret.touch(0o600)
        secret.write_text(reader.credential, encoding="utf-8")
        own = sandbox.config_path.parent / "credentials" / system
        text = text.replace(
            f"command:cat {shlex.quote(str(own))}", f"command:cat {shlex.quote(str(secret))}"
        ).replace(f'user = "{writer.user}"', f'user = "{reader.user}"')
    return text
