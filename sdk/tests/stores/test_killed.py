"""`kill -9` at any moment of a write: the file can be read, and nothing acknowledged is lost."""

import multiprocessing
import random
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from flextell_sdk.stores.conformance.trial import ALICE, FIRST, PATIENCE
from flextell_sdk.tokens import Tokens
from sdk.tests.stores.places import InFolder

KILLS = 200
MOST_ACKNOWLEDGED = 8


def version(number: int) -> Tokens:
    """What is kept as that version: long enough that half of it would be seen."""
    return Tokens(f"access-{number}" * 1000, f"refresh-{number}", version=number)


def write_until_killed(folder: Path, line: "Connection[Any, Any]") -> None:
    """The process that is killed: it says each version that was kept."""
    store = InFolder(folder)()
    while True:
        with store.hold(ALICE, PATIENCE) as held:
            new = version(FIRST.as_next_after(held.tokens).version)
            held.replace(new)
        line.send(new.version)


def acknowledged_before_the_kill(folder: Path, count: int, moment: float) -> int:
    """The last version that a process said it had kept, before it was killed then."""
    # Forked from a process that has everything imported: two hundred are soon started.
    fork = multiprocessing.get_context("forkserver")
    ours, theirs = fork.Pipe(duplex=False)
    process = fork.Process(target=write_until_killed, args=(folder, theirs))
    process.start()
    theirs.close()
    said: list[int] = [ours.recv() for _ in range(count)]
    process.join(moment)
    process.kill()
    process.join(PATIENCE)
    try:
        while True:
            said.append(ours.recv())
    except EOFError:
        ours.close()
    return said[-1]


def test_nothing_that_was_acknowledged_is_lost_by_200_kills(tmp_path: Path) -> None:
    folder, chance = tmp_path / "tokens", random.Random(4)
    multiprocessing.set_forkserver_preload(["pytest", __name__])
    last = 0
    for _ in range(KILLS):
        said = acknowledged_before_the_kill(
            folder, 1 + chance.randrange(MOST_ACKNOWLEDGED), chance.random() / 200
        )
        kept = InFolder(folder)().load(ALICE)

        assert said > last
        assert kept in (version(said), version(said + 1))
        last = kept.version
    assert len(list(folder.iterdir())) <= 3  # the tokens, a lock, half of a new file
