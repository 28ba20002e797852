"""The four causes of a 401, the 403, and how soon a revoked token is refused (wire §b.8, §e 5)."""

import pytest

from flextell.api.routes import TABLE
from flextell.oauth.scopes import CATALOGUE
from tests.api.conftest import Clinic

pytestmark = pytest.mark.anyio

CUSTOMERS = "/api/v1/customers"
TENANTS = "/api/v1/account/tenants"


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic YTpi"}])
async def test_a_request_without_a_token_is_told_to_send_one(
    clinic: Clinic, headers: dict[str, str]
) -> None:
    """RFC 6750 §3.1: no attempt was made, so the challenge names no error."""
    answer = await clinic.client.get(CUSTOMERS, headers=headers)

    assert answer.status_code == 401
    assert answer.json() == {
        "error": "unauthorized",
        "message": "The access token is missing. Send it in the header "
        "Authorization: Bearer ACCESS_TOKEN.",
    }
    assert answer.headers["www-authenticate"] == 'Bearer realm="https://localhost:8443"'


async def test_an_expired_token_is_told_to_refresh(own_clinic: Clinic) -> None:
    token = own_clinic.token(seconds=60)
    own_clinic.world.clock.advance(60)

    answer = await own_clinic.get(CUSTOMERS, token=token)

    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_token"
    assert "has expired" in answer.json()["message"]
    assert "refresh token" in answer.json()["message"]
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("spoil", [" {}", "{} ", "{}x", '"{}"'])
async def test_a_token_that_was_changed_is_malformed(clinic: Clinic, spoil: str) -> None:
    token = spoil.format(clinic.token())

    answer = await clinic.client.get(CUSTOMERS, headers={"authorization": f"Bearer {token}"})

    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_token"
    assert "malformed" in answer.json()["message"]
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_a_token_that_was_cut_is_malformed(clinic: Clinic) -> None:
    answer = await clinic.get(CUSTOMERS, token=clinic.token()[:-5])

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert "malformed" in answer.json()["message"]


async def test_two_tokens_in_one_request_are_refused(clinic: Clinic) -> None:
    twice = [("authorization", f"Bearer {clinic.token()}")] * 2

    answer = await clinic.client.get(CUSTOMERS, headers=twice)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


async def test_a_revoked_token_is_refused_at_once_on_its_node(own_clinic: Clinic) -> None:
    parts, now = own_clinic.parts, own_clinic.world.clock.now
    assert (await own_clinic.get(CUSTOMERS)).status_code == 200

    parts.feed.apply_own("grant-alice", now + 3600)
    answer = await own_clinic.get(CUSTOMERS)

    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_token"
    assert "was revoked" in answer.json()["message"]
    assert "authorization flow" in answer.json()["message"]
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_a_token_revoked_elsewhere_is_refused_after_the_next_news(
    own_clinic: Clinic,
) -> None:
    parts, now = own_clinic.parts, own_clinic.world.clock.now
    assert (await own_clinic.get(CUSTOMERS)).status_code == 200

    await parts.store.write(lambda unit: unit.revocations.add("grant-alice", now + 3600, now))
    await parts.feed.catch_up()

    assert (await own_clinic.get(CUSTOMERS)).status_code == 401


async def test_the_token_of_a_disabled_person_is_refused(clinic: Clinic) -> None:
    token = clinic.token("sub-dora", " ".join(CATALOGUE), "grant-dora")

    for row in TABLE:
        path = "/api" + row.path.replace("{id}", "1")
        answer = await clinic.get(path, token=token, method=row.method)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


async def test_the_missing_scope_is_named(clinic: Clinic) -> None:
    """RFC 6750 §3.1: insufficient_scope is 403 and the challenge says which scope it takes."""
    answer = await clinic.get(CUSTOMERS, token=clinic.token(scope="account:read"))

    assert answer.status_code == 403
    assert answer.json()["error"] == "insufficient_scope"
    assert "customers:read" in answer.json()["message"]
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert 'scope="customers:read"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("scope", ["account:read", "tenants:read"])
async def test_either_of_two_scopes_opens_the_list_of_tenants(clinic: Clinic, scope: str) -> None:
    """Wire §e 14."""
    answer = await clinic.get(TENANTS, token=clinic.token(scope=scope))

    assert answer.status_code == 200


async def test_the_list_of_tenants_names_both_scopes_it_would_take(clinic: Clinic) -> None:
    answer = await clinic.get(TENANTS, token=clinic.token(scope="customers:read"))

    assert answer.status_code == 403
    assert "account:read or tenants:read" in answer.json()["message"]


async def test_any_valid_token_learns_what_the_api_is(clinic: Clinic) -> None:
    """Wire §e 1."""
    answer = await clinic.get("/api", token=clinic.token(scope="email"))

    assert answer.status_code == 200
    assert answer.json()["data"] == {"name": "Flextell API", "version": "v0.0.1"}
    assert (await clinic.client.get("/api")).status_code == 401


async def test_the_scope_is_judged_before_the_tenant_and_the_tenant_before_the_parameters(
    clinic: Clinic,
) -> None:
    narrow = clinic.token(scope="account:read")

    answers = [
        await clinic.client.get(CUSTOMERS, headers={"x-tenant": "x"}, params={"page": "x"}),
        await clinic.get(CUSTOMERS, token=narrow, tenant="x", page="x"),
        await clinic.get(CUSTOMERS, tenant="999", page="x"),
        await clinic.get(CUSTOMERS, page="x"),
    ]

    assert [answer.status_code for answer in answers] == [401, 403, 403, 400]
    assert [answer.json()["error"] for answer in answers] == [
        "unauthorized",
        "insufficient_scope",
        "forbidden",
        "invalid_request",
    ]
