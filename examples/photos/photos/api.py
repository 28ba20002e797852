"""One plain call of the API, and its answer in plain words.

The other pages get their data from the SDK's client, ready to use. Here we want to see the answer
itself, so the client is httpx2's own, and the SDK's `GrantAuth` brings the tokens.
"""

import json
from typing import Any

import httpx2

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

TENANTS = "/v1/account/tenants"
CUSTOMERS = "/v1/customers"


async def first_customers(http: httpx2.AsyncClient, auth: httpx2.Auth) -> httpx2.Response:
    """The customers of the first tenant; the answer before it, if there is no such tenant."""
    tenants = await http.get(TENANTS, auth=auth)
    found = _object(tenants).get("data")
    if not found:
        return tenants
    return await http.get(CUSTOMERS, auth=auth, headers={"X-Tenant": str(found[0]["id"])})


async def tenants_with(http: httpx2.AsyncClient, access_token: str) -> httpx2.Response:
    """The tenants, asked for with one token, good or not."""
    return await http.get(TENANTS, headers={"Authorization": f"Bearer {access_token}"})


def shown(response: httpx2.Response) -> dict[str, Any]:
    """What the page shows of a call."""
    asked, said = response.request, _object(response)
    text = json.dumps(said, indent=2, ensure_ascii=False) if said else response.text
    return {
        "question": f"{asked.method} {asked.url.path}",
        "tenant": asked.headers.get("x-tenant"),
        "status": response.status_code,
        "meaning": MEANINGS.get(response.status_code, "See the answer below."),
        "error": said.get("error"),
        "error_meaning": ERROR_MEANINGS.get(said.get("error", ""), ""),
        "message": said.get("message"),
        "headers": {n: response.headers[n] for n in SHOWN_HEADERS if n in response.headers},
        "body": text if len(text) <= LONGEST_SHOWN_BODY else f"{text[:LONGEST_SHOWN_BODY]}\n…",
    }


def _object(response: httpx2.Response) -> dict[str, Any]:
    """The JSON object in the body, or an empty one if there is none."""
    try:
        said = response.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
