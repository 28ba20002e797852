"""Flextell's SDK, as its README says."""

from pathlib import Path

import flextell_sdk
from benchmarks.clients.place import REFUSED, TIMEOUT_SECONDS, Lost, Place

NAME, PACKAGE = "Flextell SDK", "flextell-sdk"


class Session:
    """One client for all threads, its tokens in a folder."""

    def __init__(self, place: Place, folder: Path, *, signs_in: bool) -> None:
        app = flextell_sdk.App(
            issuer=place.issuer,
            client_id=place.client_id,
            client_secret=place.client_secret,
            redirect_uri=place.redirect_uri,
            scope=place.scope,
            ca_file=place.ca_file,
            api=place.api,
            timeout_seconds=TIMEOUT_SECONDS,
        )
        grants = flextell_sdk.Grants(app, flextell_sdk.FileStore(folder / "tokens"))
        if signs_in:
            begun = grants.start_sign_in()
            code = flextell_sdk.finish_sign_in(place.visit(begun.url), begun.remembered)
            grants.exchange_code(code, "alice")
        self._client = flextell_sdk.Client(grants.open("alice"))

    def restore(self) -> None:
        """The SDK does that by itself when it is time."""

    def call(self) -> None:
        """Raises Lost, and what the SDK raises."""
        try:
            self._client.call("GET", "")
        except flextell_sdk.SignInAgain as problem:
            raise Lost(REFUSED if "invalid_grant" in problem.why else problem.why) from None
