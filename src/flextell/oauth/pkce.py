"""Proof Key for Code Exchange, S256 only (RFC 7636; RFC 9700 §2.1.1)."""

import re
from hashlib import sha256
from hmac import compare_digest

from flextell.oauth import base64url
from flextell.oauth.errors import InvalidGrant, InvalidRequest

# code-verifier = 43*128unreserved (RFC 7636 §4.1)
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
# the base64url of a SHA-256, unpadded
_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}")


def challenge_of(verifier: str) -> str:
    """BASE64URL-ENCODE(SHA256(ASCII(code_verifier))) (RFC 7636 §4.2)."""
    return base64url.text(sha256(verifier.encode("ascii")).digest())


def check_challenge(challenge: str | None, method: str | None, required: bool) -> str | None:
    """The challenge an authorization request may carry (RFC 7636 §4.3).

    Raises InvalidRequest if it is missing where required, malformed, or not S256.
    """
    if challenge is None:
        if method is not None:
            raise InvalidRequest("code_challenge_method was sent without code_challenge.")
        if required:
            raise InvalidRequest("This client must use PKCE: code_challenge is missing.")
        return None
    # An absent method means plain (RFC 7636 §4.3), which is refused like any other.
    if method != "S256":
        raise InvalidRequest("code_challenge_method must be S256.")
    if not _CHALLENGE.fullmatch(challenge):
        raise InvalidRequest("code_challenge must be 43 characters of base64url.")
    return challenge


def check_verifier(challenge: str | None, verifier: str | None) -> None:
    """Whether the verifier proves the challenge (RFC 7636 §4.6). Raises InvalidGrant.

    A verifier without a challenge is refused as well: somebody may have removed the
    challenge from the authorization request (RFC 9700 §4.8.2).
    """
    if challenge is None:
        if verifier is not None:
            raise InvalidGrant("code_verifier was sent, but the code was asked for without PKCE.")
        return
    if verifier is None:
        raise InvalidGrant("code_verifier is missing: the code was asked for with PKCE.")
    if not _VERIFIER.fullmatch(verifier):
        raise InvalidGrant("code_verifier must be 43 to 128 unreserved characters.")
    if not compare_digest(challenge_of(verifier), challenge):
        raise InvalidGrant("code_verifier does not match the code_challenge.")
