"""Writes release.json for a deploy job: what an image is, by its registry, and that it was deployed.

``release.py fetch IMAGE FILE`` reads an image that is named by its digest with ``skopeo inspect`` (it takes
its login from ``REGISTRY_AUTH_FILE``), and fails unless the registry has that very digest.
``release.py record FILE`` adds where, when and by whom it was deployed, from the environment of the build.

The job that builds the image gives it labels: those of OCI (``org.opencontainers.image.version``,
``.revision``, ``.source``), and one of its own, ``fedesk.release``: JSON with ``build_url``, ``tests`` and
``migrations`` (all that the release carries, oldest first, each with ``id`` and ``reversible``).
"""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

LABELS = {
    "version": "org.opencontainers.image.version",
    "commit": "org.opencontainers.image.revision",
    "repository": "org.opencontainers.image.source",
}
OWN = "fedesk.release"
TOLD = ("build_url", "tests", "migrations", "sbom", "scan")


def fetch(image: str) -> dict[str, object]:
    """The release that an image is; raises SystemExit where the registry has none, or another."""
    done = subprocess.run(  # noqa: S603 - one word, after a scheme; the job has looked at it
        ["skopeo", "inspect", "--no-tags", f"docker://{image}"],  # noqa: S607 - the agent's own
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"the registry does not have {image}: {done.stderr.strip()}")
    seen = json.loads(done.stdout)
    name, _, digest = image.partition("@")
    if seen["Digest"] != digest:
        sys.exit(f"the registry has {seen['Digest']} where {digest} was asked for")
    labels = seen.get("Labels") or {}
    told = json.loads(labels.get(OWN) or "{}")
    return {
        "schema": "fedesk-release/1",
        "service": os.environ.get("SERVICE", name.rpartition("/")[2]),
        **{key: labels.get(label, "") for key, label in LABELS.items()},
        "image": name,
        "digest": digest,
        "built_at": seen.get("Created"),
        "size_bytes": sum(layer["Size"] for layer in seen.get("LayersData") or ()),
        **{key: told[key] for key in TOLD if key in told},
    }


def record(release: dict[str, object]) -> dict[str, object]:
    """The same, deployed now."""
    return {
        **release,
        "environment": os.environ["TARGET"],
        "deployed_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "deployed_by": os.environ.get("DEPLOYED_BY", "jenkins"),
        "operation": os.environ.get("FEDESK_OPERATION", ""),
    }


def main(words: list[str]) -> None:
    """Carry out one command."""
    match words:
        case ["fetch", image, file]:
            written = fetch(image)
        case ["record", file]:
            written = record(json.loads(Path(file).read_text(encoding="utf-8")))
        case _:
            sys.exit("usage: release.py fetch IMAGE FILE | release.py record FILE")
    Path(file).write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
