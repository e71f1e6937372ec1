"""The images of releases as a registry has them: manifests whose digest is the SHA-256 of their bytes."""

import hashlib
import json
from functools import lru_cache

from fedesk.sandbox.clock import fractions, hexadecimal

OCI = "application/vnd.oci.image.manifest.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
_TYPES = {
    OCI: ("application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip"),
    DOCKER: (
        "application/vnd.docker.container.image.v1+json",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ),
}
_BY_DOCKER = frozenset({"marketing", "reporting"})
"""Services whose images an old Docker builds."""
_HEAVY = {"aml": 312_000_000}
"""Bytes of the image, where they are beyond what is usual."""
_CONFIG, _BASE = 7_023, 29_126_484


def media_type(service: str) -> str:
    """Of the manifests of a service's images."""
    return DOCKER if service in _BY_DOCKER else OCI


def size(seed: int, service: str, position: int) -> int:
    """Bytes of an image: its configuration and its layers."""
    return _HEAVY.get(service) or int(150e6 + fractions(seed, "image", service, position)[0] * 140e6)


@lru_cache(maxsize=20_000)
def manifest(seed: int, service: str, position: int) -> bytes:
    """The image manifest of a release."""
    kind = media_type(service)
    config, layer = _TYPES[kind]
    rest = size(seed, service, position) - _CONFIG - _BASE
    sizes = {"base": _BASE, "packages": rest // 3, "application": rest - rest // 3}
    written = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": _descriptor(config, _CONFIG, seed, service, position, "config"),
        "layers": [
            _descriptor(layer, length, seed, service, position if name != "base" else 0, name)
            for name, length in sizes.items()
        ],
    }
    return json.dumps(written, indent=2).encode()


@lru_cache(maxsize=20_000)
def digest(seed: int, service: str, position: int) -> str:
    """``sha256:…`` of the manifest."""
    return "sha256:" + hashlib.sha256(manifest(seed, service, position)).hexdigest()


def _descriptor(kind: str, length: int, *salt: object) -> dict[str, object]:
    return {"mediaType": kind, "digest": f"sha256:{hexadecimal(64, *salt)}", "size": length}
