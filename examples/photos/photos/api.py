"""Call Flextell's API with an access token, and put its answers into plain words."""

import json
from dataclasses import dataclass
from typing import Any

from .https import Answer, Send

MEANINGS = {
    200: "Flextell knew the token and answered.",
    400: "Flextell did not understand our question.",
    401: "Flextell did not accept the token, so it shared nothing.",
    403: "The token is good, but does not allow this.",
    404: "There is nothing at this address.",
    429: "We asked too often and wait before asking again.",
    500: "Something broke at Flextell. Asking again later may help.",
    503: "Flextell is busy. Asking again later may help.",
}
ERROR_MEANINGS = {
    "unauthorized": "We sent no usable Authorization header.",
    "invalid_token": "We sent a token, but it expired, was revoked or is broken.",
    "insufficient_scope": "You did not allow this when you connected. Connect again to allow it.",
}
SHOWN_HEADERS = ("WWW-Authenticate", "Retry-After", "X-RateLimit-Remaining", "Content-Type")
LONGEST_SHOWN_BODY = 4000


@dataclass(frozen=True, slots=True)
class Call:
    """One question to the API and its answer, ready to be shown: it holds no token."""

    path: str
    tenant: str
    answer: Answer

    @property
    def worked(self) -> bool:
        return self.answer.status == 200

    @property
    def needs_new_connection(self) -> bool:
        return self.answer.status == 401

    @property
    def meaning(self) -> str:
        return MEANINGS.get(self.answer.status, "See the answer below.")

    @property
    def error(self) -> str:
        return str(self.answer.json().get("error", ""))

    @property
    def error_meaning(self) -> str:
        return ERROR_MEANINGS.get(self.error, "")

    @property
    def message(self) -> str:
        return str(self.answer.json().get("message", ""))

    @property
    def headers(self) -> dict[str, str]:
        """The headers worth showing."""
        sent = self.answer.headers
        return {name: sent[name.lower()] for name in SHOWN_HEADERS if name.lower() in sent}

    @property
    def body(self) -> str:
        """The body as indented JSON, cut to a readable length."""
        said = self.answer.json()
        text = (
            json.dumps(said, indent=2, ensure_ascii=False)
            if said
            else self.answer.body.decode("utf-8", "replace")
        )
        return text if len(text) <= LONGEST_SHOWN_BODY else text[:LONGEST_SHOWN_BODY] + "\n…"

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The objects of a list answer (`{"data": [...]}`)."""
        data = self.answer.json().get("data")
        return [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []

    @property
    def total(self) -> int:
        """How many rows there are on all pages."""
        meta = self.answer.json().get("meta")
        total = meta.get("total") if isinstance(meta, dict) else None
        return total if isinstance(total, int) else len(self.rows)


class FlextellApi:
    """The two questions that Photos asks."""

    def __init__(self, base: str, send: Send) -> None:
        self._base = base
        self._send = send

    def tenants(self, access_token: str) -> Call:
        """The clinics the person belongs to."""
        return self._get("/v1/account/tenants", access_token)

    def customers(self, access_token: str, tenant: str) -> Call:
        """The first page of a clinic's customers."""
        return self._get("/v1/customers", access_token, tenant)

    def _get(self, path: str, access_token: str, tenant: str = "") -> Call:
        headers = {"Authorization": f"Bearer {access_token}"}
        if tenant:
            headers["X-Tenant"] = tenant
        return Call(path, tenant, self._send(self._base + path, headers=headers))
