"""A program that forks: parent and child each have their own threads, locks and connections."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


@pytest.fixture(scope="module")
def told() -> Any:
    """What parent and child did, in a process of its own: forking a test run is no good idea."""
    program = Path(__file__).with_name("forking.py")
    ran = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_a_child_opens_a_connection_of_its_own_and_keeps_it(told: Any) -> None:
    one, other = told["child"]["connections"]

    assert one == other
    assert one not in told["parent"]["connections"]
    assert not told["child"]["has the parent's"]


def test_a_parent_goes_on_with_the_connection_that_it_had(told: Any) -> None:
    """The child did not close it, neither when it took its own nor when it ended."""
    before, after = told["parent"]["connections"]

    assert before == after
    assert told["end"] == 0


def test_a_child_takes_the_tokens_of_the_refresh_that_its_parent_had_begun(told: Any) -> None:
    """The threads of the parent, for which it would wait for ever, are not in the child."""
    assert told["child"]["token"] == told["parent"]["token"] == "access 1"
    assert told["parent"]["refreshes"] == 1
