"""What a backup holds: a description, the keys, and at last the database.

One entry after another: the lengths of its name and of its content, the name, the content.
"""

import json
import os
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from flextell.backup.sealed_stream import CHUNK_BYTES, Damaged, SealedReader, SealedWriter
from flextell.data_dir import DATABASE, KEYS
from flextell.files import PRIVATE, sync_directory
from flextell.progress import Progress, Report

DESCRIPTION = "backup.json"
SMALL_BYTES = 64 * 1024
_LENGTHS = struct.Struct(">HQ")
WRITING, READING = "Encrypting", "Decrypting"


@dataclass(frozen=True, slots=True)
class Description:
    """What a backup says of itself. `schema`: of the database in it; None: there is none in it."""

    made_at: int
    program: str
    schema: str | None


def pack(
    writer: SealedWriter,
    description: Description,
    keys: dict[str, bytes],
    database: BinaryIO | None,
    report: Report,
) -> None:
    """Write everything, then the end of the stream."""
    small = {DESCRIPTION: json.dumps(asdict(description)).encode(), **keys}
    for name, content in small.items():
        _begin(writer, name, len(content))
        writer.write(content)
    if database is not None:
        total = os.fstat(database.fileno()).st_size
        _begin(writer, DATABASE, total)
        for part in _parts(database, total):
            writer.write(part)
            report(Progress(WRITING, database.tell(), total))
    writer.end()


def _begin(writer: SealedWriter, name: str, size: int) -> None:
    writer.write(_LENGTHS.pack(len(name), size) + name.encode("ascii"))


def unpack(reader: SealedReader, into: Path, report: Report) -> Description:
    """Write the files of a backup into a folder, on disk when this returns. Raises Damaged.

    Nothing of them may be used before this has returned: its end proves that a backup is whole.
    """
    description = None
    try:
        while lengths := reader.read(_LENGTHS.size):
            name_length, size = _LENGTHS.unpack(lengths)
            name = reader.read(name_length).decode("ascii")
            if name == DESCRIPTION:
                description = Description(**json.loads(reader.read(min(size, SMALL_BYTES))))
            elif name in KEYS or name == DATABASE:
                _write(into / name, _parts(reader, size), size, report)
            else:
                raise ValueError(name)
    except (struct.error, ValueError, TypeError):
        raise Damaged("The backup holds what this program does not understand.") from None
    if description is None:
        raise Damaged("The backup does not say what it is; use another one.")
    sync_directory(into)
    return description


def _parts(source: BinaryIO | SealedReader, size: int) -> Iterator[bytes]:
    while size > 0 and (part := source.read(min(size, CHUNK_BYTES))):
        size -= len(part)
        yield part
    if size > 0:
        raise Damaged("The backup is incomplete; use another one.")


def _write(path: Path, parts: Iterator[bytes], total: int, report: Report) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
        os.fchmod(file.fileno(), KEYS.get(path.name, PRIVATE))
        for part in parts:
            file.write(part)
            if path.name == DATABASE:
                report(Progress(READING, file.tell(), total))
        file.flush()
        os.fsync(file.fileno())
