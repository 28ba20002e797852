"""Start Photos: read its settings and serve it over HTTPS.

    python examples/photos/app.py --issuer https://localhost:8443 --client-id ID \
        --client-secret-file FILE --certificate FILE --certificate-key FILE

Every option can also be given as an environment variable: PHOTOS_ and its name in capitals. The
secret itself only as PHOTOS_CLIENT_SECRET or in a file: a command line can be seen by others.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from flextell_sdk import App, FileStore, FlextellError, Grants
from photos.web import build_app

# The least that Photos can work with.
SCOPE = "account:read customers:read"


def settings() -> argparse.Namespace:
    """The settings from the command line, else from the environment, else the default."""
    parser = argparse.ArgumentParser(
        description="Photos, a sample app that connects to Flextell.",
        epilog="Each option has an environment variable, such as PHOTOS_CLIENT_ID. The secret "
        "is read from --client-secret-file or PHOTOS_CLIENT_SECRET.",
        allow_abbrev=False,
    )

    def option(
        name: str, help: str, default: str | None = None, type: Callable[[str], Any] = str
    ) -> None:
        value = os.environ.get("PHOTOS_" + name.upper().replace("-", "_"), default)
        parser.add_argument(
            f"--{name}", help=help, default=value, required=value is None, type=type
        )

    option("issuer", "URL of the Flextell server, as in its metadata")
    option("ca-file", "PEM file of the authority to trust (empty: the system's)", "")
    option("client-id", "the client_id that Photos was registered with")
    option("client-secret-file", "file that holds the client secret", "")
    option("port", "port on localhost to serve on (9443)", "9443", int)
    option("certificate", "PEM file of the certificate of Photos", type=Path)
    option("certificate-key", "PEM file of that certificate's private key", type=Path)
    option("data-dir", "folder of the encrypted tokens (photos-data)", "photos-data", Path)

    given = parser.parse_args()
    if given.client_secret_file:
        given.client_secret = Path(given.client_secret_file).read_text().strip()
    else:
        given.client_secret = os.environ.get("PHOTOS_CLIENT_SECRET", "")
    if not given.client_secret:
        parser.error("the secret is missing: use --client-secret-file or PHOTOS_CLIENT_SECRET")
    return given


def main() -> None:
    """Serve until stopped."""
    logging.basicConfig()
    given = settings()
    origin = f"https://localhost:{given.port}"
    try:
        flextell = App(
            issuer=given.issuer,
            client_id=given.client_id,
            client_secret=given.client_secret,
            redirect_uri=f"{origin}/callback",
            scope=SCOPE,
            ca_file=given.ca_file or None,
        )
        grants = Grants(flextell, FileStore(given.data_dir))
        http = httpx2.AsyncClient(base_url=flextell.api_url, verify=flextell.trust())
    except FlextellError as problem:
        sys.exit(f"Photos cannot start: {problem}")
    print(f"Photos is at {origin}/ and connects to {given.issuer}", flush=True)
    uvicorn.run(
        build_app(grants, http),
        host="127.0.0.1",
        port=given.port,
        ssl_certfile=given.certificate,
        ssl_keyfile=given.certificate_key,
        access_log=False,  # it would write the code and the state, which stand in the address
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
