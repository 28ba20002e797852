"""GET and POST /oauth/authorize: who may ask, what is refused and where the refusal goes."""

from urllib.parse import urlencode

import pytest
from httpx2 import AsyncClient, Response

from tests.web.conftest import (
    PHONE_APP,
    PHOTOS_APP,
    Browsers,
    OwnWorld,
    Someone,
    add_app,
)
from tests.web.flows import (
    FORM_TYPE,
    answer,
    asks,
    challenge_of,
    code_for,
    connect,
    error_of,
    exchange,
    is_consent,
    is_sign_in,
    ok,
    sent_back,
    sign_in,
    submit,
    tokens_for,
    visit,
)
from tests.web.raw import send_raw
from tests.world import ISSUER, PASSWORD, PHONE, PHOTOS, World

pytestmark = pytest.mark.anyio

CALLBACK = PHOTOS_APP.redirect_uri
WEIRD_STATES = [
    "a b/c&d=e#f?g;h",
    "%41%zz%",
    "+ +",
    "Straße-журнал-😀",
    "\"'><script>alert(1)</script>",
    '{"n": [1, 2]}\\',
    "x" * 4096,
]


def back_at(app_uri: str, response: Response) -> dict[str, str]:
    """What a redirect to this app says, once it names the issuer (RFC 9207 §2)."""
    assert response.status_code in (302, 303)
    assert response.headers["location"].startswith(app_uri + ("&" if "?" in app_uri else "?"))
    assert response.headers["cache-control"] == "no-store"
    said = sent_back(response)
    assert said.pop("iss") == ISSUER
    return said


def is_error_page(response: Response, status: int = 400) -> bool:
    """Whether a person is told something, and sent nowhere."""
    return (
        response.status_code == status
        and "location" not in response.headers
        and response.headers["content-type"] == "text/html; charset=utf-8"
        and "<h1>" in response.text
    )


async def ask(browser: AsyncClient, parameters: dict[str, str]) -> Response:
    return await browser.get("/oauth/authorize", params=parameters)


async def refused(browser: AsyncClient, **changed: str | None) -> tuple[str, str]:
    """The error code and the description that Photos is sent; its state came along."""
    said = back_at(CALLBACK, await ask(browser, asks(PHOTOS_APP, **changed)))
    assert said.pop("state") == "a-state"
    assert set(said) == {"error", "error_description"}
    assert said["error_description"].isascii()
    return said["error"], said["error_description"]


async def test_a_person_who_agrees_brings_the_app_a_code(
    browser: AsyncClient, alice: Someone
) -> None:
    """RFC 6749 §4.1.2, RFC 9207 §2."""
    response = await connect(browser, asks(PHOTOS_APP), alice.email, PASSWORD)

    said = back_at(CALLBACK, response)
    assert set(said) == {"code", "state"}
    assert said["code"].startswith("flx_code_")
    assert len(said["code"]) >= 43
    assert response.headers["referrer-policy"] == "no-referrer"


async def test_an_app_that_follows_the_documentation_to_the_letter_works(
    browser: AsyncClient, alice: Someone
) -> None:
    """Wire §e 12: no state, no PKCE."""
    response = await connect(browser, asks(PHOTOS_APP, state=None), alice.email, PASSWORD)

    assert set(back_at(CALLBACK, response)) == {"code"}


@pytest.mark.parametrize(
    "uri",
    [
        "com.example.flutter_application_flextell_case://oauth-callback",
        "https://photos.example/with?a=1&b=%20",
        "https://photos.example/with?",
        "com.example.app:/callback",
    ],
)
async def test_the_answer_is_appended_to_the_redirect_uri_as_text(
    world: World, browser: AsyncClient, alice: Someone, uri: str
) -> None:
    """RFC 6749 §4.1.2; wire §d.5: a scheme with an underscore is no URI to a parser."""
    app = add_app(world, redirect_uris=(uri,))

    response = await connect(browser, asks(app), alice.email, PASSWORD)

    joint = "" if uri.endswith("?") else "&" if "?" in uri else "?"
    code = response.headers["location"].partition("code=")[2].partition("&")[0]
    expected = urlencode({"code": code, "state": "a-state", "iss": ISSUER})
    assert response.headers["location"] == f"{uri}{joint}{expected}"


@pytest.mark.parametrize(
    "uri",
    [
        "https://photos.example/callback/",
        "https://photos.example/callback?",
        "https://photos.example/callback?next=1",
        "https://photos.example/callback#x",
        "https://photos.example/Callback",
        "https://photos.example:443/callback",
        "HTTPS://photos.example/callback",
        "https://photos.example/%63allback",
        "https://photos.example/a/../callback",
        "https://photos.example",
        "https://photos.example.evil.example/callback",
        "https://photos.example@evil.example/callback",
        "http://photos.example/callback",
        "https://photos.example/callback ",
        "http://localhost:5000/callback",
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.1:5000/elsewhere",
        "http://127.0.0.1:5000@evil.example/callback",
        "http://127.0.0.1:port/callback",
        "https://127.0.0.1:5000/callback",
        "//evil.example",
        "/callback",
        "javascript:alert(1)",
        PHONE.redirect_uris[0],
        None,
        "",
    ],
)
async def test_another_redirect_uri_gets_a_page_and_no_redirect(
    browser: AsyncClient, uri: str | None
) -> None:
    """RFC 6749 §3.1.2.4, RFC 9700 §4.1.3: exact text."""
    response = await ask(browser, asks(PHOTOS_APP, redirect_uri=uri))

    assert is_error_page(response)
    assert "evil.example" not in response.text


async def test_a_loopback_redirect_may_use_any_port(browser: AsyncClient, alice: Someone) -> None:
    """RFC 8252 §7.3."""
    uri = "http://127.0.0.1:49152/callback"

    response = await connect(browser, asks(PHOTOS_APP, redirect_uri=uri), alice.email, PASSWORD)

    code = back_at(uri, response)["code"]
    ok(await exchange(browser, PHOTOS_APP, code, redirect_uri=uri))


@pytest.mark.parametrize(
    "client_id",
    [None, "", "nobody", PHOTOS.client_id.upper() + "x", f" {PHOTOS.client_id}", "\x00", "c" * 256],
)
async def test_an_unknown_client_gets_a_page_and_no_redirect(
    browser: AsyncClient, client_id: str | None
) -> None:
    """RFC 6749 §4.1.2.1."""
    assert is_error_page(await ask(browser, asks(PHOTOS_APP, client_id=client_id)))


async def test_a_deleted_client_gets_a_page(world: World, browser: AsyncClient) -> None:
    app = add_app(world)
    await world.parts.store.write(lambda unit: unit.clients.delete(app.client_id, world.clock.now))

    assert is_error_page(await ask(browser, asks(app)))


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_a_repeated_client_id_or_redirect_uri_is_never_trusted(
    browser: AsyncClient, name: str
) -> None:
    """RFC 6749 §3.1: which of the two was meant? So there is no place to go back to."""
    query = urlencode([*asks(PHOTOS_APP).items(), (name, "https://evil.example")])

    response = await browser.get(f"/oauth/authorize?{query}")

    assert is_error_page(response)
    assert "evil.example" not in response.text


@pytest.mark.parametrize(
    "name",
    ["response_type", "scope", "prompt", "nonce", "code_challenge", "login_hint", "made_up"],
)
async def test_any_other_repeated_parameter_goes_back_to_the_client(
    browser: AsyncClient, name: str
) -> None:
    """RFC 6749 §3.1, §4.1.2.1."""
    query = urlencode([*asks(PHOTOS_APP).items(), (name, "code"), (name, "code")])

    said = back_at(CALLBACK, await browser.get(f"/oauth/authorize?{query}"))

    assert said["error"] == "invalid_request"
    assert name in said["error_description"]
    assert said["state"] == "a-state"


async def test_a_repeated_state_is_refused_and_none_of_the_two_returned(
    browser: AsyncClient,
) -> None:
    query = urlencode([*asks(PHOTOS_APP).items(), ("state", "another")])

    said = back_at(CALLBACK, await browser.get(f"/oauth/authorize?{query}"))

    assert said == {
        "error": "invalid_request",
        "error_description": "state was sent more than once.",
    }


@pytest.mark.parametrize("state", WEIRD_STATES)
async def test_state_comes_back_unchanged_with_a_code(
    browser: AsyncClient, alice: Someone, state: str
) -> None:
    """RFC 6749 §4.1.2, through the sign-in and the consent page."""
    response = await connect(browser, asks(PHOTOS_APP, state=state), alice.email, PASSWORD)

    said = back_at(CALLBACK, response)
    assert said["state"] == state
    assert "code" in said


@pytest.mark.parametrize("state", WEIRD_STATES)
async def test_state_comes_back_unchanged_with_an_error(browser: AsyncClient, state: str) -> None:
    """RFC 6749 §4.1.2.1."""
    said = back_at(
        CALLBACK, await ask(browser, asks(PHOTOS_APP, state=state, response_type="token"))
    )

    assert said["state"] == state
    assert said["error"] == "unsupported_response_type"


async def test_an_empty_state_counts_as_none(browser: AsyncClient) -> None:
    """RFC 6749 §3.1: a parameter without a value is omitted."""
    said = back_at(CALLBACK, await ask(browser, asks(PHOTOS_APP, state="", scope="nonsense")))

    assert "state" not in said


async def test_no_scope_means_the_clients_default(browser: AsyncClient, alice: Someone) -> None:
    """Wire §e 13."""
    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    assert tokens["scope"] == "account:read customers:read"


async def test_an_older_name_of_a_scope_is_understood(browser: AsyncClient, alice: Someone) -> None:
    """Wire §e 14."""
    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD, scope="read:contacts")

    assert tokens["scope"] == "customers:read"


@pytest.mark.parametrize(
    "scope",
    ["made:up", "tags:read", "customers:read tags:read", "a  b", " customers:read", 'a"b', "ä"],
)
async def test_a_scope_that_is_unknown_or_not_the_clients_is_refused(
    browser: AsyncClient, scope: str
) -> None:
    """RFC 6749 §4.1.2.1."""
    assert (await refused(browser, scope=scope))[0] == "invalid_scope"


async def test_a_client_without_default_scopes_must_ask_for_some(
    world: World, browser: AsyncClient
) -> None:
    app = add_app(world, default_scopes=frozenset())

    said = back_at(app.redirect_uri, await ask(browser, asks(app)))

    assert said["error"] == "invalid_scope"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "CODE"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "https://photos.example/r"}, "request_uri_not_supported"),
        ({"prompt": "select_account"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "none consent"}, "invalid_request"),
        ({"prompt": "login  consent"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"max_age": "1.5"}, "invalid_request"),
        ({"max_age": "٣"}, "invalid_request"),
        ({"max_age": "9" * 10}, "invalid_request"),
        ({"nonce": "n" * 1025}, "invalid_request"),
        ({"scope": "s" * 2001}, "invalid_request"),
        ({"login_hint": "a" * 1001}, "invalid_request"),
        ({"nonce": "a\x00b"}, "invalid_request"),
        ({"scope": "a\nb"}, "invalid_request"),
        ({"login_hint": "a\x1bb"}, "invalid_request"),
    ],
)
async def test_what_is_wrong_with_a_request_goes_back_to_the_client(
    browser: AsyncClient, changed: dict[str, str | None], error: str
) -> None:
    """RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6."""
    assert (await refused(browser, **changed))[0] == error


async def test_response_mode_query_may_be_named(browser: AsyncClient, alice: Someone) -> None:
    request = asks(PHOTOS_APP, response_mode="query")

    assert "code" in back_at(CALLBACK, await connect(browser, request, alice.email, PASSWORD))


@pytest.mark.parametrize(
    "name",
    ["response_type", "scope", "prompt", "max_age", "response_mode", "code_challenge", "nonce"],
)
async def test_an_error_never_repeats_what_was_sent(browser: AsyncClient, name: str) -> None:
    value = "echo-me\x01"

    _, description = await refused(browser, **{name: value})

    assert "echo" not in description


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_an_error_page_never_repeats_what_was_sent(browser: AsyncClient, name: str) -> None:
    response = await ask(browser, asks(PHOTOS_APP, **{name: "echo-me"}))

    assert is_error_page(response)
    assert "echo-me" not in response.text


async def test_a_state_too_long_to_return_is_refused(browser: AsyncClient) -> None:
    said = back_at(CALLBACK, await ask(browser, asks(PHOTOS_APP, state="s" * 4097)))

    assert said == {"error": "invalid_request", "error_description": "state is too long."}


async def test_a_state_with_control_characters_is_refused_but_returned(
    browser: AsyncClient,
) -> None:
    """RFC 6749 Appendix A.5: VSCHAR. Escaped, it can do no harm in the address."""
    response = await ask(browser, asks(PHOTOS_APP, state="a\r\nset-cookie: b"))

    said = back_at(CALLBACK, response)
    assert said["error"] == "invalid_request"
    assert said["state"] == "a\r\nset-cookie: b"
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "query",
    [
        "nonce=%ff",
        "nonce=%c3%28",
        "nonce=%ed%a0%80",
        "nonce=%",
        "nonce=%4",
        "nonce=%g1",
        "%zz=1",
        "&".join(f"a{n}=1" for n in range(101)),
    ],
)
async def test_a_query_that_is_no_form_gets_a_page(browser: AsyncClient, query: str) -> None:
    """Bad UTF-8 and broken escapes: two readers would see two requests."""
    response = await browser.get(f"/oauth/authorize?{urlencode(asks(PHOTOS_APP))}&{query}")

    assert is_error_page(response)


async def test_an_absurdly_long_query_gets_a_page(world: World) -> None:
    """RFC 9110 §15.5.15."""
    query = urlencode(asks(PHOTOS_APP, made_up="x" * 70_000)).encode()

    answered = await send_raw(world.app, "GET", "/oauth/authorize", query=query)

    assert answered.status == 414
    assert answered.header(b"location") == b""
    assert b"<h1>" in answered.body


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
async def test_other_methods_are_told_which_ones_work(browser: AsyncClient, method: str) -> None:
    """RFC 9110 §15.5.6."""
    response = await browser.request(method, "/oauth/authorize", params=asks(PHOTOS_APP))

    assert is_error_page(response, 405)
    assert response.headers["allow"] == "GET, HEAD, POST"


# PKCE (RFC 7636, RFC 9700 §2.1.1)


async def test_a_public_client_must_use_pkce(browser: AsyncClient) -> None:
    request = asks(PHONE_APP, code_challenge=None, code_challenge_method=None)

    said = back_at(PHONE_APP.redirect_uri, await ask(browser, request))

    assert said["error"] == "invalid_request"
    assert "code_challenge" in said["error_description"]


async def test_an_app_that_is_registered_so_must_use_pkce(
    world: World, browser: AsyncClient
) -> None:
    app = add_app(world, require_pkce=True)

    said = back_at(app.redirect_uri, await ask(browser, asks(app)))

    assert said["error"] == "invalid_request"


async def test_a_setting_makes_everyone_use_pkce(
    own_world: OwnWorld, new_browser: Browsers
) -> None:
    async with own_world(require_pkce=True) as strict:
        browser = new_browser(strict)

        said = back_at(CALLBACK, await ask(browser, asks(PHOTOS_APP)))
        with_pkce = await ask(
            browser,
            asks(PHOTOS_APP, code_challenge=challenge_of("v" * 43), code_challenge_method="S256"),
        )

        assert said["error"] == "invalid_request"
        assert with_pkce.headers["location"].startswith("/sign-in?")


@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge": "v" * 43, "code_challenge_method": "plain"},
        {"code_challenge": "v" * 43},
        {"code_challenge": "v" * 43, "code_challenge_method": "s256"},
        {"code_challenge": "v" * 42, "code_challenge_method": "S256"},
        {"code_challenge": "v" * 43 + "=", "code_challenge_method": "S256"},
        {"code_challenge": "v" * 42 + "+", "code_challenge_method": "S256"},
        {"code_challenge_method": "S256"},
    ],
)
async def test_only_an_s256_challenge_is_taken(
    browser: AsyncClient, changed: dict[str, str | None]
) -> None:
    """RFC 7636 §4.3, §4.4.1: plain is refused, also where it would be the default."""
    assert (await refused(browser, **changed))[0] == "invalid_request"


@pytest.mark.parametrize(
    ("challenge", "verifier"),
    [
        (challenge_of("v" * 43), None),
        (challenge_of("v" * 43), "w" * 43),
        (challenge_of("v" * 43), "v" * 42),
        (challenge_of("v" * 129), "v" * 129),
        (challenge_of("v" * 43), challenge_of("v" * 43)),
        (None, "v" * 43),
    ],
)
async def test_a_challenge_binds_the_code_to_its_verifier_and_no_challenge_to_none(
    browser: AsyncClient, alice: Someone, challenge: str | None, verifier: str | None
) -> None:
    """RFC 7636 §4.6, RFC 9700 §4.8.2; wire §e 15."""
    method = "S256" if challenge else None
    code = await code_for(
        browser,
        PHOTOS_APP,
        alice.email,
        PASSWORD,
        code_challenge=challenge,
        code_challenge_method=method,
    )

    response = await exchange(browser, PHOTOS_APP, code, code_verifier=verifier)

    assert (response.status_code, error_of(response)) == (400, "invalid_grant")


async def test_a_confidential_client_may_use_pkce(browser: AsyncClient, alice: Someone) -> None:
    code = await code_for(
        browser,
        PHOTOS_APP,
        alice.email,
        PASSWORD,
        code_challenge=challenge_of("v" * 128),
        code_challenge_method="S256",
    )

    ok(await exchange(browser, PHOTOS_APP, code, code_verifier="v" * 128))


# prompt and max_age (OpenID Connect Core §3.1.2.1)


async def test_prompt_none_answers_at_once_when_nothing_has_to_be_asked(
    browser: AsyncClient, alice: Someone
) -> None:
    await connect(browser, asks(PHOTOS_APP), alice.email, PASSWORD)

    response = await ask(browser, asks(PHOTOS_APP, prompt="none"))

    assert "code" in back_at(CALLBACK, response)
    assert response.status_code == 302


async def test_prompt_none_says_when_the_person_would_have_to_be_asked(
    browser: AsyncClient, alice: Someone
) -> None:
    await connect(browser, asks(PHOTOS_APP), alice.email, PASSWORD)

    assert (await refused(browser, prompt="none", scope="customers:write"))[0] == "consent_required"


async def test_prompt_login_asks_for_the_password_although_there_is_a_session(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    await connect(browser, asks(PHOTOS_APP), alice.email, PASSWORD)
    world.clock.advance(100)

    page = await visit(browser, asks(PHOTOS_APP, prompt="login"))
    response = await sign_in(browser, page, alice.email, PASSWORD)

    assert is_sign_in(page)
    assert "code" in back_at(CALLBACK, response)


async def test_prompt_consent_asks_again_what_was_allowed_before(
    browser: AsyncClient, alice: Someone
) -> None:
    await connect(browser, asks(PHOTOS_APP), alice.email, PASSWORD)

    page = await visit(browser, asks(PHOTOS_APP, prompt="consent"))
    response = await answer(browser, page, "allow")

    assert is_consent(page)
    assert "It asks for nothing that you have not allowed before." in page.text
    assert "code" in back_at(CALLBACK, response)


async def test_prompt_login_consent_asks_for_both(browser: AsyncClient, alice: Someone) -> None:
    await connect(browser, asks(PHOTOS_APP), alice.email, PASSWORD)

    first = await visit(browser, asks(PHOTOS_APP, prompt="consent login"))
    second = await sign_in(browser, first, alice.email, PASSWORD)
    third = await answer(browser, second, "allow")

    assert is_sign_in(first)
    assert is_consent(second)
    assert "code" in back_at(CALLBACK, third)


async def test_max_age_asks_for_the_password_once_the_sign_in_is_older(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    await connect(browser, asks(PHOTOS_APP), alice.email, PASSWORD)
    world.clock.advance(60)

    young = await ask(browser, asks(PHOTOS_APP, max_age="60"))
    world.clock.advance(1)
    silent = await ask(browser, asks(PHOTOS_APP, max_age="60", prompt="none"))
    page = await visit(browser, asks(PHOTOS_APP, max_age="60"))
    response = await sign_in(browser, page, alice.email, PASSWORD)

    assert "code" in back_at(CALLBACK, young)
    assert back_at(CALLBACK, silent)["error"] == "login_required"
    assert is_sign_in(page)
    assert "code" in back_at(CALLBACK, response)


# POST (OpenID Connect Core §3.1.2.1)


async def test_a_posted_request_without_a_session_goes_on_as_get(
    browser: AsyncClient, alice: Someone
) -> None:
    """A cross-site POST brings no Lax cookie, so the browser is asked to come again."""
    first = await browser.post("/oauth/authorize", data=asks(PHOTOS_APP, state="a ü&"))

    assert first.status_code == 303
    assert first.headers["location"].startswith("/oauth/authorize?")
    second = await browser.get(first.headers["location"])
    assert second.headers["location"].startswith("/sign-in?")


async def test_a_posted_request_with_a_session_is_answered(
    browser: AsyncClient, alice: Someone
) -> None:
    await connect(browser, asks(PHOTOS_APP), alice.email, PASSWORD)

    response = await browser.post("/oauth/authorize", data=asks(PHOTOS_APP, state="again"))

    said = back_at(CALLBACK, response)
    assert response.status_code == 303
    assert said["state"] == "again"
    assert "code" in said


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [("ü".encode(), "ü"), (b"a\r\nset-cookie: x=y", "a\r\nset-cookie: x=y"), (b'a b<">', 'a b<">')],
)
async def test_raw_bytes_in_a_posted_request_cannot_break_the_redirect(
    browser: AsyncClient, raw: bytes, decoded: str
) -> None:
    """RFC 9110 §5.5: no line break may reach a header."""
    body = urlencode(asks(PHOTOS_APP, state=None, scope="none")).encode() + b"&state=" + raw

    first = await browser.post("/oauth/authorize", content=body, headers=FORM_TYPE)
    location = first.headers["location"]
    second = await browser.get(location)

    assert location.isascii()
    assert location.isprintable()
    assert back_at(CALLBACK, second)["state"] == decoded


async def test_a_repeated_parameter_is_still_refused_after_a_post(browser: AsyncClient) -> None:
    body = urlencode([*asks(PHOTOS_APP).items(), ("scope", "a"), ("scope", "b")])

    first = await browser.post("/oauth/authorize", content=body, headers=FORM_TYPE)
    second = await browser.get(first.headers["location"])

    assert back_at(CALLBACK, second)["error"] == "invalid_request"


async def test_a_post_that_is_no_form_gets_a_page(browser: AsyncClient) -> None:
    """RFC 9110 §15.5.16, §15.5.14."""
    json = await browser.post("/oauth/authorize", json=asks(PHOTOS_APP))
    large = await browser.post("/oauth/authorize", data=asks(PHOTOS_APP, made_up="x" * 70_000))

    assert is_error_page(json, 415)
    assert is_error_page(large, 413)


async def test_a_head_request_is_answered_like_get_without_a_body(browser: AsyncClient) -> None:
    response = await browser.head("/oauth/authorize", params=asks(PHOTOS_APP, client_id="nobody"))

    assert response.status_code == 400
    assert int(response.headers["content-length"]) > 0
    assert response.content == b""


async def test_one_app_asking_too_often_from_one_address_is_told_to_wait(
    own_world: OwnWorld, new_browser: Browsers
) -> None:
    async with own_world(oauth_requests_per_window=2) as busy:
        browser, elsewhere = new_browser(busy), new_browser(busy, "2001:db8:ffff::1")
        answers = [await ask(browser, asks(PHOTOS_APP)) for _ in range(3)]

        assert [r.status_code for r in answers] == [302, 302, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert is_error_page(answers[-1], 429)
        assert (await ask(elsewhere, asks(PHOTOS_APP))).status_code == 302
        busy.clock.advance(60)
        assert (await ask(browser, asks(PHOTOS_APP))).status_code == 302


# Tickets: what our pages attest that the person did


async def test_a_ticket_is_worth_nothing_in_another_browser_or_for_another_request(
    browser: AsyncClient, new_browser: Browsers, alice: Someone, bob: Someone
) -> None:
    request = asks(PHOTOS_APP, prompt="login")
    page = await visit(browser, request)
    form = await submit(browser, page, email=alice.email, password=PASSWORD)
    ticketed = form.headers["location"]
    other = new_browser()
    await connect(other, asks(PHOTOS_APP), bob.email, PASSWORD)

    stolen = await other.get(ticketed)
    changed = await browser.get(ticketed.replace("a-state", "b-state"))
    forged = await browser.get(ticketed + "x")
    honest = await browser.get(ticketed)

    assert stolen.headers["location"].startswith("/sign-in?")
    assert changed.headers["location"].startswith("/sign-in?")
    assert forged.headers["location"].startswith("/sign-in?")
    assert honest.headers["location"].startswith("/consent?")


async def test_a_ticket_ends_with_the_session_it_was_made_in(
    world: World, browser: AsyncClient, alice: Someone, bob: Someone
) -> None:
    """What Alice did in this browser says nothing about Bob, who uses it after her."""
    page = await visit(browser, asks(PHOTOS_APP, prompt="login"))
    form = await submit(browser, page, email=alice.email, password=PASSWORD)
    ticketed = form.headers["location"]
    again = await visit(browser, asks(PHOTOS_APP, prompt="login", state="bobs"))
    await sign_in(browser, again, bob.email, PASSWORD)

    response = await browser.get(ticketed)

    assert response.headers["location"].startswith("/sign-in?")


async def test_a_ticket_does_not_last_for_ever(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    page = await visit(browser, asks(PHOTOS_APP, prompt="login"))
    form = await submit(browser, page, email=alice.email, password=PASSWORD)
    ticketed = form.headers["location"]

    world.clock.advance(world.parts.settings.authorization_request_seconds + 1)

    assert (await browser.get(ticketed)).headers["location"].startswith("/sign-in?")


@pytest.mark.parametrize(
    "ticket", ["x", "..", "0..", "1.sa.x", "9" * 20 + ".s.x", "-1.s.x", "²..", "ü.ü.ü", "\x00"]
)
async def test_a_made_up_ticket_gives_nothing(browser: AsyncClient, ticket: str) -> None:
    response = await ask(browser, asks(PHOTOS_APP, flextell_ticket=ticket))

    assert response.status_code == 302
    assert response.headers["location"].startswith("/sign-in?")
