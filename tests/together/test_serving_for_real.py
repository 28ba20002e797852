"""What an operator relies on: TLS only, orderly ends, nothing forgotten, clear refusals."""

import asyncio
import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, SIGTERM, Signals

import pytest

from benchmarks.connection import Connection
from flextell.exits import ExitCode
from tests.figures import Note
from tests.postgres import free_port
from tests.together.client import (
    Caller,
    Tokens,
    body,
    callers,
    connected,
    in_flows,
    new_code,
    refused_everywhere,
    seconds_until,
    tokens,
)
from tests.together.conftest import Start
from tests.together.server import App, RunningServer, ServerEnded
from tests.web import flows

pytestmark = pytest.mark.anyio

CHAINS = 16
ANSWERS_BEFORE_THE_SIGNAL = 200


async def test_plain_http_at_the_tls_port_gets_no_token_and_no_redirect(
    server: RunningServer, photos: App
) -> None:
    """RFC 6749 §3.2: a code sent in the clear buys nothing, and is not even used up."""
    async with server.browser() as browser, callers(server, photos, 1) as (caller,):
        code = await new_code(browser, photos)

        answer = await in_the_clear(server, photos, code)

        assert b"access_token" not in answer
        assert b"location:" not in answer.lower()
        assert (await caller.exchange(code)).status == 200


async def in_the_clear(server: RunningServer, app: App, code: str) -> bytes:
    """All that comes back to an exchange of a code over plain TCP."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": app.redirect_uri,
        "client_id": app.client_id,
        "client_secret": app.client_secret or "",
    }
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(Connection(server.url, None).post("/oauth/token", form))
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@dataclass
class Chain:
    """One client that refreshes until the server says goodbye."""

    newest: Tokens
    answers: int = 0
    farewell: bool = False

    async def go_on(self, caller: Caller, answered: asyncio.Semaphore) -> None:
        """Raises OSError or EOFError if the connection ends without a goodbye."""
        while not self.farewell:
            reply = await caller.refresh(self.newest.refresh)
            self.newest = tokens(reply)
            self.farewell = reply.header("connection") == "close"
            self.answers += 1
            answered.release()


@pytest.mark.parametrize("how", [SIGTERM, SIGINT])
async def test_a_signal_under_load_cuts_no_answer_short(
    start: Start, how: Signals, note: Note
) -> None:
    """Every request that was sent is answered, the exit code is 0, and all of it in a second."""
    server = start()
    app = server.create_app()
    async with (
        server.browser() as browser,
        callers(server, app, CHAINS) as everybody,
        callers(server, app, CHAINS),  # as many that are connected and idle
    ):
        chains = [Chain(await connected(browser, caller)) for caller in everybody]
        answered = asyncio.Semaphore(0)
        work = [
            asyncio.ensure_future(chain.go_on(caller, answered))
            for chain, caller in zip(chains, everybody, strict=True)
        ]
        for _ in range(ANSWERS_BEFORE_THE_SIGNAL):
            await answered.acquire()
        code, seconds = await asyncio.to_thread(server.stop, how)
        await asyncio.gather(*work)

    assert code == ExitCode.OK
    assert seconds < 1
    assert all(chain.farewell for chain in chains)
    note(
        f"{how.name} under load: {sum(chain.answers for chain in chains)} answers, none cut short; "
        f"ended in {seconds:.2f} s"
    )
    server.start()
    async with callers(server, app, 1) as (caller,):
        for chain in chains:
            assert (await caller.call_api(chain.newest.access)).status == 200
            assert (await caller.refresh(chain.newest.refresh)).status == 200


async def test_a_restart_forgets_nothing(start: Start) -> None:
    """Sessions, consents, tokens, revocations and keys outlive the process."""
    server = start()
    app = server.create_app()
    async with server.browser() as browser:
        async with callers(server, app, 1) as (caller,):
            kept = await connected(browser, caller)
            revoked = await connected(browser, caller)
            await caller.revoke(revoked.refresh)
        keys = (await browser.get("/.well-known/jwks.json")).json()
        server.stop()
        server.start()

        async with callers(server, app, 1) as (caller,):
            assert (await caller.call_api(kept.access)).status == 200
            assert (await caller.refresh(kept.refresh)).status == 200
            await refused_everywhere(caller, [revoked])
        request = flows.asks(in_flows(app), scope=app.scope)
        back = await flows.visit(browser, request)
        assert "code" in flows.sent_back(back), "the password or the permission was asked again"
        assert (await browser.get("/.well-known/jwks.json")).json() == keys


async def test_a_revoked_token_is_refused_at_once(server: RunningServer, photos: App) -> None:
    """RFC 7009 §2: on the node that revoked it, by the very next request."""
    async with server.browser() as browser, callers(server, photos, 2) as (caller, other):
        whole, one = await connected(browser, caller), await connected(browser, caller)
        for each in (whole, one):
            assert (await other.call_api(each.access)).status == 200

        assert (await caller.revoke(whole.refresh)).status == 200
        assert (await caller.revoke(one.access)).status == 200

        await refused_everywhere(other, [whole])
        assert (await other.call_api(one.access)).status == 401
        assert (await other.refresh(one.refresh)).status == 200


async def test_what_the_command_line_revokes_is_refused_within_a_second(
    server: RunningServer, photos: App, note: Note
) -> None:
    """`flextell tokens revoke` works beside the running server; the token is on standard input."""
    async with server.browser() as browser, callers(server, photos, 1) as (caller,):
        found = await connected(browser, caller)
        assert (await caller.call_api(found.access)).status == 200

        told = server.command("tokens", "revoke", "--token-stdin", stdin=found.refresh)
        seconds = await seconds_until(lambda: refused(caller, found.access), limit=1)

        assert told == {"ended_grants": 1}
        await refused_everywhere(caller, [found])
    note(f"revoked by the command line, refused by the server {seconds:.2f} s later")


async def refused(caller: Caller, access_token: str) -> bool:
    """Whether the API refuses the token, for being revoked and for nothing else."""
    reply = await caller.call_api(access_token)
    if reply.status == 200:
        return False
    assert (reply.status, body(reply)["error"]) == (401, "invalid_token")
    assert "revoked" in body(reply)["message"]
    return True


async def test_keys_rotate_while_the_server_runs(start: Start, note: Note) -> None:
    """RFC 7517 §5: new tokens are signed by the new key, old ones are good until they expire."""
    server = start(jwks_cache_seconds=0)
    app = server.create_app()
    async with server.browser() as browser, callers(server, app, 1) as (caller,):
        old = newest = await connected(browser, caller)
        keys_before = await published_keys(server)

        made = server.command("keys", "rotate")

        async def signed_by_a_new_key() -> bool:
            nonlocal newest
            newest = tokens(await caller.refresh(newest.refresh))
            return key_of(newest.access) != key_of(old.access)

        seconds = await seconds_until(signed_by_a_new_key, limit=10)
        keys_now = await published_keys(server)
        assert key_of(newest.access) in {key["kid"] for key in made}
        assert {key_of(newest.access), key_of(old.access)} <= keys_now
        assert keys_before < keys_now
        for token in (old.access, newest.access):
            assert (await caller.call_api(token)).status == 200
    note(f"a rotated key signs {seconds:.2f} s later")


async def published_keys(server: RunningServer) -> set[str]:
    """The names of the keys in the published set."""
    async with server.browser() as anybody:
        answer = await anybody.get("/.well-known/jwks.json")
    return {key["kid"] for key in answer.json()["keys"]}


def key_of(access_token: str) -> str:
    """The name of the key that signed the token (RFC 7515 §4.1.4)."""
    header = access_token.partition(".")[0]
    kid: str = json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]
    return kid


async def test_lifetimes_come_from_the_environment(start: Start) -> None:
    """RFC 6749 §5.1: `expires_in` says how long the token works, and it works no longer."""
    server = start(access_token_seconds=1, refresh_token_seconds=7200)
    app = server.create_app()
    async with server.browser() as browser, callers(server, app, 1) as (caller,):
        answer = body(await caller.exchange(await new_code(browser, app)))
        refresh_token = body(await caller.introspect(answer["refresh_token"]))

        async def expired() -> bool:
            reply = await caller.call_api(answer["access_token"])
            return reply.status == 401 and "expired" in body(reply)["message"]

        assert answer["expires_in"] == 1
        assert refresh_token["exp"] - refresh_token["iat"] == 7200
        assert await seconds_until(expired, limit=2.5)


def refusal(server: RunningServer) -> tuple[str, int]:
    """What a server says that does not start, and its exit code."""
    with pytest.raises(ServerEnded) as ended:
        server.start()

    assert ended.value.said.endswith(".")
    assert "\n" not in ended.value.said
    return ended.value.said, ended.value.code


def test_a_second_server_on_a_data_directory_is_refused(server: RunningServer) -> None:
    """Two would answer for one another's state; the first goes on."""
    said, code = refusal(RunningServer(server.data_dir))

    assert said.startswith(f"Another server uses the data directory {server.data_dir};")
    assert code == ExitCode.ALREADY_RUNNING
    assert server.command("users", "list")
    assert server.ready["issuer"] == server.url


def test_a_port_in_use_is_named(server: RunningServer, tmp_path: Path) -> None:
    """A stranger on the port is no accident to guess about."""
    said, code = refusal(RunningServer(tmp_path / "data", port=server.port))

    assert said.startswith(f"Port {server.port} on 127.0.0.1 is in use;")
    assert code == ExitCode.PORT_IN_USE


def test_a_server_without_its_key_file_says_which_and_keeps_the_data(start: Start) -> None:
    """The signing keys are sealed under it: a new one would make every token a stranger's."""
    server = start()
    server.stop()
    key_file, aside = server.data_dir / "master.key", server.data_dir / "aside"
    key_file.rename(aside)

    said, code = refusal(server)

    assert said.startswith(f"The master key file {key_file} is missing;")
    assert code == ExitCode.KEY_FILE
    assert not key_file.exists()
    aside.rename(key_file)
    server.start()


async def test_two_nodes_share_a_postgresql_and_nothing_else_but_the_key(
    start: Start, fresh_postgres_database: str, tmp_path: Path, note: Note
) -> None:
    """Any node answers any request; what one revokes, the other refuses within a second."""
    port = free_port()
    shared = {
        "database": fresh_postgres_database,
        "issuer": f"https://localhost:{port}",
        "key_file": tmp_path / "master.key",
    }
    here = start(tmp_path / "here", port=port, **shared)
    there = start(tmp_path / "there", port=free_port(), alice=False, **shared)
    app = here.create_app()

    async with (
        here.browser() as browser,
        callers(here, app, 1) as (caller,),
        callers(there, app, 1) as (other,),
    ):
        mine = await connected(browser, caller)
        elsewhere = tokens(await other.exchange(await new_code(browser, app)))
        assert (await other.call_api(mine.access)).status == 200
        assert (await caller.call_api(elsewhere.access)).status == 200
        next_one = tokens(await other.refresh(mine.refresh))
        assert tokens(await caller.refresh(mine.refresh)).refresh == next_one.refresh

        assert (await caller.revoke(mine.refresh)).status == 200
        seconds = await seconds_until(lambda: refused(other, mine.access), limit=1)

        for node in (caller, other):
            await refused_everywhere(node, [mine, next_one])
            assert (await node.call_api(elsewhere.access)).status == 200
    note(f"revoked by one node, refused by the other {seconds:.2f} s later")
