"""What is installed, and how the rest of it is: read with the standard library."""

import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

_SANDBOX = ("starlette", "uvicorn", "fakesnow")
"""What the extra ``sandbox`` brings."""
_CLIENTS = (
    ("Jenkins", "python-jenkins"),
    ("Airflow", "httpx"),
    ("Vault", "hvac"),
    ("Snowflake", "snowflake-connector-python"),
    ("Textual", "textual"),
)
_BY = {
    "pipx_metadata.json": "pipx install --force 'fedesk[sandbox]'",
    "uv-receipt.toml": "uv tool install 'fedesk[sandbox]'",
}
"""What installs the extra, by the file that an installer leaves at the top of a program's own environment."""


def lacks_sandbox() -> bool:
    """Whether the extra is missing, without which there is no sandbox and no demo."""
    return any(find_spec(name) is None for name in _SANDBOX)


def sandbox_install_line() -> str:
    """The command that installs the extra, by whatever installed fedesk."""
    for left, line in _BY.items():
        if Path(sys.prefix, left).is_file():
            return line
    return f"{sys.executable} -m pip install 'fedesk[sandbox]'"


def versions() -> list[tuple[str, str]]:
    """Python, the client of each system, and Textual, each with its version."""
    found = [("Python", sys.version.partition(" ")[0])]
    for system, package in _CLIENTS:
        try:
            told = f"{package} {version(package)}"
        except PackageNotFoundError:
            told = f"{package} is not installed"
        found.append((system, f"{told}, REST API v2" if system == "Airflow" else told))
    return found
