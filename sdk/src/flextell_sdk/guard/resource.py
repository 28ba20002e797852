"""The API to protect: whose tokens it takes, and how it asks the server about them."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from flextell_sdk.app import App

# A request waits for this at most where the server must be asked first.
TIMEOUT_SECONDS = 5.0

# What stands between the quotes of a quoted-string without escapes (RFC 9110 §5.6.4).
_REALM = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")


@dataclass(frozen=True, slots=True)
class Resource:
    """An API that takes the access tokens of one authorization server.

    `issuer` is the server's own address, everything else about it is discovered. `audience` is what
    the server writes into `aud` for this API. `client_id` and `client_secret` are what the API got
    when it was registered as a resource server: with them it hears of revoked tokens. An API that
    has none must say that `revoked_tokens_work_until_they_expire`. `realm` is for the challenge of
    a 401, the issuer unless given. `ca_file`: PEM certificates to trust instead of the system's.

    Raises ServerMisconfigured for an issuer that is not https, ValueError for what else is wrong.
    """

    issuer: str
    audience: str
    client_id: str = ""
    client_secret: str | None = field(default=None, repr=False)
    realm: str = ""
    ca_file: str | Path | None = None
    timeout_seconds: float = TIMEOUT_SECONDS
    revoked_tokens_work_until_they_expire: bool = False
    allow_plain_http_on_loopback_for_development: bool = False

    def __post_init__(self) -> None:
        self.as_client()
        if not self.audience:
            raise ValueError("Say what tokens for this API have as their audience.")
        if not _REALM.fullmatch(self.challenge_realm):
            raise ValueError("The realm must be printable ASCII without quotes and backslashes.")
        hears = bool(self.client_id and self.client_secret)
        if hears is self.revoked_tokens_work_until_they_expire:
            raise ValueError(
                "Give client_id and client_secret, so that revoked tokens are refused, "
                "or say that revoked_tokens_work_until_they_expire; not both."
            )

    @property
    def challenge_realm(self) -> str:
        """The realm of a challenge (RFC 9110 §11.5)."""
        return self.realm or self.issuer

    def as_client(self) -> App:
        """The API as a client that asks the server. Raises ServerMisconfigured."""
        return App(
            issuer=self.issuer,
            client_id=self.client_id,
            client_secret=self.client_secret,
            ca_file=self.ca_file,
            timeout_seconds=self.timeout_seconds,
            allow_plain_http_on_loopback_for_development=(
                self.allow_plain_http_on_loopback_for_development
            ),
        )
