"""PagerDuty's Events API v2 as a receiver of notices.

https://developer.pagerduty.com/docs/events-api-v2/trigger-events/: one POST, answered by 202. A ``dedup_key``
of at most 255 characters makes one alert of events that are sent again; ``resolve`` ends it.
"""

from collections.abc import Callable

from fedesk.clients.http import open_client, request
from fedesk.domain.notices import Event, Notice
from fedesk.domain.text import one_line
from fedesk.ports.endpoint import Endpoint, SecretText
from fedesk.ports.errors import CredentialError, SourceError

_PATH = "/v2/enqueue"
_LONGEST_SUMMARY = 1024
_SEVERITIES = {
    Event.PAGE: "critical",
    Event.UNKNOWN: "critical",
    Event.BREAK_GLASS: "critical",
    Event.DIED: "error",
    Event.ESCALATED: "error",
    Event.APPROVAL_WANTED: "warning",
}
"""Of the other events: ``info``."""


class PagerDuty:
    """``ports.notifying.Receiver`` over one service's routing key, which is looked up for each notice."""

    def __init__(self, endpoint: Endpoint, routing_key: Callable[[], SecretText]) -> None:
        self._endpoint = endpoint
        self._routing_key = routing_key
        self._client = open_client(endpoint)

    def send(self, notice: Notice) -> None:
        """Trigger an alert, or resolve the one of the same key."""
        key = self._routing_key().reveal().strip()
        if not key.isascii() or not key.isalnum():
            raise CredentialError(
                f"{self._endpoint.name} was given no usable routing key: see what its `pagerduty` refers to."
            )
        action = "resolve" if notice.over else "trigger"
        content: dict[str, object] = {"routing_key": key, "event_action": action, "dedup_key": notice.key}
        if not notice.over:
            content |= _alert(notice)
        try:
            # The dedup key makes one of what is sent again.
            request(self._client, self._endpoint, "POST", _PATH, content=content)
        except SourceError as error:
            raise type(error)(str(error).replace(key, "…")) from None

    def close(self) -> None:
        """Close the sockets."""
        self._client.close()


def _alert(notice: Notice) -> dict[str, object]:
    details = {"text": notice.text, "command": notice.command, "event": notice.event.value}
    links = [{"href": notice.link, "text": "open"}] if notice.link else []
    return {
        "client": "fedesk",
        "links": links,
        "payload": {
            "summary": one_line(notice.subject, _LONGEST_SUMMARY),
            "source": notice.environment or "fedesk",
            "severity": _SEVERITIES.get(notice.event, "info"),
            "timestamp": notice.at.isoformat(),
            "class": notice.event.value,
            "custom_details": {name: value for name, value in details.items() if value},
        },
    }
