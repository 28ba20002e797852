"""The two mobile clients' calls of the API, in the order they make them (wire §d).

Their tokens come from the token endpoint, after a person signed in and agreed; what they read of
an answer is in `tests/peers/phones.py`.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from flextell.oauth import scopes
from flextell.tenants.model import CustomerDetails
from tests.api.conftest import Clinic, running_clinic
from tests.peers.phones import (
    ANDROID,
    DART,
    FORM,
    Reply,
    checked_tokens,
    customers_in,
    tenants_in,
    token_request,
)
from tests.web.conftest import add_app
from tests.web.flows import VERIFIER, App, challenge_of, code_for
from tests.world import ALICE, BOB, NOON, PASSWORD, SECRET

pytestmark = pytest.mark.anyio

TENANTS, CUSTOMERS = "/api/v1/account/tenants", "/api/v1/customers"
A_CALLBACK = "com.example.flextellcase://oauth-callback"
A_SCOPE = "account:read tenants:read customers:read"
B_CALLBACK = "com.example.flutter_application_flextell_case://oauth-callback"
B_SCOPE = "openid profile email offline_access customers:read"
# CLI-A refreshes before a call when fewer seconds are left, whatever was answered before.
A_SECONDS_LEFT = 30

ADA = ("Ada Çelik", "ada@example.com", "+905551234567")
GRACE = ("Grace Hopper", "", "+15551234567")
SECRETS = pytest.mark.parametrize("secret", [SECRET, None], ids=["with a secret", "without"])


def reply_of(response: Response) -> Reply:
    """The answer as the readers of `phones` want it."""
    return Reply(response.status_code, response.headers, response.text)


@dataclass
class Client:
    """An app on a phone that somebody has signed in to."""

    clinic: Clinic
    http: AsyncClient
    app: App
    scope: str
    headers: Mapping[str, str]
    tokens: dict[str, Any] = field(default_factory=dict)

    async def sign_in(self, email: str) -> None:
        """The code flow as AppAuth sends it (A1 and A2; B2 and B3)."""
        code = await code_for(
            self.http,
            self.app,
            email,
            PASSWORD,
            scope=self.scope,
            nonce="rK3sC1xNQpYy9Qm3fL0G5w",
            code_challenge=challenge_of(VERIFIER),
            code_challenge_method="S256",
        )
        await self.ask_token(
            grant_type="authorization_code",
            code=code,
            redirect_uri=self.app.redirect_uri,
            code_verifier=VERIFIER,
        )

    async def ask_token(self, **form: str) -> None:
        """A token request of AppAuth; what comes is kept."""
        headers, body = token_request(form, self.app.client_id, self.app.secret, ANDROID)
        response = await self.http.post("/oauth/token", content=body, headers=dict(headers))
        self.tokens = checked_tokens(reply_of(response))

    async def get(self, path: str, **headers: str) -> Reply:
        """A call of Dio's, with the token that there is."""
        bearer = {"authorization": f"Bearer {self.tokens['access_token']}"}
        sent = {**DART, **self.headers, **bearer, **headers}
        return reply_of(await self.http.get(path, headers=sent))


class CliA(Client):
    """Tenants and customers."""

    async def refresh(self) -> None:
        """A5: with `redirect_uri` and `scope`, which RFC 6749 §6 does not have or need."""
        await self.ask_token(
            grant_type="refresh_token",
            refresh_token=self.tokens["refresh_token"],
            redirect_uri=A_CALLBACK,
            scope=self.scope,
        )

    async def tenants(self) -> list[tuple[str, str, str]]:
        """A3: id, name and logo of each."""
        return tenants_in(await self.get(TENANTS))

    async def customers(self, tenant_id: str) -> set[tuple[str, str, str]]:
        """A4: no query; name, e-mail address and phone number of each."""
        return customers_in(await self.get(CUSTOMERS, **{"x-tenant": tenant_id}))


@asynccontextmanager
async def cli_a(
    clinic: Clinic, email: str, scope: str = A_SCOPE, secret: str | None = SECRET
) -> AsyncIterator[CliA]:
    """CLI-A after A2. The API's calls have `Accept`, and no `Content-Type` on a GET."""
    app = _registered(clinic, A_CALLBACK, scope, secret)
    async with clinic.world.browser() as http:
        client = CliA(clinic, http, app, scope, {"accept": "application/json"})
        await client.sign_in(email)
        yield client


@asynccontextmanager
async def cli_b(clinic: Clinic) -> AsyncIterator[Client]:
    """CLI-B after B3. Every call has a `Content-Type`, whether or not there is content."""
    app = _registered(clinic, B_CALLBACK, B_SCOPE, SECRET)
    async with clinic.world.browser() as http:
        client = Client(clinic, http, app, B_SCOPE, {"content-type": "application/json"})
        await client.sign_in(ALICE)
        yield client


def _registered(clinic: Clinic, callback: str, scope: str, secret: str | None) -> App:
    return add_app(
        clinic.world,
        secret=secret,
        redirect_uris=(callback,),
        scopes=scopes.parse(scope),
        default_scopes=scopes.parse("customers:read"),
    )


@SECRETS
async def test_cli_a_shows_the_tenant_and_its_customers(clinic: Clinic, secret: str | None) -> None:
    """A1 to A4; a customer without an e-mail address is one of them."""
    async with cli_a(clinic, ALICE, secret=secret) as client:
        [(tenant_id, name, logo)] = await client.tenants()
        found = await client.customers(tenant_id)

    assert tenant_id == str(clinic.ids.bosphorus)
    assert (name, logo) == ("Bosphorus Clinic", "https://pictures.example/bosphorus.png")
    assert {ADA, GRACE} == found


async def test_cli_a_shows_each_tenant_of_who_has_several_and_the_customers_of_the_one_chosen(
    clinic: Clinic,
) -> None:
    """A3 names no tenant, whoever asks (wire §e 17); a tenant without a logo is shown too."""
    async with cli_a(clinic, BOB) as client:
        tenants = await client.tenants()
        customers = {name: await client.customers(tenant_id) for tenant_id, name, _ in tenants}

    assert customers == {
        "Bosphorus Clinic": {ADA, GRACE},
        "Golden Horn Clinic": {("Else Where", "", "+2")},
    }
    assert {name: bool(logo) for _, name, logo in tenants} == {
        "Bosphorus Clinic": True,
        "Golden Horn Clinic": False,
    }


async def test_cli_a_selects_the_same_tenant_each_time_it_starts(clinic: Clinic) -> None:
    """It takes the first one (wire §d.2)."""
    async with cli_a(clinic, BOB) as client:
        first = [(await client.tenants())[0] for _ in range(3)]

    assert len(set(first)) == 1


async def test_cli_a_shows_the_newest_customers_when_there_are_more_than_one_answer_holds(
    own_clinic: Clinic,
) -> None:
    """A4 sends no query and shows only what the first answer holds."""
    added = [CustomerDetails(f"Customer {number}", "Last", "+4") for number in range(25)]
    for later, details in enumerate(added, 1):
        own_clinic.parts.store.at_once(
            lambda unit, d=details, at=NOON + later: unit.customers.add(  # type: ignore[misc]
                own_clinic.ids.bosphorus, d, at
            )
        )
    async with cli_a(own_clinic, ALICE) as client:
        [(tenant_id, _, _)] = await client.tenants()
        found = await client.customers(tenant_id)

    assert found == {(f"Customer {number} Last", "", "+4") for number in range(5, 25)}


async def test_cli_a_shows_no_customers_where_there_are_none(own_clinic: Clinic) -> None:
    """An empty list is fine for customers (wire §d.3)."""
    for gone in (own_clinic.ids.ada, own_clinic.ids.grace):
        own_clinic.parts.store.at_once(
            lambda unit, c=gone: unit.customers.delete(own_clinic.ids.bosphorus, c, NOON)  # type: ignore[misc]
        )
    async with cli_a(own_clinic, ALICE) as client:
        assert await client.customers(str(own_clinic.ids.bosphorus)) == set()


@SECRETS
async def test_cli_a_refreshes_before_its_token_ends_and_goes_on(
    own_clinic: Clinic, secret: str | None
) -> None:
    """A5, then A3 and A4 again, for three lives of a token; once is enough each time."""
    async with cli_a(own_clinic, ALICE, secret=secret) as client:
        [(tenant_id, _, _)] = await client.tenants()
        for _ in range(3):
            before = dict(client.tokens)
            own_clinic.world.clock.advance(before["expires_in"] - A_SECONDS_LEFT + 1)
            await client.refresh()
            shown = await client.customers(tenant_id)

            assert client.tokens["refresh_token"] != before["refresh_token"]
            assert client.tokens["access_token"] != before["access_token"]
            assert client.tokens["scope"] == before["scope"]
            assert shown == {ADA, GRACE}


async def test_cli_a_that_never_got_the_answer_to_a_refresh_refreshes_again(
    own_clinic: Clinic,
) -> None:
    """It keeps the old refresh token when no answer comes, and presents it at the next start."""
    async with cli_a(own_clinic, ALICE) as client:
        kept = dict(client.tokens)
        own_clinic.world.clock.advance(kept["expires_in"] - A_SECONDS_LEFT + 1)
        await client.refresh()
        lost, client.tokens = client.tokens, kept
        await client.refresh()

        assert client.tokens["refresh_token"] == lost["refresh_token"]
        assert await client.customers(str(own_clinic.ids.bosphorus)) == {ADA, GRACE}


async def test_cli_a_is_told_to_sign_in_again_when_it_slept_past_the_end_of_its_token(
    own_clinic: Clinic,
) -> None:
    """A 401 without the words "tenant" and "scope", which would be shown as another problem."""
    async with cli_a(own_clinic, ALICE) as client:
        own_clinic.world.clock.advance(client.tokens["expires_in"] + 1)
        refused = [
            await client.get(TENANTS),
            await client.get(CUSTOMERS, **{"x-tenant": str(own_clinic.ids.bosphorus)}),
        ]

    for reply in refused:
        assert (reply.status, reply.json["error"]) == (401, "invalid_token")
        assert says(reply) == set()


async def test_cli_a_is_told_to_sign_in_again_when_access_was_taken_back(
    own_clinic: Clinic,
) -> None:
    async with cli_a(own_clinic, ALICE) as client:
        headers, body = token_request(
            {"token": client.tokens["refresh_token"]}, client.app.client_id, SECRET, ANDROID
        )
        await client.http.post("/oauth/revoke", content=body, headers=dict(headers))
        reply = await client.get(CUSTOMERS, **{"x-tenant": str(own_clinic.ids.bosphorus)})

    assert (reply.status, reply.json["error"], says(reply)) == (401, "invalid_token", set())


def says(reply: Reply) -> set[str]:
    """Which of the words it has that CLI-A looks for in the body of an error."""
    return {word for word in ("tenant", "scope") if word in reply.text.lower()}


@dataclass(frozen=True)
class Refusal:
    """Who asks for what; what CLI-A must read (wire §d.2, §d.3)."""

    path: str
    status: int
    words: frozenset[str]
    email: str = ALICE
    scope: str = A_SCOPE
    tenant: str | None = None


SCOPE, TENANT, NEITHER = frozenset({"scope"}), frozenset({"tenant"}), frozenset[str]()
REFUSALS: Mapping[str, Refusal] = {
    "tenants without the scope": Refusal(TENANTS, 403, SCOPE | TENANT, scope="customers:read"),
    "customers without the scope": Refusal(CUSTOMERS, 403, SCOPE, scope="account:read"),
    "customers of a tenant that is not theirs": Refusal(CUSTOMERS, 403, TENANT, tenant="987654"),
    "customers of a tenant that is no number": Refusal(CUSTOMERS, 400, TENANT, tenant="Bosphorus"),
    "customers of one of several, unnamed": Refusal(CUSTOMERS, 400, TENANT, email=BOB),
    "a customer who is not there": Refusal(f"{CUSTOMERS}/987654", 404, NEITHER),
    "a path that is not there": Refusal("/api/v1/customer", 404, NEITHER),
    "a version that is not there": Refusal("/api/v2/customers", 404, NEITHER),
}


@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS)
async def test_cli_a_reads_the_reason_of_a_refusal_from_its_words(
    clinic: Clinic, case: Refusal
) -> None:
    """It takes "tenant" for a problem of the tenant before it looks at the status; on the list of
    tenants "scope" for a missing scope."""
    async with cli_a(clinic, case.email, case.scope) as client:
        named = {} if case.tenant is None else {"x-tenant": case.tenant}
        reply = await client.get(case.path, **named)

    assert reply.status == case.status
    assert reply.json.keys() == {"error", "message"}
    assert says(reply) == case.words


async def test_cli_a_that_asks_too_often_is_told_so_and_not_that_the_tenant_is_wrong(
    tmp_path: Path,
) -> None:
    """A 429 is "any other status" to it, if no word in it says otherwise."""
    async for clinic in running_clinic(tmp_path, api_requests_per_window=2):
        async with cli_a(clinic, ALICE) as client:
            [(tenant_id, _, _)] = await client.tenants()
            shown = await client.customers(tenant_id)
            refused = [
                await client.get(TENANTS),
                await client.get(CUSTOMERS, **{"x-tenant": tenant_id}),
            ]

        assert shown == {ADA, GRACE}
        for reply in refused:
            assert (reply.status, says(reply)) == (429, set())
            assert int(reply.headers["retry-after"]) > 0


async def test_both_read_what_they_need_when_success_is_text(tmp_path: Path) -> None:
    """Neither looks at `success` (wire §e 4)."""
    async for clinic in running_clinic(tmp_path, success_as_text=True):
        async with cli_a(clinic, ALICE) as client:
            [(tenant_id, _, _)] = await client.tenants()
            assert await client.customers(tenant_id) == {ADA, GRACE}
        async with cli_b(clinic) as client:
            assert len((await client.get(CUSTOMERS)).json["data"]) == 2


async def test_cli_b_as_committed_shows_that_it_must_sign_in(clinic: Clinic) -> None:
    """B5: a `Content-Type`, no content and no token: 401, not 415, and a text to show (§e 16)."""
    async with cli_b(clinic) as client:
        refused = reply_of(await client.http.get(CUSTOMERS, headers={**DART, **client.headers}))

    assert (refused.status, refused.json["error"]) == (401, "unauthorized")
    assert refused.json["message"]
    assert refused.headers["www-authenticate"].startswith("Bearer ")


async def test_cli_b_reads_the_customers_once_it_sends_the_token_it_has(clinic: Clinic) -> None:
    """B5 with the class attached that adds `Authorization`; still no X-Tenant and no query."""
    async with cli_b(clinic) as client:
        found = await client.get(CUSTOMERS)

    assert customers_in(found) == {ADA, GRACE}
    for item in found.json["data"]:
        assert type(item["id"]) is int
        assert datetime.fromisoformat(item["created_at"]).tzinfo is not None
    assert [item["date_of_birth"] for item in found.json["data"]] == ["1815-12-10T00:00:00Z", None]


async def test_cli_b_refreshes_after_a_401_and_repeats_the_call(own_clinic: Clinic) -> None:
    """B6: id and secret in the body, where the exchange had them in a header (wire §d.5 4)."""
    async with cli_b(own_clinic) as client:
        own_clinic.world.clock.advance(client.tokens["expires_in"] + 1)
        first = await client.get(CUSTOMERS)
        form = {
            "grant_type": "refresh_token",
            "refresh_token": client.tokens["refresh_token"],
            "client_id": client.app.client_id,
            "client_secret": SECRET,
        }
        headers = {**DART, "content-type": FORM}
        renewed = await client.http.post("/oauth/token", data=form, headers=headers)
        client.tokens = checked_tokens(reply_of(renewed))
        again = await client.get(CUSTOMERS)

    assert (first.status, first.json["error"]) == (401, "invalid_token")
    assert customers_in(again) == {ADA, GRACE}
