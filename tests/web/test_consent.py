"""GET and POST /consent: what the person reads, and what their answer is worth."""

import asyncio
import re
from html import unescape
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from flextell.oauth import scopes
from tests.web.conftest import PHONE_APP, PHOTOS_APP, Browsers, Someone, add_app
from tests.web.flows import (
    App,
    answer,
    asks,
    connect,
    exchange,
    follow,
    forms_on,
    is_consent,
    is_sign_in,
    ok,
    sent_back,
    sign_in,
    submit,
    tokens_for,
    visit,
)
from tests.world import ISSUER, PASSWORD, PHOTOS, World

pytestmark = pytest.mark.anyio

SEE_CUSTOMERS = "See your customers and their contact details."
CHANGE_CUSTOMERS = "Add, change and remove customers."
SEE_ACCOUNT = "See your account, its tenants and your roles."


async def question(
    browser: AsyncClient, someone: Someone, app: App = PHOTOS_APP, **changed: str | None
) -> Response:
    """The consent page, in front of somebody who just signed in if they had to."""
    page = await visit(browser, asks(app, **changed))
    if is_sign_in(page):
        page = await sign_in(browser, page, someone.email, PASSWORD)
    assert is_consent(page)
    return page


def text_of(page: Response) -> str:
    """What a person reads: no tags, single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


def lists_in(page: Response) -> dict[str, list[str]]:
    """The sentences under each heading of permissions; new ones begin with "New"."""
    found = re.findall(r"<h2>.*?</svg>(.*?)</h2>\s*<ul>(.*?)</ul>", page.text, re.DOTALL)
    return {
        heading.strip(): [
            " ".join(re.sub(r"<[^>]+>", " ", item).split())
            for item in re.findall(r"<li>(.*?)</li>", items, re.DOTALL)
        ]
        for heading, items in found
    }


async def consent_of(world: World, someone: Someone, app: App = PHOTOS_APP) -> frozenset[str]:
    """What the server remembers that this person allowed."""
    found = await world.parts.store.read(
        lambda unit: unit.consents.get(someone.subject, app.client_id)
    )
    return found.scopes if found else frozenset()


# What the page says


async def test_the_page_names_the_app_its_publisher_its_home_and_the_person(
    browser: AsyncClient, alice: Someone
) -> None:
    page = await question(browser, alice)

    text = text_of(page)
    assert "Give Photos access to your Flextell account?" in text
    assert "Publisher Picture People Ltd" in text
    assert '<a class="link" href="https://photos.example" rel="noopener noreferrer">' in page.text
    assert f"Signed in as Alice {alice.email}" in text
    assert "Registered 22 November 2026" in text
    assert "you go on to photos.example ." in text


async def test_seeing_and_changing_are_told_apart_in_plain_sentences(
    browser: AsyncClient, alice: Someone
) -> None:
    page = await question(browser, alice, scope="customers:write customers:read account:read")

    assert lists_in(page) == {
        "Look at your data": [SEE_ACCOUNT, SEE_CUSTOMERS],
        "Change your data": [CHANGE_CUSTOMERS],
    }
    assert "<details" not in page.text


async def test_every_scope_of_the_catalogue_is_shown_as_its_sentence(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    everything = frozenset(scopes.CATALOGUE)
    app = add_app(world, scopes=everything, default_scopes=everything)

    page = await question(browser, alice, app)

    shown = [sentence for sentences in lists_in(page).values() for sentence in sentences]
    assert sorted(shown) == sorted(line.sentence for line in scopes.CATALOGUE.values())


async def test_what_was_allowed_before_is_folded_and_what_is_new_is_marked(
    browser: AsyncClient, alice: Someone
) -> None:
    await connect(browser, asks(PHOTOS_APP, scope="customers:read"), alice.email, PASSWORD)

    page = await question(browser, alice, scope="customers:read customers:write account:read")

    assert lists_in(page) == {
        "Look at your data": [f"New {SEE_ACCOUNT}"],
        "Change your data": [f"New {CHANGE_CUSTOMERS}"],
        "Looking at your data": [SEE_CUSTOMERS],
    }
    assert '<details class="known">' in page.text


async def test_the_page_of_a_mobile_app_says_which_scheme_is_behind_it(
    browser: AsyncClient, alice: Someone
) -> None:
    page = await question(browser, alice, PHONE_APP)

    text = text_of(page)
    assert "the app behind com.example.flutter_application_flextell_case:" in text
    assert "Publisher Not given" in text
    assert "Home page Not given" in text


async def test_allow_and_deny_weigh_the_same_and_enter_presses_the_harmless_one(
    browser: AsyncClient, alice: Someone
) -> None:
    page = await question(browser, alice)

    [form] = forms_on(page)
    assert form.buttons == ["another_account", "deny", "allow"]
    classes = re.findall(r'<button class="(\w+)" [^>]*value="(deny|allow)"', page.text)
    assert classes == [("button", "deny"), ("button", "allow")]


@pytest.mark.parametrize("field", ["name", "publisher", "homepage_url"])
@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "javascript:alert(1)",
        "'; drop table clients; --",
        "{{ 7 * 7 }}",
        'https://x.example/" onmouseover="alert(1)',
    ],
)
async def test_what_an_app_says_about_itself_stays_text(
    world: World, browser: AsyncClient, alice: Someone, field: str, attack: str
) -> None:
    changed: dict[str, Any] = {field: attack}
    app = add_app(world, **changed)

    first = await visit(browser, asks(app))
    page = await sign_in(browser, first, alice.email, PASSWORD)
    await answer(browser, page, "allow")
    home = await browser.get("/")

    assert attack.removeprefix("https://") in text_of(page)
    for shown in (first, page, home):
        assert "<script" not in shown.text
        assert "<img src=x" not in shown.text
        assert 'href="javascript' not in shown.text
        assert not re.search(r"<[^>]*\son\w+=", re.sub(r'"[^"]*"', '""', shown.text))
        assert ">49<" not in shown.text


# Allow


async def test_allowing_is_remembered_and_not_asked_again(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    await connect(browser, asks(PHOTOS_APP), alice.email, PASSWORD)

    response = await visit(browser, asks(PHOTOS_APP))

    assert "code" in sent_back(response)
    assert await consent_of(world, alice) == {"account:read", "customers:read"}


async def test_fewer_permissions_than_allowed_are_not_asked_for_again(
    browser: AsyncClient, alice: Someone
) -> None:
    await connect(browser, asks(PHOTOS_APP), alice.email, PASSWORD)

    response = await visit(browser, asks(PHOTOS_APP, scope="customers:read"))
    tokens = ok(await exchange(browser, PHOTOS_APP, sent_back(response)["code"]))

    assert tokens["scope"] == "customers:read"


async def test_only_a_new_permission_is_asked_for_again_and_added_to_the_old_ones(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    await connect(browser, asks(PHOTOS_APP), alice.email, PASSWORD)

    page = await question(browser, alice, scope="customers:write")
    await answer(browser, page, "allow")

    assert lists_in(page) == {"Change your data": [CHANGE_CUSTOMERS]}
    assert await consent_of(world, alice) == {"account:read", "customers:read", "customers:write"}


async def test_what_one_person_allowed_is_asked_of_the_next(
    browser: AsyncClient, new_browser: Browsers, alice: Someone, bob: Someone
) -> None:
    await connect(browser, asks(PHOTOS_APP), alice.email, PASSWORD)

    page = await question(new_browser(), bob)

    assert is_consent(page)


async def test_what_one_app_was_allowed_is_asked_for_another(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    await connect(browser, asks(PHOTOS_APP), alice.email, PASSWORD)

    assert is_consent(await question(browser, alice, add_app(world)))


async def test_a_double_click_on_allow_works(browser: AsyncClient, alice: Someone) -> None:
    page = await question(browser, alice)

    responses = await asyncio.gather(*(answer(browser, page, "allow") for _ in range(2)))

    for response in responses:
        ok(await exchange(browser, PHOTOS_APP, sent_back(response)["code"]))


async def test_the_back_button_shows_the_question_again_and_allow_still_works(
    browser: AsyncClient, alice: Someone
) -> None:
    first = await visit(browser, asks(PHOTOS_APP))
    onward = await submit(browser, first, email=alice.email, password=PASSWORD)
    asked = await browser.get(onward.headers["location"])
    page = await browser.get(asked.headers["location"])
    await answer(browser, page, "allow")

    again = await browser.get(asked.headers["location"])
    response = await answer(browser, again, "allow")

    assert is_consent(again)
    assert "code" in sent_back(response)


# Deny


async def test_deny_tells_the_app_and_remembers_nothing(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    """RFC 6749 §4.1.2.1, RFC 9207 §2."""
    page = await question(browser, alice)

    response = await answer(browser, page, "deny")

    assert sent_back(response) == {
        "error": "access_denied",
        "error_description": "The person did not allow it.",
        "state": "a-state",
        "iss": ISSUER,
    }
    assert await consent_of(world, alice) == frozenset()
    assert is_consent(await question(browser, alice))


async def test_denying_something_new_keeps_what_was_allowed_before(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    await connect(browser, asks(PHOTOS_APP), alice.email, PASSWORD)
    page = await question(browser, alice, scope="customers:write")

    response = await answer(browser, page, "deny")

    assert sent_back(response)["error"] == "access_denied"
    assert await consent_of(world, alice) == {"account:read", "customers:read"}


async def test_a_denial_can_be_taken_back_with_the_back_button(
    browser: AsyncClient, alice: Someone
) -> None:
    page = await question(browser, alice)
    await answer(browser, page, "deny")

    response = await answer(browser, page, "allow")

    assert "code" in sent_back(response)


# Another person, another browser, another time


async def test_another_account_signs_in_and_is_asked_itself(
    world: World, browser: AsyncClient, alice: Someone, bob: Someone
) -> None:
    page = await question(browser, alice)

    form = await answer(browser, page, "another_account")
    bobs = await sign_in(browser, form, bob.email, PASSWORD)
    response = await answer(browser, bobs, "allow")
    tokens = ok(await exchange(browser, PHOTOS_APP, sent_back(response)["code"]))

    assert is_sign_in(form)
    assert bob.email in text_of(bobs)
    assert alice.email not in text_of(bobs)
    assert tokens["scope"] == "account:read customers:read"
    assert await consent_of(world, alice) == frozenset()
    assert await consent_of(world, bob) == {"account:read", "customers:read"}


@pytest.mark.parametrize("word", ["allow", "deny"])
async def test_alices_open_form_answers_nothing_for_bob(
    world: World, browser: AsyncClient, alice: Someone, bob: Someone, word: str
) -> None:
    """Alice left the page open; Bob signed in in another tab, then somebody pressed the button."""
    alices = await question(browser, alice)
    await sign_in(browser, await browser.get("/sign-in"), bob.email, PASSWORD)

    response = await answer(browser, alices, word)

    assert is_consent(response)
    assert bob.email in text_of(response)
    assert await consent_of(world, alice) == frozenset()
    assert await consent_of(world, bob) == frozenset()


async def test_a_session_that_ends_in_mid_flow_asks_for_the_password_and_goes_on(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    page = await question(browser, alice, state="kept")
    world.clock.advance(world.parts.settings.session_seconds)

    form = await answer(browser, page, "allow")
    again = await sign_in(browser, form, alice.email, PASSWORD)
    response = await answer(browser, again, "allow")

    assert is_sign_in(form)
    assert await consent_of(world, alice) == {"account:read", "customers:read"}
    assert sent_back(response)["state"] == "kept"
    assert "code" in sent_back(response)


async def test_signing_out_in_another_tab_makes_the_open_question_void(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    page = await question(browser, alice)
    await submit(browser, await browser.get("/"))

    response = await answer(browser, page, "allow")

    assert is_sign_in(response)
    assert await consent_of(world, alice) == frozenset()


async def test_a_question_left_open_for_hours_can_still_be_answered(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    page = await question(browser, alice)
    world.clock.advance(5 * 3600)

    assert "code" in sent_back(await answer(browser, page, "allow"))


@pytest.mark.parametrize("csrf", ["", "x", "é", "a" * 43])
async def test_a_form_without_its_proof_allows_nothing(
    world: World, browser: AsyncClient, alice: Someone, csrf: str
) -> None:
    page = await question(browser, alice)

    response = await follow(browser, await submit(browser, page, csrf=csrf, answer="allow"))

    assert is_consent(response)
    assert await consent_of(world, alice) == frozenset()


async def test_a_form_of_another_browser_allows_nothing(
    world: World, browser: AsyncClient, new_browser: Browsers, alice: Someone, bob: Someone
) -> None:
    bobs = forms_on(await question(new_browser(), bob))[0].fields["csrf"]
    page = await question(browser, alice)

    response = await follow(browser, await submit(browser, page, csrf=bobs, answer="allow"))

    assert is_consent(response)
    assert await consent_of(world, alice) == frozenset()


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://photos.example"])
async def test_a_form_sent_by_another_site_allows_nothing(
    world: World, browser: AsyncClient, alice: Someone, origin: str
) -> None:
    page = await question(browser, alice)
    browser.headers["origin"] = origin

    response = await submit(browser, page, answer="allow")

    assert response.status_code == 403
    assert "location" not in response.headers
    assert await consent_of(world, alice) == frozenset()


@pytest.mark.parametrize("word", ["", "maybe", "ALLOW"])
async def test_an_answer_that_is_no_button_asks_again(
    world: World, browser: AsyncClient, alice: Someone, word: str
) -> None:
    page = await question(browser, alice)

    assert is_consent(await answer(browser, page, word))
    assert await consent_of(world, alice) == frozenset()


async def test_the_question_cannot_be_answered_for_a_request_that_is_wrong(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    """The address of the form is anybody's text: it is checked again when the answer comes."""
    page = await question(browser, alice)
    [form] = forms_on(page)
    fields = {**form.fields, "answer": "allow"}

    wider = await browser.post(f"{form.action}&scope=tags:write", data=fields)
    elsewhere = await browser.post(
        form.action.replace("photos.example", "evil.example"), data=fields
    )

    assert sent_back(await follow(browser, wider))["error"] == "invalid_scope"
    assert elsewhere.status_code == 400
    assert "location" not in elsewhere.headers
    assert await consent_of(world, alice) == frozenset()


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"client_id": "nobody"}, 400),
        ({"client_id": None}, 400),
        ({"redirect_uri": "https://evil.example"}, 400),
    ],
)
async def test_the_page_of_a_request_that_is_wrong_never_redirects(
    browser: AsyncClient, alice: Someone, changed: dict[str, str | None], status: int
) -> None:
    await question(browser, alice)

    response = await browser.get("/consent", params=asks(PHOTOS_APP, **changed))

    assert response.status_code == status
    assert "location" not in response.headers


async def test_the_page_sends_somebody_who_is_not_signed_in_to_the_beginning(
    browser: AsyncClient,
) -> None:
    response = await browser.get("/consent", params=asks(PHOTOS_APP))

    assert response.headers["location"].startswith("/oauth/authorize?")
    assert is_sign_in(await follow(browser, response))


# Where the form may lead


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("https://photos.example/callback", "https://photos.example"),
        ("https://photos.example:8443/a?b=c", "https://photos.example:8443"),
        ("http://127.0.0.1:5000/callback", "http://127.0.0.1:5000"),
        ("com.example.app:/callback", "com.example.app:"),
    ],
)
async def test_the_policy_lets_the_form_end_up_at_the_app(
    world: World, browser: AsyncClient, alice: Someone, uri: str, source: str
) -> None:
    """CSP Level 3 §6.4.2: `form-action` governs the redirects after a form as well."""
    app = add_app(world, redirect_uris=(uri,))

    first = await visit(browser, asks(app))
    page = await sign_in(browser, first, alice.email, PASSWORD)

    for shown in (first, page):
        policy = shown.headers["content-security-policy"].split("; ")
        assert f"form-action 'self' {source}" in policy


@pytest.mark.parametrize(
    "uri",
    [
        "com.example.flutter_application_flextell_case://oauth-callback",
        "http://[::1]:5000/callback",
        "https://my_host.example/callback",
    ],
)
async def test_the_policy_is_silent_about_an_address_it_has_no_words_for(
    world: World, browser: AsyncClient, alice: Someone, uri: str
) -> None:
    """CSP Level 3 §2.3.1: a source expression that is none would block the form's way."""
    page = await question(browser, alice, add_app(world, redirect_uris=(uri,)))

    assert "form-action" not in page.headers["content-security-policy"]
    assert uri.partition("/")[0] not in page.headers["content-security-policy"]


async def test_tokens_hold_what_was_asked_for_and_not_all_that_was_ever_allowed(
    browser: AsyncClient, alice: Someone
) -> None:
    await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD, scope="customers:write")

    assert tokens["scope"] == "customers:write"
    assert PHOTOS.scopes > {"customers:write"}
