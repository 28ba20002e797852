"""A consistent copy of an SQLite database, made while others go on writing.

One read transaction sees the database as it was when it began, however long the copying takes:
SQLite keeps what is written meanwhile in its log, which grows by that much. The copy has no name
in any folder, so a process that is killed leaves nothing of it behind.
"""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from flextell.backup.kept_files import StoredFile, list_files, stored_files
from flextell.backup.sealed_stream import BackupProblem
from flextell.oauth.keys import KeyRecord
from flextell.progress import Progress, Report
from flextell.store import sqlite
from flextell.store.signing_keys import SqlSigningKeys
from flextell.store.transaction import on_sqlite

PAGES_A_STEP = 2048
MEBIBYTE = 2**20
# What the server writes meanwhile must find room too.
ROOM_TO_LEAVE_BYTES = 64 * MEBIBYTE
COPYING = "Copying"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy to be read, which migration it is at, and what is in it: signing keys, files."""

    file: BinaryIO
    schema: str
    signing_keys: list[KeyRecord]
    _files: sqlite3.Connection

    def stored_files(self) -> Iterator[StoredFile]:
        """The files whose bytes belong to this state of the database."""
        return stored_files(self._files)


@contextmanager
def snapshot(
    database: Path, folder: Path, wait_seconds: float, report: Report
) -> Iterator[Snapshot]:
    """The copy; it takes up room in `folder` until the body ends.

    Raises BackupProblem, sqlite3.Error, OSError.
    """
    descriptor, name = tempfile.mkstemp(prefix=".snapshot.", dir=folder)
    with os.fdopen(descriptor, "rb") as file:
        try:
            copy = sqlite3.connect(name, isolation_level=None)
        finally:
            os.unlink(name)
        # A database without a name is a temporary one: a list that may be longer than memory.
        with closing(sqlite3.connect("")) as files:
            with closing(copy), closing(sqlite.connect(database, wait_seconds)) as source:
                source.execute("BEGIN")
                schema, signing_keys = _looked_into(source)
                _check_room(source, folder)
                list_files(source, files)
                copy.execute("PRAGMA journal_mode=OFF")
                copy.execute("PRAGMA synchronous=OFF")
                source.backup(
                    copy,
                    pages=PAGES_A_STEP,
                    progress=lambda _, left, total: report(Progress(COPYING, total - left, total)),
                )
            yield Snapshot(file, schema, signing_keys, files)


def _looked_into(source: sqlite3.Connection) -> tuple[str, list[KeyRecord]]:
    # Also begins to read: from here on the transaction sees one state.
    tables = {name for (name,) in source.execute("SELECT name FROM sqlite_master")}
    if "alembic_version" not in tables:
        raise BackupProblem("The database is empty: there is nothing to back up.")
    [(schema,)] = source.execute("SELECT version_num FROM alembic_version")
    return schema, SqlSigningKeys(on_sqlite(source.execute)).all()


def _check_room(source: sqlite3.Connection, folder: Path) -> None:
    [(pages, page_bytes)] = source.execute(
        "SELECT page_count, page_size FROM pragma_page_count(), pragma_page_size()"
    )
    needed = pages * page_bytes + ROOM_TO_LEAVE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BackupProblem(
            f"The copy needs {needed // MEBIBYTE} MiB in {folder}, where {free // MEBIBYTE} MiB "
            "are free; make room, or name another folder with --scratch-dir."
        )
