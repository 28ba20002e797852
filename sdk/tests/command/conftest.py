"""Alice's shell, and no key or keyring of whoever runs the tests."""

from pathlib import Path

import pytest

from flextell_sdk.stores import system_keyring
from flextell_sdk.stores.keys import VARIABLE
from sdk.tests.browsers import no_browser
from sdk.tests.command.shell import Shell
from sdk.tests.world import World


@pytest.fixture
def shell(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Shell:
    """Her shell before she signs in."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(system_keyring, "put", lambda text, sources: None)
    return Shell(world, tmp_path, capsys)


@pytest.fixture
def signed_in(shell: Shell, world: World) -> Shell:
    """Her shell after it; she need not be asked again."""
    shell.sign_in()
    shell.browser = no_browser
    world.server.seen.clear()
    return shell
