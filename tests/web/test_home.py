"""GET /, POST /sign-out, POST /disconnect: what a person sees of their apps, and taking it back."""

import pytest
from httpx2 import AsyncClient

from tests.web.conftest import PHONE_APP, PHOTOS_APP, Browsers, Someone, add_app
from tests.web.flows import (
    App,
    asks,
    code_for,
    connect,
    exchange,
    forms_on,
    introspect,
    is_consent,
    is_sign_in,
    ok,
    refresh,
    sent_back,
    sign_in,
    tokens_for,
    visit,
)
from tests.world import ISSUER, PASSWORD, World

pytestmark = pytest.mark.anyio

SESSION = "__Host-flextell_session"


async def press(browser: AsyncClient, action: str, **fields: str) -> None:
    """Press the button of a form on the page at /, and follow where it leads."""
    page = await browser.get("/")
    form = next(form for form in forms_on(page) if form.action == action)
    response = await browser.post(action, data={**form.fields, **fields})
    assert response.status_code in (200, 303)


async def test_a_stranger_is_told_what_this_is(browser: AsyncClient) -> None:
    page = await browser.get("/")

    assert page.status_code == 200
    assert "You are not signed in." in page.text
    assert f"<code>{ISSUER}</code>" in page.text
    assert forms_on(page) == []


async def test_the_links_for_developers_work(browser: AsyncClient) -> None:
    page = await browser.get("/")

    for path in ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"):
        assert f'href="{path}"' in page.text
        assert (await browser.get(path)).status_code == 200


async def test_connected_apps_are_listed_with_what_each_may_do(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    other = add_app(world, name="Ledger")
    await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD, scope="customers:read")
    await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD, scope="account:read")
    world.clock.advance(1)
    await tokens_for(browser, other, alice.email, PASSWORD, scope="customers:write")

    page = await browser.get("/")

    photos, ledger = page.text.split("<h3>")[1:]
    assert "Photos" in photos
    assert "See your customers and their contact details." in photos
    assert "See your account, its tenants and your roles." in photos
    assert "Ledger" in ledger
    assert "Add, change and remove customers." in ledger
    assert "See your customers" not in ledger


async def test_an_app_that_never_exchanged_its_code_is_not_connected(
    browser: AsyncClient, alice: Someone
) -> None:
    await connect(browser, asks(PHOTOS_APP), alice.email, PASSWORD)

    assert "Photos" not in (await browser.get("/")).text


async def test_an_app_that_was_removed_can_still_be_disconnected(
    world: World, browser: AsyncClient, alice: Someone
) -> None:
    app = add_app(world)
    await tokens_for(browser, app, alice.email, PASSWORD)
    await world.parts.store.write(lambda unit: unit.clients.delete(app.client_id, world.clock.now))
    before = (await browser.get("/")).text

    await press(browser, "/disconnect")

    assert "An app that was removed" in before
    assert "An app that was removed" not in (await browser.get("/")).text


@pytest.mark.parametrize("app", [PHOTOS_APP, PHONE_APP], ids=["secret", "public"])
async def test_disconnecting_ends_every_grant_of_the_app_and_forgets_the_consent(
    world: World, browser: AsyncClient, alice: Someone, app: App
) -> None:
    one = await tokens_for(browser, app, alice.email, PASSWORD)
    two = await tokens_for(browser, app, alice.email, PASSWORD)

    await press(browser, "/disconnect")

    for tokens in (one, two):
        assert (await refresh(browser, app, tokens["refresh_token"])).status_code == 400
        if app.secret:
            described = await introspect(browser, app, tokens["access_token"])
            assert described == {"active": False}
    assert "Apps you gave access" not in (await browser.get("/")).text
    assert is_consent(await visit(browser, asks(app)))


async def test_disconnecting_one_app_leaves_the_others_and_other_people_alone(
    world: World, browser: AsyncClient, new_browser: Browsers, alice: Someone, bob: Someone
) -> None:
    other = add_app(world)
    bobs = await tokens_for(new_browser(), PHOTOS_APP, bob.email, PASSWORD)
    kept = await tokens_for(browser, other, alice.email, PASSWORD)
    await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    await press(browser, "/disconnect", client_id=PHOTOS_APP.client_id)

    ok(await refresh(browser, other, kept["refresh_token"]))
    ok(await refresh(browser, PHOTOS_APP, bobs["refresh_token"]))
    assert "code" in sent_back(await visit(browser, asks(other)))


@pytest.mark.parametrize("client_id", ["nobody", "é", "x" * 255])
async def test_disconnecting_what_is_not_connected_changes_nothing(
    browser: AsyncClient, alice: Someone, client_id: str
) -> None:
    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    await press(browser, "/disconnect", client_id=client_id)

    ok(await refresh(browser, PHOTOS_APP, tokens["refresh_token"]))


@pytest.mark.parametrize("client_id", ["", "x" * 256, "\x00"])
async def test_disconnecting_what_no_app_can_be_called_gets_a_page(
    browser: AsyncClient, alice: Someone, client_id: str
) -> None:
    await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    csrf = forms_on(await browser.get("/"))[0].fields["csrf"]

    response = await browser.post("/disconnect", data={"csrf": csrf, "client_id": client_id})

    assert response.status_code == 400
    assert "<h1>" in response.text


async def test_signing_out_ends_the_session_here_and_in_the_store(
    browser: AsyncClient, new_browser: Browsers, alice: Someone
) -> None:
    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    session = browser.cookies[SESSION]
    page = await browser.get("/")

    response = await browser.post("/sign-out", data=forms_on(page)[0].fields)
    thief = new_browser()
    thief.cookies.set(SESSION, session, domain="localhost.local")

    assert "You are signed out" in response.text
    assert f"{SESSION}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0" in (
        response.headers.get_list("set-cookie")
    )
    assert SESSION not in browser.cookies
    assert "You are not signed in." in (await thief.get("/")).text
    assert is_sign_in(await visit(browser, asks(PHOTOS_APP)))
    ok(await refresh(browser, PHOTOS_APP, tokens["refresh_token"]))


@pytest.mark.parametrize("path", ["/sign-out", "/disconnect"])
@pytest.mark.parametrize("csrf", [None, "", "wrong", "another browser's"])
async def test_a_form_without_its_proof_changes_nothing(
    browser: AsyncClient, new_browser: Browsers, alice: Someone, path: str, csrf: str | None
) -> None:
    tokens = await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    other = new_browser()
    if csrf == "another browser's":
        await sign_in(other, await other.get("/sign-in"), alice.email, PASSWORD)
        csrf = forms_on(await other.get("/"))[0].fields["csrf"]
    form = {"client_id": PHOTOS_APP.client_id} | ({} if csrf is None else {"csrf": csrf})

    response = await browser.post(path, data=form)

    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert alice.email in (await browser.get("/")).text
    ok(await refresh(browser, PHOTOS_APP, tokens["refresh_token"]))


@pytest.mark.parametrize("path", ["/sign-out", "/disconnect"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_a_form_sent_by_another_site_is_refused(
    browser: AsyncClient, alice: Someone, path: str, origin: str
) -> None:
    await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    form = forms_on(await browser.get("/"))[-1].fields

    response = await browser.post(path, data=form, headers={"origin": origin})

    assert response.status_code == 403
    assert "set-cookie" not in response.headers
    page = (await browser.get("/")).text
    assert alice.email in page
    assert "Photos" in page


@pytest.mark.parametrize("path", ["/sign-out", "/disconnect"])
async def test_nothing_changes_by_following_a_link(browser: AsyncClient, path: str) -> None:
    response = await browser.get(path)

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


async def test_after_disconnecting_an_app_gets_no_code_without_asking(
    browser: AsyncClient, alice: Someone
) -> None:
    await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    await press(browser, "/disconnect")

    response = await visit(browser, asks(PHOTOS_APP, prompt="none"))

    assert sent_back(response)["error"] == "consent_required"


async def test_disconnecting_voids_a_code_that_is_still_on_its_way(
    browser: AsyncClient, alice: Someone
) -> None:
    await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    code = await code_for(browser, PHOTOS_APP, alice.email, PASSWORD)

    await press(browser, "/disconnect")

    assert (await exchange(browser, PHOTOS_APP, code)).status_code == 400
