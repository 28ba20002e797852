"""The master key: 32 random bytes in a file of its owner's, under which all else is sealed."""

import stat
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path

from flextell.files import PRIVATE, write_new

KEY_BYTES = 32


class KeyFileProblem(Exception):
    """The key file is missing, unreadable or not a key; the text says what to do."""


def load(path: Path) -> bytes:
    """The key in the file. Raises KeyFileProblem."""
    try:
        text = path.read_bytes()
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        raise KeyFileProblem(
            f"The master key file {path} is missing; restore it from your backup: "
            "the signing keys in the database cannot be read without it."
        ) from None
    except OSError as error:
        raise KeyFileProblem(
            f"The master key file {path} cannot be read ({error.strerror}); check its permissions."
        ) from None
    if mode & 0o077:
        raise KeyFileProblem(
            f"The master key file {path} can be read by others; run chmod 600 on it."
        )
    try:
        key = b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyFileProblem(
            f"The master key file {path} does not hold a key; restore it from your backup."
        )
    return key


def create(path: Path, random: Callable[[int], bytes]) -> bytes:
    """Write a new key, durable before it is used. Raises KeyFileProblem; never overwrites."""
    key = random(KEY_BYTES)
    try:
        write_new(path, b64encode(key) + b"\n", PRIVATE)
    except FileExistsError:
        return load(path)
    except OSError as error:
        raise KeyFileProblem(
            f"The master key file {path} cannot be written ({error.strerror}); "
            "check the permissions and the room of its folder."
        ) from None
    return key
