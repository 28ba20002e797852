"""Files are for their owner alone, and whole or not there."""

import errno
import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from flextell_sdk.errors import StoreError, StoreNotPrivate
from flextell_sdk.sources import SYSTEM
from flextell_sdk.stores.private_files import (
    locked,
    private_folder,
    read_private,
    remove_private,
    write_private,
)

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A private folder; empty."""
    private_folder(tmp_path / "tokens")
    return tmp_path / "tokens"


@pytest.fixture
def file(folder: Path) -> Path:
    """A file that is not there yet."""
    return folder / "alice.tokens"


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """What the person took away from all new files."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_whatever_the_umask_folders_and_files_are_for_their_owner_alone(
    umask: int, tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "tokens"
    private_folder(folder)
    write_private(folder / "alice.tokens", b"sealed")
    with locked(folder / "alice.lock", 0, SYSTEM):
        modes = {each.name: mode(each) for each in (folder, *folder.iterdir())}

    assert modes == {"tokens": 0o700, "alice.tokens": 0o600, "alice.lock": 0o600}


@pytest.mark.parametrize("others_may", [0o701, 0o710, 0o704, 0o740, 0o702, 0o777])
def test_a_folder_that_others_may_enter_is_refused(others_may: int, folder: Path) -> None:
    folder.chmod(others_may)

    with pytest.raises(StoreNotPrivate, match=r"chmod 700\.$") as refusal:
        private_folder(folder)
    assert str(folder) in str(refusal.value)
    assert mode(folder) == others_may


@pytest.mark.parametrize("others_may", [0o604, 0o640, 0o602, 0o620, 0o644, 0o666])
def test_a_file_that_others_may_read_or_write_is_refused(others_may: int, file: Path) -> None:
    write_private(file, b"sealed")
    file.chmod(others_may)

    with pytest.raises(StoreNotPrivate, match=r"chmod 600\.$"):
        read_private(file)


def test_what_belongs_to_somebody_else_is_refused(
    folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_private(file, b"sealed")
    somebody_else = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: somebody_else)

    for look in (partial(private_folder, folder), partial(read_private, file)):
        with pytest.raises(StoreNotPrivate, match="belongs to another user"):
            look()


def test_a_file_in_place_of_the_folder_is_said_to_be_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "tokens").touch()

    with pytest.raises(StoreError, match=r"cannot be used: File exists\.$"):
        private_folder(tmp_path / "tokens")


def test_what_was_written_is_read_and_what_was_removed_is_not_there(file: Path) -> None:
    assert read_private(file) is None

    for content in (b"", b"sealed", b"x" * 1_000_000):
        write_private(file, content)
        assert read_private(file) == content
    remove_private(file)
    remove_private(file)
    assert read_private(file) is None
    assert not list(file.parent.iterdir())


# Links.


def test_a_link_is_not_followed_when_it_is_read(file: Path, tmp_path: Path) -> None:
    write_private(tmp_path / "elsewhere", b"of somebody")
    file.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StoreError, match="cannot be read"):
        read_private(file)


def test_a_link_is_replaced_and_what_it_leads_to_is_left(file: Path, tmp_path: Path) -> None:
    for name in (file, file.with_name(file.name + ".new")):
        (tmp_path / "elsewhere").write_bytes(b"of somebody")
        name.symlink_to(tmp_path / "elsewhere")

        write_private(file, b"sealed")
        assert read_private(file) == b"sealed"
        assert (tmp_path / "elsewhere").read_bytes() == b"of somebody"


def test_a_link_is_no_lock(folder: Path, tmp_path: Path) -> None:
    (folder / "alice.lock").symlink_to(tmp_path / "elsewhere")

    with (
        pytest.raises(StoreError, match="cannot be locked"),
        locked(folder / "alice.lock", 0, SYSTEM),
    ):
        pass
    assert not (tmp_path / "elsewhere").exists()


# Whole or not at all.


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_what_cannot_be_written_leaves_what_was_there(
    step: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise FULL

    write_private(file, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(StoreError, match="cannot be written: No space left on device"):
            write_private(file, b"new")

    assert read_private(file) == b"old"
    assert list(file.parent.iterdir()) == [file]


def test_content_and_name_are_on_disk_before_it_returns(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody cuts the power in a test: the order of the calls is what there is to see."""
    calls: list[str] = []
    fsync, rename = os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "content")
        fsync(descriptor)

    def noted_replace(one: Path, other: Path) -> None:
        calls.append("name")
        rename(one, other)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    write_private(file, b"sealed")

    assert calls == ["content", "name", "folder"]


@pytest.mark.parametrize("left_mode", [0o600, 0o000, 0o444])
def test_what_a_crash_left_is_in_nobodys_way_and_goes(left_mode: int, file: Path) -> None:
    left = file.with_name(file.name + ".new")
    for tidy in (partial(write_private, file, b"sealed"), partial(remove_private, file)):
        left.write_bytes(b"half of wha")
        left.chmod(left_mode)
        tidy()
        assert not left.exists()


def test_a_folder_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    file = tmp_path / "gone" / "alice.tokens"

    for attempt in (partial(write_private, file, b"x"), partial(remove_private, file)):
        with pytest.raises(StoreError, match=r"alice\.tokens cannot be .*: No such file"):
            attempt()
