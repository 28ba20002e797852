"""Calls that change customers, their notes and tags, as an app of somebody who may sends them."""

from typing import Any

from httpx2 import Response

from tests.api.conftest import Clinic

CUSTOMERS = "/api/v1/customers"
TAGS = "/api/v1/tags"
SCOPE = "customers:read customers:write tags:read tags:write"
LINUS = {"first_name": "Linus", "last_name": "Pauling", "phone_number": "+12025550100"}


async def ask(
    clinic: Clinic,
    method: str,
    path: str,
    body: Any = None,
    subject: str = "sub-alice",
    if_match: str | None = None,
) -> Response:
    """Call the API as somebody of Bosphorus Clinic who may see and change customers and tags."""
    headers = {
        "authorization": f"Bearer {clinic.token(subject, SCOPE)}",
        "x-tenant": str(clinic.ids.bosphorus),
    }
    if if_match is not None:
        headers["if-match"] = if_match
    return await clinic.client.request(method, path, headers=headers, json=body)


async def made(clinic: Clinic, path: str, body: Any) -> Any:
    """What was created."""
    answer = await ask(clinic, "POST", path, body)
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


async def linus(clinic: Clinic, **more: Any) -> str:
    """The path of a new customer."""
    return f"{CUSTOMERS}/{(await made(clinic, CUSTOMERS, LINUS | more))['id']}"


async def remove_user(clinic: Clinic, user_id: int) -> None:
    """Somebody leaves Bosphorus Clinic."""
    headers = {
        "authorization": f"Bearer {clinic.token(scope='users:write')}",
        "x-tenant": str(clinic.ids.bosphorus),
    }
    answer = await clinic.client.delete(f"/api/v1/users/{user_id}", headers=headers)
    assert answer.status_code == 200, answer.text
