"""Uploaded files in `flextell backup` and `flextell restore`: whole, of one moment, or told."""

import io
import json
import os
import stat
import struct
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from flextell.backup import kept_files, sealed_stream, taking
from flextell.backup.contents import WRITING_FILES
from flextell.backup.sealed_stream import Argon2id, SealedWriter
from flextell.backup.snapshot import COPYING
from flextell.exits import ExitCode
from flextell.node.file_room import new_name, path_in
from flextell.progress import Progress
from flextell.settings import Settings
from flextell.sources import SYSTEM
from flextell.store.port import Store, Unit
from flextell.tenants.files import Content, Fileable, NewFile
from tests.cli.conftest import Run

PASSPHRASE = b"a passphrase of some length"
MEBIBYTE = 2**20
TEETH, JAW = b"\x89PNG teeth" * 1000, b"\x89PNG jaw" * 1000


@pytest.fixture(autouse=True)
def _cheap_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap = Argon2id(passes=1, memory_kib=8, lanes=1)
    monkeypatch.setattr(sealed_stream, "COSTS", dict.fromkeys(sealed_stream.COSTS, cheap))


@dataclass(frozen=True)
class Room:
    """The files of Alice's business, in the database and in their folder."""

    store: Callable[[], Store]
    folder: Path
    tenant_id: int

    def do(self, work: Callable[[Unit], Any]) -> Any:
        """Run a unit of work on the database."""
        store = self.store()
        try:
            return store.at_once(work)
        finally:
            store.close()

    def keep(self, content: bytes) -> tuple[int, Path]:
        """A new file: its id, and where its bytes are."""
        name = new_name(os.urandom)
        path = path_in(self.folder, name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(content)
        about = Content(name, len(content), sha256(content).digest(), "image/png")
        new = NewFile("x.png", None, "image", "g", Fileable("tenant", self.tenant_id), about, None)

        def work(unit: Unit) -> int:
            unit.files.expect(self.tenant_id, name, 2)
            return unit.files.add(self.tenant_id, new, 0, 1)

        return self.do(work), path

    def delete(self, file_id: int) -> None:
        """Delete it; its bytes stay for a day."""
        assert self.do(lambda unit: unit.files.delete(self.tenant_id, file_id, 5, 6))


@pytest.fixture
def room(flextell: Run, alice: dict[str, Any], data_dir: Path, store: Callable[[], Store]) -> Room:
    """Alice's business, without files yet."""
    opened = store()
    [membership] = opened.at_once(lambda unit: unit.tenants.memberships(alice["subject"]))  # type: ignore[misc]
    opened.close()
    return Room(store, data_dir / "files", membership.tenant_id)


def backed_up(flextell: Run, file: Path, *options: str) -> Any:
    return flextell("backup", str(file), "--passphrase-stdin", *options, stdin=PASSPHRASE)


def restored(flextell: Run, file: Path, into: Path, *options: str) -> Any:
    words = ("restore", str(file), "--data-dir", str(into), "--passphrase-stdin", *options)
    return flextell(*words, stdin=PASSPHRASE)


def contents(data_dir: Path) -> set[bytes]:
    """The bytes of every file in a data directory."""
    return {path.read_bytes() for path in (data_dir / "files").rglob("*") if path.is_file()}


def counts(ran: Any) -> tuple[int, int, int]:
    """What a command says of files: kept, gone, lost."""
    assert ran.code == ExitCode.OK, ran.err
    told = ran.json
    return told["files_kept"], told["files_gone"], told["files_lost"]


def test_files_come_back_byte_by_byte_for_their_owner_alone(
    flextell: Run, room: Room, tmp_path: Path
) -> None:
    empty, into, file = b"", tmp_path / "new", tmp_path / "a.backup"
    paths = [room.keep(content)[1] for content in (TEETH, JAW, empty)]

    assert counts(backed_up(flextell, file, "--json")) == (3, 0, 0)
    assert counts(restored(flextell, file, into, "--json")) == (3, 0, 0)
    for path in paths:
        again = into / path.relative_to(room.folder.parent)
        assert again.read_bytes() == path.read_bytes()
        assert stat.S_IMODE(again.stat().st_mode) == 0o600
        assert stat.S_IMODE(again.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((into / "files").stat().st_mode) == 0o700


def test_bytes_of_a_file_are_nowhere_in_the_clear(
    flextell: Run, room: Room, tmp_path: Path
) -> None:
    _, path = room.keep(TEETH)
    backed_up(flextell, tmp_path / "a.backup")
    sealed = (tmp_path / "a.backup").read_bytes()

    assert len(sealed) > len(TEETH)
    assert TEETH[:100] not in sealed
    assert path.name.encode() not in sealed


def test_a_deleted_file_whose_bytes_are_gone_is_counted_and_no_fault(
    flextell: Run, room: Room, tmp_path: Path
) -> None:
    room.keep(TEETH)
    gone, path = room.keep(JAW)
    still_there, _ = room.keep(b"deleted a moment ago")
    room.delete(gone)
    room.delete(still_there)
    path.unlink()
    ran = backed_up(flextell, tmp_path / "a.backup", "--json")

    assert counts(ran) == (2, 1, 0)
    assert ran.err == ""
    assert counts(restored(flextell, tmp_path / "a.backup", tmp_path / "new", "--json")) == (
        2,
        1,
        0,
    )
    assert contents(tmp_path / "new") == {TEETH, b"deleted a moment ago"}


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(JAW[:-1]),
        lambda path: path.write_bytes(JAW[:-1] + b"?"),
    ],
    ids=["missing", "shorter", "changed"],
)
def test_bytes_that_were_lost_before_are_told_and_the_rest_is_kept(
    flextell: Run, room: Room, tmp_path: Path, harm: Callable[[Path], object]
) -> None:
    room.keep(TEETH)
    harm(room.keep(JAW)[1])
    ran = backed_up(flextell, tmp_path / "a.backup", "--json")
    again = restored(flextell, tmp_path / "a.backup", tmp_path / "new", "--json")

    assert counts(ran) == counts(again) == (1, 0, 1)
    for told in (ran.err, again.err):
        assert told.startswith("The bytes of 1 file that nobody deleted are not in the backup")
    assert contents(tmp_path / "new") == {TEETH}


def test_what_happens_while_it_runs_is_not_in_it_and_does_not_harm_it(
    flextell: Run, room: Room, data_dir: Path, tmp_path: Path
) -> None:
    """The database is of the moment when it began; the files are those that it names."""
    room.keep(TEETH)
    gone, path = room.keep(JAW)
    room.delete(gone)
    steps: list[str] = []

    def meanwhile(progress: Progress) -> None:
        if progress.step == COPYING and not steps:
            room.keep(b"sent while the database was copied")
            path.unlink()
        steps.append(progress.step)

    sealing = taking.Sealing(tmp_path / "a.backup", PASSPHRASE.decode(), SYSTEM)
    settings = Settings(data_dir=data_dir)
    taken = taking.back_up_everything(
        settings, data_dir / "flextell.db", data_dir, sealing, meanwhile
    )

    assert (taken.files.kept, taken.files.gone, taken.files.lost) == (1, 1, 0)
    assert steps[-1] == WRITING_FILES
    assert counts(restored(flextell, sealing.file, tmp_path / "new", "--json")) == (1, 1, 0)
    assert contents(tmp_path / "new") == {TEETH}


def test_bytes_in_a_backup_that_are_not_those_of_the_row_restore_nothing(
    flextell: Run, room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a program that did not look when it made the backup."""
    room.keep(TEETH)
    damaged, path = room.keep(JAW)
    path.write_bytes(JAW[:-1] + b"?")
    with monkeypatch.context() as patch:
        patch.setattr(kept_files, "_is_whole", lambda _content, _file: True)
        assert counts(backed_up(flextell, tmp_path / "a.backup", "--json")) == (2, 0, 0)
    refused = restored(flextell, tmp_path / "a.backup", tmp_path / "new")

    assert refused.code == ExitCode.BACKUP
    assert refused.err.startswith(f"The bytes of the file {damaged} in the backup are not those")
    assert os.listdir(tmp_path / "new") == ["server.lock"]


def test_a_backup_changed_amid_its_files_restores_nothing(
    flextell: Run, room: Room, tmp_path: Path
) -> None:
    room.keep(os.urandom(3 * MEBIBYTE))
    file = tmp_path / "a.backup"
    backed_up(flextell, file)
    content = bytearray(file.read_bytes())
    content[-2 * MEBIBYTE] ^= 1
    file.write_bytes(content)

    assert restored(flextell, file, tmp_path / "new").code == ExitCode.BACKUP
    assert os.listdir(tmp_path / "new") == ["server.lock"]


@pytest.mark.parametrize(
    "name", ["files/../master.key", "files/" + "A" * 32, "files/" + "a" * 31, "files/" + "a" * 33]
)
def test_no_name_in_a_backup_becomes_a_path_that_we_do_not_make(
    flextell: Run, tmp_path: Path, name: str
) -> None:
    """Whoever knows the passphrase could have written it."""
    told = {"made_at": 1, "program": "0", "schema": None, "with_files": True}
    file = tmp_path / "a.backup"
    file.write_bytes(stream(2, {"backup.json": json.dumps(told).encode(), name: b"x"}))
    refused = restored(flextell, file, tmp_path / "new")

    assert refused.code == ExitCode.BACKUP
    assert "does not understand" in refused.err
    assert os.listdir(tmp_path / "new") == ["server.lock"]


def stream(version: int, entries: dict[str, bytes]) -> bytes:
    """A backup as a program of that version writes it."""
    file = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed_stream, "VERSION", version)
        writer = SealedWriter(file, PASSPHRASE.decode(), b"16 random bytes.")
    for name, content in entries.items():
        writer.write(struct.pack(">HQ", len(name), len(content)) + name.encode() + content)
    writer.end()
    return file.getvalue()


@pytest.fixture
def of_before(flextell: Run, room: Room, data_dir: Path, tmp_path: Path) -> Path:
    """A backup of the version that did not have files, from a server that has one."""
    room.keep(TEETH)
    flextell("keys", "rotate")
    told = {"made_at": 1, "program": "0", "schema": "as in the database"}
    entries = {
        "backup.json": json.dumps(told).encode(),
        "master.key": (data_dir / "master.key").read_bytes(),
        "flextell.db": (data_dir / "flextell.db").read_bytes(),
    }
    file = tmp_path / "before.backup"
    file.write_bytes(stream(1, entries))
    return file


def test_a_backup_of_before_still_restores_without_files(
    flextell: Run, of_before: Path, tmp_path: Path
) -> None:
    ran = restored(flextell, of_before, tmp_path / "new", "--json")

    assert counts(ran) == (0, 0, 0)
    assert set(os.listdir(tmp_path / "new")) == {"flextell.db", "master.key", "server.lock"}
    people = flextell("users", "list", "--data-dir", str(tmp_path / "new"), "--json").json
    assert [person["name"] for person in people] == ["Alice"]


def test_a_backup_of_before_leaves_the_files_that_are_there(
    flextell: Run, of_before: Path, data_dir: Path
) -> None:
    """Also where the settings name another folder for them."""
    assert restored(flextell, of_before, data_dir, "--replace").code == ExitCode.OK
    assert contents(data_dir) == {TEETH}


def test_files_that_were_there_are_kept_aside_when_they_are_replaced(
    flextell: Run, room: Room, data_dir: Path, tmp_path: Path
) -> None:
    room.keep(TEETH)
    backed_up(flextell, tmp_path / "a.backup")
    room.keep(JAW)
    told = restored(flextell, tmp_path / "a.backup", data_dir, "--replace", "--json").json

    assert contents(data_dir) == {TEETH}
    assert contents(Path(told["before"])) == {TEETH, JAW}


def test_keys_alone_leave_the_files_where_they_are(
    flextell: Run, room: Room, data_dir: Path, tmp_path: Path
) -> None:
    room.keep(TEETH)
    flextell("keys", "rotate")
    ran = backed_up(flextell, tmp_path / "keys.backup", "--keys-only", "--json")
    assert counts(ran) == (0, 0, 0)
    assert ran.json["with_files"] is False

    assert restored(flextell, tmp_path / "keys.backup", data_dir, "--replace").code == ExitCode.OK
    assert contents(data_dir) == {TEETH}


def test_files_of_a_folder_of_their_own_are_backed_up_from_there(
    flextell: Run, room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come back into the data directory, and never into a folder that nobody looks into."""
    room.keep(TEETH)
    room.folder.rename(tmp_path / "shared")
    file, into = tmp_path / "a.backup", tmp_path / "new"
    forgotten = backed_up(flextell, file)
    monkeypatch.setenv("FLEXTELL_FILES_DIR", str(tmp_path / "shared"))
    assert counts(backed_up(flextell, file, "--json")) == (1, 0, 0)
    refused = restored(flextell, file, into)
    monkeypatch.delenv("FLEXTELL_FILES_DIR")

    assert forgotten.code == ExitCode.BACKUP
    assert "FLEXTELL_FILES_DIR" in forgotten.err
    assert refused.code == ExitCode.CONFLICT
    assert "FLEXTELL_FILES_DIR" in refused.err
    assert os.listdir(into) == ["server.lock"]
    assert counts(restored(flextell, file, into, "--json")) == (1, 0, 0)
    assert contents(into) == {TEETH}


def test_a_folder_that_cannot_be_read_ends_the_backup(
    flextell: Run, room: Room, tmp_path: Path
) -> None:
    """Bytes that might be there are not to be told lost."""
    _, path = room.keep(TEETH)
    path.unlink()
    path.mkdir()
    refused = backed_up(flextell, tmp_path / "a.backup")

    assert refused.code == ExitCode.BACKUP
    assert "cannot be read" in refused.err
    assert not (tmp_path / "a.backup").exists()


def test_a_large_file_is_never_whole_in_memory(room: Room, flextell: Run, tmp_path: Path) -> None:
    size = 50 * MEBIBYTE
    room.keep(bytes(size))
    file = tmp_path / "a.backup"
    tracemalloc.start()
    try:
        assert counts(backed_up(flextell, file, "--json")) == (1, 0, 0)
        _, packing = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        assert counts(restored(flextell, file, tmp_path / "new", "--json")) == (1, 0, 0)
        _, unpacking = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert file.stat().st_size > size
    assert max(packing, unpacking) < 16 * MEBIBYTE
