"""The room of files: whole or not at all, and nothing left behind."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest

from flextell.node import file_room
from flextell.node.file_room import INCOMING, FileRoom, RoomUnavailable, open_room
from flextell.sources import SYSTEM

pytestmark = pytest.mark.anyio

NAME = "ab" * 16


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[FileRoom]:
    """An empty room."""
    made = open_room(tmp_path / "files")
    yield made
    made.close()


def lying_in(folder: Path) -> list[str]:
    """The files of a room, those on their way in too."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]


async def content(room: FileRoom, name: str) -> bytes | None:
    """What is kept under a name."""
    async with room.reading(name) as reading:
        return None if reading is None else await reading.read(0, 1_000_000)


async def test_what_was_kept_can_be_read_in_parts(room: FileRoom, tmp_path: Path) -> None:
    async with room.writing() as writing:
        await writing.write(b"Ada ")
        await writing.write(b"Lovelace")
        assert await content(room, NAME) is None
        await writing.keep(NAME)

    assert (writing.size, writing.digest) == (12, sha256(b"Ada Lovelace").digest())
    assert lying_in(tmp_path / "files") == [f"ab/{NAME}"]
    async with room.reading(NAME) as reading:
        assert reading is not None
        assert await reading.read(4, 4) == b"Love"
        assert await reading.read(11, 100) == b"e"
        assert await reading.read(12, 100) == b""


async def test_nobody_else_of_the_machine_can_read_files(room: FileRoom, tmp_path: Path) -> None:
    async with room.writing() as writing:
        await writing.keep(NAME)

    kept = tmp_path / "files" / "ab" / NAME
    assert [path.stat().st_mode & 0o077 for path in (kept, kept.parent)] == [0, 0]


async def test_nothing_is_left_of_what_was_not_kept(room: FileRoom, tmp_path: Path) -> None:
    with suppress(ValueError):
        async with room.writing() as writing:
            await writing.write(b"half")
            raise ValueError("hung up")

    assert lying_in(tmp_path / "files") == []


async def test_what_was_removed_is_gone_and_twice_is_once(room: FileRoom) -> None:
    async with room.writing() as writing:
        await writing.keep(NAME)
    await room.remove(NAME)
    await room.remove(NAME)

    assert await content(room, NAME) is None


def test_what_a_killed_process_left_is_cleared_up_by_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    killed = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from flextell.node.file_room import open_room\n"
        "async def main():\n"
        "    async with open_room(Path(sys.argv[1])).writing() as writing:\n"
        "        await writing.write(b'x' * 100_000)\n"
        "        os._exit(9)\n"
        "asyncio.run(main())\n"
    )
    assert subprocess.run([sys.executable, "-c", killed, str(folder)]).returncode == 9
    assert len(lying_in(folder)) == 1

    open_room(folder).close()

    assert lying_in(folder) == []


async def test_what_another_process_is_writing_is_left_alone(
    room: FileRoom, tmp_path: Path
) -> None:
    async with room.writing() as writing:
        await writing.write(b"Ada")
        open_room(tmp_path / "files").close()
        await writing.keep(NAME)

    assert await content(room, NAME) == b"Ada"


async def test_a_folder_that_cannot_be_used_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("not a folder")
    with pytest.raises(RoomUnavailable, match="check its disk, its room and its permissions"):
        open_room(tmp_path / "files")


async def test_a_full_disk_is_said_in_a_sentence_and_leaves_nothing(
    room: FileRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    async with room.writing() as writing:
        with pytest.raises(RoomUnavailable, match="No space left on device"):
            await writing.keep(NAME)

    assert lying_in(tmp_path / "files") == []


def test_names_are_not_to_be_guessed(tmp_path: Path) -> None:
    names = {file_room.new_name(SYSTEM.random) for _ in range(100)}

    assert len(names) == 100
    assert {len(name) for name in names} == {32}
    assert INCOMING not in {name[:2] for name in names}
