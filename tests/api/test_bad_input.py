"""Whatever is sent, the answer is a clear 4xx in the API's own shape (wire §c.6, §e 9)."""

from typing import Any
from urllib.parse import quote_from_bytes

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.api.build import build_api
from flextell.api.customers import CustomerListParameters
from flextell.api.errors import STATUS
from tests.api.conftest import Clinic

pytestmark = pytest.mark.anyio

CUSTOMERS = "/api/v1/customers"
HUGE = "9" * 5000


async def raw(
    clinic: Clinic,
    path: str,
    query: bytes = b"",
    method: str = "GET",
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> httpx2.Response:
    """Call the API as a server would that passes on anything, as Alice."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        raise AssertionError("the body of a request is not read")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": [(b"authorization", f"Bearer {clinic.token()}".encode()), *headers],
        "client": ("192.0.2.1", 5),
    }
    await build_api(clinic.parts)(scope, receive, send)
    start, body = sent
    return httpx2.Response(start["status"], headers=start["headers"], content=body["body"])


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"page": "x"}, "invalid_request"),
        ({"page": "1.5"}, "invalid_request"),
        ({"page": 0}, "validation_error"),
        ({"page": -1}, "validation_error"),
        ({"page": 2**31}, "validation_error"),
        ({"page": HUGE}, "validation_error"),
        ({"per_page": 0}, "validation_error"),
        ({"per_page": 101}, "validation_error"),
        ({"limit": 0}, "validation_error"),
        ({"limit": 101}, "validation_error"),
        ({"limit": "many"}, "invalid_request"),
        ({"sort_by": "password_hash"}, "validation_error"),
        ({"sort_order": "up"}, "validation_error"),
        ({"gender": "robot"}, "validation_error"),
        ({"min_age": -1}, "validation_error"),
        ({"max_age": 151}, "validation_error"),
        ({"min_age": "old"}, "invalid_request"),
        ({"trashed": "perhaps"}, "invalid_request"),
        ({"search": "a" * 256}, "validation_error"),
        ({"search": "a\0b"}, "invalid_request"),
        ({"cursor": "x"}, "invalid_request"),
        ({"cursor": "cursor_"}, "invalid_request"),
        ({"cursor": "cursor_" + "A" * 9000}, "validation_error"),
    ],
)
async def test_a_bad_parameter_is_named_and_never_echoed(
    clinic: Clinic, parameters: dict[str, Any], code: str
) -> None:
    answer = await clinic.get(CUSTOMERS, **parameters)

    ((name, value),) = parameters.items()
    assert answer.status_code == STATUS[code]
    assert answer.json().keys() == {"error", "message"}
    assert answer.json()["error"] == code
    assert name in answer.json()["message"]
    assert len(str(value)) < 3 or str(value) not in answer.json()["message"]


async def test_the_limits_themselves_are_allowed(clinic: Clinic) -> None:
    for parameters in (
        {"per_page": 100},
        {"limit": 100},
        {"min_age": 0, "max_age": 150},
        {"search": "é" * 255},
        {"page": "", "search": "", "cursor": "", "sort_by": ""},
        {"unknown": "parameter"},
    ):
        assert (await clinic.get(CUSTOMERS, **parameters)).status_code == 200


async def test_ages_the_wrong_way_round_are_refused(clinic: Clinic) -> None:
    answer = await clinic.get(CUSTOMERS, min_age=40, max_age=30)

    assert (answer.status_code, answer.json()["error"]) == (422, "validation_error")


@pytest.mark.parametrize(
    "query",
    [
        b"page=1&page=2",
        b"search=%ff",
        b"search=\xff",
        b"search=%zz",
        b"search=%E9",
        b"%ff=1",
        b"&".join(b"a%d=1" % i for i in range(101)),
    ],
)
async def test_a_query_that_two_readers_might_read_differently_is_refused(
    clinic: Clinic, query: bytes
) -> None:
    answer = await raw(clinic, CUSTOMERS, query)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "identifier",
    ["0", "-1", "01", "1.0", "abc", "", "9223372036854775808", "9" * 5000, "1\0", "\u0661"],
)
async def test_what_is_no_id_is_not_found(clinic: Clinic, identifier: str) -> None:
    answer = await raw(clinic, f"{CUSTOMERS}/{identifier}")

    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


async def test_the_largest_id_is_asked_for_and_not_found(clinic: Clinic) -> None:
    answer = await raw(clinic, f"{CUSTOMERS}/{2**63 - 1}")

    assert answer.status_code == 404
    assert answer.json()["message"] == "There is no customer with this id."


@pytest.mark.parametrize(
    "path",
    ["/api/", "/api/v1", "/api/v2/customers", "/api/customers", "/api/v1/customers/", "/api//v1"],
)
async def test_an_unknown_path_or_version_is_not_found(clinic: Clinic, path: str) -> None:
    """Wire §e 1; never a redirect (§d.5 1)."""
    answer = await raw(clinic, path)

    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api", "GET, HEAD"),
        (CUSTOMERS, "GET, HEAD, POST"),
        (f"{CUSTOMERS}/1", "DELETE, GET, HEAD, PATCH, PUT"),
        ("/api/openapi.json", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(
    clinic: Clinic, path: str, allowed: str, method: str
) -> None:
    """RFC 9110 §15.5.6."""
    if method in allowed:
        return
    answer = await raw(clinic, path, method=method)

    assert (answer.status_code, answer.json()["error"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


async def test_head_has_the_headers_of_get_and_no_body(clinic: Clinic) -> None:
    """RFC 9110 §9.3.2."""
    get = await raw(clinic, "/api")
    head = await raw(clinic, "/api", method="HEAD")

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


async def test_a_body_and_its_type_do_not_matter_where_none_is_taken(clinic: Clinic) -> None:
    """Wire §e 19."""
    for content_type in ("application/json", "text/plain", "nonsense"):
        answer = await clinic.client.request(
            "GET",
            "/api",
            headers={
                "authorization": f"Bearer {clinic.token()}",
                "content-type": content_type,
                "accept": "text/html",
            },
            content=b"{broken" * 1000,
        )
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"


async def test_every_answer_carries_the_headers_of_the_house(clinic: Clinic) -> None:
    answers = [
        await clinic.get(CUSTOMERS),
        await clinic.client.get(CUSTOMERS),
        await clinic.client.get("/api/nowhere"),
        await clinic.client.delete(CUSTOMERS),
        await clinic.client.get("/api/openapi.json"),
    ]

    assert [answer.status_code for answer in answers] == [200, 401, 404, 405, 200]
    for answer in answers:
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert {f"x-ratelimit-{name}" for name in ("limit", "remaining", "reset")} <= set(
            answer.headers
        )
    assert len({answer.headers["request-id"] for answer in answers}) == len(answers)


names = st.sampled_from(sorted(CustomerListParameters.model_fields)) | st.text(max_size=3)
values = st.binary(max_size=8).map(quote_from_bytes) | st.sampled_from(
    ["1", "100", "desc", "male", "gender", "true", "cursor_e30", "9" * 30, "", "%", "+", "a=b"]
)


@given(
    pairs=st.lists(st.tuples(names, values), max_size=5),
    tail=st.text(max_size=8),
    tenant=st.none() | st.binary(max_size=6) | st.integers().map(lambda n: str(n).encode()),
    method=st.sampled_from(["GET", "HEAD", "POST", "\u00e9"]),
)
async def test_nothing_that_can_be_sent_is_answered_with_a_fault_of_ours(
    clinic: Clinic,
    pairs: list[tuple[str, str]],
    tail: str,
    tenant: bytes | None,
    method: str,
) -> None:
    query = "&".join(f"{name}={value}" for name, value in pairs).encode("utf-8", "replace")
    headers = () if tenant is None else ((b"x-tenant", tenant),)
    for path in (CUSTOMERS, f"{CUSTOMERS}/{tail}", f"/api/v1/account/tenants{tail}", f"/api{tail}"):
        answer = await raw(clinic, path, query, method, headers)

        assert answer.status_code in {200, 400, 403, 404, 405, 422}
        if answer.status_code != 200 and method != "HEAD":
            body = answer.json()
            assert body.keys() == {"error", "message"}
            assert STATUS[body["error"]] == answer.status_code


@given(authorization=st.lists(st.binary(max_size=40) | st.just(b"Bearer a.b.c"), max_size=2))
async def test_no_authorization_header_is_answered_with_a_fault_of_ours(
    clinic: Clinic, authorization: list[bytes]
) -> None:
    scope_headers = [(b"authorization", value) for value in authorization]

    answer = await clinic.client.get(CUSTOMERS, headers=scope_headers)

    assert answer.status_code == 401
    assert answer.json()["error"] in {"unauthorized", "invalid_token"}
    assert answer.headers["www-authenticate"].startswith("Bearer ")
