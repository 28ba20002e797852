"""Keyrings for tests, as the package `keyring` looks to those who use it."""

from dataclasses import dataclass, field
from pathlib import Path

# A module that keeps passwords in files, for other processes to import as `keyring`.
MODULE = """
from pathlib import Path
from types import SimpleNamespace

FOLDER = Path(__file__).parent / "passwords"


def get_keyring():
    return SimpleNamespace(priority=5)


def get_password(service, name):
    file = FOLDER / name
    return file.read_text() if file.exists() else None


def set_password(service, name, password):
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / name).write_text(password)
"""


def install_for_processes(folder: Path) -> None:
    """Put the module into a folder that processes import from."""
    (folder / "keyring.py").write_text(MODULE)


class Locked(Exception):
    """What keyrings raise is of their own making."""


@dataclass(slots=True)
class FakeKeyring:
    """One that works, until it is told not to."""

    priority: float = 5
    passwords: dict[tuple[str, str], str] = field(default_factory=dict)
    can_read: bool = True
    can_write: bool = True
    keeps: bool = True

    def get_keyring(self) -> "FakeKeyring":
        """Itself, for it is only asked for its priority."""
        return self

    def get_password(self, service: str, name: str) -> str | None:
        """Raises Locked."""
        if not self.can_read:
            raise Locked
        return self.passwords.get((service, name))

    def set_password(self, service: str, name: str, password: str) -> None:
        """Raises Locked."""
        if not self.can_write:
            raise Locked
        if self.keeps:
            self.passwords[service, name] = password
