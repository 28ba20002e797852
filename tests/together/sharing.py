"""A process that shares a grant with others: calls until its input ends, then says how it went.

`python -m tests.together.sharing ISSUER CLIENT_ID CLIENT_SECRET CA_FILE FOLDER`
"""

import json
import sys
from pathlib import Path

from tests.together.sdk import Callers, at, shared_store
from tests.together.server import CALLBACK, SCOPE, App


def main(issuer: str, client_id: str, client_secret: str, ca_file: str, folder: str) -> None:
    """Call, and print the outcomes as JSON."""
    app = at(issuer, App(client_id, client_secret, CALLBACK, SCOPE), Path(ca_file))
    with Callers(app, shared_store(Path(folder)), threads=1, tasks=0).calling() as callers:
        sys.stdin.read()
    print(json.dumps(callers.outcomes))


if __name__ == "__main__":
    main(*sys.argv[1:])
