"""`flextell backup` and `flextell restore`: what they refuse, what they say, what they leave."""

import fcntl
import os
import stat
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flextell.backup import restoring, sealed_stream, snapshot
from flextell.backup.sealed_stream import HEADER_BYTES, Argon2id
from flextell.data_dir import UNFINISHED
from flextell.exits import ExitCode
from flextell.oauth.model import Grant
from flextell.settings import Settings
from flextell.store.opening import migrate, open_store
from flextell.store.port import Store, Unit
from tests.cli.conftest import Run, listed
from tests.cli.test_keys_and_tokens import living

PASSPHRASE = b"a passphrase of some length"
DAY = 24 * 3600


@pytest.fixture(autouse=True)
def _cheap_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap = Argon2id(passes=1, memory_kib=8, lanes=1)
    monkeypatch.setattr(sealed_stream, "COSTS", dict.fromkeys(sealed_stream.COSTS, cheap))


@pytest.fixture
def backup(flextell: Run, alice: dict[str, Any], tmp_path: Path) -> Path:
    """A backup of a server that knows Alice and has signing keys."""
    flextell("keys", "rotate")
    file = tmp_path / "monday.backup"
    assert backed_up(flextell, file).code == ExitCode.OK
    return file


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Another data directory, not there yet."""
    return tmp_path / "elsewhere"


def backed_up(flextell: Run, file: Path, *options: str, passphrase: bytes = PASSPHRASE) -> Any:
    return flextell("backup", str(file), "--passphrase-stdin", *options, stdin=passphrase)


def restored(
    flextell: Run, file: Path, into: Path, *options: str, passphrase: bytes = PASSPHRASE
) -> Any:
    return flextell(
        *("restore", str(file), "--data-dir", str(into), "--passphrase-stdin", *options),
        stdin=passphrase,
    )


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_backup_holds_the_database_and_the_keys_of_its_moment(
    flextell: Run, alice: dict[str, Any], backup: Path, data_dir: Path, elsewhere: Path
) -> None:
    flextell("users", "create", "--email", "bob@example.com", "--name", "Bob", "--password-stdin",
             stdin=b"correct horse battery")  # fmt: skip
    told = restored(flextell, backup, elsewhere, "--json").json

    assert (told["schema"] is not None, told["before"], told["ended_grants"]) == (True, None, 0)
    assert names_in(elsewhere) == {"files", "flextell.db", "master.key", "server.lock"}
    assert (elsewhere / "master.key").read_bytes() == (data_dir / "master.key").read_bytes()
    people = flextell("users", "list", "--data-dir", str(elsewhere), "--json").json
    assert people == [listed(alice)]
    examined = flextell("doctor", "--data-dir", str(elsewhere), "--json").json["checks"]
    assert {c["check"]: c["state"] for c in examined}["key file"] == "ok"


def test_nobody_else_can_read_a_backup_or_what_comes_out_of_it(
    flextell: Run, data_dir: Path, alice: dict[str, Any], tmp_path: Path, elsewhere: Path
) -> None:
    (data_dir / "ca.pem").write_text("an authority, for everybody")
    (data_dir / "ca-key.pem").write_text("its key")
    file = tmp_path / "a.backup"
    backed_up(flextell, file)
    restored(flextell, file, elsewhere)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in elsewhere.iterdir()}
    assert (modes.pop("ca.pem"), modes.pop("files")) == (0o644, 0o700)
    assert set(modes) == {"ca-key.pem", "flextell.db", "server.lock"}
    assert set(modes.values()) == {0o600}


def test_a_backup_tells_nothing_in_the_clear(backup: Path, data_dir: Path) -> None:
    content = backup.read_bytes()

    for told in (b"alice@example.com", b"CREATE TABLE", b"argon2", b"master.key", b"schema"):
        assert told not in content
    assert (data_dir / "master.key").read_bytes().strip() not in content


def test_an_existing_file_is_written_over_only_on_request(flextell: Run, backup: Path) -> None:
    first = backup.read_bytes()

    refused = backed_up(flextell, backup, "--json")
    assert (refused.code, refused.error["error"]) == (ExitCode.CONFLICT, "conflict")
    assert backup.read_bytes() == first
    assert backed_up(flextell, backup, "--replace").code == ExitCode.OK
    assert backup.read_bytes() != first


def test_what_a_backup_that_was_killed_left_is_removed_by_the_next_one(
    flextell: Run, backup: Path
) -> None:
    left = backup.with_name(f".{backup.name}.abcdefgh.unfinished")
    still_written = backup.with_name(f".{backup.name}.ijklmnop.unfinished")
    left.touch()
    with still_written.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert backed_up(flextell, backup, "--replace").code == ExitCode.OK

    assert not left.exists()
    assert still_written.exists()


@pytest.mark.parametrize(
    ("passphrase", "code"),
    [(b"too short", ExitCode.INVALID), (b"\xff" * 20, ExitCode.INVALID), (b"", ExitCode.INVALID)],
)
def test_a_passphrase_that_is_soon_guessed_is_refused(
    flextell: Run, alice: dict[str, Any], tmp_path: Path, passphrase: bytes, code: ExitCode
) -> None:
    assert backed_up(flextell, tmp_path / "a.backup", passphrase=passphrase).code == code
    assert not (tmp_path / "a.backup").exists()


def test_the_passphrase_comes_from_a_file_too_and_from_one_place_only(
    flextell: Run, backup: Path, tmp_path: Path, elsewhere: Path
) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes(PASSPHRASE + b"\n")
    words = ("restore", str(backup), "--data-dir", str(elsewhere))

    assert flextell(*words).code == ExitCode.USAGE
    assert flextell(*words, "--passphrase-file", str(tmp_path / "none")).code == ExitCode.USAGE
    both = flextell(*words, "--passphrase-file", str(file), "--passphrase-stdin", stdin=PASSPHRASE)
    assert both.code == ExitCode.USAGE
    assert not elsewhere.exists()
    assert flextell(*words, "--passphrase-file", str(file)).code == ExitCode.OK


@pytest.mark.parametrize("at", [0, 20, HEADER_BYTES, HEADER_BYTES + 5000, -1], ids=str)
def test_a_backup_that_was_changed_anywhere_restores_nothing(
    flextell: Run, backup: Path, elsewhere: Path, at: int
) -> None:
    content = bytearray(backup.read_bytes())
    content[at] ^= 1
    backup.write_bytes(content)
    refused = restored(flextell, backup, elsewhere, "--json")

    assert (refused.code, refused.error["error"]) == (ExitCode.BACKUP, "backup")
    assert not elsewhere.exists() or names_in(elsewhere) <= {"server.lock"}


def test_a_backup_without_its_end_restores_nothing(
    flextell: Run, backup: Path, elsewhere: Path
) -> None:
    backup.write_bytes(backup.read_bytes()[:-1000])

    assert restored(flextell, backup, elsewhere).code == ExitCode.BACKUP
    assert names_in(elsewhere) == {"server.lock"}


def test_a_wrong_passphrase_is_told_and_not_repeated(
    flextell: Run, backup: Path, elsewhere: Path
) -> None:
    wrong = b"Another passphrase altogether"
    refused = restored(flextell, backup, elsewhere, passphrase=wrong)

    assert refused.code == ExitCode.BACKUP
    assert refused.err.startswith("The passphrase is wrong")
    assert wrong.decode() not in refused.err
    assert not elsewhere.exists()


def test_a_backup_that_is_not_there_is_told(flextell: Run, elsewhere: Path, tmp_path: Path) -> None:
    refused = restored(flextell, tmp_path / "none", elsewhere)

    assert refused.code == ExitCode.BACKUP
    assert "no such file" in refused.err
    assert not elsewhere.exists()


def test_a_folder_that_is_not_empty_is_left_alone(
    flextell: Run, backup: Path, data_dir: Path
) -> None:
    before = {path.name: path.read_bytes() for path in data_dir.iterdir()}
    refused = restored(flextell, backup, data_dir)

    assert refused.code == ExitCode.CONFLICT
    assert "--replace" in refused.err
    after = {path.name: path.read_bytes() for path in data_dir.iterdir()}
    assert after.pop("server.lock") == b""
    assert after == before


def test_what_was_there_is_kept_aside_when_it_is_replaced(
    flextell: Run, alice: dict[str, Any], backup: Path, data_dir: Path
) -> None:
    flextell("users", "disable", "alice@example.com")
    told = restored(flextell, backup, data_dir, "--replace", "--json").json

    assert flextell("users", "list", "--json").json == [listed(alice)]
    kept = flextell("users", "list", "--data-dir", told["before"], "--json").json
    assert kept == [{**listed(alice), "disabled": True}]


def test_a_refused_replacement_leaves_everything_where_it_was(
    flextell: Run, alice: dict[str, Any], backup: Path, data_dir: Path
) -> None:
    backup.write_bytes(backup.read_bytes()[:-1])

    assert restored(flextell, backup, data_dir, "--replace").code == ExitCode.BACKUP
    assert flextell("users", "list", "--json").json == [listed(alice)]
    assert names_in(data_dir) == {"flextell.db", "master.key", "server.lock"}


def test_what_a_restore_that_was_killed_left_is_removed_by_the_next_one(
    flextell: Run, backup: Path, elsewhere: Path
) -> None:
    for left in (".restoring.abc", ".restoring.abc.ready"):
        (elsewhere / left).mkdir(parents=True)
        (elsewhere / left / "flextell.db").touch()

    assert restored(flextell, backup, elsewhere).code == ExitCode.OK
    assert names_in(elsewhere) == {"files", "flextell.db", "master.key", "server.lock"}


def test_nobody_opens_a_database_whose_files_are_half_exchanged(
    flextell: Run, alice: dict[str, Any], data_dir: Path
) -> None:
    (data_dir / UNFINISHED).mkdir()
    refused = flextell("users", "list", "--json")

    assert refused.code == ExitCode.DATA_DIR
    assert "start the server, which finishes it" in refused.error["message"]


def test_nothing_is_restored_below_a_running_server(
    flextell: Run, backup: Path, data_dir: Path
) -> None:
    with (data_dir / "server.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = restored(flextell, backup, data_dir, "--replace")

    assert refused.code == ExitCode.ALREADY_RUNNING
    assert names_in(data_dir) == {"flextell.db", "master.key", "server.lock"}


def test_a_key_that_does_not_open_the_signing_keys_is_not_backed_up(
    flextell: Run, backup: Path, data_dir: Path, tmp_path: Path
) -> None:
    """Such a backup would be found to be worth nothing on the day it is needed."""
    (data_dir / "master.key").write_bytes(b64encode(b"another key, of 32 bytes exactly"))

    assert backed_up(flextell, tmp_path / "new.backup").code == ExitCode.KEY_FILE
    (data_dir / "master.key").unlink()
    assert backed_up(flextell, tmp_path / "new.backup").code == ExitCode.KEY_FILE
    assert not (tmp_path / "new.backup").exists()


def test_a_server_without_anything_has_nothing_to_back_up(
    flextell: Run, data_dir: Path, tmp_path: Path
) -> None:
    file = tmp_path / "a.backup"

    assert backed_up(flextell, file).code == ExitCode.DATA_DIR
    data_dir.mkdir()
    assert backed_up(flextell, file).code == ExitCode.NOT_FOUND
    (data_dir / "flextell.db").touch()
    assert backed_up(flextell, file).code == ExitCode.BACKUP
    assert backed_up(flextell, file, "--keys-only").code == ExitCode.BACKUP
    assert not file.exists()


def test_too_little_room_for_the_copy_is_told_before_it_is_begun(
    flextell: Run, alice: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "ROOM_TO_LEAVE_BYTES", 2**60)
    refused = backed_up(flextell, tmp_path / "a.backup", "--scratch-dir", str(tmp_path))

    assert refused.code == ExitCode.BACKUP
    assert "--scratch-dir" in refused.err
    assert names_in(tmp_path) == {"data"}


@pytest.fixture
def grants(backup: Path, flextell: Run, data_dir: Path, store: Callable[[], Store]) -> Path:
    """The backup again, now with what Alice gave to Photos, an end, and a sign-in."""

    def work(unit: Unit) -> None:
        for grant_id in ("g1", "g2", "g3"):
            unit.grants.add(Grant(grant_id, "photos", "sub-alice", frozenset({"account:read"}), 1))
        unit.grants.end("g3", "revoked", 2, 2**40)

    opened = store()
    opened.at_once(work)
    opened.close()
    backed_up(flextell, backup, "--replace")
    return backup


def test_a_restore_keeps_what_was_given_and_what_had_ended(
    flextell: Run, grants: Path, elsewhere: Path
) -> None:
    assert restored(flextell, grants, elsewhere, "--json").json["ended_grants"] == 0
    assert living(open_store(Settings(data_dir=elsewhere))) == ["g1", "g2"]
    keys = flextell("keys", "list", "--data-dir", str(elsewhere), "--json").json
    assert len(keys) == 2


def test_on_request_nothing_that_was_given_works_after_a_restore(
    flextell: Run, grants: Path, elsewhere: Path
) -> None:
    """Without the signing keys no access token does, of whatever grant."""
    told = restored(flextell, grants, elsewhere, "--end-all-grants", "--json").json

    assert told["ended_grants"] == 2
    assert living(open_store(Settings(data_dir=elsewhere))) == []
    assert flextell("keys", "list", "--data-dir", str(elsewhere), "--json").json == []


def test_news_of_revocations_gets_numbers_after_a_restore_that_nobody_has_seen(
    flextell: Run, grants: Path, data_dir: Path, elsewhere: Path
) -> None:
    """Whoever follows the news with a number from before would not hear of what follows."""
    original = open_store(Settings(data_dir=data_dir))
    for name in ("after the backup", "and another"):
        original.at_once(lambda unit, n=name: unit.revocations.add(n, 2**40, 1))  # type: ignore[misc]
    seen = original.at_once(lambda unit: unit.revocations.since(0))[-1].sequence
    original.close()
    restored(flextell, grants, elsewhere)
    again = open_store(Settings(data_dir=elsewhere))
    again.at_once(lambda unit: unit.revocations.add("after the restore", 2**40, 1))
    news = again.at_once(lambda unit: unit.revocations.since(seen))
    again.close()

    assert [item.name for item in news] == ["after the restore"]


def test_a_restore_of_a_restore_numbers_the_news_on(
    flextell: Run, grants: Path, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def next_number(data_dir: Path) -> int:
        store = open_store(Settings(data_dir=data_dir))
        store.at_once(lambda unit: unit.revocations.add("news", 2**40, 1))
        number = store.at_once(lambda unit: unit.revocations.since(0))[-1].sequence
        store.close()
        return number

    restored(flextell, grants, elsewhere)
    first = next_number(elsewhere)
    again = tmp_path / "again.backup"
    flextell("backup", str(again), "--data-dir", str(elsewhere), "--passphrase-stdin",
             stdin=PASSPHRASE)  # fmt: skip
    restored(flextell, again, tmp_path / "third")

    assert next_number(tmp_path / "third") > first


def test_a_database_that_was_damaged_before_is_not_put_back(
    flextell: Run, backup: Path, data_dir: Path, elsewhere: Path
) -> None:
    database = data_dir / "flextell.db"
    content = bytearray(database.read_bytes())
    for page in range(3, len(content) // 4096):
        content[page * 4096 : page * 4096 + 16] = b"\xff" * 16
    database.write_bytes(content)
    ran = backed_up(flextell, backup, "--replace")
    if ran.code == ExitCode.OK:
        ran = restored(flextell, backup, elsewhere)

    assert ran.code in (ExitCode.BACKUP, ExitCode.DATABASE)
    assert "damaged" in ran.err


def test_a_backup_of_an_older_version_is_brought_up_to_date(
    flextell: Run, backup: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrated = []
    monkeypatch.setattr(restoring, "migrate", lambda settings: migrated.append(migrate(settings)))

    assert restored(flextell, backup, elsewhere).code == ExitCode.OK
    assert len(migrated) == 1


def test_a_restore_goes_where_the_settings_say_or_nowhere(
    flextell: Run, backup: Path, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = f"sqlite:///{tmp_path / 'other.db'}"
    assert restored(flextell, backup, elsewhere, "--database", other).code == ExitCode.CONFLICT
    monkeypatch.setenv("FLEXTELL_KEY_FILE", str(tmp_path / "key"))
    refused = restored(flextell, backup, elsewhere)

    assert refused.code == ExitCode.USAGE
    assert "move master.key there afterwards" in refused.err
    assert names_in(elsewhere) == {"server.lock"}


def test_a_database_and_a_key_elsewhere_are_backed_up_from_there(
    flextell: Run,
    data_dir: Path,
    tmp_path: Path,
    elsewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data_dir.mkdir()
    monkeypatch.setenv("FLEXTELL_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("FLEXTELL_DATABASE", f"sqlite:///{tmp_path / 'other.db'}")
    flextell("keys", "rotate")
    assert backed_up(flextell, tmp_path / "a.backup").code == ExitCode.OK
    monkeypatch.delenv("FLEXTELL_KEY_FILE")
    monkeypatch.delenv("FLEXTELL_DATABASE")

    assert restored(flextell, tmp_path / "a.backup", elsewhere).code == ExitCode.OK
    assert len(flextell("keys", "list", "--data-dir", str(elsewhere), "--json").json) == 2


@pytest.fixture
def shared(
    flextell: Run, data_dir: Path, fresh_postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A PostgreSQL database with signing keys, sealed under the master key of the data directory.

    The environment names it.
    """
    data_dir.mkdir(exist_ok=True)
    monkeypatch.setenv("FLEXTELL_DATABASE", fresh_postgres_database)
    assert flextell("migrate").code == ExitCode.OK
    assert flextell("keys", "rotate").code == ExitCode.OK
    return fresh_postgres_database


def test_postgresql_is_backed_up_by_its_own_tools_and_the_keys_by_ours(
    flextell: Run, shared: str, data_dir: Path, tmp_path: Path, elsewhere: Path
) -> None:
    file = tmp_path / "keys.backup"
    refused = backed_up(flextell, file)
    assert refused.code == ExitCode.USAGE
    assert "--keys-only" in refused.err

    told = backed_up(flextell, file, "--keys-only", "--json").json
    assert told["schema"] is None
    assert restored(flextell, file, elsewhere).code == ExitCode.OK
    assert names_in(elsewhere) == {"master.key", "server.lock"}
    assert (elsewhere / "master.key").read_bytes() == (data_dir / "master.key").read_bytes()


def test_keys_that_do_not_open_the_database_are_not_put_back(
    flextell: Run, backup: Path, shared: str, tmp_path: Path, elsewhere: Path
) -> None:
    """The master key of another server."""
    file = tmp_path / "keys.backup"
    other = tmp_path / "other"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("FLEXTELL_DATABASE")
        patch.setenv("FLEXTELL_DATA_DIR", str(other))
        flextell("keys", "rotate")
        backed_up(flextell, file, "--keys-only")
    refused = restored(flextell, file, elsewhere)

    assert refused.code == ExitCode.KEY_FILE
    assert names_in(elsewhere) == {"server.lock"}


def test_keys_alone_have_no_grants_to_end(
    flextell: Run, backup: Path, tmp_path: Path, elsewhere: Path
) -> None:
    file = tmp_path / "keys.backup"
    backed_up(flextell, file, "--keys-only")

    assert restored(flextell, file, elsewhere, "--end-all-grants").code == ExitCode.BACKUP
    assert os.listdir(elsewhere) == ["server.lock"]
