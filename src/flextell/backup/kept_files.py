"""Uploaded files in a backup: which bytes the database names, and whether they are what was sent.

Bytes never change and are removed a day after their file was deleted at the earliest, so whoever
reads them after the database finds what it names, but for what deleted files have lost meanwhile.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import astuple, dataclass
from hashlib import file_digest
from io import BufferedReader
from os import fstat
from pathlib import Path

from flextell.backup.sealed_stream import BackupProblem, Damaged
from flextell.node.file_room import path_in


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file whose bytes should be there; those of a deleted one may be removed at any moment."""

    file_id: int
    stored_as: str
    size: int
    sha256: bytes
    deleted_at: int | None


@dataclass(frozen=True, slots=True)
class FileCounts:
    """How many files a backup has the bytes of, and how many it has not.

    `gone` had been deleted before, which is as it should be; `lost` are missing, or not what was
    sent, though nobody deleted them.
    """

    kept: int = 0
    gone: int = 0
    lost: int = 0


def stored_files(database: sqlite3.Connection) -> Iterator[StoredFile]:
    """The files of every tenant that have bytes, one by one. None in a database that knows none."""
    if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'files'").fetchone() is None:
        return
    for row in database.execute(
        "SELECT file_id, stored_as, size, sha256, deleted_at FROM files "
        "WHERE stored_as IS NOT NULL ORDER BY file_id"
    ):
        yield StoredFile(*row)


def list_files(database: sqlite3.Connection, into: sqlite3.Connection) -> None:
    """Keep what `stored_files` says in another database, which is empty."""
    into.execute("CREATE TABLE files (file_id, stored_as, size, sha256, deleted_at)")
    into.executemany(
        "INSERT INTO files VALUES (?, ?, ?, ?, ?)", map(astuple, stored_files(database))
    )


def whole(folder: Path, file: StoredFile) -> BufferedReader | None:
    """Its bytes, if they are there and are what was sent. Raises BackupProblem."""
    with ExitStack() as stack:
        try:
            content = stack.enter_context(path_in(folder, file.stored_as).open("rb"))
            if not _is_whole(content, file):
                return None
        except FileNotFoundError:
            return None
        except OSError as problem:
            reason = (problem.strerror or "unknown error").lower()
            raise BackupProblem(f"A file in {folder} cannot be read ({reason}).") from problem
        stack.pop_all()
        return content


def _is_whole(content: BufferedReader, file: StoredFile) -> bool:
    if fstat(content.fileno()).st_size != file.size:
        return False
    same = file_digest(content, "sha256").digest() == file.sha256
    content.seek(0)
    return same


def check_restored(database: sqlite3.Connection, folder: Path) -> FileCounts:
    """See that bytes which came out of a backup are those that its database names.

    Raises Damaged, BackupProblem.
    """
    kept = gone = lost = 0
    for file in stored_files(database):
        content = whole(folder, file)
        if content is not None:
            with closing(content):
                kept += 1
        elif path_in(folder, file.stored_as).exists():
            raise Damaged(
                f"The bytes of the file {file.file_id} in the backup are not those that were "
                "sent; use another backup."
            )
        elif file.deleted_at is not None:
            gone += 1
        else:
            lost += 1
    return FileCounts(kept, gone, lost)
