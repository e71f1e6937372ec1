"""Jenkins' own version of Groovy, from Maven Central, and the rig that runs pipelines on it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

VERSION = "2.4.21"
"""Of every Jenkins of today (``org.codehaus.groovy:groovy-all``)."""
_RIG = Path(__file__).with_name("jenkins_dsl.groovy")
_REPOSITORY = Path(os.environ.get("MAVEN_REPO_LOCAL") or Path.home() / ".m2" / "repository")
"""Of whoever runs the tests; asked for before a test gets folders of its own."""


def run(script: Path, *, cwd: Path | None = None, **parameters: str) -> dict[str, Any]:
    """What came of a script: ``calls``, each with path, name and arguments; ``said``, where it stopped.

    ``cwd`` is the workspace, in which its shell steps run.
    """
    given = [f"{name}={value}" for name, value in parameters.items()]
    done = subprocess.run(
        [_java(), "-cp", _jar(), "groovy.ui.GroovyMain", _RIG, script, *given],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _java() -> str:
    found = shutil.which("java")
    if found is None:
        pytest.skip("no Groovy: java is not on PATH")
    return found


def _jar() -> Path:
    jar = _REPOSITORY / f"org/codehaus/groovy/groovy-all/{VERSION}/groovy-all-{VERSION}.jar"
    if not jar.exists():
        maven = shutil.which("mvn")
        if maven is None:
            pytest.skip("no Groovy: mvn is not on PATH to fetch it")
        wanted = f"-Dartifact=org.codehaus.groovy:groovy-all:{VERSION}"
        subprocess.run(
            [maven, "-q", f"-Dmaven.repo.local={_REPOSITORY}", "dependency:get", wanted],
            capture_output=True,
            check=False,
        )
    if not jar.exists():
        pytest.skip(f"no Groovy: {jar.name} is not to be had from Maven Central")
    return jar
