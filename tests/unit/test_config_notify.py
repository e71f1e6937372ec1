"""The table ``[notify]`` of fedesk.toml: receivers, routes, heartbeat."""

from pathlib import Path

import pytest

from fedesk.config import load_config
from fedesk.config_types import AppriseConfig, NotifyConfig, PagerDutyConfig
from fedesk.domain.notices import Event, Route
from fedesk.mistakes import ConfigurationError

ENVIRONMENT = '[environments.x.vault]\nurl = "https://v"\ncredential = "env:T"\n'


def load(folder: Path, text: str) -> NotifyConfig:
    """The table, in a file that has an environment."""
    file = folder / "fedesk.toml"
    file.write_text(f"{text}\n{ENVIRONMENT}", encoding="utf-8")
    return load_config(file).notify


def test_without_the_table_nobody_is_told(tmp_path: Path) -> None:
    """No receiver, no route, no heartbeat."""
    assert load(tmp_path, "") == NotifyConfig(receivers={}, routes=(), heartbeat=None)


def test_everything_with_all_its_keys(tmp_path: Path) -> None:
    """What is left out has its default: all events, all environments."""
    notify = load(
        tmp_path,
        """
        [notify]
        heartbeat = { credential = "env:BEAT", every = "1m", method = "POST", timeout = { read = 2 } }
        [notify.receivers."slack:mara"]
        apprise = "keyring:notify/slack"
        timeout = 7
        [notify.receivers.pager]
        pagerduty = "command:cat key"
        url = "https://events.eu.pagerduty.com"
        proxy = "http://proxy:3128"
        [[notify.routes]]
        events = ["page", "break-glass"]
        environments = ["x"]
        to = ["pager"]
        [[notify.routes]]
        to = ["slack:mara", "pager"]
        [people.mara]
        notify = ["slack:mara"]
        """,
    )
    assert notify.receivers["slack:mara"] == AppriseConfig(apprise="keyring:notify/slack", timeout=7)
    pager = notify.receivers["pager"]
    assert isinstance(pager, PagerDutyConfig)
    assert (pager.url, pager.proxy) == ("https://events.eu.pagerduty.com", "http://proxy:3128")
    assert notify.routes == (
        Route(
            events=frozenset({Event.PAGE, Event.BREAK_GLASS}), environments=frozenset({"x"}), to=("pager",)
        ),
        Route(events=frozenset(Event), environments=frozenset(), to=("slack:mara", "pager")),
    )
    assert notify.heartbeat is not None
    assert (notify.heartbeat.url, notify.heartbeat.every, notify.heartbeat.method) == (None, "1m", "POST")


SLACK = '[notify.receivers.slack]\napprise = "env:S"\n'


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (SLACK + '[[notify.routes]]\nto = ["slak"]', "notify.routes[0].to[0]", "did you mean slack"),
        (SLACK + "[[notify.routes]]\nto = []", "notify.routes[0].to", "names no receiver"),
        (SLACK + '[[notify.routes]]\nevents = ["pge"]\nto = ["slack"]', "notify.routes[0].events[0]", "page"),
        (
            SLACK + '[[notify.routes]]\nenvironments = ["y"]\nto = ["slack"]',
            "notify.routes[0].environments[0]",
            "environment",
        ),
        (SLACK + '[[notify.routes]]\nto = ["slack"]\nwhen = "x"', "notify.routes[0].when", "unknown"),
        ('[[notify.routes]]\nto = ["slack"]', "notify.routes[0].to[0]", "there is no receiver yet"),
        ('[people.mara]\nnotify = ["slack"]', "people.mara.notify[0]", "there is no receiver yet"),
        ('[notify.receivers.x]\nurl = "https://x"', "notify.receivers.x", "apprise, pagerduty"),
        ('[notify.receivers.x]\napprise = "env:A"\npagerduty = "env:B"', "notify.receivers.x", "several"),
        ('[notify.receivers."a b"]\napprise = "env:A"', 'notify.receivers."a b"', "letters"),
        ("[notify.receivers]\nx = 3", "notify.receivers.x", "expected a table"),
        ('[notify.receivers.x]\npagerduty = "env:B"\nurl = "ftp://x"', "notify.receivers.x.url", "http"),
        ('[notify]\nheartbeat = { every = "5m" }', "notify.heartbeat.url", "is missing"),
        (
            '[notify]\nheartbeat = { url = "https://x", credential = "env:X" }',
            "notify.heartbeat.url",
            "says the same",
        ),
        ('[notify]\nheartbeat = { url = "https://x", every = "soon" }', "notify.heartbeat.every", "duration"),
        ('[notify]\nheartbeat = { url = "https://x", every = "1s" }', "notify.heartbeat.every", "10s"),
        ("[notify]\nroute = 3", "notify.route", "routes"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_by_its_key(tmp_path: Path, text: str, key: str, said: str) -> None:
    """One mistake each, with what to do."""
    with pytest.raises(ConfigurationError) as raised:
        load(tmp_path, text)
    (mistake,) = raised.value.mistakes
    assert mistake.key == key
    assert said in mistake.sentence


@pytest.mark.parametrize(
    "text",
    [
        '[notify.receivers.x]\napprise = "slack://T0KEN/planted/secret"',
        '[notify.receivers.x]\npagerduty = "R0UTINGKEYplanted"',
    ],
)
def test_an_address_or_a_key_is_never_in_the_file(tmp_path: Path, text: str) -> None:
    """Only a reference is taken; the sentence says how to move it, under its own key, without it."""
    with pytest.raises(ConfigurationError) as raised:
        load(tmp_path, text)
    (mistake,) = raised.value.mistakes
    assert 'keyring:notify/receivers/x"' in mistake.sentence
    assert f"write {mistake.key.rpartition('.')[2]} = " in mistake.sentence
    assert "planted" not in str(raised.value)
