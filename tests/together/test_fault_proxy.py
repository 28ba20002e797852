"""Each fault shows at a client as it should; what meets none passes byte by byte."""

import asyncio
import json
import os
import random
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from benchmarks.connection import Connection
from flextell.sources import SYSTEM
from flextell.tls import LocalCertificate, local_certificate
from tests.figures import Note
from tests.postgres import free_port
from tests.together.client import in_flows, seconds_until
from tests.together.conftest import Start
from tests.together.fault_proxy import FaultProxy
from tests.together.faults import BEFORE, CALM, FAULTS, NOTHING, STORM, Faults
from tests.together.http_messages import Message
from tests.together.server import ALICE, PASSWORD
from tests.together.stub_server import END_OF_HEAD, StubServer, numbered
from tests.web import flows

pytestmark = pytest.mark.anyio

NEVER_SECONDS = 3600.0
LONG_SECONDS = 20.0
IMPATIENT = httpx2.Timeout(LONG_SECONDS, read=0.4)

BODY = json.dumps({"photos": list(range(100))}).encode()
DATE = b"date: Wed, 25 Nov 2026 23:55:00 GMT\r\n"
WHOLE = b"HTTP/1.1 200 OK\r\n%bcontent-length: %d\r\n\r\n%b" % (DATE, len(BODY), BODY)
IN_CHUNKS = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"%x;a=b\r\n%b\r\n1\r\n}\r\n0\r\nTrailer: kept\r\n\r\n" % (len(BODY) - 1, BODY[:-1])
)
NO_BODY = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
GET = b"GET /photos?of=Alice HTTP/1.1\r\nHost: localhost\r\n\r\n"

# What is asked, and what the server answers to exactly this.
EXCHANGES = {
    "a length": (GET, WHOLE),
    "chunks": (
        b"POST /photos HTTP/1.1\r\nHOST:  localhost\r\ntransfer-encoding: Chunked\r\n\r\n"
        b"3\r\nabc\r\n0\r\n\r\n",
        IN_CHUNKS,
    ),
    "a large body": (
        b"POST /photos HTTP/1.1\r\nhost: localhost\r\nContent-Length: 300000\r\n\r\n"
        + b"\r\n\r\n\0\xff" * 50_000,
        b"HTTP/1.1 201 Created\r\ncontent-length:2000000\r\n\r\n" + b"ab" * 1_000_000,
    ),
    "headers twice, and no ASCII": (
        b"GET / HTTP/1.1\r\nhost: localhost\r\nx-name: caf\xc3\xa9\r\nx-name: \r\n\r\n",
        b"HTTP/1.1 404 Nicht gefunden \xfc\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n"
        b"content-length: 0\r\n\r\n",
    ),
    "no content": (
        b"DELETE /photos/1 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ),
    "a head only": (
        b"HEAD /photos HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
    ),
}

# What a client meets: an error, or a status. Sync TLS may tell a reset as an end.
RESET = (httpx2.ReadError, httpx2.RemoteProtocolError)
SEEN: dict[str, type[Exception] | tuple[type[Exception], ...] | set[int]] = {
    "reset_before": RESET,
    "failed_before": {500, 502, 503},
    "rate_limited": {429},
    "captive_portal": {200},
    "reset_after": RESET,
    "failed_after": {500, 502, 503},
    "dropped": httpx2.RemoteProtocolError,
    "delayed": httpx2.ReadTimeout,
    "cut_short": httpx2.RemoteProtocolError,
    "cut_cleanly": {200},
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> LocalCertificate:
    return local_certificate(tmp_path_factory.mktemp("certificate"), SYSTEM.now())


@pytest.fixture
async def server(certificate: LocalCertificate) -> AsyncIterator[StubServer]:
    """Answers each GET with all photos."""
    stub = StubServer(certificate, lambda got: WHOLE if got.endswith(END_OF_HEAD) else None)
    async with stub.running():
        yield stub


def certain(fault: str, **settings: Any) -> Faults:
    """This fault, every time."""
    return Faults(**{fault: 1.0, "delay_seconds": NEVER_SECONDS, **settings})


def patience(proxy: FaultProxy) -> httpx2.Timeout:
    return IMPATIENT if proxy.faults.delayed else httpx2.Timeout(LONG_SECONDS)


async def ask(server: StubServer, proxy: FaultProxy, path: str = "/photos") -> httpx2.Response:
    """One GET by an async client."""
    async with httpx2.AsyncClient(verify=server.trust(), timeout=patience(proxy)) as client:
        return await client.get(proxy.url + path)


async def ask_in_sync(server: StubServer, proxy: FaultProxy) -> httpx2.Response:
    """The same by a sync client."""

    def get() -> httpx2.Response:
        with httpx2.Client(verify=server.trust(), timeout=patience(proxy)) as client:
            return client.get(proxy.url + "/photos")

    return await asyncio.to_thread(get)


@pytest.mark.parametrize(("asked", "answer"), EXCHANGES.values(), ids=EXCHANGES)
async def test_what_meets_no_fault_passes_byte_by_byte(
    server: StubServer, asked: bytes, answer: bytes
) -> None:
    """And a second time on the same two connections: neither end lost count of the bytes."""
    server.answer = {asked: answer}.get
    with server.proxy() as proxy:
        async with server.connected(proxy) as (reader, writer):
            got = []
            for _ in range(2):
                writer.write(asked)
                got.append(await reader.readexactly(len(answer)))

    assert got == [answer, answer]
    assert server.connections == 1
    assert proxy.happened == {NOTHING: 2}


async def test_an_answer_that_ends_with_its_connection_does_so_here(server: StubServer) -> None:
    """RFC 9112 §6.3: without a length or chunks, the end of the connection is that of the body."""
    endless = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + BODY
    server.answer = {GET: endless}.get
    with server.proxy() as proxy:
        async with server.connected(proxy) as (reader, writer):
            writer.write(GET)
            got = await reader.read()

    assert got == endless


async def test_interim_answers_are_not_taken_for_the_answer(server: StubServer) -> None:
    """RFC 9110 §15.2: any number of them may come first."""
    server.answer = {GET: b"HTTP/1.1 100 Continue\r\n\r\n" * 2 + WHOLE}.get
    with server.proxy() as proxy:
        async with server.connected(proxy) as (reader, writer):
            writer.write(GET)
            got = await reader.readexactly(len(WHOLE))

    assert got == WHOLE


@pytest.mark.parametrize("by", [ask, ask_in_sync])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_client_meets_the_fault(
    server: StubServer,
    fault: str,
    by: Callable[[StubServer, FaultProxy], Awaitable[httpx2.Response]],
) -> None:
    """As an error or a status, and it is counted; the server did the work or never heard of it."""
    seen = SEEN[fault]
    with server.proxy(certain(fault)) as proxy:
        if isinstance(seen, set):
            assert (await by(server, proxy)).status_code in seen
        else:
            with pytest.raises(seen):
                await by(server, proxy)

    assert proxy.requests == {"/photos": 1}
    assert proxy.happened == {fault: 1}
    assert proxy.answered == ({} if fault in BEFORE else {("/photos", 200): 1})


@pytest.mark.parametrize("fault", ["reset_before", "reset_after"])
async def test_a_reset_is_one_on_the_wire(server: StubServer, fault: str) -> None:
    with server.proxy(certain(fault)) as proxy:
        async with server.connected(proxy) as (reader, writer):
            writer.write(GET)
            with pytest.raises(ConnectionResetError):
                await reader.read()


async def test_a_dropped_answer_is_an_orderly_end_without_a_byte(server: StubServer) -> None:
    with server.proxy(certain("dropped")) as proxy:
        async with server.connected(proxy) as (reader, writer):
            writer.write(GET)
            got = await reader.read()

    assert got == b""


async def test_a_patient_client_gets_a_delayed_answer_whole(server: StubServer) -> None:
    clock = asyncio.get_running_loop()
    with server.proxy(certain("delayed", delay_seconds=0.1)) as proxy:
        async with server.connected(proxy) as (reader, writer):
            began = clock.time()
            writer.write(GET)
            got = await reader.readexactly(len(WHOLE))

    assert got == WHOLE
    assert clock.time() - began >= 0.1


@pytest.mark.parametrize("answer", [WHOLE, IN_CHUNKS], ids=["a length", "chunks"])
async def test_a_body_cut_short_is_known_to_be(server: StubServer, answer: bytes) -> None:
    server.answer = lambda got: answer
    with server.proxy(certain("cut_short"), seed=random.getrandbits(32)) as proxy:
        for _ in range(20):
            with pytest.raises(httpx2.RemoteProtocolError):
                await ask(server, proxy)

    assert proxy.happened == {"cut_short": 20}


@pytest.mark.parametrize("answer", [WHOLE, IN_CHUNKS], ids=["a length", "chunks"])
async def test_a_body_cut_cleanly_looks_whole_and_is_no_json(
    server: StubServer, answer: bytes
) -> None:
    server.answer = lambda got: answer
    with server.proxy(certain("cut_cleanly"), seed=random.getrandbits(32)) as proxy:
        got = [await ask(server, proxy) for _ in range(20)]

    assert {each.status_code for each in got} == {200}
    assert all(BODY.startswith(each.content) for each in got)
    for each in got:
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            each.json()


@pytest.mark.parametrize("fault", ["cut_short", "cut_cleanly"])
async def test_an_answer_without_a_body_cannot_be_cut(server: StubServer, fault: str) -> None:
    server.answer = lambda got: NO_BODY
    with server.proxy(certain(fault)) as proxy:
        got = await ask(server, proxy)

    assert got.status_code == 200
    assert proxy.happened == {NOTHING: 1}


async def test_a_gateway_fails_in_six_ways(server: StubServer) -> None:
    """Three statuses, each with and without Retry-After (RFC 9110 §10.2.3)."""
    with server.proxy(certain("failed_before", retry_after_seconds=7), seed=1) as proxy:
        async with httpx2.AsyncClient(verify=server.trust(), base_url=proxy.url) as client:
            got = [await client.get("/") for _ in range(60)]

    assert {(each.status_code, each.headers.get("retry-after")) for each in got} == {
        (status, asked) for status in (500, 502, 503) for asked in (None, "7")
    }


async def test_faults_are_replaced_at_run_time_and_made_answers_keep_the_connection(
    server: StubServer,
) -> None:
    """A hotel's page, a rate limit, and all is well, to a client that never connects anew."""
    with server.proxy() as proxy:
        async with server.connected(proxy) as (reader, writer):
            got = []
            for faults in (certain("captive_portal"), certain("rate_limited"), CALM):
                proxy.faults = faults
                writer.write(GET)
                head = await reader.readuntil(END_OF_HEAD)
                length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
                got.append((head.partition(b"\r\n")[0], await reader.readexactly(length)))

    assert [status for status, _ in got] == [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 429 Too Many Requests",
        b"HTTP/1.1 200 OK",
    ]
    assert b"Hotel" in got[0][1]
    assert got[2][1] == BODY
    assert proxy.happened == {"captive_portal": 1, "rate_limited": 1, NOTHING: 1}


async def test_only_the_paths_that_are_meant_meet_faults(server: StubServer) -> None:
    meant = certain("rate_limited", only=lambda path: path == "/oauth/token")
    with server.proxy(meant) as proxy:
        token = await ask(server, proxy, "/oauth/token?a=/photos")
        photos = await ask(server, proxy, "/photos?a=/oauth/token")

    assert (token.status_code, photos.status_code) == (429, 200)
    assert proxy.requests == {"/oauth/token": 1, "/photos": 1}
    assert proxy.answered == {("/photos", 200): 1}


async def test_a_question_for_the_head_meets_no_fault(server: StubServer) -> None:
    """RFC 9110 §9.3.2: its answer has no body; that of a made one would be taken for the next."""
    with server.proxy(certain("captive_portal")) as proxy:
        server.answer = lambda got: WHOLE.removesuffix(BODY)
        async with httpx2.AsyncClient(verify=server.trust()) as client:
            got = await client.head(proxy.url)

    assert (got.status_code, got.headers["content-length"]) == (200, str(len(BODY)))


@pytest.mark.parametrize(
    ("seconds", "date"),
    [(600, "Thu, 26 Nov 2026 00:05:00 GMT"), (-600, "Wed, 25 Nov 2026 23:45:00 GMT")],
)
async def test_the_servers_clock_can_be_wrong(server: StubServer, seconds: int, date: str) -> None:
    """RFC 9110 §6.6.1: `Date` moves, and not another byte."""
    with server.proxy(replace(CALM, date_offset_seconds=seconds)) as proxy:
        async with server.connected(proxy) as (reader, writer):
            writer.write(GET)
            got = await reader.readexactly(len(WHOLE))

    assert got == WHOLE.replace(DATE, f"date: {date}\r\n".encode())


async def test_many_connections_at_once_get_their_own_answers(server: StubServer) -> None:
    server.answer = numbered

    async def talk(connection: Connection, who: int) -> list[str]:
        paths = [f"/{who}/{number}" for number in range(20)]
        got = [(await connection.send(connection.get(path))).body.decode() for path in paths]
        return [f"{path}: {body}" for path, body in zip(paths, got, strict=True) if path != body]

    trust = server.trust()
    with server.proxy() as proxy:
        async with AsyncExitStack() as stack:
            connections = [
                await stack.enter_async_context(Connection(proxy.url, trust)) for _ in range(100)
            ]
            wrong = await asyncio.gather(*(talk(each, n) for n, each in enumerate(connections)))

    assert not any(wrong)
    assert proxy.requests.total() == proxy.answered.total() == 2000
    assert server.connections <= 100


async def test_in_a_storm_nobody_gets_anothers_answer(server: StubServer) -> None:
    server.answer = numbered
    came: Counter[str] = Counter()

    async def try_all(client: httpx2.AsyncClient, who: int) -> None:
        for path in [f"/{who}/{number}/" for number in range(10)]:
            try:
                answer = await client.get(path)
            except httpx2.TransportError:
                came["nothing"] += 1
                continue
            if answer.status_code == 200:
                assert path.startswith(answer.text)
            came["all" if answer.text == path else "less"] += 1

    storm = replace(STORM, delay_seconds=NEVER_SECONDS)
    with server.proxy(storm, seed=random.getrandbits(32)) as proxy:
        async with httpx2.AsyncClient(
            verify=server.trust(), base_url=proxy.url, timeout=IMPATIENT
        ) as client:
            await asyncio.gather(*(try_all(client, who) for who in range(64)))

    assert came.total() == proxy.requests.total() == 640
    assert set(proxy.happened) == {NOTHING, *(fault for fault in FAULTS if getattr(STORM, fault))}
    assert came["all"]


async def test_a_server_that_hung_up_is_asked_on_a_new_connection(server: StubServer) -> None:
    server.hangs_up = True
    with server.proxy() as proxy:
        for _ in range(3):
            assert (await ask(server, proxy)).content == BODY
            await asyncio.wait_for(server.hung_up.wait(), LONG_SECONDS)
            server.hung_up.clear()

    assert server.connections == 3
    assert not proxy.unanswered


async def test_nobody_answers_for_a_server_that_is_gone(server: StubServer) -> None:
    with FaultProxy(free_port(), server.certificate) as proxy:
        for path in ("/photos", "/albums"):
            with pytest.raises(httpx2.TransportError):
                await ask(server, proxy, path)

    assert proxy.requests == proxy.unanswered == {"/photos": 1, "/albums": 1}
    assert not proxy.answered
    assert not proxy.happened


async def test_the_end_leaves_no_thread_and_no_socket(server: StubServer) -> None:
    """Whatever is under way: an idle client, one that waits for its answer, one half through."""
    threads, descriptors = threading.enumerate(), open_descriptors()
    with server.proxy(certain("delayed")) as proxy:
        async with AsyncExitStack() as stack:
            ends = [await stack.enter_async_context(server.connected(proxy)) for _ in range(3)]
            ends[1][1].write(GET)
            ends[2][1].write(GET[:-1])

            async def answered() -> bool:
                return proxy.answered.total() == 1

            await seconds_until(answered, LONG_SECONDS)

    async def as_before() -> bool:
        return open_descriptors() <= descriptors

    await seconds_until(as_before, LONG_SECONDS)
    assert threading.enumerate() == threads


def open_descriptors() -> set[str]:
    """Without that of the listing itself."""
    return {name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")}


async def test_a_proxy_that_cannot_listen_says_so(server: StubServer) -> None:
    taken = FaultProxy(1, server.certificate, port=server.port)
    with pytest.raises(OSError, match="in use"):
        taken.__enter__()


async def test_a_bug_in_the_proxy_is_raised_at_its_end(server: StubServer) -> None:
    def broken(path: str) -> bool:
        raise LookupError(path)

    with (
        pytest.RaisesGroup(LookupError, flatten_subgroups=True),
        server.proxy(Faults(only=broken)) as proxy,
        pytest.raises(httpx2.TransportError),
    ):
        await ask(server, proxy)


def test_the_dice_are_those_of_the_seed() -> None:
    """The same seed, the same faults in the same order; and as many of each as was asked for."""
    request = Message(GET)

    def picked(seed: int) -> list[str]:
        dice = random.Random(seed)
        return [STORM.pick(request, dice) for _ in range(10_000)]

    assert picked(7) == picked(7) != picked(8)
    shares = Counter(picked(7))
    for fault in FAULTS:
        assert shares[fault] / 10_000 == pytest.approx(getattr(STORM, fault), abs=0.01)


@pytest.mark.parametrize("wrong", [{"dropped": 0.6, "delayed": 0.6}, {"dropped": -0.1}])
def test_what_is_no_probability_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        Faults(**wrong)


async def test_a_session_outlives_a_storm_at_the_token_endpoint(
    start: Start, tmp_path: Path, note: Note
) -> None:
    """The server calls the proxy its issuer; who asks again with the same token stays signed in."""
    data_dir, port = tmp_path / "data", free_port()
    data_dir.mkdir(mode=0o700)
    certificate = local_certificate(data_dir, SYSTEM.now())
    with FaultProxy(port, certificate, seed=random.getrandbits(32)) as proxy:
        server = start(data_dir, issuer=proxy.url, port=port)
        photos, trust = in_flows(server.create_app()), server.trust()
        async with httpx2.AsyncClient(base_url=proxy.url, verify=trust, timeout=20) as alice:
            tokens = await flows.tokens_for(alice, photos, ALICE, PASSWORD)
            alice.timeout = IMPATIENT
            proxy.faults = replace(
                STORM, delay_seconds=NEVER_SECONDS, only=lambda path: path == "/oauth/token"
            )
            for _ in range(20):
                tokens = await refreshed(alice, photos, tokens["refresh_token"])
            proxy.faults, alice.timeout = CALM, httpx2.Timeout(LONG_SECONDS)
            bearer = {"authorization": f"Bearer {tokens['access_token']}"}
            called = await alice.get("/api", headers=bearer)

        assert server.ready["issuer"] == proxy.url
        assert called.status_code == 200
        note(f"20 refreshes through a storm: {dict(proxy.happened)}")


async def refreshed(alice: httpx2.AsyncClient, photos: flows.App, token: str) -> dict[str, str]:
    """The next tokens, however often they must be asked for."""
    while True:
        try:
            answer = await flows.refresh(alice, photos, token)
            tokens: dict[str, str] = answer.json()
        except (httpx2.TransportError, ValueError):
            continue
        assert answer.status_code == 200, answer.text
        return tokens
