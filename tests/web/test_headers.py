"""Every answer to a browser carries its security headers, whatever went wrong before it."""

import re
from collections.abc import Awaitable, Callable

import pytest
from httpx2 import AsyncClient, Response

from flextell.oauth import introspect
from flextell.store.port import StoreBusy
from flextell.web.pages import home
from tests.web.conftest import PHOTOS_APP, Someone
from tests.web.flows import asks, error_of, post, sign_in, submit, tokens_for, visit
from tests.world import PASSWORD

pytestmark = pytest.mark.anyio

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)

Way = Callable[[AsyncClient, Someone], Awaitable[Response]]


async def consent(browser: AsyncClient, alice: Someone) -> Response:
    return await sign_in(browser, await visit(browser, asks(PHOTOS_APP)), alice.email, PASSWORD)


async def apps(browser: AsyncClient, alice: Someone) -> Response:
    await tokens_for(browser, PHOTOS_APP, alice.email, PASSWORD)
    return await browser.get("/")


async def signed_out(browser: AsyncClient, alice: Someone) -> Response:
    return await submit(browser, await apps(browser, alice))


async def wrong_password(browser: AsyncClient, alice: Someone) -> Response:
    return await submit(browser, await browser.get("/sign-in"), email=alice.email, password="no")


async def waiting(browser: AsyncClient, alice: Someone) -> Response:
    for _ in range(5):
        await wrong_password(browser, alice)
    return await wrong_password(browser, alice)


async def other_site(browser: AsyncClient, alice: Someone) -> Response:
    return await browser.post(
        "/sign-in", data={"email": alice.email}, headers={"origin": "https://evil.example"}
    )


WAYS: dict[str, tuple[int, Way]] = {
    "home": (200, lambda browser, alice: browser.get("/")),
    "sign-in": (200, lambda browser, alice: visit(browser, asks(PHOTOS_APP))),
    "consent": (200, consent),
    "apps": (200, apps),
    "signed out": (200, signed_out),
    "malformed": (400, lambda browser, alice: browser.get("/sign-in?a=%")),
    "unknown app": (400, lambda browser, alice: browser.get("/oauth/authorize?client_id=x")),
    "outdated form": (403, lambda browser, alice: browser.post("/sign-in", data={"csrf": "x"})),
    "other site": (403, other_site),
    "nowhere": (404, lambda browser, alice: browser.get("/nowhere")),
    "wrong method": (405, lambda browser, alice: browser.put("/consent")),
    "too large": (413, lambda browser, alice: browser.post("/consent", data={"a": "x" * 70_000})),
    "no form": (415, lambda browser, alice: browser.post("/consent", json={})),
    "wrong password": (422, wrong_password),
    "waiting": (429, waiting),
}


@pytest.mark.parametrize("way", WAYS)
async def test_every_page_is_locked_down(browser: AsyncClient, alice: Someone, way: str) -> None:
    """OWASP ASVS 5.0 §3.4: no script, no framing, no sniffing, no copy on disk."""
    status, go = WAYS[way]

    page = await go(browser, alice)

    to_the_app = " https://photos.example" if way in ("sign-in", "consent") else ""
    assert page.status_code == status
    assert page.headers["content-security-policy"] == POLICY + to_the_app
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "same-origin"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "unsafe" not in page.headers["content-security-policy"]


@pytest.mark.parametrize("way", WAYS)
async def test_no_page_holds_script_or_style_or_anything_from_elsewhere(
    browser: AsyncClient, alice: Someone, way: str
) -> None:
    page = await WAYS[way][1](browser, alice)

    tags = re.findall(r"<[a-zA-Z][^>]*>", page.text)
    assert tags
    for tag in tags:
        assert not re.match(r"<(script|style|iframe|object|embed|base)\b", tag, re.IGNORECASE)
        assert not re.search(r"\s(style|on[a-z]+)\s*=", tag, re.IGNORECASE), tag
        loaded = re.search(r'<(?:link|img)[^>]*(?:href|src)="([^"]*)"', tag)
        assert loaded is None or loaded[1].startswith("/static/")
    for action in re.findall(r'action="([^"]*)"', page.text):
        assert action.startswith("/")


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example;script-src *",
        "https://evil.example script-src",
        "https://évil.example",
        "https://evil.example\r\nset-cookie: a=b",
        "x;script-src *:",
        "é:",
        "https://evil.example",
    ],
)
async def test_a_redirect_uri_that_is_not_proven_never_enters_the_policy(
    browser: AsyncClient, uri: str
) -> None:
    """The address of the sign-in page is anybody's text."""
    page = await browser.get("/sign-in", params=asks(PHOTOS_APP, redirect_uri=uri))

    assert page.status_code == 200
    assert page.headers["content-security-policy"] == POLICY


@pytest.mark.parametrize("path", ["/static/flextell.css", "/static/flextell.svg"])
async def test_static_files_are_sent_with_their_type_and_may_be_kept(
    browser: AsyncClient, path: str
) -> None:
    response = await browser.get(path)
    again = await browser.get(path, headers={"if-none-match": response.headers["etag"]})

    kind = {"css": "text/css; charset=utf-8", "svg": "image/svg+xml"}[path[-3:]]
    assert response.headers["content-type"] == kind
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"].startswith("public")
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    ["/static/", "/static/nothing.css", "/static/..%2froutes.py", "/static/%2e%2e/routes.py"],
)
async def test_nothing_else_is_served_as_a_file(browser: AsyncClient, path: str) -> None:
    assert (await browser.get(path)).status_code == 404


async def test_a_page_with_a_bug_says_so_and_tells_nothing(
    browser: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a detail of ours")

    monkeypatch.setattr(home, "_values", broken)

    page = await browser.get("/")

    assert page.status_code == 500
    assert page.headers["content-security-policy"] == POLICY
    assert re.search(r"<code>[0-9a-f]{16}</code>", page.text)
    assert "a detail of ours" not in page.text
    assert "Traceback" not in page.text


async def test_an_endpoint_with_a_bug_says_so_and_tells_nothing(
    browser: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a detail of ours")

    monkeypatch.setattr(introspect, "check_caller", broken)

    response = await post(browser, "/oauth/introspect", PHOTOS_APP, {"token": "x"})

    assert (response.status_code, error_of(response)) == (500, "server_error")
    assert re.fullmatch(r"[0-9a-f]{16}", response.headers["request-id"])
    assert "detail" not in response.text


async def test_a_busy_database_is_told_to_people_and_machines(
    browser: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 9110 §15.6.4."""

    def busy(*_: object) -> None:
        raise StoreBusy("The database is locked by another program; try again in a moment.")

    monkeypatch.setattr(home, "_values", busy)
    monkeypatch.setattr(introspect, "check_caller", busy)

    page = await browser.get("/")
    response = await post(browser, "/oauth/introspect", PHOTOS_APP, {"token": "x"})

    assert page.status_code == 503
    assert page.headers["retry-after"] == response.headers["retry-after"] == "1"
    assert "try again in a moment" in page.text
    assert (response.status_code, error_of(response)) == (503, "temporarily_unavailable")
