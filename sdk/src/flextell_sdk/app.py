"""The app: what it got when it was registered, and how it reaches the server."""

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx2

from flextell_sdk.app_file import app_fields
from flextell_sdk.errors import ServerMisconfigured

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
TIMEOUT_SECONDS = 10.0
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class App:
    """A registered client of one authorization server.

    `issuer` is the server's own address; everything else about it is discovered. Without a
    `client_secret` the app is a public client. `scope` is what it asks for, separated by spaces;
    empty: the defaults of its registration. `ca_file`: PEM certificates to trust instead of the
    system's. `api` is where the API begins, `ISSUER/api` unless given: tokens go there and nowhere
    else. `resource` names the API where the server wants that said (RFC 8707). One
    request waits `timeout_seconds` for an answer; one call, with all its tries, takes about
    `patience_seconds` at most.

    Raises ServerMisconfigured for an address that is not https.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    redirect_uri: str = ""
    scope: str = ""
    ca_file: str | Path | None = None
    api: str = ""
    resource: str = ""
    timeout_seconds: float = TIMEOUT_SECONDS
    patience_seconds: float = PATIENCE_SECONDS
    allow_plain_http_on_loopback_for_development: bool = False

    def __post_init__(self) -> None:
        self.check_url(self.issuer, "The issuer")
        self.check_url(self.api_url, "The API")

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **changes: Any) -> Self:
        """The app in a JSON file: its fields by these names, others are passed over.

        As `flextell apps create --json` prints it, with the `issuer` added there or here; a
        `ca_file` is relative to the file, and `changes` take the place of what it says. Raises
        AppFileError, StoreNotPrivate for a secret that others can read, ServerMisconfigured.
        """
        return cls(**app_fields(path, changes))

    @property
    def api_url(self) -> str:
        """Where the API begins, without a slash at the end."""
        return (self.api or f"{self.issuer.rstrip('/')}/api").rstrip("/")

    def check_url(self, url: str, what: str) -> None:
        """Raises ServerMisconfigured unless tokens may be sent there (RFC 6749 §3.1, §3.2)."""
        try:
            place = httpx2.URL(url)
        except httpx2.InvalidURL:
            raise ServerMisconfigured(f"{what} is no address.") from None
        if place.scheme == "https" and place.host:
            return
        if (
            place.scheme == "http"
            and place.host in LOOPBACK
            and self.allow_plain_http_on_loopback_for_development
        ):
            return
        raise ServerMisconfigured(f"{what} must be an https address.")

    def trust(self) -> ssl.SSLContext:
        """TLS that checks certificates: against `ca_file`, else as the system does.

        Raises ServerMisconfigured if that file cannot be read.
        """
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as problem:
            raise ServerMisconfigured(
                f"{self.ca_file} is no file of certificates that can be read: {problem.strerror}."
            ) from problem

    def grant_key(self, name: str) -> str:
        """What a store calls the grant `name` of this app at this server."""
        return "\n".join((self.issuer, self.client_id, name))
