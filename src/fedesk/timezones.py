"""Names of time zones that people write: whether this machine's IANA database has them."""

from zoneinfo import ZoneInfo, available_timezones

from fedesk.mistakes import nearest


def timezone_mistake(name: str) -> str:
    """What is wrong with the name of a zone, in one sentence; empty where it is one."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        zones = available_timezones()
        if not zones:
            return "cannot be checked: this machine has no time zone data; install tzdata"
        like = nearest(name, zones)
        return f"no IANA time zone; did you mean {like}?" if like else "no IANA time zone, like Europe/London"
    return ""
