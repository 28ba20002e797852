"""Exchange an authorization code for tokens (RFC 6749 §4.1.3, RFC 7636 §4.6)."""

from dataclasses import dataclass
from hmac import compare_digest

from flextell.oauth import access_token, pkce
from flextell.oauth.authorize import AuthorizationRequest, GrantCode
from flextell.oauth.errors import InvalidGrant
from flextell.oauth.grants.issue import Issue, Lifetimes
from flextell.oauth.model import (
    AuthorizationCode,
    Client,
    EndGrant,
    Grant,
    RefreshToken,
    digest_of,
)
from flextell.oauth.parameters import CodeExchange


@dataclass(frozen=True, slots=True)
class ClaimedCode:
    """A code that somebody presented, and whether they were the first to do so."""

    code: AuthorizationCode
    first: bool


def code_for(
    request: AuthorizationRequest, granted: GrantCode, text: str, grant_id: str, expires_at: int
) -> AuthorizationCode:
    """The record of a new code, bound to all that it may be redeemed with (RFC 6749 §4.1.2)."""
    return AuthorizationCode(
        digest=digest_of(text),
        grant_id=grant_id,
        client_id=request.proven.client.client_id,
        subject=granted.signed_in.subject,
        redirect_uri=request.proven.redirect_uri,
        scopes=granted.scopes,
        code_challenge=request.code_challenge,
        nonce=request.nonce,
        auth_time=granted.signed_in.auth_time,
        expires_at=expires_at,
    )


def redeem(
    asked: CodeExchange,
    client: Client,
    claimed: ClaimedCode | None,
    refresh_token: str,
    lifetimes: Lifetimes,
    now: int,
) -> Issue:
    """Say what this code buys, or raise InvalidGrant.

    `refresh_token` is the new token to hand out, should it come to that. A second use by the
    code's own client ends the grant (RFC 6749 §4.1.2, §10.5).
    """
    if claimed is None:
        raise InvalidGrant("The code is unknown.")
    code = claimed.code
    if code.client_id != client.client_id:
        raise InvalidGrant("The code was issued to another client.", detail="wrong client")
    if not claimed.first:
        raise InvalidGrant(
            "The code was used before. All tokens that it bought are revoked.",
            detail="code replayed",
            then=EndGrant(code.grant_id, "code_replayed"),
        )
    if now >= code.expires_at:
        raise InvalidGrant("The code has expired: exchange it as soon as it arrives.")
    if not compare_digest(asked.redirect_uri.encode(), code.redirect_uri.encode()):
        raise InvalidGrant("redirect_uri is not the one of the authorization request.")
    pkce.check_verifier(code.code_challenge, asked.code_verifier)
    return _first_tokens(code, refresh_token, lifetimes, now)


def _first_tokens(
    code: AuthorizationCode, refresh_token: str, lifetimes: Lifetimes, now: int
) -> Issue:
    grant = Grant(code.grant_id, code.client_id, code.subject, code.scopes, created_at=now)
    access = access_token.for_grant(grant, 0, code.scopes, now, now + lifetimes.access_token)
    kept = RefreshToken(
        digest=digest_of(refresh_token),
        grant_id=grant.grant_id,
        generation=0,
        issued_at=now,
        expires_at=now + lifetimes.refresh_token,
        access_scopes=access.scopes,
        access_expires_at=access.expires_at,
    )
    return Issue(access, refresh_token, grant=grant, kept=kept, code=code)
