"""The date of answers: no older than a tick, since clients set their clocks by it (RFC 9110)."""

import time
from contextlib import nullcontext
from email.utils import formatdate
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from flextell.accepting import Terms, configured
from flextell.asgi_server import _Server
from flextell.http_protocol import Bounds
from flextell.life import Life

pytestmark = pytest.mark.anyio


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Nobody asks it."""


async def nobody(make: Any, tls: Any) -> Any:
    """In the place of sockets."""


async def test_every_tick_sets_the_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 9110 §6.6.1: the best approximation of the moment of the answer."""
    terms = Terms(None, 1, Bounds(1000, 1, 1))
    config = configured(app, terms)
    server = _Server(config, nobody, terms, Life(0), lambda: None, nullcontext())
    for tick in range(1, 4):
        monkeypatch.setattr(time, "time", lambda now=1_800_000_000.0 + tick: now)
        await server.on_tick(tick)

        date = dict(server.server_state.default_headers)[b"date"]
        assert date == formatdate(1_800_000_000 + tick, usegmt=True).encode()
