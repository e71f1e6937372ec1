"""What a configuration says of releases: the order of environments, registries, budgets, tickets."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

from fedesk import config_rules as rules
from fedesk.config_policy import check_pattern
from fedesk.config_types import Environment, RegistryConfig, RegistryOf, ReleasesConfig, Table, Text
from fedesk.domain.durations import parse_duration
from fedesk.domain.names import ConnectionName
from fedesk.domain.releases import ReleaseBudget
from fedesk.mistakes import Findings, Place, unknown

_LADDER = ("dev", "staging", "prod")
"""Names of environments whose order goes without saying."""
_UNITS = MappingProxyType({"KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000})


class BudgetTable(Table, frozen=True, kw_only=True):
    """``budget`` as it stands in the file."""

    build: Text = "10m"
    deployment: Text = "15m"
    image: Text = "300MB"


class ReleasesTable(Table, frozen=True, kw_only=True):
    """The table ``[releases]``."""

    tickets: tuple[Text, ...] = ()
    budget: BudgetTable = BudgetTable()


def releases_of(table: ReleasesTable, findings: Findings) -> ReleasesConfig:
    """What the table comes to; every mistake goes to ``findings``."""
    place: Place = ("releases",)
    for at, pattern in enumerate(table.tickets):
        check_pattern(pattern, (*place, "tickets", at), findings)
    usual, within = ReleaseBudget(), (*place, "budget")
    return ReleasesConfig(
        tickets=table.tickets,
        budget=ReleaseBudget(
            build=_duration(table.budget.build, (*within, "build"), findings) or usual.build,
            deployment=_duration(table.budget.deployment, (*within, "deployment"), findings)
            or usual.deployment,
            size_bytes=_size(table.budget.image, (*within, "image"), findings) or usual.size_bytes,
        ),
    )


def registry_of(
    environment: str, settings: RegistryConfig | None, place: Place, findings: Findings
) -> RegistryOf | None:
    """An environment's registry, checked as connections are."""
    if settings is None:
        return None
    rules.check_http(settings, place, findings)
    if settings.token_realm is not None:
        rules.check_address(settings.token_realm, (*place, "token_realm"), findings, ("http", "https"))
    for key, other in (("credential", "user"), ("user", "credential")):
        if getattr(settings, key) is None and getattr(settings, other) is not None:
            findings.add_first((*place, key), "is missing; a user and a credential are of use together")
    return RegistryOf(name=ConnectionName(environment, "registry"), settings=settings)


def promoted(
    environments: Mapping[str, Environment], named: Mapping[str, str], findings: Findings
) -> dict[str, Environment]:
    """The environments, each with the one whose releases come there: as ``named``, or the one before it."""
    found = {}
    for name, environment in environments.items():
        before = named.get(name) or _before(name, environments)
        place: Place = ("environments", name, "promote_from")
        if name in named and before == name:
            findings.add(place, "names the environment itself")
        elif before and before not in environments:
            findings.add(place, unknown("environment", environments, before))
        found[name] = replace(environment, promote_from=before)
    return found


def _before(name: str, environments: Mapping[str, Environment]) -> str:
    """The configured environment before this one on the ladder; empty where there is none."""
    if name not in _LADDER:
        return ""
    lower = _LADDER[: _LADDER.index(name)]
    return next((one for one in reversed(lower) if one in environments), "")


def _duration(text: str, place: Place, findings: Findings) -> timedelta | None:
    try:
        return parse_duration(text)
    except ValueError as error:
        findings.add(place, str(error))
        return None


def _size(text: str, place: Place, findings: Findings) -> int | None:
    for unit, size in _UNITS.items():
        number = text.removesuffix(unit).strip()
        if number != text and number.isascii() and number.isdecimal() and int(number) > 0:
            return int(number) * size
    findings.add(place, f"expected a size like 300MB; units are {', '.join(_UNITS)}")
    return None
