"""Files through the API: sent, listed, shown, deleted (wire §a.2, §a.3, §e 23, §e 36)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response

from flextell.store.port import Unit
from tests.api.conftest import Clinic, running_clinic
from tests.api.forms import END, TYPE, coming, file
from tests.world import ISSUER, NOON

pytestmark = pytest.mark.anyio

FILES = "/api/v1/files"
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 100
ALL = "files:read files:write customers:read"


def of_ada(clinic: Clinic, **changed: Any) -> dict[str, Any]:
    """The fields of a picture of Ada."""
    fields = {"type": "image", "fileable_type": "customer", "fileable_id": clinic.ids.ada}
    return {name: value for name, value in (fields | changed).items() if value is not None}


async def send(
    clinic: Clinic,
    fields: dict[str, Any],
    content: bytes = PNG,
    name: str = "x-ray.png",
    path: str = FILES,
    **headers: str,
) -> Response:
    """Upload a file as Alice."""
    told = {"authorization": f"Bearer {clinic.token(scope=ALL)}"}
    told |= {header.replace("_", "-"): value for header, value in headers.items()}
    files = {"file": (name, content, "image/png")}
    return await clinic.client.post(path, data=fields, files=files, headers=told)


async def sent(clinic: Clinic, **changed: Any) -> dict[str, Any]:
    """A new file of Ada's."""
    answer = await send(clinic, of_ada(clinic, **changed))
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()["data"]
    return shown


async def asked(clinic: Clinic, path: str, method: str = "GET", **parameters: Any) -> Response:
    """Ask as Alice, whose app may do everything with files."""
    token = clinic.token(scope=ALL)
    return await clinic.get(path, token=token, method=method, **parameters)


def stored(clinic: Clinic) -> set[Path]:
    """Every file in the room, those on their way in too."""
    folder = clinic.parts.settings.files_folder
    return {path for path in folder.rglob("*") if path.is_file()}


async def in_store(clinic: Clinic, work: Callable[[Unit], Any]) -> Any:
    return await clinic.parts.store.write(work)


async def test_a_file_that_was_sent_has_every_documented_field(clinic: Clinic) -> None:
    """Wire §a.3; its type is what its bytes say."""
    answer = await send(clinic, of_ada(clinic, description="Upper left", group_id="jaw"))

    assert answer.status_code == 201
    shown = answer.json()["data"]
    assert answer.headers["location"] == f"{ISSUER}{FILES}/{shown['id']}"
    assert shown.pop("id") > 0
    assert shown.pop("temporary_url").startswith(f"{ISSUER}/files/")
    assert shown == {
        "name": "x-ray.png",
        "description": "Upper left",
        "type": "image",
        "mime_type": "image/png",
        "size": len(PNG),
        "formatted_size": "608 B",
        "group_id": "jaw",
        "fileable_type": "customer",
        "fileable_id": clinic.ids.ada,
        "temporary_thumbnail_url": None,
        "created_at": "2026-11-23T12:00:00Z",
        "updated_at": "2026-11-23T12:00:00Z",
        "deleted_at": None,
    }


async def test_a_file_that_was_sent_is_found_in_every_list(clinic: Clinic) -> None:
    shown = await sent(clinic)
    one = (await asked(clinic, f"{FILES}/{shown['id']}")).json()["data"]
    listed = (await asked(clinic, FILES)).json()["data"]
    grouped = (await asked(clinic, f"/api/v1/customers/{clinic.ids.ada}/files")).json()["data"]

    assert one == shown
    assert shown in listed
    assert {"group_id": shown["group_id"], "description": None, "files": [shown]} in grouped


async def test_html_that_is_called_a_picture_is_bytes(clinic: Clinic) -> None:
    answer = await send(clinic, of_ada(clinic), b"<script>alert(1)</script>", "x-ray.png")

    assert answer.json()["data"]["mime_type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("told", "name"),
    [("../../etc/passwd", "passwd"), ("C:\\x\\y.png", "y.png"), ("röntgen.png", "röntgen.png")],
)
async def test_a_name_is_no_path(clinic: Clinic, told: str, name: str) -> None:
    answer = await send(clinic, of_ada(clinic), name=told)

    assert answer.json()["data"]["name"] == name


@pytest.mark.parametrize(
    ("changed", "status", "message"),
    [
        ({"type": None}, 400, "The field type is required."),
        ({"type": "film"}, 422, "The field type must be 'form_image', 'audio',"),
        ({"fileable_type": "room"}, 422, "The field fileable_type must be"),
        ({"fileable_id": None}, 400, "The field fileable_id is required."),
        ({"fileable_id": "x"}, 400, "The field fileable_id must be a whole number."),
        ({"fileable_id": 0}, 422, "The field fileable_id must not be less than 1."),
        ({"fileable_id": 999_999}, 422, "The field fileable_id must be the id of a customer."),
        ({"fileable_type": "user", "fileable_id": 99}, 422, "must be the id of a user."),
        ({"fileable_type": "tenant", "fileable_id": 99}, 422, "must be the id of this business."),
        ({"fileable_type": "chat_log"}, 422, "must be the id of a message."),
        ({"fileable_type": "ai_report"}, 422, "must be the id of a report."),
        ({"description": "x" * 1001}, 422, "The field description must have at most 1000"),
        ({"group_id": "a b"}, 422, "The field group_id does not have the form"),
    ],
)
async def test_a_form_with_a_fault_is_refused_and_leaves_nothing(
    clinic: Clinic, changed: dict[str, Any], status: int, message: str
) -> None:
    """Wire §e 9."""
    before = stored(clinic)

    answer = await send(clinic, of_ada(clinic, **changed))

    assert answer.status_code == status
    assert message in answer.json()["message"]
    assert stored(clinic) == before


async def test_a_file_may_belong_to_a_member_or_to_the_business(clinic: Clinic) -> None:
    people = await in_store(clinic, lambda unit: unit.people.all())
    ids = {person.name: person.person_id for person in people}
    business = {"fileable_type": "tenant", "fileable_id": clinic.ids.bosphorus}

    bob = await send(clinic, of_ada(clinic, fileable_type="user", fileable_id=ids["Bob"]))
    eve = await send(clinic, of_ada(clinic, fileable_type="user", fileable_id=ids["Eve"]))
    here = await send(clinic, of_ada(clinic, **business))

    assert [bob.status_code, eve.status_code, here.status_code] == [201, 422, 201]


async def test_what_a_file_belongs_to_must_be_there_and_ours(clinic: Clinic) -> None:
    for customer in (clinic.ids.deleted, clinic.ids.elsewhere):
        answer = await send(clinic, of_ada(clinic, fileable_id=customer))
        path = f"/api/v1/customers/{customer}/files"
        elsewhere = await send(clinic, {"type": "image"}, path=path)

        assert (answer.status_code, answer.json()["error"]) == (422, "validation_error")
        assert (elsewhere.status_code, elsewhere.json()["error"]) == (404, "not_found")


async def test_a_file_of_a_customer_is_sent_without_saying_whose(clinic: Clinic) -> None:
    """Our extension."""
    path = f"/api/v1/customers/{clinic.ids.grace}/files"

    answer = await send(clinic, {"type": "image", "group_id": "first"}, path=path)
    await send(clinic, {"type": "other", "group_id": "first", "description": "Both"}, path=path)

    shown = answer.json()["data"]
    assert (shown["fileable_type"], shown["fileable_id"]) == ("customer", clinic.ids.grace)
    listed = (await asked(clinic, path)).json()
    (group,) = listed["data"]
    assert (group["group_id"], group["description"], len(group["files"])) == ("first", "Both", 2)
    assert listed["meta"]["total"] == 2


async def test_the_files_of_a_customer_can_be_read_part_by_part(own_clinic: Clinic) -> None:
    """A group goes on in the next part."""
    path = f"/api/v1/customers/{own_clinic.ids.grace}/files"
    for number in range(5):
        await send(own_clinic, {"type": "image", "group_id": f"g{number // 2}"}, path=path)
    met: list[tuple[str, int]] = []
    where: dict[str, str] = {}
    for _ in range(3):
        part = (await asked(own_clinic, path, limit=2, **where)).json()
        met += [(group["group_id"], len(group["files"])) for group in part["data"]]
        where = {"cursor": part["meta"]["cursor"]}

    assert met == [("g0", 2), ("g1", 2), ("g2", 1)]
    assert where == {"cursor": None}
    assert (await asked(own_clinic, path)).json()["meta"]["per_page"] == 100


async def test_groups_of_our_own_come_in_the_order_of_their_making(own_clinic: Clinic) -> None:
    path = f"/api/v1/customers/{own_clinic.ids.grace}/files"
    made = []
    for _ in range(3):
        made.append((await send(own_clinic, {"type": "image"}, path=path)).json()["data"])
        own_clinic.world.clock.advance(1)

    groups = (await asked(own_clinic, path)).json()["data"]

    assert [group["group_id"] for group in groups] == [each["group_id"] for each in made]


async def test_files_are_narrowed_and_sorted(own_clinic: Clinic) -> None:
    business = {"fileable_type": "tenant", "fileable_id": own_clinic.ids.bosphorus}
    small = (await send(own_clinic, of_ada(own_clinic, type="other"), b"x", "a")).json()["data"]
    large = (await send(own_clinic, of_ada(own_clinic, **business), PNG * 9, "b")).json()["data"]
    x_ray = 1

    async def ids(**parameters: Any) -> list[int]:
        answer = await asked(own_clinic, FILES, **parameters)
        return [each["id"] for each in answer.json()["data"]]

    assert await ids() == [large["id"], small["id"], x_ray]
    assert await ids(sort_by="size") == [small["id"], x_ray, large["id"]]
    assert await ids(sort_by="name", sort_order="desc") == [x_ray, large["id"], small["id"]]
    assert await ids(type="other") == [small["id"]]
    assert await ids(fileable_type="tenant") == [large["id"]]
    ada = {"fileable_type": "customer", "fileable_id": own_clinic.ids.ada}
    assert await ids(**ada) == [small["id"], x_ray]
    assert await ids(fileable_id=own_clinic.ids.grace) == []


async def test_a_deleted_file_is_gone_but_from_those_who_ask_for_deleted_ones(
    clinic: Clinic,
) -> None:
    """Wire §e 6."""
    shown = await sent(clinic)
    path = f"{FILES}/{shown['id']}"

    deleted = await asked(clinic, path, method="DELETE")

    assert deleted.json() == {"success": True, "data": {"message": "The file was deleted."}}
    again = await asked(clinic, path, method="DELETE")
    assert [again.status_code, (await asked(clinic, path)).status_code] == [404, 404]
    living = (await asked(clinic, FILES)).json()["data"]
    assert shown["id"] not in [each["id"] for each in living]
    trashed = (await asked(clinic, FILES, trashed="true")).json()["data"]
    (kept,) = [each for each in trashed if each["id"] == shown["id"]]
    assert (kept["deleted_at"], kept["temporary_url"]) == ("2026-11-23T12:00:00Z", None)


async def test_a_file_is_deleted_in_the_state_that_was_read(clinic: Clinic) -> None:
    """RFC 9110 §13.1.1; an address that has moved on is no other state."""
    shown = await sent(clinic)
    path, token = f"{FILES}/{shown['id']}", clinic.token(scope=ALL)
    tag = (await asked(clinic, path)).headers["etag"]
    headers = {"authorization": f"Bearer {token}"}

    other = await clinic.client.delete(path, headers=headers | {"if-match": '"other"'})
    same = await clinic.client.delete(path, headers=headers | {"if-match": tag})

    assert [other.status_code, same.status_code] == [412, 200]


async def test_the_etag_stays_when_only_the_address_is_another_one(own_clinic: Clinic) -> None:
    shown = await sent(own_clinic)
    path = f"{FILES}/{shown['id']}"
    first = await asked(own_clinic, path)
    own_clinic.world.clock.advance(60)
    second = await asked(own_clinic, path)

    assert first.json()["data"]["temporary_url"] != second.json()["data"]["temporary_url"]
    assert first.headers["etag"] == second.headers["etag"]


async def test_without_the_scope_to_download_there_is_no_address(clinic: Clinic) -> None:
    await sent(clinic)
    path = f"/api/v1/customers/{clinic.ids.ada}/files"

    groups = (await clinic.get(path, token=clinic.token(scope="customers:read"))).json()["data"]

    assert {each["temporary_url"] for group in groups for each in group["files"]} == {None}


async def test_a_viewer_may_look_and_not_send(clinic: Clinic) -> None:
    token = clinic.token("sub-bob", ALL, "grant-bob")
    headers = {"authorization": f"Bearer {token}", "x-tenant": str(clinic.ids.golden_horn)}
    before = stored(clinic)

    looked = await clinic.client.get(FILES, headers=headers)
    tried = await clinic.client.post(FILES, files={"file": ("a", b"x")}, headers=headers)

    assert [looked.status_code, tried.status_code] == [200, 403]
    assert looked.json()["data"] == []
    assert stored(clinic) == before


async def test_a_file_of_another_tenant_does_not_exist(clinic: Clinic) -> None:
    """Neither to look at nor to delete."""
    shown = await sent(clinic)
    token = clinic.token("sub-bob", ALL, "grant-bob")
    there, nowhere = f"{FILES}/{shown['id']}", f"{FILES}/999999"
    tenant = clinic.ids.golden_horn

    answers = [
        await clinic.get(path, token=token, tenant=tenant, method=method)
        for path in (there, nowhere)
        for method in ("GET", "DELETE")
    ]

    assert {answer.status_code for answer in answers if answer.request.method == "GET"} == {404}
    assert {answer.status_code for answer in answers if answer.request.method == "DELETE"} == {403}
    assert (await asked(clinic, there)).status_code == 200


async def test_a_key_that_comes_again_with_the_same_file_sends_it_once(clinic: Clinic) -> None:
    first = await send(clinic, of_ada(clinic), idempotency_key="picture-1")
    before = stored(clinic)
    again = await send(clinic, of_ada(clinic), idempotency_key="picture-1")
    other = await send(clinic, of_ada(clinic), PNG + b"!", idempotency_key="picture-1")

    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert (other.status_code, other.json()["error"]) == (422, "validation_error")
    assert stored(clinic) == before


async def test_equal_requests_at_the_same_time_send_one_file(clinic: Clinic) -> None:
    before = len(stored(clinic))
    answers = await asyncio.gather(
        *(send(clinic, of_ada(clinic), idempotency_key="picture-2") for _ in range(5))
    )

    assert len({answer.json()["data"]["id"] for answer in answers}) == 1
    assert len(stored(clinic)) == before + 1


@pytest.fixture
async def small_clinic(tmp_path: Path) -> AsyncIterator[Clinic]:
    """A clinic that may keep 2,000 bytes, in files of up to 1,000."""
    async for made in running_clinic(tmp_path, file_bytes=1000, files_bytes_per_tenant=2000 + 1536):
        yield made


async def test_a_file_over_the_limit_is_refused_and_leaves_nothing(small_clinic: Clinic) -> None:
    """Wire §e 23."""
    answer = await send(small_clinic, of_ada(small_clinic), b"x" * 1001)

    assert (answer.status_code, answer.json()["error"]) == (413, "payload_too_large")
    assert stored(small_clinic) == set()


async def test_the_files_of_a_tenant_have_so_much_room_and_no_more(small_clinic: Clinic) -> None:
    answers = await asyncio.gather(
        *(send(small_clinic, of_ada(small_clinic), b"x" * 900) for _ in range(5))
    )

    assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409, 409]
    assert len(stored(small_clinic)) == 2


async def test_deleted_files_make_room_a_day_later(small_clinic: Clinic) -> None:
    shown = (await send(small_clinic, of_ada(small_clinic), b"x" * 1000)).json()["data"]
    await send(small_clinic, of_ada(small_clinic), b"x" * 1000)
    await asked(small_clinic, f"{FILES}/{shown['id']}", method="DELETE")
    at_once = await send(small_clinic, of_ada(small_clinic), b"x" * 1000)
    small_clinic.world.clock.advance(24 * 3600)
    await small_clinic.world.remove_files()

    later = await send(small_clinic, of_ada(small_clinic), b"x" * 1000)

    assert [at_once.status_code, later.status_code] == [409, 201]
    assert len(stored(small_clinic)) == 2


async def test_bytes_that_no_file_took_are_removed_a_day_later(own_clinic: Clinic) -> None:
    """As when a node dies between the last byte and the row."""
    room, name = own_clinic.parts.file_room, "ab" * 16
    tenant_id = own_clinic.ids.bosphorus
    await in_store(own_clinic, lambda unit: unit.files.expect(tenant_id, name, NOON + 24 * 3600))
    async with room.writing() as writing:
        await writing.keep(name)
    kept = await sent(own_clinic)
    await own_clinic.world.remove_files()
    assert len(stored(own_clinic)) == 2
    own_clinic.world.clock.advance(24 * 3600)

    await own_clinic.world.remove_files()

    assert len(stored(own_clinic)) == 1
    assert (await asked(own_clinic, f"{FILES}/{kept['id']}")).status_code == 200
    assert await in_store(own_clinic, lambda unit: unit.files.due(NOON + 10**6, 10)) == []


async def test_a_client_that_hangs_up_leaves_nothing_behind(clinic: Clinic) -> None:
    before = stored(clinic)
    incoming = coming([file(PNG * 900), file(PNG)[:50]], whole=False)
    token = clinic.token(scope=ALL)
    headers = [(b"authorization", f"Bearer {token}".encode()), (b"content-type", TYPE)]
    scope = {
        "type": "http",
        "method": "POST",
        "path": FILES,
        "query_string": b"",
        "headers": headers,
    }

    async def nobody_listens(_: Any) -> None:
        raise AssertionError("there was an answer")

    await clinic.world.app(scope, incoming.receive, nobody_listens)

    assert stored(clinic) == before


async def test_a_disk_that_is_full_is_told_as_an_outage(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    before = stored(clinic)
    monkeypatch.setattr("os.fsync", full)
    answer = await send(clinic, of_ada(clinic))
    monkeypatch.undo()

    assert (answer.status_code, answer.json()["error"]) == (503, "service_unavailable")
    assert "retry-after" in answer.headers
    assert stored(clinic) == before


async def test_an_end_that_came_before_the_file_is_a_broken_form(clinic: Clinic) -> None:
    headers = {"authorization": f"Bearer {clinic.token(scope=ALL)}", "content-type": TYPE.decode()}

    answer = await clinic.client.post(FILES, content=END, headers=headers)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
