"""Run commands in this process as the program does, with their standard streams and exit code."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flextell.cli import run
from flextell.settings import Settings
from flextell.store.opening import open_store
from flextell.store.port import Store


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command printed and left with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON on standard output, which is all there is on it."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        """The JSON on standard error, when the command failed and said nothing else."""
        assert self.out == ""
        error: dict[str, str] = json.loads(self.err)
        return error


Run = Callable[..., Ran]

PASSWORD = "correct horse battery staple"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory that is not there yet."""
    return tmp_path / "data"


@pytest.fixture
def flextell(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """Run a command on `data_dir`, by its environment variable, with `stdin` to read."""
    monkeypatch.setenv("FLEXTELL_DATA_DIR", str(data_dir))
    # The log is the process's, and this one has other tests to run.
    for opener in ("flextell.log.configure", "flextell.cli.serve.open_log"):
        monkeypatch.setattr(opener, lambda level: None)
    monkeypatch.setattr("flextell.cli.demo.open_log", lambda level: None)

    def flextell(*arguments: str, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capfd.readouterr()
        code = run(arguments)
        out, err = capfd.readouterr()
        return Ran(code, out, err)

    return flextell


@pytest.fixture
def store(data_dir: Path) -> Callable[[], Store]:
    """Open the store of `data_dir`, to look behind a command."""
    return lambda: open_store(Settings(data_dir=data_dir))


@pytest.fixture
def alice(flextell: Run) -> dict[str, Any]:
    """Alice, who can sign in."""
    created: dict[str, Any] = flextell(
        "users", "create", "--email", "alice@example.com", "--name", "Alice",
        "--password-stdin", "--json", stdin=PASSWORD.encode(),
    ).json  # fmt: skip
    return created


@pytest.fixture
def photos(flextell: Run) -> dict[str, Any]:
    """Photos, as `apps create` answered."""
    created: dict[str, Any] = flextell(
        "apps", "create", "--name", "Photos", "--redirect-uri", "https://localhost:9443/callback",
        "--scope", "account:read customers:read", "--json",
    ).json  # fmt: skip
    return created


def listed(created: dict[str, Any]) -> dict[str, Any]:
    """A person as `users list` shows them: what `users create` said, without their tenant."""
    return {name: value for name, value in created.items() if name != "tenant_id"}
