"""Name what all tests share, those of the server and those of the SDK, together or apart."""

pytest_plugins = ("tests.settled", "tests.postgres", "tests.figures")
