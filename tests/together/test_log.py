"""The log of a whole flow, failures included, holds no secret: not even with every line of it."""

import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import httpx2
import pytest

from tests.together.client import Caller, callers, connected, in_flows, new_code, tokens
from tests.together.conftest import Start
from tests.together.server import ALICE, PASSWORD, App
from tests.web import flows

pytestmark = pytest.mark.anyio

WRONG = "a wrong passw0rd that is right elsewhere"
FOREIGN = "flx_refresh_of-another-server-altogether-0123456789abcdef"

EVENTS = {
    "sign_in_failed",
    "signed_in",
    "consent_given",
    "code_issued",
    "grant_begun",
    "client_refused",
    "grant_refused",
    "grant_ended",
    "signed_out",
}


class Secrets:
    """What must be in no log: each secret by the name that a failure calls it by."""

    def __init__(self) -> None:
        self._named: dict[str, str] = {}

    def keep(self, name: str, value: str) -> str:
        """Note the secret and hand it on."""
        assert len(value) >= 16, "too short to be told from other text"
        self._named[f"{name} {len(self._named)}"] = value
        return value

    def keep_cookies(self, browser: httpx2.AsyncClient) -> None:
        """Note what the browser's cookies hold now."""
        for cookie in browser.cookies.jar:
            self.keep(f"cookie {cookie.name}", cookie.value or "")

    def found_in(self, text: str) -> list[str]:
        """The names of those that the text holds, as they are or as URLs and forms write them."""
        return [
            name
            for name, value in self._named.items()
            if any(each in text for each in _spellings(value))
        ]


def _spellings(value: str) -> Iterator[str]:
    yield from (value, quote(value), quote(value, safe=""), quote_plus(value))
    # Of a signed token the signature alone is the secret part.
    yield value.rpartition(".")[2]


async def test_no_secret_is_in_the_log_of_a_whole_flow(start: Start) -> None:
    """RFC 9700 §4.2, §4.3 warn of logs that keep codes and tokens."""
    server = start(log_level="debug")
    app = server.create_app()
    secrets = Secrets()
    secrets.keep("password", PASSWORD)
    secrets.keep("client secret", app.client_secret or "")
    async with server.browser() as alice, callers(server, app, 1) as (caller,):
        await sign_in_wrongly(alice, app, secrets)
        await go_through(alice, caller, secrets)
        await present_what_is_refused(alice, caller, secrets)
        secrets.keep_cookies(alice)
        await sign_out(alice)
    server.stop()

    log = server.log_file.read_text()
    events = {json.loads(line)["event"] for line in log.splitlines()}
    assert events >= EVENTS, "else this is not the log of the flow"
    assert secrets.found_in(log) == []


async def sign_out(alice: httpx2.AsyncClient) -> None:
    """Press the button of the home page."""
    home = await alice.get("/")
    [form] = [form for form in flows.forms_on(home) if "sign-out" in form.action]
    assert (await alice.post(form.action, data=form.fields)).status_code == 200


async def sign_in_wrongly(alice: httpx2.AsyncClient, app: App, secrets: Secrets) -> None:
    """A wrong password, and one in the field for the address."""
    secrets.keep("wrong password", WRONG)
    page = await flows.visit(alice, flows.asks(in_flows(app)))
    for email, password in ((ALICE, WRONG), (WRONG, PASSWORD), (PASSWORD, "")):
        answer = await flows.submit(alice, page, email=email, password=password)
        assert answer.status_code != 303
    secrets.keep_cookies(alice)


async def go_through(alice: httpx2.AsyncClient, caller: Caller, secrets: Secrets) -> None:
    """Sign in, allow, exchange, call, refresh, introspect, revoke; replay a code and a token."""
    code = secrets.keep("code", await new_code(alice, caller.app))
    secrets.keep_cookies(alice)
    first = tokens(await caller.exchange(code))
    second = tokens(await caller.refresh(first.refresh))
    third = tokens(await caller.refresh(second.refresh))
    for each in (first, second, third):
        secrets.keep("access token", each.access)
        secrets.keep("refresh token", each.refresh)
    assert (await caller.call_api(third.access)).status == 200
    assert (await caller.introspect(third.refresh)).status == 200
    assert (await caller.refresh(first.refresh)).status == 400, "long superseded: the grant ends"
    assert (await caller.exchange(code)).status == 400

    given_back = await connected(alice, caller)
    secrets.keep("access token", given_back.access)
    secrets.keep("refresh token", given_back.refresh)
    assert (await caller.revoke(given_back.refresh)).status == 200
    assert (await caller.call_api(given_back.access)).status == 401


async def present_what_is_refused(
    browser: httpx2.AsyncClient, caller: Caller, secrets: Secrets
) -> None:
    """Secrets where they do not belong: of others, in the address, in the wrong field."""
    app = in_flows(caller.app)
    unused = secrets.keep("unused code", await new_code(browser, caller.app))
    wrong = flows.App(app.client_id, app.redirect_uri, secrets.keep("wrong secret", "s3cret" * 7))
    secrets.keep("foreign token", FOREIGN)

    refused = [
        await flows.exchange(browser, wrong, unused),
        await flows.exchange(browser, wrong, unused, "body"),
        await flows.exchange(browser, app, unused, redirect_uri="https://evil.example/"),
        await flows.refresh(browser, app, FOREIGN),
        await flows.refresh(browser, app, FOREIGN, scope="nonsense"),
        await flows.post(browser, "/oauth/token", app, {"grant_type": FOREIGN}),
        await browser.post("/oauth/token", params={"client_secret": app.secret, "code": unused}),
        await browser.get("/oauth/token", params={"refresh_token": FOREIGN}),
        await browser.get(f"/{FOREIGN}", params={"access_token": FOREIGN}),
        await browser.get("/api/v1/customers", params={"access_token": FOREIGN}),
        await browser.get("/api/v1/customers", headers={"authorization": f"Bearer {FOREIGN}"}),
        await browser.get("/oauth/authorize", params={"client_id": app.secret}),
        await browser.get("/oauth/authorize", params={"client_secret": app.secret}),
    ]
    assert {answer.status_code // 100 for answer in refused} == {4}, refused
