"""`python -m flextell_sdk` in this process, in the place of a shell."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from flextell_sdk.command.main import main
from flextell_sdk.command.place import Means, Place
from flextell_sdk.tokens import Tokens
from sdk.tests.browsers import AT_HOME, SECONDS, Browser, program
from sdk.tests.fake_server import CLIENT_ID, CLIENT_SECRET, ISSUER
from sdk.tests.world import SCOPE, World


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left with and printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON that is all of the output."""
        return json.loads(self.out)


class Shell:
    """A person's shell; `browser` is where `sign-in` sends them."""

    def __init__(self, world: World, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.world = world
        self.folder = folder / "tokens"
        self.app_file = folder / "app.json"
        self.browser: Callable[[str], object] = Browser(world.server.allow)
        self.sources = program(world).wire.sources
        self._capsys = capsys
        self.write_app()

    def write_app(self, **changes: Any) -> None:
        """Describe the app in the file."""
        said = {
            "issuer": ISSUER,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uri": AT_HOME.redirect_uri,
            "scope": f"openid {SCOPE}",
            **changes,
        }
        self.app_file.touch(0o600)
        self.app_file.write_text(json.dumps(said))

    @property
    def means(self) -> Means:
        """What commands reach from here."""
        return Means(self.sources, self.world.server.transport, self.browser)

    def run(self, *words: object) -> Ran:
        """Run a command on the folder; a browser that fails is not waited for all that long."""
        if words[0] == "sign-in" and "--wait" not in words:
            words = (*words, "--wait", SECONDS)
        return self.run_bare(*words, "--folder", self.folder)

    def run_bare(self, *words: object) -> Ran:
        """Run exactly this."""
        self._capsys.readouterr()
        try:
            code = main([str(word) for word in words], self.means)
        except SystemExit as usage:
            code = usage.code if isinstance(usage.code, int) else 1
        out, err = self._capsys.readouterr()
        return Ran(code, out, err)

    def sign_in(self, *words: object) -> Ran:
        """Sign in as the app of the file."""
        ran = self.run("sign-in", "--app", self.app_file, *words)
        assert ran.code == 0, ran.err
        return ran

    def place(self, name: str = "default") -> Place:
        """Where the commands work."""
        return Place(self.folder, name, self.means)

    def kept(self) -> Tokens:
        """What is kept there."""
        app = self.place().recall()
        assert app is not None
        tokens = self.place().kept(app)
        assert tokens is not None
        return tokens

    def change(self, **changed: Any) -> None:
        """Let the tokens that are kept be others."""
        app = self.place().recall()
        assert app is not None
        with (
            self.place().grants(app) as grants,
            grants.store.hold(app.grant_key("default"), 1) as h,
        ):
            assert h.tokens is not None
            h.replace(replace(h.tokens, version=h.tokens.version + 1, **changed))

    def files(self, suffix: str) -> list[Path]:
        """The files of that kind in the folder."""
        return sorted(self.folder.glob(f"*{suffix}"))


def one_sentence(ran: Ran, code: int) -> str:
    """What was said on standard error, and nothing else."""
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.count("\n") == 1
    return ran.err.strip()
