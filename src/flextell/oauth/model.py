"""The things OAuth speaks of, as frozen values (RFC 6749 §1).

Times are whole seconds since the epoch (UTC); digests are SHA-256 (32 bytes); scopes are
frozen sets of scope tokens.
"""

from dataclasses import dataclass
from hashlib import sha256

Scopes = frozenset[str]


class Digest(bytes):
    """The SHA-256 of a secret: all that is ever stored of it. Made by `digest_of` alone."""

    __slots__ = ()


def digest_of(secret: str) -> Digest:
    """What is stored and looked up instead of a secret of at least 128 random bits."""
    return Digest(sha256(secret.encode("utf-8", "surrogateescape")).digest())


@dataclass(frozen=True, slots=True)
class Client:
    """An application that was registered (RFC 6749 §2)."""

    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    scopes: Scopes
    default_scopes: Scopes
    secret_digest: Digest | None
    publisher: str = ""
    homepage_url: str = ""
    require_pkce: bool = False
    may_introspect: bool = False
    created_at: int = 0

    @property
    def confidential(self) -> bool:
        """Whether it can keep a secret (RFC 6749 §2.1)."""
        return self.secret_digest is not None


@dataclass(frozen=True, slots=True)
class Grant:
    """What one person allowed one client, from the code exchange until it is ended."""

    grant_id: str
    client_id: str
    subject: str
    scopes: Scopes
    created_at: int
    ended_at: int | None = None


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """A code as the store keeps it, and all it is bound to (RFC 6749 §4.1.2)."""

    digest: Digest
    grant_id: str
    client_id: str
    subject: str
    redirect_uri: str
    scopes: Scopes
    code_challenge: str | None
    nonce: str | None
    auth_time: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """One generation of a grant's refresh token; the token itself is only known to the client.

    `sealed` is the token encrypted under a key that only its predecessor can derive;
    `access_scopes` and `access_expires_at` describe the access token that came with it, so
    that a retry gets the same one. `received_at` is when that access token was first seen.
    """

    digest: Digest
    grant_id: str
    generation: int
    issued_at: int
    expires_at: int
    access_scopes: Scopes
    access_expires_at: int
    sealed: bytes | None = None
    received_at: int | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person has allowed a client so far, and when they were last asked."""

    subject: str
    client_id: str
    scopes: Scopes
    answered_at: int


@dataclass(frozen=True, slots=True)
class EndGrant:
    """An order that a refusal may carry: this grant is over, all its tokens die."""

    grant_id: str
    reason: str
