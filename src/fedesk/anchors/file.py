"""A file on other storage as a sink: one checkpoint a line, appended, and on the disk before it counts."""

import fcntl
import os
from pathlib import Path

from fedesk.ports.errors import ProtocolError, UnreachableError

_LARGEST = 64 * 1024 * 1024
"""Bytes that are read: some hundred thousand checkpoints."""


class FileAnchor:
    """``ports.anchoring.Anchor`` over a file; several desks may share it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, log: str, seq: int, line: bytes) -> None:
        """Append a line under the file's lock, and wait until it is on the disk. Raises UnreachableError."""
        del log, seq
        try:
            self._append(line + b"\n")
        except OSError as error:
            raise self._away(error) from None

    def _append(self, line: bytes) -> None:
        """The folder is not made: on storage that is not mounted it would be another one."""
        file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            # By record, since that holds on network file systems, too.
            fcntl.lockf(file, fcntl.LOCK_EX)
            size = os.fstat(file).st_size
            torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
            whole = (b"\n" if torn else b"") + line
            if os.write(file, whole) != len(whole):
                os.ftruncate(file, size)
                raise OSError(28, "no space left for a whole line")
            os.fsync(file)
            if size == 0:
                _sync_folder(self._path.parent)
        finally:
            os.close(file)

    def lines(self, log: str) -> tuple[bytes, ...]:
        """Every line that is not empty; none where there is no file yet. Raises SourceError."""
        del log
        try:
            with self._path.open("rb") as file:
                found = file.read(_LARGEST + 1)
        except FileNotFoundError:
            if self._path.parent.is_dir():
                return ()
            raise UnreachableError(
                f"There is no folder {self._path.parent} for checkpoints: see whether its storage is mounted."
            ) from None
        except OSError as error:
            raise self._away(error) from None
        if len(found) > _LARGEST:
            raise ProtocolError(
                f"{self._path} has more than {_LARGEST // 2**20} MiB: begin a new file of checkpoints."
            )
        return tuple(line for line in found.split(b"\n") if line.strip())

    def close(self) -> None:
        """Nothing is held."""

    def _away(self, error: OSError) -> UnreachableError:
        said = error.strerror or type(error).__name__
        return UnreachableError(
            f"{self._path} for checkpoints cannot be used: {said}. "
            "See whether its storage is there, has room, and may be written."
        )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
