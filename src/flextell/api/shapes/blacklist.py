"""The BlacklistEntry resource (wire §a.3)."""

from datetime import datetime
from typing import Any

from typing_extensions import TypedDict

from flextell.api.shapes.encoding import moment, moment_or_none
from flextell.tenants import blacklists
from flextell.tenants.blacklists import LABELS, Block, Metadata, Reason

# What changes with the time alone.
VOLATILE = frozenset({"remaining_time"})


class BlockedOn(TypedDict):
    """The channel of a block."""

    id: int
    name: str
    address: str


class Blocked(TypedDict):
    """The customer of a block."""

    id: int
    first_name: str
    last_name: str
    phone_number: str
    email: str | None


class BlacklistEntry(TypedDict):
    """A customer who is, or was, blocked on a channel.

    `remaining_time` is in whole seconds, and null if the block is permanent. `dropped_messages`
    came from the customer meanwhile (our extension).
    """

    id: int
    tenant_id: int
    reason: Reason
    reason_label: str
    note: str | None
    blocked_at: datetime
    expires_at: datetime | None
    is_active: bool
    is_permanent: bool
    is_expired: bool
    remaining_time: str | None
    dropped_messages: int
    metadata: list[Any] | dict[str, Any]
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    channel: BlockedOn
    customer: Blocked


def blacklist_entry(of: Block, now: int) -> BlacklistEntry:
    """The block as the wire shows it at this time."""
    terms, channel, customer = of.terms, of.channel, of.customer
    remaining = blacklists.remaining_seconds(terms, now)
    return {
        "id": of.block_id,
        "tenant_id": of.tenant_id,
        "reason": terms.reason,
        "reason_label": LABELS[terms.reason],
        "note": terms.note,
        "blocked_at": moment(of.blocked_at),
        "expires_at": moment_or_none(terms.expires_at),
        "is_active": terms.is_active,
        "is_permanent": terms.expires_at is None,
        "is_expired": blacklists.is_expired(terms, now),
        "remaining_time": None if remaining is None else str(remaining),
        "dropped_messages": of.dropped,
        "metadata": _json(terms.metadata),
        "created_at": moment(of.blocked_at),
        "updated_at": moment(of.updated_at),
        "deleted_at": None,
        "channel": {
            "id": channel.channel_id,
            "name": channel.name,
            "address": channel.address,
        },
        "customer": {
            "id": customer.customer_id,
            "first_name": customer.first_name,
            "last_name": customer.last_name,
            "phone_number": customer.phone_number,
            "email": customer.email,
        },
    }


def _json(metadata: Metadata) -> list[Any] | dict[str, Any]:
    return list(metadata) if isinstance(metadata, tuple) else dict(metadata)
