"""Configuration → receivers of notices and the heartbeat. Opens nothing."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fedesk.composition import endpoint_over_http, looked_up
from fedesk.config_types import (
    AppriseConfig,
    Config,
    HeartbeatConfig,
    HttpTable,
    PagerDutyConfig,
    ReceiverSettings,
)
from fedesk.domain.durations import parse_duration
from fedesk.domain.names import ConnectionName
from fedesk.services.delivering import Beats, Delivery, Tell
from fedesk.services.watching import Telling

if TYPE_CHECKING:
    from fedesk.clients.apprise_receiver import AppriseReceiver
    from fedesk.clients.heartbeat import Heartbeat
    from fedesk.clients.pagerduty import PagerDuty
    from fedesk.ports.endpoint import Endpoint, SecretText
    from fedesk.ports.notifying import Heart, Receiver, WatchStore
    from fedesk.ports.sources import Bulkhead, Clock

_AREA = "notify"
"""Of receivers in sentences, as ``notify/pager``; no environment reaches them."""


def telling_of(config: Config, store: "Callable[[], WatchStore]", clock: "Clock", tell: Tell) -> Telling:
    """Who is told what, as ``[notify]`` and ``[people]`` say."""
    notify = config.notify
    deliveries = {
        name: Delivery(name, _receiver(name, settings), store, clock, tell)
        for name, settings in notify.receivers.items()
    }
    return Telling(
        routes=notify.routes,
        of_people=_of_people(config),
        deliveries=deliveries,
        beats=None if notify.heartbeat is None else _beats(notify.heartbeat, clock, tell),
    )


def _of_people(config: Config) -> Mapping[str, tuple[str, ...]]:
    return {person.principal: person.notify for person in config.governance.people}


def _receiver(name: str, settings: ReceiverSettings) -> "Bulkhead[Receiver]":
    from fedesk.clients.bulkhead import ThreadBulkhead

    match settings:
        case AppriseConfig():
            secret = _secret(settings.apprise)
            return ThreadBulkhead(
                f"receiver {name}", partial(_apprise, name, secret), slots=2, deadline=settings.timeout
            )
        case PagerDutyConfig():
            endpoint = _endpoint(name, settings.url, settings)
            make = partial(_pagerduty, endpoint, _secret(settings.pagerduty))
            return ThreadBulkhead(f"receiver {name}", make, slots=2, deadline=endpoint.deadline * 1.5)


def _beats(settings: HeartbeatConfig, clock: "Clock", tell: Tell) -> Beats:
    from fedesk.clients.bulkhead import ThreadBulkhead

    heart: Bulkhead[Heart] = ThreadBulkhead(
        "heartbeat",
        partial(_heartbeat, settings),
        slots=2,
        deadline=(settings.timeout.connect + settings.timeout.read) * 1.5,
    )
    return Beats(heart, parse_duration(settings.every), clock, tell)


def _secret(reference: str) -> "Callable[[], SecretText]":
    look_up = looked_up(reference)
    assert look_up is not None  # noqa: S101 - only of no reference there is none
    return look_up


def _apprise(name: str, address: "Callable[[], SecretText]") -> "AppriseReceiver":
    from fedesk.clients.apprise_receiver import AppriseReceiver

    return AppriseReceiver(name, address)


def _pagerduty(endpoint: "Endpoint", routing_key: "Callable[[], SecretText]") -> "PagerDuty":
    from fedesk.clients.pagerduty import PagerDuty

    return PagerDuty(endpoint, routing_key)


def _heartbeat(settings: HeartbeatConfig) -> "Heartbeat":
    """Looks the address up where the configuration refers to it. Raises CredentialError."""
    from fedesk.clients.heartbeat import Heartbeat
    from fedesk.ports.errors import CredentialError

    url = settings.url or ""
    if settings.credential is not None:
        url = _secret(settings.credential)().reveal().strip()
        try:
            sound = urlsplit(url).scheme in {"http", "https"} and bool(urlsplit(url).hostname)
        except ValueError:
            sound = False
        if not sound:
            raise CredentialError("What the heartbeat's `credential` refers to is no address.")
    return Heartbeat(_endpoint("heartbeat", url, settings), settings.method)


def _endpoint(name: str, url: str, settings: HttpTable) -> "Endpoint":
    return endpoint_over_http(ConnectionName(_AREA, name), url.rstrip("/"), settings)
