"""The metadata and the key set: every member is tried (RFC 8414, RFC 7517, OIDC Discovery)."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from httpx2 import AsyncClient
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.web.conftest import GATEWAY_APP, PHOTOS_APP, Browsers, OwnWorld, Someone, add_app
from tests.web.flows import (
    Proof,
    asks,
    challenge_of,
    code_for,
    connect,
    error_of,
    exchange,
    is_consent,
    is_sign_in,
    ok,
    post,
    refresh,
    sent_back,
    tokens_for,
    visit,
)
from tests.world import ALICE, ISSUER, PASSWORD, World

pytestmark = pytest.mark.anyio

METADATA = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]
KEY_SET = "/.well-known/jwks.json"
DAY = 24 * 3600

Check = Callable[[World, AsyncClient, Someone, Any], Awaitable[None]]


# How each member of the metadata is shown to be true: one function each, and none left out.


async def issuer(world: World, browser: AsyncClient, alice: Someone, value: str) -> None:
    said = sent_back(await connect(browser, asks(PHOTOS_APP), alice.email, PASSWORD))
    assert value == said["iss"] == world.parts.settings.issuer


async def authorization_endpoint(
    world: World, browser: AsyncClient, alice: Someone, value: str
) -> None:
    assert (await browser.get(value, params=asks(PHOTOS_APP))).status_code == 302


async def token_endpoint(world: World, browser: AsyncClient, alice: Someone, value: str) -> None:
    code = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": PHOTOS_APP.redirect_uri,
    }
    ok(await post(browser, value, PHOTOS_APP, form))


async def service_documentation(
    world: World, browser: AsyncClient, alice: Someone, value: str
) -> None:
    assert "API reference" in (await browser.get(value)).text


async def revocation_endpoint(
    world: World, browser: AsyncClient, alice: Someone, value: str
) -> None:
    assert (await post(browser, value, PHOTOS_APP, {"token": "x"})).status_code == 200


async def introspection_endpoint(
    world: World, browser: AsyncClient, alice: Someone, value: str
) -> None:
    assert (await post(browser, value, PHOTOS_APP, {"token": "x"})).json() == {"active": False}


async def revocation_feed_endpoint(
    world: World, browser: AsyncClient, alice: Someone, value: str
) -> None:
    assert ok(await post(browser, value, GATEWAY_APP, {"since": "0"}))["has_more"] is False


async def jwks_uri(world: World, browser: AsyncClient, alice: Someone, value: str) -> None:
    assert KeySet.import_key_set((await browser.get(value)).json())


async def scopes_supported(
    world: World, browser: AsyncClient, alice: Someone, value: list[str]
) -> None:
    app = add_app(world, scopes=frozenset(value), default_scopes=frozenset())
    tokens = await tokens_for(browser, app, alice.email, PASSWORD, scope=" ".join(value))
    assert tokens["scope"].split() == sorted(value)


async def response_types_supported(
    world: World, browser: AsyncClient, alice: Someone, value: list[str]
) -> None:
    assert value == ["code"]
    for each in value:
        request = asks(PHOTOS_APP, response_type=each)
        assert "code" in sent_back(await connect(browser, request, alice.email, PASSWORD))


async def response_modes_supported(
    world: World, browser: AsyncClient, alice: Someone, value: list[str]
) -> None:
    assert value == ["query"]
    for each in value:
        request = asks(PHOTOS_APP, response_mode=each)
        assert "code" in sent_back(await connect(browser, request, alice.email, PASSWORD))


async def grant_types_supported(
    world: World, browser: AsyncClient, alice: Someone, value: list[str]
) -> None:
    assert sorted(value) == ["authorization_code", "refresh_token"]
    first = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    ok(await refresh(browser, PHOTOS_APP, first["refresh_token"]))


async def prompt_values_supported(
    world: World, browser: AsyncClient, alice: Someone, value: list[str]
) -> None:
    await connect(browser, asks(PHOTOS_APP), alice.email, PASSWORD)
    seen = {each: await visit(browser, asks(PHOTOS_APP, prompt=each)) for each in value}
    assert set(seen) == {"none", "login", "consent"}
    assert "code" in sent_back(seen["none"])
    assert is_sign_in(seen["login"])
    assert is_consent(seen["consent"])


async def code_challenge_methods_supported(
    world: World, browser: AsyncClient, alice: Someone, value: list[str]
) -> None:
    assert value == ["S256"]
    challenge = {"code_challenge": challenge_of("v" * 43), "code_challenge_method": value[0]}
    code = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD, **challenge)
    ok(await exchange(browser, PHOTOS_APP, code, code_verifier="v" * 43))


PROOFS: dict[str, Proof] = {
    "client_secret_basic": "basic",
    "client_secret_post": "body",
    "none": "none",
}


async def token_endpoint_auth_methods_supported(
    world: World, browser: AsyncClient, alice: Someone, value: list[str]
) -> None:
    assert set(value) == set(PROOFS)
    for each in value:
        app = add_app(world, secret=None if each == "none" else "s" * 40)
        code = await code_for(browser, app, alice.email, PASSWORD)
        ok(await exchange(browser, app, code, PROOFS[each]))


async def revocation_endpoint_auth_methods_supported(
    world: World, browser: AsyncClient, alice: Someone, value: list[str]
) -> None:
    assert set(value) == set(PROOFS)
    for each in value:
        app = add_app(world, secret=None if each == "none" else "s" * 40)
        response = await post(browser, "/oauth/revoke", app, {"token": "x"}, PROOFS[each])
        assert response.status_code == 200


async def introspection_endpoint_auth_methods_supported(
    world: World, browser: AsyncClient, alice: Someone, value: list[str]
) -> None:
    public = add_app(world, secret=None)
    refused = await post(browser, "/oauth/introspect", public, {"token": "x"})
    assert set(value) == set(PROOFS) - {"none"}
    assert error_of(refused) == "invalid_client"
    for each in value:
        response = await post(
            browser, "/oauth/introspect", PHOTOS_APP, {"token": "x"}, PROOFS[each]
        )
        assert response.status_code == 200


async def revocation_feed_endpoint_auth_methods_supported(
    world: World, browser: AsyncClient, alice: Someone, value: list[str]
) -> None:
    refused = await post(browser, "/oauth/revocations", add_app(world, secret=None), {})
    assert set(value) == set(PROOFS) - {"none"}
    assert error_of(refused) == "invalid_client"
    for each in value:
        ok(await post(browser, "/oauth/revocations", GATEWAY_APP, {"since": "0"}, PROOFS[each]))


async def authorization_response_iss_parameter_supported(
    world: World, browser: AsyncClient, alice: Someone, value: bool
) -> None:
    refused = await browser.get("/oauth/authorize", params=asks(PHOTOS_APP, scope="nonsense"))
    assert value is ("iss" in sent_back(refused)) is True


async def subject_types_supported(
    world: World, browser: AsyncClient, alice: Someone, value: list[str]
) -> None:
    other = add_app(world)
    subjects = set()
    for app in (PHOTOS_APP, other):
        tokens = await tokens_for(browser, app, alice.email, PASSWORD)
        described = await post(
            browser, "/oauth/introspect", GATEWAY_APP, {"token": tokens["access_token"]}
        )
        subjects.add(described.json()["sub"])
    assert value == ["public"]
    assert subjects == {alice.subject}


async def id_token_of(browser: AsyncClient, alice: Someone) -> jwt.Token:
    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD, scope="openid", nonce="n")
    keys = KeySet.import_key_set((await browser.get(KEY_SET)).json())
    return jwt.decode(tokens["id_token"], keys, algorithms=["RS256", "ES256"])


async def id_token_signing_alg_values_supported(
    world: World, browser: AsyncClient, alice: Someone, value: list[str]
) -> None:
    assert value == [(await id_token_of(browser, alice)).header["alg"]] == ["RS256"]


async def claims_supported(
    world: World, browser: AsyncClient, alice: Someone, value: list[str]
) -> None:
    assert set(value) == set((await id_token_of(browser, alice)).claims)


async def claims_parameter_supported(
    world: World, browser: AsyncClient, alice: Someone, value: bool
) -> None:
    request = asks(PHOTOS_APP, claims='{"id_token": {"email": {"essential": true}}}')
    assert value is False
    assert "code" in sent_back(await connect(browser, request, alice.email, PASSWORD))


async def request_parameter_supported(
    world: World, browser: AsyncClient, alice: Someone, value: bool
) -> None:
    response = await browser.get("/oauth/authorize", params=asks(PHOTOS_APP, request="x"))
    assert value is False
    assert sent_back(response)["error"] == "request_not_supported"


async def request_uri_parameter_supported(
    world: World, browser: AsyncClient, alice: Someone, value: bool
) -> None:
    response = await browser.get("/oauth/authorize", params=asks(PHOTOS_APP, request_uri="x"))
    assert value is False
    assert sent_back(response)["error"] == "request_uri_not_supported"


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        issuer,
        authorization_endpoint,
        token_endpoint,
        service_documentation,
        revocation_endpoint,
        introspection_endpoint,
        revocation_feed_endpoint,
        jwks_uri,
        scopes_supported,
        response_types_supported,
        response_modes_supported,
        grant_types_supported,
        prompt_values_supported,
        code_challenge_methods_supported,
        token_endpoint_auth_methods_supported,
        revocation_endpoint_auth_methods_supported,
        introspection_endpoint_auth_methods_supported,
        revocation_feed_endpoint_auth_methods_supported,
        authorization_response_iss_parameter_supported,
        subject_types_supported,
        id_token_signing_alg_values_supported,
        claims_supported,
        claims_parameter_supported,
        request_parameter_supported,
        request_uri_parameter_supported,
    )
}


async def test_every_member_is_one_that_is_tried_below(browser: AsyncClient) -> None:
    for path in METADATA:
        assert set((await browser.get(path)).json()) == set(CHECKS)


@pytest.mark.parametrize("member", CHECKS)
async def test_every_member_is_true(
    world: World, browser: AsyncClient, alice: Someone, member: str
) -> None:
    """RFC 8414 §2: what is announced works, and what is denied does not."""
    document = (await browser.get(METADATA[0])).json()

    await CHECKS[member](world, browser, alice, document[member])


async def test_both_addresses_say_the_same(browser: AsyncClient) -> None:
    oauth, openid = [await browser.get(path) for path in METADATA]

    assert oauth.content == openid.content
    assert oauth.json()["issuer"] == ISSUER


async def test_an_openid_library_finds_all_it_insists_on(browser: AsyncClient) -> None:
    """OpenID Connect Discovery §3, REQUIRED members; wire §d B1."""
    response = await browser.get("/.well-known/openid-configuration")

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert {
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
    } <= set(response.json())
    assert "RS256" in response.json()["id_token_signing_alg_values_supported"]


@pytest.mark.parametrize("path", [*METADATA, KEY_SET])
async def test_documents_may_be_kept_for_minutes_and_asked_about_by_tag(
    browser: AsyncClient, path: str
) -> None:
    """RFC 9110 §13.1.2, §15.4.5."""
    response = await browser.get(path)
    tag = response.headers["etag"]

    same = await browser.get(path, headers={"if-none-match": tag})
    listed = await browser.get(path, headers={"if-none-match": f'"x", {tag}'})
    other = await browser.get(path, headers={"if-none-match": '"other"'})

    assert response.headers["cache-control"] == "public, max-age=300"
    assert response.headers["access-control-allow-origin"] == "*"
    for unchanged in (same, listed):
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert unchanged.headers["etag"] == tag
        assert unchanged.headers["cache-control"] == "public, max-age=300"
        assert "content-length" not in unchanged.headers
    assert other.content == response.content


@pytest.mark.parametrize("path", [*METADATA, KEY_SET])
async def test_documents_can_only_be_read(browser: AsyncClient, path: str) -> None:
    response = await browser.post(path)
    head = await browser.head(path)

    assert (response.status_code, error_of(response)) == (405, "method_not_allowed")
    assert response.headers["allow"] == "GET, HEAD"
    assert (head.status_code, head.content) == (200, b"")


async def test_the_key_set_holds_public_halves_only(browser: AsyncClient) -> None:
    """RFC 7517 §4, RFC 7518 §6."""
    keys = (await browser.get(KEY_SET)).json()["keys"]

    assert {(key["kty"], key["alg"], key["use"]) for key in keys} == {
        ("EC", "ES256", "sig"),
        ("RSA", "RS256", "sig"),
    }
    assert len({key["kid"] for key in keys}) == 2
    for key in keys:
        assert not set(key) & {"d", "p", "q", "dp", "dq", "qi", "k"}


# Rotation


async def published(browser: AsyncClient) -> set[str]:
    """The key ids of the key set."""
    return {key["kid"] for key in (await browser.get(KEY_SET)).json()["keys"]}


async def signed_with(browser: AsyncClient) -> tuple[str, str]:
    """The key ids of a fresh access token and a fresh ID token."""
    tokens = await tokens_for(browser, PHOTOS_APP, ALICE, PASSWORD, scope="openid")
    keys = KeySet.import_key_set((await browser.get(KEY_SET)).json())
    access = jwt.decode(tokens["access_token"], keys, algorithms=["ES256"])
    identity = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"])
    return access.header["kid"], identity.header["kid"]


async def test_a_new_key_is_published_before_it_signs_and_the_old_one_until_its_last_token_ended(
    own_world: OwnWorld, new_browser: Browsers
) -> None:
    """Nobody meets a token whose key they cannot have fetched, nor loses one that is alive."""
    async with own_world() as world:
        browser, clock = new_browser(world), world.clock
        old = await published(browser)
        old_access, old_identity = await signed_with(browser)

        clock.advance(90 * DAY)
        await world.parts.keyring.catch_up()
        coming = await published(browser)
        assert coming > old
        assert len(coming) == 4
        assert await signed_with(browser) == (old_access, old_identity)

        clock.advance(2 * 300 - 1)
        last = await tokens_for(browser, PHOTOS_APP, ALICE, PASSWORD)
        assert await signed_with(browser) == (old_access, old_identity)

        clock.advance(1)
        await world.parts.keyring.catch_up()
        new_access, new_identity = await signed_with(browser)
        assert {new_access, new_identity} == coming - old
        assert await published(browser) == coming

        clock.advance(3600 - 2)
        await world.parts.keyring.catch_up()
        asked = await post(
            browser, "/oauth/introspect", GATEWAY_APP, {"token": last["access_token"]}
        )
        assert asked.json()["active"]

        # Lives may have been longer yesterday: a key stays as long as any token of it can live.
        clock.advance(DAY - 3600 + 1)
        await world.parts.keyring.catch_up()
        assert await published(browser) == coming

        clock.advance(1)
        await world.parts.keyring.catch_up()
        assert await published(browser) == coming - old


async def test_the_tag_changes_with_the_keys(own_world: OwnWorld, new_browser: Browsers) -> None:
    async with own_world() as world:
        browser = new_browser(world)
        before = (await browser.get(KEY_SET)).headers["etag"]
        world.clock.advance(90 * DAY)
        await world.parts.keyring.catch_up()

        response = await browser.get(KEY_SET, headers={"if-none-match": before})

        assert response.status_code == 200
        assert response.headers["etag"] != before


async def test_another_id_token_algorithm_is_announced_as_soon_as_it_may_be_met(
    own_world: OwnWorld, new_browser: Browsers
) -> None:
    async with own_world(id_token_algorithm="ES256") as world:
        document = (await new_browser(world).get(METADATA[1])).json()

        assert document["id_token_signing_alg_values_supported"] == ["ES256"]
