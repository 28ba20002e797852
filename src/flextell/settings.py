"""Every setting: its type, its default, the unit in its name, and one line of help.

`flextell settings` prints this table and `docs/settings.md` is generated from it. Each setting
is read from the environment variable `FLEXTELL_` + its name in capitals.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, HttpUrl, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SignatureAlgorithm = Literal["ES256", "RS256", "EdDSA"]

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

# Whatever a server is told, an access token or ID token lives no longer. What must outlast every
# token that may be out there counts with this, for the setting may have been larger yesterday.
LONGEST_TOKEN_SECONDS = DAY


class Settings(BaseSettings):
    """What an operator may change. Values are checked once, at start."""

    model_config = SettingsConfigDict(env_prefix="FLEXTELL_", frozen=True, extra="forbid")

    # Where things are
    data_dir: Path = Field(
        Path("flextell-data"), description="Folder of the database, the keys and the certificate."
    )
    database: str = Field(
        "", description="Database URL (postgresql://...); empty: SQLite in the data directory."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(
        8443, ge=0, le=65535, description="TCP port to listen on; 0 picks a free one."
    )
    management_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="TCP port of health and metrics, over plain HTTP; 0 picks one; empty: none.",
    )
    management_host: str = Field(
        "127.0.0.1", description="Address of that port; do not open it to strangers."
    )
    workers: int = Field(
        1, ge=1, le=256, description="Processes that share the port; more than one on PostgreSQL."
    )
    issuer: str = Field(
        "", description="Public https URL of this server; empty: https://localhost:PORT."
    )
    audience: str = Field("", description="The `aud` of access tokens; empty: ISSUER/api.")
    key_file: Path | None = Field(
        None, description="File of the master key; empty: `master.key` in the data directory."
    )

    files_dir: Path | None = Field(
        None,
        description="Folder of uploaded files, one for all nodes; empty: `files` in the data "
        "directory.",
    )

    # Transport
    tls_certificate_file: Path | None = Field(
        None, description="PEM certificate chain; empty: a local one is made for localhost."
    )
    tls_key_file: Path | None = Field(None, description="PEM private key of that certificate.")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Proxies that end TLS (IP or CIDR, by commas); they alone get plain HTTP.",
    )
    development_plain_http_on_loopback: bool = Field(
        False, description="DEVELOPMENT ONLY: answer plain HTTP, on a loopback address."
    )

    # Lifetimes
    code_seconds: int = Field(
        60, ge=1, le=10 * MINUTE, description="Life of an authorization code."
    )
    access_token_seconds: int = Field(
        HOUR, ge=1, le=LONGEST_TOKEN_SECONDS, description="Life of an access token."
    )
    refresh_token_seconds: int = Field(
        30 * DAY, ge=1, description="Life of a refresh token; each rotation starts it anew."
    )
    refresh_retry_seconds: int = Field(
        MINUTE, ge=0, description="How long the same refresh token always buys the same answer."
    )
    refresh_outage_seconds: int = Field(
        DAY,
        ge=0,
        description="How long a client that proves itself may ask for an answer it never got.",
    )
    id_token_seconds: int = Field(
        10 * MINUTE, ge=1, le=LONGEST_TOKEN_SECONDS, description="Life of an ID token."
    )
    session_seconds: int = Field(14 * DAY, ge=1, description="Life of a sign-in session.")
    session_idle_seconds: int = Field(
        2 * DAY, ge=1, description="A session not used for so long has ended."
    )
    authorization_request_seconds: int = Field(
        HOUR, ge=1, description="How long a person may take from the first page to the last."
    )
    file_address_seconds: int = Field(
        5 * MINUTE,
        ge=1,
        le=DAY,
        description="How long the address of a file opens it to whoever has it; up to a minute "
        "more, as it stays the same for a minute.",
    )
    used_code_retention_seconds: int = Field(
        30 * DAY, ge=0, description="How long a used code is remembered, to recognise a replay."
    )

    # OAuth
    docs_client_id: str = Field(
        "",
        description="Client id of the public app that people sign in with at /docs, to try the "
        "API; empty: they name one of their own.",
    )
    require_pkce: bool = Field(
        False, description="Every client must use PKCE, confidential ones too."
    )
    access_token_algorithm: SignatureAlgorithm = Field(
        "ES256", description="Signature of access tokens."
    )
    id_token_algorithm: SignatureAlgorithm = Field("RS256", description="Signature of ID tokens.")
    signing_key_rotation_seconds: int = Field(
        90 * DAY, ge=0, description="Age at which a signing key is replaced; 0: only by command."
    )
    jwks_cache_seconds: int = Field(
        5 * MINUTE,
        ge=0,
        description="How long others may keep our keys; a new key waits twice that, 4 s at least.",
    )
    revocation_poll_milliseconds: int = Field(
        250, ge=10, le=1000, description="How often a node asks for news of revocations."
    )
    revocation_stale_milliseconds: int = Field(
        3000, ge=100, description="With older news than this a node asks the store for each token."
    )

    # Signing in
    password_minimum_characters: int = Field(8, ge=8, description="Shortest password accepted.")
    password_hash_workers: int = Field(
        1,
        ge=1,
        description="How many password hashes run at once (about 22 ms of a core and 19 MiB each); "
        "shared out among the workers, each of which has at least one.",
    )
    password_hash_queue: int = Field(
        64,
        ge=1,
        description="How many sign-ins may wait for a hash in each worker; one more is told to try "
        "again.",
    )
    sign_in_free_attempts: int = Field(
        5,
        ge=1,
        description="Wrong passwords for one account from one address before waiting starts.",
    )
    sign_in_free_attempts_per_account: int = Field(
        20, ge=1, description="Wrong passwords for one account from anywhere before waiting starts."
    )
    sign_in_free_attempts_per_address: int = Field(
        50,
        ge=1,
        description="Wrong passwords from one address, any account, before waiting starts.",
    )
    sign_in_longest_wait_seconds: int = Field(
        15 * MINUTE, ge=1, description="The growing wait of one address stops growing here."
    )
    sign_in_longest_account_wait_seconds: int = Field(
        MINUTE,
        ge=1,
        description="The same for an account from anywhere, so its owner always gets in.",
    )
    sign_in_forget_seconds: int = Field(
        DAY, ge=1, description="Wrong passwords are forgotten after this long."
    )

    # Rate limits (fixed windows) and sizes
    rate_limit_window_seconds: int = Field(
        MINUTE, ge=1, description="Length of a rate limit window."
    )
    api_requests_per_window: int = Field(
        60_000, ge=1, description="API requests of one grant in a window."
    )
    oauth_requests_per_window: int = Field(
        600_000,
        ge=1,
        description="Requests of one client from one address to /oauth/* in a window.",
    )
    page_requests_per_window: int = Field(
        6_000, ge=1, description="Page requests of one address in a window."
    )
    rate_limit_exchange_milliseconds: int = Field(
        500,
        ge=10,
        le=10_000,
        description="How often processes on one PostgreSQL tell each other what they counted.",
    )
    file_bytes: int = Field(50 * 1024 * 1024, ge=1, description="Largest file accepted.")
    files_bytes_per_tenant: int = Field(
        10 * 1024**3,
        ge=0,
        description="Room that the files of one tenant may take, deleted ones for a day more; "
        "0: no bound.",
    )
    form_bytes: int = Field(64 * 1024, ge=1024, description="Largest form or JSON body accepted.")
    head_bytes: int = Field(
        64 * 1024, ge=4096, description="Largest request line and headers accepted, together."
    )
    head_seconds: int = Field(
        10, ge=1, description="How long a client may take to send a request line and headers."
    )
    body_seconds: int = Field(
        30,
        ge=1,
        description="How long a client may take to send a body, with a second more for every "
        "16 KiB that has come, or to take a bufferful of an answer.",
    )

    # Webhooks
    webhook_seconds: int = Field(
        10, ge=1, le=MINUTE, description="How long the URL of a channel may take to answer."
    )
    development_webhooks_to_loopback: bool = Field(
        False,
        description="DEVELOPMENT ONLY: webhooks may go to a loopback address, over plain HTTP too.",
    )

    # Behaviour
    success_as_text: bool = Field(
        False, description='The API sends "success": "true" as text, as its first clients expect.'
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log line written to standard error."
    )
    database_pool_connections: int = Field(
        8, ge=1, description="PostgreSQL connections that each worker holds."
    )
    drain_seconds: int = Field(
        0,
        ge=0,
        le=HOUR,
        description="How long a server told to stop still takes requests, no longer called ready.",
    )
    database_wait_seconds: int = Field(
        5, ge=1, description="How long a request waits for the database before it is answered 503."
    )

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        if value:
            url = HttpUrl(value)
            if url.scheme != "https" and url.host not in ("localhost", "127.0.0.1", "[::1]"):
                raise ValueError("the issuer must be an https URL")
            if "@" in value:
                raise ValueError("the issuer names no user and no password")
            # Every path of ours is at the host's root, where clients look for the metadata.
            if value.count("/") > 2 or url.query is not None or url.fragment is not None:
                raise ValueError("the issuer is a scheme and a host, perhaps a port, no more")
        return value

    @property
    def master_key_file(self) -> Path:
        """Where the key that encrypts signing keys is kept."""
        return self.key_file or self.data_dir / "master.key"

    @property
    def files_folder(self) -> Path:
        """Where the bytes of files are kept."""
        return self.files_dir or self.data_dir / "files"

    @property
    def resource(self) -> str:
        """The audience that access tokens are made for (RFC 9068 §3)."""
        return self.audience or f"{self.issuer}/api"


class SettingLine(NamedTuple):
    """One row of the table of settings."""

    name: str
    variable: str
    unit: str
    default: str
    help: str


UNITS = {
    "seconds": "seconds",
    "milliseconds": "milliseconds",
    "bytes": "bytes",
    "characters": "characters",
    "window": "requests",
    "attempts": "attempts",
    "connections": "connections",
}


# Ours too, but no settings: a new person's password, and where our own tests find PostgreSQL.
OTHER_VARIABLES = frozenset({"FLEXTELL_PASSWORD", "FLEXTELL_TEST_DATABASE"})


def variables() -> list[str]:
    """The name of every environment variable."""
    return list(os.environ)


def unknown_variables(names: Iterable[str]) -> list[str]:
    """Those of these environment variables that look like settings and are none, sorted.

    In small letters they count too, for Pydantic reads them so.
    """
    known = OTHER_VARIABLES | {f"FLEXTELL_{name.upper()}" for name in Settings.model_fields}
    return sorted(n for n in names if n.upper().startswith("FLEXTELL_") and n.upper() not in known)


def table() -> list[SettingLine]:
    """Every setting with its environment variable, unit and default."""
    lines = []
    for name, field in Settings.model_fields.items():
        unit = next((u for word, u in UNITS.items() if word in name.split("_")), "")
        default = "" if field.default in (None, ()) else str(field.default)
        if isinstance(field.default, bool):
            default = default.lower()
        lines.append(
            SettingLine(name, f"FLEXTELL_{name.upper()}", unit, default, field.description or "")
        )
    return lines
