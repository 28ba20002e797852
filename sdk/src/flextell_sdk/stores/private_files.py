"""Files that only their owner can read, replaced in one piece, and locks beside them."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from flextell_sdk.errors import StoreBusy, StoreError, StoreNotPrivate
from flextell_sdk.sources import Sources

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
OTHERS = 0o077
# Between two looks at a lock that somebody else has: short against a refresh, long against a look.
LOOK_SECONDS = 0.02


def private_folder(path: Path) -> None:
    """Make the folder, or check the one that is there. Raises StoreNotPrivate, StoreError."""
    with _told(path, "be used"):
        path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        _check(path, path.stat(), "700")


def read_private(path: Path) -> bytes | None:
    """The content, None if there is no such file. Raises StoreNotPrivate, StoreError."""
    with _told(path, "be read"):
        try:
            with open(path, "rb", opener=_open) as file:
                _check(path, os.fstat(file.fileno()), "600")
                return file.read()
        except FileNotFoundError:
            return None


def write_private(path: Path, content: bytes) -> None:
    """Put `content` there, whole or not at all, and on disk when this returns.

    One writer at a time: hold a lock. Raises StoreError.
    """
    new = _unfinished(path)
    with _told(path, "be written"):
        new.unlink(missing_ok=True)  # what a crash left
        try:
            with open(new, "xb", opener=_open) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, path)
        except OSError:
            new.unlink(missing_ok=True)  # on a full disk it takes room
            raise
        _sync_folder(path.parent)


def remove_private(path: Path) -> None:
    """Remove the file, durably; it need not be there. Raises StoreError."""
    with _told(path, "be removed"):
        _unfinished(path).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        _sync_folder(path.parent)


@contextmanager
def locked(path: Path, wait_seconds: float, sources: Sources) -> Iterator[None]:
    """Hold the lock at `path` against every thread and process; the system frees it on a crash.

    Raises StoreBusy, StoreError.
    """
    give_up_at = sources.monotonic() + wait_seconds
    while (descriptor := _lock_now(path)) is None:
        if sources.monotonic() >= give_up_at:
            raise StoreBusy("Another program holds these tokens and does not let go.")
        sources.pause(LOOK_SECONDS * (0.5 + sources.fraction()))
    try:
        yield
    finally:
        with suppress(OSError):  # some systems keep files that are open: then it stays
            path.unlink()
        _unlock(descriptor)
        os.close(descriptor)


def _lock_now(path: Path) -> int | None:
    """The open lock file, None while somebody else has it."""
    with _told(path, "be locked"), ExitStack() as undo:
        descriptor = _open(path, os.O_RDWR | os.O_CREAT)
        undo.callback(os.close, descriptor)
        if not _try_lock(descriptor) or not _is_at(path, descriptor):
            return None
        undo.pop_all()
        return descriptor


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether others see the same file: whoever had the lock before removed theirs."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _open(path: str | os.PathLike[str], flags: int) -> int:
    # A link would lead out of the folder that was checked.
    return os.open(path, flags | _NO_FOLLOW, PRIVATE_FILE)


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def _check(path: Path, found: os.stat_result, wanted: str) -> None:
    if not _HAS_MODES:
        return
    if found.st_uid != os.geteuid():
        raise StoreNotPrivate(f"{path} belongs to another user; use a folder of your own.")
    if stat.S_IMODE(found.st_mode) & OTHERS:
        raise StoreNotPrivate(f"{path} can be read by others; make it yours: chmod {wanted}.")


@contextmanager
def _told(path: Path, what: str) -> Iterator[None]:
    """Say as a StoreError what could not be done with the file."""
    try:
        yield
    except OSError as problem:
        why = problem.strerror or "an unknown error"
        raise StoreError(f"{path} cannot {what}: {why}.") from problem


def _sync_folder(folder: Path) -> None:
    # Without this the new name itself may be lost in a power cut.
    if not _HAS_MODES:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_HAS_MODES = sys.platform != "win32"

if sys.platform == "win32":  # pragma: no cover - the same promise where there is no flock
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            # Of the open file, not of the process: it holds between threads too.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        # Closing would not do: a child that was forked meanwhile may have the file open too.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
