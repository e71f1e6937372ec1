"""Tabs pressed in real shells, on names with every sign that a shell would take for its own."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pexpect
import pytest

from fedesk.domain.front import EnvironmentFacts
from fedesk.domain.status import PipelineStatus, Status
from fedesk.glance import last_known
from fedesk.store.last_known import write_status

RUN = "prod/airflow:payments_daily/scheduled__2026-11-20T00:00:00+00:00"
ODD = "prod/jenkins:odd job/it's [1] $(touch pwned) `x`#7"
STATUS = Status(
    environment=EnvironmentFacts(name="prod", production=True, mode="guarded", timezone="UTC"),
    at=datetime(2026, 11, 20, tzinfo=UTC),
    connections=(),
    pipelines=(
        PipelineStatus(
            name="payments_daily",
            owner=None,
            tier=1,
            state="failed",
            last_run=RUN,
            last_run_at=None,
            next_run=None,
        ),
    ),
    jobs=("payments_daily", "ledger_load", "finedge/prod/deploy-payments", "dq [1]"),
    runs=(RUN, "prod/jenkins:finedge/prod/deploy-payments#459", ODD),
)
CONFIGURATION = """
[environments.prod]
production = true
mode = "guarded"
[environments.prod.airflow]
url = "http://127.0.0.1:9"
[environments.staging]
"""
WITH_FEDESK = Path(sys.executable).parent
OPTIONS = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"], "fish": ["--no-config", "-i"]}
SETUP = {
    "bash": [
        "source <(fedesk completion bash)",
        "bind 'set bell-style none'",
        "bind 'set keyseq-timeout 1'",
        """bind -x '"\\C-x": printf %s "$READLINE_LINE" >line.new; mv line.new line'""",
    ],
    "zsh": [
        "autoload -U compinit",
        "compinit -D -u",
        "source <(fedesk completion zsh)",
        "setopt no_beep",
        "show() { printf %s $BUFFER >line.new; mv line.new line }",
        "zle -N show",
        "bindkey '^X' show",
    ],
    "fish": [
        "fedesk completion fish | source",
        "bind \\cx 'commandline >line.new; mv line.new line'",
    ],
}
"""What is typed into each shell first: ctrl+x writes the line as it stands into a file.

Bash would wait half a second for a second key behind it.
"""


@dataclass(frozen=True)
class Shell:
    """A shell at its prompt."""

    name: str
    child: pexpect.spawn
    folder: Path

    def after_tab(self, typed: str) -> str:
        """The line that a Tab makes of what is typed; the prompt is empty again afterwards."""
        line = self.folder / "line"
        self.child.send(f"{typed}\t\x18")
        while not line.exists():
            self.child.expect([r".", pexpect.TIMEOUT], timeout=0.05)
        text = line.read_text(encoding="utf-8").removesuffix("\n")
        line.unlink()
        self.child.send("\x15")
        return text


@pytest.fixture(params=["bash", *(pytest.param(name, marks=pytest.mark.soak) for name in ("fish", "zsh"))])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shell]:
    """A shell with its completion, beside a configuration and its last known state."""
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    configuration = tmp_path / "fedesk.toml"
    configuration.write_text(CONFIGURATION, encoding="utf-8")
    write_status(last_known(configuration, "prod"), STATUS)
    environment = {key: value for key, value in os.environ.items() if key.startswith("XDG_")} | {
        "PATH": f"{WITH_FEDESK}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "TERM": "dumb" if name != "fish" else "xterm",
        "LC_ALL": "C.UTF-8",
        "FEDESK_CONFIG": str(configuration),
        "PS1": "> ",
        "PROMPT": "> ",
    }
    child = pexpect.spawn(
        name, OPTIONS[name], cwd=tmp_path, env=environment, encoding="utf-8", dimensions=(40, 200)
    )
    child.timeout = 30
    child.delaybeforesend = None
    child.sendline("; ".join([*SETUP[name], "echo is''ready"]))
    child.expect("isready\r")
    yield Shell(name, child, tmp_path)
    child.close(force=True)


def test_a_tab_completes_verbs_options_and_names(shell: Shell) -> None:
    """The one word that fits is put in as the shell has to read it; what goes on gets no blank behind it."""
    for typed, expected in EXPECTED.items():
        assert shell.after_tab(typed) == expected.get(shell.name, expected["all"]), typed
    assert not (shell.folder / "pwned").exists()


EXPECTED: dict[str, dict[str, str]] = {
    "fedesk stat": {"all": "fedesk status "},
    "fedesk secrets ch": {"all": "fedesk secrets check "},
    "fedesk --env prod runs --lim": {"all": "fedesk --env prod runs --limit "},
    "fedesk status --env stag": {"all": "fedesk status --env staging "},
    "fedesk status --env=stag": {"all": "fedesk status --env=staging "},
    "fedesk runs pay": {"all": "fedesk runs payments_daily "},
    "fedesk runs finedge/prod/d": {"all": "fedesk runs finedge/prod/deploy-payments "},
    "fedesk runs dq": {"all": "fedesk runs dq\\ \\[1\\] "},
    "fedesk log prod/a": {"all": "fedesk log prod/airflow:"},
    "fedesk log prod/airflow:pay": {"all": f"fedesk log {RUN} "},
    "fedesk log prod/jenkins:fin": {"all": "fedesk log prod/jenkins:finedge/prod/deploy-payments\\#459 "},
    "fedesk rerun payments_daily prod/jenkins:finedge/prod/deploy-payments#": {
        "all": "fedesk rerun payments_daily prod/jenkins:finedge/prod/deploy-payments\\#459 ",
        "fish": "fedesk rerun payments_daily prod/jenkins:finedge/prod/deploy-payments#459 ",
    },
    "fedesk log prod/jenkins:odd": {
        "all": "fedesk log prod/jenkins:odd\\ job/it\\'s\\ \\[1\\]\\ \\$\\(touch\\ pwned\\)\\ \\`x\\`\\#7 ",
        "fish": "fedesk log prod/jenkins:odd\\ job/it\\'s\\ \\[1\\]\\ \\$\\(touch\\ pwned\\)\\ `x`\\#7 ",
    },
    'fedesk log "prod/airflow:pay': {"all": f'fedesk log "{RUN}" '},
    "fedesk operations decide x pro": {"all": "fedesk operations decide x proceed "},
    "fedesk status nothing": {"all": "fedesk status nothing"},
    "fedesk config path --config fed": {"all": "fedesk config path --config fedesk.toml "},
}
