"""The endpoints of channels: people open and close them on the command line."""

from pydantic import Field

from flextell.api import paging
from flextell.api.asked import Asked
from flextell.api.caller import Caller
from flextell.api.envelopes import One
from flextell.api.errors import no_such
from flextell.api.paging import Page
from flextell.api.parameters import ListParameters
from flextell.api.shapes.channel import Channel, channel
from flextell.store.port import Unit
from flextell.tenants.channels import ChannelQuery, ChannelType


class ChannelListParameters(ListParameters):
    """Which channels, oldest first."""

    type: ChannelType | None = Field(None, description="Only these.")


def list_channels(unit: Unit, caller: Caller, asked: Asked) -> Page[Channel]:
    """List channels."""
    request = paging.read(
        ChannelListParameters, asked, f"channels/{caller.tenant_id}", sorted_by=int
    )
    query = ChannelQuery(request.parameters.type, request.window)
    return paging.page(request, asked, unit.channels.find(caller.tenant_id, query), channel)


def get_channel(unit: Unit, caller: Caller, asked: Asked) -> One[Channel]:
    """Get one channel."""
    found = unit.channels.get(caller.tenant_id, asked.ids["id"])
    if found is None:
        raise no_such("channel")
    return {"success": asked.success, "data": channel(found)}
