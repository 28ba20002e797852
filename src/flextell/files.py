"""Write a file whole or not at all."""

import contextlib
import glob
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

PRIVATE = 0o600
PUBLIC = 0o644
UNFINISHED = ".unfinished"


def write_atomically(path: Path, content: bytes, mode: int) -> None:
    """Put `content` at `path` with permissions `mode`; it is on disk when this returns.

    A reader sees the old file or the new one, also after a power cut. Raises OSError.
    """
    with written_whole(path, mode) as file:
        file.write(content)


def write_new(path: Path, content: bytes, mode: int) -> None:
    """The same, but a file that is there stays. Raises FileExistsError, OSError.

    Of many that do it at once one succeeds, and nobody ever reads half of what it wrote.
    """
    with written_whole(path, mode, name_it=os.link) as file:
        file.write(content)


@contextlib.contextmanager
def written_whole(
    path: Path, mode: int, name_it: Callable[[str, Path], None] = os.replace
) -> Iterator[BinaryIO]:
    """A file to write, which gets its name, and is on disk, when the body has ended well.

    If the body raises nothing is left of it. Raises OSError.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        name_it(name, path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)
    sync_directory(path.parent)


def unfinished(path: Path) -> list[Path]:
    """Files that are to become this one: being written, or left behind by who was killed."""
    return list(path.parent.glob(f".{glob.escape(path.name)}.*{UNFINISHED}"))


def sync_directory(directory: Path) -> None:
    """Have the names in a folder on disk: without this a new one may be lost in a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
