"""A lock is held by one at a time, let go of by whoever dies, and leaves nothing behind."""

import errno
import fcntl
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flextell_sdk.errors import StoreBusy, StoreError
from flextell_sdk.sources import SYSTEM, Sources
from flextell_sdk.stores.private_files import (
    locked,
    private_folder,
    read_private,
    remove_private,
    write_private,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A private folder; empty."""
    private_folder(tmp_path / "tokens")
    return tmp_path / "tokens"


@pytest.fixture
def file(folder: Path) -> Path:
    """A file that is not there yet."""
    return folder / "alice.tokens"


def test_who_waits_too_long_for_a_lock_is_told(file: Path) -> None:
    with (
        locked(file, 0, SYSTEM),
        pytest.raises(StoreBusy, match="holds these tokens and does not let go"),
        locked(file, 0.05, SYSTEM),
    ):
        pass


def test_the_wait_is_as_long_as_was_asked_for(file: Path) -> None:
    """By the clock of the sources, in looks that are neither all at once nor far between."""
    clock, pauses = [1000.0], list[float]()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        clock[0] += seconds

    sources = Sources(monotonic=lambda: clock[0], pause=pause)
    with locked(file, 0, SYSTEM), pytest.raises(StoreBusy), locked(file, 5, sources):
        pass

    assert 5 <= sum(pauses) < 5.1
    assert all(0.005 < each < 0.05 for each in pauses)
    assert len(set(pauses)) > 10


def test_a_lock_leaves_no_file(file: Path) -> None:
    with locked(file, 0, SYSTEM):
        assert file.exists()
    assert not list(file.parent.iterdir())


@pytest.mark.parametrize("found_mode", [0o600, 0o644, 0o666])
def test_a_lock_file_that_a_crash_left_is_taken(found_mode: int, file: Path) -> None:
    file.touch()
    file.chmod(found_mode)

    with locked(file, 0, SYSTEM), pytest.raises(StoreBusy), locked(file, 0, SYSTEM):
        pass
    assert not file.exists()


def test_who_had_opened_a_lock_that_was_removed_since_does_not_have_it(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock

    def flock_after_the_holder_left(descriptor: int, what: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        file.unlink()
        flock(descriptor, what)

    monkeypatch.setattr(fcntl, "flock", flock_after_the_holder_left)
    with locked(file, 5, SYSTEM), pytest.raises(StoreBusy), locked(file, 0, SYSTEM):
        pass


def test_only_one_of_many_threads_is_inside(file: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def enter(number: int) -> None:
        for _ in range(50):
            with locked(file, 60, SYSTEM):
                inside.append(number)
                most.append(len(inside))
                threading.Event().wait(0)
                inside.pop()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(enter, range(8)))

    assert most == [1] * 400


STAYS = "def stay(path): raise PermissionError\nPath.unlink = stay"


@pytest.mark.parametrize("before", ["", STAYS], ids=["the file goes", "the file stays"])
def test_a_lock_is_let_go_even_if_a_child_was_forked_meanwhile(before: str, file: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from flextell_sdk.sources import SYSTEM
from flextell_sdk.stores.private_files import locked
exec(sys.argv[2])
file, (reader, writer) = Path(sys.argv[1]), os.pipe()
with locked(file, 0, SYSTEM):
    child = os.fork()
    if not child:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
with locked(file, 0, SYSTEM):
    print("held again")
os.close(writer)
os.waitpid(child, 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(file), before],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.stdout, done.stderr) == ("held again\n", "")


def test_a_file_system_without_locks_is_said_to_be_one(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with (
        pytest.raises(StoreError, match="cannot be locked: No locks available"),
        locked(file, 0, SYSTEM),
    ):
        pass


def test_no_descriptor_is_left_open(file: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    for _ in range(10):
        with locked(file, 0, SYSTEM), pytest.raises(StoreBusy), locked(file, 0, SYSTEM):
            pass
        write_private(file, b"sealed")
        read_private(file)
        remove_private(file)

    assert len(os.listdir("/dev/fd")) == before
