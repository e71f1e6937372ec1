"""What a build says of its release: read as typed fields, and whatever is wrong with it is a sentence."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from fedesk.clients.jenkins_release import UnreadError, of_description, of_document, of_reference
from fedesk.domain.releases import Migration, Release

DIGEST = f"sha256:{'0a' * 32}"
WHOLE: dict[str, Any] = {
    "schema": "fedesk-release/1",
    "service": "payments",
    "version": "1.2.3",
    "commit": "c0ffee",
    "image": "registry.finedge.example/payments",
    "digest": DIGEST,
    "built_at": "2026-11-20T03:00:00+02:00",
    "scan": {"critical": 0, "high": 2},
    "tests": {"unit": 7, "data_quality": 3},
    "migrations": [{"id": "V7", "reversible": False}],
    "size_bytes": 12,
    "sbom": "sbom/payments.cdx.json",
}


def test_a_whole_document_is_a_release() -> None:
    """Each field of formats.md that a release has; times become UTC, and unknown keys are dropped."""
    found = of_document(json.dumps(WHOLE).encode(), "payments", "release.json")
    assert (found.service, found.digest, found.version, found.commit) == (
        "payments",
        DIGEST,
        "1.2.3",
        "c0ffee",
    )
    assert found.built_at == datetime(2026, 11, 20, 1, tzinfo=UTC)
    assert (found.critical, found.high, found.size_bytes) == (0, 2, 12)
    assert dict(found.tests) == {"unit": 7, "data_quality": 3}
    assert found.migrations == (Migration(id="V7", reversible=False),)


def test_nulls_and_what_is_left_out_are_not_known() -> None:
    """Only the digest has to be there; a scan that was not made is None, and no zero."""
    found = of_document(json.dumps({"digest": DIGEST, "scan": None, "service": None}).encode(), "x", "r")
    assert found == Release(service="x", digest=DIGEST)
    assert found.critical is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({**WHOLE, "digest": "latest"}, 'names no digest but "latest"'),
        ({**WHOLE, "digest": DIGEST.upper()}, "names no digest"),
        ({**WHOLE, "digest": None}, "not as documented"),
        ({key: WHOLE[key] for key in WHOLE if key != "digest"}, "missing required field `digest`"),
        ({**WHOLE, "service": "ledger"}, 'is one of "ledger", not of payments'),
        ({**WHOLE, "schema": "other/1"}, 'has the schema "other/1"'),
        ({**WHOLE, "size_bytes": "300 MB"}, "size_bytes"),
        ({**WHOLE, "scan": {"critical": "none"}}, "critical"),
        ({**WHOLE, "tests": {"unit": [1]}}, "tests"),
        ({**WHOLE, "migrations": [{"id": 7}]}, "migrations"),
        ({**WHOLE, "migrations": [{"id": "V", "reversible": True}] * 501}, "lists 501 migrations"),
        ([WHOLE], "not as documented"),
        (b"\xff\xfe{", "not as documented"),
        (b"", "not as documented"),
        (b"[" * 100_000, "nested too deeply"),
        (b"<html>Sign in</html>", "not as documented"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_hostile_document_is_a_sentence(body: Any, words: str) -> None:
    """Wrong types, another's file, no JSON: UnreadError says what, on one short line."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(UnreadError, match=r"release\.json") as caught:
        of_document(raw, "payments", "release.json")
    assert words in str(caught.value)
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


def test_text_in_a_document_is_cleaned_and_bounded() -> None:
    """Escapes and a megabyte in a field do not get into the release."""
    hostile = {**WHOLE, "version": "\x1b[31m1.0\x1b[0m\nrm -rf", "image": "x" * 1_000_000}
    found = of_document(json.dumps(hostile).encode(), "payments", "release.json")
    assert "\x1b" not in found.version
    assert "\n" not in found.version
    assert len(found.image) <= 500


@pytest.mark.parametrize(
    ("value", "image", "tag", "digest"),
    [
        (f"reg.example:5000/payments@{DIGEST}", "reg.example:5000/payments", "", DIGEST),
        (f"reg.example:5000/payments:1.2@{DIGEST}", "reg.example:5000/payments", "1.2", DIGEST),
        ("reg.example:5000/payments:1.2", "reg.example:5000/payments", "1.2", ""),
        ("reg.example:5000/payments", "reg.example:5000/payments", "", ""),
        (DIGEST, "", "", DIGEST),
    ],
)
def test_a_reference_is_taken_apart(value: str, image: str, tag: str, digest: str) -> None:
    """Image, tag and digest of a parameter; the colon of a port parts no tag, and a tag is no digest."""
    assert of_reference(value, "x") == Release(service="x", digest=digest, image=image, version=tag)


@pytest.mark.parametrize("value", ["", "  ", "payments@sha256:12", f"payments@{DIGEST}0"])
def test_a_reference_that_names_none_is_a_sentence(value: str) -> None:
    """An empty value or a digest that is none."""
    with pytest.raises(UnreadError):
        of_reference(value, "x")


@pytest.mark.parametrize(
    ("text", "version", "digest"),
    [
        (f"payments 1.24.0-rc.1 (reg/payments@{DIGEST})", "1.24.0-rc.1", DIGEST),
        ("Deployed v2.0.1", "v2.0.1", ""),
        (f"{DIGEST}", "", DIGEST),
    ],
)
def test_a_description_names_digest_and_version(text: str, version: str, digest: str) -> None:
    """Found wherever they stand; a port or a part of an address is no version."""
    found = of_description(text, "x")
    assert (found.version, found.digest) == (version, digest)


def test_a_description_that_names_neither_is_a_sentence() -> None:
    """Nothing is guessed from other words."""
    for text in ("", "deployed by hand", f"{DIGEST}ff", "10.1.2.3:5000/payments"):
        with pytest.raises(UnreadError, match="neither digest nor version"):
            of_description(text, "x")
