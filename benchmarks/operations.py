"""The hot operations inside this process: the ASGI application called as a server calls it.

No socket and no other process, so that the process's own CPU time is that of the operations.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.types import Message, Scope

from flextell.store.port import Unit
from flextell.tenants.model import CustomerDetails, TenantDetails
from tests.web import flows
from tests.world import ALICE, GATEWAY, NOON, PASSWORD, PHOTOS, SECRET, World, build_world

CHAINS = 16
SCOPE = "account:read customers:read"
PHOTOS_APP = flows.App(PHOTOS.client_id, PHOTOS.redirect_uris[0], SECRET)
GATEWAY_APP = flows.App(GATEWAY.client_id, GATEWAY.redirect_uris[0], SECRET)
AUTHORIZE = flows.asks(
    PHOTOS_APP,
    scope=SCOPE,
    code_challenge=flows.challenge_of(flows.VERIFIER),
    code_challenge_method="S256",
)
CUSTOMER = CustomerDetails("Zoe", "Angstrom", "+46 70 123 45 67", email="zoe@example.com")
# Nothing is refused, and no news of revocations is too old: nobody asks for any.
ENDLESS = (
    "api_requests_per_window",
    "oauth_requests_per_window",
    "page_requests_per_window",
    "revocation_stale_milliseconds",
)

Headers = Mapping[str, str]
Operation = Callable[[int], Awaitable[None]]


class Unexpected(Exception):
    """An answer that is not the one the operation needs."""


class Operations:
    """A running world, a session in it, and chains of tokens."""

    def __init__(self, world: World, cookie: str) -> None:
        self._app = world.app
        self._cookie = {"cookie": cookie}
        self._photos = flows.basic(PHOTOS_APP.client_id, SECRET)
        self._gateway = flows.basic(GATEWAY_APP.client_id, SECRET)
        self._tokens: list[dict[str, str]] = []

    async def begin(self) -> None:
        """Tokens for every chain."""
        self._tokens = [await self._exchange() for _ in range(CHAINS)]

    def table(self) -> Mapping[str, Operation]:
        """Every operation by name; it is told which chain it works on."""
        return {
            "refresh with rotation": self.refresh,
            "full code flow": self.full_flow,
            "introspection": self.introspect,
            "API call": self.call_api,
            "read a customer": self.read_customer,
        }

    async def refresh(self, chain: int) -> None:
        """One step of a chain of rotations."""
        token = self._tokens[chain]["refresh_token"]
        form = {"grant_type": "refresh_token", "refresh_token": token}
        self._tokens[chain] = await self._post("/oauth/token", form, self._photos)

    async def full_flow(self, _chain: int) -> None:
        """A code by a session and remembered consent, exchanged at once."""
        await self._exchange()

    async def introspect(self, chain: int) -> None:
        """Ask about the chain's access token."""
        form = {"token": self._tokens[chain]["access_token"]}
        answer = await self._post("/oauth/introspect", form, self._gateway)
        if answer["active"] is not True:
            raise Unexpected("the token is not active")

    async def call_api(self, chain: int) -> None:
        """The smallest call of the API."""
        await self._bearer("/api", chain)

    async def read_customer(self, chain: int) -> None:
        """A call that reads a row."""
        await self._bearer("/api/v1/customers/1", chain)

    async def _bearer(self, path: str, chain: int) -> None:
        token = self._tokens[chain]["access_token"]
        await self._ask("GET", path, {"authorization": f"Bearer {token}"}, expected=200)

    async def _exchange(self) -> dict[str, Any]:
        query = urlencode(AUTHORIZE)
        target = f"/oauth/authorize?{query}"
        headers, _ = await self._ask("GET", target, self._cookie, expected=302)
        code = parse_qs(urlsplit(headers["location"]).query)["code"][0]
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": PHOTOS_APP.redirect_uri,
            "code_verifier": flows.VERIFIER,
        }
        return await self._post("/oauth/token", form, self._photos)

    async def _post(self, path: str, form: dict[str, str], proof: Headers) -> dict[str, Any]:
        headers = {**flows.FORM_TYPE, **proof}
        _, body = await self._ask("POST", path, headers, urlencode(form).encode(), expected=200)
        answer: dict[str, Any] = json.loads(body)
        return answer

    async def _ask(
        self, method: str, target: str, headers: Headers, body: bytes = b"", *, expected: int
    ) -> tuple[dict[str, str], bytes]:
        """The headers and the body of the answer. Raises Unexpected for another status."""
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(_scope(method, target, headers, len(body)), receive, send)
        start, *bodies = sent
        answer = b"".join(message.get("body", b"") for message in bodies)
        if start["status"] != expected:
            raise Unexpected(f"{start['status']} instead of {expected}: {answer[:300]!r}")
        return {name.decode(): value.decode() for name, value in start["headers"]}, answer


def _scope(method: str, target: str, headers: Headers, length: int) -> Scope:
    path, _, query = target.partition("?")
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    if length:
        raw.append((b"content-length", str(length).encode()))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"host", b"localhost:8443"), *raw],
        "client": ("127.0.0.1", 4711),
        "server": ("127.0.0.1", 8443),
    }


async def run_together(operation: Operation, each: int) -> int:
    """Run an operation so many times on every chain, all chains at once; how often it ran."""

    async def loop(chain: int) -> None:
        for _ in range(each):
            await operation(chain)

    await asyncio.gather(*map(loop, range(CHAINS)))
    return each * CHAINS


@asynccontextmanager
async def operations(folder: Path, database: str) -> AsyncIterator[Operations]:
    """Operations in a world of their own, in which Alice is signed in.

    What a node does beside the requests is left out: it comes by the clock, not by the request.
    """
    world = build_world(folder, database, **dict.fromkeys(ENDLESS, 1_000_000_000))
    parts = world.parts
    parts.store.at_once(_open_business)
    await parts.keyring.catch_up()
    await parts.feed.catch_up()
    try:
        async with world.browser() as browser:
            await flows.connect(browser, AUTHORIZE, ALICE, PASSWORD)
            cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        made = Operations(world, cookie)
        await made.begin()
        yield made
    finally:
        parts.hashing.close()
        parts.store.close()


def _open_business(unit: Unit) -> None:
    """Give Alice a business, and it the customer whose id is 1."""
    alice = unit.people.by_email(ALICE)
    if alice is None:
        raise LookupError("there is no Alice")
    tenant_id = unit.tenants.add(TenantDetails("Clinic am Markt"), NOON)
    unit.tenants.add_member(tenant_id, alice.person_id, "owner")
    unit.customers.add(tenant_id, CUSTOMER, NOON)
