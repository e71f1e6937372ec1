"""A real registry of images for the tests: Debian's ``docker-registry``, on loopback, its images in a folder.

The binary is the one on PATH; else the package's, taken out of it in a cache folder without installing it.
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
import requests

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fedesk-tests"
"""Of whoever runs the tests; asked for before a test gets folders of its own."""
USER, PASSWORD = "fedesk", "planted-registry-secret"
_HASHED = "$2b$04$py8qCvRUQqtIqv3Xz512qO8a/6JNiHsZ2y3OMr6/sZTh9ZwgIhkMi"
"""bcrypt of the password, the one form that the registry takes."""
_PACKAGE = "docker-registry"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRegistry:
    """A running registry with one image, tagged ``1.0``."""

    url: str
    repository: str
    digest: str


@pytest.fixture(scope="session")
def live_registry() -> Iterator[LiveRegistry]:
    """Started once; skips with the reason where there is none."""
    binary = _binary()
    with tempfile.TemporaryDirectory() as folder:
        passwords = Path(folder, "htpasswd")
        passwords.write_text(f"{USER}:{_HASHED}\n", encoding="utf-8")
        config = Path(folder, "config.json")
        config.write_text(json.dumps(_config(Path(folder), passwords)), encoding="utf-8")
        process = subprocess.Popen([binary, "serve", config], stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr is not None
            url = f"http://{_listening(process.stderr)}"
            yield LiveRegistry(url=url, repository="payments", digest=_pushed(url, "payments", "1.0"))
        finally:
            process.terminate()
            process.communicate()


def _config(folder: Path, passwords: Path) -> dict[str, object]:
    """JSON is YAML."""
    return {
        "version": "0.1",
        "log": {"accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
        "http": {"addr": "127.0.0.1:0", "secret": "of no importance"},
        "auth": {"htpasswd": {"realm": "tests", "path": str(passwords)}},
    }


def _listening(log: IO[str]) -> str:
    """The address that the registry says it listens on."""
    for line in log:
        _, found, rest = line.partition("listening on ")
        if found:
            return rest.split('"')[0].split(",")[0].strip()
    raise AssertionError("the registry did not start")


def _pushed(url: str, repository: str, tag: str) -> str:
    """Push an image without layers; its digest."""
    with requests.Session() as session:
        session.auth = (USER, PASSWORD)
        blob = b"{}"
        named = f"sha256:{hashlib.sha256(blob).hexdigest()}"
        begun = session.post(f"{url}/v2/{repository}/blobs/uploads/", timeout=20)
        session.put(
            begun.headers["Location"],
            params={"digest": named},
            data=blob,
            headers={"Content-Type": "application/octet-stream"},
            timeout=20,
        ).raise_for_status()
        kind = "application/vnd.oci.image.config.v1+json"
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {"mediaType": kind, "digest": named, "size": len(blob)},
            "layers": [],
        }
        answer = session.put(
            f"{url}/v2/{repository}/manifests/{tag}",
            data=json.dumps(manifest),
            headers={"Content-Type": _MANIFEST},
            timeout=20,
        )
        answer.raise_for_status()
        return answer.headers["Docker-Content-Digest"]


def _binary() -> str:
    found = shutil.which(_PACKAGE)
    if found:
        return found
    folder = CACHE / _PACKAGE
    binary = folder / "usr" / "bin" / _PACKAGE
    if not binary.exists():
        with contextlib.suppress(OSError), tempfile.TemporaryDirectory() as place:
            _run(["apt-get", "download", _PACKAGE], place)
            for package in Path(place).glob("*.deb"):
                _run(["dpkg", "-x", str(package), str(folder)], place)
    if not binary.exists():
        pytest.skip(f"no live registry: {_PACKAGE} is neither on PATH nor to be had by apt-get")
    return str(binary)


def _run(command: list[str], folder: str) -> None:
    subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
