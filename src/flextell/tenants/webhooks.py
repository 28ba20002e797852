"""Signatures of webhooks, in both directions (Standard Webhooks 1.0.0).

A signature is an HMAC-SHA256 over `ID.TIMESTAMP.BODY` (RFC 2104), under a secret that both sides
hold. The timestamp bounds how long a copy of a request is worth anything; the id, which is the same
however often it comes, lets a receiver do it once. While a secret is replaced there are two: what
goes out is signed with both, what comes in may be signed with either.

    WebhookRefusal     401
    ├── NotSigned         a header is missing or malformed
    ├── TooOld            the timestamp is too far from now
    └── WrongSignature    none of the signatures is made with one of our secrets
"""

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE_SECONDS = 300
SECRET_BYTES = 32

_PREFIX = "whsec_"
_VERSION = "v1,"
_ID = re.compile(r"[\x21-\x7e]{1,255}")
_SECONDS = re.compile(r"[0-9]{1,12}")
# A sender that replaces its secret sends two; more than a few are somebody who tries.
_MOST_SIGNATURES = 8


class WebhookRefusal(Exception):
    """Nothing shows that the request is from who it claims; the text is for its developer."""


class NotSigned(WebhookRefusal):
    """A header is missing or malformed."""

    def __init__(self, header: str) -> None:
        super().__init__(f"The header {header} is missing or malformed.")


class TooOld(WebhookRefusal):
    """Made too long ago, or by a clock that is wrong."""

    def __init__(self) -> None:
        super().__init__(
            f"The header {TIMESTAMP} must be within {TOLERANCE_SECONDS} seconds of the time here."
        )


class WrongSignature(WebhookRefusal):
    """Made with another secret, or over another body."""

    def __init__(self) -> None:
        super().__init__(
            f"The header {SIGNATURE} has no signature of this body by a secret of this channel."
        )


class MalformedSecret(Exception):
    """The text is no secret of a webhook."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What both sides of a channel hold. It does not show itself."""

    key: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """As people and libraries pass it on."""
        return _PREFIX + b64encode(self.key).decode("ascii")


def secret_from(text: str) -> Secret:
    """The secret that `Secret.text` wrote. Raises MalformedSecret."""
    try:
        key = b64decode(text.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not text.startswith(_PREFIX) or not key:
        raise MalformedSecret
    return Secret(key)


def signature(secret: Secret, webhook_id: str, timestamp: int, body: bytes) -> str:
    """One signature, with its version."""
    signed = b"%b.%d.%b" % (webhook_id.encode("ascii"), timestamp, body)
    return _VERSION + b64encode(hmac.digest(secret.key, signed, "sha256")).decode("ascii")


def signed_headers(
    secrets: Sequence[Secret], webhook_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """The headers of a webhook that is sent at this time."""
    signatures = [signature(secret, webhook_id, timestamp, body) for secret in secrets]
    return {ID: webhook_id, TIMESTAMP: str(timestamp), SIGNATURE: " ".join(signatures)}


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[Secret], now: int) -> str:
    """The id of a webhook that came with these headers (names in lower case).

    Raises WebhookRefusal. Without secrets every signature is wrong.
    """
    webhook_id = _matching(headers, ID, _ID)
    timestamp = int(_matching(headers, TIMESTAMP, _SECONDS))
    given = headers.get(SIGNATURE, "").split(" ", _MOST_SIGNATURES)[:_MOST_SIGNATURES]
    if not any(one.startswith(_VERSION) for one in given):
        raise NotSigned(SIGNATURE)
    if abs(now - timestamp) > TOLERANCE_SECONDS:
        raise TooOld
    right = [signature(secret, webhook_id, timestamp, body) for secret in secrets]
    # Every pair is compared, so that the time tells nothing of which one it was.
    matches = [_same(one, other) for one in given for other in right]
    if not any(matches):
        raise WrongSignature
    return webhook_id


def _matching(headers: Mapping[str, str], name: str, pattern: re.Pattern[str]) -> str:
    value = headers.get(name, "")
    if not pattern.fullmatch(value):
        raise NotSigned(name)
    return value


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), right.encode("ascii"))
