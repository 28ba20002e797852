"""A Flextell of a few lines: it checks what the sample app sends and remembers what it was sent."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from photos.https import Answer

ISSUER = "https://flextell.example"
CLIENT_ID = "0192f0c1-7d4e-7aaa-8000-photos photos"
CLIENT_SECRET = "a secret: with signs & letters+"
REDIRECT_URI = "https://localhost:9443/callback"


@dataclass
class FakeFlextell:
    """Stands in for `photos.https.over_https`; every token it issues is numbered."""

    lifetime: int = 3600
    metadata: dict[str, Any] = field(
        default_factory=lambda: {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/oauth/authorize",
            "token_endpoint": f"{ISSUER}/oauth/token",
            "revocation_endpoint": f"{ISSUER}/oauth/revoke",
            "authorization_response_iss_parameter_supported": True,
        }
    )
    instead: dict[str, Answer | Exception] = field(default_factory=dict)
    before: Callable[[str, str], None] = lambda path, access_token: None
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    challenges: dict[str, str] = field(default_factory=dict)
    refresh_tokens: set[str] = field(default_factory=set)
    access_tokens: set[str] = field(default_factory=set)
    issued: list[str] = field(default_factory=list)

    def authorize(self, url: str) -> dict[str, str]:
        """Alice allows what stands in `url`: the parameters of the redirect back."""
        asked = {name: value for name, [value] in parse_qs(urlsplit(url).query).items()}
        assert url.startswith(f"{ISSUER}/oauth/authorize?")
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert asked["redirect_uri"] == REDIRECT_URI
        assert asked["scope"] == "account:read customers:read"
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self.challenges)}"
        self.challenges[code] = asked["code_challenge"]
        return {"code": code, "state": asked["state"], "iss": ISSUER}

    def __call__(
        self, url: str, *, headers: Mapping[str, str], form: Mapping[str, str] | None = None
    ) -> Answer:
        path = urlsplit(url).path
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        self.asked.append((path, dict(form or headers)))
        self.before(path, token)
        instead = self.instead.pop(path, None)
        if isinstance(instead, Exception):
            raise instead
        if instead:
            return instead
        if form is not None:
            assert headers["Authorization"] == _basic()
        match path:
            case "/.well-known/oauth-authorization-server":
                return says(200, self.metadata)
            case "/oauth/token":
                return self._token(dict(form or {}))
            case "/oauth/revoke":
                return self._revoke(dict(form or {}))
        if token not in self.access_tokens:
            return INVALID_TOKEN
        if path == "/api/v1/account/tenants":
            return says(200, {"data": [{"id": 7, "name": "Bright Clinic"}]})
        assert (path, headers["X-Tenant"]) == ("/api/v1/customers", "7")
        return says(200, {"data": [CAROL], "meta": {"total": 41}})

    def _token(self, form: dict[str, str]) -> Answer:
        if form["grant_type"] == "authorization_code":
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            assert self.challenges.pop(form["code"]) == challenge
            assert form["redirect_uri"] == REDIRECT_URI
        elif form["refresh_token"] not in self.refresh_tokens:
            return REFUSED_GRANT
        else:
            self.refresh_tokens.remove(form["refresh_token"])
        number = len(self.issued) // 2
        access, refresh = f"access-token-{number}", f"refresh-token-{number}"
        self.issued += [access, refresh]
        self.access_tokens.add(access)
        self.refresh_tokens.add(refresh)
        return says(
            200,
            {
                "access_token": access,
                "refresh_token": refresh,
                "token_type": "Bearer",
                "expires_in": self.lifetime,
            },
        )

    def _revoke(self, form: dict[str, str]) -> Answer:
        self.access_tokens.discard(form["token"])
        self.refresh_tokens.discard(form["token"])
        return says(200, {})

    def times(self, path: str) -> int:
        """How often `path` was asked for."""
        return sum(asked == path for asked, _ in self.asked)


def says(status: int, body: dict[str, Any], **headers: str) -> Answer:
    """An answer with a JSON body; `_` in a header's name stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, named, json.dumps(body).encode())


def callback_path(said: Mapping[str, str]) -> str:
    """Where the browser goes when it is sent back with `said`."""
    return f"/callback?{urlencode(said)}"


def _basic() -> str:
    """RFC 6749 section 2.3.1, written out by hand so that a wrong encoding shows."""
    pair = "0192f0c1-7d4e-7aaa-8000-photos+photos:a+secret%3A+with+signs+%26+letters%2B"
    assert unquote_plus(pair) == f"{CLIENT_ID}:{CLIENT_SECRET}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


CAROL = {
    "id": 1,
    "first_name": "Carol",
    "last_name": "<b>Öz</b>",
    "email": "carol@example.com",
    "phone_number": None,
}
INVALID_TOKEN = says(
    401,
    {"error": "invalid_token", "message": "The access token was revoked. Connect again."},
    www_authenticate='Bearer error="invalid_token"',
)
REFUSED_GRANT = says(
    400, {"error": "invalid_grant", "error_description": "The refresh token was revoked."}
)
