"""Name what all tests share, those of the server and those of the SDK, together or apart."""

import pytest

pytest_plugins = ("tests.settled", "tests.postgres", "tests.figures")

# These take minutes: begun last, they would keep one process busy while the others have ended.
LONG = {"test_sdk_sharing.py", "test_sdk_storm.py", "test_kill.py"}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long ones; the order of all others stays random."""
    items.sort(key=lambda item: item.path.name not in LONG)
