"""Customers, their notes and their tags as apps change them (wire §a.2, §e 6, 7, 9, 20)."""

from typing import Any

import pytest
from httpx2 import Response

from tests.api.conftest import Clinic

pytestmark = pytest.mark.anyio

CUSTOMERS = "/api/v1/customers"
TAGS = "/api/v1/tags"
SCOPE = "customers:read customers:write tags:read tags:write"
LINUS = {"first_name": "Linus", "last_name": "Pauling", "phone_number": "+12025550100"}


async def ask(
    clinic: Clinic, method: str, path: str, body: Any = None, subject: str = "sub-alice"
) -> Response:
    """Call the API as somebody of Bosphorus Clinic who may see and change customers and tags."""
    headers = {
        "authorization": f"Bearer {clinic.token(subject, SCOPE)}",
        "x-tenant": str(clinic.ids.bosphorus),
    }
    return await clinic.client.request(method, path, headers=headers, json=body)


async def made(clinic: Clinic, path: str, body: Any) -> Any:
    """What was created."""
    answer = await ask(clinic, "POST", path, body)
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


async def linus(clinic: Clinic, **more: Any) -> str:
    """The path of a new customer."""
    return f"{CUSTOMERS}/{(await made(clinic, CUSTOMERS, LINUS | more))['id']}"


async def test_a_customer_is_created_with_all_that_is_known(clinic: Clinic) -> None:
    bob = (await ask(clinic, "GET", f"{CUSTOMERS}/{clinic.ids.ada}")).json()["data"]["related_user"]
    customer = await made(
        clinic,
        CUSTOMERS,
        LINUS
        | {
            "email": "linus@example.com",
            "date_of_birth": "1901-02-28",
            "gender": "male",
            "job": "Chemist",
            "user_id": bob["id"],
            "tag_ids": [clinic.ids.vip],
        },
    )

    assert customer["date_of_birth"] == "1901-02-28T00:00:00Z"
    assert customer["related_user"] == bob
    assert [tag["id"] for tag in customer["tags"]] == [clinic.ids.vip]
    read = await ask(clinic, "GET", f"{CUSTOMERS}/{customer['id']}")
    assert read.json()["data"] == customer


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_change_touches_only_what_is_sent(clinic: Clinic, method: str) -> None:
    """Wire §e 7: null clears what may be empty."""
    path = await linus(clinic, job="Chemist", email="linus@example.com")

    changed = await ask(clinic, method, path, {"job": None, "last_name": "P."})

    customer = changed.json()["data"]
    assert (customer["job"], customer["last_name"]) == (None, "P.")
    assert (customer["first_name"], customer["email"]) == ("Linus", "linus@example.com")


async def test_who_was_changed_is_found_by_the_new_name(clinic: Clinic) -> None:
    path = await linus(clinic)
    await ask(clinic, "PUT", path, {"first_name": "Ørsted"})

    found = await ask(clinic, "GET", f"{CUSTOMERS}?search=ØRSTED")

    assert [f"{CUSTOMERS}/{each['id']}" for each in found.json()["data"]] == [path]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"first_name": None}, 400),
        ({"first_name": "x" * 256}, 422),
        ({"phone_number": "1" * 21}, 422),
        ({"email": "nobody"}, 422),
        ({"gender": "unknown"}, 422),
        ({"date_of_birth": "yesterday"}, 422),
        ({"user_id": 10**9}, 422),
        ({"country_id": 10**9}, 422),
        ({"tag_ids": [10**9]}, 422),
        ({"tag_ids": [0]}, 422),
        ({"tag_ids": "7"}, 400),
    ],
)
async def test_a_change_that_breaks_a_rule_changes_nothing(
    clinic: Clinic, change: dict[str, Any], status: int
) -> None:
    """Wire §e 9: and the message names the field."""
    path = await linus(clinic)
    before = (await ask(clinic, "GET", path)).json()

    answer = await ask(clinic, "PUT", path, {"job": "Chemist"} | change)

    assert (answer.status_code, answer.json().keys()) == (status, {"error", "message"})
    assert next(iter(change)) in answer.json()["message"]
    assert (await ask(clinic, "GET", path)).json() == before


async def test_a_deleted_customer_is_hidden_until_restored(clinic: Clinic) -> None:
    """Wire §e 6; a second restore is a conflict (§e 9)."""
    path = await linus(clinic)

    deleted = await ask(clinic, "DELETE", path)
    hidden = await ask(clinic, "GET", path)
    again = await ask(clinic, "DELETE", path)
    restored = await ask(clinic, "POST", f"{path}/restore")
    twice = await ask(clinic, "POST", f"{path}/restore")

    assert deleted.json()["data"] == {"message": "The customer was deleted."}
    assert [hidden.status_code, again.status_code] == [404, 404]
    assert (restored.status_code, restored.json()["data"]["deleted_at"]) == (200, None)
    assert (twice.status_code, twice.json()["error"]) == (409, "conflict")


async def test_a_viewer_changes_nothing(clinic: Clinic) -> None:
    """Wire §e 33: the scope of the token is not enough."""
    token = clinic.token("sub-bob", SCOPE)
    headers = {"authorization": f"Bearer {token}", "x-tenant": str(clinic.ids.golden_horn)}

    answer = await clinic.client.post(CUSTOMERS, headers=headers, json=LINUS)

    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")


async def test_a_note_lives_under_its_customer(clinic: Clinic) -> None:
    path = f"{await linus(clinic)}/notes"
    note = await made(clinic, path, {"content": "Likes vitamin C."})
    changed = await ask(clinic, "PATCH", f"{path}/{note['id']}", {"content": "Likes it a lot."})
    listed = await ask(clinic, "GET", f"{path}?search=A LOT&sort_by=content")
    elsewhere = await ask(clinic, "GET", f"{CUSTOMERS}/{clinic.ids.ada}/notes/{note['id']}")

    assert note["author"]["name"] == "Alice"
    assert listed.json()["data"] == [changed.json()["data"]]
    assert listed.json()["meta"]["total"] == 1
    assert elsewhere.status_code == 404


async def test_a_note_may_have_another_member_as_author_and_nobody_else(clinic: Clinic) -> None:
    ada = (await ask(clinic, "GET", f"{CUSTOMERS}/{clinic.ids.ada}")).json()["data"]
    path = f"{CUSTOMERS}/{clinic.ids.grace}/notes"

    by_bob = await ask(clinic, "POST", path, {"content": "x", "user_id": ada["related_user"]["id"]})
    by_nobody = await ask(clinic, "POST", path, {"content": "x", "user_id": 10**9})

    assert by_bob.json()["data"]["author"] == ada["related_user"]
    assert (by_nobody.status_code, by_nobody.json()["error"]) == (422, "validation_error")


async def test_notes_are_deleted_restored_and_paged_both_ways(clinic: Clinic) -> None:
    """Wire §e 2."""
    path = f"{await linus(clinic)}/notes"
    ids = [(await made(clinic, path, {"content": f"Note {n}"}))["id"] for n in range(5)]
    await ask(clinic, "DELETE", f"{path}/{ids[2]}")

    pages = [
        each["id"]
        for page in (1, 2)
        for each in (await ask(clinic, "GET", f"{path}?page={page}&per_page=2")).json()["data"]
    ]
    first = (await ask(clinic, "GET", f"{path}?limit=2")).json()
    rest = (await ask(clinic, "GET", f"{path}?limit=9&cursor={first['meta']['cursor']}")).json()
    trashed = (await ask(clinic, "GET", f"{path}?trashed=true")).json()["data"]
    restored = await ask(clinic, "POST", f"{path}/{ids[2]}/restore")

    assert pages == [ids[4], ids[3], ids[1], ids[0]]
    assert [each["id"] for each in first["data"] + rest["data"]] == pages
    assert [each["id"] for each in trashed] == ids[::-1]
    assert restored.json()["data"]["deleted_at"] is None


async def test_a_tag_name_is_there_once_whatever_its_case(clinic: Clinic) -> None:
    """Wire §a.2: unique per tenant ignoring case; §e 9: 409."""
    tag = await made(clinic, TAGS, {"name": "Straße", "color": "#00ff00"})
    other = await made(clinic, TAGS, {"name": "Weg", "color": "#00ff00"})

    again = await ask(clinic, "POST", TAGS, {"name": "STRASSE", "color": "#000000"})
    renamed = await ask(clinic, "PUT", f"{TAGS}/{other['id']}", {"name": "strasse"})
    itself = await ask(clinic, "PUT", f"{TAGS}/{tag['id']}", {"name": "STRASSE"})

    assert [again.status_code, renamed.status_code] == [409, 409]
    assert (itself.status_code, itself.json()["data"]["name"]) == (200, "STRASSE")


async def test_a_deleted_tag_leaves_its_customers_and_comes_back(clinic: Clinic) -> None:
    path = await linus(clinic)
    tag = await made(clinic, TAGS, {"name": "Nobel", "color": "#00ff00"})
    put_on = await ask(clinic, "PUT", f"{path}/tags/{tag['id']}")
    await ask(clinic, "DELETE", f"{TAGS}/{tag['id']}")
    without = (await ask(clinic, "GET", path)).json()["data"]["tags"]
    await made(clinic, TAGS, {"name": "nobel", "color": "#00ff00"})
    taken = await ask(clinic, "POST", f"{TAGS}/{tag['id']}/restore")

    assert [each["id"] for each in put_on.json()["data"]["tags"]] == [tag["id"]]
    assert without == []
    assert taken.status_code == 409


async def test_a_tag_is_taken_off(clinic: Clinic) -> None:
    path = await linus(clinic, tag_ids=[clinic.ids.vip])

    answers = [await ask(clinic, "DELETE", f"{path}/tags/{clinic.ids.vip}") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert (await ask(clinic, "GET", path)).json()["data"]["tags"] == []


@pytest.mark.parametrize("color", ["red", "#12345", "#1234567", "#12345g", ""])
async def test_a_colour_is_a_hash_and_six_digits(clinic: Clinic, color: str) -> None:
    answer = await ask(clinic, "POST", TAGS, {"name": "Red", "color": color})

    assert (answer.status_code, answer.json()["error"]) == (422, "validation_error")


async def test_tags_are_listed_by_name(clinic: Clinic) -> None:
    await made(clinic, TAGS, {"name": "Zebra", "color": "#000000"})

    listed = await ask(clinic, "GET", f"{TAGS}?sort_by=name&sort_order=desc&per_page=1")

    assert [tag["name"] for tag in listed.json()["data"]] == ["Zebra"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "{customers}/{elsewhere}"),
        ("DELETE", "{customers}/{elsewhere}"),
        ("POST", "{customers}/{elsewhere}/restore"),
        ("GET", "{customers}/{elsewhere}/notes"),
        ("POST", "{customers}/{elsewhere}/notes"),
        ("PUT", "{customers}/{elsewhere}/tags/{vip}"),
        ("DELETE", "{customers}/{elsewhere}/tags/{vip}"),
    ],
)
async def test_nothing_of_another_tenant_can_be_reached(
    clinic: Clinic, method: str, path: str
) -> None:
    """Wire §e 17: as if it were not there."""
    path = path.format(customers=CUSTOMERS, elsewhere=clinic.ids.elsewhere, vip=clinic.ids.vip)

    answer = await ask(clinic, method, path, {"content": "x"} if method != "GET" else None)

    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
