"""Large files over the wire: little memory on the way, and nothing left of what was cut off."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.api.forms import END, TYPE, field, file
from tests.figures import Note
from tests.together.client import callers, connected, seconds_until
from tests.together.conftest import Start
from tests.together.server import RunningServer

pytestmark = pytest.mark.anyio

MEBIBYTE = 2**20
CHUNK = bytes(range(256)) * 256
# What one file of 50 MiB may cost while it comes or goes: some chunks, in a server and below it.
MEMORY_BYTES = 16 * MEBIBYTE
FIELDS = field("type", b"other") + field("fileable_type", b"tenant") + field("fileable_id", b"1")
SCOPE = "files:read files:write"


async def allowed(server: RunningServer, browser: httpx2.AsyncClient) -> dict[str, str]:
    """The headers of an app that Alice allows to send files."""
    app = server.create_app(scope=SCOPE)
    async with callers(server, app, 1) as (caller,):
        token = (await connected(browser, caller)).access
    return {"authorization": f"Bearer {token}", "content-type": TYPE.decode()}


async def in_chunks(size: int) -> AsyncIterator[bytes]:
    """A form with a file of so many bytes."""
    head, rest = file(b"").rsplit(b"\r\n", 1)[0], b"\r\n" + END
    yield FIELDS + head
    for _ in range(size // len(CHUNK)):
        yield CHUNK
    yield rest


def peak_bytes(server: RunningServer) -> int:
    """The most memory that the server has had since this was asked; passwords took more before."""
    process = Path(f"/proc/{server.ready['pid']}")
    peak = int((process / "status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
    (process / "clear_refs").write_text("5")
    return peak


def lying_in(server: RunningServer) -> Iterator[Path]:
    """The files of the room, those on their way in too."""
    return (path for path in (server.data_dir / "files").rglob("*") if path.is_file())


async def test_the_largest_file_comes_and_goes_in_little_memory(start: Start, note: Note) -> None:
    server = start()
    async with server.browser() as browser:
        headers = await allowed(server, browser)
        small = await browser.post("/api/v1/files", content=in_chunks(len(CHUNK)), headers=headers)
        assert small.status_code == 201, small.text
        await browser.get(small.json()["data"]["temporary_url"])
        peak_bytes(server)
        before, began = peak_bytes(server), time.monotonic()

        sent = await browser.post(
            "/api/v1/files", content=in_chunks(50 * MEBIBYTE), headers=headers, timeout=60
        )
        arrived = time.monotonic()
        came = 0
        async with browser.stream("GET", sent.json()["data"]["temporary_url"]) as answer:
            async for chunk in answer.aiter_bytes():
                came += len(chunk)
        gone = time.monotonic()

    shown = sent.json()["data"]
    assert (sent.status_code, shown["formatted_size"], came) == (201, "50.0 MB", 50 * MEBIBYTE)
    grown = peak_bytes(server) - before
    assert grown < MEMORY_BYTES
    note(
        f"50 MiB: in after {arrived - began:.1f} s, out after {gone - arrived:.1f} s, "
        f"{grown / MEBIBYTE:.1f} MiB of memory"
    )


async def test_nothing_is_left_of_an_upload_that_a_killed_server_was_taking(start: Start) -> None:
    server = start()
    async with server.browser() as browser:
        headers = await allowed(server, browser)
        sending = asyncio.create_task(
            browser.post("/api/v1/files", content=never_ending(), headers=headers)
        )
        await seconds_until(lambda: is_coming(server), limit=10)
        server.kill()
        with pytest.raises(httpx2.TransportError):
            await sending
    assert len(list(lying_in(server))) == 1

    server.start()

    assert list(lying_in(server)) == []


async def never_ending() -> AsyncIterator[bytes]:
    """A form whose file goes on, little by little."""
    yield FIELDS + file(b"").rsplit(b"\r\n", 1)[0]
    for _ in range(40):
        yield CHUNK
        await asyncio.sleep(0.01)
    await asyncio.Event().wait()


async def is_coming(server: RunningServer) -> bool:
    """Whether some of a file is there."""
    return any(path.stat().st_size for path in lying_in(server))
