"""A server of a few lines, started as a process of its own with the data directory as argument.

`/` says who asked; `/large` answers with 48 MiB; `/wait` says "asked" on standard output and
answers when a line comes in on standard input; `/body` reads the whole request and names its
headers. RUN_AS=UID gives up root first. WELL=false makes the check of its only part fail; SLOW=yes
waits for a line before it starts.
"""

import asyncio
import os
import sys
from pathlib import Path

from starlette.types import Message, Receive, Scope, Send

from flextell.exits import ExitError
from flextell.management import Service
from flextell.serving import serve
from flextell.settings import Settings
from flextell.transport import RequireHttps


def say(line: str) -> None:
    print(line, flush=True)


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        return await live(receive, send)
    if scope["path"] == "/wait":
        say("asked")
        await asyncio.to_thread(sys.stdin.readline)
    if scope["path"] == "/body":
        message: Message = {"more_body": True}
        while message.get("more_body"):
            message = await receive()
    if scope["path"] == "/large":
        return await answer_at_length(send)
    body = f"{scope['scheme']} from {scope['client'][0]}".encode()
    if scope["path"] == "/body":
        body = b" ".join(name for name, _ in scope["headers"])
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def answer_at_length(send: Send) -> None:
    headers = [(b"content-length", b"%d" % (48 * 2**20))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for _ in range(48 * 16):
        await send({"type": "http.response.body", "body": bytes(2**16), "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def live(receive: Receive, send: Send) -> None:
    await receive()
    if "BROKEN" in os.environ:
        raise LookupError("the app could not start")
    if "SLOW" in os.environ:
        say("app starting")
        await asyncio.to_thread(sys.stdin.readline)
    say("app started")
    await send({"type": "lifespan.startup.complete"})
    await receive()
    say("app stopped")
    await send({"type": "lifespan.shutdown.complete"})


def main() -> int:
    if "RUN_AS" in os.environ:
        os.setgroups([])
        os.setgid(int(os.environ["RUN_AS"]))
        os.setuid(int(os.environ["RUN_AS"]))
    settings = Settings(data_dir=Path(sys.argv[1]))
    try:
        serve(
            settings,
            lambda completed: Service(
                RequireHttps(
                    answer,
                    completed.trusted_proxies,
                    completed.development_plain_http_on_loopback,
                ),
                lambda: {"part": os.environ.get("WELL") != "false"},
            ),
        )
    except ExitError as error:
        print(error.sentence, file=sys.stderr)
        return error.code
    except LookupError as error:
        print(f"bug: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
