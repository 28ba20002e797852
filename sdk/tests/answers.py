"""Answers as the fake server writes them."""

import base64
import json
from typing import Any

import httpx2

CUSTOMER_NAMES = ("Bob Builder", "Carol Clerk", "Dora Doctor", "Emil Engineer", "Fay Farmer")


def a_customer(number: int) -> dict[str, Any]:
    """One of the business's customers, as the API shows them."""
    first, last = CUSTOMER_NAMES[number % len(CUSTOMER_NAMES)].split()
    return {"id": number, "first_name": first, "last_name": last, "tags": []}


def a_jwt(claims: Any) -> str:
    """A JWT without a signature that anyone could check."""
    parts = [{"alg": "ES256"}, claims, "signature"]
    return ".".join(base64url(json.dumps(part).encode()) for part in parts)


def api_refused(status: int, error: str, scope: str = "") -> httpx2.Response:
    """The API's own no, with its challenge (RFC 6750 §3)."""
    named = f', scope="{scope}"' if scope else ""
    challenge = f'Bearer realm="flextell", error="{error}"{named}'
    headers = {"www-authenticate": challenge} if status in (401, 403) else {}
    body = {"error": error, "message": "Not like that."}
    return httpx2.Response(status, json=body, headers={"request-id": "r-1", **headers})


def refused(error: str, status: int = 400) -> httpx2.Response:
    body = {"error": error, "error_description": "Not like that."}
    return httpx2.Response(status, json=body, headers={"request-id": "r-1"})


def data_of(data: Any) -> httpx2.Response:
    return httpx2.Response(200, json={"success": True, "data": data})


def page_of(data: list[Any], cursor: str | None, total: int = 1) -> httpx2.Response:
    meta = {"cursor": cursor, "has_more": cursor is not None, "total": total}
    return httpx2.Response(200, json={"success": True, "data": data, "meta": meta})


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
