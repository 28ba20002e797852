"""Files at their addresses: whole or a stretch, to be saved, for some minutes (RFC 9110 §14)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from httpx2 import Response
from hypothesis import given
from hypothesis import strategies as st

from flextell import masterkey
from flextell.api.downloads import CHUNK_BYTES, build_downloads
from flextell.api.ranges import NotSatisfiable, Stretch, stretch
from flextell.app import build_parts
from flextell.metrics import Metrics
from flextell.store.opening import open_store
from flextell.tenants.file_addresses import FileAddresses
from tests.api.conftest import Clinic
from tests.world import ISSUER, NOON

pytestmark = pytest.mark.anyio

ALL = "files:read files:write"
LETTERS = b"0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
async def person(clinic: Clinic) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody with an address and no token."""
    async with clinic.world.browser() as browser:
        yield browser


async def sent(clinic: Clinic, content: bytes = LETTERS, name: str = "letters.bin") -> Any:
    """A new file of Ada's, as the API shows it."""
    answer = await clinic.client.post(
        f"/api/v1/customers/{clinic.ids.ada}/files",
        data={"type": "other"},
        files={"file": (name, content, "text/html")},
        headers={"authorization": f"Bearer {clinic.token(scope=ALL)}"},
    )
    return answer.json()["data"]


async def get(
    person: httpx2.AsyncClient, url: str, method: str = "GET", **headers: str
) -> Response:
    """Ask for a file."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return await person.request(method, url, headers=told)


async def test_a_file_comes_as_it_was_sent_to_whoever_has_its_address(
    clinic: Clinic, person: httpx2.AsyncClient
) -> None:
    content = LETTERS * (3 * CHUNK_BYTES // len(LETTERS))
    shown = await sent(clinic, content)

    answer = await get(person, shown["temporary_url"])

    assert (answer.status_code, answer.content) == (200, content)


async def test_a_browser_is_to_save_it_and_runs_nothing_of_it(
    clinic: Clinic, person: httpx2.AsyncClient
) -> None:
    """RFC 6266 §4.3, RFC 8187; whatever the client said that it was."""
    shown = await sent(clinic, b"<script>alert(1)</script>", 'röntgen "1";.html')

    headers = (await get(person, shown["temporary_url"])).headers

    assert headers["content-type"] == "application/octet-stream"
    name = "r%C3%B6ntgen%20%221%22%3B.html"
    assert headers["content-disposition"] == f"attachment; filename*=UTF-8''{name}"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert headers["cross-origin-resource-policy"] == "same-site"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "private, max-age=360"
    assert "x-ratelimit-limit" in headers


async def test_the_head_of_a_file_says_how_large_it_is(
    clinic: Clinic, person: httpx2.AsyncClient
) -> None:
    """RFC 9110 §9.3.2."""
    shown = await sent(clinic)
    answer = await get(person, shown["temporary_url"], "HEAD")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "36"
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "content", "place"),
    [
        ("bytes=0-9", LETTERS[:10], "bytes 0-9/36"),
        ("bytes=30-", LETTERS[30:], "bytes 30-35/36"),
        ("bytes=30-999", LETTERS[30:], "bytes 30-35/36"),
        ("bytes=-6", LETTERS[30:], "bytes 30-35/36"),
        ("bytes=-999", LETTERS, "bytes 0-35/36"),
    ],
)
async def test_a_stretch_of_a_file_comes_alone(
    clinic: Clinic, person: httpx2.AsyncClient, asked: str, content: bytes, place: str
) -> None:
    """RFC 9110 §14.2, §15.3.7."""
    shown = await sent(clinic)
    answer = await get(person, shown["temporary_url"], range=asked)

    assert (answer.status_code, answer.content) == (206, content)
    assert answer.headers["content-range"] == place


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,4-5", "lines=0-1", "bytes=5-3", "bytes=x", "", "bytes=-", "0-1"]
)
async def test_what_is_no_single_stretch_is_answered_with_all(
    clinic: Clinic, person: httpx2.AsyncClient, asked: str
) -> None:
    """RFC 9110 §14.2."""
    shown = await sent(clinic)
    answer = await get(person, shown["temporary_url"], range=asked)

    assert (answer.status_code, answer.content) == (200, LETTERS)


@pytest.mark.parametrize("asked", ["bytes=36-", "bytes=99-100", "bytes=-0"])
async def test_a_stretch_beyond_the_end_is_refused(
    clinic: Clinic, person: httpx2.AsyncClient, asked: str
) -> None:
    """RFC 9110 §15.5.17."""
    shown = await sent(clinic)
    answer = await get(person, shown["temporary_url"], range=asked)

    assert (answer.status_code, answer.json()["error"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == "bytes */36"


async def test_a_stretch_of_another_state_is_answered_with_all(
    clinic: Clinic, person: httpx2.AsyncClient
) -> None:
    """RFC 9110 §13.1.5."""
    shown = await sent(clinic)
    url = shown["temporary_url"]
    tag = (await get(person, url)).headers["etag"]

    same = await get(person, url, range="bytes=0-1", if_range=tag)
    other = await get(person, url, range="bytes=0-1", if_range='"other"')

    assert [same.status_code, other.status_code] == [206, 200]


async def test_a_file_that_the_browser_has_is_not_sent_again(
    clinic: Clinic, person: httpx2.AsyncClient
) -> None:
    """RFC 9110 §13.1.2."""
    shown = await sent(clinic)
    url = shown["temporary_url"]
    tag = (await get(person, url)).headers["etag"]
    answer = await get(person, url, if_none_match=tag)

    assert (answer.status_code, answer.content) == (304, b"")


async def test_an_empty_file_is_a_file(clinic: Clinic, person: httpx2.AsyncClient) -> None:
    shown = await sent(clinic, b"")
    whole = await get(person, shown["temporary_url"])
    part = await get(person, shown["temporary_url"], range="bytes=0-")

    assert (whole.status_code, whole.content, part.status_code) == (200, b"", 416)
    assert whole.headers["content-length"] == "0"


async def test_an_address_ends(own_clinic: Clinic) -> None:
    shown = await sent(own_clinic)
    async with own_clinic.world.browser() as person:
        own_clinic.world.clock.advance(359)
        before = await get(person, shown["temporary_url"])
        own_clinic.world.clock.advance(1)
        after = await get(person, shown["temporary_url"])

    assert [before.status_code, after.status_code] == [200, 404]


async def test_the_address_of_a_deleted_file_opens_nothing(
    clinic: Clinic, person: httpx2.AsyncClient
) -> None:
    shown = await sent(clinic)
    token = clinic.token(scope=ALL)
    await clinic.get(f"/api/v1/files/{shown['id']}", token=token, method="DELETE")

    assert (await get(person, shown["temporary_url"])).status_code == 404


async def test_all_that_opens_nothing_gets_the_same_answer(
    clinic: Clinic, person: httpx2.AsyncClient
) -> None:
    """Also an address that our key made for a file of another tenant, or for none."""
    shown = await sent(clinic)
    ours = clinic.parts.file_addresses
    forged = FileAddresses(b"f" * 32, ISSUER, 300)
    last = shown["temporary_url"][-2:]
    addresses = [
        forged.of(clinic.ids.bosphorus, shown["id"], NOON),
        ours.of(clinic.ids.golden_horn, shown["id"], NOON),
        ours.of(clinic.ids.bosphorus, 999_999, NOON),
        shown["temporary_url"][:-2] + ("AA" if last != "AA" else "BB"),
        f"{ISSUER}/files/",
        f"{ISSUER}/files/%2e%2e%2fmaster.key",
        f"{ISSUER}/files/\u00fc",
    ]
    answers = [await get(person, address) for address in addresses]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


async def test_what_one_node_took_another_gives_out(clinic: Clinic) -> None:
    """They share the database, the master key and the folder, and nothing else."""
    shown = await sent(clinic)
    ours = clinic.parts
    store = open_store(ours.settings)
    master_key = masterkey.load(ours.settings.master_key_file)
    other = build_parts(ours.settings, ours.sources, store, master_key, Metrics())
    transport = httpx2.ASGITransport(build_downloads(other))
    async with httpx2.AsyncClient(transport=transport) as person:
        answer = await get(person, shown["temporary_url"])
    other.file_room.close()
    store.close()

    assert (answer.status_code, answer.content) == (200, LETTERS)


async def test_a_file_whose_bytes_were_lost_is_not_there(
    clinic: Clinic, person: httpx2.AsyncClient
) -> None:
    url = clinic.parts.file_addresses.of(clinic.ids.bosphorus, 1, NOON)

    assert (await get(person, url)).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_a_file_can_only_be_read_at_its_address(
    clinic: Clinic, person: httpx2.AsyncClient, method: str
) -> None:
    answer = await get(person, (await sent(clinic))["temporary_url"], method)

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_nothing_is_read_for_who_has_hung_up(clinic: Clinic) -> None:
    shown = await sent(clinic, LETTERS * (8 * CHUNK_BYTES // len(LETTERS)))
    path = shown["temporary_url"].removeprefix(ISSUER)
    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "client": None}
    gone = asyncio.Event()
    bodies = 0

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal bodies
        bodies += message["type"] == "http.response.body"
        gone.set()
        await asyncio.sleep(0)

    await clinic.world.app(scope, receive, send)

    assert bodies <= 2


@given(st.text(), st.integers(0, 100))
def test_any_range_header_is_a_stretch_within_or_none(asked: str, size: int) -> None:
    try:
        found = stretch(asked, size)
    except NotSatisfiable:
        return
    assert found is None or 0 <= found.start < found.end <= size


@given(st.integers(0, 99), st.integers(0, 200), st.integers(1, 100))
def test_a_stretch_is_cut_at_the_end(first: int, more: int, size: int) -> None:
    if first >= size:
        with pytest.raises(NotSatisfiable):
            stretch(f"bytes={first}-{first + more}", size)
    else:
        expected = Stretch(first, min(size, first + more + 1))
        assert stretch(f"bytes={first}-{first + more}", size) == expected
