"""API tokens that users of the sandbox's Jenkins make for themselves (``jenkins.security.ApiTokenProperty``).

``user/NAME/descriptorByName/jenkins.security.ApiTokenProperty/generateNewToken`` and ``…/revoke``, by POST.
Who makes one for somebody else is refused, administrator or not.
"""

import hmac
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.responses import JSONResponse, Response

PROPERTY = ("descriptorByName", "jenkins.security.ApiTokenProperty")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """One token of a user."""

    user: str
    label: str
    value: str = field(repr=False)


@dataclass(slots=True)
class ApiTokens:
    """All tokens that were made since the start, by uuid. Safe from several threads: one step each."""

    made: dict[str, ApiToken] = field(default_factory=dict)

    def is_of(self, user: str, value: str) -> bool:
        """Whether a user has a token of that value."""
        return any(
            token.user == user and hmac.compare_digest(token.value.encode(), value.encode())
            for token in tuple(self.made.values())
        )

    def answer(self, verb: str, user: str, form: Mapping[str, str]) -> Response | None:
        """What Jenkins answers to the user himself; None for a verb that it does not have."""
        if verb == "generateNewToken":
            label = form.get("newTokenName", "").strip() or "Token created on this day"
            number, value = str(uuid.uuid4()), f"11{secrets.token_hex(16)}"
            self.made[number] = ApiToken(user=user, label=label, value=value)
            data = {"tokenUuid": number, "tokenName": label, "tokenValue": value}
            return JSONResponse({"status": "ok", "data": data})
        if verb == "revoke":
            number = form.get("tokenUuid", "")
            if not number:
                return Response("The tokenUuid cannot be empty", status_code=400)
            if number in self.made and self.made[number].user == user:
                del self.made[number]
            return JSONResponse({"status": "ok"})
        return None
