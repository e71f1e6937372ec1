"""What a bearer token says of itself (RFC 7519), read and not verified: that is for whom it is shown to."""

import base64
import binascii
import json
from datetime import UTC, datetime


def claims_of(token: str) -> dict[str, object]:
    """The claims of a JWT; none of what is no JWT."""
    parts = token.split(".")
    if len(parts) != len(("header", "payload", "signature")):
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def expiry_of(token: str) -> datetime | None:
    """When a JWT ends (``exp``); None of what is no JWT or tells no end."""
    ends = claims_of(token).get("exp")
    if isinstance(ends, bool) or not isinstance(ends, (int, float)):
        return None
    try:
        return datetime.fromtimestamp(ends, UTC)
    except (ValueError, OverflowError, OSError):
        return None
