"""One apprise address as a receiver of notices: Slack, mail, a webhook, and whatever else apprise knows.

The address is a secret as a whole. Apprise tells what went wrong in its log, whose words may hold parts of
it: of these only an HTTP status is taken, and the log goes nowhere else.
"""

import logging
import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from fedesk.domain.notices import LASTING, Event, Notice
from fedesk.ports.endpoint import SecretText
from fedesk.ports.errors import (
    CredentialError,
    ProtocolError,
    RateLimitedError,
    ServerFaultError,
    UnreachableError,
)

if TYPE_CHECKING:
    from apprise import Apprise

_STATUS = re.compile(r"\berror\s?=\s?(?P<status>\d{3})\b")
_LOUD = re.compile(r"@(?=everyone|here|channel|all\b)")
_ANGLES = str.maketrans("<>", "()")
_TOO_MANY = 429
_SERVER = 500


class AppriseReceiver:
    """``ports.notifying.Receiver`` over one address, which is looked up for each notice. Opens nothing."""

    def __init__(self, name: str, address: Callable[[], SecretText]) -> None:
        self._name = name
        self._address = address

    def send(self, notice: Notice) -> None:
        """Hand one notice to the service."""
        service = _service(self._name, self._address())
        heard = _Heard()
        logger = _quiet_logger()
        logger.addHandler(heard)
        try:
            taken = service.notify(
                body=_plain("\n".join(part for part in (notice.text, notice.link, notice.command) if part)),
                title=_plain(notice.subject),
                notify_type=_kind(notice),
                body_format="text",
            )
        finally:
            logger.removeHandler(heard)
        if not taken:
            raise _refusal(self._name, heard.status)

    def close(self) -> None:
        """Nothing is held open."""


def _service(name: str, address: SecretText) -> "Apprise":
    import apprise

    asset = apprise.AppriseAsset(
        app_id="fedesk",
        app_desc="fedesk",
        app_url="",
        async_mode=False,
        interpret_escapes=False,
        interpret_emojis=False,
        # It would carry what the address holds to wherever it points.
        http_redirects=False,
        storage_mode="memory",
    )
    service = apprise.Apprise(asset=asset)
    _quiet_logger()
    if not service.add(address.reveal()) or len(service) != 1:
        raise CredentialError(
            f"What the receiver {name} refers to is no address that apprise knows: see `apprise` in the "
            "configuration, and the addresses at https://appriseit.com."
        )
    return service


def _quiet_logger() -> logging.Logger:
    logger = logging.getLogger("apprise")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return logger


class _Heard(logging.Handler):
    """The last HTTP status that apprise warns of on the thread that makes this."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.status = 0
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Take the status, and nothing else."""
        found = _STATUS.search(record.getMessage()) if record.thread == self._thread else None
        if found is not None:
            self.status = int(found["status"])


def _refusal(name: str, status: int) -> Exception:
    if not status:
        return UnreachableError(f"The receiver {name} could not be reached; see whether its service is up.")
    said = f"The receiver {name} did not take a notice (HTTP {status})"
    if status == _TOO_MANY:
        return RateLimitedError(f"{said}: it has had too many.")
    if status >= _SERVER:
        return ServerFaultError(f"{said}: its service failed by itself.")
    return ProtocolError(f"{said}; see whether the address that its `apprise` refers to is right.")


def _kind(notice: Notice) -> str:
    if notice.over:
        return "success"
    if notice.event in {Event.PAGE, Event.BREAK_GLASS}:
        return "failure"
    return "warning" if notice.event in LASTING or notice.event is Event.DIED else "info"


def _plain(text: str) -> str:
    """Text that no chat takes for a link with another name, or for calling everybody."""
    return _LOUD.sub("@ ", text).translate(_ANGLES)
