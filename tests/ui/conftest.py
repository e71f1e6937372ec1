"""What is so for all tests of the screens."""

import pytest

from fedesk.ui import views


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is read as soon as the cursor stands on it, not once it has stood there for a moment."""
    monkeypatch.setattr(views, "DEBOUNCE", 0.01)
