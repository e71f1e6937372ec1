"""The last known state of an environment, in cache files that may be lost at any time.

The front page and the status are small and read with the standard library: the one is painted before anything
else is imported, the other is printed and completed from without importing more. The snapshots are what the
pollers go on from. Files are written whole (temporary name, then
``os.replace``) and readable by their owner alone.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

from fedesk.domain.front import EnvironmentFacts, Finding, FrontPage
from fedesk.domain.names import ConnectionName, RunName
from fedesk.domain.states import Severity, State, System

if TYPE_CHECKING:
    from fedesk.domain.observation import Snapshot
    from fedesk.domain.release_matrix import KnownReleases
    from fedesk.domain.status import Status

_FORMAT = 2


@dataclass(frozen=True, slots=True)
class LastKnown:
    """Where the cache of one configuration and environment is."""

    folder: Path
    """The user's cache directory for fedesk."""
    configuration: Path
    environment: str

    @property
    def _stem(self) -> str:
        return self._stem_of(self.environment)

    def _stem_of(self, environment: str) -> str:
        identity = f"{self.configuration.resolve()}\n{environment}"
        return hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    @property
    def front_page(self) -> Path:
        """File of the front page."""
        return self.folder / f"{self._stem}.front.json"

    @property
    def status(self) -> Path:
        """File of the status."""
        return self.folder / f"{self._stem}.status.json"

    @property
    def snapshots(self) -> Path:
        """File of the snapshots."""
        return self.folder / f"{self._stem}.snapshots.json"

    @property
    def releases(self) -> Path:
        """File of what was deployed, in every environment."""
        return self.folder / f"{self._stem_of('')}.releases.json"


def write_front_page(place: LastKnown, page: FrontPage) -> None:
    """Keep the front page; raises OSError."""
    document = {"format": _FORMAT, **asdict(page)}
    document["sources"] = [[str(name), system.value] for name, system in page.sources]
    for kept, finding in zip(document["findings"], page.findings, strict=True):
        kept["run"] = None if finding.run is None else str(finding.run)
        kept["seen_on"] = None if finding.seen_on is None else str(finding.seen_on)
    write_whole(place.front_page, json.dumps(document, default=_plain).encode("utf-8", "replace"))


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in the front page")


def read_front_page(place: LastKnown) -> FrontPage | None:
    """The front page as it was kept; None where there is none, or none of this form."""
    try:
        document = json.loads(place.front_page.read_bytes())
        if document["format"] != _FORMAT:
            return None
        return FrontPage(
            environment=EnvironmentFacts(**document["environment"]),
            at=_moment(document["at"]),
            sources=tuple((ConnectionName.parse(name), System(kind)) for name, kind in document["sources"]),
            findings=tuple(_finding(kept) for kept in document["findings"]),
            counts=document["counts"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _finding(kept: dict[str, Any]) -> Finding:
    kept["severity"] = Severity(kept["severity"])
    kept["state"] = State(kept["state"])
    kept["since"] = _moment(kept["since"])
    kept["run"] = None if kept["run"] is None else RunName.parse(kept["run"])
    kept["seen_on"] = None if kept["seen_on"] is None else ConnectionName.parse(kept["seen_on"])
    return Finding(**kept)


def write_status(place: LastKnown, status: "Status") -> None:
    """Keep the status; raises OSError."""
    write_whole(
        place.status, json.dumps({"format": _FORMAT, **asdict(status)}, default=_plain).encode("utf-8")
    )


def read_status(place: LastKnown) -> "Status | None":
    """The status as it was kept; None where there is none, or none of this form."""
    from fedesk.domain.status import ConnectionStatus, PipelineStatus, Status

    try:
        document = json.loads(place.status.read_bytes())
        if document.pop("format") != _FORMAT:
            return None
        document["environment"] = EnvironmentFacts(**document["environment"])
        document["at"] = datetime.fromisoformat(document["at"])
        for kept in document["connections"]:
            kept["as_of"] = _moment(kept["as_of"])
        for kept in document["pipelines"]:
            kept["last_run_at"], kept["next_run"] = _moment(kept["last_run_at"]), _moment(kept["next_run"])
        document["connections"] = tuple(ConnectionStatus(**kept) for kept in document["connections"])
        document["pipelines"] = tuple(PipelineStatus(**kept) for kept in document["pipelines"])
        for names in ("jobs", "runs", "services"):
            document[names] = tuple(document.get(names, ()))
        return Status(**document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_snapshots(place: LastKnown, snapshots: "Sequence[Snapshot]") -> None:
    """Keep what is known of every connection; raises OSError."""
    import msgspec

    # One after the other: no other thread goes on while one is encoded.
    pieces = [msgspec.Raw(msgspec.json.encode(one)) for one in snapshots]
    write_whole(place.snapshots, msgspec.json.encode([_FORMAT, pieces]))


def read_snapshots(place: LastKnown) -> "tuple[Snapshot, ...]":
    """The snapshots as they were kept; none where they are lost or of another form."""
    import msgspec

    from fedesk.domain.observation import Snapshot

    try:
        form, snapshots = msgspec.json.decode(
            place.snapshots.read_bytes(), type=tuple[int, tuple[Snapshot, ...]]
        )
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return ()
    return snapshots if form == _FORMAT else ()


def write_releases(place: LastKnown, known: "KnownReleases") -> None:
    """Keep what was read of deploy jobs; raises OSError."""
    import msgspec

    write_whole(place.releases, msgspec.json.encode([_FORMAT, known], enc_hook=dict))


def read_releases(place: LastKnown) -> "KnownReleases":
    """What was read of deploy jobs, as it was kept; nothing where it is lost or of another form."""
    import msgspec

    from fedesk.domain.release_matrix import KnownReleases

    try:
        form, known = msgspec.json.decode(place.releases.read_bytes(), type=tuple[int, KnownReleases])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return KnownReleases()
    return known if form == _FORMAT else KnownReleases()


def write_whole(path: Path, content: bytes) -> None:
    """Write a cache file so that whoever reads it finds all of it, or what was there; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The temporary file is 0600 from its making, and os.replace keeps that.
    with NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(content)
            file.close()
            os.replace(temporary, path)  # noqa: PTH105 - one spelling for the atomic step
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
