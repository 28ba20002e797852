"""Calling out: only to the public internet, to the address that was looked at, and not for long."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell.outbound import ForbiddenTarget, NoAnswer, Outbound, resolve, target_of
from flextell.public_addresses import Address, parsed
from flextell.sources import SYSTEM
from flextell.tls import local_certificate, server_context
from tests.endpoint import HANGS, answer, endpoint

pytestmark = pytest.mark.anyio

METADATA = "169.254.169.254"
PUBLIC = "8.8.8.8"
CONTEXT = ssl.create_default_context()
NEAR = Outbound(CONTEXT, loopback=True)


class Names:
    """A resolver that gives its answers in turn, and counts how often it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        """The next answer."""
        self.asked += 1
        return [parsed(text) for text in self._answers.pop(0)]


async def post(out: Outbound, url: str, seconds: float = 5) -> int:
    return await out.post(url, {"webhook-id": "msg_1"}, b'{"a":1}', seconds)


@pytest.fixture
def no_connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Whoever wants to connect is noted, and fails."""
    tried: list[Any] = []

    async def refuse(*place: Any, **options: Any) -> None:
        tried.append(place)
        raise OSError

    monkeypatch.setattr("asyncio.open_connection", refuse)
    return tried


# What is sent, and what comes back


async def test_the_body_arrives_as_it_is_and_the_status_comes_back() -> None:
    async with endpoint(answer(202)) as there:
        status = await post(NEAR, there.url)

    [received] = there.received
    assert (status, received.body) == (202, b'{"a":1}')
    assert received.target == "/hook?for=clinic"
    assert received.headers["webhook-id"] == "msg_1"
    assert received.headers["host"] == f"localhost:{there.port}"


async def test_over_tls_the_name_must_be_proven(tmp_path: Path) -> None:
    """RFC 9525: the connection goes to an address, the certificate is for the name."""
    local = local_certificate(tmp_path, SYSTEM.now())
    context = server_context(local.certificate_file, local.key_file)
    trusting = ssl.create_default_context(cafile=local.ca_file)
    elsewhere = Outbound(trusting, True, Names(["127.0.0.1"]))
    async with endpoint(context=context) as there:
        assert await post(Outbound(trusting, loopback=True), there.url) == 200
        with pytest.raises(NoAnswer, match="certificate"):
            await post(NEAR, there.url)
        with pytest.raises(NoAnswer, match="certificate"):
            await post(elsewhere, f"https://clinic.example:{there.port}/")

    assert len(there.received) == 1


async def test_a_redirect_is_an_answer_and_nothing_more() -> None:
    async with endpoint() as inside:
        async with endpoint(answer(307, f"Location: {inside.url}")) as there:
            assert await post(NEAR, there.url) == 307
        async with endpoint(answer(302, f"Location: http://{METADATA}/latest/")) as there:
            assert await post(NEAR, there.url) == 302

    assert inside.connections == 0


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with endpoint() as proxy, endpoint() as there:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert await post(NEAR, there.url) == 200

    assert (proxy.connections, len(there.received)) == (0, 1)


async def test_early_hints_are_not_the_answer() -> None:
    """RFC 9110 §15.2."""
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with endpoint(hints + answer(204)) as there:
        assert await post(NEAR, there.url) == 204


async def test_the_next_address_is_tried_when_the_first_takes_no_connection() -> None:
    names = Names(["127.0.0.2", "127.0.0.1"])
    async with endpoint() as there:
        assert await post(Outbound(CONTEXT, True, names), there.url) == 200


# How long, and how much


@pytest.mark.parametrize(
    "said",
    [HANGS, b"HTTP/1.1 200 O", b"HTTP/1.1 103 Early Hints\r\n\r\n"],
    ids=["nothing", "half a status", "only hints"],
)
async def test_who_does_not_answer_is_given_up_in_time(said: bytes) -> None:
    async with endpoint(said) as there:
        with pytest.raises(NoAnswer, match="time"):
            await post(NEAR, there.url, seconds=0.1)


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-Server\r\n\r\n",
        b"HTTP/1.1 200 Said\r\nX: " + b"a" * 200_000,
        b"HTTP/1.1 103 Hint\r\n\r\n" * 10_000,
        b"HTTP/1.1 99999 Said\r\n\r\n",
    ],
    ids=["another protocol", "an endless header", "endless hints", "no status"],
)
async def test_what_is_no_answer_or_an_endless_one_is_refused(said: bytes) -> None:
    async with endpoint(said) as there:
        with pytest.raises(NoAnswer):
            await post(NEAR, there.url)


async def test_a_body_without_end_is_not_waited_for() -> None:
    head = b"HTTP/1.1 200 Said\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with endpoint(head + b"ffff\r\n" + b"a" * 0xFFFF) as there:
        assert await post(NEAR, there.url) == 200


async def test_who_hangs_up_or_is_not_there_gives_no_answer() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(NoAnswer, match="failed"):
            await post(NEAR, f"http://127.0.0.1:{nobody.getsockname()[1]}/")


# Where to


@pytest.mark.parametrize(
    "addresses",
    [[METADATA], ["127.0.0.1"], ["10.0.0.8"], [PUBLIC, "192.168.0.1"], ["::ffff:8.8.8.8"], []],
)
async def test_nobody_is_called_whose_name_leads_inside(
    addresses: list[str], no_connections: list[Any]
) -> None:
    with pytest.raises(ForbiddenTarget, match="not on the public internet"):
        await post(Outbound(CONTEXT, resolve=Names(addresses)), "https://clinic.example/hook")

    assert no_connections == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:169.254.169.254]"]
)
async def test_another_spelling_of_an_address_inside_is_no_way_in(
    host: str, no_connections: list[Any]
) -> None:
    with pytest.raises((ForbiddenTarget, NoAnswer)):
        await post(Outbound(CONTEXT), f"https://{host}/")

    assert no_connections == []


async def test_the_exception_for_development_opens_the_loopback_addresses_only(
    no_connections: list[Any],
) -> None:
    for address in (METADATA, "10.0.0.8", PUBLIC):
        with pytest.raises(ForbiddenTarget):
            await post(Outbound(CONTEXT, True, Names([address])), "http://clinic.example:8080/")

    assert no_connections == []


async def test_the_connection_goes_to_the_address_that_was_looked_at(
    no_connections: list[Any],
) -> None:
    """DNS rebinding: the name leads inside as soon as it was looked at; nobody asks again."""
    names = Names([PUBLIC], [METADATA], [METADATA])
    with pytest.raises(NoAnswer):
        await post(Outbound(CONTEXT, resolve=names), "https://clinic.example/hook")

    assert names.asked == 1
    assert no_connections == [(PUBLIC, 443)]


async def test_nothing_below_resolves_the_name_a_second_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same with the machine's own resolver, which changes its mind after the first question."""
    ask, asked = socket.getaddrinfo, []

    def changing(host: Any, *rest: Any, **options: Any) -> Any:
        if host == "clinic.example":
            asked.append(host)
            return ask("127.0.0.1" if len(asked) == 1 else "127.0.0.9", *rest, **options)
        return ask(host, *rest, **options)

    monkeypatch.setattr("socket.getaddrinfo", changing)
    async with endpoint() as there:
        assert await post(NEAR, f"http://clinic.example:{there.port}/") == 200

    assert asked == ["clinic.example"]
    assert there.received[0].headers["host"] == f"clinic.example:{there.port}"


async def test_the_resolver_of_the_machine_is_asked_off_the_loop() -> None:
    assert parsed("127.0.0.1") in await asyncio.wait_for(resolve("localhost", 443), 5)


# The URL


@pytest.mark.parametrize(
    "url",
    [
        "http://clinic.example/", "ftp://clinic.example/", "https:/clinic.example/", "https://",
        "https://alice:secret@clinic.example/", "https://clinic.example#x", "//clinic.example/",
        "https://clinic.example:80/", "https://clinic.example:22/", "https://clinic.example:0/",
        "https://clinic.example:65536/", "https://clinic.example\\@inside/", "https://a b/",
        "https://clinic..example/", "https://-clinic.example/", "https://clinic.example/\r\nX: y",
        "https://klinik\u0131.example/", "https://clinic.example/\N{SNOWMAN}", "HTTPS://x.example/",
        f"https://{'a.' * 130}example/", "https://clinic.example/" + "a" * 2048, "",
    ],
)  # fmt: skip
def test_a_url_that_is_not_plain_https_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ForbiddenTarget) as refusal:
        target_of(url)

    assert "clinic" not in str(refusal.value)
    assert str(refusal.value).isascii()


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://clinic.example", "clinic.example", "/"),
        ("https://Clinic.Example:443/a/b?c=%20d", "clinic.example", "/a/b?c=%20d"),
        ("https://clinic.example:8443?x", "clinic.example:8443", "/?x"),
        ("https://[2606:4700::1]:8443/", "[2606:4700::1]:8443", "/"),
    ],
)
def test_a_url_is_taken_apart_once(url: str, authority: str, path: str) -> None:
    target = target_of(url)

    assert (target.authority, target.path) == (authority, path)


@given(st.text(max_size=60).map("https://clinic.example".__add__) | st.text(max_size=60))
def test_whatever_passes_as_a_url_fits_into_a_request(text: str) -> None:
    try:
        target = target_of(text)
    except ForbiddenTarget:
        return
    whole = f"{target.authority}{target.path}"
    assert whole.isascii()
    assert not set(whole) & set(' \r\n\t\\#\0"<>')
