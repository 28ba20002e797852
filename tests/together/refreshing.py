"""A process that refreshes a grant without a pause, to be killed while it does."""

from multiprocessing.connection import Connection
from pathlib import Path

import flextell_sdk
from tests.together.sdk import shared_store


def refresh_until_killed(app: flextell_sdk.App, folder: Path, told: Connection) -> None:
    """Tell `ready` after a call that succeeded, then refresh for ever; tell an error if one comes.

    As a call does whose tokens the API no longer takes, but with no call between.
    """
    try:
        grants = flextell_sdk.Grants(app, shared_store(folder))
        grant = grants.open("alice")
        flextell_sdk.Client(grant).about()
        tokens = grant.tokens()
        told.send("ready")
        while True:
            coming = grant.other_than(tokens)
            assert coming is not None
            tokens = coming if isinstance(coming, flextell_sdk.Tokens) else coming.result()
            grant.accepted()
    except Exception as problem:  # noqa: BLE001 - whatever it is, the test is to know
        told.send(repr(problem))
