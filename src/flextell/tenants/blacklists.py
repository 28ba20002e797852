"""Customers who are blocked on a channel: why, until when, and what a block does (wire §a.2, §a.3).

A block is in force while it is active and has not expired. A customer has one in force at most on
a channel. Meanwhile what they write is dropped and counted, and nothing is sent to them there.

    CustomerBlocked     409  sending to somebody who is blocked
    BlockedAlready      409  a second block in force
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import orjson

from flextell.tenants.paging import Window
from flextell.tenants.refusals import Conflict, Unfit

Reason = Literal["rate_limit", "llm_spam", "manual", "security_threat", "abusive_language"]
REASONS: tuple[Reason, ...] = get_args(Reason)
LABELS: Mapping[Reason, str] = {
    "rate_limit": "Too many messages",
    "llm_spam": "Spam, as the AI judged",
    "manual": "Blocked by hand",
    "security_threat": "Security threat",
    "abusive_language": "Abusive language",
}

MAXIMUM_NOTE_CHARACTERS = 1000
# Ten thousand days; what is longer is permanent to anybody.
MAXIMUM_TTL_SECONDS = 864_000_000
MAXIMUM_METADATA_BYTES = 16_384

Metadata = Mapping[str, Any] | tuple[Any, ...]


class CustomerBlocked(Conflict):
    """Nothing is sent to them."""

    def __init__(self) -> None:
        super().__init__("The customer is blocked on this channel. Lift the block first.")


class BlockedAlready(Conflict):
    """One block in force suffices."""

    def __init__(self) -> None:
        super().__init__("The customer is blocked on this channel already. Change that block.")


@dataclass(frozen=True, slots=True)
class BlockTerms:
    """Why somebody is blocked, until when (None: for good), and what is noted about it."""

    reason: Reason
    note: str | None = None
    expires_at: int | None = None
    is_active: bool = True
    metadata: Metadata = ()


@dataclass(frozen=True, slots=True)
class BlockedChannel:
    """The channel of a block."""

    channel_id: int
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class BlockedCustomer:
    """The customer of a block."""

    customer_id: int
    first_name: str
    last_name: str
    phone_number: str
    email: str | None


@dataclass(frozen=True, slots=True)
class Block:
    """A customer is, or was, blocked on a channel; `dropped` messages came meanwhile."""

    block_id: int
    tenant_id: int
    channel: BlockedChannel
    customer: BlockedCustomer
    terms: BlockTerms
    dropped: int
    blocked_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class BlockFilters:
    """Which blocks; `in_force_at` leaves out those that are not in force at that time."""

    channel_id: int | None = None
    customer_id: int | None = None
    reason: Reason | None = None
    in_force_at: int | None = None


@dataclass(frozen=True, slots=True)
class BlockQuery:
    """Which blocks, newest first, and which part of them."""

    filters: BlockFilters = field(default_factory=BlockFilters)
    window: Window = field(default_factory=Window)


def is_expired(terms: BlockTerms, now: int) -> bool:
    """Whether its time is over."""
    return terms.expires_at is not None and terms.expires_at <= now


def in_force(terms: BlockTerms, now: int) -> bool:
    """Whether it blocks."""
    return terms.is_active and not is_expired(terms, now)


def remaining_seconds(terms: BlockTerms, now: int) -> int | None:
    """How long it goes on; None: for good."""
    return None if terms.expires_at is None else max(0, terms.expires_at - now)


def for_seconds(ttl_seconds: int | None, now: int) -> int | None:
    """When a block of this length ends."""
    return None if ttl_seconds is None else now + ttl_seconds


def changed(terms: BlockTerms, changes: Mapping[str, Any]) -> BlockTerms:
    """The terms with these fields changed; metadata is merged, everything else replaced."""
    if "metadata" not in changes:
        return replace(terms, **changes)
    both = check_metadata(merged(terms.metadata, changes["metadata"]))
    return replace(terms, **{**changes, "metadata": both})


def check_metadata(metadata: Metadata) -> Metadata:
    """The same. Raises Unfit if it is too large."""
    if len(orjson.dumps(metadata)) > MAXIMUM_METADATA_BYTES:
        raise Unfit(f"The field metadata must have at most {MAXIMUM_METADATA_BYTES} bytes of JSON.")
    return metadata


def merged(stored: Metadata, sent: Metadata) -> Metadata:
    """What both hold: an object's members win over those stored, a list's items come after them.

    Raises Unfit if one is a list with items and the other an object with members.
    """
    if not sent:
        return stored
    if not stored:
        return sent
    if isinstance(stored, Mapping) and isinstance(sent, Mapping):
        return {**stored, **sent}
    if isinstance(stored, tuple) and isinstance(sent, tuple):
        return stored + tuple(item for item in sent if item not in stored)
    raise Unfit("The field metadata must be of the kind that is stored: a list or an object.")
