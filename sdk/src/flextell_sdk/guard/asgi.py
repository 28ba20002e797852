"""Guard a whole ASGI application, whatever it was written with.

app = GuardMiddleware(app, guard, scopes={"/customers": ["customers:read"]}, open_paths=["/health"])
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from flextell_sdk.guard.guard import Guard
from flextell_sdk.guard.refusals import Answer, Refusal

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

# RFC 6455 §7.4.1: the end of a conversation that is against the rules.
POLICY_VIOLATION = 1008


class GuardMiddleware:
    """Lets through what the guard lets through; the caller is then in `scope["state"]["caller"]`.

    `scopes`: a path, and the scopes of which a token needs one there and below it; the longest
    path counts, and where none fits any good token will do. `open_paths` need no token, each by
    itself and not what is below it.
    """

    def __init__(
        self,
        app: ASGIApp,
        guard: Guard,
        *,
        scopes: Mapping[str, Iterable[str]] | None = None,
        open_paths: Iterable[str] = (),
    ) -> None:
        self._app = app
        self._guard = guard
        self._scopes = {
            path.rstrip("/"): tuple(any_of)
            for path, any_of in sorted((scopes or {}).items(), key=lambda row: -len(row[0]))
        }
        self._open = frozenset(open_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in self._open:
            await self._app(scope, receive, send)
            return
        try:
            caller = await self._guard.check_async(values(scope), *self._needed(scope["path"]))
        except Refusal as refusal:
            await refuse(scope, send, self._guard.answer(refusal))
            return
        state = {**scope.get("state", {}), "caller": caller}
        await self._app({**scope, "state": state}, receive, send)

    def _needed(self, path: str) -> tuple[str, ...]:
        for above, any_of in self._scopes.items():
            if path == above or path.startswith(f"{above}/"):
                return any_of
        return ()


def values(scope: Scope) -> list[str]:
    """Every value of the Authorization header, in order."""
    return [v.decode("latin-1") for name, v in scope["headers"] if name.lower() == b"authorization"]


async def refuse(scope: Scope, send: Send, answer: Answer) -> None:
    """Send the answer; a WebSocket that was not opened yet is closed, with the answer if it can."""
    kind = "http.response"
    if scope["type"] == "websocket":
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        kind = "websocket.http.response"
    headers = [(n.encode("ascii"), v.encode("ascii")) for n, v in answer.headers]
    headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": f"{kind}.start", "status": answer.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": answer.body})
