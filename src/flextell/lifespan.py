"""Start and stop an ASGI app (ASGI lifespan protocol); its errors are raised, not logged."""

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message

APP_STOP_SECONDS = 5


class Lifespan:
    """What uvicorn expects of a lifespan, and no more."""

    should_exit = False

    def __init__(self, app: ASGIApp) -> None:
        self.state: dict[str, Any] = {}
        self._app = app
        self._events: asyncio.Queue[Message] = asyncio.Queue()
        self._started = asyncio.Event()
        self._reason = "The app's lifespan ended before it had started."

    async def startup(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        self._events.put_nowait({"type": "lifespan.startup"})
        self._task = asyncio.ensure_future(self._app(scope, self._events.get, self._send))
        started = asyncio.ensure_future(self._started.wait())
        await asyncio.wait({self._task, started}, return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        if not self._started.is_set():
            self._task.result()
            raise RuntimeError(self._reason)

    async def shutdown(self) -> None:
        self._events.put_nowait({"type": "lifespan.shutdown"})
        await asyncio.wait_for(self._task, APP_STOP_SECONDS)

    async def _send(self, message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            self._started.set()
        elif message["type"] == "lifespan.startup.failed":
            self._reason = message.get("message") or self._reason
