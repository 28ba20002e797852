"""Values that the store's tests keep: Photos, what Alice allowed it, and the tokens of that."""

from flextell.oauth import scopes
from flextell.oauth.grants import refresh_token
from flextell.oauth.grants.issue import Issue, Lifetimes
from flextell.oauth.keys import KeyRecord
from flextell.oauth.model import (
    AuthorizationCode,
    Client,
    Consent,
    Digest,
    Grant,
    RefreshToken,
    digest_of,
)
from flextell.oauth.parameters import Refresh
from flextell.sources import SYSTEM
from flextell.store.port import Unit

NOON = 1_795_435_200
HOUR = 3600
DAY = 24 * HOUR
BOTH = scopes.parse("account:read customers:read")
SECRET = "s3cret" * 7
FIRST_TOKEN = "flx_refresh_first"
CODE = "flx_code_one"

PHOTOS = Client(
    client_id="photos",
    name="Photos",
    publisher="Picture People Ltd",
    homepage_url="https://photos.example",
    redirect_uris=("https://photos.example/callback", "http://127.0.0.1/callback"),
    scopes=BOTH,
    default_scopes=scopes.parse("account:read"),
    secret_digest=digest_of(SECRET),
    require_pkce=True,
    may_introspect=True,
    created_at=NOON,
)
PHONE = Client(
    client_id="phone",
    name="Phone",
    redirect_uris=("com.example.phone://callback",),
    scopes=BOTH,
    default_scopes=BOTH,
    secret_digest=None,
    created_at=NOON + 1,
)
CONSENT = Consent("sub-alice", PHOTOS.client_id, BOTH, NOON)


def a_code(
    text: str = CODE, grant_id: str = "grant-1", expires_at: int = NOON + 60
) -> AuthorizationCode:
    """A code that Alice's browser brought to Photos."""
    return AuthorizationCode(
        digest=digest_of(text),
        grant_id=grant_id,
        client_id=PHOTOS.client_id,
        subject="sub-alice",
        redirect_uri=PHOTOS.redirect_uris[0],
        scopes=BOTH,
        code_challenge="challenge",
        nonce=None,
        auth_time=NOON - 5,
        expires_at=expires_at,
    )


def a_grant(grant_id: str = "grant-1", subject: str = "sub-alice", created_at: int = NOON) -> Grant:
    """What a person allowed Photos."""
    return Grant(grant_id, PHOTOS.client_id, subject, BOTH, created_at)


def a_token(
    text: str = FIRST_TOKEN,
    grant_id: str = "grant-1",
    generation: int = 0,
    expires_at: int = NOON + 30 * DAY,
    sealed: bytes | None = None,
) -> RefreshToken:
    """A refresh token of a grant."""
    return RefreshToken(
        digest=digest_of(text),
        grant_id=grant_id,
        generation=generation,
        issued_at=NOON,
        expires_at=expires_at,
        access_scopes=BOTH,
        access_expires_at=NOON + HOUR,
        sealed=sealed,
    )


def a_key(kid: str = "key-1", published_until: int | None = None) -> KeyRecord:
    """A signing key whose private half is no key at all: the store does not look inside."""
    members = {"kty": "EC", "crv": "P-256", "x": "AA", "y": "BB"}
    return KeyRecord(
        kid, "access_token", "ES256", b"\x00\xff", members, NOON, NOON, published_until
    )


def connect_photos(unit: Unit, grant_id: str = "grant-1", token: str = FIRST_TOKEN) -> None:
    """Alice has allowed Photos something, and Photos holds its first refresh token."""
    if unit.clients.get(PHOTOS.client_id) is None:
        unit.clients.add(PHOTOS)
    unit.grants.add(a_grant(grant_id))
    unit.refresh_tokens.put(a_token(token, grant_id))


def refreshed(unit: Unit, token: str, now: int = NOON) -> Issue:
    """One refresh, as the token endpoint does it. Raises OAuthError."""
    client = unit.clients.get(PHOTOS.client_id)
    assert client is not None
    presented = unit.refresh_tokens.present(digest_of(token))
    dice = refresh_token.Dice(
        f"flx_refresh_{SYSTEM.random(16).hex()}", SYSTEM.random(12), SYSTEM.random(6).hex()
    )
    issue = refresh_token.rotate(Refresh(token, None), client, presented, dice, Lifetimes(), now)
    if issue.kept is not None:
        unit.refresh_tokens.put(issue.kept)
    return issue


def generations(unit: Unit, *tokens: str) -> list[int | None]:
    """The generation of each token that the store knows; None for those it does not."""
    found = [unit.refresh_tokens.present(digest_of(token)) for token in tokens]
    return [presented.token.generation if presented else None for presented in found]


def digest(text: str) -> Digest:
    """The digest of a token or code."""
    return digest_of(text)
