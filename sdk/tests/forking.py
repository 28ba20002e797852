"""A program that forks with a connection open and a refresh under way; it says what came of it.

A server of a few lines, in a thread of the parent, answers each call with the port that it came
from: with the name of its connection, that is.
"""

import json
import os
import signal
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from flextell_sdk import App, Client, FileStore, Grant, Grants
from flextell_sdk.stores import Seal
from flextell_sdk.tokens import Tokens

PATIENCE_SECONDS = 30
asked_to_refresh = threading.Event()
forked = threading.Event()
refreshes: list[str] = []


class Server(BaseHTTPRequestHandler):
    """Keeps connections open, and refreshes only when the parent has a child."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        issuer = f"http://{self.headers['host']}"
        endpoints = {f"{kind}_endpoint": f"{issuer}/{kind}" for kind in ("authorization", "token")}
        is_metadata = self.path.startswith("/.well-known/")
        self.say({"issuer": issuer, **endpoints} if is_metadata else self.client_address[1])

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        refreshes.append("one more")
        asked_to_refresh.set()
        forked.wait(PATIENCE_SECONDS)
        self.say({"access_token": f"access {len(refreshes)}", "token_type": "Bearer"})

    def say(self, said: Any) -> None:
        """Answer with JSON."""
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def child(grants: Grants, fresh: Grant, expired: Grant, http: object) -> dict[str, Any]:
    """What the child does with what it inherited."""
    client = Client(fresh)
    return {
        "connections": [client.call("GET", "/") for _ in range(2)],
        "has the parent's": http is grants.wire.http(),
        "token": expired.tokens().access_token,
    }


def main(folder: str) -> int:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    app = App(url, "photos", allow_plain_http_on_loopback_for_development=True)
    grants = Grants(app, FileStore(folder, Seal((bytes(32),))))
    fresh, expired = grants.open("alice"), grants.open("bob")
    fresh.begin(Tokens("access 0"))
    expired.begin(Tokens("access 0", "refresh", expires_at=0.0, lifetime=60.0))
    client = Client(fresh)
    before, http = client.call("GET", "/"), grants.wire.http()
    refresh = threading.Thread(target=expired.tokens)
    refresh.start()
    asked_to_refresh.wait(PATIENCE_SECONDS)
    reader, writer = os.pipe()
    if (process := os.fork()) == 0:
        signal.alarm(PATIENCE_SECONDS)
        told = child(grants, fresh, expired, http)
        grants.close()
        os.write(writer, json.dumps(told).encode())
        os._exit(0)
    forked.set()
    refresh.join()
    _, status = os.waitpid(process, 0)
    os.close(writer)
    mine = {
        "connections": [before, client.call("GET", "/")],
        "token": expired.tokens().access_token,
        "refreshes": len(refreshes),
    }
    print(json.dumps({"parent": mine, "child": json.loads(os.read(reader, 4096)), "end": status}))
    return 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(main(folder))
