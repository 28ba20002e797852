"""The API says who gives tokens for it, and for which scopes (RFC 9728)."""

import re
from typing import Any

import pytest
from httpx2 import AsyncClient

from flextell.api.routes import TABLE
from tests.world import ISSUER, World

pytestmark = pytest.mark.anyio

INSERTED = "/.well-known/oauth-protected-resource/api"
AT_THE_HOST = "/.well-known/oauth-protected-resource"


@pytest.fixture
async def said(browser: AsyncClient) -> Any:
    """The document."""
    return (await browser.get(INSERTED)).json()


async def test_a_refused_app_finds_its_way_from_the_challenge(browser: AsyncClient) -> None:
    """RFC 9728 §5.1 and §3.3: the resource is the one whose address made that of the document."""
    refused = await browser.get("/api/v1/customers")
    [where] = re.findall(r'resource_metadata="([^"]+)"', refused.headers["www-authenticate"])
    document = (await browser.get(where)).json()

    assert where == ISSUER + INSERTED
    assert document["resource"] == f"{ISSUER}/api"
    server = document["authorization_servers"][0]
    metadata = (await browser.get(f"{server}/.well-known/oauth-authorization-server")).json()
    assert metadata["issuer"] == server == ISSUER
    assert set(document["scopes_supported"]) <= set(metadata["scopes_supported"])


async def test_every_scope_that_an_endpoint_needs_is_named(said: Any) -> None:
    """RFC 9728 §2: `scopes_supported`."""
    assert {scope for row in TABLE for scope in row.scopes} <= set(said["scopes_supported"])


async def test_tokens_are_taken_in_the_header_only(
    browser: AsyncClient, world: World, said: Any
) -> None:
    """RFC 9728 §2: `bearer_methods_supported`."""
    answer = await browser.get("/api", params={"access_token": "anything"})

    assert said["bearer_methods_supported"] == ["header"]
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")


async def test_the_document_is_json_that_may_be_kept_for_a_while(browser: AsyncClient) -> None:
    """RFC 9728 §3.2."""
    first = await browser.get(INSERTED)
    again = await browser.get(INSERTED, headers={"if-none-match": first.headers["etag"]})

    assert first.headers["content-type"] == "application/json"
    assert "max-age" in first.headers["cache-control"]
    assert again.status_code == 304


async def test_clients_that_ask_at_the_host_get_the_same(browser: AsyncClient, said: Any) -> None:
    assert (await browser.get(AT_THE_HOST)).json() == said
