"""What every change goes through: bodies, If-Match, Idempotency-Key, 201 (wire §e 6, 7, 9, 19).

The rows here are made for the tests: what they change is the names of tags.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

import httpx2
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field

from flextell.api.asked import Asked
from flextell.api.bodies import ABSENT, WHOLE, Body, Flag, Id, Moment, parse_body
from flextell.api.build import build_api
from flextell.api.caller import Caller
from flextell.api.errors import ApiError, conflict, no_such
from flextell.api.incoming import LARGEST_BODY
from flextell.api.row import Row
from flextell.store.port import Unit
from flextell.tenants.access import Permission
from tests.api.conftest import Clinic
from tests.world import ISSUER

pytestmark = pytest.mark.anyio

PATH = "/api/v1/places"


class NewPlace(Body):
    """A place."""

    name: str = Field(max_length=20)
    floors: Annotated[int, Field(ge=0, le=100), WHOLE] = Field(1)


class PlaceChanges(Body):
    """What of a place may change."""

    name: str = Field(ABSENT, max_length=20)
    opened_at: Moment | None = Field(ABSENT)


NAMES: dict[int, str] = {}


def add_place(unit: Unit, _caller: Caller, asked: Asked) -> Any:
    """Add a place."""
    wanted = asked.body(NewPlace)
    if wanted.name == "Atlantis":
        raise conflict("The name Atlantis is taken.")
    place_id = unit.tenants.add_place("city", wanted.name)
    NAMES[place_id] = wanted.name
    return {"success": True, "data": {"id": place_id, "name": wanted.name}}


def get_place(_unit: Unit, _caller: Caller, asked: Asked) -> Any:
    """Get a place; the clock on its tower is not part of what it is."""
    if asked.ids["id"] not in NAMES:
        raise no_such("place")
    data = {"id": asked.ids["id"], "name": NAMES[asked.ids["id"]], "clock": asked.now}
    return {"success": True, "data": data}


def update_place(unit: Unit, caller: Caller, asked: Asked) -> Any:
    """Change a place."""
    get_place(unit, caller, asked)
    NAMES[asked.ids["id"]] = asked.body(PlaceChanges).changes().get("name", "same")
    return get_place(unit, caller, asked)


def delete_place(unit: Unit, caller: Caller, asked: Asked) -> Any:
    """Delete a place."""
    get_place(unit, caller, asked)
    del NAMES[asked.ids["id"]]
    return {"success": True, "data": {"message": "The place is gone."}}


CHANGE = Permission.CHANGE_CUSTOMERS
SCOPES = ("customers:write",)
CLOCK = frozenset({"clock"})
ROWS = (
    Row("POST", "/v1/places", SCOPES, CHANGE, add_place, dict, body=NewPlace, status=201),
    Row("GET", "/v1/places/{id}", SCOPES, CHANGE, get_place, dict, volatile=CLOCK),
    Row("PUT", "/v1/places/{id}", SCOPES, CHANGE, update_place, dict, body=PlaceChanges),
    Row("DELETE", "/v1/places/{id}", SCOPES, CHANGE, delete_place, dict),
)


@pytest.fixture
async def api(clinic: Clinic) -> AsyncIterator[httpx2.AsyncClient]:
    """The API of the clinic with the rows above, asked as its owner."""
    headers = {"authorization": f"Bearer {clinic.token(scope='customers:write')}"}
    transport = httpx2.ASGITransport(build_api(clinic.parts, ROWS))
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER, headers=headers) as client:
        yield client


async def a_place(api: httpx2.AsyncClient) -> str:
    """The address of a new place."""
    return (await api.post(PATH, json={"name": "Troy"})).headers["location"]


async def test_what_was_created_is_answered_with_201_and_its_address(
    api: httpx2.AsyncClient,
) -> None:
    """RFC 9110 §15.3.2; wire §e 20."""
    made = await api.post(PATH, json={"name": "Troy"})

    assert made.status_code == 201
    assert made.headers["location"] == f"{ISSUER}{PATH}/{made.json()['data']['id']}"
    assert (await api.get(made.headers["location"])).json()["data"]["name"] == "Troy"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{", 400, "The body must be JSON in UTF-8."),
        (b"[]", 400, "The body must be a JSON object."),
        (b"", 400, "The field name is required."),
        (b'{"floors": 2}', 400, "The field name is required."),
        (b'{"name": null}', 400, "The field name must be a text."),
        (b'{"name": 7}', 400, "The field name must be a text."),
        (b'{"name": "x", "floors": "many"}', 400, "The field floors must be a whole number."),
        (b'{"name": "x", "floors": true}', 400, "The field floors must be a whole number."),
        (b'{"name": "x", "floors": 1.5}', 400, "The field floors must be a whole number."),
        (b'{"name": "x", "floors": 101}', 422, "The field floors must not be greater than 100."),
        (b'{"name": "123456789012345678901"}', 422, "The field name must have at most 20"),
        (b'{"name": "a\\u0000b"}', 422, "The body holds a NUL character."),
        (b'{"name": "Atlantis"}', 409, "The name Atlantis is taken."),
    ],
)
async def test_a_faulty_body_is_refused_in_a_sentence_that_names_the_field(
    api: httpx2.AsyncClient, body: bytes, status: int, message: str
) -> None:
    """Wire §e 9."""
    answer = await api.post(PATH, content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json().keys()) == (status, {"error", "message"})
    assert message in answer.json()["message"]


async def test_the_text_of_a_number_is_a_number(api: httpx2.AsyncClient) -> None:
    """Wire §e 8."""
    assert (await api.post(PATH, json={"name": "x", "floors": "3"})).status_code == 201


async def test_a_body_that_is_not_declared_as_json_is_refused(api: httpx2.AsyncClient) -> None:
    """Wire §e 19; RFC 9110 §15.5.16."""
    answer = await api.post(PATH, content=b"name=Troy", headers={"content-type": "text/plain"})

    assert (answer.status_code, answer.json()["error"]) == (415, "unsupported_media_type")


async def test_a_body_over_the_limit_is_refused_whether_it_says_so_or_not(
    api: httpx2.AsyncClient,
) -> None:
    """RFC 9110 §15.5.14."""

    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(LARGEST_BODY // 65_536 + 1):
            yield b" " * 65_536

    headers = {"content-type": "application/json"}
    announced = await api.post(PATH, content=b" " * (LARGEST_BODY + 1), headers=headers)
    streamed = await api.post(PATH, content=unannounced(), headers=headers)

    assert [announced.status_code, streamed.status_code] == [413, 413]


async def test_who_may_not_do_it_learns_nothing_of_the_body(clinic: Clinic) -> None:
    headers = {"authorization": f"Bearer {clinic.token(scope='account:read')}"}
    transport = httpx2.ASGITransport(build_api(clinic.parts, ROWS))
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as client:
        answer = await client.post(PATH, content=b"{", headers=headers)

    assert answer.status_code == 403


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_change_of_the_state_that_was_read_is_made(
    api: httpx2.AsyncClient, method: str
) -> None:
    """RFC 9110 §13.1.1; what changes by itself is no part of the ETag."""
    place = await a_place(api)
    tag = (await api.get(place)).headers["etag"]

    answer = await api.request(method, place, json={"name": "Ilion"}, headers={"if-match": tag})

    assert answer.status_code == 200
    assert answer.json()["data"]["name"] == "Ilion"
    assert answer.headers["etag"] == (await api.get(place)).headers["etag"] != tag


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_change_of_a_state_that_is_gone_is_refused(
    api: httpx2.AsyncClient, method: str
) -> None:
    """RFC 9110 §13.1.1: the lost update."""
    place = await a_place(api)
    tag = (await api.get(place)).headers["etag"]
    await api.put(place, json={"name": "Ilion"})

    answer = await api.request(method, place, json={}, headers={"if-match": tag})

    assert (answer.status_code, answer.json()["error"]) == (412, "precondition_failed")
    assert (await api.get(place)).json()["data"]["name"] == "Ilion"


@pytest.mark.parametrize("if_match", ["*", '"other", {tag}', '{tag},"other"'])
async def test_if_match_may_name_several_states_or_any(
    api: httpx2.AsyncClient, if_match: str
) -> None:
    """RFC 9110 §13.1.1."""
    place = await a_place(api)
    tag = (await api.get(place)).headers["etag"]

    answer = await api.put(place, json={}, headers={"if-match": if_match.format(tag=tag)})

    assert answer.status_code == 200


async def test_if_match_does_not_take_a_weak_tag(api: httpx2.AsyncClient) -> None:
    """RFC 9110 §13.1.1: the comparison is the strong one."""
    place = await a_place(api)
    tag = (await api.get(place)).headers["etag"]

    answer = await api.put(place, json={}, headers={"if-match": f"W/{tag}"})

    assert answer.status_code == 412


async def test_an_if_match_that_is_no_etag_is_refused(api: httpx2.AsyncClient) -> None:
    place = await a_place(api)

    answer = await api.put(place, json={}, headers={"if-match": "yesterday"})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("form", ["{tag}", "W/{tag}", "*"])
async def test_what_the_client_has_is_not_sent_again(api: httpx2.AsyncClient, form: str) -> None:
    """RFC 9110 §13.1.2, §15.4.5: no body, and nothing that speaks of one."""
    place = await a_place(api)
    tag = (await api.get(place)).headers["etag"]

    answer = await api.get(place, headers={"if-none-match": form.format(tag=tag)})

    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert not {"content-length", "content-type"} & answer.headers.keys()


async def test_of_two_who_change_the_same_state_one_is_told_to_read_again(
    api: httpx2.AsyncClient,
) -> None:
    place = await a_place(api)
    tag = (await api.get(place)).headers["etag"]

    answers = await asyncio.gather(
        *(api.put(place, json={"name": f"Troy {n}"}, headers={"if-match": tag}) for n in range(5))
    )

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412]


async def test_a_key_that_comes_again_is_answered_as_before(api: httpx2.AsyncClient) -> None:
    headers = {"idempotency-key": "order-1"}
    first = await api.post(PATH, json={"name": "Troy"}, headers=headers)
    second = await api.post(PATH, json={"name": "Troy"}, headers=headers)

    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert first.headers["location"] == second.headers["location"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"


async def test_equal_requests_at_the_same_time_do_the_work_once(api: httpx2.AsyncClient) -> None:
    headers = {"idempotency-key": "order-2"}
    answers = await asyncio.gather(
        *(api.post(PATH, json={"name": "Troy"}, headers=headers) for _ in range(10))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["data"]["id"] for answer in answers}) == 1


async def test_a_key_is_the_same_under_the_other_name_of_the_version(
    api: httpx2.AsyncClient,
) -> None:
    headers = {"idempotency-key": "order-3"}
    first = await api.post(PATH, json={"name": "Troy"}, headers=headers)
    second = await api.post("/api/v0.0.1/places", json={"name": "Troy"}, headers=headers)

    assert first.json() == second.json()


async def test_a_key_with_another_body_is_refused(api: httpx2.AsyncClient) -> None:
    headers = {"idempotency-key": "order-4"}
    await api.post(PATH, json={"name": "Troy"}, headers=headers)
    answer = await api.post(PATH, json={"name": "Rome"}, headers=headers)

    assert (answer.status_code, answer.json()["error"]) == (422, "validation_error")


async def test_a_refusal_is_not_kept_under_the_key(api: httpx2.AsyncClient) -> None:
    headers = {"idempotency-key": "order-5"}
    refused = await api.post(PATH, json={"name": "Atlantis"}, headers=headers)
    done = await api.post(PATH, json={"name": "Troy"}, headers=headers)

    assert (refused.status_code, done.status_code) == (409, 201)


async def test_a_key_is_forgotten_after_a_day(own_clinic: Clinic) -> None:
    transport = httpx2.ASGITransport(build_api(own_clinic.parts, ROWS))
    made = []
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as client:
        for _ in range(2):
            token = own_clinic.token(scope="customers:write")
            headers = {"authorization": f"Bearer {token}", "idempotency-key": "order-6"}
            answer = await client.post(PATH, json={"name": "Troy"}, headers=headers)
            made.append(answer.json()["data"]["id"])
            own_clinic.world.clock.advance(86_400)

    assert made[0] != made[1]


async def test_the_key_of_another_person_is_another_key(clinic: Clinic) -> None:
    transport = httpx2.ASGITransport(build_api(clinic.parts, ROWS))
    made = []
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as client:
        for subject in ("sub-alice", "sub-bob"):
            headers = {
                "authorization": f"Bearer {clinic.token(subject, 'customers:write')}",
                "x-tenant": str(clinic.ids.bosphorus),
                "idempotency-key": "order-7",
            }
            answer = await client.post(PATH, json={"name": "Troy"}, headers=headers)
            made.append(answer.json()["data"]["id"])

    assert made[0] != made[1]


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "caf\xe9"])
async def test_a_key_that_is_no_key_is_refused(api: httpx2.AsyncClient, key: str) -> None:
    headers = {"idempotency-key": key.encode("latin-1")}
    answer = await api.post(PATH, json={"name": "Troy"}, headers=headers)  # type: ignore[arg-type]

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_deletion_is_told_or_not_as_the_client_prefers(api: httpx2.AsyncClient) -> None:
    """Wire §e 6; RFC 7240 §4.2."""
    told = await api.delete(await a_place(api))
    brief = await api.delete(await a_place(api), headers={"prefer": "return=minimal"})

    assert told.json() == {"success": True, "data": {"message": "The place is gone."}}
    assert (brief.status_code, brief.content) == (204, b"")
    assert brief.headers["preference-applied"] == "return=minimal"
    assert "content-length" not in brief.headers


class Anything(Body):
    """A field of each kind."""

    name: str = Field(ABSENT, max_length=5)
    number: Annotated[int, Field(ge=-3, le=3), WHOLE] = Field(ABSENT)
    of: Id | None = Field(ABSENT)
    flag: Flag = Field(ABSENT)
    at: Moment | None = Field(ABSENT)
    several: list[Id] = Field(ABSENT, max_length=3)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(Anything.model_fields)), json_values))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_any_json_is_taken_or_refused_in_a_sentence(content: dict[str, Any]) -> None:
    raw = json.dumps(content).encode()
    with suppress(ApiError):
        taken = parse_body(Anything, "application/json; charset=utf-8", raw)
        assert taken.changes().keys() <= Anything.model_fields.keys()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-02", 86_400),
        ("1970-01-01T00:00:05Z", 5),
        ("1970-01-01T02:00:05.9+02:00", 5),
        ("0001-01-01", -62_135_596_800),
    ],
)
def test_a_date_or_a_time_is_understood(text: str, seconds: int) -> None:
    """Wire §e 26."""
    raw = orjson.dumps({"at": text})

    assert parse_body(Anything, "application/json", raw).at == seconds


@pytest.mark.parametrize("text", ["", "tomorrow", "1970-13-01", "1970-01-01T00:00:05", "19700101"])
def test_a_time_that_could_mean_several_things_is_refused(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_body(Anything, "application/json", orjson.dumps({"at": text}))

    assert refused.value.code == "validation_error"
