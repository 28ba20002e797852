"""POST /oauth/token: what a code buys, once, for its own client (RFC 6749 §3.2, §4.1.3, §5)."""

import asyncio
from base64 import b64encode

import pytest
from httpx2 import AsyncClient, Response
from joserfc import jwt
from joserfc.jwk import KeySet

from flextell.oauth.model import digest_of
from tests.web.conftest import PHONE_APP, PHOTOS_APP, Browsers, OwnWorld, Someone, add_app
from tests.web.flows import (
    FORM_TYPE,
    VERIFIER,
    App,
    Proof,
    basic,
    code_for,
    error_of,
    exchange,
    introspect,
    ok,
    refresh,
    tokens_for,
)
from tests.web.raw import send_raw
from tests.world import ALICE, ISSUER, PASSWORD, PHONE, PHOTOS, SECRET, World

pytestmark = pytest.mark.anyio

# Every character that HTTP Basic, forms or both could trip over.
DIFFICULT_SECRET = "a:b+c%20d&e=f/é ü?\"';" + "x" * 30


def refused(response: Response) -> tuple[int, str]:
    """Status and code of an error that is shaped and kept out of caches as it must be."""
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"
    return response.status_code, error_of(response)


async def test_a_code_buys_tokens_of_the_documented_shape(
    browser: AsyncClient, alice: Someone
) -> None:
    """RFC 6749 §5.1, wire §b.5."""
    code = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    response = await exchange(browser, PHOTOS_APP, code)

    tokens = ok(response)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["pragma"] == "no-cache"
    assert list(tokens) == ["access_token", "token_type", "expires_in", "refresh_token", "scope"]
    assert tokens["token_type"] == "Bearer"
    assert type(tokens["expires_in"]) is int
    assert tokens["expires_in"] == 3600
    assert tokens["refresh_token"].startswith("flx_refresh_")
    assert tokens["scope"] == "account:read customers:read"


async def test_the_access_token_is_a_signed_jwt_that_others_can_check(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    """RFC 9068 §2, with another library and the published keys."""
    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    keys = KeySet.import_key_set((await browser.get("/.well-known/jwks.json")).json())
    token = jwt.decode(tokens["access_token"], keys, algorithms=["ES256"])
    assert token.header["typ"] == "at+jwt"
    jti = token.claims.pop("jti")
    assert token.claims == {
        "iss": ISSUER,
        "sub": alice.subject,
        "aud": f"{ISSUER}/api",
        "exp": world.clock.now + 3600,
        "iat": world.clock.now,
        "client_id": PHOTOS.client_id,
        "scope": "account:read customers:read",
    }
    assert len(jti) >= 22


async def test_openid_brings_an_id_token_bound_to_the_request(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    """OpenID Connect Core §2, §3.1.3.6."""
    tokens = await tokens_for(
        browser, PHOTOS_APP, alice.email, PASSWORD, scope="openid", nonce="n-1"
    )

    keys = KeySet.import_key_set((await browser.get("/.well-known/jwks.json")).json())
    claims = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims
    assert claims.pop("at_hash")
    assert claims == {
        "iss": ISSUER,
        "sub": alice.subject,
        "aud": PHOTOS.client_id,
        "exp": world.clock.now + 600,
        "iat": world.clock.now,
        "auth_time": world.clock.now,
        "nonce": "n-1",
    }


# Client authentication (RFC 6749 §2.3)


@pytest.mark.parametrize("first", ["basic", "body"])
@pytest.mark.parametrize("then", ["basic", "body"])
async def test_a_client_may_prove_itself_one_way_and_the_other_the_next_time(
    browser: AsyncClient, alice: Someone, first: Proof, then: Proof
) -> None:
    """Wire §d.5: Basic for the exchange, the body for the refresh, by the same client."""
    code = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    tokens = ok(await exchange(browser, PHOTOS_APP, code, first))

    ok(await refresh(browser, PHOTOS_APP, tokens["refresh_token"], then))


@pytest.mark.parametrize("proof", ["basic", "body"])
async def test_id_and_secret_may_hold_any_character(
    world: World, browser: AsyncClient, alice: Someone, proof: Proof
) -> None:
    """RFC 6749 §2.3.1: both are form-encoded before they are joined by a colon."""
    app = add_app(world, secret=DIFFICULT_SECRET, client_id=f"an:id+with%20all {alice.email}")
    code = await code_for(browser, app, alice.email, PASSWORD)

    ok(await exchange(browser, app, code, proof))


async def test_a_public_client_names_itself_and_proves_nothing(
    browser: AsyncClient, alice: Someone
) -> None:
    code = await code_for(browser, PHONE_APP, alice.email, PASSWORD)

    ok(await exchange(browser, PHONE_APP, code, "none"))


async def test_a_public_client_may_write_basic_with_an_empty_secret(
    browser: AsyncClient, alice: Someone
) -> None:
    code = await code_for(browser, PHONE_APP, alice.email, PASSWORD)

    ok(
        await exchange(
            browser,
            App(PHONE.client_id, PHONE_APP.redirect_uri, ""),
            code,
            "basic",
            code_verifier=VERIFIER,
        )
    )


async def test_both_ways_at_once_are_refused_and_the_code_stays_good(
    browser: AsyncClient, alice: Someone
) -> None:
    """RFC 6749 §2.3: not more than one method in each request."""
    code = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    both = await exchange(browser, PHOTOS_APP, code, "basic", client_secret=SECRET)

    assert refused(both) == (400, "invalid_request")
    ok(await exchange(browser, PHOTOS_APP, code))


async def test_the_client_id_may_stand_in_the_body_beside_basic_if_it_is_the_same(
    browser: AsyncClient, alice: Someone
) -> None:
    code = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    other = await exchange(browser, PHOTOS_APP, code, "basic", client_id=PHONE.client_id)
    same = await exchange(browser, PHOTOS_APP, code, "basic", client_id=PHOTOS.client_id)

    assert refused(other) == (400, "invalid_request")
    ok(same)


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic " + b64encode(b"no colon").decode(),
        "Basic " + b64encode(b":no id").decode(),
        "Basic " + b64encode(b"\xff\xfe:x").decode(),
        "Basic " + b64encode(b"nobody:x").decode(),
        "Basic " + b64encode(PHOTOS.client_id.encode() + b":wrong").decode(),
        "Basic " + b64encode(b"c" * 300 + b":x").decode(),
        "Bearer " + SECRET,
        "Digest username=x",
        SECRET,
    ],
)
async def test_a_failed_basic_gets_a_challenge(
    browser: AsyncClient, alice: Someone, authorization: str
) -> None:
    """RFC 6749 §5.2: 401, and the scheme that the client used."""
    response = await browser.post(
        "/oauth/token",
        data={"grant_type": "refresh_token", "refresh_token": "x"},
        headers={"authorization": authorization},
    )

    assert refused(response) == (401, "invalid_client")
    assert response.headers["www-authenticate"] == 'Basic realm="flextell", charset="UTF-8"'


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"client_id": "nobody", "client_secret": SECRET},
        {"client_id": PHOTOS.client_id},
        {"client_id": PHOTOS.client_id, "client_secret": ""},
        {"client_id": PHOTOS.client_id, "client_secret": SECRET + "x"},
        {"client_id": PHONE.client_id, "client_secret": "x"},
    ],
)
async def test_a_failure_in_the_body_gets_no_challenge(
    browser: AsyncClient, fields: dict[str, str]
) -> None:
    """RFC 6749 §5.2; and browsers must not ask their person for a password."""
    response = await browser.post(
        "/oauth/token", data={"grant_type": "refresh_token", "refresh_token": "x", **fields}
    )

    assert refused(response) == (401, "invalid_client")
    assert "www-authenticate" not in response.headers


async def test_an_unknown_client_and_a_wrong_secret_are_told_the_same(
    browser: AsyncClient,
) -> None:
    wrong = await refresh(browser, App(PHOTOS.client_id, "", "wrong"), "x")
    unknown = await refresh(browser, App("nobody", "", "wrong"), "x")

    assert wrong.content == unknown.content


async def test_two_authorization_headers_are_refused(world: World) -> None:
    header = (b"authorization", basic(PHOTOS.client_id, SECRET)["authorization"].encode())
    form = (b"content-type", b"application/x-www-form-urlencoded")

    answered = await send_raw(
        world.app,
        "POST",
        "/oauth/token",
        headers=[form, header, header],
        body=b"grant_type=refresh_token&refresh_token=x",
    )

    assert answered.status == 400
    assert b"invalid_request" in answered.body


async def test_a_rotated_secret_is_void_at_once_and_the_grant_lives_on(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    app = add_app(world)
    tokens = await tokens_for(browser, app, alice.email, PASSWORD)
    await world.parts.store.write(
        lambda unit: unit.clients.replace_secret(app.client_id, digest_of("another" * 6))
    )

    old = await refresh(browser, app, tokens["refresh_token"])
    new = await refresh(
        browser, App(app.client_id, app.redirect_uri, "another" * 6), tokens["refresh_token"]
    )

    assert refused(old) == (401, "invalid_client")
    ok(new)


async def test_a_deleted_client_gets_nothing_for_its_codes_and_tokens(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    app = add_app(world)
    tokens = await tokens_for(browser, app, alice.email, PASSWORD)
    code = await code_for(browser, app, alice.email, PASSWORD)
    await world.parts.store.write(lambda unit: unit.clients.delete(app.client_id, world.clock.now))

    assert refused(await exchange(browser, app, code)) == (401, "invalid_client")
    again = await refresh(browser, app, tokens["refresh_token"])
    assert refused(again) == (401, "invalid_client")


# What a code is bound to


async def test_a_replayed_code_ends_the_whole_grant(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    """RFC 6749 §4.1.2: a second use denies the request and revokes the tokens."""
    code = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    first = ok(await exchange(browser, PHOTOS_APP, code))
    second = ok(await refresh(browser, PHOTOS_APP, first["refresh_token"]))

    replay = await exchange(browser, PHOTOS_APP, code)

    assert refused(replay) == (400, "invalid_grant")
    for tokens in (first, second):
        for kind in ("access_token", "refresh_token"):
            assert await introspect(browser, PHOTOS_APP, tokens[kind]) == {"active": False}
    after = await refresh(browser, PHOTOS_APP, second["refresh_token"])
    assert refused(after) == (400, "invalid_grant")


async def test_of_many_exchanges_at_once_one_succeeds_and_its_tokens_die(
    browser: AsyncClient, alice: Someone
) -> None:
    code = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    responses = await asyncio.gather(*(exchange(browser, PHOTOS_APP, code) for _ in range(20)))

    [won] = [response for response in responses if response.status_code == 200]
    lost = [response for response in responses if response is not won]
    assert {refused(response) for response in lost} == {(400, "invalid_grant")}
    assert await introspect(browser, PHOTOS_APP, won.json()["access_token"]) == {"active": False}


async def test_a_code_expires_after_a_minute(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    """RFC 6749 §4.1.2."""
    in_time = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    world.clock.advance(59)
    ok(await exchange(browser, PHOTOS_APP, in_time))
    late = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    world.clock.advance(60)

    response = await exchange(browser, PHOTOS_APP, late)

    assert refused(response) == (400, "invalid_grant")
    assert "expired" in response.json()["message"]


@pytest.mark.parametrize(
    "uri", ["https://photos.example/callback/", "http://127.0.0.1/callback", "x"]
)
async def test_a_code_is_bound_to_its_redirect_uri(
    browser: AsyncClient, alice: Someone, uri: str
) -> None:
    """RFC 6749 §4.1.3; another one that is registered will not do either."""
    code = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    response = await exchange(browser, PHOTOS_APP, code, redirect_uri=uri)

    assert refused(response) == (400, "invalid_grant")


async def test_a_code_is_bound_to_its_client(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    """RFC 6749 §4.1.3."""
    other = add_app(world)
    code = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    assert refused(await exchange(browser, other, code)) == (400, "invalid_grant")


async def test_a_failed_exchange_uses_the_code_up(browser: AsyncClient, alice: Someone) -> None:
    """Nobody may try verifiers or redirect URIs one after another."""
    code = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    await exchange(browser, PHOTOS_APP, code, redirect_uri="https://evil.example")

    assert refused(await exchange(browser, PHOTOS_APP, code)) == (400, "invalid_grant")


async def test_a_code_of_somebody_disabled_meanwhile_buys_nothing(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    code = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    await world.parts.store.write(
        lambda unit: unit.people.disable(alice.person_id, world.clock.now)
    )

    response = await exchange(browser, PHOTOS_APP, code)

    living = await world.parts.store.read(lambda unit: unit.grants.living(subject=alice.subject))
    assert refused(response) == (400, "invalid_grant")
    assert living == []


async def test_each_code_begins_a_grant_of_its_own(browser: AsyncClient, alice: Someone) -> None:
    """Two devices: what ends one leaves the other."""
    one = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    code = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    ok(await exchange(browser, PHOTOS_APP, code))
    await exchange(browser, PHOTOS_APP, code)

    ok(await refresh(browser, PHOTOS_APP, one["refresh_token"]))


# Requests that are wrong


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "AUTHORIZATION_CODE"}, "unsupported_grant_type"),
        ({"code": None}, "invalid_request"),
        ({"code": "echo-me"}, "invalid_grant"),
        ({"code": "x" * 513}, "invalid_request"),
        ({"code": "a\x00b"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"redirect_uri": "echo-me"}, "invalid_grant"),
        ({"code_verifier": "echo-me"}, "invalid_grant"),
        ({"code_verifier": "x" * 1001}, "invalid_request"),
    ],
)
async def test_what_is_wrong_with_an_exchange_is_said_and_nothing_repeated(
    browser: AsyncClient, alice: Someone, changed: dict[str, str | None], error: str
) -> None:
    """RFC 6749 §5.2."""
    code = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    response = await exchange(browser, PHOTOS_APP, code, **changed)

    assert refused(response) == (400, error)
    assert "echo-me" not in response.text


@pytest.mark.parametrize("name", ["grant_type", "code", "client_id", "redirect_uri", "made_up"])
async def test_a_repeated_parameter_is_refused(browser: AsyncClient, name: str) -> None:
    """RFC 6749 §3.2."""
    body = f"grant_type=authorization_code&code=x&redirect_uri=y&client_id=z&made_up=1&{name}=x"

    response = await browser.post("/oauth/token", content=body, headers=FORM_TYPE)

    assert refused(response) == (400, "invalid_request")
    assert name in response.json()["message"]


@pytest.mark.parametrize("name", ["resource", "audience"])
async def test_a_parameter_that_may_come_twice_may_come_twice(
    browser: AsyncClient, alice: Someone, name: str
) -> None:
    """RFC 8707 §2."""
    code = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": PHOTOS_APP.redirect_uri,
        name: ["https://a.example", "https://b.example"],
    }

    ok(await browser.post("/oauth/token", data=fields, auth=(PHOTOS.client_id, SECRET)))


@pytest.mark.parametrize("body", ["a=%ff", "a=%", "=%zz&b=%4", "&".join(["a=1"] * 101)])
async def test_a_body_that_is_no_form_is_refused(browser: AsyncClient, body: str) -> None:
    response = await browser.post("/oauth/token", content=body, headers=FORM_TYPE)

    assert refused(response) == (400, "invalid_request")


async def test_parameters_in_the_query_are_not_read(browser: AsyncClient, alice: Someone) -> None:
    """RFC 6749 §2.3.1: secrets must not stand in addresses, which are logged."""
    code = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    query = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": PHOTOS_APP.redirect_uri,
        "client_id": PHOTOS.client_id,
        "client_secret": SECRET,
    }

    response = await browser.post("/oauth/token", params=query, headers=FORM_TYPE)

    assert refused(response) == (401, "invalid_client")
    ok(await exchange(browser, PHOTOS_APP, code))


async def test_settings_change_algorithm_and_lifetime(
    own_world: OwnWorld, new_browser: Browsers
) -> None:
    async with own_world(
        access_token_algorithm="RS256", access_token_seconds=120, code_seconds=5
    ) as world:
        browser = new_browser(world)
        tokens = await tokens_for(browser, PHOTOS_APP, ALICE, PASSWORD)
        keys = KeySet.import_key_set((await browser.get("/.well-known/jwks.json")).json())
        code = await code_for(browser, PHOTOS_APP, ALICE, PASSWORD)
        world.clock.advance(5)

        assert tokens["expires_in"] == 120
        token = jwt.decode(tokens["access_token"], keys, algorithms=["RS256"])
        assert token.claims["sub"] == "sub-alice"
        assert refused(await exchange(browser, PHOTOS_APP, code)) == (400, "invalid_grant")
