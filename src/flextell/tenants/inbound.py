"""What a customer wrote, as the tenant's own server passes it on: a signed webhook to us.

    WebhookRefusal     401  see webhooks.py
    InvalidMessage     422  signed, but no message

Whoever sends one again sends the same `id`: it is unique in its channel, so it is kept once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from flextell.tenants.channels import MAXIMUM_ADDRESS_CHARACTERS
from flextell.tenants.webhooks import Secret, verify

MAXIMUM_ID_CHARACTERS = 255
MAXIMUM_NAME_CHARACTERS = 255
MAXIMUM_MESSAGE_CHARACTERS = 5000


class InvalidMessage(Exception):
    """The body is no message; the text is for the developer of the tenant's server."""


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A message of a customer. `external_id` is the channel's own name of it."""

    external_id: str
    address: str
    message: str
    first_name: str | None
    last_name: str | None
    sent_at: int | None

    @property
    def metadata(self) -> str | None:
        """What else the service says, as JSON: when it was sent, which is before it came here."""
        if self.sent_at is None:
            return None
        sent_at = datetime.fromtimestamp(self.sent_at, UTC)
        return orjson.dumps({"sent_at": sent_at}, option=orjson.OPT_UTC_Z).decode()


def receive(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[Secret], now: int
) -> InboundMessage:
    """The message in a webhook; names of headers in lower case.

    Raises WebhookRefusal if it is not signed with one of the secrets, InvalidMessage.
    """
    verify(headers, body, secrets, now)
    content = _object(body)
    # Ours to the tenant have these two. One that is sent back to us is no message of a customer.
    if "type" in content or "data" in content:
        raise InvalidMessage("The members type and data belong to webhooks from us, not to us.")
    return InboundMessage(
        external_id=_text(content, "id", MAXIMUM_ID_CHARACTERS),
        address=_text(content, "address", MAXIMUM_ADDRESS_CHARACTERS),
        message=_text(content, "message", MAXIMUM_MESSAGE_CHARACTERS),
        first_name=_optional(content, "first_name", MAXIMUM_NAME_CHARACTERS),
        last_name=_optional(content, "last_name", MAXIMUM_NAME_CHARACTERS),
        sent_at=_moment(content.get("sent_at")),
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InvalidMessage("The body must be JSON in UTF-8.") from None
    if not isinstance(content, dict):
        raise InvalidMessage("The body must be a JSON object.")
    return content


def _text(content: Mapping[str, Any], name: str, most: int) -> str:
    value = content.get(name)
    # No database of ours keeps a NUL in a text.
    if not isinstance(value, str) or not 1 <= len(value) <= most or "\0" in value:
        raise InvalidMessage(f"The member {name} must be a text of 1 to {most} characters.")
    return value


def _optional(content: Mapping[str, Any], name: str, most: int) -> str | None:
    return None if content.get(name) in (None, "") else _text(content, name, most)


def _moment(value: object) -> int | None:
    """Seconds since the epoch of an RFC 3339 time."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is None or moment.tzinfo is None:
            raise ValueError
        return int(moment.astimezone(UTC).timestamp())
    except (ValueError, OverflowError):
        raise InvalidMessage("The member sent_at must be an RFC 3339 time with its zone.") from None
