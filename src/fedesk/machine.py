"""What fedesk needs of this machine: a keyring, ``ssh-keygen``, a runner that outlives the login session."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from pathlib import Path

from fedesk.credentials import has_keyring
from fedesk.domain.examination import Complaint, Gravity

_LOGIND = ("usr/lib/systemd/logind.conf", "etc/systemd/logind.conf")
_TRUE = frozenset({"1", "yes", "true", "on"})


def complaints(
    references: Iterable[str], environ: Mapping[str, str] = os.environ, root: Path = Path("/")
) -> tuple[Complaint, ...]:
    """What is missing here. ``references`` are the credentials that the configuration refers to."""
    return (*_of_keyring(references), *_of_signing(environ), *_of_logging_out(environ, root))


def _of_keyring(references: Iterable[str]) -> Iterator[Complaint]:
    wanted = sorted({one for one in references if one.startswith("keyring:")})
    if wanted and not has_keyring():
        yield Complaint(
            gravity=Gravity.FAULT,
            sentence=f"This machine has no keyring, and {wanted[0]} is to be found in one:"
            " refer to credentials as env:NAME or command:PROGRAM.",
        )


def _of_signing(environ: Mapping[str, str]) -> Iterator[Complaint]:
    if shutil.which("ssh-keygen", path=environ.get("PATH")) is None:
        yield Complaint(
            gravity=Gravity.WARNING,
            sentence="There is no ssh-keygen here: signatures can be neither made nor verified."
            " Install OpenSSH.",
        )


def _of_logging_out(environ: Mapping[str, str], root: Path) -> Iterator[Complaint]:
    """Systemd ends what a person left behind at logout, unless it was told not to (logind.conf(5)).

    The runner is put into a scope of the user's own systemd where there is one, and that systemd ends with
    the last session of a user who does not linger (loginctl(1)).
    """
    if not (root / "run/systemd/system").is_dir():
        return
    user = environ.get("USER") or environ.get("LOGNAME") or ""
    lingers = bool(user) and "/" not in user and (root / "var/lib/systemd/linger" / user).exists()
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    scoped = bool(runtime) and (root / runtime.lstrip("/") / "systemd/private").exists()
    if (scoped and not lingers) or (not scoped and _kills(root)):
        yield Complaint(
            gravity=Gravity.WARNING,
            sentence="systemd would end an operation in mid-course when you log out:"
            f" run `loginctl enable-linger {user}`".rstrip()
            + ". One that is cut off is settled by looking, and never sent twice.",
        )


def _kills(root: Path) -> bool:
    """``KillUserProcesses``; the last file that says it counts, and systemd's own default is yes."""
    said = "yes"
    for name in _LOGIND:
        place = root / name
        for path in (place, *sorted(place.with_name(f"{place.name}.d").glob("*.conf"))):
            parser = ConfigParser(strict=False, interpolation=None)
            try:
                parser.read(path, encoding="utf-8")
            except (OSError, UnicodeError, ConfigParserError):
                continue
            said = parser.get("Login", "KillUserProcesses", fallback=said)
    return said.strip().lower() in _TRUE
