"""ID tokens: who signed in, said to one client (OpenID Connect Core §2, §3.1.3.6)."""

from hashlib import sha256

from flextell.oauth import base64url, jwt
from flextell.oauth.model import AuthorizationCode

TYPE = "JWT"


def wanted(code: AuthorizationCode) -> bool:
    """An ID token is given if, and only if, `openid` was granted (OpenID Connect Core §3.1.2.1)."""
    return "openid" in code.scopes


def sign(
    code: AuthorizationCode,
    access_token: str,
    key: jwt.SigningKey,
    issuer: str,
    expires_at: int,
    now: int,
) -> str:
    """The ID token that comes with a code exchange."""
    claims: dict[str, str | int] = {
        "iss": issuer,
        "sub": code.subject,
        "aud": code.client_id,
        "exp": expires_at,
        "iat": now,
        "auth_time": code.auth_time,
    }
    if code.nonce is not None:
        claims["nonce"] = code.nonce
    if key.algorithm != "EdDSA":
        # The left half of the hash of the access token (OpenID Connect Core §3.1.3.6).
        half = sha256(access_token.encode("ascii")).digest()[:16]
        claims["at_hash"] = base64url.text(half)
    return jwt.sign(key, TYPE, claims)
