"""Every row of the API's table keeps the rules that hold for all (wire §e 5, 10, 14, 17)."""

import re
from typing import Any

import pytest
from httpx2 import Response

from flextell.api.routes import TABLE
from flextell.api.row import Row
from flextell.oauth.scopes import CATALOGUE
from tests.api.conftest import Clinic

pytestmark = pytest.mark.anyio

EVERY = " ".join(sorted(CATALOGUE))
SCOPED = [row for row in TABLE if row.scopes]
IN_A_TENANT = [row for row in TABLE if row.permission is not None and not row.anywhere]
# Bodies that each row takes, so that nothing but the rule in question can refuse them.
BODIES: dict[str, Any] = {
    "NewCustomer": {"first_name": "Linus", "last_name": "Pauling", "phone_number": "+1"},
    "NewNote": {"content": "Likes tea."},
    "NewTag": {"name": "Regular", "color": "#00ff00"},
    "NewUser": {
        "name": "Frank",
        "email": "frank@example.com",
        "password": "correct horse battery",
        "password_confirmation": "correct horse battery",
    },
    "UserRoles": {"role_ids": []},
    "NewConversation": {"channel_id": 1, "address": "@linus"},
    "NewMessage": {"message": "Hello"},
    "MessageChanges": {"message": "Hello"},
    "NewSuggestion": {"original_text": "Hello"},
    "SuggestionSending": {"send_source": "suggestion_as_is"},
    "NewBlock": {"channel_id": 1, "customer_id": 1, "reason": "manual"},
}


def named(row: Row) -> str:
    """The name of a row's test."""
    return f"{row.method} {row.path}"


async def ask(
    clinic: Clinic, row: Row, token: str | None, tenant: int | None, thing: int = 1
) -> Response:
    """Call a row; every id in its path is that of the thing."""
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    if tenant is not None:
        headers["x-tenant"] = str(tenant)
    body = BODIES.get(row.body.__name__, {}) if row.body else None
    files = {"file": ("a.txt", b"text")} if row.form else None
    data = {"type": "other", "fileable_type": "customer", "fileable_id": "1"} if row.form else None
    path = "/api" + re.sub(r"\{\w+\}", str(thing), row.path)
    return await clinic.client.request(
        row.method, path, headers=headers, json=body, files=files, data=data
    )


@pytest.mark.parametrize("row", TABLE, ids=named)
async def test_no_token_is_401_with_a_challenge(clinic: Clinic, row: Row) -> None:
    """RFC 6750 §3."""
    answer = await ask(clinic, row, None, clinic.ids.bosphorus)

    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("row", SCOPED, ids=named)
async def test_a_token_without_the_scope_is_told_which_one_it_takes(
    clinic: Clinic, row: Row
) -> None:
    """RFC 6750 §3.1: every scope of the catalogue but those of the row."""
    others = " ".join(sorted(CATALOGUE.keys() - set(row.scopes)))

    answer = await ask(clinic, row, clinic.token(scope=others), clinic.ids.bosphorus)

    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert any(scope in answer.json()["message"] for scope in row.scopes)


@pytest.mark.parametrize("row", SCOPED, ids=named)
async def test_each_scope_of_the_row_is_enough(clinic: Clinic, row: Row) -> None:
    """Whatever else is wrong with the request, it is not the scope."""
    for scope in row.scopes:
        answer = await ask(clinic, row, clinic.token(scope=scope), clinic.ids.bosphorus, 10**9)

        assert answer.status_code not in (401, 403), answer.text


@pytest.mark.parametrize("row", IN_A_TENANT, ids=named)
async def test_nobody_acts_in_a_tenant_that_is_not_theirs(clinic: Clinic, row: Row) -> None:
    """Wire §e 17: 403, and the same for a tenant that does not exist."""
    token = clinic.token(scope=EVERY)

    theirs = await ask(clinic, row, token, clinic.ids.golden_horn, clinic.ids.elsewhere)
    nobodys = await ask(clinic, row, token, 10**9, clinic.ids.elsewhere)

    assert (theirs.status_code, theirs.json()) == (403, nobodys.json())
    assert theirs.json()["error"] == "forbidden"


@pytest.mark.parametrize(
    "row", [row for row in IN_A_TENANT if "/customers/{" in row.path], ids=named
)
async def test_a_customer_of_another_tenant_is_not_there(clinic: Clinic, row: Row) -> None:
    """Wire §e 17: as if it did not exist, whatever is done with it."""
    answer = await ask(
        clinic, row, clinic.token(scope=EVERY), clinic.ids.bosphorus, clinic.ids.elsewhere
    )

    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize("row", TABLE, ids=named)
async def test_every_answer_names_itself_and_says_what_is_left(clinic: Clinic, row: Row) -> None:
    """Wire §c.2; what happened can be found by the name."""
    answer = await ask(clinic, row, clinic.token(scope=EVERY), clinic.ids.bosphorus, 10**9)

    assert {"request-id", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"} <= {
        *answer.headers
    }
    assert answer.status_code < 500


@pytest.mark.parametrize("row", [row for row in TABLE if row.method == "GET"], ids=named)
async def test_both_names_of_the_version_answer_alike(clinic: Clinic, row: Row) -> None:
    """Wire §e 1."""
    path = re.sub(r"\{\w+\}", str(clinic.ids.ada), row.path)
    headers = {"authorization": f"Bearer {clinic.token(scope=EVERY)}"}

    canonical = await clinic.client.get(f"/api{path}", headers=headers)
    other = await clinic.client.get(f"/api{path.replace('/v1/', '/v0.0.1/')}", headers=headers)

    assert canonical.status_code == other.status_code
    assert canonical.text == other.text.replace("/v0.0.1/", "/v1/")
