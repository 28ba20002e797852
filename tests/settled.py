"""Settle how every test runs: async ones on asyncio, generated ones without a time limit."""

import os

import pytest
from hypothesis import settings

settings.register_profile("dev", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=200, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Run `@pytest.mark.anyio` tests on asyncio's own event loop, whichever else is installed."""
    return "asyncio", {"use_uvloop": False}
