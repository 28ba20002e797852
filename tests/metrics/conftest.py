"""A node whose numbers are looked at."""

from tests.web.conftest import alice, browser, new_browser, own_world, world

__all__ = ["alice", "browser", "new_browser", "own_world", "world"]
