"""The page on which the API is tried: what it may load, what it says, where it comes back to."""

import re
from collections.abc import AsyncIterator
from hashlib import sha256
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from flextell.oauth import reference_app, scopes
from flextell.oauth.registration import new_client
from flextell.reference.routes import PAGES
from tests.reference.conftest import DOCS_APP
from tests.world import ISSUER, NOON, World, running_world

pytestmark = pytest.mark.anyio

VENDORED = resources.files("flextell.reference") / "static" / "swagger-ui"
BOTH = pytest.mark.parametrize("address", ["/docs", "/docs/oauth2-redirect"])


class Page(HTMLParser):
    """The tags of a page, and the text that stands in scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags = list[tuple[str, dict[str, str | None]]]()
        self.inline = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep what is code."""
        if self.tags and self.tags[-1][0] in ("script", "style"):
            self.inline += data.strip()


@pytest.fixture
async def without_an_app(tmp_path: Path) -> AsyncIterator[World]:
    """A node whose operator named no app for the page."""
    async with running_world(tmp_path) as world:
        yield world


@BOTH
async def test_the_policy_allows_our_own_files_and_nothing_inline(
    browser: AsyncClient, address: str
) -> None:
    policy = (await browser.get(address)).headers["content-security-policy"]
    allowed = {
        name: sources for name, _, sources in (each.partition(" ") for each in policy.split("; "))
    }

    assert allowed["default-src"] == "'none'"
    assert allowed["script-src"] == allowed["style-src"] == "'self'"
    assert allowed["base-uri"] == allowed["frame-ancestors"] == "'none'"
    assert allowed.get("connect-src", "'self'") == "'self'"
    assert allowed["img-src"] == ("'self' data:" if address == "/docs" else "'self'")
    assert "unsafe" not in policy


@BOTH
async def test_the_page_has_nothing_inline_and_nothing_of_others(
    browser: AsyncClient, address: str
) -> None:
    page = Page((await browser.get(address)).text)
    loaded = [
        attributes.get("src") or attributes.get("href") or ""
        for tag, attributes in page.tags
        if tag in ("script", "link", "img")
    ]

    assert page.inline == ""
    assert not [name for _, all_of in page.tags for name in all_of if name.startswith("on")]
    assert not [tag for tag, all_of in page.tags if "style" in all_of]
    assert all(each.startswith(("/static/", "/docs/static/")) for each in loaded)
    for each in loaded:
        answer = await browser.get(each)
        assert answer.status_code == 200
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_page_says_to_its_script_what_the_settings_say(browser: AsyncClient) -> None:
    page = Page((await browser.get("/docs")).text)
    [said] = [attributes for tag, attributes in page.tags if attributes.get("id") == "console"]

    assert said["data-document"] == "/api/openapi.json"
    assert said["data-issuer"] == ISSUER
    assert said["data-client-id"] == DOCS_APP
    assert said["data-redirect-uri"] == f"{ISSUER}/docs/oauth2-redirect"
    assert all(scope.endswith(":read") for scope in (said["data-scopes"] or "").split(" "))


async def test_without_an_app_of_its_own_the_page_says_what_one_needs(
    browser: AsyncClient, without_an_app: World
) -> None:
    needed = "To sign in here you need the client id of a public app"
    async with without_an_app.browser() as other:
        assert needed in (await other.get("/docs")).text
    assert needed not in (await browser.get("/docs")).text


def test_the_vendored_files_are_those_that_their_readme_names() -> None:
    """Whoever changes a byte of them says so in the table of hashes."""
    readme = (VENDORED / "README.md").read_text()
    hashes = dict(re.findall(r"^\| `([^`]+)` \| `([0-9a-f]{64})` \|$", readme, re.MULTILINE))
    found = {file.name: file for file in VENDORED.iterdir() if file.name != "README.md"}

    assert {n: sha256(f.read_bytes()).hexdigest() for n, f in found.items()} == hashes
    assert re.search(r"version \d+\.\d+\.\d+", readme)
    assert "Apache License" in found["LICENSE"].read_text()


def test_the_scripts_keep_nothing_in_the_browser() -> None:
    """Tokens are in the memory of the page: Swagger UI keeps them elsewhere only if told to."""
    for name in ("console.js", "come_back.js"):
        script = (resources.files("flextell.reference") / "static" / name).read_text()
        assert not re.search(r"localStorage|sessionStorage|document\.cookie|eval|innerHTML", script)
    assert "persistAuthorization: false" in (VENDORED.joinpath("../console.js")).read_text()


@pytest.mark.parametrize("path", [*PAGES, "/docs/nothing", "/docs/static/console.js"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_every_answer_says_where_the_caller_stands(
    browser: AsyncClient, path: str, method: str
) -> None:
    answer = await browser.request(method, path.replace("{operation_id}", "about"))

    assert int(answer.headers["x-ratelimit-remaining"]) > 0
    if path != "/docs/nothing":
        assert answer.status_code == (200 if method == "GET" else 405)


async def test_addresses_that_only_begin_alike_are_not_there(browser: AsyncClient) -> None:
    for path in ("/docsomething", "/docs/", "/docs/static/", "/docs/static/../console.js"):
        assert (await browser.get(path)).status_code == 404


async def test_the_app_of_the_page_is_public_needs_pkce_and_has_one_address() -> None:
    """RFC 9700 §2.1.1: a public client uses PKCE."""
    app = new_client(reference_app.wish(ISSUER), bytes, NOON).client

    assert (app.confidential, app.require_pkce, app.may_introspect) == (False, True, False)
    assert app.redirect_uris == (f"{ISSUER}/docs/oauth2-redirect",)
    assert app.scopes == scopes.CATALOGUE.keys()
    assert reference_app.registered([app], ISSUER) == app
    assert reference_app.registered([app], "https://other.example") is None
