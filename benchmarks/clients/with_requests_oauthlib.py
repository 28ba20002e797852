"""requests-oauthlib's OAuth2Session, which refreshes by itself and saves to a JSON file.

requests-oauthlib.readthedocs.io/en/latest/oauth2_workflow.html, "Refreshing tokens", "(Third,
Recommended) Define automatic token refresh and update".
"""

import json
from pathlib import Path
from typing import Any

from oauthlib.oauth2 import InvalidGrantError
from requests_oauthlib import OAuth2Session

from benchmarks.clients.place import REFUSED, TIMEOUT_SECONDS, TORN, Failed, Lost, Place, check

NAME, PACKAGE = "requests-oauthlib", "requests-oauthlib"


class Session:
    """One session for all threads: then a refresh by one is there for the others too."""

    def __init__(self, place: Place, folder: Path, *, signs_in: bool) -> None:
        self._api = place.api
        self._file = folder / "token.json"
        self._session = OAuth2Session(
            place.client_id,
            scope=place.scope.split(),
            redirect_uri=place.redirect_uri,
            token=None if signs_in else self._load(),
            auto_refresh_url=place.token_endpoint,
            auto_refresh_kwargs={
                "client_id": place.client_id,
                "client_secret": place.client_secret,
            },
            token_updater=self._token_saver,
            pkce="S256",
        )
        if signs_in:
            self._token_saver(fetched(self._session, place))

    def restore(self) -> None:
        """As its page makes a session for each use."""
        try:
            self._session.token = self._load()
        except Lost as problem:
            raise Failed(str(problem)) from None

    def call(self) -> None:
        """Raises Lost, Failed, and what the library raises."""
        try:
            response = self._session.get(self._api, timeout=TIMEOUT_SECONDS)
        except InvalidGrantError:
            raise Lost(REFUSED) from None
        check(response.status_code, response.content)

    def _token_saver(self, token: Any) -> None:
        with self._file.open("w") as file:
            json.dump(token, file)

    def _load(self) -> Any:
        try:
            return json.loads(self._file.read_text())
        except ValueError:
            raise Lost(TORN) from None


def fetched(session: Any, place: Place) -> Any:
    """The token of a sign-in, as its "Web Application Flow" has it."""
    url, _ = session.authorization_url(place.authorization_endpoint)
    return session.fetch_token(
        place.token_endpoint,
        authorization_response=place.visit(url),
        client_secret=place.client_secret,
    )
