"""The OpenAPI document says what the API does."""

import re
from typing import Any

import pytest

from flextell.api.document import document
from flextell.api.errors import STATUS
from flextell.api.routes import TABLE
from flextell.api.row import Row
from flextell.oauth.scopes import CATALOGUE
from tests.api.conftest import Clinic
from tests.world import ISSUER

DOCUMENT = document(ISSUER)


def operation(row: Row) -> dict[str, Any]:
    """A row's entry in the document."""
    found: dict[str, Any] = DOCUMENT["paths"]["/api" + row.path][row.method.lower()]
    return found


@pytest.mark.anyio
async def test_the_document_is_open_to_all(clinic: Clinic) -> None:
    answer = await clinic.client.get("/api/openapi.json")

    assert answer.status_code == 200
    assert answer.json() == DOCUMENT


def test_every_row_and_nothing_else_is_in_the_document() -> None:
    described = {
        (method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods
    }

    assert described == {(method, "/api" + row.path) for row in TABLE for method in row.methods}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.path)
def test_each_scope_of_a_row_is_an_alternative(row: Row) -> None:
    alternatives = [each["oauth2"] for each in operation(row)["security"]]

    assert alternatives == ([[scope] for scope in row.scopes] or [[]])


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.path)
def test_x_tenant_is_a_parameter_where_a_row_acts_in_a_tenant(row: Row) -> None:
    names = [each["name"] for each in operation(row).get("parameters", ())]

    assert ("X-Tenant" in names) == (row.permission is not None)
    assert (row.query is None) == ("cursor" not in names)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.path)
def test_every_documented_error_names_codes_of_its_status(row: Row) -> None:
    for status, said in operation(row)["responses"].items():
        name = said.get("$ref", "").removeprefix("#/components/responses/")
        response = DOCUMENT["components"]["responses"][name] if name else said
        codes = [code for code in STATUS if f"`{code}`" in response["description"]]
        assert {STATUS[code] for code in codes} == ({int(status)} if int(status) >= 400 else set())
        if int(status) >= 400:
            schema = response["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Error"}


def test_the_scheme_is_the_code_flow_of_this_server_with_all_scopes() -> None:
    scheme = DOCUMENT["components"]["securitySchemes"]["oauth2"]
    flow = scheme["flows"]["authorizationCode"]

    assert scheme["type"] == "oauth2"
    assert flow["authorizationUrl"] == f"{ISSUER}/oauth/authorize"
    assert flow["tokenUrl"] == f"{ISSUER}/oauth/token"
    assert flow["scopes"].keys() == CATALOGUE.keys()


def test_every_reference_leads_somewhere_and_nothing_is_left_over() -> None:
    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if "$ref" in value else set()
            return own.union(*map(references, value.values()))
        return set().union(*map(references, value)) if isinstance(value, list) else set()

    found = references(DOCUMENT)

    assert found == {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "responses")
        for name in DOCUMENT["components"][kind]
    }


def test_the_limits_of_parameters_are_documented() -> None:
    customers = next(row for row in TABLE if row.path == "/v1/customers")
    schemas = {each["name"]: each["schema"] for each in operation(customers)["parameters"]}

    assert {"type": "integer", "maximum": 100, "minimum": 1}.items() <= schemas["per_page"].items()
    assert {"type": "string", "maxLength": 255}.items() <= schemas["search"].items()
    assert schemas["gender"]["enum"] == ["male", "female", "other"]


def test_the_limits_of_numbers_in_bodies_are_documented() -> None:
    """In the words of JSON Schema: `ge` and `le` are Pydantic's."""
    schemas = DOCUMENT["components"]["schemas"]
    channel_id = schemas["NewConversation"]["properties"]["channel_id"]
    minutes, _ = schemas["AgentPause"]["properties"]["duration_minutes"]["anyOf"]
    latitude, _ = schemas["LocationBody"]["properties"]["latitude"]["anyOf"]

    assert (channel_id["minimum"], channel_id["maximum"]) == (1, 2**63 - 1)
    assert minutes == {"type": "integer", "minimum": 1, "maximum": 525_600}
    assert latitude == {"type": "number", "minimum": -90, "maximum": 90}
    assert not {"ge", "le", "gt", "lt"} & names(DOCUMENT["paths"] | schemas)


def names(value: Any) -> set[str]:
    """Every name of a member, however deep."""
    if isinstance(value, dict):
        return {*value}.union(*map(names, value.values()))
    return set().union(*map(names, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize(
    ("header", "good", "bad"),
    [
        ("If-Match", ["*", '"a"', '"a", "b"'], ["", "a", 'W/"a"', '"a" "b"', '*, "a"']),
        ("Idempotency-Key", ["a", '"a b"', "x" * 255], ["", "a b", '"', "x" * 256]),
    ],
)
def test_what_a_header_looks_like_is_documented(
    header: str, good: list[str], bad: list[str]
) -> None:
    patterns = {
        each["schema"]["pattern"]
        for methods in DOCUMENT["paths"].values()
        for described in methods.values()
        for each in described.get("parameters", ())
        if each["name"] == header
    }

    (pattern,) = patterns
    assert [text for text in good + bad if re.search(pattern, text)] == good


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.method} {row.path}")
def test_if_match_is_a_parameter_where_there_is_an_etag_to_name(row: Row) -> None:
    """RFC 9110 §13.1.1: a tag that is put on a customer has no address of its own to be read at,
    and the roles of somebody are read as a list.
    """
    described = operation(row)
    reading = DOCUMENT["paths"]["/api" + row.path].get("get", {})
    reads = "ETag" in reading.get("responses", {}).get("200", {}).get("headers", ())
    takes = "If-Match" in [each["name"] for each in described.get("parameters", ())]

    assert takes == ("412" in described["responses"])
    assert takes == (row.method in ("PUT", "DELETE") and reads)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.method} {row.path}")
def test_every_answer_that_is_documented_names_its_headers(row: Row) -> None:
    always = {"Request-Id", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}

    for said in operation(row)["responses"].values():
        name = said.get("$ref", "").removeprefix("#/components/responses/")
        response = DOCUMENT["components"]["responses"][name] if name else said
        required = {each for each, header in response["headers"].items() if header["required"]}
        assert always <= required


def test_no_parameter_is_null() -> None:
    """There is no null in a query string or in a header: what is null is left out."""
    for methods in DOCUMENT["paths"].values():
        for described in methods.values():
            for parameter in described.get("parameters", ()):
                assert "null" not in str(parameter["schema"])
