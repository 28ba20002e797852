"""Tags, and putting them on customers (wire §a.2, §e 6, 9, 36)."""

import pytest

from tests.api.changing import TAGS, ask, linus, made
from tests.api.conftest import Clinic

pytestmark = pytest.mark.anyio


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


@pytest.mark.parametrize(("if_match", "status", "left"), [('"x"', 412, 1), ("*", 200, 0)])
async def test_no_etag_names_that_a_tag_is_on_somebody(
    clinic: Clinic, if_match: str, status: int, left: int
) -> None:
    """RFC 9110 §13.1.1: what must not be done unless an ETag fits is not done where none is."""
    path = await linus(clinic, tag_ids=[clinic.ids.vip])
    off = f"{path}/tags/{clinic.ids.vip}"

    answer = await ask(clinic, "DELETE", off, if_match=if_match)

    assert answer.status_code == status
    assert len((await ask(clinic, "GET", path)).json()["data"]["tags"]) == left


@pytest.mark.parametrize("color", ["red", "#12345", "#1234567", "#12345g", ""])
async def test_a_colour_is_a_hash_and_six_digits(clinic: Clinic, color: str) -> None:
    answer = await ask(clinic, "POST", TAGS, {"name": "Red", "color": color})

    assert (answer.status_code, answer.json()["error"]) == (422, "validation_error")


async def test_tags_are_listed_by_name_whatever_its_case(clinic: Clinic) -> None:
    for name in ("List b", "LIST C", "list a"):
        await made(clinic, TAGS, {"name": name, "color": "#000000"})

    names = [
        [tag["name"] for tag in (await ask(clinic, "GET", f"{TAGS}?{query}")).json()["data"]]
        for query in (
            "search=list&sort_by=name",
            "search=list&sort_by=name&sort_order=desc&per_page=2",
        )
    ]

    assert names == [["list a", "List b", "LIST C"], ["LIST C", "List b"]]


@pytest.mark.parametrize("search", ["çelik", "CELIK", "C%CC%A7el"])
async def test_a_tag_is_found_whatever_case_and_accents(clinic: Clinic, search: str) -> None:
    """The same letter may come in one character or in two."""
    await ask(clinic, "POST", TAGS, {"name": "Çelik", "color": "#00ff00"})

    found = await ask(clinic, "GET", f"{TAGS}?search={search}")

    assert [tag["name"] for tag in found.json()["data"]] == ["Çelik"]


async def test_a_name_with_an_accent_is_another_one_however_it_is_written(clinic: Clinic) -> None:
    names = ["Kâr", "Kar", "KA\N{COMBINING CIRCUMFLEX ACCENT}R", "kar ", " "]

    answers = [await ask(clinic, "POST", TAGS, {"name": n, "color": "#00ff00"}) for n in names]

    assert [answer.status_code for answer in answers] == [201, 201, 409, 409, 422]


async def test_a_tag_changes_in_what_is_sent(clinic: Clinic) -> None:
    """Wire §e 7; it is found by its new name, and the old one is free."""
    tag = await made(clinic, TAGS, {"name": "Before", "color": "#00ff00"})
    path = f"{TAGS}/{tag['id']}"

    recoloured = (await ask(clinic, "PATCH", path, {"color": "#0000FF"})).json()["data"]
    renamed = (await ask(clinic, "PUT", path, {"name": " After "})).json()["data"]
    nameless = await ask(clinic, "PUT", path, {"name": None})
    found = (await ask(clinic, "GET", f"{TAGS}?search=after")).json()["data"]
    free = await ask(clinic, "POST", TAGS, {"name": "before", "color": "#00ff00"})

    assert recoloured == tag | {"color": "#0000FF"}
    assert renamed == recoloured | {"name": "After"}
    assert found == [renamed]
    assert (nameless.status_code, free.status_code) == (400, 201)


async def test_a_restored_tag_comes_back_to_those_who_kept_it(clinic: Clinic) -> None:
    """Whose tags were replaced meanwhile has those and no others."""
    tag = await made(clinic, TAGS, {"name": "Comes and goes", "color": "#00ff00"})
    kept = await linus(clinic, tag_ids=[tag["id"]])
    replaced = await linus(clinic, tag_ids=[tag["id"]])
    await ask(clinic, "DELETE", f"{TAGS}/{tag['id']}")
    await ask(clinic, "PUT", replaced, {"tag_ids": [clinic.ids.vip]})

    restored = await ask(clinic, "POST", f"{TAGS}/{tag['id']}/restore")

    tags = [(await ask(clinic, "GET", path)).json()["data"]["tags"] for path in (kept, replaced)]
    assert [[each["id"] for each in of_one] for of_one in tags] == [[tag["id"]], [clinic.ids.vip]]
    assert restored.json()["data"]["deleted_at"] is None


async def test_a_deleted_tag_is_put_on_nobody(clinic: Clinic) -> None:
    path = await linus(clinic)
    tag = await made(clinic, TAGS, {"name": "Short-lived", "color": "#00ff00"})
    await ask(clinic, "DELETE", f"{TAGS}/{tag['id']}")

    put_on = await ask(clinic, "PUT", f"{path}/tags/{tag['id']}")
    among = await ask(clinic, "PUT", path, {"tag_ids": [tag["id"]]})
    trashed = (await ask(clinic, "GET", f"{TAGS}?trashed=true&per_page=100")).json()["data"]

    assert (put_on.status_code, among.status_code) == (404, 422)
    assert tag["id"] in [each["id"] for each in trashed]
