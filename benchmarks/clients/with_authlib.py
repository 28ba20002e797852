"""Authlib's OAuth2Session, with its documented hook for new tokens and a JSON file behind that.

docs.authlib.org/en/latest/client/oauth2.html, "Fetch Token" and "Refresh & Auto Update Token".
"""

import json
from pathlib import Path
from typing import Any

from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from benchmarks.clients.place import (
    EARLY_SECONDS,
    REFUSED,
    TIMEOUT_SECONDS,
    TORN,
    Failed,
    Lost,
    Place,
    check,
)

NAME, PACKAGE = "Authlib", "authlib"


class Session:
    """One session for all threads: then a refresh by one is there for the others too."""

    def __init__(self, place: Place, folder: Path, *, signs_in: bool) -> None:
        self._api = place.api
        self._file = folder / "token.json"
        self._session = OAuth2Session(
            place.client_id,
            place.client_secret,
            scope=place.scope,
            redirect_uri=place.redirect_uri,
            token_endpoint=place.token_endpoint,
            token=None if signs_in else self._load(),
            update_token=self._update_token,
            code_challenge_method="S256",
            leeway=EARLY_SECONDS,
            default_timeout=TIMEOUT_SECONDS,
        )
        if signs_in:
            self._sign_in(place)

    def restore(self) -> None:
        """As its page does before a request."""
        try:
            self._session.token = self._load()
        except Lost as problem:
            raise Failed(str(problem)) from None

    def call(self) -> None:
        """Raises Lost, Failed, and what the library raises."""
        try:
            response = self._session.get(self._api)
        except OAuthError as problem:
            if problem.error == "invalid_grant":
                raise Lost(REFUSED) from None
            raise
        check(response.status_code, response.content)

    def _sign_in(self, place: Place) -> None:
        verifier = generate_token(48)
        url, state = self._session.create_authorization_url(
            place.authorization_endpoint, code_verifier=verifier
        )
        token = self._session.fetch_token(
            place.token_endpoint,
            authorization_response=place.visit(url),
            state=state,
            code_verifier=verifier,
        )
        self._update_token(token)

    def _update_token(
        self, token: Any, refresh_token: str | None = None, access_token: str | None = None
    ) -> None:
        with self._file.open("w") as file:
            json.dump(token, file)

    def _load(self) -> Any:
        try:
            return json.loads(self._file.read_text())
        except ValueError:
            raise Lost(TORN) from None
