"""Walk the code flow as a browser, a person and an app do, against any running server.

A browser is an `httpx2.AsyncClient` with a cookie jar that does not follow redirects by itself.
A "page" is a response with forms in it; what ends a walk is the redirect back to the app.
"""

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any, Literal
from urllib.parse import parse_qsl, quote_plus

from httpx2 import AsyncClient, Response

VERIFIER = "a-code-verifier-of-at-least-forty-three-characters"
STATE = "a-state"
MOST_REDIRECTS = 10
FORM_TYPE = {"content-type": "application/x-www-form-urlencoded"}

Proof = Literal["basic", "body", "none"]


@dataclass(frozen=True, slots=True)
class App:
    """An app as its maker knows it. Without a secret it is a public client, and uses PKCE."""

    client_id: str
    redirect_uri: str
    secret: str | None = None


@dataclass(slots=True)
class PageForm:
    """A form on a page: where it goes, what it holds, and its submit buttons' values."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[str] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[PageForm] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(PageForm(has["action"]))
        elif tag == "input":
            self.found[-1].fields[has["name"]] = has.get("value", "")
        elif tag == "button" and has.get("name"):
            self.found[-1].buttons.append(has["value"])


def forms_on(page: Response) -> list[PageForm]:
    """Every form on a page, in order."""
    parser = _Forms()
    parser.feed(page.text)
    return parser.found


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 §4.2)."""
    return urlsafe_b64encode(sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")


def asks(app: App, **changed: str | None) -> dict[str, str]:
    """An authorization request of this app; None leaves a parameter out."""
    parameters: dict[str, str | None] = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": app.redirect_uri,
        "state": STATE,
    }
    if app.secret is None:
        parameters |= {"code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256"}
    return {name: value for name, value in (parameters | changed).items() if value is not None}


async def follow(browser: AsyncClient, response: Response) -> Response:
    """Follow redirects within the server, to a page or to the redirect that leaves it."""
    for _ in range(MOST_REDIRECTS):
        if not response.headers.get("location", "").startswith("/"):
            return response
        response = await browser.get(response.headers["location"])
    raise AssertionError("the server redirects in a circle")


async def visit(browser: AsyncClient, parameters: Mapping[str, str]) -> Response:
    """Begin an authorization request: what the person sees, or the redirect to the app."""
    return await follow(browser, await browser.get("/oauth/authorize", params=dict(parameters)))


async def submit(browser: AsyncClient, page: Response, **fields: str) -> Response:
    """Send the first form of a page, with its hidden fields; not followed."""
    form = forms_on(page)[0]
    return await browser.post(form.action, data={**form.fields, **fields})


async def sign_in(browser: AsyncClient, page: Response, email: str, password: str) -> Response:
    """Send e-mail address and password, and go on."""
    return await follow(browser, await submit(browser, page, email=email, password=password))


async def answer(browser: AsyncClient, page: Response, word: str) -> Response:
    """Press a button of the consent page, and go on."""
    return await follow(browser, await submit(browser, page, answer=word))


async def connect(
    browser: AsyncClient, parameters: Mapping[str, str], email: str, password: str
) -> Response:
    """The whole way of a person who agrees: the redirect back to the app."""
    page = await visit(browser, parameters)
    if is_sign_in(page):
        page = await sign_in(browser, page, email, password)
    if is_consent(page):
        page = await answer(browser, page, "allow")
    assert page.status_code in (302, 303), page.text
    return page


def is_sign_in(page: Response) -> bool:
    """Whether this page asks for a password."""
    return any("password" in form.fields for form in _forms_if_page(page))


def is_consent(page: Response) -> bool:
    """Whether this page asks for permission."""
    return any("allow" in form.buttons for form in _forms_if_page(page))


def _forms_if_page(page: Response) -> list[PageForm]:
    return forms_on(page) if page.headers.get("content-type", "").startswith("text/html") else []


def sent_back(response: Response) -> dict[str, str]:
    """What a redirect brings to the app. Each parameter may come once."""
    pairs = parse_qsl(response.headers["location"].partition("?")[2], keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs), "a parameter came twice"
    return dict(pairs)


async def code_for(
    browser: AsyncClient, app: App, email: str, password: str, **changed: str | None
) -> str:
    """A fresh code for this person."""
    return sent_back(await connect(browser, asks(app, **changed), email, password))["code"]


def basic(client_id: str, secret: str) -> dict[str, str]:
    """HTTP Basic, both parts form-encoded first (RFC 6749 §2.3.1)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}".encode("ascii")
    return {"authorization": "Basic " + b64encode(pair).decode("ascii")}


async def post(
    http: AsyncClient,
    path: str,
    app: App,
    fields: Mapping[str, str | None],
    proof: Proof | None = None,
) -> Response:
    """Send a form to an endpoint for machines, as this app. None leaves a field out.

    `proof` is how the app says who it is; otherwise Basic, or nothing without a secret.
    """
    data = {name: value for name, value in fields.items() if value is not None}
    headers: dict[str, str] = {}
    match proof or ("none" if app.secret is None else "basic"):
        case "basic":
            headers = basic(app.client_id, app.secret or "")
        case "body":
            data = {"client_id": app.client_id, "client_secret": app.secret or "", **data}
        case "none":
            data = {"client_id": app.client_id, **data}
    return await http.post(path, data=data, headers=headers)


async def exchange(
    http: AsyncClient, app: App, code: str, proof: Proof | None = None, /, **changed: str | None
) -> Response:
    """Exchange a code (RFC 6749 §4.1.3)."""
    fields: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": app.redirect_uri,
        "code_verifier": VERIFIER if app.secret is None else None,
    }
    return await post(http, "/oauth/token", app, fields | changed, proof)


async def refresh(
    http: AsyncClient, app: App, token: str, proof: Proof | None = None, /, **changed: str | None
) -> Response:
    """Refresh (RFC 6749 §6)."""
    fields: dict[str, str | None] = {"grant_type": "refresh_token", "refresh_token": token}
    return await post(http, "/oauth/token", app, fields | changed, proof)


async def revoke(http: AsyncClient, app: App, token: str, /, **changed: str | None) -> Response:
    """Give a token back (RFC 7009)."""
    return await post(http, "/oauth/revoke", app, {"token": token, **changed})


async def introspect(http: AsyncClient, app: App, token: str) -> dict[str, Any]:
    """What the server says about a token (RFC 7662)."""
    response = await post(http, "/oauth/introspect", app, {"token": token})
    assert response.status_code == 200, response.text
    answered: dict[str, Any] = response.json()
    return answered


async def tokens_for(
    browser: AsyncClient, app: App, email: str, password: str, **changed: str | None
) -> dict[str, Any]:
    """The tokens of a person who agreed just now."""
    code = await code_for(browser, app, email, password, **changed)
    return ok(await exchange(browser, app, code))


def ok(response: Response) -> dict[str, Any]:
    """The body of a successful answer of the token endpoint."""
    assert response.status_code == 200, response.text
    tokens: dict[str, Any] = response.json()
    return tokens


def error_of(response: Response) -> str:
    """The code of an error that is shaped as it must be (RFC 6749 §5.2, and `message`)."""
    body = response.json()
    assert set(body) == {"error", "error_description", "message"}, body
    assert body["message"] == body["error_description"]
    assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+", body["message"]), body
    code: str = body["error"]
    return code
