"""A node of several tiny workers, started as a process of its own with the data directory.

`/` names the process that answers; `/wait` answers when the file `go` is in the data directory;
`/hang` stops its worker's loop. BROKEN=sentence keeps workers from starting, or BROKEN_WORKERS of
them. None lives for long while the file `doom` is there, and none is well while `ill` is.
"""

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from flextell import log
from flextell.exits import ExitCode, ExitError
from flextell.management import Service
from flextell.settings import Settings
from flextell.workers import patience, supervisor
from flextell.workers.supervisor import supervise
from flextell.workers.worker import Parent, work

# Nobody looks there: these workers have no store.
DATABASE = "postgresql://nobody@localhost:1/nothing"


def tiny(settings: Settings) -> ASGIApp:
    go = settings.data_dir / "go"

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await live(settings.data_dir / "doom", receive, send)
        if scope["path"] == "/hang":
            time.sleep(600)  # noqa: ASYNC251 - which is what it is for
        while scope["path"] == "/wait" and not go.exists():  # noqa: ASYNC110 - from outside
            await asyncio.sleep(0.01)
        body = str(os.getpid()).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


async def live(doom: Path, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    dying = asyncio.create_task(die(doom))
    await receive()
    dying.cancel()
    await send({"type": "lifespan.shutdown.complete"})


async def die(doom: Path) -> None:
    while not doom.exists():  # noqa: ASYNC110, ASYNC240 - a word from outside
        await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)


def comes_in_time(data_dir: Path) -> bool:
    """Whether this worker is among the first, if only so many are to be broken."""
    for number in range(int(os.environ.get("BROKEN_WORKERS", "999"))):
        with suppress(FileExistsError):
            (data_dir / f"broken-{number}").touch(exist_ok=False)
            return True
    return False


def build(settings: Settings) -> Service:
    if "BROKEN" in os.environ and comes_in_time(settings.data_dir):
        raise ExitError(os.environ["BROKEN"], ExitCode.KEY_FILE)
    return Service(tiny(settings), lambda: {"part": not (settings.data_dir / "ill").exists()})


def be_worker(descriptor: int) -> int:
    parent = Parent(descriptor)
    try:
        work(parent.orders(), parent, build)
    except ExitError as error:
        parent.hear_problem(error)
        return error.code
    return 0


def be_parent(data_dir: Path) -> int:
    # What takes an operator's time would take ours.
    supervisor.WATCH_SECONDS, supervisor.SILENT_TIMES = 0.2, 2
    supervisor.LENIENCE_SECONDS = -11.0 if "HASTY" in os.environ else 2.0
    patience.FIRST_PAUSE_SECONDS = 0.01
    settings = Settings(data_dir=data_dir, database=DATABASE)
    log.configure(settings.log_level)
    try:
        supervise(settings, [sys.executable, "-P", __file__, "worker"])
    except ExitError as error:
        print(error.sentence, file=sys.stderr)
        return error.code
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        sys.exit(be_worker(int(sys.argv[2])))
    sys.exit(be_parent(Path(sys.argv[1])))
