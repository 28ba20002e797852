"""Channels on which a tenant talks to its customers, and the webhook behind each.

A channel is an account on a messaging service, such as a WhatsApp number. What the tenant writes
there goes to the channel's webhook, a URL of the tenant's own, which passes it on; what customers
write comes back signed with the channel's secret.
"""

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from flextell.tenants.paging import Window

ChannelType = Literal["whatsapp", "instagram", "website", "telegram"]

CHANNEL_TYPES: tuple[ChannelType, ...] = get_args(ChannelType)
MAXIMUM_NAME_CHARACTERS = 80
MAXIMUM_ADDRESS_CHARACTERS = 255

# How long the secret before the last one is still good.
OVERLAP_SECONDS = 24 * 3600


class InvalidChannel(Exception):
    """A channel cannot be like this; the text is one sentence for whoever makes it."""


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """The secret of a channel, and until a time the one before it; encrypted."""

    current: bytes
    before: bytes | None = None
    before_until: int = 0


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel. `webhook_off_at`: when its webhook said that it wants nothing more (410)."""

    channel_id: int
    tenant_id: int
    type: ChannelType
    name: str
    address: str
    webhook_url: str | None
    secret: SealedSecret | None = field(repr=False)
    is_active: bool
    created_at: int
    updated_at: int
    webhook_off_at: int | None = None


@dataclass(frozen=True, slots=True)
class ChannelWish:
    """What a new channel is to be. The URL is checked by whoever calls it."""

    type: str
    name: str
    address: str
    webhook_url: str | None = None


@dataclass(frozen=True, slots=True)
class ChannelQuery:
    """Which channels, the oldest first, and which part of them."""

    type: ChannelType | None = None
    window: Window = field(default_factory=Window)


def checked(wish: ChannelWish) -> ChannelWish:
    """The same without spaces around its texts. Raises InvalidChannel."""
    if wish.type not in CHANNEL_TYPES:
        raise InvalidChannel(f"The type must be one of {', '.join(CHANNEL_TYPES)}.")
    return replace(
        wish,
        name=_line("name", wish.name, MAXIMUM_NAME_CHARACTERS),
        address=_line("address", wish.address, MAXIMUM_ADDRESS_CHARACTERS),
    )


def _line(what: str, text: str, most: int) -> str:
    line = text.strip()
    if not 1 <= len(line) <= most or not line.isprintable():
        raise InvalidChannel(f"The {what} must be one line of 1 to {most} characters.")
    return line


def replaced(old: SealedSecret | None, fresh: bytes, now: int) -> SealedSecret:
    """The secrets after a new one: the last one is still good for a day, none before it is."""
    if old is None:
        return SealedSecret(fresh)
    return SealedSecret(fresh, old.current, now + OVERLAP_SECONDS)


def sealed_now(secret: SealedSecret | None, now: int) -> tuple[bytes, ...]:
    """The secrets that are good now, the newest first."""
    if secret is None:
        return ()
    if secret.before is not None and now < secret.before_until:
        return secret.current, secret.before
    return (secret.current,)
