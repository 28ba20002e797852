"""Notes about customers (wire §a.2, §e 2, 6, 9)."""

from typing import Any

import pytest

from tests.api.changing import CUSTOMERS, SCOPE, ask, linus, made, remove_user
from tests.api.conftest import Clinic

pytestmark = pytest.mark.anyio


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


async def test_notes_are_sorted_by_what_they_say(clinic: Clinic) -> None:
    path = f"{await linus(clinic)}/notes"
    # The same as far as they are sorted by: then the older one comes first.
    texts = ["b" * 100 + "z", "b" * 100 + "a", "a", "c"]
    for text in texts:
        await made(clinic, path, {"content": text})

    met: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        part = await ask(clinic, "GET", f"{path}?sort_by=content&limit=1&cursor={cursor}")
        met += [note["content"] for note in part.json()["data"]]
        cursor = part.json()["meta"]["cursor"]

    assert met == ["a", texts[0], texts[1], "c"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"content": None}, 400),
        ({"content": 7}, 400),
        ({"content": ""}, 422),
        ({"content": "x" * 65_536}, 422),
        ({"content": "x" * 65_535}, 201),
        ({"content": "x", "user_id": None}, 201),
    ],
)
async def test_a_note_says_something_and_no_more_than_fits(
    clinic: Clinic, body: dict[str, Any], status: int
) -> None:
    """Wire §a.2."""
    answer = await ask(clinic, "POST", f"{CUSTOMERS}/{clinic.ids.grace}/notes", body)

    assert answer.status_code == status, answer.text


async def test_a_note_keeps_an_author_who_left(own_clinic: Clinic) -> None:
    clinic = own_clinic
    ada = (await ask(clinic, "GET", f"{CUSTOMERS}/{clinic.ids.ada}")).json()["data"]
    bob = ada["related_user"]
    path = f"{CUSTOMERS}/{clinic.ids.grace}/notes"
    note = await made(clinic, path, {"content": "By Bob.", "user_id": bob["id"]})
    await remove_user(clinic, bob["id"])

    changed = await ask(
        clinic, "PUT", f"{path}/{note['id']}", {"content": "By Bob!", "user_id": bob["id"]}
    )
    another = await ask(clinic, "POST", path, {"content": "x", "user_id": bob["id"]})

    assert (changed.status_code, changed.json()["data"]["author"]) == (200, bob)
    assert another.status_code == 422


async def test_notes_of_a_deleted_customer_come_back_with_them(clinic: Clinic) -> None:
    path = await linus(clinic)
    note = await made(clinic, f"{path}/notes", {"content": "Likes vitamin C."})
    await ask(clinic, "DELETE", path)

    hidden = [
        (await ask(clinic, method, f"{path}/notes{rest}", body)).status_code
        for method, rest, body in (
            ("GET", "", None),
            ("POST", "", {"content": "x"}),
            ("GET", f"/{note['id']}", None),
            ("PUT", f"/{note['id']}", {"content": "x"}),
            ("DELETE", f"/{note['id']}", None),
            ("POST", f"/{note['id']}/restore", None),
        )
    ]
    await ask(clinic, "POST", f"{path}/restore")

    assert hidden == [404] * 6
    assert (await ask(clinic, "GET", f"{path}/notes")).json()["data"] == [note]


async def test_a_note_is_restored_once(clinic: Clinic) -> None:
    """Wire §e 9: a second restore is a conflict; a note that never was is not found."""
    path = f"{await linus(clinic)}/notes"
    note = await made(clinic, path, {"content": "Likes vitamin C."})
    await ask(clinic, "DELETE", f"{path}/{note['id']}")

    answers = [await ask(clinic, "POST", f"{path}/{note['id']}/restore") for _ in range(2)]
    nobodys = await ask(clinic, "POST", f"{path}/{10**9}/restore")

    assert [answer.status_code for answer in (*answers, nobodys)] == [200, 409, 404]


async def test_a_viewer_reads_notes_and_writes_none(clinic: Clinic) -> None:
    """Wire §e 33."""
    headers = {
        "authorization": f"Bearer {clinic.token('sub-bob', SCOPE)}",
        "x-tenant": str(clinic.ids.golden_horn),
    }
    path = f"{CUSTOMERS}/{clinic.ids.elsewhere}/notes"

    read = await clinic.client.get(path, headers=headers)
    written = await clinic.client.post(path, headers=headers, json={"content": "x"})

    assert (read.status_code, written.status_code) == (200, 403)
