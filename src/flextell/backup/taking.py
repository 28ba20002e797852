"""Take a backup: of all that an instance on SQLite needs, files included, or of its keys alone."""

import fcntl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flextell import __version__, masterkey
from flextell.backup.contents import Description, pack
from flextell.backup.kept_files import FileCounts
from flextell.backup.sealed_stream import SALT_BYTES, BackupProblem, SealedWriter
from flextell.backup.snapshot import Snapshot, snapshot
from flextell.data_dir import KEYS, MASTER_KEY
from flextell.files import PRIVATE, unfinished, written_whole
from flextell.node.keyring import KeyMaker
from flextell.oauth.keys import KeyRecord
from flextell.progress import Report
from flextell.settings import Settings
from flextell.sources import Sources


@dataclass(frozen=True, slots=True)
class Sealing:
    """Where a backup goes, and what seals it."""

    file: Path
    passphrase: str
    sources: Sources


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup that was written."""

    description: Description
    files: FileCounts


def back_up_everything(
    settings: Settings, database: Path, scratch: Path, sealing: Sealing, report: Report
) -> Taken:
    """Database, keys and files, while a server may be running. `scratch` holds a plain copy of the
    database meanwhile; the files are those that it names.

    Raises BackupProblem, KeyFileProblem, KeysSealedElsewhere, sqlite3.Error, OSError.
    """
    with snapshot(database, scratch, settings.database_wait_seconds, report) as taken:
        return _written(settings, sealing, taken, taken.signing_keys, report)


def back_up_keys(
    settings: Settings, signing_keys: Sequence[KeyRecord], sealing: Sealing, report: Report
) -> Taken:
    """The keys alone; the database, which holds these signing keys, is backed up by other means.

    Raises BackupProblem, KeyFileProblem, KeysSealedElsewhere, OSError.
    """
    return _written(settings, sealing, None, signing_keys, report)


def _written(
    settings: Settings,
    sealing: Sealing,
    taken: Snapshot | None,
    signing_keys: Sequence[KeyRecord],
    report: Report,
) -> Taken:
    # After the database, so that the keys which the database needs are there.
    keys = _keys(settings, signing_keys, sealing.sources)
    if taken is None and not keys:
        raise BackupProblem("There are no keys to back up: the first server makes them.")
    description = Description(
        sealing.sources.now(),
        __version__,
        schema=taken.schema if taken is not None else None,
        with_files=taken is not None,
    )
    _clear_up_after_killed(sealing.file)
    with written_whole(sealing.file, PRIVATE) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        writer = SealedWriter(file, sealing.passphrase, sealing.sources.random(SALT_BYTES))
        files = pack(writer, description, keys, taken, settings.files_folder, report)
    return Taken(description, files)


def _keys(
    settings: Settings, signing_keys: Sequence[KeyRecord], sources: Sources
) -> dict[str, bytes]:
    """The files of the keys that there are; a backup with the wrong master key is worth nothing."""
    keys = {}
    if signing_keys or settings.master_key_file.exists():
        maker = KeyMaker(masterkey.load(settings.master_key_file), settings, sources)
        for record in signing_keys:
            maker.open(record)
        keys[MASTER_KEY] = settings.master_key_file.read_bytes()
    for name in KEYS:
        if name != MASTER_KEY:
            with suppress(FileNotFoundError):
                keys[name] = (settings.data_dir / name).read_bytes()
    return keys


def _clear_up_after_killed(path: Path) -> None:
    """Remove what backups to the same file left unfinished, unless they are still being written."""
    for left in unfinished(path):
        with left.open("rb") as file, suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
