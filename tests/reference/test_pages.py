"""The reference says of each operation all that the API obeys, without a script."""

import re
from html import unescape
from typing import Any

import pytest
from httpx2 import AsyncClient

from docs import generate
from flextell.api.document import document
from flextell.oauth.discovery import DOCUMENTATION_PATH
from flextell.oauth.scopes import CATALOGUE
from flextell.reference.changes import RELEASES
from flextell.reference.render import marked
from tests.world import ISSUER

pytestmark = pytest.mark.anyio

DOCUMENT = document(ISSUER)
OPERATIONS = [
    (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
every_operation = pytest.mark.parametrize(
    ("method", "path", "operation"),
    OPERATIONS,
    ids=[operation["operationId"] for _, _, operation in OPERATIONS],
)


async def text_of(browser: AsyncClient, address: str) -> str:
    """What a page says, without its tags."""
    answer = await browser.get(address)
    assert answer.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


@every_operation
async def test_a_page_says_all_of_its_operation(
    browser: AsyncClient, method: str, path: str, operation: Any
) -> None:
    said = await text_of(browser, f"/docs/reference/{operation['operationId']}")

    assert f"{method} {path}" in said
    for alternative in operation["security"]:
        for scope in alternative["oauth2"]:
            assert f"{scope} {CATALOGUE[scope].sentence}" in said
    for parameter in operation.get("parameters", ()):
        assert f"{parameter['name']} in {parameter['in']}" in said
    for status, reference in operation["responses"].items():
        if int(status) >= 400:
            name = reference["$ref"].removeprefix("#/components/responses/")
            answer = DOCUMENT["components"]["responses"][name]
            assert f"{status} {' '.join(answer['description'].replace('`', '').split())}" in (
                said.replace(" :", ":").replace(" ,", ",")
            )
    for sample in operation["x-codeSamples"]:
        assert " ".join(sample["source"].split()) in said


@every_operation
async def test_a_page_says_who_may(
    browser: AsyncClient, method: str, path: str, operation: Any
) -> None:
    said = await text_of(browser, f"/docs/reference/{operation['operationId']}")
    permission = operation.get("x-permission")

    assert ("in any role" in said) == (permission == "belong")
    if permission not in (None, "belong"):
        assert f"permission {permission} in the business" in said
        assert f"The roles that have it: {', '.join(operation['x-roles'])}." in said


async def test_a_page_says_what_to_send_and_what_comes_back(browser: AsyncClient) -> None:
    said = await text_of(browser, "/docs/reference/create_customer")

    assert "Body, as application/json" in said
    assert "first_name required string, at most 255 characters" in said
    assert "gender male or female or other or null" in said
    assert "tag_ids list of integer, at least 1 , at most 100 items" in said
    assert "What comes back: 201" in said
    assert "data.tags[].name string" in said
    assert "Location string Where the new thing is." in said


async def test_a_page_of_an_upload_says_that_it_is_a_form(browser: AsyncClient) -> None:
    said = await text_of(browser, "/docs/reference/create_file")

    assert "Body, as multipart/form-data" in said
    assert "file required binary" in said


async def test_the_index_leads_to_every_operation_by_kind(browser: AsyncClient) -> None:
    page = (await browser.get("/docs/reference")).text
    found = {
        kind: re.findall(r'href="/docs/reference/(\w+)">([^<]+)</a>', rest)
        for kind, rest in re.findall(r'<h2 id="([\w-]+)">(.*?)</section>', page, re.DOTALL)
    }

    expected: dict[str, list[tuple[str, str]]] = {}
    for _, path, operation in OPERATIONS:
        expected.setdefault(operation["tags"][0], []).append((operation["operationId"], path))
    assert found == expected


@every_operation
async def test_the_document_leads_to_the_page(
    browser: AsyncClient, method: str, path: str, operation: Any
) -> None:
    assert (await browser.get(operation["externalDocs"]["url"])).status_code == 200


@pytest.mark.parametrize("name", ["nothing", "list_customers/more", "%3Cscript%3E"])
async def test_an_operation_that_is_not_there_has_no_page(browser: AsyncClient, name: str) -> None:
    answer = await browser.get(f"/docs/reference/{name}")

    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    "address", ["/docs/reference", "/docs/reference/list_customers", "/docs/changelog"]
)
async def test_the_pages_have_no_script_and_may_have_none(
    browser: AsyncClient, address: str
) -> None:
    answer = await browser.get(address)
    policy = answer.headers["content-security-policy"]

    assert "<script" not in answer.text
    assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self';")
    assert "script-src" not in policy
    assert "unsafe" not in policy


async def test_the_changelog_is_the_same_on_the_page_and_among_the_docs(
    browser: AsyncClient,
) -> None:
    said = await text_of(browser, "/docs/changelog")
    file = (generate.DOCS / "api-changelog.md").read_text()

    for release in RELEASES:
        for change in release.changes:
            assert change.sentence in file
            assert change.sentence.split("`")[0].strip() in said


async def test_the_servers_metadata_lead_to_the_reference(browser: AsyncClient) -> None:
    """RFC 8414 §2: `service_documentation`; RFC 9728 §2: `resource_documentation`."""
    server = (await browser.get("/.well-known/oauth-authorization-server")).json()
    resource = (await browser.get("/.well-known/oauth-protected-resource/api")).json()

    assert server["service_documentation"] == resource["resource_documentation"]
    assert server["service_documentation"] == ISSUER + DOCUMENTATION_PATH
    assert (await browser.get(server["service_documentation"])).status_code == 200


async def test_what_is_marked_as_code_is_code_and_nothing_else_is_a_tag() -> None:
    assert marked("Not with `a<b`, & no <b>.") == (
        "Not with <code>a&lt;b</code>, &amp; no &lt;b&gt;."
    )
