"""Put a backup back: all of it verified before anything is touched, then whole or not at all."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from flextell import masterkey
from flextell.backup.contents import Description, unpack
from flextell.backup.kept_files import FileCounts, check_restored
from flextell.backup.sealed_stream import BackupProblem, Conflict, Damaged, SealedReader
from flextell.data_dir import DATABASE, FILES, MASTER_KEY, replace_files
from flextell.node.keyring import KeyMaker
from flextell.oauth.keys import KeyRecord
from flextell.progress import Report
from flextell.serving import LOCK_FILE
from flextell.settings import Settings
from flextell.sources import Sources
from flextell.store import sqlite
from flextell.store.opening import migrate, open_store

STAGING = ".restoring."
# What may lie in a folder that is empty all the same.
NOTHING = frozenset({LOCK_FILE, "lost+found"})


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back. `before`: where those files are now that were there."""

    description: Description
    files: FileCounts
    before: Path | None
    ended_grants: int


def restore(
    reader: SealedReader,
    settings: Settings,
    sources: Sources,
    report: Report,
    *,
    replace: bool,
    end_all_grants: bool,
) -> Restored:
    """Put the backup into the data directory, which the caller holds alone.

    Raises BackupProblem, KeyFileProblem, KeysSealedElsewhere, StoreUnavailable, SchemaOutdated,
    OSError; then the data directory is as it was.
    """
    data_dir, now = settings.data_dir, sources.now()
    _clear_up_after_killed(data_dir)
    if not replace and any(entry.name not in NOTHING for entry in data_dir.iterdir()):
        raise Conflict(
            f"The data directory {data_dir} is not empty; name another one, or add --replace to "
            "have its files moved aside."
        )
    with _staging(data_dir) as staged:
        description = unpack(reader, staged, partial(_check_place, settings), report)
        ready, files = settings, FileCounts()
        if description.schema is not None:
            ready, files = _with_database(staged, settings, description)
        ended = _put_right(staged, ready, sources, end_all_grants)
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        before = replace_files(data_dir, staged, stamp)
    return Restored(description, files, before, ended)


def _check_place(settings: Settings, description: Description) -> None:
    """Raises Conflict if what the backup holds would not be where the settings look for it."""
    if description.schema is not None and settings.database:
        raise Conflict(
            "The backup holds a database for the data directory, but FLEXTELL_DATABASE names "
            "another one; unset it."
        )
    if description.with_files and settings.files_dir is not None:
        raise Conflict(
            "The backup holds uploaded files for the data directory, but FLEXTELL_FILES_DIR names "
            "another folder; unset it, and move the folder `files` there afterwards."
        )


@contextmanager
def _staging(data_dir: Path) -> Iterator[Path]:
    """A folder in the data directory that is gone at the end."""
    staged = Path(tempfile.mkdtemp(prefix=STAGING, dir=data_dir))
    try:
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _clear_up_after_killed(data_dir: Path) -> None:
    for left in data_dir.glob(f"{STAGING}*"):
        shutil.rmtree(left)


def _put_right(staged: Path, ready: Settings, sources: Sources, end_all_grants: bool) -> int:
    """Verify the keys, and prepare the database for going on; how many grants ended."""
    if not ready.database and not (ready.data_dir / DATABASE).exists():
        if end_all_grants:
            raise BackupProblem("The backup holds keys only: there are no grants in it to end.")
        return 0
    store = open_store(ready)
    try:
        _check_keys(staged, store.at_once(lambda unit: unit.signing_keys.all()), ready, sources)
        now = sources.now()
        store.at_once(lambda unit: unit.number_news_anew(now))
        return store.at_once(lambda unit: unit.end_all_access(now)) if end_all_grants else 0
    finally:
        # The last connection takes the log along: all of it is in the one file.
        store.close()


def _with_database(
    staged: Path, settings: Settings, description: Description
) -> tuple[Settings, FileCounts]:
    """Settings that name the database that was unpacked, which is whole and brought up to date,
    and the files that belong to it."""
    files = FileCounts()
    with closing(sqlite.connect(staged / DATABASE, settings.database_wait_seconds)) as connection:
        if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise Damaged("The database was damaged before it was backed up; use an older backup.")
        if description.with_files:
            files = check_restored(connection, staged / FILES)
    ready = settings.model_copy(update={"data_dir": staged})
    migrate(ready)
    return ready, files


def _check_keys(
    staged: Path, records: Sequence[KeyRecord], settings: Settings, sources: Sources
) -> None:
    """That the master key opens what is in the database, wherever that is."""
    if records and not (staged / MASTER_KEY).exists():
        raise BackupProblem("The backup has no master key, but the database needs one.")
    for record in records:
        KeyMaker(masterkey.load(staged / MASTER_KEY), settings, sources).open(record)
