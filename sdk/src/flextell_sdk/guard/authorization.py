"""The token in a request's Authorization headers (RFC 6750 §2.1)."""

import re
from collections.abc import Iterable

from flextell_sdk.guard.refusals import MalformedToken, MissingToken

MAXIMUM_TOKEN_CHARACTERS = 8192

# b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" (RFC 6750 §2.1)
_B64TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


def token_in(authorization: str | Iterable[str] | None) -> str:
    """The token, given every value of the header, or its only one, or None if there is none.

    Raises MissingToken or MalformedToken.
    """
    values = (authorization,) if isinstance(authorization, str) else tuple(authorization or ())
    if not values:
        raise MissingToken
    if len(values) > 1:
        raise MalformedToken
    scheme, _, token = values[0].partition(" ")
    if scheme.lower() != "bearer" or not token:
        # The word alone is no attempt either: there is nothing in it to judge.
        raise MissingToken
    if len(token) > MAXIMUM_TOKEN_CHARACTERS or not _B64TOKEN.fullmatch(token):
        raise MalformedToken
    return token
