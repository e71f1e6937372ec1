"""``[releases]``, ``promote_from`` and ``[environments.NAME.registry]`` of fedesk.toml."""

from datetime import timedelta
from pathlib import Path

import pytest

from fedesk.config import Config, load_config
from fedesk.domain.names import ConnectionName
from fedesk.domain.releases import ReleaseBudget
from fedesk.mistakes import ConfigurationError


def load(folder: Path, text: str, *environments: str) -> Config:
    """The file with a Vault in each of the environments."""
    vaults = [
        f'[environments.{name}.vault]\nurl = "https://{name}"\ncredential = "env:T"' for name in environments
    ]
    file = folder / "fedesk.toml"
    file.write_text(
        "\n".join((f'default_environment = "{environments[0]}"', *vaults, text)), encoding="utf-8"
    )
    return load_config(file)


def test_what_is_left_out(tmp_path: Path) -> None:
    """The budget of the mission, no tickets, no registry; dev, staging and prod are in order."""
    config = load(tmp_path, "", "prod", "dev", "emea")
    assert config.releases.budget == ReleaseBudget()
    assert config.releases.tickets == ()
    assert {name: one.promote_from for name, one in config.environments.items()} == {
        "prod": "dev",
        "dev": "",
        "emea": "",
    }
    assert all(one.registry is None for one in config.environments.values())


def test_everything_with_all_its_keys(tmp_path: Path) -> None:
    """Durations and a size as they are written; a registry has the keys of other systems."""
    config = load(
        tmp_path,
        """
        [environments.emea]
        promote_from = "prod"
        [environments.emea.registry]
        url = "https://registry.example"
        user = "fedesk"
        credential = "env:REGISTRY"
        names = ["registry.internal"]
        token_realm = "https://auth.example/token"
        proxy = "http://proxy:3128"
        timeout = { read = 5 }
        [releases]
        tickets = ["FIN-[0-9]+"]
        budget = { build = "20m", image = "1GB" }
        """,
        "prod",
        "emea",
    )
    assert config.environments["emea"].promote_from == "prod"
    registry = config.environments["emea"].registry
    assert registry is not None
    assert (registry.name, registry.login) == (ConnectionName("emea", "registry"), "")
    assert registry.settings.names == ("registry.internal",)
    assert config.releases.tickets == ("FIN-[0-9]+",)
    assert config.releases.budget == ReleaseBudget(build=timedelta(minutes=20), size_bytes=1_000_000_000)


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ('[environments.prod]\npromote_from = "prod"', "promote_from", "names the environment itself"),
        ('[environments.prod]\npromote_from = "stagng"', "promote_from", "staging"),
        ('[environments.prod.registry]\nurl = "registry.example"', "url", "http"),
        ('[environments.prod.registry]\nurl = "https://r"\nuser = "x"', "credential", "is missing"),
        ('[environments.prod.registry]\nurl = "https://r"\npassword = "x"', "password", ""),
        (
            '[environments.prod.registry]\nurl = "https://r"\ntoken_realm = "https://u:p@auth"',
            "token_realm",
            "",
        ),
        ('[environments.prod.registry]\nurl = "https://r"\nnmes = ["x"]', "nmes", "names"),
        ('[releases]\ntickets = ["("]', "tickets", "no regular expression of RE2"),
        ('[releases]\nbudget = { image = "300" }', "image", "expected a size like 300MB"),
        ('[releases]\nbudget = { build = "soon" }', "build", ""),
        ("[releases]\nbudgets = {}", "budgets", "budget"),
    ],
)
def test_a_mistake_is_named_by_its_key(tmp_path: Path, text: str, key: str, words: str) -> None:
    """File, line and key, with the nearest known word where there is one."""
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text, "staging", "prod")
    (mistake,) = caught.value.mistakes
    assert key in mistake.key
    assert words in mistake.sentence
    assert mistake.line is not None
