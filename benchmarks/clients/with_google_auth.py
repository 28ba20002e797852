"""google-auth's Credentials and AuthorizedSession at another token endpoint than Google's.

googleapis.dev/python/google-auth/latest/user-guide.html, "User credentials"; what is saved is
`credentials.to_json()` in `token.json`, as in Google's quickstarts, which sign in with a wrapper
of requests-oauthlib: developers.google.com/workspace/drive/api/quickstart/python.
"""

import datetime
import json
from pathlib import Path

from google.auth import _helpers
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials
from requests_oauthlib import OAuth2Session

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
from benchmarks.clients.with_requests_oauthlib import fetched

NAME, PACKAGE = "google-auth", "google-auth"

# Its 225 seconds would have it refresh before every call here.
_helpers.REFRESH_THRESHOLD = datetime.timedelta(seconds=EARLY_SECONDS)


class Session:
    """One session for all threads: then a refresh by one is there for the others too.

    There is no hook for new tokens, as Google's refresh tokens are not replaced. The quickstart
    saves after a refresh: here after each call that brought one.
    """

    def __init__(self, place: Place, folder: Path, *, signs_in: bool) -> None:
        self._api = place.api
        self._file = folder / "token.json"
        self._credentials = self._signed_in(place) if signs_in else self._load()
        self._saved = self._credentials.token
        self._session = AuthorizedSession(self._credentials)
        if signs_in:
            self._save()

    def restore(self) -> None:
        """As the quickstart does at each start."""
        try:
            self._credentials = self._load()
        except Lost as problem:
            raise Failed(str(problem)) from None
        self._saved = self._credentials.token
        self._session.credentials = self._credentials

    def call(self) -> None:
        """Raises Lost, Failed, and what the library raises."""
        try:
            response = self._session.get(self._api, timeout=TIMEOUT_SECONDS)
        except RefreshError as problem:
            if "invalid_grant" in str(problem):
                raise Lost(REFUSED) from None
            raise
        finally:
            if self._credentials.token != self._saved:
                self._save()
        check(response.status_code, response.content)

    def _save(self) -> None:
        self._saved = self._credentials.token
        self._file.write_text(self._credentials.to_json())

    def _load(self) -> Credentials:
        try:
            kept = json.loads(self._file.read_text())
        except ValueError:
            raise Lost(TORN) from None
        expiry = datetime.datetime.fromisoformat(kept.pop("expiry").removesuffix("Z"))
        return Credentials(**kept, expiry=expiry)

    def _signed_in(self, place: Place) -> Credentials:
        flow = OAuth2Session(
            place.client_id,
            scope=place.scope.split(),
            redirect_uri=place.redirect_uri,
            pkce="S256",
        )
        token = fetched(flow, place)
        expiry = datetime.datetime.fromtimestamp(token["expires_at"], datetime.UTC)
        return Credentials(
            token["access_token"],
            refresh_token=token["refresh_token"],
            token_uri=place.token_endpoint,
            client_id=place.client_id,
            client_secret=place.client_secret,
            expiry=expiry.replace(tzinfo=None),
        )
