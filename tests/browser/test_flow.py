"""A person in a real browser: sign-in, consent, and everything people do on the way."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Violation
from tests.together.server import ALICE, PASSWORD, App, RunningServer

PHONE = {"width": 360, "height": 780}
Axe = Callable[[Page], list[Violation]]


class Landing:
    """The app's own address, where people come back to, and every address they came to."""

    def __init__(self) -> None:
        came = self.came = list[str]()

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith("/callback"):
                    came.append(self.path)
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.end_headers()
                self.wfile.write(b"<!doctype html><title>Photos</title>Welcome back.")

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self.redirect_uri = f"{self.origin}/callback"

    def answers(self) -> list[dict[str, str]]:
        """What the app was told, each time."""
        return [
            {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
            for path in self.came
        ]


@pytest.fixture
def landing() -> Iterator[Landing]:
    """The app, listening."""
    found = Landing()
    with found.server:
        thread = Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.server.shutdown()
        thread.join()


Register = Callable[..., App]


@pytest.fixture
def register(server: RunningServer, landing: Landing) -> Register:
    """Register an app that nobody has allowed anything yet."""
    return partial(server.create_app, redirect_uri=landing.redirect_uri)


@pytest.fixture
def photos(register: Register) -> App:
    """Photos, by Picture People."""
    return register("--publisher", "Picture People")


def ask(page: Page, server: RunningServer, app: App, **more: str) -> None:
    """Be sent to the authorization endpoint by the app."""
    query = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": app.redirect_uri,
        "scope": app.scope,
        "state": "the state",
        **more,
    }
    page.goto(f"{server.url}/oauth/authorize?{urlencode(query)}")


def sign_in(page: Page, email: str = ALICE, password: str = PASSWORD) -> None:
    """Fill in the form and send it."""
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def press(page: Page, name: str) -> None:
    """Press a button and arrive at the app."""
    page.get_by_role("button", name=name).click()
    back_at_the_app(page)


def back_at_the_app(page: Page) -> None:
    """Wait until the person is there."""
    page.wait_for_url("http://127.0.0.1:*/callback**")


@pytest.mark.parametrize("java_script", [True, False], ids=["with scripts", "without scripts"])
def test_a_person_signs_in_and_allows_with_and_without_javascript(
    new_page: Callable[..., Page],
    server: RunningServer,
    photos: App,
    landing: Landing,
    java_script: bool,
) -> None:
    page = new_page(java_script_enabled=java_script)
    ask(page, server, photos)
    sign_in(page, password="not the password")
    expect(page.get_by_role("alert")).to_contain_text("not right")
    sign_in(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Photos")
    expect(page.get_by_text("See your customers")).to_be_visible()
    press(page, "Allow")

    told = landing.answers()[-1]
    assert told["state"] == "the state"
    assert told["iss"] == server.url
    assert told["code"].startswith("flx_code_")


def test_a_person_who_denies_sends_the_app_away_with_access_denied(
    page: Page, server: RunningServer, photos: App, landing: Landing
) -> None:
    ask(page, server, photos)
    sign_in(page)
    press(page, "Deny")

    assert landing.answers()[-1]["error"] == "access_denied"
    assert "code" not in landing.answers()[-1]


def test_what_was_allowed_is_not_asked_again_but_what_is_new_is_marked(
    page: Page, server: RunningServer, register: Register, landing: Landing
) -> None:
    app = register(scope="account:read customers:read customers:write")
    ask(page, server, app, scope="customers:read")
    sign_in(page)
    press(page, "Allow")
    ask(page, server, app, scope="customers:read")
    back_at_the_app(page)
    assert len(landing.came) == 2

    ask(page, server, app, scope="customers:read customers:write")
    expect(page.get_by_text("Add, change and remove customers.")).to_be_visible()
    expect(page.get_by_text("See your customers")).to_be_hidden()
    page.get_by_text("What you allowed before").click()
    expect(page.get_by_text("See your customers")).to_be_visible()
    press(page, "Allow")


def test_another_account_can_be_used_from_the_consent_page(
    page: Page, server: RunningServer, photos: App, landing: Landing
) -> None:
    ask(page, server, photos)
    sign_in(page)
    expect(page.get_by_text(ALICE)).to_be_visible()
    page.get_by_role("button", name="Use another account").click()
    sign_in(page, email="bob@example.com")
    expect(page.get_by_text("bob@example.com")).to_be_visible()
    press(page, "Allow")

    assert "code" in landing.answers()[-1]


def test_a_session_that_ends_in_mid_flow_asks_to_sign_in_again_and_goes_on(
    page: Page, server: RunningServer, photos: App, landing: Landing
) -> None:
    ask(page, server, photos)
    sign_in(page)
    expect(page.get_by_role("button", name="Allow")).to_be_visible()
    with closing(sqlite3.connect(server.data_dir / "flextell.db")) as database, database:
        database.execute("DELETE FROM sessions")
    page.get_by_role("button", name="Allow").click()
    sign_in(page)
    press(page, "Allow")

    assert "code" in landing.answers()[-1]


def test_going_back_and_allowing_again_gives_the_app_a_working_answer_again(
    page: Page, server: RunningServer, photos: App, landing: Landing
) -> None:
    ask(page, server, photos)
    sign_in(page)
    press(page, "Allow")
    page.go_back()
    expect(page.get_by_role("button", name="Allow")).to_be_visible()
    press(page, "Allow")

    assert len({answer["code"] for answer in landing.answers()}) == 2


def test_a_double_click_on_allow_arrives_with_a_code(
    page: Page, server: RunningServer, photos: App, landing: Landing
) -> None:
    ask(page, server, photos)
    sign_in(page)
    page.get_by_role("button", name="Allow").dblclick(no_wait_after=True)
    back_at_the_app(page)

    assert "code" in landing.answers()[-1]


def test_an_unknown_redirect_uri_is_a_page_and_never_a_redirect(
    page: Page, server: RunningServer, photos: App, landing: Landing
) -> None:
    """RFC 6749 §4.1.2.1."""
    ask(page, server, photos, redirect_uri=f"{landing.origin}/elsewhere")

    expect(page.get_by_text("redirect_uri is not one that this app has registered")).to_be_visible()
    assert landing.came == []


def test_a_person_takes_access_back_on_the_home_page(
    page: Page, server: RunningServer, register: Register, landing: Landing
) -> None:
    app = register(name="Calendar")
    ask(page, server, app)
    sign_in(page)
    press(page, "Allow")
    form = {
        "grant_type": "authorization_code",
        "code": landing.answers()[-1]["code"],
        "redirect_uri": app.redirect_uri,
        "client_id": app.client_id,
        "client_secret": app.client_secret or "",
    }
    with httpx2.Client(base_url=server.url, verify=server.trust()) as calendar:
        token = calendar.post("/oauth/token", data=form).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        assert calendar.get("/api", headers=bearer).status_code == 200

        page.goto(server.url)
        entry = page.get_by_role("form", name="Calendar")
        entry.get_by_role("button", name="Remove access").click()
        expect(entry).to_have_count(0)
        refused = calendar.get("/api", headers=bearer)
        assert refused.status_code == 401
        assert "revoked" in refused.json()["message"]

    page.get_by_role("button", name="Sign out").click()
    page.goto(server.url)
    expect(page.get_by_text("You are not signed in")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, {"width": 1280, "height": 900}], ids=["phone", "desktop"])
def test_every_page_passes_axe_and_fits_its_screen(
    new_page: Callable[..., Page],
    server: RunningServer,
    photos: App,
    axe: Axe,
    scheme: str,
    size: dict[str, int],
) -> None:
    page = new_page(viewport=size, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))

    def check() -> None:
        assert axe(page) == []
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, "the page scrolls sideways"

    page.goto(server.url)
    check()
    ask(page, server, photos)
    check()
    sign_in(page, password="not the password")
    expect(page.get_by_role("alert")).to_be_visible()
    check()
    sign_in(page)
    expect(page.get_by_role("button", name="Allow")).to_be_visible()
    check()
    press(page, "Allow")
    page.goto(server.url)
    check()
    ask(page, server, photos, redirect_uri="https://elsewhere.example/")
    check()
    refusals = ("422", "400")  # Chromium notes every page that answers with an error
    assert [text for text in said if not any(status in text for status in refusals)] == []
