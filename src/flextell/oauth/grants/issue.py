"""What a successful grant decides: the tokens to hand out and the rows to keep (RFC 6749 §5.1)."""

import uuid
from dataclasses import dataclass, field

from flextell.oauth import base64url
from flextell.oauth.access_token import AccessToken
from flextell.oauth.model import AuthorizationCode, Grant, RefreshToken

SECRET_BYTES = 32
CODE_PREFIX = "flx_code_"
REFRESH_PREFIX = "flx_refresh_"


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long things live, in seconds."""

    code: int = 60
    access_token: int = 3600
    refresh_token: int = 30 * 24 * 3600
    retry: int = 60
    outage: int = 24 * 3600


@dataclass(frozen=True, slots=True)
class Issue:
    """Hand out this access token and this refresh token; keep what is new.

    `grant` and `kept` are None when nothing new is to be stored: a retry buys what is there.
    `code` is the code that was redeemed, for the ID token.
    """

    access: AccessToken
    refresh_token: str = field(repr=False)
    grant: Grant | None = None
    kept: RefreshToken | None = None
    code: AuthorizationCode | None = None


def new_token(prefix: str, dice: bytes) -> str:
    """A token of 256 random bits behind a prefix that secret scanners recognise."""
    return prefix + base64url.text(dice)


GRANT_ID_BYTES = 16


def new_grant_id(dice: bytes) -> str:
    """A name for a grant out of 16 random bytes: a UUID (RFC 9562 §5.4) in 22 characters."""
    return base64url.text(uuid.UUID(bytes=dice, version=4).bytes)
