"""Where keys come from: one place for each folder, decided once, and one key however many start."""

import base64
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flextell_sdk.errors import StoreError, StoreKeyMissing
from flextell_sdk.sources import Sources
from flextell_sdk.stores import key_from_environment, key_from_text, new_key
from flextell_sdk.stores.keys import FolderKeys
from sdk.tests.stores.keyrings import FakeKeyring, install_for_processes
from sdk.tests.stores.places import KEY, OTHER_KEY, SEAL

TEXT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
OTHER_TEXT = base64.urlsafe_b64encode(OTHER_KEY).decode().rstrip("=")
STARTERS = 4
FOLDERS = 10


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A private folder; empty."""
    folder = tmp_path / "tokens"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> FakeKeyring:
    """The system's keyring, which works."""
    keyring = FakeKeyring()
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    return keyring


def key_file(folder: Path) -> str:
    return (folder / "token.key").read_text()


# Keys as text.


def test_a_new_key_is_32_bytes_of_chance_as_base64url() -> None:
    assert new_key(Sources(secret=lambda count: bytes(range(count)))) == TEXT
    assert new_key() != new_key()


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=4))
def test_keys_are_read_as_they_are_written(keys: list[bytes]) -> None:
    text = ",".join(base64.urlsafe_b64encode(key).decode().rstrip("=") for key in keys)

    assert key_from_text(text).keys == tuple(keys)
    assert key_from_text(f" {text.replace(',', ' , ')}\n").keys == tuple(keys)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "secret",
        TEXT[:-1],
        TEXT + "AAAA",
        f"{TEXT},",
        f"!{TEXT}",
        f"!!!!{TEXT}",
        f"{TEXT[:20]} {TEXT[20:]}",
        "ключ",
    ],
)
def test_a_text_that_is_no_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(StoreKeyMissing, match="32 bytes") as refusal:
        key_from_text(text)

    assert TEXT[:20] not in str(refusal.value)


@pytest.mark.parametrize(
    ("environment", "keys"),
    [
        ({}, None),
        ({"FLEXTELL_TOKEN_KEY": ""}, None),
        ({"FLEXTELL_TOKEN_KEY": TEXT}, (KEY,)),
        ({"FLEXTELL_TOKEN_KEY": f"{OTHER_TEXT},{TEXT}"}, (OTHER_KEY, KEY)),
    ],
)
def test_the_environment_may_hold_keys_the_newest_first(
    environment: Mapping[str, str], keys: tuple[bytes, ...] | None
) -> None:
    seal = key_from_environment(environment)

    assert (seal and seal.keys) == keys


# The keys of a folder.


def test_a_key_is_made_once_in_a_file_for_its_owner_alone(folder: Path) -> None:
    seal = FolderKeys(folder).seal()

    assert FolderKeys(folder).seal() == seal
    assert key_from_text(key_file(folder)) == seal
    assert stat.S_IMODE((folder / "token.key").stat().st_mode) == 0o600
    assert [file.name for file in folder.iterdir()] == ["token.key"]


def test_a_key_goes_into_the_keyring_if_there_is_one(folder: Path, keyring: FakeKeyring) -> None:
    seal = FolderKeys(folder).seal()
    (((service, entry), text),) = keyring.passwords.items()

    assert service == "flextell-sdk"
    assert key_from_text(text) == seal
    assert key_file(folder) == f"keyring {entry}"
    assert FolderKeys(folder).seal() == seal


def test_each_folder_has_its_own_key_in_the_keyring(tmp_path: Path, keyring: FakeKeyring) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir(mode=0o700)

    assert FolderKeys(tmp_path / "one").seal() != FolderKeys(tmp_path / "other").seal()
    assert len(keyring.passwords) == 2


def test_a_folder_that_moves_finds_its_key(
    folder: Path, tmp_path: Path, keyring: FakeKeyring
) -> None:
    seal = FolderKeys(folder).seal()

    assert FolderKeys(folder.rename(tmp_path / "elsewhere")).seal() == seal


@pytest.mark.parametrize(
    "useless",
    [
        FakeKeyring(priority=0.5),
        FakeKeyring(priority=0),
        FakeKeyring(can_read=False),
        FakeKeyring(can_write=False),
        FakeKeyring(keeps=False),
    ],
)
def test_a_keyring_that_is_weak_locked_or_broken_is_not_used(
    useless: FakeKeyring, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", useless)

    seal = FolderKeys(folder).seal()

    assert key_from_text(key_file(folder)) == seal


def test_a_key_in_a_file_stays_there_when_a_keyring_comes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal = FolderKeys(folder).seal()
    monkeypatch.setitem(sys.modules, "keyring", FakeKeyring())

    assert FolderKeys(folder).seal() == seal
    assert FolderKeys(folder).rotate(seal).keys[1:] == seal.keys
    assert key_from_text(key_file(folder)).keys[1:] == seal.keys


def gone(keyring: FakeKeyring) -> None:
    keyring.passwords.clear()


def locked(keyring: FakeKeyring) -> None:
    keyring.can_read = False


def uninstalled(keyring: FakeKeyring) -> None:
    sys.modules["keyring"] = None  # type: ignore[assignment]


@pytest.mark.parametrize("happens", [gone, locked, uninstalled])
def test_a_keyring_that_no_longer_gives_the_key_is_said_to_and_no_other_key_is_made(
    happens: Callable[[FakeKeyring], None], folder: Path, keyring: FakeKeyring
) -> None:
    FolderKeys(folder).seal()
    before = key_file(folder)
    happens(keyring)

    with pytest.raises(StoreKeyMissing, match="the system's keyring, which does not give it"):
        FolderKeys(folder).seal()
    assert key_file(folder) == before
    assert not [key for key in keyring.passwords if key[1] not in before]


@pytest.mark.parametrize("content", [b"secret", b"\xff\xfe", b"keyrin", TEXT[:-1].encode()])
def test_a_key_file_that_is_mangled_is_refused_and_left(content: bytes, folder: Path) -> None:
    (folder / "token.key").touch(mode=0o600)
    (folder / "token.key").write_bytes(content)

    with pytest.raises(StoreKeyMissing):
        FolderKeys(folder).seal()
    assert (folder / "token.key").read_bytes() == content


# Rotation.


def test_a_new_key_comes_before_the_old_in_the_file(folder: Path) -> None:
    old = FolderKeys(folder).seal()
    new = FolderKeys(folder).rotate(old)

    assert new.keys[1:] == old.keys
    assert new.keys[0] not in old.keys
    assert FolderKeys(folder).seal() == new


def test_a_new_key_comes_before_the_old_in_the_keyring(folder: Path, keyring: FakeKeyring) -> None:
    old = FolderKeys(folder).seal()
    new = FolderKeys(folder).rotate(old)

    assert new.keys[1:] == old.keys
    assert FolderKeys(folder).seal() == new
    assert len(keyring.passwords) == 1
    assert key_file(folder).startswith("keyring ")


def test_a_keyring_that_takes_no_new_key_has_the_old_one(
    folder: Path, keyring: FakeKeyring
) -> None:
    old = FolderKeys(folder).seal()
    keyring.can_write = False

    with pytest.raises(StoreError, match="does not take the new key"):
        FolderKeys(folder).rotate(old)
    assert FolderKeys(folder).seal() == old


def test_keys_that_somebody_removed_come_back(folder: Path) -> None:
    known = FolderKeys(folder).seal()
    (folder / "token.key").unlink()

    assert FolderKeys(folder).rotate(known).keys[1:] == known.keys


def test_of_many_who_rotate_at_once_no_key_is_lost(folder: Path) -> None:
    old = FolderKeys(folder).seal()
    with ThreadPoolExecutor(8) as pool:
        new = list(pool.map(FolderKeys(folder).rotate, [old] * 8))

    kept = FolderKeys(folder).seal().keys
    assert {seal.keys[0] for seal in new} == set(kept[:8])
    assert kept[8:] == old.keys


# Many who start at once.


def begin_together(barrier: Barrier) -> None:
    """What a process does first."""
    barrier.wait(60)


def seals_of(folders: list[Path]) -> list[tuple[bytes, ...]]:
    """What a process finds."""
    return [FolderKeys(folder).seal().keys for folder in folders]


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Private folders; empty."""
    every = [tmp_path / f"tokens-{number}" for number in range(FOLDERS)]
    for folder in every:
        folder.mkdir(mode=0o700)
    return every


@pytest.fixture(params=["file", "keyring"])
def processes(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ProcessPoolExecutor]:
    """Processes that begin together, without a keyring or with one."""
    if request.param == "keyring":
        install_for_processes(tmp_path)
        monkeypatch.syspath_prepend(str(tmp_path))
    spawn = get_context("spawn")
    barrier = spawn.Barrier(STARTERS)
    with ProcessPoolExecutor(STARTERS, spawn, begin_together, (barrier,)) as pool:
        yield pool


def test_of_many_who_start_at_once_one_makes_the_key(
    processes: ProcessPoolExecutor, folders: list[Path], request: pytest.FixtureRequest
) -> None:
    found = list(processes.map(seals_of, [folders] * STARTERS))

    assert all(each == found[0] for each in found)
    assert len(set(found[0])) == FOLDERS
    in_keyring = request.node.callspec.params["processes"] == "keyring"
    assert all(key_file(each).startswith("keyring ") == in_keyring for each in folders)


def test_of_many_threads_that_start_at_once_one_makes_the_key(folder: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: FolderKeys(folder).seal(), range(16)))

    assert set(found) == {found[0]}
    assert found[0] != SEAL
