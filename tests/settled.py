"""Settle how every test runs: async ones on asyncio, generated ones without a time limit."""

import os
import signal

import pytest
from hypothesis import settings

settings.register_profile("dev", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=200, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

# Who starts the tests in the background has them ignore Ctrl-C, and with them every program that
# a test presses it for.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Run `@pytest.mark.anyio` tests on asyncio's own event loop, whichever else is installed."""
    return "asyncio", {"use_uvloop": False}
