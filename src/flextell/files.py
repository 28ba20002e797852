"""Write a small file whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

PRIVATE = 0o600
PUBLIC = 0o644


def write_atomically(path: Path, content: bytes, mode: int) -> None:
    """Put `content` at `path` with permissions `mode`; it is on disk when this returns.

    A reader sees the old file or the new one, also after a power cut. Raises OSError.
    """
    with _written(path, content, mode) as name:
        os.replace(name, path)
    _sync_directory(path.parent)


def write_new(path: Path, content: bytes, mode: int) -> None:
    """The same, but a file that is there stays. Raises FileExistsError, OSError.

    Of many that do it at once one succeeds, and nobody ever reads half of what it wrote.
    """
    with _written(path, content, mode) as name:
        os.link(name, path)
    _sync_directory(path.parent)


@contextlib.contextmanager
def _written(path: Path, content: bytes, mode: int) -> Iterator[str]:
    """The content under another name in the same folder, to be given the right one."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield name
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)


def _sync_directory(directory: Path) -> None:
    # Without this the new name itself may be lost in a power cut.
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
