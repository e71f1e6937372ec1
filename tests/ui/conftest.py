"""What holds for every test of the screens."""

import pytest

from fedesk.services import operation_watch


@pytest.fixture(autouse=True)
def impatient_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk looks at its store ten times as often: nobody waits seconds for what it sees there."""
    for name in ("PERIOD", "AWAY_PERIOD", "LIVENESS_PERIOD"):
        monkeypatch.setattr(operation_watch, name, getattr(operation_watch, name) / 10)
