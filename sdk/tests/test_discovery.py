"""Finding out what a server is, from its issuer alone (RFC 8414 §3)."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from flextell_sdk.app import App
from flextell_sdk.errors import ServerMisconfigured, Unreachable
from flextell_sdk.server import read_metadata
from flextell_sdk.wire import Wire
from sdk.tests.fake_server import CLIENT_ID, ISSUER, METADATA, TOKEN
from sdk.tests.faults import Fault, cut_short, never_arrives, says
from sdk.tests.world import APP, World


def test_the_server_is_asked_once_what_it_is(world: World, wire: Wire) -> None:
    everyone_is_here = threading.Barrier(64)

    def look(_: int) -> object:
        everyone_is_here.wait(30)
        return wire.server()

    with ThreadPoolExecutor(64) as threads:
        found = set(threads.map(look, range(64)))

    assert found == {read_metadata(APP, world.server.metadata)}
    assert world.server.times(METADATA) == 1


def test_what_could_not_be_found_is_looked_for_again(world: World, wire: Wire) -> None:
    world.server.always[METADATA] = never_arrives()
    with pytest.raises(Unreachable):
        wire.server()
    del world.server.always[METADATA]

    assert wire.server().token_endpoint == ISSUER + TOKEN


OPENID = "/.well-known/openid-configuration"


@pytest.mark.parametrize(
    "instead", [says(404), says(403, b"<html>"), says(301, location="https://auth.example/")]
)
def test_the_second_place_is_looked_at_where_the_first_has_nothing(
    world: World, wire: Wire, instead: Fault
) -> None:
    """RFC 8414 §5: for servers that know the older place alone."""
    world.server.instead(METADATA, instead)
    world.server.instead(OPENID, says(200, world.server.metadata))

    assert wire.server() == read_metadata(APP, world.server.metadata)


def test_a_page_for_people_in_the_first_place_does_not_hide_the_second(
    world: World, wire: Wire
) -> None:
    """Some servers answer every address with the page of their application."""
    world.server.always[METADATA] = says(200, b"<!doctype html>", content_type="text/html")
    world.server.instead(OPENID, says(200, world.server.metadata))

    assert wire.server() == read_metadata(APP, world.server.metadata)


def test_an_issuer_without_metadata_is_no_server(world: World, wire: Wire) -> None:
    world.server.always = {METADATA: says(404), OPENID: says(404)}
    with pytest.raises(ServerMisconfigured, match="no metadata"):
        wire.server()

    assert [seen.path for seen in world.server.seen] == [METADATA, OPENID]


@pytest.mark.parametrize("body", [b"<html>", [], "text", None])
def test_metadata_that_cannot_be_read_is_asked_for_again(
    world: World, wire: Wire, body: object
) -> None:
    world.server.instead(METADATA, says(200, body), cut_short)

    assert wire.server() == read_metadata(APP, world.server.metadata)


def test_the_issuer_may_have_a_path(world: World) -> None:
    issuer = f"{ISSUER}/realms/one"
    document = {**world.server.metadata, "issuer": issuer}
    world.server.instead(f"{METADATA}/realms/one", says(200, document))
    wire = world.wire(app=App(issuer, CLIENT_ID))

    assert wire.server().issuer == issuer
