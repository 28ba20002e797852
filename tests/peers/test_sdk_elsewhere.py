"""The SDK at a server that is not ours: npm's oidc-provider, unchanged; see oidc_provider.mjs."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

import flextell_sdk
from flextell.tls import LocalCertificate, local_certificate
from flextell_sdk.errors import ServerMisconfigured, SignInMismatch
from tests.peers.elsewhere import Elsewhere, answer, running
from tests.together.sdk import shared_store

SECONDS_TO_ANSWER = 30
SHORT_SECONDS = 2
LIFETIMES = 3
THREADS = 4


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> LocalCertificate:
    """A certificate of an authority that nobody knows who was not told."""
    return local_certificate(tmp_path_factory.mktemp("elsewhere"), int(time.time()))


@pytest.fixture(scope="module")
def elsewhere(files: LocalCertificate) -> Iterator[Elsewhere]:
    """The server; nobody else's requests are counted while a test runs."""
    with running(files) as server:
        yield server


@pytest.fixture
def grants(elsewhere: Elsewhere, tmp_path: Path) -> Iterator[flextell_sdk.Grants]:
    """What people allowed Photos."""
    with flextell_sdk.Grants(elsewhere.app(), shared_store(tmp_path)) as opened:
        yield opened


@contextmanager
def another_program(app: flextell_sdk.App, folder: Path) -> Iterator[Callable[[], object]]:
    """A program on the same store; called, it says who the API says is signed in."""
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(["tests.peers.elsewhere"])
    ours, theirs = forking.Pipe()
    process = forking.Process(target=answer, args=(app, folder, theirs))
    process.start()
    theirs.close()

    def asked() -> object:
        ours.send("who")
        assert ours.poll(SECONDS_TO_ANSWER)
        return ours.recv()

    try:
        yield asked
    finally:
        ours.close()
        process.join()


@pytest.mark.parametrize("public", [False, True], ids=["with a secret", "public"])
def test_the_issuer_is_all_that_a_sign_in_needs_to_know(
    elsewhere: Elsewhere, tmp_path: Path, public: bool
) -> None:
    """RFC 8414 §3, RFC 6749 §4.1, RFC 7636, RFC 9207, OpenID Connect Core §3.1.3.7."""
    app = elsewhere.app(public=public)
    with flextell_sdk.Grants(app, shared_store(tmp_path)) as grants:
        grant = elsewhere.signed_in(grants)
        auth = flextell_sdk.GrantAuth(grant)
        with httpx2.Client(base_url=app.issuer, verify=app.trust(), auth=auth) as http:
            said = http.get("/me")

    assert grant.name == "alice"
    assert grant.tokens().scopes == ("openid", "profile")
    assert said.json() == {"sub": "alice", "name": "ALICE"}


@pytest.mark.anyio
async def test_tasks_sign_in_and_call_as_threads_do(
    elsewhere: Elsewhere, grants: flextell_sdk.Grants
) -> None:
    """The same steps, awaited."""
    begun = await grants.start_sign_in_async()
    back = await grants.in_thread(lambda: elsewhere.visit(begun.url))
    code = flextell_sdk.finish_sign_in(back, begun.remembered)
    grant = await grants.exchange_code_async(code)
    auth = flextell_sdk.GrantAuth(grant)
    async with httpx2.AsyncClient(verify=grants.app.trust(), auth=auth) as http:
        said = await http.get(f"{grants.app.issuer}/me")
    await grants.wire.close_of_tasks()

    assert said.json() == {"sub": "alice", "name": "ALICE"}


def test_an_id_token_of_another_sign_in_is_refused(
    elsewhere: Elsewhere, grants: flextell_sdk.Grants
) -> None:
    """OpenID Connect Core §3.1.3.7, 11: the nonce is that of the request."""
    begun = grants.start_sign_in()
    remembered = replace(begun.remembered, nonce="that of another browser")
    back = elsewhere.visit(begun.url)
    with pytest.raises(SignInMismatch, match="nonce"):
        grants.exchange_code(flextell_sdk.finish_sign_in(back, remembered))

    assert not grants.open("alice").is_signed_in()


def test_the_app_hears_that_alice_said_no(
    elsewhere: Elsewhere, grants: flextell_sdk.Grants
) -> None:
    """RFC 6749 §4.1.2.1."""
    begun = grants.start_sign_in()
    back = elsewhere.visit(begun.url, answer="deny")
    with pytest.raises(flextell_sdk.AccessDenied, match="aborted"):
        flextell_sdk.finish_sign_in(back, begun.remembered)


def test_metadata_of_an_issuer_that_is_spelled_otherwise_is_refused(
    elsewhere: Elsewhere, tmp_path: Path
) -> None:
    """RFC 8414 §3.3: the issuer must be identical, to the last slash."""
    app = replace(elsewhere.app(), issuer=f"{elsewhere.proxy.url}/")
    with (
        flextell_sdk.Grants(app, shared_store(tmp_path)) as grants,
        pytest.raises(ServerMisconfigured, match="another issuer"),
    ):
        grants.start_sign_in()


@pytest.mark.parametrize("public", [False, True], ids=["with a secret", "public"])
def test_two_programs_take_one_refresh_when_the_server_forgets_an_access_token(
    elsewhere: Elsewhere, tmp_path: Path, public: bool
) -> None:
    """RFC 6749 §6: the refresh token is replaced; the program that comes second finds the new."""
    app = elsewhere.app(public=public)
    with (
        flextell_sdk.Grants(app, shared_store(tmp_path)) as grants,
        another_program(app, tmp_path) as the_other,
    ):
        grant = elsewhere.signed_in(grants, "alice")
        before = grant.tokens()
        assert the_other() == "alice"
        elsewhere.forget(before.access_token)
        asked = elsewhere.proxy.requests["/token"]
        said = flextell_sdk.Client(grant).call("GET", "/me")
        the_other_said = the_other()
        after = grant.tokens()
        refreshes = elsewhere.proxy.requests["/token"] - asked

    assert (said["sub"], the_other_said) == ("alice", "alice")
    assert refreshes == 1
    assert after.version == before.version + 1
    assert after.access_token != before.access_token
    assert after.refresh_token != before.refresh_token
    if not public:
        assert not elsewhere.knows(before.refresh_token)
        assert elsewhere.knows(after.refresh_token)


def test_threads_share_one_refresh_for_each_of_the_short_lives_of_a_token(
    files: LocalCertificate, tmp_path: Path
) -> None:
    """Before it is over: no call is refused, and the server rotates once for all of them."""
    with running(files, SHORT_SECONDS) as elsewhere:
        app = elsewhere.app()
        with flextell_sdk.Grants(app, shared_store(tmp_path)) as grants:
            client = flextell_sdk.Client(elsewhere.signed_in(grants, "alice"))

            def call(_: int) -> None:
                while client.grant.tokens().version <= LIFETIMES:
                    assert client.call("GET", "/me")["sub"] == "alice"

            with ThreadPoolExecutor(THREADS) as callers:
                list(callers.map(call, range(THREADS)))
            version = client.grant.tokens().version
        refused = elsewhere.proxy.answered["/me", 401]
        asked = elsewhere.proxy.requests["/token"]

    assert refused == 0
    assert asked == version


def test_signing_out_ends_the_grant_at_the_server_too(
    elsewhere: Elsewhere, grants: flextell_sdk.Grants
) -> None:
    """RFC 7009 §2.1: the refresh token is taken back, and with it all that it bought."""
    grant = elsewhere.signed_in(grants)
    tokens = grant.tokens()
    known_before = elsewhere.knows(tokens.refresh_token)
    grant.sign_out()
    with pytest.raises(flextell_sdk.SignInAgain, match="you signed out"):
        grant.tokens()

    assert known_before
    assert not elsewhere.knows(tokens.refresh_token)
    assert not elsewhere.knows(tokens.access_token)


def test_what_the_server_ended_takes_the_person_and_nothing_else(
    elsewhere: Elsewhere, grants: flextell_sdk.Grants
) -> None:
    """RFC 6749 §5.2, `invalid_grant`: said once, kept, and over with the next sign-in."""
    grant = elsewhere.signed_in(grants, "alice")
    client = flextell_sdk.Client(grant)
    ended = elsewhere.ask("/token/revocation", token=grant.tokens().refresh_token or "")
    for _ in range(2):
        with pytest.raises(flextell_sdk.SignInAgain, match="invalid_grant"):
            client.call("GET", "/me")
    begun = grant.start_sign_in()
    back = elsewhere.visit(begun.url)
    again = grants.exchange_code(flextell_sdk.finish_sign_in(back, begun.remembered), "alice")

    assert ended.status_code == 200
    assert again is grant
    assert client.call("GET", "/me")["sub"] == "alice"


def test_whoever_replays_a_refresh_token_ends_the_grant_for_all(
    elsewhere: Elsewhere, grants: flextell_sdk.Grants
) -> None:
    """RFC 9700 §4.14.2: this server allows no retry; the SDK says so and goes on asking nobody."""
    grant = elsewhere.signed_in(grants)
    stolen = grant.tokens()
    elsewhere.forget(stolen.access_token)
    client = flextell_sdk.Client(grant)
    client.call("GET", "/me")
    form = {"grant_type": "refresh_token", "refresh_token": stolen.refresh_token or ""}
    replayed = elsewhere.ask("/token", **form)
    with pytest.raises(flextell_sdk.SignInAgain, match="invalid_grant"):
        client.call("GET", "/me")

    assert (replayed.status_code, replayed.json()["error"]) == (400, "invalid_grant")
    assert not grant.is_signed_in()
