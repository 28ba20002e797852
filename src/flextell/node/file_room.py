"""Where the bytes of files are: a small port, and the folder behind it.

    FOLDER/incoming/*    being written, under a lock; what nobody holds was left by who was killed
    FOLDER/ab/ab93...    whole, on disk, never changed again

The folder may be one that many nodes share. All of it is done in threads of its own: a disk or a
network that is slow delays who deals in files, and nobody else.
"""

import asyncio
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from flextell.files import sync_directory
from flextell.store.port import StoreUnavailable

INCOMING = "incoming"
THREADS = 8

T = TypeVar("T")


class RoomUnavailable(StoreUnavailable):
    """Files cannot be written or read now; the text is one sentence saying what to do."""

    def __init__(self, problem: OSError) -> None:
        super().__init__(
            f"The folder of files cannot be used ({problem.strerror}); check its disk, its room "
            "and its permissions."
        )


class Writing(Protocol):
    """Bytes on their way in."""

    @property
    def size(self) -> int:
        """How many have been written."""

    @property
    def digest(self) -> bytes:
        """The SHA-256 of what has been written."""

    async def write(self, data: bytes) -> None:
        """Write more. Raises RoomUnavailable."""

    async def keep(self, name: str) -> None:
        """Let what was written be there under this name, durably, whole. Raises RoomUnavailable."""


class Reading(Protocol):
    """Bytes that are there."""

    async def read(self, start: int, most: int) -> bytes:
        """Up to so many from a place. Raises RoomUnavailable."""


class FileRoom(Protocol):
    """Names are of `new_name`'s making; nobody else's text ever becomes one."""

    def writing(self) -> AbstractAsyncContextManager[Writing]:
        """Begin to write; unless it is kept, nothing is left of it when the body ends."""

    def reading(self, name: str) -> AbstractAsyncContextManager[Reading | None]:
        """Open what is kept under the name; None if nothing is. Raises RoomUnavailable."""

    async def remove(self, name: str) -> None:
        """Let nothing be there under the name. Raises RoomUnavailable."""

    def close(self) -> None:
        """Finish what was begun."""


def new_name(random: Callable[[int], bytes]) -> str:
    """A name that nothing has and nobody guesses."""
    return random(16).hex()


def path_in(folder: Path, name: str) -> Path:
    """Where a folder has what is kept under the name."""
    return folder / name[:2] / name


def open_room(folder: Path) -> FileRoom:
    """The room in this folder, which is made if it is not there. Raises RoomUnavailable."""
    try:
        (folder / INCOMING).mkdir(mode=0o700, parents=True, exist_ok=True)
        _clear_up_after_killed(folder / INCOMING)
    except OSError as problem:
        raise RoomUnavailable(problem) from problem
    return FolderRoom(folder)


class _Threads:
    """Those who wait for the disk."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="files")
        self.close = self._pool.shutdown

    async def do(self, work: Callable[..., T], *values: object) -> T:
        """What the function returns. Raises RoomUnavailable."""
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, work, *values)
        except OSError as problem:
            raise RoomUnavailable(problem) from problem


class FolderRoom:
    """`FileRoom` in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = _Threads()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Writing]:
        file = await self._threads.do(_begun, self._folder / INCOMING)
        writing = _Writing(self._threads, self._path, file)
        try:
            yield writing
        finally:
            await self._threads.do(_ended, file, writing.kept)

    @asynccontextmanager
    async def reading(self, name: str) -> AsyncIterator[Reading | None]:
        file = await self._threads.do(_opened, self._path(name))
        try:
            yield None if file is None else _Reading(self._threads, file)
        finally:
            if file is not None:
                await self._threads.do(file.close)

    async def remove(self, name: str) -> None:
        await self._threads.do(partial(self._path(name).unlink, missing_ok=True))

    def close(self) -> None:
        self._threads.close()

    def _path(self, name: str) -> Path:
        return path_in(self._folder, name)


class _Writing:
    """`Writing` to an unfinished file of the folder."""

    def __init__(self, threads: _Threads, path: Callable[[str], Path], file: BinaryIO) -> None:
        self._threads, self._path, self._file = threads, path, file
        self._hash = sha256()
        self.size = 0
        self.kept = False

    @property
    def digest(self) -> bytes:
        return self._hash.digest()

    async def write(self, data: bytes) -> None:
        await self._threads.do(self._write, data)
        self.size += len(data)

    async def keep(self, name: str) -> None:
        await self._threads.do(_kept, self._file, self._path(name))
        self.kept = True

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)


class _Reading:
    """`Reading` of a file of the folder."""

    def __init__(self, threads: _Threads, file: BinaryIO) -> None:
        self._threads, self._file = threads, file

    async def read(self, start: int, most: int) -> bytes:
        return await self._threads.do(os.pread, self._file.fileno(), most, start)


def _begun(incoming: Path) -> BinaryIO:
    file = tempfile.NamedTemporaryFile(dir=incoming, delete=False)  # noqa: SIM115 - `_ended` closes
    # Without a lock, where a file system has none, only the clearing up after others is at stake.
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file  # type: ignore[return-value]


def _kept(file: BinaryIO, path: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    with suppress(FileExistsError):
        path.parent.mkdir(mode=0o700)
        sync_directory(path.parent.parent)
    os.rename(file.name, path)
    sync_directory(path.parent)


def _ended(file: BinaryIO, kept: bool) -> None:
    with suppress(FileNotFoundError):
        if not kept:
            os.unlink(file.name)
    file.close()


def _opened(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError:
        return None


def _clear_up_after_killed(incoming: Path) -> None:
    for left in incoming.iterdir():
        with suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
