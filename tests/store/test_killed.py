"""`kill -9` in the middle of parallel chains: what was acknowledged is there afterwards."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from flextell.store.port import Unit
from flextell.store.sqlite_store import SqliteStore
from tests.store.samples import connect_photos, generations, refreshed

CHAINS = 16
ANSWERS = 300
ROUNDS = 5


def first_token(chain: int) -> str:
    return f"flx_refresh_first_{chain}"


def refresh_until_killed(path: Path) -> None:
    """The process that is killed: it prints each successor after it was acknowledged."""
    store = SqliteStore(path)

    async def refresh(chain: int) -> None:
        token = first_token(chain)
        while True:
            token = (await store.write(partial(refreshed, token=token))).refresh_token
            print(chain, token, flush=True)

    async def all_chains() -> None:
        await asyncio.gather(*(refresh(chain) for chain in range(CHAINS)))

    asyncio.run(all_chains())


def known(unit: Unit, tokens: list[str]) -> list[int | None]:
    return generations(unit, *tokens)


@pytest.fixture
def writing(sqlite_file: Path) -> Iterator["subprocess.Popen[str]"]:
    """The process, ready to be killed."""
    store = SqliteStore(sqlite_file)
    for chain in range(CHAINS):
        store.at_once(partial(connect_photos, grant_id=f"grant-{chain}", token=first_token(chain)))
    store.close()
    with subprocess.Popen(
        [sys.executable, "-m", __name__, str(sqlite_file)], stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_every_acknowledged_refresh_survives_kill_9(
    writing: "subprocess.Popen[str]", sqlite_file: Path, round_: int
) -> None:
    assert writing.stdout is not None
    lines = [writing.stdout.readline() for _ in range(ANSWERS + 37 * round_)]
    writing.send_signal(signal.SIGKILL)
    lines += writing.stdout.read().splitlines()
    assert writing.wait(10) == -signal.SIGKILL

    answered: dict[int, list[str]] = {chain: [first_token(chain)] for chain in range(CHAINS)}
    for line in lines:
        chain, _, token = line.strip().partition(" ")
        # The kill may have cut the last line in two.
        if len(token) == len("flx_refresh_") + 32:
            answered[int(chain)].append(token)
    store = SqliteStore(sqlite_file)
    for tokens in answered.values():
        assert store.at_once(partial(known, tokens=tokens)) == list(range(len(tokens)))
        assert store.at_once(partial(refreshed, token=tokens[-1])).refresh_token
    store.close()


if __name__ == "__main__":
    refresh_until_killed(Path(sys.argv[1]))
