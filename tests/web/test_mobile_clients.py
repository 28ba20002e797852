"""The requests of the two mobile clients, one by one, as they send them (wire §d.1, §d.4).

Both use AppAuth. A3, A4 and B5 go to the API.
"""

from base64 import b64encode
from json import loads
from urllib.parse import quote_plus

import pytest
from httpx2 import AsyncClient, Response
from joserfc import jws

from flextell.oauth import scopes
from tests.web.conftest import Someone, add_app
from tests.web.flows import App, answer, challenge_of, follow, sent_back, sign_in
from tests.world import ISSUER, PASSWORD, World

pytestmark = pytest.mark.anyio

FORM = "application/x-www-form-urlencoded"
VERIFIER = "9zXgPk2HkGqkQ7aYg8Vb6w0JX7bHk3K0pZxvY2uJt1o"
STATE = "Wc2Lr0dyq7VqkU4bM3RmFg"
NONCE = "rK3sC1xNQpYy9Qm3fL0G5w"
SECRET = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5hJ7k"

A_URI = "com.example.flextellcase://oauth-callback"
A_SCOPE = "account:read tenants:read customers:read"
B_URI = "com.example.flutter_application_flextell_case://oauth-callback"
B_SCOPE = "openid profile email offline_access customers:read"


def register(world: World, uri: str, scope: str, secret: str | None) -> App:
    return add_app(
        world,
        secret=secret,
        redirect_uris=(uri,),
        scopes=scopes.parse(scope),
        default_scopes=scopes.parse("customers:read"),
    )


async def authorize(browser: AsyncClient, app: App, scope: str, someone: Someone) -> Response:
    """A1 and B2: AppAuth always adds state, nonce and PKCE; then the person signs in and agrees."""
    query = {
        "redirect_uri": app.redirect_uri,
        "client_id": app.client_id,
        "response_type": "code",
        "state": STATE,
        "nonce": NONCE,
        "scope": scope,
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    first = await follow(browser, await browser.get("/oauth/authorize", params=query))
    page = await sign_in(browser, first, someone.email, PASSWORD)
    return await answer(browser, page, "allow")


def comes_back(response: Response, uri: str) -> str:
    """The code, if the operating system would hand this address to the app."""
    assert response.headers["location"].startswith(f"{uri}?")
    said = sent_back(response)
    assert said["state"] == STATE
    assert "error" not in said
    return said["code"]


async def exchange(browser: AsyncClient, app: App, code: str) -> Response:
    """A2 and B3: Basic and no client_id in the body; or client_id in the body and no proof."""
    form = (
        f"code={quote_plus(code)}&grant_type=authorization_code"
        f"&redirect_uri={quote_plus(app.redirect_uri)}&code_verifier={VERIFIER}"
    )
    headers = {"content-type": FORM, "accept": "application/json"}
    if app.secret is None:
        form += f"&client_id={app.client_id}"
    else:
        pair = f"{quote_plus(app.client_id)}:{quote_plus(app.secret)}".encode()
        headers["authorization"] = f"Basic {b64encode(pair).decode()}"
    return await browser.post("/oauth/token", content=form, headers=headers)


def appauth_reads(response: Response) -> dict[str, str]:
    """What AppAuth takes from a token response on both systems, or it fails."""
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/json")
    tokens = response.json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["access_token"]
    assert type(tokens["expires_in"]) is int
    assert tokens["expires_in"] > 30
    assert "expires_at" not in tokens
    return {name: str(value) for name, value in tokens.items()}


@pytest.mark.parametrize("secret", [SECRET, None], ids=["with a secret", "without"])
async def test_client_a_connects_and_refreshes(
    world: World, browser: AsyncClient, alice: Someone, secret: str | None
) -> None:
    """A1, A2, A5."""
    app = register(world, A_URI, A_SCOPE, secret)

    code = comes_back(await authorize(browser, app, A_SCOPE, alice), A_URI)
    first = appauth_reads(await exchange(browser, app, code))

    assert first["scope"].split() == sorted(A_SCOPE.split())
    refresh = (
        f"grant_type=refresh_token&refresh_token={quote_plus(first['refresh_token'])}"
        f"&redirect_uri={quote_plus(A_URI)}&scope={quote_plus(A_SCOPE)}"
    )
    headers = {"content-type": FORM}
    if secret is None:
        refresh += f"&client_id={app.client_id}"
    else:
        pair = f"{quote_plus(app.client_id)}:{quote_plus(secret)}".encode()
        headers["authorization"] = f"Basic {b64encode(pair).decode()}"
    response = await browser.post("/oauth/token", content=refresh, headers=headers)
    second = appauth_reads(response)
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == first["scope"]


async def test_client_a_shows_what_the_person_refused(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    """A1: with `error` in the query it shows the error, if the state is its own."""
    app = register(world, A_URI, A_SCOPE, SECRET)
    query = {
        "redirect_uri": A_URI,
        "client_id": app.client_id,
        "response_type": "code",
        "state": STATE,
        "nonce": NONCE,
        "scope": A_SCOPE,
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    first = await follow(browser, await browser.get("/oauth/authorize", params=query))
    page = await sign_in(browser, first, alice.email, PASSWORD)

    response = await answer(browser, page, "deny")

    assert response.headers["location"].startswith(f"{A_URI}?error=access_denied&")
    assert sent_back(response)["state"] == STATE


async def test_client_b_discovers_connects_and_refreshes(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    """B1, B2, B3, B4, B6."""
    app = register(world, B_URI, B_SCOPE, SECRET)

    discovered = await browser.get("/.well-known/openid-configuration")
    document = discovered.json()
    assert discovered.status_code == 200
    for member in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        assert document[member].startswith("https://")
    for member in (
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
    ):
        assert isinstance(document[member], list)

    code = comes_back(await authorize(browser, app, B_SCOPE, alice), B_URI)
    first = appauth_reads(await exchange(browser, app, code))

    claims = jws.extract_compact(first["id_token"].encode()).payload
    appauth_accepts(claims, document["issuer"], app.client_id, world.clock.now)
    assert len(first["access_token"]) >= 20
    assert len(first["refresh_token"]) >= 20

    response = await browser.post(
        "/oauth/token",
        data={
            "grant_type": "refresh_token",
            "refresh_token": first["refresh_token"],
            "client_id": app.client_id,
            "client_secret": SECRET,
        },
    )
    appauth_reads(response)


def appauth_accepts(payload: bytes, issuer: str, client_id: str, now: int) -> None:
    """B3: the checks of an ID token, by which a login fails or not."""
    claims = loads(payload)
    assert claims["iss"] == issuer == ISSUER
    assert claims["iss"].startswith("https://")
    assert claims["aud"] == client_id
    assert claims["exp"] > now
    assert abs(claims["iat"] - now) < 600
    assert claims["nonce"] == NONCE
