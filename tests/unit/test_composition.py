import subprocess
import sys
from pathlib import Path

import pytest

from fedesk.composition import front_page
from fedesk.execution import open_desk
from fedesk.mistakes import ConfigurationError
from fedesk.services.clock import SystemClock

CONFIGURATION = """
default_environment = "prod"
[environments.staging]
mode = "guarded"
production = false
[environments.prod]
production = true
mode = "read-only"
timezone = "Europe/London"
[environments.prod.jenkins]
url = "https://jenkins.example.com/ci/"
user = "oncall"
credential = "env:JENKINS_TOKEN"
[environments.prod.snowflake]
account = "finedge-eu"
user = "FEDESK_READER"
credential = "env:SNOWFLAKE_KEY"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "fedesk.toml"
    path.write_text(CONFIGURATION)
    return path


def test_the_first_frame_knows_the_environment_without_reading_anything_else(config: Path) -> None:
    """Name, production and mode stand in the file: they are painted before a client is imported."""
    facts = front_page(config, None).environment
    assert (facts.name, facts.production, facts.mode) == ("prod", True, "read-only")
    assert front_page(config, "staging").environment.production is False


def test_what_cannot_be_told_counts_as_production(config: Path) -> None:
    """An environment that does not say that it is none is painted as production."""
    config.write_text('[environments.x]\nmode = "guarded"\n')
    assert front_page(config, "x").environment.production is True


@pytest.mark.parametrize("content", ["", "[", "environments = 1", "[environments]\nprod = 3", "\x00"])
def test_the_first_frame_never_fails(config: Path, content: str) -> None:
    """A broken file is told by the one who reads it whole; the frame is painted without a name."""
    config.write_text(content)
    assert front_page(config, None).environment.name == ""
    assert front_page(config.with_name("missing"), "prod").environment.name == ""


def test_before_the_first_frame_no_client_is_imported(config: Path) -> None:
    """The front page costs the standard library and the domain alone."""
    program = (
        "import sys; from pathlib import Path; from fedesk.composition import front_page; "
        f"front_page(Path({str(config)!r}), None); "
        "heavy = {'msgspec', 'httpx', 'hvac', 'jenkins', 'requests', 'snowflake', 'keyring', 'ruamel'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_opening_a_desk_opens_no_connection_and_imports_no_client(config: Path) -> None:
    """A desk is ready before any system is asked; the libraries come with the first look."""
    program = (
        "import sys; from pathlib import Path; from fedesk.execution import open_desk; "
        "from fedesk.services.clock import SystemClock; "
        f"desk = open_desk(Path({str(config)!r}), None, SystemClock()); "
        "print(sorted({'httpx', 'hvac', 'jenkins', 'requests', 'snowflake'} & set(sys.modules))); "
        "print([(str(one.name), one.address) for one in desk.connections])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "[]",
        (
            "[('prod/jenkins', 'https://jenkins.example.com/ci'), "
            "('prod/snowflake', 'https://finedge-eu.snowflakecomputing.com:443')]"
        ),
    ]


def test_an_unknown_environment_is_a_mistake_of_the_caller(config: Path) -> None:
    """One sentence names the environments there are."""
    with pytest.raises(ConfigurationError, match="staging"):
        open_desk(config, "stagin", SystemClock())
