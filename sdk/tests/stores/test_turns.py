"""Turns of threads: one at a time, nothing left behind, and no lock inherited by a fork."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from flextell_sdk.errors import StoreBusy
from flextell_sdk.stores.turns import Turns


def test_who_waits_too_long_is_told() -> None:
    turns = Turns()

    with (
        turns.turn("alice", 0),
        turns.turn("bob", 0),
        pytest.raises(StoreBusy, match="Another thread holds these tokens"),
        turns.turn("alice", 0.01),
    ):
        pass


def test_no_lock_is_kept_for_those_who_are_gone() -> None:
    turns = Turns()

    def take(number: int) -> None:
        with turns.turn(str(number % 50), 60):
            assert len(turns._locks) > 0

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, range(1000)))
    assert len(turns._locks) == 0


def test_the_child_of_a_fork_does_not_wait_for_threads_that_it_does_not_have() -> None:
    script = """
import os
from flextell_sdk.stores.turns import Turns
turns = Turns()
with turns.turn("alice", 0):
    child = os.fork()
    if not child:
        with turns.turn("alice", 0):
            os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.stdout, done.stderr) == ("0\n", "")
