"""An app as JSON: what `flextell apps create --json` prints, and the address of its server."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flextell_sdk.errors import AppFileError
from flextell_sdk.stores.private_files import read_private

# Everything that an `App` has, and how JSON writes it.
KINDS: Mapping[str, tuple[type, ...]] = {
    "issuer": (str,),
    "client_id": (str,),
    "client_secret": (str,),
    "redirect_uri": (str,),
    "scope": (str,),
    "ca_file": (str,),
    "api": (str,),
    "resource": (str,),
    "timeout_seconds": (int, float),
    "patience_seconds": (int, float),
    "allow_plain_http_on_loopback_for_development": (bool,),
}
NEEDED = ("issuer", "client_id")


def app_fields(path: str | os.PathLike[str], changes: Mapping[str, Any]) -> dict[str, Any]:
    """What the file says of the app, with `changes` in place of it.

    Raises AppFileError, and StoreNotPrivate if it holds a secret and others can read it.
    """
    # A link is as good as what it leads to.
    file = Path(os.path.realpath(path))
    said = _object(file, _content(file))
    if said.get("client_secret"):
        said = _object(file, read_private(file) or b"")
    found = {**known_fields(said, file), **changes}
    for name in NEEDED:
        if not found.get(name):
            raise AppFileError(f"{file} does not say the {name} of the app: add it.")
    return found


def known_fields(said: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """The fields of an `App` among what the file says. Raises AppFileError."""
    several = said.get("redirect_uris")
    if isinstance(several, list) and several:
        said = {"redirect_uri": several[0], **said}
    found = {name: said[name] for name in KINDS if said.get(name) not in (None, "")}
    for name, value in found.items():
        # Not isinstance: a bool is an int.
        if type(value) not in KINDS[name]:
            raise AppFileError(f"{file} says a {name} of the wrong kind.")
    if found.get("ca_file"):
        found["ca_file"] = file.parent / found["ca_file"]
    return found


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as problem:
        raise AppFileError(f"{file} cannot be read: {problem.strerror}.") from problem


def _object(file: Path, content: bytes) -> dict[str, Any]:
    try:
        said = json.loads(content)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise AppFileError(f"{file} is not a JSON object that describes an app.")
    return said
