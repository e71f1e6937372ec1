"""The desk of a process that carries operations out: with credentials it was handed, and with no others."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fedesk import composition
from fedesk.execution import Desk, acting
from fedesk.runner_credentials import given_of_anchor, given_of_store, given_to

if TYPE_CHECKING:
    from fedesk.ports.endpoint import SecretText
    from fedesk.ports.sources import Clock


def open_runner(
    config: Path,
    credentials: Mapping[str, "SecretText"],
    clock: "Clock",
    tell: Callable[[str], None],
    *,
    emergency: str = "",
    apart: Path | None = None,
) -> Desk:
    """A desk that executes operations with credentials it was given, and with no others.

    ``emergency``: the environment whose sealed logins and store stand in the place of the ordinary ones.
    ``apart``: the local store that stands in the place of the team's, as long as that one does not answer.
    """
    given = partial(given_to, credentials)
    from fedesk.config import load_config
    from fedesk.config_emergency import with_emergency

    loaded = load_config(config)
    away = None
    if apart is not None:
        from fedesk.apart import apart_from
        from fedesk.config_emergency import apart_from_team

        away = apart_from(loaded, apart)
        loaded = loaded if away is None else apart_from_team(loaded, apart)
    if emergency:
        loaded = with_emergency(loaded, emergency)
    desk = composition.compose(loaded, None, clock, credential_of=given)
    return acting(
        desk,
        clock=clock,
        credential_of=given,
        store_password=given_of_store(credentials, desk.config.store),
        anchor_secret_of=partial(given_of_anchor, credentials),
        tell=tell,
        apart=away,
    )
