"""Protect an API of your own with the access tokens of Flextell, or any OAuth 2.0 server.

    guard = Guard(Resource(issuer, audience, client_id, client_secret))
    caller = guard.check(request.headers.get("Authorization"), "customers:read")

`guard.asgi`, `guard.starlette` and `guard.fastapi` are the same for their frameworks.
"""

from flextell_sdk.guard.caller import Caller
from flextell_sdk.guard.guard import Guard
from flextell_sdk.guard.refusals import (
    Answer,
    ExpiredToken,
    MalformedToken,
    MissingScope,
    MissingToken,
    Refusal,
    RevokedToken,
    Unavailable,
)
from flextell_sdk.guard.resource import Resource

__all__ = [
    "Answer",
    "Caller",
    "ExpiredToken",
    "Guard",
    "MalformedToken",
    "MissingScope",
    "MissingToken",
    "Refusal",
    "Resource",
    "RevokedToken",
    "Unavailable",
]
