"""There is one way to change anything: proven over the code itself, with import-linter beside it."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "fedesk"
RUNNER = SOURCE / "services" / "operation_runner.py"
CHANGES = tuple(sorted((SOURCE / "clients").glob("*_changes.py")))
LOGINS = (SOURCE / "clients" / "jenkins_login.py", SOURCE / "clients" / "vault_oidc.py")
"""A token of the person's own, asked for by `fedesk login` alone (import-linter)."""
EXECUTOR = SOURCE / "clients" / "jenkins_executor.py"
"""Asks the job that executes plans, which judges them by itself; it sends the plan's id and nothing else."""
ALLOWED_CALLS = {
    "tls.py: create_default_context",
    "http.py: write",
    "loopback.py: write",
    "certificates.py: create_connection",
    "vault_anchor.py: create_or_update_secret",
}
"""Calls in the clients whose names look like a change of a server, and are none; or that keep a checkpoint
of the audit log at a path of its own.
"""
CHANGING_VERBS = ("POST", "PUT", "PATCH", "DELETE")


@cache
def modules() -> tuple[tuple[Path, ast.Module], ...]:
    # The sandbox is what is changed; a filter of Textual's has an ``apply`` of its own.
    return tuple(
        (path, ast.parse(path.read_text(encoding="utf-8"), str(path)))
        for path in sorted(SOURCE.rglob("*.py"))
        if not {"sandbox", "ui"} & set(path.relative_to(SOURCE).parts)
    )


@pytest.fixture(scope="module", autouse=True)
def let_go() -> Iterator[None]:
    """The trees are large, and of no use to other tests."""
    yield
    modules.cache_clear()


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_the_runner_alone_calls_apply() -> None:
    """No module but the runner has ``.apply`` as an attribute, or as a string to look it up by."""
    found = {
        str(path.relative_to(SOURCE))
        for path, tree in modules()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr == "apply")
        or (isinstance(node, ast.Constant) and node.value == "apply")
    }
    assert found == {"services/operation_runner.py"}


def test_the_runner_calls_apply_in_one_place() -> None:
    """One line of the runner sends: behind the gate that checks the lease."""
    tree = ast.parse(RUNNER.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "apply"]
    assert len(calls) == 1
    (gate,) = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == "_Gate")
    assert calls[0] in set(ast.walk(gate))


def test_only_changing_adapters_define_apply() -> None:
    """The runner's Protocol and classes ``…Changes`` in ``clients/*_changes.py`` define ``apply``."""
    found = {
        (str(path.relative_to(SOURCE)), owner.name)
        for path, tree in modules()
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
        for function in owner.body
        if isinstance(function, ast.FunctionDef) and function.name == "apply"
    }
    adapters = found - {("services/operation_runner.py", "Changer")}
    assert all(path.startswith("clients/") and path.endswith("_changes.py") for path, _ in adapters)
    assert all(name.endswith("Changes") for _, name in adapters)
    loose = {
        str(path.relative_to(SOURCE))
        for path, tree in modules()
        for function in tree.body
        if isinstance(function, ast.FunctionDef) and function.name == "apply"
    }
    assert loose == set()


def test_the_runner_alone_names_the_protocol() -> None:
    """``Changer`` and ``ChangingSystems`` are named by the runner and by what wires it."""
    found = {
        str(path.relative_to(SOURCE))
        for path, tree in modules()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id in ("Changer", "ChangingSystems"))
        or (isinstance(node, ast.alias) and node.name in ("Changer", "ChangingSystems"))
    }
    assert found <= {"services/operation_runner.py", "live_systems.py"}


def test_changing_adapters_have_no_other_way_in() -> None:
    """A changing adapter has ``apply``, ``settle`` and ``close`` for everybody, and nothing else."""
    for path in CHANGES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for owner in tree.body:
            if isinstance(owner, ast.ClassDef) and owner.name.endswith("Changes"):
                public = {
                    one.name
                    for one in owner.body
                    if isinstance(one, ast.FunctionDef) and not one.name.startswith("_")
                }
                assert public == {"apply", "settle", "close"}, f"{path.name}: {owner.name}"


def test_looking_again_cannot_send() -> None:
    """Who settles holds ``Systems``, which has nothing that changes: its modules never name the runner."""
    for name in ("settling", "steps", "held", "following"):
        text = (SOURCE / "services" / f"{name}.py").read_text(encoding="utf-8")
        tree = ast.parse(text)
        imported = {
            alias
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in (node.module or "", *(one.name for one in node.names))
        }
        assert not any("operation_runner" in one for one in imported), name
        assert not any(
            isinstance(node, ast.Attribute) and node.attr == "changing" for node in ast.walk(tree)
        ), name


def test_reading_adapters_send_nothing_that_changes() -> None:
    """Outside ``*_changes.py`` a verb that may change is sent by these functions of the sessions alone."""
    found = {
        (path.name, function.name)
        for path, tree in modules()
        if path.parent.name == "clients" and path not in CHANGES
        for function in _functions(tree)
        for call in ast.walk(function)
        if isinstance(call, ast.Call)
        for argument in call.args
        if isinstance(argument, ast.Constant) and argument.value in CHANGING_VERBS
    }
    assert found == {
        ("airflow_session.py", "_token_for"),  # POST /auth/token
        ("airflow_session.py", "list"),  # a batch read
        ("airflow_session.py", "dry_run"),  # says dry_run whatever it is given
        ("jenkins_session.py", "prepare_post"),  # asks for a crumb; the request is not sent
        ("jenkins_session.py", "post"),  # see the next test
        ("https_anchor.py", "put"),  # a checkpoint of the audit log, to an address of its own
        ("pagerduty.py", "send"),  # a notice, to an address of its own
    }


def test_changing_adapters_alone_post_to_jenkins() -> None:
    """The session's ``post`` is called by what changes, asks the executor or logs in, and by no reader."""
    found = {
        path
        for path, tree in modules()
        if path.parent.name == "clients"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "post"
    }
    assert found <= {*CHANGES, *LOGINS, EXECUTOR}


def test_an_executor_is_asked_by_its_launcher_alone() -> None:
    """Its adapter is named where it is wired, and asked by the launcher that takes the place of a process."""
    naming = {
        str(path.relative_to(SOURCE))
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.alias) and node.name == "JenkinsExecutor"
    }
    asking = {
        str(path.relative_to(SOURCE))
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == "ExecutorSource"
    }
    assert naming == {"executors.py"}
    assert asking == {"services/asked_executor.py"}


def test_no_changing_method_of_a_library_is_named() -> None:
    """What python-jenkins and hvac offer to change a server is called nowhere, not even by what changes."""
    changing = re.compile(
        r"(build_job|stop_build|delete|create|reconfig|enable|disable|copy|rename|cancel|quiet_down|run_script"
        r"|wipeout|set_next|write|patch|destroy|undelete|seal|unseal|rotate|revoke|configure|tune)(_|$)"
    )
    found = {
        f"{path.name}: {node.func.attr}"
        for path, tree in modules()
        if path.parent.name == "clients"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and changing.match(node.func.attr)
    }
    assert found == ALLOWED_CALLS
