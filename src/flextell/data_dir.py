"""The data directory: which files make up an instance, and how all of them change at once.

Files are renamed one by one, so a change is first made ready beside them, in `unfinished-change`:

    new/        what comes in, whole and on disk
    before-*/   where that goes which was there

From the moment this folder has its name the change is decided: whoever serves the data directory
next carries it to its end, and until then nobody opens the database.
"""

import os
import shutil
from collections.abc import Iterator
from itertools import chain, count
from pathlib import Path

from flextell.files import PRIVATE, PUBLIC, sync_directory

MASTER_KEY = "master.key"
DATABASE = "flextell.db"
FILES = "files"
# What each of them lets others of this machine do with it.
KEYS = {
    MASTER_KEY: PRIVATE,
    "ca.pem": PUBLIC,
    "ca-key.pem": PRIVATE,
    "leaf.pem": PUBLIC,
    "leaf-key.pem": PRIVATE,
}
# A log of the database before would be replayed into the one that comes in.
DATABASE_AND_LOGS = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm")

UNFINISHED = "unfinished-change"
_NEW = "new"
_ENTERING = "entering"
_BEFORE = "before-"


def replace_files(data_dir: Path, staged: Path, stamp: str) -> Path | None:
    """Put the files of `staged`, a folder in the data directory, in place of those of their kind.

    Whole or not at all, also after a power cut. Says where those before went, if there were any.
    Raises OSError.
    """
    change = data_dir / f"{staged.name}.ready"
    change.mkdir(mode=0o700)
    (change / _free_name(data_dir, f"{_BEFORE}{stamp}")).mkdir(mode=0o700)
    os.rename(staged, change / _NEW)
    _sync(change / _NEW, change)
    os.rename(change, data_dir / UNFINISHED)
    sync_directory(data_dir)
    return finish_change(data_dir)


def _free_name(data_dir: Path, name: str) -> str:
    others = (f"{name}-{number}" for number in count(2))
    return next(n for n in chain((name,), others) if not (data_dir / n).exists())


def is_changing(data_dir: Path) -> bool:
    """Whether a change was cut short and waits to be finished."""
    return (data_dir / UNFINISHED).exists()


def finish_change(data_dir: Path) -> Path | None:
    """Carry a change that was decided to its end, from wherever it stopped.

    Only for whoever holds the data directory alone. Raises OSError.
    """
    change = data_dir / UNFINISHED
    if not change.exists():
        return None
    before = next(change.glob(f"{_BEFORE}*"), None)
    if before is not None and (change / _NEW).exists():
        _move_aside(data_dir, change, before)
    if (change / _ENTERING).exists():
        for file in sorted((change / _ENTERING).iterdir()):
            os.replace(file, data_dir / file.name)
        sync_directory(data_dir)
    kept = None
    if before is not None and any(before.iterdir()):
        kept = data_dir / before.name
        os.rename(before, kept)
    shutil.rmtree(change)
    sync_directory(data_dir)
    return kept


def _move_aside(data_dir: Path, change: Path, before: Path) -> None:
    new = change / _NEW
    for name in _replaced_by(new):
        if (data_dir / name).exists():
            os.replace(data_dir / name, before / name)
    _sync(before, data_dir)
    # From here on what has one of these names in the data directory is new.
    os.rename(new, change / _ENTERING)
    sync_directory(change)


def _replaced_by(new: Path) -> Iterator[str]:
    """What is moved aside: all of the kinds that come in, whether or not the new has each of it."""
    yield from KEYS
    if (new / DATABASE).exists():
        yield from DATABASE_AND_LOGS
    if (new / FILES).exists():
        yield FILES


def _sync(*directories: Path) -> None:
    for directory in directories:
        sync_directory(directory)
