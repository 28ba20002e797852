"""The Channel resource, and channels as other resources show them (wire §a.3)."""

from datetime import datetime

from typing_extensions import TypedDict

from flextell.api.shapes.encoding import moment
from flextell.tenants import channels
from flextell.tenants.channels import ChannelType


class Channel(TypedDict):
    """Where a business talks to its customers; `address` is its own there."""

    id: int
    name: str
    type: ChannelType
    address: str
    is_active: bool
    created_at: datetime
    updated_at: datetime


def channel(of: channels.Channel) -> Channel:
    """The channel as the wire shows it: neither its webhook nor its secret."""
    return {
        "id": of.channel_id,
        "name": of.name,
        "type": of.type,
        "address": of.address,
        "is_active": of.is_active,
        "created_at": moment(of.created_at),
        "updated_at": moment(of.updated_at),
    }
