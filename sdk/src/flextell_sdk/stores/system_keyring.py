"""Entries in the system's keyring, by the optional package `keyring`."""

import importlib
from typing import Any

from flextell_sdk.errors import StoreError, StoreKeyMissing
from flextell_sdk.sources import Sources

SERVICE = "flextell-sdk"
NAME_BYTES = 16
# Below are those that keep passwords in the clear, ask for one at each start, or keep nothing.
LEAST_PRIORITY = 1


def put(text: str, sources: Sources) -> str | None:
    """Keep the text under a new name, and say which; None if this system has no keyring for it."""
    name = sources.secret(NAME_BYTES).hex()
    try:
        keyring = _keyring()
        if keyring.get_keyring().priority < LEAST_PRIORITY:
            return None
        keyring.set_password(SERVICE, name, text)
        # One that is locked, or that nobody answers for, may say nothing when it is written to.
        kept = keyring.get_password(SERVICE, name)
    except Exception:  # noqa: BLE001 - whatever it is, the caller keeps the text elsewhere
        return None
    return name if kept == text else None


def get(name: str) -> str:
    """The text under that name. Raises StoreKeyMissing."""
    try:
        text = _keyring().get_password(SERVICE, name)
    except Exception as problem:
        raise StoreKeyMissing(f"{_CANNOT_GET} ({type(problem).__name__})") from problem
    if not isinstance(text, str):
        raise StoreKeyMissing(f"{_CANNOT_GET} (it has no such entry)")
    return text


def change(name: str, text: str) -> None:
    """Keep another text under that name. Raises StoreError."""
    try:
        _keyring().set_password(SERVICE, name, text)
    except Exception as problem:
        raise StoreError("The system's keyring does not take the new key.") from problem


_CANNOT_GET = (
    "The key of these tokens is in the system's keyring, which does not give it. Unlock it, or "
    "remove the file token.key and sign in anew."
)


def _keyring() -> Any:
    # Imported when it is needed: it is optional, and looks for its own parts when it is imported.
    return importlib.import_module("keyring")
