"""Signing in at one's own machine: what the program gets, and what the person sees (RFC 8252)."""

import webbrowser
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode, urlsplit

import pytest

from flextell_sdk import sign_in_here
from flextell_sdk.errors import (
    AccessDenied,
    SignInError,
    SignInRefused,
    TokenRequestRefused,
    Unreachable,
)
from flextell_sdk.grants import Grants
from sdk.tests.browsers import (
    AT_HOME,
    SECONDS,
    Browser,
    asked,
    no_browser,
    program,
    sign_in,
    visit,
)
from sdk.tests.fake_server import ISSUER, METADATA, TOKEN
from sdk.tests.faults import never_arrives, says
from sdk.tests.world import APP, DEAD, STALE, World


@pytest.fixture
def home(world: World) -> Grants:
    """The program at Alice's machine."""
    return program(world)


@pytest.fixture
def browser(world: World) -> Browser:
    """Alice's browser, in which she allows what she is asked."""
    return Browser(world.server.allow)


def answer(url: str, **said: str) -> str:
    """The address that the server would send the browser back to, with what it `said`."""
    return f"{asked(url)['redirect_uri']}?{urlencode({'state': asked(url)['state'], **said})}"


def test_a_person_signs_in_by_their_browser(home: Grants, browser: Browser) -> None:
    """RFC 8252 §7.3: http, the loopback address, and a port that the system chose."""
    grant = sign_in(home, browser)

    redirect_uri = urlsplit(asked(browser.opened[0])["redirect_uri"])
    assert grant.name == "default"
    assert grant.tokens().scopes == ("account:read", "customers:read")
    assert redirect_uri.scheme == "http"
    assert redirect_uri.hostname == "127.0.0.1"
    assert redirect_uri.port
    assert redirect_uri.path == "/callback"


def test_the_page_at_the_end_says_that_it_can_be_closed_and_shows_no_secret(
    home: Grants, browser: Browser, world: World
) -> None:
    sign_in(home, browser)
    page = browser.last_page()

    [exchange] = world.server.at(TOKEN)
    assert page.status == 200
    assert "You can close this window." in page.text
    assert "<script" not in page.text
    assert exchange.form["code"] not in page.text
    assert asked(browser.opened[0])["state"] not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_the_person_is_not_asked_twice(home: Grants, browser: Browser, world: World) -> None:
    sign_in(home, browser)
    world.server.seen.clear()
    again = sign_in(home, no_browser)

    assert again is home.open("default")
    assert world.server.seen == []


def test_a_program_that_starts_anew_finds_what_the_last_one_kept(world: World) -> None:
    """Without `grants` it makes its own, over the same store."""
    world.server.lifetime = None
    world.alice()

    grant = sign_in_here(APP, "alice", store=world.store, open_browser=no_browser)

    assert grant.tokens() == world.kept()


@pytest.mark.parametrize("passed", [STALE, DEAD])
def test_tokens_that_can_be_refreshed_are_enough(
    home: Grants, browser: Browser, world: World, passed: float
) -> None:
    sign_in(home, browser)
    world.clock.move(passed)

    assert sign_in(home, no_browser).tokens().access_token


def test_who_was_signed_out_by_the_server_signs_in_again(
    home: Grants, browser: Browser, world: World
) -> None:
    sign_in(home, browser)
    world.server.permissions[0].ended = True
    world.clock.move(DEAD)
    grant = sign_in(home, browser)

    assert len(browser.opened) == 2
    assert grant.is_signed_in()


def test_what_was_not_allowed_yet_is_asked_for_beside_the_rest(
    home: Grants, browser: Browser
) -> None:
    sign_in(home, browser)
    grant = sign_in(home, browser, scope="customers:write account:read")

    assert asked(browser.opened[1])["scope"] == "account:read customers:read customers:write"
    assert "customers:write" in grant.tokens().scopes


def test_part_of_what_is_allowed_is_enough(home: Grants, browser: Browser) -> None:
    sign_in(home, browser)

    assert sign_in(home, no_browser, scope="account:read").is_signed_in()


def test_a_server_need_not_name_offline_access(home: Grants, world: World) -> None:
    """OpenID Connect Core §11: it asks for a refresh token, and is no permission of its own."""
    browser = Browser(lambda url: world.server.allow(url, scope="account:read"))
    sign_in(home, browser, scope="account:read offline_access")

    assert sign_in(home, no_browser, scope="account:read offline_access").is_signed_in()


def test_anew_asks_whatever_there_is_and_for_no_more(home: Grants, browser: Browser) -> None:
    sign_in(home, browser)
    sign_in(home, browser, anew=True, scope="account:read")

    assert asked(browser.opened[1])["scope"] == "account:read"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"error": "access_denied"}, AccessDenied),
        ({"error": "access_denied", "error_description": "<b>No</b>"}, AccessDenied),
        ({"error": "invalid_scope"}, SignInRefused),
    ],
)
def test_a_no_is_told_to_the_person_and_then_to_the_program(
    home: Grants, said: dict[str, str], kind: type[SignInError]
) -> None:
    """RFC 6749 §4.1.2.1."""
    browser = Browser(lambda url: answer(url, iss=ISSUER, **said))
    with pytest.raises(kind):
        sign_in(home, browser)
    page = browser.last_page()

    assert "You are not signed in" in page.text
    assert "<b>" not in page.text
    assert not home.open("default").is_signed_in()


def test_a_code_that_the_server_does_not_take_is_no_sign_in(home: Grants, world: World) -> None:
    world.server.instead(TOKEN, says(400, {"error": "invalid_grant"}))
    browser = Browser(world.server.allow)
    with pytest.raises(TokenRequestRefused, match="invalid_grant"):
        sign_in(home, browser)

    assert browser.last_page().status == 200
    assert not home.open("default").is_signed_in()


def test_a_server_that_is_away_is_said_before_a_browser_opens(home: Grants, world: World) -> None:
    world.server.always[METADATA] = never_arrives()

    with pytest.raises(Unreachable):
        sign_in(home, no_browser)


@pytest.mark.parametrize("problem", [webbrowser.Error("none"), FileNotFoundError(2, "none")])
def test_without_a_browser_the_person_opens_the_address_that_they_are_told(
    home: Grants, world: World, problem: Exception
) -> None:
    def fails(url: str) -> None:
        raise problem

    with ThreadPoolExecutor(1) as elsewhere:

        def say(line: str) -> None:
            [url] = [word for word in line.split() if word.startswith("https://")]
            elsewhere.submit(visit, world.server.allow(url))

        grant = sign_in_here(
            AT_HOME, grants=home, open_browser=fails, wait_seconds=SECONDS, say=say
        )

    assert grant.is_signed_in()


def test_the_address_is_told_beside_what_the_program_prints(
    home: Grants, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    sign_in_here(AT_HOME, grants=home, open_browser=browser, wait_seconds=SECONDS)
    out, err = capsys.readouterr()

    assert out == ""
    assert browser.opened[0] in err


@pytest.mark.anyio
async def test_in_async_code_it_waits_in_a_thread(home: Grants, browser: Browser) -> None:
    grant = await home.in_thread(lambda: sign_in(home, browser))

    assert (await grant.tokens_async()).scopes == ("account:read", "customers:read")


def test_grants_bring_their_own_store(home: Grants, world: World) -> None:
    with pytest.raises(TypeError):
        sign_in(home, no_browser, store=world.store)
