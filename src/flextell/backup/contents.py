"""What a backup holds: a description, the keys, the database, and at last the uploaded files.

One entry after another: the lengths of its name and of its content, the name, the content.
"""

import json
import os
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from flextell.backup.kept_files import FileCounts, whole
from flextell.backup.sealed_stream import (
    CHUNK_BYTES,
    BackupProblem,
    Damaged,
    SealedReader,
    SealedWriter,
)
from flextell.backup.snapshot import Snapshot
from flextell.data_dir import DATABASE, FILES, KEYS
from flextell.files import PRIVATE, sync_directory
from flextell.node.file_room import path_in
from flextell.progress import Progress, Report

DESCRIPTION = "backup.json"
SMALL_BYTES = 64 * 1024
_LENGTHS = struct.Struct(">HQ")
# The only names that become paths below a folder: `file_room.new_name` makes no others.
_STORED = re.compile(rf"{FILES}/([0-9a-f]{{32}})")
WRITING, READING = "Encrypting", "Decrypting"
WRITING_FILES, READING_FILES = "Encrypting files", "Decrypting files"


@dataclass(frozen=True, slots=True)
class Description:
    """What a backup says of itself. `schema`: of the database in it; None: there is none in it.

    `with_files`: it has the bytes of the files that its database names. Backups of version 1 have
    none and do not say so.
    """

    made_at: int
    program: str
    schema: str | None
    with_files: bool = False


def pack(
    writer: SealedWriter,
    description: Description,
    keys: dict[str, bytes],
    taken: Snapshot | None,
    room: Path,
    report: Report,
) -> FileCounts:
    """Write everything, then the end of the stream; `room` is the folder of the files' bytes.

    Raises BackupProblem, OSError.
    """
    small = {DESCRIPTION: json.dumps(asdict(description)).encode(), **keys}
    for name, content in small.items():
        _begin(writer, name, len(content))
        writer.write(content)
    counts = FileCounts()
    if taken is not None:
        total = os.fstat(taken.file.fileno()).st_size
        _begin(writer, DATABASE, total)
        for part in _parts(taken.file, total):
            writer.write(part)
            report(Progress(WRITING, taken.file.tell(), total))
        counts = _pack_files(writer, taken, room, report)
    writer.end()
    return counts


def _pack_files(writer: SealedWriter, taken: Snapshot, room: Path, report: Report) -> FileCounts:
    """Write the bytes of each file. What is read twice, to see first that it is whole, is small."""
    kept = gone = lost = 0
    total = sum(file.size for file in taken.stored_files())
    if total and not room.is_dir():
        raise BackupProblem(
            f"The database names uploaded files, but there is no folder {room}; let "
            "FLEXTELL_FILES_DIR name the one they are in."
        )
    done = 0
    for file in taken.stored_files():
        content = whole(room, file)
        if content is not None:
            with closing(content):
                _begin(writer, f"{FILES}/{file.stored_as}", file.size)
                for part in _parts(content, file.size):
                    writer.write(part)
            kept += 1
        elif file.deleted_at is not None:
            gone += 1
        else:
            lost += 1
        done += file.size
        report(Progress(WRITING_FILES, done, total))
    return FileCounts(kept, gone, lost)


def _begin(writer: SealedWriter, name: str, size: int) -> None:
    writer.write(_LENGTHS.pack(len(name), size) + name.encode("ascii"))


def unpack(
    reader: SealedReader, into: Path, judge: Callable[[Description], None], report: Report
) -> Description:
    """Write the files of a backup into a folder, on disk when this returns. Raises Damaged.

    Nothing of them may be used before this has returned: its end proves that a backup is whole.
    `judge` hears what it says of itself before the large ones, and may raise.
    """
    description, file_bytes = None, 0
    try:
        while lengths := reader.read(_LENGTHS.size):
            name_length, size = _LENGTHS.unpack(lengths)
            name = reader.read(name_length).decode("ascii")
            stored = _STORED.fullmatch(name)
            if name == DESCRIPTION:
                description = Description(**json.loads(reader.read(min(size, SMALL_BYTES))))
                judge(description)
                if description.with_files:
                    (into / FILES).mkdir(mode=0o700)
            elif name in KEYS:
                _write(into / name, _parts(reader, size), KEYS[name])
            elif name == DATABASE:
                parts = _told(_parts(reader, size), size, report)
                _write(into / name, parts, PRIVATE)
            elif stored and description is not None and description.with_files:
                path = path_in(into / FILES, stored[1])
                path.parent.mkdir(mode=0o700, exist_ok=True)
                _write(path, _parts(reader, size), PRIVATE)
                file_bytes += size
                report(Progress(READING_FILES, file_bytes, 0))
            else:
                raise ValueError(name)
    except (struct.error, ValueError, TypeError):
        raise Damaged("The backup holds what this program does not understand.") from None
    if description is None:
        raise Damaged("The backup does not say what it is; use another one.")
    if description.with_files:
        for folder in (*(into / FILES).iterdir(), into / FILES):
            sync_directory(folder)
    sync_directory(into)
    return description


def _parts(source: BinaryIO | SealedReader, size: int) -> Iterator[bytes]:
    while size > 0 and (part := source.read(min(size, CHUNK_BYTES))):
        size -= len(part)
        yield part
    if size > 0:
        raise Damaged("The backup is incomplete; use another one.")


def _told(parts: Iterator[bytes], total: int, report: Report) -> Iterator[bytes]:
    done = 0
    for part in parts:
        yield part
        done += len(part)
        report(Progress(READING, done, total))


def _write(path: Path, parts: Iterator[bytes], mode: int) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
        os.fchmod(file.fileno(), mode)
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
