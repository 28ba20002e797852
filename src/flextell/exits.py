"""How a command ends when it cannot go on: one sentence for a person, one code for a script.

The codes are part of the command line's promise (`MEANINGS`): a number never changes
its meaning. Whoever meets an error that only the operator can mend raises `ExitError`; the
command line alone prints the sentence and leaves with the code.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path


class ExitCode(IntEnum):
    """What the number means that a `flextell` command leaves with."""

    OK = 0
    BUG = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    INVALID = 5
    DATA_DIR = 6
    KEY_FILE = 7
    DATABASE = 8
    PORT_IN_USE = 9
    ALREADY_RUNNING = 10
    BACKUP = 11


MEANINGS = {
    ExitCode.OK: "Done.",
    ExitCode.BUG: "A mistake in Flextell; please report it.",
    ExitCode.USAGE: "The command line or a setting is wrong.",
    ExitCode.NOT_FOUND: "What the command names does not exist.",
    ExitCode.CONFLICT: "It exists already, or its state does not allow the command.",
    ExitCode.INVALID: "A value breaks a rule.",
    ExitCode.DATA_DIR: "The data directory is missing, unreadable, read-only or full.",
    ExitCode.KEY_FILE: "A key or certificate file is missing, unreadable or wrong.",
    ExitCode.DATABASE: "The database cannot be reached or is not ready.",
    ExitCode.PORT_IN_USE: "The address to listen on is taken or cannot be used.",
    ExitCode.ALREADY_RUNNING: "Another server uses the data directory.",
    ExitCode.BACKUP: "A backup cannot be written, read, or opened with this passphrase.",
}


class ExitError(Exception):
    """The command ends here. `sentence` says what to do; `code` is what the process leaves with."""

    def __init__(self, sentence: str, code: ExitCode) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code


_NOT_ALLOWED = "this user may not read and write it; give it to this user or name another"
_FULL = "its disk is full; free some space and start again"
_NOT_A_FOLDER = "it is not a directory; name another"

REMEDIES = {
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.EROFS: "its file system is read-only; make it writable or name another",
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.ENOTDIR: _NOT_A_FOLDER,
    errno.EEXIST: _NOT_A_FOLDER,
    errno.ENOENT: "something in it has gone; check that nothing else removes files there",
}


@contextmanager
def data_dir_errors(data_dir: Path) -> Iterator[None]:
    """Turn the operating system's errors about files of the data directory into `ExitError`."""
    try:
        yield
    except OSError as error:
        reason = f"{error.strerror or 'an unknown error'}; check it or name another".lower()
        remedy = REMEDIES.get(error.errno or 0, reason)
        place = Path(str(error.filename)) if error.filename else data_dir
        where = f" ({place.name})" if place != data_dir and place.parent == data_dir else ""
        sentence = f"The data directory {data_dir}{where} cannot be used: {remedy}."
        raise ExitError(sentence, ExitCode.DATA_DIR) from error
