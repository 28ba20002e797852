"""Tokens in a folder: what others can see of them, and how their key is changed under way."""

import os
import stat
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import platformdirs
import pytest

from flextell_sdk.errors import StoreDamaged, StoreError, StoreKeyMissing, StoreNotPrivate
from flextell_sdk.stores import FileStore, Seal, file, new_key
from flextell_sdk.stores.conformance.trial import ALICE, BOB, FIRST, OF_BOB, SECOND, keep
from flextell_sdk.stores.private_files import write_private
from sdk.tests.stores.keyrings import FakeKeyring
from sdk.tests.stores.places import KEY, OTHER_KEY, SEAL


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the tokens go."""
    return tmp_path / "tokens"


def token_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.tokens"))


# Where, and for whom.


def test_without_a_folder_tokens_are_where_the_systems_custom_puts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda name, **_: tmp_path / name)
    store = FileStore()
    keep(store, ALICE, FIRST)

    assert store.folder == tmp_path / "flextell-sdk"
    assert FileStore().load(ALICE) == FIRST


def test_a_relative_folder_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = FileStore("tokens")
    keep(store, ALICE, FIRST)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert store.load(ALICE) == FIRST
    assert not list(Path().iterdir())


def test_everything_in_the_folder_is_for_its_owner_alone(folder: Path) -> None:
    keep(FileStore(folder), ALICE, FIRST)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o600}


def test_a_folder_that_others_can_read_is_refused(folder: Path) -> None:
    folder.mkdir(mode=0o755)

    with pytest.raises(StoreNotPrivate):
        FileStore(folder)
    assert not list(folder.iterdir())


def test_tokens_that_others_can_read_are_refused(folder: Path) -> None:
    store = FileStore(folder)
    keep(store, ALICE, FIRST)
    token_files(folder)[0].chmod(0o640)

    with pytest.raises(StoreNotPrivate):
        store.load(ALICE)


def test_a_key_that_others_can_read_is_refused(folder: Path) -> None:
    FileStore(folder)
    (folder / "token.key").chmod(0o604)

    with pytest.raises(StoreNotPrivate):
        FileStore(folder)


def test_names_and_contents_tell_neither_person_nor_app_nor_token(folder: Path) -> None:
    keep(FileStore(folder), ALICE, FIRST)
    (kept,) = token_files(folder)
    seen = (kept.name.encode() + kept.read_bytes()).lower()

    for word in (b"alice", b"photos", b"login", b"token-1", b"read", b"version"):
        assert word not in seen.replace(b".tokens", b"")


def test_of_grants_that_were_dropped_nothing_is_left(folder: Path) -> None:
    store = FileStore(folder, SEAL)
    keep(store, ALICE, FIRST)
    keep(store, ALICE, None)

    assert not list(folder.iterdir())


# Files that are not as they should be.


def test_tokens_of_one_grant_in_place_of_anothers_are_refused(folder: Path) -> None:
    store = FileStore(folder)
    keep(store, ALICE, FIRST)
    (of_alice,) = token_files(folder)
    keep(store, BOB, OF_BOB)
    (of_bob,) = set(token_files(folder)) - {of_alice}
    of_alice.replace(of_bob)

    with pytest.raises(StoreDamaged, match="belong to another grant"):
        store.load(BOB)


@pytest.mark.parametrize("content", [b"", b"FX1", b"Dear Alice, here are the photos."])
def test_tokens_that_are_damaged_are_said_to_be_and_can_be_replaced(
    content: bytes, folder: Path
) -> None:
    store = FileStore(folder)
    keep(store, ALICE, FIRST)
    token_files(folder)[0].write_bytes(content)

    with pytest.raises(StoreDamaged):
        store.load(ALICE)
    with store.hold(ALICE, 0) as held:
        with pytest.raises(StoreDamaged):
            _ = held.tokens
        held.replace(SECOND)
    assert store.load(ALICE) == SECOND


def test_tokens_under_a_key_that_is_lost_are_said_to_be_and_can_be_replaced(folder: Path) -> None:
    keep(FileStore(folder), ALICE, FIRST)
    (folder / "token.key").unlink()
    store = FileStore(folder)

    with pytest.raises(StoreKeyMissing):
        store.load(ALICE)
    keep(store, ALICE, SECOND)
    assert store.load(ALICE) == SECOND


# Keys that are given.


def test_a_key_in_the_environment_is_used_and_no_other_is_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEXTELL_TOKEN_KEY", new_key())
    keep(FileStore(folder), ALICE, FIRST)

    assert FileStore(folder).load(ALICE) == FIRST
    assert [each.suffix for each in folder.iterdir()] == [".tokens"]
    monkeypatch.setenv("FLEXTELL_TOKEN_KEY", new_key())
    with pytest.raises(StoreKeyMissing):
        FileStore(folder).load(ALICE)


def test_a_key_in_the_environment_is_changed_in_three_steps(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each of them, programs that still have the keys of the step before go on."""
    old, new = new_key(), new_key()
    stores = []
    for keys in (old, f"{old},{new}", f"{new},{old}", new):
        monkeypatch.setenv("FLEXTELL_TOKEN_KEY", keys)
        stores.append(FileStore(folder))

    for before, after in pairwise(stores):
        keep(before, ALICE, FIRST)
        assert after.load(ALICE) == FIRST
        keep(after, ALICE, SECOND)
        assert before.load(ALICE) == SECOND
        after.reseal()


def test_a_given_key_is_not_changed_here(folder: Path) -> None:
    store = FileStore(folder, SEAL)

    with pytest.raises(StoreError, match="given to it: change them where they are"):
        store.rotate_key()
    assert not list(folder.iterdir())


# A key of its own, changed.


@pytest.fixture(params=["file", "keyring"])
def own_key(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is in a file, or in a keyring."""
    if request.param == "keyring":
        monkeypatch.setitem(sys.modules, "keyring", FakeKeyring())


@pytest.mark.usefixtures("own_key")
def test_programs_that_run_go_on_when_the_key_is_changed(folder: Path) -> None:
    running, store = FileStore(folder), FileStore(folder)
    keep(running, ALICE, FIRST)
    keep(running, BOB, OF_BOB)
    before = {each: each.read_bytes() for each in token_files(folder)}

    store.rotate_key()

    assert all(each.read_bytes()[3:11] != before[each][3:11] for each in token_files(folder))
    assert running.load(ALICE) == FIRST
    keep(running, ALICE, SECOND)
    assert [each.load(ALICE) for each in (running, store, FileStore(folder))] == [SECOND] * 3
    assert store.load(BOB) == OF_BOB
    assert store.reseal() == 0  # `running` has taken over the new key


@pytest.mark.usefixtures("own_key")
def test_what_a_program_with_the_old_key_writes_can_be_read(folder: Path) -> None:
    running, store = FileStore(folder), FileStore(folder)
    store.rotate_key()
    keep(running, ALICE, FIRST)

    assert store.load(ALICE) == FIRST
    assert store.reseal() == 1
    assert (store.load(ALICE), running.load(ALICE)) == (FIRST, FIRST)


@pytest.mark.usefixtures("own_key")
@pytest.mark.parametrize("files_done", [0, 1, 2])
def test_after_a_crash_between_the_steps_everything_can_be_read_and_is_finished(
    files_done: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileStore(folder)
    for key in (ALICE, BOB, "carol"):
        keep(store, key, FIRST)
    done: list[Path] = []

    def write_until_the_crash(path: Path, content: bytes) -> None:
        if len(done) == files_done:
            raise KeyboardInterrupt
        done.append(path)
        write_private(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(file, "write_private", write_until_the_crash)
        with pytest.raises(KeyboardInterrupt):
            store.rotate_key()

    for each in (store, FileStore(folder)):
        assert [each.load(key) for key in (ALICE, BOB, "carol")] == [FIRST] * 3
    assert FileStore(folder).reseal() == 3 - files_done
    assert FileStore(folder).reseal() == 0


def test_what_cannot_be_opened_does_not_stop_the_change(folder: Path) -> None:
    store = FileStore(folder)
    for key in (ALICE, BOB):
        keep(store, key, FIRST)
    damaged, _ = token_files(folder)
    damaged.write_bytes(b"Dear Alice, here are the photos.")
    store.rotate_key()

    assert damaged.read_bytes() == b"Dear Alice, here are the photos."
    assert [_loads(store, key) for key in (ALICE, BOB)].count(True) == 1


def _loads(store: FileStore, key: str) -> bool:
    try:
        return store.load(key) == FIRST
    except StoreDamaged:
        return False


def test_what_a_crash_left_is_no_grant(folder: Path) -> None:
    store = FileStore(folder, Seal((OTHER_KEY, KEY)))
    keep(store, ALICE, FIRST)
    (kept,) = token_files(folder)
    left = kept.with_name(kept.name + ".new")
    left.write_bytes(b"half of wha")

    assert store.reseal() == 0
    assert store.load(ALICE) == FIRST
    keep(store, ALICE, SECOND)
    assert not left.exists()


@pytest.mark.parametrize("do", [FileStore.reseal, FileStore.rotate_key])
def test_a_folder_without_tokens_needs_no_work(
    do: Callable[[FileStore], object], folder: Path
) -> None:
    store = FileStore(folder)
    do(store)

    assert os.listdir(folder) == ["token.key"]
